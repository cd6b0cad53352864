//! Did it go, and if not, why.

use domain::{EventCount, WebhookId};
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};
use store::tokens::Role;
use testkit::http::Client;

use crate::api::{ACCOUNT, AUTO_PAUSE, Api, OTHER_ACCOUNT, account, create, expected, field_errors, id, ok};
use crate::deliveries::{delivered, failed, held, now};
use crate::pages::browser::{Browser, LIST};

async fn webhook(client: &Client, name: &str, event_types: &[&str]) -> String {
    let form = json!({"name": name, "url": "https://erp.example.com/hook", "event_types": event_types});
    id(&create(client, &form).await).to_owned()
}

async fn find(client: &Client, query: &str) -> Value {
    ok(&client.get(&format!("/api/v1/find?{query}")).await.unwrap())
}

/// Name, verdict and whether there is a delivery, of each webhook of the first event.
fn verdicts(found: &Value) -> Vec<(Option<&str>, &str, bool)> {
    let webhooks = found["events"][0]["webhooks"].as_array().unwrap();
    webhooks
        .iter()
        .map(|webhook| {
            (
                webhook["name"].as_str(),
                webhook["verdict"].as_str().unwrap(),
                !webhook["delivery_id"].is_null(),
            )
        })
        .collect()
}

/// An event that five webhooks experienced differently.
struct Scene {
    api: Api,
    client: Client,
    delivery: String,
    at: Timestamp,
}

impl Scene {
    async fn start() -> Self {
        let api = Api::start().await;
        let client = api.admin().await;
        let at = now() + 1.seconds();
        let erp = webhook(&client, "ERP Sync", &["deal.won"]).await;
        let lake = webhook(&client, "Data lake", &["deal.won"]).await;
        let gone = webhook(&client, "Gone", &["deal.won"]).await;
        webhook(&client, "Billing", &["invoice.paid"]).await;
        let mut records = [
            delivered(ACCOUNT, &erp, "evt-1", at),
            held(ACCOUNT, &lake, "evt-1", at),
            held(ACCOUNT, &gone, "evt-1", at),
        ];
        for record in &mut records {
            record.delivery.subject = Some("deals/9001".to_owned());
        }
        api.database.record(&records, AUTO_PAUSE).await.unwrap();
        client
            .post(&format!("/api/v1/webhooks/{lake}/pause"), &json!({}))
            .await
            .unwrap();
        client.delete(&format!("/api/v1/webhooks/{gone}")).await.unwrap();
        let newer: WebhookId = webhook(&client, "Slack bridge", &["deal.won"]).await.parse().unwrap();
        let later = "UPDATE webhooks SET created_at = $2, updated_at = $2 WHERE id = $1";
        let later_at = at + 1.minute();
        api.sql().await.execute(later, &[&newer.0, &later_at]).await.unwrap();
        Self {
            delivery: records[0].delivery.id.to_string(),
            api,
            client,
            at,
        }
    }
}

#[tokio::test]
async fn every_webhook_has_a_verdict_however_the_event_is_asked_for() {
    let scene = Scene::start().await;
    let expected = [
        (Some("Data lake"), "held", true),
        (Some("ERP Sync"), "delivered", true),
        (Some("Gone"), "webhook_deleted", true),
        (Some("Billing"), "not_subscribed", false),
        (Some("Slack bridge"), "webhook_newer", false),
    ];
    let delivery = format!("q={}", scene.delivery);
    for query in ["q=evt-1", "q=deals/9001", "q=9001", "q=+9001+", &delivery] {
        let found = find(&scene.client, query).await;
        assert_eq!(found["events"].as_array().unwrap().len(), 1, "{query}");
        let event = &found["events"][0];
        assert_eq!(
            (&event["event_id"], &event["event_type"], &event["subject"]),
            (&json!("evt-1"), &json!("deal.won"), &json!("deals/9001"))
        );
        assert_eq!(
            event["accepted_at"].as_str().unwrap().parse::<Timestamp>().unwrap(),
            scene.at
        );
        assert_eq!(verdicts(&found), expected, "{query}");
    }
    let found = find(&scene.client, "q=evt-1").await;
    let details: Vec<_> = found["events"][0]["webhooks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|webhook| webhook["detail"].as_str().unwrap())
        .collect();
    assert!(details[0].starts_with("Paused since 20"), "{}", details[0]);
    assert!(
        details[1].starts_with("HTTP 200 on the 1st attempt at 20"),
        "{}",
        details[1]
    );
    assert_eq!(details[2], "The webhook was deleted before the delivery ended");
    assert_eq!(details[3], "deal.won is not among its event types");
    assert!(details[4].starts_with("Added at 20"), "{}", details[4]);
    let viewer = scene.api.client(ACCOUNT, Role::Viewer).await;
    assert_eq!(find(&viewer, "q=evt-1").await, found);
}

#[tokio::test]
async fn another_account_finds_nothing() {
    let scene = Scene::start().await;
    let stranger = scene.api.client(OTHER_ACCOUNT, Role::Admin).await;
    let unknown = find(&stranger, "q=unknown").await;
    let empty = json!({"of_type_24h": null, "unmatched_of_type_24h": null, "other_types_24h": 0, "last_of_type_at": null,
        "unknown_types": []});
    assert_eq!((&unknown["events"], &unknown["published"]), (&json!([]), &empty));
    for query in ["evt-1", "deals/9001", "9001", &scene.delivery] {
        let mut found = find(&stranger, &format!("q={query}")).await;
        assert_eq!(found["query"], query);
        found["query"] = json!("unknown");
        assert_eq!(found, unknown, "{query}");
    }
}

#[tokio::test]
async fn what_the_crm_published_is_told_even_when_nothing_is_found() {
    let api = Api::start().await;
    let client = api.admin().await;
    let count = |owner: &str, event_type: &str, known, events| EventCount {
        account: account(owner),
        event_type: event_type.to_owned(),
        known,
        hour: now(),
        events,
        unmatched: 1,
        last_at: now(),
    };
    let counts = [
        count(ACCOUNT, "deal.won", true, 3),
        count(ACCOUNT, "deal.lost", true, 4),
        count(ACCOUNT, "contract.signed", false, 12),
        count(OTHER_ACCOUNT, "deal.won", true, 100),
    ];
    api.database.add_event_counts(&counts).await.unwrap();
    let published = async |query: &str| find(&client, query).await["published"].clone();
    let unknown_types = json!([{"event_type": "contract.signed", "events": 12}]);
    let any = published("q=unknown").await;
    assert_eq!(
        (&any["of_type_24h"], &any["other_types_24h"], &any["unknown_types"]),
        (&Value::Null, &json!(19), &unknown_types)
    );
    let won = published("q=unknown&event_type=deal.won").await;
    assert_eq!(
        (
            &won["of_type_24h"],
            &won["unmatched_of_type_24h"],
            &won["other_types_24h"]
        ),
        (&json!(3), &json!(1), &json!(16))
    );
    assert!(won["last_of_type_at"].is_string());
    let never = published("q=unknown&event_type=deal.created").await;
    assert_eq!(
        (&never["of_type_24h"], &never["last_of_type_at"]),
        (&json!(0), &Value::Null)
    );
    let foreign = published("q=unknown&event_type=contract.signed").await;
    assert_eq!(foreign["of_type_24h"], 12);
    // Of what is found, the type is known.
    let erp = webhook(&client, "ERP Sync", &["deal.won"]).await;
    let record = failed(ACCOUNT, &erp, "evt-1", now());
    api.database.record(&[record], AUTO_PAUSE).await.unwrap();
    assert_eq!(published("q=evt-1").await["of_type_24h"], 3);
    let of_another_type = find(&client, "q=evt-1&event_type=deal.lost").await;
    assert_eq!(of_another_type["events"], json!([]));
}

#[tokio::test]
async fn a_record_has_its_newest_20_events() {
    let api = Api::start().await;
    let client = api.admin().await;
    let erp = webhook(&client, "ERP Sync", &["deal.won"]).await;
    let begin = now() - 60.seconds();
    let records: Vec<_> = (0..25)
        .map(|number: i64| {
            let mut record = delivered(ACCOUNT, &erp, &format!("evt-{number}"), begin + number.seconds());
            record.delivery.subject = Some("deals/7".to_owned());
            record
        })
        .collect();
    api.database.record(&records, AUTO_PAUSE).await.unwrap();
    let found = find(&client, "q=deals%2F7").await;
    let events = found["events"].as_array().unwrap();
    assert_eq!(
        (events.len(), &events[0]["event_id"], &events[19]["event_id"]),
        (20, &json!("evt-24"), &json!("evt-5"))
    );
}

#[tokio::test]
async fn bad_queries_are_refused() {
    let api = Api::start().await;
    let client = api.admin().await;
    let long = format!("q={}", "x".repeat(256));
    for (query, errors) in [
        ("", &[("/q", "required")][..]),
        ("q=", &[("/q", "required")]),
        ("q=%20", &[("/q", "required")]),
        (&long, &[("/q", "too_long")]),
        ("q=a%00b", &[("/q", "forbidden_character")]),
        ("q=a%0Ab", &[("/q", "forbidden_character")]),
        ("q=a&event_type=%07", &[("/event_type", "forbidden_character")]),
        ("q=a&q=b", &[("/q", "duplicate_parameter")]),
        ("q=a&limit=5", &[("/limit", "unknown_parameter")]),
    ] {
        let answer = client.get(&format!("/api/v1/find?{query}")).await.unwrap();
        assert_eq!(field_errors(&answer), expected(errors), "{query}");
    }
    for query in [
        "%27%20OR%201=1--",
        "%25",
        "_",
        "msg_zz",
        "%F0%9F%99%82",
        "msg_00000000000000000000000000000001",
    ] {
        assert_eq!(
            find(&client, &format!("q={query}")).await["events"],
            json!([]),
            "{query}"
        );
    }
}

#[tokio::test]
async fn the_page_shows_verdicts_in_words_and_what_was_published() {
    let scene = Scene::start().await;
    for role in [Role::Admin, Role::Viewer] {
        let browser = Browser::signed_in(&scene.api, ACCOUNT, role).await;
        for page in [LIST.to_owned(), format!("{LIST}/find")] {
            let page = browser.page(&page).await;
            assert!(page.contains(&format!("action=\"{LIST}/find\"")) && page.contains("name=\"q\""));
        }
        let page = browser.page(&format!("{LIST}/find?q=deals/9001")).await;
        for expected in [
            "Delivered</span>",
            "Waiting</span>",
            "Not subscribed</span>",
            "Webhook is newer</span>",
            "Webhook deleted</span>",
            "<bdi>Gone</bdi></a> <span class=\"small\">deleted</span>",
            "HTTP 200 on the 1st attempt",
            "deal.won is not among its event types",
            "What EasyCRM published",
        ] {
            assert!(page.contains(expected), "{expected} in {page}");
        }
        assert!(page.contains(&format!("/deliveries/{}\"", scene.delivery)));
        assert!(page.len() < 60_000, "{}", page.len());
    }
    let stranger = Browser::signed_in(&scene.api, OTHER_ACCOUNT, Role::Admin).await;
    let page = stranger.page(&format!("{LIST}/find?q=deals/9001")).await;
    assert!(page.contains("was sent this.") && !page.contains("ERP Sync") && !page.contains("deal.won</code>"));
    let refused = stranger.get(&format!("{LIST}/find?q=a%00%3Cb%3E")).await;
    assert_eq!(refused.status, 422);
    assert!(refused.text().contains("Must not contain control characters") && !refused.text().contains("<b>"));
}

#[tokio::test]
async fn a_page_stays_small_with_many_webhooks_and_events() {
    let api = Api::start().await;
    let client = api.admin().await;
    let mut records = Vec::new();
    for number in 0..40 {
        let webhook = webhook(&client, &format!("Webhook {number}"), &["deal.won"]).await;
        for event in 0..20 {
            let mut record = delivered(ACCOUNT, &webhook, &format!("evt-{event}"), now());
            record.delivery.subject = Some("deals/9001".to_owned());
            records.push(record);
        }
    }
    api.database.record(&records, AUTO_PAUSE).await.unwrap();
    let page = Browser::admin(&api).await.page(&format!("{LIST}/find?q=9001")).await;
    assert!(page.len() < 60_000 && page.contains("And 37 more."), "{}", page.len());
    let found = find(&client, "q=9001").await;
    let complete = |event: &Value| event["webhooks"].as_array().unwrap().len() == 40;
    assert!(
        found["events"].as_array().unwrap().len() == 20 && found["events"].as_array().unwrap().iter().all(complete)
    );
}
