//! What came of one attempt.

use crate::label::labelled_enum;

labelled_enum! {
    "outcome"
    /// The outcome of an attempt; also the metric's label.
    pub enum Outcome {
        /// The receiver answered 200–299.
        Success = "success",
        /// The receiver answered with a redirect, which is not followed.
        Http3xx = "http_3xx",
        /// The receiver answered 400–499.
        Http4xx = "http_4xx",
        /// The receiver answered 500–599, or with a status that is no final answer (see [`Outcome::from_status`]).
        Http5xx = "http_5xx",
        /// No whole answer within the time allowed.
        Timeout = "timeout",
        /// The connection could not be made, or broke before an answer.
        ConnectError = "connect_error",
        /// The host name gave no address.
        DnsError = "dns_error",
        /// The TLS handshake failed, or the certificate is not valid.
        TlsError = "tls_error",
        /// The address may not be dialled.
        Blocked = "blocked",
    }
}

impl Outcome {
    /// The outcome of an HTTP answer with this status.
    ///
    /// What is not a final status of RFC 9110 §15 (1xx including 101, below 100, 600 and above) counts as
    /// [`Outcome::Http5xx`]: the receiver is broken, which may pass, so the attempt is worth repeating.
    pub const fn from_status(status: u16) -> Self {
        match status {
            200..=299 => Self::Success,
            300..=399 => Self::Http3xx,
            400..=499 => Self::Http4xx,
            _ => Self::Http5xx,
        }
    }

    /// Whether the receiver took the delivery.
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
        let expected = "success http_3xx http_4xx http_5xx timeout connect_error dns_error tls_error blocked";
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
