//! `/webhooks/{id}/audit`: who did what to a webhook.

use axum::Json;
use axum::extract::{RawQuery, State};
use domain::{AuditAction, WebhookId};
use jiff::Timestamp;
use serde::Serialize;
use store::audit::AuditEntry;
use store::bearer::Who;
use uuid::Uuid;

use crate::caller::Reader;
use crate::page::{Cursor, Page};
use crate::path_id::PathId;
use crate::problem::Problem;
use crate::query::Query;
use crate::state::ApiState;

/// A line of the trail as clients see it.
#[derive(Serialize)]
pub(crate) struct AuditEntryRepresentation {
    id: Uuid,
    at: Timestamp,
    /// Nothing for a person for whom a CRM vouched.
    token_id: Option<Uuid>,
    token_name: String,
    /// That person, in the CRM's terms.
    subject: Option<String>,
    action: AuditAction,
    detail: String,
}

impl From<AuditEntry> for AuditEntryRepresentation {
    fn from(entry: AuditEntry) -> Self {
        let (token_id, subject) = match entry.by {
            Who::Token(id) => (Some(id), None),
            Who::Person(subject) => (None, Some(subject)),
        };
        Self {
            id: entry.id,
            at: entry.at,
            token_id,
            token_name: entry.token_name,
            subject,
            action: entry.action,
            detail: entry.detail,
        }
    }
}

/// `GET /webhooks/{id}/audit`: a page of it, newest first. It outlives the webhook.
pub(crate) async fn list(
    Reader(caller): Reader,
    PathId(id): PathId<WebhookId>,
    State(state): State<ApiState>,
    RawQuery(query): RawQuery,
) -> Result<Json<Page<AuditEntryRepresentation>>, Problem> {
    let mut query = Query::parse(query.as_deref());
    let (limit, cursor) = (query.limit(), query.cursor());
    query.finish()?;
    let list = format!("audit of {} of {}", id, caller.account);
    let after = cursor.map(|text| Cursor::decode(&list, &text)).transpose()?;
    let after = after.map(|cursor| (cursor.at, cursor.id));
    let entries = state.database.audit_entries(&caller.account, id, after, limit + 1).await?;
    if entries.is_empty() && !state.database.webhook_exists(&caller.account, id).await? {
        return Err(Problem::not_found());
    }
    let cursor = |last: &AuditEntry| Cursor { at: last.at, id: last.id }.encode(&list);
    Ok(Json(Page::new(entries, limit, cursor, AuditEntryRepresentation::from)))
}
