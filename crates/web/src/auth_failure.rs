//! Reasons for refusing access, from a closed set.

use runtime::metrics::Label;
use store::tokens::TokenRefusal;

/// Why somebody was refused, as `webhook_auth_failures_total` has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthFailure {
    /// No token was sent.
    MissingToken,
    /// A token that there never was.
    UnknownToken,
    /// A token that was revoked.
    RevokedToken,
    /// A token whose time is over.
    ExpiredToken,
    /// A viewer asked for what only an administrator may do.
    Role,
    /// The CRM's ticket was not a good one, or came from elsewhere.
    Ticket,
    /// A form that none of our pages sent in this session.
    Form,
    /// Too many had failed to sign in.
    TooManyAttempts,
}

impl Label for AuthFailure {
    const NAME: &'static str = "reason";

    fn all() -> &'static [Self] {
        &[
            Self::MissingToken,
            Self::UnknownToken,
            Self::RevokedToken,
            Self::ExpiredToken,
            Self::Role,
            Self::Ticket,
            Self::Form,
            Self::TooManyAttempts,
        ]
    }

    fn value(self) -> &'static str {
        match self {
            Self::MissingToken => "missing_token",
            Self::UnknownToken => "unknown_token",
            Self::RevokedToken => "revoked_token",
            Self::ExpiredToken => "expired_token",
            Self::Role => "role",
            Self::Ticket => "ticket",
            Self::Form => "form",
            Self::TooManyAttempts => "too_many_attempts",
        }
    }
}

impl From<TokenRefusal> for AuthFailure {
    fn from(refusal: TokenRefusal) -> Self {
        match refusal {
            TokenRefusal::Unknown => Self::UnknownToken,
            TokenRefusal::Revoked => Self::RevokedToken,
            TokenRefusal::Expired => Self::ExpiredToken,
        }
    }
}
