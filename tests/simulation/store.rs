//! A database in memory, by the rules of the statements that `docs/delivery-states.md` names. Each transition has to be one
//! that [`DeliveryPhase::may_become`] allows.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Mutex;
use std::time::Duration;

use domain::{
    AutoPause, DeliveryHead, DeliveryId, DeliveryPhase, Next, PausedReason, Trigger, WebhookHealth, WebhookId,
};
use jiff::{SignedDuration, Timestamp};
use store::StoreError;
use store::outcomes::{AttemptRecord, DeliveryRecord, Disposition, Known};
use store::release::Released;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

/// Auto-pause after this many failed deliveries in a row: fewer than the default, so that short histories have some.
pub const AUTO_PAUSE: AutoPause = AutoPause {
    after: 4,
    within: Duration::ZERO,
    suspended: false,
};
/// Rows that a turn of a webhook releases.
const BATCH: usize = 10;
/// From one turn to the next.
const TURN: Duration = Duration::from_millis(500);
/// Longest time from the look into the log to the request that it permits: the wait for a slot is in between.
const DECIDED_WITHIN: Duration = Duration::from_secs(20);
/// The reconciler's bounds, as in fanout.
const OVERDUE: Duration = Duration::from_secs(300);
const LOST: Duration = Duration::from_secs(600);

#[derive(Debug, Default)]
pub struct Webhook {
    pub health: WebhookHealth,
    pub deleted: bool,
    /// How often it was paused for failures.
    pub auto_pauses: usize,
    next_turn: Option<Instant>,
}

#[derive(Debug)]
pub struct Row {
    pub delivery: DeliveryHead,
    pub phase: DeliveryPhase,
    pub attempts: u32,
    step: u32,
    /// When its retry is overdue; later for one that the reconciler has published again.
    due: Option<Instant>,
    /// When its retry may be made.
    not_before: Option<Instant>,
    updated: Instant,
    deferred_since: Option<Instant>,
    manual: bool,
    /// The attempts, by number. A deferred one has the number of the attempt that it postponed.
    pub made: BTreeMap<u32, AttemptRecord>,
    pub error: Option<String>,
}

#[derive(Default)]
pub struct Tables {
    pub webhooks: BTreeMap<WebhookId, Webhook>,
    pub deliveries: BTreeMap<DeliveryId, Row>,
    /// The outbox: why each delivery's attempt will be made.
    outbox: BTreeMap<DeliveryId, Trigger>,
    /// Rows that a transaction has locked.
    locked: HashSet<DeliveryId>,
    /// Promises that were broken.
    pub broken: Vec<String>,
}

pub struct SimStore {
    pub tables: Mutex<Tables>,
    changed: Notify,
    available: watch::Sender<bool>,
    origin: Instant,
    began: Timestamp,
}

impl SimStore {
    pub fn new() -> Self {
        Self {
            tables: Mutex::default(),
            changed: Notify::new(),
            available: watch::Sender::new(true),
            origin: Instant::now(),
            began: Timestamp::from_second(1_780_000_000).expect("a time of this century"),
        }
    }

    pub fn now(&self) -> Timestamp {
        self.began + SignedDuration::try_from(self.origin.elapsed()).expect("a history is short")
    }

    pub fn set_available(&self, available: bool) {
        self.available.send_replace(available);
    }

    pub async fn wait_until_available(&self) {
        let mut available = self.available.subscribe();
        let _ = available.wait_for(|available| *available).await;
    }

    /// # Errors
    /// During an outage.
    pub fn query<T>(&self, read: impl FnOnce(&mut Tables) -> T) -> Result<T, StoreError> {
        if *self.available.borrow() {
            Ok(read(&mut self.tables.lock().unwrap()))
        } else {
            Err(StoreError::Unavailable("the simulated database is down".into()))
        }
    }

    pub fn known(&self, delivery: DeliveryId) -> Result<Option<Known>, StoreError> {
        let began = self.began;
        let origin = self.origin;
        self.query(|tables| {
            let row = tables.deliveries.get(&delivery)?;
            let due_in = row.due.map(|due| signed(due, Instant::now()));
            debug_assert!(origin <= Instant::now() && began <= row.delivery.accepted_at);
            Some(Known {
                state: row.phase.state(),
                attempts: row.attempts,
                step: row.step,
                created_at: row.delivery.accepted_at,
                due_in,
            })
        })
    }

    /// `outcomes.record`. Waits for the end of an outage, and for the lock of the row.
    pub async fn record(&self, record: DeliveryRecord) {
        loop {
            self.wait_until_available().await;
            let changed = self.changed.notified();
            {
                let mut tables = self.tables.lock().unwrap();
                if !tables.locked.contains(&record.delivery.id) {
                    tables.record(record);
                    break;
                }
            }
            changed.await;
        }
        self.changed.notify_waiters();
    }

    /// Waits until the outbox has a delivery.
    pub async fn outbox_has_some(&self) {
        loop {
            let changed = self.changed.notified();
            if !self.tables.lock().unwrap().outbox.is_empty() {
                return;
            }
            changed.await;
        }
    }

    /// Locks the next deliveries of each webhook that has its turn; holds or fails those that cannot be released.
    pub fn begin_release(&self) -> Vec<Released> {
        if !*self.available.borrow() {
            return Vec::new();
        }
        let released = self.tables.lock().unwrap().begin_release();
        self.changed.notify_waiters();
        released
    }

    /// The transaction's end: the broker has confirmed the jobs, or the process died.
    pub fn end_release(&self, deliveries: &[DeliveryId], committed: bool) {
        let mut tables = self.tables.lock().unwrap();
        for delivery in deliveries {
            tables.locked.remove(delivery);
            if committed {
                tables.released(*delivery);
            }
        }
        drop(tables);
        self.changed.notify_waiters();
    }

    /// `reconcile.claim` and `reconcile.published`: retries that the broker lost.
    pub fn overdue_retries(&self) -> Vec<Released> {
        self.query(Tables::overdue_retries).unwrap_or_default()
    }

    /// `reconcile.requeue`: released deliveries that the broker lost.
    pub fn requeue_lost(&self) {
        let _ = self.query(Tables::requeue_lost);
        self.changed.notify_waiters();
    }

    /// `recover.retry`.
    pub fn retry(&self, delivery: DeliveryId) {
        let _ = self.query(|tables| tables.retry(delivery));
        self.changed.notify_waiters();
    }
}

fn signed(later: Instant, now: Instant) -> SignedDuration {
    let ahead = SignedDuration::try_from(later.saturating_duration_since(now)).unwrap_or_default();
    ahead - SignedDuration::try_from(now.saturating_duration_since(later)).unwrap_or_default()
}

impl Tables {
    /// A request is about to be made: it must not be one that the log has long known to be needless.
    pub fn judge_request(&mut self, webhook: WebhookId, id: &str) {
        if self.webhooks[&webhook].health.paused.is_some() {
            self.broken
                .push(format!("webhook {webhook} got a request while it was paused"));
        }
        let now = Instant::now();
        let Some(row) = self.deliveries.values().find(|row| row.delivery.id.to_string() == id) else {
            return;
        };
        let known = now.saturating_duration_since(row.updated) > DECIDED_WITHIN;
        if known && row.phase == DeliveryPhase::Delivered {
            self.broken
                .push(format!("delivery {id} got a request after it was delivered"));
        }
        if known && row.phase == DeliveryPhase::Retrying && row.not_before.is_some_and(|due| now < due) {
            self.broken.push(format!("delivery {id} was retried before it was due"));
        }
    }

    pub fn outbox_is_empty(&self) -> bool {
        self.outbox.is_empty()
    }

    fn set_phase(&mut self, delivery: DeliveryId, phase: DeliveryPhase) {
        let row = self.deliveries.get_mut(&delivery).expect("the delivery has a row");
        if !row.phase.may_become(phase) {
            self.broken
                .push(format!("delivery {delivery}: {} became {phase}", row.phase));
        }
        row.phase = phase;
        row.updated = Instant::now();
    }

    fn record(&mut self, record: DeliveryRecord) {
        let now = Instant::now();
        let id = record.delivery.id;
        let phase = record.disposition.phase();
        let accepted = match self.deliveries.get(&id) {
            None => {
                self.deliveries.insert(id, new_row(&record, now));
                true
            }
            Some(row) => {
                row.phase != DeliveryPhase::Delivered
                    && (row.attempts < record.attempts
                        || (phase == DeliveryPhase::Delivered && !row.made.values().any(|it| it.outcome.is_success()))
                        || (row.attempts == record.attempts && record.attempt.is_none()))
            }
        };
        let row = self.deliveries.get_mut(&id).expect("it was inserted");
        if let Some(attempt) = &record.attempt {
            row.made.entry(record.attempts).or_insert_with(|| attempt.clone());
        }
        if !accepted {
            return;
        }
        row.attempts = row.attempts.max(record.attempts);
        row.step = record.step;
        row.due = match record.disposition {
            Disposition::Retrying { retry_in } => Some(now + retry_in),
            _ => None,
        };
        row.not_before = row.due;
        match (&record.disposition, &record.attempt) {
            (Disposition::Held(_), _) => row.deferred_since = None,
            (Disposition::Spilled(_), None) => {}
            (_, attempt) => row.deferred_since = attempt.as_ref().map(|attempt| now - attempt.deferred_for),
        }
        if let Disposition::Failed { error } = &record.disposition {
            row.error.clone_from(error);
        }
        self.set_phase(id, phase);
        self.wait(&record, now);
        self.judge(&record);
    }

    /// `outcomes.outbox.write`: an existing entry stays unchanged.
    fn wait(&mut self, record: &DeliveryRecord, now: Instant) {
        let (Disposition::Held(entry) | Disposition::Spilled(entry)) = &record.disposition else {
            return;
        };
        self.outbox.entry(record.delivery.id).or_insert(entry.trigger);
        if let (Some(deferral), Some(webhook)) = (entry.deferral, self.webhooks.get_mut(&record.delivery.webhook)) {
            webhook.next_turn = webhook.next_turn.max(Some(now + deferral.wait));
        }
    }

    /// The consequences for the webhook's health.
    fn judge(&mut self, record: &DeliveryRecord) {
        let Some(webhook) = self.webhooks.get_mut(&record.delivery.webhook) else {
            return;
        };
        let Some(attempt) = record.attempt.as_ref().filter(|_| !webhook.deleted) else {
            return;
        };
        let before = webhook.health.paused;
        (webhook.health, _) = webhook
            .health
            .after_attempt(attempt.trigger, attempt.next, AUTO_PAUSE, Duration::MAX);
        if before.is_none() && webhook.health.paused == Some(PausedReason::RepeatedFailures) {
            webhook.auto_pauses += 1;
        }
    }

    fn begin_release(&mut self) -> Vec<Released> {
        let now = Instant::now();
        let waiting: Vec<_> = self.outbox.keys().copied().collect();
        let mut of_webhook: HashMap<WebhookId, Vec<DeliveryId>> = HashMap::new();
        for delivery in waiting {
            if !self.locked.contains(&delivery) {
                let webhook = self.deliveries[&delivery].delivery.webhook;
                of_webhook.entry(webhook).or_default().push(delivery);
            }
        }
        let mut released = Vec::new();
        for (id, mut deliveries) in of_webhook {
            let Some(webhook) = self.webhooks.get_mut(&id) else {
                continue;
            };
            if webhook.next_turn.is_some_and(|turn| turn > now) {
                continue;
            }
            webhook.next_turn = Some(now + TURN);
            let deleted = webhook.deleted;
            let paused = webhook.health.paused.is_some();
            deliveries.sort_by_key(|delivery| self.deliveries[delivery].delivery.accepted_at);
            deliveries.truncate(BATCH);
            for delivery in deliveries {
                released.extend(self.release_one(delivery, deleted, paused, now));
            }
        }
        released
    }

    fn release_one(&mut self, delivery: DeliveryId, deleted: bool, paused: bool, now: Instant) -> Option<Released> {
        let row = &self.deliveries[&delivery];
        let trigger = self.outbox[&delivery];
        if !row.phase.waits() {
            // It ended meanwhile.
            self.outbox.remove(&delivery);
            return None;
        }
        if deleted {
            self.outbox.remove(&delivery);
            self.set_phase(delivery, DeliveryPhase::Failed);
            self.deliveries.get_mut(&delivery)?.error = Some("webhook deleted".to_owned());
            return None;
        }
        if paused {
            self.set_phase(delivery, DeliveryPhase::Held);
            self.deliveries.get_mut(&delivery)?.deferred_since = None;
            return None;
        }
        let deferred_for = row.deferred_since.map_or(Duration::ZERO, |since| now - since);
        let released = Released {
            delivery: row.delivery.clone(),
            attempts: row.attempts,
            step: row.step,
            trigger,
            deferred_for,
        };
        self.locked.insert(delivery);
        Some(released)
    }

    fn released(&mut self, delivery: DeliveryId) {
        let trigger = self.outbox.remove(&delivery);
        self.set_phase(delivery, DeliveryPhase::Released);
        let row = self.deliveries.get_mut(&delivery).expect("it was released");
        row.due = None;
        row.manual = trigger == Some(Trigger::Manual);
    }

    fn overdue_retries(&mut self) -> Vec<Released> {
        let now = Instant::now();
        let overdue = self.deliveries.values_mut().filter(|row| {
            row.phase == DeliveryPhase::Retrying
                && row.due.is_some_and(|due| now.saturating_duration_since(due) > OVERDUE)
        });
        overdue
            .map(|row| {
                row.due = Some(now + (now - row.updated));
                Released {
                    delivery: row.delivery.clone(),
                    attempts: row.attempts,
                    step: row.step + 1,
                    trigger: Trigger::Retry,
                    deferred_for: Duration::ZERO,
                }
            })
            .collect()
    }

    fn requeue_lost(&mut self) {
        let now = Instant::now();
        let lost = self.deliveries.iter().filter(|(_, row)| {
            row.phase == DeliveryPhase::Released && now.saturating_duration_since(row.updated) > LOST
        });
        let lost: Vec<_> = lost.map(|(id, row)| (*id, row.manual)).collect();
        for (delivery, manual) in lost {
            self.set_phase(delivery, DeliveryPhase::Spilled);
            let trigger = if manual { Trigger::Manual } else { Trigger::Resume };
            self.outbox.entry(delivery).or_insert(trigger);
        }
    }

    fn retry(&mut self, delivery: DeliveryId) {
        let Some(row) = self.deliveries.get(&delivery) else {
            return;
        };
        let Some(webhook) = self.webhooks.get(&row.delivery.webhook) else {
            return;
        };
        if !matches!(row.phase, DeliveryPhase::Failed | DeliveryPhase::Delivered) || webhook.deleted {
            return;
        }
        let phase = match webhook.health.paused {
            Some(_) => DeliveryPhase::Held,
            None => DeliveryPhase::Spilled,
        };
        self.set_phase(delivery, phase);
        self.outbox.entry(delivery).or_insert(Trigger::Manual);
    }

    /// Pauses, as an administrator does.
    pub fn pause(&mut self, webhook: WebhookId) {
        if let Some(webhook) = self.webhooks.get_mut(&webhook) {
            webhook.health.paused.get_or_insert(PausedReason::User);
        }
    }

    pub fn resume(&mut self, webhook: WebhookId) {
        if let Some(webhook) = self
            .webhooks
            .get_mut(&webhook)
            .filter(|webhook| webhook.health.paused.is_some())
        {
            webhook.health = WebhookHealth::default();
        }
    }

    pub fn delete(&mut self, webhook: WebhookId) {
        if let Some(webhook) = self.webhooks.get_mut(&webhook) {
            webhook.deleted = true;
        }
    }
}

fn new_row(record: &DeliveryRecord, now: Instant) -> Row {
    Row {
        delivery: record.delivery.clone(),
        phase: record.disposition.phase(),
        attempts: record.attempts,
        step: record.step,
        due: None,
        not_before: None,
        updated: now,
        deferred_since: None,
        manual: false,
        made: BTreeMap::new(),
        error: None,
    }
}

/// Whether no automatic attempt follows an attempt.
pub fn ends(next: Next) -> bool {
    matches!(next, Next::Failed | Next::FailedGone | Next::Expired)
}
