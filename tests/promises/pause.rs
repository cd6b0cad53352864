//! Pausing holds everything and loses nothing; resuming sends it, oldest first.

use std::collections::BTreeSet;
use std::time::Duration;

use e2e::{DEADLINE, Deployment, Event};
use serde_json::json;
use testkit::receiver::{Answer, ReceivedRequest, Script};
use testkit::wait;
use tokio::time::{Instant, sleep_until};

const BURST: usize = 2000;
/// By then every process has seen the pause.
const SEEN_WITHIN: Duration = Duration::from_secs(1);
/// Attempts of released deliveries that may overtake each other: those in flight at once, in two senders.
const OVERTAKING: usize = 128;

fn at(path: &str, requests: Vec<ReceivedRequest>) -> Vec<ReceivedRequest> {
    requests.into_iter().filter(|request| request.path == path).collect()
}

/// The number of the event that a request brings; its id is `e-<number>`.
fn number(request: &ReceivedRequest) -> usize {
    let body: serde_json::Value = serde_json::from_slice(&request.body).expect("a JSON body");
    body["id"]
        .as_str()
        .and_then(|id| id.strip_prefix("e-")?.parse().ok())
        .expect("an event's number")
}

#[tokio::test]
async fn a_pause_in_the_middle_of_a_burst_holds_the_rest_and_a_resume_sends_it_in_order() -> anyhow::Result<()> {
    let all = Deployment::with(&[("WEBHOOKS_RELEASE__PER_SECOND", "1000")]).await?;
    let second_sender = all.site.sender().await?;
    let paused = all.webhook("/paused", &["deal.won"]).await?;
    all.webhook("/other", &["deal.won"]).await?;
    let burst = Event::deals_won("e", BURST);
    let publishing = all.crm.publish_all(burst.iter().map(Event::as_json));
    let pausing = async {
        let begun = async || at("/paused", all.receiver.requests()).len() >= 200;
        wait::until(DEADLINE, "the burst to begin", begun).await?;
        all.api.pause(&paused.id).await
    };
    let (published, webhook) = tokio::join!(publishing, pausing);
    published?;
    assert_eq!(
        (
            &webhook?["status"],
            &all.api.webhook(&paused.id).await?["paused_reason"]
        ),
        (&json!("paused"), &json!("user"))
    );
    sleep_until(Instant::now() + SEEN_WITHIN).await;
    let before = at("/paused", all.receiver.requests());
    assert!(before.len() < BURST, "the pause came too late for this test");

    let rest = BURST - before.len();
    let holding = all
        .api
        .wait_for_webhook(&paused.id, |webhook| webhook["held"] == rest)
        .await?;
    assert!(holding["oldest_held_at"].is_string(), "{holding:#}");
    wait::until(DEADLINE, "the other webhook", async || {
        at("/other", all.receiver.requests()).len() == BURST
    })
    .await?;
    assert_eq!(
        at("/paused", all.receiver.requests()).len(),
        before.len(),
        "nothing is sent to a paused webhook"
    );

    all.api.resume(&paused.id).await?;
    let arrived = async || at("/paused", all.receiver.requests()).len() >= BURST;
    wait::until(DEADLINE, "what was held", arrived).await?;
    all.api
        .wait_for_webhook(&paused.id, |it| it["held"] == 0 && it["oldest_held_at"].is_null())
        .await?;
    let requests = at("/paused", all.receiver.requests());
    let ids: BTreeSet<_> = requests.iter().map(ReceivedRequest::webhook_id).collect();
    assert_eq!((requests.len(), ids.len()), (BURST, BURST), "every event arrives once");
    let released: Vec<usize> = requests[before.len()..].iter().map(number).collect();
    let mut in_order = released.clone();
    in_order.sort_unstable();
    let place = |number: usize| in_order.binary_search(&number).expect("the same numbers");
    let displaced = released
        .iter()
        .enumerate()
        .map(|(at, number)| place(*number).abs_diff(at))
        .max();
    assert!(displaced < Some(OVERTAKING), "{displaced:?}");
    let delivery = all
        .api
        .wait_for_state(&paused.id, &format!("e-{}", in_order[rest - 1]), "delivered")
        .await?;
    assert_eq!(delivery["attempts"][0]["trigger"], "resume");
    drop(second_sender);
    all.finish().await
}

#[tokio::test]
async fn retries_that_come_due_are_held_and_go_on_with_their_ladder() -> anyhow::Result<()> {
    let all = Deployment::with(&[("WEBHOOKS_RETRY__DELAYS", "1s,2s")]).await?;
    all.receiver.answer(Script::sequence(
        [Answer::status(503), Answer::status(503)],
        Answer::ok(),
    ));
    let webhook = all.webhook("/", &["deal.won"]).await?;
    all.crm.publish(Event::new("deal.won", "e").as_json()).await?;
    all.api.wait_for_state(&webhook.id, "e", "retrying").await?;
    all.api.pause(&webhook.id).await?;
    let held = all.api.wait_for_state(&webhook.id, "e", "held").await?;
    assert_eq!(
        (all.receiver.count(), &held["http_status"]),
        (1, &json!(503)),
        "the last attempt stays to be seen"
    );
    all.api.resume(&webhook.id).await?;
    let delivery = all.api.wait_for_state(&webhook.id, "e", "delivered").await?;
    let triggers: Vec<_> = delivery["attempts"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|attempt| &attempt["trigger"])
        .collect();
    assert_eq!(triggers, ["event", "resume", "retry"]);
    all.finish().await
}

#[tokio::test]
async fn what_is_held_by_a_webhook_that_is_deleted_fails() -> anyhow::Result<()> {
    let all = Deployment::start().await?;
    let webhook = all.webhook("/", &["deal.won"]).await?;
    all.api.pause(&webhook.id).await?;
    sleep_until(Instant::now() + SEEN_WITHIN).await;
    all.crm.publish(Event::new("deal.won", "e").as_json()).await?;
    let held = all.api.wait_for_state(&webhook.id, "e", "held").await?;
    all.api.delete_webhook(&webhook.id).await?;
    let id = held["id"].as_str().expect("an id");
    let failed = async || {
        let delivery = all.api.delivery(id).await.unwrap_or_default();
        (&delivery["state"], &delivery["error"]) == (&json!("failed"), &json!("webhook deleted"))
    };
    wait::until(DEADLINE, "the held delivery to fail", failed).await?;
    assert_eq!(all.receiver.count(), 0);
    all.finish().await
}

#[tokio::test]
async fn edits_apply_to_what_is_held() -> anyhow::Result<()> {
    let all = Deployment::start().await?;
    let webhook = all.webhook("/old", &["deal.won"]).await?;
    all.api.pause(&webhook.id).await?;
    sleep_until(Instant::now() + SEEN_WITHIN).await;
    all.crm.publish(Event::new("deal.won", "e").as_json()).await?;
    all.api.wait_for_state(&webhook.id, "e", "held").await?;
    let edit = json!({"url": all.receiver.url("/new"), "event_types": ["invoice.paid"]});
    all.api.edit_webhook(&webhook.id, &edit).await?;
    let rotated = all
        .api
        .post(&format!("/webhooks/{}/secret/rotate", webhook.id), &json!({}))
        .await?;
    assert_eq!(rotated.status.as_u16(), 200, "{}", rotated.text());
    all.api.resume(&webhook.id).await?;
    all.api.wait_for_state(&webhook.id, "e", "delivered").await?;
    let requests = all.receiver.requests();
    let [request] = &requests[..] else {
        panic!("{} requests", requests.len())
    };
    assert_eq!(request.path, "/new");
    let both: Vec<&str> = request
        .header("webhook-signature")
        .unwrap_or_default()
        .split(' ')
        .collect();
    assert_eq!(both.len(), 2, "the new secret and the old one sign");
    standardwebhooks::Webhook::new(&webhook.secret)?.verify(&request.body, &request.headers)?;
    let now = all.api.get(&format!("/webhooks/{}/secret", webhook.id)).await?;
    let secret = now["secret_whsec"]
        .as_str()
        .or_else(|| now["secret"].as_str())
        .expect("a secret");
    assert_ne!(secret, webhook.secret);
    standardwebhooks::Webhook::new(secret)?.verify(&request.body, &request.headers)?;
    all.finish().await
}
