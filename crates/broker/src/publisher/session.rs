//! One connection for publishing: a channel for each exchange, and one on which suspects are published alone.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{Channel, Confirmation};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::refusal::Refusal;
use crate::backoff::Backoff;
use crate::connection::{ANSWER_TIMEOUT, Connection, in_time};
use crate::message::{Message, next_epoch};

/// The result of one publish.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Confirmed,
    /// The queue is full.
    Nacked,
    /// The broker closed the channel to refuse one of its messages; if there were several, this one may or may not be
    /// it.
    Refused(Refusal),
    /// The connection is lost, or confirms are missing.
    Lost,
}

/// A publish in flight.
type UnderWay = BoxFuture<'static, Result<Confirmation, lapin::Error>>;

pub(super) struct Session {
    pub(super) epoch: u64,
    connection: Connection,
    blocked: Arc<AtomicBool>,
    lanes: Mutex<HashMap<String, Arc<Lane>>>,
    alone: tokio::sync::Mutex<Option<Open>>,
    confirmed_within: Duration,
    /// Publishes abandoned by their callers; the broker may still store them.
    abandoned: TaskTracker,
    lost: watch::Sender<u64>,
}

/// The channel of one exchange. A refusal closes it, and the next message opens another.
#[derive(Default)]
struct Lane(tokio::sync::Mutex<LaneState>);

#[derive(Default)]
struct LaneState {
    open: Option<Open>,
    backoff: Backoff,
}

/// A channel in confirm mode.
#[derive(Clone)]
struct Open {
    channel: Channel,
    /// lapin numbers a message and queues its frames in two steps. Two threads could swap the numbers of two messages,
    /// and the confirm of one would be taken for the other's.
    order: Arc<Mutex<()>>,
}

impl Session {
    pub(super) fn new(
        connection: Connection,
        confirmed_within: Duration,
        abandoned: TaskTracker,
        lost: watch::Sender<u64>,
    ) -> Self {
        Self {
            epoch: next_epoch(),
            connection,
            blocked: Arc::default(),
            lanes: Mutex::default(),
            alone: tokio::sync::Mutex::default(),
            confirmed_within,
            abandoned,
            lost,
        }
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(super) fn set_blocked(&self, blocked: bool) {
        self.blocked.store(blocked, Ordering::Release);
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.blocked.load(Ordering::Acquire)
    }

    /// Publishes on the channel of the message's exchange, together with others.
    pub(super) async fn publish(&self, message: &Message, repeat: bool, permit: OwnedSemaphorePermit) -> Outcome {
        match self.lane(message.exchange.as_str()).await {
            Ok(open) => self.confirmed(open.hand_over(message, repeat, permit)).await,
            Err(_) => Outcome::Lost,
        }
    }

    /// Publishes with nothing else on the channel, so that a refusal concerns this message. One at a time.
    pub(super) async fn publish_alone(&self, message: &Message, repeat: bool, permit: OwnedSemaphorePermit) -> Outcome {
        let mut place = self.alone.lock().await;
        // Removed while it is used: if this future is dropped before the reply, the next one opens another channel.
        let open = match place.take().filter(|open| open.channel.status().connected()) {
            Some(open) => open,
            None => match self.open().await {
                Ok(open) => open,
                Err(_) => return Outcome::Lost,
            },
        };
        let outcome = self.confirmed(open.hand_over(message, repeat, permit)).await;
        if matches!(outcome, Outcome::Confirmed | Outcome::Nacked) {
            *place = Some(open);
        }
        outcome
    }

    async fn lane(&self, exchange: &str) -> Result<Open, lapin::Error> {
        let lane = self.lane_of(exchange);
        let mut state = lane.0.lock().await;
        if let Some(open) = state.open.as_ref().filter(|open| open.channel.status().connected()) {
            return Ok(open.clone());
        }
        if state.open.take().is_some() {
            // Messages that are refused one after the other, each for another reason, must not close hundreds of
            // channels.
            let pause = state.backoff.next();
            tokio::time::sleep(pause).await;
        }
        let open = self.open().await?;
        state.backoff.succeeded();
        state.open = Some(open.clone());
        Ok(open)
    }

    fn lane_of(&self, exchange: &str) -> Arc<Lane> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        match lanes.get(exchange) {
            Some(lane) => Arc::clone(lane),
            None => Arc::clone(lanes.entry(exchange.to_owned()).or_default()),
        }
    }

    async fn open(&self) -> Result<Open, lapin::Error> {
        let channel = self.connection.create_channel().await?;
        in_time(ANSWER_TIMEOUT, channel.confirm_select(ConfirmSelectOptions::default())).await?;
        Ok(Open {
            channel,
            order: Arc::default(),
        })
    }

    /// Awaits the confirm, with a time limit unless the broker blocks publishes.
    async fn confirmed(&self, under_way: UnderWay) -> Outcome {
        let mut publishing = Publishing {
            under_way: Some(under_way),
            session: self,
        };
        let answer = loop {
            match timeout(self.confirmed_within, publishing.end()).await {
                Ok(answer) => break answer,
                Err(_) if self.is_blocked() => {}
                Err(_) => return Outcome::Lost,
            }
        };
        match answer {
            Ok(confirmation) if confirmation.is_ack() => Outcome::Confirmed,
            Ok(_) => Outcome::Nacked,
            Err(error) => Refusal::of(&error).map_or(Outcome::Lost, Outcome::Refused),
        }
    }
}

impl Open {
    fn hand_over(&self, message: &Message, repeat: bool, permit: OwnedSemaphorePermit) -> UnderWay {
        let open = self.clone();
        let body = message.body.clone();
        let properties = message.properties(repeat);
        let exchange = message.exchange.clone();
        let routing_key = message.routing_key.clone();
        Box::pin(async move {
            let _permit = permit;
            let options = BasicPublishOptions::default();
            let publishing = open
                .channel
                .basic_publish(exchange, routing_key, options, &body, properties);
            let mut publishing = Box::pin(publishing);
            let written = poll_fn(|context| {
                let _turn = open.order.lock().unwrap_or_else(PoisonError::into_inner);
                publishing.as_mut().poll(context)
            });
            written.await?.await
        })
    }
}

/// A publish with a waiting caller. If the caller stops waiting, the publish continues, because the broker may have the
/// message already.
struct Publishing<'a> {
    under_way: Option<UnderWay>,
    session: &'a Session,
}

impl Publishing<'_> {
    async fn end(&mut self) -> Result<Confirmation, lapin::Error> {
        let under_way = self
            .under_way
            .as_mut()
            .expect("it is taken at its end, or when this is dropped");
        let answer = under_way.await;
        self.under_way = None;
        answer
    }
}

impl Drop for Publishing<'_> {
    fn drop(&mut self) {
        let Some(mut under_way) = self.under_way.take() else {
            return;
        };
        let Session {
            epoch,
            confirmed_within,
            ..
        } = *self.session;
        let blocked = Arc::clone(&self.session.blocked);
        let lost = self.session.lost.clone();
        self.session.abandoned.spawn(async move {
            // Also with a time limit: the relay waits for it. A lost session ends it.
            while timeout(confirmed_within, under_way.as_mut()).await.is_err() {
                if !blocked.load(Ordering::Acquire) {
                    lose(&lost, epoch);
                }
            }
        });
    }
}

/// Reports the session of this number as lost. Ignored if a newer one is known to be lost.
pub(super) fn lose(lost: &watch::Sender<u64>, epoch: u64) {
    lost.send_if_modified(|newest| {
        let is_news = *newest < epoch;
        *newest = epoch.max(*newest);
        is_news
    });
}
