//! The delivery log of a webhook.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::{DeliveryState, EventType, WebhookId};
use store::delivery_log::{Delivery, Filter, Place};
use strum::VariantArray;
use url::form_urlencoded;
use web::{Cursor, PathId};

use crate::access::session::SignedIn;
use crate::error::PageError;
use crate::page_query::PageQuery;
use crate::state::PageState;
use crate::view::labels::{Badge, Moment};
use crate::view::layout::{Layout, page};
use crate::view::log_line::LogLine;
use crate::view::text::filters;

/// Deliveries of a page.
const PAGE: usize = 20;

#[derive(Template)]
#[template(path = "log.html")]
struct LogPage {
    layout: Layout,
    id: WebhookId,
    name: String,
    /// When the webhook was deleted.
    deleted_at: Option<Moment>,
    /// Whether the viewer may send deliveries again.
    can_send: bool,
    retention_days: u16,
    lines: Vec<LogLine>,
    /// What the address asks for, as it was sent.
    state: Option<DeliveryState>,
    event_type: Option<EventType>,
    since: String,
    until: String,
    /// The filter as a query, with an `&` if there is any.
    filter_query: String,
    newer: Option<String>,
    older: Option<String>,
    /// The query of this page, to come back to it after a retry.
    here: String,
}

/// A page's deliveries, newest first, and whether there are others on either side.
struct Slice {
    deliveries: Vec<Delivery>,
    newer: bool,
    older: bool,
}

/// `GET …/{id}/deliveries`
pub(crate) async fn show(
    State(state): State<PageState>,
    viewer: SignedIn,
    PathId(id): PathId<WebhookId>,
    RawQuery(query): RawQuery,
) -> Result<Response, PageError> {
    let query = PageQuery::parse(query.as_deref());
    let account = &viewer.bearer.account;
    let filter = filter(&query)?;
    let event_type = query.event_type()?;
    let logged = state.logged_webhook(account, id).await?;
    let (name, deleted_at) = logged.ok_or_else(PageError::not_found)?;
    let list = format!("pages of deliveries of {id} of {account}");
    let slice = slice(&state, &viewer, id, &filter, &list, &query).await?;
    let layout = Layout::load(&state, &viewer).await?.with_done(query.get("done"));
    let place = |name: &str, delivery: &Delivery| format!("{name}={}", Cursor::from(delivery).encode(&list));
    let shown = LogPage {
        newer: slice
            .deliveries
            .first()
            .filter(|_| slice.newer)
            .map(|first| place("before", first)),
        older: slice
            .deliveries
            .last()
            .filter(|_| slice.older)
            .map(|last| place("after", last)),
        lines: slice.deliveries.iter().map(LogLine::from).collect(),
        id,
        name,
        can_send: viewer.is_admin() && deleted_at.is_none(),
        deleted_at: deleted_at.map(Moment::from),
        retention_days: state.settings.retention_days,
        state: filter.state,
        event_type,
        since: query.get("since").unwrap_or_default().to_owned(),
        until: query.get("until").unwrap_or_default().to_owned(),
        filter_query: pairs(&query, &FILTERS, "&"),
        here: pairs(&query, &HERE, ""),
        layout,
    };
    page(StatusCode::OK, &shown)
}

fn filter(query: &PageQuery<'_>) -> Result<Filter, PageError> {
    Ok(Filter {
        state: query.read("state", |text| text.parse().ok())?,
        event_type: query.event_type()?.map(|event_type| event_type.name().to_owned()),
        since: query.since()?,
        until: query.until()?,
        place: Place::Newest,
    })
}

/// The parameters that filter the log.
const FILTERS: [&str; 4] = ["state", "event_type", "since", "until"];
/// Those that name one of its pages.
const HERE: [&str; 6] = ["state", "event_type", "since", "until", "before", "after"];

/// These parameters as a query, with `end` behind it if there is any.
fn pairs(query: &PageQuery<'_>, names: &[&str], end: &str) -> String {
    let mut text = form_urlencoded::Serializer::new(String::new());
    for name in names {
        text.extend_pairs(query.get(name).map(|value| (name, value)));
    }
    let text = text.finish();
    if text.is_empty() { text } else { text + end }
}

async fn slice(
    state: &PageState,
    viewer: &SignedIn,
    id: WebhookId,
    filter: &Filter,
    list: &str,
    query: &PageQuery<'_>,
) -> Result<Slice, PageError> {
    let place = match (query.cursor("before", list)?, query.cursor("after", list)?) {
        (Some(before), _) => Place::Before(before.at, before.id.into()),
        (None, Some(after)) => Place::After(after.at, after.id.into()),
        (None, None) => Place::Newest,
    };
    let filter = Filter {
        place,
        ..filter.clone()
    };
    let mut deliveries = state
        .database()
        .deliveries(&viewer.bearer.account, id, &filter, PAGE as i64 + 1)
        .await?;
    let more = deliveries.len() > PAGE;
    if let Place::Before(..) = place {
        deliveries.drain(..deliveries.len().saturating_sub(PAGE));
        return Ok(Slice {
            deliveries,
            newer: more,
            older: true,
        });
    }
    deliveries.truncate(PAGE);
    Ok(Slice {
        deliveries,
        newer: matches!(place, Place::After(..)),
        older: more,
    })
}

impl LogPage {
    fn states(&self) -> &'static [DeliveryState] {
        DeliveryState::VARIANTS
    }

    fn is_state(&self, state: &DeliveryState) -> bool {
        self.state == Some(*state)
    }

    fn is_event_type(&self, event_type: &EventType) -> bool {
        self.event_type == Some(*event_type)
    }

    fn word(state: &DeliveryState) -> &'static str {
        Badge::from(*state).word()
    }

    fn is_filtered(&self) -> bool {
        !self.filter_query.is_empty()
    }
}
