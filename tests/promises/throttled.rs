//! A receiver that limits the rate gets everything at the pace that it takes, and is neither failed nor paused for it.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use e2e::{Deployment, Event};
use serde_json::json;
use testkit::receiver::{Answer, ReceivedRequest, Script};
use testkit::wait;
use tokio::time::Instant;

const EVENTS: usize = 60;
const PER_SECOND: usize = 5;

/// 200 for the first five requests of each second, else 429.
fn five_a_second() -> Script {
    let (mut since, mut taken) = (Instant::now(), 0);
    Script::decided_by(move |_, _| {
        if since.elapsed() >= Duration::from_secs(1) {
            (since, taken) = (Instant::now(), 0);
        }
        taken += 1;
        if taken <= PER_SECOND {
            Answer::ok()
        } else {
            Answer::status(429).retry_after("1")
        }
    })
}

async fn states(all: &Deployment) -> BTreeMap<String, i64> {
    let Ok(database) = all.site.database().await else {
        return BTreeMap::new();
    };
    database.deliveries_by_state().await.unwrap_or_default()
}

async fn wait_until_delivered(all: &Deployment, count: usize, within: Duration) -> anyhow::Result<()> {
    let expected = BTreeMap::from([("delivered".to_owned(), i64::try_from(count)?)]);
    wait::until(within, "everything to be delivered", async || {
        states(all).await == expected
    })
    .await?;
    Ok(())
}

#[tokio::test]
async fn a_receiver_that_says_429_gets_everything_at_its_pace() -> anyhow::Result<()> {
    let all = Deployment::with(&[("WEBHOOKS_RETRY__DELAYS", "1s,2s,3s")]).await?;
    all.receiver.answer(five_a_second());
    let webhook = all.webhook("/", &["deal.won"]).await?;
    all.crm
        .publish_all(Event::deals_won("e", EVENTS).iter().map(Event::as_json))
        .await?;
    wait_until_delivered(&all, EVENTS, Duration::from_secs(60)).await?;

    let requests = all.receiver.count();
    assert!(requests < EVENTS * 3 / 2, "{requests} requests for {EVENTS} deliveries");
    let seen = all.api.webhook(&webhook.id).await?;
    assert_eq!(
        (&seen["status"], &seen["consecutive_failures"]),
        (&json!("active"), &json!(0))
    );
    assert!(all.api.notifications().await?.is_empty());
    let deferred = all
        .sender
        .metric("webhook_deliveries_deferred_total{cause=\"throttled\"}")
        .await?;
    assert!(deferred > 0.0 && deferred <= (requests - EVENTS) as f64, "{deferred}");

    let refused = all
        .receiver
        .count_by_webhook_id()
        .into_iter()
        .find(|(_, requests)| *requests > 1);
    let (delivery, _) = refused.expect("a delivery that was refused once");
    let delivery = all.api.delivery(&delivery).await?;
    let statuses: Vec<_> = delivery["attempts"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|it| &it["http_status"])
        .collect();
    assert_eq!(
        (statuses.first(), statuses.last()),
        (Some(&&json!(429)), Some(&&json!(200))),
        "each attempt is shown"
    );
    all.wait_until_emptied().await?;
    all.finish().await
}

fn received_after(requests: &[ReceivedRequest], time: SystemTime) -> Vec<Duration> {
    requests
        .iter()
        .filter_map(|request| request.received_at.duration_since(time).ok())
        .collect()
}

/// 503 keeps the retry ladder: the delivery is retried after its step. The webhook is throttled for the requested time.
#[tokio::test]
async fn retry_after_holds_everything_back_for_as_long_as_it_says() -> anyhow::Result<()> {
    const ASKED: Duration = Duration::from_secs(4);
    for (status, state) in [(429, "queued"), (503, "retrying")] {
        let all = Deployment::with(&[("WEBHOOKS_RETRY__DELAYS", "1s,2s,8s")]).await?;
        all.receiver.answer(Script::sequence(
            [Answer::status(status).retry_after("4")],
            Answer::ok(),
        ));
        let webhook = all.webhook("/", &["deal.won"]).await?;
        all.crm.publish(Event::new("deal.won", "first").as_json()).await?;
        let first = all.api.wait_for_state(&webhook.id, "first", state).await?;
        assert_eq!(
            (&first["http_status"], &first["attempts"].as_array().map(Vec::len)),
            (&json!(status), &Some(1))
        );
        all.crm
            .publish_all(Event::deals_won("e", 5).iter().map(Event::as_json))
            .await?;

        wait_until_delivered(&all, 6, Duration::from_secs(30)).await?;
        let requests = all.receiver.requests();
        let later = received_after(&requests[1..], requests[0].received_at);
        assert!(later.iter().all(|after| *after >= ASKED), "{status}: {later:?}");
        assert_eq!(requests.len(), 7, "{status}: one request too many, and no more");
        all.wait_until_emptied().await?;
        all.finish().await?;
    }
    Ok(())
}
