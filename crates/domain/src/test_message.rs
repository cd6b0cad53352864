//! The sentence that reports the result of a test delivery to an administrator.

use crate::outcome::Outcome;

/// Detail of [`Outcome::ConnectError`]: the port is closed.
pub const CONNECTION_REFUSED: &str = "connection refused";

/// Detail of [`Outcome::TlsError`]: the receiver's certificate does not verify.
pub const CERTIFICATE_NOT_VALID: &str = "certificate not valid";

/// Detail of [`Outcome::DnsError`]: a service's name inside a cluster, cut short as only a search list can complete it.
pub const CLUSTER_NAME_NOT_FOUND: &str = "name not found (use the full name, ending in .svc.cluster.local)";

/// The sentence for an attempt's outcome, HTTP status and detail: `HTTP 200 OK = Success`, `HTTP 404 Not Found =
/// Failed: 404`, `No HTTP response = Failed: timeout`.
///
/// The text after a status is the registered reason phrase, not the receiver's. Of `detail`, only this module's
/// constants are shown: any other failure of a connection is `connection failed`.
pub fn test_message(outcome: Outcome, http_status: Option<u16>, detail: Option<&str>) -> String {
    if let Some(words) = words_without_answer(outcome, detail) {
        return format!("No HTTP response = Failed: {words}");
    }
    match http_status {
        Some(status) if outcome.is_success() => format!("{} = Success", status_line(status)),
        Some(status) => format!("{} = Failed: {status}", status_line(status)),
        None if outcome.is_success() => "Success".to_owned(),
        None => "No HTTP response = Failed: connection failed".to_owned(),
    }
}

/// The reason for a missing response; `None` if there was one.
fn words_without_answer(outcome: Outcome, detail: Option<&str>) -> Option<&'static str> {
    match outcome {
        Outcome::Success | Outcome::Http3xx | Outcome::Http4xx | Outcome::Http5xx => None,
        Outcome::Timeout => Some("timeout"),
        Outcome::DnsError if detail == Some(CLUSTER_NAME_NOT_FOUND) => Some(CLUSTER_NAME_NOT_FOUND),
        Outcome::DnsError => Some("name not found"),
        Outcome::Blocked => Some("address not allowed"),
        Outcome::ConnectError if detail == Some(CONNECTION_REFUSED) => Some(CONNECTION_REFUSED),
        Outcome::TlsError if detail == Some(CERTIFICATE_NOT_VALID) => Some(CERTIFICATE_NOT_VALID),
        Outcome::ConnectError | Outcome::TlsError => Some("connection failed"),
        Outcome::LocalError => Some("local error of the service, not of the endpoint"),
    }
}

/// `HTTP 404 Not Found`; without a phrase for an unregistered status.
fn status_line(status: u16) -> String {
    let words = http::StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason());
    match words {
        Some(words) => format!("HTTP {status} {words}"),
        None => format!("HTTP {status}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(outcome: Outcome, http_status: Option<u16>, detail: Option<&str>, expected: &str) {
        assert_eq!(test_message(outcome, http_status, detail), expected);
    }

    #[test]
    fn answers() {
        check(Outcome::Success, Some(200), None, "HTTP 200 OK = Success");
        check(Outcome::Success, Some(204), None, "HTTP 204 No Content = Success");
        check(Outcome::Success, Some(299), None, "HTTP 299 = Success");
        check(Outcome::Http3xx, Some(302), None, "HTTP 302 Found = Failed: 302");
        check(Outcome::Http4xx, Some(404), None, "HTTP 404 Not Found = Failed: 404");
        check(
            Outcome::Http5xx,
            Some(503),
            None,
            "HTTP 503 Service Unavailable = Failed: 503",
        );
        check(
            Outcome::Http5xx,
            Some(101),
            None,
            "HTTP 101 Switching Protocols = Failed: 101",
        );
        check(Outcome::Http5xx, Some(999), None, "HTTP 999 = Failed: 999");
    }

    #[test]
    fn no_answer() {
        let refused = Some("connection refused");
        let certificate = Some("certificate not valid");
        check(Outcome::Timeout, None, None, "No HTTP response = Failed: timeout");
        check(
            Outcome::Timeout,
            None,
            Some("timeout while connecting"),
            "No HTTP response = Failed: timeout",
        );
        check(
            Outcome::DnsError,
            None,
            None,
            "No HTTP response = Failed: name not found",
        );
        check(
            Outcome::ConnectError,
            None,
            refused,
            "No HTTP response = Failed: connection refused",
        );
        check(
            Outcome::ConnectError,
            None,
            None,
            "No HTTP response = Failed: connection failed",
        );
        check(
            Outcome::TlsError,
            None,
            certificate,
            "No HTTP response = Failed: certificate not valid",
        );
        check(
            Outcome::TlsError,
            None,
            None,
            "No HTTP response = Failed: connection failed",
        );
        check(
            Outcome::Blocked,
            None,
            None,
            "No HTTP response = Failed: address not allowed",
        );
    }

    #[test]
    fn a_detail_is_never_repeated() {
        check(
            Outcome::ConnectError,
            None,
            Some("10.0.0.5 hung up"),
            "No HTTP response = Failed: connection failed",
        );
        check(
            Outcome::Blocked,
            None,
            Some("10.0.0.5"),
            "No HTTP response = Failed: address not allowed",
        );
    }
}
