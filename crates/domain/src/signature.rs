//! The signature of Standard Webhooks: `v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::digest::CtOutput;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Version tag of an HMAC-SHA256 signature, with its separator.
const VERSION: &str = "v1,";

/// Length of one signature in the header: the tag and base64 of 32 bytes.
const SIGNATURE_LENGTH: usize = VERSION.len() + 44;

/// A signing key, with the HMAC-SHA256 state (RFC 2104) prepared once: cloning it is cheaper than deriving it.
/// Redacted in `Debug`, wiped from memory on drop.
#[derive(Clone)]
pub struct SigningKey(Hmac<Sha256>);

impl SigningKey {
    /// The key with these bytes. HMAC takes any length.
    pub fn from_bytes(key: &[u8]) -> Self {
        Self(Hmac::new_from_slice(key).expect("HMAC takes a key of any length"))
    }

    /// The HMAC of these parts, one after the other.
    pub(crate) fn mac<'a>(&self, parts: impl IntoIterator<Item = &'a [u8]>) -> CtOutput<Hmac<Sha256>> {
        let mut mac = self.0.clone();
        parts.into_iter().for_each(|part| mac.update(part));
        mac.finalize()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(redacted)")
    }
}

/// The signed text before the body.
fn signed_prefix(id: &str, timestamp: i64) -> String {
    format!("{id}.{timestamp}.")
}

/// The value of the `webhook-signature` header: one signature per key, separated by spaces.
///
/// `id` is the `webhook-id` header (it must not contain a dot, so that no two messages sign alike), `timestamp` the
/// `webhook-timestamp` header in Unix seconds, `body` the exact bytes sent. The body is hashed in place, not copied.
pub fn sign(keys: &[SigningKey], id: &str, timestamp: i64, body: &[u8]) -> String {
    let prefix = signed_prefix(id, timestamp);
    let mut header = String::with_capacity(keys.len() * (SIGNATURE_LENGTH + 1));
    for key in keys {
        if !header.is_empty() {
            header.push(' ');
        }
        header.push_str(VERSION);
        STANDARD.encode_string(key.mac([prefix.as_bytes(), body]).into_bytes(), &mut header);
    }
    header
}

/// Whether one of the signatures in a `webhook-signature` header was made with the key.
///
/// Compares in constant time; signatures of other versions and malformed ones are passed over. Does not judge the age
/// of the timestamp: that needs a clock.
pub fn verify(key: &SigningKey, id: &str, timestamp: i64, body: &[u8], header: &str) -> bool {
    let expected = key.mac([signed_prefix(id, timestamp).as_bytes(), body]);
    header
        .split(' ')
        .filter(|signature| signature.len() == SIGNATURE_LENGTH)
        .filter_map(|signature| STANDARD.decode(signature.strip_prefix(VERSION)?).ok())
        .filter_map(|bytes| <[u8; 32]>::try_from(bytes).ok())
        .fold(false, |matched, bytes| {
            matched | (expected == CtOutput::new(bytes.into()))
        })
}

#[cfg(test)]
mod tests;
