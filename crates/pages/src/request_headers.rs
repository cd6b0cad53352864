//! The request headers of a webhook.

use admin::{AdminError, FieldError, HeadersForm};
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::request_header::MAX_REQUEST_HEADERS;
use domain::{RequestHeader, WebhookId};
use web::PathId;

use crate::access::session::SignedIn;
use crate::access::submission::{AdminSubmission, Fields, Submission};
use crate::error::{PageError, see_other};
use crate::state::PageState;
use crate::view::layout::{Layout, page};

/// Empty lines at the end of the form.
const EMPTY_LINES: usize = 3;

#[derive(Template)]
#[template(path = "request_headers.html")]
struct HeadersPage {
    layout: Layout,
    id: WebhookId,
    webhook: String,
    lines: Vec<Line>,
    errors: Vec<FieldError>,
}

/// A line of the form. The value of a stored sensitive header is not shown.
#[derive(Default)]
struct Line {
    name: String,
    value: String,
    sensitive: bool,
    /// A value is stored, and kept if none is typed.
    stored: bool,
}

impl From<&RequestHeader> for Line {
    fn from(header: &RequestHeader) -> Self {
        let sensitive = header.is_sensitive();
        Self {
            name: header.name().to_owned(),
            value: if sensitive {
                String::new()
            } else {
                header.expose().to_owned()
            },
            sensitive,
            stored: sensitive,
        }
    }
}

/// `GET …/{id}/headers`
pub(crate) async fn show(
    State(state): State<PageState>,
    viewer: SignedIn,
    PathId(id): PathId<WebhookId>,
) -> Result<Response, PageError> {
    let webhook = state.webhook(&viewer.bearer.account, id).await?;
    viewer.admins_only()?;
    let headers = state.admin.request_headers(&viewer.bearer, id).await?;
    let lines = headers.iter().map(Line::from).collect();
    let layout = Layout::load(&state, &viewer).await?;
    respond(layout, id, webhook.name, lines, Vec::new())
}

/// `POST …/{id}/headers`: replaces all. A line without a name is left out.
pub(crate) async fn save(
    State(state): State<PageState>,
    PathId(id): PathId<WebhookId>,
    AdminSubmission(Submission { by, fields }): AdminSubmission,
) -> Result<Response, PageError> {
    let webhook = state.webhook(&by.bearer.account, id).await?;
    let lines = sent(&fields);
    match state.admin.set_request_headers(&by.bearer, id, form(&lines)).await {
        Ok(_) => Ok(see_other(&format!("{}/{id}?done=headers", state.root()))),
        Err(AdminError::Invalid(errors)) => {
            let layout = Layout::load(&state, &by).await?;
            respond(layout, id, webhook.name, lines, errors)
        }
        Err(error) => Err(error.into()),
    }
}

fn sent(fields: &Fields) -> Vec<Line> {
    let line = |number: usize| Line {
        name: fields.text(&format!("name-{number}")).trim().to_owned(),
        value: fields.text(&format!("value-{number}")).to_owned(),
        sensitive: fields.get(&format!("sensitive-{number}")).is_some(),
        stored: fields.get(&format!("stored-{number}")).is_some(),
    };
    let lines = (0..MAX_REQUEST_HEADERS + EMPTY_LINES).map(line);
    lines
        .filter(|line| !line.name.is_empty() || !line.value.is_empty())
        .collect()
}

fn form(lines: &[Line]) -> HeadersForm {
    let value = |line: &Line| (!line.stored || !line.value.is_empty()).then(|| line.value.clone());
    HeadersForm {
        headers: lines.iter().map(|line| (line.name.clone(), value(line))).collect(),
        sensitive: lines
            .iter()
            .filter(|line| line.sensitive)
            .map(|line| line.name.clone())
            .collect(),
        errors: Vec::new(),
    }
}

fn respond(
    layout: Layout,
    id: WebhookId,
    webhook: String,
    mut lines: Vec<Line>,
    errors: Vec<FieldError>,
) -> Result<Response, PageError> {
    let empty = EMPTY_LINES.min((MAX_REQUEST_HEADERS + EMPTY_LINES).saturating_sub(lines.len()));
    lines.extend((0..empty).map(|_| Line::default()));
    let status = if errors.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    };
    let shown = HeadersPage {
        layout,
        id,
        webhook,
        lines,
        errors,
    };
    page(status, &shown)
}

impl HeadersPage {
    /// What is wrong, each with the header it is about.
    fn mistakes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.errors.iter().map(|error| {
            let header = error.pointer.trim_start_matches("/headers").trim_start_matches('/');
            (header, &*error.detail)
        })
    }
}
