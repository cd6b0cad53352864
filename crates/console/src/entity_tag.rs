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

/// Whether `If-Match` (RFC 9110 §13.1.1), which is there, permits a change of what now has this version. Tags are compared strongly, so
/// a weak one matches nothing.
pub(crate) fn if_match_permits(headers: &HeaderMap, version: i64) -> bool {
    let tag = quoted(version);
    let names_it = |list: &str| list.split(',').map(str::trim).any(|item| item == "*" || item == tag);
    headers.get_all(IF_MATCH).iter().any(|header| header.to_str().is_ok_and(names_it))
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
    }

    #[test]
    fn anything_else_forbids() {
        for other in ["\"2\"", "3", "W/\"3\"", "\"33\"", "", "\"3", "\"03\""] {
            assert!(!permits(&[other], 3), "{other}");
        }
    }
}
