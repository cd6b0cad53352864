//! What people fill in for a test, checked by the rules and with the sentences of the webhook's own form.

use domain::{AddressPolicy, EndpointUrl, EventType, SigningSecret, WebhookId};
use store::webhooks::Webhook;

use crate::field_error::FieldError;
use crate::input::{Input, check, check_secret, check_url};

/// The example of a form that names no type.
const USUAL_EVENT_TYPE: &str = "deal.won";

/// A test as somebody filled it in. Not `Debug`, for the secret's sake.
#[derive(Default)]
pub struct TestForm {
    /// Where to post; missing for a webhook as it is saved.
    pub url: Input<String>,
    /// What to sign with; may be missing.
    pub secret: Input<String>,
    /// Name of the type whose example is sent; may be missing.
    pub event_type: Input<String>,
    /// What was wrong before the values could be looked at.
    pub errors: Vec<FieldError>,
}

/// What is to be tested.
#[derive(Debug)]
pub(super) enum Wanted {
    /// A webhook as it is saved.
    Saved(WebhookId),
    /// What was filled in.
    Form {
        /// The webhook that it is an edit of.
        webhook: Option<WebhookId>,
        url: EndpointUrl,
        secret: Option<SigningSecret>,
    },
}

impl TestForm {
    /// Without a type, the example is of the webhook's first.
    ///
    /// # Errors
    /// Everything that is wrong, or missing.
    pub(super) fn check(
        self,
        policy: &AddressPolicy,
        webhook: Option<&Webhook>,
    ) -> Result<(Wanted, EventType), Vec<FieldError>> {
        let mut errors = self.errors;
        let url = if webhook.is_none() {
            self.url.or_empty()
        } else {
            self.url
        };
        let url = check(url, |text| check_url(&text, policy), &mut errors);
        let secret = check(self.secret, |text| check_secret(&text), &mut errors);
        let event_type = check(self.event_type, |name| check_event_type(&name), &mut errors);
        if !errors.is_empty() {
            return Err(errors);
        }
        let event_type = event_type.unwrap_or_else(|| usual_event_type(webhook));
        let wanted = match (url, webhook) {
            (None, None) => return Err(vec![FieldError::new("/url", "required", "Webhook URL is required")]),
            (None, Some(webhook)) => Wanted::Saved(webhook.id),
            (Some(url), Some(webhook)) if url.as_str() == webhook.url && secret.is_none() => Wanted::Saved(webhook.id),
            (Some(url), webhook) => Wanted::Form {
                webhook: webhook.map(|webhook| webhook.id),
                url,
                secret,
            },
        };
        Ok((wanted, event_type))
    }
}

fn check_event_type(name: &str) -> Result<EventType, Vec<FieldError>> {
    let unknown = || {
        vec![FieldError::new(
            "/event_type",
            "unknown_event_type",
            "There is no such event type",
        )]
    };
    EventType::parse(name).ok_or_else(unknown)
}

fn usual_event_type(webhook: Option<&Webhook>) -> EventType {
    let first = webhook.and_then(|webhook| webhook.event_types.iter().next());
    first.unwrap_or_else(|| EventType::parse(USUAL_EVENT_TYPE).expect("the catalogue has it"))
}

#[cfg(test)]
mod tests {
    use domain::{Conditions, EventTypeSet, WebhookHealth};
    use jiff::Timestamp;

    use super::*;

    const URL: &str = "https://erp.example.com/hook";

    fn given(text: &str) -> Input<String> {
        Input::Given(text.to_owned())
    }

    fn webhook() -> Webhook {
        let event_types: EventTypeSet = ["invoice.paid", "deal.lost"]
            .map(|name| EventType::parse(name).unwrap())
            .into_iter()
            .collect();
        Webhook {
            id: WebhookId(uuid::Uuid::from_u128(1)),
            account: "acme".parse().unwrap(),
            name: "ERP Sync".to_owned(),
            url: URL.to_owned(),
            description: String::new(),
            event_types,
            conditions: Conditions::default(),
            max_per_second: None,
            header_names: Vec::new(),
            health: WebhookHealth {
                consecutive_failures: 0,
                failed_attempts: 0,
                paused: None,
            },
            paused_at: None,
            held: 0,
            oldest_held_at: None,
            version: 1,
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn checked(form: TestForm, webhook: Option<&Webhook>) -> (Wanted, &'static str) {
        let (wanted, event_type) = form.check(&AddressPolicy::public_only(), webhook).unwrap();
        (wanted, event_type.name())
    }

    #[test]
    fn a_new_form_needs_a_url_and_nothing_else() {
        let (wanted, event_type) = checked(
            TestForm {
                url: given(URL),
                ..TestForm::default()
            },
            None,
        );
        assert!(matches!(
            wanted,
            Wanted::Form {
                webhook: None,
                secret: None,
                ..
            }
        ));
        assert_eq!(event_type, "deal.won");
        let empty = TestForm::default()
            .check(&AddressPolicy::public_only(), None)
            .unwrap_err();
        assert_eq!(
            (empty.len(), empty[0].pointer.as_str(), empty[0].code),
            (1, "/url", "required")
        );
    }

    #[test]
    fn a_saved_webhook_is_tested_as_it_is_unless_the_form_differs() {
        let saved = webhook();
        let first = saved.event_types.iter().next().unwrap().name();
        for url in [Input::Missing, given(URL), given("https://ERP.example.com:443/hook")] {
            let (wanted, event_type) = checked(
                TestForm {
                    url,
                    ..TestForm::default()
                },
                Some(&saved),
            );
            assert!(matches!(wanted, Wanted::Saved(id) if id == saved.id));
            assert_eq!(event_type, first);
        }
        let edited = TestForm {
            url: given("https://erp.example.com/new"),
            ..TestForm::default()
        };
        assert!(matches!(
            checked(edited, Some(&saved)).0,
            Wanted::Form {
                webhook: Some(_),
                secret: None,
                ..
            }
        ));
        let secret = TestForm {
            url: given(URL),
            secret: given("a secret of one's own"),
            ..TestForm::default()
        };
        assert!(matches!(
            checked(secret, Some(&saved)).0,
            Wanted::Form {
                webhook: Some(_),
                secret: Some(_),
                ..
            }
        ));
    }

    #[test]
    fn everything_wrong_is_named_at_once() {
        let form = TestForm {
            url: given("http://erp.example.com/"),
            secret: given("short"),
            event_type: given("deal.imagined"),
            errors: vec![FieldError::new("/name", "unknown_field", "Unknown field")],
        };
        let errors = form.check(&AddressPolicy::public_only(), None).unwrap_err();
        let pointers: Vec<_> = errors.iter().map(|error| error.pointer.as_str()).collect();
        assert_eq!(pointers, ["/name", "/url", "/secret", "/event_type"]);
        assert_eq!(errors[1].detail, "Webhook URL must use HTTPS");
    }
}
