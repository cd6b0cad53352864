//! What somebody may do within an account.

use crate::label::labelled_enum;

labelled_enum! {
    "role"
    /// What somebody may do, whether they hold an API token or a CRM vouches for them.
    pub enum Role {
        /// Everything within the account.
        Admin = "admin",
        /// Reads, and sees no secret.
        Viewer = "viewer",
    }
}
