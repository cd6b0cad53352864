//! What is wrong with one field of a form.

use std::borrow::Cow;

/// What is wrong with one field of a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) to the field; empty for the form as a whole.
    pub pointer: String,
    /// Stable, for programs.
    pub code: &'static str,
    /// A sentence for people; never repeats what was sent.
    pub detail: Cow<'static, str>,
}

impl FieldError {
    /// An error of the field at `pointer`.
    pub fn new(pointer: impl Into<String>, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            pointer: pointer.into(),
            code,
            detail: detail.into(),
        }
    }
}
