//! Why a file has no keys that can be used.

use super::public_key::Flaw;

/// Why a file yields no keys. Continues a sentence that begins with the file; keys are counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not RFC 7517.
    #[error("is no JSON Web Key Set")]
    NoSet,
    /// An empty set.
    #[error("holds no key")]
    Empty,
    /// Not needed here; only the signer should have it.
    #[error("holds a private key (number {0}): give its public part only")]
    Private(usize),
    /// For encryption, for example.
    #[error("holds a key that is not for signatures (number {0})")]
    NotForSignatures(usize),
    /// Of another kind, or for another algorithm.
    #[error(
        "holds a key of an unsupported type (number {0}): supported are RSA for RS256, P-256 for ES256 and Ed25519 for EdDSA"
    )]
    Kind(usize),
    /// RSA.
    #[error("holds an RSA key that has not 2048 to 8192 bits (number {0})")]
    Length(usize),
    /// Does not follow its standard.
    #[error("holds a key that cannot be read (number {0})")]
    Malformed(usize),
    /// A token could not select one of them.
    #[error("holds several keys: each needs its own `kid`")]
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
