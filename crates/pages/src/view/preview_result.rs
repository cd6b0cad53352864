//! The preview of a webhook as it stands below its button.

use admin::{FieldError, Preview, PreviewExample};
use askama::Template;
use askama::filters::HtmlSafe;

use super::condition_rows::ConditionRow;
use super::labels::Moment;
use super::text::filters;

/// The numbers and examples, or why there are none.
#[derive(Debug, Template)]
#[template(path = "preview_result.html")]
pub(crate) struct PreviewView {
    /// What is wrong with the form.
    wrong: Vec<String>,
    seen: i64,
    sampled: usize,
    matched: usize,
    peak_per_minute: usize,
    matching: Vec<Example>,
    not_matching: Vec<Example>,
}

impl HtmlSafe for PreviewView {}

#[derive(Debug)]
struct Example {
    event_id: String,
    event_type: String,
    at: Moment,
    /// The condition that does not hold, in words.
    failed: String,
}

impl PreviewView {
    /// What was found for these conditions.
    pub(crate) fn new(preview: Preview, conditions: &[ConditionRow]) -> Self {
        let example = |example: PreviewExample| {
            let failed = example.failed_condition.and_then(|index| conditions.get(index));
            Example {
                event_id: example.event_id,
                event_type: example.event_type,
                at: example.accepted_at.into(),
                failed: failed.map(ConditionRow::words).unwrap_or_default(),
            }
        };
        Self {
            wrong: Vec::new(),
            seen: preview.seen,
            sampled: preview.sampled,
            matched: preview.matched,
            peak_per_minute: preview.peak_per_minute,
            matching: preview.matching.into_iter().map(example).collect(),
            not_matching: preview.not_matching.into_iter().map(example).collect(),
        }
    }

    /// For a form that has mistakes.
    pub(crate) fn wrong(errors: &[FieldError]) -> Self {
        Self {
            wrong: errors.iter().map(|error| error.detail.clone().into_owned()).collect(),
            seen: 0,
            sampled: 0,
            matched: 0,
            peak_per_minute: 0,
            matching: Vec::new(),
            not_matching: Vec::new(),
        }
    }
}
