//! A whole installation: one of each program, a receiver, an administrator and a CRM service.

use anyhow::ensure;
use testkit::receiver::Receiver;
use testkit::wait;

use crate::{Api, Crm, DEADLINE, Program, Site, Webhook};

/// The queues that are empty once everything is done.
const EMPTIED: [&str; 4] = [
    "webhooks.events",
    "webhooks.deliveries",
    "webhooks.deliveries.bulk",
    "webhooks.unroutable",
];
/// Webhooks that a fanout matches events against.
const KNOWN_WEBHOOKS: &str = "webhook_subscription_index_webhooks";
/// The side queues.
const REJECTED: [&str; 2] = ["webhooks.events.rejected", "webhooks.deliveries.rejected"];

/// A migrated site with one fanout and one sender, both ready, and the account `acme`.
pub struct Deployment {
    /// Matches and enqueues.
    pub fanout: Program,
    /// Posts.
    pub sender: Program,
    /// A customer's server.
    pub receiver: Receiver,
    /// An administrator of `acme`.
    pub api: Api,
    /// A CRM service.
    pub crm: Crm,
    /// Where they run.
    pub site: Site,
}

impl Deployment {
    /// A deployment with the settings that all tests share.
    ///
    /// # Errors
    /// Something does not start.
    pub async fn start() -> anyhow::Result<Self> {
        Self::with(&[]).await
    }

    /// A deployment with further settings, as environment variables.
    ///
    /// # Errors
    /// Something does not start.
    pub async fn with(settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        let mut site = Site::new().await?;
        settings.iter().for_each(|(variable, value)| site.set(variable, value));
        Self::at(site).await
    }

    /// A deployment on this site.
    ///
    /// # Errors
    /// Something does not start.
    pub async fn at(site: Site) -> anyhow::Result<Self> {
        site.migrate().await?;
        let (fanout, sender) = tokio::try_join!(site.fanout(), site.sender())?;
        let receiver = Receiver::start(&site.ca).await?;
        let api = site.api(&fanout, "acme").await?;
        let crm = site.crm().await?;
        Ok(Self {
            fanout,
            sender,
            receiver,
            api,
            crm,
            site,
        })
    }

    /// A deployment and a receiver that may be saved as an address, and may not be dialled any more.
    ///
    /// # Errors
    /// Something does not start.
    pub async fn with_blocked_receiver() -> anyhow::Result<(Self, Receiver)> {
        let mut site = Site::new().await?;
        site.migrate().await?;
        let fanout = site.fanout().await?;
        site.set("WEBHOOKS_EGRESS__ALLOW_NETWORKS", "127.0.0.1/32");
        let sender = site.sender().await?;
        let blocked = Receiver::builder(&site.ca)
            .listen(([127, 0, 0, 2], 0).into())
            .start()
            .await?;
        let (api, crm, receiver) = (
            site.api(&fanout, "acme").await?,
            site.crm().await?,
            Receiver::start(&site.ca).await?,
        );
        Ok((
            Self {
                fanout,
                sender,
                receiver,
                api,
                crm,
                site,
            },
            blocked,
        ))
    }

    /// A webhook of `acme` that posts to `path` of the receiver; fanout knows it.
    ///
    /// # Errors
    /// The API refuses.
    pub async fn webhook(&self, path: &str, event_types: &[&str]) -> anyhow::Result<Webhook> {
        self.webhook_at(&self.receiver.url(path), event_types).await
    }

    /// A webhook of `acme` that posts to any URL; fanout knows it.
    ///
    /// # Errors
    /// The API refuses.
    pub async fn webhook_at(&self, url: &str, event_types: &[&str]) -> anyhow::Result<Webhook> {
        let known = self.fanout.metric(KNOWN_WEBHOOKS).await?;
        let webhook = self.api.create_webhook(url, event_types).await?;
        self.wait_until_known(known + 1.0).await?;
        Ok(webhook)
    }

    /// Waits until fanout matches events against this many webhooks: before that, an event does not match a new one.
    ///
    /// # Errors
    /// It never does.
    pub async fn wait_until_known(&self, webhooks: f64) -> anyhow::Result<()> {
        self.fanout.wait_for_metric(KNOWN_WEBHOOKS, webhooks).await
    }

    /// Waits until the log has exactly this many deliveries in a state.
    ///
    /// # Errors
    /// It has another number at the deadline.
    pub async fn wait_until_logged(&self, state: &str, count: usize) -> anyhow::Result<()> {
        let as_many = async || {
            let Ok(database) = self.site.database().await else {
                return false;
            };
            let states = database.deliveries_by_state().await.unwrap_or_default();
            states.get(state) == i64::try_from(count).ok().as_ref()
        };
        Ok(wait::until(DEADLINE, format!("{count} deliveries to be {state}"), as_many).await?)
    }

    /// Waits until nothing is left to do. Only a test in which messages came again needs it before it ends: repeats are
    /// recognised and acknowledged, which takes a moment after everything has arrived.
    ///
    /// # Errors
    /// Something is left.
    pub async fn wait_until_emptied(&self) -> anyhow::Result<()> {
        let vhost = self.site.vhost();
        for queue in EMPTIED {
            let is_emptied = async || {
                matches!(vhost.ready(queue).await, Ok(Some(0)))
                    && matches!(vhost.unacknowledged(queue).await, Ok(Some(0)))
            };
            wait::until(DEADLINE, format!("{queue} to be emptied"), is_emptied).await?;
        }
        Ok(())
    }

    /// Ends the programs in order, and checks what holds after every test: neither was restarted, both exit with 0, and
    /// no rejected message or outbox row is left.
    ///
    /// # Errors
    /// One of that does not hold.
    pub async fn finish(self) -> anyhow::Result<()> {
        self.finish_with_rejected(0, 0).await
    }

    /// The same where this many events and jobs were rejected.
    ///
    /// # Errors
    /// One of that does not hold.
    pub async fn finish_with_rejected(mut self, events: u32, jobs: u32) -> anyhow::Result<()> {
        ensure!(
            self.fanout.is_running() && self.sender.is_running(),
            "a program ended by itself"
        );
        let (fanout, sender) = (self.fanout.stop().await?, self.sender.stop().await?);
        ensure!(
            (fanout, sender) == (0, 0),
            "exit statuses: fanout {fanout}, sender {sender}"
        );
        for queue in EMPTIED {
            let left = self.site.vhost().ready(queue).await?;
            ensure!(left == Some(0), "{queue} holds {left:?} messages");
        }
        let [in_events, in_jobs] = REJECTED.map(|queue| self.site.vhost().ready(queue));
        let rejected = (in_events.await?, in_jobs.await?);
        ensure!(
            rejected == (Some(events), Some(jobs)),
            "rejected events and jobs: {rejected:?}"
        );
        Ok(())
    }
}
