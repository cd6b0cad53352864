//! Durations in settings: whole numbers with a unit, such as `15s`, `250ms`, `1m`, `2h` or `1h30m`.

use std::time::Duration;

const EXAMPLES: &str = "a time with its unit, such as 250ms, 15s, 1m or 2h";

/// Units from long to short, in milliseconds. A duration names each at most once, in this order.
const UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Reads a duration; a number without a unit is refused, because its unit would be ambiguous (seconds or milliseconds).
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    milliseconds(text)
        .map(Duration::from_millis)
        .ok_or_else(|| format!("must be {EXAMPLES}, not {text:?}"))
}

/// A parser of durations within these bounds.
pub(crate) fn between(shortest: &'static str, longest: &'static str) -> impl Fn(&str) -> Result<Duration, String> {
    let bound = |text| parse(text).expect("the bounds are valid times");
    let minimum = bound(shortest);
    let maximum = bound(longest);
    move |text| match parse(text)? {
        duration if duration < minimum || duration > maximum => {
            Err(format!("must be between {shortest} and {longest}, not {text:?}"))
        }
        duration => Ok(duration),
    }
}

/// Formats a duration as [`parse`] reads it. Parts of a millisecond are dropped.
pub(crate) fn text(duration: Duration) -> String {
    let mut left = duration.as_millis();
    let mut text = String::new();
    for (name, length) in UNITS {
        let count = left / u128::from(length);
        left %= u128::from(length);
        if count > 0 {
            text.push_str(&format!("{count}{name}"));
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

fn milliseconds(text: &str) -> Option<u64> {
    let mut units = UNITS.iter();
    let mut rest = text;
    let mut total = 0u64;
    while !rest.is_empty() {
        let (number, behind) = rest.split_at(rest.find(|character: char| !character.is_ascii_digit())?);
        let (name, next) = behind.split_at(
            behind
                .find(|character: char| character.is_ascii_digit())
                .unwrap_or(behind.len()),
        );
        let (_, length) = units.find(|(unit, _)| *unit == name)?;
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(*length)?)?;
        rest = next;
    }
    (!text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_their_units() {
        let expected = [
            ("250ms", 250),
            ("15s", 15_000),
            ("1m", 60_000),
            ("2h", 7_200_000),
            ("1h30m", 5_400_000),
            ("1m30s500ms", 90_500),
            ("0s", 0),
            ("007s", 7_000),
        ];
        for (text, milliseconds) in expected {
            assert_eq!(parse(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let refused = [
            "",
            "15",
            "s",
            "15 s",
            " 15s",
            "1.5s",
            "-1s",
            "+1s",
            "1d",
            "1M",
            "1s1m",
            "1s1s",
            "15s15",
            "1h 30m",
            "١s",
            "99999999999999999999s",
            "9999999999999999999h",
            "1μs",
        ];
        for text in refused {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with("must be a time with its unit"), "{text}: {error}");
        }
    }

    #[test]
    fn bounds_are_part_of_the_range() {
        let parse = between("1s", "1m");
        assert!(parse("1s").is_ok() && parse("1m").is_ok());
        assert_eq!(
            parse("999ms"),
            Err("must be between 1s and 1m, not \"999ms\"".to_owned())
        );
        assert!(parse("60001ms").is_err());
    }

    #[test]
    fn written_times_are_read_back() {
        for written in ["250ms", "15s", "1h30m", "1m30s500ms", "0s", "25h"] {
            assert_eq!(text(parse(written).unwrap()), written);
        }
    }
}
