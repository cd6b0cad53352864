//! Issuers of SSO tokens, from files.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, SignatureAlgorithm};

use super::*;

const ISSUER: (&str, &str) = ("WEBHOOKS_SSO__ISSUER", "https://crm.example.com");

fn key(algorithm: &'static SignatureAlgorithm) -> KeyPair {
    KeyPair::generate_for(algorithm).unwrap()
}

fn path(file: &tempfile::NamedTempFile) -> &str {
    file.path().to_str().unwrap()
}

fn set(alg: &str) -> tempfile::NamedTempFile {
    let x = URL_SAFE_NO_PAD.encode(key(&PKCS_ED25519).public_key_raw());
    file(&format!(
        r#"{{"keys": [{{"kty": "OKP", "crv": "Ed25519", "kid": "a", "alg": "{alg}", "x": "{x}"}}]}}"#
    ))
}

fn problem(variables: &[(&str, &str)]) -> String {
    let error = load(variables).unwrap_err();
    assert_eq!(error.problems().len(), 1, "{error}");
    error.problems()[0].to_string()
}

#[test]
fn one_key_or_a_set_of_them() {
    assert!(load(&[]).unwrap().sso.provider.is_none());
    for algorithm in [&PKCS_ECDSA_P256_SHA256, &PKCS_ED25519] {
        let pem = file(&key(algorithm).public_key_pem());
        let provider = load(&[("WEBHOOKS_SSO__PUBLIC_KEY_FILE", path(&pem)), ISSUER])
            .unwrap()
            .sso
            .provider
            .unwrap();
        assert_eq!(
            (provider.issuer.as_str(), provider.audience.as_str()),
            (ISSUER.1, "webhooks")
        );
    }
    let set = set("EdDSA");
    let audience = ("WEBHOOKS_SSO__AUDIENCE", "crm-webhooks");
    let provider = load(&[("WEBHOOKS_SSO__JWKS_FILE", path(&set)), ISSUER, audience])
        .unwrap()
        .sso
        .provider
        .unwrap();
    assert_eq!(provider.audience, "crm-webhooks");
}

#[test]
fn keys_without_an_issuer_and_keys_twice() {
    let pem = file(&key(&PKCS_ED25519).public_key_pem());
    let set = set("EdDSA");
    let single = ("WEBHOOKS_SSO__PUBLIC_KEY_FILE", path(&pem));
    let several = ("WEBHOOKS_SSO__JWKS_FILE", path(&set));
    let both = "WEBHOOKS_SSO__JWKS_FILE is set, and so is sso.public_key_file: set only one of them";
    assert_eq!(problem(&[single, several, ISSUER]), both);
    assert_eq!(
        problem(&[single]),
        "WEBHOOKS_SSO__ISSUER is required when sso.public_key_file is set"
    );
    assert_eq!(
        problem(&[several]),
        "WEBHOOKS_SSO__ISSUER is required when sso.jwks_file is set"
    );
}

#[test]
fn keys_that_cannot_be_used() {
    let good = key(&PKCS_ED25519);
    let cases = [
        (
            key(&PKCS_ECDSA_P384_SHA384).public_key_pem(),
            "holds a key of an unsupported type (number 1)",
        ),
        (good.serialize_pem(), "holds no PUBLIC KEY in PEM form"),
        (good.public_key_pem().replace('A', "!"), "is not valid PEM"),
        (
            good.public_key_pem().repeat(2),
            "holds several keys: use sso.jwks_file for them",
        ),
    ];
    for (pem, reason) in cases {
        let pem = file(&pem);
        let problem = problem(&[("WEBHOOKS_SSO__PUBLIC_KEY_FILE", path(&pem)), ISSUER]);
        assert!(
            problem.starts_with("WEBHOOKS_SSO__PUBLIC_KEY_FILE names ") && problem.contains(reason),
            "{problem}"
        );
    }
    for alg in ["HS256", "none", "ES512"] {
        let problem = problem(&[("WEBHOOKS_SSO__JWKS_FILE", path(&set(alg))), ISSUER]);
        assert!(
            problem.contains("supported are RSA for RS256, P-256 for ES256 and Ed25519 for EdDSA"),
            "{problem}"
        );
    }
}
