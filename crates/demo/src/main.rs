//! `make demo`: the whole way of an event, from a CRM service's message to a verified request at a receiver.
//!
//! Everything is private and on the loopback, and ends with the demo. With `DEMO_EXIT=1` it ends by itself: status 0 once
//! the first deliveries are verified, 1 with the reason when they are not.

mod api;
mod arrivals;
mod console;
mod events;
mod programs;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, anyhow, ensure};
use devstack::certificates::TestCa;
use devstack::servers::{Durability, Lifetime};
use devstack::stack::{self, Stack};
use devstack::{dev_directory, wait};
use domain::{EventType, SigningSecret};
use testkit::receiver::Receiver;
use tokio::signal::unix::{SignalKind, signal};

use api::{Api, Webhook};
use arrivals::Arrivals;
use programs::Programs;

/// What the webhook is for.
const SUBSCRIBED: [&str; 2] = ["deal.won", "invoice.paid"];
/// What is published; the one in the middle must not arrive.
const PUBLISHED: [&str; 3] = ["deal.won", "contact.created", "invoice.paid"];
/// A delivery takes milliseconds; after a failure the next attempt would come in a minute.
const DELIVERY_DEADLINE: Duration = Duration::from_secs(15);
/// `fanout` sees a new webhook within one second; an event that is faster than that has no subscriber yet.
const SUBSCRIPTION_DELAY: Duration = Duration::from_millis(1500);

#[tokio::main]
async fn main() -> ExitCode {
    match demo().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<Interrupted>() => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nThe demo failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Starts the servers, shows everything, and ends the servers again, unless they were running before.
async fn demo() -> anyhow::Result<()> {
    println!("EasyCRM Webhooks: a demo\n");
    stack::install::install_unless_given(console::step)?;
    console::step("Starting private PostgreSQL and RabbitMQ servers");
    let start = async || Ok(Stack::up(&dev_directory(), Lifetime::Owner, Durability::PowerLoss).await?);
    let stack = interruptible(start()).await?;

    let shown = show(&stack).await;
    println!("\nStopping.");
    let ended = stack.end().await;
    shown.and(ended.map_err(Into::into))
}

/// Starts the receiver and both programs, shows events passing through, and stops the programs in order.
async fn show(stack: &Stack) -> anyhow::Result<()> {
    console::step("Starting a receiver that verifies signatures");
    let ca = TestCa::new();
    let receiver = Receiver::start(&ca).await?;
    console::step("Starting fanout and sender");
    let mut programs = interruptible(Programs::start(stack, &ca)).await?;
    let presented = interruptible(present(stack, &receiver, &mut programs)).await;
    presented.and(programs.stop().await)
}

async fn present(stack: &Stack, receiver: &Receiver, programs: &mut Programs) -> anyhow::Result<()> {
    let api = Api::new(programs.url(), programs.create_token().await?);
    console::step("Creating the webhook \"ERP Sync\" for deal.won and invoice.paid");
    let webhook = api
        .create_webhook("ERP Sync", &receiver.url("/erp"), &SUBSCRIBED)
        .await?;
    tokio::time::sleep(SUBSCRIPTION_DELAY).await;

    let mut arrivals = Arrivals::new(receiver, SigningSecret::parse(&webhook.secret).context("the secret")?);
    prove(stack, &api, &webhook, &mut arrivals)
        .await
        .map_err(|error| anyhow!("{error:#}; {}", programs.logs()))?;
    console::explain(&api, programs).await;
    if std::env::var("DEMO_EXIT").is_ok_and(|value| value == "1") {
        return Ok(());
    }
    stay(stack, programs, &mut arrivals).await
}

/// Publishes the first events and checks that those with a subscriber, and only those, are delivered.
async fn prove(stack: &Stack, api: &Api, webhook: &Webhook, arrivals: &mut Arrivals<'_>) -> anyhow::Result<()> {
    println!("\nPublishing deal.won, contact.created and invoice.paid to RabbitMQ, as CRM services do.");
    println!("Nobody has subscribed to contact.created, so two of the three must arrive:\n");
    for event_type in PUBLISHED {
        let event_type = EventType::parse(event_type).context("an event type of the demo is not in the catalogue")?;
        events::publish(stack.amqp_url(), event_type).await?;
    }
    let arrived = async || {
        arrivals.tell_new();
        arrivals.count() >= SUBSCRIBED.len()
    };
    wait::until(DELIVERY_DEADLINE, "both deliveries to arrive", arrived).await?;
    wait::until(
        DELIVERY_DEADLINE,
        "both deliveries to be logged as delivered",
        async || {
            api.delivered(webhook)
                .await
                .is_ok_and(|delivered| arrivals.ids().all(|id| delivered.contains(id)))
        },
    )
    .await?;
    arrivals.tell_new();
    arrivals.all_verified()?;
    let mut types: Vec<&str> = arrivals.event_types().collect();
    types.sort_unstable();
    ensure!(
        types == SUBSCRIBED,
        "the receiver got {types:?} instead of {SUBSCRIBED:?}"
    );
    println!("\nBoth signatures were verified by two libraries, and the log shows both as delivered.");
    Ok(())
}

/// Shows what arrives, and publishes another event at every Enter, until interrupted.
async fn stay(stack: &Stack, programs: &mut Programs, arrivals: &mut Arrivals<'_>) -> anyhow::Result<()> {
    println!("\nPress Enter to publish another deal.won. Ctrl-C ends the demo and everything it started.\n");
    let mut lines = console::lines();
    let mut tick = tokio::time::interval(Duration::from_millis(200));
    loop {
        tokio::select! {
            Some(()) = lines.recv() => {
                let event_type = EventType::parse("deal.won").context("deal.won is in the catalogue")?;
                events::publish(stack.amqp_url(), event_type).await?;
            }
            _ = tick.tick() => {
                arrivals.tell_new();
                programs.check_alive()?;
            }
        }
    }
}

/// The demo was interrupted; not a failure.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
struct Interrupted;

/// Runs the work, or drops it at Ctrl-C or SIGTERM; everything it started ends with it.
async fn interruptible<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        done = work => done,
        pressed = tokio::signal::ctrl_c() => Err(pressed.map_or_else(Into::into, |()| Interrupted.into())),
        _ = terminated.recv() => Err(Interrupted.into()),
    }
}
