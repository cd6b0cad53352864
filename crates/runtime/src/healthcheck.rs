//! The containers' health check: asks a running process whether it is ready, without another program in the image.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A process that does not respond in time is not healthy.
const TIMEOUT: Duration = Duration::from_secs(3);
/// More than a status line and a short list of reasons.
const MAX_ANSWER_BYTES: u64 = 16 * 1024;

/// The process is not ready.
#[derive(Debug, thiserror::Error)]
pub enum Unhealthy {
    /// Nothing responds.
    #[error("no program responds at {0}")]
    NoAnswer(SocketAddr, #[source] std::io::Error),
    /// It responds that it is not ready, and why.
    #[error("not ready: {0}")]
    NotReady(String),
}

/// Requests `/readyz` from the telemetry server at `listen`.
///
/// # Errors
/// When there is no response within 3 s, or its status is not 200.
pub async fn healthcheck(listen: SocketAddr) -> Result<(), Unhealthy> {
    let answer = tokio::time::timeout(TIMEOUT, ask(listen)).await;
    let answer = answer.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
    let answer = answer.map_err(|error| Unhealthy::NoAnswer(listen, error))?;
    if answer.starts_with("HTTP/1.1 200 ") {
        return Ok(());
    }
    let body = answer.split_once("\r\n\r\n").map_or(answer.as_str(), |(_, body)| body);
    Err(Unhealthy::NotReady(body.trim().to_owned()))
}

async fn ask(listen: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(listen).await?;
    let request = format!("GET /readyz HTTP/1.1\r\nhost: {listen}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER_BYTES).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Metrics, Readiness, TelemetryServer};

    #[tokio::test]
    async fn says_what_readyz_says() {
        let readiness = Readiness::new();
        let condition = readiness.condition("broker consumer");
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = TelemetryServer::start(listen, Metrics::new(), readiness).await.unwrap();
        let unhealthy = healthcheck(server.local_addr()).await.unwrap_err().to_string();
        assert!(unhealthy.contains("broker consumer"), "{unhealthy}");
        condition.ready();
        healthcheck(server.local_addr()).await.unwrap();
    }

    #[tokio::test]
    async fn nobody_there_is_unhealthy() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let free = listener.local_addr().unwrap();
        drop(listener);
        assert!(matches!(healthcheck(free).await, Err(Unhealthy::NoAnswer(..))));
    }
}
