//! The simulated processes: each is a task that can be killed at any await.

use std::sync::Arc;
use std::time::Duration;

use domain::{EventType, Lane};
use fanout::enqueue::{AcceptedEvent, enqueue, message};
use fanout::job_budget::JobBudget;
use fanout::match_event::{Match, match_event};
use fanout::recent_deliveries::RecentDeliveries;
use fanout::relay::job;
use sender::auto_pause::AutoPauseGuard;
use sender::database_outage::DatabaseOutage;
use sender::deliver::{Arrival, Deliverer};
use sender::in_flight::{AttemptKey, InFlight};
use sender::slots::{SlotLimits, Slots};
use sender::suspension::Suspension;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use wire::DeliveryJob;
use wire::cloud_event::{self, EventMessage};

use crate::broker::{Queue, Queued};
use crate::store::AUTO_PAUSE;
use crate::world::{Sabotage, SimPorts, World};

/// Few slots, so that deliveries are spilled too.
const LIMITS: SlotLimits = SlotLimits {
    all: 8,
    per_webhook: 3,
    per_host: 3,
    window: 16 * 1024 * 1024,
};
const OUTAGE_IS_LONG: Duration = Duration::from_secs(60);
/// The reconciler's interval, as in fanout.
const RECONCILE_EVERY: Duration = Duration::from_secs(30);

/// A sender.
pub async fn send(world: Arc<World>, process: u32) {
    let outage = DatabaseOutage::new(OUTAGE_IS_LONG);
    let deliverer = Arc::new(Deliverer {
        ports: SimPorts(Arc::clone(&world)),
        policy: world.policy.clone(),
        slots: Slots::new(LIMITS),
        auto_pause: AutoPauseGuard::new(AUTO_PAUSE, &world.metrics),
        metrics: Arc::clone(&world.metrics),
        suspension: Suspension::never(),
        stop: CancellationToken::new(),
        outage: outage.clone(),
    });
    let in_flight = InFlight::<u64>::default();
    let mut tasks = JoinSet::new();
    loop {
        let (tag, queued) = tokio::select! {
            () = outage.becomes_long() => {
                world.broker.connection_lost(process);
                world.store.wait_until_available().await;
                outage.answered();
                continue;
            }
            taken = world.broker.take(process, Queue::Jobs) => taken,
        };
        while let Some(ended) = tasks.try_join_next() {
            ended.expect("a delivery does not panic");
        }
        deliver(&world, &deliverer, &in_flight, &mut tasks, (tag, queued));
    }
}

/// As the sender's job loop does.
fn deliver(
    world: &Arc<World>,
    deliverer: &Arc<Deliverer<SimPorts>>,
    in_flight: &InFlight<u64>,
    tasks: &mut JoinSet<()>,
    (tag, queued): (u64, Queued),
) {
    let job = DeliveryJob::decode(queued.body).expect("our programs publish jobs that can be read");
    if world.sabotage == Sabotage::AcknowledgesFirst {
        world.broker.acknowledge(tag);
    }
    let Some(attempt) = in_flight.begin(AttemptKey::from(&job), tag) else {
        return;
    };
    let arrival = Arrival {
        lane: Lane::Normal,
        redelivered: queued.redelivered,
        returns: queued.returns,
    };
    let deliverer = Arc::clone(deliverer);
    let world = Arc::clone(world);
    tasks.spawn(async move {
        if deliverer.deliver(job, arrival).await.is_ok() {
            attempt.done().into_iter().for_each(|tag| world.broker.acknowledge(tag));
        }
    });
}

/// A fanout.
pub async fn fan_out(world: Arc<World>, process: u32) {
    let mut tasks = JoinSet::new();
    tasks.spawn(match_events(Arc::clone(&world), process));
    tasks.spawn(relay(Arc::clone(&world)));
    tasks.spawn(reconcile(world));
    while let Some(ended) = tasks.join_next().await {
        ended.expect("no part of fanout panics");
    }
}

async fn match_events(world: Arc<World>, process: u32) {
    let mut recent = RecentDeliveries::default();
    let budget = JobBudget::new(1024 * 1024);
    loop {
        let (tag, queued) = world.broker.take(process, Queue::Events).await;
        let event = cloud_event::decode(&EventMessage::structured(&queued.body))
            .expect("the CRM publishes events that can be read");
        let event_type = EventType::parse(&event.event_type).expect("it is in the catalogue");
        let webhooks = world.subscriptions.matching(event.account.as_str(), event_type);
        if let Match::Deliveries(deliveries) = match_event(&event, webhooks, &mut recent) {
            let now = world.store.now();
            let accepted = AcceptedEvent::new(&event, now, None, queued.redelivered, deliveries, Lane::Normal);
            let publisher = SimPorts(Arc::clone(&world));
            enqueue(&publisher, &budget, &accepted)
                .await
                .expect("the simulated broker refuses nothing");
        }
        world.broker.acknowledge(tag);
    }
}

/// The outbox relay.
async fn relay(world: Arc<World>) {
    loop {
        world.store.outbox_has_some().await;
        let released = world.store.begin_release();
        let pause = if released.is_empty() { 3000 } else { 200 };
        if !released.is_empty() {
            let deliveries: Vec<_> = released.iter().map(|released| released.delivery.id).collect();
            let transaction = Transaction {
                world: &world,
                deliveries,
                committed: false,
            };
            for released in released {
                world.broker.publish(&message(&job(released), Lane::Normal)).await;
            }
            transaction.commit();
        }
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
}

/// A release's transaction. It is rolled back when the process dies before its commit; its jobs may be published then.
struct Transaction<'a> {
    world: &'a World,
    deliveries: Vec<domain::DeliveryId>,
    committed: bool,
}

impl Transaction<'_> {
    fn commit(mut self) {
        self.committed = true;
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if !self.committed {
            self.deliveries
                .iter()
                .for_each(|delivery| self.world.broker.note_duplicate_of(*delivery));
        }
        self.world.store.end_release(&self.deliveries, self.committed);
    }
}

async fn reconcile(world: Arc<World>) {
    loop {
        tokio::time::sleep(RECONCILE_EVERY).await;
        for retry in world.store.overdue_retries() {
            world.broker.note_duplicate_of(retry.delivery.id);
            world.broker.publish(&message(&job(retry), Lane::Normal)).await;
        }
        world.store.requeue_lost();
    }
}
