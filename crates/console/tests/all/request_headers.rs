//! Request headers, description and limit of a webhook.

use domain::Role;
use serde_json::json;

use crate::api::{ACCOUNT, Api, OTHER_ACCOUNT, create, erp_sync, field_errors, id, ok, problem};
use crate::pages::browser::{Browser, LIST, location};
use crate::webhooks::with_header;

#[tokio::test]
async fn headers_are_replaced_and_sensitive_values_are_never_shown() {
    let api = Api::start().await;
    let client = api.admin().await;
    let webhook = create(&client, &erp_sync()).await;
    let path = format!("/api/v1/webhooks/{}/headers", id(&webhook));
    assert_eq!(
        ok(&client.get(&path).await.unwrap()),
        json!({"headers": {}, "sensitive": []})
    );
    let given = json!({"headers": {"X-Env": "prod", "Authorization": "Bearer canary", "x-plain": "1"}, "sensitive": ["x-plain"]});
    let shown = json!({"headers": {"x-env": "prod"}, "sensitive": ["authorization", "x-plain"]});
    assert_eq!(ok(&client.put(&path, &given).await.unwrap()), shown);
    let viewer = api.client(ACCOUNT, Role::Viewer).await;
    assert_eq!(ok(&viewer.get(&path).await.unwrap()), shown);
    problem(&viewer.put(&path, &given).await.unwrap(), 403);
    // What was read can be sent back, and null keeps a value.
    assert_eq!(ok(&client.put(&path, &shown).await.unwrap()), shown);
    let kept = json!({"headers": {"authorization": null}});
    assert_eq!(
        ok(&client.put(&path, &kept).await.unwrap()),
        json!({"headers": {}, "sensitive": ["authorization"]})
    );
    let one = ok(&client.get(&format!("/api/v1/webhooks/{}", id(&webhook))).await.unwrap());
    assert_eq!(one["headers"], json!(["authorization"]));
    let endpoint = api
        .database
        .endpoint(id(&webhook).parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(endpoint.headers[0].expose(), "Bearer canary");
    let stranger = api.client(OTHER_ACCOUNT, Role::Admin).await;
    problem(&stranger.get(&path).await.unwrap(), 404);
    problem(&stranger.put(&path, &given).await.unwrap(), 404);
}

#[tokio::test]
async fn every_wrong_header_is_named() {
    let api = Api::start().await;
    let client = api.admin().await;
    let webhook = create(&client, &erp_sync()).await;
    let path = format!("/api/v1/webhooks/{}/headers", id(&webhook));
    let wrong = json!({
        "headers": {"host": "x", "content-type": "x", "a b": "x", "x-a": "\r\n", "x-b": 1, "x-c": null},
        "sensitive": ["x-d"],
        "more": 1
    });
    let answer = client.put(&path, &wrong).await.unwrap();
    let mut errors = field_errors(&answer);
    errors.sort_unstable();
    assert_eq!(
        errors,
        [
            ("/headers/x-b", "wrong_type"),
            ("/more", "unknown_field"),
            ("/sensitive/0", "required")
        ]
        .map(|(at, code)| (at.to_owned(), code.to_owned())),
    );
    let wrong = json!({
        "headers": {"host": "x", "content-type": "x", "a b": "x", "x-a": "\r\n", "x-c": null},
        "sensitive": ["x-d"]
    });
    let mut errors = field_errors(&client.put(&path, &wrong).await.unwrap());
    errors.sort_unstable();
    let expected = [
        ("/headers/a b", "invalid_header_name"),
        ("/headers/content-type", "reserved_header"),
        ("/headers/host", "reserved_header"),
        ("/headers/x-a", "invalid_header_value"),
        ("/headers/x-c", "required"),
        ("/sensitive/0", "required"),
    ];
    assert_eq!(errors, expected.map(|(at, code)| (at.to_owned(), code.to_owned())));
    for wrong in [
        json!({}),
        json!({"headers": null}),
        json!({"headers": []}),
        json!({"headers": "x"}),
    ] {
        problem(&client.put(&path, &wrong).await.unwrap(), 422);
    }
}

#[tokio::test]
async fn description_and_limit_are_set_changed_and_removed() {
    let api = Api::start().await;
    let client = api.admin().await;
    let mut form = erp_sync();
    form["description"] = json!("  Orders for the ERP\nowner: Ana ");
    form["max_per_second"] = json!(5);
    let webhook = create(&client, &form).await;
    assert_eq!(
        (&webhook["description"], &webhook["max_per_second"]),
        (&json!("Orders for the ERP\nowner: Ana"), &json!(5))
    );
    let path = format!("/api/v1/webhooks/{}", id(&webhook));
    let renamed = ok(&client.patch(&path, &json!({"name": "ERP"})).await.unwrap());
    assert_eq!(
        (&renamed["max_per_second"], &renamed["headers"]),
        (&json!(5), &json!([]))
    );
    let without = json!({"description": null, "max_per_second": null});
    let without = ok(&client.patch(&path, &without).await.unwrap());
    assert_eq!(
        (&without["description"], &without["max_per_second"]),
        (&json!(""), &json!(null))
    );
    for (wrong, code) in [
        (json!({"max_per_second": 0}), "out_of_range"),
        (json!({"max_per_second": 1001}), "out_of_range"),
        (json!({"max_per_second": 1.5}), "wrong_type"),
        (json!({"max_per_second": "5"}), "wrong_type"),
        (json!({"description": "x".repeat(501)}), "too_long"),
        (json!({"description": "\u{0}"}), "forbidden_character"),
    ] {
        let answer = client.patch(&path, &wrong).await.unwrap();
        assert_eq!(field_errors(&answer)[0].1, code, "{wrong}");
    }
}

#[tokio::test]
async fn headers_of_another_version_are_not_replaced() {
    let api = Api::start().await;
    let client = api.admin().await;
    let webhook = create(&client, &erp_sync()).await;
    let path = format!("/api/v1/webhooks/{}/headers", id(&webhook));
    let first = r#"{"headers":{"authorization":"Bearer first"}}"#;
    let put = async |version: &str| with_header(&client, "PUT", &path, ("if-match", version), first).await;
    ok(&put("\"1\"").await);
    problem(&put("\"1\"").await, 412);
    ok(&put("*").await);
}

#[tokio::test]
async fn a_value_that_is_kept_is_the_present_one() {
    let api = Api::start().await;
    let client = api.admin().await;
    let webhook = create(&client, &erp_sync()).await;
    let path = format!("/api/v1/webhooks/{}/headers", id(&webhook));
    // A PUT that keeps the stored value (null) does not undo a concurrent PUT that replaces the value.
    for number in 0..10 {
        let given = json!({"headers": {"authorization": format!("Bearer {number}")}});
        ok(&client.put(&path, &given).await.unwrap());
        let replaced = json!({"headers": {"authorization": format!("Bearer new {number}")}});
        let kept = json!({"headers": {"authorization": null, "x-env": "prod"}});
        let (replaced, kept) = tokio::join!(client.put(&path, &replaced), client.put(&path, &kept));
        ok(&replaced.unwrap());
        ok(&kept.unwrap());
        let endpoint = api
            .database
            .endpoint(id(&webhook).parse().unwrap())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(endpoint.headers[0].expose(), format!("Bearer new {number}"));
    }
}

#[tokio::test]
async fn a_header_is_removed_by_clearing_its_name_and_a_form_of_before_replaces_nothing() {
    let api = Api::start().await;
    let mut browser = Browser::admin(&api).await;
    let webhook = browser.add_webhook("ERP Sync").await;
    let path = format!("{webhook}/headers");
    let fields = [
        ("name-0", "X-Env"),
        ("value-0", "prod"),
        ("name-1", "X-Team"),
        ("value-1", "crm"),
    ];
    browser.post(&path, &fields).await;
    let page = browser.page(&path).await;
    assert!(page.contains("name=\"version\" value=\"2\""), "{page}");
    // What a browser sends of the form as it was served, with one name cleared.
    let cleared = [
        ("version", "2"),
        ("name-0", ""),
        ("value-0", "prod"),
        ("stored-0", "1"),
        ("name-1", "x-team"),
        ("value-1", "crm"),
        ("stored-1", "1"),
        ("name-2", ""),
        ("value-2", ""),
    ];
    assert_eq!(
        location(&browser.post(&path, &cleared).await),
        format!("{webhook}?done=headers")
    );
    let page = browser.page(&path).await;
    assert!(page.contains("x-team") && !page.contains("x-env"), "{page}");
    let late = browser.post(&path, &cleared).await;
    assert_eq!(late.status, 409);
    assert!(
        late.text().contains("Somebody else has changed this webhook"),
        "{}",
        late.text()
    );
    // A value without a name is a mistake, unless its header was stored.
    let forgotten = browser.post(&path, &[("name-0", ""), ("value-0", "prod")]).await;
    assert_eq!(forgotten.status, 422);
    let empty = browser
        .post(&path, &[("name-0", "Authorization"), ("value-0", "")])
        .await;
    assert_eq!(empty.status, 422);
    assert!(empty.text().contains("A value is required"), "{}", empty.text());
}

#[tokio::test]
async fn the_page_keeps_sensitive_values_that_are_not_typed_again() {
    let api = Api::start().await;
    let mut browser = Browser::admin(&api).await;
    let webhook = browser.add_webhook("ERP Sync").await;
    let path = format!("{webhook}/headers");
    let fields = [
        ("name-0", "Authorization"),
        ("value-0", "Bearer canary"),
        ("name-1", "X-Env"),
        ("value-1", "prod"),
    ];
    assert_eq!(
        location(&browser.post(&path, &fields).await),
        format!("{webhook}?done=headers")
    );
    let page = browser.page(&path).await;
    assert!(page.contains("value=\"prod\"") && !page.contains("canary"), "{page}");
    let fields = [
        ("name-0", "authorization"),
        ("stored-0", "1"),
        ("hidden-0", "1"),
        ("sensitive-0", "1"),
        ("name-1", "host"),
        ("value-1", "x"),
    ];
    let refused = browser.post(&path, &fields).await;
    assert_eq!(refused.status, 422);
    assert!(
        refused.text().contains("This header is set by the service"),
        "{}",
        refused.text()
    );
    assert_eq!(
        location(&browser.post(&path, &fields[..4]).await),
        format!("{webhook}?done=headers")
    );
    let shown = browser.page(&webhook).await;
    assert!(
        shown.contains("<code>authorization</code>") && !shown.contains("<code>x-env</code>"),
        "{shown}"
    );
    let id = webhook.strip_prefix(&format!("{LIST}/")).unwrap();
    let endpoint = api.database.endpoint(id.parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(endpoint.headers[0].expose(), "Bearer canary");
}
