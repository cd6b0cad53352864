//! A CRM service that publishes at a steady pace, by a way of its own to the broker.

use std::sync::Arc;
use std::time::{Duration, Instant};

use e2e::{Event, Link, PersistentCrm};
use tokio::time::sleep_until;

use super::{EVENTS, Load};
use crate::random::facts::Accepted;

/// After the last fault, so that the broker may recover.
const GIVE_UP_AFTER: Duration = Duration::from_secs(180);

pub(super) struct Publisher {
    load: Arc<Load>,
    number: usize,
    link: Link,
}

impl Publisher {
    pub(super) fn new(load: Arc<Load>, number: usize, link: Link) -> Self {
        Self { load, number, link }
    }

    /// One event after each pause; an event that is not confirmed is published again.
    pub(super) async fn publish(self, pause: Duration, length: Duration) -> anyhow::Result<()> {
        let (begun, mut next) = (self.load.begun, Instant::now());
        let mut crm = PersistentCrm::new(self.link.url());
        let mut count = 0;
        while begun.elapsed() < length {
            let (account, event_type) = EVENTS[(count * 4 + self.number) % EVENTS.len()];
            let event = Event::new(event_type, &format!("p{}-{count}", self.number)).of_account(account);
            let published_at = begun.elapsed();
            let repeats = crm.publish(&event, begun + length + GIVE_UP_AFTER).await?;
            if repeats > 0 {
                self.load.note_published_again(&event.id);
            }
            let at = begun.elapsed();
            let calm = repeats == 0 && self.load.is_calm(published_at) && self.load.is_calm(at);
            self.load.accept(Accepted {
                event: event.id,
                account,
                event_type,
                at,
                calm,
            });
            count += 1;
            next = (next + pause).max(Instant::now());
            sleep_until(next.into()).await;
        }
        Ok(())
    }
}
