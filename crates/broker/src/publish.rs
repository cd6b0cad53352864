//! The publishing of a message, for code that tests run without a broker.

use std::future::Future;

use crate::{Message, PublishError, Publisher};

/// Publishes messages; see [`Publisher`].
pub trait Publish: Send + Sync {
    /// See [`Publisher::publish_for_certain`].
    ///
    /// # Errors
    /// As there.
    fn publish_for_certain(&self, message: &Message) -> impl Future<Output = Result<(), PublishError>> + Send;
}

impl Publish for Publisher {
    async fn publish_for_certain(&self, message: &Message) -> Result<(), PublishError> {
        Self::publish_for_certain(self, message).await
    }
}
