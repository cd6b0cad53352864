//! A PostgreSQL that stops, dies, hangs, refuses to write, or ends its sessions.

use std::time::{Duration, Instant};

use testkit::wait;
use tokio::time::sleep_until;

use super::{Done, again_and_again};
use crate::random::fault::DatabaseFault;
use crate::random::installation::Installation;

/// In a session that may write, whatever the server says; then all sessions learn of it.
const READ_ONLY: [&str; 3] = [
    "SET default_transaction_read_only = off",
    "ALTER SYSTEM SET default_transaction_read_only = on",
    "SELECT pg_reload_conf()",
];
const WRITABLE: [&str; 3] = [
    "SET default_transaction_read_only = off",
    "ALTER SYSTEM RESET default_transaction_read_only",
    "SELECT pg_reload_conf()",
];
/// Of a server whose disk has room again.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);
const END_SESSIONS: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()";

pub(super) async fn happen(fault: DatabaseFault, installation: &Installation, until: Instant) -> anyhow::Result<Done> {
    let mut database = installation.database.lock().await;
    match fault {
        DatabaseFault::Stop | DatabaseFault::Kill => {
            match fault {
                DatabaseFault::Stop => database.stop().await?,
                _ => database.kill_nine().await?,
            }
            sleep_until(until.into()).await;
            database.start_again().await?;
        }
        DatabaseFault::Freeze => {
            database.instance().freeze();
            sleep_until(until.into()).await;
            database.instance().thaw();
        }
        DatabaseFault::ReadOnly => {
            execute(installation, &READ_ONLY).await?;
            sleep_until(until.into()).await;
            execute(installation, &WRITABLE).await?;
        }
        DatabaseFault::EndSessions => {
            return Ok(again_and_again(until, async || execute(installation, &[END_SESSIONS]).await).await);
        }
        DatabaseFault::FullDisk => {
            let Some(disk) = &installation.disk else {
                return Ok(Done::NotPossibleHere);
            };
            disk.fill()?;
            sleep_until(until.into()).await;
            disk.free()?;
            // It ends when it cannot even recover; then an operator starts it again.
            let answers = async || installation.site.database().await.is_ok();
            if wait::until(ANSWERS_WITHIN, "the database", answers).await.is_err() {
                database.start_again().await?;
            }
        }
    }
    Ok(Done::Yes)
}

async fn execute(installation: &Installation, statements: &[&str]) -> anyhow::Result<()> {
    let session = installation.site.database().await?;
    for statement in statements {
        session.execute(statement).await?;
    }
    Ok(())
}
