//! What administrators were told.

use serde_json::{Value, json};
use store::tokens::Role;
use uuid::Uuid;

use crate::api::{ACCOUNT, Api, OTHER_ACCOUNT, expected, field_errors, ok, problem};

const WEBHOOK: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

/// Tells an account's administrators something, as the sender's outcomes do.
pub async fn notify(api: &Api, account: &str, webhook: &str, message: &str) -> Uuid {
    let add = "INSERT INTO notifications (id, account, webhook_id, kind, message)
        VALUES ($1, $2, $3, 'webhook.auto_paused', $4)";
    let (id, webhook) = (Uuid::now_v7(), Uuid::parse_str(webhook).unwrap());
    api.sql()
        .await
        .execute(add, &[&id, &account, &webhook, &message])
        .await
        .unwrap();
    id
}

fn messages(page: &Value) -> Vec<&str> {
    page["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["message"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn they_are_listed_newest_first_and_marked_as_read() {
    let api = Api::start().await;
    let client = api.admin().await;
    for number in 1..=3 {
        notify(&api, ACCOUNT, WEBHOOK, &format!("number {number}")).await;
    }
    notify(&api, OTHER_ACCOUNT, WEBHOOK, "not ours").await;
    let list = async |query: &str| ok(&client.get(&format!("/api/v1/notifications{query}")).await.unwrap());
    let all = list("").await;
    assert_eq!(messages(&all), ["number 3", "number 2", "number 1"]);
    let first = &all["data"][2];
    let expected = json!({
        "id": first["id"], "kind": "webhook.auto_paused", "message": "number 1", "webhook_id": WEBHOOK,
        "created_at": first["created_at"], "read_at": null,
    });
    assert_eq!(*first, expected);

    let path = format!("/api/v1/notifications/{}/read", first["id"].as_str().unwrap());
    let read = ok(&client.post(&path, &json!({})).await.unwrap());
    assert!(read["read_at"].is_string());
    assert_eq!(
        ok(&client.post(&path, &json!({})).await.unwrap()),
        read,
        "it keeps the time"
    );
    assert_eq!(messages(&list("?unread=true").await), ["number 3", "number 2"]);
    assert_eq!(messages(&list("?unread=false").await), ["number 1"]);

    let read_all = async || ok(&client.post("/api/v1/notifications/read-all", &json!({})).await.unwrap());
    assert_eq!(read_all().await, json!({"count": 2}));
    assert_eq!(read_all().await, json!({"count": 0}));
    assert_eq!(messages(&list("?unread=true").await), Vec::<&str>::new());
    let theirs = api
        .client(OTHER_ACCOUNT, Role::Admin)
        .await
        .get("/api/v1/notifications?unread=true")
        .await
        .unwrap();
    assert_eq!(messages(&ok(&theirs)), ["not ours"]);
}

#[tokio::test]
async fn pages_hold_every_notification_once() {
    let api = Api::start().await;
    let client = api.admin().await;
    for number in 0..7 {
        notify(&api, ACCOUNT, WEBHOOK, &format!("number {number}")).await;
    }
    // All at the same instant.
    api.sql()
        .await
        .execute("UPDATE notifications SET created_at = now()", &[])
        .await
        .unwrap();
    let (mut seen, mut path) = (Vec::new(), "/api/v1/notifications?limit=3".to_owned());
    loop {
        let page = ok(&client.get(&path).await.unwrap());
        seen.extend(messages(&page).into_iter().map(str::to_owned));
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("/api/v1/notifications?limit=3&cursor={cursor}");
    }
    assert_eq!(
        seen,
        (0..7)
            .rev()
            .map(|number| format!("number {number}"))
            .collect::<Vec<_>>()
    );
    let foreign = path.replace("/notifications", "/webhooks");
    problem(&client.get(&foreign).await.unwrap(), 400);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let api = Api::start().await;
    let client = api.admin().await;
    for (query, pointer, code) in [
        ("unread=maybe", "/unread", "invalid_value"),
        ("unread=true&unread=true", "/unread", "duplicate_parameter"),
        ("limit=0", "/limit", "invalid_value"),
        ("kind=x", "/kind", "unknown_parameter"),
    ] {
        let refused = client.get(&format!("/api/v1/notifications?{query}")).await.unwrap();
        assert_eq!(field_errors(&refused), expected(&[(pointer, code)]), "{query}");
    }
    for id in ["1", "%00", "01890a5d-ac96-774b-bcce-b302099a8057"] {
        problem(
            &client
                .post(&format!("/api/v1/notifications/{id}/read"), &json!({}))
                .await
                .unwrap(),
            404,
        );
    }
}
