//! A form that was sent: from one of our pages, by somebody who has signed in.

use axum::extract::{FromRequest, FromRequestParts, Request};
use sha2::{Digest, Sha256};
use url::form_urlencoded;
use web::body;

use super::origin;
use super::session::SignedIn;
use crate::error::PageError;
use crate::state::PageState;

/// How browsers send forms without files.
const FORM: &[&str] = &["application/x-www-form-urlencoded"];

/// The largest form of ours, with everything a person may type in it, has a tenth of this. Anybody may send one to sign
/// in, so no more is ever read.
const MAX_BYTES: usize = 64 * 1024;
/// And of this.
const MAX_FIELDS: usize = 256;

/// The name of the field with the session's form token.
const FORM_TOKEN: &str = "form_token";

/// The fields of a form, in the order they were sent. Not `Debug`: one of them may be a secret.
#[derive(Default)]
pub(crate) struct Fields(Vec<(String, String)>);

impl Fields {
    /// The first value of a field.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(field, _)| field == name)
            .map(|(_, value)| value.as_str())
    }

    /// A field's value, or nothing.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }

    /// Every value of a field.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(field, _)| field == name)
            .map(|(_, value)| value.as_str())
    }

    /// Reads a form that one of our pages sent.
    pub(crate) async fn read(request: Request, state: &PageState) -> Result<Self, PageError> {
        Self::read_up_to(MAX_BYTES, request, state).await
    }

    /// Reads a form that one of our pages sent, of this length at most.
    async fn read_up_to(max_bytes: usize, request: Request, state: &PageState) -> Result<Self, PageError> {
        if !origin::is_own(request.headers(), &state.settings.public_url) {
            return Err(PageError::foreign_form());
        }
        Self::parse(max_bytes, request).await
    }

    /// Reads a form that any page on the web may have sent.
    pub(crate) async fn read_from_anywhere(request: Request) -> Result<Self, PageError> {
        Self::parse(MAX_BYTES, request).await
    }

    async fn parse(max_bytes: usize, request: Request) -> Result<Self, PageError> {
        let body = body::read(request, max_bytes, FORM).await?;
        Ok(Self(
            form_urlencoded::parse(&body).into_owned().take(MAX_FIELDS).collect(),
        ))
    }
}

/// A form of anybody who has signed in.
pub(crate) struct Submission {
    /// Who sent it.
    pub(crate) by: SignedIn,
    /// What they sent.
    pub(crate) fields: Fields,
}

impl FromRequest<PageState> for Submission {
    type Rejection = PageError;

    async fn from_request(request: Request, state: &PageState) -> Result<Self, PageError> {
        Self::read(request, state, MAX_BYTES).await
    }
}

impl Submission {
    /// Reads a form that may be longer than others. Nothing of it is read before its sender has signed in.
    pub(crate) async fn read(request: Request, state: &PageState, max_bytes: usize) -> Result<Self, PageError> {
        let (mut parts, body) = request.into_parts();
        let by = SignedIn::from_request_parts(&mut parts, state).await?;
        let fields = Fields::read_up_to(max_bytes, Request::from_parts(parts, body), state).await?;
        if is_same(fields.text(FORM_TOKEN), &by.form_token) {
            Ok(Self { by, fields })
        } else {
            Err(PageError::foreign_form())
        }
    }
}

/// Compared by hash, so that the time it takes says nothing about a text that nearly fits.
fn is_same(given: &str, expected: &str) -> bool {
    Sha256::digest(given) == Sha256::digest(expected)
}

/// A form of somebody who may change things.
pub(crate) struct AdminSubmission(pub(crate) Submission);

impl FromRequest<PageState> for AdminSubmission {
    type Rejection = PageError;

    async fn from_request(request: Request, state: &PageState) -> Result<Self, PageError> {
        let submission = Submission::from_request(request, state).await?;
        if submission.by.is_admin() {
            Ok(Self(submission))
        } else {
            Err(PageError::viewer())
        }
    }
}
