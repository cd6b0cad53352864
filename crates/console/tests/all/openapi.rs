//! The API's description: complete, and true of real answers.

use std::collections::BTreeSet;

use ::api::document as openapi_document;
use bytes::Bytes;
use domain::EventType;
use http::{Method, Request};
use serde_json::{Value, json};
use store::tokens::Role;
use testkit::http::Response;
use testkit::json_schema::check;

use crate::access::Ids;
use crate::api::{ACCOUNT, AUTO_PAUSE, Api, create, erp_sync, id, ok};
use crate::deliveries::{failed, now};
use crate::notifications::notify;

const COMMITTED: &str = include_str!("../../../api/openapi.json");

/// Methods that routes take, and one that none does.
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// To write it anew: `WRITE_OPENAPI=1 cargo test -p console openapi`.
#[test]
fn the_committed_description_is_the_present_one() {
    let present = format!("{:#}\n", openapi_document(""));
    if std::env::var_os("WRITE_OPENAPI").is_some() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/../api/openapi.json"), &present).unwrap();
    } else {
        assert!(
            present == COMMITTED,
            "openapi.json differs; see this test for how to write it anew"
        );
    }
}

fn described() -> BTreeSet<(String, String)> {
    let document = openapi_document("");
    let paths = document["paths"].as_object().unwrap();
    let methods = |item: &Value| item.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    paths
        .iter()
        .flat_map(|(path, item)| methods(item).into_iter().map(|method| (path.clone(), method)))
        .collect()
}

#[tokio::test]
async fn every_method_of_every_route_is_described_and_no_other() {
    let api = Api::start().await;
    let mut taken = BTreeSet::new();
    for template in ::api::operations().iter().map(|operation| operation.path()) {
        let path = template.strip_prefix("/api/v1").unwrap();
        for method in METHODS {
            let request = Request::builder()
                .method(method.to_uppercase().as_str())
                .uri(template.replace("{id}", "1"));
            let answer = api.anonymous().send(request.body(Bytes::new()).unwrap()).await.unwrap();
            if answer.status != 405 {
                taken.insert((path.to_owned(), method.to_owned()));
            }
        }
    }
    assert_eq!(described(), taken);
}

#[tokio::test]
async fn it_is_served_to_anybody_with_the_path_it_is_mounted_at() {
    let api = Api::start_below("/apps/webhooks").await;
    let served = ok(&api.anonymous().get("/apps/webhooks/api/v1/openapi.json").await.unwrap());
    assert_eq!(served, openapi_document("/apps/webhooks"));
    assert_eq!(served["servers"], json!([{"url": "/apps/webhooks/api/v1"}]));
}

#[test]
fn all_references_lead_somewhere_and_everything_is_referred_to() {
    let document = openapi_document("");
    let mut used = BTreeSet::new();
    references(&document, &mut used);
    for reference in &used {
        assert!(document.pointer(reference).is_some(), "{reference}");
    }
    for kind in ["schemas", "responses"] {
        for name in document["components"][kind].as_object().unwrap().keys() {
            let reference = format!("/components/{kind}/{name}");
            // 405 goes without saying.
            assert!(used.contains(&reference) || name == "MethodNotAllowed", "{reference}");
        }
    }
    let ids = document["paths"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|item| item.as_object().unwrap().values());
    let ids: Vec<_> = ids
        .map(|operation| operation["operationId"].as_str().unwrap())
        .collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
}

fn references(value: &Value, used: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get("$ref") {
                used.insert(reference.trim_start_matches('#').to_owned());
            }
            members.values().for_each(|member| references(member, used));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, used)),
        _ => {}
    }
}

#[test]
fn every_type_of_event_is_described_as_receivers_get_it() {
    let document = openapi_document("");
    let webhooks = document["webhooks"].as_object().unwrap();
    assert_eq!(webhooks.len(), 20);
    for event_type in EventType::all() {
        let post = &webhooks[event_type.name()]["post"];
        let headers: Vec<_> = post["parameters"]
            .as_array()
            .unwrap()
            .iter()
            .map(|header| &header["name"])
            .collect();
        assert_eq!(headers, ["webhook-id", "webhook-timestamp", "webhook-signature"]);
        let schema = &post["requestBody"]["content"]["application/json"]["schema"];
        check(&document, schema, &schema["examples"][0]).unwrap();
    }
}

/// Holds answers against the description.
struct Witness {
    document: Value,
    seen: BTreeSet<(String, String)>,
}

impl Witness {
    #[track_caller]
    fn check(&mut self, method: &Method, template: &str, answer: &Response) {
        let (path, method) = (
            template.trim_start_matches("/api/v1").to_owned(),
            method.as_str().to_lowercase(),
        );
        let operation = &self.document["paths"][&path][&method];
        let mut described = &operation["responses"][answer.status.as_str()];
        if let Some(reference) = described["$ref"].as_str() {
            described = self.document.pointer(reference.trim_start_matches('#')).unwrap();
        }
        assert!(
            !described.is_null(),
            "{method} {path} does not describe {}: {}",
            answer.status,
            answer.text()
        );
        for name in described["headers"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, _)| name.to_lowercase())
        {
            let conditional = ["retry-after", "www-authenticate"].contains(&name.as_str());
            assert!(
                conditional || answer.headers.contains_key(&name),
                "{method} {path}: {name}"
            );
        }
        if let Some(content) = described["content"].as_object() {
            let schema = &content[answer.headers["content-type"].to_str().unwrap()]["schema"];
            if let Err(wrong) = check(&self.document, schema, &answer.json().unwrap()) {
                panic!("{method} {path} {}: {wrong} in {}", answer.status, answer.text());
            }
        }
        if answer.status.is_success() {
            self.seen.insert((path, method));
        }
    }
}

/// What each method of each route is sent, in an order that lets all of them succeed: webhook deleted last.
fn requests(ids: &Ids) -> Vec<(Method, &'static str, String, Value)> {
    let mut requests = Vec::new();
    let mut add = |method: Method, template: &'static str, body: Value| {
        requests.push((method, template, ids.path(template), body));
    };
    for template in ::api::operations().iter().map(|operation| operation.path()) {
        add(Method::GET, template, Value::Null);
    }
    add(
        Method::POST,
        "/api/v1/events/check",
        json!({"specversion": "1.0", "id": "1", "source": "/crm", "type": "deal.won", "account": ACCOUNT, "data": {}}),
    );
    add(Method::POST, "/api/v1/events/check", json!({}));
    add(Method::POST, "/api/v1/webhooks", erp_sync());
    add(
        Method::POST,
        "/api/v1/webhooks",
        json!({"name": "Plain", "secret": "a plain old password",
        "url": "https://erp.example.com/", "event_types": ["deal.won"]}),
    );
    add(Method::POST, "/api/v1/webhooks", json!({"url": 5}));
    add(Method::PATCH, "/api/v1/webhooks/{id}", json!({"name": "Ledger"}));
    add(
        Method::PUT,
        "/api/v1/webhooks/{id}/headers",
        json!({"headers": {"authorization": "Bearer abc", "x-env": "prod"}}),
    );
    add(Method::GET, "/api/v1/webhooks/{id}/headers", Value::Null);
    add(
        Method::PUT,
        "/api/v1/webhooks/{id}/headers",
        json!({"headers": {"host": "x"}}),
    );
    let only = json!([{"field": "amount", "op": "gt", "value": "1000"}, {"field": "stage", "op": "changed"}]);
    add(
        Method::POST,
        "/api/v1/webhooks",
        json!({"name": "All", "url": "https://erp.example.com/", "event_types": ["*"], "conditions": only}),
    );
    for conditions in [only, json!([]), json!([{"field": 1}])] {
        let wanted = json!({"event_types": ["*"], "conditions": conditions});
        add(Method::POST, "/api/v1/webhooks/preview", wanted);
    }
    add(
        Method::POST,
        "/api/v1/webhooks/{id}/check-request",
        json!({"headers": {"webhook-id": "msg_1", "webhook-timestamp": "1", "webhook-signature": "v1,"}, "body": "{}"}),
    );
    add(
        Method::POST,
        "/api/v1/webhooks/{id}/check-request",
        json!({"headers": {}}),
    );
    add(Method::POST, "/api/v1/webhooks/{id}/pause", json!({}));
    add(Method::GET, "/api/v1/webhooks/{id}", Value::Null);
    add(Method::POST, "/api/v1/webhooks/{id}/resume", json!({}));
    add(Method::POST, "/api/v1/webhooks/{id}/secret/rotate", json!({}));
    add(Method::POST, "/api/v1/deliveries/{id}/retry", json!({}));
    add(Method::POST, "/api/v1/deliveries/{id}/retry", json!({}));
    add(
        Method::POST,
        "/api/v1/webhooks/{id}/recover",
        json!({"since": "2026-01-01T00:00:00Z"}),
    );
    add(
        Method::POST,
        "/api/v1/webhooks/{id}/recover",
        json!({"since": "2026-01-01T00:00:00Z"}),
    );
    add(Method::GET, "/api/v1/webhooks/{id}/recovery", Value::Null);
    add(Method::POST, "/api/v1/notifications/{id}/read", json!({}));
    add(Method::GET, "/api/v1/notifications", Value::Null);
    add(Method::POST, "/api/v1/notifications/read-all", json!({}));
    add(
        Method::POST,
        "/api/v1/webhooks/test",
        json!({"url": "https://erp.example.com/hook"}),
    );
    add(
        Method::POST,
        "/api/v1/webhooks/{id}/test",
        json!({"event_type": "none"}),
    );
    add(Method::POST, "/api/v1/tokens", json!({"name": "CI", "role": "viewer"}));
    add(
        Method::POST,
        "/api/v1/tokens",
        json!({"expires_at": "2026-01-01T00:00:00Z"}),
    );
    add(Method::DELETE, "/api/v1/tokens/{id}", Value::Null);
    add(Method::DELETE, "/api/v1/tokens/{id}", Value::Null);
    add(Method::DELETE, "/api/v1/webhooks/{id}", Value::Null);
    add(Method::GET, "/api/v1/webhooks/{id}", Value::Null);
    requests
}

#[tokio::test]
async fn real_answers_are_as_described() {
    let api = Api::start().await;
    let client = api.admin().await;
    let webhook = id(&create(&client, &erp_sync()).await).to_owned();
    let record = failed(ACCOUNT, &webhook, "evt-1", now());
    let delivery = record.delivery.id.to_string();
    api.database.record(&[record], AUTO_PAUSE).await.unwrap();
    api.token(ACCOUNT, Role::Viewer).await;
    let ids = Ids {
        notification: notify(&api, ACCOUNT, &webhook, "a sentence").await.to_string(),
        token: api.database.tokens().await.unwrap()[1].id.to_string(),
        webhook,
        delivery,
    };
    let mut witness = Witness {
        document: openapi_document(""),
        seen: BTreeSet::new(),
    };
    for (method, template, path, body) in requests(&ids) {
        let request = Request::builder()
            .method(&method)
            .uri(&path)
            .header("content-type", "application/json");
        let answer = client
            .send(request.body(Bytes::from(body.to_string())).unwrap())
            .await
            .unwrap();
        if answer.status != 405 {
            witness.check(&method, template, &answer);
        }
    }
    let unseen: Vec<_> = described().difference(&witness.seen).cloned().collect();
    // No sender runs here; the tests of the Test button see its answers.
    let tests = [("/webhooks/test", "post"), ("/webhooks/{id}/test", "post")];
    assert_eq!(unseen, tests.map(|(path, method)| (path.to_owned(), method.to_owned())));
}
