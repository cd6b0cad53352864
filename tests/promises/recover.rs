//! Sending failed deliveries again: one by hand, or all of a time.

use e2e::{DEADLINE, Deployment, Event};
use serde_json::{Value, json};
use testkit::receiver::{Answer, Script};
use testkit::wait;

async fn failed(all: &Deployment, events: usize) -> anyhow::Result<e2e::Webhook> {
    all.receiver.answer(Answer::status(500));
    let webhook = all.webhook("/", &["deal.won"]).await?;
    all.crm
        .publish_all(Event::deals_won("e", events).iter().map(Event::as_json))
        .await?;
    all.wait_until_logged("failed", events).await?;
    Ok(webhook)
}

const NEVER_PAUSED: [(&str, &str); 3] = [
    ("WEBHOOKS_AUTO_PAUSE__AFTER", "0"),
    ("WEBHOOKS_RETRY__DELAYS", "1s"),
    ("WEBHOOKS_RELEASE__PER_SECOND", "1000"),
];

#[tokio::test]
async fn a_failed_delivery_is_sent_again_by_hand() -> anyhow::Result<()> {
    let all = Deployment::with(&NEVER_PAUSED).await?;
    let webhook = failed(&all, 1).await?;
    let delivery = all.api.wait_for_state(&webhook.id, "e-0", "failed").await?;
    let path = format!("/deliveries/{}/retry", delivery["id"].as_str().expect("an id"));
    all.receiver.answer(Answer::ok());
    let nothing = json!({});
    let (first, second) = tokio::join!(all.api.post(&path, &nothing), all.api.post(&path, &nothing));
    let mut statuses = [first?.status.as_u16(), second?.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(
        statuses,
        [202, 409],
        "a second click while one is in progress is refused"
    );

    let delivery = all.api.wait_for_state(&webhook.id, "e-0", "delivered").await?;
    assert_eq!(delivery["attempts"][2]["trigger"], "manual");
    assert_eq!(
        all.receiver.count_by_webhook_id().values().collect::<Vec<_>>(),
        [&3],
        "under the same webhook-id"
    );

    assert_eq!(
        all.api.post(&path, &json!({})).await?.status.as_u16(),
        202,
        "a delivered one is sent again"
    );
    all.receiver.wait_for(4, DEADLINE).await?;
    let delivery = all.api.wait_for_state(&webhook.id, "e-0", "delivered").await?;
    assert_eq!(delivery["attempts"][3]["trigger"], "manual");
    all.finish().await
}

#[tokio::test]
async fn all_failed_deliveries_of_a_time_are_recovered_each_with_a_fresh_ladder() -> anyhow::Result<()> {
    const EVENTS: usize = 1200;
    let all = Deployment::with(&NEVER_PAUSED).await?;
    let webhook = failed(&all, EVENTS).await?;
    let path = format!("/webhooks/{}/recover", webhook.id);
    let recover = async |body: Value| -> anyhow::Result<(u16, Value)> {
        let answer = all.api.post(&path, &body).await?;
        Ok((answer.status.as_u16(), answer.json()?))
    };
    let (status, counted) = recover(json!({"since": "2020-01-01T00:00:00Z", "dry_run": true})).await?;
    assert_eq!((status, &counted["count"]), (202, &json!(EVENTS)));
    let before = all.receiver.count();

    // One delivery fails once more, which its fresh ladder makes good.
    all.receiver
        .answer(Script::sequence([Answer::status(503)], Answer::ok()));
    let (status, accepted) = recover(json!({"since": "2020-01-01T00:00:00Z"})).await?;
    assert_eq!((status, &accepted["count"]), (202, &json!(EVENTS)));
    assert_eq!(
        recover(json!({"since": "2020-01-01T00:00:00Z"})).await?.0,
        409,
        "one at a time"
    );
    all.wait_until_logged("delivered", EVENTS).await?;
    assert_eq!(all.receiver.count() - before, EVENTS + 1);
    let again = async || {
        recover(json!({"since": "2020-01-01T00:00:00Z"}))
            .await
            .is_ok_and(|(status, _)| status == 202)
    };
    wait::until(DEADLINE, "the recovery to be over", again).await?;
    all.finish().await
}
