//! The form of a webhook: what it shows, and what it sends. Checked by [`WebhookForm`], as the API's bodies are.

use admin::{FieldError, Input, MAX_EVENT_TYPE_ENTRIES, WebhookForm};
use domain::conditions::MAX_CONDITIONS;
use domain::{EventType, EventTypeSet, SigningSecret};
use store::webhooks::Webhook;

use super::condition_rows::ConditionRow;
use crate::access::submission::Fields;

/// The form as it is shown. What people typed stays as they typed it. Not `Debug`, for the secret's sake.
pub(crate) struct WebhookFields {
    pub(crate) name: String,
    pub(crate) url: String,
    /// Only when adding a webhook.
    pub(crate) secret: Option<String>,
    pub(crate) ticked: EventTypeSet,
    /// All events, also types added later: the single ticks do not count then.
    pub(crate) every: bool,
    pub(crate) conditions: Vec<ConditionRow>,
    pub(crate) description: String,
    /// As it was typed; empty for no limit.
    pub(crate) max_per_second: String,
    /// Of which a test would be.
    pub(crate) test_event_type: Option<EventType>,
    pub(crate) errors: Vec<FieldError>,
}

/// The event types under one heading.
pub(crate) struct Group {
    pub(crate) title: &'static str,
    pub(crate) event_types: Vec<EventType>,
}

impl WebhookFields {
    /// An empty form with a new secret.
    pub(crate) fn empty() -> Self {
        Self {
            name: String::new(),
            url: String::new(),
            secret: Some(SigningSecret::generate().expose().to_owned()),
            ticked: EventTypeSet::EMPTY,
            every: false,
            conditions: Vec::new(),
            description: String::new(),
            max_per_second: String::new(),
            test_event_type: None,
            errors: Vec::new(),
        }
    }

    /// The form of a webhook as it is.
    pub(crate) fn of(webhook: &Webhook) -> Self {
        Self {
            name: webhook.name.clone(),
            url: webhook.url.clone(),
            secret: None,
            ticked: webhook.event_types,
            every: webhook.event_types.is_every(),
            conditions: ConditionRow::of(&webhook.conditions),
            description: webhook.description.clone(),
            max_per_second: webhook.max_per_second.map(|most| most.to_string()).unwrap_or_default(),
            test_event_type: None,
            errors: Vec::new(),
        }
    }

    /// The form as it was sent; a new secret stands for one that was left empty.
    pub(crate) fn sent(fields: &Fields, with_secret: bool) -> Self {
        let secret = Some(fields.text("secret"))
            .filter(|text| !text.is_empty())
            .map(str::to_owned);
        Self {
            name: fields.text("name").to_owned(),
            url: fields.text("url").trim().to_owned(),
            secret: with_secret.then(|| secret.unwrap_or_else(|| SigningSecret::generate().expose().to_owned())),
            ticked: fields.all("event_types").filter_map(EventType::parse).collect(),
            every: fields.get("every_event").is_some(),
            conditions: ConditionRow::sent(fields),
            description: fields.text("description").to_owned(),
            max_per_second: fields.text("max_per_second").trim().to_owned(),
            test_event_type: EventType::parse(fields.text("event_type")),
            errors: Vec::new(),
        }
    }

    /// To be checked. Names of event types come from `fields`, so that an unknown one is an error and not left out.
    pub(crate) fn to_form(&self, fields: &Fields) -> WebhookForm {
        let every = self.every.then_some(EventTypeSet::EVERY_NAME);
        let single = fields.all("event_types").filter(|_| !self.every);
        let names = every.into_iter().chain(single).take(MAX_EVENT_TYPE_ENTRIES);
        let most = Some(self.max_per_second.as_str()).filter(|text| !text.is_empty());
        WebhookForm {
            description: Input::Given(self.description.clone()),
            // What is no number is out of range, too.
            max_per_second: Input::Given(most.map(|text| text.parse().unwrap_or(-1))),
            name: Input::Given(self.name.clone()),
            url: Input::Given(self.url.clone()),
            event_types: Input::Given(names.map(str::to_owned).collect()),
            conditions: Input::Given(self.conditions.iter().map(ConditionRow::to_form).collect()),
            secret: self.secret.clone().map_or(Input::Missing, Input::Given),
            errors: Vec::new(),
        }
    }

    /// What is wrong with a field.
    pub(crate) fn error(&self, field: &str) -> Option<&str> {
        self.errors
            .iter()
            .find(|error| error_field(error) == field)
            .map(|error| &*error.detail)
    }

    /// The types to subscribe to.
    pub(crate) const fn event_types(&self) -> EventTypeSet {
        if self.every { EventTypeSet::EVERY } else { self.ticked }
    }

    /// The rows of conditions to show: an empty one at the end, unless there are as many as there may be.
    pub(crate) fn condition_rows(&self) -> Vec<ConditionRow> {
        let empty = (self.conditions.len() < MAX_CONDITIONS).then(ConditionRow::default);
        self.conditions.iter().cloned().chain(empty).collect()
    }

    /// Everything that is wrong, a line each, with the id of the field to go to.
    pub(crate) fn summary(&self) -> Vec<(String, &str)> {
        let mut lines: Vec<_> = self
            .errors
            .iter()
            .map(|error| (error_field(error), &*error.detail))
            .collect();
        lines.dedup();
        lines
    }

    /// The catalogue, under its headings.
    pub(crate) fn groups() -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::new();
        for event_type in EventType::all() {
            match groups.iter_mut().find(|group| group.title == event_type.group()) {
                Some(group) => group.event_types.push(event_type),
                None => groups.push(Group {
                    title: event_type.group(),
                    event_types: vec![event_type],
                }),
            }
        }
        groups
    }

    /// The type that a test would be of, unless another is chosen.
    pub(crate) fn chosen_for_test(&self) -> Option<EventType> {
        self.test_event_type
            .or_else(|| self.ticked.iter().next())
            .or_else(|| EventType::parse("deal.won"))
    }
}

/// `/event_types/3` is of the field `event_types`, `/conditions/3/op` of `condition-3-op`; a pointer to no field is of the
/// form's beginning.
fn error_field(error: &FieldError) -> String {
    let parts: Vec<_> = error.pointer.trim_start_matches('/').split('/').collect();
    match parts.as_slice() {
        ["conditions", row, part] => format!("condition-{row}-{part}"),
        [] | ["", ..] => "main".to_owned(),
        [field, ..] => (*field).to_owned(),
    }
}

/// For an account that has as many webhooks as it may have.
pub(crate) fn webhook_limit(limit: i64) -> FieldError {
    FieldError::new(
        "",
        "webhook_limit",
        format!("An account has at most {limit} webhooks; delete one first"),
    )
}
