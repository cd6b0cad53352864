//! `GET /webhooks`: a page of an account's webhooks, oldest first.

use axum::Json;
use axum::extract::{RawQuery, State};
use domain::WebhookId;
use store::webhooks::Webhook;
use web::Cursor;

use super::TAG;
use super::representation::WebhookRepresentation;
use crate::caller::RequireViewer;
use crate::openapi::schema::reference;
use crate::operation::Operation;
use crate::page::{Page, PageRequest};
use crate::problem::Problem;
use crate::query::Query;
use crate::state::ApiState;

pub(crate) fn operation() -> Operation {
    Operation::get("/api/v1/webhooks", handler)
        .for_viewers(TAG, "listWebhooks", "List webhooks, oldest first")
        .paginated()
        .answer(200, "A page of webhooks", reference("WebhookPage"))
}

async fn handler(
    RequireViewer(caller): RequireViewer,
    State(state): State<ApiState>,
    RawQuery(query): RawQuery,
) -> Result<Json<Page<WebhookRepresentation>>, Problem> {
    let mut query = Query::parse(query.as_deref());
    let page = PageRequest::take(&mut query);
    query.finish()?;
    let page = page.of(format!("webhooks of {}", caller.account))?;
    let after = page.after.map(|cursor| (cursor.at, WebhookId(cursor.id)));
    let webhooks = state
        .admin
        .database
        .webhooks(&caller.account, after, page.rows())
        .await?;
    let cursor = |last: &Webhook| Cursor {
        at: last.created_at,
        id: last.id.0,
    };
    Ok(Json(page.answer(webhooks, cursor, |webhook| {
        WebhookRepresentation::new(webhook, caller.role)
    })))
}
