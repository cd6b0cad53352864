//! Every error that a client sees: `application/problem+json` (RFC 9457).

mod kind;

use std::borrow::Cow;
use std::time::Duration;

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use store::StoreError;
use uuid::Uuid;

pub(crate) use kind::Kind;

/// At most so many fields are named: who sends thousands of wrong ones is not helped by a list of them.
const MAX_FIELD_ERRORS: usize = 50;
/// When to try again while the database is away, in seconds.
const RETRY_AFTER_SECONDS: u64 = 5;

/// What is wrong with one field of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct FieldError {
    /// JSON pointer (RFC 6901) to the field; for a query parameter, a slash and its name.
    pub(crate) pointer: String,
    /// Stable, for programs.
    pub(crate) code: &'static str,
    /// A sentence for people; never repeats what was sent.
    pub(crate) detail: Cow<'static, str>,
}

impl FieldError {
    pub(crate) fn new(pointer: impl Into<String>, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { pointer: pointer.into(), code, detail: detail.into() }
    }
}

/// An error answer.
#[derive(Debug)]
pub(crate) struct Problem {
    kind: Kind,
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    /// Boxed, because few problems have one and every handler's result has room for a problem.
    header: Option<Box<(HeaderName, HeaderValue)>>,
}

impl Problem {
    fn new(kind: Kind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, detail: detail.into(), errors: Vec::new(), header: None }
    }

    fn with_header(mut self, name: HeaderName, value: impl Into<HeaderValue>) -> Self {
        self.header = Some(Box::new((name, value.into())));
        self
    }

    /// 400 for what is no proper HTTP request.
    pub(crate) fn bad_request(detail: &'static str) -> Self {
        Self::new(Kind::BadRequest, detail)
    }

    /// 400 for a body that cannot be read; `detail` says where.
    pub(crate) fn invalid_json(detail: String) -> Self {
        Self::new(Kind::InvalidJson, detail)
    }

    /// 400 for a cursor that this list never gave out.
    pub(crate) fn invalid_cursor() -> Self {
        Self::new(Kind::InvalidCursor, "Use `next_cursor` of this list exactly as it was given, or leave it out")
    }

    /// 401 without a token, with `challenge` as RFC 6750 §3 words it.
    pub(crate) fn unauthorized(detail: &'static str, challenge: &'static str) -> Self {
        Self::new(Kind::Unauthorized, detail).with_header(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
    }

    /// 403 for a viewer that wants to change something.
    pub(crate) fn forbidden() -> Self {
        Self::new(Kind::Forbidden, "This needs a token with the role `admin`; the role `viewer` only reads")
    }

    /// 404, whether it does not exist or belongs to another account.
    pub(crate) fn not_found() -> Self {
        Self::new(Kind::NotFound, "There is nothing here, or nothing that belongs to the token's account")
    }

    /// 405; the router adds `Allow`.
    pub(crate) fn method_not_allowed() -> Self {
        Self::new(Kind::MethodNotAllowed, "The header `Allow` lists the methods that this path takes")
    }

    /// 408 for a body that does not arrive.
    pub(crate) fn request_timeout() -> Self {
        Self::new(Kind::RequestTimeout, "The body did not arrive in time")
    }

    /// 409 at the limit of webhooks.
    pub(crate) fn webhook_limit(limit: i64) -> Self {
        Self::new(Kind::WebhookLimit, format!("An account has at most {limit} webhooks; delete one first"))
    }

    /// 409 for a delivery that is to be sent again and has not failed, or whose webhook is gone.
    pub(crate) fn not_failed() -> Self {
        Self::new(Kind::NotFailed, "Only a failed delivery can be retried")
    }

    /// 409 while a webhook's failed deliveries are being sent again already.
    pub(crate) fn recovery_under_way() -> Self {
        Self::new(
            Kind::RecoveryUnderWay,
            "This webhook's failed deliveries are being sent again; wait until that is done",
        )
    }

    /// 409 while a request with the same key is being worked on.
    pub(crate) fn key_in_use() -> Self {
        let detail = "A request with this `Idempotency-Key` is being worked on; send it again in a moment";
        Self::new(Kind::KeyInUse, detail).with_header(RETRY_AFTER, 1)
    }

    /// 422 for a key that came with another request.
    pub(crate) fn key_of_another_request() -> Self {
        let detail = "This `Idempotency-Key` was sent with another request; take a new one for each";
        Self::new(Kind::KeyOfAnotherRequest, detail)
    }

    /// 412 for an `If-Match` that does not name the present version.
    pub(crate) fn precondition_failed() -> Self {
        Self::new(Kind::PreconditionFailed, "`If-Match` does not name the present version; read the webhook again")
    }

    /// 413 for a body over `limit` bytes.
    pub(crate) fn content_too_large(limit: usize) -> Self {
        Self::new(Kind::ContentTooLarge, format!("A body has at most {limit} bytes"))
    }

    /// 415 for a body in another form.
    pub(crate) fn unsupported_media_type(detail: &'static str) -> Self {
        Self::new(Kind::UnsupportedMediaType, detail)
    }

    /// 422 with everything that is wrong.
    pub(crate) fn validation_failed(mut errors: Vec<FieldError>) -> Self {
        errors.truncate(MAX_FIELD_ERRORS);
        let detail = errors.first().map_or(Cow::Borrowed("See `errors`"), |error| error.detail.clone());
        Self { errors, ..Self::new(Kind::ValidationFailed, detail) }
    }

    /// 429 for a token that has no request left for so long.
    pub(crate) fn too_many_requests(wait: Duration) -> Self {
        let detail = "This token has made too many requests; `Retry-After` says when it may make the next";
        Self::new(Kind::TooManyRequests, detail).with_header(RETRY_AFTER, seconds(wait))
    }

    /// 429 for a test that may be made after `wait`.
    pub(crate) fn test_too_soon(wait: Duration) -> Self {
        Self::new(Kind::TestTooSoon, "Wait a moment before the next test.").with_header(RETRY_AFTER, seconds(wait))
    }

    /// The status it is answered with.
    pub(crate) const fn status(&self) -> StatusCode {
        self.kind.description().0
    }

    /// The sentence for people.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// What is wrong with a form; for a page, which shows it beside the fields.
    ///
    /// # Errors
    /// The problem itself when it is none of a form.
    pub(crate) fn into_field_errors(self) -> Result<Vec<FieldError>, Self> {
        match self.kind {
            Kind::ValidationFailed => Ok(self.errors),
            Kind::WebhookLimit => Ok(vec![FieldError::new("", "webhook_limit", self.detail)]),
            _ => Err(self),
        }
    }

    /// 500; the answer is completed where the request's id is known.
    pub(crate) fn failed() -> Self {
        Self::new(Kind::Internal, "The request failed")
    }

    /// 500 with nothing but an id to look for in the log.
    pub(crate) fn internal(request_id: Uuid) -> Self {
        Self::new(Kind::Internal, format!("The request failed; its id in the log is {request_id}"))
    }

    /// 503 while the database is away.
    pub(crate) fn unavailable(detail: &'static str) -> Self {
        Self::new(Kind::Unavailable, detail).with_header(RETRY_AFTER, RETRY_AFTER_SECONDS)
    }
}

/// For `Retry-After`: whole seconds, rather one more.
fn seconds(wait: Duration) -> u64 {
    wait.as_millis().div_ceil(1000).clamp(1, 60) as u64
}

/// An outage is the client's to wait for. Anything else is ours to mend: it is logged, and the answer, which is
/// completed where the request's id is known, says nothing of it.
impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        if error.is_unavailable() {
            tracing::warn!(error = &error as &dyn std::error::Error, "a request could not be answered");
            return Self::unavailable("The database is not available at the moment");
        }
        tracing::error!(error = &error as &dyn std::error::Error, "a request failed");
        Self::failed()
    }
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, _, title) = self.kind.description();
        let body = Body {
            r#type: self.kind.uri(),
            title,
            status: status.as_u16(),
            detail: &self.detail,
            errors: &self.errors,
        };
        let body = serde_json::to_vec(&body).expect("texts and numbers always serialise");
        let mut response = (status, body).into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some((name, value)) = self.header.map(|header| *header) {
            response.headers_mut().insert(name, value);
        }
        response
    }
}
