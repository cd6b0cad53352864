use domain::{AccountName, WebhookId};
use runtime::Program;
use settings::Settings;
use store::notifications::Notification;
use uuid::Uuid;

use super::*;

const ID: Uuid = Uuid::from_bytes([7; 16]);

fn letters() -> Letters {
    let settings = [
        ("AMQP__URL", "amqp://h"),
        ("DATABASE__URL", "postgres://h/db"),
        ("SECRETS__KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="),
        ("HTTP__PUBLIC_URL", "https://crm.example.com"),
        ("HTTP__BASE_PATH", "/apps/hooks"),
        ("NOTIFY__SMTP_URL", "smtp://mail"),
        ("NOTIFY__MAIL_TO", "a@example.com,b@example.com"),
    ];
    let settings = settings.map(|(name, value)| (format!("WEBHOOKS_{name}"), value.to_owned()));
    let settings = Settings::load_from(Program::Fanout, None, settings).unwrap();
    Letters::new(settings.notify.mail.as_ref().unwrap(), &settings.http).unwrap()
}

fn mail(kind: NotificationKind, name: &str) -> Mail {
    let account: AccountName = "acme".parse().unwrap();
    let notification = Notification {
        id: ID,
        account,
        webhook: WebhookId(ID),
        kind,
        message: format!("Webhook '{name}' has been paused due to repeated failures"),
        created_at: "2026-11-23T06:00:00Z".parse().unwrap(),
        read_at: None,
    };
    let url = "https://erp.example.com:8443/hook?key=CANARY".to_owned();
    let webhook = Some(MailedWebhook {
        name: name.to_owned(),
        url,
        held: 42,
    });
    Mail {
        notification,
        webhook,
        earlier: Vec::new(),
        others: 0,
        tries: 1,
    }
}

/// The sent text without the soft line breaks of RFC 2045 section 6.7.
fn written(mail: &Mail) -> String {
    String::from_utf8(letters().write(mail).unwrap().formatted())
        .unwrap()
        .replace("=\r\n", "")
}

#[test]
fn a_mail_says_what_happened_to_which_webhook_and_what_to_do() {
    let mail = written(&mail(NotificationKind::AutoPaused, "ERP Sync"));
    for expected in [
        "From: \"EasyCRM Webhooks\" <webhooks@crm.example.com>\r\n",
        "To: a@example.com, b@example.com\r\n",
        "Subject: Webhook 'ERP Sync' has been paused due to repeated failures\r\n",
        "Date: Mon, 23 Nov 2026 06:00:00 +0000\r\n",
        "Message-ID: <07070707-0707-0707-0707-070707070707@crm.example.com>\r\n",
        "Auto-Submitted: auto-generated\r\n",
        "Content-Type: text/plain; charset=utf-8\r\n",
        "\r\n\r\nWebhook 'ERP Sync' has been paused due to repeated failures.\r\n",
        "Account:          acme\r\n",
        "ERP Sync\r\n",
        "erp.example.com\r\n",
        "42\r\n",
        "https://crm.example.com/apps/hooks/settings/integrations/webhooks/07070707-0707-0707-0707-070707070707\r\n",
        "then Resume",
        "Usual causes",
    ] {
        assert!(mail.contains(expected), "{expected:?} is missing in {mail}");
    }
    assert!(!mail.contains("CANARY") && !mail.contains("8443"), "{mail}");
}

#[test]
fn one_mail_an_hour_counts_what_it_leaves_out() {
    let earlier = vec![(NotificationKind::Failing, 6), (NotificationKind::Recovered, 5)];
    let mail = |others| Mail {
        earlier: earlier.clone(),
        others,
        ..mail(NotificationKind::Failing, "ERP Sync")
    };
    let text = written(&mail(0)).replace("=C3=97", "×");
    assert!(
        text.contains("Since the last mail about it, before this: failing 6 ×, recovered 5 ×."),
        "{text}"
    );
    assert!(!text.contains("other webhook"));
    assert!(written(&mail(1)).contains("Another webhook of the account acme changed"));
    assert!(written(&mail(7)).contains("7 other webhooks of the account acme changed"));
}

#[test]
fn a_name_in_any_script_is_written() {
    let mail = written(&mail(NotificationKind::AutoPaused, "Zürich → 東京"));
    assert!(
        mail.is_ascii() && mail.contains("Subject: ") && mail.contains("Z=C3=BCrich"),
        "{mail}"
    );
}

#[test]
fn a_recovery_asks_for_nothing() {
    let mail = written(&mail(NotificationKind::Recovered, "ERP Sync"));
    assert!(
        mail.contains("Nothing has to be done") && !mail.contains("Usual causes"),
        "{mail}"
    );
}

#[test]
fn a_deleted_webhook_is_not_linked() {
    let mail = written(&Mail {
        webhook: None,
        ..mail(NotificationKind::AutoPaused, "ERP Sync")
    });
    assert!(mail.contains("deleted") && !mail.contains("/settings/"), "{mail}");
}

#[test]
fn a_name_begins_no_header_and_no_line() {
    let breaks = ["\r\n", "\n", "\r", "\u{85}", "\u{2028}", "\r\n\r\n"];
    for line_break in breaks {
        let mail = written(&mail(
            NotificationKind::Failing,
            &format!("ERP{line_break}Bcc: evil@example.com"),
        ));
        assert!(mail.lines().all(|line| !line.trim_start().starts_with("Bcc")), "{mail}");
        assert_eq!(
            mail.matches("\r\n\r\n").count(),
            mail.replace("Bcc", "").matches("\r\n\r\n").count()
        );
        assert!(mail.contains("Subject: Webhook 'ERP"), "{mail}");
    }
    assert_eq!(one_line("a\u{202E}b\u{0}c\td"), "a b c d");
    assert_eq!(one_line(&"x".repeat(1000)).len(), MAX_LINE);
}
