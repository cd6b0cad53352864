//! Request headers reach the receiver, and nobody else.

use std::time::Duration;

use domain::SigningSecret;
use e2e::{DEADLINE, Deployment, Event};
use serde_json::json;
use tokio::time::Instant;

const CANARY: &str = "Bearer canary-header-7d1f";

#[tokio::test]
async fn a_receiver_gets_its_headers_with_events_and_tests() -> anyhow::Result<()> {
    let all = Deployment::with(&[("RUST_LOG", "trace")]).await?;
    let webhook = all.webhook("/", &["deal.won"]).await?;
    let headers = json!({"headers": {"Authorization": CANARY, "X-Env": "prod"}});
    all.api
        .put(&format!("/webhooks/{}/headers", webhook.id), &headers)
        .await?;
    all.wait_until_known(1.0).await?;
    all.crm.publish(Event::new("deal.won", "e").as_json()).await?;
    all.receiver.wait_for(1, DEADLINE).await?;
    all.api.test_webhook(&webhook.id).await?;
    let requests = all.receiver.wait_for(2, DEADLINE).await?;
    for request in &requests {
        assert_eq!(
            (&request.headers["authorization"], &request.headers["x-env"]),
            (&CANARY.parse()?, &"prod".parse()?)
        );
        assert_eq!(request.headers["accept"], "*/*");
    }
    all.receiver.verify(&SigningSecret::parse(&webhook.secret)?)?;
    let logs = [all.fanout.log(), all.sender.log()].concat();
    assert_eq!(logs.lines().find(|line| line.contains("canary-header")), None);
    all.finish().await
}

#[tokio::test]
async fn a_webhook_gets_no_more_a_second_than_its_limit() -> anyhow::Result<()> {
    const EVENTS: usize = 20;
    let all = Deployment::start().await?;
    let form = json!({
        "name": "ERP Sync", "url": all.receiver.url("/"), "event_types": ["deal.won"], "max_per_second": 5
    });
    all.api.create_webhook_from(&form).await?;
    all.wait_until_known(1.0).await?;
    let begun = Instant::now();
    all.crm
        .publish_all(Event::deals_won("e", EVENTS).iter().map(Event::as_json))
        .await?;
    all.receiver.wait_for(EVENTS, DEADLINE).await?;
    // The first at once, each other a fifth of a second later; a late turn may make up for a second.
    let least = Duration::from_millis(200) * (EVENTS as u32 - 1) - Duration::from_secs(1);
    assert!(begun.elapsed() >= least, "{:?}", begun.elapsed());
    all.wait_until_emptied().await?;
    all.finish().await
}
