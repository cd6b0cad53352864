//! Roles within an account.

use serde::Serialize;
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

/// What a person may do, whether they hold an API token or were signed in by the CRM.
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
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Role {
    /// Everything within the account.
    Admin,
    /// Reads, and sees no secret.
    Viewer,
}
