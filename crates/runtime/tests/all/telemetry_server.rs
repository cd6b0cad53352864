//! Metrics and health over real HTTP.

use std::net::SocketAddr;
use std::time::Duration;

use runtime::{Metrics, Readiness, TelemetryServer};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Far more than an answer takes; reached only when something hangs.
const DEADLINE: Duration = Duration::from_secs(30);

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Sends one request and reads until the server closes the connection.
async fn ask(address: SocketAddr, method: &str, path: &str) -> Answer {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let answer = tokio::time::timeout(DEADLINE, exchange)
        .await
        .expect("the server answers");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer {
        status,
        head: head.to_lowercase(),
        body: body.to_owned(),
    }
}

async fn start(readiness: &Readiness) -> TelemetryServer {
    let listen = "127.0.0.1:0".parse().unwrap();
    TelemetryServer::start(listen, Metrics::new(), readiness.clone())
        .await
        .unwrap()
}

#[tokio::test]
async fn readiness_follows_its_conditions_and_health_does_not() {
    let readiness = Readiness::new();
    let server = start(&readiness).await;
    let ready = || ask(server.local_addr(), "GET", "/readyz");
    assert_eq!(ready().await.status, 200);

    let (broker, database) = (readiness.condition("broker consumer"), readiness.condition("database"));
    database.ready();
    let answer = ready().await;
    assert_eq!(answer.status, 503);
    assert!(
        answer.head.contains("content-type: application/json"),
        "{}",
        answer.head
    );
    assert_eq!(
        answer.json(),
        json!([{"condition": "broker consumer", "reason": "not started yet"}])
    );

    broker.ready();
    let answer = ready().await;
    assert_eq!((answer.status, answer.json()), (200, json!([])));

    database.not_ready("connection refused");
    assert_eq!(
        ready().await.json(),
        json!([{"condition": "database", "reason": "connection refused"}])
    );
    assert_eq!(ask(server.local_addr(), "GET", "/healthz").await.status, 200);

    database.ready();
    readiness.shut_down();
    let answer = ready().await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.json()[0]["reason"], "the process is shutting down");
    assert_eq!(ask(server.local_addr(), "GET", "/healthz").await.status, 200);
}

#[tokio::test]
async fn metrics_are_in_the_text_format() {
    let server = start(&Readiness::new()).await;
    let answer = ask(server.local_addr(), "GET", "/metrics?x=1").await;
    assert_eq!(answer.status, 200);
    assert!(
        answer.head.contains("content-type: text/plain; version=0.0.4"),
        "{}",
        answer.head
    );
    assert!(
        answer
            .body
            .contains("# TYPE webhook_build_info gauge\nwebhook_build_info{"),
        "{}",
        answer.body
    );
    assert!(answer.body.ends_with('\n'));
}

#[tokio::test]
async fn other_methods_and_paths_are_refused() {
    let readiness = Readiness::new();
    let server = start(&readiness).await;
    let address = server.local_addr();
    for path in ["/metrics", "/healthz", "/readyz"] {
        let (get, head) = (ask(address, "GET", path).await, ask(address, "HEAD", path).await);
        assert_eq!((head.status, head.body.as_str()), (get.status, ""), "{path}");
        assert!(
            head.head.contains("content-length: ") && !head.head.contains("content-length: 0"),
            "{}",
            head.head
        );
        for method in ["POST", "DELETE", "OPTIONS"] {
            let answer = ask(address, method, path).await;
            assert_eq!(answer.status, 405, "{method} {path}");
            assert!(answer.head.contains("allow: get, head"), "{}", answer.head);
        }
    }
    for path in ["/", "/metrics/", "/health", "/readyz/x"] {
        assert_eq!(ask(address, "GET", path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn a_client_that_says_nothing_does_not_keep_others_waiting() {
    let server = start(&Readiness::new()).await;
    let _silent = TcpStream::connect(server.local_addr()).await.unwrap();
    let mut slow = TcpStream::connect(server.local_addr()).await.unwrap();
    slow.write_all(b"GET /metr").await.unwrap();
    let mut garbage = TcpStream::connect(server.local_addr()).await.unwrap();
    garbage.write_all(&[0xff; 1000]).await.unwrap();
    assert_eq!(ask(server.local_addr(), "GET", "/healthz").await.status, 200);
}

#[tokio::test]
async fn a_taken_port_is_an_error_that_names_it() {
    let first = start(&Readiness::new()).await;
    let address = first.local_addr();
    let error = TelemetryServer::start(address, Metrics::new(), Readiness::new())
        .await
        .unwrap_err();
    let error = anyhow::Error::from(error);
    let report = format!("{error:#}");
    assert!(
        report.starts_with(&format!("cannot listen on {address} for metrics and health")),
        "{report}"
    );
    assert!(report.contains("in use"), "{report}");
    assert_eq!(runtime::exit::code(&error), runtime::exit::FAILED);
}

#[tokio::test]
async fn a_dropped_server_answers_no_more() {
    let server = start(&Readiness::new()).await;
    let address = server.local_addr();
    let mut open = TcpStream::connect(address).await.unwrap();
    open.write_all(b"GET /healthz HTTP/1.1\r\nhost: test\r\n\r\n")
        .await
        .unwrap();
    assert!(open.read(&mut [0; 1000]).await.unwrap() > 0);
    drop(server);
    let closed = tokio::time::timeout(DEADLINE, open.read(&mut [0; 1000]))
        .await
        .expect("the connection is closed");
    assert_eq!(closed.unwrap_or(0), 0);
    assert!(TcpStream::connect(address).await.is_err());
}
