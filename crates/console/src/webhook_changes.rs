//! What can be done to webhooks and deliveries, for API and pages alike: store it, and log it. The store writes down who
//! did it, in the same transaction.

use domain::{AuditAction, DeliveryId, SigningSecret, WebhookId};
use jiff::Timestamp;
use store::audit::Entry;
use store::bearer::Bearer;
use store::delivery_log::Delivery;
use store::recover::{Recovery, Retry};
use store::webhooks::{Edit, EditOutcome, Webhook};

use crate::problem::{FieldError, Problem};
use crate::state::ApiState;
use crate::webhook_form::{Input, WebhookForm, checked_secret};

/// An account has at most so many: each event is matched against all of them, and people still find one in the list.
const MAX_WEBHOOKS_PER_ACCOUNT: i64 = 1_000;

/// Adds a webhook.
///
/// # Errors
/// 422 with everything that is wrong with the form; 409 at the limit.
pub(crate) async fn add(state: &ApiState, by: &Bearer, form: WebhookForm) -> Result<(Webhook, SigningSecret), Problem> {
    add_as(state, by, WebhookId::generate(), form).await
}

/// Adds a webhook with an id chosen beforehand. If it was added before, it stays as it is, and so does its secret, which
/// is then not the one returned.
///
/// # Errors
/// As [`add`].
pub(crate) async fn add_as(
    state: &ApiState,
    by: &Bearer,
    id: WebhookId,
    form: WebhookForm,
) -> Result<(Webhook, SigningSecret), Problem> {
    let new = form.into_new(&state.policy).map_err(Problem::validation_failed)?;
    let created = state.database.create_webhook_as(by, id, &new, MAX_WEBHOOKS_PER_ACCOUNT).await?;
    let created = created.ok_or_else(|| Problem::webhook_limit(MAX_WEBHOOKS_PER_ACCOUNT))?;
    log(by, created.id, AuditAction::Created);
    Ok((created, new.secret))
}

/// Edits a webhook; with `if_version`, only when nobody edited it since.
///
/// # Errors
/// 404, and 412 when somebody did.
pub(crate) async fn edit(
    state: &ApiState,
    by: &Bearer,
    id: WebhookId,
    edit: &Edit,
    if_version: Option<i64>,
) -> Result<Webhook, Problem> {
    let edited = done(state.database.edit_webhook(by, id, edit, if_version).await?)?;
    log(by, id, AuditAction::Edited);
    Ok(edited)
}

/// Deletes a webhook; with `if_version`, only when nobody edited it since.
///
/// # Errors
/// 404, and 412 when somebody did.
pub(crate) async fn delete(
    state: &ApiState,
    by: &Bearer,
    id: WebhookId,
    if_version: Option<i64>,
) -> Result<(), Problem> {
    done(state.database.delete_webhook(by, id, if_version).await?)?;
    log(by, id, AuditAction::Deleted);
    Ok(())
}

fn done<T>(outcome: EditOutcome<T>) -> Result<T, Problem> {
    match outcome {
        EditOutcome::Done(done) => Ok(done),
        EditOutcome::NotFound => Err(Problem::not_found()),
        EditOutcome::Stale => Err(Problem::precondition_failed()),
    }
}

/// Pauses a webhook. One that is paused already stays so.
///
/// # Errors
/// 404.
pub(crate) async fn pause(state: &ApiState, by: &Bearer, id: WebhookId) -> Result<Webhook, Problem> {
    let paused = state.database.pause_webhook(by, id).await?;
    let (webhook, changed) = paused.ok_or_else(Problem::not_found)?;
    if changed {
        log(by, id, AuditAction::Paused);
    }
    Ok(webhook)
}

/// Resumes a webhook, which begins to send what was held. One that is not paused stays so.
///
/// # Errors
/// 404.
pub(crate) async fn resume(state: &ApiState, by: &Bearer, id: WebhookId) -> Result<Webhook, Problem> {
    let resumed = state.database.resume_webhook(by, id, state.release_pace).await?;
    let (webhook, changed) = resumed.ok_or_else(Problem::not_found)?;
    if changed {
        log(by, id, AuditAction::Resumed);
    }
    Ok(webhook)
}

/// The secret in use. It is shown only when that has been written down.
///
/// # Errors
/// 404.
pub(crate) async fn reveal_secret(state: &ApiState, by: &Bearer, id: WebhookId) -> Result<SigningSecret, Problem> {
    let secret = state.database.current_secret(&by.account, id).await?.ok_or_else(Problem::not_found)?;
    state.database.audit(Entry::new(by, id, AuditAction::SecretRevealed)).await?;
    tracing::info!(account = %by.account, by = %by.who, webhook = %id, "secret shown");
    Ok(secret)
}

/// A secret that has been replaced.
pub(crate) struct Rotation {
    /// Its webhook.
    pub(crate) webhook: Webhook,
    /// The new secret.
    pub(crate) secret: SigningSecret,
    /// Until when the former one signs beside it.
    pub(crate) previous_expires_at: Timestamp,
}

/// Replaces the secret; without a new one, by a generated one. The old one signs beside it for a day.
///
/// # Errors
/// 404, and 422 for what is no secret.
pub(crate) async fn rotate_secret(
    state: &ApiState,
    by: &Bearer,
    id: WebhookId,
    secret: Input<String>,
) -> Result<Rotation, Problem> {
    let secret = checked_secret(secret).map_err(Problem::validation_failed)?;
    let rotated = state.database.rotate_secret(by, id, &secret).await?;
    let (webhook, previous_expires_at) = rotated.ok_or_else(Problem::not_found)?;
    log(by, id, AuditAction::SecretRotated);
    Ok(Rotation { webhook, secret, previous_expires_at })
}

/// Sends a failed delivery again, once.
///
/// # Errors
/// 404, and 409 for a delivery that has not failed.
pub(crate) async fn retry(state: &ApiState, by: &Bearer, id: DeliveryId) -> Result<Delivery, Problem> {
    match state.database.retry_delivery(by, id).await? {
        Retry::Accepted(delivery) => {
            log(by, delivery.webhook, AuditAction::Retried);
            Ok(*delivery)
        }
        Retry::NotFound => Err(Problem::not_found()),
        Retry::NotFailed => Err(Problem::not_failed()),
    }
}

/// A range of time to recover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecoverRange {
    /// From when on.
    pub(crate) since: Timestamp,
    /// Until before when.
    pub(crate) until: Timestamp,
}

impl RecoverRange {
    /// # Errors
    /// 422 when the range ends before it begins.
    pub(crate) fn new(since: Timestamp, until: Option<Timestamp>) -> Result<Self, Problem> {
        let until = until.unwrap_or_else(Timestamp::now);
        if since <= until {
            return Ok(Self { since, until });
        }
        let detail = "`since` must not be later than `until`, or than now";
        Err(Problem::validation_failed(vec![FieldError::new("/since", "since_after_until", detail)]))
    }
}

/// How many failed deliveries [`recover`] would send again.
///
/// # Errors
/// 404.
pub(crate) async fn recoverable(
    state: &ApiState,
    by: &Bearer,
    id: WebhookId,
    range: RecoverRange,
) -> Result<i64, Problem> {
    if !state.database.webhook_exists(&by.account, id).await? {
        return Err(Problem::not_found());
    }
    Ok(state.database.recoverable(&by.account, id, range.since, range.until).await?)
}

/// Sends all failed deliveries of a time again; how many there are.
///
/// # Errors
/// 404, and 409 while the same webhook is being recovered.
pub(crate) async fn recover(state: &ApiState, by: &Bearer, id: WebhookId, range: RecoverRange) -> Result<i64, Problem> {
    match state.database.recover(by, id, range.since, range.until).await? {
        Recovery::Accepted(count) => {
            log(by, id, AuditAction::Recovered);
            Ok(count)
        }
        Recovery::NotFound => Err(Problem::not_found()),
        Recovery::UnderWay => Err(Problem::recovery_under_way()),
    }
}

fn log(by: &Bearer, webhook: WebhookId, action: AuditAction) {
    tracing::info!(account = %by.account, by = %by.who, %webhook, %action, "webhook changed");
}
