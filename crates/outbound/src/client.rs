//! Makes one attempt.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request};
use http_body_util::Full;
use tokio::time::{Instant, timeout_at};

use crate::answer::Answer;
use crate::connection::SendError;
use crate::dialler::Dialler;
use crate::failure::Failure;
use crate::pool::Pool;
use crate::{Attempt, EgressSettings, Post, Resolve, Target, answer, tls};

/// Makes POSTs to receivers over pooled connections. Clones share the pool.
#[derive(Clone)]
pub struct Outbound {
    dialler: Arc<Dialler>,
    pool: Arc<Pool>,
    timeout: Duration,
    user_agent: HeaderValue,
}

/// Why no client could be built.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// There is no certificate authority to trust: every delivery would fail.
    #[error("no trusted certificate authority: install the system's CA certificates or set egress.ca_file")]
    NoRoots,
    /// The TLS library refused the configuration.
    #[error("TLS cannot be configured")]
    Tls(#[from] rustls::Error),
}

impl Outbound {
    /// Builds the client; dials nothing yet. Called within a Tokio runtime, where it spawns the pool's housekeeping.
    ///
    /// # Errors
    ///
    /// [`OutboundError`] when there are no roots or TLS cannot be configured.
    pub fn new(settings: EgressSettings, resolver: Arc<dyn Resolve>) -> Result<Self, OutboundError> {
        let dialler = Dialler {
            resolver,
            policy: settings.policy,
            tls: tls::connector(settings.roots)?,
            proxy: settings.proxy,
            connect_timeout: settings.connect_timeout,
        };
        Ok(Self {
            dialler: Arc::new(dialler),
            pool: Pool::new(settings.max_idle_per_host, settings.idle_timeout),
            timeout: settings.timeout,
            user_agent: settings.user_agent,
        })
    }

    /// Makes one POST. Every ending is an [`Attempt`].
    ///
    /// One call is at most one request on the wire, over at most one new connection. Dropping the future abandons the
    /// attempt and closes its connection.
    pub async fn post(&self, post: Post<'_>) -> Attempt {
        let started = Instant::now();
        let deadline = started + self.timeout;
        let target = post.target;
        let answered = match post.into_request(&self.user_agent) {
            Ok(request) => timeout_at(deadline, self.exchange(target, request)).await.unwrap_or(Err(Failure::TimedOut)),
            Err(failure) => Err(failure),
        };
        let response_time = started.elapsed();
        match answered {
            Ok(answer) => self.finish(target, answer, deadline, response_time).await,
            Err(failure) => Attempt {
                outcome: failure.outcome(),
                http_status: None,
                retry_after: None,
                response_time,
                error: Some(failure.text()),
                response_excerpt: Vec::new(),
            },
        }
    }

    /// Sends over an idle connection, or over a new one when there is none.
    ///
    /// A receiver that has closed an idle connection in the meantime is no failure as long as nothing of the request was
    /// written to it. Once something may have been, it is not sent again, whatever happens: the receiver could have
    /// processed it.
    async fn exchange(&self, target: &Target, mut request: Request<Full<Bytes>>) -> Result<Answer, Failure> {
        while let Some(mut connection) = self.pool.take(&target.authority) {
            match connection.send(request).await {
                Ok(response) => return Ok(Answer { response, connection }),
                Err(SendError::Unsent(unsent)) => request = *unsent,
                Err(SendError::Failed(failure)) => return Err(failure),
            }
        }
        let mut connection = self.dialler.dial(target).await?;
        match connection.send(request).await {
            Ok(response) => Ok(Answer { response, connection }),
            Err(SendError::Unsent(_)) => Err(Failure::Closed),
            Err(SendError::Failed(failure)) => Err(failure),
        }
    }

    /// Reads the answer's body and keeps the connection if it can be used again.
    async fn finish(&self, target: &Target, answer: Answer, deadline: Instant, response_time: Duration) -> Attempt {
        let Answer { response, mut connection } = answer;
        let attempt = answer::read(response, &mut connection, deadline, response_time).await;
        if connection.is_reusable().await {
            self.pool.put(&target.authority, connection);
        }
        attempt
    }
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbound").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}
