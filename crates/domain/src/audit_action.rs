//! The actions recorded in the audit trail.

use crate::label::labelled_enum;

labelled_enum! {
    "audited action"
    /// An audited action, recorded with the person who did it, in the console or the API.
    pub enum AuditAction {
        /// A webhook was created.
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
        /// A test delivery was sent to an unsaved URL, for a new webhook or as an edit of one.
        Tested = "tested",
        /// A person signed in to the console.
        SignedIn = "signed_in",
        /// They signed out.
        SignedOut = "signed_out",
        /// A session was revoked by an operator.
        SessionRevoked = "session_revoked",
        /// An API token was created.
        TokenCreated = "token_created",
        /// An API token was revoked.
        TokenRevoked = "token_revoked",
    }
}
