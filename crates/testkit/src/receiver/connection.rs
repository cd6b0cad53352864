//! One connection to the receiver.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use bytes::Bytes;
use rustls::HandshakeKind;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

use super::answer::Ending;
use super::lock::lock;
use super::received::ReceivedRequest;
use super::request_reader::{Head, RequestReader};
use super::shared::{OnConnect, Recording, Shared};

/// Serves one connection by the receiver's current settings.
pub(super) async fn serve(shared: Arc<Shared>, stream: TcpStream, number: usize) {
    let _open = OpenGuard::new(&shared.open);
    let on_connect = lock(&shared.on_connect).clone();
    // A connection that ends in an error is what many tests want; what matters is seen on the client's side.
    let _ = match on_connect {
        OnConnect::Serve => serve_requests(&shared, stream, number).await,
        OnConnect::Close => Ok(()),
        OnConnect::Reset => stream.set_zero_linger(),
        OnConnect::Stall => std::future::pending().await,
        OnConnect::Say(bytes) => say(stream, &bytes).await,
    };
}

async fn say(mut stream: TcpStream, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.shutdown().await
}

async fn serve_requests(shared: &Shared, stream: TcpStream, number: usize) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = shared.tls.accept(stream).await?;
    if stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed) {
        shared.resumed.fetch_add(1, Ordering::AcqRel);
    }
    let mut reader = RequestReader::new(shared.recording == Recording::Full);
    while let Ok(head) = timeout(shared.keep_alive, reader.head(&mut stream)).await {
        let Some(head) = head? else { break };
        match serve_request(shared, &mut stream, &mut reader, head, number).await? {
            Ending::KeepAlive => {}
            Ending::Close => return stream.shutdown().await,
            Ending::Reset => return stream.get_ref().0.set_zero_linger(),
            Ending::Hang => std::future::pending().await,
        }
    }
    stream.shutdown().await
}

async fn serve_request(
    shared: &Shared,
    stream: &mut TlsStream<TcpStream>,
    reader: &mut RequestReader,
    head: Head,
    connection: usize,
) -> io::Result<Ending> {
    let body_length = head.body_length;
    let mut request = ReceivedRequest {
        method: head.method,
        path: head.path,
        headers: head.headers,
        body: Bytes::new(),
        received_at: SystemTime::now(),
        connection,
    };
    let answer = lock(&shared.scripts).next(&request);
    if answer.reads_body {
        request.body = reader.body(stream, body_length).await?;
        request.received_at = SystemTime::now();
    }
    match shared.recording {
        Recording::Full => shared.log.add(request),
        Recording::CountsOnly => shared.log.count_one(),
    }
    answer.say(stream).await?;
    Ok(answer.ending)
}

/// Counts a connection as open while it lives.
struct OpenGuard<'a>(&'a AtomicUsize);

impl<'a> OpenGuard<'a> {
    fn new(open: &'a AtomicUsize) -> Self {
        open.fetch_add(1, Ordering::AcqRel);
        Self(open)
    }
}

impl Drop for OpenGuard<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
