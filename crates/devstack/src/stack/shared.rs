//! The one pair of servers that all integration tests of a run share.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::OnceCell;

use super::Stack;
use crate::checkout::dev_directory;
use crate::servers::{Durability, Lifetime, ServerError, name_of_tree};

/// Longer than the time between two test binaries of a run, compiling included on a slow machine.
const IDLE: Duration = Duration::from_secs(600);

/// The servers of this test run: those of `WEBHOOKS_AMQP__URL` and `WEBHOOKS_DATABASE__URL` when set, else one private
/// pair in `.dev/test/`, which every test binary of the run shares and which ends after ten minutes without one.
///
/// # Panics
/// When there are none: no test that asks for them can go on.
pub async fn shared_stack() -> &'static Stack {
    static STACK: OnceCell<Stack> = OnceCell::const_new();
    match STACK
        .get_or_try_init(async || start_for_tests(&dev_directory()).await)
        .await
    {
        Ok(stack) => stack,
        Err(error) => panic!("no servers for tests: {:#}", anyhow::Error::from(error)),
    }
}

/// Where the pair of the checkout whose `.dev/` this is keeps its data: apart for each tree that servers come from.
pub fn tests_directory(dev_directory: &Path) -> PathBuf {
    dev_directory.join(name_of_tree().map_or_else(|| "test".to_owned(), |tree| format!("test-{tree}")))
}

/// Starts the pair of the checkout whose `.dev/` this is, or finds it running.
///
/// # Errors
/// See [`Stack::up`].
pub async fn start_for_tests(dev_directory: &Path) -> Result<Stack, ServerError> {
    let directory = tests_directory(dev_directory);
    let lifetime = Lifetime::WhileUsed {
        lease: directory.join("lease"),
        grace: IDLE,
    };
    Stack::up(&directory, lifetime, Durability::ProcessDeath).await
}
