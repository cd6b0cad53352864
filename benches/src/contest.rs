//! Rounds of the product and of the baseline in turn, on the same stage.
//!
//! Both sides stay started, and idle while the other runs. The order changes from round to round, so that slow changes
//! of the machine favour neither.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use tokio::time::{Instant, sleep};

use crate::pair::Pair;
use crate::part::Part;
use crate::pipeline::{Hop, Pipeline};
use crate::processes::{Processes, peak_memory_bytes};
use crate::publish::{Publish, Published};
use crate::receiver::{Expect, Question, Received};
use crate::settings::Settings;
use crate::stage::Stage;
use crate::{bare, product};

/// Deliveries of the round before those that count.
const WARM_UP_DELIVERIES: u32 = 2_000;

/// What goes through in a round.
#[derive(Debug, Clone, Copy)]
pub struct Workload {
    /// Events published.
    pub events: u32,
    /// Webhooks that each goes to.
    pub webhooks: u32,
    /// Events per second; `None` for as many as the broker takes.
    pub per_second: Option<u32>,
}

impl Workload {
    /// Deliveries of a round.
    pub fn deliveries(&self) -> u32 {
        self.events * self.webhooks
    }

    fn warm_up(self) -> Self {
        Self {
            events: WARM_UP_DELIVERIES / self.webhooks,
            per_second: None,
            ..self
        }
    }

    /// Far longer than a round may take.
    fn deadline(&self) -> Duration {
        let paced = self.per_second.map_or(0, |rate| self.events / rate);
        Duration::from_secs(120 + u64::from(paced) + u64::from(self.deliveries() / 100))
    }
}

/// Whose time is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Consumer {
    /// The processes of a hop.
    Hop(Hop),
    /// RabbitMQ.
    Broker,
    /// PostgreSQL, all its processes.
    Database,
    /// The receiver.
    Receiver,
}

/// One round of one side.
#[derive(Debug)]
pub struct Round {
    /// Distinct deliveries received in a second, from the first publish to the last delivery.
    pub deliveries_per_second: f64,
    /// Median from publish to delivery, in milliseconds.
    pub p50_ms: f64,
    /// 99th percentile from publish to delivery, in milliseconds.
    pub p99_ms: f64,
    /// Deliveries received more than once.
    pub repeats: u32,
    /// CPU seconds spent per 1,000 deliveries.
    pub cpu: BTreeMap<Consumer, f64>,
}

/// All rounds of a workload.
pub struct Rounds {
    /// What went through.
    pub workload: Workload,
    /// The rounds of both sides, in order.
    pub rounds: Pair<Vec<Round>>,
    /// The most memory that a process of each hop ever held, in bytes.
    pub peak_memory: BTreeMap<Hop, Pair<u64>>,
}

struct Side {
    name: &'static str,
    pipeline: Pipeline,
    deliveries: u64,
}

/// Starts both sides, warms them, measures them in turn and stops them.
///
/// # Errors
/// When something fails, or a side did not do all its work.
pub async fn run(
    name: &str,
    stage: &mut Stage,
    settings: &Settings,
    workload: Workload,
    next_run: &mut u32,
) -> anyhow::Result<Rounds> {
    let side = |name, pipeline| Side {
        name,
        pipeline,
        deliveries: 0,
    };
    let mut bare = side("bare", bare::start(stage, settings, workload.webhooks).await?);
    let mut product = side("product", product::start(stage, settings, workload.webhooks).await?);
    for side in [&mut bare, &mut product] {
        play(stage, side, workload.warm_up(), next_run)
            .await
            .with_context(|| format!("{} warming up", side.name))?;
    }
    let mut rounds = Pair::<Vec<Round>>::default();
    for number in 1..=settings.rounds {
        let mut order = [(&mut bare, &mut rounds.bare), (&mut product, &mut rounds.product)];
        if number % 2 == 0 {
            order.reverse();
        }
        for (side, rounds) in order {
            let round = play(stage, side, workload, next_run).await.with_context(|| side.name)?;
            eprintln!(
                "{name}, round {number} of {}, {}: {:.0} deliveries/s, p50 {:.1} ms, p99 {:.1} ms",
                settings.rounds, side.name, round.deliveries_per_second, round.p50_ms, round.p99_ms
            );
            rounds.push(round);
        }
    }
    let peak_memory = peak_memory(&bare.pipeline, &product.pipeline);
    for side in [bare, product] {
        side.pipeline
            .check_log(side.deliveries)
            .await
            .with_context(|| side.name)?;
        side.pipeline.stop().await?;
    }
    Ok(Rounds {
        workload,
        rounds,
        peak_memory,
    })
}

/// One round of one side, until it is idle again.
async fn play(stage: &mut Stage, side: &mut Side, workload: Workload, next_run: &mut u32) -> anyhow::Result<Round> {
    let run = *next_run;
    *next_run += 1;
    let Workload {
        events,
        webhooks,
        per_second,
    } = workload;
    side.deliveries += u64::from(workload.deliveries());
    let before = cpu_seconds(stage, &side.pipeline);
    let within = workload.deadline();
    let () = stage
        .receiver
        .ask(&Question::Expect(Expect { run, events, webhooks }), within)
        .await?;
    let publish = Publish {
        amqp_url: stage.stack.amqp_url().to_owned(),
        exchange: side.pipeline.exchange.to_owned(),
        accounts: vec![product::ACCOUNT.to_owned()],
        run,
        events,
        per_second,
    };
    let published: Published = Part::start("publish")?.ask(&publish, within).await?;
    let received: Received = stage.receiver.answer(within).await?;
    rest(stage, &side.pipeline).await;
    let after = cpu_seconds(stage, &side.pipeline);
    let milliseconds = |ns: u64| ns as f64 / 1e6;
    let seconds = received.last_ns.saturating_sub(published.first_ns) as f64 / 1e9;
    let thousands = f64::from(workload.deliveries()) / 1000.0;
    Ok(Round {
        deliveries_per_second: f64::from(workload.deliveries()) / seconds,
        p50_ms: milliseconds(received.p50_ns),
        p99_ms: milliseconds(received.p99_ns),
        repeats: received.repeats,
        cpu: after
            .iter()
            .map(|(of, after)| (*of, (after - before[of]) / thousands))
            .collect(),
    })
}

/// Waits until the work that follows a delivery (rows, acknowledgements) is done and no process computes any more. The
/// rest would count against the other side's round.
async fn rest(stage: &Stage, pipeline: &Pipeline) {
    const LOOK: Duration = Duration::from_millis(300);
    const AT_REST: f64 = 0.1;
    const LONGEST: Duration = Duration::from_secs(20);
    let total = || cpu_seconds(stage, pipeline).values().sum::<f64>();
    let begin = Instant::now();
    let mut before = total();
    while begin.elapsed() < LONGEST {
        sleep(LOOK).await;
        let now = total();
        if now - before < AT_REST * LOOK.as_secs_f64() {
            return;
        }
        before = now;
    }
}

fn cpu_seconds(stage: &Stage, pipeline: &Pipeline) -> BTreeMap<Consumer, f64> {
    let processes = Processes::read();
    let hop = |hop| pipeline.pids(hop).map(|pid| processes.cpu_seconds(pid)).sum();
    BTreeMap::from([
        (Consumer::Hop(Hop::First), hop(Hop::First)),
        (Consumer::Hop(Hop::Second), hop(Hop::Second)),
        (Consumer::Broker, processes.cpu_seconds(stage.broker_pid)),
        (Consumer::Database, processes.cpu_seconds(stage.database_pid)),
        (Consumer::Receiver, processes.cpu_seconds(stage.receiver.pid())),
    ])
}

fn peak_memory(bare: &Pipeline, product: &Pipeline) -> BTreeMap<Hop, Pair<u64>> {
    let peak = |pipeline: &Pipeline, hop| pipeline.pids(hop).map(peak_memory_bytes).max().unwrap_or_default();
    [Hop::First, Hop::Second]
        .map(|hop| {
            (
                hop,
                Pair {
                    bare: peak(bare, hop),
                    product: peak(product, hop),
                },
            )
        })
        .into()
}
