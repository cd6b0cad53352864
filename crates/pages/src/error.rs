//! Why a page cannot be shown, and the error page for it.

use admin::AdminError;
use axum::http::header::LOCATION;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use store::StoreError;
use web::body::BodyError;
use web::{AuthFailure, Failure, Refusal};

/// Why a handler does not answer with its page.
#[derive(Debug)]
pub(crate) enum PageError {
    /// Nobody has signed in, or no longer; the address to do so.
    NotSignedIn(String),
    /// 403, with the reason for the log and a sentence for people.
    Forbidden(Box<Refusal>, &'static str),
    /// 400 for a cursor that the list never gave out, or a form that no page of ours makes.
    Malformed,
    /// 422 for a parameter in the address that cannot be understood.
    InvalidParameter,
    /// 409 for what cannot be done any more, with a sentence.
    Conflict(&'static str),
    /// What goes wrong on other surfaces, too.
    Failure(Failure),
}

impl PageError {
    /// 403 for a form that none of our pages sent in this session.
    pub(crate) fn foreign_form() -> Self {
        let sentence =
            "This form is no longer valid, and nothing was changed. Open the page again and repeat what you did.";
        Self::forbidden(AuthFailure::Form.into(), sentence)
    }

    /// 403 for a viewer that wants to change something.
    pub(crate) fn viewer() -> Self {
        let sentence =
            "Your role is viewer: you can see everything, but change nothing. Ask somebody with the role admin.";
        Self::forbidden(AuthFailure::Role.into(), sentence)
    }

    /// 403 for a person whom the CRM's SSO token does not admit; `reason` is for the log.
    pub(crate) fn sso_token(sentence: &'static str, reason: impl ToString) -> Self {
        Self::forbidden(Refusal::from(AuthFailure::Ticket).with_detail(reason), sentence)
    }

    fn forbidden(refusal: Refusal, sentence: &'static str) -> Self {
        Self::Forbidden(Box::new(refusal), sentence)
    }

    /// 404.
    pub(crate) const fn not_found() -> Self {
        Self::Failure(Failure::NotFound)
    }
}

impl From<Failure> for PageError {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<BodyError> for PageError {
    fn from(error: BodyError) -> Self {
        Failure::Body(error).into()
    }
}

impl From<StoreError> for PageError {
    fn from(error: StoreError) -> Self {
        Failure::from(error).into()
    }
}

/// For what a page does not word itself beside its form.
impl From<AdminError> for PageError {
    fn from(error: AdminError) -> Self {
        match error {
            AdminError::NotFound => Self::not_found(),
            AdminError::Invalid(_) => Self::InvalidParameter,
            AdminError::WebhookLimit(_) => Self::Conflict("The account has too many webhooks. Delete one first."),
            AdminError::TokenLimit(_) => Self::Conflict("The account has too many API tokens. Delete one first."),
            AdminError::VersionChanged => Self::Conflict("Somebody else has changed this webhook. Open it again."),
            AdminError::NotRetryable => Self::Conflict(
                "This delivery is already being sent, or its webhook is deleted. Open the delivery log again.",
            ),
            AdminError::RecoveryUnderWay => Self::Conflict(
                "The failed deliveries of this webhook are already being sent again. Wait until they are sent.",
            ),
            AdminError::TestTooSoon(wait) | AdminError::RateLimited(wait) => Failure::RateLimited(wait).into(),
            AdminError::NoTestResult(_) => Failure::TimedOut.into(),
            AdminError::Store(error) => error.into(),
        }
    }
}

/// What an error page says. Travels with the response as an extension, until the surface makes the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ErrorText {
    pub(crate) title: &'static str,
    pub(crate) sentence: &'static str,
}

const NOT_UNDERSTOOD: ErrorText = ErrorText {
    title: "Not understood",
    sentence: "The page's address or the form has a value that is not valid.",
};

impl From<&Failure> for ErrorText {
    fn from(failure: &Failure) -> Self {
        let (title, sentence) = match failure {
            Failure::NotFound => ("Not found", "Your account has no such page or object."),
            Failure::MethodNotAllowed => (
                "Not found",
                "This address accepts only forms. Start from the list of webhooks.",
            ),
            Failure::RateLimited(_) | Failure::AccountBusy(_) => {
                ("Too many requests", "Wait a moment, then try again.")
            }
            Failure::DatabaseUnavailable | Failure::TimedOut => (
                "Not available at the moment",
                "Nothing was lost. Wait a moment, then try again.",
            ),
            Failure::Internal => (
                "Something went wrong",
                "The error was logged. If it happens again, give the operator of EasyCRM the number below.",
            ),
            Failure::Host | Failure::Body(_) => return NOT_UNDERSTOOD,
        };
        Self { title, sentence }
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        match self {
            Self::NotSignedIn(url) => see_other(&url),
            Self::Forbidden(refusal, sentence) => {
                let mut response = worded(
                    StatusCode::FORBIDDEN,
                    ErrorText {
                        title: "Not allowed",
                        sentence,
                    },
                );
                response.extensions_mut().insert(*refusal);
                response
            }
            Self::Malformed => worded(StatusCode::BAD_REQUEST, NOT_UNDERSTOOD),
            Self::InvalidParameter => worded(StatusCode::UNPROCESSABLE_ENTITY, NOT_UNDERSTOOD),
            Self::Conflict(sentence) => worded(
                StatusCode::CONFLICT,
                ErrorText {
                    sentence,
                    ..NOT_UNDERSTOOD
                },
            ),
            Self::Failure(failure) => failure.into_response(),
        }
    }
}

fn worded(status: StatusCode, text: ErrorText) -> Response {
    let mut response = status.into_response();
    response.extensions_mut().insert(text);
    response
}

/// 303: look there instead, with `GET`.
pub fn see_other(path: &str) -> Response {
    let location = HeaderValue::try_from(path).expect("our paths are visible ASCII");
    (StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response()
}
