//! Receivers that do not respond.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use domain::Outcome;
use outbound::{Attempt, Outbound, Post};
use testkit::certificates::TestCa;
use testkit::receiver::{Answer, Receiver, SilentPort};
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::setup::{FakeResolver, OURS, PATIENCE, Scene, endpoint, post, settings};

const SOON: Duration = Duration::from_millis(500);

fn check(attempt: &Attempt, outcome: Outcome, error: &str) {
    assert_eq!(
        (attempt.outcome, attempt.http_status, attempt.error),
        (outcome, None, Some(error))
    );
    assert!(attempt.response_excerpt.is_empty() && attempt.retry_after.is_none());
}

#[tokio::test]
async fn silence_ends_at_the_deadline() {
    for answer in [
        Answer::hang(),
        Answer::hang().before_reading(),
        Answer::slow_head(Duration::from_millis(40)),
        Answer::ok().delay(PATIENCE),
        Answer::raw("HTTP/1.1 103 Early Hints\r\n\r\n").then_hang(),
    ] {
        let scene = Scene::with(|settings| settings.timeout = SOON).await;
        scene.receiver.answer(answer);
        let started = Instant::now();
        let attempt = scene.post("msg_1").await;
        check(&attempt, Outcome::Timeout, "timeout");
        assert!(
            attempt.response_time >= SOON && started.elapsed() < PATIENCE / 2,
            "{attempt:?}"
        );
    }
}

#[tokio::test]
async fn a_connection_broken_before_the_answer_is_one_failed_attempt() {
    for answer in [Answer::close(), Answer::reset(), Answer::reset().before_reading()] {
        let scene = Scene::new().await;
        scene.receiver.answer(answer.clone());
        let attempt = scene.post("msg_1").await;
        assert_eq!(
            (attempt.outcome, attempt.http_status),
            (Outcome::ConnectError, None),
            "{answer:?}"
        );
        assert!(attempt.error.unwrap().starts_with("connection"), "{:?}", attempt.error);
        assert_eq!(
            (scene.receiver.count(), scene.receiver.connections()),
            (1, 1),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn a_closed_port_refuses() {
    let scene = Scene::new().await;
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let attempt = post(&scene.outbound, &endpoint(&format!("https://{closed}/")), "msg_1").await;
    check(&attempt, Outcome::ConnectError, "connection refused");
}

#[tokio::test]
async fn an_unknown_name_is_not_found() {
    let scene = Scene::new().await;
    let attempt = post(&scene.outbound, &endpoint("https://hooks.example.com/"), "msg_1").await;
    check(&attempt, Outcome::DnsError, "name not found");
}

#[tokio::test]
async fn a_host_that_drops_packets_costs_the_connect_timeout() {
    let scene = Scene::with(|settings| settings.connect_timeout = SOON).await;
    let silent = SilentPort::open().await.unwrap();
    let started = Instant::now();
    let attempt = post(
        &scene.outbound,
        &endpoint(&format!("https://{}/", silent.address())),
        "msg_1",
    )
    .await;
    check(&attempt, Outcome::Timeout, "timeout while connecting");
    assert!(started.elapsed() >= SOON && started.elapsed() < PATIENCE / 2);
}

#[tokio::test]
async fn a_dead_address_leaves_time_for_the_next() {
    let ca = TestCa::new();
    let silent = SilentPort::open().await.unwrap();
    let same_port = SocketAddr::from(([127, 0, 0, 2], silent.address().port()));
    let identity = ca.issue(&["hooks.example.com"]);
    let receiver = Receiver::builder(&ca)
        .listen(same_port)
        .identity(identity)
        .start()
        .await
        .unwrap();
    let mut settings = settings(ca.roots(), &["127.0.0.0/8"]);
    settings.connect_timeout = Duration::from_secs(2);
    let resolver = FakeResolver::new("hooks.example.com", &[&["127.0.0.1", "127.0.0.2"]]);
    let outbound = Outbound::new(settings, resolver).unwrap();
    let attempt = post(
        &outbound,
        &endpoint(&receiver.url_as("hooks.example.com", "/")),
        "msg_1",
    )
    .await;
    assert_eq!(
        (attempt.outcome, receiver.count()),
        (Outcome::Success, 1),
        "{attempt:?}"
    );
}

#[tokio::test]
async fn a_refusing_address_is_passed_over_at_once() {
    let ca = TestCa::new();
    let identity = ca.issue(&["hooks.example.com"]);
    let receiver = Receiver::builder(&ca).identity(identity).start().await.unwrap();
    let resolver = FakeResolver::new("hooks.example.com", &[&["127.0.0.3", "::1", "127.0.0.1"]]);
    let outbound = Outbound::new(settings(ca.roots(), &["127.0.0.0/8", "::1/128"]), resolver).unwrap();
    let attempt = post(
        &outbound,
        &endpoint(&receiver.url_as("hooks.example.com", "/")),
        "msg_1",
    )
    .await;
    assert_eq!(
        (attempt.outcome, receiver.count()),
        (Outcome::Success, 1),
        "{attempt:?}"
    );
}

#[tokio::test]
async fn a_signature_that_no_header_can_hold_fails_without_a_dial() {
    let scene = Scene::new().await;
    let post = Post {
        endpoint: &scene.endpoint,
        id: "msg\r\n1",
        timestamp: 0,
        signature: "v1,",
        headers: &http::HeaderMap::new(),
        body: "{}".into(),
    };
    check(
        &scene.outbound.post(post).await,
        Outcome::ConnectError,
        "request cannot be sent",
    );
    assert_eq!(scene.receiver.connections(), 0);
}

/// Runs in a process of its own, with a low limit on open files; does nothing in the ordinary run.
#[tokio::test]
async fn finds_no_socket_in_a_child_process() {
    if std::env::var_os("OUTBOUND_TEST_FEW_FILES").is_none() {
        return;
    }
    let scene = Scene::new().await;
    let mut files = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        files.push(file);
    }
    check(&scene.post("msg_1").await, OURS, "local error: no socket is free");
    assert!(!scene.outbound.health().network);
    drop(files);
    assert_eq!(scene.post("msg_2").await.outcome, Outcome::Success);
    assert!(scene.outbound.health().is_good());
}

#[tokio::test]
async fn a_lack_of_sockets_is_our_trouble() {
    let mut child = Command::new("sh");
    let this = std::env::current_exe().unwrap();
    let run = "ulimit -n 200 && exec \"$0\" --exact failures::finds_no_socket_in_a_child_process";
    child.args(["-c", run]).arg(this).env("OUTBOUND_TEST_FEW_FILES", "1");
    let output = child.output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}
