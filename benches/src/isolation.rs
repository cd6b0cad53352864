//! Isolation of webhooks: how long a webhook's deliveries take while it is alone, beside webhooks that misbehave or fail,
//! and beside healthy ones with the same load, which shows the share of the machine.
//!
//! Every round has an installation of its own, so that no round affects another. The neighbours' events begin together
//! with the measured ones: their behaviour is learnt within the round.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use broker::topology;
use domain::AccountName;
use futures_util::future::try_join_all;
use tokio::time::sleep;

use crate::installation::{Installation, peaks};
use crate::pair::Pair;
use crate::part::Part;
use crate::publish::{Publish, Published};
use crate::receiver::{Conduct, Counts, Expect, Manner, Question, Received};
use crate::settings::Settings;
use crate::stage::Stage;

/// Events per second of the webhook that is measured.
pub const RATE: u32 = 50;
/// Events per second of each kind of neighbour.
pub const NEIGHBOUR_RATE: u32 = 200;
/// Webhooks that misbehave in one manner, in one half of the rounds and in the other.
const NUMBERS: [u32; 2] = [6, 100];
/// Sender processes.
pub const SENDERS: usize = 2;

/// Seconds of events before those that count.
const WARM_UP_SECONDS: u32 = 4;
/// A delivery this late counts as lost.
const LATE: Duration = Duration::from_secs(120);

/// The load beside the measured webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Neighbours {
    /// Nothing.
    Nobody,
    /// One webhook that hangs until the timeout, and one that fails at once.
    OneHangingOneFailing,
    /// This many webhooks that misbehave in one manner.
    Misbehaving(Manner, u32),
    /// Two webhooks that are well: for comparison.
    TwoWell,
}

/// One round.
#[derive(Debug)]
pub struct Round {
    /// Of the measured webhook, publish to arrival.
    pub received: Received,
    /// What its neighbours got.
    pub counts: Counts,
    /// By program: the most memory a process held in the first half of the round, and in all of it, in bytes.
    pub peak_memory: BTreeMap<&'static str, Pair<u64>>,
}

/// All rounds.
pub type Isolation = BTreeMap<Neighbours, Vec<Round>>;

impl Neighbours {
    fn all() -> Vec<Self> {
        let manners = [
            Manner::Hangs,
            Manner::EndlessBody,
            Manner::QuickThenHangs,
            Manner::Throttles,
        ];
        let misbehaving = manners
            .into_iter()
            .flat_map(|manner| NUMBERS.map(|number| Self::Misbehaving(manner, number)));
        [Self::Nobody, Self::OneHangingOneFailing]
            .into_iter()
            .chain(misbehaving)
            .chain([Self::TwoWell])
            .collect()
    }

    /// The receivers of each kind, which share its rate.
    fn receivers(self) -> Vec<Vec<Conduct>> {
        match self {
            Self::Nobody => vec![],
            Self::OneHangingOneFailing => {
                vec![vec![Conduct::Misbehaves(Manner::Hangs, 0)], vec![Conduct::Fails]]
            }
            Self::Misbehaving(manner, number) => {
                vec![(0..number).map(|number| Conduct::Misbehaves(manner, number)).collect()]
            }
            Self::TwoWell => vec![vec![Conduct::Answers(1)], vec![Conduct::Answers(2)]],
        }
    }
}

/// Rounds of each kind in turn, in one order and then in the other.
///
/// # Errors
/// When something fails, or the measured webhook did not get everything.
pub async fn run(stage: &mut Stage, settings: &Settings, next_run: &mut u32) -> anyhow::Result<Isolation> {
    let mut isolation = Isolation::new();
    for number in 1..=settings.isolation_rounds {
        let mut order = Neighbours::all();
        if number % 2 == 0 {
            order.reverse();
        }
        for neighbours in order {
            let played = play(stage, neighbours, settings.isolation_seconds, next_run).await;
            let round = played.with_context(|| format!("isolation, {neighbours:?}"))?;
            eprintln!(
                "isolation, round {number} of {}, {neighbours:?}: p50 {:.1} ms, p99 {:.1} ms; {} requests hung, {} failed",
                settings.isolation_rounds,
                round.received.p50_ns as f64 / 1e6,
                round.received.p99_ns as f64 / 1e6,
                round.counts.unanswered,
                round.counts.failed,
            );
            isolation.entry(neighbours).or_default().push(round);
        }
    }
    Ok(isolation)
}

async fn play(stage: &mut Stage, neighbours: Neighbours, seconds: u32, next_run: &mut u32) -> anyhow::Result<Round> {
    let vhost = stage.stack.create_vhost().await?;
    let installation = Installation::create(stage, vhost.url()).await?;
    let measured = add(&installation, &[Conduct::Answers(0)]).await?;
    let mut kinds = Vec::new();
    for receivers in neighbours.receivers() {
        kinds.push(add(&installation, &receivers).await?);
    }
    let mut programs = vec![installation.start("fanout").await?];
    for _ in 0..SENDERS {
        programs.push(installation.start("sender").await?);
    }
    let mut publish = |accounts: &[AccountName], per_second: u32, seconds: u32| {
        *next_run += 1;
        Publish {
            amqp_url: vhost.url().to_owned(),
            exchange: topology::EVENTS_EXCHANGE.to_owned(),
            accounts: accounts.iter().map(ToString::to_string).collect(),
            run: *next_run - 1,
            events: per_second * seconds,
            per_second: Some(per_second),
        }
    };
    let warm_up = publish(&measured, RATE, WARM_UP_SECONDS);
    let measured = publish(&measured, RATE, seconds);
    let others = kinds
        .iter()
        .map(|accounts| publish(accounts, NEIGHBOUR_RATE, seconds))
        .collect();
    deliver(stage, &warm_up, vec![], async {}).await?;
    let before = count(stage).await?;
    let half_time = async {
        sleep(Duration::from_secs(seconds.into()) / 2).await;
        peaks(&programs)
    };
    let (received, half) = deliver(stage, &measured, others, half_time).await?;
    let counts = count(stage).await?;
    let end = peaks(&programs);
    for mut program in programs {
        program.service.kill_nine()?;
    }
    vhost.delete().await?;
    let counts = Counts {
        unanswered: counts.unanswered - before.unanswered,
        failed: counts.failed - before.failed,
        ..counts
    };
    let peak_memory = half
        .into_iter()
        .map(|(name, half)| {
            (
                name,
                Pair {
                    bare: half,
                    product: end[name],
                },
            )
        })
        .collect();
    Ok(Round {
        received,
        counts,
        peak_memory,
    })
}

/// A webhook for each receiver, each in an account of its own.
async fn add(installation: &Installation, receivers: &[Conduct]) -> anyhow::Result<Vec<AccountName>> {
    let mut accounts = Vec::new();
    for receiver in receivers {
        let account: AccountName = format!("bench/{receiver}").parse()?;
        installation.add_webhook(&account, *receiver).await?;
        accounts.push(account);
    }
    Ok(accounts)
}

/// Publishes everything at once, and waits until what is measured has arrived and `meanwhile` is done.
async fn deliver<T>(
    stage: &mut Stage,
    measured: &Publish,
    others: Vec<Publish>,
    meanwhile: impl Future<Output = T>,
) -> anyhow::Result<(Received, T)> {
    let seconds = measured.per_second.map_or(0, |rate| measured.events / rate);
    let within = Duration::from_secs(seconds.into()) + LATE;
    let expect = Expect {
        run: measured.run,
        events: measured.events,
        webhooks: 1,
    };
    let () = stage.receiver.ask(&Question::Expect(expect), within).await?;
    let publishing = try_join_all(std::iter::once(measured).chain(&others).map(async |publish| {
        let published: Published = Part::start("publish")?.ask(publish, within).await?;
        anyhow::Ok(published)
    }));
    let (published, meanwhile) = tokio::join!(publishing, meanwhile);
    published?;
    Ok((stage.receiver.answer(within).await?, meanwhile))
}

async fn count(stage: &mut Stage) -> anyhow::Result<Counts> {
    stage.receiver.ask(&Question::Count, LATE).await
}
