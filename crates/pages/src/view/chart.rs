//! The chart of a webhook's page: bars drawn here, and the same numbers as a table.

use std::fmt::Write;

use askama::Template;
use askama::filters::HtmlSafe;
use store::stats::{Bucket, Window};

use super::labels::{Moment, count, share};
use super::text::filters;

const WIDTH: i64 = 720;
const HEIGHT: i64 = 120;

/// The chart with its description, its legend and its table.
#[derive(Template)]
#[template(path = "chart.html")]
pub(crate) struct Chart {
    width: i64,
    height: i64,
    good: String,
    bad: String,
    /// Deliveries at the upper edge.
    most: i64,
    description: String,
    summary: Option<String>,
    first: Option<Moment>,
    rows: Vec<Row>,
}

struct Row {
    since: Moment,
    delivered: i64,
    failed: i64,
    retried: i64,
    response_time: String,
}

impl HtmlSafe for Chart {}

/// As an address says it.
pub(crate) fn window(text: &str) -> Option<Window> {
    Some(match text {
        "24h" => Window::Day,
        "7d" => Window::Week,
        "30d" => Window::Month,
        _ => return None,
    })
}

/// Every window, as an address and as people say it.
pub(crate) const WINDOWS: [(Window, &str, &str); 3] = [
    (Window::Day, "24h", "24 hours"),
    (Window::Week, "7d", "7 days"),
    (Window::Month, "30d", "30 days"),
];

impl Chart {
    /// Of the buckets of a window, oldest first.
    pub(crate) fn new(buckets: &[Bucket]) -> Self {
        let most = buckets
            .iter()
            .map(|bucket| bucket.delivered + bucket.failed)
            .max()
            .unwrap_or_default();
        let (delivered, failed) = buckets
            .iter()
            .fold((0, 0), |sum, it| (sum.0 + it.delivered, sum.1 + it.failed));
        let (good, bad) = bars(buckets, most);
        let busy = buckets
            .iter()
            .filter(|bucket| bucket.delivered + bucket.failed + bucket.retried > 0);
        Self {
            width: WIDTH,
            height: HEIGHT,
            good,
            bad,
            most,
            description: format!(
                "{} and {} in this time.",
                count(delivered, "delivery succeeded", "deliveries succeeded"),
                count(failed, "failed", "failed")
            ),
            summary: share(delivered, failed),
            first: buckets.first().map(|bucket| bucket.since.into()),
            rows: busy.map(Row::from).collect(),
        }
    }
}

impl From<&Bucket> for Row {
    fn from(bucket: &Bucket) -> Self {
        let average = bucket.average_response_time_ms;
        Self {
            since: bucket.since.into(),
            delivered: bucket.delivered,
            failed: bucket.failed,
            retried: bucket.retried,
            response_time: average.map_or_else(|| "–".to_owned(), |ms| format!("{ms} ms")),
        }
    }
}

/// Outlines of what was delivered, and of what failed, which stands below.
fn bars(buckets: &[Bucket], most: i64) -> (String, String) {
    let mut good = String::new();
    let mut bad = String::new();
    let step = WIDTH / i64::try_from(buckets.len()).unwrap_or(1).max(1);
    for (index, bucket) in (0..).zip(buckets) {
        let x = index * step + step / 8;
        let failed = height(bucket.failed, most);
        let delivered = height(bucket.delivered, most).min(HEIGHT - failed);
        bar(&mut bad, x, HEIGHT, step * 3 / 4, failed);
        bar(&mut good, x, HEIGHT - failed, step * 3 / 4, delivered);
    }
    (good, bad)
}

/// In proportion to the largest; whatever happened at all can be seen.
fn height(count: i64, most: i64) -> i64 {
    if count == 0 {
        0
    } else {
        (count.saturating_mul(HEIGHT) / most.max(1)).max(3)
    }
}

fn bar(path: &mut String, x: i64, bottom: i64, width: i64, height: i64) {
    if height > 0 {
        write!(path, "M{x} {bottom}v-{height}h{width}v{height}z").expect("writing to a String never fails");
    }
}
