//! A CRM event as it arrives: CloudEvents 1.0, in structured mode (JSON or protobuf format) or in binary mode.
//!
//! Only the envelope is decoded; `data` stays the bytes the CRM wrote. An event that can never be processed is a
//! [`Rejection`], with a reason code and a text.

mod attributes;
mod binary;
mod json;
mod message;
mod protobuf;
mod rejection;
mod time;

pub use attributes::CrmEvent;
pub use message::{EventMessage, Header};
pub use rejection::{Rejection, RejectionReason};

use message::Format;

/// Decodes a message of at most `max_bytes`.
///
/// # Errors
/// A [`Rejection`] when no later attempt could succeed either.
pub fn decode_within<'a>(max_bytes: usize, message: &EventMessage<'a, '_>) -> Result<CrmEvent<'a>, Rejection> {
    let bytes = message.body.len();
    if bytes > max_bytes {
        let detail = format!("{bytes} bytes, more than the {max_bytes} accepted");
        return Err(Rejection::new(RejectionReason::TooLarge, detail));
    }
    decode(message)
}

/// Decodes a message.
///
/// # Errors
/// A [`Rejection`] when no later attempt could succeed either.
pub fn decode<'a>(message: &EventMessage<'a, '_>) -> Result<CrmEvent<'a>, Rejection> {
    message.check_encoding()?;
    match message.format()? {
        Format::Json => json::decode(message.body),
        Format::Protobuf => protobuf::decode(message.body),
        Format::Binary => binary::decode(message),
    }
}

#[cfg(test)]
mod tests;
