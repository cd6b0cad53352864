//! Reading and replacing a webhook's secret.

use bytes::Bytes;
use http::Request;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};
use store::tokens::Role;
use testkit::http::Client;

use crate::api::{ACCOUNT, Api, account, create, erp_sync, expected, field_errors, id, ok, problem};
use crate::deliveries::now;

struct Webhook {
    api: Api,
    client: Client,
    created: Value,
}

impl Webhook {
    async fn start() -> Self {
        let api = Api::start().await;
        let client = api.admin().await;
        let created = create(&client, &erp_sync()).await;
        Self { api, client, created }
    }

    fn path(&self, rest: &str) -> String {
        format!("/api/v1/webhooks/{}{rest}", id(&self.created))
    }

    async fn secret(&self) -> Value {
        ok(&self.client.get(&self.path("/secret")).await.unwrap())
    }

    async fn actions(&self) -> Vec<&'static str> {
        let webhook = id(&self.created).parse().unwrap();
        let entries = self
            .api
            .database
            .audit_entries(&account(ACCOUNT), webhook, None, 10)
            .await
            .unwrap();
        entries.iter().map(|entry| <&str>::from(entry.action)).collect()
    }
}

#[tokio::test]
async fn an_admin_sees_it_and_that_is_written_down() {
    let webhook = Webhook::start().await;
    assert_eq!(webhook.secret().await, json!({"secret": webhook.created["secret"]}));
    assert_eq!(webhook.actions().await, ["secret_revealed", "created"]);
    let viewer = webhook.api.client(ACCOUNT, Role::Viewer).await;
    let refused = viewer.get(&webhook.path("/secret")).await.unwrap();
    problem(&refused, 403);
    assert!(!refused.text().contains("whsec_"));
    problem(
        &viewer.post(&webhook.path("/secret/rotate"), &json!({})).await.unwrap(),
        403,
    );
    assert_eq!(webhook.actions().await.len(), 2);
}

#[tokio::test]
async fn a_replaced_secret_signs_for_another_day() {
    let webhook = Webhook::start().await;
    let path = webhook.path("/secret/rotate");
    let own = json!({"secret": "a plain old password"});
    let answer = webhook.client.post(&path, &own).await.unwrap();
    assert_eq!(answer.headers["etag"], "\"2\"");
    let rotated = ok(&answer);
    assert_eq!(rotated["secret"], own["secret"]);
    assert_eq!(rotated["secret_whsec"], "whsec_YSBwbGFpbiBvbGQgcGFzc3dvcmQ=");
    let until: Timestamp = rotated["previous_secret_expires_at"].as_str().unwrap().parse().unwrap();
    assert!(
        (until - (now() + 24.hours())).total(jiff::Unit::Second).unwrap().abs() < 60.0,
        "{until}"
    );
    let shown = webhook.secret().await;
    assert_eq!(
        (&shown["secret"], &shown["secret_whsec"]),
        (&rotated["secret"], &rotated["secret_whsec"])
    );

    let endpoint = webhook
        .api
        .database
        .endpoint(id(&webhook.created).parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    let signing: Vec<_> = endpoint
        .secrets
        .iter()
        .map(|secret| secret.expose().to_owned())
        .collect();
    assert_eq!(
        signing,
        ["a plain old password", webhook.created["secret"].as_str().unwrap()]
    );
    assert_eq!(
        webhook.actions().await,
        ["secret_revealed", "secret_rotated", "created"]
    );
}

#[tokio::test]
async fn without_a_secret_one_is_generated() {
    let webhook = Webhook::start().await;
    let path = webhook.path("/secret/rotate");
    let mut seen = vec![webhook.created["secret"].clone()];
    for body in [json!({}), json!({"secret": null})] {
        seen.push(ok(&webhook.client.post(&path, &body).await.unwrap())["secret"].clone());
    }
    let none = Request::post(&path).body(Bytes::new()).unwrap();
    seen.push(ok(&webhook.client.send(none).await.unwrap())["secret"].clone());
    assert_eq!(seen.iter().collect::<std::collections::HashSet<_>>().len(), 4);
    assert!(seen.iter().all(|secret| secret.as_str().unwrap().starts_with("whsec_")));
}

#[tokio::test]
async fn what_is_no_secret_replaces_nothing() {
    let webhook = Webhook::start().await;
    let path = webhook.path("/secret/rotate");
    for (body, errors) in [
        (json!({"secret": "short"}), [("/secret", "secret_length")]),
        (json!({"secret": 5}), [("/secret", "wrong_type")]),
        (json!({"secret": ""}), [("/secret", "secret_length")]),
        (json!({"secret": "whsec_x"}), [("/secret", "secret_not_base64")]),
        (json!({"key": "a plain old password"}), [("/key", "unknown_field")]),
    ] {
        let refused = webhook.client.post(&path, &body).await.unwrap();
        assert_eq!(field_errors(&refused), expected(&errors), "{body}");
    }
    problem(
        &webhook
            .client
            .send(Request::post(&path).body("secret=x".into()).unwrap())
            .await
            .unwrap(),
        415,
    );
    assert_eq!(webhook.secret().await["secret"], webhook.created["secret"]);
}
