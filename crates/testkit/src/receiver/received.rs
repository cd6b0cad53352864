//! The receiver's record of requests.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use domain::{SigningKey, SigningSecret};
use http::{HeaderMap, Method};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::lock::lock;

/// One request as it arrived.
#[derive(Debug, Clone)]
pub struct ReceivedRequest {
    /// The method.
    pub method: Method,
    /// Path and query as they stood in the request line.
    pub path: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The exact bytes of the body; empty if the answer did not wait for it.
    pub body: Bytes,
    /// When its last byte arrived.
    pub received_at: SystemTime,
    /// Which connection it came over, counted from 1.
    pub connection: usize,
}

impl ReceivedRequest {
    /// A header's value; `None` when it is missing or not visible ASCII.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The `webhook-id` header, or an empty text.
    pub fn webhook_id(&self) -> &str {
        self.header("webhook-id").unwrap_or_default()
    }

    /// Whether id, timestamp and body carry a valid signature of `secret`.
    pub fn is_signed_with(&self, secret: &SigningSecret) -> bool {
        self.is_signed_by(&secret.key())
    }

    pub(super) fn is_signed_by(&self, key: &SigningKey) -> bool {
        let timestamp = self.header("webhook-timestamp").and_then(|text| text.parse().ok());
        match (timestamp, self.header("webhook-signature")) {
            (Some(timestamp), Some(signature)) => {
                domain::verify(key, self.webhook_id(), timestamp, &self.body, signature)
            }
            _ => false,
        }
    }
}

/// All requests so far, and how many.
#[derive(Debug, Default)]
pub(super) struct ReceivedLog {
    requests: Mutex<Vec<ReceivedRequest>>,
    count: AtomicUsize,
    grown: Notify,
}

impl ReceivedLog {
    pub(super) fn add(&self, request: ReceivedRequest) {
        lock(&self.requests).push(request);
        self.count_one();
    }

    /// Counts one request.
    pub(super) fn count_one(&self) {
        self.count.fetch_add(1, Ordering::Release);
        self.grown.notify_waiters();
    }

    pub(super) fn count(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// Looks at the requests without copying them.
    pub(super) fn look<T>(&self, look: impl FnOnce(&[ReceivedRequest]) -> T) -> T {
        look(&lock(&self.requests))
    }

    /// Waits until `enough` holds; false when it does not `within` that time.
    pub(super) async fn wait(&self, within: Duration, enough: impl Fn() -> bool) -> bool {
        timeout(within, async {
            loop {
                let grown = self.grown.notified();
                if enough() {
                    return;
                }
                grown.await;
            }
        })
        .await
        .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(secret: &SigningSecret) -> ReceivedRequest {
        let body = Bytes::from_static(b"{}");
        let mut headers = HeaderMap::new();
        headers.insert("webhook-id", "msg_1".parse().unwrap());
        headers.insert("webhook-timestamp", "1795410000".parse().unwrap());
        let signature = domain::sign(&[secret.key()], "msg_1", 1_795_410_000, &body);
        headers.insert("webhook-signature", signature.parse().unwrap());
        ReceivedRequest {
            method: Method::POST,
            path: "/".to_owned(),
            headers,
            body,
            received_at: SystemTime::now(),
            connection: 1,
        }
    }

    #[test]
    fn only_the_right_secret_over_the_right_bytes_verifies() {
        let secret = SigningSecret::generate();
        let mut request = request(&secret);
        assert!(request.is_signed_with(&secret));
        assert!(!request.is_signed_with(&SigningSecret::generate()));
        request.body = Bytes::from_static(b"[]");
        assert!(!request.is_signed_with(&secret));
        request.headers.clear();
        assert!(!request.is_signed_with(&secret));
    }

    #[tokio::test]
    async fn waiting_ends_with_the_last_request_or_the_deadline() {
        let log = ReceivedLog::default();
        let later = async {
            tokio::task::yield_now().await;
            log.add(request(&SigningSecret::generate()));
        };
        let (in_time, ()) = tokio::join!(log.wait(Duration::from_secs(10), || log.count() == 1), later);
        assert!(in_time);
        assert!(!log.wait(Duration::from_millis(20), || log.count() == 2).await);
    }
}
