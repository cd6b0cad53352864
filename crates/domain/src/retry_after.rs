//! The `Retry-After` header: requested by the receiver, hence hostile input.

use std::time::Duration;

use jiff::civil::{DateTime, datetime};
use jiff::fmt::strtime;

/// The three forms of HTTP-date (RFC 9110 §5.6.7), all in GMT: IMF-fixdate, and the obsolete ones of RFC 850 and
/// `asctime`, which a recipient must accept. The two-digit year of RFC 850 is read as 1969–2068.
const HTTP_DATES: [&str; 3] = [
    "%a, %d %b %Y %H:%M:%S GMT",
    "%A, %d-%b-%y %H:%M:%S GMT",
    "%a %b %e %H:%M:%S %Y",
];

/// The longest HTTP-date is `Wednesday, 06-Nov-94 08:49:37 GMT`; anything much longer is not worth parsing.
const HTTP_DATE_MAX: usize = 40;

/// Second 0 of Unix time, in UTC.
const UNIX_EPOCH: DateTime = datetime(1970, 1, 1, 0, 0, 0, 0);

/// The wait that a `Retry-After` value requests from `now_unix` (Unix seconds): a number of seconds or an HTTP-date
/// (RFC 9110 §10.2.3).
///
/// A date in the past requests no wait. A number of any length is accepted; one beyond `u64` saturates. Everything
/// else, signs and fractions included, is `None`.
pub fn parse_retry_after(value: &str, now_unix: i64) -> Option<Duration> {
    let value = value.trim_matches([' ', '\t']);
    let seconds = if is_delta_seconds(value) {
        value.parse().unwrap_or(u64::MAX)
    } else {
        let date = parse_http_date(value)?;
        u64::try_from(date.saturating_sub(now_unix)).unwrap_or(0)
    };
    Some(Duration::from_secs(seconds))
}

fn is_delta_seconds(value: &str) -> bool {
    !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit())
}

/// An HTTP-date in Unix seconds.
fn parse_http_date(value: &str) -> Option<i64> {
    if value.len() > HTTP_DATE_MAX {
        return None;
    }
    let parse = |format| strtime::parse(format, value)?.to_datetime();
    let date = HTTP_DATES.iter().find_map(|format| parse(format).ok())?;
    // By the calendar, not by `jiff::Timestamp`, which ends a day before the year 9999 does.
    Some(date.duration_since(UNIX_EPOCH).as_secs())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110.
    const EXAMPLE_DATE: i64 = 784_111_777;

    #[track_caller]
    fn check(value: &str, now_unix: i64, seconds: Option<u64>) {
        assert_eq!(
            parse_retry_after(value, now_unix),
            seconds.map(Duration::from_secs),
            "{value:?} at {now_unix}"
        );
    }

    #[test]
    fn seconds() {
        for (value, seconds) in [
            ("0", 0),
            ("120", 120),
            (" 120\t", 120),
            ("007", 7),
            ("18446744073709551615", u64::MAX),
        ] {
            check(value, 0, Some(seconds));
        }
    }

    #[test]
    fn a_number_of_any_length_saturates() {
        check("18446744073709551616", 0, Some(u64::MAX));
        check(&"9".repeat(100_000), 0, Some(u64::MAX));
    }

    #[test]
    fn the_three_forms_of_a_date() {
        for value in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            check(value, EXAMPLE_DATE - 90, Some(90));
            check(value, EXAMPLE_DATE, Some(0));
            check(value, EXAMPLE_DATE + 90, Some(0));
            check(value, i64::MAX, Some(0));
        }
    }

    #[test]
    fn the_end_of_time() {
        check(
            "Fri, 31 Dec 9999 23:59:59 GMT",
            EXAMPLE_DATE,
            Some(253_402_300_799 - EXAMPLE_DATE as u64),
        );
    }

    #[test]
    fn everything_else_is_ignored() {
        let long_date = format!("Sun, 06 Nov 1994 08:49:37 GMT{}", "0".repeat(100_000));
        for value in [
            "",
            " ",
            "-1",
            "+1",
            "1.5",
            "1e3",
            "0x10",
            "1 2",
            "٣",
            "soon",
            "120s",
            "1994-11-06T08:49:37Z",
            "Mon, 06 Nov 1994 08:49:37 GMT",
            "Sun, 32 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 25:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 PST",
            "Sun, 06 Nov 1994 08:49:37 +0100",
            &long_date,
        ] {
            check(value, 0, None);
        }
    }

    proptest! {
        #[test]
        fn no_value_panics(value in "\\PC*", now_unix: i64) {
            parse_retry_after(&value, now_unix);
        }

        #[test]
        fn nothing_that_looks_like_a_date_panics(value in "(Sun|Monday),? ?[0-9 -]{2,4}(Nov|Feb)[0-9 -]{3,6}[0-9:]{8} (GMT|[0-9]{4})", now_unix: i64) {
            parse_retry_after(&value, now_unix);
        }
    }
}
