//! Saying an answer, rendered once and said as often as its script wants.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::time::sleep;

use super::answer::{Answer, Ending, Pace, Reply};

/// One write of a body that never ends.
static ZEROS: [u8; 16 * 1024] = [0; 16 * 1024];

/// An [`Answer`] with its bytes rendered.
#[derive(Debug)]
pub(super) struct PreparedAnswer {
    delay: Duration,
    pub(super) reads_body: bool,
    pub(super) ending: Ending,
    at_once: Bytes,
    then: Then,
}

#[derive(Debug)]
enum Then {
    Nothing,
    Slowly { bytes: Bytes, pause: Duration },
    ZerosForEver,
}

impl PreparedAnswer {
    /// Waits and says it.
    pub(super) async fn say(&self, stream: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        if !self.delay.is_zero() {
            sleep(self.delay).await;
        }
        if !self.at_once.is_empty() {
            stream.write_all(&self.at_once).await?;
            stream.flush().await?;
        }
        match &self.then {
            Then::Nothing => Ok(()),
            Then::Slowly { bytes, pause } => say_slowly(stream, bytes, *pause).await,
            Then::ZerosForEver => loop {
                stream.write_all(&ZEROS).await?;
            },
        }
    }
}

async fn say_slowly(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8], pause: Duration) -> io::Result<()> {
    for byte in bytes {
        sleep(pause).await;
        stream.write_all(&[*byte]).await?;
        stream.flush().await?;
    }
    Ok(())
}

impl From<&Answer> for PreparedAnswer {
    fn from(answer: &Answer) -> Self {
        let (at_once, then) = match &answer.reply {
            Reply::Silence => (Bytes::new(), Then::Nothing),
            Reply::Raw(bytes) => (bytes.clone(), Then::Nothing),
            Reply::Endless => (Bytes::from_static(b"HTTP/1.1 200 OK\r\n\r\n"), Then::ZerosForEver),
            Reply::Response {
                status,
                headers,
                body,
                pace,
            } => {
                let mut bytes = head(*status, headers, body.len()).into_bytes();
                match *pace {
                    Pace::Full => {
                        bytes.extend_from_slice(body);
                        (bytes.into(), Then::Nothing)
                    }
                    Pace::SlowBody(pause) => (
                        bytes.into(),
                        Then::Slowly {
                            bytes: body.clone(),
                            pause,
                        },
                    ),
                    Pace::SlowHead(pause) => (
                        Bytes::new(),
                        Then::Slowly {
                            bytes: bytes.into(),
                            pause,
                        },
                    ),
                }
            }
        };
        Self {
            delay: answer.delay,
            reads_body: answer.reads_body,
            ending: answer.ending,
            at_once,
            then,
        }
    }
}

/// Statuses that have no body by definition get no `content-length` (RFC 9110 §8.6).
fn head(status: u16, headers: &str, body_length: usize) -> String {
    let reason = http::StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or("Test");
    let length = match status {
        100..=199 | 204 | 304 => String::new(),
        _ => format!("content-length: {body_length}\r\n"),
    };
    format!("HTTP/1.1 {status} {reason}\r\n{headers}{length}\r\n")
}
