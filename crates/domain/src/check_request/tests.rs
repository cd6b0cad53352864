use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::*;
use crate::secret::SigningSecret;
use crate::signature::sign;

const ID: &str = "msg_0123456789abcdef0123456789abcdef";
const NOW: i64 = 1_767_225_600;
const BODY: &str = r#"{"type":"deal.won","data":{"name":"Zoë","amount":"12000.00"}}"#;
const WHSEC: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const CUSTOM: &str = "correct horse battery staple";

fn secret(text: &str) -> SigningSecret {
    SigningSecret::parse(text).unwrap()
}

fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

fn current(text: &str) -> Vec<KnownSecret> {
    vec![KnownSecret {
        secret: secret(text),
        expires_at: None,
    }]
}

fn request(signed_with: &str, timestamp: i64, body: &str) -> PastedRequest {
    let signature = sign(&[secret(signed_with).key()], ID, timestamp, body.as_bytes());
    let headers = [
        ("Webhook-Id", ID.to_owned()),
        ("Webhook-Timestamp", timestamp.to_string()),
        ("Webhook-Signature", signature),
    ];
    PastedRequest {
        headers: headers.map(|(name, value)| (name.to_owned(), value)).to_vec(),
        body: body.as_bytes().to_vec(),
        computed: None,
    }
}

fn check(request: &PastedRequest, secrets: &[KnownSecret], logged: LoggedDelivery<'_>) -> CheckedRequest {
    let headers = SignatureHeaders::read(&request.headers).unwrap();
    check_request(request, headers, secrets, logged, now())
}

fn codes(checked: &CheckedRequest) -> Vec<&'static str> {
    checked.findings.iter().map(|finding| finding.code.into()).collect()
}

const SENT: LoggedDelivery<'static> = LoggedDelivery::Payload(BODY.as_bytes());

#[test]
fn a_request_as_it_was_sent_is_genuine() {
    for text in [WHSEC, CUSTOM] {
        let checked = check(&request(text, NOW, BODY), &current(text), SENT);
        assert_eq!((checked.genuine, codes(&checked)), (true, vec!["ok"]));
    }
}

#[test]
fn missing_renamed_and_malformed_headers_are_named() {
    let mut pasted = request(WHSEC, NOW, BODY);
    pasted.headers[0].0 = "HTTP_WEBHOOK_ID".to_owned();
    pasted.headers.remove(2);
    let findings = SignatureHeaders::read(&pasted.headers).unwrap_err();
    assert_eq!(findings.len(), 2, "{findings:?}");
    assert!(findings[0].detail.contains("HTTP_WEBHOOK_ID"), "{}", findings[0].detail);
    let mut pasted = request(WHSEC, NOW, BODY);
    pasted.headers[1].1 = "yesterday".to_owned();
    let findings = SignatureHeaders::read(&pasted.headers).unwrap_err();
    assert_eq!(findings[0].code, FindingCode::MissingHeader);
}

#[test]
fn another_id_an_old_timestamp_and_another_secret_are_found() {
    let pasted = request(WHSEC, NOW - 432, BODY);
    let checked = check(&pasted, &current(WHSEC), SENT);
    assert_eq!((checked.genuine, codes(&checked)), (true, vec!["clock_skew"]));
    assert!(checked.findings[0].detail.contains("7 min 12 s ago"), "{checked:?}");
    let checked = check(&request(WHSEC, i64::MIN, BODY), &current(WHSEC), SENT);
    assert_eq!(codes(&checked), ["clock_skew"]);

    let pasted = request(WHSEC, NOW, BODY);
    let checked = check(&pasted, &current(CUSTOM), LoggedDelivery::OfOtherWebhook("Billing"));
    assert_eq!((checked.genuine, codes(&checked)), (false, vec!["other_webhook"]));
    let checked = check(&pasted, &current(CUSTOM), LoggedDelivery::Unknown);
    assert_eq!(
        (checked.genuine, codes(&checked)),
        (false, vec!["unknown_id", "no_match"])
    );
}

#[test]
fn a_body_that_was_changed_is_compared_with_the_log() {
    let cases = [
        (format!("\u{feff}{BODY}"), 0, "byte order mark"),
        (format!("{BODY}\n"), BODY.len(), "line break"),
        (BODY[..20].to_owned(), 20, "ends after 20 of"),
        (String::new(), 0, "is empty"),
        (BODY.replace("\":", "\": "), 8, "same JSON"),
        (BODY.replace('ë', "\\u00eb"), BODY.find('ë').unwrap(), "same JSON"),
        (
            BODY.replace("won", "lost"),
            BODY.find("won").unwrap(),
            "differs from byte",
        ),
    ];
    for (body, at, words) in cases {
        let pasted = PastedRequest {
            body: body.clone().into_bytes(),
            ..request(WHSEC, NOW, BODY)
        };
        let checked = check(&pasted, &current(WHSEC), SENT);
        assert_eq!(
            (checked.genuine, codes(&checked)),
            (false, vec!["body_differs"]),
            "{body}"
        );
        assert_eq!(checked.findings[0].at, Some(at), "{body}");
        assert!(checked.findings[0].detail.contains(words), "{checked:?}");
    }
}

#[test]
fn former_secrets_are_known_while_they_are_kept() {
    let pasted = request(CUSTOM, NOW, BODY);
    let mut secrets = current(WHSEC);
    secrets.push(KnownSecret {
        secret: secret(CUSTOM),
        expires_at: Some(Timestamp::from_second(NOW + 10).unwrap()),
    });
    let checked = check(&pasted, &secrets, SENT);
    assert_eq!((checked.genuine, codes(&checked)), (true, vec!["ok"]));
    secrets[1].expires_at = Some(Timestamp::from_second(NOW - 3 * 3600).unwrap());
    let checked = check(&pasted, &secrets, SENT);
    assert_eq!((checked.genuine, codes(&checked)), (false, vec!["former_secret"]));
    assert!(checked.findings[0].detail.contains("3 h ago"), "{checked:?}");
    let computed = PastedRequest {
        computed: Some(sign(&[secret(CUSTOM).key()], ID, NOW, BODY.as_bytes())),
        ..request(WHSEC, NOW, BODY)
    };
    let checked = check(&computed, &secrets, SENT);
    assert_eq!((checked.genuine, codes(&checked)), (true, vec!["former_secret"]));
}

fn mac(key: &[u8], message: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_mistake_of_a_receivers_code_is_named() {
    let key = STANDARD.decode(&WHSEC["whsec_".len()..]).unwrap();
    let message = format!("{ID}.{NOW}.{BODY}");
    let right = mac(&key, &message);
    let base64 = |bytes: &[u8]| STANDARD.encode(bytes);
    let with_body = |body: &str| base64(&mac(&key, &format!("{ID}.{NOW}.{body}")));
    let cases: Vec<(String, Vec<&str>)> = vec![
        (base64(&right), vec!["ok"]),
        (format!("v1,{}", base64(&right)), vec!["ok"]),
        (format!("\"v1,{}\"", base64(&right)), vec!["ok"]),
        (format!("v1,{} v1,{}", base64(&[0; 32]), base64(&right)), vec!["ok"]),
        (base64(&mac(WHSEC.as_bytes(), &message)), vec!["wrong_key_form"]),
        (
            base64(&mac(&WHSEC.as_bytes()["whsec_".len()..], &message)),
            vec!["wrong_key_form"],
        ),
        (base64(&mac(&key, BODY)), vec!["wrong_message_form"]),
        (base64(&mac(&key, &format!("{NOW}.{BODY}"))), vec!["wrong_message_form"]),
        (
            with_body(
                &BODY
                    .replace("\":", "\": ")
                    .replace(",\"", ", \"")
                    .replace('ë', "\\u00eb"),
            ),
            vec!["wrong_message_form"],
        ),
        (with_body(&format!("{BODY}\n")), vec!["wrong_message_form"]),
        (hex(&right), vec!["wrong_encoding"]),
        (format!("sha256={}", hex(&right).to_uppercase()), vec!["wrong_encoding"]),
        (URL_SAFE_NO_PAD.encode(&right), vec!["wrong_encoding"]),
        (base64(hex(&right).as_bytes()), vec!["wrong_encoding"]),
        (
            hex(&mac(WHSEC.as_bytes(), BODY)),
            vec!["wrong_key_form", "wrong_message_form", "wrong_encoding"],
        ),
        (base64(&[0; 32]), vec!["no_match"]),
        (base64(&[0; 20]), vec!["no_match"]),
        ("?".to_owned(), vec!["no_match"]),
        (String::new(), vec!["no_match"]),
    ];
    for (computed, expected) in cases {
        let pasted = PastedRequest {
            computed: Some(computed.clone()),
            ..request(WHSEC, NOW, BODY)
        };
        let checked = check(&pasted, &current(WHSEC), SENT);
        assert_eq!(codes(&checked), expected, "{computed}: {checked:?}");
        assert!(checked.genuine);
        let text = format!("{checked:?}");
        assert!(!text.contains(&base64(&right)) && !text.contains(&WHSEC[6..]), "{text}");
    }
}

#[test]
fn the_computed_signature_may_be_of_the_body_that_was_sent() {
    let pasted = PastedRequest {
        body: format!("{BODY}\n").into_bytes(),
        computed: Some(sign(&[secret(WHSEC).key()], ID, NOW, BODY.as_bytes())),
        ..request(WHSEC, NOW, BODY)
    };
    assert_eq!(codes(&check(&pasted, &current(WHSEC), SENT)), ["body_differs"]);
}

#[test]
fn a_custom_secret_that_is_decoded_from_base64_is_the_wrong_key() {
    let text = "c2l4dGVlbiBsZXR0ZXJzIQ==";
    let key = STANDARD.decode(text).unwrap();
    let pasted = PastedRequest {
        computed: Some(STANDARD.encode(mac(&key, &format!("{ID}.{NOW}.{BODY}")))),
        ..request(text, NOW, BODY)
    };
    assert_eq!(codes(&check(&pasted, &current(text), SENT)), ["wrong_key_form"]);
}
