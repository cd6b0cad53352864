//! What a valid SSO token says, and why another is refused.

use jiff::Timestamp;

use crate::{AccountName, Role};

/// Issuer and signing key of a session. The session is valid only while both are configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voucher {
    /// Who signed the token: its `iss`.
    pub issuer: String,
    /// Fingerprint of the key that signed it.
    pub key_fingerprint: String,
}

/// The claims of a valid SSO token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its id (`jti`), which detects a second use.
    pub id: String,
    /// From this time on the token is certainly refused, so its id may be deleted.
    pub dead_since: Timestamp,
    /// The person (`sub`), as the CRM names them.
    pub subject: String,
    /// Tenant that the person acts for.
    pub account: AccountName,
    /// Role of the person.
    pub role: Role,
    /// Issuer and signing key.
    pub voucher: Voucher,
}

/// Why an SSO token is refused. Repeats nothing of the token, which may be hostile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not three parts of base64 with JSON in them, or too long.
    #[error("it is no JSON Web Token")]
    Malformed,
    /// Signed with another algorithm, or not at all.
    #[error("its algorithm is not RS256, ES256 or EdDSA, or not that of the key")]
    Algorithm,
    /// `kid` names none of the keys, or is missing although there are several.
    #[error("no key has its `kid`")]
    UnknownKey,
    /// The signature does not match the key.
    #[error("its signature is wrong")]
    Signature,
    /// Another issuer.
    #[error("its `iss` is not sso.issuer")]
    Issuer,
    /// Meant for another audience.
    #[error("its `aud` is not sso.audience")]
    Audience,
    /// Expired.
    #[error("its `exp` is in the past")]
    Expired,
    /// Not valid yet.
    #[error("its `nbf` or `iat` is in the future")]
    NotYet,
    /// Valid for longer than allowed.
    #[error("its `exp` is more than five minutes ahead")]
    TooLong,
    /// A claim is missing, or has no usable value.
    #[error("its `{0}` is missing or not valid")]
    Claim(&'static str),
}
