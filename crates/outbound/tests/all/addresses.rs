//! Names and literals that lead to forbidden addresses. A listener there must never see a connection.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use domain::Outcome;
use outbound::{Attempt, Outbound};
use testkit::certificates::TestCa;
use testkit::receiver::{Answer, Receiver};
use tokio::net::TcpStream;

use crate::setup::{FakeResolver, PATIENCE, endpoint, post, settings};

const HOST: &str = "hooks.example.com";

/// A receiver at a forbidden address, which would accept a request.
struct Forbidden {
    ca: TestCa,
    receiver: Receiver,
}

impl Forbidden {
    async fn new() -> Self {
        Self::on("127.0.0.1").await
    }

    async fn on(address: &str) -> Self {
        let ca = TestCa::new();
        let address = SocketAddr::new(address.parse().unwrap(), 0);
        let identity = ca.issue(&[HOST]);
        let receiver = Receiver::builder(&ca)
            .listen(address)
            .identity(identity)
            .start()
            .await
            .unwrap();
        Self { ca, receiver }
    }

    async fn attempt(&self, url: &str, resolver: Arc<FakeResolver>, networks: &[&str]) -> Attempt {
        let outbound = Outbound::new(settings(self.ca.roots(), networks), resolver).unwrap();
        post(&outbound, &endpoint(url), "msg_1").await
    }

    /// Connections are accepted in order: when ours is the first, there was none before.
    async fn assert_untouched(&self) {
        let _ours = TcpStream::connect(self.receiver.address()).await.unwrap();
        testkit::wait::until(PATIENCE, "our own connection", async || self.receiver.connections() > 0)
            .await
            .unwrap();
        assert_eq!(self.receiver.connections(), 1, "something was dialled");
    }
}

fn assert_blocked(attempt: &Attempt, why: &str) {
    let ending = (attempt.outcome, attempt.http_status, attempt.error);
    assert_eq!(ending, (Outcome::Blocked, None, Some("address not allowed")), "{why}");
}

#[tokio::test]
async fn names_that_lead_to_a_forbidden_address_are_not_dialled() {
    let forbidden = Forbidden::new().await;
    let url = forbidden.receiver.url_as(HOST, "/");
    let answers: &[&[&str]] = &[
        &["127.0.0.1"],
        &["10.0.0.5"],
        &["169.254.169.254"],
        &["0.0.0.0"],
        &["::"],
        &["::1"],
        &["::ffff:127.0.0.1"],
        &["::ffff:10.0.0.1"],
        &["64:ff9b::a9fe:a9fe"],
        &["1.1.1.1", "64:ff9b::10.0.0.5"],
        &["168.63.129.16"],
        &["fd00:ec2::254"],
        &["1.1.1.1", "10.0.0.5"],
        &["1.1.1.1", "::1"],
        &["127.0.0.1", "1.1.1.1"],
    ];
    for answer in answers {
        let resolver = FakeResolver::new(HOST, &[answer]);
        assert_blocked(
            &forbidden.attempt(&url, resolver.clone(), &[]).await,
            &format!("{answer:?}"),
        );
        assert_eq!(resolver.lookups(), 1);
    }
    forbidden.assert_untouched().await;
}

#[tokio::test]
async fn one_forbidden_address_spoils_the_allowed_ones() {
    let allowed = Forbidden::on("127.0.0.2").await;
    let url = allowed.receiver.url_as(HOST, "/");
    let resolver = FakeResolver::new(HOST, &[&["127.0.0.2", "127.0.0.1"]]);
    assert_blocked(&allowed.attempt(&url, resolver, &["127.0.0.2/32"]).await, "mixed");
    allowed.assert_untouched().await;
    // The same without the forbidden one is dialled, or the test would prove nothing.
    let resolver = FakeResolver::new(HOST, &[&["127.0.0.2"]]);
    assert_eq!(
        allowed.attempt(&url, resolver, &["127.0.0.2/32"]).await.outcome,
        Outcome::Success
    );
}

/// The response of a name server with DNS64 beside the address of a receiver that has IPv4 only.
#[tokio::test]
async fn an_address_behind_nat64_does_not_spoil_the_one_it_stands_for() {
    let receiver = Forbidden::new().await;
    let url = receiver.receiver.url_as(HOST, "/");
    for answer in [
        &["127.0.0.1", "64:ff9b::127.0.0.1"][..],
        &["64:ff9b::7f00:1", "127.0.0.1"],
    ] {
        let resolver = FakeResolver::new(HOST, &[answer]);
        let attempt = receiver.attempt(&url, resolver, &["127.0.0.1/32"]).await;
        assert_eq!(attempt.outcome, Outcome::Success, "{attempt:?}");
        let resolver = FakeResolver::new(HOST, &[answer]);
        assert_blocked(
            &receiver.attempt(&url, resolver, &["64:ff9b::/96"]).await,
            "a prefix exempts nothing",
        );
    }
}

#[tokio::test]
async fn literals_are_judged_like_names() {
    let forbidden = Forbidden::new().await;
    let port = forbidden.receiver.address().port();
    for host in [
        "127.0.0.1",
        "2130706433",
        "0x7f.1",
        "[::ffff:127.0.0.1]",
        "[::1]",
        "0.0.0.0",
        "[64:ff9b::7f00:1]",
    ] {
        let url = format!("https://{host}:{port}/");
        let resolver = Arc::new(FakeResolver::default());
        assert_blocked(&forbidden.attempt(&url, resolver.clone(), &[]).await, host);
        assert_eq!(resolver.lookups(), 0, "{host}: a literal is not a name");
    }
    forbidden.assert_untouched().await;
}

#[tokio::test]
async fn a_name_that_turns_private_is_refused_on_the_next_dial() {
    let ca = TestCa::new();
    let allowed = SocketAddr::new(IpAddr::from([127, 0, 0, 2]), 0);
    let first = Receiver::builder(&ca)
        .listen(allowed)
        .identity(ca.issue(&[HOST]))
        .start()
        .await
        .unwrap();
    first.answer(Answer::ok().header("connection", "close"));
    let same_port = SocketAddr::new(IpAddr::from([127, 0, 0, 1]), first.address().port());
    let identity = ca.issue(&[HOST]);
    let receiver = Receiver::builder(&ca)
        .listen(same_port)
        .identity(identity)
        .start()
        .await
        .unwrap();
    let rebound = Forbidden { ca, receiver };

    let resolver = FakeResolver::new(HOST, &[&["127.0.0.2"], &["127.0.0.1"]]);
    let outbound = Outbound::new(settings(rebound.ca.roots(), &["127.0.0.2/32"]), resolver.clone()).unwrap();
    let endpoint = endpoint(&first.url_as(HOST, "/"));
    assert_eq!(post(&outbound, &endpoint, "msg_1").await.outcome, Outcome::Success);
    assert_eq!(
        resolver.lookups(),
        1,
        "what was judged is what was dialled: there is no second lookup"
    );
    assert_blocked(&post(&outbound, &endpoint, "msg_2").await, "rebound");
    assert_eq!(first.count(), 1);
    rebound.assert_untouched().await;
}
