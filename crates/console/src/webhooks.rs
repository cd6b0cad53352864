//! `/webhooks`: listing, adding, reading, editing and deleting them.

mod audit;
mod pausing;
mod representation;
mod secret;
mod stats;

use axum::Json;
use axum::extract::{RawQuery, Request, State};
use axum::http::header::ETAG;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::{AccountName, WebhookId};
use store::Database;
use store::webhooks::Webhook;

use crate::caller::{Editor, Reader};
use crate::entity_tag::{entity_tag, if_match_permits, is_conditional};
use crate::idempotency::{Answer, RepeatableRequest};
use crate::json_body::{self, MERGE_PATCH};
use crate::json_object::JsonObject;
use crate::page::{Cursor, Page};
use crate::path_id::PathId;
use crate::problem::Problem;
use crate::query::Query;
use crate::state::ApiState;
use crate::webhook_changes;
use crate::webhook_form::{MAX_EVENT_TYPE_ENTRIES, WebhookForm};
pub(crate) use audit::list as list_audit;
pub(crate) use pausing::{pause, resume};
pub(crate) use representation::CreatedWebhook;
use representation::WebhookRepresentation;
pub(crate) use secret::{rotate as rotate_secret, show as show_secret};
pub(crate) use stats::{WINDOWS, show as show_stats};

/// `GET /webhooks`: a page of them, oldest first.
pub(crate) async fn list(
    Reader(caller): Reader,
    State(state): State<ApiState>,
    RawQuery(query): RawQuery,
) -> Result<Json<Page<WebhookRepresentation>>, Problem> {
    let mut query = Query::parse(query.as_deref());
    let (limit, cursor) = (query.limit(), query.cursor());
    query.finish()?;
    let list = format!("webhooks of {}", caller.account);
    let after = cursor.map(|text| Cursor::decode(&list, &text)).transpose()?;
    let after = after.map(|cursor| (cursor.at, WebhookId(cursor.id)));
    let webhooks = state.database.webhooks(&caller.account, after, limit + 1).await?;
    let cursor = |last: &Webhook| Cursor { at: last.created_at, id: last.id.0 }.encode(&list);
    Ok(Json(Page::new(webhooks, limit, cursor, WebhookRepresentation::from)))
}

/// `POST /webhooks`: adds one. Its secret is shown in this answer.
pub(crate) async fn create(
    Editor(caller): Editor,
    State(state): State<ApiState>,
    request: Request,
) -> Result<Response, Problem> {
    let request = RepeatableRequest::read(request).await?;
    let work = async |id| {
        let form = read_new(request.body())?;
        let (created, _) = webhook_changes::add_as(&state, &caller, id, form).await?;
        Ok(Answer::Created(created.id))
    };
    request.answer_once(&state, &caller, work).await
}

fn read_new(body: &[u8]) -> Result<WebhookForm, Problem> {
    let mut object = JsonObject::parse(body)?;
    // For a secret, `null` asks for a generated one, as leaving it out does.
    object.drop_null("secret");
    let secret = object.text("secret");
    Ok(WebhookForm { secret, ..read_settings(object) })
}

/// What both adding and editing take; everything else in `object` is unknown.
fn read_settings(mut object: JsonObject<'_>) -> WebhookForm {
    WebhookForm {
        name: object.text("name"),
        url: object.text("url"),
        event_types: object.texts("event_types", MAX_EVENT_TYPE_ENTRIES),
        errors: object.into_errors(),
        ..WebhookForm::default()
    }
}

/// `GET /webhooks/{id}`
pub(crate) async fn show(
    Reader(caller): Reader,
    PathId(id): PathId<WebhookId>,
    State(state): State<ApiState>,
) -> Result<Response, Problem> {
    let webhook = state.database.webhook(&caller.account, id).await?.ok_or_else(Problem::not_found)?;
    Ok(tagged(webhook))
}

/// `PATCH /webhooks/{id}`: changes what the body names (RFC 7396).
pub(crate) async fn edit(
    Editor(caller): Editor,
    PathId(id): PathId<WebhookId>,
    State(state): State<ApiState>,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Problem> {
    let body = json_body::read(request, MERGE_PATCH).await?;
    let edit = read_settings(JsonObject::parse(&body)?).into_edit(&state.policy).map_err(Problem::validation_failed)?;
    let version = permitted_version(&state.database, &caller.account, id, &headers).await?;
    Ok(tagged(webhook_changes::edit(&state, &caller, id, &edit, version).await?))
}

/// `DELETE /webhooks/{id}`
pub(crate) async fn delete(
    Editor(caller): Editor,
    PathId(id): PathId<WebhookId>,
    State(state): State<ApiState>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let version = permitted_version(&state.database, &caller.account, id, &headers).await?;
    webhook_changes::delete(&state, &caller, id, version).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The version that `If-Match` allows to be changed; `None` without that header. The store checks it once more in the
/// statement that makes the change.
async fn permitted_version(
    database: &Database,
    account: &AccountName,
    id: WebhookId,
    headers: &HeaderMap,
) -> Result<Option<i64>, Problem> {
    if !is_conditional(headers) {
        return Ok(None);
    }
    let version = database.webhook(account, id).await?.ok_or_else(Problem::not_found)?.version;
    if if_match_permits(headers, version) { Ok(Some(version)) } else { Err(Problem::precondition_failed()) }
}

fn tagged(webhook: Webhook) -> Response {
    ([(ETAG, entity_tag(webhook.version))], Json(WebhookRepresentation::from(webhook))).into_response()
}
