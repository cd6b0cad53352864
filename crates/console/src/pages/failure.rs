//! A page that cannot be shown, and the page that says so.

use askama::Template;
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use store::StoreError;
use uuid::Uuid;

use super::{LIST, assets};
use crate::problem::Problem;

/// Why a handler does not answer with its page.
#[derive(Debug)]
pub(super) enum PageError {
    /// Nobody has signed in, or no longer; the address to do so.
    NotSignedIn(String),
    /// What the API would answer, with a sentence of its own if the usual one would not help.
    Problem(Problem, Option<&'static str>),
}

impl PageError {
    /// 403 for a form that none of our pages sent in this session.
    pub(super) fn foreign_form() -> Self {
        let sentence =
            "This form is no longer valid, and nothing was changed. Open the page again and repeat what you did.";
        Self::Problem(Problem::forbidden(), Some(sentence))
    }

    /// 403 for a viewer that wants to change something.
    pub(super) fn viewer() -> Self {
        let sentence = "You may look at everything here, and change nothing. Somebody with the role admin may.";
        Self::Problem(Problem::forbidden(), Some(sentence))
    }

    /// 403 for somebody whom the CRM's ticket does not let in.
    pub(super) fn ticket(sentence: &'static str) -> Self {
        Self::Problem(Problem::forbidden(), Some(sentence))
    }

    /// 404.
    pub(super) fn not_found() -> Self {
        Problem::not_found().into()
    }
}

impl From<Problem> for PageError {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem, None)
    }
}

impl From<StoreError> for PageError {
    fn from(error: StoreError) -> Self {
        Problem::from(error).into()
    }
}

/// Travels with the answer to [`page_instead`].
#[derive(Clone, Copy)]
struct Sentence(&'static str);

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        match self {
            Self::NotSignedIn(url) => see_other(&url),
            Self::Problem(problem, sentence) => {
                let mut response = problem.into_response();
                if let Some(sentence) = sentence {
                    response.extensions_mut().insert(Sentence(sentence));
                }
                response
            }
        }
    }
}

/// Marks a problem whose route says not whether a person or a program asked: a person did.
#[derive(Clone, Copy)]
pub(super) struct AsPage;

/// Whether an answer has this mark.
pub(crate) fn is_marked(answer: &Response) -> bool {
    answer.extensions().get::<AsPage>().is_some()
}

/// 303: look there instead, with `GET`.
pub(super) fn see_other(path: &str) -> Response {
    let location = HeaderValue::try_from(path).expect("our paths are visible ASCII");
    (StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response()
}

#[derive(Template)]
#[template(path = "failure.html")]
struct FailurePage<'a> {
    title: &'static str,
    sentence: &'static str,
    id: Uuid,
    is_ours: bool,
    root: &'a str,
    style: &'static str,
}

/// The page that tells people what the problem tells programs. Any other answer is returned as it is.
pub(crate) fn page_instead(answer: Response, base_path: &str, id: Uuid) -> Response {
    if !is_problem(answer.headers()) {
        return answer;
    }
    let status = answer.status();
    let (title, usual) = words(status);
    let sentence = answer.extensions().get::<Sentence>().map_or(usual, |sentence| sentence.0);
    let root = format!("{base_path}{LIST}");
    let page =
        FailurePage { title, sentence, id, is_ours: status.is_server_error(), root: &root, style: assets::style() };
    let Ok(page) = page.render() else { return answer };
    let mut response = (status, Html(page)).into_response();
    for (name, value) in answer.headers() {
        if !matches!(name.as_str(), "content-type" | "content-length") {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

fn is_problem(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|value| value == "application/problem+json")
}

fn words(status: StatusCode) -> (&'static str, &'static str) {
    match status {
        StatusCode::FORBIDDEN => ("Not allowed", "You may not do this."),
        StatusCode::NOT_FOUND => ("Not found", "There is nothing here, or nothing that belongs to your account."),
        StatusCode::METHOD_NOT_ALLOWED => ("Not found", "This address takes forms only. Start from the list."),
        StatusCode::TOO_MANY_REQUESTS => ("Too many requests", "Wait a moment, then try again."),
        StatusCode::SERVICE_UNAVAILABLE => {
            ("Not available at the moment", "Nothing was lost. Wait a moment, then try again.")
        }
        status if status.is_server_error() => (
            "Something went wrong",
            "It has been written down. If it happens again, tell whoever runs EasyCRM the number below.",
        ),
        _ => ("Not understood", "The address or the form has something in it that makes no sense here."),
    }
}
