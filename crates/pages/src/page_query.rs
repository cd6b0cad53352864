//! Query parameters of a page. Unlike the API's, unknown ones are ignored: links are passed on, and gather things.

use std::borrow::Cow;

use domain::EventType;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use url::form_urlencoded;
use web::Cursor;

use crate::error::PageError;

/// The parameters of a request.
pub(crate) struct PageQuery<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> PageQuery<'a> {
    pub(crate) fn parse(text: Option<&'a str>) -> Self {
        Self(form_urlencoded::parse(text.unwrap_or_default().as_bytes()).collect())
    }

    /// A parameter's first value; an empty one counts as not sent.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let value = self
            .0
            .iter()
            .find(|(given, _)| given == name)
            .map(|(_, value)| &**value);
        value.filter(|value| !value.is_empty())
    }

    /// A parameter as `read` understands it.
    ///
    /// # Errors
    /// When it does not: a filter that is silently ignored would show people what they did not ask for.
    pub(crate) fn read<T>(&self, name: &str, read: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>, PageError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        read(text).map(Some).ok_or(PageError::InvalidParameter)
    }

    /// The place in the list with this name that a cursor names.
    pub(crate) fn cursor(&self, name: &str, list: &str) -> Result<Option<Cursor>, PageError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        Cursor::decode(list, text).map(Some).ok_or(PageError::Malformed)
    }

    /// A type of event.
    pub(crate) fn event_type(&self) -> Result<Option<EventType>, PageError> {
        self.read("event_type", EventType::parse)
    }

    /// The beginning of a range of time.
    pub(crate) fn since(&self) -> Result<Option<Timestamp>, PageError> {
        self.read("since", |text| time(text, 0))
    }

    /// The end of a range of time; a day is meant whole.
    pub(crate) fn until(&self) -> Result<Option<Timestamp>, PageError> {
        self.read("until", |text| time(text, 1))
    }
}

/// A time with its zone, or one in UTC as browsers' date fields send it: `2026-11-23T06:00` or `2026-11-23`, which is
/// its beginning, `days_later`.
pub(crate) fn time(text: &str, days_later: i64) -> Option<Timestamp> {
    if !text.as_bytes().first()?.is_ascii_digit() {
        return None;
    }
    let utc = |time: DateTime| time.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    let in_days = |text: &str| {
        let day = (text.len() == 10).then(|| text.parse::<Date>().ok())??;
        utc(day
            .checked_add(days_later.days())
            .ok()?
            .to_datetime(jiff::civil::Time::midnight()))
    };
    in_days(text)
        .or_else(|| text.parse().ok())
        .or_else(|| utc(text.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        assert_eq!(time("2026-11-23", 0), Some(at("2026-11-23T00:00:00Z")));
        assert_eq!(time("2026-11-23", 1), Some(at("2026-11-24T00:00:00Z")));
        assert_eq!(time("2026-11-23T06:30", 1), Some(at("2026-11-23T06:30:00Z")));
        assert_eq!(time("2026-11-23T06:30:00+01:00", 1), Some(at("2026-11-23T05:30:00Z")));
        for text in [
            "",
            "yesterday",
            "2026-13-01",
            "2026-11",
            "-000001-01-01",
            "9999-12-31x",
            "é",
        ] {
            assert_eq!(time(text, 0), None, "{text}");
        }
        assert_eq!(time("9999-12-31", 1), None);
    }

    #[test]
    fn parameters() {
        let query = PageQuery::parse(Some("a=1&a=2&b=&event_type=deal.won&x"));
        assert_eq!(
            (query.get("a"), query.get("b"), query.get("c")),
            (Some("1"), None, None)
        );
        assert_eq!(query.event_type().unwrap(), EventType::parse("deal.won"));
        assert!(PageQuery::parse(Some("event_type=nothing")).event_type().is_err());
    }
}
