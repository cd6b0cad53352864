//! How long a receiver keeps an idle connection open: the header `Keep-Alive: timeout=5, max=100` (RFC 2068 §19.7.1.1),
//! which no current standard defines and most servers send.

use std::time::Duration;

use http::{HeaderMap, HeaderName};

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");

/// A connection is closed this long before the receiver closes it, so that no request is on its way then.
const MARGIN: Duration = Duration::from_secs(1);

/// The timeout that the receiver announced, if any; the shortest of several.
pub(crate) fn announced(headers: &HeaderMap) -> Option<Duration> {
    let texts = headers
        .get_all(KEEP_ALIVE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(',')).filter_map(timeout).min()
}

/// How long a connection may be reused that its receiver keeps for `announced`.
pub(crate) fn safe_within(announced: Duration) -> Duration {
    announced.saturating_sub(MARGIN).max(announced / 2)
}

fn timeout(parameter: &str) -> Option<Duration> {
    let (name, value) = parameter.split_once('=')?;
    let seconds = value.trim().trim_matches('"').parse::<u32>().ok()?;
    name.trim()
        .eq_ignore_ascii_case("timeout")
        .then(|| Duration::from_secs(seconds.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[&str], expected: Option<u64>) {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(KEEP_ALIVE, value.parse().unwrap());
        }
        assert_eq!(announced(&headers), expected.map(Duration::from_secs), "{values:?}");
    }

    #[test]
    fn the_announced_timeout_is_read() {
        check(&["timeout=5"], Some(5));
        check(&["timeout=5, max=1000"], Some(5));
        check(&["max=100,Timeout = \"2\""], Some(2));
        check(&["timeout=9", "timeout=3"], Some(3));
        check(&["max=100"], None);
        check(&["timeout=soon", "5", "timeout=-1", "timeout=99999999999"], None);
        check(&[], None);
    }

    #[test]
    fn a_connection_is_given_up_before_the_receiver_closes_it() {
        for (announced, expected) in [(60_000, 59_000), (5_000, 4_000), (2_000, 1_000), (1_000, 500), (0, 0)] {
            assert_eq!(
                safe_within(Duration::from_millis(announced)),
                Duration::from_millis(expected)
            );
        }
    }
}
