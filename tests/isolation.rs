//! A webhook can only hurt itself.

use std::time::Duration;

use e2e::{DEADLINE, Deployment, Event};
use serde_json::json;
use testkit::receiver::Answer;
use testkit::wait;

const FLOOD: usize = 600;
const HEALTHY: usize = 50;

#[tokio::test]
async fn a_webhook_that_hangs_keeps_nobody_waiting_and_gets_everything_once_it_answers() -> anyhow::Result<()> {
    let settings = [
        ("WEBHOOKS_EGRESS__TIMEOUT", "3s"),
        ("WEBHOOKS_RETRY__DELAYS", "1s,2s,3s,4s,5s,6s,7s,8s"),
        ("WEBHOOKS_SENDER__CONCURRENCY", "32"),
        ("WEBHOOKS_SENDER__PER_WEBHOOK_CONCURRENCY", "16"),
    ];
    let all = Deployment::with(&settings).await?;
    all.receiver.answer_at("/hangs", Answer::hang());
    let hangs = all.webhook("/hangs", &["deal.won"]).await?;
    let healthy = all.webhook("/healthy", &["invoice.paid"]).await?;
    all.crm.publish_all(Event::deals_won("e", FLOOD).iter().map(Event::as_json)).await?;
    for number in 0..HEALTHY {
        all.crm.publish(Event::new("invoice.paid", &format!("h-{number}")).as_json()).await?;
    }
    let arrived = async || all.receiver.requests().iter().filter(|it| it.path == "/healthy").count() == HEALTHY;
    wait::until(Duration::from_secs(3), "the healthy webhook's events, although another hangs", arrived).await?;
    let spilled = async || all.sender.metric("webhook_deliveries_spilled_total").await.is_ok_and(|it| it > 100.0);
    wait::until(DEADLINE, "deliveries put aside", spilled).await?;
    assert_eq!(all.api.webhook(&hangs.id).await?["held"], json!(0), "it is not paused: nothing is held");

    all.receiver.answer_at("/hangs", Answer::ok());
    let delivered = async || {
        let Ok(database) = all.site.database().await else { return false };
        let states = database.deliveries_by_state().await.unwrap_or_default();
        states.get("delivered") == i64::try_from(FLOOD + HEALTHY).ok().as_ref()
    };
    wait::until(DEADLINE, "everything to be delivered", delivered).await?;
    all.api.wait_for_state(&healthy.id, "h-0", "delivered").await?;
    all.wait_until_emptied().await?;
    all.finish().await
}
