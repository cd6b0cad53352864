//! Tokens, roles, and accounts that never see each other.

use std::collections::BTreeSet;

use ::api::Operation;
use bytes::Bytes;
use http::{Method, Request};
use serde_json::{Value, json};
use store::tokens::Role;
use testkit::http::{Client, Response};

use crate::api::{ACCOUNT, AUTO_PAUSE, Api, OTHER_ACCOUNT, create, erp_sync, id, ok, problem};
use crate::deliveries::{delivered, now};
use crate::notifications::notify;

const METHODS: [Method; 5] = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// The template of every route of the API but its description, which anybody may read.
fn routes() -> BTreeSet<&'static str> {
    let operations = ::api::operations();
    operations
        .iter()
        .map(Operation::path)
        .filter(|path| !path.ends_with("/openapi.json"))
        .collect()
}

/// One object of each kind.
pub struct Ids {
    pub webhook: String,
    pub delivery: String,
    pub notification: String,
    pub token: String,
}

impl Ids {
    /// The route with the id of its object in its path.
    pub fn path(&self, route: &str) -> String {
        let id = match route {
            _ if route.starts_with("/api/v1/deliveries/") => &self.delivery,
            _ if route.starts_with("/api/v1/notifications/") => &self.notification,
            _ if route.starts_with("/api/v1/tokens/") => &self.token,
            _ => &self.webhook,
        };
        let path = route.replace("{id}", id);
        // It takes a query.
        if route == "/api/v1/find" {
            path + "?q=evt-1"
        } else {
            path
        }
    }

    /// The path of every route.
    fn paths(&self) -> Vec<String> {
        routes().into_iter().map(|route| self.path(route)).collect()
    }
}

/// Any request that its route takes.
async fn send(client: &Client, method: &Method, path: &str) -> Response {
    let body = match path.rsplit('/').next() {
        _ if *method == Method::PATCH => json!({"name": "Taken over"}),
        Some("recover") => json!({"since": "2026-11-01T00:00:00Z"}),
        Some("rotate") => json!({}),
        Some("preview") => json!({"event_types": ["deal.won"]}),
        Some("test") if path.ends_with("webhooks/test") => json!({"url": "https://erp.example.com/hook"}),
        Some("test") => json!({}),
        Some("check-request") => json!({"headers": {}, "body": ""}),
        _ => erp_sync(),
    };
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json");
    client
        .send(request.body(Bytes::from(body.to_string())).unwrap())
        .await
        .unwrap()
}

/// Calls every method of every route and hands over what is answered to those that the route takes.
async fn walk(client: &Client, paths: &[String], mut check: impl FnMut(&Method, &str, &Response)) {
    let mut taken = 0;
    for path in paths {
        for method in &METHODS {
            let answer = send(client, method, path).await;
            if answer.status.as_u16() == 405 {
                problem(&answer, 405);
                let allowed = answer.headers["allow"].to_str().unwrap();
                assert!(
                    !allowed.is_empty() && !allowed.contains(method.as_str()),
                    "{method} {path}: {allowed}"
                );
            } else {
                taken += 1;
                check(method, path, &answer);
            }
        }
    }
    assert!(taken > paths.len());
}

struct Objects {
    webhook: Value,
    paths: Vec<String>,
}

async fn objects(api: &Api) -> Objects {
    let webhook = create(&api.admin().await, &erp_sync()).await;
    let record = delivered(ACCOUNT, id(&webhook), "evt-1", now());
    api.database
        .record(std::slice::from_ref(&record), AUTO_PAUSE)
        .await
        .unwrap();
    let notification = notify(api, ACCOUNT, id(&webhook), "a sentence").await;
    let ids = Ids {
        webhook: id(&webhook).to_owned(),
        delivery: record.delivery.id.to_string(),
        notification: notification.to_string(),
        token: api.database.tokens().await.unwrap()[0].id.to_string(),
    };
    Objects {
        webhook,
        paths: ids.paths(),
    }
}

#[tokio::test]
async fn each_route_takes_the_methods_that_it_names() {
    let api = Api::start().await;
    let client = api.anonymous();
    let operations = ::api::operations();
    let taken: BTreeSet<_> = operations
        .iter()
        .map(|operation| (operation.path(), operation.method().as_str()))
        .collect();
    for route in routes().into_iter().chain(["/api/v1/openapi.json"]) {
        for method in &METHODS {
            let answer = send(&client, method, &route.replace("{id}", "x")).await;
            assert_eq!(
                answer.status.as_u16() != 405,
                taken.contains(&(route, method.as_str())),
                "{method} {route}"
            );
        }
    }
}

#[tokio::test]
async fn every_route_needs_a_token() {
    let api = Api::start().await;
    let objects = objects(&api).await;
    walk(&api.anonymous(), &objects.paths, |method, path, answer| {
        problem(answer, 401);
        let challenge = answer.headers["www-authenticate"].to_str().unwrap();
        assert!(
            challenge.starts_with("Bearer ") && !challenge.contains("error"),
            "{method} {path}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_viewer_reads_and_changes_nothing() {
    let api = Api::start().await;
    let objects = objects(&api).await;
    let viewer = api.client(ACCOUNT, Role::Viewer).await;
    walk(&viewer, &objects.paths, |method, path, answer| {
        if method == Method::GET && path.ends_with("/recovery") {
            problem(answer, 404);
        } else if path.ends_with("/check-request") {
            assert_eq!(ok(answer)["genuine"], false, "it changes nothing");
        } else if path.ends_with("/events/check") {
            assert_eq!(ok(answer)["accepted"], false, "it changes nothing");
        } else if method == Method::GET && !path.ends_with("/secret") && !path.ends_with("/tokens") {
            ok(answer);
            assert!(!answer.text().contains("secret"), "{path}");
        } else {
            problem(answer, 403);
        }
    })
    .await;
    let list = ok(&viewer.get("/api/v1/webhooks").await.unwrap());
    assert_eq!(
        (list["data"].as_array().unwrap().len(), &list["data"][0]["name"]),
        (1, &json!("ERP Sync"))
    );
}

#[tokio::test]
async fn what_belongs_to_another_account_is_not_found() {
    let api = Api::start().await;
    let objects = objects(&api).await;
    let stranger = api.client(OTHER_ACCOUNT, Role::Admin).await;
    let unknown = "01890a5d-ac96-774b-bcce-b302099a8057";
    let unknown = Ids {
        webhook: unknown.to_owned(),
        delivery: "msg_00000000000000000000000000000001".to_owned(),
        notification: unknown.to_owned(),
        token: unknown.to_owned(),
    };
    for paths in [&objects.paths, &unknown.paths()] {
        let with_id = routes()
            .into_iter()
            .zip(paths)
            .filter(|(route, _)| route.contains("{id}"));
        let with_id: Vec<_> = with_id.map(|(_, path)| path.clone()).collect();
        assert_eq!(with_id.len(), 18);
        walk(&stranger, &with_id, |method, path, answer| {
            assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text());
            problem(answer, 404);
        })
        .await;
    }
    assert_eq!(
        ok(&stranger.get("/api/v1/notifications").await.unwrap())["data"],
        json!([])
    );
    assert_eq!(ok(&stranger.get("/api/v1/webhooks").await.unwrap())["data"], json!([]));
    let tokens = ok(&stranger.get("/api/v1/tokens").await.unwrap());
    assert_eq!(tokens["data"].as_array().unwrap().len(), 1, "their own");
    let theirs = ok(&api
        .admin()
        .await
        .get(&format!("/api/v1/webhooks/{}", id(&objects.webhook)))
        .await
        .unwrap());
    assert_eq!(theirs["name"], "ERP Sync");
}

#[tokio::test]
async fn only_a_valid_token_in_one_proper_header_counts() {
    let api = Api::start().await;
    let token = api.token(ACCOUNT, Role::Admin).await;
    let send = async |headers: &[&str]| {
        let mut request = Request::get("/api/v1/webhooks");
        for header in headers {
            request = request.header("authorization", *header);
        }
        api.anonymous().send(request.body(Bytes::new()).unwrap()).await.unwrap()
    };
    let bearer = format!("Bearer {token}");
    ok(&send(&[&bearer]).await);
    ok(&send(&[&format!("bearer  {token}")]).await);
    let long = format!("Bearer {}", "x".repeat(8000));
    let shorter = &bearer[..bearer.len() - 1];
    for wrong in [
        shorter,
        &long,
        "Bearer ",
        "Bearer",
        &token,
        "Basic YTpi",
        "Bearer ewh_\u{e9}",
    ] {
        problem(&send(&[wrong]).await, 401);
    }
    problem(&send(&[&bearer, &bearer]).await, 401);
    let refused = send(&[shorter]).await;
    assert!(
        refused.headers["www-authenticate"]
            .to_str()
            .unwrap()
            .contains("error=\"invalid_token\"")
    );
    assert!(!refused.text().contains(shorter.trim_start_matches("Bearer ")));

    let id = api.database.tokens().await.unwrap()[0].id;
    api.database
        .revoke_token(&store::bearer::Who::Operator, id)
        .await
        .unwrap();
    problem(&send(&[&bearer]).await, 401);
}
