//! `[sso]`: the CRM that signs people in to the console, so that they need no API token.

use std::path::Path;

use domain::sso::{IdentityProvider, KeySet};
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject;

use crate::reader::Reader;

const JWKS_FILE: &str = "sso.jwks_file";
const PUBLIC_KEY_FILE: &str = "sso.public_key_file";
const ISSUER: &str = "sso.issuer";

/// The issuer of SSO tokens.
#[derive(Clone, Debug)]
pub struct SsoSettings {
    /// The CRM; `None` when no key is configured and everyone signs in with an API token.
    pub provider: Option<IdentityProvider>,
}

impl SsoSettings {
    pub(crate) fn read(reader: &mut Reader) -> Self {
        let set = reader.optional(JWKS_FILE, jwks_file);
        let single = reader.optional(PUBLIC_KEY_FILE, public_key_file);
        let issuer = reader.optional(ISSUER, name);
        let audience = reader.value("sso.audience", "webhooks", name);
        if reader.sound(&[JWKS_FILE, PUBLIC_KEY_FILE, ISSUER]) {
            match (&set, &single, &issuer) {
                (Some(_), Some(_), _) => {
                    reader.refuse(
                        JWKS_FILE,
                        format!("is set, and so is {PUBLIC_KEY_FILE}: set only one of them"),
                    );
                }
                (None, None, Some(_)) => {
                    reader.refuse(
                        ISSUER,
                        format!("needs its key: set {JWKS_FILE} or {PUBLIC_KEY_FILE}, too"),
                    );
                }
                (Some(_), None, None) => reader.refuse(ISSUER, format!("is required when {JWKS_FILE} is set")),
                (None, Some(_), None) => reader.refuse(ISSUER, format!("is required when {PUBLIC_KEY_FILE} is set")),
                (_, _, Some(_)) | (None, None, None) => {}
            }
        }
        let provider = set
            .or(single)
            .zip(issuer)
            .map(|(keys, issuer)| IdentityProvider { keys, issuer, audience });
        Self { provider }
    }
}

fn name(text: &str) -> Result<String, String> {
    if text.chars().any(char::is_control) {
        Err("must not hold control characters".to_owned())
    } else {
        Ok(text.to_owned())
    }
}

fn jwks_file(path: &str) -> Result<KeySet, String> {
    KeySet::from_jwks(&read(path)?).map_err(|error| format!("names {path:?}, which {error}"))
}

fn public_key_file(path: &str) -> Result<KeySet, String> {
    let pem = read(path)?;
    let mut keys = SubjectPublicKeyInfoDer::pem_slice_iter(&pem);
    let unreadable = |error| format!("names {path:?}, which is not valid PEM: {error}");
    match (keys.next().transpose().map_err(unreadable)?, keys.next()) {
        (Some(key), None) => KeySet::from_spki(&key).map_err(|error| format!("names {path:?}, which {error}")),
        (Some(_), Some(_)) => Err(format!(
            "names {path:?}, which holds several keys: use {JWKS_FILE} for them"
        )),
        (None, _) => Err(format!("names {path:?}, which holds no PUBLIC KEY in PEM form")),
    }
}

fn read(path: &str) -> Result<Vec<u8>, String> {
    std::fs::read(Path::new(path)).map_err(|error| format!("names {path:?}, which cannot be read: {error}"))
}
