//! `/webhooks/{id}/stats`: numbers for a chart.

use axum::Json;
use axum::extract::{RawQuery, State};
use domain::WebhookId;
use jiff::Timestamp;
use serde::Serialize;
use store::stats::{Bucket, Window};

use crate::caller::Reader;
use crate::path_id::PathId;
use crate::problem::Problem;
use crate::query::Query;
use crate::state::ApiState;

/// The windows and what clients call them; the first is meant when they name none.
pub(crate) const WINDOWS: [(&str, Window); 3] = [("24h", Window::Day), ("7d", Window::Week), ("30d", Window::Month)];

/// What became of a webhook's attempts.
#[derive(Serialize)]
pub(crate) struct Stats {
    window: &'static str,
    bucket_seconds: i32,
    data: Vec<BucketRepresentation>,
}

#[derive(Serialize)]
struct BucketRepresentation {
    since: Timestamp,
    delivered: i64,
    failed: i64,
    retried: i64,
    average_response_time_ms: Option<i64>,
}

impl From<Bucket> for BucketRepresentation {
    fn from(bucket: Bucket) -> Self {
        Self {
            since: bucket.since,
            delivered: bucket.delivered,
            failed: bucket.failed,
            retried: bucket.retried,
            average_response_time_ms: bucket.average_response_time_ms,
        }
    }
}

/// `GET /webhooks/{id}/stats`: the window's buckets, oldest first.
pub(crate) async fn show(
    Reader(caller): Reader,
    PathId(id): PathId<WebhookId>,
    State(state): State<ApiState>,
    RawQuery(query): RawQuery,
) -> Result<Json<Stats>, Problem> {
    let mut query = Query::parse(query.as_deref());
    let window = query.take("window", "Must be one of 24h, 7d and 30d", read_window);
    query.finish()?;
    let (name, window) = window.unwrap_or(WINDOWS[0]);
    if !state.database.webhook_exists(&caller.account, id).await? {
        return Err(Problem::not_found());
    }
    let buckets = state.database.webhook_stats(&caller.account, id, window).await?;
    let bucket_seconds = window.bucket_hours() * 3600;
    Ok(Json(Stats { window: name, bucket_seconds, data: buckets.into_iter().map(Into::into).collect() }))
}

fn read_window(text: &str) -> Option<(&'static str, Window)> {
    WINDOWS.into_iter().find(|(name, _)| *name == text)
}
