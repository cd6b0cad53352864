//! The code that receivers are shown works, as far as it can be run wherever the tests are.

use std::process::Command;

use domain::{DeliveryId, SigningSecret, sign};
use jiff::Timestamp;

#[path = "../../../../pages/samples/verify.rs"]
mod sample;

const BODY: &[u8] = b"{\"type\":\"deal.won\",\"data\":{\"name\":\"\xc3\xa9\"}}";

/// A signed request, as its receiver sees it.
struct Signed {
    id: String,
    stamp: String,
    signatures: String,
}

fn signed(secret: &str, age_seconds: i64) -> Signed {
    let (secret, id) = (
        SigningSecret::parse(secret).unwrap(),
        DeliveryId::from_bytes([7; 16]).to_string(),
    );
    let at = Timestamp::now().as_second() - age_seconds;
    let signature = sign(&[secret.key()], &id, at, BODY);
    // During a rotation there are two; another version of signatures may come.
    Signed {
        id,
        stamp: at.to_string(),
        signatures: format!("v1a,AAAA v1,AAAA {signature}"),
    }
}

/// What each sample has to tell apart: the secret that the receiver has, the request, the body, and the verdict.
fn cases() -> Vec<(String, Signed, &'static [u8], bool)> {
    let generated = SigningSecret::generate().expose().to_owned();
    let own = "a secret of our own making".to_owned();
    let case = |secret: &str, age, body, expected| (secret.to_owned(), signed(secret, age), body, expected);
    vec![
        case(&generated, 0, BODY, true),
        case(&own, 0, BODY, true),
        case(&generated, 0, b"{}", false),
        case(&generated, 3600, BODY, false),
        case(&generated, -3600, BODY, false),
        (own, signed(&generated, 0), BODY, false),
    ]
}

#[test]
fn rust() {
    for (number, (secret, request, body, expected)) in cases().into_iter().enumerate() {
        let verified = sample::verify(&secret, &request.id, &request.stamp, &request.signatures, body);
        assert_eq!(verified, expected, "{number}");
    }
}

#[test]
fn python() {
    const CALL: &str = "
import sys
secret, id, stamp, signatures, body = sys.argv[1:]
headers = {'webhook-id': id, 'webhook-timestamp': stamp, 'webhook-signature': signatures}
print(verify(secret, headers, body.encode()))";
    let program = format!("{}{CALL}", include_str!("../../../../pages/samples/verify.py"));
    for (number, (secret, request, body, expected)) in cases().into_iter().enumerate() {
        let body = std::str::from_utf8(body).unwrap();
        let output = Command::new("python3")
            .args([
                "-c",
                &program,
                &secret,
                &request.id,
                &request.stamp,
                &request.signatures,
                body,
            ])
            .output()
            .expect("python3 is there, as CONTRIBUTING.md asks");
        let expected = if expected { "True\n" } else { "False\n" };
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            expected,
            "{number}: {output:?}"
        );
    }
}

/// What comes from strangers, or through a proxy that drops headers, is not genuine; it is no error either.
#[test]
fn python_refuses_what_is_no_signed_request() {
    const CALL: &str = "
now = str(int(time.time()))
whole = {'webhook-id': 'msg_1', 'webhook-timestamp': now, 'webhook-signature': 'v1,AAAA'}
cases = [{}, {'webhook-timestamp': now}]
cases += [{k: v for k, v in whole.items() if k != name} for name in whole]
cases += [{**whole, name: text} for name in whole for text in [None, '', 'é', '\\udcff', '9' * 400, '-1', '1e9', '²']]
for case in cases:
    assert verify('a secret of our own making', case, b'{}') is False, case
print(len(cases))";
    let program = format!("{}{CALL}", include_str!("../../../../pages/samples/verify.py"));
    let output = Command::new("python3")
        .args(["-c", &program])
        .output()
        .expect("python3 is there");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "29\n", "{output:?}");
}
