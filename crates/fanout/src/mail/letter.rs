//! What a mail says. Names of webhooks are other people's text: they are brought onto one line before they go anywhere.

use anyhow::Context;
use domain::{NotificationKind, WebhookId};
use jiff::Timestamp;
use lettre::Message;
use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MessageBuilder};
use runtime::UsageError;
use runtime::settings::{HttpSettings, MailSettings};
use store::mail::{Mail, MailedWebhook};
use url::Url;

use super::server::Unsendable;

/// Longer lines are cut; no name of ours makes one.
const MAX_LINE: usize = 300;

/// Writes mails.
pub struct Letters {
    from: Mailbox,
    to: Vec<Mailbox>,
    /// What the path of a page is appended to.
    console: String,
}

/// RFC 3834: keeps automatic answers away.
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
    /// When an address cannot be used.
    pub fn new(mail: &MailSettings, http: &HttpSettings) -> anyhow::Result<Self> {
        let from = Mailbox { name: Some("EasyCRM Webhooks".to_owned()), ..mailbox(&mail.from, "NOTIFY__MAIL_FROM")? };
        let to = mail.to.iter().map(|to| mailbox(to, "NOTIFY__MAIL_TO")).collect::<anyhow::Result<_>>()?;
        let console = format!("{}{}", http.public_url.as_str().trim_end_matches('/'), http.base_path.prefix());
        Ok(Self { from, to, console })
    }

    /// The mail that tells of a notification. Every try writes the same, so that a repeat is recognised.
    ///
    /// # Errors
    /// [`Unsendable::Unwritable`], which no text of ours leads to.
    pub fn write(&self, mail: &Mail) -> Result<Message, Unsendable> {
        let told = &mail.notification;
        let headers = self.to.iter().cloned().fold(Message::builder(), MessageBuilder::to);
        headers
            .from(self.from.clone())
            .subject(one_line(&told.message))
            .date(told.created_at.into())
            .message_id(Some(format!("<{}@{}>", told.id, self.from.email.domain())))
            .header(AutoSubmitted)
            .header(ContentType::TEXT_PLAIN)
            .body(self.body(mail))
            .map_err(Unsendable::Unwritable)
    }

    fn body(&self, mail: &Mail) -> String {
        let told = &mail.notification;
        let mut text = vec![format!("{}.", one_line(&told.message))];
        match &mail.webhook {
            Some(webhook) => {
                text.push(self.about(webhook, told.webhook, told.created_at));
                text.extend(advice(told.kind).map(str::to_owned));
            }
            None => text.push("The webhook has been deleted since.".to_owned()),
        }
        text.join("\n\n") + "\n"
    }

    fn about(&self, webhook: &MailedWebhook, id: WebhookId, at: Timestamp) -> String {
        [
            format!("Webhook:          {}", one_line(&webhook.name)),
            format!("Endpoint's host:  {}", host(&webhook.url)),
            format!("Held deliveries:  {}", webhook.held),
            format!("When:             {}", at.strftime("%Y-%m-%d %H:%M:%S UTC")),
            format!("Open it:          {}/settings/integrations/webhooks/{id}", self.console),
        ]
        .join("\n")
    }
}

/// What to do about it, a paragraph each.
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
    let paragraphs: &[&str] = match kind {
        NotificationKind::AutoPaused => &[RESUME, CAUSES],
        NotificationKind::Failing => &[FAILING, CAUSES],
        NotificationKind::Recovered => &[RECOVERED],
    };
    paragraphs.iter().copied()
}

/// Never the path: receivers put keys into it.
fn host(url: &str) -> String {
    let url = Url::parse(url).ok();
    url.as_ref().and_then(Url::host_str).unwrap_or("unknown").to_owned()
}

/// Control characters, line separators and what turns the direction of text become spaces: nothing can begin a header
/// or a line of its own.
fn one_line(text: &str) -> String {
    let breaks = |character: char| {
        character.is_control()
            || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|character| if breaks(character) { ' ' } else { character }).take(MAX_LINE).collect()
}

/// Read back from a header, too: what can be written but not read again makes no mail.
fn mailbox(address: &str, variable: &str) -> anyhow::Result<Mailbox> {
    let unusable = || UsageError(format!("WEBHOOKS_{variable}: {address:?} cannot be used as a mail address"));
    let mailbox = address.parse().ok().map(|address| Mailbox::new(None, address));
    mailbox.filter(|mailbox| mailbox.to_string().parse::<Mailbox>().is_ok()).with_context(unusable)
}

#[cfg(test)]
mod tests;
