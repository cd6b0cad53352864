//! Showing and rotating a webhook's signing secret.

use domain::{AuditAction, SigningSecret, WebhookId};
use jiff::Timestamp;
use store::audit::Entry;
use store::bearer::Bearer;
use store::webhooks::Webhook;

use crate::error::AdminError;
use crate::field_error::FieldError;
use crate::input::{Input, new_secret};
use crate::service::{Admin, log_change};

/// The secret that somebody wants a webhook to have. Not `Debug`, for the secret's sake.
#[derive(Default)]
pub struct SecretForm {
    /// The secret; a generated one when it is missing.
    pub secret: Input<String>,
    /// What was wrong before the value could be looked at.
    pub errors: Vec<FieldError>,
}

impl SecretForm {
    /// # Errors
    /// Everything that is wrong.
    fn into_secret(self) -> Result<SigningSecret, Vec<FieldError>> {
        let mut errors = self.errors;
        match new_secret(self.secret, &mut errors) {
            Some(secret) if errors.is_empty() => Ok(secret),
            _ => Err(errors),
        }
    }
}

/// A secret that has been rotated.
pub struct Rotation {
    /// Its webhook.
    pub webhook: Webhook,
    /// The new secret.
    pub secret: SigningSecret,
    /// Until when the former one signs beside it.
    pub previous_expires_at: Timestamp,
}

impl Admin {
    /// The secret in use. It is shown only after the audit entry was written.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn reveal_secret(&self, by: &Bearer, id: WebhookId) -> Result<SigningSecret, AdminError> {
        let secret = self
            .database
            .current_secret(&by.account, id)
            .await?
            .ok_or(AdminError::NotFound)?;
        self.database
            .audit(Entry::new(by, id, AuditAction::SecretRevealed))
            .await?;
        tracing::info!(account = %by.account, by = %by.who, webhook_id = %id, "secret shown");
        Ok(secret)
    }

    /// Replaces the secret. The former one signs beside it for a day.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] and [`AdminError::Invalid`].
    pub async fn rotate_secret(&self, by: &Bearer, id: WebhookId, form: SecretForm) -> Result<Rotation, AdminError> {
        let secret = form.into_secret().map_err(AdminError::Invalid)?;
        let rotated = self.database.rotate_secret(by, id, &secret).await?;
        let (webhook, previous_expires_at) = rotated.ok_or(AdminError::NotFound)?;
        log_change(by, id, AuditAction::SecretRotated);
        Ok(Rotation {
            webhook,
            secret,
            previous_expires_at,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_is_left_out_is_generated() {
        let secret = SecretForm::default().into_secret().unwrap();
        assert!(secret.expose().starts_with("whsec_"));
    }

    #[test]
    fn a_malformed_secret_is_refused_and_not_replaced_by_a_generated_one() {
        let error = FieldError::new("/secret", "wrong_type", "Must be a string");
        let form = SecretForm {
            secret: Input::Malformed,
            errors: vec![error.clone()],
        };
        assert_eq!(form.into_secret().unwrap_err(), [error]);
        assert!(
            SecretForm {
                secret: Input::Malformed,
                errors: Vec::new()
            }
            .into_secret()
            .is_err()
        );
        let short = SecretForm {
            secret: Input::Given("short".to_owned()),
            errors: Vec::new(),
        };
        assert_eq!(short.into_secret().unwrap_err()[0].code, "secret_length");
    }
}
