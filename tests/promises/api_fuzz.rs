//! Fuzzing of the admin API, generated from its own description: every parameter and every member of every body takes
//! every value of a corpus, alone and together with others. No request may cause an internal error, and every response
//! must be as described.

mod corpus;
mod description;
mod requests;

use anyhow::{Context, ensure};
use e2e::{DEADLINE, Deployment, Event};
use serde_json::{Value, json};
use testkit::http::{Client, Response};
use testkit::json_schema;
use testkit::receiver::Answer;
use testkit::wait;

use description::{Description, Operation};
use requests::{Known, Sent};

/// Fewer would mean that the description was not understood.
const LEAST_REQUESTS: usize = 1500;

#[tokio::test]
async fn whatever_is_sent_the_api_answers_as_it_is_described() -> anyhow::Result<()> {
    // A test delivery to an address that leads nowhere takes this long.
    let all = Deployment::with(&[
        ("WEBHOOKS_EGRESS__TIMEOUT", "1s"),
        ("WEBHOOKS_EGRESS__CONNECT_TIMEOUT", "1s"),
    ])
    .await?;
    let client = Client::new(all.fanout.api_url()).with_bearer(&all.site.token("acme", "admin").await?);
    let description = Description::new(client.get("/api/v1/openapi.json").await?.json()?);
    let delivery = failed_delivery(&all).await?;
    let mut sent = 0;
    for operation in description.operations() {
        // What one operation does to a webhook must not keep the next from being understood.
        let known = known(&all, &delivery).await?;
        for request in requests::requests(&description, &operation, &known) {
            let answer = client
                .send(request.request.clone())
                .await
                .with_context(|| request.label.clone())?;
            check(&description, &operation, &request, &answer).with_context(|| request.label.clone())?;
            sent += 1;
        }
    }
    ensure!(sent > LEAST_REQUESTS, "{sent} requests");
    assert_eq!(all.fanout.health().await?, 200);
    assert!(!all.fanout.log().contains("panicked"));
    Ok(())
}

/// An event to a receiver that refuses.
async fn failed_delivery(all: &Deployment) -> anyhow::Result<String> {
    all.receiver.answer(Answer::status(404));
    let webhook = all.webhook("/", &["deal.won"]).await?;
    all.crm.publish(Event::new("deal.won", "e").as_json()).await?;
    let failed = all.api.wait_for_state(&webhook.id, "e", "failed").await?;
    for n in 0..5 {
        all.crm
            .publish(Event::new("deal.won", &format!("more-{n}")).as_json())
            .await?;
    }
    // Five failures create a notification.
    let told = async || all.api.notifications().await.is_ok_and(|told| !told.is_empty());
    wait::until(DEADLINE, "a notification", told).await?;
    failed["id"].as_str().map(str::to_owned).context("an id")
}

async fn known(all: &Deployment, delivery: &str) -> anyhow::Result<Known> {
    let url = all.receiver.url("/hook");
    let form = json!({"name": "ERP Sync", "url": url, "event_types": ["deal.won"]});
    let webhook = all.api.create_webhook_from(&form).await?.id;
    let notifications = all.api.notifications().await?;
    let notification = notifications[0]["id"].as_str().context("an id")?.to_owned();
    let token = json!({"name": "to delete", "role": "viewer"});
    let token: Value = all.api.post("/tokens", &token).await?.json()?;
    Ok(Known {
        webhook,
        delivery: delivery.to_owned(),
        notification,
        token: token["id"].as_str().context("an id")?.to_owned(),
        url,
    })
}

/// Never an internal error, always a status that the description lists, and then as it describes it.
fn check(description: &Description, operation: &Operation, sent: &Sent, answer: &Response) -> anyhow::Result<()> {
    let status = answer.status.as_u16();
    ensure!(status < 500, "{status}: {}", answer.text());
    // A path that the value of a parameter bends into another one is answered by whatever is there.
    let is_elsewhere = sent.bends_path && matches!(status, 404 | 405);
    let Some(described) = description.answer(operation, status) else {
        ensure!(is_elsewhere, "{status} is not described: {}", answer.text());
        return Ok(());
    };
    let Some((media_type, schema)) = described else {
        ensure!(answer.body.is_empty(), "{status} has no body");
        return Ok(());
    };
    let given = answer.headers.get("content-type").context("a content type")?;
    ensure!(given == media_type, "{given:?} instead of {media_type}");
    let body: Value = answer.json().context("JSON")?;
    json_schema::check(description.document(), schema, &body).map_err(anyhow::Error::msg)?;
    ensure!(status < 400 || body["status"] == status, "{body}");
    Ok(())
}
