//! What is known of refused messages. Pure, and bounded in size.
//!
//! The broker refuses a message by closing its channel, without saying which of the messages on the channel it refused.
//! All of them are suspects then, and are published one by one on a channel of their own, where a refusal identifies
//! its message. The results are remembered for a while, so that few such publishes are needed: a refused exchange or
//! routing key is not tried for each of its messages, and messages like a confirmed one are no longer suspects.

use std::time::{Duration, Instant};

use super::refusal::{Refusal, RefusalCode};
use crate::message::Message;

/// Pause before a refused exchange or routing key is tried again; doubled after each further refusal.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long a confirmed message clears similar ones.
const CLEARED_FOR: Duration = Duration::from_secs(5);
/// How long a message that was too large makes larger ones suspects.
const LARGE_FOR: Duration = Duration::from_secs(600);
/// Maximum exchanges and keys remembered; the oldest are removed.
const REMEMBERED: usize = 64;

/// How a message is to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Together with all others.
    Together,
    /// Alone.
    Alone,
    /// Not at all: its exchange or routing key was refused a moment ago.
    Refused(Refusal),
}

/// What a refusal concerns, other than the message itself.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Address {
    Exchange(String),
    Key(String, String),
}

impl Address {
    fn of(message: &Message, code: RefusalCode) -> Self {
        let exchange = message.exchange.as_str().to_owned();
        // The keys of the default exchange are queues, and reply addresses are new each time.
        match code {
            RefusalCode::AccessRefused if !exchange.is_empty() => {
                Self::Key(exchange, message.routing_key.as_str().to_owned())
            }
            _ => Self::Exchange(exchange),
        }
    }

    fn is_of(&self, message: &Message) -> bool {
        match self {
            Self::Exchange(exchange) => *exchange == message.exchange.as_str(),
            Self::Key(exchange, key) => *exchange == message.exchange.as_str() && *key == message.routing_key.as_str(),
        }
    }
}

#[derive(Debug)]
struct Refused {
    address: Address,
    refusal: Refusal,
    pause: Duration,
    until: Instant,
}

#[derive(Debug)]
struct Cleared {
    address: Address,
    bytes: usize,
    until: Instant,
}

#[derive(Debug, Default)]
pub(super) struct Judgement {
    refused: Vec<Refused>,
    cleared: Vec<Cleared>,
    /// The smallest message refused for itself, possibly for its size.
    large: Option<(usize, Instant)>,
}

impl Judgement {
    /// For a message that is not a suspect.
    pub(super) fn of(&self, message: &Message, now: Instant) -> Verdict {
        if let Some(refused) = self.refused.iter().find(|refused| refused.address.is_of(message)) {
            return if now < refused.until {
                Verdict::Refused(refused.refusal.clone())
            } else {
                Verdict::Alone
            };
        }
        let large = self
            .large
            .is_some_and(|(bytes, until)| message.body.len() >= bytes && now < until);
        if large { Verdict::Alone } else { Verdict::Together }
    }

    /// For a suspect: it was on a channel that the broker closed to refuse a message.
    pub(super) fn of_suspect(&self, message: &Message, now: Instant) -> Verdict {
        let spoken_for = |cleared: &Cleared| {
            cleared.address.is_of(message) && message.body.len() <= cleared.bytes && now < cleared.until
        };
        match self.of(message, now) {
            Verdict::Together if self.cleared.iter().any(spoken_for) => Verdict::Together,
            Verdict::Together => Verdict::Alone,
            known => known,
        }
    }

    /// The message was published alone, and confirmed. True when its address had been refused before.
    pub(super) fn taken(&mut self, message: &Message, now: Instant) -> bool {
        let known = self.refused.len();
        self.refused.retain(|refused| !refused.address.is_of(message));
        if self.large.is_some_and(|(bytes, _)| message.body.len() >= bytes) {
            self.large = None;
        }
        let address = Address::Key(message.exchange.to_string(), message.routing_key.to_string());
        self.cleared
            .retain(|cleared| now < cleared.until && cleared.address != address);
        remember(
            &mut self.cleared,
            Cleared {
                address,
                bytes: message.body.len(),
                until: now + CLEARED_FOR,
            },
        );
        self.refused.len() < known
    }

    /// The message was published alone, and refused. True if this was not known.
    pub(super) fn refused(&mut self, message: &Message, refusal: &Refusal, now: Instant) -> bool {
        if refusal.is_permanent() {
            self.large = Some((message.body.len(), now + LARGE_FOR));
            return true;
        }
        let address = Address::of(message, refusal.code);
        let known = self.refused.iter().position(|refused| refused.address == address);
        let known = known.map(|position| self.refused.remove(position));
        let pause = known
            .as_ref()
            .map_or(FIRST_PAUSE, |known| (known.pause * 2).min(LONGEST_PAUSE));
        remember(
            &mut self.refused,
            Refused {
                address,
                refusal: refusal.clone(),
                pause,
                until: now + pause,
            },
        );
        known.is_none()
    }
}

fn remember<T>(list: &mut Vec<T>, new: T) {
    if list.len() == REMEMBERED {
        list.remove(0);
    }
    list.push(new);
}

#[cfg(test)]
mod tests;
