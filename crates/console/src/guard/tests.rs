use std::sync::Mutex;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use bytes::Bytes;
use serde_json::Value;
use testkit::http::{Client, Response as Answer};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::observer::StatusClass;

#[derive(Default)]
struct Recorder(Mutex<Vec<ServedRequest>>);

impl RequestObserver for Recorder {
    fn served(&self, request: &ServedRequest) {
        self.0.lock().unwrap().push(*request);
    }
}

struct Guarded {
    client: Client,
    recorder: Arc<Recorder>,
    _stop: tokio_util::sync::DropGuard,
}

/// A server with handlers that go wrong, and one route of the real table.
async fn guarded() -> Guarded {
    let recorder = Arc::new(Recorder::default());
    let observer = Arc::clone(&recorder) as Arc<dyn RequestObserver>;
    let router = Router::new()
        .route("/base/panic", get(async || -> &'static str { panic!("a secret detail") }))
        .route("/base/broken", get(async || (StatusCode::INTERNAL_SERVER_ERROR, "a secret detail")))
        .route("/base/stuck", get(async || std::future::pending::<&'static str>().await))
        .route("/base/slow/test", get(async || tokio::time::sleep(Duration::from_millis(600)).await))
        .route("/base/api/v1/webhooks/{id}", get(async || "fine"))
        .layer(from_fn_with_state(
            Guard {
                base_path: "/base".into(),
                observer,
                timeout: Duration::from_millis(300),
                test_patience: Duration::from_secs(60),
                page_headers: page_headers(&[]),
            },
            guard,
        ));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = Client::new(format!("http://{}", listener.local_addr().unwrap()));
    let stop = CancellationToken::new();
    tokio::spawn(crate::serve(listener, router, stop.clone()));
    Guarded { client, recorder, _stop: stop.drop_guard() }
}

fn id(answer: &Answer) -> String {
    answer.headers["x-request-id"].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_failure_tells_nothing_but_an_id() {
    let guarded = guarded().await;
    for path in ["/base/panic", "/base/broken"] {
        let answer = guarded.client.get(path).await.unwrap();
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        assert!(!answer.text().contains("secret"), "{}", answer.text());
        let problem: Value = answer.json().unwrap();
        assert!(problem["detail"].as_str().unwrap().contains(&id(&answer)));
    }
    let failed = guarded.recorder.0.lock().unwrap();
    assert!(failed.len() == 2 && failed.iter().all(|request| request.status == StatusClass::ServerError));
}

#[tokio::test]
async fn every_answer_is_observed_by_its_template_and_made_safe() {
    let guarded = guarded().await;
    let answers = [guarded.client.get("/base/api/v1/webhooks/77").await, guarded.client.get("/base/webhooks").await];
    for answer in answers.iter().map(|answer| answer.as_ref().unwrap()) {
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        assert_eq!(answer.headers["cache-control"], "no-store");
        assert_eq!(answer.headers["referrer-policy"], "no-referrer");
        assert!(answer.headers["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
        assert_eq!(id(answer).len(), 36);
    }
    let served = guarded.recorder.0.lock().unwrap();
    let labels: Vec<_> = served.iter().map(|request| (request.method, request.route, request.status)).collect();
    assert_eq!(
        labels,
        [
            (RequestMethod::Get, Route::Webhook, StatusClass::Success),
            (RequestMethod::Get, Route::Unmatched, StatusClass::ClientError),
        ]
    );
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_given_up() {
    let answer = guarded().await.client.get("/base/stuck").await.unwrap();
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers["retry-after"], "5");
}

#[tokio::test]
async fn what_waits_for_a_sender_has_more_time() {
    let answer = guarded().await.client.get("/base/slow/test").await.unwrap();
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn a_request_names_exactly_one_host() {
    let guarded = guarded().await;
    let mut two = http::Request::get("/base/api/v1/webhooks/77").body(Bytes::new()).unwrap();
    two.headers_mut().append(HOST, HeaderValue::from_static("a.example"));
    two.headers_mut().append(HOST, HeaderValue::from_static("b.example"));
    assert_eq!(guarded.client.send(two).await.unwrap().status, StatusCode::BAD_REQUEST);
}
