//! What an administrator can do to a webhook, as the audit trail names it.

use crate::label::labelled_enum;

labelled_enum! {
    "audited action"
    /// What was done. Every one is written down with who did it, whether a page or the API was used.
    pub enum AuditAction {
        /// The webhook was added.
        Created = "created",
        /// Name, URL or event types were changed.
        Edited = "edited",
        /// It was paused by an administrator.
        Paused = "paused",
        /// It was resumed.
        Resumed = "resumed",
        /// Its secret was shown to somebody.
        SecretRevealed = "secret_revealed",
        /// Its secret was replaced.
        SecretRotated = "secret_rotated",
        /// One failed delivery was sent again.
        Retried = "retried",
        /// All failed deliveries of a time range were sent again.
        Recovered = "recovered",
        /// It was deleted.
        Deleted = "deleted",
    }
}
