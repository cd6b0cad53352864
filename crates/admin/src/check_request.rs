//! Checks a request that a receiver got, for its developers: nothing is stored or sent.

use domain::check_request::{CheckedRequest, LoggedDelivery, PastedRequest, SignatureHeaders, check_request};
use domain::{AccountName, DeliveryId, WebhookId};
use store::bearer::Bearer;
use store::delivery_log::DeliveryDetail;
use tokio::task::spawn_blocking;

use crate::error::AdminError;
use crate::field_error::FieldError;
use crate::input::Input;
use crate::service::Admin;

/// Maximum bytes of the body: more is never sent.
pub const MAX_PASTED_BYTES: usize = 256 * 1024;
/// Maximum headers.
pub const MAX_PASTED_HEADERS: usize = 200;
/// Maximum bytes of the signature that the receiver computed.
const MAX_COMPUTED_BYTES: usize = 1024;

/// A request as somebody pasted it.
#[derive(Debug, Default)]
pub struct CheckForm {
    /// Its headers.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Input<Vec<u8>>,
    /// The signature that the receiver's own code computed.
    pub computed: Option<String>,
    /// What was wrong before the values could be looked at.
    pub errors: Vec<FieldError>,
}

impl CheckForm {
    /// # Errors
    /// Everything that is wrong.
    fn checked(self) -> Result<PastedRequest, Vec<FieldError>> {
        let mut errors = self.errors;
        let mut too_long = |pointer: &'static str, most: usize, unit: &str| {
            errors.push(FieldError::new(
                pointer,
                "too_long",
                format!("Must have at most {most} {unit}"),
            ));
        };
        if self.headers.len() > MAX_PASTED_HEADERS {
            too_long("/headers", MAX_PASTED_HEADERS, "headers");
        }
        if self
            .computed
            .as_ref()
            .is_some_and(|text| text.len() > MAX_COMPUTED_BYTES)
        {
            too_long("/computed", MAX_COMPUTED_BYTES, "bytes");
        }
        let body = match self.body {
            Input::Given(body) => body,
            Input::Missing => {
                errors.push(FieldError::new("/body", "required", "The field is required"));
                Vec::new()
            }
            Input::Malformed => Vec::new(),
        };
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(PastedRequest {
            headers: self.headers,
            body,
            computed: self.computed.filter(|computed| !computed.trim().is_empty()),
        })
    }
}

/// The headers in lines of `name: value`. Lines without a colon, as the request line, are left out.
pub fn header_lines(text: &str) -> Vec<(String, String)> {
    let pair = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.trim().to_owned(), value.trim().to_owned()))
    };
    text.lines().filter_map(pair).take(MAX_PASTED_HEADERS + 1).collect()
}

impl Admin {
    /// Checks a request by the webhook's secrets and the log.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], [`AdminError::Invalid`] and [`AdminError::RateLimited`].
    pub async fn check_request(
        &self,
        by: &Bearer,
        id: WebhookId,
        form: CheckForm,
    ) -> Result<CheckedRequest, AdminError> {
        let request = form.checked().map_err(AdminError::Invalid)?;
        self.check_limit.check(by.key()).map_err(AdminError::RateLimited)?;
        let secrets = self.database.all_secrets(&by.account, id).await?;
        if secrets.is_empty() {
            return Err(AdminError::NotFound);
        }
        let headers = match SignatureHeaders::read(&request.headers) {
            Ok(headers) => headers,
            Err(findings) => {
                return Ok(CheckedRequest {
                    genuine: false,
                    findings,
                });
            }
        };
        let logged = self.logged(&by.account, headers.id).await?;
        let name = self.name_of_other(&by.account, id, logged.as_ref()).await?;
        let now = self.database.clock().now();
        // Some hundred signatures of a large body take a tenth of a second.
        let check = move || {
            let headers = SignatureHeaders::read(&request.headers).expect("they were read before");
            let logged = match (&name, &logged) {
                (Some(name), _) => LoggedDelivery::OfOtherWebhook(name),
                (None, Some(logged)) => LoggedDelivery::Payload(&logged.payload),
                (None, None) => LoggedDelivery::Unknown,
            };
            check_request(&request, headers, &secrets, logged, now)
        };
        Ok(spawn_blocking(check).await.expect("the check does not panic"))
    }

    async fn logged(&self, account: &AccountName, id: &str) -> Result<Option<DeliveryDetail>, AdminError> {
        match id.parse::<DeliveryId>() {
            Ok(id) => Ok(self.database.delivery(account, id).await?),
            Err(_) => Ok(None),
        }
    }

    /// The name of the webhook, if the delivery is one of another webhook.
    async fn name_of_other(
        &self,
        account: &AccountName,
        id: WebhookId,
        logged: Option<&DeliveryDetail>,
    ) -> Result<Option<String>, AdminError> {
        match logged.map(|logged| logged.delivery.webhook) {
            Some(other) if other != id => {
                let webhook = self.database.webhook(account, other).await?;
                Ok(Some(
                    webhook.map_or_else(|| "deleted".to_owned(), |webhook| webhook.name),
                ))
            }
            _ => Ok(None),
        }
    }
}
