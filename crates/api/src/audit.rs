//! `GET /audit`: who did what in an account, newest first.

use axum::Json;
use axum::extract::{RawQuery, State};
use domain::{AuditAction, WebhookId};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use store::audit::{AuditEntry, AuditFilter};
use store::bearer::Who;
use web::Cursor;

use crate::caller::RequireViewer;
use crate::openapi::schema::{object, or_null, page, reference, text, time};
use crate::operation::Operation;
use crate::page::{ListPage, Page};
use crate::problem::Problem;
use crate::query::{Query, TimeRange};
use crate::state::ApiState;

pub(crate) fn operation() -> Operation {
    Operation::get("/api/v1/audit", handler)
        .for_viewers(
            "Account",
            "listAudit",
            "List the audit trail of the account, newest first",
        )
        .about("It records changes of webhooks (deleted ones too), sign-ins to the console, and changes of API tokens.")
        .query("since", "Only entries at or after this time", time())
        .query("until", "Only entries before this time", time())
        .paginated()
        .answer(200, "A page of audit entries", reference("AccountAuditPage"))
}

pub(crate) fn schemas() -> Value {
    json!({
        "AccountAuditEntry": object(json!({
            "at": time(),
            "by": text("Name or id of the API token, the person whom the CRM signed in, or `operator`"),
            "action": reference("AuditAction"),
            "webhook_id": or_null(reference("WebhookId")),
            "detail": text("Details of the action; may be empty"),
        })),
        "AccountAuditPage": page("AccountAuditEntry"),
    })
}

/// An audit entry as clients see it.
#[derive(Serialize)]
struct AccountAuditEntry {
    at: Timestamp,
    by: String,
    action: AuditAction,
    /// Absent for what was not done to a webhook.
    webhook_id: Option<WebhookId>,
    detail: String,
}

impl From<AuditEntry> for AccountAuditEntry {
    fn from(entry: AuditEntry) -> Self {
        let by = match entry.by {
            Who::Person(subject) => subject,
            Who::Token(_) if !entry.token_name.is_empty() => entry.token_name,
            nameless => nameless.to_string(),
        };
        Self {
            at: entry.at,
            by,
            action: entry.action,
            webhook_id: entry.webhook,
            detail: entry.detail,
        }
    }
}

async fn handler(
    RequireViewer(caller): RequireViewer,
    State(state): State<ApiState>,
    RawQuery(query): RawQuery,
) -> Result<Json<Page<AccountAuditEntry>>, Problem> {
    let mut query = Query::parse(query.as_deref());
    let TimeRange { since, until } = query.time_range();
    let page = ListPage::of(format!("audit of {}", caller.account), query)?;
    let after = page.after.map(Cursor::key);
    let filter = AuditFilter { since, until, after };
    let entries = state
        .admin
        .database
        .account_audit_entries(&caller.account, &filter, page.rows())
        .await?;
    Ok(Json(page.answer(entries, AccountAuditEntry::from)))
}
