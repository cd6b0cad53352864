//! Adding, listing, reading, editing and deleting webhooks.

use std::collections::BTreeSet;

use bytes::Bytes;
use http::{Request, StatusCode};
use serde_json::{Value, json};
use store::tokens::Role;
use testkit::http::{Client, Response};

use crate::api::{ACCOUNT, Api, create, erp_sync, expected, field_errors, id, ok, problem};

const MEMBERS: [&str; 17] = [
    "account",
    "conditions",
    "consecutive_failures",
    "created_at",
    "description",
    "event_types",
    "headers",
    "held",
    "id",
    "max_per_second",
    "name",
    "oldest_held_at",
    "paused_at",
    "paused_reason",
    "status",
    "updated_at",
    "url",
];

fn members(object: &Value) -> Vec<&str> {
    let mut members: Vec<_> = object.as_object().unwrap().keys().map(String::as_str).collect();
    members.sort_unstable();
    members
}

/// A request with a body, or none, and one more header.
pub async fn with_header(client: &Client, method: &str, path: &str, header: (&str, &str), body: &str) -> Response {
    let request = Request::builder().method(method).uri(path).header(header.0, header.1);
    let request = if header.0 == "content-type" {
        request
    } else {
        request.header("content-type", "application/json")
    };
    client
        .send(request.body(Bytes::copy_from_slice(body.as_bytes())).unwrap())
        .await
        .unwrap()
}

#[tokio::test]
async fn the_life_of_a_webhook() {
    let api = Api::start_below("/apps/webhooks").await;
    let token = api.token(ACCOUNT, Role::Admin).await;
    let client = Client::new(format!("http://{}/apps/webhooks", api.address)).with_bearer(&token);

    let answer = client.post("/api/v1/webhooks", &erp_sync()).await.unwrap();
    assert_eq!(
        (answer.status, &answer.headers["etag"]),
        (StatusCode::CREATED, &"\"1\"".parse().unwrap())
    );
    let mut created: Value = answer.json().unwrap();
    let path = format!("/api/v1/webhooks/{}", id(&created));
    assert_eq!(
        answer.headers["location"].to_str().unwrap(),
        format!("/apps/webhooks{path}")
    );
    let secret = created.as_object_mut().unwrap().remove("secret").unwrap();
    assert!(secret.as_str().unwrap().starts_with("whsec_"));
    assert_eq!(members(&created), MEMBERS);
    for (member, value) in erp_sync().as_object().unwrap() {
        assert_eq!(created[member], *value);
    }
    assert_eq!(
        (&created["account"], &created["status"], &created["held"]),
        (&json!(ACCOUNT), &json!("active"), &json!(0))
    );
    assert!(created["created_at"].as_str().unwrap().ends_with('Z'));

    let shown = client.get(&path).await.unwrap();
    assert_eq!(shown.headers["etag"], "\"1\"");
    assert_eq!(ok(&shown), created);
    assert_eq!(
        ok(&client.get("/api/v1/webhooks").await.unwrap()),
        json!({"data": [created], "next_cursor": null})
    );

    let edited = client
        .patch(&path, &json!({"name": " Ledger ", "event_types": ["deal.lost"]}))
        .await
        .unwrap();
    assert_eq!(edited.headers["etag"], "\"2\"");
    let edited = ok(&edited);
    assert_eq!(
        (&edited["name"], &edited["event_types"]),
        (&json!("Ledger"), &json!(["deal.lost"]))
    );
    assert_eq!(
        (&edited["url"], &edited["created_at"]),
        (&created["url"], &created["created_at"])
    );
    assert_ne!(edited["updated_at"], created["updated_at"]);

    let deleted = client.delete(&path).await.unwrap();
    assert_eq!((deleted.status, deleted.body.len()), (StatusCode::NO_CONTENT, 0));
    for gone in [
        client.get(&path).await,
        client.delete(&path).await,
        client.patch(&path, &json!({})).await,
    ] {
        problem(&gone.unwrap(), 404);
    }
    let log = format!("{path}/deliveries");
    assert_eq!(ok(&client.get(&log).await.unwrap())["data"], json!([]), "its log stays");
    assert_eq!(ok(&client.get("/api/v1/webhooks").await.unwrap())["data"], json!([]));
    let outside = Client::new(format!("http://{}", api.address)).with_bearer(&token);
    problem(&outside.get("/api/v1/webhooks").await.unwrap(), 404);
}

#[tokio::test]
async fn a_secret_is_generated_or_taken_and_shown_once() {
    let api = Api::start().await;
    let client = api.admin().await;
    let with_secret = |secret: Value| {
        let mut body = erp_sync();
        body["secret"] = secret;
        body
    };
    let custom = create(&client, &with_secret(json!("a plain old password"))).await;
    assert_eq!(custom["secret"], "a plain old password");
    assert_eq!(custom["secret_whsec"], "whsec_YSBwbGFpbiBvbGQgcGFzc3dvcmQ=");
    let own = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";
    let taken = create(&client, &with_secret(json!(own))).await;
    assert_eq!((&taken["secret"], taken.get("secret_whsec")), (&json!(own), None));
    let generated = create(&client, &with_secret(Value::Null)).await;
    assert_eq!(generated["secret"].as_str().unwrap().len(), "whsec_".len() + 44);

    for secret in [
        json!("short"),
        json!("whsec_not base64"),
        json!(""),
        json!(" padded with a space"),
        json!("ключ ключ ключ ключ"),
    ] {
        let refused = client.post("/api/v1/webhooks", &with_secret(secret)).await.unwrap();
        assert_eq!(field_errors(&refused)[0].0, "/secret");
    }
    let list = client.get("/api/v1/webhooks").await.unwrap().text();
    let one = client
        .get(&format!("/api/v1/webhooks/{}", id(&custom)))
        .await
        .unwrap()
        .text();
    for text in [list, one] {
        assert!(
            !text.contains("secret") && !text.contains("whsec_") && !text.contains("plain old"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn everything_wrong_is_told_at_once_in_the_words_of_the_form() {
    let api = Api::start().await;
    let client = api.admin().await;
    let body =
        json!({"name": "", "url": "http://erp.example.com", "event_types": ["deal.wun"], "secret": 5, "color": 1});
    let refused = client.post("/api/v1/webhooks", &body).await.unwrap();
    let https = json!({"pointer": "/url", "code": "https_required", "detail": "Webhook URL must use HTTPS"});
    assert!(problem(&refused, 422)["errors"].as_array().unwrap().contains(&https));
    let found: BTreeSet<_> = field_errors(&refused).into_iter().collect();
    let all = [
        ("/name", "required"),
        ("/url", "https_required"),
        ("/event_types/0", "unknown_event_type"),
        ("/secret", "wrong_type"),
        ("/color", "unknown_field"),
    ];
    assert_eq!(found, expected(&all).into_iter().collect());
    let empty = client.post("/api/v1/webhooks", &json!({})).await.unwrap();
    assert_eq!(field_errors(&empty).len(), 3);
    assert_eq!(ok(&client.get("/api/v1/webhooks").await.unwrap())["data"], json!([]));
}

#[tokio::test]
async fn an_edit_is_judged_like_a_new_webhook() {
    let api = Api::start().await;
    let client = api.admin().await;
    let created = create(&client, &erp_sync()).await;
    let path = format!("/api/v1/webhooks/{}", id(&created));
    for (body, errors) in [
        (
            json!({"url": "https://127.0.0.1/"}),
            vec![("/url", "address_not_allowed")],
        ),
        (
            json!({"url": null, "name": null, "event_types": null}),
            vec![
                ("/name", "required"),
                ("/url", "required"),
                ("/event_types", "required"),
            ],
        ),
        (json!({"event_types": []}), vec![("/event_types", "required")]),
        (
            json!({"secret": "a plain old password"}),
            vec![("/secret", "unknown_field")],
        ),
        (json!({"status": "paused"}), vec![("/status", "unknown_field")]),
    ] {
        assert_eq!(
            field_errors(&client.patch(&path, &body).await.unwrap()),
            expected(&errors),
            "{body}"
        );
    }
    let merge_patch = ("content-type", "application/merge-patch+json");
    let edited = with_header(
        &client,
        "PATCH",
        &path,
        merge_patch,
        r#"{"url":"HTTPS://ERP.example.com:443/a/../b"}"#,
    )
    .await;
    assert_eq!(ok(&edited)["url"], "https://erp.example.com/b");
    problem(
        &with_header(
            &client,
            "PATCH",
            &path,
            ("content-type", "application/json-patch+json"),
            "[]",
        )
        .await,
        415,
    );
}

#[tokio::test]
async fn if_match_guards_against_lost_edits() {
    let api = Api::start().await;
    let client = api.admin().await;
    let created = create(&client, &erp_sync()).await;
    let path = format!("/api/v1/webhooks/{}", id(&created));
    let patch = async |tag: &str| with_header(&client, "PATCH", &path, ("if-match", tag), r#"{"name":"x"}"#).await;
    assert_eq!(patch("\"1\"").await.headers["etag"], "\"2\"");
    problem(&patch("\"1\"").await, 412);
    problem(&patch("W/\"1\"").await, 412);
    problem(&patch("nonsense").await, 412);
    // As a proxy that compresses answers hands our tags on.
    assert_eq!(patch("W/\"9\", W/\"2\"").await.headers["etag"], "\"3\"");
    assert_eq!(patch("*").await.headers["etag"], "\"4\"");
    problem(
        &with_header(&client, "DELETE", &path, ("if-match", "\"3\""), "").await,
        412,
    );
    let deleted = with_header(&client, "DELETE", &path, ("if-match", "\"4\""), "").await;
    assert_eq!(deleted.status, StatusCode::NO_CONTENT);
    problem(&patch("*").await, 404);
}

#[tokio::test]
async fn of_two_conditional_edits_at_once_one_wins() {
    let api = Api::start().await;
    let client = api.admin().await;
    let created = create(&client, &erp_sync()).await;
    let path = format!("/api/v1/webhooks/{}", id(&created));
    for version in 1..=5 {
        let tag = format!("\"{version}\"");
        let edit = || with_header(&client, "PATCH", &path, ("if-match", &tag), r#"{"name":"x"}"#);
        let (left, right) = tokio::join!(edit(), edit());
        let mut statuses = [left.status.as_u16(), right.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 412]);
    }
}

#[tokio::test]
async fn pages_hold_every_webhook_once() {
    let api = Api::start().await;
    let client = api.admin().await;
    let mut expected = Vec::new();
    for number in 0..7 {
        let mut body = erp_sync();
        body["name"] = json!(format!("number {number}"));
        expected.push(create(&client, &body).await["name"].clone());
    }
    let (mut seen, mut path) = (Vec::new(), "/api/v1/webhooks?limit=3".to_owned());
    loop {
        let page = ok(&client.get(&path).await.unwrap());
        seen.extend(
            page["data"]
                .as_array()
                .unwrap()
                .iter()
                .map(|webhook| webhook["name"].clone()),
        );
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("/api/v1/webhooks?limit=3&cursor={cursor}");
    }
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn filters_narrow_the_list_and_a_cursor_keeps_to_its_filter() {
    let api = Api::start().await;
    let client = api.admin().await;
    for (name, event_type) in [
        ("Sales one", "deal.won"),
        ("Sales two", "deal.lost"),
        ("Ledger", "deal.won"),
    ] {
        let mut body = erp_sync();
        body["name"] = json!(name);
        body["event_types"] = json!([event_type]);
        create(&client, &body).await;
    }
    let list = async |query: &str| ok(&client.get(&format!("/api/v1/webhooks?{query}")).await.unwrap());
    let names = async |query: &str| -> Vec<String> {
        let page = list(query).await;
        let names = page["data"].as_array().unwrap().iter().map(|webhook| &webhook["name"]);
        names.map(|name| name.as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names("search=sales").await, ["Sales one", "Sales two"]);
    assert_eq!(names("event_type=deal.won").await, ["Sales one", "Ledger"]);
    assert_eq!(
        names("search=SALES&event_type=deal.lost&status=active").await,
        ["Sales two"]
    );
    assert_eq!(names("status=paused").await, Vec::<String>::new());
    assert_eq!(names("search=&status=").await.len(), 3);

    let first = list("search=sales&limit=1").await;
    let cursor = first["next_cursor"].as_str().unwrap();
    assert_eq!(
        names(&format!("search=sales&limit=1&cursor={cursor}")).await,
        ["Sales two"]
    );
    for other in ["", "search=sale&", "event_type=deal.won&"] {
        let path = format!("/api/v1/webhooks?{other}cursor={cursor}");
        problem(&client.get(&path).await.unwrap(), 400);
    }
}

#[tokio::test]
async fn a_filter_of_webhooks_that_is_none_is_refused() {
    let api = Api::start().await;
    let client = api.admin().await;
    let long = format!("search={}", "x".repeat(201));
    for (query, pointer) in [
        ("status=lost", "/status"),
        ("event_type=deal.*", "/event_type"),
        ("search=%00", "/search"),
        (&long, "/search"),
    ] {
        let refused = client.get(&format!("/api/v1/webhooks?{query}")).await.unwrap();
        assert_eq!(
            field_errors(&refused),
            [(pointer.to_owned(), "invalid_value".to_owned())]
        );
    }
}

#[tokio::test]
async fn an_account_has_a_thousand_webhooks_at_most() {
    let api = Api::start().await;
    let client = api.admin().await;
    let fill = "INSERT INTO webhooks (id, account, name, url, event_types)
        SELECT gen_random_uuid(), $1, 'filler', 'https://erp.example.com/', '{deal.won}' FROM generate_series(1, 999)";
    api.sql().await.execute(fill, &[&ACCOUNT]).await.unwrap();
    let body = erp_sync();
    let racing = tokio::join!(
        client.post("/api/v1/webhooks", &body),
        client.post("/api/v1/webhooks", &body)
    );
    let (left, right) = (racing.0.unwrap(), racing.1.unwrap());
    let (added, refused) = if left.status == StatusCode::CREATED {
        (left, right)
    } else {
        (right, left)
    };
    assert_eq!(added.status, StatusCode::CREATED);
    assert!(problem(&refused, 409)["detail"].as_str().unwrap().contains("1000"));
    let other = api.client("globex", Role::Admin).await;
    create(&other, &body).await;
}

#[tokio::test]
async fn hostile_texts_are_kept_as_texts_or_refused() {
    let api = Api::start().await;
    let client = api.admin().await;
    for name in [
        "'); DROP TABLE webhooks; --",
        "<script>alert(1)</script>",
        "=cmd|' /C calc'!A0",
        "שלום 🎉 e\u{301} \u{202e}gnp",
        "${jndi:ldap://x}",
        "\u{fffd}\u{ffff}",
    ] {
        let mut body = erp_sync();
        body["name"] = json!(name);
        assert_eq!(create(&client, &body).await["name"], name);
    }
    for (name, code) in [
        ("a\0b".to_owned(), "forbidden_character"),
        ("a\u{9f}".to_owned(), "forbidden_character"),
        ("x".repeat(101), "too_long"),
        ("x".repeat(900_000), "too_long"),
    ] {
        let mut body = erp_sync();
        body["name"] = json!(name);
        let refused = client.post("/api/v1/webhooks", &body).await.unwrap();
        assert_eq!(field_errors(&refused), expected(&[("/name", code)]));
    }
    for url in [
        "https://erp.example.com/\0",
        "javascript:alert(1)",
        "https://user:pw@erp.example.com/",
        "https://localhost/",
    ] {
        let mut body = erp_sync();
        body["url"] = json!(url);
        assert_eq!(
            field_errors(&client.post("/api/v1/webhooks", &body).await.unwrap())[0].0,
            "/url",
            "{url}"
        );
    }
    let list = ok(&client.get("/api/v1/webhooks").await.unwrap());
    assert_eq!(list["data"].as_array().unwrap().len(), 6);
}
