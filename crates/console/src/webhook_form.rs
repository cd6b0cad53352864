//! What people fill in for a webhook, checked: all fields at once, and without input or output, so that JSON bodies and
//! HTML forms share it.

use domain::{AddressPolicy, EndpointUrl, EventType, EventTypeSet, SigningSecret};
use store::webhooks::{Edit, NewWebhook};

use crate::problem::FieldError;

/// The longest name, in characters after trimming.
pub(crate) const MAX_NAME_CHARACTERS: usize = 100;

/// More entries than this in `event_types` are no honest list, even with repetitions.
pub(crate) const MAX_EVENT_TYPE_ENTRIES: usize = 5 * EventType::COUNT;

/// A field as it came.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Input<T> {
    /// It was not sent.
    #[default]
    Missing,
    /// It was sent, but as no value of its kind; that is among the form's errors already.
    Malformed,
    /// It was sent.
    Given(T),
}

/// A webhook as somebody filled it in. Not `Debug`, for the secret's sake.
#[derive(Default)]
pub(crate) struct WebhookForm {
    /// What people call it.
    pub(crate) name: Input<String>,
    /// Where it shall post.
    pub(crate) url: Input<String>,
    /// Names of event types, repetitions allowed.
    pub(crate) event_types: Input<Vec<String>>,
    /// What it shall sign with.
    pub(crate) secret: Input<String>,
    /// What was wrong before the values could be looked at.
    pub(crate) errors: Vec<FieldError>,
}

impl WebhookForm {
    /// A webhook to be added. Without a secret it gets a generated one.
    ///
    /// # Errors
    /// Everything that is wrong, or missing.
    pub(crate) fn into_new(self, policy: &AddressPolicy) -> Result<NewWebhook, Vec<FieldError>> {
        let mut errors = self.errors;
        let name = check(self.name.or_empty(), check_name, &mut errors);
        let url = check(self.url.or_empty(), |text| check_url(&text, policy), &mut errors);
        let event_types = check(self.event_types.or_empty(), check_event_types, &mut errors);
        let secret = match self.secret {
            Input::Missing => Some(SigningSecret::generate()),
            given => check(given, |text| check_secret(&text), &mut errors),
        };
        match (name, url, event_types, secret) {
            (Some(name), Some(url), Some(event_types), Some(secret)) if errors.is_empty() => {
                Ok(NewWebhook { name, url, event_types, secret })
            }
            _ => Err(errors),
        }
    }

    /// Changes to a webhook: of what is missing, none.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub(crate) fn into_edit(self, policy: &AddressPolicy) -> Result<Edit, Vec<FieldError>> {
        let mut errors = self.errors;
        let edit = Edit {
            name: check(self.name, check_name, &mut errors),
            url: check(self.url, |text| check_url(&text, policy), &mut errors),
            event_types: check(self.event_types, check_event_types, &mut errors),
        };
        if errors.is_empty() { Ok(edit) } else { Err(errors) }
    }
}

impl<T: Default> Input<T> {
    /// For a field that must be filled in: its check then says so.
    pub(crate) fn or_empty(self) -> Self {
        if matches!(self, Self::Missing) { Self::Given(T::default()) } else { self }
    }
}

/// Checks a field that was given, and keeps what is wrong with it among `errors`.
pub(crate) fn check<T, U>(
    input: Input<T>,
    checked: impl FnOnce(T) -> Result<U, Vec<FieldError>>,
    errors: &mut Vec<FieldError>,
) -> Option<U> {
    let Input::Given(value) = input else { return None };
    checked(value).map_err(|found| errors.extend(found)).ok()
}

fn check_name(text: String) -> Result<String, Vec<FieldError>> {
    let name = text.trim();
    let refuse = |code, detail: &'static str| Err(vec![FieldError::new("/name", code, detail)]);
    if name.is_empty() {
        refuse("required", "Name is required")
    } else if name.contains(char::is_control) {
        refuse("forbidden_character", "Name must not contain control characters")
    } else if name.chars().count() > MAX_NAME_CHARACTERS {
        refuse("too_long", "Name must have at most 100 characters")
    } else {
        Ok(name.to_owned())
    }
}

pub(crate) fn check_url(text: &str, policy: &AddressPolicy) -> Result<EndpointUrl, Vec<FieldError>> {
    EndpointUrl::parse(text, policy).map_err(|error| vec![FieldError::new("/url", error.code(), error.to_string())])
}

fn check_event_types(names: Vec<String>) -> Result<EventTypeSet, Vec<FieldError>> {
    if names.is_empty() {
        return Err(vec![FieldError::new("/event_types", "required", "Select at least one event")]);
    }
    let (mut set, mut errors) = (EventTypeSet::EMPTY, Vec::new());
    for (index, name) in names.iter().enumerate() {
        match EventType::parse(name) {
            // A type given twice is meant once.
            Some(event_type) => drop(set.insert(event_type)),
            None => errors.push(FieldError::new(
                format!("/event_types/{index}"),
                "unknown_event_type",
                "There is no such event type",
            )),
        }
    }
    if errors.is_empty() { Ok(set) } else { Err(errors) }
}

/// A secret to replace another: a generated one unless one was given.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn checked_secret(input: Input<String>) -> Result<SigningSecret, Vec<FieldError>> {
    match input {
        Input::Given(text) => check_secret(&text),
        Input::Missing | Input::Malformed => Ok(SigningSecret::generate()),
    }
}

pub(crate) fn check_secret(text: &str) -> Result<SigningSecret, Vec<FieldError>> {
    SigningSecret::parse(text).map_err(|error| vec![FieldError::new("/secret", error.code(), error.to_string())])
}

#[cfg(test)]
mod tests;
