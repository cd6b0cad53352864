//! Events that come in at a steady pace, and when they were delivered.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use e2e::{DEADLINE, Event, Link, PersistentCrm};
use serde_json::Value;
use testkit::receiver::Receiver;
use testkit::wait;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::installation::Installation;

/// CRM services, each of which waits for one confirm before it publishes the next event.
const PUBLISHERS: usize = 2;
/// Between two events of one of them.
const PACE: Duration = Duration::from_millis(50);
/// So many confirms are some.
const SOME: usize = 40;
/// From the last confirm to the last delivery.
const DELIVERED_WITHIN: Duration = Duration::from_secs(30);

/// Events being published.
pub struct Load {
    is_over: Arc<AtomicBool>,
    confirmed: Arc<AtomicUsize>,
    publishers: JoinSet<anyhow::Result<Published>>,
}

/// Events that the broker has confirmed.
#[derive(Default)]
pub struct Published {
    confirmed_at: HashMap<String, SystemTime>,
    /// How often one was published again, since a confirm did not come.
    repeats: usize,
}

/// How they were delivered.
pub struct Delivered {
    events: usize,
    requests: usize,
    repeats: usize,
    pub slowest: Duration,
    pub longest_silence: Duration,
}

impl Load {
    /// Begins to publish, each service by a way of its own to the broker.
    pub async fn start(installation: &Installation) -> anyhow::Result<Self> {
        let (is_over, confirmed, mut publishers) = (Arc::default(), Arc::default(), JoinSet::new());
        for number in 0..PUBLISHERS {
            let link = installation.site.link_to_broker(number).await?;
            publishers.spawn(publish(number, link, Arc::clone(&is_over), Arc::clone(&confirmed)));
        }
        Ok(Self {
            is_over,
            confirmed,
            publishers,
        })
    }

    /// Waits for a number of confirms from now on.
    pub async fn wait_for_some(&self) -> anyhow::Result<()> {
        let before = self.confirmed.load(Ordering::Acquire);
        let some = async || self.confirmed.load(Ordering::Acquire) >= before + SOME;
        Ok(wait::until(DEADLINE, format!("{SOME} confirms"), some).await?)
    }

    /// Publishes no more; gives what was confirmed.
    pub async fn end(mut self) -> anyhow::Result<Published> {
        self.is_over.store(true, Ordering::Release);
        let mut all = Published::default();
        while let Some(published) = self.publishers.join_next().await {
            let Published { confirmed_at, repeats } = published??;
            all.confirmed_at.extend(confirmed_at);
            all.repeats += repeats;
        }
        Ok(all)
    }
}

async fn publish(
    number: usize,
    link: Link,
    is_over: Arc<AtomicBool>,
    confirmed: Arc<AtomicUsize>,
) -> anyhow::Result<Published> {
    let (mut crm, mut published) = (PersistentCrm::new(link.url()), Published::default());
    let mut ticks = interval(PACE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !is_over.load(Ordering::Acquire) {
        ticks.tick().await;
        let event = Event::new("deal.won", &format!("p{number}-{}", published.confirmed_at.len()));
        published.repeats += crm.publish(&event, Instant::now() + DEADLINE).await?;
        published.confirmed_at.insert(event.id, SystemTime::now());
        confirmed.fetch_add(1, Ordering::AcqRel);
    }
    Ok(published)
}

impl Published {
    /// Waits until each confirmed event was delivered.
    pub async fn wait_delivered(&self, receiver: &Receiver) -> anyhow::Result<Delivered> {
        let mut missing = Vec::new();
        let all_delivered = async || {
            let delivered = first_arrivals(receiver);
            missing = self
                .confirmed_at
                .keys()
                .filter(|event| !delivered.contains_key(*event))
                .cloned()
                .collect();
            missing.is_empty()
        };
        let waited = wait::until(DELIVERED_WITHIN, "all deliveries", all_delivered).await;
        anyhow::ensure!(
            waited.is_ok(),
            "{} confirmed events were not delivered: {missing:?}",
            missing.len()
        );
        Ok(self.delivered(receiver))
    }

    fn delivered(&self, receiver: &Receiver) -> Delivered {
        let arrivals = first_arrivals(receiver);
        let lags = self
            .confirmed_at
            .iter()
            .map(|(event, at)| arrivals[event].duration_since(*at).unwrap_or_default());
        let mut times: Vec<SystemTime> = arrivals.values().copied().collect();
        times.sort();
        let silences = times
            .windows(2)
            .map(|pair| pair[1].duration_since(pair[0]).unwrap_or_default());
        Delivered {
            events: self.confirmed_at.len(),
            requests: receiver.requests().iter().filter_map(event_of).count(),
            repeats: self.repeats,
            slowest: lags.max().unwrap_or_default(),
            longest_silence: silences.max().unwrap_or_default(),
        }
    }
}

impl fmt::Display for Delivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            events,
            requests,
            repeats,
            slowest,
            longest_silence,
        } = self;
        write!(
            f,
            "{events} events confirmed, {repeats} times published again; {requests} requests; the slowest delivery took \
             {slowest:?}, the longest silence {longest_silence:?}"
        )
    }
}

fn first_arrivals(receiver: &Receiver) -> HashMap<String, SystemTime> {
    let mut arrivals = HashMap::new();
    for request in receiver.requests() {
        // A test has no event.
        let Some(event) = event_of(&request) else { continue };
        arrivals.entry(event).or_insert(request.received_at);
    }
    arrivals
}

fn event_of(request: &testkit::receiver::ReceivedRequest) -> Option<String> {
    let body: Value = serde_json::from_slice(&request.body).ok()?;
    (body["type"] == "deal.won").then(|| body["id"].as_str().map(str::to_owned))?
}
