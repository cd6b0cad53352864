//! The keys of an identity provider, and the choice of one for a token.

use std::collections::BTreeSet;

use super::jwk_set;
use super::key_error::KeyError;
use super::public_key::PublicKey;

/// At least one key, each with a name if there are several.
#[derive(Debug, Clone)]
pub struct KeySet {
    keys: Vec<(Option<String>, PublicKey)>,
    ignored: Vec<KeyError>,
}

impl KeySet {
    /// The one key in a DER `SubjectPublicKeyInfo`, the content of a PEM `PUBLIC KEY`.
    ///
    /// # Errors
    /// When it is not such a key, or of an unsupported kind.
    pub fn from_spki(der: &[u8]) -> Result<Self, KeyError> {
        let key = PublicKey::from_spki(der).map_err(|flaw| KeyError::of(flaw, 1))?;
        Ok(Self {
            keys: vec![(None, key)],
            ignored: Vec::new(),
        })
    }

    /// The keys of a JSON Web Key Set (RFC 7517). An unusable key is ignored, as section 5 asks: providers list keys
    /// for encryption, and of other kinds, beside their signing keys.
    ///
    /// # Errors
    /// When it is not a key set, holds a private key, has no usable key, or several usable keys have the same id.
    pub fn from_jwks(json: &[u8]) -> Result<Self, KeyError> {
        let mut keys = Vec::new();
        let mut ignored = Vec::new();
        for key in jwk_set::read(json)? {
            match key {
                Ok(key) => keys.push(key),
                Err(private @ KeyError::Private(_)) => return Err(private),
                Err(error) => ignored.push(error),
            }
        }
        let names: BTreeSet<_> = keys.iter().filter_map(|(name, _)| name.as_deref()).collect();
        match keys.len() {
            0 => Err(ignored.first().copied().unwrap_or(KeyError::Empty)),
            1 => Ok(Self { keys, ignored }),
            several if several == names.len() => Ok(Self { keys, ignored }),
            _ => Err(KeyError::Names),
        }
    }

    /// Why some keys of the set are not used; empty when all are.
    pub fn ignored(&self) -> &[KeyError] {
        &self.ignored
    }

    /// Fingerprints, which identify keys whatever they are named.
    pub fn fingerprints(&self) -> impl Iterator<Item = String> {
        self.keys.iter().map(|(_, key)| key.fingerprint())
    }

    /// The key for a token with this `kid`. A key without a name is the only one, and matches every `kid`.
    pub(super) fn choose(&self, kid: Option<&str>) -> Option<&PublicKey> {
        match (self.keys.as_slice(), kid) {
            ([(None, only)], _) | ([(_, only)], None) => Some(only),
            (keys, kid) => keys
                .iter()
                .find(|(name, _)| kid.is_some() && name.as_deref() == kid)
                .map(|(_, key)| key),
        }
    }
}
