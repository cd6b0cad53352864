//! The preview of a webhook: which of the account's latest events its types and conditions would have let through.

mod tally;

use std::collections::BTreeSet;

use domain::{Conditions, EventData, EventType, EventTypeSet};
use jiff::{SignedDuration, Timestamp};
use store::bearer::Bearer;
use store::event_sample::{LoggedEvent, Reach};
use wire::event_body::data_of;

use crate::condition_form::{ConditionForm, check_conditions};
use crate::error::AdminError;
use crate::field_error::FieldError;
use crate::input::{Input, check, check_subscriptions};
use crate::service::Admin;

use tally::Tally;
pub use tally::{Preview, PreviewExample};

/// How far back a preview looks.
const DAYS: i64 = 30;
/// Payloads that are read at once.
const PAGE: usize = 50;
/// Payloads that are read at once, in bytes.
const PAGE_BYTES: usize = 16 * 1024 * 1024;
/// Payloads that are read in all, in bytes.
const MAX_BYTES: usize = 32 * 1024 * 1024;
/// Fields that a form offers.
const MAX_OFFERED: usize = 100;

/// What a webhook would subscribe to.
#[derive(Default)]
pub struct PreviewForm {
    /// Names of event types, repetitions allowed, or `*` alone.
    pub event_types: Input<Vec<String>>,
    /// All of which must hold.
    pub conditions: Input<Vec<ConditionForm>>,
    /// What was wrong before the values could be looked at.
    pub errors: Vec<FieldError>,
}

impl PreviewForm {
    fn check(self) -> Result<(EventTypeSet, Conditions), Vec<FieldError>> {
        let mut errors = self.errors;
        let event_types = check(self.event_types.or_empty(), check_subscriptions, &mut errors);
        let conditions = check(self.conditions, check_conditions, &mut errors).unwrap_or_default();
        match event_types {
            Some(event_types) if errors.is_empty() => Ok((event_types, conditions)),
            _ => Err(errors),
        }
    }
}

impl Admin {
    /// Evaluates types and conditions for the newest events of the last 30 days in the account's delivery log. What
    /// webhooks subscribe to is in there, and nothing else. The log does not say who caused an event, so that a condition on
    /// the actor holds.
    ///
    /// # Errors
    /// [`AdminError::Invalid`].
    pub async fn preview(&self, by: &Bearer, form: PreviewForm) -> Result<Preview, AdminError> {
        let wanted = form.check().map_err(AdminError::Invalid)?;
        let reach = Reach {
            since: days_ago(DAYS),
            webhooks: self.webhooks_per_account,
            deliveries_each: 2_000,
            deliveries: 100_000,
            events: 2_000,
        };
        let sample = self.database.newest_events(&by.account, wanted.0, reach).await?;
        let mut tally = Tally::new(sample.seen);
        let mut bytes = 0;
        for page in sample.newest.chunks(self.payloads_at_once(PAGE)) {
            bytes += self.evaluate(by, page, &wanted.1, &mut tally).await?;
            if bytes > MAX_BYTES {
                break;
            }
        }
        Ok(tally.into_preview())
    }

    /// How many payloads may be read at once, at most `most`: each has up to `events.max_bytes`.
    pub(crate) fn payloads_at_once(&self, most: usize) -> usize {
        (PAGE_BYTES / self.largest_event.max(1)).clamp(1, most)
    }

    /// Evaluates the conditions for some events, and returns the size of their payloads.
    async fn evaluate(
        &self,
        by: &Bearer,
        events: &[LoggedEvent],
        conditions: &Conditions,
        tally: &mut Tally,
    ) -> Result<usize, AdminError> {
        let payloads = self.database.payloads_of(&by.account, events).await?;
        for event in events {
            let Some((_, payload)) = payloads.iter().find(|(delivery, _)| *delivery == event.delivery) else {
                continue;
            };
            let data = EventData::parse(data_of(payload).unwrap_or_default());
            tally.add(event, conditions.first_false(&data, None));
        }
        Ok(payloads.iter().map(|(_, payload)| payload.len()).sum())
    }

    /// Fields that conditions can name, for a form to offer: those of the newest events of these types in the log; if there
    /// are none, those of the catalogue's examples.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn condition_fields(&self, by: &Bearer, event_types: EventTypeSet) -> Result<Vec<String>, AdminError> {
        let reach = Reach {
            since: days_ago(DAYS),
            webhooks: 50,
            deliveries_each: 5,
            deliveries: 100,
            events: self.payloads_at_once(20) as i64,
        };
        let newest = self
            .database
            .newest_events(&by.account, event_types, reach)
            .await?
            .newest;
        if newest.is_empty() {
            let types = if event_types.is_empty() {
                EventTypeSet::ALL
            } else {
                event_types
            };
            return Ok(fields_of(types.iter().map(EventType::example_data)));
        }
        let payloads = self.database.payloads_of(&by.account, &newest).await?;
        Ok(fields_of(payloads.iter().filter_map(|(_, payload)| data_of(payload))))
    }
}

/// The fields of all these, in alphabetical order.
fn fields_of<'a>(data: impl Iterator<Item = &'a str>) -> Vec<String> {
    let fields: BTreeSet<_> = data.flat_map(|data| EventData::parse(data).fields()).collect();
    fields.into_iter().take(MAX_OFFERED).collect()
}

fn days_ago(days: i64) -> Timestamp {
    let age = SignedDuration::from_hours(24 * days);
    Timestamp::now()
        .saturating_sub(age)
        .expect("a signed duration never fails to be subtracted, it saturates")
}
