//! What people fill in for a webhook, checked: all fields at once, and without input or output, so that JSON bodies and
//! HTML forms share it.

use domain::{AddressPolicy, EventType};
use store::webhooks::{Edit, NewWebhook};

use crate::condition_form::{ConditionForm, check_conditions};
use crate::field_error::FieldError;
use crate::input::{Input, check, check_name, check_subscriptions, check_url, new_secret};

/// The longest description, in characters after trimming.
pub const MAX_DESCRIPTION_CHARACTERS: usize = 500;

/// The highest limit of deliveries a second.
pub const MAX_PER_SECOND: i32 = 1000;

/// Most entries of `event_types`, repetitions included; rejects abusive input early.
pub const MAX_EVENT_TYPE_ENTRIES: usize = 5 * EventType::COUNT;

/// A webhook as somebody filled it in. Not `Debug`, for the secret's sake.
#[derive(Default)]
pub struct WebhookForm {
    /// What people call it.
    pub name: Input<String>,
    /// Where it shall post.
    pub url: Input<String>,
    /// Names of event types, repetitions allowed, or `*` alone.
    pub event_types: Input<Vec<String>>,
    /// All of which must hold for an event.
    pub conditions: Input<Vec<ConditionForm>>,
    /// What it shall sign with.
    pub secret: Input<String>,
    /// What it is for.
    pub description: Input<String>,
    /// Deliveries a second at most; `Given(None)` for no limit.
    pub max_per_second: Input<Option<i64>>,
    /// What was wrong before the values could be looked at.
    pub errors: Vec<FieldError>,
}

impl WebhookForm {
    /// A webhook to be added. Without a secret it gets a generated one.
    ///
    /// # Errors
    /// Everything that is wrong, or missing.
    pub fn into_new(self, policy: &AddressPolicy) -> Result<NewWebhook, Vec<FieldError>> {
        let mut errors = self.errors;
        let name = check(self.name.or_empty(), check_name, &mut errors);
        let url = check(self.url.or_empty(), |text| check_url(&text, policy), &mut errors);
        let event_types = check(self.event_types.or_empty(), check_subscriptions, &mut errors);
        let conditions = check(self.conditions, check_conditions, &mut errors).unwrap_or_default();
        let secret = new_secret(self.secret, &mut errors);
        let description = check(self.description, check_description, &mut errors).unwrap_or_default();
        let max_per_second = check(self.max_per_second, check_max_per_second, &mut errors).flatten();
        match (name, url, event_types, secret) {
            (Some(name), Some(url), Some(event_types), Some(secret)) if errors.is_empty() => Ok(NewWebhook {
                name,
                url,
                event_types,
                conditions,
                secret,
                description,
                max_per_second,
            }),
            _ => Err(errors),
        }
    }

    /// Changes to a webhook: of what is missing, none.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn into_edit(self, policy: &AddressPolicy) -> Result<Edit, Vec<FieldError>> {
        let mut errors = self.errors;
        let edit = Edit {
            name: check(self.name, check_name, &mut errors),
            url: check(self.url, |text| check_url(&text, policy), &mut errors),
            event_types: check(self.event_types, check_subscriptions, &mut errors),
            conditions: check(self.conditions, check_conditions, &mut errors),
            description: check(self.description, check_description, &mut errors),
            max_per_second: check(self.max_per_second, check_max_per_second, &mut errors),
        };
        if errors.is_empty() { Ok(edit) } else { Err(errors) }
    }
}

fn check_description(text: String) -> Result<String, Vec<FieldError>> {
    let description = text.replace("\r\n", "\n").trim().to_owned();
    let refuse = |code, detail: &'static str| Err(vec![FieldError::new("/description", code, detail)]);
    if description.contains(|character: char| character.is_control() && character != '\n') {
        refuse("forbidden_character", "Description must not contain control characters")
    } else if description.chars().count() > MAX_DESCRIPTION_CHARACTERS {
        refuse("too_long", "Description must have at most 500 characters")
    } else {
        Ok(description)
    }
}

fn check_max_per_second(given: Option<i64>) -> Result<Option<i32>, Vec<FieldError>> {
    let Some(number) = given else { return Ok(None) };
    let refused = || {
        let detail = "Must be a whole number from 1 to 1000";
        vec![FieldError::new("/max_per_second", "out_of_range", detail)]
    };
    let limit = i32::try_from(number)
        .ok()
        .filter(|limit| (1..=MAX_PER_SECOND).contains(limit));
    limit.map(Some).ok_or_else(refused)
}

#[cfg(test)]
mod tests;
