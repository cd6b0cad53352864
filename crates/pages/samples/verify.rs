//! Cargo.toml: base64 = "0.23", hmac = "0.13", sha2 = "0.11"

use std::time::{SystemTime, UNIX_EPOCH};

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// `id`, `stamp` and `signatures` are the headers webhook-id, webhook-timestamp and webhook-signature;
/// `body` holds the bytes as they came, not parsed.
pub fn verify(secret: &str, id: &str, stamp: &str, signatures: &str, body: &[u8]) -> bool {
    let key = match secret.strip_prefix("whsec_") {
        Some(encoded) => STANDARD.decode(encoded).unwrap_or_default(),
        None => secret.as_bytes().to_vec(),
    };
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_secs());
    let is_recent = stamp.parse::<u64>().is_ok_and(|seconds| now.abs_diff(seconds) <= 300);
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes keys of any length");
    mac.update(format!("{id}.{stamp}.").as_bytes());
    mac.update(body);
    is_recent
        && signatures
            .split(' ')
            .filter_map(|part| part.strip_prefix("v1,"))
            .any(|encoded| {
                STANDARD
                    .decode(encoded)
                    .is_ok_and(|given| mac.clone().verify_slice(&given).is_ok())
            })
}
