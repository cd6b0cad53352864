//! What follows from each outcome of an attempt.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use e2e::{Deployment, Event};
use serde_json::{Value, json};
use testkit::certificates::ServerIdentity;
use testkit::receiver::{Answer, ReceivedRequest, Receiver, Script};
use testkit::servers::free_ports;

const QUICK: (&str, &str) = ("WEBHOOKS_RETRY__DELAYS", "1s,2s,3s");

#[tokio::test]
async fn a_failure_is_repeated_under_the_same_id_until_it_succeeds() -> anyhow::Result<()> {
    let all = Deployment::with(&[QUICK]).await?;
    all.receiver.answer(Script::fail_first(2, 500));
    let webhook = all.webhook("/", &["deal.won"]).await?;
    all.crm.publish(Event::new("deal.won", "e").as_json()).await?;

    let delivery = all.api.wait_for_state(&webhook.id, "e", "delivered").await?;
    assert_eq!(
        pairs(&delivery),
        [("event", "http_5xx"), ("retry", "http_5xx"), ("retry", "success")]
    );
    assert_eq!(
        (&delivery["http_status"], &delivery["next_attempt_at"]),
        (&json!(200), &Value::Null)
    );
    let requests = all.receiver.requests();
    assert_eq!(
        all.receiver.count_by_webhook_id(),
        [(delivery["id"].as_str().expect("an id").to_owned(), 3)].into()
    );
    assert!(requests.iter().all(|request| request.body == requests[0].body));
    let verifier = standardwebhooks::Webhook::new(&webhook.secret)?;
    for request in &requests {
        verifier.verify(&request.body, &request.headers)?;
    }
    let timestamps: BTreeSet<_> = requests
        .iter()
        .map(|request| request.header("webhook-timestamp"))
        .collect();
    assert_eq!(timestamps.len(), 3, "each attempt is signed at its own time");
    assert!(
        gap(&requests[0], &requests[1]) >= Duration::from_millis(900),
        "the first step takes 1 s"
    );
    assert!(
        gap(&requests[1], &requests[2]) >= Duration::from_millis(1900),
        "the second step takes 2 s"
    );
    all.finish().await
}

#[tokio::test]
async fn after_the_last_step_of_the_ladder_a_delivery_has_failed() -> anyhow::Result<()> {
    let all = Deployment::with(&[QUICK]).await?;
    all.receiver.answer(Answer::status(500).body("out of order"));
    let webhook = all.webhook("/", &["deal.won"]).await?;
    all.crm.publish(Event::new("deal.won", "e").as_json()).await?;

    let delivery = all.api.wait_for_state(&webhook.id, "e", "failed").await?;
    let retry = ("retry", "http_5xx");
    assert_eq!(pairs(&delivery), [("event", "http_5xx"), retry, retry, retry]);
    assert_eq!(
        (&delivery["http_status"], &delivery["next_attempt_at"]),
        (&json!(500), &Value::Null)
    );
    assert_eq!(delivery["attempts"][3]["response_excerpt"], "out of order");
    assert_eq!(all.receiver.count(), 4);
    all.finish().await
}

#[tokio::test]
async fn redirects_and_client_errors_fail_at_once() -> anyhow::Result<()> {
    let all = Deployment::with(&[QUICK]).await?;
    let elsewhere = all.receiver.url("/elsewhere");
    let mut webhooks = Vec::new();
    for (status, outcome) in [
        (302, "http_3xx"),
        (308, "http_3xx"),
        (400, "http_4xx"),
        (404, "http_4xx"),
        (410, "http_4xx"),
    ] {
        let path = format!("/{status}");
        all.receiver.answer_at(&path, Answer::redirect(status, &elsewhere));
        webhooks.push((all.webhook(&path, &["deal.won"]).await?, status, outcome));
    }
    all.crm.publish(Event::new("deal.won", "e").as_json()).await?;

    for (webhook, status, outcome) in &webhooks {
        let delivery = all.api.wait_for_state(&webhook.id, "e", "failed").await?;
        assert_eq!(pairs(&delivery), [("event", *outcome)], "{status}");
        assert_eq!(
            (&delivery["http_status"], &delivery["error"]),
            (&json!(status), &Value::Null)
        );
    }
    let arrived = all.receiver.requests();
    assert_eq!(arrived.len(), webhooks.len());
    assert!(
        arrived.iter().all(|request| request.path != "/elsewhere"),
        "a redirect was followed"
    );
    all.finish().await
}

#[tokio::test]
async fn an_address_that_may_not_be_dialled_fails_at_once_and_is_not_dialled() -> anyhow::Result<()> {
    let (all, receiver) = Deployment::with_blocked_receiver().await?;
    let webhook = all.webhook_at(&receiver.url("/"), &["deal.won"]).await?;
    all.crm.publish(Event::new("deal.won", "e").as_json()).await?;

    let delivery = all.api.wait_for_state(&webhook.id, "e", "failed").await?;
    assert_eq!(pairs(&delivery), [("event", "blocked")]);
    assert_eq!(
        (&delivery["http_status"], &delivery["error"]),
        (&Value::Null, &json!("address not allowed"))
    );
    assert_eq!(receiver.connections(), 0);
    all.finish().await
}

/// An outcome that is worth retrying, as in log and metrics.
struct Passing {
    url: String,
    outcome: &'static str,
    http_status: Option<u16>,
    error: Option<&'static str>,
}

#[tokio::test]
async fn what_may_pass_by_itself_is_repeated_and_told_apart() -> anyhow::Result<()> {
    let settings = [("WEBHOOKS_RETRY__DELAYS", "1s,1h"), ("WEBHOOKS_EGRESS__TIMEOUT", "2s")];
    let all = Deployment::with(&settings).await?;
    let untrusted = Receiver::builder(&all.site.ca)
        .identity(ServerIdentity::self_signed())
        .start()
        .await?;
    let [nobody] = free_ports();
    let mut cases = Vec::new();
    for (status, outcome) in [
        (500, "http_5xx"),
        (503, "http_5xx"),
        (408, "http_4xx"),
        (425, "http_4xx"),
    ] {
        let path = format!("/{status}");
        all.receiver.answer_at(&path, Answer::status(status));
        cases.push(Passing {
            url: all.receiver.url(&path),
            outcome,
            http_status: Some(status),
            error: None,
        });
    }
    let silent = |url, outcome, error| Passing {
        url,
        outcome,
        http_status: None,
        error: Some(error),
    };
    all.receiver.answer_at("/hang", Answer::hang());
    cases.push(silent(all.receiver.url("/hang"), "timeout", "timeout"));
    all.receiver.answer_at("/close", Answer::close());
    cases.push(silent(
        all.receiver.url("/close"),
        "connect_error",
        "connection closed before a response",
    ));
    cases.push(silent(
        format!("https://127.0.0.1:{nobody}/"),
        "connect_error",
        "connection refused",
    ));
    cases.push(silent(untrusted.url("/"), "tls_error", "certificate not valid"));

    check_passing(&all, &cases).await?;
    assert_eq!(
        untrusted.count(),
        0,
        "nothing is said to a server that cannot prove its name"
    );
    all.finish().await
}

async fn check_passing(all: &Deployment, cases: &[Passing]) -> anyhow::Result<()> {
    let mut webhooks = Vec::new();
    for case in cases {
        webhooks.push(all.webhook_at(&case.url, &["deal.won"]).await?);
    }
    all.crm.publish(Event::new("deal.won", "e").as_json()).await?;
    let mut by_outcome: BTreeMap<&str, f64> = BTreeMap::new();
    for (case, webhook) in cases.iter().zip(&webhooks) {
        let delivery = all
            .api
            .wait_for_delivery(&webhook.id, "e", |delivery| pairs(delivery).len() == 2)
            .await?;
        assert_eq!(
            pairs(&delivery),
            [("event", case.outcome), ("retry", case.outcome)],
            "{}",
            case.url
        );
        assert_eq!(delivery["state"], "retrying");
        let first = &delivery["attempts"][0];
        assert_eq!(
            (&first["http_status"], &first["error"]),
            (&json!(case.http_status), &json!(case.error))
        );
        *by_outcome.entry(case.outcome).or_default() += 1.0;
    }
    for (outcome, count) in by_outcome {
        let series = format!("webhook_delivery_attempts_total{{outcome=\"{outcome}\",trigger=\"event\"}}");
        assert_eq!(all.sender.metric(&series).await?, count, "{series}");
    }
    Ok(())
}

#[tokio::test]
async fn a_retry_after_longer_than_the_step_moves_it_and_a_shorter_one_does_not() -> anyhow::Result<()> {
    let all = Deployment::with(&[("WEBHOOKS_RETRY__DELAYS", "1s,4s,1h")]).await?;
    let mut webhooks = Vec::new();
    for (path, wish) in [("/longer", "3"), ("/shorter", "0")] {
        let busy = Answer::status(503).retry_after(wish);
        all.receiver.answer_at(path, Script::sequence([busy], Answer::ok()));
        webhooks.push(all.webhook(path, &["deal.won"]).await?);
    }
    all.crm.publish(Event::new("deal.won", "e").as_json()).await?;

    for webhook in &webhooks {
        let delivery = all.api.wait_for_state(&webhook.id, "e", "delivered").await?;
        assert_eq!(pairs(&delivery), [("event", "http_5xx"), ("retry", "success")]);
    }
    let requests = all.receiver.requests();
    let gap_at = |path: &str| {
        let at: Vec<_> = requests.iter().filter(|request| request.path == path).collect();
        gap(at[0], at[1])
    };
    assert!(
        gap_at("/longer") >= Duration::from_millis(3900),
        "the first step that is long enough takes 4 s"
    );
    assert!(
        (900..3900).contains(&gap_at("/shorter").as_millis()),
        "the step itself takes 1 s"
    );
    all.finish().await
}

/// Trigger and outcome of each attempt, first to last.
fn pairs(delivery: &Value) -> Vec<(&str, &str)> {
    let attempts = delivery["attempts"].as_array().map(Vec::as_slice).unwrap_or_default();
    attempts
        .iter()
        .filter_map(|attempt| Some((attempt["trigger"].as_str()?, attempt["outcome"].as_str()?)))
        .collect()
}

fn gap(earlier: &ReceivedRequest, later: &ReceivedRequest) -> Duration {
    later
        .received_at
        .duration_since(earlier.received_at)
        .unwrap_or_default()
}
