//! Checks a request that a receiver got: whether it was signed with the webhook's secret, and where a receiver's own code
//! went wrong. Pure.
//!
//! Nothing here returns a key, or a signature that was not given. Signatures are compared in constant time.

mod difference;
mod duration;
mod finding;
mod forms;
mod headers;
mod known_secret;

use jiff::Timestamp;
use serde::Serialize;

use crate::signature::verify;
use difference::difference;
use duration::duration;
pub use finding::{Finding, FindingCode};
use forms::Analysis;
pub use headers::SignatureHeaders;
pub use known_secret::KnownSecret;

/// Age from which on libraries for Standard Webhooks refuse a request, in seconds.
const TOLERANCE_SECONDS: i64 = 5 * 60;

/// A request as somebody pasted it.
#[derive(Debug, Default, Clone)]
pub struct PastedRequest {
    /// Its headers, in any order and case.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
    /// The signature that the receiver's own code computed.
    pub computed: Option<String>,
}

/// What the log has under the request's `webhook-id`.
#[derive(Debug, Clone, Copy)]
pub enum LoggedDelivery<'a> {
    /// Nothing in this account.
    Unknown,
    /// A delivery of another webhook of the account, with this name.
    OfOtherWebhook(&'a str),
    /// A delivery of this webhook, with this payload.
    Payload(&'a [u8]),
}

/// The result of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckedRequest {
    /// Whether the request was signed with a secret of the webhook that signed at its timestamp.
    pub genuine: bool,
    /// Everything that was found; at least one finding.
    pub findings: Vec<Finding>,
}

/// Checks a request by the webhook's secrets, the current one first, and by the log.
pub fn check_request(
    request: &PastedRequest,
    headers: SignatureHeaders<'_>,
    secrets: &[KnownSecret],
    logged: LoggedDelivery<'_>,
    now: Timestamp,
) -> CheckedRequest {
    let mut findings = Vec::new();
    findings.extend(wrong_id(logged));
    findings.extend(clock_skew(headers.seconds, now));
    let sent = match logged {
        LoggedDelivery::Payload(sent) if sent != request.body => Some(sent),
        _ => None,
    };
    findings.extend(sent.map(|sent| difference(sent, &request.body)));
    let signed_with = signer(secrets, headers, &request.body);
    if signed_with.is_none() && sent.is_none_or(|sent| signer(secrets, headers, sent).is_none()) {
        findings.extend(unsigned(logged));
    }
    let genuine = signed_with.is_some_and(|known| known.signed_at(headers.seconds));
    if let Some(known) = signed_with.filter(|known| known.has_expired(now)) {
        findings.push(known.former(now));
    }
    if let Some(computed) = &request.computed {
        let analysis = Analysis {
            headers,
            body: &request.body,
            sent,
            secrets,
            now,
        };
        findings.extend(analysis.findings(computed));
    }
    if findings.is_empty() {
        let detail = match request.computed {
            Some(_) => "The request is genuine, and your code computes its signature correctly",
            None => "The request is genuine: it was signed with the secret of this webhook",
        };
        findings.push(Finding::new(FindingCode::Ok, detail));
    }
    CheckedRequest { genuine, findings }
}

/// The secret that one of the request's signatures was made with.
fn signer<'a>(secrets: &'a [KnownSecret], headers: SignatureHeaders<'_>, body: &[u8]) -> Option<&'a KnownSecret> {
    let signed = |known: &&KnownSecret| {
        let key = known.secret.key();
        verify(&key, headers.id, headers.seconds, body, headers.signatures)
    };
    secrets.iter().find(signed)
}

fn wrong_id(logged: LoggedDelivery<'_>) -> Option<Finding> {
    match logged {
        LoggedDelivery::Payload(_) => None,
        LoggedDelivery::Unknown => Some(Finding::new(
            FindingCode::UnknownId,
            "No delivery of this account has this webhook-id. It may be older than the log, or a test of a form that was not \
             saved",
        )),
        LoggedDelivery::OfOtherWebhook(name) => Some(Finding::new(
            FindingCode::OtherWebhook,
            format!("This is a delivery of the webhook {name:?}, which has another secret"),
        )),
    }
}

fn clock_skew(seconds: i64, now: Timestamp) -> Option<Finding> {
    let age = now.as_second().saturating_sub(seconds);
    if age.unsigned_abs() <= TOLERANCE_SECONDS.unsigned_abs() {
        return None;
    }
    let direction = if age > 0 { "ago" } else { "in the future" };
    Some(Finding::new(
        FindingCode::ClockSkew,
        format!(
            "The webhook-timestamp is {} {direction}. Libraries refuse a request that is more than 5 minutes off: paste a \
             fresh one, or compare the clock of your server",
            duration(age.unsigned_abs())
        ),
    ))
}

fn unsigned(logged: LoggedDelivery<'_>) -> Option<Finding> {
    if matches!(logged, LoggedDelivery::OfOtherWebhook(_)) {
        return None;
    }
    let detail = "No secret of this webhook gives this signature for these headers and this body. They were changed on the \
                  way, or the request was not sent by EasyCRM";
    Some(Finding::new(FindingCode::NoMatch, detail))
}

#[cfg(test)]
mod tests;
