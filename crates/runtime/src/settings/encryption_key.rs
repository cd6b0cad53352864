//! A 256-bit key for encryption at rest.

use std::fmt;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// The standard alphabet (RFC 4648 section 4); the one `=` at the end may be missing.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// 32 random bytes. Hidden in `Debug`, never shown, overwritten when dropped.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct EncryptionKey([u8; 32]);

impl EncryptionKey {
    /// The key's bytes, for the cipher only.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let refusal = "must be 32 bytes in base64; `openssl rand -base64 32` makes one";
        let bytes = Zeroizing::new(BASE64.decode(text).map_err(|_| refusal)?);
        let key = bytes.as_slice().try_into().map_err(|_| refusal)?;
        Ok(Self(key))
    }

    pub(super) fn hidden(&self) -> String {
        super::effective::HIDDEN.to_owned()
    }
}

impl fmt::Debug for EncryptionKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("EncryptionKey(hidden)")
    }
}
