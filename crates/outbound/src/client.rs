//! The HTTP client: makes one attempt.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request};
use http_body_util::Full;
use tokio::time::{Instant, timeout_at};

use crate::answer::Answer;
use crate::connection::{Head, SendError};
use crate::dialler::Dialler;
use crate::error::OutboundError;
use crate::failure::Failure;
use crate::network::Network;
use crate::pool::Pool;
use crate::tunnel::Tunnel;
use crate::{Attempt, EgressHealth, Endpoint, OutboundSettings, Post, Resolve, answer, keep_alive, tls};

/// Posts to receivers over pooled connections. Clones share the pool.
#[derive(Clone)]
pub struct Outbound {
    dialler: Arc<Dialler>,
    pool: Arc<Pool>,
    timeout: Duration,
    user_agent: HeaderValue,
}

impl Outbound {
    /// Builds the client; dials nothing yet. Called within a Tokio runtime, where it spawns the pool's housekeeping.
    ///
    /// # Errors
    /// [`OutboundError`] when there are no root certificates or TLS cannot be configured.
    pub fn new(settings: OutboundSettings, resolver: Arc<dyn Resolve>) -> Result<Self, OutboundError> {
        let dialler = Dialler {
            resolver,
            policy: settings.policy,
            tls: tls::connector(settings.roots)?,
            network: Network::new(),
            tunnel: settings.proxy.map(Tunnel::through),
            connect_timeout: settings.connect_timeout,
        };
        Ok(Self {
            dialler: Arc::new(dialler),
            pool: Pool::new(settings.max_idle, settings.idle_timeout),
            timeout: settings.timeout,
            user_agent: settings.user_agent,
        })
    }

    /// The health of our egress, as far as recent attempts show.
    pub fn health(&self) -> EgressHealth {
        self.dialler.health()
    }

    /// Makes one POST. Every result is an [`Attempt`].
    ///
    /// One call is one request on the wire, or two where the first met an idle connection just as the receiver closed
    /// it; over at most one new connection. Dropping the future aborts the attempt and closes its connection.
    pub async fn post(&self, post: Post<'_>) -> Attempt {
        let started = Instant::now();
        let deadline = started + self.timeout;
        let endpoint = post.endpoint;
        let answered = match post.into_request(&self.user_agent) {
            Ok(request) => timeout_at(deadline, self.exchange(endpoint, request))
                .await
                .unwrap_or(Err(Failure::TimedOut)),
            Err(failure) => Err(failure),
        };
        match answered {
            Ok(answer) => self.finish(endpoint, answer, started, deadline).await,
            Err(failure) => unanswered(failure, started),
        }
    }

    /// Sends over an idle connection, or over a new one when there is none.
    ///
    /// A receiver may close an idle connection at any moment. That is no failure while nothing of the request was
    /// written to it; and when the connection ends without a byte of a response just after the request was written, the
    /// request is sent once more, over a new connection. The receiver may then get it twice, under the same
    /// `webhook-id`. Over a new connection nothing is sent again.
    async fn exchange(&self, endpoint: &Endpoint, mut request: Request<Full<Bytes>>) -> Result<Answer, Failure> {
        while let Some(mut connection) = self.pool.take(&endpoint.authority) {
            let again = request.clone();
            match connection.send(request).await {
                Ok(head) => return Ok(Answer { head, connection }),
                Err(SendError::Unsent(unsent)) => request = *unsent,
                Err(SendError::ClosedUnanswered(_)) => {
                    request = again;
                    break;
                }
                Err(SendError::Failed(failure)) => return Err(failure),
            }
        }
        let mut connection = self.dialler.dial(endpoint).await?;
        match connection.send(request).await {
            Ok(head) => Ok(Answer { head, connection }),
            Err(SendError::Unsent(_)) => Err(Failure::Closed),
            Err(SendError::ClosedUnanswered(failure) | SendError::Failed(failure)) => Err(failure),
        }
    }

    /// Reads the response body and returns the connection to the pool if it is reusable.
    async fn finish(&self, endpoint: &Endpoint, answer: Answer, started: Instant, deadline: Instant) -> Attempt {
        let Answer { head, mut connection } = answer;
        let response = match head {
            Head::Whole(response) => response,
            Head::StatusOnly(status) => return answer::status_only(status, started),
        };
        let announced = keep_alive::announced(response.headers());
        let attempt = answer::read(response, &mut connection, started, deadline).await;
        if connection.is_reusable().await {
            self.pool.put(&endpoint.authority, connection, announced);
        }
        attempt
    }
}

/// The result of an attempt without a response.
fn unanswered(failure: Failure, started: Instant) -> Attempt {
    Attempt {
        outcome: failure.outcome(),
        http_status: None,
        retry_after: None,
        response_time: started.elapsed(),
        error: Some(failure.text()),
        response_excerpt: Vec::new(),
    }
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbound")
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
