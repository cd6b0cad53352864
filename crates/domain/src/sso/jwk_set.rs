//! Reading a JSON Web Key Set (RFC 7517, RFC 7518 §6, RFC 8037 §2).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::key_error::KeyError;
use super::public_key::{Algorithm, Flaw, PublicKey};

#[derive(Deserialize)]
struct Set {
    keys: Vec<Jwk>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    /// Present in private keys only.
    d: Option<IgnoredAny>,
}

/// A key with its name, or why it cannot be used.
pub(super) type ReadKey = Result<(Option<String>, PublicKey), KeyError>;

/// The keys, each by itself: an unusable key does not affect the others.
pub(super) fn read(json: &[u8]) -> Result<Vec<ReadKey>, KeyError> {
    let set: Set = serde_json::from_slice(json).map_err(|_| KeyError::NoSet)?;
    let numbered = set.keys.into_iter().zip(1..);
    Ok(numbered
        .map(|(jwk, number)| Ok((jwk.kid.clone(), jwk.key(number)?)))
        .collect())
}

impl Jwk {
    fn key(&self, number: usize) -> Result<PublicKey, KeyError> {
        if self.d.is_some() {
            return Err(KeyError::Private(number));
        }
        if self.usage.as_ref().is_some_and(|usage| usage != "sig") {
            return Err(KeyError::NotForSignatures(number));
        }
        let key = self.material().map_err(|flaw| KeyError::of(flaw, number))?;
        let fits = |name: &String| Algorithm::of_name(name) == Some(key.algorithm());
        if self.alg.as_ref().is_none_or(fits) {
            Ok(key)
        } else {
            Err(KeyError::Kind(number))
        }
    }

    fn material(&self) -> Result<PublicKey, Flaw> {
        match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => PublicKey::rsa(&member(&self.n)?, &member(&self.e)?),
            ("EC", Some("P-256")) => PublicKey::p256(&member(&self.x)?, &member(&self.y)?),
            ("OKP", Some("Ed25519")) => PublicKey::ed25519(&member(&self.x)?),
            _ => Err(Flaw::Kind),
        }
    }
}

fn member(text: &Option<String>) -> Result<Vec<u8>, Flaw> {
    let text = text.as_ref().ok_or(Flaw::Malformed)?;
    URL_SAFE_NO_PAD.decode(text).map_err(|_| Flaw::Malformed)
}
