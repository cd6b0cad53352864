//! Keeps the subscription index current by the database's notifications.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use domain::{EventType, Selection, SubscriptionIndex};
use runtime::Condition;
use store::changes::{CHANGES, Change, follow_changes};
use store::{Database, StoreError};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use wire::CrmEvent;

use crate::metrics::FanoutMetrics;

/// Pause before the database is queried again.
const RETRY: Duration = Duration::from_millis(500);

/// The current snapshot of the subscription index.
#[derive(Clone)]
pub struct Subscriptions {
    index: Arc<ArcSwap<SubscriptionIndex>>,
    loaded: watch::Receiver<bool>,
}

impl Subscriptions {
    /// Loads the index and follows its changes until `stop`. While the database is unavailable matching continues with
    /// the last known index; `condition` and the metrics report it.
    pub fn follow(
        database: Database,
        metrics: Arc<FanoutMetrics>,
        condition: Condition,
        stop: CancellationToken,
    ) -> Self {
        let index = Arc::new(ArcSwap::from_pointee(SubscriptionIndex::builder().build()));
        let (loaded_sender, loaded) = watch::channel(false);
        let follower = Follower {
            database: database.clone(),
            index: Arc::clone(&index),
            metrics,
            condition,
            loaded: loaded_sender,
        };
        follow_changes(database, stop, |changes| follower.run(changes));
        Self { index, loaded }
    }

    /// Waits until the index was loaded once: matching against an empty index would lose events.
    pub async fn loaded(&self) {
        let mut loaded = self.loaded.clone();
        if loaded.wait_for(|loaded| *loaded).await.is_err() {
            // The follower stopped with the process; nothing will be matched any more.
            std::future::pending::<()>().await;
        }
    }

    /// The webhooks of the event's account that subscribe to its type and whose conditions hold.
    pub fn select(&self, event: &CrmEvent<'_>, event_type: EventType) -> Selection {
        let account = event.account.as_str();
        self.index
            .load()
            .select(account, event_type, &event.data, event.actor.as_deref())
    }
}

struct Follower {
    database: Database,
    index: Arc<ArcSwap<SubscriptionIndex>>,
    metrics: Arc<FanoutMetrics>,
    condition: Condition,
    loaded: watch::Sender<bool>,
}

impl Follower {
    async fn run(self, mut changes: mpsc::Receiver<Change>) {
        let mut batch = Vec::new();
        while changes.recv_many(&mut batch, CHANGES).await > 0 {
            self.apply_until_done(&batch).await;
            batch.clear();
        }
    }

    async fn apply_until_done(&self, batch: &[Change]) {
        let mut said = false;
        while let Err(error) = self.apply(batch).await {
            if !std::mem::replace(&mut said, true) {
                warn!(
                    error = &error as &dyn std::error::Error,
                    "cannot read subscriptions; matching continues with the last known index"
                );
            }
            self.current(false);
            tokio::time::sleep(RETRY).await;
        }
    }

    async fn apply(&self, batch: &[Change]) -> Result<(), StoreError> {
        if batch.contains(&Change::Everything) {
            self.reload().await?;
        } else {
            self.update(batch).await?;
        }
        self.metrics.index_webhooks.set(self.index.load().webhooks() as f64);
        if batch.last() == Some(&Change::Lost) {
            self.current(false);
        } else {
            self.current(true);
        }
        Ok(())
    }

    async fn reload(&self) -> Result<(), StoreError> {
        let mut builder = SubscriptionIndex::builder();
        self.database
            .subscriptions(|s| builder.add(s.account, s.webhook, s.event_types, s.conditions))
            .await?;
        let index = builder.build();
        info!(
            webhooks = index.webhooks(),
            subscriptions = index.subscriptions(),
            "subscription index loaded"
        );
        self.index.store(Arc::new(index));
        self.loaded.send_replace(true);
        Ok(())
    }

    /// Reads the changed webhooks and swaps in an index with them; unchanged accounts are shared.
    async fn update(&self, batch: &[Change]) -> Result<(), StoreError> {
        let mut index = SubscriptionIndex::clone(&self.index.load());
        let mut changed = false;
        for change in batch {
            let Change::Webhook { webhook, account } = change else {
                continue;
            };
            match self.database.subscription(*webhook).await? {
                Some(now) => index.upsert(&now.account, *webhook, now.event_types, now.conditions),
                None => index.remove(account, *webhook),
            }
            changed = true;
        }
        if changed {
            self.index.store(Arc::new(index));
        }
        Ok(())
    }

    fn current(&self, current: bool) {
        self.metrics.index_current.set(f64::from(u8::from(current)));
        if current {
            self.condition.ready();
        } else {
            self.condition
                .not_ready("no connection listens for webhook changes (LISTEN)");
        }
    }
}
