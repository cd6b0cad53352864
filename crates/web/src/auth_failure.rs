//! Reasons for refusing access, from a closed set.

use runtime::metrics::EnumLabel;
use store::tokens::TokenRefusal;
use strum::{IntoStaticStr, VariantArray};

/// Why somebody was refused, as `webhook_auth_failures_total` has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
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
    /// A token was used for an account that it does not act for, or a service token to sign in.
    Account,
    /// The CRM's ticket was not a good one, or came from elsewhere.
    Ticket,
    /// A form that none of our pages sent in this session.
    Form,
    /// Too many had failed to sign in.
    TooManyAttempts,
}

impl EnumLabel for AuthFailure {
    const NAME: &'static str = "reason";
}

impl From<TokenRefusal> for AuthFailure {
    fn from(refusal: TokenRefusal) -> Self {
        match refusal {
            TokenRefusal::Unknown => Self::UnknownToken,
            TokenRefusal::Revoked => Self::RevokedToken,
            TokenRefusal::Expired => Self::ExpiredToken,
            TokenRefusal::Service => Self::Account,
        }
    }
}
