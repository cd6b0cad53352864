//! A CRM service that publishes each event until the broker confirms it, and reconnects whenever it has to.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use lapin::Confirmation;
use lapin::options::BasicPublishOptions;
use tokio::time::{sleep, timeout};

use crate::crm::EVENTS_EXCHANGE;
use crate::{Crm, Event};

/// For a connection, or for a confirm.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(200);

/// Publishes one event after another.
pub struct PersistentCrm {
    url: String,
    crm: Option<Crm>,
}

impl PersistentCrm {
    /// A service for the virtual host of this URL; nothing is connected yet.
    pub fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            crm: None,
        }
    }

    /// Publishes an event until the broker has confirmed and routed it; gives how often it was published again.
    ///
    /// # Errors
    /// The broker did not take it until then.
    pub async fn publish(&mut self, event: &Event, give_up_at: Instant) -> anyhow::Result<usize> {
        let mut repeats = 0;
        while !self.is_accepted(event).await {
            ensure!(Instant::now() < give_up_at, "the broker takes nothing any more");
            repeats += 1;
            sleep(PAUSE).await;
        }
        Ok(repeats)
    }

    /// Whether the broker has taken it for good and routed it.
    async fn is_accepted(&mut self, event: &Event) -> bool {
        let accepted = self.publish_once(event).await;
        if accepted.is_err() {
            self.crm = None;
        }
        accepted.unwrap_or(false)
    }

    async fn publish_once(&mut self, event: &Event) -> anyhow::Result<bool> {
        let crm = match self.crm.take() {
            Some(crm) => crm,
            None => timeout(PATIENCE, Crm::connect(&self.url))
                .await
                .context("no connection")??,
        };
        let (channel, message) = (self.crm.insert(crm).channel(), event.as_json());
        let options = BasicPublishOptions {
            mandatory: true,
            ..BasicPublishOptions::default()
        };
        let key = event.event_type.as_str().into();
        let properties = message.properties().clone();
        let published = channel.basic_publish(EVENTS_EXCHANGE.into(), key, options, message.body(), properties);
        let confirmed = timeout(PATIENCE, async { published.await?.await })
            .await
            .context("no confirm")??;
        Ok(matches!(confirmed, Confirmation::Ack(None)))
    }
}
