//! Refusals of the broker.

use lapin::protocol::AMQPSoftError;

use crate::topology::refusal;

/// Why a message was not published.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// The publisher was closed before the broker confirmed the message.
    #[error("the publisher is closed")]
    Closed,
    /// The broker refused this message. Other messages are published.
    #[error("the broker refused the message")]
    Refused(#[from] Refusal),
}

/// The broker's refusal of one message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Refusal {
    /// Its kind.
    pub code: RefusalCode,
    /// The broker's reply text.
    pub reason: String,
}

impl Refusal {
    /// The broker refuses the message for good: it is larger than the broker's `max_message_size`, or one of its
    /// properties is not valid. Other refusals end when an operator declares an exchange or grants a permission.
    pub fn is_permanent(&self) -> bool {
        matches!(self.code, RefusalCode::PreconditionFailed | RefusalCode::Other)
    }

    /// `None` when the error does not concern a message.
    pub(crate) fn of(error: &lapin::Error) -> Option<Self> {
        let code = match refusal(error)? {
            AMQPSoftError::NOTFOUND => RefusalCode::NotFound,
            AMQPSoftError::ACCESSREFUSED => RefusalCode::AccessRefused,
            AMQPSoftError::PRECONDITIONFAILED => RefusalCode::PreconditionFailed,
            _ => RefusalCode::Other,
        };
        Some(Self {
            code,
            reason: error.to_string(),
        })
    }
}

/// The kinds of refusals, after AMQP's reply codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum RefusalCode {
    /// 404: there is no such exchange.
    NotFound,
    /// 403: the user may not publish to the exchange, or not with this routing key.
    AccessRefused,
    /// 406: the message is too large, or not valid.
    PreconditionFailed,
    /// Any other code that closes a channel and not its connection.
    Other,
}
