//! `Idempotency-Key`: a client that got no answer sends its request again, and the work is done once.
//!
//! Only work that was done is remembered, for 24 hours; a request that was refused changed nothing and is judged again.
//! An answer that holds a secret is not kept but made again.

use axum::Json;
use axum::extract::Request;
use axum::http::header::{CONTENT_TYPE, ETAG, LOCATION};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::WebhookId;
use serde::Serialize;
use sha2::{Digest, Sha256};
use store::bearer::Bearer;
use store::idempotency::{KeyState, KeyedRequest, StoredAnswer};

use crate::entity_tag::entity_tag;
use crate::json_body::{self, JSON};
use crate::problem::Problem;
use crate::route::Route;
use crate::state::ApiState;
use crate::webhook_changes;
use crate::webhooks::CreatedWebhook;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that the work was done before.
const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
const MAX_KEY_CHARACTERS: usize = 255;

/// A request that may be sent again.
pub(crate) struct RepeatableRequest {
    key: Option<String>,
    hash: [u8; 32],
    body: Vec<u8>,
}

/// An answer to be remembered.
pub(crate) enum Answer {
    /// 202 with this JSON, in which there is no secret.
    Accepted(String),
    /// 201 for the webhook that was added.
    Created(WebhookId),
}

impl Answer {
    /// 202 with this body, in which there is no secret.
    pub(crate) fn accepted(body: &impl Serialize) -> Self {
        Self::Accepted(serde_json::to_string(body).expect("answers are structs of texts and numbers"))
    }
}

impl RepeatableRequest {
    /// Reads a request with a body in JSON.
    ///
    /// # Errors
    /// 400 for a key that is none; what [`json_body::read`] finds.
    pub(crate) async fn read(request: Request) -> Result<Self, Problem> {
        let head = Self::without_body(&request)?;
        let begun = Sha256::new().chain_update(head.hash);
        let body = json_body::read(request, JSON).await?;
        Ok(Self { hash: begun.chain_update(&body).finalize().into(), body, ..head })
    }

    /// Looks at the request's head only.
    ///
    /// # Errors
    /// 400 for a key that is none.
    pub(crate) fn without_body(request: &Request) -> Result<Self, Problem> {
        let (method, path) = (request.method().as_str(), request.uri().path());
        let hash = Sha256::new().chain_update(method).chain_update([0]).chain_update(path).finalize().into();
        Ok(Self { key: key(request.headers())?, hash, body: Vec::new() })
    }

    /// What was sent.
    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }

    /// Answers with what `work` did, or with what it did when the request was sent before. A webhook that `work` adds
    /// gets the id it is given.
    ///
    /// # Errors
    /// 409 while the work is under way, 422 when another request had the same key, and what `work` refuses.
    pub(crate) async fn answer_once(
        &self,
        state: &ApiState,
        by: &Bearer,
        work: impl AsyncFnOnce(WebhookId) -> Result<Answer, Problem>,
    ) -> Result<Response, Problem> {
        let Some(key) = &self.key else {
            return respond(state, by, work(WebhookId::generate()).await?).await;
        };
        let request = KeyedRequest { by, key, hash: self.hash };
        match state.database.begin_keyed(&request).await? {
            KeyState::Begun(id) => begun(state, &request, work(id).await).await,
            KeyState::UnderWay => Err(Problem::key_in_use()),
            KeyState::OfAnother => Err(Problem::key_of_another_request()),
            KeyState::Answered(answer) => replay(state, by, answer).await,
        }
    }
}

/// The one `Idempotency-Key`.
fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let text = value.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_graphic()));
    match (text, values.next()) {
        (Some(text), None) if (1..=MAX_KEY_CHARACTERS).contains(&text.len()) => Ok(Some(text.to_owned())),
        _ => Err(Problem::bad_request("`Idempotency-Key` is sent once and has 1 to 255 visible ASCII characters")),
    }
}

/// Remembers what was done, or forgets the key when nothing was. The work is not undone when that fails: within a minute
/// the key is free again, and whoever repeats the work finds it done.
async fn begun(
    state: &ApiState,
    request: &KeyedRequest<'_>,
    answer: Result<Answer, Problem>,
) -> Result<Response, Problem> {
    let kept = match &answer {
        Ok(Answer::Accepted(body)) => state.database.answer_keyed(request, 202, Some(body)).await,
        Ok(Answer::Created(_)) => state.database.answer_keyed(request, 201, None).await,
        Err(_) => state.database.give_up_keyed(request).await,
    };
    if let Err(error) = kept {
        tracing::warn!(error = &error as &dyn std::error::Error, "an idempotency key is unavailable for a minute");
    }
    respond(state, request.by, answer?).await
}

/// A secret that is shown again is shown only when that has been written down.
async fn replay(state: &ApiState, by: &Bearer, answer: StoredAnswer) -> Result<Response, Problem> {
    if answer.body.is_none() {
        webhook_changes::reveal_secret(state, by, answer.webhook).await?;
    }
    let answer = answer.body.map_or(Answer::Created(answer.webhook), Answer::Accepted);
    let mut response = respond(state, by, answer).await?;
    response.headers_mut().insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}

async fn respond(state: &ApiState, by: &Bearer, answer: Answer) -> Result<Response, Problem> {
    match answer {
        Answer::Accepted(body) => {
            let json = (CONTENT_TYPE, HeaderValue::from_static("application/json"));
            Ok((StatusCode::ACCEPTED, [json], body).into_response())
        }
        Answer::Created(id) => created(state, by, id).await,
    }
}

/// The webhook that was added and its secret, both as they are now.
async fn created(state: &ApiState, by: &Bearer, id: WebhookId) -> Result<Response, Problem> {
    let webhook = state.database.webhook(&by.account, id).await?.ok_or_else(Problem::not_found)?;
    let secret = state.database.current_secret(&by.account, id).await?.ok_or_else(Problem::not_found)?;
    let path = Route::Webhook.template().replace("{id}", &id.to_string());
    let location = HeaderValue::try_from(format!("{}{path}", state.base_path));
    let location = location.expect("a base path and a UUID are visible ASCII");
    let headers = [(LOCATION, location), (ETAG, entity_tag(webhook.version))];
    Ok((StatusCode::CREATED, headers, Json(CreatedWebhook::new(webhook, &secret))).into_response())
}
