//! Retries that the broker lost are reconciled from PostgreSQL.

use e2e::{Deployment, Event};
use testkit::receiver::{Answer, Script};

const WAITING: usize = 5;

#[tokio::test]
async fn retries_deleted_from_their_delay_queue_are_made_when_they_are_five_minutes_late() -> anyhow::Result<()> {
    let mut all = Deployment::with(&[("WEBHOOKS_RETRY__DELAYS", "1h")]).await?;
    all.receiver.answer(Script::sequence(
        (0..WAITING).map(|_| Answer::status(503)),
        Answer::ok(),
    ));
    let webhook = all.webhook("/", &["deal.won"]).await?;
    all.crm
        .publish_all(Event::deals_won("e", WAITING).iter().map(Event::as_json))
        .await?;
    for number in 0..WAITING {
        all.api
            .wait_for_state(&webhook.id, &format!("e-{number}"), "retrying")
            .await?;
    }
    let queue = "webhooks.retry.1h";
    let filled = async || matches!(all.site.vhost().ready(queue).await, Ok(Some(ready)) if ready == WAITING as u32);
    testkit::wait::until(e2e::DEADLINE, "the retries to wait", filled).await?;
    assert_eq!(all.site.vhost().drain(queue, WAITING).await?.len(), WAITING);
    let late = "UPDATE deliveries SET next_attempt_at = now() - interval '6 minutes' WHERE state = 'retrying'";
    all.site.database().await?.execute(late).await?;

    // It looks when it starts, and then every half a minute.
    assert_eq!(all.fanout.stop().await?, 0);
    all.fanout.start_again().await?;
    for number in 0..WAITING {
        all.api
            .wait_for_state(&webhook.id, &format!("e-{number}"), "delivered")
            .await?;
    }
    assert_eq!(all.receiver.count(), 2 * WAITING);
    all.finish().await
}
