//! The Preview button in the form of a webhook. Nothing is saved.

use admin::{AdminError, PreviewForm};
use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use domain::WebhookId;
use web::PathId;

use crate::access::submission::{AdminSubmission, Submission};
use crate::error::PageError;
use crate::fragment;
use crate::new::chosen_id;
use crate::state::PageState;
use crate::view::layout::page;
use crate::view::preview_result::PreviewView;
use crate::view::text::filters;
use crate::view::webhook_fields::WebhookFields;
use crate::view::webhook_form_page::FormPage;

/// The result alone, in the element that it belongs into.
#[derive(Template)]
#[template(
    source = r#"<div id="preview-result" role="status" aria-atomic="true">{{ preview|part }}</div>"#,
    ext = "html"
)]
struct Fragment<'a> {
    preview: &'a PreviewView,
}

/// A preview that was asked for.
struct Previewed {
    status: StatusCode,
    view: PreviewView,
    /// What was filled in, with what is wrong in it.
    form: WebhookFields,
}

impl Previewed {
    /// Mistakes in the form are shown in the place of the result.
    async fn new(state: &PageState, submission: &Submission, adding: bool) -> Result<Self, PageError> {
        let form = WebhookFields::sent(&submission.fields, adding);
        let filled = form.to_form(&submission.fields);
        let wanted = PreviewForm {
            event_types: filled.event_types,
            conditions: filled.conditions,
            errors: Vec::new(),
        };
        match state.admin.preview(&submission.by.bearer, wanted).await {
            Ok(preview) => Ok(Self {
                status: StatusCode::OK,
                view: PreviewView::new(preview, &form.conditions),
                form,
            }),
            Err(AdminError::Invalid(errors)) => Ok(Self {
                status: StatusCode::UNPROCESSABLE_ENTITY,
                view: PreviewView::wrong(&errors),
                form: WebhookFields { errors, ..form },
            }),
            Err(error) => Err(error.into()),
        }
    }

    fn fragment(&self) -> Result<Response, PageError> {
        page(self.status, &Fragment { preview: &self.view })
    }
}

fn wants_fragment(headers: &HeaderMap) -> bool {
    fragment::is_wanted(headers, "preview-result")
}

/// `POST …/preview`: previews what stands in the form for a new webhook.
pub(crate) async fn form(
    State(state): State<PageState>,
    headers: HeaderMap,
    AdminSubmission(submission): AdminSubmission,
) -> Result<Response, PageError> {
    let previewed = Previewed::new(&state, &submission, true).await?;
    if wants_fragment(&headers) {
        return previewed.fragment();
    }
    let id = chosen_id(&submission.fields);
    let shown = FormPage::adding(&state, &submission.by, id, previewed.form).await?;
    page(previewed.status, &shown.with_preview(previewed.view))
}

/// `POST …/{id}/preview`: previews what stands in the form of a webhook.
pub(crate) async fn webhook(
    State(state): State<PageState>,
    PathId(id): PathId<WebhookId>,
    headers: HeaderMap,
    AdminSubmission(submission): AdminSubmission,
) -> Result<Response, PageError> {
    let webhook = state.webhook(&submission.by.bearer.account, id).await?;
    let previewed = Previewed::new(&state, &submission, false).await?;
    if wants_fragment(&headers) {
        return previewed.fragment();
    }
    let shown = FormPage::editing(&state, &submission.by, &webhook, previewed.form).await?;
    page(previewed.status, &shown.with_preview(previewed.view))
}
