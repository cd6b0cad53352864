//! Service tokens: one credential for every account, which each request names.

use bytes::Bytes;
use http::{Method, Request};
use serde_json::{Value, json};
use store::bearer::Who;
use store::tokens::{NewToken, Role};
use testkit::http::{Client, Response};
use web::AuthFailure;

use crate::api::{ACCOUNT, Api, OTHER_ACCOUNT, create, erp_sync, id, ok, problem};
use crate::pages::browser::Browser;

async fn service_token(api: &Api, role: Role) -> String {
    let new = NewToken {
        account: None,
        role,
        name: "the CRM",
        expires_at: None,
    };
    let created = api.database.create_token(&Who::Operator, &new).await.unwrap();
    assert_eq!(created.token.account, None);
    created.text.expose().to_owned()
}

/// Sends a request with these headers `X-Account`.
async fn send(client: &Client, method: Method, path: &str, accounts: &[&str], body: &Value) -> Response {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json");
    for account in accounts {
        request = request.header("x-account", *account);
    }
    client
        .send(request.body(Bytes::from(body.to_string())).unwrap())
        .await
        .unwrap()
}

async fn list(client: &Client, accounts: &[&str]) -> Response {
    send(client, Method::GET, "/api/v1/webhooks", accounts, &json!({})).await
}

#[tokio::test]
async fn a_service_token_acts_for_the_account_that_the_request_names() {
    let api = Api::start().await;
    let service = api.anonymous().with_bearer(&service_token(&api, Role::Admin).await);
    let theirs = create(&api.client(OTHER_ACCOUNT, Role::Admin).await, &erp_sync()).await;
    let added = send(&service, Method::POST, "/api/v1/webhooks", &[ACCOUNT], &erp_sync()).await;
    assert_eq!(added.status, 201, "{}", added.text());
    let added: Value = added.json().unwrap();
    assert_eq!(added["account"], ACCOUNT);

    for (account, expected) in [
        (ACCOUNT, vec![&added["id"]]),
        (OTHER_ACCOUNT, vec![&theirs["id"]]),
        ("nobody", vec![]),
    ] {
        let page = ok(&list(&service, &[account]).await);
        let ids: Vec<_> = page["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|webhook| &webhook["id"])
            .collect();
        assert_eq!(ids, expected, "{account}");
    }
    let path = format!("/api/v1/webhooks/{}", id(&theirs));
    problem(&send(&service, Method::GET, &path, &[ACCOUNT], &json!({})).await, 404);

    let audit = ok(&api.admin().await.get("/api/v1/audit").await.unwrap());
    let created = audit["data"]
        .as_array()
        .unwrap()
        .iter()
        .find(|entry| entry["action"] == "created");
    assert_eq!(created.unwrap()["by"], "the CRM");
    let tokens = ok(&api.admin().await.get("/api/v1/tokens").await.unwrap());
    assert!(!tokens.to_string().contains("the CRM"), "it is no account's");
}

#[tokio::test]
async fn a_service_token_has_to_name_one_account_properly() {
    let api = Api::start().await;
    let service = api.anonymous().with_bearer(&service_token(&api, Role::Viewer).await);
    let missing = problem(&list(&service, &[]).await, 400);
    assert!(
        missing["type"].as_str().unwrap().ends_with(":account-required"),
        "{missing}"
    );
    let long = "x".repeat(129);
    for accounts in [&["two words"][..], &[""], &[&long], &["caf\u{e9}"], &[ACCOUNT, ACCOUNT]] {
        let malformed = problem(&list(&service, accounts).await, 400);
        assert!(
            malformed["type"].as_str().unwrap().ends_with(":bad-request"),
            "{malformed}"
        );
    }
    ok(&list(&service, &[ACCOUNT]).await);
    let refused = send(&service, Method::POST, "/api/v1/webhooks", &[ACCOUNT], &erp_sync()).await;
    problem(&refused, 403);
    assert_eq!(api.refusals(), [AuthFailure::Role]);
}

#[tokio::test]
async fn a_token_of_an_account_names_its_own_or_none() {
    let api = Api::start().await;
    let admin = api.admin().await;
    ok(&list(&admin, &[ACCOUNT]).await);
    for accounts in [&[OTHER_ACCOUNT][..], &[""], &[ACCOUNT, ACCOUNT]] {
        problem(&list(&admin, accounts).await, 403);
    }
    assert_eq!(api.refusals(), [AuthFailure::Account; 3]);
}

#[tokio::test]
async fn a_service_token_does_not_sign_in_and_ends_when_it_is_revoked() {
    let api = Api::start().await;
    let token = service_token(&api, Role::Admin).await;
    assert_eq!(Browser::new(&api).sign_in(&token).await.status, 422);
    assert_eq!(api.refusals(), [AuthFailure::Account]);
    let listed = api.database.tokens().await.unwrap();
    assert!(api.database.revoke_token(&Who::Operator, listed[0].id).await.unwrap());
    let service = api.anonymous().with_bearer(&token);
    problem(&list(&service, &[ACCOUNT]).await, 401);
}
