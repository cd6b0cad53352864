//! The actions recorded in the audit trail.

use serde::Serialize;
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

/// An audited action, recorded with the person who did it, in the console or the API.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Display,
    EnumString,
    IntoStaticStr,
    VariantArray,
    Serialize,
)]
#[strum(serialize_all = "snake_case")]
#[serde(into = "&'static str")]
pub enum AuditAction {
    /// A webhook was created.
    Created,
    /// Any of its settings was changed: name, description, URL, event types, rate limit or request
    /// headers.
    Edited,
    /// It was paused by an administrator.
    Paused,
    /// It was resumed.
    Resumed,
    /// Its secret was shown to somebody.
    SecretRevealed,
    /// Its secret was replaced.
    SecretRotated,
    /// One failed or delivered delivery was sent again.
    Retried,
    /// The failed deliveries of a time range were sent again: all, or those of some event types.
    Recovered,
    /// It was deleted.
    Deleted,
    /// A test delivery was sent to an unsaved URL, for a new webhook or as an edit of one.
    Tested,
    /// A person signed in to the console.
    SignedIn,
    /// They signed out.
    SignedOut,
    /// A session was revoked by an operator.
    SessionRevoked,
    /// An API token was created.
    TokenCreated,
    /// An API token was revoked.
    TokenRevoked,
}
