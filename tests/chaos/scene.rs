//! One fanout, two senders, one webhook, many events; and what must hold when all is over.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use e2e::{Deployment, Event, Program, Site};
use testkit::receiver::{Answer, Script};
use testkit::servers::{PrivatePostgres, PrivateRabbit};
use testkit::{shared_stack, wait};

/// From the last start of what was killed to the last delivery.
pub const RECOVERY: Duration = Duration::from_secs(120);

/// A deployment with a second sender and one webhook for `deal.won`.
pub struct Scene {
    pub all: Box<Deployment>,
    pub second_sender: Program,
}

/// A site on a broker that the test may kill.
pub async fn site_on(broker: &PrivateRabbit) -> anyhow::Result<Site> {
    Site::on(
        broker.create_vhost().await?,
        shared_stack().await.create_database().await?,
    )
}

/// A site in a database that the test may kill.
pub async fn site_in(database: &PrivatePostgres) -> anyhow::Result<Site> {
    Site::on(
        shared_stack().await.create_vhost().await?,
        database.create_database().await?,
    )
}

/// The first attempt of each delivery fails, all others succeed.
pub fn fails_each_once() -> Script {
    let mut seen = HashSet::new();
    Script::decided_by(move |request, _| {
        if seen.insert(request.webhook_id().to_owned()) {
            Answer::status(503)
        } else {
            Answer::ok()
        }
    })
}

impl Scene {
    /// On this site, with a receiver that answers by `script`.
    pub async fn start(site: Site, script: impl Into<Script>) -> anyhow::Result<Self> {
        let all = Box::new(Deployment::at(site).await?);
        let second_sender = all.site.sender().await?;
        all.receiver.answer(script);
        all.webhook("/", &["deal.won"]).await?;
        Ok(Self { all, second_sender })
    }

    /// Publishes that many events, and waits for the confirms.
    pub async fn publish(&self, prefix: &str, count: usize) -> anyhow::Result<()> {
        self.all
            .crm
            .publish_all(Event::deals_won(prefix, count).iter().map(Event::as_json))
            .await
    }

    /// Ends both senders in order.
    pub async fn stop_senders(&mut self) -> anyhow::Result<()> {
        assert_eq!(
            (self.all.sender.stop().await?, self.second_sender.stop().await?),
            (0, 0)
        );
        Ok(())
    }

    /// `kill -9` for both senders.
    pub fn kill_senders(&mut self) -> anyhow::Result<()> {
        self.all.sender.kill_nine()?;
        self.second_sender.kill_nine()
    }

    /// Starts both senders again.
    pub async fn start_senders(&mut self) -> anyhow::Result<()> {
        self.all.sender.start_again().await?;
        self.second_sender.start_again().await
    }

    /// Waits until that many requests have arrived.
    pub async fn wait_for(&self, requests: usize) -> anyhow::Result<()> {
        let arrived = async || self.all.receiver.count() >= requests;
        Ok(wait::until(RECOVERY, format!("{requests} requests"), arrived).await?)
    }

    /// Waits until all programs are ready again.
    pub async fn wait_ready(&mut self) -> anyhow::Result<()> {
        self.all.fanout.wait_ready().await?;
        self.all.sender.wait_ready().await?;
        self.second_sender.wait_ready().await
    }

    /// Waits until that many events have arrived and the log calls each of them delivered, and nothing else.
    pub async fn wait_all_delivered(&self, events: usize) -> anyhow::Result<()> {
        let all_arrived = async || self.all.receiver.count() >= events && self.arrived().len() == events;
        wait::until(RECOVERY, format!("{events} different deliveries"), all_arrived).await?;
        let expected = BTreeMap::from([("delivered".to_owned(), i64::try_from(events)?)]);
        let mut logged = BTreeMap::new();
        let as_expected = async || {
            let Ok(database) = self.all.site.database().await else {
                return false;
            };
            logged = database.deliveries_by_state().await.unwrap_or_default();
            logged == expected
        };
        let waited = wait::until(RECOVERY, "the log", as_expected).await;
        assert!(waited.is_ok(), "the log has {logged:?}, not {expected:?}");
        Ok(())
    }

    /// Ends everything and checks that each event kept one `webhook-id` through all its requests, that at most a tenth
    /// of the `expected` requests were duplicates, and that outbox and queues are empty.
    pub async fn finish(mut self, events: usize, expected: usize) -> anyhow::Result<()> {
        self.all.wait_until_emptied().await?;
        assert!(self.second_sender.is_running(), "the second sender ended by itself");
        assert_eq!(self.second_sender.stop().await?, 0);
        let arrived = self.arrived();
        let ids: BTreeSet<&String> = arrived.iter().map(|(id, _)| id).collect();
        let bodies: BTreeSet<&[u8]> = arrived.iter().map(|(_, body)| body.as_slice()).collect();
        assert_eq!((arrived.len(), ids.len(), bodies.len()), (events, events, events));
        let repeats = self.all.receiver.count() - expected;
        println!("{events} events, {repeats} repeated requests");
        assert!(repeats < expected / 10, "{repeats} requests came again");
        self.all.finish().await
    }

    /// Which deliveries have arrived, by `webhook-id` and body.
    fn arrived(&self) -> BTreeSet<(String, Vec<u8>)> {
        let requests = self.all.receiver.requests();
        requests
            .into_iter()
            .map(|request| (request.webhook_id().to_owned(), request.body.to_vec()))
            .collect()
    }
}
