//! The small chart in the list: the last day, an hour a bar.

use std::fmt::Write;

use askama::Template;
use askama::filters::HtmlSafe;
use store::recent_counts::{HourCount, RECENT_HOURS};

use super::labels;

const HEIGHT: i64 = 20;
const BAR: usize = 4;

/// The chart beside its summary in words.
#[derive(Debug, Template)]
#[template(path = "spark.html")]
pub(crate) struct Spark {
    good: String,
    bad: String,
    summary: String,
    width: usize,
    height: i64,
}

impl HtmlSafe for Spark {}

impl Spark {
    /// Of the hours, oldest first.
    pub(crate) fn new(hours: &[HourCount; RECENT_HOURS]) -> Self {
        let most = hours
            .iter()
            .map(|hour| hour.delivered + hour.failed)
            .max()
            .unwrap_or_default();
        let mut good = String::new();
        let mut bad = String::new();
        for (index, hour) in hours.iter().enumerate() {
            let x = index * BAR + BAR / 2;
            let failed = height(hour.failed, most);
            let delivered = height(hour.delivered, most).min(HEIGHT - failed);
            bar(&mut bad, x, HEIGHT, failed);
            bar(&mut good, x, HEIGHT - failed, delivered);
        }
        let total = |count: fn(&HourCount) -> i64| hours.iter().map(count).sum();
        let summary = labels::share(total(|hour| hour.delivered), total(|hour| hour.failed));
        let summary = summary.unwrap_or_else(|| "None yet".to_owned());
        Self {
            good,
            bad,
            summary,
            width: RECENT_HOURS * BAR,
            height: HEIGHT,
        }
    }
}

/// In proportion to the largest; whatever happened at all can be seen.
fn height(count: i64, most: i64) -> i64 {
    if count == 0 {
        0
    } else {
        (count * HEIGHT / most.max(1)).max(2)
    }
}

/// A stroke upwards.
fn bar(path: &mut String, x: usize, from: i64, length: i64) {
    if length > 0 {
        write!(path, "M{x} {from}v-{length}").expect("writing to a String never fails");
    }
}
