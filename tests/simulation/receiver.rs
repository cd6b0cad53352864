//! Receivers in memory: how each webhook's receiver behaves now, and which requests it got.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::{Outcome, WebhookId};
use outbound::Attempt;

use crate::random::Random;

/// The sender's timeout of a request.
const TIMEOUT: Duration = Duration::from_secs(15);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    Accepts,
    Fails,
    RefusesTheRequest,
    Gone,
    Hangs,
    IsUnreachable,
    /// 429 to every second request.
    LimitsTheRate,
    /// Nothing can be sent, for a fault on our side.
    LocalError,
}

impl Behaviour {
    pub const ALL: [Self; 8] = [
        Self::Accepts,
        Self::Fails,
        Self::RefusesTheRequest,
        Self::Gone,
        Self::Hangs,
        Self::IsUnreachable,
        Self::LimitsTheRate,
        Self::LocalError,
    ];
}

/// Requests and successes, by the `webhook-id` of the requests.
#[derive(Debug, Default, Clone, Copy)]
pub struct Seen {
    pub requests: usize,
    pub accepted: usize,
}

pub struct Receivers {
    behaviour: Mutex<HashMap<WebhookId, Behaviour>>,
    seen: Mutex<HashMap<String, Seen>>,
    random: Arc<Random>,
}

impl Receivers {
    pub fn new(random: Arc<Random>) -> Self {
        Self {
            behaviour: Mutex::default(),
            seen: Mutex::default(),
            random,
        }
    }

    pub fn set(&self, webhook: WebhookId, behaviour: Behaviour) {
        self.behaviour.lock().unwrap().insert(webhook, behaviour);
    }

    pub fn all_accept(&self) {
        self.behaviour.lock().unwrap().clear();
    }

    pub fn seen(&self, id: &str) -> Seen {
        self.seen.lock().unwrap().get(id).copied().unwrap_or_default()
    }

    pub async fn post(&self, webhook: WebhookId, id: &str) -> Attempt {
        let behaviour = self.behaviour.lock().unwrap().get(&webhook).copied();
        let behaviour = behaviour.unwrap_or(Behaviour::Accepts);
        if behaviour == Behaviour::LocalError {
            return attempt(Outcome::LocalError, None, Duration::ZERO);
        }
        self.seen.lock().unwrap().entry(id.to_owned()).or_default().requests += 1;
        let time = match behaviour {
            Behaviour::Hangs => TIMEOUT,
            _ => self.random.up_to(Duration::from_millis(400)),
        };
        tokio::time::sleep(time).await;
        let (outcome, status) = match behaviour {
            Behaviour::LimitsTheRate if self.random.percent(50) => (Outcome::Http4xx, Some(429)),
            Behaviour::Accepts | Behaviour::LimitsTheRate => (Outcome::Success, Some(200)),
            Behaviour::Fails => (Outcome::Http5xx, Some(500)),
            Behaviour::RefusesTheRequest => (Outcome::Http4xx, Some(400)),
            Behaviour::Gone => (Outcome::Http4xx, Some(410)),
            Behaviour::Hangs => (Outcome::Timeout, None),
            Behaviour::IsUnreachable => (Outcome::ConnectError, None),
            Behaviour::LocalError => (Outcome::LocalError, None),
        };
        if outcome == Outcome::Success {
            self.seen.lock().unwrap().entry(id.to_owned()).or_default().accepted += 1;
        }
        Attempt {
            retry_after: (status == Some(429)).then(|| "2".to_owned()),
            ..attempt(outcome, status, time)
        }
    }
}

fn attempt(outcome: Outcome, http_status: Option<u16>, response_time: Duration) -> Attempt {
    Attempt {
        outcome,
        http_status,
        retry_after: None,
        response_time,
        error: None,
        response_excerpt: Vec::new(),
    }
}
