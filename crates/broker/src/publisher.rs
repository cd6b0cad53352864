//! Publishing with confirms, over a connection that reconnects.
//!
//! A message that the broker refuses affects only itself: [`judgement`] identifies it among the others.

mod judgement;
mod refusal;
mod session;
mod supervisor;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info};

use self::judgement::{Judgement, Verdict};
pub use self::refusal::{PublishError, Refusal, RefusalCode};
use self::session::{Outcome, Session};
use self::supervisor::Shared;
use crate::backoff::Backoff;
use crate::broker::Broker;
use crate::message::Message;
use crate::reconnect::Current;
use crate::telemetry::{PublishResult, Role};
use crate::topology::Keeper;

/// Messages published and not yet confirmed, in one process. Bounds the memory (backpressure).
const MAX_IN_FLIGHT: usize = 2048;
/// Pause before a message nacked by a full queue is published again.
const AFTER_NACK: Duration = Duration::from_millis(500);

/// Publishes messages and returns once the broker has confirmed them. Clones share one connection.
#[derive(Clone)]
pub struct Publisher {
    shared: Arc<Shared>,
    judgement: Arc<Mutex<Judgement>>,
    /// Suspects are published one at a time.
    examining: Arc<tokio::sync::Mutex<()>>,
    current: watch::Receiver<Option<Arc<Session>>>,
}

/// The state of a message that is published again.
#[derive(Default)]
struct Before {
    /// The last session that it was lost with.
    epoch: u64,
    /// The broker may have it already.
    repeat: bool,
    /// How often it was on a channel that the broker closed to refuse a message.
    suspected: u32,
}

impl Broker {
    /// A publisher that connects in the background, until `end` is cancelled. Its connection maintains the topology.
    pub fn publisher(&self, end: CancellationToken) -> Publisher {
        let abandoned = TaskTracker::new();
        // Only a closed tracker can be awaited; it still accepts tasks.
        abandoned.close();
        let shared = Arc::new(Shared {
            broker: self.clone(),
            keeper: Keeper::new(self.topology.clone(), Arc::clone(&self.telemetry)),
            in_flight: Arc::new(Semaphore::new(MAX_IN_FLIGHT)),
            lost: watch::Sender::new(0),
            abandoned,
        });
        let (session, current) = Current::new(Role::Publisher, &self.telemetry);
        let keeping = Arc::clone(&shared).keep_connected(session);
        tokio::spawn(end.run_until_cancelled_owned(keeping));
        Publisher {
            shared,
            judgement: Arc::default(),
            examining: Arc::default(),
            current,
        }
    }
}

impl Publisher {
    /// Publishes until the broker confirms: through lost connections, full queues and alarms, without a time limit. A
    /// message may therefore arrive more than once. A possible duplicate is marked; see
    /// [`crate::Incoming::redelivered`].
    ///
    /// To publish many at once, run many of these futures together.
    ///
    /// # Errors
    /// [`PublishError::Refused`] when the broker refuses this message, [`PublishError::Closed`] when the process stops
    /// first.
    pub async fn publish(&self, message: &Message) -> Result<(), PublishError> {
        let mut before = Before::default();
        loop {
            let (epoch, outcome) = match self.verdict(message, &before) {
                Verdict::Together => self.publish_together(message, &before).await?,
                Verdict::Alone => match self.examine(message, &before).await? {
                    Some(outcome) => outcome,
                    None => continue,
                },
                Verdict::Refused(refusal) => return Err(self.refused(refusal)),
            };
            match outcome {
                Outcome::Confirmed => {
                    self.shared.broker.telemetry.published(PublishResult::Confirmed);
                    return Ok(());
                }
                Outcome::Nacked => {
                    self.shared.broker.telemetry.published(PublishResult::Nacked);
                    tokio::time::sleep(AFTER_NACK).await;
                }
                Outcome::Refused(_) => before.suspected += 1,
                Outcome::Lost => {
                    self.shared.lose(epoch);
                    before.epoch = epoch;
                }
            }
            before.repeat |= !matches!(outcome, Outcome::Nacked);
        }
    }

    /// Like [`Publisher::publish`], but also waits for the end of refusals that an operator can end, by declaring an
    /// exchange or granting a permission.
    ///
    /// # Errors
    /// [`PublishError::Refused`] when the broker refuses the message for good.
    pub async fn publish_for_certain(&self, message: &Message) -> Result<(), PublishError> {
        let mut backoff = Backoff::default();
        loop {
            match self.publish(message).await {
                Err(PublishError::Refused(refusal)) if !refusal.is_permanent() => {
                    tokio::time::sleep(backoff.next()).await;
                }
                decided => return decided,
            }
        }
    }

    /// Waits until the broker accepts publishes, and until no publish abandoned by its caller is in flight any more: it
    /// would be published twice.
    ///
    /// # Errors
    /// [`PublishError::Closed`] when the process stops first.
    pub async fn connected(&self) -> Result<(), PublishError> {
        self.session_after(0).await?;
        self.shared.abandoned.wait().await;
        self.session_after(0).await.map(drop)
    }

    fn verdict(&self, message: &Message, before: &Before) -> Verdict {
        let judgement = self.judgement();
        let now = Instant::now();
        match (before.suspected, judgement.of(message, now)) {
            (0, verdict) | (_, verdict @ Verdict::Refused(_)) => verdict,
            (1, _) => judgement.of_suspect(message, now),
            _ => Verdict::Alone,
        }
    }

    async fn publish_together(&self, message: &Message, before: &Before) -> Result<(u64, Outcome), PublishError> {
        let (permit, session) = self.ready(before.epoch).await?;
        let outcome = session.publish(message, before.repeat, permit).await;
        if let Outcome::Refused(_) = outcome {
            self.shared.broker.telemetry.published(PublishResult::Lost);
        }
        Ok((session.epoch, outcome))
    }

    async fn publish_alone(&self, message: &Message, before: &Before) -> Result<(u64, Outcome), PublishError> {
        let (permit, session) = self.ready(before.epoch).await?;
        Ok((
            session.epoch,
            session.publish_alone(message, before.repeat, permit).await,
        ))
    }

    /// Publishes a suspect alone and learns from the result; `None` when another one has resolved it meanwhile.
    async fn examine(&self, message: &Message, before: &Before) -> Result<Option<(u64, Outcome)>, PublishError> {
        let _turn = self.examining.lock().await;
        if self.verdict(message, before) != Verdict::Alone {
            return Ok(None);
        }
        let mut tried = self.publish_alone(message, before).await?;
        if let Outcome::Refused(Refusal {
            code: RefusalCode::NotFound,
            ..
        }) = tried.1
        {
            self.shared.keeper.look_now().await;
            tried = self.publish_alone(message, before).await?;
        }
        let address = || format!("exchange '{}', key '{}'", message.exchange, message.routing_key);
        match &tried.1 {
            Outcome::Confirmed if self.judgement().taken(message, Instant::now()) => {
                info!(to = address(), "the broker accepts messages again that it had refused");
            }
            Outcome::Refused(refusal) => {
                if self.judgement().refused(message, refusal, Instant::now()) {
                    error!(to = address(), bytes = message.body.len(), %refusal, "the broker refuses a message");
                }
                return Err(self.refused(refusal.clone()));
            }
            _ => {}
        }
        Ok(Some(tried))
    }

    fn refused(&self, refusal: Refusal) -> PublishError {
        self.shared.broker.telemetry.refused(refusal.code);
        refusal.into()
    }

    async fn ready(&self, epoch: u64) -> Result<(OwnedSemaphorePermit, Arc<Session>), PublishError> {
        let permit = Arc::clone(&self.shared.in_flight)
            .acquire_owned()
            .await
            .map_err(|_| PublishError::Closed)?;
        Ok((permit, self.session_after(epoch).await?))
    }

    /// A session that accepts publishes, newer than that of this number.
    async fn session_after(&self, epoch: u64) -> Result<Arc<Session>, PublishError> {
        let is_usable = |session: &Arc<Session>| !session.is_blocked() && session.epoch > epoch;
        if let Some(session) = self.current.borrow().as_ref().filter(|session| is_usable(session)) {
            return Ok(Arc::clone(session));
        }
        let mut current = self.current.clone();
        let usable = current
            .wait_for(|session| session.as_ref().is_some_and(is_usable))
            .await;
        usable
            .ok()
            .and_then(|session| session.clone())
            .ok_or(PublishError::Closed)
    }

    fn judgement(&self) -> MutexGuard<'_, Judgement> {
        self.judgement.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
