//! With a CONNECT proxy, and with proxy variables in the environment that must not matter.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::Outcome;
use outbound::{Attempt, Outbound};
use testkit::certificates::TestCa;
use testkit::receiver::{Receiver, SilentPort};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::task::JoinHandle;

use crate::setup::{FakeResolver, OURS, Scene, endpoint, post, settings};

const HOST: &str = "hooks.example.com";

/// A CONNECT proxy that records the requested destinations.
struct Proxy {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
    serving: JoinHandle<()>,
}

impl Proxy {
    async fn start(answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let remembered = asked.clone();
        let serving = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(tunnel(client, answer, remembered.clone()));
            }
        });
        Self { url, asked, serving }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn tunnel(client: TcpStream, answer: &'static str, asked: Arc<Mutex<Vec<String>>>) {
    let mut client = BufReader::new(client);
    let mut request = String::new();
    while !request.ends_with("\r\n\r\n") {
        if client.read_line(&mut request).await.unwrap() == 0 {
            return;
        }
    }
    let destination = request.split(' ').nth(1).unwrap().to_owned();
    asked.lock().unwrap().push(destination.clone());
    client.write_all(answer.as_bytes()).await.unwrap();
    if answer.contains("200") {
        let mut server = TcpStream::connect(destination).await.unwrap();
        // How the two ends close is asserted by them.
        let _ = copy_bidirectional(&mut client, &mut server).await;
    }
}

async fn attempt(proxy: &Proxy, address: &str) -> (Attempt, Receiver) {
    let ca = TestCa::new();
    let receiver = Receiver::builder(&ca)
        .identity(ca.issue_only(&[HOST]))
        .start()
        .await
        .unwrap();
    let mut settings = settings(ca.roots(), &["127.0.0.1/32"]);
    settings.proxy = Some(proxy.url.parse().unwrap());
    let outbound = Outbound::new(settings, FakeResolver::new(HOST, &[&[address]])).unwrap();
    (
        post(&outbound, &endpoint(&receiver.url_as(HOST, "/")), "msg_1").await,
        receiver,
    )
}

#[tokio::test]
async fn a_proxy_is_asked_for_the_judged_address_and_tls_keeps_the_name() {
    let proxy = Proxy::start("HTTP/1.1 200 Connection established\r\nvia: test\r\n\r\n").await;
    let (attempt, receiver) = attempt(&proxy, "127.0.0.1").await;
    assert_eq!(attempt.outcome, Outcome::Success, "{attempt:?}");
    assert_eq!(proxy.asked(), [receiver.address().to_string()]);
    assert_eq!(receiver.count(), 1);
}

#[tokio::test]
async fn a_proxy_opens_no_way_around_the_policy() {
    let proxy = Proxy::start("HTTP/1.1 200 OK\r\n\r\n").await;
    let (attempt, receiver) = attempt(&proxy, "10.0.0.5").await;
    assert_eq!(
        (attempt.outcome, attempt.error),
        (Outcome::Blocked, Some("address not allowed"))
    );
    assert!(proxy.asked().is_empty());
    assert_eq!(receiver.connections(), 0);
}

/// It refuses, or fails, for this one destination only.
#[tokio::test]
async fn what_a_proxy_does_not_open_for_one_receiver_is_a_failed_connection() {
    for answer in [
        "HTTP/1.1 403 Forbidden\r\n\r\n",
        "HTTP/1.1 503 Service Unavailable\r\n\r\n",
        "HTTP/1.1 2",
        "",
    ] {
        let proxy = Proxy::start(answer).await;
        let (attempt, receiver) = attempt(&proxy, "127.0.0.1").await;
        assert_eq!(
            (attempt.outcome, attempt.error),
            (Outcome::ConnectError, Some("connection failed")),
            "{answer}"
        );
        assert_eq!(receiver.connections(), 0);
    }
}

async fn check_ours(outbound: &Outbound, host: &str) {
    let attempt = post(outbound, &endpoint(&format!("https://{host}/")), "msg_1").await;
    assert_eq!(
        (attempt.outcome, attempt.error),
        (OURS, Some("local error: the egress proxy does not work")),
        "{host}"
    );
    assert!(!outbound.health().proxy);
}

#[tokio::test]
async fn a_proxy_that_is_none_or_wants_a_password_is_our_trouble() {
    for answer in [
        "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
        "SSH-2.0-OpenSSH_9.2p1\r\n\r\n",
    ] {
        let proxy = Proxy::start(answer).await;
        check_ours(&through(&proxy.url), "127.0.0.1").await;
    }
}

#[tokio::test]
async fn a_proxy_that_is_away_is_our_trouble() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    check_ours(&through(&format!("http://{closed}")), "127.0.0.1").await;
    let silent = SilentPort::open().await.unwrap();
    check_ours(&through(&format!("http://{}", silent.address())), "127.0.0.1").await;
}

#[tokio::test]
async fn a_proxy_that_fails_for_several_receivers_is_our_trouble() {
    for answer in ["HTTP/1.1 503 Service Unavailable\r\n\r\n", ""] {
        let proxy = Proxy::start(answer).await;
        let outbound = through(&proxy.url);
        for host in ["127.0.0.1", "127.0.0.2", "127.0.0.1"] {
            let attempt = post(&outbound, &endpoint(&format!("https://{host}/")), "msg_1").await;
            assert_eq!(attempt.error, Some("connection failed"), "{host}");
            assert!(outbound.health().proxy);
        }
        check_ours(&outbound, "127.0.0.3").await;
    }
}

/// Through this proxy, with a short timeout.
fn through(proxy: &str) -> Outbound {
    let mut settings = settings(TestCa::new().roots(), &["127.0.0.0/8"]);
    settings.connect_timeout = Duration::from_millis(500);
    settings.proxy = Some(proxy.parse().unwrap());
    Outbound::new(settings, Arc::new(FakeResolver::default())).unwrap()
}

/// Runs in a process of its own, with proxies in its environment; does nothing in the ordinary run.
#[tokio::test]
async fn delivers_directly_in_a_child_process() {
    if std::env::var_os("OUTBOUND_TEST_CHILD").is_some() {
        let scene = Scene::new().await;
        assert_eq!(scene.post("msg_1").await.outcome, Outcome::Success);
    }
}

#[tokio::test]
async fn proxy_variables_in_the_environment_are_ignored() {
    let proxy = Proxy::start("HTTP/1.1 200 OK\r\n\r\n").await;
    let mut child = Command::new(std::env::current_exe().unwrap());
    child
        .args(["--exact", "proxy::delivers_directly_in_a_child_process"])
        .env("OUTBOUND_TEST_CHILD", "1");
    for variable in [
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
    ] {
        child.env(variable, &proxy.url);
    }
    child.env("no_proxy", "").env("NO_PROXY", "");
    let output = child.output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    assert!(proxy.asked().is_empty());
}
