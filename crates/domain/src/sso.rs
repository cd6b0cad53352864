//! Single sign-on: a CRM that embeds the console vouches for a person, with a signed ticket.
//!
//! A ticket is a JSON Web Token (RFC 7519) that is good for one sign-in within minutes. [`IdentityProvider::check`]
//! decides whether it is a good one. That it was not used before, only the database can tell.

mod claims;
mod jwk_set;
mod jws;
mod key_set;
mod public_key;

use jiff::Timestamp;

use crate::{AccountName, Role};
use claims::Claims;
pub use key_set::{KeyError, KeySet};

/// Who signs tickets, and for whom.
#[derive(Debug, Clone)]
pub struct IdentityProvider {
    /// The keys that it signs with.
    pub keys: KeySet,
    /// How it calls itself: `iss`.
    pub issuer: String,
    /// How it calls us: one of `aud`.
    pub audience: String,
}

/// What a good ticket says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Its own id (`jti`), by which its second use is told from its first.
    pub id: String,
    /// Since when it is certainly refused, so that its id may be forgotten.
    pub dead_since: Timestamp,
    /// Who the person is (`sub`), in the CRM's own terms.
    pub subject: String,
    /// Tenant that they act for.
    pub account: AccountName,
    /// What they may do.
    pub role: Role,
}

/// Why a ticket is refused. It repeats nothing of the ticket, which may be hostile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not three parts of base64 with JSON in them, or longer than any ticket is.
    #[error("it is no JSON Web Token")]
    Malformed,
    /// Signed in another way, or not at all.
    #[error("its algorithm is not RS256, ES256 or EdDSA, or not that of the key")]
    Algorithm,
    /// `kid` names none of the keys, or there are several and it names none.
    #[error("no key has its `kid`")]
    UnknownKey,
    /// Nobody who has the key has signed this.
    #[error("its signature is wrong")]
    Signature,
    /// Somebody else signed it.
    #[error("its `iss` is not sso.issuer")]
    Issuer,
    /// It is meant for somebody else.
    #[error("its `aud` is not sso.audience")]
    Audience,
    /// Its time is over.
    #[error("its `exp` is past")]
    Expired,
    /// Its time has not come.
    #[error("its `nbf` or `iat` is to come")]
    NotYet,
    /// It would be good for longer than tickets may be.
    #[error("its `exp` is more than five minutes ahead")]
    TooLong,
    /// A claim is missing, or says nothing that can be used.
    #[error("its `{0}` is missing or not usable")]
    Claim(&'static str),
}

impl IdentityProvider {
    /// What the ticket says, if it is a good one at `now`.
    ///
    /// # Errors
    /// The first reason that was found against it. Its claims are looked at only when it is signed.
    pub fn check(&self, ticket: &str, now: Timestamp) -> Result<Ticket, Refusal> {
        let payload = jws::verified_payload(ticket, &self.keys)?;
        let claims: Claims = serde_json::from_slice(&payload).map_err(|_| Refusal::Malformed)?;
        claims.check(self, now)
    }
}

#[cfg(test)]
mod tests;
