//! The outcome of one attempt.

use crate::label::labelled_enum;

labelled_enum! {
    "outcome"
    /// The outcome of an attempt, and the metric's label.
    pub enum Outcome {
        /// Status 200–299.
        Success = "success",
        /// A redirect, which is not followed.
        Http3xx = "http_3xx",
        /// Status 400–499.
        Http4xx = "http_4xx",
        /// Status 500–599, or a status that is not a final response (see [`Outcome::from_status`]).
        Http5xx = "http_5xx",
        /// No complete response within the time limit.
        Timeout = "timeout",
        /// The connection could not be opened, or broke before a response.
        ConnectError = "connect_error",
        /// The host name did not resolve.
        DnsError = "dns_error",
        /// The TLS handshake failed, or the certificate is not valid.
        TlsError = "tls_error",
        /// The address may not be dialled.
        Blocked = "blocked",
        /// A fault on our side, not the receiver's: no name resolves, the egress proxy is unavailable, no file
        /// descriptor or route is left, the signing secret cannot be decrypted. Never charged to the webhook.
        LocalError = "local_error",
    }
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
        let labels: Vec<_> = Outcome::ALL.iter().map(|outcome| outcome.as_str()).collect();
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
