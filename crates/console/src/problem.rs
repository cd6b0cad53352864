//! Every error that a client sees: `application/problem+json` (RFC 9457).

use std::borrow::Cow;

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use store::StoreError;
use uuid::Uuid;

/// Before the name of a kind in `type`: a name that never moves, not an address.
const TYPE_PREFIX: &str = "urn:easycrm:webhooks:problem:";
/// At most so many fields are named: who sends thousands of wrong ones is not helped by a list of them.
const MAX_FIELD_ERRORS: usize = 50;
/// When to try again while the database is away, in seconds.
const RETRY_AFTER_SECONDS: &str = "5";

/// What kind of problem it is. Clients may branch on `type`, which is made from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    BadRequest,
    InvalidJson,
    InvalidCursor,
    Unauthorized,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    RequestTimeout,
    WebhookLimit,
    PreconditionFailed,
    ContentTooLarge,
    UnsupportedMediaType,
    ValidationFailed,
    Internal,
    Unavailable,
}

impl Kind {
    /// The status, the name in `type`, and the title, which is the same for every problem of the kind.
    const fn description(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::BadRequest => (StatusCode::BAD_REQUEST, "bad-request", "Bad request"),
            Self::InvalidJson => (StatusCode::BAD_REQUEST, "invalid-json", "The body is not valid JSON"),
            Self::InvalidCursor => (StatusCode::BAD_REQUEST, "invalid-cursor", "The cursor is not valid"),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized", "A valid API token is needed"),
            Self::Forbidden => (StatusCode::FORBIDDEN, "forbidden", "Not allowed with this API token"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not-found", "Not found"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "Method not allowed"),
            Self::RequestTimeout => (StatusCode::REQUEST_TIMEOUT, "request-timeout", "The request took too long"),
            Self::WebhookLimit => (StatusCode::CONFLICT, "webhook-limit", "The account has too many webhooks"),
            Self::PreconditionFailed => {
                (StatusCode::PRECONDITION_FAILED, "precondition-failed", "The webhook has been changed meanwhile")
            }
            Self::ContentTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "content-too-large", "The body is too large"),
            Self::UnsupportedMediaType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                "The body's content type is not accepted",
            ),
            Self::ValidationFailed => {
                (StatusCode::UNPROCESSABLE_ENTITY, "validation-failed", "Some fields are not valid")
            }
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal", "Internal error"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Temporarily not available"),
        }
    }
}

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
    header: Option<(HeaderName, &'static str)>,
}

impl Problem {
    fn new(kind: Kind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, detail: detail.into(), errors: Vec::new(), header: None }
    }

    fn with_header(mut self, name: HeaderName, value: &'static str) -> Self {
        self.header = Some((name, value));
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
        Self::new(Kind::Unauthorized, detail).with_header(WWW_AUTHENTICATE, challenge)
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

    /// 500 with nothing but an id to look for in the log.
    pub(crate) fn internal(request_id: Uuid) -> Self {
        Self::new(Kind::Internal, format!("The request failed; its id in the log is {request_id}"))
    }

    /// 503 while the database is away.
    pub(crate) fn unavailable(detail: &'static str) -> Self {
        Self::new(Kind::Unavailable, detail).with_header(RETRY_AFTER, RETRY_AFTER_SECONDS)
    }
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
        Self::new(Kind::Internal, "The request failed")
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
        let (status, name, title) = self.kind.description();
        let body = Body {
            r#type: format!("{TYPE_PREFIX}{name}"),
            title,
            status: status.as_u16(),
            detail: &self.detail,
            errors: &self.errors,
        };
        let body = serde_json::to_vec(&body).expect("texts and numbers always serialise");
        let mut response = (status, body).into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some((name, value)) = self.header {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }
}
