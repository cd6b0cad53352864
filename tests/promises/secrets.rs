//! Secrets leave the database only to sign.

use domain::SigningSecret;
use e2e::{Api, DEADLINE, Deployment, Event, Taken, browse};
use serde_json::json;
use testkit::receiver::{Answer, Script};
use testkit::wait;

/// A secret as an administrator may choose it.
const SECRET: &str = "canary-secret-5f1d0c9b7a3e";
/// Customers put keys into URLs.
const URL_KEY: &str = "canary-url-key-8c2b";

#[tokio::test]
async fn secrets_and_tokens_are_in_no_log_line_no_message_and_no_metric() -> anyhow::Result<()> {
    let settings = [("RUST_LOG", "trace"), ("WEBHOOKS_RETRY__DELAYS", "1h")];
    let mut all = Deployment::with(&settings).await?;
    all.receiver
        .answer(Script::sequence([Answer::ok(), Answer::status(503)], Answer::ok()));
    let url = all.receiver.url(&format!("/hook?key={URL_KEY}"));
    let form = json!({"name": "ERP Sync", "url": url, "event_types": ["deal.won"], "secret": SECRET});
    let token = all.site.token("acme", "admin").await?;
    let webhook = Api::new(all.fanout.api_url(), &token)
        .create_webhook_from(&form)
        .await?;
    all.wait_until_known(1.0).await?;

    // One is delivered, one waits in the ladder, one waits for a sender.
    for event in Event::deals_won("e", 2) {
        all.crm.publish(event.as_json()).await?;
        all.receiver.wait_for(1, DEADLINE).await?;
    }
    all.sender
        .wait_for_metric("webhook_retries_scheduled_total", 1.0)
        .await?;
    all.receiver.verify(&SigningSecret::parse(SECRET)?)?;
    let metrics = [all.fanout.metrics().await?, all.sender.metrics().await?].concat();
    assert_eq!(all.sender.stop().await?, 0);
    all.crm.publish(Event::new("deal.won", "waiting").as_json()).await?;
    let mut messages = String::new();
    for queue in ["webhooks.retry.1h", "webhooks.deliveries"] {
        let vhost = all.site.vhost();
        wait::until(DEADLINE, queue, async || vhost.ready(queue).await.ok() == Some(Some(1))).await?;
        messages.extend(browse(vhost, queue).await?.iter().map(Taken::text));
    }
    let logs = [all.fanout.log(), all.sender.log()].concat();

    assert!(messages.contains("deal_9001") && logs.contains("webhook changed") && metrics.contains("webhook_"));
    let key = webhook.secret.trim_start_matches("whsec_");
    for canary in [SECRET, key, &token] {
        check_absent(canary, &logs);
    }
    for canary in [SECRET, key, &token, URL_KEY] {
        check_absent(canary, &messages);
        check_absent(canary, &metrics);
    }
    // Not even with all detail there is: of statements of the database the parameters are left out.
    check_absent(URL_KEY, &logs);
    all.sender.start_again().await?;
    all.receiver.wait_for(3, DEADLINE).await?;
    all.finish().await
}

fn check_absent(canary: &str, text: &str) {
    assert_eq!(text.lines().find(|line| line.contains(canary)), None, "{canary}");
}
