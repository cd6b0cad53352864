//! Processes and servers killed in the middle of work: nothing that the broker confirmed is lost, and every repeat is
//! recognisable. And receivers that misbehave: nobody else waits. One test at a time, on servers of its own where a server
//! dies.

mod blocked_broker;
mod cluster;
mod events_under_way;
mod held;
mod isolation;
mod known_queues;
mod random;
mod relay_blocked;
mod restarts;
mod retries_waiting;
mod scene;

use tokio::sync::{Mutex, MutexGuard};

/// Held by the test that runs: they measure what kills do, not what load does.
async fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::const_new(());
    TURN.lock().await
}
