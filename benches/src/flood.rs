//! Whether one account's flood delays another account: how long the events of a webhook take, one a second, from the moment
//! on at which many events of another account have been published, compared with the same webhook alone. Once the other's
//! receiver answers at once, and once it fails at once, so that each of its deliveries comes back as a retry.

use std::time::Duration;

use anyhow::Context;
use broker::topology;
use domain::AccountName;

use crate::installation::Installation;
use crate::part::Part;
use crate::publish::{Publish, Published};
use crate::receiver::{Conduct, Expect, Question, Received};
use crate::settings::Settings;
use crate::stage::Stage;

/// What is late by so much is lost, or as good as that.
const LATE: Duration = Duration::from_secs(600);
/// Seconds of events before those that count.
const WARM_UP_SECONDS: u32 = 4;
/// Events a second of the webhook that is measured.
const RATE: u32 = 1;

/// A webhook alone and beside one account's flood; publish to arrival.
#[derive(Debug)]
pub struct Flood {
    /// Without anybody else.
    pub alone: Received,
    /// The flood's receiver answers.
    pub beside_one_that_answers: Received,
    /// The flood's receiver fails.
    pub beside_one_that_fails: Received,
}

/// One round of each.
///
/// # Errors
/// When something fails, or the measured webhook did not get everything.
pub async fn run(stage: &mut Stage, settings: &Settings, next_run: &mut u32) -> anyhow::Result<Flood> {
    let mut play = async |flood: Option<Conduct>| {
        let received = play(stage, flood, settings, next_run).await;
        let received = received.with_context(|| format!("flood, {flood:?}"))?;
        let [p50, p99] = [received.p50_ns, received.p99_ns].map(|ns| ns as f64 / 1e6);
        eprintln!("flood to {flood:?}: p50 {p50:.1} ms, p99 {p99:.1} ms");
        anyhow::Ok(received)
    };
    Ok(Flood {
        alone: play(None).await?,
        beside_one_that_answers: play(Some(Conduct::Answers(1))).await?,
        beside_one_that_fails: play(Some(Conduct::Fails)).await?,
    })
}

async fn play(
    stage: &mut Stage,
    flood: Option<Conduct>,
    settings: &Settings,
    next_run: &mut u32,
) -> anyhow::Result<Received> {
    let vhost = stage.stack.create_vhost().await?;
    let installation = Installation::create(stage, vhost.url()).await?;
    let (beta, acme): (AccountName, AccountName) = ("bench/beta".parse()?, "bench/acme".parse()?);
    installation.add_webhook(&beta, Conduct::Answers(0)).await?;
    if let Some(receiver) = flood {
        installation.add_webhook(&acme, receiver).await?;
    }
    let programs = [installation.start("fanout").await?, installation.start("sender").await?];
    let mut publish = |account: &AccountName, events, per_second| {
        *next_run += 1;
        let amqp_url = vhost.url().to_owned();
        let exchange = topology::EVENTS_EXCHANGE.to_owned();
        Publish {
            amqp_url,
            exchange,
            accounts: vec![account.to_string()],
            run: *next_run - 1,
            events,
            per_second,
        }
    };
    let warm_up = publish(&beta, WARM_UP_SECONDS, Some(RATE));
    let many = publish(&acme, settings.flood_events, None);
    let measured = publish(&beta, settings.flood_seconds, Some(RATE));
    deliver(stage, &warm_up).await?;
    if flood.is_some() {
        let _: Published = Part::start("publish")?.ask(&many, LATE).await?;
    }
    let received = deliver(stage, &measured).await?;
    for mut program in programs {
        program.service.kill_nine()?;
    }
    vhost.delete().await?;
    Ok(received)
}

/// Publishes, and waits until all has arrived.
async fn deliver(stage: &mut Stage, publish: &Publish) -> anyhow::Result<Received> {
    let expect = Expect {
        run: publish.run,
        events: publish.events,
        webhooks: 1,
    };
    let () = stage.receiver.ask(&Question::Expect(expect), LATE).await?;
    let _: Published = Part::start("publish")?.ask(publish, LATE).await?;
    stage.receiver.answer(LATE).await
}
