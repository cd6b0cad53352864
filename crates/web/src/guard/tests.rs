use std::sync::Mutex;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use bytes::Bytes;
use testkit::http::{Client, Response as Answer};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::auth_failure::AuthFailure;

/// What was served, as far as it is counted.
#[derive(Default)]
struct Recorder(Mutex<Vec<(String, String, u16)>>);

impl RequestObserver for Recorder {
    fn served(&self, request: &ServedRequest<'_>) {
        let method = request.method.to_string();
        let route = request.route.to_owned();
        self.0.lock().unwrap().push((method, route, request.status.as_u16()));
    }

    fn refused(&self, _: AuthFailure) {}
}

/// Names the failure and the request.
struct Plain;

impl Surface for Plain {
    fn complete(&self, mut response: Response, request: Uuid) -> Response {
        match response.extensions_mut().remove::<Failure>() {
            Some(failure) => (failure.status(), format!("{failure:?} {request}")).into_response(),
            None => response,
        }
    }
}

struct Guarded {
    client: Client,
    recorder: Arc<Recorder>,
    _stop: tokio_util::sync::DropGuard,
}

/// A server with handlers that go wrong, one that does not, and one that waits for a sender.
async fn guarded() -> Guarded {
    let recorder = Arc::new(Recorder::default());
    let observer = Arc::clone(&recorder) as Arc<dyn RequestObserver>;
    let ordinary = Guard {
        timeout: Duration::from_millis(300),
        ..Guard::new(
            Arc::new(Plain),
            SafeHeaders::of_api(&"http://127.0.0.1:8080".parse().unwrap()),
            RouteLabel::Template {
                base_path: "/base".into(),
            },
            Arc::clone(&observer),
            Arc::new(Refusals::new(observer)),
        )
    };
    let waiting = Router::new()
        .route(
            "/base/slow",
            get(async || tokio::time::sleep(Duration::from_millis(600)).await),
        )
        .layer(from_fn_with_state(
            ordinary.waiting_for_sender(Duration::from_secs(60)),
            guard,
        ));
    let router = Router::new()
        .route(
            "/base/panic",
            get(async || -> &'static str { panic!("a secret detail") }),
        )
        .route(
            "/base/broken",
            get(async || (StatusCode::INTERNAL_SERVER_ERROR, "a secret detail")),
        )
        .route(
            "/base/stuck",
            get(async || std::future::pending::<&'static str>().await),
        )
        .route("/base/things/{id}", get(async || "fine"))
        .fallback(async || Failure::NotFound)
        .layer(from_fn_with_state(ordinary, guard))
        .merge(waiting);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = Client::new(format!("http://{}", listener.local_addr().unwrap()));
    let stop = CancellationToken::new();
    tokio::spawn(crate::serve(listener, router, stop.clone()));
    Guarded {
        client,
        recorder,
        _stop: stop.drop_guard(),
    }
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
        assert_eq!(answer.text(), format!("Internal {}", id(&answer)));
    }
    let failed = guarded.recorder.0.lock().unwrap();
    assert!(failed.len() == 2 && failed.iter().all(|(.., status)| *status == 500));
}

#[tokio::test]
async fn every_answer_is_observed_by_its_template_and_made_safe() {
    let guarded = guarded().await;
    let answers = [
        guarded.client.get("/base/things/77").await,
        guarded.client.get("/base/others").await,
    ];
    for answer in answers.iter().map(|answer| answer.as_ref().unwrap()) {
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        assert_eq!(answer.headers["cache-control"], "no-store");
        assert_eq!(answer.headers["referrer-policy"], "no-referrer");
        assert!(
            answer.headers["content-security-policy"]
                .to_str()
                .unwrap()
                .starts_with("default-src 'none'")
        );
        assert_eq!(id(answer).len(), 36);
    }
    let served = guarded.recorder.0.lock().unwrap();
    let expected = [("/things/{id}", 200), ("unmatched", 404)];
    assert_eq!(
        *served,
        expected.map(|(route, status)| ("GET".to_owned(), route.to_owned(), status))
    );
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_given_up() {
    let answer = guarded().await.client.get("/base/stuck").await.unwrap();
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.text().starts_with("TimedOut"));
}

#[tokio::test]
async fn what_waits_for_a_sender_has_more_time() {
    let answer = guarded().await.client.get("/base/slow").await.unwrap();
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn a_request_names_exactly_one_host() {
    let guarded = guarded().await;
    let mut two = http::Request::get("/base/things/77").body(Bytes::new()).unwrap();
    two.headers_mut().append(HOST, HeaderValue::from_static("a.example"));
    two.headers_mut().append(HOST, HeaderValue::from_static("b.example"));
    assert_eq!(guarded.client.send(two).await.unwrap().status, StatusCode::BAD_REQUEST);
}
