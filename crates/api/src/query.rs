//! Query parameters, read as strictly as bodies: unknown or repeated ones are errors, because a filter that is
//! misspelt and silently ignored shows people what they did not ask for.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use admin::FieldError;
use jiff::Timestamp;
use url::form_urlencoded;

use crate::problem::Problem;

/// Entries of a page unless the client asks otherwise.
const DEFAULT_LIMIT: i64 = 25;
/// Entries of a page at most; a larger number means this one.
const MAX_LIMIT: i64 = 100;

/// The parameters of a request, taken one by one.
#[derive(Debug)]
pub(crate) struct Query<'a> {
    values: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
    errors: Vec<FieldError>,
}

/// A range of time; `None` does not limit it.
#[derive(Debug)]
pub(crate) struct TimeRange {
    /// The first instant that belongs to it.
    pub(crate) since: Option<Timestamp>,
    /// The first instant after it.
    pub(crate) until: Option<Timestamp>,
}

impl<'a> Query<'a> {
    pub(crate) fn parse(text: Option<&'a str>) -> Self {
        let mut query = Self {
            values: BTreeMap::new(),
            errors: Vec::new(),
        };
        for (name, value) in form_urlencoded::parse(text.unwrap_or_default().as_bytes()) {
            match query.values.entry(name) {
                Entry::Vacant(entry) => drop(entry.insert(value)),
                Entry::Occupied(entry) => {
                    let name = entry.key().clone();
                    query.refuse(&name, "duplicate_parameter", "The parameter is given more than once");
                }
            }
        }
        query
    }

    /// Takes a parameter as `read` understands it; what it does not is an error with `detail`. An empty one counts as
    /// not sent, as browsers send fields that are not filled in.
    pub(crate) fn take<T>(
        &mut self,
        name: &str,
        detail: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let value = self.values.remove(name).filter(|value| !value.is_empty())?;
        let read = read(&value);
        if read.is_none() {
            self.refuse(name, "invalid_value", detail);
        }
        read
    }

    /// Takes `limit`, the number of entries of a page.
    pub(crate) fn limit(&mut self) -> i64 {
        self.take(
            "limit",
            "Must be a number from 1 on; more than 100 count as 100",
            read_limit,
        )
        .unwrap_or(DEFAULT_LIMIT)
    }

    /// Takes `cursor`, still to be decoded.
    pub(crate) fn cursor(&mut self) -> Option<String> {
        self.take("cursor", "", |text| Some(text.to_owned()))
    }

    /// Takes a point in time.
    fn time(&mut self, name: &str) -> Option<Timestamp> {
        let detail = "Must be a time such as 2026-11-23T06:00:00Z (RFC 3339; in an offset, write + as %2B)";
        self.take(name, detail, read_time)
    }

    /// Takes the two ends of a range of time, `since` and `until`.
    pub(crate) fn time_range(&mut self) -> TimeRange {
        let since = self.time("since");
        let until = self.time("until");
        if since.is_some_and(|since| until.is_some_and(|until| since > until)) {
            self.refuse("since", "since_after_until", "`since` must not be later than `until`");
        }
        TimeRange { since, until }
    }

    pub(crate) fn refuse(&mut self, name: &str, code: &'static str, detail: &'static str) {
        let name: String = name.chars().take(64).collect();
        self.errors.push(FieldError::new(format!("/{name}"), code, detail));
    }

    /// # Errors
    /// 422 with everything that was wrong; parameters that nobody took are unknown.
    pub(crate) fn finish(mut self) -> Result<(), Problem> {
        for name in std::mem::take(&mut self.values).into_keys() {
            self.refuse(&name, "unknown_parameter", "The operation has no such parameter");
        }
        if self.errors.is_empty() {
            Ok(())
        } else {
            Err(Problem::validation_failed(self.errors))
        }
    }
}

fn read_limit(text: &str) -> Option<i64> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    // A number too long for the type is a large one, too.
    let limit = is_number.then(|| text.parse::<i64>().unwrap_or(i64::MAX))?;
    (limit > 0).then_some(limit.min(MAX_LIMIT))
}

/// RFC 3339 knows the years 0 to 9999; the database would refuse far earlier ones.
pub(crate) fn read_time(text: &str) -> Option<Timestamp> {
    text.parse::<Timestamp>()
        .ok()
        .filter(|_| text.as_bytes()[0].is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(query: Query<'_>) -> Vec<(String, &'static str)> {
        query
            .errors
            .iter()
            .map(|error| (error.pointer.clone(), error.code))
            .collect()
    }

    fn limit(text: &str) -> Option<i64> {
        let text = format!("limit={text}");
        let mut query = Query::parse(Some(&text));
        let limit = query.limit();
        query.finish().is_ok().then_some(limit)
    }

    #[test]
    fn limits() {
        let large = [
            ("100", 100),
            ("101", 100),
            ("1000000000", 100),
            ("99999999999999999999999", 100),
        ];
        for (text, expected) in [("1", 1), ("", 25), ("025", 25)].into_iter().chain(large) {
            assert_eq!(limit(text), Some(expected), "{text}");
        }
        for text in ["0", "-1", "+1", "1.5", "1e9", "ten", "%00", "٣"] {
            assert_eq!(limit(text), None, "{text}");
        }
    }

    #[test]
    fn times() {
        let mut query = Query::parse(Some("a=2026-11-23T06:00:00Z&b=2026-11-23T07:00:00%2B01:00"));
        assert_eq!(query.time("a"), query.time("b"));
        assert_eq!(refused(query), []);
        for text in [
            "2026-11-23T07:00:00+01:00",
            "2026-11-23",
            "2026-13-01T00:00:00Z",
            "-009000-01-01T00:00:00Z",
            "0",
            "now",
        ] {
            let text = format!("t={text}");
            let mut query = Query::parse(Some(&text));
            assert_eq!((query.time("t"), query.errors.len()), (None, 1), "{text}");
        }
    }

    #[test]
    fn unknown_and_repeated_parameters_are_errors() {
        let mut query = Query::parse(Some("limit=5&limit=6&sort=name&"));
        assert_eq!(query.limit(), 5);
        assert_eq!(refused(query), [("/limit".to_owned(), "duplicate_parameter")]);
        assert!(Query::parse(Some("sort=name")).finish().is_err());
        assert!(Query::parse(None).finish().is_ok());
    }
}
