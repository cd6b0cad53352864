//! The headers that a signature is made of, as somebody pasted them.

use super::finding::{Finding, FindingCode};

/// The three headers of Standard Webhooks.
#[derive(Debug, Clone, Copy)]
pub struct SignatureHeaders<'a> {
    /// `webhook-id`.
    pub id: &'a str,
    /// `webhook-timestamp`, as it was pasted.
    pub(super) timestamp: &'a str,
    /// The same in Unix seconds.
    pub(super) seconds: i64,
    /// `webhook-signature`.
    pub(super) signatures: &'a str,
}

impl<'a> SignatureHeaders<'a> {
    /// Reads them.
    ///
    /// # Errors
    /// A finding for each that is missing or malformed.
    pub fn read(headers: &'a [(String, String)]) -> Result<Self, Vec<Finding>> {
        let mut findings = Vec::new();
        let mut get = |name: &str| match header(headers, name) {
            Some(value) => value,
            None => {
                findings.push(missing(headers, name));
                ""
            }
        };
        let id = get("webhook-id");
        let timestamp = get("webhook-timestamp");
        let signatures = get("webhook-signature");
        let seconds = timestamp.parse().ok();
        if seconds.is_none() && !timestamp.is_empty() {
            let detail = "The header webhook-timestamp is not a whole number of Unix seconds";
            findings.push(Finding::new(FindingCode::MissingHeader, detail));
        }
        match seconds {
            Some(seconds) if findings.is_empty() => Ok(Self {
                id,
                timestamp,
                seconds,
                signatures,
            }),
            _ => Err(findings),
        }
    }
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let mut values = headers.iter().filter(|(given, _)| given.eq_ignore_ascii_case(name));
    values
        .next()
        .map(|(_, value)| value.trim())
        .filter(|value| !value.is_empty())
}

/// Frameworks rename headers: `HTTP_WEBHOOK_ID`, `webhook_id`.
fn missing(headers: &[(String, String)], name: &str) -> Finding {
    let plain = |text: &str| text.to_ascii_lowercase().replace('_', "-");
    let renamed = headers.iter().find(|(given, _)| plain(given).ends_with(name));
    let detail = match renamed {
        Some((given, value)) if !value.trim().is_empty() && given.len() <= 100 => {
            format!("The header {name} is missing; {given:?} seems to be it under another name. Paste it as {name}")
        }
        _ => format!("The header {name} is missing or empty; requests of EasyCRM always have it"),
    };
    Finding::new(FindingCode::MissingHeader, detail)
}
