//! Adding, editing, pausing, resuming and deleting webhooks.

use domain::{AuditAction, SigningSecret, WebhookId};
use store::bearer::Bearer;
use store::webhooks::{Creation, Edit, EditOutcome, Webhook};

use crate::error::AdminError;
use crate::service::{Admin, log_change};
use crate::webhook_form::WebhookForm;

impl Admin {
    /// Adds a webhook.
    ///
    /// # Errors
    /// [`AdminError::Invalid`] and [`AdminError::WebhookLimit`].
    pub async fn create_webhook(&self, by: &Bearer, form: WebhookForm) -> Result<(Webhook, SigningSecret), AdminError> {
        self.create_webhook_as(by, WebhookId::generate(), form).await
    }

    /// Adds a webhook with an id chosen beforehand. If it was added before, it stays as it is, and so does its secret,
    /// which is then not the one returned.
    ///
    /// # Errors
    /// As [`Admin::create_webhook`].
    pub async fn create_webhook_as(
        &self,
        by: &Bearer,
        id: WebhookId,
        form: WebhookForm,
    ) -> Result<(Webhook, SigningSecret), AdminError> {
        let new = form.into_new(&self.address_policy).map_err(AdminError::Invalid)?;
        let at_most = self.webhooks_per_account;
        let webhook = match self.database.create_webhook_as(by, id, &new, at_most).await? {
            Creation::Created(webhook) => {
                log_change(by, webhook.id, AuditAction::Created);
                webhook
            }
            Creation::Existed(webhook) => webhook,
            Creation::LimitReached => return Err(AdminError::WebhookLimit(at_most)),
        };
        Ok((webhook, new.secret))
    }

    /// Edits a webhook; with `if_version`, only if it still has that version.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] and [`AdminError::VersionChanged`].
    pub async fn edit_webhook(
        &self,
        by: &Bearer,
        id: WebhookId,
        edit: &Edit,
        if_version: Option<i64>,
    ) -> Result<Webhook, AdminError> {
        let edited = done(self.database.edit_webhook(by, id, edit, if_version).await?)?;
        log_change(by, id, AuditAction::Edited);
        Ok(edited)
    }

    /// Deletes a webhook with its secrets; with `if_version`, only if it still has that version.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] and [`AdminError::VersionChanged`].
    pub async fn delete_webhook(&self, by: &Bearer, id: WebhookId, if_version: Option<i64>) -> Result<(), AdminError> {
        done(self.database.delete_webhook(by, id, if_version).await?)?;
        log_change(by, id, AuditAction::Deleted);
        Ok(())
    }

    /// Pauses a webhook; one that is paused already stays so. The senders learn of it by a trigger of the table.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn pause_webhook(&self, by: &Bearer, id: WebhookId) -> Result<Webhook, AdminError> {
        let (webhook, changed) = self.database.pause_webhook(by, id).await?.ok_or(AdminError::NotFound)?;
        if changed {
            log_change(by, id, AuditAction::Paused);
        }
        Ok(webhook)
    }

    /// Resumes a webhook, which begins to release its held deliveries. One that is not paused stays as it is.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn resume_webhook(&self, by: &Bearer, id: WebhookId) -> Result<Webhook, AdminError> {
        let resumed = self.database.resume_webhook(by, id, self.release_rate).await?;
        let (webhook, changed) = resumed.ok_or(AdminError::NotFound)?;
        if changed {
            log_change(by, id, AuditAction::Resumed);
        }
        Ok(webhook)
    }
}

fn done<T>(outcome: EditOutcome<T>) -> Result<T, AdminError> {
    match outcome {
        EditOutcome::Done(done) => Ok(done),
        EditOutcome::NotFound => Err(AdminError::NotFound),
        EditOutcome::Stale => Err(AdminError::VersionChanged),
    }
}
