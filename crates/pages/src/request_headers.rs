//! The request headers of a webhook.

use admin::{AdminError, FieldError, HeadersForm};
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::request_header::MAX_REQUEST_HEADERS;
use domain::{RequestHeader, WebhookId};
use store::webhooks::Webhook;
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
    version: i64,
    lines: Vec<Line>,
    errors: Vec<FieldError>,
}

/// A line of the form. The value of a stored sensitive header is not shown.
#[derive(Default)]
struct Line {
    name: String,
    value: String,
    sensitive: bool,
    /// The header is stored: without a name, it is removed.
    stored: bool,
    /// Its value is stored and not shown, and kept if none is typed.
    hidden: bool,
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
            stored: true,
            hidden: sensitive,
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
    respond(layout, &webhook, webhook.version, StatusCode::OK, lines, Vec::new())
}

/// `POST …/{id}/headers`: replaces all. A stored header without a name, and a line without anything, is left out.
pub(crate) async fn save(
    State(state): State<PageState>,
    PathId(id): PathId<WebhookId>,
    AdminSubmission(Submission { by, fields }): AdminSubmission,
) -> Result<Response, PageError> {
    let webhook = state.webhook(&by.bearer.account, id).await?;
    let version: Option<i64> = fields.get("version").and_then(|version| version.parse().ok());
    let lines = sent(&fields);
    let saved = state
        .admin
        .set_request_headers(&by.bearer, id, form(&lines), version)
        .await;
    let (status, version, errors) = match saved {
        Ok(_) => return Ok(see_other(&format!("{}/{id}?done=headers", state.root()))),
        Err(AdminError::Invalid(errors)) => (StatusCode::UNPROCESSABLE_ENTITY, version, errors),
        Err(AdminError::VersionChanged) => {
            let detail = "Somebody else has changed this webhook meanwhile. Below is what you typed; save again to \
                          replace theirs.";
            let error = FieldError::new("", "changed_meanwhile", detail);
            (StatusCode::CONFLICT, None, vec![error])
        }
        Err(error) => return Err(error.into()),
    };
    let layout = Layout::load(&state, &by).await?;
    let version = version.unwrap_or(webhook.version);
    respond(layout, &webhook, version, status, lines, errors)
}

fn sent(fields: &Fields) -> Vec<Line> {
    let line = |number: usize| Line {
        name: fields.text(&format!("name-{number}")).trim().to_owned(),
        value: fields.text(&format!("value-{number}")).to_owned(),
        sensitive: fields.get(&format!("sensitive-{number}")).is_some(),
        stored: fields.get(&format!("stored-{number}")).is_some(),
        hidden: fields.get(&format!("hidden-{number}")).is_some(),
    };
    let lines = (0..MAX_REQUEST_HEADERS + EMPTY_LINES).map(line);
    lines
        .filter(|line| !line.name.is_empty() || (!line.stored && !line.value.is_empty()))
        .collect()
}

fn form(lines: &[Line]) -> HeadersForm {
    let value = |line: &Line| (!line.hidden || !line.value.is_empty()).then(|| line.value.clone());
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
    webhook: &Webhook,
    version: i64,
    status: StatusCode,
    mut lines: Vec<Line>,
    errors: Vec<FieldError>,
) -> Result<Response, PageError> {
    let empty = EMPTY_LINES.min((MAX_REQUEST_HEADERS + EMPTY_LINES).saturating_sub(lines.len()));
    lines.extend((0..empty).map(|_| Line::default()));
    let shown = HeadersPage {
        layout,
        id: webhook.id,
        webhook: webhook.name.clone(),
        version,
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
