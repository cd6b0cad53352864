//! Log lines of the programs.

use serde_json::Value;

/// One JSON line of a program's log.
#[derive(Debug, Clone, PartialEq)]
pub struct LogLine(Value);

impl LogLine {
    /// What happened, in words.
    pub fn message(&self) -> &str {
        self.field("message")
    }

    /// A text field; empty when there is none.
    pub fn field(&self, name: &str) -> &str {
        self.0[name].as_str().unwrap_or_default()
    }

    /// Any field; null when there is none.
    pub fn value(&self, name: &str) -> &Value {
        &self.0[name]
    }
}

/// The lines that are JSON. A line still being written, or one on standard error, is not.
pub(crate) fn parse(log: &str) -> Vec<LogLine> {
    log.lines()
        .filter_map(|line| serde_json::from_str(line).ok().map(LogLine))
        .collect()
}
