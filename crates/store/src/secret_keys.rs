//! Webhook secrets at rest: XChaCha20-Poly1305 with a random nonce, and the row's id as associated data, so that a
//! ciphertext moved to another row does not decrypt.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use domain::SigningSecret;
use sha2::{Digest, Sha256};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::database::Database;
use crate::error::StoreError;

/// XChaCha20's nonce: long enough to be drawn at random for every secret.
const NONCE_BYTES: usize = 24;

/// One 32-byte key, wiped when dropped.
pub struct SecretKey {
    id: String,
    cipher: XChaCha20Poly1305,
}

impl SecretKey {
    /// Prepares a key. Its id, kept beside each secret, is a hash that reveals nothing of it.
    pub fn new(key: &[u8; 32]) -> Self {
        let hash = Sha256::new().chain_update(b"easycrm webhooks key id\0").chain_update(key).finalize();
        Self { id: STANDARD_NO_PAD.encode(&hash[..9]), cipher: XChaCha20Poly1305::new(key.into()) }
    }
}

/// The keys of this installation: the first encrypts, all decrypt.
pub struct SecretKeys {
    current: SecretKey,
    previous: Vec<SecretKey>,
}

impl fmt::Debug for SecretKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKeys({} and {} previous)", self.current.id, self.previous.len())
    }
}

/// An encrypted secret and the name of the key that opens it.
pub(crate) struct Sealed {
    pub(crate) key_id: String,
    pub(crate) ciphertext: Vec<u8>,
}

impl SecretKeys {
    /// `previous` keys decrypt what they once encrypted and encrypt nothing.
    pub fn new(current: SecretKey, previous: Vec<SecretKey>) -> Self {
        Self { current, previous }
    }

    fn knows(&self, id: &str) -> bool {
        [&self.current].into_iter().chain(&self.previous).any(|key| key.id == id)
    }

    pub(crate) fn seal(&self, row: Uuid, secret: &SigningSecret) -> Sealed {
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).expect("the operating system has a random number generator");
        let payload = Payload { msg: secret.expose().as_bytes(), aad: row.as_bytes() };
        let sealed = self
            .current
            .cipher
            .encrypt(&XNonce::from(nonce), payload)
            .expect("a secret is far below the cipher's limit");
        Sealed { key_id: self.current.id.clone(), ciphertext: [&nonce[..], &sealed].concat() }
    }

    pub(crate) fn open(&self, row: Uuid, key_id: &str, ciphertext: &[u8]) -> Result<SigningSecret, StoreError> {
        let key = [&self.current].into_iter().chain(&self.previous).find(|key| key.id == key_id);
        let key = key.ok_or(StoreError::Secret)?;
        let (nonce, sealed) = ciphertext.split_at_checked(NONCE_BYTES).ok_or(StoreError::Secret)?;
        let nonce = XNonce::try_from(nonce).map_err(|_| StoreError::Secret)?;
        let payload = Payload { msg: sealed, aad: row.as_bytes() };
        let opened = Zeroizing::new(key.cipher.decrypt(&nonce, payload).map_err(|_| StoreError::Secret)?);
        let text = std::str::from_utf8(&opened).map_err(|_| StoreError::Secret)?;
        SigningSecret::parse(text).map_err(|_| StoreError::Secret)
    }
}

/// Of webhooks only: a form that waits to be tested is gone in minutes, and must not keep anybody from starting.
const KEY_IDS: &str = "SELECT DISTINCT key_id FROM webhook_secrets";

impl Database {
    /// True when every stored secret was encrypted with a key that is configured here. Without this look a mistaken key
    /// would fail every delivery, one by one.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn has_all_keys(&self) -> Result<bool, StoreError> {
        let rows = self.connection().await?.query(KEY_IDS, &[]).await?;
        Ok(rows.iter().all(|row| self.keys.knows(row.get("key_id"))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(current: u8, previous: &[u8]) -> SecretKeys {
        let key = |byte: &u8| SecretKey::new(&[*byte; 32]);
        SecretKeys::new(key(&current), previous.iter().map(key).collect())
    }

    #[test]
    fn a_secret_opens_in_its_own_row_only() {
        let (keys, row, secret) = (keys(1, &[]), Uuid::from_u128(1), SigningSecret::generate());
        let sealed = keys.seal(row, &secret);
        let open = |row, ciphertext: &[u8]| keys.open(row, &sealed.key_id, ciphertext);
        assert_eq!(open(row, &sealed.ciphertext).unwrap().expose(), secret.expose());
        assert!(open(Uuid::from_u128(2), &sealed.ciphertext).is_err());
        assert!(open(row, &sealed.ciphertext[..10]).is_err());
        let mut changed = sealed.ciphertext.clone();
        *changed.last_mut().unwrap() ^= 1;
        assert!(open(row, &changed).is_err());
    }

    #[test]
    fn a_previous_key_still_opens_and_an_unknown_one_is_an_error() {
        let (row, secret) = (Uuid::from_u128(1), SigningSecret::generate());
        let sealed = keys(1, &[]).seal(row, &secret);
        assert!(keys(2, &[1]).open(row, &sealed.key_id, &sealed.ciphertext).is_ok());
        assert!(keys(2, &[]).open(row, &sealed.key_id, &sealed.ciphertext).is_err());
    }

    #[test]
    fn nothing_is_shown() {
        assert!(!format!("{:?}", keys(7, &[8])).contains('\u{7}'));
    }
}
