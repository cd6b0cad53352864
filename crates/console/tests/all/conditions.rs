//! Conditions of a webhook, subscriptions to every event, and the preview of both.

use domain::Role;
use jiff::ToSpan;
use serde_json::{Value, json};
use store::outcomes::DeliveryRecord;

use crate::api::{ACCOUNT, AUTO_PAUSE, Api, OTHER_ACCOUNT, create, erp_sync, expected, field_errors, id, ok, problem};
use crate::deliveries::{delivered, now};

const PREVIEW: &str = "/api/v1/webhooks/preview";

/// A webhook for large deals.
pub fn large_deals() -> Value {
    let mut form = erp_sync();
    form["conditions"] = json!([{"field": "amount", "op": "gt", "value": "1000"}]);
    form
}

/// A delivery of a `deal.won` over this amount, so many seconds ago.
fn deal(owner: &str, webhook: &str, event: &str, amount: &str, seconds: i64) -> DeliveryRecord {
    let mut record = delivered(owner, webhook, event, now() - seconds.seconds());
    record.delivery.payload = format!(r#"{{"type":"deal.won","id":"{event}","data":{{"amount":{amount}}}}}"#).into();
    record
}

#[tokio::test]
async fn conditions_are_set_changed_kept_and_removed() {
    let api = Api::start().await;
    let client = api.admin().await;
    let plain = create(&client, &erp_sync()).await;
    assert_eq!(plain["conditions"], json!([]));
    let mut form = large_deals();
    form["conditions"] = json!([
        {"field": "amount", "op": "gt", "value": "1000"},
        {"field": "owner.name", "op": "exists", "value": null},
        {"field": "actor", "op": "actor_ne", "value": "int_7"},
    ]);
    let webhook = create(&client, &form).await;
    let path = format!("/api/v1/webhooks/{}", id(&webhook));
    let shown = json!([
        {"field": "amount", "op": "gt", "value": "1000"},
        {"field": "owner.name", "op": "exists"},
        {"field": "actor", "op": "actor_ne", "value": "int_7"},
    ]);
    assert_eq!(webhook["conditions"], shown);
    let renamed = ok(&client.patch(&path, &json!({"name": "Large"})).await.unwrap());
    assert_eq!(renamed["conditions"], shown);
    let viewer = api.client(ACCOUNT, Role::Viewer).await;
    assert_eq!(ok(&viewer.get(&path).await.unwrap())["conditions"], shown);
    let one = json!([{"field": "stage", "op": "changed_to", "value": "won"}]);
    let changed = ok(&client.patch(&path, &json!({"conditions": one})).await.unwrap());
    assert_eq!(changed["conditions"], one);
    let removed = ok(&client.patch(&path, &json!({"conditions": null})).await.unwrap());
    assert_eq!(removed["conditions"], json!([]));
    let audit = ok(&client.get(&format!("{path}/audit")).await.unwrap());
    assert_eq!(
        (&audit["data"][0]["detail"], &audit["data"][1]["detail"]),
        (&json!("conditions"), &json!("conditions"))
    );
    problem(&viewer.patch(&path, &json!({"conditions": one})).await.unwrap(), 403);
    let stranger = api.client(OTHER_ACCOUNT, Role::Admin).await;
    problem(&stranger.patch(&path, &json!({"conditions": one})).await.unwrap(), 404);
}

#[tokio::test]
async fn every_wrong_condition_is_named() {
    let api = Api::start().await;
    let client = api.admin().await;
    let mut form = erp_sync();
    form["conditions"] = json!([
        {"field": "amount", "op": "gt", "value": "1000"},
        {"field": "a..b", "op": "eq", "value": "1"},
        {"field": "x".repeat(101), "op": "like", "value": "1"},
        {"field": "amount", "op": "lt", "value": "many"},
        {"field": "amount", "op": "eq", "value": "x".repeat(201)},
        {"field": "amount", "op": "changed", "value": "1"},
        {"field": "amount", "op": "actor_ne", "value": "1"},
        {"field": "a.b.c.d.e.f.g.h.i", "op": "exists"},
        {},
    ]);
    assert_eq!(
        field_errors(&client.post("/api/v1/webhooks", &form).await.unwrap()),
        expected(&[
            ("/conditions/1/field", "invalid_field"),
            ("/conditions/2/field", "too_long"),
            ("/conditions/2/op", "unknown_operator"),
            ("/conditions/3/value", "invalid_value"),
            ("/conditions/4/value", "too_long"),
            ("/conditions/5/value", "unexpected_value"),
            ("/conditions/6/field", "actor_only"),
            ("/conditions/7/field", "invalid_field"),
            ("/conditions/8/field", "required"),
            ("/conditions/8/op", "unknown_operator"),
        ])
    );
    for (conditions, errors) in [
        (json!({}), [("/conditions", "wrong_type")]),
        (json!([1]), [("/conditions/0", "wrong_type")]),
        (
            json!(vec![json!({"field": "a", "op": "exists"}); 11]),
            [("/conditions", "too_long")],
        ),
        (
            json!([{"field": "a", "op": "eq", "value": 1}]),
            [("/conditions/0/value", "wrong_type")],
        ),
        (
            json!([{"field": "a", "op": "exists", "x": 1}]),
            [("/conditions/0/x", "unknown_field")],
        ),
    ] {
        form["conditions"] = conditions;
        assert_eq!(
            field_errors(&client.post("/api/v1/webhooks", &form).await.unwrap()),
            expected(&errors)
        );
    }
}

#[tokio::test]
async fn a_star_subscribes_to_every_event_and_stands_alone() {
    let api = Api::start().await;
    let client = api.admin().await;
    let mut form = erp_sync();
    form["event_types"] = json!(["*"]);
    let webhook = create(&client, &form).await;
    assert_eq!(webhook["event_types"], json!(["*"]));
    let path = format!("/api/v1/webhooks/{}", id(&webhook));
    assert_eq!(ok(&client.get(&path).await.unwrap())["event_types"], json!(["*"]));
    create(&client, &erp_sync()).await;
    for (event_type, found) in [("deal.won", 2), ("task.completed", 1)] {
        let list = client
            .get(&format!("/api/v1/webhooks?event_type={event_type}"))
            .await
            .unwrap();
        assert_eq!(ok(&list)["data"].as_array().unwrap().len(), found, "{event_type}");
    }
    let one = ok(&client
        .patch(&path, &json!({"event_types": ["deal.won"]}))
        .await
        .unwrap());
    assert_eq!(one["event_types"], json!(["deal.won"]));
    let again = ok(&client.patch(&path, &json!({"event_types": ["*"]})).await.unwrap());
    assert_eq!(again["event_types"], json!(["*"]));
    let beside = client
        .patch(&path, &json!({"event_types": ["deal.won", "*"]}))
        .await
        .unwrap();
    assert_eq!(field_errors(&beside), expected(&[("/event_types/0", "not_alone")]));
    let recover = json!({"since": "2026-01-01T00:00:00Z", "event_types": ["*"]});
    let recover = client.post(&format!("{path}/recover"), &recover).await.unwrap();
    assert_eq!(
        field_errors(&recover),
        expected(&[("/event_types/0", "unknown_event_type")])
    );
}

#[tokio::test]
async fn a_preview_evaluates_the_accounts_own_latest_events() {
    let api = Api::start().await;
    let client = api.admin().await;
    let first = id(&create(&client, &erp_sync()).await).to_owned();
    let second = id(&create(&client, &erp_sync()).await).to_owned();
    let stranger = api.client(OTHER_ACCOUNT, Role::Admin).await;
    let theirs = id(&create(&stranger, &erp_sync()).await).to_owned();
    let mut records = vec![
        deal(OTHER_ACCOUNT, &theirs, "theirs", "9000", 1),
        deal(ACCOUNT, &first, "old", "9000", 31 * 86_400),
    ];
    // Both webhooks got each event, which counts once.
    for webhook in [&first, &second] {
        records.extend([
            deal(ACCOUNT, webhook, "small", "999.99", 400),
            deal(ACCOUNT, webhook, "large", "\"12000.00\"", 300),
            deal(ACCOUNT, webhook, "larger", "1e4", 200),
            deal(ACCOUNT, webhook, "odd", "{}", 100),
        ]);
    }
    let days = records.iter().map(|record| record.delivery.accepted_at);
    let sql = api.sql().await;
    for day in days {
        sql.execute(
            "SELECT create_log_partitions(($1::timestamptz AT TIME ZONE 'UTC')::date)",
            &[&day],
        )
        .await
        .unwrap();
    }
    api.database.record(&records, AUTO_PAUSE).await.unwrap();
    let wanted = json!({"event_types": ["deal.won"], "conditions": large_deals()["conditions"]});
    let preview = ok(&client.post(PREVIEW, &wanted).await.unwrap());
    let numbers = ["seen", "sampled", "matched", "peak_per_minute"].map(|name| preview[name].as_i64().unwrap());
    assert_eq!(numbers, [4, 4, 2, 1], "{preview:#}");
    let ids = |list: &Value| -> Vec<String> {
        let examples = list.as_array().unwrap().iter();
        examples
            .map(|example| example["event_id"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(ids(&preview["matching"]), ["larger", "large"]);
    assert_eq!(ids(&preview["not_matching"]), ["odd", "small"]);
    assert_eq!(preview["not_matching"][0]["pointer"], "/conditions/0");
    assert_eq!(preview["matching"][0]["event_type"], "deal.won");
    for (wanted, matched) in [
        (json!({"event_types": ["*"]}), 4),
        (json!({"event_types": ["deal.won"], "conditions": null}), 4),
        (json!({"event_types": ["deal.lost"]}), 0),
    ] {
        let preview = ok(&client.post(PREVIEW, &wanted).await.unwrap());
        assert_eq!(preview["matched"], matched, "{wanted}");
    }
    let theirs = ok(&stranger.post(PREVIEW, &wanted).await.unwrap());
    assert_eq!(ids(&theirs["matching"]), ["theirs"]);
    let viewer = api.client(ACCOUNT, Role::Viewer).await;
    problem(&viewer.post(PREVIEW, &wanted).await.unwrap(), 403);
    let wrong = json!({"conditions": [{"field": "a", "op": "is"}], "x": 1});
    assert_eq!(
        field_errors(&client.post(PREVIEW, &wrong).await.unwrap()),
        expected(&[
            ("/x", "unknown_field"),
            ("/event_types", "required"),
            ("/conditions/0/op", "unknown_operator"),
        ])
    );
}

#[tokio::test]
async fn a_search_and_a_try_name_the_condition_that_does_not_hold() {
    let api = Api::start().await;
    let client = api.admin().await;
    let plain = id(&create(&client, &erp_sync()).await).to_owned();
    let large = id(&create(&client, &large_deals()).await).to_owned();
    let record = deal(ACCOUNT, &plain, "evt-small", "500", -1);
    api.database.record(&[record], AUTO_PAUSE).await.unwrap();
    let why = "Its condition does not hold: amount is greater than 1000";
    let found = ok(&client.get("/api/v1/find?q=evt-small").await.unwrap());
    let of = |list: &Value, key: &str| {
        let mut webhooks = list.as_array().unwrap().iter();
        webhooks.find(|webhook| webhook[key] == large).unwrap().clone()
    };
    let verdict = of(&found["events"][0]["webhooks"], "webhook_id");
    assert_eq!(
        (&verdict["verdict"], &verdict["detail"]),
        (&json!("condition_false"), &json!(why))
    );
    for (amount, would_get) in [("500", false), ("1000.01", true)] {
        let event = format!(
            r#"{{"specversion":"1.0","id":"e","source":"/crm","type":"deal.won","account":"{ACCOUNT}","data":{{"amount":{amount}}}}}"#
        );
        let event: Value = serde_json::from_str(&event).unwrap();
        let checked = ok(&client.post("/api/v1/events/check", &event).await.unwrap());
        let large = of(&checked["webhooks"], "id");
        assert_eq!(large["would_get"], would_get, "{large}");
        assert!(would_get || large["why"] == why, "{large}");
    }
}
