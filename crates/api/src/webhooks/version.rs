//! Changes that `If-Match` binds to a version of a webhook.

use axum::http::HeaderMap;
use domain::{AccountName, WebhookId};
use serde_json::json;
use store::Database;

use crate::entity_tag::{if_match_permits, is_conditional};
use crate::operation::Operation;
use crate::problem::{Kind, Problem};

/// The version that `If-Match` allows to be changed; `None` without that header. The store checks it once more in the
/// statement that makes the change.
///
/// # Errors
/// 404, and 412 when it names another version.
pub(super) async fn permitted_version(
    database: &Database,
    account: &AccountName,
    id: WebhookId,
    headers: &HeaderMap,
) -> Result<Option<i64>, Problem> {
    if !is_conditional(headers) {
        return Ok(None);
    }
    let version = database
        .webhook(account, id)
        .await?
        .ok_or_else(Problem::not_found)?
        .version;
    if if_match_permits(headers, version) {
        Ok(Some(version))
    } else {
        Err(Problem::precondition_failed())
    }
}

/// Describes the header.
pub(super) fn with_if_match(operation: Operation) -> Operation {
    let about = "The operation is carried out only if the webhook has one of these versions";
    operation
        .header("If-Match", about, json!({"type": "string"}))
        .problems(&[Kind::PreconditionFailed])
}
