//! Memory is counted in bytes, not in messages.

use std::time::Duration;

use e2e::{Deployment, Event, Program};
use testkit::wait;

const WEBHOOKS: usize = 20;
const EVENTS: usize = 50;
const MIB: u64 = 1024 * 1024;
/// All jobs together have 250 MB; each copy of them would have as much again.
const MOST: [(&str, u64); 2] = [("fanout", 250 * MIB), ("sender", 400 * MIB)];

fn check(program: &Program, (name, most): (&str, u64)) -> anyhow::Result<()> {
    let peak = program.peak_memory()?;
    println!("{name}: {} MiB", peak / MIB);
    assert!(peak < most, "{name} used {} MiB", peak / MIB);
    Ok(())
}

#[tokio::test]
async fn large_events_to_many_webhooks_do_not_fill_it() -> anyhow::Result<()> {
    let all = Deployment::start().await?;
    for number in 0..WEBHOOKS {
        all.webhook(&format!("/{number}"), &["deal.won"]).await?;
    }
    let data = format!(r#"{{"note":"{}"}}"#, "x".repeat(250_000));
    let events = Event::deals_won("large", EVENTS);
    all.crm
        .publish_all(events.into_iter().map(|event| event.with_data(&data).as_json()))
        .await?;
    let arrived = async || all.receiver.count_by_webhook_id().len() == WEBHOOKS * EVENTS;
    wait::until(Duration::from_secs(120), "all deliveries", arrived).await?;
    check(&all.fanout, MOST[0])?;
    check(&all.sender, MOST[1])?;
    all.finish().await
}
