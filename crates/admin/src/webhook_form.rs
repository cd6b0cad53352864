//! What people fill in for a webhook, checked: all fields at once, and without input or output, so that JSON bodies and
//! HTML forms share it.

use domain::{AddressPolicy, EventType};
use store::webhooks::{Edit, NewWebhook};

use crate::field_error::FieldError;
use crate::input::{Input, check, check_event_types, check_name, check_url, new_secret};

/// Most entries of `event_types`, repetitions included; rejects abusive input early.
pub const MAX_EVENT_TYPE_ENTRIES: usize = 5 * EventType::COUNT;

/// A webhook as somebody filled it in. Not `Debug`, for the secret's sake.
#[derive(Default)]
pub struct WebhookForm {
    /// What people call it.
    pub name: Input<String>,
    /// Where it shall post.
    pub url: Input<String>,
    /// Names of event types, repetitions allowed.
    pub event_types: Input<Vec<String>>,
    /// What it shall sign with.
    pub secret: Input<String>,
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
        let event_types = check(self.event_types.or_empty(), check_event_types, &mut errors);
        let secret = new_secret(self.secret, &mut errors);
        match (name, url, event_types, secret) {
            (Some(name), Some(url), Some(event_types), Some(secret)) if errors.is_empty() => Ok(NewWebhook {
                name,
                url,
                event_types,
                secret,
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
            event_types: check(self.event_types, check_event_types, &mut errors),
        };
        if errors.is_empty() { Ok(edit) } else { Err(errors) }
    }
}

#[cfg(test)]
mod tests;
