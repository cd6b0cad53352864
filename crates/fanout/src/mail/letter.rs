//! The text of a mail. Names of webhooks are untrusted text: they are reduced to one line before use.

use anyhow::Context;
use domain::NotificationKind;
use lettre::Message;
use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MessageBuilder};
use runtime::UsageError;
use settings::{HttpSettings, MailSettings};
use store::mail::{Mail, MailedWebhook};
use store::notifications::Notification;
use url::Url;

use super::server::Unsendable;

/// Longer lines are cut; our own texts are shorter.
const MAX_LINE: usize = 300;

/// Writes mails.
pub struct Letters {
    from: Mailbox,
    to: Vec<Mailbox>,
    /// URL prefix of the console's pages.
    console: String,
}

/// RFC 3834: suppresses automatic replies.
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

impl Letters {
    /// Mails as configured.
    ///
    /// # Errors
    /// When an address is invalid.
    pub fn new(mail: &MailSettings, http: &HttpSettings) -> anyhow::Result<Self> {
        let from = Mailbox {
            name: Some("EasyCRM Webhooks".to_owned()),
            ..mailbox(&mail.from, "NOTIFY__MAIL_FROM")?
        };
        let to = mail
            .to
            .iter()
            .map(|to| mailbox(to, "NOTIFY__MAIL_TO"))
            .collect::<anyhow::Result<_>>()?;
        let console = format!(
            "{}{}",
            http.public_url.as_str().trim_end_matches('/'),
            http.base_path.prefix()
        );
        Ok(Self { from, to, console })
    }

    /// The mail for a notification. Every attempt writes the same text, so that a duplicate is recognisable.
    ///
    /// # Errors
    /// [`Unsendable::Unwritable`], which none of our texts causes.
    pub fn write(&self, mail: &Mail) -> Result<Message, Unsendable> {
        let notification = &mail.notification;
        let headers = self.to.iter().cloned().fold(Message::builder(), MessageBuilder::to);
        headers
            .from(self.from.clone())
            .subject(one_line(&notification.message))
            .date(notification.created_at.into())
            .message_id(Some(format!("<{}@{}>", notification.id, self.from.email.domain())))
            .header(AutoSubmitted)
            .header(ContentType::TEXT_PLAIN)
            .body(self.body(mail))
            .map_err(Unsendable::Unwritable)
    }

    fn body(&self, mail: &Mail) -> String {
        let notification = &mail.notification;
        let mut text = vec![format!("{}.", one_line(&notification.message))];
        match &mail.webhook {
            Some(webhook) => {
                text.push(self.about(webhook, notification));
                text.extend(earlier(&mail.earlier));
                text.extend(advice(notification.kind).map(str::to_owned));
            }
            None => text.push(format!(
                "The webhook has been deleted since. It was of the account {}.",
                notification.account
            )),
        }
        text.extend(others(mail));
        text.join("\n\n") + "\n"
    }

    fn about(&self, webhook: &MailedWebhook, notification: &Notification) -> String {
        [
            format!("Account:          {}", notification.account),
            format!("Webhook:          {}", one_line(&webhook.name)),
            format!("Endpoint's host:  {}", host(&webhook.url)),
            format!("Held deliveries:  {}", webhook.held),
            format!(
                "When:             {}",
                notification.created_at.strftime("%Y-%m-%d %H:%M:%S UTC")
            ),
            format!(
                "Open it:          {}/settings/integrations/webhooks/{}",
                self.console, notification.webhook
            ),
        ]
        .join("\n")
    }
}

/// Earlier notifications, omitted by the limit of one mail an hour.
fn earlier(kinds: &[(NotificationKind, i64)]) -> Option<String> {
    let times = |(kind, times): &(NotificationKind, i64)| match kind {
        NotificationKind::Failing => format!("failing {times} ×"),
        NotificationKind::AutoPaused => format!("paused {times} ×"),
        NotificationKind::Recovered => format!("recovered {times} ×"),
        NotificationKind::HeldExpiring => format!("held deliveries about to expire {times} ×"),
        NotificationKind::HeldExpired => format!("held deliveries expired {times} ×"),
    };
    let all = kinds.iter().map(times).collect::<Vec<_>>().join(", ");
    (!kinds.is_empty()).then(|| format!("Since the last mail about it, before this: {all}."))
}

/// Other webhooks, omitted by the account's limit.
fn others(mail: &Mail) -> Option<String> {
    let account = &mail.notification.account;
    let changed = match mail.others {
        0 => return None,
        1 => format!("Another webhook of the account {account} changed in the last 24 hours, too"),
        others => format!("{others} other webhooks of the account {account} changed in the last 24 hours, too"),
    };
    Some(format!(
        "{changed};\nnot everything is mailed. The console shows all of it."
    ))
}

/// Advice, one paragraph each.
fn advice(kind: NotificationKind) -> impl Iterator<Item = &'static str> {
    const CAUSES: &str = "Usual causes: the endpoint is down or has moved, its certificate has expired,\n\
        a firewall refuses us, or the receiver no longer accepts the signature. The\n\
        delivery log shows what each attempt was answered.";
    const RESUME: &str = "While it is paused nothing is sent; new events are held. Once the endpoint\n\
        works again, use Test, then Resume: what is held is then sent, oldest first.\n\
        What failed before can be sent again from the log.";
    const FAILING: &str = "Deliveries go on for now. If they keep failing the webhook may be paused;\n\
        what comes then is held until Resume.";
    const RECOVERED: &str = "Nothing has to be done. What failed meanwhile can be sent again from the\n\
        delivery log.";
    const EXPIRY: &str = "The delivery log keeps deliveries for a number of days, those that are held,\n\
        too. What has expired is deleted and cannot be sent any more.";
    let paragraphs: &[&str] = match kind {
        NotificationKind::AutoPaused => &[RESUME, CAUSES],
        NotificationKind::Failing => &[FAILING, CAUSES],
        NotificationKind::Recovered => &[RECOVERED],
        NotificationKind::HeldExpiring => &[RESUME, EXPIRY],
        NotificationKind::HeldExpired => &[EXPIRY, RESUME],
    };
    paragraphs.iter().copied()
}

/// Never the path: receivers put keys into it.
fn host(url: &str) -> String {
    let url = Url::parse(url).ok();
    url.as_ref().and_then(Url::host_str).unwrap_or("unknown").to_owned()
}

/// Replaces control characters, line separators and direction marks by spaces, so that no text can begin a header or a
/// line.
fn one_line(text: &str) -> String {
    let breaks = |character: char| {
        character.is_control()
            || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
    };
    text.chars()
        .map(|character| if breaks(character) { ' ' } else { character })
        .take(MAX_LINE)
        .collect()
}

/// Also parses the written address: one that can be written but not parsed is refused.
fn mailbox(address: &str, variable: &str) -> anyhow::Result<Mailbox> {
    let unusable = || {
        UsageError(format!(
            "WEBHOOKS_{variable}: {address:?} cannot be used as a mail address"
        ))
    };
    let mailbox = address.parse().ok().map(|address| Mailbox::new(None, address));
    mailbox
        .filter(|mailbox| mailbox.to_string().parse::<Mailbox>().is_ok())
        .with_context(unusable)
}

#[cfg(test)]
mod tests;
