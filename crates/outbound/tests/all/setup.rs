//! A receiver, a client that may dial it, and names that resolve as a test wants.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use domain::{AddressPolicy, EndpointUrl, Outcome};
use outbound::{Attempt, Endpoint, Outbound, OutboundSettings, Post, Resolve, ResolveError, Resolving};
use rustls::RootCertStore;
use testkit::certificates::TestCa;
use testkit::receiver::Receiver;
use testkit::wait;

/// Long enough for anything on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The outcome of a local error.
pub const OURS: Outcome = Outcome::LocalError;

pub const BODY: &[u8] = br#"{"type":"deal.won","data":{"id":"deal_9001"}}"#;

/// Settings that let the client dial `networks` besides public addresses, with timeouts that no quick response reaches.
pub fn settings(roots: RootCertStore, networks: &[&str]) -> OutboundSettings {
    OutboundSettings {
        timeout: PATIENCE,
        connect_timeout: PATIENCE,
        policy: policy(networks),
        roots,
        proxy: None,
        max_idle: 64,
        idle_timeout: OutboundSettings::IDLE_TIMEOUT,
        user_agent: "EasyCRM-Webhooks/test".parse().unwrap(),
    }
}

pub fn policy(networks: &[&str]) -> AddressPolicy {
    AddressPolicy::allowing(networks.iter().map(|network| network.parse().unwrap()).collect())
}

/// A URL as it could have been saved while local addresses were allowed.
pub fn endpoint(url: &str) -> Endpoint {
    Endpoint::new(&EndpointUrl::parse(url, &policy(&["0.0.0.0/0", "::/0"])).unwrap()).unwrap()
}

/// A receiver on 127.0.0.1 and a client that trusts it and may dial it.
pub struct Scene {
    pub receiver: Receiver,
    pub outbound: Outbound,
    pub endpoint: Endpoint,
}

impl Scene {
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// With other settings.
    pub async fn with(adjust: impl FnOnce(&mut OutboundSettings)) -> Self {
        let ca = TestCa::new();
        let receiver = Receiver::start(&ca).await.unwrap();
        Self::around(&ca, receiver, adjust)
    }

    /// With this receiver.
    pub fn around(ca: &TestCa, receiver: Receiver, adjust: impl FnOnce(&mut OutboundSettings)) -> Self {
        let mut settings = settings(ca.roots(), &["127.0.0.1/32"]);
        adjust(&mut settings);
        let outbound = Outbound::new(settings, Arc::new(FakeResolver::default())).unwrap();
        let endpoint = endpoint(&receiver.url("/hook"));
        Self {
            receiver,
            outbound,
            endpoint,
        }
    }

    pub async fn post(&self, id: &str) -> Attempt {
        post(&self.outbound, &self.endpoint, id).await
    }
}

pub async fn post(outbound: &Outbound, endpoint: &Endpoint, id: &str) -> Attempt {
    let body = Bytes::from_static(BODY);
    outbound
        .post(Post {
            endpoint,
            id,
            timestamp: 1_795_410_000,
            signature: "v1,c2lnbmF0dXJl",
            headers: &http::HeaderMap::new(),
            body,
        })
        .await
}

/// Waits until this process holds no socket to the receiver any more.
pub async fn client_lets_go(receiver: &Receiver) {
    let port = receiver.address().port();
    wait::until(PATIENCE, "the client to close", async || sockets_to(port) == 0)
        .await
        .unwrap();
}

/// Sockets of this machine connected to `port`, by /proc/net/tcp: state 01 is ESTABLISHED, 08 CLOSE_WAIT.
fn sockets_to(port: u16) -> usize {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let open = |line: &&str| {
        let fields: Vec<_> = line.split_whitespace().collect();
        fields[2].ends_with(&format!(":{port:04X}")) && matches!(fields[3], "01" | "08")
    };
    table.lines().skip(1).filter(open).count()
}

/// The memory that this process occupies.
pub fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Responds from a list: each lookup of a name takes the next response, the last one stays.
#[derive(Default)]
pub struct FakeResolver {
    answers: Mutex<HashMap<String, Vec<Vec<IpAddr>>>>,
    lookups: AtomicUsize,
}

impl FakeResolver {
    pub fn new(host: &str, answers: &[&[&str]]) -> Arc<Self> {
        let parsed = answers
            .iter()
            .map(|answer| answer.iter().map(|ip| ip.parse().unwrap()).collect())
            .collect();
        Arc::new(Self {
            answers: Mutex::new(HashMap::from([(host.to_owned(), parsed)])),
            lookups: AtomicUsize::new(0),
        })
    }

    /// One address for all these hosts.
    pub fn of_all<'h>(hosts: impl Iterator<Item = &'h str>, address: &str) -> Arc<Self> {
        let address = address.parse().unwrap();
        let answers = hosts.map(|host| (host.to_owned(), vec![vec![address]])).collect();
        Arc::new(Self {
            answers: Mutex::new(answers),
            lookups: AtomicUsize::new(0),
        })
    }

    pub fn lookups(&self) -> usize {
        self.lookups.load(Ordering::SeqCst)
    }
}

impl Resolve for FakeResolver {
    fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a> {
        self.lookups.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.answers.lock().unwrap();
        let answer = match answers.get_mut(host) {
            Some(left) if left.len() > 1 => Ok(left.remove(0)),
            Some(left) => Ok(left[0].clone()),
            None => Err(ResolveError::NotFound),
        };
        Box::pin(async move { answer })
    }
}
