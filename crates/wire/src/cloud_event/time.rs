//! The `time` of an event, normalised to RFC 3339.

use std::borrow::Cow;

use jiff::Timestamp;

/// The same instant in RFC 3339: unchanged where it is that already, otherwise in UTC. Producers also send a space or
/// no colon in the offset, a decimal comma, or a zone's name behind the offset (RFC 9557). `None` if the text is not an
/// instant: without an offset it may mean any of two dozen.
pub(super) fn rfc3339(text: Cow<'_, str>) -> Option<Cow<'_, str>> {
    let instant: Timestamp = text.parse().ok()?;
    if is_rfc3339(&text) {
        return Some(text);
    }
    let text = instant.to_string();
    // The years before 0 are not RFC 3339 in any spelling.
    is_rfc3339(&text).then_some(Cow::Owned(text))
}

/// Whether a valid time follows RFC 3339, section 5.6. Lower-case `t` and `z` are allowed there.
fn is_rfc3339(text: &str) -> bool {
    let Some((date_and_time, rest)) = text.split_at_checked("2026-11-23T06:00:00".len()) else {
        return false;
    };
    let rest = rest.strip_prefix('.').map_or(rest, |fraction| {
        fraction.trim_start_matches(|c: char| c.is_ascii_digit())
    });
    has_shape(date_and_time, "dddd-dd-ddTdd:dd:dd") && (has_shape(rest, "Z") || has_shape(rest, "+dd:dd"))
}

/// `d` in the shape is a digit, `+` either sign; letters of either case.
fn has_shape(text: &str, shape: &str) -> bool {
    let fits = |(byte, expected): (u8, u8)| match expected {
        b'd' => byte.is_ascii_digit(),
        b'+' => matches!(byte, b'+' | b'-'),
        _ => byte.eq_ignore_ascii_case(&expected),
    };
    text.len() == shape.len() && text.bytes().zip(shape.bytes()).all(fits)
}
