use proptest::prelude::*;

use super::*;

fn whsec(bytes: usize) -> String {
    whsec_form(&vec![7; bytes])
}

#[track_caller]
fn rejects(error: SecretError, texts: &[&str]) {
    for text in texts {
        assert_eq!(SigningSecret::parse(text).err(), Some(error), "{text:?}");
    }
}

#[test]
fn a_whsec_secret_is_its_decoded_bytes() {
    for length in [24, 25, 32, 64] {
        let secret = SigningSecret::parse(&whsec(length)).unwrap();
        assert_eq!(*secret.key, vec![7; length]);
        assert_eq!(secret.expose(), whsec(length));
        assert_eq!(secret.whsec(), whsec(length));
    }
}

#[test]
fn a_custom_secret_is_its_own_bytes() {
    let secret = SigningSecret::parse("correct horse battery staple").unwrap();
    assert_eq!(*secret.key, b"correct horse battery staple");
    assert_eq!(secret.expose(), "correct horse battery staple");
    assert_eq!(secret.whsec(), "whsec_Y29ycmVjdCBob3JzZSBiYXR0ZXJ5IHN0YXBsZQ==");
    for text in [
        "x".repeat(16),
        "x".repeat(128),
        "WHSEC_ looks like one but is not".to_owned(),
        "!~!~!~!~!~!~!~!~".to_owned(),
    ] {
        assert_eq!(SigningSecret::parse(&text).unwrap().expose(), text);
    }
}

#[test]
fn whsec_that_does_not_decode_is_no_custom_secret() {
    rejects(
        SecretError::NotBase64,
        &[
            "whsec_this is long enough for a custom secret",
            "whsec_C2FVsBQIhrscChlQIMV-b5sSYspob7oD",
            "whsec_Y29ycmVjdCBob3JzZSBiYXR0ZXJ5IHN0YXBsZQ",
            "whsec_Y29ycmVjdCBob3JzZSBiYXR0ZXJ5IHN0YXBsZQ=",
            "whsec_Y29ycmVjdCBob3JzZSBiYXR0ZXJ5IHN0YXBsZR==",
            "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD ",
            "whsec_é",
        ],
    );
    rejects(
        SecretError::KeyLength,
        &[
            "whsec_",
            "whsec_AAAA",
            &whsec(16),
            &whsec(23),
            &whsec(65),
            &whsec(100_000),
        ],
    );
}

#[test]
fn what_is_no_custom_secret() {
    rejects(
        SecretError::Length,
        &["", "short", &"x".repeat(15), &"x".repeat(129), &"x".repeat(1_000_000)],
    );
    rejects(
        SecretError::Characters,
        &[
            "correct\thorse battery",
            "correct horse battery\n",
            "correct horse é battery",
            "correct\0horse battery",
            "correct\u{7f}horse battery",
        ],
    );
    rejects(
        SecretError::SurroundingSpace,
        &[
            " correct horse battery",
            "correct horse battery ",
            &format!(" {}", whsec(24)),
        ],
    );
}

#[test]
fn generated_secrets_have_32_bytes_and_differ() {
    let one = SigningSecret::generate();
    let other = SigningSecret::generate();
    assert_eq!(one.key.len(), 32);
    assert_ne!(one.expose(), other.expose());
    assert_eq!(SigningSecret::parse(one.expose()).unwrap().key, one.key);
}

#[test]
fn debug_is_redacted() {
    let secret = SigningSecret::parse("correct horse battery staple").unwrap();
    assert_eq!(
        format!("{secret:?} {:?}", secret.key()),
        "SigningSecret(redacted) SigningKey(redacted)"
    );
}

#[test]
fn codes_are_distinct() {
    use SecretError::*;
    let errors = [NotBase64, KeyLength, Length, Characters, SurroundingSpace];
    let codes: std::collections::HashSet<_> = errors.iter().map(|error| error.code()).collect();
    assert_eq!(codes.len(), errors.len());
}

proptest! {
    #[test]
    fn no_text_panics_and_what_is_accepted_is_kept(text: String, marked: bool) {
        let text = if marked { format!("{PREFIX}{text}") } else { text };
        if let Ok(secret) = SigningSecret::parse(&text) {
            prop_assert_eq!(secret.expose(), text);
        }
    }

    #[test]
    fn every_key_in_range_round_trips(key in proptest::collection::vec(any::<u8>(), 24..=64)) {
        let secret = SigningSecret::parse(&whsec_form(&key)).unwrap();
        prop_assert_eq!(&*secret.key, &key);
    }

    #[test]
    fn every_printable_text_in_range_is_a_secret(text in "[!-~][ -~]{14,126}[!-~]") {
        prop_assume!(!text.starts_with(PREFIX));
        prop_assert!(SigningSecret::parse(&text).is_ok());
    }
}
