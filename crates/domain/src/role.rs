//! Roles within an account.

use crate::label::labelled_enum;

labelled_enum! {
    "role"
    /// What a person may do, whether they hold an API token or were signed in by the CRM.
    pub enum Role {
        /// Everything within the account.
        Admin = "admin",
        /// Reads, and sees no secret.
        Viewer = "viewer",
    }
}
