//! `[secrets]`: the keys that encrypt webhook secrets at rest.

use super::encryption_key::EncryptionKey;
use super::reader::Reader;

/// The keys that encrypt webhook secrets at rest.
#[derive(Clone, Debug)]
pub struct SecretsSettings {
    /// Encrypts and decrypts.
    pub key: EncryptionKey,
    /// Decrypt only, until every row has been re-encrypted with [`SecretsSettings::key`].
    pub previous_keys: Vec<EncryptionKey>,
}

impl SecretsSettings {
    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        let key = reader.required_secret("secrets.key", EncryptionKey::parse, EncryptionKey::hidden);
        let previous_keys = reader.secret_list("secrets.previous_keys", EncryptionKey::parse);
        Some(Self {
            key: key?,
            previous_keys,
        })
    }
}
