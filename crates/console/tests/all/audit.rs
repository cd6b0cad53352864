//! The account's audit trail.

use jiff::ToSpan;
use serde_json::{Value, json};
use store::tokens::Role;

use crate::api::{ACCOUNT, Api, OTHER_ACCOUNT, create, erp_sync, expected, field_errors, id, ok, problem};
use crate::deliveries::now;

#[tokio::test]
async fn an_account_reads_what_was_done_in_it_and_by_whom() {
    let api = Api::start().await;
    let client = api.admin().await;
    let webhook = create(&client, &erp_sync()).await;
    create(&api.client(OTHER_ACCOUNT, Role::Admin).await, &erp_sync()).await;
    client
        .delete(&format!("/api/v1/webhooks/{}", id(&webhook)))
        .await
        .unwrap();
    let viewer = api.client(ACCOUNT, Role::Viewer).await;
    let list = async |query: &str| ok(&viewer.get(&format!("/api/v1/audit?{query}")).await.unwrap());
    let page = list("").await;
    let entry = |entry: &Value| {
        let text = |member: &str| entry[member].as_str().unwrap_or_default().to_owned();
        (text("action"), text("by"), entry["webhook_id"] == webhook["id"])
    };
    let entries: Vec<_> = page["data"].as_array().unwrap().iter().map(entry).collect();
    let expected = [
        ("token_created", "operator", false),
        ("deleted", "a test", true),
        ("created", "a test", true),
        ("token_created", "operator", false),
    ];
    assert_eq!(
        entries,
        expected.map(|(action, by, of_webhook)| (action.to_owned(), by.to_owned(), of_webhook))
    );
    let members: Vec<_> = page["data"][0].as_object().unwrap().keys().collect();
    assert_eq!(members, ["action", "at", "by", "detail", "webhook_id"]);

    let first = list("limit=3").await;
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = list(&format!("limit=3&cursor={cursor}")).await;
    assert_eq!(
        (&second["data"][0], &second["next_cursor"]),
        (&page["data"][3], &json!(null))
    );
    problem(
        &viewer.get(&format!("/api/v1/webhooks?cursor={cursor}")).await.unwrap(),
        400,
    );
}

#[tokio::test]
async fn a_range_narrows_the_trail() {
    let api = Api::start().await;
    let client = api.admin().await;
    let (before, after) = (now() - 1.hour(), now() + 1.hour());
    for (query, entries) in [
        (format!("since={before}&until={after}"), 1),
        (format!("until={before}"), 0),
        (format!("since={after}"), 0),
        ("since=&until=".to_owned(), 1),
    ] {
        let page = ok(&client.get(&format!("/api/v1/audit?{query}")).await.unwrap());
        assert_eq!(page["data"].as_array().unwrap().len(), entries, "{query}");
    }
    for (query, pointer, code) in [
        ("since=yesterday".to_owned(), "/since", "invalid_value"),
        (format!("since={after}&until={before}"), "/since", "since_after_until"),
        ("action=created".to_owned(), "/action", "unknown_parameter"),
    ] {
        let refused = client.get(&format!("/api/v1/audit?{query}")).await.unwrap();
        assert_eq!(field_errors(&refused), expected(&[(pointer, code)]), "{query}");
    }
}
