//! A secret's text appears nowhere: not in printed settings, not in `Debug`, not in errors.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;

const CANARY: &str = "CANARY";

fn assert_hidden(text: &str) {
    assert!(!text.contains(CANARY), "{text}");
}

#[test]
fn good_secrets_are_shown_nowhere() {
    // 43 characters and the padding; the canary is part of the base64 text.
    let key = format!("{CANARY}{}=", "A".repeat(37));
    let settings = load(&[
        ("WEBHOOKS_AMQP__URL", "amqp://user:CANARY@rabbitmq:5672/%2f"),
        (
            "WEBHOOKS_DATABASE__URL",
            "postgres://user:CANARY@postgres/crm?password=CANARY&sslmode=require",
        ),
        ("WEBHOOKS_NOTIFY__SMTP_URL", "smtp://user:CANARY@mail:587"),
        ("WEBHOOKS_NOTIFY__MAIL_TO", "admin@example.com"),
        ("WEBHOOKS_SECRETS__KEY", &key),
        ("WEBHOOKS_SECRETS__PREVIOUS_KEYS", &format!("{key},{key}")),
    ])
    .unwrap();
    let shown = settings.redacted();
    assert_hidden(&shown);
    assert_hidden(&format!("{settings:?} {settings:#?}"));
    let bytes = format!("{:?}", STANDARD.decode(&key).unwrap());
    assert!(!format!("{settings:?}").contains(&bytes));
    assert!(
        shown.contains("url = \"amqp://user:***@rabbitmq:5672/%2f\"  # WEBHOOKS_AMQP__URL\n"),
        "{shown}"
    );
    assert!(
        shown.contains("url = \"postgres://user:***@postgres/crm?***&sslmode=require\""),
        "{shown}"
    );
    assert!(
        shown.contains("smtp_url = \"smtp://user:***@mail:587\"  # WEBHOOKS_NOTIFY__SMTP_URL\n"),
        "{shown}"
    );
    assert!(
        shown.contains("key = \"(hidden)\"  # WEBHOOKS_SECRETS__KEY\n"),
        "{shown}"
    );
    assert!(
        shown.contains("previous_keys = [\"(hidden)\", \"(hidden)\"]"),
        "{shown}"
    );
}

#[test]
fn bad_secrets_are_not_repeated() {
    let secret = file("CANARY\n");
    let path = secret.path().to_str().unwrap();
    for name in [
        "AMQP__URL",
        "DATABASE__URL",
        "NOTIFY__SMTP_URL",
        "SECRETS__KEY",
        "SECRETS__PREVIOUS_KEYS",
    ] {
        let variable = format!("WEBHOOKS_{name}");
        let twin = format!("{variable}_FILE");
        let rest: Vec<_> = REQUIRED.into_iter().filter(|(name, _)| *name != variable).collect();
        for given in [
            (variable.as_str(), CANARY),
            (&variable, "CANARY://CANARY:CANARY@CANARY"),
            (&variable, "amqp://CANARY:CANARY@host:CANARY/"),
            (&variable, "amqp://CANARY:CANARY@host/CAN ARY"),
            (&twin, path),
        ] {
            let error = load_with(None, &[&rest[..], &[given]].concat()).unwrap_err();
            assert_hidden(&format!("{error} {error:?}"));
            assert!(error.to_string().contains(&variable), "{error}");
        }
    }
}

#[test]
fn passwords_in_other_addresses_are_not_repeated() {
    for name in ["WEBHOOKS_EGRESS__PROXY", "WEBHOOKS_HTTP__PUBLIC_URL"] {
        for value in [
            "http://user:CANARY@proxy:3128",
            "CANARY",
            "http://user:CANARY@proxy:bad",
            "user:CANARY@proxy",
        ] {
            let error = load(&[(name, value)]).unwrap_err();
            assert_hidden(&format!("{error} {error:?}"));
        }
    }
}

#[test]
fn a_broken_file_is_not_quoted() {
    for text in [
        "[amqp]\nurl = \"amqp://user:CANARY@host",
        "[amqp]\nurl = CANARY",
        "[secrets]\nkey = \"\\CANARY\"",
        "[secrets]\nkey = 99999999999999999999CANARY",
        "CANARY",
        "[amqp]\nurl = \"CANARY\"\nurl = \"CANARY\"",
        "[secrets]\nprevious_keys = [\"CANARY\", [\"CANARY\"]]",
    ] {
        let error = load_file(text).unwrap_err();
        assert_hidden(&format!("{error} {error:?}"));
    }
}

#[test]
fn what_is_printed_is_toml_that_changes_nothing() {
    let settings = load(&[
        ("WEBHOOKS_RETRY__DELAYS", "1s,2s"),
        ("WEBHOOKS_SENDER__CONCURRENCY", "7"),
    ])
    .unwrap();
    // The real secrets come from the environment again.
    let again = load_file(&settings.redacted()).unwrap();
    assert_eq!(again.retry, settings.retry);
    assert_eq!(again.sender.concurrency, settings.sender.concurrency);
}
