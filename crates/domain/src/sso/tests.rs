//! Valid and invalid SSO tokens and keys, at a fixed time.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};

use super::*;
use crate::Role;

/// 2026-11-23T06:00:00Z.
const NOW: i64 = 1_795_413_600;
const ISSUER: &str = "https://crm.example.com";

/// A token valid until five minutes after [`NOW`], and the key that signed it: RSA, made with OpenSSL once.
const RSA_TICKET: &str = "eyJhbGciOiJSUzI1NiIsImtpZCI6ImNybS0xIiwidHlwIjoiSldUIn0.eyJpc3MiOiJodHRwczovL2NybS5leGFtcGxlLmNvbSIs\
    ImF1ZCI6IndlYmhvb2tzIiwic3ViIjoiYWxpY2UiLCJhY2NvdW50IjoiYWNtZSIsInJvbGUiOiJhZG1pbiIsImp0aSI6IjEiLCJl\
    eHAiOjE3OTU0MTM5MDB9.2NOX8X-9sIEV1bPMrW-peRg2b7-gXwla9F20jKWoDeD2Ax4gh1BC9TiBKsjzU7z-sggmGrQdsSCwbVk\
    fyzy91tY7MrhWmZ-DLIxzdtrHbko_8VioyYPf49fbwPAJG4b5rbo7aF6i8uZwu9XEAuVaD_aWcYPpSrdF99-OgtD1skl1xHeRe4S\
    YJw3DvNiA6IetWKF0bUBchRPegFlEzUEZojFlVfMIS0KwNXZX0Hzcze25EPppkIFNBX09xk5FBsjlsVKsecwtBKFb76L_yHVcyBh\
    O1TOY4Q4DmPRsVDIg5OQnZ1_lufhGQNcnqrD0AoXhzpae2XoW5TTWOTIf0EJ3FQ";
const RSA_SPKI: &str = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA382ncG0WlvgklOBm8v/+2f/yH1M3qh0WIncNdbW7eBCtrK3A7+wO8v/3\
    CaenS7QXkXpI1DCK2xmIbb61A97jSPREf0cVc3CPQ8KuDFi/T6olxOM6Xk3gHc74tpNYvwZRw2BC/nmj00iQKZfEeHZ+TkN93xs2\
    U8sTHfYaYMDeGJBA9TcFenkvqLaUdyt9Ua5eHDcM1Oz5D+nay2ywtagbKnOJF+UXLNHswUOLf2VaqiLuF8/ZXoMVlUX3Yf9x94gi\
    aI3MTGuGTLgTon4g4k2U9cbbxA0mqN1HJkBb9BdVBD8YHVkU/hqwaeir7chXwEAXUM3x4AmF+dTukT6ueqDLjwIDAQAB";
/// RSA of 1024 bits, and P-384.
const WEAK_SPKI: &str = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDYOmgcWBze7BB4SqbxXKXLpE8Yxx/+eCEJQi0l7d7qR+T2Is976/vXi+SSkwPe\
    V7WgtguHgMR96EyLFyBPkDnUfmY0V0wDX8KTbAPmbJwbIbps6+CkcwlhP8bpGPsqZUIDgTEJ9KPfcdSIxDRKv8HXll344LCYEj+S\
    gkXpPiTDlQIDAQAB";
const P384_SPKI: &str = "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEIyvZcuhNqv5CPpGOPJvf/cvOfyo4X3XM33I+Vl7iJSPfGKgmt5WArL5KOTJmO71BiekF\
    vUrwX/o89YLr2C0i7SUkTfbQ60W5trl8Fbf6VGp9eFZVkptaiKCrvA4KQ0NY";

/// Signs as a CRM does.
enum Signer {
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Signer {
    fn p256() -> Self {
        let random = SystemRandom::new();
        let scheme = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(scheme, &random).unwrap();
        Self::P256(EcdsaKeyPair::from_pkcs8(scheme, pkcs8.as_ref(), &random).unwrap())
    }

    fn ed25519() -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self::Ed25519(Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap())
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::P256(_) => "ES256",
            Self::Ed25519(_) => "EdDSA",
        }
    }

    fn jwk(&self, kid: &str) -> Value {
        match self {
            Self::P256(key) => {
                let (x, y) = key.public_key().as_ref()[1..].split_at(32);
                json!({"kty": "EC", "crv": "P-256", "kid": kid, "x": encode(x), "y": encode(y)})
            }
            Self::Ed25519(key) => {
                let x = encode(key.public_key().as_ref());
                json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "use": "sig", "alg": "EdDSA", "x": x})
            }
        }
    }

    fn sign(&self, header: &Value, claims: &str) -> String {
        let signed = format!("{}.{}", encode(header.to_string()), encode(claims));
        let signature = match self {
            Self::P256(key) => encode(key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap()),
            Self::Ed25519(key) => encode(key.sign(signed.as_bytes())),
        };
        format!("{signed}.{signature}")
    }

    fn token(&self, claims: &Value) -> String {
        self.sign(&json!({"alg": self.algorithm()}), &claims.to_string())
    }
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

fn provider(keys: KeySet) -> IdentityProvider {
    IdentityProvider {
        keys,
        issuer: ISSUER.to_owned(),
        audience: "webhooks".to_owned(),
    }
}

fn jwks(keys: &[Value]) -> Result<KeySet, KeyError> {
    KeySet::from_jwks(json!({"keys": keys}).to_string().as_bytes())
}

fn spki(base64: &str) -> Result<KeySet, KeyError> {
    KeySet::from_spki(&STANDARD.decode(base64).unwrap())
}

fn claims() -> Value {
    json!({"iss": ISSUER, "aud": "webhooks", "sub": "alice", "account": "acme", "role": "viewer", "jti": "1",
        "exp": NOW + 60, "nbf": NOW, "iat": NOW})
}

/// The claims with one of them changed, or left out.
fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    match value {
        Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
        value => claims[name] = value,
    }
    claims
}

#[test]
fn a_good_ticket_says_who_it_is() {
    for signer in [Signer::p256(), Signer::ed25519()] {
        let token = provider(jwks(&[signer.jwk("a")]).unwrap())
            .check(&signer.token(&claims()), now())
            .unwrap();
        assert_eq!((token.id.as_str(), token.subject.as_str()), ("1", "alice"));
        assert_eq!((token.account.as_str(), token.role), ("acme", Role::Viewer));
        assert_eq!(token.dead_since.as_second(), NOW + 60 + 30);
    }
}

#[test]
fn a_ticket_of_another_maker_is_good_too() {
    let token = provider(spki(RSA_SPKI).unwrap()).check(RSA_TICKET, now()).unwrap();
    assert_eq!((token.subject.as_str(), token.role), ("alice", Role::Admin));
    let changed = RSA_TICKET.replace(".eyJ", ".eyK");
    assert_eq!(
        provider(spki(RSA_SPKI).unwrap()).check(&changed, now()),
        Err(Refusal::Signature)
    );
}

#[test]
fn claims_that_do_not_hold() {
    let signer = Signer::p256();
    let provider = provider(jwks(&[signer.jwk("a")]).unwrap());
    let check = |claims: &Value| provider.check(&signer.token(claims), now()).map(drop);
    let cases = [
        ("iss", json!("https://evil.example"), Err(Refusal::Issuer)),
        ("iss", Value::Null, Err(Refusal::Issuer)),
        ("aud", json!("others"), Err(Refusal::Audience)),
        ("aud", Value::Null, Err(Refusal::Audience)),
        ("aud", json!(["others", "webhooks"]), Ok(())),
        ("exp", Value::Null, Err(Refusal::Claim("exp"))),
        ("exp", json!(NOW - 29), Ok(())),
        ("exp", json!(NOW - 30), Err(Refusal::Expired)),
        ("exp", json!(NOW + 330), Ok(())),
        ("exp", json!(NOW + 331), Err(Refusal::TooLong)),
        ("exp", json!(1e300), Err(Refusal::TooLong)),
        ("exp", json!(-1e300), Err(Refusal::Expired)),
        ("exp", json!((NOW + 60).to_string()), Err(Refusal::Malformed)),
        ("nbf", json!(NOW + 30), Ok(())),
        ("nbf", json!(NOW + 31), Err(Refusal::NotYet)),
        ("nbf", json!("soon"), Err(Refusal::Malformed)),
        ("iat", json!(NOW + 31), Err(Refusal::NotYet)),
        ("iat", Value::Null, Ok(())),
        ("jti", Value::Null, Err(Refusal::Claim("jti"))),
        ("jti", json!(""), Err(Refusal::Claim("jti"))),
        ("sub", Value::Null, Err(Refusal::Claim("sub"))),
        ("sub", json!("a\u{0}b"), Err(Refusal::Claim("sub"))),
        ("sub", json!("a".repeat(256)), Err(Refusal::Claim("sub"))),
        ("account", json!("a b"), Err(Refusal::Claim("account"))),
        ("role", json!("owner"), Err(Refusal::Claim("role"))),
        ("role", Value::Null, Err(Refusal::Claim("role"))),
    ];
    for (name, value, expected) in cases {
        assert_eq!(check(&with(name, value.clone())), expected, "{name} {value}");
    }
    let twice = claims().to_string().replace("\"role\"", "\"role\":\"admin\",\"role\"");
    let twice = signer.sign(&json!({"alg": "ES256"}), &twice);
    assert_eq!(provider.check(&twice, now()), Err(Refusal::Malformed));
}

#[test]
fn envelopes_that_are_not_opened() {
    let signer = Signer::p256();
    let other = Signer::p256();
    let provider = provider(jwks(&[signer.jwk("a"), other.jwk("b")]).unwrap());
    let good = json!({"alg": "ES256", "kid": "a", "typ": "jwt"});
    let text = claims().to_string();
    let check = |token: &str| provider.check(token, now()).map(drop);
    assert_eq!(check(&signer.sign(&good, &text)), Ok(()));
    let cases = [
        (json!({"alg": "ES256", "kid": "b"}), Refusal::Signature),
        (json!({"alg": "ES256", "kid": "c"}), Refusal::UnknownKey),
        (json!({"alg": "ES256"}), Refusal::UnknownKey),
        (json!({"alg": "EdDSA", "kid": "a"}), Refusal::Algorithm),
        (json!({"alg": "none", "kid": "a"}), Refusal::Algorithm),
        (json!({"alg": "es256", "kid": "a"}), Refusal::Algorithm),
        (
            json!({"alg": "ES256", "kid": "a", "crit": ["b64"], "b64": false}),
            Refusal::Malformed,
        ),
        (json!({"alg": "ES256", "kid": "a", "typ": "at+jwt"}), Refusal::Malformed),
        (json!({"kid": "a"}), Refusal::Malformed),
        (json!("ES256"), Refusal::Malformed),
    ];
    for (header, expected) in cases {
        assert_eq!(check(&signer.sign(&header, &text)), Err(expected), "{header}");
    }
    let token = signer.sign(&good, &text);
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let hostile = [
        "",
        ".",
        "..",
        "a.b.c",
        signed,
        &format!("{token}."),
        &format!("{token}.{signature}"),
        &format!("{token}="),
    ];
    for hostile in hostile
        .iter()
        .copied()
        .chain([format!("{signed}.").as_str(), &"a.".repeat(9000)])
    {
        assert!(
            matches!(check(hostile), Err(Refusal::Malformed | Refusal::Signature)),
            "{hostile}"
        );
    }
    assert_eq!(check(&format!("{signed}.")), Err(Refusal::Signature));
}

#[test]
fn a_public_key_is_no_shared_secret() {
    use hmac::{Hmac, KeyInit, Mac};
    let signed = format!(
        "{}.{}",
        encode(r#"{"alg":"HS256"}"#),
        encode(with("exp", json!(NOW + 60)).to_string())
    );
    for secret in [STANDARD.decode(RSA_SPKI).unwrap(), RSA_SPKI.as_bytes().to_vec()] {
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&secret).unwrap();
        mac.update(signed.as_bytes());
        let token = format!("{signed}.{}", encode(mac.finalize().into_bytes()));
        assert_eq!(
            provider(spki(RSA_SPKI).unwrap()).check(&token, now()),
            Err(Refusal::Algorithm)
        );
    }
}

#[test]
fn keys_that_are_not_taken() {
    let key = Signer::ed25519().jwk("a");
    let other = Signer::p256();
    let changed = |name: &str, value: Value| {
        let mut key = key.clone();
        key[name] = value;
        key
    };
    let mut nameless = other.jwk("b");
    nameless.as_object_mut().unwrap().remove("kid");
    let cases = [
        (vec![], KeyError::Empty),
        (vec![json!(1)], KeyError::NoSet),
        (vec![key.clone(), changed("d", json!("x"))], KeyError::Private(2)),
        (vec![changed("use", json!("enc"))], KeyError::NotForSignatures(1)),
        (vec![changed("alg", json!("ES512"))], KeyError::Kind(1)),
        (vec![changed("alg", json!("HS256"))], KeyError::Kind(1)),
        (vec![changed("crv", json!("Ed448"))], KeyError::Kind(1)),
        (vec![json!({"kty": "oct", "k": "AAAA"})], KeyError::Kind(1)),
        (vec![changed("x", json!("AAAA"))], KeyError::Malformed(1)),
        (vec![changed("x", json!("not base64"))], KeyError::Malformed(1)),
        (
            vec![json!({"kty": "RSA", "n": encode([0xff; 128]), "e": "AQAB"})],
            KeyError::Length(1),
        ),
        (
            vec![json!({"kty": "RSA", "n": encode([0xff; 256]), "e": "AQ"})],
            KeyError::Malformed(1),
        ),
        (vec![key.clone(), other.jwk("a")], KeyError::Names),
        (vec![key.clone(), nameless], KeyError::Names),
    ];
    for (keys, expected) in cases {
        assert_eq!(jwks(&keys).map(drop), Err(expected));
    }
    assert!(matches!(KeySet::from_jwks(b"{}"), Err(KeyError::NoSet)));
    assert!(matches!(spki(WEAK_SPKI), Err(KeyError::Length(1))));
    assert!(matches!(spki(P384_SPKI), Err(KeyError::Kind(1))));
}

#[test]
fn a_key_that_cannot_be_used_does_not_keep_the_others_from_being_used() {
    let signer = Signer::p256();
    let p384 = json!({"kty": "EC", "crv": "P-384", "kid": "b", "x": encode([1; 48]), "y": encode([2; 48])});
    let mut encrypting = Signer::p256().jwk("c");
    encrypting["use"] = json!("enc");
    let weak = json!({"kty": "RSA", "kid": "d", "n": encode([0xff; 128]), "e": "AQAB"});
    let mut nameless = encrypting.clone();
    nameless.as_object_mut().unwrap().remove("kid");
    let keys = jwks(&[p384, signer.jwk("a"), encrypting, weak, nameless]).unwrap();
    let ignored = [
        KeyError::Kind(1),
        KeyError::NotForSignatures(3),
        KeyError::Length(4),
        KeyError::NotForSignatures(5),
    ];
    assert_eq!(keys.ignored(), ignored);
    assert!(provider(keys).check(&signer.token(&claims()), now()).is_ok());
}

#[test]
fn a_ticket_names_the_key_that_signed_it_whatever_the_key_is_called() {
    let signer = Signer::p256();
    let other = Signer::ed25519();
    let both = provider(jwks(&[signer.jwk("a"), other.jwk("b")]).unwrap());
    let token = signer.sign(&json!({"alg": "ES256", "kid": "a"}), &claims().to_string());
    let voucher = both.check(&token, now()).unwrap().voucher;
    assert_eq!((both.vouchers().len(), &both.vouchers()[0]), (2, &voucher));
    let renamed = provider(jwks(&[signer.jwk("z")]).unwrap());
    assert_eq!(renamed.vouchers(), std::slice::from_ref(&voucher));
    // Another key under the same name is another key.
    let replaced = provider(jwks(&[Signer::p256().jwk("a")]).unwrap());
    assert!(!replaced.vouchers().contains(&voucher));
}

#[test]
fn no_bytes_are_a_key_by_accident() {
    let der = STANDARD.decode(RSA_SPKI).unwrap();
    for end in 0..der.len() {
        assert!(KeySet::from_spki(&der[..end]).is_err(), "{end}");
    }
    assert!(KeySet::from_spki(&[&der[..], &[0]].concat()).is_err());
}
