//! Conditions: a webhook gets an event only if all its conditions hold for the event's `data`.

mod condition;
mod decimal;
mod evaluate;
mod event_data;

use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

pub use condition::{Condition, ConditionError, MAX_FIELD_BYTES, MAX_FIELD_LEVELS, MAX_VALUE_BYTES, Operator};
pub use event_data::EventData;

/// Most conditions of one webhook.
pub const MAX_CONDITIONS: usize = 10;

/// All conditions of a webhook, of which there may be none. A clone shares them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Conditions(Option<Arc<[Condition]>>);

/// Whether conditions hold for an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement<'a> {
    /// All do.
    Holds,
    /// This one does not.
    False(&'a Condition),
    /// All others do, and of this one it is not known.
    Unknown(&'a Condition),
}

/// A condition as it is stored, perhaps by a newer release.
#[derive(Deserialize)]
struct StoredCondition {
    field: String,
    op: String,
    #[serde(default)]
    value: Option<String>,
}

impl Conditions {
    /// From the JSON that [`Conditions::to_json`] made. What this release does not know, because a newer one has stored
    /// it, is left out, so that the webhook gets too much rather than too little while both run.
    pub fn from_json(json: &str) -> Self {
        let stored: Vec<serde_json::Value> = serde_json::from_str(json).unwrap_or_default();
        let known = |stored: serde_json::Value| {
            let stored: StoredCondition = serde_json::from_value(stored).ok()?;
            Condition::parse(&stored.field, &stored.op, stored.value.as_deref()).ok()
        };
        stored.into_iter().filter_map(known).collect()
    }

    /// The JSON list to store.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("texts are always JSON")
    }

    /// All of them, in the order in which they were given.
    pub fn as_slice(&self) -> &[Condition] {
        self.0.as_deref().unwrap_or_default()
    }

    /// Whether there is none: every event passes.
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The first condition that does not hold, or of which the delivery log alone cannot tell, since it does not say who caused an
    /// event.
    pub fn judge_logged(&self, data: &EventData<'_>) -> Judgement<'_> {
        if let Some(position) = self.first_false(data, None) {
            return Judgement::False(&self.as_slice()[position]);
        }
        let of_actor = self
            .as_slice()
            .iter()
            .find(|condition| condition.op() == Operator::ActorNe);
        of_actor.map_or(Judgement::Holds, Judgement::Unknown)
    }

    /// The first condition that does not hold for an event that is at hand.
    pub fn judge(&self, data: &EventData<'_>, actor: Option<&str>) -> Judgement<'_> {
        let first_false = self.first_false(data, actor);
        first_false.map_or(Judgement::Holds, |position| {
            Judgement::False(&self.as_slice()[position])
        })
    }

    /// The position of the first condition that does not hold; `None` if the event passes. `actor` is the CloudEvents
    /// extension of this name.
    pub fn first_false(&self, data: &EventData<'_>, actor: Option<&str>) -> Option<usize> {
        self.as_slice()
            .iter()
            .position(|condition| !evaluate::holds(condition, data, actor))
    }
}

impl FromIterator<Condition> for Conditions {
    fn from_iter<I: IntoIterator<Item = Condition>>(conditions: I) -> Self {
        let conditions: Arc<[Condition]> = conditions.into_iter().collect();
        Self((!conditions.is_empty()).then_some(conditions))
    }
}

impl Serialize for Conditions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.as_slice())
    }
}

#[cfg(test)]
mod tests;
