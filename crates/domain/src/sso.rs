//! Single sign-on: the CRM signs a person in with an SSO token.
//!
//! The token is a JSON Web Token (RFC 7519) that is valid for one sign-in within minutes. [`IdentityProvider::check`]
//! verifies it. Whether it was used before, only the database knows.

mod claims;
mod jwk_set;
mod jws;
mod key_error;
mod key_set;
mod public_key;
mod token;

use jiff::Timestamp;

use claims::Claims;
pub use key_error::KeyError;
pub use key_set::KeySet;
pub use token::{Refusal, Token, Voucher};

/// The issuer of SSO tokens, and their audience.
#[derive(Debug, Clone)]
pub struct IdentityProvider {
    /// Its signing keys.
    pub keys: KeySet,
    /// The expected `iss`.
    pub issuer: String,
    /// The expected `aud`, or one of them.
    pub audience: String,
}

impl IdentityProvider {
    /// The claims of the token, if it is valid at `now`.
    ///
    /// # Errors
    /// The first reason to refuse it. Its claims are checked only after its signature.
    pub fn check(&self, token: &str, now: Timestamp) -> Result<Token, Refusal> {
        let (payload, key) = jws::verified_payload(token, &self.keys)?;
        let claims: Claims = serde_json::from_slice(&payload).map_err(|_| Refusal::Malformed)?;
        let voucher = Voucher {
            issuer: self.issuer.clone(),
            key_fingerprint: key.fingerprint(),
        };
        claims.check(&self.audience, voucher, now)
    }

    /// The issuers and keys that sessions may have been created by.
    pub fn vouchers(&self) -> Vec<Voucher> {
        let voucher = |key_fingerprint| Voucher {
            issuer: self.issuer.clone(),
            key_fingerprint,
        };
        self.keys.fingerprints().map(voucher).collect()
    }
}

#[cfg(test)]
mod tests;
