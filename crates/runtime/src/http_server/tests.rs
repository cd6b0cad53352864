use bytes::Bytes;
use http_body_util::Full;
use testkit::wait::until;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::*;

const LONG: Duration = Duration::from_secs(60);
const WITHIN: Duration = Duration::from_secs(10);
const SHORT: Duration = Duration::from_millis(50);
/// No time limit is reached.
const PATIENT: ServerLimits = ServerLimits {
    connections: 512,
    per_address: 128,
    first_head: LONG,
    head: LONG,
    age: LONG,
    drain: LONG,
};

/// A server whose `/slow` answers when it is told to.
struct Served {
    address: std::net::SocketAddr,
    entered: Arc<Notify>,
    go_on: Arc<Notify>,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

async fn served(limits: ServerLimits) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let entered = Arc::new(Notify::new());
    let go_on = Arc::new(Notify::new());
    let entering = Arc::clone(&entered);
    let waiting = Arc::clone(&go_on);
    let service = service_fn(move |request: Request<Incoming>| {
        let entering = Arc::clone(&entering);
        let waiting = Arc::clone(&waiting);
        async move {
            if request.uri().path() == "/slow" {
                entering.notify_one();
                waiting.notified().await;
            }
            Ok(Response::new(Full::new(Bytes::from_static(b"done"))))
        }
    });
    let shutdown = CancellationToken::new();
    let task = tokio::spawn(serve(listener, service, limits, shutdown.clone()));
    Served {
        address,
        entered,
        go_on,
        shutdown,
        task,
    }
}

impl Served {
    async fn send(&self, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }
}

/// Everything until the server closes the connection.
async fn rest(mut stream: TcpStream) -> String {
    let mut text = String::new();
    timeout(WITHIN, stream.read_to_string(&mut text))
        .await
        .expect("the server closes in time")
        .unwrap();
    text
}

#[tokio::test]
async fn what_is_being_answered_at_the_end_is_answered() {
    let served = served(PATIENT).await;
    let idle = served.send("").await;
    let busy = served.send("GET /slow HTTP/1.1\r\nhost: a\r\n\r\n").await;
    served.entered.notified().await;
    served.shutdown.cancel();
    assert_eq!(rest(idle).await, "");
    until(WITHIN, "the port to close", async || {
        TcpStream::connect(served.address).await.is_err()
    })
    .await
    .unwrap();
    assert!(!served.task.is_finished());
    served.go_on.notify_one();
    assert!(rest(busy).await.ends_with("done"));
    timeout(WITHIN, served.task).await.unwrap().unwrap();
}

#[tokio::test]
async fn what_never_ends_is_cut_off() {
    let served = served(ServerLimits {
        drain: SHORT,
        ..PATIENT
    })
    .await;
    let busy = served.send("GET /slow HTTP/1.1\r\nhost: a\r\n\r\n").await;
    served.entered.notified().await;
    served.shutdown.cancel();
    timeout(WITHIN, served.task).await.unwrap().unwrap();
    assert_eq!(rest(busy).await, "");
}

#[tokio::test]
async fn a_head_that_does_not_come_ends_the_connection() {
    let served = served(ServerLimits { head: SHORT, ..PATIENT }).await;
    for beginning in ["", "GET /fast HTTP/1.1\r\nhost:"] {
        assert!(!rest(served.send(beginning).await).await.contains("200"));
    }
    let answered = rest(served.send("GET /fast HTTP/1.1\r\nhost: a\r\n\r\n").await).await;
    assert!(answered.ends_with("done"));
}

#[tokio::test]
async fn a_first_request_has_less_time_than_the_next() {
    let served = served(ServerLimits {
        first_head: SHORT,
        ..PATIENT
    })
    .await;
    for beginning in ["", "GET /fast HTTP/1.1\r\nhost:"] {
        assert_eq!(rest(served.send(beginning).await).await, "");
    }
    let mut asked = served.send("GET /fast HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let mut answer = [0; 17];
    timeout(WITHIN, asked.read_exact(&mut answer)).await.unwrap().unwrap();
    tokio::time::sleep(3 * SHORT).await;
    asked
        .write_all(b"GET /fast HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    assert!(rest(asked).await.ends_with("done"), "an idle connection is kept");
}

#[tokio::test]
async fn a_slow_answer_is_no_missing_request() {
    let served = served(ServerLimits {
        first_head: SHORT,
        ..PATIENT
    })
    .await;
    let busy = served
        .send("GET /slow HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        .await;
    served.entered.notified().await;
    assert_eq!(
        rest(served.send("").await).await,
        "",
        "another connection has ended for it meanwhile"
    );
    served.go_on.notify_one();
    assert!(rest(busy).await.ends_with("done"));
}

#[tokio::test]
async fn one_address_does_not_keep_the_others_out() {
    let served = served(PATIENT).await;
    let mut idle = Vec::new();
    for _ in 0..600 {
        let mut stream = TcpStream::connect(served.address).await.unwrap();
        let closed = timeout(Duration::from_millis(1), stream.read(&mut [0; 1])).await;
        if closed.is_err() {
            idle.push(stream);
        }
    }
    let from = tokio::net::TcpSocket::new_v4().unwrap();
    from.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut other = from.connect(served.address).await.unwrap();
    other
        .write_all(b"GET /fast HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    assert!(rest(other).await.ends_with("done"));
    drop(idle);
}

#[tokio::test]
async fn an_old_connection_takes_no_more_requests() {
    let served = served(ServerLimits { age: SHORT, ..PATIENT }).await;
    let busy = served.send("GET /slow HTTP/1.1\r\nhost: a\r\n\r\n").await;
    served.entered.notified().await;
    assert_eq!(rest(served.send("").await).await, "");
    served.go_on.notify_one();
    let answer = rest(busy).await;
    assert!(
        answer.contains("connection: close") && answer.ends_with("done"),
        "{answer}"
    );
}
