//! `GET /webhooks/{id}/audit`: who did what to a webhook, newest first. The trail outlives the webhook.

use axum::Json;
use axum::extract::{RawQuery, State};
use domain::{AuditAction, WebhookId};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use store::audit::AuditEntry;
use store::bearer::Who;
use uuid::Uuid;
use web::{Cursor, PathId};

use super::TAG;
use crate::caller::RequireViewer;
use crate::openapi::schema::{object, page, reference, text, text_or_null, time};
use crate::operation::Operation;
use crate::page::{ListPage, Page};
use crate::problem::Problem;
use crate::query::Query;
use crate::state::ApiState;

pub(crate) fn operation() -> Operation {
    Operation::get("/api/v1/webhooks/{id}/audit", handler)
        .for_viewers(
            TAG,
            "listWebhookAudit",
            "List the audit trail of a webhook, newest first",
        )
        .about("The audit trail stays when the webhook is deleted.")
        .id("WebhookId")
        .paginated()
        .answer(200, "A page of audit entries", reference("AuditPage"))
}

pub(crate) fn schemas() -> Value {
    json!({
        "AuditEntry": object(json!({
            "id": {"type": "string", "format": "uuid"},
            "at": time(),
            "token_id": {"type": ["string", "null"], "format": "uuid"},
            "token_name": text("Purpose of the API token; may be empty"),
            "subject": text_or_null("Subject of the SSO token, if the CRM signed the person in"),
            "action": reference("AuditAction"),
            "detail": text("Details of the action; may be empty"),
        })),
        "AuditPage": page("AuditEntry"),
    })
}

/// An audit entry as clients see it.
#[derive(Serialize)]
struct AuditEntryRepresentation {
    id: Uuid,
    at: Timestamp,
    /// Absent for a person who signed in through the CRM.
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
            Who::Operator => (None, None),
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

async fn handler(
    RequireViewer(caller): RequireViewer,
    PathId(id): PathId<WebhookId>,
    State(state): State<ApiState>,
    RawQuery(query): RawQuery,
) -> Result<Json<Page<AuditEntryRepresentation>>, Problem> {
    let query = Query::parse(query.as_deref());
    let page = ListPage::of(format!("audit of {id} of {}", caller.account), query)?;
    let after = page.after.map(Cursor::key);
    let database = &state.admin.database;
    let entries = database.audit_entries(&caller.account, id, after, page.rows()).await?;
    if entries.is_empty() && !database.webhook_exists(&caller.account, id).await? {
        return Err(Problem::not_found());
    }
    Ok(Json(page.answer(entries, AuditEntryRepresentation::from)))
}
