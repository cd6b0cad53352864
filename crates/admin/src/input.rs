//! A field as it came, and the checks that several forms share.

use domain::{AddressPolicy, EndpointUrl, EventType, EventTypeSet, SigningSecret};

use crate::field_error::FieldError;

/// The longest name, in characters after trimming.
pub const MAX_NAME_CHARACTERS: usize = 100;

/// A field as it came.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Input<T> {
    /// It was not sent.
    #[default]
    Missing,
    /// It was sent, but not as a value of its kind; that is among the form's errors already.
    Malformed,
    /// It was sent.
    Given(T),
}

impl<T: Default> Input<T> {
    /// The value that was given, or the default.
    pub fn unwrap_or_default(self) -> T {
        match self {
            Self::Given(value) => value,
            Self::Missing | Self::Malformed => T::default(),
        }
    }

    /// For a field that must be filled in: its check then says so.
    pub(crate) fn or_empty(self) -> Self {
        if matches!(self, Self::Missing) {
            Self::Given(T::default())
        } else {
            self
        }
    }
}

/// Checks a field that was given, and adds what is wrong with it to `errors`.
pub(crate) fn check<T, U>(
    input: Input<T>,
    checked: impl FnOnce(T) -> Result<U, Vec<FieldError>>,
    errors: &mut Vec<FieldError>,
) -> Option<U> {
    let Input::Given(value) = input else { return None };
    checked(value).map_err(|found| errors.extend(found)).ok()
}

/// The name in a form.
pub(crate) fn check_name(text: String) -> Result<String, Vec<FieldError>> {
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

/// The endpoint URL of a form.
pub(crate) fn check_url(text: &str, policy: &AddressPolicy) -> Result<EndpointUrl, Vec<FieldError>> {
    EndpointUrl::parse(text, policy).map_err(|error| vec![FieldError::new("/url", error.code(), error.to_string())])
}

/// The event types of a form, by their names.
///
/// # Errors
/// Each unknown name, or that there is none.
pub fn check_event_types(names: Vec<String>) -> Result<EventTypeSet, Vec<FieldError>> {
    if names.is_empty() {
        return Err(vec![FieldError::new(
            "/event_types",
            "required",
            "Select at least one event",
        )]);
    }
    let mut set = EventTypeSet::EMPTY;
    let mut errors = Vec::new();
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

/// The event types that a webhook subscribes to: names, or `*` alone for all, also later ones.
///
/// # Errors
/// As [`check_event_types`], and a name beside `*`.
pub(crate) fn check_subscriptions(names: Vec<String>) -> Result<EventTypeSet, Vec<FieldError>> {
    let is_every = |name: &String| name == EventTypeSet::EVERY_NAME;
    if !names.iter().any(is_every) {
        return check_event_types(names);
    }
    let beside = names.iter().enumerate().filter(|(_, name)| !is_every(name));
    let errors: Vec<_> = beside
        .map(|(index, _)| {
            let detail = "`*` stands for all events, and so stands alone";
            FieldError::new(format!("/event_types/{index}"), "not_alone", detail)
        })
        .collect();
    if errors.is_empty() {
        Ok(EventTypeSet::EVERY)
    } else {
        Err(errors)
    }
}

/// The signing secret of a form.
pub(crate) fn check_secret(text: &str) -> Result<SigningSecret, Vec<FieldError>> {
    SigningSecret::parse(text).map_err(|error| vec![FieldError::new("/secret", error.code(), error.to_string())])
}

/// A webhook's new secret: the one given, or a generated one when the field was left out; `None` for one that is no
/// secret.
pub(crate) fn new_secret(input: Input<String>, errors: &mut Vec<FieldError>) -> Option<SigningSecret> {
    match input {
        Input::Missing => Some(SigningSecret::generate()),
        given => check(given, |text| check_secret(&text), errors),
    }
}
