//! Webhooks of several accounts, their receivers, and events at a steady rate.

mod publisher;

use std::collections::HashSet;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use e2e::{Api, Site};
use serde_json::json;
use testkit::receiver::{Answer, Receiver, Script};
use testkit::wait;
use tokio::task::JoinSet;

use super::facts::{Accepted, Nature, Webhook};
use super::fault::Process;
use super::installation::Installation;
use super::schedule::Schedule;
use publisher::Publisher;

const DEALS: &str = "deal.won";
const INVOICES: &str = "invoice.paid";
/// Account, event type and nature of each webhook.
const WEBHOOKS: [(&str, &str, Nature); 10] = [
    ("acme", DEALS, Nature::Healthy),
    ("acme", DEALS, Nature::Moody),
    ("acme", INVOICES, Nature::Healthy),
    ("acme", INVOICES, Nature::Odd),
    ("globex", DEALS, Nature::Healthy),
    ("globex", DEALS, Nature::Moody),
    ("globex", INVOICES, Nature::Healthy),
    ("initech", DEALS, Nature::Healthy),
    ("initech", INVOICES, Nature::Moody),
    ("initech", INVOICES, Nature::Healthy),
];
/// The event types, in turn; others have no subscription.
const EVENTS: [(&str, &str); 7] = [
    ("acme", DEALS),
    ("globex", INVOICES),
    ("initech", DEALS),
    ("acme", INVOICES),
    ("globex", DEALS),
    ("initech", INVOICES),
    ("globex", "contact.created"),
];
/// CRM services that publish, each waiting for the confirm of one event before the next.
const PUBLISHERS: usize = 4;
/// An event published this long before a fault may be affected by it.
const AHEAD: Duration = Duration::from_secs(3);
/// Until every fanout has heard of a webhook.
const KNOWN_WITHIN: Duration = Duration::from_secs(60);

/// A webhook, its receiver, and its account's administrator.
pub struct Subscriber {
    pub id: String,
    pub host: String,
    pub receiver: Receiver,
    pub api: Api,
    pub webhook: Webhook,
}

/// Everything that is published and received.
pub struct Load {
    pub subscribers: Vec<Subscriber>,
    pub begun: Instant,
    pub begun_at: SystemTime,
    accepted: Mutex<Vec<Accepted>>,
    published_again: Mutex<HashSet<String>>,
    schedule: Schedule,
}

impl Load {
    /// Makes the webhooks, waits until every fanout knows them, and starts the clock.
    pub async fn prepare(installation: &Installation, schedule: Schedule) -> anyhow::Result<Self> {
        let fanout = installation.node(Process::Fanout(0)).program.lock().await;
        let mut subscribers = Vec::new();
        for (number, (account, event_type, nature)) in WEBHOOKS.into_iter().enumerate() {
            // A host for each: what one of them does to its host is not done to another's.
            let address = Ipv4Addr::new(127, 0, 0, u8::try_from(number)? + 2);
            let host = format!("receiver-{number}.example.com");
            installation.names.add(&host, address);
            let builder = Receiver::builder(&installation.site.ca).identity(installation.site.ca.issue(&[&host]));
            let receiver = builder.listen((address, 0).into()).start().await?;
            if nature == Nature::Odd {
                receiver.answer(odd_answers());
            }
            let api = installation.site.api(&fanout, account).await?;
            let (name, url) = (format!("Webhook {number}"), receiver.url_as(&host, "/"));
            let form = json!({"name": name, "url": url, "event_types": [event_type]});
            let id = api.create_webhook_from(&form).await?.id;
            let webhook = Webhook {
                account,
                event_type,
                nature,
                status: String::new(),
            };
            subscribers.push(Subscriber {
                id,
                host,
                receiver,
                api,
                webhook,
            });
        }
        drop(fanout);
        wait_until_known(installation).await?;
        Ok(Self {
            subscribers,
            begun: Instant::now(),
            begun_at: SystemTime::now(),
            accepted: Mutex::default(),
            published_again: Mutex::default(),
            schedule,
        })
    }

    /// How many webhooks have receivers that may misbehave.
    pub fn moody() -> usize {
        WEBHOOKS
            .iter()
            .filter(|(_, _, nature)| *nature == Nature::Moody)
            .count()
    }

    /// One of those, counted from 0.
    pub fn moody_subscriber(&self, number: usize) -> &Subscriber {
        let mut moody = self.subscribers.iter().filter(|it| it.webhook.nature == Nature::Moody);
        moody.nth(number).expect("schedules name only webhooks there are")
    }

    /// Publishes `per_second` events until `length` has passed, and waits for the confirms.
    pub async fn publish(self: &Arc<Self>, site: &Site, per_second: u64, length: Duration) -> anyhow::Result<()> {
        let mut publishers = JoinSet::new();
        for number in 0..PUBLISHERS {
            let publisher = Publisher::new(self.clone(), number, site.link_to_broker(number).await?);
            let pause = Duration::from_secs(PUBLISHERS as u64).div_f64(per_second as f64);
            publishers.spawn(publisher.publish(pause, length));
        }
        while let Some(ended) = publishers.join_next().await {
            ended??;
        }
        Ok(())
    }

    /// The events that the broker has confirmed so far.
    pub fn accepted(&self) -> Vec<Accepted> {
        self.accepted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Those that were published more than once.
    pub fn published_again(&self) -> HashSet<String> {
        self.published_again
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn is_calm(&self, at: Duration) -> bool {
        self.schedule.is_calm(at, AHEAD)
    }

    fn accept(&self, accepted: Accepted) {
        self.accepted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(accepted);
    }

    fn note_published_again(&self, event: &str) {
        self.published_again
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(event.to_owned());
    }
}

/// Every answer is a success, said as some servers say it.
fn odd_answers() -> Script {
    let heads = [
        "PHP Warning:  Undefined variable in /srv/hook.php\r\ncontent-length: 0\r\n",
        "content-length : 0\r\nx powered by: PHP\r\n",
        "x-folded: one\r\n two\r\ncontent-length: 0\r\n",
    ];
    Script::decided_by(move |_, before| Answer::raw(format!("HTTP/1.1 200 OK\r\n{}\r\n", heads[before % heads.len()])))
}

async fn wait_until_known(installation: &Installation) -> anyhow::Result<()> {
    for process in [Process::Fanout(0), Process::Fanout(1)] {
        let fanout = installation.node(process).program.lock().await;
        let known =
            async || fanout.metric("webhook_subscription_index_webhooks").await.ok() == Some(WEBHOOKS.len() as f64);
        wait::until(KNOWN_WITHIN, format!("{process} to know the webhooks"), known).await?;
    }
    Ok(())
}
