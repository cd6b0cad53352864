//! A tunnel through a CONNECT proxy (RFC 9110 §9.3.6).

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::ProxyAddress;
use crate::failure::Failure;

/// The longest answer head a proxy may send.
const MAX_HEAD_BYTES: usize = 8 * 1024;

/// Asks the proxy for a connection to `destination`. The proxy's own name is the operator's and resolved by the system.
///
/// Whatever goes wrong here is ours, not the receiver's, and is told as nothing more than a failed connection.
pub(crate) async fn open(proxy: &ProxyAddress, destination: SocketAddr) -> Result<TcpStream, Failure> {
    match connect(proxy, destination).await {
        Ok(stream) => Ok(stream),
        Err(error) => {
            tracing::debug!(%proxy, %error, "no tunnel through the proxy");
            Err(Failure::ConnectionFailed)
        }
    }
}

async fn connect(proxy: &ProxyAddress, destination: SocketAddr) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect((proxy.host(), proxy.port())).await?;
    let request = format!("CONNECT {destination} HTTP/1.1\r\nhost: {destination}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let head = read_head(&mut stream).await?;
    if is_success(&head) {
        Ok(stream)
    } else {
        let status_line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
        Err(io::Error::other(format!("the proxy answered {:?}", String::from_utf8_lossy(status_line))))
    }
}

/// Reads up to and including the empty line. TLS clients speak first, so nothing else can follow it yet.
async fn read_head(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(256);
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= MAX_HEAD_BYTES {
            return Err(io::ErrorKind::InvalidData.into());
        }
        if stream.read_buf(&mut head).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(head)
}

/// Any 2xx opens the tunnel.
fn is_success(head: &[u8]) -> bool {
    matches!(head, [b'H', b'T', b'T', b'P', b'/', b'1', b'.', _, b' ', b'2', ..])
}
