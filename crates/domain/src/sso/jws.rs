//! The signed envelope: JSON Web Signature in its compact form (RFC 7515 §7.1).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::key_set::KeySet;
use super::public_key::{Algorithm, PublicKey};
use super::token::Refusal;

/// SSO tokens have a few hundred bytes.
const MAX_BYTES: usize = 8 * 1024;

#[derive(Deserialize)]
struct Header<'a> {
    #[serde(borrow)]
    alg: std::borrow::Cow<'a, str>,
    kid: Option<String>,
    typ: Option<String>,
    /// Extensions that must be understood; none is supported (§4.1.11).
    crit: Option<IgnoredAny>,
}

/// The signed payload and its key, after verification.
pub(super) fn verified_payload<'k>(token: &str, keys: &'k KeySet) -> Result<(Vec<u8>, &'k PublicKey), Refusal> {
    if token.len() > MAX_BYTES {
        return Err(Refusal::Malformed);
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(Refusal::Malformed)?;
    // Base64 has no dot, so a fourth part is refused with the others.
    let (header, payload) = signed.split_once('.').ok_or(Refusal::Malformed)?;
    let header = decode(header)?;
    let payload = decode(payload)?;
    let signature = decode(signature)?;
    let header: Header<'_> = serde_json::from_slice(&header).map_err(|_| Refusal::Malformed)?;
    // An access token, or another token that the CRM signs, is not an SSO token (RFC 8725 §3.11).
    let is_jwt = header.typ.is_none_or(|typ| typ.eq_ignore_ascii_case("JWT"));
    if !is_jwt || header.crit.is_some() {
        return Err(Refusal::Malformed);
    }
    // The key determines the algorithm, never the token: `none`, or a public key used as a shared secret, are
    // impossible.
    let algorithm = Algorithm::of_name(&header.alg).ok_or(Refusal::Algorithm)?;
    let key = keys.choose(header.kid.as_deref()).ok_or(Refusal::UnknownKey)?;
    if key.algorithm() != algorithm {
        return Err(Refusal::Algorithm);
    }
    if key.verifies(signed.as_bytes(), &signature) {
        Ok((payload, key))
    } else {
        Err(Refusal::Signature)
    }
}

fn decode(part: &str) -> Result<Vec<u8>, Refusal> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| Refusal::Malformed)
}
