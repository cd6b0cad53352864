//! Waiting until everything has settled, and collecting the facts.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::Value;
use testkit::receiver::Answer;

use super::facts::{Consumers, Facts, Logged, Nature, Received, Webhook};
use super::fault::Process;
use super::installation::Installation;
use super::load::{Load, Subscriber};

/// Everything that neither waits for a lost retry nor for its webhook to be resumed.
const SETTLES_WITHIN: Duration = Duration::from_secs(90);
/// A retry that the broker lost is reconciled when it is overdue by five minutes.
const RETRIES_SETTLE_WITHIN: Duration = Duration::from_secs(7 * 60);
const PAUSE: Duration = Duration::from_secs(1);
const QUEUES: [&str; 6] = [
    "webhooks.events",
    "webhooks.deliveries",
    "webhooks.deliveries.bulk",
    "webhooks.unroutable",
    "webhooks.events.rejected",
    "webhooks.deliveries.rejected",
];
/// Each delivery with the outcomes of its attempts.
const DELIVERIES: &str = "SELECT delivery.webhook_id::text, delivery.event_id, delivery.state,
        coalesce(array_agg(attempt.outcome ORDER BY attempt.number) FILTER (WHERE attempt.outcome IS NOT NULL), '{}')
    FROM deliveries AS delivery
    LEFT JOIN attempts AS attempt ON attempt.delivery_id = delivery.id AND attempt.created_on = delivery.created_on
    GROUP BY delivery.id, delivery.created_on";

/// Lets all receivers succeed, resumes webhooks paused for a reason, and waits until nothing is left to do or the time
/// limit. Returns the facts, and the duration.
pub async fn settle(installation: &Installation, load: &Load) -> anyhow::Result<(Facts, Duration)> {
    let begun = Instant::now();
    for subscriber in load.subscribers.iter().filter(|it| it.webhook.nature == Nature::Moody) {
        subscriber.receiver.answer(Answer::ok());
    }
    loop {
        let facts = collect(installation, load).await;
        let is_over = match &facts {
            Ok(facts) if is_settled(facts) => true,
            Ok(facts) if only_retries_wait(facts) => begun.elapsed() > RETRIES_SETTLE_WITHIN,
            _ => begun.elapsed() > SETTLES_WITHIN,
        };
        if is_over {
            return Ok((facts?, begun.elapsed()));
        }
        for subscriber in load.subscribers.iter().filter(|it| it.webhook.nature == Nature::Moody) {
            // A moody one may have been paused; one that is active is resumed without effect.
            let _ = subscriber.api.resume(&subscriber.id).await;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn is_settled(facts: &Facts) -> bool {
    let done: HashSet<(usize, &str)> = facts
        .logged
        .iter()
        .filter(|logged| matches!(logged.state.as_str(), "delivered" | "failed"))
        .map(|logged| (logged.webhook, logged.event.as_str()))
        .collect();
    facts.expected().all(|delivery| done.contains(&delivery))
        && facts
            .left_in_queues
            .iter()
            .all(|(queue, messages)| *messages == 0 || queue.contains("rejected"))
        && facts
            .consumers
            .iter()
            .all(|consumers| consumers.found == Some(consumers.expected))
        && facts
            .webhooks
            .iter()
            .all(|webhook| webhook.status == "active" || webhook.nature == Nature::Moody)
}

/// Whether all expected deliveries are in the log, and those that are not done wait for a retry.
fn only_retries_wait(facts: &Facts) -> bool {
    let logged: HashMap<(usize, &str), &str> = facts
        .logged
        .iter()
        .map(|it| ((it.webhook, it.event.as_str()), it.state.as_str()))
        .collect();
    let states = facts.expected().map(|delivery| logged.get(&delivery).copied());
    let mut retries = 0;
    let all = states.into_iter().all(|state| match state {
        Some("retrying") => {
            retries += 1;
            true
        }
        state => matches!(state, Some("delivered" | "failed")),
    });
    all && retries > 0
}

async fn collect(installation: &Installation, load: &Load) -> anyhow::Result<Facts> {
    let vhost = installation.site.vhost();
    let mut left_in_queues = Vec::new();
    for queue in QUEUES {
        let ready = vhost
            .ready(queue)
            .await?
            .with_context(|| format!("{queue} is missing"))?;
        let unacknowledged = vhost.unacknowledged(queue).await?.unwrap_or_default();
        left_in_queues.push((queue.to_owned(), u64::from(ready) + unacknowledged));
    }
    let count = |is_meant: fn(&Process) -> bool| {
        installation.nodes.iter().filter(|node| is_meant(&node.process)).count() as u32
    };
    let fanouts = count(|process| matches!(process, Process::Fanout(_)));
    let senders = count(|process| matches!(process, Process::Sender(_)));
    let mut consumers = Vec::new();
    for (queue, expected) in [
        ("webhooks.events", fanouts),
        ("webhooks.deliveries", senders),
        ("webhooks.deliveries.bulk", senders),
        ("webhooks.tests", senders),
    ] {
        consumers.push(Consumers {
            queue: queue.to_owned(),
            expected,
            found: vhost.consumers(queue).await?,
        });
    }
    let (peak_memory_mib, ended) = processes(installation).await;
    Ok(Facts {
        webhooks: webhooks(load).await?,
        accepted: load.accepted(),
        published_again: load.published_again(),
        logged: logged(installation, load).await?,
        received: load
            .subscribers
            .iter()
            .enumerate()
            .flat_map(|(number, it)| received(load, number, it))
            .collect(),
        peak_memory_mib,
        consumers,
        left_in_queues,
        ended,
    })
}

async fn processes(installation: &Installation) -> (Vec<(String, u64)>, Vec<(String, String)>) {
    let (mut peaks, mut ended) = (Vec::new(), Vec::new());
    for node in &installation.nodes {
        let mut program = node.program.lock().await;
        node.note_peak(&program).await;
        peaks.push((node.process.to_string(), *node.former_peak.lock().await));
        ended.extend(
            program
                .exit_status()
                .map(|status| (node.process.to_string(), status.to_string())),
        );
    }
    (peaks, ended)
}

async fn webhooks(load: &Load) -> anyhow::Result<Vec<Webhook>> {
    let mut webhooks = Vec::new();
    for subscriber in &load.subscribers {
        let status = subscriber.api.webhook(&subscriber.id).await?["status"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        webhooks.push(Webhook {
            status,
            ..subscriber.webhook.clone()
        });
    }
    Ok(webhooks)
}

async fn logged(installation: &Installation, load: &Load) -> anyhow::Result<Vec<Logged>> {
    let rows = installation.site.database().await?.query(DELIVERIES).await?;
    let number = |id: &str| load.subscribers.iter().position(|subscriber| subscriber.id == id);
    let logged = rows.iter().filter_map(|row| {
        Some(Logged {
            webhook: number(row.get(0))?,
            event: row.get(1),
            state: row.get(2),
            outcomes: row.get(3),
        })
    });
    Ok(logged.collect())
}

fn received(load: &Load, webhook: usize, subscriber: &Subscriber) -> Vec<Received> {
    let requests = subscriber.receiver.requests().into_iter();
    let read = requests.filter_map(|request| {
        // Empty where a misbehaving receiver did not read it.
        let body: Value = serde_json::from_slice(&request.body).ok()?;
        let at = request.received_at.duration_since(load.begun_at).unwrap_or_default();
        Some(Received {
            webhook,
            event: body["id"].as_str()?.to_owned(),
            webhook_id: request.webhook_id().to_owned(),
            at,
        })
    });
    read.collect()
}
