//! Responses of receivers, and their outcomes.

use std::time::Duration;

use bytes::Bytes;
use domain::Outcome;
use outbound::{Attempt, Post};
use testkit::receiver::{Answer, Script};

use crate::setup::{BODY, PATIENCE, Scene, client_lets_go, endpoint};

/// One request with this response.
async fn attempt(answer: Answer) -> Attempt {
    let scene = Scene::new().await;
    scene.receiver.answer(answer);
    let attempt = scene.post("msg_1").await;
    assert_eq!(scene.receiver.count(), 1, "one attempt is one request");
    attempt
}

async fn check(answer: Answer, outcome: Outcome, http_status: Option<u16>, error: Option<&str>) {
    let attempt = attempt(answer.clone()).await;
    let ending = (attempt.outcome, attempt.http_status, attempt.error);
    assert_eq!(ending, (outcome, http_status, error), "{answer:?}");
}

#[tokio::test]
async fn the_request_is_what_the_contract_says() {
    let scene = Scene::new().await;
    let endpoint = endpoint(&scene.receiver.url("/hook?tenant=a%20b"));
    let body = Bytes::from("{\"name\":\"Zoë ☃\"}"); // 19 bytes
    let own: http::HeaderMap = [("authorization", "Bearer abc"), ("content-type", "text/plain")]
        .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
        .into_iter()
        .collect();
    let post = Post {
        endpoint: &endpoint,
        id: "msg_1",
        timestamp: 1_795_410_000,
        signature: "v1,YQ== v1,Yg==",
        headers: &own,
        body,
    };
    let attempt = scene.outbound.post(post).await;
    assert_eq!(
        (attempt.outcome, attempt.http_status, attempt.error),
        (Outcome::Success, Some(200), None)
    );

    let request = &scene.receiver.requests()[0];
    assert_eq!(request.method, "POST");
    assert_eq!(request.path, "/hook?tenant=a%20b");
    assert_eq!(request.body, "{\"name\":\"Zoë ☃\"}");
    let mut headers: Vec<_> = request
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .collect();
    headers.sort_unstable();
    let host = scene.receiver.address().to_string();
    let expected = [
        ("accept", "*/*"),
        ("authorization", "Bearer abc"),
        ("content-length", "19"),
        ("content-type", "application/json"),
        ("host", host.as_str()),
        ("user-agent", "EasyCRM-Webhooks/test"),
        ("webhook-id", "msg_1"),
        ("webhook-signature", "v1,YQ== v1,Yg=="),
        ("webhook-timestamp", "1795410000"),
    ];
    assert_eq!(headers, expected);
}

#[tokio::test]
async fn the_status_decides() {
    for (status, outcome) in [
        (200, Outcome::Success),
        (204, Outcome::Success),
        (299, Outcome::Success),
        (304, Outcome::Http3xx),
        (404, Outcome::Http4xx),
        (410, Outcome::Http4xx),
        (500, Outcome::Http5xx),
        (599, Outcome::Http5xx),
        (101, Outcome::Http5xx),
        (600, Outcome::Http5xx),
        (999, Outcome::Http5xx),
    ] {
        check(Answer::status(status), outcome, Some(status), None).await;
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = Scene::new().await;
    for status in [301, 302, 303, 307, 308] {
        let answer = Answer::redirect(status, &elsewhere.receiver.url("/stolen"));
        check(answer, Outcome::Http3xx, Some(status), None).await;
    }
    check(
        Answer::redirect(302, "http://169.254.169.254/latest"),
        Outcome::Http3xx,
        Some(302),
        None,
    )
    .await;
    assert_eq!(elsewhere.receiver.connections(), 0);
}

#[tokio::test]
async fn interim_answers_are_skipped() {
    let flood = "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n".repeat(10_000);
    for interim in ["HTTP/1.1 100 Continue\r\n\r\n", flood.as_str()] {
        let answer = Answer::raw(format!("{interim}HTTP/1.1 204 No Content\r\n\r\n"));
        check(answer, Outcome::Success, Some(204), None).await;
    }
}

#[tokio::test]
async fn what_is_not_an_http_answer_is_a_failure() {
    for (said, error) in [
        ("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", "response is not valid HTTP"),
        ("<html>HTTP/0.9 was shorter</html>", "response is not valid HTTP"),
        ("HTTP/1.1 twenty\r\n\r\n", "response is not valid HTTP"),
        ("HTTP/1.1 2", "connection closed before a response"),
        ("", "connection closed before a response"),
    ] {
        check(Answer::raw(said), Outcome::ConnectError, None, Some(error)).await;
    }
}

#[tokio::test]
async fn a_broken_body_changes_nothing() {
    let truncated = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf";
    let attempt = attempt(Answer::raw(truncated)).await;
    assert_eq!((attempt.outcome, attempt.error), (Outcome::Success, None));
    assert_eq!(attempt.response_excerpt, b"half");
    let bad_chunk = "HTTP/1.1 500 Oh\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n";
    check(Answer::raw(bad_chunk), Outcome::Http5xx, Some(500), None).await;
}

#[tokio::test]
async fn an_answer_before_the_request_was_read_counts() {
    check(
        Answer::ok().before_reading().then_hang(),
        Outcome::Success,
        Some(200),
        None,
    )
    .await;
    check(
        Answer::status(413).before_reading().then_close(),
        Outcome::Http4xx,
        Some(413),
        None,
    )
    .await;
}

#[tokio::test]
async fn the_start_of_the_body_is_kept_as_it_came() {
    assert_eq!(
        attempt(Answer::status(500).body("no such deal")).await.response_excerpt,
        b"no such deal"
    );
    assert_eq!(attempt(Answer::ok()).await.response_excerpt, b"");
    let long = attempt(Answer::ok().body(vec![b'x'; 50_000])).await;
    assert_eq!(long.response_excerpt, vec![b'x'; 4096]);
    let bomb = attempt(Answer::gzip_bomb(50_000_000)).await;
    assert_eq!((bomb.outcome, bomb.response_excerpt.len()), (Outcome::Success, 4096));
    assert_eq!(bomb.response_excerpt[..3], [0x1f, 0x8b, 8], "not unpacked");
}

/// Every way of not ending a body: the status decides, and the attempt is over within about a second.
#[tokio::test]
async fn a_body_that_does_not_end_costs_a_second_at_most() {
    let open = |head: &str| Answer::raw(format!("HTTP/1.1 200 OK\r\n{head}\r\n")).then_hang();
    for answer in [
        open("content-length: 10\r\n"),
        open("transfer-encoding: chunked\r\n"),
        open("content-type: text/event-stream\r\n"),
        Answer::slow_body("0123456789".repeat(1000), Duration::from_millis(50)),
        open("content-length: 5000\r\n").before_reading(),
    ] {
        let scene = Scene::new().await;
        scene.receiver.answer(answer.clone());
        let started = std::time::Instant::now();
        let attempt = scene.post("msg_1").await;
        assert_eq!(
            (attempt.outcome, attempt.http_status),
            (Outcome::Success, Some(200)),
            "{answer:?}"
        );
        let taken = started.elapsed();
        assert!(
            taken >= Duration::from_secs(1) && taken < PATIENCE / 2,
            "{answer:?} took {taken:?}"
        );
        assert!(
            attempt.response_time < Duration::from_secs(1),
            "the time to the head: {attempt:?}"
        );
        client_lets_go(&scene.receiver).await;
    }
}

#[tokio::test]
async fn a_slow_body_costs_the_time_left_and_no_more() {
    let scene = Scene::with(|settings| settings.timeout = Duration::from_millis(600)).await;
    scene
        .receiver
        .answer(Answer::slow_body("0123456789".repeat(1000), Duration::from_millis(50)));
    let started = std::time::Instant::now();
    let attempt = scene.post("msg_1").await;
    let times = (attempt.response_time, started.elapsed());
    assert_eq!((attempt.outcome, attempt.http_status), (Outcome::Success, Some(200)));
    assert!(
        attempt.response_excerpt.starts_with(b"01"),
        "{:?}",
        attempt.response_excerpt
    );
    assert!(
        times.0 < Duration::from_millis(600) && times.1 >= Duration::from_millis(600),
        "{times:?}"
    );
    assert!(times.1 < Duration::from_secs(1), "{times:?}");
}

#[tokio::test]
async fn retry_after_is_passed_on_as_it_came() {
    for value in ["120", "Wed, 21 Oct 2026 07:28:00 GMT"] {
        let attempt = attempt(Answer::status(503).retry_after(value)).await;
        assert_eq!(
            (attempt.outcome, attempt.retry_after.as_deref()),
            (Outcome::Http5xx, Some(value))
        );
    }
    assert_eq!(
        attempt(Answer::status(503).retry_after(&"9".repeat(65)))
            .await
            .retry_after,
        None
    );
}

#[tokio::test]
async fn each_request_gets_its_own_answer() {
    let scene = Scene::new().await;
    scene.receiver.answer(Script::sequence(
        [Answer::status(500), Answer::status(404)],
        Answer::ok(),
    ));
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(scene.post("msg_1").await.http_status.unwrap());
    }
    assert_eq!(statuses, [500, 404, 200]);
    assert_eq!(scene.receiver.requests()[2].body, BODY);
}
