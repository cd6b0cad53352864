//! What a check finds.

use serde::Serialize;
use strum::{Display, IntoStaticStr, VariantArray};

/// What is wrong with the request, or with the receiver's code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, IntoStaticStr, VariantArray, Serialize)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum FindingCode {
    /// Nothing is wrong.
    Ok,
    /// A header is missing, renamed or malformed.
    MissingHeader,
    /// The log has no delivery with this `webhook-id`.
    UnknownId,
    /// The delivery is one of another webhook.
    OtherWebhook,
    /// The timestamp is too far from the present.
    ClockSkew,
    /// The body is not the one that was sent.
    BodyDiffers,
    /// A former secret was used.
    FormerSecret,
    /// The receiver's code uses the secret in another form as the key.
    WrongKeyForm,
    /// The receiver's code computes the signature of another text.
    WrongMessageForm,
    /// The receiver's code writes the signature in another encoding.
    WrongEncoding,
    /// No secret of the webhook gives this signature.
    NoMatch,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Its kind.
    pub code: FindingCode,
    /// What is wrong and what to do, in a sentence.
    pub detail: String,
    /// Of a body that differs: the first byte that does, counted from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<usize>,
}

impl Finding {
    pub(super) fn new(code: FindingCode, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self { code, detail, at: None }
    }
}
