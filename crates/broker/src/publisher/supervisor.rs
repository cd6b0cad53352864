//! The publisher's connection: opened without limit, supervised, and replaced when it is lost.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use lapin::Event;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use super::session::{Session, lose};
use crate::broker::Broker;
use crate::reconnect::{Current, Reconnecting};
use crate::telemetry::PublishResult;
use crate::topology::{Keeper, refusal};

/// On a new connection the topology is checked first, for at most this long.
const TOPOLOGY_FIRST: Duration = Duration::from_secs(10);

/// Shared by all clones of a publisher.
pub(super) struct Shared {
    pub(super) broker: Broker,
    pub(super) keeper: Keeper,
    pub(super) in_flight: Arc<Semaphore>,
    /// The newest session that a publish found to be lost. Older ones are ignored.
    pub(super) lost: watch::Sender<u64>,
    pub(super) abandoned: TaskTracker,
}

/// Why a session ended.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error("a publish failed or was not confirmed")]
    Fault,
    #[error("the connection was closed")]
    Closed,
    #[error(transparent)]
    Error(lapin::Error),
}

impl Shared {
    pub(super) async fn keep_connected(self: Arc<Self>, current: Current<Arc<Session>>) {
        let mut connections = Reconnecting::new("publisher", &self.broker.connector);
        loop {
            let connection = connections.open(|| self.broker.connector.connect("publisher")).await;
            let session = Session::new(
                connection,
                self.broker.confirmed_within,
                self.abandoned.clone(),
                self.lost.clone(),
            );
            let end = self.serve(Arc::new(session), &current, &mut connections).await;
            connections.lost(&end);
        }
    }

    /// A publish found this session to be lost.
    pub(super) fn lose(&self, epoch: u64) {
        self.broker.telemetry.published(PublishResult::Lost);
        lose(&self.lost, epoch);
    }

    /// Ends with the connection.
    async fn serve(
        &self,
        session: Arc<Session>,
        current: &Current<Arc<Session>>,
        connections: &mut Reconnecting,
    ) -> End {
        let mut looked = self.keeper.looks();
        let first_look = timeout(TOPOLOGY_FIRST, looked.changed());
        let working = async {
            // Otherwise publishers would find exchanges without their queues.
            let _ = first_look.await;
            connections.connected();
            current.set(Arc::clone(&session));
            self.until_lost(session.epoch).await
        };
        let end = tokio::select! {
            end = working => end,
            end = self.watch(&session, current) => end,
            () = self.keeper.keep(session.connection(), || session.is_blocked()) => unreachable!("it keeps on"),
        };
        current.clear();
        // Callers that await a confirm hold the session, too; closing it tells them that none will come.
        session.connection().close().await;
        end
    }

    async fn until_lost(&self, epoch: u64) -> End {
        // We own the sender of this channel.
        let _ = self.lost.subscribe().wait_for(|lost| *lost >= epoch).await;
        End::Fault
    }

    async fn watch(&self, session: &Session, current: &Current<Arc<Session>>) -> End {
        let mut events = session.connection().events();
        loop {
            match events.next().await {
                Some(Event::ConnectionBlocked(reason)) => {
                    warn!(reason, "the broker blocks publishes");
                    self.block(session, current, true);
                }
                Some(Event::ConnectionUnblocked) => {
                    info!("the broker accepts publishes again");
                    self.block(session, current, false);
                }
                // A channel error: its users see it themselves.
                Some(Event::Error(error)) if refusal(&error).is_some() => {}
                Some(Event::Error(error)) => return End::Error(error),
                Some(_) => {}
                None => return End::Closed,
            }
        }
    }

    fn block(&self, session: &Session, current: &Current<Arc<Session>>, blocked: bool) {
        session.set_blocked(blocked);
        self.broker.telemetry.blocked(blocked);
        current.changed();
    }
}
