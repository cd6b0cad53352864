use std::time::{SystemTime, UNIX_EPOCH};

use proptest::prelude::*;

use super::*;
use crate::secret::SigningSecret;

const ID: &str = "msg_0123456789abcdef0123456789abcdef";
const ACCENTS: &str = r#"{"type":"deal.won","data":{"name":"Zoë — 東京"}}"#;

fn key(secret: &str) -> SigningKey {
    SigningSecret::parse(secret).unwrap().key()
}

/// The implementation that receivers use.
fn receiver(secret: &str) -> standardwebhooks::Webhook {
    standardwebhooks::Webhook::new(&SigningSecret::parse(secret).unwrap().whsec()).unwrap()
}

/// The example of the Standard Webhooks specification.
#[test]
fn golden_example_of_the_specification() {
    let key = key("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD");
    let body = br#"{"email":"test@example.com","username":"test_user"}"#;
    let header = sign(&[key], "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", 1_649_367_553, body);
    assert_eq!(header, "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=");
}

/// Computed with Python's `hmac`.
#[test]
fn golden_custom_secret_and_accents() {
    let header = sign(
        &[key("correct horse battery staple")],
        ID,
        1_767_225_600,
        ACCENTS.as_bytes(),
    );
    assert_eq!(header, "v1,X8/neFzdRJXEQd8ce6yUn4vLNm/el5tq0hMIf9w4kYY=");
}

/// Computed with Python's `hmac`: a key longer than a block of SHA-256, a body that is no text.
#[test]
fn golden_long_key_and_binary_body() {
    let body: Vec<u8> = (0..=255).collect();
    let header = sign(&[key(&"k".repeat(128))], ID, -1, &body);
    assert_eq!(header, "v1,G7SR5VQUpDnTu6Eb7kEhhBjmzAUMo+wfkfQCu8y+lZU=");
}

#[test]
fn signs_as_receivers_libraries_do() {
    for (secret, body) in [
        ("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", ""),
        ("correct horse battery staple", ACCENTS),
        ("sixteen letters!", "\u{0}\u{10FFFF}"),
    ] {
        let ours = sign(&[key(secret)], ID, 1_767_225_600, body.as_bytes());
        assert_eq!(ours, receiver(secret).sign(ID, 1_767_225_600, body.as_bytes()).unwrap());
    }
}

#[test]
fn receivers_accept_either_key_during_a_rotation() {
    let secrets = ["correct horse battery staple", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"];
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
    let header = sign(&secrets.map(key), ID, now, ACCENTS.as_bytes());
    assert_eq!(header.split(' ').count(), 2);

    let mut headers = http::HeaderMap::new();
    headers.insert("webhook-id", ID.parse().unwrap());
    headers.insert("webhook-timestamp", now.to_string().parse().unwrap());
    headers.insert("webhook-signature", header.parse().unwrap());
    for secret in secrets {
        receiver(secret).verify(ACCENTS.as_bytes(), &headers).unwrap();
        assert!(verify(&key(secret), ID, now, ACCENTS.as_bytes(), &header));
    }
    assert!(
        receiver("another secret of ours")
            .verify(ACCENTS.as_bytes(), &headers)
            .is_err()
    );
    assert!(!verify(
        &key("another secret of ours"),
        ID,
        now,
        ACCENTS.as_bytes(),
        &header
    ));
}

/// The state of HMAC is two states of the hash, which are wiped only with the feature `zeroize` of `sha2`.
#[test]
fn the_state_of_a_key_is_wiped_on_drop() {
    fn assert_wiped<T: zeroize::ZeroizeOnDrop>() {}
    assert_wiped::<Sha256>();
}

#[test]
fn without_a_key_there_is_no_signature() {
    assert_eq!(sign(&[], ID, 0, b"{}"), "");
    assert!(!verify(&key("correct horse battery staple"), ID, 0, b"{}", ""));
}

#[test]
fn every_part_is_signed() {
    let key = key("correct horse battery staple");
    let header = sign(std::slice::from_ref(&key), ID, 100, b"{}");
    assert!(verify(&key, ID, 100, b"{}", &header));
    assert!(!verify(&key, "msg_other", 100, b"{}", &header));
    assert!(!verify(&key, ID, 101, b"{}", &header));
    assert!(!verify(&key, ID, 100, b"{} ", &header));
}

#[test]
fn other_and_malformed_signatures_are_passed_over() {
    let key = key("correct horse battery staple");
    let good = sign(std::slice::from_ref(&key), ID, 100, b"{}");
    let verify = |header: &str| verify(&key, ID, 100, b"{}", header);
    assert!(verify(&format!("v1a,abc v2,def  {good}")));
    assert!(verify(&format!("{good} v1,AAAA")));
    for bad in [
        good.replace("v1,", "v2,"),
        good.replace("v1,", ""),
        good.replace("v1,", "v1 "),
        good.trim_end_matches('=').to_owned(),
        format!("{good}="),
        good.to_uppercase(),
        good.replace(',', ", "),
    ] {
        assert!(!verify(&bad), "{bad}");
    }
}

proptest! {
    #[test]
    fn what_is_signed_verifies(secret in "[!-~]{16,128}", id in "[!-~]{0,40}", timestamp: i64, body: Vec<u8>) {
        prop_assume!(!secret.starts_with("whsec_"));
        let key = key(&secret);
        prop_assert!(verify(&key, &id, timestamp, &body, &sign(std::slice::from_ref(&key), &id, timestamp, &body)));
    }

    #[test]
    fn no_header_panics(header: String) {
        let verified = verify(&key("correct horse battery staple"), ID, 0, b"{}", &header);
        prop_assert!(!verified);
    }
}
