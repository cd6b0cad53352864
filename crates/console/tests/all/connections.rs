//! Clients that speak HTTP badly, or slowly.

use std::time::Duration;

use store::tokens::Role;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::api::{ACCOUNT, Api};

/// Longer than the API waits for anything here.
const WITHIN: Duration = Duration::from_secs(30);

/// Sends the pieces and returns everything that comes until the server closes.
async fn talk(api: &Api, pieces: &[&[u8]]) -> String {
    let mut stream = TcpStream::connect(api.address).await.unwrap();
    for piece in pieces {
        // The server may have closed already; what it said is what counts.
        let _ = stream.write_all(piece).await;
    }
    let mut answer = Vec::new();
    let _ = timeout(WITHIN, stream.read_to_end(&mut answer))
        .await
        .expect("the server closes in time");
    String::from_utf8_lossy(&answer).into_owned()
}

async fn head(api: &Api, method: &str, more: &str) -> String {
    let token = api.token(ACCOUNT, Role::Admin).await;
    format!("{method} /api/v1/webhooks HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\n{more}\r\n")
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_given_up() {
    let api = Api::start().await;
    let head = head(
        &api,
        "POST",
        "content-type: application/json\r\ncontent-length: 100\r\n",
    )
    .await;
    let answer = talk(&api, &[head.as_bytes(), b"{\"name\":"]).await;
    assert!(
        answer.starts_with("HTTP/1.1 408 ") && answer.contains("application/problem+json"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_body_without_an_announced_length_is_bounded_too() {
    let api = Api::start().await;
    let more = "content-type: application/json\r\ntransfer-encoding: chunked\r\nconnection: close\r\n";
    let head = head(&api, "POST", more).await;
    let chunk = [&b"10000\r\n"[..], &[b' '; 0x10000], b"\r\n"].concat();
    let pieces: Vec<&[u8]> = [head.as_bytes()]
        .into_iter()
        .chain(std::iter::repeat_n(&chunk[..], 17))
        .collect();
    let answer = talk(&api, &pieces).await;
    assert!(
        answer.starts_with("HTTP/1.1 413 ") && answer.contains("application/problem+json"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_body_that_breaks_off_is_refused() {
    let api = Api::start().await;
    let more = "content-type: application/json\r\ntransfer-encoding: chunked\r\nconnection: close\r\n";
    let head = head(&api, "POST", more).await;
    let answer = talk(&api, &[head.as_bytes(), b"zz\r\n"]).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

#[tokio::test]
async fn an_endless_head_is_refused() {
    let api = Api::start().await;
    let long = format!(
        "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\nx-long: {}\r\n\r\n",
        "x".repeat(80 * 1024)
    );
    let answer = talk(&api, &[long.as_bytes()]).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
    let many = format!(
        "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{}\r\n",
        "x: y\r\n".repeat(500)
    );
    let answer = talk(&api, &[many.as_bytes()]).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

#[tokio::test]
async fn unclear_framing_never_hides_a_second_request() {
    let api = Api::start().await;
    let smuggled = b"0\r\n\r\nGET /api/v1/event-types HTTP/1.1\r\nhost: a\r\n\r\n";
    let more = format!(
        "content-length: {}\r\ntransfer-encoding: chunked\r\nconnection: close\r\n",
        smuggled.len()
    );
    let head = head(&api, "GET", &more).await;
    let answer = talk(&api, &[head.as_bytes(), smuggled]).await;
    assert!(answer.matches("HTTP/1.1 ").count() <= 1, "{answer}");
    for bad in [
        "GET / HTTP/1.1\r\nconnection: close\r\n\r\n",
        "nonsense\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\nconnection: close\r\n\r\n",
    ] {
        let answer = talk(&api, &[bad.as_bytes()]).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{bad:?}: {answer}");
    }
}

#[tokio::test]
async fn old_and_odd_requests_are_answered() {
    let api = Api::start().await;
    let old = talk(&api, &[b"GET /api/v1/webhooks HTTP/1.0\r\n\r\n"]).await;
    assert!(
        old.starts_with("HTTP/1.0 401 ") || old.starts_with("HTTP/1.1 401 "),
        "{old}"
    );
    let absolute = b"GET http://a/api/v1/webhooks HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    assert!(talk(&api, &[absolute]).await.starts_with("HTTP/1.1 401 "));
    let head = head(&api, "HEAD", "connection: close\r\n").await;
    let headed = talk(&api, &[head.as_bytes()]).await;
    assert!(
        headed.starts_with("HTTP/1.1 200 ") && headed.ends_with("\r\n\r\n"),
        "{headed}"
    );
    let options = b"OPTIONS * HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    assert!(talk(&api, &[options]).await.starts_with("HTTP/1.1 404 "));
    let invented = b"BREW /api/v1/webhooks HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let refused = talk(&api, &[invented]).await;
    assert!(
        refused.starts_with("HTTP/1.1 405 ") && refused.contains("allow: GET,HEAD,POST"),
        "{refused}"
    );
}
