//! `Idempotency-Key`: a client that got no answer sends its request again, and the work is done once.
//!
//! Only work that was done is remembered, for 24 hours; a request that was refused changed nothing and is judged again.
//! An answer that holds a secret is not kept but made again.

use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::WebhookId;
use serde::Serialize;
use sha2::{Digest, Sha256};
use store::bearer::Bearer;
use store::idempotency::{KeyState, KeyedRequest};
use store::{Database, StoreError};

use crate::json_body::{self, JSON};
use crate::problem::Problem;

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

/// What is remembered of work that was done.
pub(crate) struct Answer {
    /// The status it was answered with.
    pub(crate) status: StatusCode,
    /// The body in JSON, in which there is no secret; `None` for one that is made again.
    pub(crate) body: Option<String>,
}

impl Answer {
    /// 202 with this body, in which there is no secret.
    pub(crate) fn accepted(body: &impl Serialize) -> Self {
        let body = serde_json::to_string(body).expect("answers are structs of texts and numbers");
        Self {
            status: StatusCode::ACCEPTED,
            body: Some(body),
        }
    }
}

/// Work that was done, now or when the request was sent before.
pub(crate) struct Answered {
    /// The webhook that was added, if the work was that.
    pub(crate) webhook: WebhookId,
    /// The body that was kept.
    body: Option<String>,
    /// Whether the work was done before.
    pub(crate) replayed: bool,
}

impl Answered {
    /// 202 with the body that was kept.
    pub(crate) async fn accepted(self) -> Result<Response, Problem> {
        let json = (CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok((StatusCode::ACCEPTED, [json], self.body.unwrap_or_default()).into_response())
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
        Ok(Self {
            hash: begun.chain_update(&body).finalize().into(),
            body,
            ..head
        })
    }

    /// Looks at the request's head only.
    ///
    /// # Errors
    /// 400 for a key that is none.
    pub(crate) fn without_body(request: &Request) -> Result<Self, Problem> {
        let method = request.method().as_str();
        let path = request.uri().path();
        let hash = Sha256::new()
            .chain_update(method)
            .chain_update([0])
            .chain_update(path)
            .finalize()
            .into();
        Ok(Self {
            key: key(request.headers())?,
            hash,
            body: Vec::new(),
        })
    }

    /// What was sent.
    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }

    /// Does `work`, unless it was done when the request was sent before, and makes an `answer` of it. A webhook that
    /// `work` adds gets the id it is given.
    ///
    /// # Errors
    /// 409 while the work is under way, 422 when another request had the same key, and what the two refuse.
    pub(crate) async fn carry_out_once(
        &self,
        database: &Database,
        by: &Bearer,
        work: impl AsyncFnOnce(WebhookId) -> Result<Answer, Problem>,
        answer: impl AsyncFnOnce(Answered) -> Result<Response, Problem>,
    ) -> Result<Response, Problem> {
        let Some(key) = &self.key else {
            let webhook = WebhookId::generate();
            let done = work(webhook).await?;
            return answer(Answered {
                webhook,
                body: done.body,
                replayed: false,
            })
            .await;
        };
        let request = KeyedRequest {
            by,
            key,
            hash: self.hash,
        };
        match database.begin_keyed(&request).await? {
            KeyState::Begun(webhook) => {
                let done = work(webhook).await;
                remember(database, &request, &done).await;
                answer(Answered {
                    webhook,
                    body: done?.body,
                    replayed: false,
                })
                .await
            }
            KeyState::UnderWay => Err(Problem::key_in_use()),
            KeyState::OfAnother => Err(Problem::key_of_another_request()),
            KeyState::Answered(stored) => {
                let mut response = answer(Answered {
                    webhook: stored.webhook,
                    body: stored.body,
                    replayed: true,
                })
                .await?;
                response
                    .headers_mut()
                    .insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
                Ok(response)
            }
        }
    }
}

/// The one `Idempotency-Key`.
fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let text = value
        .to_str()
        .ok()
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_graphic()));
    match (text, values.next()) {
        (Some(text), None) if (1..=MAX_KEY_CHARACTERS).contains(&text.len()) => Ok(Some(text.to_owned())),
        _ => Err(Problem::bad_request(
            "`Idempotency-Key` is sent once and has 1 to 255 visible ASCII characters",
        )),
    }
}

/// Stores the response, or releases the key if the request failed. If that fails, the work is not undone: the key is
/// released within a minute, and a repeated request finds the work done.
async fn remember(database: &Database, request: &KeyedRequest<'_>, done: &Result<Answer, Problem>) {
    let kept: Result<(), StoreError> = match done {
        Ok(done) => {
            database
                .answer_keyed(request, done.status.as_u16(), done.body.as_deref())
                .await
        }
        Err(_) => database.give_up_keyed(request).await,
    };
    if let Err(error) = kept {
        let error = &error as &dyn std::error::Error;
        tracing::warn!(
            error,
            "cannot store the result of an idempotency key; the key is unavailable for a minute"
        );
    }
}
