//! The kinds of problems there are.

use axum::http::StatusCode;
use strum::VariantArray;

/// What kind of problem it is. Clients may branch on `type`, which is made from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, VariantArray)]
pub(crate) enum Kind {
    BadRequest,
    InvalidJson,
    InvalidCursor,
    AccountRequired,
    Unauthorized,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    RequestTimeout,
    WebhookLimit,
    TokenLimit,
    NotFailed,
    RecoveryUnderWay,
    KeyInUse,
    PreconditionFailed,
    ContentTooLarge,
    UnsupportedMediaType,
    ValidationFailed,
    KeyOfAnotherRequest,
    TooManyRequests,
    TestTooSoon,
    Internal,
    Unavailable,
}

impl Kind {
    /// `type` of such a problem: a name that never moves, not an address.
    pub(crate) fn uri(self) -> String {
        format!("urn:easycrm:webhooks:problem:{}", self.description().1)
    }

    /// What it is called, whatever its details.
    pub(crate) const fn title(self) -> &'static str {
        self.description().2
    }

    /// Status of such an answer.
    pub(crate) const fn status(self) -> StatusCode {
        self.description().0
    }

    /// The status, the name in `type`, and the title, which is the same for every problem of the kind.
    pub(super) const fn description(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::BadRequest => (StatusCode::BAD_REQUEST, "bad-request", "Bad request"),
            Self::InvalidJson => (StatusCode::BAD_REQUEST, "invalid-json", "The body is not valid JSON"),
            Self::InvalidCursor => (StatusCode::BAD_REQUEST, "invalid-cursor", "The cursor is not valid"),
            Self::AccountRequired => (
                StatusCode::BAD_REQUEST,
                "account-required",
                "The request must name an account",
            ),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized", "A valid API token is needed"),
            Self::Forbidden => (StatusCode::FORBIDDEN, "forbidden", "Not allowed with this API token"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not-found", "Not found"),
            Self::MethodNotAllowed => (
                StatusCode::METHOD_NOT_ALLOWED,
                "method-not-allowed",
                "Method not allowed",
            ),
            Self::RequestTimeout => (
                StatusCode::REQUEST_TIMEOUT,
                "request-timeout",
                "The request took too long",
            ),
            Self::WebhookLimit => (
                StatusCode::CONFLICT,
                "webhook-limit",
                "The account has too many webhooks",
            ),
            Self::TokenLimit => (
                StatusCode::CONFLICT,
                "token-limit",
                "The account has too many API tokens",
            ),
            Self::NotFailed => (
                StatusCode::CONFLICT,
                "not-failed",
                "The delivery is neither failed nor delivered",
            ),
            Self::RecoveryUnderWay => (StatusCode::CONFLICT, "recovery-under-way", "A recovery is in progress"),
            Self::KeyInUse => (
                StatusCode::CONFLICT,
                "idempotency-key-in-use",
                "An earlier request with this key is in progress",
            ),
            Self::PreconditionFailed => (
                StatusCode::PRECONDITION_FAILED,
                "precondition-failed",
                "The webhook was changed after it was read",
            ),
            Self::ContentTooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "content-too-large",
                "The body is too large",
            ),
            Self::UnsupportedMediaType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                "The body's content type is not accepted",
            ),
            Self::ValidationFailed => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "validation-failed",
                "Some fields are not valid",
            ),
            Self::KeyOfAnotherRequest => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency-key-of-another-request",
                "The idempotency key belongs to another request",
            ),
            Self::TooManyRequests => (StatusCode::TOO_MANY_REQUESTS, "too-many-requests", "Too many requests"),
            Self::TestTooSoon => (StatusCode::TOO_MANY_REQUESTS, "test-too-soon", "Too many tests"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal", "Internal error"),
            Self::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "Temporarily not available",
            ),
        }
    }
}
