//! API tokens as administrators manage them.

use jiff::ToSpan;
use serde_json::{Value, json};
use store::tokens::Role;
use testkit::http::Client;

use crate::api::{Api, OTHER_ACCOUNT, expected, field_errors, id, ok, problem};
use crate::deliveries::now;
use crate::pages::browser::{Browser, LIST};

const PATH: &str = "/api/v1/tokens";

async fn add(client: &Client, body: &Value) -> Value {
    let answer = client.post(PATH, body).await.unwrap();
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.headers["cache-control"], "no-store");
    answer.json().unwrap()
}

async fn listed(client: &Client) -> Vec<Value> {
    ok(&client.get(PATH).await.unwrap())["data"].as_array().unwrap().clone()
}

fn text(created: &Value) -> &str {
    created["token"].as_str().unwrap()
}

#[tokio::test]
async fn an_account_has_a_hundred_tokens_at_most() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let form = json!({"name": "CI", "role": "viewer"});
    for _ in 1..99 {
        add(&admin, &form).await;
    }
    let last = add(&admin, &form).await;
    let refused = admin.post(PATH, &form).await.unwrap();
    let kind = problem(&refused, 409)["type"].clone();
    assert!(kind.as_str().unwrap().ends_with("token-limit"), "{kind}");
    // Other accounts have a hundred of their own, and a token that was deleted makes room.
    add(&api.client(OTHER_ACCOUNT, Role::Admin).await, &form).await;
    admin.delete(&format!("{PATH}/{}", id(&last))).await.unwrap();
    add(&admin, &form).await;
}

#[tokio::test]
async fn a_token_is_shown_once_works_and_is_deleted() {
    let api = Api::start().await;
    let admin = api.admin().await;
    api.client(OTHER_ACCOUNT, Role::Admin).await;
    let expires_at = now() + 24.hours();
    let form = json!({"name": " CI ", "role": "viewer", "expires_at": expires_at});
    let mut created = add(&admin, &form).await;
    let client = api.anonymous().with_bearer(text(&created));
    assert!(text(&created).starts_with("ewh_"));
    created.as_object_mut().unwrap().remove("token");
    let given = [
        &created["name"],
        &created["role"],
        &created["expires_at"],
        &created["own"],
    ];
    assert_eq!(
        given,
        [&json!("CI"), &json!("viewer"), &json!(expires_at), &json!(false)]
    );
    assert_eq!(created["last_used_at"], json!(null));

    let list = listed(&admin).await;
    assert_eq!((list.len(), &list[1]), (2, &created));
    assert_eq!((&list[0]["own"], &list[0]["expires_at"]), (&json!(true), &json!(null)));
    assert!(list.iter().all(|token| token.get("token").is_none()));

    ok(&client.get("/api/v1/webhooks").await.unwrap());
    problem(&client.get(PATH).await.unwrap(), 403);
    let path = format!("{PATH}/{}", id(&created));
    problem(&client.delete(&path).await.unwrap(), 403);
    assert_eq!(admin.delete(&path).await.unwrap().status, 204);
    problem(&client.get("/api/v1/webhooks").await.unwrap(), 401);
    problem(&admin.delete(&path).await.unwrap(), 404);
    assert_eq!(listed(&admin).await.len(), 1);

    let audit = ok(&admin.get("/api/v1/audit?limit=2").await.unwrap());
    let [revoked, added] = [0, 1].map(|n| (&audit["data"][n]["action"], &audit["data"][n]["by"]));
    assert_eq!(revoked, (&json!("token_revoked"), &json!("a test")));
    assert_eq!(added, (&json!("token_created"), &json!("a test")));
    let detail = format!("{}, viewer, \"CI\", expires {expires_at}", id(&created));
    assert_eq!(audit["data"][1]["detail"], json!(detail));
}

#[tokio::test]
async fn with_a_token_its_sessions_end() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let created = add(&admin, &json!({"name": "Ann", "role": "admin"})).await;
    let mut browser = Browser::new(&api);
    browser.sign_in(text(&created)).await;
    assert_eq!(browser.get(LIST).await.status, 200);
    admin.delete(&format!("{PATH}/{}", id(&created))).await.unwrap();
    assert_eq!(browser.get(LIST).await.status, 303);
}

#[tokio::test]
async fn the_last_administrator_may_delete_their_own_token() {
    let api = Api::start().await;
    let admin = api.admin().await;
    let path = format!("{PATH}/{}", id(&listed(&admin).await[0]));
    assert_eq!(admin.delete(&path).await.unwrap().status, 204);
    problem(&admin.get(PATH).await.unwrap(), 401);
}

#[tokio::test]
async fn a_token_that_is_not_described_as_it_must_be_is_refused() {
    let api = Api::start().await;
    let admin = api.admin().await;
    for (body, errors) in [
        (json!({}), vec![("/name", "required"), ("/role", "required")]),
        (json!({"name": "CI", "role": "owner"}), vec![("/role", "invalid_value")]),
        (json!({"name": "CI", "role": null}), vec![("/role", "required")]),
        (
            json!({"name": "x".repeat(101), "role": "admin"}),
            vec![("/name", "too_long")],
        ),
        (
            json!({"name": "CI", "role": "admin", "expires_at": now() - 1.second()}),
            vec![("/expires_at", "in_the_past")],
        ),
        (
            json!({"name": "CI", "role": "admin", "expires_at": "soon", "account": "globex"}),
            vec![("/account", "unknown_field"), ("/expires_at", "invalid_value")],
        ),
    ] {
        let refused = admin.post(PATH, &body).await.unwrap();
        assert_eq!(field_errors(&refused), expected(&errors), "{body}");
    }
    assert_eq!(listed(&admin).await.len(), 1);
    add(&admin, &json!({"name": "CI", "role": "admin", "expires_at": null})).await;
}

#[tokio::test]
async fn pages_hold_every_token_once() {
    let api = Api::start().await;
    let admin = api.admin().await;
    for number in 0..4 {
        add(&admin, &json!({"name": format!("number {number}"), "role": "viewer"})).await;
    }
    let (mut seen, mut path) = (Vec::new(), format!("{PATH}?limit=2"));
    loop {
        let page = ok(&admin.get(&path).await.unwrap());
        seen.extend(
            page["data"]
                .as_array()
                .unwrap()
                .iter()
                .map(|token| token["name"].clone()),
        );
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("{PATH}?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, ["a test", "number 0", "number 1", "number 2", "number 3"]);
}
