//! The keys of an identity provider, and which of them a ticket means.

use std::collections::BTreeSet;

use super::jwk_set;
use super::public_key::{Flaw, PublicKey};

/// At least one key, each with a name if there are several.
#[derive(Debug, Clone)]
pub struct KeySet(Vec<(Option<String>, PublicKey)>);

/// Why there are no keys to be had from a file. Continues a sentence that begins with the file; keys are counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not RFC 7517.
    #[error("is no JSON Web Key Set")]
    NoSet,
    /// An empty set.
    #[error("holds no key")]
    Empty,
    /// Nothing here needs it, and nobody but the signer should have it.
    #[error("holds a private key (number {0}): give its public part only")]
    Private(usize),
    /// For encryption, say.
    #[error("holds a key that is not for signatures (number {0})")]
    NotForSignatures(usize),
    /// Of another kind, or for another algorithm.
    #[error(
        "holds a key that is not taken (number {0}): only RSA for RS256, P-256 for ES256 and Ed25519 for EdDSA are"
    )]
    Kind(usize),
    /// RSA.
    #[error("holds an RSA key that has not 2048 to 8192 bits (number {0})")]
    Length(usize),
    /// Not as the standards have it.
    #[error("holds a key that cannot be read (number {0})")]
    Malformed(usize),
    /// A ticket could not say which one it means.
    #[error("holds several keys, of which each needs a `kid` of its own")]
    Names,
}

impl KeyError {
    pub(super) fn of(flaw: Flaw, number: usize) -> Self {
        match flaw {
            Flaw::Malformed => Self::Malformed(number),
            Flaw::Kind => Self::Kind(number),
            Flaw::Length => Self::Length(number),
        }
    }
}

impl KeySet {
    /// The one key in a DER `SubjectPublicKeyInfo`, which is what a PEM `PUBLIC KEY` holds.
    ///
    /// # Errors
    /// When it is no such key, or of a kind that is not taken.
    pub fn from_spki(der: &[u8]) -> Result<Self, KeyError> {
        let key = PublicKey::from_spki(der).map_err(|flaw| KeyError::of(flaw, 1))?;
        Ok(Self(vec![(None, key)]))
    }

    /// The keys of a JSON Web Key Set (RFC 7517).
    ///
    /// # Errors
    /// When it is none, or holds anything that is not taken: who wrote the file can leave that out.
    pub fn from_jwks(json: &[u8]) -> Result<Self, KeyError> {
        let keys = jwk_set::read(json)?;
        let names: BTreeSet<_> = keys.iter().filter_map(|(name, _)| name.as_deref()).collect();
        match keys.len() {
            0 => Err(KeyError::Empty),
            1 => Ok(Self(keys)),
            several if several == names.len() => Ok(Self(keys)),
            _ => Err(KeyError::Names),
        }
    }

    /// The key that a ticket with this `kid` means. A key without a name is the only one, and answers to every name.
    pub(super) fn choose(&self, kid: Option<&str>) -> Option<&PublicKey> {
        match (self.0.as_slice(), kid) {
            ([(None, only)], _) | ([(_, only)], None) => Some(only),
            (keys, kid) => keys.iter().find(|(name, _)| kid.is_some() && name.as_deref() == kid).map(|(_, key)| key),
        }
    }
}
