//! "How to verify": what a webhook's receiver has to do with the signature, as code; and the check of a request that a
//! receiver got.

use admin::{AdminError, CheckForm, FieldError, Input, header_lines, shown_url};
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::WebhookId;
use domain::check_request::CheckedRequest;
use web::PathId;

use crate::access::session::SignedIn;
use crate::access::submission::{Fields, Submission};
use crate::error::PageError;
use crate::state::PageState;
use crate::view::layout::{Layout, page};

/// In the languages that receivers are written in. A test runs what can be run.
const SAMPLES: [(&str, &str); 5] = [
    ("Python", include_str!("../samples/verify.py")),
    ("Node", include_str!("../samples/verify.mjs")),
    ("Go", include_str!("../samples/verify.go")),
    ("PHP", include_str!("../samples/verify.php")),
    ("Rust", include_str!("../samples/verify.rs")),
];

#[derive(Template)]
#[template(path = "verify.html")]
struct VerifyPage {
    layout: Layout,
    id: WebhookId,
    name: String,
    url: String,
    egress_addresses: Vec<String>,
    samples: [(&'static str, &'static str); 5],
    pasted: Pasted,
    errors: Vec<FieldError>,
    checked: Option<CheckedRequest>,
}

/// What was typed into the form.
#[derive(Default)]
struct Pasted {
    headers: String,
    body: String,
    computed: String,
}

impl Pasted {
    fn sent(fields: &Fields) -> Self {
        Self {
            headers: fields.text("headers").to_owned(),
            body: fields.text("body").to_owned(),
            computed: fields.text("computed").to_owned(),
        }
    }

    /// Browsers send each line break of a text area as CR LF; ours has none of them in it.
    fn to_form(&self) -> CheckForm {
        CheckForm {
            headers: header_lines(&self.headers),
            body: Input::Given(self.body.replace("\r\n", "\n").into_bytes()),
            computed: Some(self.computed.clone()),
            errors: Vec::new(),
        }
    }
}

impl VerifyPage {
    fn error(&self, field: &str) -> Option<&str> {
        let errors = self.errors.iter();
        errors
            .into_iter()
            .find(|error| error.pointer == format!("/{field}"))
            .map(|error| &*error.detail)
    }
}

/// `GET …/{id}/verify`
pub(crate) async fn show(
    State(state): State<PageState>,
    viewer: SignedIn,
    PathId(id): PathId<WebhookId>,
) -> Result<Response, PageError> {
    respond(&state, &viewer, id, StatusCode::OK, Pasted::default(), Vec::new(), None).await
}

/// `POST …/{id}/verify`: checks a request. Nothing is stored.
pub(crate) async fn check(
    State(state): State<PageState>,
    PathId(id): PathId<WebhookId>,
    Submission { by, fields }: Submission,
) -> Result<Response, PageError> {
    let pasted = Pasted::sent(&fields);
    let (status, errors, checked) = match state.admin.check_request(&by.bearer, id, pasted.to_form()).await {
        Ok(checked) => (StatusCode::OK, Vec::new(), Some(checked)),
        Err(AdminError::Invalid(errors)) => (StatusCode::UNPROCESSABLE_ENTITY, errors, None),
        Err(error) => return Err(error.into()),
    };
    respond(&state, &by, id, status, pasted, errors, checked).await
}

async fn respond(
    state: &PageState,
    viewer: &SignedIn,
    id: WebhookId,
    status: StatusCode,
    pasted: Pasted,
    errors: Vec<FieldError>,
    checked: Option<CheckedRequest>,
) -> Result<Response, PageError> {
    let webhook = state.webhook(&viewer.bearer.account, id).await?;
    let layout = Layout::load(state, viewer).await?;
    let shown = VerifyPage {
        layout,
        id,
        name: webhook.name,
        url: shown_url(&webhook.url, viewer.bearer.role),
        egress_addresses: state.admin.egress_addresses.clone(),
        samples: SAMPLES,
        pasted,
        errors,
        checked,
    };
    page(status, &shown)
}
