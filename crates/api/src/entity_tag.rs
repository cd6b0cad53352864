//! Entity tags (RFC 9110 §8.8.3): a webhook's is its version.

use axum::http::header::IF_MATCH;
use axum::http::{HeaderMap, HeaderValue};

/// The strong tag of a version.
pub(crate) fn entity_tag(version: i64) -> HeaderValue {
    HeaderValue::try_from(quoted(version)).expect("a quoted number is a header value")
}

/// Whether the request names versions that it wants to change, and no other.
pub(crate) fn is_conditional(headers: &HeaderMap) -> bool {
    headers.contains_key(IF_MATCH)
}

/// Whether `If-Match` (RFC 9110 §13.1.1), which is there, permits a change of what now has this version. A proxy that
/// compresses makes our tags weak, and clients send them back so. Weak or not, a version names one state of a webhook,
/// so the two are compared alike, where the standard would refuse a weak one for ever.
pub(crate) fn if_match_permits(headers: &HeaderMap, version: i64) -> bool {
    let tag = quoted(version);
    let strong = |item: &str| item.strip_prefix("W/").unwrap_or(item) == tag;
    let names_it = |list: &str| list.split(',').map(str::trim).any(|item| item == "*" || strong(item));
    headers
        .get_all(IF_MATCH)
        .iter()
        .any(|header| header.to_str().is_ok_and(names_it))
}

fn quoted(version: i64) -> String {
    format!("\"{version}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permits(lines: &[&'static str], version: i64) -> bool {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(IF_MATCH, HeaderValue::from_static(line));
        }
        if_match_permits(&headers, version)
    }

    #[test]
    fn the_tag_is_quoted() {
        assert_eq!(entity_tag(12), "\"12\"");
    }

    #[test]
    fn a_list_permits_what_it_names() {
        assert!(permits(&["*"], 3));
        assert!(permits(&["\"3\""], 3));
        assert!(permits(&["\"1\", \"3\""], 3));
        assert!(permits(&["\"1\"", "\"3\""], 3));
        assert!(permits(&["W/\"1\", W/\"3\""], 3), "as a compressing proxy makes it");
    }

    #[test]
    fn anything_else_forbids() {
        for other in [
            "\"2\"", "3", "W/\"2\"", "w/\"3\"", "W/3", "W/*", "\"33\"", "", "\"3", "\"03\"",
        ] {
            assert!(!permits(&[other], 3), "{other}");
        }
    }
}
