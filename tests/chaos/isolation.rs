//! A webhook can only hurt itself.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use e2e::{DEADLINE, Deployment, Event};
use serde_json::json;
use testkit::receiver::{Answer, Script};
use testkit::wait;
use tokio::time::{MissedTickBehavior, interval};

use crate::turn;

const FLOOD: usize = 600;
const HEALTHY: usize = 50;

#[tokio::test]
async fn a_webhook_that_hangs_keeps_nobody_waiting_and_gets_everything_once_it_answers() -> anyhow::Result<()> {
    let _turn = turn().await;
    let settings = [
        ("WEBHOOKS_EGRESS__TIMEOUT", "3s"),
        ("WEBHOOKS_RETRY__DELAYS", "1s,2s,3s,4s,5s,6s,7s,8s"),
        ("WEBHOOKS_SENDER__CONCURRENCY", "32"),
        ("WEBHOOKS_SENDER__PER_WEBHOOK_CONCURRENCY", "16"),
    ];
    let all = Deployment::with(&settings).await?;
    all.receiver.answer_at("/hangs", Answer::hang());
    let hangs = all.webhook("/hangs", &["deal.won"]).await?;
    let healthy = all.webhook("/healthy", &["invoice.paid"]).await?;
    all.crm
        .publish_all(Event::deals_won("e", FLOOD).iter().map(Event::as_json))
        .await?;
    for number in 0..HEALTHY {
        all.crm
            .publish(Event::new("invoice.paid", &format!("h-{number}")).as_json())
            .await?;
    }
    let arrived = async || {
        all.receiver
            .requests()
            .iter()
            .filter(|it| it.path == "/healthy")
            .count()
            == HEALTHY
    };
    wait::until(
        Duration::from_secs(3),
        "the healthy webhook's events, although another hangs",
        arrived,
    )
    .await?;
    let spilled = async || {
        all.sender
            .metric("webhook_deliveries_spilled_total")
            .await
            .is_ok_and(|it| it > 100.0)
    };
    wait::until(DEADLINE, "spilled deliveries", spilled).await?;
    assert_eq!(
        all.api.webhook(&hangs.id).await?["held"],
        json!(0),
        "it is not paused: nothing is held"
    );

    all.receiver.answer_at("/hangs", Answer::ok());
    all.wait_until_logged("delivered", FLOOD + HEALTHY).await?;
    all.api.wait_for_state(&healthy.id, "h-0", "delivered").await?;
    all.wait_until_emptied().await?;
    all.finish().await
}

/// A way in which receivers can keep a sender's slots.
struct Misbehaviour {
    name: &'static str,
    script: fn() -> Script,
    /// Faulty webhooks, each with a burst of this many events at once and then [`PER_TICK`] more each tick.
    webhooks: usize,
    burst: usize,
    /// Of the events to them.
    bytes: usize,
    concurrency: &'static str,
}

const SIX: Misbehaviour = Misbehaviour {
    name: "no answer",
    script: || Answer::hang().into(),
    webhooks: 6,
    burst: 100,
    bytes: 100,
    concurrency: "32",
};

/// Each holds a slot in another phase: before the head, after it, byte by byte, after it has been quick, or by too many
/// requests; or it holds a payload that is large.
const MISBEHAVIOURS: [Misbehaviour; 6] = [
    SIX,
    Misbehaviour {
        name: "no answer to large payloads",
        webhooks: 40,
        burst: 5,
        bytes: 200_000,
        concurrency: "512",
        ..SIX
    },
    Misbehaviour {
        name: "a head, and a body that does not end",
        script: || {
            Answer::raw("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nok")
                .then_hang()
                .into()
        },
        ..SIX
    },
    Misbehaviour {
        name: "a body that comes byte by byte",
        script: || Answer::slow_body(vec![b'x'; 1000], Duration::from_millis(200)).into(),
        ..SIX
    },
    Misbehaviour {
        name: "quick answers, then none",
        script: || Script::sequence((0..100).map(|_| Answer::ok()), Answer::hang()),
        ..SIX
    },
    Misbehaviour {
        name: "429",
        script: || Answer::status(429).retry_after("1").into(),
        ..SIX
    },
];

/// Two seconds are promised of a release build on a machine of its own; this is a debug build, maybe on a busy one. A slot
/// held by a hanging receiver costs fifteen.
const IN_TIME: Duration = Duration::from_secs(8);
const TICKS: usize = 60;
const TICK: Duration = Duration::from_millis(100);
const PER_TICK: usize = 2;

#[tokio::test]
async fn however_receivers_misbehave_first_attempts_of_another_webhook_are_in_time() -> anyhow::Result<()> {
    let _turn = turn().await;
    for misbehaviour in &MISBEHAVIOURS {
        let slowest = slowest_beside(misbehaviour).await?;
        assert!(slowest < IN_TIME, "{slowest:?} beside: {}", misbehaviour.name);
    }
    Ok(())
}

/// The longest time from an event's publication to its first attempt, for a webhook that answers at once.
async fn slowest_beside(misbehaviour: &Misbehaviour) -> anyhow::Result<Duration> {
    let concurrency = misbehaviour.concurrency;
    let settings = [
        ("WEBHOOKS_SENDER__CONCURRENCY", concurrency),
        ("WEBHOOKS_SENDER__PER_WEBHOOK_CONCURRENCY", "16"),
    ];
    let mut all = Deployment::with(&settings).await?;
    for number in 0..misbehaviour.webhooks {
        let path = format!("/bad-{number}");
        all.receiver.answer_at(&path, (misbehaviour.script)());
        all.webhook(&path, &["deal.won"]).await?;
    }
    all.webhook("/healthy", &["invoice.paid"]).await?;
    let data = serde_json::json!({ "note": "n".repeat(misbehaviour.bytes) }).to_string();
    let burst = Event::deals_won("burst", misbehaviour.burst)
        .into_iter()
        .map(|event| event.with_data(&data));
    all.crm.publish_all(burst.map(|event| event.as_json())).await?;

    let (mut published, mut ticks) = (HashMap::new(), interval(TICK));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for number in 0..TICKS {
        ticks.tick().await;
        let id = format!("healthy-{number}");
        published.insert(id.clone(), SystemTime::now());
        all.crm.publish(Event::new("invoice.paid", &id).as_json()).await?;
        all.crm
            .publish_all(Event::deals_won(&id, PER_TICK).iter().map(Event::as_json))
            .await?;
    }
    let arrived = async || {
        all.receiver
            .requests()
            .iter()
            .filter(|it| it.path == "/healthy")
            .count()
            == TICKS
    };
    wait::until(
        DEADLINE,
        format!("the healthy webhook's events beside: {}", misbehaviour.name),
        arrived,
    )
    .await?;
    let late = all
        .receiver
        .requests()
        .into_iter()
        .filter(|it| it.path == "/healthy")
        .map(|request| {
            let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap_or_default();
            let since = published.get(body["id"].as_str().unwrap_or_default());
            since
                .and_then(|since| request.received_at.duration_since(*since).ok())
                .unwrap_or_default()
        });
    let slowest = late.max().unwrap_or_default();
    // What hangs would keep an orderly stop waiting.
    all.sender.kill_nine()?;
    Ok(slowest)
}
