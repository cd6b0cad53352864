//! Malformed responses that browsers and curl accept: the receiver has processed the request, so the status counts, and
//! the request is not sent again.

use domain::Outcome;
use testkit::receiver::{Answer, Script};

use crate::setup::Scene;

/// One attempt with this response: its outcome is that of `status`, and the receiver sees one request.
async fn check(said: impl Into<Vec<u8>>, status: u16, body: &str) {
    let said = said.into();
    let shown = said[..said.len().min(200)].escape_ascii().to_string();
    let scene = Scene::new().await;
    scene.receiver.answer(Answer::raw(said));
    let attempt = scene.post("msg_1").await;
    assert_eq!(
        (attempt.outcome, attempt.http_status),
        (Outcome::from_status(status), Some(status)),
        "{shown}"
    );
    assert_eq!((attempt.error, scene.receiver.count()), (None, 1), "{shown}");
    assert_eq!(attempt.response_excerpt, body.as_bytes(), "{shown}");
}

#[tokio::test]
async fn odd_header_lines_are_passed_over() {
    for line in [
        "PHP Warning:  Undefined variable $x in /var/www/hook.php on line 3",
        "<b>Notice</b>: Undefined index",
        "Bad Name: v",
        "Name : v",
        "a line without a colon",
        ": no name",
        "x-latin: caf\u{e9}",
        "x-folded: one\r\n two",
        "Content-Type",
        "x-\u{1}: v",
        "x: \u{1}",
    ] {
        let said = format!("HTTP/1.1 200 OK\r\nServer: x\r\n{line}\r\nContent-Length: 4\r\n\r\ndone");
        check(said, 200, "done").await;
    }
}

#[tokio::test]
async fn many_headers_are_read() {
    let headers: String = (0..150).map(|n| format!("x-{n}: {n}\r\n")).collect();
    check(
        format!("HTTP/1.1 200 OK\r\n{headers}content-length: 4\r\n\r\ndone"),
        200,
        "done",
    )
    .await;
}

#[tokio::test]
async fn odd_status_lines_are_understood() {
    for line in [
        "HTTP/1.1 200",
        "HTTP/1.1 200 ",
        "HTTP/1.0 200 OK",
        "HTTP/1.1 200 d\u{e9}j\u{e0} vu",
    ] {
        check(format!("{line}\r\nContent-Length: 4\r\n\r\ndone"), 200, "done").await;
        check(format!("{line}\nContent-Length: 4\n\ndone"), 200, "done").await;
    }
    check("\r\nHTTP/1.1 500 Oh\r\nContent-Length: 4\r\n\r\ndone", 500, "done").await;
}

/// Not even a lenient parser can read it: the rest of the response is discarded, the status counts.
#[tokio::test]
async fn of_an_answer_beyond_reading_the_status_counts() {
    let endless = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "a".repeat(2 << 20));
    let thousands = format!("HTTP/1.1 404 Not Found\r\n{}\r\n", "x: y\r\n".repeat(5_000));
    for (said, status) in [
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nabc",
            200,
        ),
        ("HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\nabc", 200),
        ("http/1.1 200 ok\r\n\r\n", 200),
        ("HTTP/1.1  202  Accepted\r\n\r\n", 202),
        ("HTTP/2 204\r\n\r\n", 204),
        ("HTTP/1.1 500 \u{1}\r\n\r\n", 500),
        ("HTTP/1.1 100 Continue\r\n\r\nhttp/1.1 422 no\r\n\r\n", 422),
        (&endless, 200),
        (&thousands, 404),
    ] {
        check(said, status, "").await;
    }
}

#[tokio::test]
async fn an_odd_answer_leaves_a_connection_that_can_be_used_again() {
    let scene = Scene::new().await;
    scene.receiver.answer(Script::sequence(
        [Answer::ok().header("PHP Warning", "x")],
        Answer::ok(),
    ));
    for id in ["msg_1", "msg_2"] {
        assert_eq!(scene.post(id).await.outcome, Outcome::Success);
    }
    assert_eq!((scene.receiver.count(), scene.receiver.connections()), (2, 1));
}
