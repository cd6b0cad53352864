//! Did it go, and if not, why: the search for an event or a record; and "Try an event".

use admin::{AdminError, FindForm};
use askama::Template;
use axum::extract::{RawQuery, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::EventType;

use crate::access::session::SignedIn;
use crate::access::submission::Submission;
use crate::error::PageError;
use crate::page_query::PageQuery;
use crate::state::PageState;
use crate::view::checked::CheckedView;
use crate::view::found::FoundView;
use crate::view::layout::{Layout, page};
use crate::view::text::filters;

/// A longer event is not sent back in the form: every page stays small.
const SHOWN_EVENT_BYTES: usize = 8 * 1024;
/// A form has at most three bytes for one of an event, and its form token.
const FORM_BYTES_PER_EVENT_BYTE: usize = 3;
const OTHER_FORM_BYTES: usize = 4 * 1024;

#[derive(Template)]
#[template(path = "find.html")]
struct FindPage {
    layout: Layout,
    /// What the address asks for.
    q: String,
    event_type: Option<EventType>,
    /// What is wrong with it.
    wrong: Option<String>,
    found: Option<FoundView>,
    /// The event that was tried.
    event: String,
    checked: Option<CheckedView>,
}

/// `GET …/find`; without `q` it only offers the forms.
pub(crate) async fn show(
    State(state): State<PageState>,
    viewer: SignedIn,
    RawQuery(query): RawQuery,
) -> Result<Response, PageError> {
    let query = PageQuery::parse(query.as_deref());
    let event_type = query.event_type()?;
    let mut shown = FindPage::new(Layout::load(&state, &viewer).await?);
    shown.event_type = event_type;
    shown.q = query.get("q").unwrap_or_default().to_owned();
    if shown.q.is_empty() {
        return page(StatusCode::OK, &shown);
    }
    let form = FindForm {
        text: shown.q.clone(),
        event_type: event_type.map(|event_type| event_type.name().to_owned()),
    };
    match state.admin.find(&viewer.bearer.account, form).await {
        Ok(found) => {
            shown.found = Some(FoundView::new(found));
            page(StatusCode::OK, &shown)
        }
        Err(AdminError::Invalid(errors)) => {
            shown.wrong = errors.first().map(|error| error.detail.clone().into_owned());
            page(StatusCode::UNPROCESSABLE_ENTITY, &shown)
        }
        Err(error) => Err(error.into()),
    }
}

/// `POST …/find`: checks the event in the form. It changes nothing, so viewers may do it.
pub(crate) async fn check(State(state): State<PageState>, request: Request) -> Result<Response, PageError> {
    let max_bytes = FORM_BYTES_PER_EVENT_BYTE * state.admin.largest_event + OTHER_FORM_BYTES;
    let submission = Submission::read(request, &state, max_bytes).await?;
    // Browsers send every line break as two characters.
    let event = submission.fields.text("event").replace("\r\n", "\n");
    let account = &submission.by.bearer.account;
    let checked = state.admin.check_event(account, event.as_bytes()).await?;
    let mut shown = FindPage::new(Layout::load(&state, &submission.by).await?);
    shown.checked = Some(CheckedView::new(checked));
    if event.len() <= SHOWN_EVENT_BYTES {
        shown.event = event;
    }
    page(StatusCode::OK, &shown)
}

impl FindPage {
    fn new(layout: Layout) -> Self {
        Self {
            layout,
            q: String::new(),
            event_type: None,
            wrong: None,
            found: None,
            event: String::new(),
            checked: None,
        }
    }

    fn is_event_type(&self, event_type: &EventType) -> bool {
        self.event_type == Some(*event_type)
    }
}
