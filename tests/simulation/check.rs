//! What must hold at the end of every history.

use domain::{DeliveryPhase, Next, Trigger};

use crate::history::Published;
use crate::store::{Row, ends};
use crate::world::World;

/// What one history was about, to see that the histories are not all alike.
#[derive(Debug, Default, Clone, Copy)]
pub struct Report {
    pub deliveries: usize,
    pub failed: usize,
    pub attempts: usize,
    pub deferred: usize,
    pub auto_pauses: usize,
    pub repeats: usize,
}

impl std::ops::AddAssign for Report {
    fn add_assign(&mut self, other: Self) {
        self.deliveries += other.deliveries;
        self.failed += other.failed;
        self.attempts += other.attempts;
        self.deferred += other.deferred;
        self.auto_pauses += other.auto_pauses;
        self.repeats += other.repeats;
    }
}

/// # Errors
/// The first promise that was broken.
pub fn check(world: &World, published: &[Published]) -> Result<Report, String> {
    let tables = world.store.tables.lock().unwrap();
    let mut report = Report::default();
    if let Some(broken) = tables.broken.first() {
        return Err(broken.clone());
    }
    for event in published {
        for (webhook, delivery) in event.deliveries(world) {
            let Some(row) = tables.deliveries.get(&delivery) else {
                return Err(format!("event {} for webhook {webhook} is lost", event.id));
            };
            let deleted = tables.webhooks[&webhook].deleted;
            judge(world, event, row, deleted, &mut report)
                .map_err(|reason| format!("delivery {delivery}: {reason}: {row:#?}"))?;
        }
    }
    report.auto_pauses = tables.webhooks.values().map(|webhook| webhook.auto_pauses).sum();
    if world.broker.rejected() > 0 {
        return Err(format!("{} jobs were rejected", world.broker.rejected()));
    }
    Ok(report)
}

fn judge(world: &World, event: &Published, row: &Row, deleted: bool, report: &mut Report) -> Result<(), String> {
    let seen = world.receivers.seen(&row.delivery.id.to_string());
    let made = row.made.values();
    let sent = made
        .clone()
        .filter(|attempt| !matches!(attempt.next, Next::Deferred(_)))
        .count();
    report.deliveries += 1;
    report.attempts += seen.requests;
    report.deferred += row.made.len() - sent;
    let last = made.clone().next_back();
    match row.phase {
        DeliveryPhase::Delivered if seen.accepted == 0 => return Err("delivered, and no receiver took it".to_owned()),
        DeliveryPhase::Delivered => {}
        DeliveryPhase::Failed => {
            report.failed += 1;
            let for_a_reason = deleted || row.error.is_some() || last.is_some_and(|attempt| ends(attempt.next));
            if !for_a_reason {
                return Err("failed, and its last attempt says nothing of it".to_owned());
            }
            used_its_ladder(world, row)?;
        }
        other => return Err(format!("it ended as {other}")),
    }
    numbers_have_no_gap(row)?;
    // A request whose outcome was not recorded, and one that was made for a duplicate.
    let repeats = seen.requests.saturating_sub(row.made.len());
    report.repeats += repeats;
    let excused = world.broker.duplicates_of(row.delivery.id, &event.body());
    // Each duplicate may repeat an attempt that was deferred several times under one number.
    if repeats > excused && row.made.values().all(|attempt| attempt.deferred_for.is_zero()) {
        return Err(format!(
            "{repeats} requests were repeated, for {excused} possible duplicates"
        ));
    }
    Ok(())
}

/// A failure that may pass has been retried as often as the ladder says, unless a person asked for a single attempt.
fn used_its_ladder(world: &World, row: &Row) -> Result<(), String> {
    let Some(last) = row.made.values().next_back() else {
        return Ok(());
    };
    let may_pass = last.http_status.is_none_or(|status| status >= 500);
    if last.next != Next::Failed || last.trigger == Trigger::Manual || !may_pass {
        return Ok(());
    }
    let ladder = world.policy.ladder().len() + 1;
    if row.made.len() < ladder {
        return Err(format!("failed after {} of {ladder} attempts", row.made.len()));
    }
    Ok(())
}

fn numbers_have_no_gap(row: &Row) -> Result<(), String> {
    let numbers: Vec<_> = row.made.keys().copied().collect();
    let expected: Vec<_> = (1..=numbers.len() as u32).collect();
    if numbers == expected {
        Ok(())
    } else {
        Err(format!("its attempts have the numbers {numbers:?}"))
    }
}
