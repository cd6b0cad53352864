//! A webhook's secret: the text that administrator and receiver share, and the signing key derived from it.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::{Zeroize, Zeroizing};

use crate::signature::SigningKey;

/// Marks a secret in the form of Standard Webhooks: base64 of the key follows.
pub(crate) const PREFIX: &str = "whsec_";

/// Shortest and longest key of a `whsec_` secret, in bytes (Standard Webhooks, "Signature scheme").
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Shortest and longest custom secret, in characters.
const CUSTOM_LENGTH: std::ops::RangeInclusive<usize> = 16..=128;

/// Length of a generated key, in bytes: the output length of SHA-256, below which RFC 2104 §3 discourages to go.
const GENERATED_KEY_BYTES: usize = 32;

/// Why a text is not a secret. Never repeats any part of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// `whsec_` is not followed by base64.
    #[error("A secret that starts with whsec_ must continue with base64 (standard alphabet, with padding)")]
    NotBase64,
    /// The decoded key is too short or too long.
    #[error("A secret that starts with whsec_ must encode 24 to 64 bytes")]
    KeyLength,
    /// A custom secret is too short or too long.
    #[error("A custom secret must have 16 to 128 characters")]
    Length,
    /// A custom secret has a character that is not printable ASCII.
    #[error("A custom secret must have printable ASCII characters only")]
    Characters,
    /// A custom secret starts or ends with a space: a copy-and-paste mistake that is invisible later.
    #[error("A secret must not start or end with a space")]
    SurroundingSpace,
}

impl SecretError {
    /// The stable code of the error in the API.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotBase64 => "secret_not_base64",
            Self::KeyLength => "secret_key_length",
            Self::Length => "secret_length",
            Self::Characters => "secret_characters",
            Self::SurroundingSpace => "secret_surrounding_space",
        }
    }
}

/// A webhook's secret. Redacted in `Debug`, wiped from memory on drop, and deliberately neither `Display` nor
/// `Serialize`: [`SigningSecret::expose`] is the only way to the text.
#[derive(Clone)]
pub struct SigningSecret {
    text: Zeroizing<String>,
    key: Zeroizing<Vec<u8>>,
}

impl SigningSecret {
    /// Reads a secret in one of its two forms.
    ///
    /// * `whsec_` and base64 of 24–64 bytes, which are the key. The base64 is canonical: standard alphabet, padding
    ///   required, no stray bits. Receivers paste this text into libraries, some of which refuse anything looser.
    /// * otherwise a custom text of 16–128 printable ASCII characters, whose bytes are the key.
    ///
    /// # Errors
    /// A text that starts with `whsec_` but does not decode is an error, never a custom secret: it was meant as a key.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let key = match text.strip_prefix(PREFIX) {
            Some(encoded) => decode_key(encoded)?,
            None => custom_key(text)?,
        };
        Ok(Self {
            text: Zeroizing::new(text.to_owned()),
            key,
        })
    }

    /// A new secret in the `whsec_` form, with a key of 32 random bytes.
    ///
    /// # Panics
    /// If the operating system has no randomness to give; a guessable secret would be worse.
    pub fn generate() -> Self {
        let mut key = Zeroizing::new(vec![0; GENERATED_KEY_BYTES]);
        getrandom::fill(&mut key).expect("the operating system provides randomness");
        Self {
            text: Zeroizing::new(whsec_form(&key)),
            key,
        }
    }

    /// The original text, for storage (encrypted) and for display to an administrator.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// The equivalent `whsec_` form, which receivers' Standard Webhooks libraries take.
    ///
    /// For a custom secret of fewer than 24 or more than 64 characters it is outside the range that
    /// [`SigningSecret::parse`] accepts; verifying with it works all the same.
    pub fn whsec(&self) -> String {
        whsec_form(&self.key)
    }

    /// The key, ready for signing.
    pub fn key(&self) -> SigningKey {
        SigningKey::from_bytes(&self.key)
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret(redacted)")
    }
}

fn decode_key(encoded: &str) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    let mut key = STANDARD.decode(encoded).map_err(|_| SecretError::NotBase64)?;
    if KEY_BYTES.contains(&key.len()) {
        return Ok(Zeroizing::new(key));
    }
    key.zeroize();
    Err(SecretError::KeyLength)
}

fn custom_key(text: &str) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    if !text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Err(SecretError::Characters);
    }
    if text.starts_with(' ') || text.ends_with(' ') {
        return Err(SecretError::SurroundingSpace);
    }
    if !CUSTOM_LENGTH.contains(&text.len()) {
        return Err(SecretError::Length);
    }
    Ok(Zeroizing::new(text.as_bytes().to_vec()))
}

fn whsec_form(key: &[u8]) -> String {
    let mut text = String::with_capacity(PREFIX.len() + key.len().div_ceil(3) * 4);
    text.push_str(PREFIX);
    STANDARD.encode_string(key, &mut text);
    text
}

#[cfg(test)]
mod tests;
