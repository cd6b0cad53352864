//! `GET /webhooks/{id}/stats`: the results of a webhook's attempts over time, oldest bucket first.

use axum::Json;
use axum::extract::{RawQuery, State};
use domain::WebhookId;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use store::stats::{Bucket, Window};
use web::PathId;

use super::TAG;
use crate::caller::RequireViewer;
use crate::openapi::schema::{count, count_of, number_or_null, object, one_of, reference, time};
use crate::operation::Operation;
use crate::problem::Problem;
use crate::query::Query;
use crate::state::ApiState;

/// The windows and what clients call them; the first is meant when they name none.
const WINDOWS: [(&str, Window); 3] = [("24h", Window::Day), ("7d", Window::Week), ("30d", Window::Month)];

pub(crate) fn operation() -> Operation {
    let mut window = reference("StatsWindow");
    window["default"] = WINDOWS[0].0.into();
    Operation::get("/api/v1/webhooks/{id}/stats", handler)
        .for_viewers(
            TAG,
            "getWebhookStats",
            "Get the results of a webhook's attempts over time, oldest bucket first",
        )
        .id("WebhookId")
        .query("window", "Length of the time range that ends now", window)
        .answer(
            200,
            "All buckets of the window; the last one has not ended yet",
            reference("WebhookStats"),
        )
}

pub(crate) fn schemas() -> Value {
    json!({
        "StatsWindow": one_of(WINDOWS.iter().map(|(name, _)| *name)),
        "WebhookStats": object(json!({
            "window": reference("StatsWindow"),
            "bucket_seconds": count(),
            "data": {"type": "array", "items": reference("StatsBucket")},
        })),
        "StatsBucket": object(json!({
            "since": time(),
            "delivered": count_of("Attempts that succeeded"),
            "failed": count_of("Attempts after which the delivery was failed"),
            "retried": count_of("Attempts that failed and that another attempt follows"),
            "average_response_time_ms": number_or_null("Average of these attempts"),
        })),
    })
}

/// The results of a webhook's attempts.
#[derive(Serialize)]
struct Stats {
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

async fn handler(
    RequireViewer(caller): RequireViewer,
    PathId(id): PathId<WebhookId>,
    State(state): State<ApiState>,
    RawQuery(query): RawQuery,
) -> Result<Json<Stats>, Problem> {
    let mut query = Query::parse(query.as_deref());
    let window = query.take("window", "Must be one of 24h, 7d and 30d", read_window);
    query.finish()?;
    let (name, window) = window.unwrap_or(WINDOWS[0]);
    if !state.admin.database.webhook_exists(&caller.account, id).await? {
        return Err(Problem::not_found());
    }
    let buckets = state.admin.database.webhook_stats(&caller.account, id, window).await?;
    let bucket_seconds = window.bucket_hours() * 3600;
    let data = buckets.into_iter().map(BucketRepresentation::from).collect();
    Ok(Json(Stats {
        window: name,
        bucket_seconds,
        data,
    }))
}

fn read_window(text: &str) -> Option<(&'static str, Window)> {
    WINDOWS.into_iter().find(|(name, _)| *name == text)
}
