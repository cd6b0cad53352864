//! The Test button: one signed POST by a sender, a sentence about it, and no effect on anything else.

use domain::EventType;
use e2e::{Api, DEADLINE, Deployment, Event, Program, Site};
use serde_json::{Value, json};
use testkit::certificates::ServerIdentity;
use testkit::http::Response;
use testkit::receiver::{Answer, Receiver};
use testkit::servers::free_ports;
use testkit::wait;

/// The time for a POST; a sender has five seconds more to answer.
const SHORT: (&str, &str) = ("WEBHOOKS_EGRESS__TIMEOUT", "2s");

#[tokio::test]
async fn a_test_is_a_signed_post_and_a_line_in_the_log() -> anyhow::Result<()> {
    let all = Deployment::start().await?;
    all.receiver.answer(Answer::status(201).body("thank you"));
    let webhook = all.webhook("/hook", &["invoice.paid", "deal.won"]).await?;
    let result = result(&all.api.test_webhook(&webhook.id).await?)?;
    assert_eq!(result["outcome"], "success");
    assert_eq!(
        (&result["http_status"], &result["message"]),
        (&json!(201), &json!("HTTP 201 Created = Success"))
    );

    let requests = all.receiver.requests();
    let [request] = &requests[..] else {
        panic!("one request, not {}", requests.len())
    };
    standardwebhooks::Webhook::new(&webhook.secret)?.verify(&request.body, &request.headers)?;
    let body: Value = serde_json::from_slice(&request.body)?;
    let event_type = EventType::parse(body["type"].as_str().expect("a type")).expect("a type of the catalogue");
    assert!(["invoice.paid", "deal.won"].contains(&event_type.name()));
    assert_eq!((&body["test"], &body["account"]), (&json!(true), &json!("acme")));
    assert_eq!(body["data"], serde_json::from_str::<Value>(event_type.example_data())?);

    let logged = all.api.deliveries(&webhook.id).await?;
    let delivery = all.api.delivery(logged[0]["id"].as_str().expect("an id")).await?;
    assert_eq!((logged.len(), &delivery["id"]), (1, &json!(request.webhook_id())));
    assert_eq!(
        (&delivery["test"], &delivery["state"]),
        (&json!(true), &json!("delivered"))
    );
    assert_eq!(
        (&delivery["event_id"], &delivery["event_type"]),
        (&body["id"], &body["type"])
    );
    assert_eq!(delivery["payload"], std::str::from_utf8(&request.body)?);
    let attempt = &delivery["attempts"][0];
    assert_eq!(
        (&attempt["trigger"], &attempt["outcome"]),
        (&json!("test"), &json!("success"))
    );
    assert_eq!(
        (&attempt["number"], &attempt["response_excerpt"]),
        (&json!(1), &json!("thank you"))
    );
    let counted = r#"webhook_delivery_attempts_total{outcome="success",trigger="test"}"#;
    assert_eq!(all.sender.metric(counted).await?, 1.0);
    all.finish().await
}

#[tokio::test]
async fn every_ending_has_its_sentence() -> anyhow::Result<()> {
    let all = Deployment::with(&[SHORT]).await?;
    let untrusted = Receiver::builder(&all.site.ca)
        .identity(ServerIdentity::self_signed())
        .start()
        .await?;
    let [nobody] = free_ports();
    all.receiver.answer_at("/missing", Answer::status(404));
    all.receiver
        .answer_at("/moved", Answer::redirect(302, &all.receiver.url("/ok")));
    all.receiver.answer_at("/hang", Answer::hang());
    for (url, sentence) in [
        (all.receiver.url("/ok"), "HTTP 200 OK = Success"),
        (all.receiver.url("/missing"), "HTTP 404 Not Found = Failed: 404"),
        (all.receiver.url("/moved"), "HTTP 302 Found = Failed: 302"),
        (all.receiver.url("/hang"), "No HTTP response = Failed: timeout"),
        (
            format!("https://127.0.0.1:{nobody}/"),
            "No HTTP response = Failed: connection refused",
        ),
        (
            "https://erp.invalid/".to_owned(),
            "No HTTP response = Failed: name not found",
        ),
        (untrusted.url("/"), "No HTTP response = Failed: certificate not valid"),
    ] {
        assert_eq!(all.api.test_url(&url).await?, sentence, "{url}");
    }
    assert_eq!(
        (all.receiver.count(), untrusted.count()),
        (4, 0),
        "each was posted once, and no redirect followed"
    );
    assert!(
        all.site.database().await?.deliveries_by_state().await?.is_empty(),
        "what is not saved has no log"
    );
    all.finish().await
}

#[tokio::test]
async fn an_address_that_may_not_be_dialled_is_not_dialled_by_a_test() -> anyhow::Result<()> {
    let (all, receiver) = Deployment::with_blocked_receiver().await?;
    let blocked = "No HTTP response = Failed: address not allowed";
    assert_eq!(all.api.test_url(&receiver.url("/")).await?, blocked);
    let webhook = all.webhook_at(&receiver.url("/"), &["deal.won"]).await?;
    assert_eq!(result(&all.api.test_webhook(&webhook.id).await?)?["message"], blocked);
    assert_eq!(receiver.connections(), 0);
    all.finish().await
}

#[tokio::test]
async fn a_paused_webhook_is_tested_and_stays_paused() -> anyhow::Result<()> {
    let all = Deployment::start().await?;
    let webhook = all.webhook("/", &["deal.won"]).await?;
    let pause = "UPDATE webhooks SET paused_reason = 'user', paused_at = now()";
    all.site.database().await?.execute(pause).await?;
    let before = all.api.webhook(&webhook.id).await?;
    assert_eq!(before["status"], "paused");
    assert_eq!(
        result(&all.api.test_webhook(&webhook.id).await?)?["message"],
        "HTTP 200 OK = Success"
    );
    assert_eq!(all.api.webhook(&webhook.id).await?, before);
    assert_eq!(all.receiver.count(), 1);
    all.finish().await
}

#[tokio::test]
async fn failed_tests_neither_pause_a_webhook_nor_make_it_unwell() -> anyhow::Result<()> {
    let all = Deployment::start().await?;
    all.receiver.answer(Answer::status(500));
    let webhook = all.webhook("/", &["deal.won"]).await?;
    let before = all.api.webhook(&webhook.id).await?;
    // Each process allows a test of the same webhook every three seconds.
    let others: [Program; 3] = [
        all.site.fanout().await?,
        all.site.fanout().await?,
        all.site.fanout().await?,
    ];
    let mut apis = vec![all.api.clone()];
    for fanout in &others {
        apis.push(all.site.api(fanout, "acme").await?);
    }
    for _ in 0..3 {
        for api in &apis {
            let result = test_when_allowed(api, &webhook.id).await?;
            assert_eq!(result["message"], "HTTP 500 Internal Server Error = Failed: 500");
        }
    }
    let logged = all.api.deliveries(&webhook.id).await?;
    assert_eq!(logged.len(), 12);
    assert!(
        logged
            .iter()
            .all(|delivery| delivery["test"] == true && delivery["state"] == "failed")
    );
    assert_eq!(all.api.webhook(&webhook.id).await?, before);
    assert_eq!(
        (&before["status"], &before["consecutive_failures"]),
        (&json!("active"), &json!(0))
    );
    assert_eq!(all.receiver.count(), 12, "a test is never repeated");
    for mut fanout in others {
        assert_eq!(fanout.stop().await?, 0);
    }
    all.finish().await
}

#[tokio::test]
async fn a_slow_test_keeps_no_delivery_waiting() -> anyhow::Result<()> {
    let all = Deployment::with(&[("WEBHOOKS_SENDER__CONCURRENCY", "1")]).await?;
    all.receiver.answer_at("/hang", Answer::hang());
    let webhook = all.webhook("/", &["deal.won"]).await?;
    let (api, url) = (all.api.clone(), all.receiver.url("/hang"));
    let test = tokio::spawn(async move { api.test_url(&url).await });
    all.receiver.wait_for(1, DEADLINE).await?;
    all.crm.publish(Event::new("deal.won", "e").as_json()).await?;
    all.api.wait_for_state(&webhook.id, "e", "delivered").await?;
    assert!(!test.is_finished(), "it was delivered beside the test");
    assert_eq!(test.await??, "No HTTP response = Failed: timeout");
    all.finish().await
}

#[tokio::test]
async fn without_a_sender_a_test_ends_and_is_not_made_later() -> anyhow::Result<()> {
    let mut site = Site::new().await?;
    site.set(SHORT.0, SHORT.1);
    site.migrate().await?;
    let fanout = site.fanout().await?;
    let (api, crm, receiver) = (
        site.api(&fanout, "acme").await?,
        site.crm().await?,
        Receiver::start(&site.ca).await?,
    );
    let webhook = api.create_webhook(&receiver.url("/"), &["deal.won"]).await?;
    let answer = api.test_webhook(&webhook.id).await?;
    assert_eq!(answer.status.as_u16(), 503);
    assert_eq!(answer.json()?["detail"], "No sender answered in time; is one running?");

    let sender = site.sender().await?;
    let all = Deployment {
        fanout,
        sender,
        receiver,
        api,
        crm,
        site,
    };
    let later = test_when_allowed(&all.api, &webhook.id).await?;
    assert_eq!(later["message"], "HTTP 200 OK = Success");
    assert_eq!(
        (all.receiver.count(), all.api.deliveries(&webhook.id).await?.len()),
        (1, 1),
        "only the later one"
    );
    all.finish().await
}

#[tokio::test]
async fn a_test_works_again_after_the_broker_dropped_everybody() -> anyhow::Result<()> {
    let all = Deployment::start().await?;
    let url = |path: &str| all.receiver.url(path);
    assert_eq!(all.api.test_url(&url("/before")).await?, "HTTP 200 OK = Success");
    // Of fanout: consumer, publisher, requester; of the sender: consumer, publisher, consumer of tests; and the CRM's.
    assert!(all.site.vhost().close_connections(7).await? >= 7);
    let mut number = 0;
    wait::until(DEADLINE, "a test to succeed", async || {
        number += 1;
        all.api
            .test_url(&url(&format!("/after-{number}")))
            .await
            .is_ok_and(|said| said == "HTTP 200 OK = Success")
    })
    .await?;
    all.finish().await
}

/// A decided test.
fn result(answer: &Response) -> anyhow::Result<Value> {
    anyhow::ensure!(answer.status.as_u16() == 200, "{}: {}", answer.status, answer.text());
    Ok(answer.json()?)
}

/// The result of a test that has to wait for its turn.
async fn test_when_allowed(api: &Api, webhook: &str) -> anyhow::Result<Value> {
    let turn = wait::until_some(DEADLINE, "a test's turn", async || {
        let answer = api.test_webhook(webhook).await.ok()?;
        (answer.status.as_u16() != 429).then_some(answer)
    });
    result(&turn.await?)
}
