//! A history: events, faults and what administrators do, all from one seed, until everything has settled.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use domain::{DeliveryId, DeliveryPhase, WebhookId};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};

use crate::broker::Faults;
use crate::processes::{fan_out, send};
use crate::random::Random;
use crate::receiver::Behaviour;
use crate::world::{EVENT_TYPE, Sabotage, World};

/// Faults happen in this time.
const TROUBLED: Duration = Duration::from_secs(45 * 60);
/// Afterwards everything has to settle in this time: a ladder takes 36 minutes, and the reconciler waits for a multiple of
/// the time that something is late.
const SETTLED_WITHIN: Duration = Duration::from_secs(12 * 3600);
const SENDERS: u32 = 2;
const FANOUTS: u32 = 2;
const SOURCE: &str = "/crm/deals";

/// An event that the CRM published, and the broker confirmed.
pub struct Published {
    pub account: &'static str,
    pub id: String,
}

impl Published {
    /// Its deliveries.
    pub fn deliveries(&self, world: &World) -> HashMap<WebhookId, DeliveryId> {
        let webhooks = world
            .accounts
            .iter()
            .filter(|(_, account)| account.as_str() == self.account);
        webhooks
            .map(|(webhook, account)| (*webhook, DeliveryId::derive(account, SOURCE, &self.id, *webhook)))
            .collect()
    }

    pub fn body(&self) -> String {
        let Self { account, id } = self;
        format!(
            r#"{{"specversion":"1.0","id":"{id}","source":"{SOURCE}","type":"{EVENT_TYPE}","account":"{account}","data":{{}}}}"#
        )
    }
}

/// The processes, by number: senders first.
struct Processes {
    world: Arc<World>,
    running: Vec<JoinHandle<()>>,
}

impl Processes {
    fn start(world: &Arc<World>) -> Self {
        let mut processes = Self {
            world: Arc::clone(world),
            running: Vec::new(),
        };
        processes.running = (0..SENDERS + FANOUTS).map(|number| processes.spawn(number)).collect();
        processes
    }

    fn spawn(&self, number: u32) -> JoinHandle<()> {
        let world = Arc::clone(&self.world);
        if number < SENDERS {
            tokio::spawn(send(world, number))
        } else {
            tokio::spawn(fan_out(world, number))
        }
    }

    /// Kills a process, and starts it again a while later.
    async fn kill(&mut self, number: u32, down_for: Duration) {
        let process = &mut self.running[number as usize];
        process.abort();
        let ended = process.await;
        assert!(
            ended.is_err_and(|error| error.is_cancelled()),
            "process {number} ended by itself"
        );
        sleep(down_for / 2).await;
        self.world.broker.connection_lost(number);
        self.running[number as usize] = self.spawn(number);
    }

    fn are_well(&self) -> bool {
        self.running.iter().all(|process| !process.is_finished())
    }
}

/// Runs the history of a seed. Returns the world at its end, and what was published.
///
/// # Errors
/// What does not settle.
pub async fn run(seed: u64, sabotage: Sabotage) -> Result<(Arc<World>, Vec<Published>), String> {
    let random = Arc::new(Random::new(seed));
    let faults = Faults {
        confirm_lost: random.below(6),
        dead_lettered_twice: random.below(10),
        lost: random.below(6),
    };
    let world = World::new(1 + random.below(4), faults, Arc::clone(&random), sabotage);
    for webhook in world.webhooks() {
        if random.percent(40) {
            world.receivers.set(webhook, *random.one_of(&Behaviour::ALL));
        }
    }
    let mut processes = Processes::start(&world);
    let publishing = tokio::spawn(publish(Arc::clone(&world), 3 + random.below(25)));
    let troubles = 2 + random.below(14);
    let mut times: Vec<_> = (0..troubles).map(|_| random.up_to(TROUBLED)).collect();
    times.sort_unstable();
    let began = Instant::now();
    for time in times {
        sleep_until(began + time).await;
        trouble(&world, &mut processes).await;
    }
    let published = publishing.await.expect("publishing does not panic");
    world.broker.end_faults();
    world.store.set_available(true);
    world.receivers.all_accept();
    settle(&world, &processes).await?;
    processes.running.iter().for_each(JoinHandle::abort);
    Ok((world, published))
}

async fn publish(world: Arc<World>, events: usize) -> Vec<Published> {
    let mut published = Vec::new();
    for number in 0..events {
        if world.random.percent(40) {
            sleep(world.random.up_to(TROUBLED / 20)).await;
        }
        let event = Published {
            account: ["acme", "globex"][world.random.below(2)],
            id: format!("{number}"),
        };
        // A CRM whose own confirm was lost publishes again.
        let copies = 1 + usize::from(world.random.percent(10));
        world.broker.publish_event(&event.body().into(), copies);
        published.push(event);
    }
    published
}

async fn trouble(world: &Arc<World>, processes: &mut Processes) {
    let random = &world.random;
    let webhook = *random.one_of(&world.webhooks());
    let process = random.below((SENDERS + FANOUTS) as usize) as u32;
    let lasts = random.up_to(Duration::from_secs(200));
    match random.below(10) {
        0 | 1 => processes.kill(process, lasts).await,
        2 => world.broker.connection_lost(process),
        3 => {
            world.store.set_available(false);
            sleep(lasts).await;
            world.store.set_available(true);
        }
        4 => {
            world.broker.set_available(false);
            (0..SENDERS + FANOUTS).for_each(|number| world.broker.connection_lost(number));
            sleep(lasts).await;
            world.broker.set_available(true);
        }
        5 => world.store.tables.lock().unwrap().pause(webhook),
        6 => world.store.tables.lock().unwrap().resume(webhook),
        7 if random.percent(15) => world.store.tables.lock().unwrap().delete(webhook),
        7 => send_one_again(world),
        _ => world.receivers.set(webhook, *random.one_of(&Behaviour::ALL)),
    }
}

/// An administrator presses Retry, or Send again.
fn send_one_again(world: &World) {
    let ended: Vec<_> = {
        let tables = world.store.tables.lock().unwrap();
        let rows = tables.deliveries.iter();
        let ended = rows.filter(|(_, row)| matches!(row.phase, DeliveryPhase::Failed | DeliveryPhase::Delivered));
        ended.map(|(delivery, _)| *delivery).collect()
    };
    if !ended.is_empty() {
        world.store.retry(*world.random.one_of(&ended));
    }
}

/// Waits until nothing is under way any more. Paused webhooks are resumed.
async fn settle(world: &World, processes: &Processes) -> Result<(), String> {
    let deadline = Instant::now() + SETTLED_WITHIN;
    loop {
        {
            let mut tables = world.store.tables.lock().unwrap();
            world.webhooks().into_iter().for_each(|webhook| tables.resume(webhook));
            let under_way = tables
                .deliveries
                .values()
                .filter(|row| !matches!(row.phase, DeliveryPhase::Delivered | DeliveryPhase::Failed));
            let under_way = under_way.count();
            let waits = !tables.outbox_is_empty();
            drop(tables);
            if under_way == 0 && !waits && world.broker.is_empty() {
                return Ok(());
            }
            if !processes.are_well() {
                return Err("a process ended by a panic".to_owned());
            }
            if Instant::now() > deadline {
                let broker_is_empty = world.broker.is_empty();
                return Err(format!(
                    "after {SETTLED_WITHIN:?} without faults: {under_way} deliveries under way, outbox waits: {waits}, broker empty: {broker_is_empty}"
                ));
            }
        }
        sleep(Duration::from_secs(20)).await;
    }
}
