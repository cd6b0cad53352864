//! The Test button, with a sender that is played: it takes what it is asked to test, as a sender does.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use admin::{NoTestResult, TestSender};
use bytes::Bytes;
use domain::Outcome;
use futures_util::future::BoxFuture;
use http::Request;
use serde_json::{Value, json};
use store::Database;
use store::test_requests::TestForm;
use store::tokens::Role;
use testkit::http::{Client, Response};
use wire::{TestAttempt, TestRequest};

use crate::api::{ACCOUNT, Api, create, erp_sync, expected, field_errors, id, ok, problem};

/// Answers always the same, and remembers what it was to test.
struct PlayedSender {
    database: OnceLock<Database>,
    taken: Mutex<Vec<TestForm>>,
    answer: Result<TestAttempt, NoTestResult>,
}

impl TestSender for PlayedSender {
    fn send_test(&self, request: TestRequest) -> BoxFuture<'_, Result<TestAttempt, NoTestResult>> {
        Box::pin(async move {
            if self.answer == Err(NoTestResult::TimedOut) {
                return Err(NoTestResult::TimedOut);
            }
            let database = self.database.get().unwrap();
            let form = database
                .take_test_request(&request.account, request.test)
                .await
                .unwrap()
                .unwrap();
            self.taken.lock().unwrap().push(form);
            self.answer.clone()
        })
    }

    fn timeout(&self) -> Duration {
        Duration::from_secs(1)
    }
}

struct Testing {
    api: Api,
    client: Client,
    sender: Arc<PlayedSender>,
}

impl Testing {
    async fn answered(answer: Result<TestAttempt, NoTestResult>) -> Self {
        let sender = Arc::new(PlayedSender {
            database: OnceLock::new(),
            taken: Mutex::default(),
            answer,
        });
        let api = Api::start_testing(Arc::clone(&sender) as Arc<dyn TestSender>).await;
        assert!(sender.database.set(api.database.clone()).is_ok());
        Self {
            client: api.admin().await,
            sender,
            api,
        }
    }

    async fn successful() -> Self {
        Self::answered(Ok(attempt(Outcome::Success, Some(200), None))).await
    }

    async fn test_form(&self, body: &Value) -> Response {
        self.client.post("/api/v1/webhooks/test", body).await.unwrap()
    }

    async fn test_saved(&self, webhook: &Value, body: &Value) -> Response {
        self.client
            .post(&format!("/api/v1/webhooks/{}/test", id(webhook)), body)
            .await
            .unwrap()
    }

    /// The only thing that was tested.
    fn taken(&self) -> TestForm {
        let mut taken = self.sender.taken.lock().unwrap();
        assert_eq!(taken.len(), 1);
        taken.remove(0)
    }

    async fn left(&self) -> i64 {
        self.api
            .sql()
            .await
            .query_one("SELECT count(*) FROM test_requests", &[])
            .await
            .unwrap()
            .get(0)
    }
}

fn attempt(outcome: Outcome, http_status: Option<u16>, error: Option<&str>) -> TestAttempt {
    TestAttempt {
        outcome,
        http_status,
        response_time_ms: 12,
        error: error.map(str::to_owned),
    }
}

#[tokio::test]
async fn a_saved_webhook_is_tested_as_it_is() {
    let testing = Testing::successful().await;
    let webhook = create(&testing.client, &erp_sync()).await;
    let answer = ok(&testing
        .test_saved(&webhook, &json!({"event_type": "invoice.paid"}))
        .await);
    let success =
        json!({"outcome": "success", "http_status": 200, "message": "HTTP 200 OK = Success", "response_time_ms": 12});
    assert_eq!(answer, success);
    let taken = testing.taken();
    assert_eq!(taken.webhook.unwrap().to_string(), id(&webhook));
    assert_eq!(
        (taken.url, taken.event_type.as_str()),
        ("https://erp.example.com/hook".to_owned(), "invoice.paid")
    );
    assert_eq!(taken.secrets[0].expose(), webhook["secret"]);
}

#[tokio::test]
async fn the_body_for_a_saved_webhook_may_be_left_out() {
    let testing = Testing::successful().await;
    let webhook = create(&testing.client, &erp_sync()).await;
    let path = format!("/api/v1/webhooks/{}/test", id(&webhook));
    let answer = testing
        .client
        .send(Request::post(&path).body(Bytes::new()).unwrap())
        .await
        .unwrap();
    assert_eq!(ok(&answer)["outcome"], "success");
    assert_eq!(testing.taken().event_type, "deal.won", "the first that it listens to");
}

#[tokio::test]
async fn a_form_is_tested_without_being_saved() {
    let testing = Testing::successful().await;
    let own = "a secret of the customer's own";
    let form = json!({"url": "https://erp.example.com/new", "secret": own, "event_type": "contact.created"});
    ok(&testing.test_form(&form).await);
    let taken = testing.taken();
    assert_eq!(
        (taken.webhook, taken.url.as_str()),
        (None, "https://erp.example.com/new")
    );
    assert_eq!(
        (taken.event_type.as_str(), taken.secrets[0].expose()),
        ("contact.created", own)
    );

    ok(&testing
        .test_form(&json!({"url": "https://erp.example.com/other", "secret": null}))
        .await);
    let taken = testing.taken();
    assert_eq!((taken.event_type.as_str(), taken.secrets.len()), ("deal.won", 1));
    assert_eq!(
        ok(&testing.client.get("/api/v1/webhooks").await.unwrap())["data"],
        json!([])
    );
    assert_eq!(testing.left().await, 0);
}

#[tokio::test]
async fn a_failure_is_an_answer() {
    for (attempt, status, message) in [
        (
            attempt(Outcome::Http4xx, Some(404), None),
            json!(404),
            "HTTP 404 Not Found = Failed: 404",
        ),
        (
            attempt(Outcome::Timeout, None, Some("timeout")),
            Value::Null,
            "No HTTP response = Failed: timeout",
        ),
        (
            attempt(Outcome::Blocked, None, None),
            Value::Null,
            "No HTTP response = Failed: address not allowed",
        ),
    ] {
        let testing = Testing::answered(Ok(attempt)).await;
        let answer = ok(&testing.test_form(&json!({"url": "https://erp.example.com/"})).await);
        let failed = json!({"outcome": "failed", "http_status": status, "message": message, "response_time_ms": 12});
        assert_eq!(answer, failed);
    }
}

#[tokio::test]
async fn a_form_is_refused_like_a_webhooks_form_and_not_counted() {
    let testing = Testing::successful().await;
    let webhook = create(&testing.client, &erp_sync()).await;
    let wrong =
        json!({"url": "http://erp.example.com/", "secret": "short", "event_type": "deal.imagined", "name": "x"});
    let refused = testing.test_form(&wrong).await;
    let mut errors = field_errors(&refused);
    errors.sort();
    let codes = [
        ("/event_type", "unknown_event_type"),
        ("/name", "unknown_field"),
        ("/secret", "secret_length"),
        ("/url", "https_required"),
    ];
    assert_eq!(errors, expected(&codes));
    assert!(refused.text().contains("Webhook URL must use HTTPS"));
    for _ in 0..11 {
        assert_eq!(
            field_errors(&testing.test_form(&json!({})).await),
            expected(&[("/url", "required")])
        );
        let private = testing.test_form(&json!({"url": "https://10.0.0.5/"})).await;
        assert_eq!(field_errors(&private), expected(&[("/url", "address_not_allowed")]));
        let unknown = testing
            .test_saved(&webhook, &json!({"url": "https://erp.example.com/"}))
            .await;
        assert_eq!(field_errors(&unknown), expected(&[("/url", "unknown_field")]));
    }
    ok(&testing.test_saved(&webhook, &json!({})).await);
    assert_eq!(testing.left().await, 0);
}

#[track_caller]
fn check_too_soon(answer: &Response, seconds: std::ops::RangeInclusive<u64>) {
    assert_eq!(problem(answer, 429)["detail"], "Wait a moment before the next test.");
    let wait: u64 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!(seconds.contains(&wait), "{wait}");
}

#[tokio::test]
async fn the_same_webhook_or_form_waits_for_a_moment() {
    let testing = Testing::successful().await;
    let webhook = create(&testing.client, &erp_sync()).await;
    let colleague = testing.api.admin().await;
    ok(&testing.test_saved(&webhook, &json!({})).await);
    let path = format!("/api/v1/webhooks/{}/test", id(&webhook));
    check_too_soon(&colleague.post(&path, &json!({})).await.unwrap(), 1..=3);
    let form = json!({"url": "https://erp.example.com/hook"});
    ok(&testing.test_form(&form).await);
    check_too_soon(&testing.test_form(&form).await, 1..=3);
    let stranger = testing.api.client("globex", Role::Admin).await;
    ok(&stranger.post("/api/v1/webhooks/test", &form).await.unwrap());
}

#[tokio::test]
async fn a_person_makes_ten_tests_a_minute() {
    let testing = Testing::successful().await;
    let form = |number: usize| json!({"url": format!("https://erp.example.com/{number}")});
    for number in 0..10 {
        ok(&testing.test_form(&form(number)).await);
    }
    check_too_soon(&testing.test_form(&form(10)).await, 1..=6);
    let colleague = testing.api.client(ACCOUNT, Role::Admin).await;
    ok(&colleague.post("/api/v1/webhooks/test", &form(10)).await.unwrap());
}

#[tokio::test]
async fn without_an_answer_the_test_is_taken_back() {
    let testing = Testing::answered(Err(NoTestResult::TimedOut)).await;
    let webhook = create(&testing.client, &erp_sync()).await;
    let answers = [
        testing.test_saved(&webhook, &json!({})).await,
        testing.test_form(&json!({"url": "https://a.example/"})).await,
    ];
    for answer in answers {
        assert_eq!(
            problem(&answer, 503)["detail"],
            "No sender answered in time; is one running?"
        );
        assert!(answer.headers.contains_key("retry-after"));
    }
    assert_eq!(testing.left().await, 0);
}

#[tokio::test]
async fn a_test_of_what_is_not_saved_is_written_down() {
    let testing = Testing::successful().await;
    let webhook = create(&testing.client, &erp_sync()).await;
    ok(&testing.test_saved(&webhook, &json!({})).await);
    ok(&testing
        .test_form(&json!({"url": "https://elsewhere.example.com:8443/a-key"}))
        .await);
    let sql = testing.api.sql().await;
    let tested = "SELECT account, webhook_id IS NULL, detail FROM audit_entries WHERE action = 'tested'";
    let rows = sql.query(tested, &[]).await.unwrap();
    assert_eq!(rows.len(), 1, "what is saved goes where an audited edit says");
    let entry: (&str, bool, &str) = (rows[0].get(0), rows[0].get(1), rows[0].get(2));
    assert_eq!(entry, (ACCOUNT, true, "URL (https://elsewhere.example.com:8443/…)"));
}
