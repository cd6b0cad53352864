//! Receivers whose TLS is broken: the outcome is `tls_error`, and no request is ever seen.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::Outcome;
use outbound::{Outbound, OutboundError};
use rustls::RootCertStore;
use testkit::certificates::{ServerIdentity, TestCa};
use testkit::receiver::{Answer, OnConnect, Receiver};

use crate::setup::{FakeResolver, Scene, endpoint, post, settings};

async fn check_certificate(issue: impl FnOnce(&TestCa) -> ServerIdentity) {
    let ca = TestCa::new();
    let identity = issue(&ca);
    let receiver = Receiver::builder(&ca).identity(identity).start().await.unwrap();
    let scene = Scene::around(&ca, receiver, |_| {});
    let attempt = scene.post("msg_1").await;
    assert_eq!(
        (attempt.outcome, attempt.error),
        (Outcome::TlsError, Some("certificate not valid"))
    );
    assert_eq!(scene.receiver.count(), 0);
}

#[tokio::test]
async fn a_certificate_is_always_verified() {
    check_certificate(TestCa::issue_expired).await;
    check_certificate(|ca| ca.issue_only(&["hooks.example.com"])).await;
    check_certificate(|_| ServerIdentity::self_signed()).await;
    check_certificate(|_| TestCa::new().issue(&[])).await;
}

#[tokio::test]
async fn the_certificate_is_judged_by_name_not_by_the_address_dialled() {
    let ca = TestCa::new();
    let identity = ca.issue_only(&["hooks.example.com"]);
    let receiver = Receiver::builder(&ca).identity(identity).start().await.unwrap();
    let resolver = FakeResolver::new("hooks.example.com", &[&["127.0.0.1"]]);
    let outbound = Outbound::new(settings(ca.roots(), &["127.0.0.1/32"]), resolver).unwrap();
    let attempt = post(
        &outbound,
        &endpoint(&receiver.url_as("hooks.example.com", "/")),
        "msg_1",
    )
    .await;
    assert_eq!(attempt.outcome, Outcome::Success, "{attempt:?}");
    let host = format!("hooks.example.com:{}", receiver.address().port());
    assert_eq!(receiver.requests()[0].header("host"), Some(host.as_str()));
}

#[tokio::test]
async fn what_is_not_a_tls_handshake_is_a_tls_failure() {
    // A fatal alert "protocol_version" (RFC 8446 §6): a server that has only older versions.
    let too_old: &[u8] = &[21, 3, 1, 0, 2, 2, 70];
    for on_connect in [
        OnConnect::Close,
        OnConnect::Reset,
        OnConnect::Say(Bytes::from_static(too_old)),
        OnConnect::Say("SSH-2.0-OpenSSH_9.2p1\r\n".into()),
        OnConnect::Say("HTTP/1.1 400 Bad Request\r\n\r\nplain HTTP request sent to HTTPS port".into()),
    ] {
        let scene = Scene::new().await;
        scene.receiver.on_connect(on_connect.clone());
        let attempt = scene.post("msg_1").await;
        let ending = (attempt.outcome, attempt.error);
        assert_eq!(
            ending,
            (Outcome::TlsError, Some("TLS handshake failed")),
            "{on_connect:?}"
        );
        assert_eq!(
            scene.receiver.connections(),
            1,
            "{on_connect:?}: not tried again, least of all without TLS"
        );
    }
}

#[tokio::test]
async fn a_stalled_handshake_costs_the_connect_timeout() {
    let scene = Scene::with(|settings| settings.connect_timeout = Duration::from_millis(300)).await;
    scene.receiver.on_connect(OnConnect::Stall);
    let attempt = scene.post("msg_1").await;
    assert_eq!(
        (attempt.outcome, attempt.error),
        (Outcome::Timeout, Some("timeout while connecting"))
    );
}

#[tokio::test]
async fn a_receiver_that_wants_a_client_certificate_is_a_tls_failure() {
    let ca = TestCa::new();
    let receiver = Receiver::builder(&ca)
        .require_client_certificate()
        .start()
        .await
        .unwrap();
    let scene = Scene::around(&ca, receiver, |_| {});
    let attempt = scene.post("msg_1").await;
    assert_eq!(
        (attempt.outcome, attempt.error),
        (Outcome::TlsError, Some("TLS handshake failed"))
    );
    assert_eq!(scene.receiver.count(), 0);
}

#[test]
fn without_authorities_there_is_no_client() {
    let error = Outbound::new(settings(RootCertStore::empty(), &[]), Arc::new(FakeResolver::default())).unwrap_err();
    assert!(matches!(error, OutboundError::NoRoots));
}

#[tokio::test]
async fn the_sessions_of_many_receivers_are_resumed() {
    const RECEIVERS: usize = 60;
    let names: Vec<_> = (0..RECEIVERS).map(|n| format!("hooks-{n}.example.com")).collect();
    let ca = TestCa::new();
    let identity = ca.issue(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let receiver = Receiver::builder(&ca).identity(identity).start().await.unwrap();
    receiver.answer(Answer::ok().header("connection", "close"));
    let resolver = FakeResolver::of_all(names.iter().map(String::as_str), "127.0.0.1");
    let outbound = Outbound::new(settings(ca.roots(), &["127.0.0.1/32"]), resolver).unwrap();
    for _ in 0..2 {
        for name in &names {
            let attempt = post(&outbound, &endpoint(&receiver.url_as(name, "/")), "msg_1").await;
            assert_eq!(attempt.outcome, Outcome::Success, "{attempt:?}");
        }
    }
    assert_eq!(
        (receiver.connections(), receiver.resumed_sessions()),
        (2 * RECEIVERS, RECEIVERS)
    );
}
