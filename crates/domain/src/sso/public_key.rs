//! A verification key, of one of three kinds. Each kind has one algorithm, so that no token can choose another.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use sha2::{Digest, Sha256};

/// Signature algorithms of SSO tokens (RFC 7518 §3.1, RFC 8037 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    Rs256,
    Es256,
    EdDsa,
}

impl Algorithm {
    pub(super) fn of_name(name: &str) -> Option<Self> {
        match name {
            "RS256" => Some(Self::Rs256),
            "ES256" => Some(Self::Es256),
            "EdDSA" => Some(Self::EdDsa),
            _ => None,
        }
    }
}

/// Why bytes are not a usable key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    /// Does not follow its standard.
    Malformed,
    /// Of an unsupported kind.
    Kind,
    /// RSA, too short or too long.
    Length,
}

/// RSA moduli that are accepted, in bytes: 2048 to 8192 bits.
const MODULUS_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

#[derive(Debug, Clone)]
pub(super) enum PublicKey {
    /// Modulus and exponent, big-endian, without leading zeros.
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
    /// A point of P-256: 4, x, y.
    P256([u8; 65]),
    /// RFC 8032.
    Ed25519([u8; 32]),
}

impl PublicKey {
    pub(super) fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<Self, Flaw> {
        let modulus = without_zeros(modulus);
        let exponent = without_zeros(exponent);
        let is_odd = |number: &[u8]| number.last().is_some_and(|last| last % 2 == 1);
        if !is_odd(&modulus) || !is_odd(&exponent) || exponent == [1] {
            return Err(Flaw::Malformed);
        }
        // Longer exponents are not used in practice, and slow; ring accepts up to 33 bits.
        if !MODULUS_BYTES.contains(&modulus.len()) || exponent.len() > 4 {
            return Err(Flaw::Length);
        }
        Ok(Self::Rsa { modulus, exponent })
    }

    pub(super) fn p256(x: &[u8], y: &[u8]) -> Result<Self, Flaw> {
        Self::p256_point(&[&[4], x, y].concat())
    }

    fn p256_point(point: &[u8]) -> Result<Self, Flaw> {
        let point: [u8; 65] = point.try_into().map_err(|_| Flaw::Malformed)?;
        if point[0] == 4 {
            Ok(Self::P256(point))
        } else {
            Err(Flaw::Malformed)
        }
    }

    pub(super) fn ed25519(key: &[u8]) -> Result<Self, Flaw> {
        key.try_into().map(Self::Ed25519).map_err(|_| Flaw::Malformed)
    }

    /// The key in a `SubjectPublicKeyInfo` (RFC 5280 §4.1.2.7).
    pub(super) fn from_spki(der: &[u8]) -> Result<Self, Flaw> {
        let (info, []) = element(der, SEQUENCE)? else {
            return Err(Flaw::Malformed);
        };
        let (algorithm, key) = element(info, SEQUENCE)?;
        let (key, []) = element(key, BIT_STRING)? else {
            return Err(Flaw::Malformed);
        };
        // The first byte is the number of unused bits: none.
        let key = key.strip_prefix(&[0]).ok_or(Flaw::Malformed)?;
        match algorithm {
            RSA_ENCRYPTION => {
                let (numbers, []) = element(key, SEQUENCE)? else {
                    return Err(Flaw::Malformed);
                };
                let (modulus, exponent) = element(numbers, INTEGER)?;
                let (exponent, []) = element(exponent, INTEGER)? else {
                    return Err(Flaw::Malformed);
                };
                Self::rsa(modulus, exponent)
            }
            EC_P256 => Self::p256_point(key),
            ID_ED25519 => Self::ed25519(key),
            _ => Err(Flaw::Kind),
        }
    }

    /// The only algorithm of this key.
    pub(super) fn algorithm(&self) -> Algorithm {
        match self {
            Self::Rsa { .. } => Algorithm::Rs256,
            Self::P256(_) => Algorithm::Es256,
            Self::Ed25519(_) => Algorithm::EdDsa,
        }
    }

    /// Half a SHA-256 of the key: enough to identify it, also in a log.
    pub(super) fn fingerprint(&self) -> String {
        let (kind, parts): (&str, [&[u8]; 2]) = match self {
            Self::Rsa { modulus, exponent } => ("RSA", [modulus, exponent]),
            Self::P256(point) => ("P-256", [point, &[]]),
            Self::Ed25519(key) => ("Ed25519", [key, &[]]),
        };
        let hash = Sha256::new()
            .chain_update(kind)
            .chain_update([0])
            .chain_update(parts[0])
            .chain_update(parts[1]);
        URL_SAFE_NO_PAD.encode(&hash.finalize()[..16])
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let verified = match self {
            Self::Rsa { modulus, exponent } => RsaPublicKeyComponents {
                n: modulus,
                e: exponent,
            }
            .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature),
            Self::P256(point) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature),
            Self::Ed25519(key) => UnparsedPublicKey::new(&ED25519, key).verify(message, signature),
        };
        verified.is_ok()
    }
}

fn without_zeros(number: &[u8]) -> Vec<u8> {
    number.iter().copied().skip_while(|byte| *byte == 0).collect()
}

/// Tags of DER (X.690).
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const SEQUENCE: u8 = 0x30;

/// `rsaEncryption` with its NULL (RFC 3279 §2.3.1).
const RSA_ENCRYPTION: &[u8] = &[
    0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
];
/// `id-ecPublicKey` on `secp256r1` (RFC 5480 §2.1.1).
const EC_P256: &[u8] = &[
    0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07,
];
/// `id-Ed25519` (RFC 8410 §3).
const ID_ED25519: &[u8] = &[0x06, 0x03, 0x2b, 0x65, 0x70];

/// The content of the leading element of `der`, which must have this tag, and the bytes after it.
fn element(der: &[u8], tag: u8) -> Result<(&[u8], &[u8]), Flaw> {
    let (length, rest) = match der {
        [first, length @ ..=0x7f, rest @ ..] if *first == tag => (usize::from(*length), rest),
        [first, 0x81, length, rest @ ..] if *first == tag => (usize::from(*length), rest),
        [first, 0x82, high, low, rest @ ..] if *first == tag => (usize::from(u16::from_be_bytes([*high, *low])), rest),
        _ => return Err(Flaw::Malformed),
    };
    rest.split_at_checked(length).ok_or(Flaw::Malformed)
}
