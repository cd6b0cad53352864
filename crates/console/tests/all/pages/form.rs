//! Adding and editing by the form, and the Test button in it.

use std::sync::Arc;
use std::time::Duration;

use admin::{NoTestResult, TestSender};
use domain::{EventType, Outcome};
use futures_util::future::BoxFuture;
use wire::{TestAttempt, TestRequest};

use super::browser::{Browser, LIST, location, value};
use crate::api::{ACCOUNT, Api, account};

/// A sender that always gets this status.
struct Answers(u16);

impl TestSender for Answers {
    fn send_test(&self, _: TestRequest) -> BoxFuture<'_, Result<TestAttempt, NoTestResult>> {
        let outcome = Outcome::from_status(self.0);
        let attempt = TestAttempt {
            outcome,
            http_status: Some(self.0),
            response_time_ms: 182,
            error: None,
        };
        Box::pin(async move { Ok(attempt) })
    }

    fn timeout(&self) -> Duration {
        Duration::ZERO
    }
}

#[tokio::test]
async fn a_webhook_is_added_as_it_was_filled_in() {
    let api = Api::start().await;
    let mut browser = Browser::admin(&api).await;
    let form = browser.page(&format!("{LIST}/new")).await;
    for event_type in EventType::all() {
        assert!(
            form.contains(&format!("name=\"event_types\" value=\"{event_type}\"")),
            "{event_type}"
        );
    }
    let secret = value(&form, "secret").unwrap();
    assert!(secret.starts_with("whsec_"));
    let fields = [
        ("name", "ERP Sync"),
        ("url", "https://ERP.example.com/hook"),
        ("secret", &secret),
        ("event_types", "deal.won"),
        ("event_types", "invoice.paid"),
        ("event_type", "deal.won"),
        ("do", "save"),
    ];
    let saved = location(&browser.post(&format!("{LIST}/new"), &fields).await);
    let (path, done) = saved.split_once('?').unwrap();
    assert_eq!(done, "done=created");
    let page = browser.page(&saved).await;
    for text in [
        "The webhook has been added.",
        "<h1><bdi>ERP Sync</bdi></h1>",
        "Active",
        "https://erp.example.com/hook",
    ] {
        assert!(page.contains(text), "{text}");
    }
    assert!(!page.contains(&secret), "nobody has asked for it");
    let id = path.rsplit('/').next().unwrap().parse().unwrap();
    let kept = api
        .database
        .current_secret(&account(ACCOUNT), id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(kept.expose(), secret);
    let list = browser.page(LIST).await;
    assert!(list.contains("2 of 20") && list.contains("erp.example.com/…"));
}

#[tokio::test]
async fn a_form_with_mistakes_comes_back_as_it_was_typed() {
    let api = Api::start().await;
    let mut browser = Browser::admin(&api).await;
    let fields = [
        ("name", "Mine \"<b>\" & co \u{202e}x"),
        ("url", "http://erp.example.com/hook"),
        ("secret", "short"),
        ("event_types", "deal.lost"),
        ("event_type", "ticket.created"),
    ];
    let answer = browser.post(&format!("{LIST}/new"), &fields).await;
    assert_eq!(answer.status, 422);
    let page = answer.text();
    assert!(page.contains("<title>Error: Add Webhook - Webhooks - EasyCRM</title>"));
    assert_eq!(
        page.matches("Webhook URL must use HTTPS").count(),
        2,
        "in the summary and at the field"
    );
    assert!(page.contains("<a href=\"#url\">Webhook URL must use HTTPS</a>"));
    assert!(page.contains("A custom secret must have 16 to 128 characters"));
    for (name, typed) in &fields[..3] {
        assert_eq!(value(&page, name).as_deref(), Some(*typed));
    }
    assert!(page.contains("value=\"deal.lost\" checked") && page.matches(" checked").count() == 1);
    assert!(page.contains("<option selected>ticket.created"));

    let empty = browser.post(&format!("{LIST}/new"), &[]).await;
    assert_eq!(empty.status, 422);
    for text in ["Name is required", "Select at least one event"] {
        assert!(empty.text().contains(text), "{text}");
    }
    assert!(browser.page(LIST).await.contains("No webhooks yet."));
}

#[tokio::test]
async fn another_secret_is_made_without_the_script() {
    let api = Api::start().await;
    let mut browser = Browser::admin(&api).await;
    let fields = [("name", "ERP Sync"), ("secret", "whsec_old"), ("do", "new-secret")];
    let answer = browser.post(&format!("{LIST}/new"), &fields).await;
    assert_eq!(answer.status, 200);
    assert_eq!(value(&answer.text(), "name").as_deref(), Some("ERP Sync"));
    let secret = value(&answer.text(), "secret").unwrap();
    assert!(secret.starts_with("whsec_") && secret.len() > 40);
}

#[tokio::test]
async fn an_edit_is_saved_unless_somebody_was_faster() {
    let api = Api::start().await;
    let mut browser = Browser::admin(&api).await;
    let webhook = browser.add_webhook("ERP Sync").await;
    let edit = format!("{webhook}/edit");
    let form = browser.page(&edit).await;
    assert!(value(&form, "secret").is_none() && form.matches(" checked").count() == 2);
    let version = value(&form, "version").unwrap();
    let fields = |name| {
        let url = ("url", "https://erp.example.com/hook");
        [
            ("name", name),
            url,
            ("event_types", "deal.lost"),
            ("version", version.as_str()),
        ]
    };
    let saved = browser.post(&edit, &fields("Data lake")).await;
    assert_eq!(location(&saved), format!("{webhook}?done=saved-events"));
    let page = browser.page(&webhook).await;
    assert!(page.contains("<code>deal.lost</code>") && !page.contains("<code>deal.won</code>"));
    assert!(
        page.contains("<strong>Edited</strong> (<bdi>name, events</bdi>) by <bdi>the token a test</bdi>"),
        "{page}"
    );

    let late = browser.post(&edit, &fields("Mine")).await;
    assert_eq!(late.status, 409);
    assert_eq!(value(&late.text(), "name").as_deref(), Some("Mine"));
    assert!(
        late.text()
            .contains("Somebody else has changed this webhook. Below is what you typed")
    );
    let version = value(&late.text(), "version").unwrap();
    let again = [
        ("name", "Mine"),
        ("url", "http://x"),
        ("event_types", "deal.lost"),
        ("version", &version),
    ];
    assert_eq!(browser.post(&edit, &again).await.status, 422);
    assert!(browser.page(&webhook).await.contains("<h1><bdi>Data lake</bdi></h1>"));
}

#[tokio::test]
async fn a_test_shows_its_result_and_keeps_the_form() {
    let api = Api::start_testing(Arc::new(Answers(404))).await;
    let mut browser = Browser::admin(&api).await;
    let fields = [
        ("name", "ERP Sync"),
        ("url", "https://erp.example.com/hook"),
        ("event_types", "deal.won"),
        ("do", "test"),
    ];
    let test = format!("{LIST}/test");
    let answer = browser.post(&test, &fields).await;
    assert_eq!(answer.status, 200);
    let page = answer.text();
    assert!(page.contains("HTTP 404 Not Found = Failed: 404") && page.contains("in 182 ms"));
    assert_eq!(value(&page, "name").as_deref(), Some("ERP Sync"));
    assert!(page.contains("value=\"deal.won\" checked"));
    assert!(
        browser.page(LIST).await.contains("No webhooks yet."),
        "nothing is saved"
    );

    browser.headers = vec![("x-fragment", "test-result")];
    let again = browser.post(&test, &fields).await;
    assert_eq!(again.status, 429);
    assert!(again.text().starts_with("<div id=\"test-result\" role=\"status\""));
    assert!(again.text().contains("Wait a moment before the next test."));
    let wrong = browser.post(&test, &[("url", "http://erp.example.com")]).await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.text().contains("Webhook URL must use HTTPS") && !wrong.text().contains("<html"));
}

#[tokio::test]
async fn a_saved_webhook_is_tested_from_its_page_and_from_its_form() {
    let api = Api::start_testing(Arc::new(Answers(200))).await;
    let mut browser = Browser::admin(&api).await;
    let (webhook, other) = (
        browser.add_webhook("ERP Sync").await,
        browser.add_webhook("Data lake").await,
    );
    let answer = browser
        .post(&format!("{webhook}/test"), &[("event_type", "invoice.paid")])
        .await;
    assert!(answer.text().contains("HTTP 200 OK = Success") && answer.text().contains("Latest deliveries"));
    let fields = [
        ("name", "Renamed"),
        ("url", "https://new.example.com/"),
        ("event_types", "deal.won"),
    ];
    let answer = browser.post(&format!("{other}/test"), &fields).await;
    assert!(answer.text().contains("HTTP 200 OK = Success"));
    assert_eq!(
        value(&answer.text(), "url").as_deref(),
        Some("https://new.example.com/")
    );
    assert_eq!(browser.post(&format!("{other}/test"), &[]).await.status, 429);
}

#[tokio::test]
async fn a_form_that_is_sent_twice_adds_one_webhook() {
    let api = Api::start().await;
    let mut browser = Browser::admin(&api).await;
    let form = format!("{LIST}/new");
    let id = value(&browser.page(&form).await, "id").unwrap();
    let fields = [
        ("id", &*id),
        ("name", "ERP Sync"),
        ("url", "https://erp.example.com/hook"),
        ("event_types", "deal.won"),
    ];
    let added = format!("{LIST}/{id}");
    assert_eq!(
        location(&browser.post(&form, &fields).await),
        format!("{added}?done=created")
    );
    assert_eq!(
        location(&browser.post(&form, &fields).await),
        format!("{added}?done=exists")
    );
    let page = browser.page(&format!("{added}?done=exists")).await;
    assert!(page.contains("This webhook has been added already."), "{page}");
    // The id of another account's webhook is as good as any.
    let mut other = Browser::signed_in(&api, "globex", domain::Role::Admin).await;
    let elsewhere = location(&other.post(&form, &fields).await);
    assert!(
        elsewhere.ends_with("?done=created") && !elsewhere.contains(&id),
        "{elsewhere}"
    );
    let count = "SELECT count(*) FROM webhooks WHERE account = $1";
    let row = api.sql().await.query_one(count, &[&ACCOUNT]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0), 1);
}
