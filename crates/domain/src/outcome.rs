//! The outcome of one attempt.

use serde::Serialize;
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

/// The outcome of an attempt, and the metric's label.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Display,
    EnumString,
    IntoStaticStr,
    VariantArray,
    Serialize,
)]
#[strum(serialize_all = "snake_case")]
#[serde(into = "&'static str")]
pub enum Outcome {
    /// Status 200–299.
    Success,
    /// A redirect, which is not followed.
    #[strum(serialize = "http_3xx")]
    Http3xx,
    /// Status 400–499.
    #[strum(serialize = "http_4xx")]
    Http4xx,
    /// Status 500–599, or a status that is not a final response (see [`Outcome::from_status`]).
    #[strum(serialize = "http_5xx")]
    Http5xx,
    /// No complete response within the time limit.
    Timeout,
    /// The connection could not be opened, or broke before a response.
    ConnectError,
    /// The host name did not resolve.
    DnsError,
    /// The TLS handshake failed, or the certificate is not valid.
    TlsError,
    /// The address may not be dialled.
    Blocked,
    /// A fault on our side, not the receiver's: no name resolves, the egress proxy is unavailable, no file
    /// descriptor or route is left, the signing secret cannot be decrypted. Never charged to the webhook.
    LocalError,
}

impl Outcome {
    /// The outcome of an HTTP response with this status.
    ///
    /// A status that is not final by RFC 9110 §15 (1xx including 101, below 100, 600 and above) counts as
    /// [`Outcome::Http5xx`]: the receiver is broken, possibly for a short time, so the attempt is worth retrying.
    pub const fn from_status(status: u16) -> Self {
        match status {
            200..=299 => Self::Success,
            300..=399 => Self::Http3xx,
            400..=499 => Self::Http4xx,
            _ => Self::Http5xx,
        }
    }

    /// Whether the receiver accepted the delivery.
    pub const fn is_success(self) -> bool {
        matches!(self, Self::Success)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_those_of_the_api_and_the_metrics() {
        let labels: Vec<&str> = Outcome::VARIANTS.iter().map(<&str>::from).collect();
        let expected =
            "success http_3xx http_4xx http_5xx timeout connect_error dns_error tls_error blocked local_error";
        assert_eq!(labels.join(" "), expected);
    }

    #[test]
    fn statuses() {
        for (range, outcome) in [
            (0..=199, Outcome::Http5xx),
            (200..=299, Outcome::Success),
            (300..=399, Outcome::Http3xx),
            (400..=499, Outcome::Http4xx),
            (500..=u16::MAX, Outcome::Http5xx),
        ] {
            for status in range {
                assert_eq!(Outcome::from_status(status), outcome, "{status}");
            }
        }
    }
}
