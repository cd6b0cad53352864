//! Every error that a client sees: `application/problem+json` (RFC 9457).

mod kind;

use std::borrow::Cow;
use std::time::Duration;

use admin::{AdminError, FieldError};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use store::StoreError;
use store::bearer::AccountRefusal;
use uuid::Uuid;
use web::body::BodyError;
use web::{AuthFailure, Failure, Refusal, retry_after, retry_unavailable};

pub(crate) use kind::Kind;

/// At most so many fields are named: who sends thousands of wrong ones is not helped by a list of them.
const MAX_FIELD_ERRORS: usize = 50;

/// An error answer.
#[derive(Debug)]
pub(crate) struct Problem {
    kind: Kind,
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    /// Boxed, because few problems have one and every handler's result has room for a problem.
    header: Option<Box<(HeaderName, HeaderValue)>>,
    /// Why access was refused, for the log.
    refusal: Option<Box<Refusal>>,
}

impl Problem {
    fn new(kind: Kind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            errors: Vec::new(),
            header: None,
            refusal: None,
        }
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
        Self::new(
            Kind::InvalidCursor,
            "`cursor` must be a `next_cursor` of this list, unchanged, or be left out",
        )
    }

    /// 401 without a token, with `challenge` as RFC 6750 §3 words it.
    pub(crate) fn unauthorized(refusal: Refusal, detail: &'static str, challenge: &'static str) -> Self {
        let problem = Self::new(Kind::Unauthorized, detail).refusing(refusal);
        problem.with_header(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
    }

    /// 403 for a viewer that wants to change something.
    pub(crate) fn forbidden(refusal: Refusal) -> Self {
        let detail = "This needs a token with the role `admin`; the role `viewer` only reads";
        Self::new(Kind::Forbidden, detail).refusing(refusal)
    }

    fn refusing(self, refusal: Refusal) -> Self {
        Self {
            refusal: Some(Box::new(refusal)),
            ..self
        }
    }

    /// 404, whether it does not exist or belongs to another account.
    pub(crate) fn not_found() -> Self {
        Self::new(Kind::NotFound, "The token's account has no such resource")
    }

    /// 409 while a request with the same key is being worked on.
    pub(crate) fn key_in_use() -> Self {
        let detail = "An earlier request with this `Idempotency-Key` is in progress; send this one again in a moment";
        Self::new(Kind::KeyInUse, detail).with_header(RETRY_AFTER, 1)
    }

    /// 422 for a key that came with another request.
    pub(crate) fn key_of_another_request() -> Self {
        let detail = "This `Idempotency-Key` belongs to another request; use a new key for each request";
        Self::new(Kind::KeyOfAnotherRequest, detail)
    }

    /// 412 for an `If-Match` that does not name the present version.
    pub(crate) fn precondition_failed() -> Self {
        Self::new(
            Kind::PreconditionFailed,
            "`If-Match` does not name the current version; read the webhook again",
        )
    }

    /// 422 with everything that is wrong.
    pub(crate) fn validation_failed(mut errors: Vec<FieldError>) -> Self {
        errors.truncate(MAX_FIELD_ERRORS);
        let detail = errors
            .first()
            .map_or(Cow::Borrowed("`errors` names each field that is not valid"), |error| {
                error.detail.clone()
            });
        Self {
            errors,
            ..Self::new(Kind::ValidationFailed, detail)
        }
    }

    /// 500 with nothing but an id to look for in the log.
    pub(crate) fn internal(request_id: Uuid) -> Self {
        Self::new(
            Kind::Internal,
            format!("The server failed to process the request; the log has it under the id {request_id}"),
        )
    }

    /// 429 until `wait` is over.
    fn too_soon(kind: Kind, wait: Duration, detail: &'static str) -> Self {
        Self::new(kind, detail).with_header(RETRY_AFTER, retry_after(wait))
    }

    /// 503.
    fn unavailable(detail: &'static str) -> Self {
        Self::new(Kind::Unavailable, detail).with_header(RETRY_AFTER, retry_unavailable())
    }
}

impl From<AccountRefusal> for Problem {
    fn from(refusal: AccountRefusal) -> Self {
        match refusal {
            AccountRefusal::Missing => Self::new(
                Kind::AccountRequired,
                "A service token acts for the account that the header `X-Account` names",
            ),
            AccountRefusal::Malformed => {
                Self::bad_request("`X-Account` names one account, with 1 to 128 visible ASCII characters")
            }
            AccountRefusal::Other => Self::new(
                Kind::Forbidden,
                "This token acts for its own account, and `X-Account` names another",
            )
            .refusing(AuthFailure::Account.into()),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Failure::from(error).into()
    }
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::MediaType => Self::new(
                Kind::UnsupportedMediaType,
                "Send JSON in UTF-8, as `Content-Type: application/json`",
            ),
            BodyError::Encoding => Self::new(Kind::UnsupportedMediaType, "Send the body without a `Content-Encoding`"),
            BodyError::TimedOut => Self::new(Kind::RequestTimeout, "The body did not arrive in time"),
            BodyError::TooLarge(limit) => Self::new(Kind::ContentTooLarge, format!("A body has at most {limit} bytes")),
            BodyError::Broken => Self::bad_request("The body ended early, or its framing is not valid HTTP"),
        }
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Host => Self::bad_request("A request has exactly one `Host` header"),
            Failure::NotFound => Self::not_found(),
            Failure::MethodNotAllowed => Self::new(
                Kind::MethodNotAllowed,
                "The header `Allow` lists the methods that this path takes",
            ),
            Failure::Body(error) => error.into(),
            Failure::RateLimited(wait) => Self::too_soon(
                Kind::TooManyRequests,
                wait,
                "This token has exceeded its rate limit; `Retry-After` says when it may send the next request",
            ),
            Failure::AccountBusy(wait) => Self::too_soon(
                Kind::TooManyRequests,
                wait,
                "Too many requests of this account are in progress; send fewer at the same time",
            ),
            // Completed where the request's id is known.
            Failure::Internal => Self::new(Kind::Internal, "The request failed"),
            Failure::DatabaseUnavailable => {
                Self::unavailable("The database is unavailable; send the request again later")
            }
            Failure::TimedOut => Self::unavailable("The request could not be answered in time"),
        }
    }
}

impl From<AdminError> for Problem {
    fn from(error: AdminError) -> Self {
        match error {
            AdminError::NotFound => Self::not_found(),
            AdminError::Invalid(errors) => Self::validation_failed(errors),
            AdminError::WebhookLimit(limit) => {
                let detail = format!("An account has at most {limit} webhooks; delete one first");
                Self::new(Kind::WebhookLimit, detail)
            }
            AdminError::TokenLimit(limit) => {
                let detail = format!("An account has at most {limit} API tokens; delete one first");
                Self::new(Kind::TokenLimit, detail)
            }
            AdminError::VersionChanged => Self::precondition_failed(),
            AdminError::RateLimited(wait) => Failure::RateLimited(wait).into(),
            AdminError::NotRetryable => {
                Self::new(Kind::NotFailed, "Only a failed or delivered delivery can be sent again")
            }
            AdminError::RecoveryUnderWay => Self::new(
                Kind::RecoveryUnderWay,
                "A recovery of this webhook is in progress; wait until it has ended",
            ),
            AdminError::TestTooSoon(wait) => {
                Self::too_soon(Kind::TestTooSoon, wait, "Wait a moment before the next test.")
            }
            AdminError::NoTestResult(reason) => Self::unavailable(reason.sentence()),
            AdminError::Store(error) => error.into(),
        }
    }
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldErrorBody<'a>>,
}

#[derive(Serialize)]
struct FieldErrorBody<'a> {
    pointer: &'a str,
    code: &'static str,
    detail: &'a str,
}

impl<'a> From<&'a FieldError> for FieldErrorBody<'a> {
    fn from(error: &'a FieldError) -> Self {
        Self {
            pointer: &error.pointer,
            code: error.code,
            detail: &error.detail,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, _, title) = self.kind.description();
        let body = Body {
            r#type: self.kind.uri(),
            title,
            status: status.as_u16(),
            detail: &self.detail,
            errors: self.errors.iter().map(FieldErrorBody::from).collect(),
        };
        let body = serde_json::to_vec(&body).expect("texts and numbers always serialise");
        let mut response = (status, body).into_response();
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some((name, value)) = self.header.map(|header| *header) {
            response.headers_mut().insert(name, value);
        }
        if let Some(refusal) = self.refusal {
            response.extensions_mut().insert(*refusal);
        }
        response
    }
}
