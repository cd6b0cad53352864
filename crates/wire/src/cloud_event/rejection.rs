//! Why an event can never be processed.

use strum::{Display, IntoStaticStr, VariantArray};

/// Deepest nesting of objects and arrays accepted in an event, its own envelope included.
pub const MAX_DEPTH: usize = 64;

/// Why an event can never be processed, as a closed set: the header `x-reject-reason` and the metric's label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Display, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum RejectionReason {
    /// The body exceeds `events.max_bytes`.
    TooLarge,
    /// Neither JSON nor a CloudEvents content type.
    UnsupportedContentType,
    /// A content encoding such as gzip.
    UnsupportedContentEncoding,
    /// The body is not UTF-8.
    NotUtf8,
    /// The body is not the JSON (or protobuf) it claims to be.
    Malformed,
    /// Nested deeper than [`MAX_DEPTH`].
    TooDeep,
    /// A required attribute is missing, or an attribute has a value that is not allowed.
    InvalidAttribute,
}

/// An event that can never be processed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Rejection {
    /// For machines: the value of `x-reject-reason`.
    pub reason: RejectionReason,
    /// For people: one sentence, at most 1 KiB, without a quote of `data`.
    pub detail: String,
}

impl Rejection {
    /// A rejection with its sentence.
    pub fn new(reason: RejectionReason, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
        }
    }

    pub(super) fn attribute(name: &str, problem: &str) -> Self {
        Self::new(
            RejectionReason::InvalidAttribute,
            format!("attribute `{name}` {problem}"),
        )
    }
}
