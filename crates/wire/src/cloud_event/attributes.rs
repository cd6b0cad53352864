//! An event's envelope, and the checks that both formats share.

use std::borrow::Cow;

use domain::AccountName;

use super::rejection::Rejection;
use super::time::rfc3339;

/// Longest event id, in characters.
const MAX_ID_CHARS: usize = 255;
/// Longest `source`, `type` and `subject`, in bytes.
const MAX_ATTRIBUTE_BYTES: usize = 2048;

/// The validated envelope of an event, and its `data` untouched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrmEvent<'a> {
    /// CloudEvents `id`: 1–255 visible characters.
    pub id: Cow<'a, str>,
    /// CloudEvents `source`; with `id` the event's identity.
    pub source: Cow<'a, str>,
    /// CloudEvents `type`, not yet looked up in the catalogue.
    pub event_type: Cow<'a, str>,
    /// When it happened, in RFC 3339, as the CRM wrote it where possible; `None` without a `time`.
    pub time: Option<Cow<'a, str>>,
    /// What it is about.
    pub subject: Option<Cow<'a, str>>,
    /// The tenant; `default` when the event names none.
    pub account: AccountName,
    /// W3C trace context given as an extension attribute, unchecked.
    pub traceparent: Option<Cow<'a, str>>,
    /// Who caused it: the extension `actor`, which the conditions of webhooks may compare.
    pub actor: Option<Cow<'a, str>>,
    /// JSON text, byte for byte; `null` when the event has none.
    pub data: Cow<'a, str>,
}

/// The attributes of either format before validation.
pub(super) struct Attributes<'a> {
    pub(super) spec_version: Option<Cow<'a, str>>,
    pub(super) id: Option<Cow<'a, str>>,
    pub(super) source: Option<Cow<'a, str>>,
    pub(super) event_type: Option<Cow<'a, str>>,
    pub(super) time: Option<Cow<'a, str>>,
    pub(super) subject: Option<Cow<'a, str>>,
    pub(super) account: Option<Cow<'a, str>>,
    pub(super) traceparent: Option<Cow<'a, str>>,
    pub(super) actor: Option<Cow<'a, str>>,
}

impl<'a> Attributes<'a> {
    /// The event with this `data`, if they are as they must be.
    pub(super) fn check(self, data: Cow<'a, str>) -> Result<CrmEvent<'a>, Rejection> {
        let spec_version = required("specversion", self.spec_version)?;
        if spec_version != "1.0" {
            return Err(Rejection::attribute("specversion", "must be `1.0`"));
        }
        let id = required("id", self.id)?;
        if !(1..=MAX_ID_CHARS).contains(&id.chars().count()) || !id.chars().all(is_visible) {
            return Err(Rejection::attribute("id", "must be 1 to 255 visible characters"));
        }
        let no_instant = || Rejection::attribute("time", "must be an RFC 3339 date and time with an offset");
        let time = self.time.map(|time| rfc3339(time).ok_or_else(no_instant)).transpose()?;
        let account = match self.account {
            None => AccountName::default_account(),
            Some(name) => name
                .parse()
                .map_err(|_| Rejection::attribute("account", "must be 1 to 128 visible ASCII characters"))?,
        };
        Ok(CrmEvent {
            id,
            source: short_text("source", required("source", self.source)?)?,
            event_type: short_text("type", required("type", self.event_type)?)?,
            time,
            subject: self.subject.map(|subject| short_text("subject", subject)).transpose()?,
            account,
            traceparent: self.traceparent,
            actor: self.actor,
            data,
        })
    }
}

fn required<'a>(name: &str, value: Option<Cow<'a, str>>) -> Result<Cow<'a, str>, Rejection> {
    value.ok_or_else(|| Rejection::attribute(name, "is missing"))
}

fn short_text<'a>(name: &str, value: Cow<'a, str>) -> Result<Cow<'a, str>, Rejection> {
    if value.is_empty() || value.len() > MAX_ATTRIBUTE_BYTES || value.chars().any(char::is_control) {
        return Err(Rejection::attribute(
            name,
            "must be 1 to 2048 bytes without control characters",
        ));
    }
    Ok(value)
}

/// Neither a control character, nor white space, nor one that only changes how others are shown.
fn is_visible(character: char) -> bool {
    let invisible = matches!(character,
        '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    !character.is_control() && !character.is_whitespace() && !invisible
}
