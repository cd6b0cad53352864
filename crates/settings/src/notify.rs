//! `[notify]`: the mail server for notifications to administrators.

use domain::connection_url::redacted;
use url::Url;

use crate::parse::parsed;
use crate::reader::Reader;
use crate::smtp_server::SmtpServer;

const SMTP_URL: &str = "notify.smtp_url";
const MAIL_TO: &str = "notify.mail_to";
/// RFC 5321 section 4.5.3.1.3, without the angle brackets.
const MAX_ADDRESS: usize = 254;

/// Notifications by mail, in addition to the broker and the console.
#[derive(Clone, Debug)]
pub struct NotifySettings {
    /// Mail; `None` when no mail server is configured.
    pub mail: Option<MailSettings>,
}

/// Recipients and mail server.
#[derive(Clone, Debug)]
pub struct MailSettings {
    /// The mail server.
    pub server: SmtpServer,
    /// Recipients, at least one. Each is a plain address: `name@host`.
    pub to: Vec<String>,
    /// The sender's plain address.
    pub from: String,
}

impl NotifySettings {
    /// `public_url` provides the host of the default sender address.
    pub(crate) fn read(reader: &mut Reader, public_url: &Url) -> Self {
        let server = reader.optional_secret(SMTP_URL, parsed, redacted);
        let to = reader.list(MAIL_TO, &[], address);
        let from = reader.value("notify.mail_from", &usual_sender(public_url), address);
        if reader.sound(&[SMTP_URL, MAIL_TO]) {
            match (&server, to.is_empty()) {
                (Some(_), true) => reader.refuse(MAIL_TO, format!("is required when {SMTP_URL} is set")),
                (None, false) => reader.refuse(SMTP_URL, format!("is required when {MAIL_TO} is set")),
                (Some(_), false) | (None, true) => {}
            }
        }
        Self {
            mail: server.map(|server| MailSettings { server, to, from }),
        }
    }
}

/// Not every host of a URL is valid in a mail address; mail servers dislike IP addresses.
fn usual_sender(public_url: &Url) -> String {
    let domain = public_url.domain().unwrap_or("localhost");
    address(&format!("webhooks@{domain}")).unwrap_or_else(|_| "webhooks@localhost".to_owned())
}

/// A plain address. Characters that could end a header or begin another address are refused.
fn address(text: &str) -> Result<String, String> {
    let refusal = || {
        Err(format!(
            "must be mail addresses such as admin@example.com; {text:?} is not one"
        ))
    };
    let Some((name, host)) = text.rsplit_once('@') else {
        return refusal();
    };
    let in_name = |byte: u8| byte.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&byte);
    let in_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
    let plain = !name.is_empty() && name.bytes().all(in_name) && !host.is_empty() && host.bytes().all(in_host);
    let dots = [name, host]
        .iter()
        .any(|part| part.starts_with('.') || part.ends_with('.') || part.contains(".."));
    if plain && !dots && text.len() <= MAX_ADDRESS {
        Ok(text.to_owned())
    } else {
        refusal()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for good in ["a@b", "first.last+tag@mail.example.com", "a@127.0.0.1"] {
            assert_eq!(address(good), Ok(good.to_owned()));
        }
        let long = format!("{}@example.com", "a".repeat(MAX_ADDRESS));
        let bad = [
            "",
            "a",
            "@b",
            "a@",
            "a b@c",
            "a@b\r\nBcc: c@d",
            "<a@b>",
            "A <a@b>",
            "a@b,c@d",
            ".a@b",
            "a@b.",
            "ü@b",
            "a@[::1]",
            &long,
        ];
        for text in bad {
            assert!(address(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn mail_comes_from_the_public_host() {
        for (url, expected) in [
            ("https://crm.example.com", "webhooks@crm.example.com"),
            ("http://127.0.0.1:8080", "webhooks@localhost"),
            ("http://[::1]", "webhooks@localhost"),
            ("http://my_host!", "webhooks@localhost"),
        ] {
            assert_eq!(usual_sender(&Url::parse(url).unwrap()), expected);
        }
    }
}
