//! Webhook secrets at rest: XChaCha20-Poly1305 with a random nonce. The associated data names purpose and owner of the
//! secret ([`Place`]), so that a ciphertext moved to another row, webhook or account does not decrypt.

mod rekey;

use std::fmt;
use std::str::FromStr;

use base64::engine::general_purpose::STANDARD_NO_PAD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{Engine, alphabet};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use domain::{AccountName, SigningSecret, WebhookId};
pub use rekey::Rekeyed;
use sha2::{Digest, Sha256};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::error::StoreError;

/// XChaCha20's nonce: long enough to be drawn at random for every secret.
const NONCE_BYTES: usize = 24;
/// The first byte of the current format. The format of former releases begins with the nonce, and is bound to the id of
/// its row only; a nonce may begin with this byte, too.
const BOUND_TO_ITS_PLACE: u8 = 1;

/// The standard alphabet (RFC 4648 section 4); the one `=` at the end may be missing.
const KEY_TEXT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// One 32-byte key, wiped when dropped.
#[derive(Clone)]
pub struct SecretKey {
    id: String,
    cipher: XChaCha20Poly1305,
}

impl SecretKey {
    /// Prepares a key. Its id, stored beside each secret, is a hash that reveals nothing of it.
    pub fn new(key: &[u8; 32]) -> Self {
        let hash = Sha256::new()
            .chain_update(b"easycrm webhooks key id\0")
            .chain_update(key)
            .finalize();
        Self {
            id: STANDARD_NO_PAD.encode(&hash[..9]),
            cipher: XChaCha20Poly1305::new(key.into()),
        }
    }
}

/// The text is not a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 32 bytes in base64; `openssl rand -base64 32` generates one")]
pub struct InvalidSecretKey;

impl FromStr for SecretKey {
    type Err = InvalidSecretKey;

    fn from_str(text: &str) -> Result<Self, InvalidSecretKey> {
        let bytes = Zeroizing::new(KEY_TEXT.decode(text).map_err(|_| InvalidSecretKey)?);
        let key: &[u8; 32] = bytes.as_slice().try_into().map_err(|_| InvalidSecretKey)?;
        Ok(Self::new(key))
    }
}

/// The keys of this installation: the first encrypts, all decrypt.
#[derive(Clone)]
pub struct SecretKeys {
    current: SecretKey,
    previous: Vec<SecretKey>,
}

impl fmt::Debug for SecretKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "SecretKeys({} and {} previous)",
            self.current.id,
            self.previous.len()
        )
    }
}

/// Owner and purpose of a secret. Its ciphertext decrypts there and nowhere else.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place<'a> {
    /// A row of `webhook_secrets`.
    Webhook {
        row: Uuid,
        webhook: WebhookId,
        account: &'a AccountName,
    },
    /// A row of `test_requests`.
    Test { row: Uuid, account: &'a AccountName },
    /// A row of `webhook_headers`.
    Headers {
        webhook: WebhookId,
        account: &'a AccountName,
    },
}

impl Place<'_> {
    /// Every part but the last has a fixed length or ends in a zero byte, so that the encoding is unambiguous.
    fn associated_data(&self) -> Vec<u8> {
        match self {
            Self::Webhook { row, webhook, account } => [
                b"webhook secret\0",
                &row.as_bytes()[..],
                webhook.0.as_bytes(),
                account.as_str().as_bytes(),
            ]
            .concat(),
            Self::Test { row, account } => {
                [b"test request\0", &row.as_bytes()[..], account.as_str().as_bytes()].concat()
            }
            Self::Headers { webhook, account } => [
                b"request headers\0",
                &webhook.0.as_bytes()[..],
                account.as_str().as_bytes(),
            ]
            .concat(),
        }
    }

    fn row(&self) -> Uuid {
        match self {
            Self::Webhook { row, .. } | Self::Test { row, .. } => *row,
            Self::Headers { webhook, .. } => webhook.0,
        }
    }
}

/// An encrypted secret and the id of its key.
pub(crate) struct Sealed {
    pub(crate) key_id: String,
    pub(crate) ciphertext: Vec<u8>,
}

impl SecretKeys {
    /// `previous` keys decrypt only.
    pub fn new(current: SecretKey, previous: Vec<SecretKey>) -> Self {
        Self { current, previous }
    }

    /// Whether one of them has this id.
    pub(crate) fn knows(&self, id: &str) -> bool {
        [&self.current]
            .into_iter()
            .chain(&self.previous)
            .any(|key| key.id == id)
    }

    pub(crate) fn seal(&self, place: Place<'_>, secret: &SigningSecret) -> Sealed {
        self.seal_bytes(place, secret.expose().as_bytes())
    }

    pub(crate) fn seal_bytes(&self, place: Place<'_>, bytes: &[u8]) -> Sealed {
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).expect("the operating system has a random number generator");
        let payload = Payload {
            msg: bytes,
            aad: &place.associated_data(),
        };
        let sealed = self
            .current
            .cipher
            .encrypt(&XNonce::from(nonce), payload)
            .expect("a secret is far below the cipher's limit");
        let ciphertext = [&[BOUND_TO_ITS_PLACE], &nonce[..], &sealed].concat();
        Sealed {
            key_id: self.current.id.clone(),
            ciphertext,
        }
    }

    pub(crate) fn open(&self, place: Place<'_>, key_id: &str, ciphertext: &[u8]) -> Result<SigningSecret, StoreError> {
        self.open_as_kept(place, key_id, ciphertext).map(|(secret, _)| secret)
    }

    /// The secret, and whether it needs re-encryption: for another key, or for a stronger binding.
    fn open_as_kept(
        &self,
        place: Place<'_>,
        key_id: &str,
        ciphertext: &[u8],
    ) -> Result<(SigningSecret, bool), StoreError> {
        let (opened, again) = self.open_bytes(place, key_id, ciphertext)?;
        Ok((secret(&opened)?, again))
    }

    /// The bytes, and whether they need re-encryption.
    pub(crate) fn open_bytes(
        &self,
        place: Place<'_>,
        key_id: &str,
        ciphertext: &[u8],
    ) -> Result<(Zeroizing<Vec<u8>>, bool), StoreError> {
        let key = [&self.current]
            .into_iter()
            .chain(&self.previous)
            .find(|key| key.id == key_id);
        let key = key.ok_or(StoreError::Secret)?;
        let bound = ciphertext.strip_prefix(&[BOUND_TO_ITS_PLACE]);
        if let Some(opened) = bound.and_then(|ciphertext| key.open(ciphertext, &place.associated_data())) {
            return Ok((opened, key.id != self.current.id));
        }
        let opened = key.open(ciphertext, place.row().as_bytes()).ok_or(StoreError::Secret)?;
        Ok((opened, true))
    }
}

impl SecretKey {
    fn open(&self, ciphertext: &[u8], associated_data: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, sealed) = ciphertext.split_at_checked(NONCE_BYTES)?;
        let nonce = XNonce::try_from(nonce).ok()?;
        let payload = Payload {
            msg: sealed,
            aad: associated_data,
        };
        self.cipher.decrypt(&nonce, payload).ok().map(Zeroizing::new)
    }
}

fn secret(opened: &[u8]) -> Result<SigningSecret, StoreError> {
    let text = std::str::from_utf8(opened).map_err(|_| StoreError::Secret)?;
    SigningSecret::parse(text).map_err(|_| StoreError::Secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(current: u8, previous: &[u8]) -> SecretKeys {
        let key = |byte: &u8| SecretKey::new(&[*byte; 32]);
        SecretKeys::new(key(&current), previous.iter().map(key).collect())
    }

    fn place(row: u128, webhook: u128, account: &AccountName) -> Place<'_> {
        Place::Webhook {
            row: Uuid::from_u128(row),
            webhook: WebhookId(Uuid::from_u128(webhook)),
            account,
        }
    }

    /// In the format of former releases.
    fn seal_by_row(key: u8, row: u128, secret: &SigningSecret, nonce: [u8; NONCE_BYTES]) -> Vec<u8> {
        let row = Uuid::from_u128(row);
        let payload = Payload {
            msg: secret.expose().as_bytes(),
            aad: row.as_bytes(),
        };
        let sealed = SecretKey::new(&[key; 32])
            .cipher
            .encrypt(&XNonce::from(nonce), payload)
            .unwrap();
        [&nonce[..], &sealed].concat()
    }

    #[test]
    fn a_secret_opens_in_its_own_place_only() {
        let keys = keys(1, &[]);
        let secret = SigningSecret::generate();
        let acme = "acme".parse().unwrap();
        let globex = "globex".parse().unwrap();
        let sealed = keys.seal(place(1, 2, &acme), &secret);
        let open = |place, ciphertext: &[u8]| keys.open(place, &sealed.key_id, ciphertext);
        assert_eq!(
            open(place(1, 2, &acme), &sealed.ciphertext).unwrap().expose(),
            secret.expose()
        );
        let test = Place::Test {
            row: Uuid::from_u128(1),
            account: &acme,
        };
        for elsewhere in [place(3, 2, &acme), place(1, 3, &acme), place(1, 2, &globex), test] {
            assert!(open(elsewhere, &sealed.ciphertext).is_err(), "{elsewhere:?}");
        }
        for length in 0..sealed.ciphertext.len() {
            assert!(open(place(1, 2, &acme), &sealed.ciphertext[..length]).is_err());
        }
        let mut changed = sealed.ciphertext.clone();
        *changed.last_mut().unwrap() ^= 1;
        assert!(open(place(1, 2, &acme), &changed).is_err());
    }

    #[test]
    fn what_a_former_release_encrypted_still_opens_and_is_to_be_encrypted_again() {
        let keys = keys(1, &[]);
        let secret = SigningSecret::generate();
        let acme = "acme".parse().unwrap();
        for first in [0, BOUND_TO_ITS_PLACE, 255] {
            let former = seal_by_row(1, 7, &secret, [first; NONCE_BYTES]);
            let (opened, again) = keys
                .open_as_kept(place(7, 2, &acme), &keys.current.id, &former)
                .unwrap();
            assert_eq!((opened.expose(), again), (secret.expose(), true));
        }
    }

    #[test]
    fn a_previous_key_still_opens_and_an_unknown_one_is_an_error() {
        let secret = SigningSecret::generate();
        let acme = "acme".parse().unwrap();
        let place = place(1, 2, &acme);
        let sealed = keys(1, &[]).seal(place, &secret);
        let kept = |keys: SecretKeys| {
            keys.open_as_kept(place, &sealed.key_id, &sealed.ciphertext)
                .map(|(_, again)| again)
        };
        assert!(!kept(keys(1, &[])).unwrap());
        assert!(kept(keys(2, &[1])).unwrap());
        assert!(kept(keys(2, &[])).is_err());
    }

    #[test]
    fn nothing_is_shown() {
        assert!(!format!("{:?}", keys(7, &[8])).contains('\u{7}'));
    }
}
