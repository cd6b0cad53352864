//! What a job leads to.

use std::sync::Arc;
use std::time::Duration;

use domain::{DeliveryPhase, DeliveryState, Lane, Outcome, Trigger};
use jiff::{SignedDuration, Timestamp};
use sender::deliver::{Arrival, Deliverer};
use sender::endpoints::EndpointState;
use sender::pace::Pace;
use store::outcomes::{Disposition, Known};
use wire::DeliveryJob;

use crate::ports::{Answers, Did, NOW, PATIENCE, TestPorts, deliverer, job, refusal, response};

const NEW: Arrival = Arrival {
    lane: Lane::Normal,
    redelivered: false,
    returns: 0,
};
const REDELIVERED: Arrival = Arrival {
    redelivered: true,
    ..NEW
};

/// Delivers the job; true when it may be acknowledged.
async fn deliver(deliverer: &Deliverer<TestPorts>, job: DeliveryJob, arrival: Arrival) -> bool {
    deliverer.deliver(job, arrival).await.is_ok()
}

/// What the delivery of one job did, in order. It may be acknowledged.
async fn did(answers: Answers, job: DeliveryJob, arrival: Arrival) -> Vec<Did> {
    let deliverer = deliverer(answers, 4);
    assert!(deliver(&deliverer, job, arrival).await);
    deliverer.ports.did.into_inner().unwrap()
}

fn answering(outcome: Outcome, http_status: Option<u16>) -> Answers {
    Answers {
        responses: [response(outcome, http_status)]
            .into_iter()
            .collect::<std::collections::VecDeque<_>>()
            .into(),
        ..Answers::default()
    }
}

fn known(state: DeliveryState, attempts: u32) -> Option<Known> {
    Some(Known {
        state,
        attempts,
        step: attempts.saturating_sub(1),
        created_at: Timestamp::from_second(NOW - 60).unwrap(),
        due_in: Some(SignedDuration::from_secs(240)),
    })
}

fn published(queue: &str) -> Did {
    Did::Published(queue.to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_success_is_posted_and_recorded() {
    assert_eq!(
        did(Answers::default(), job(1, Trigger::Event), NEW).await,
        [Did::Posted, Did::Recorded(DeliveryPhase::Delivered, 1)]
    );
}

#[tokio::test(start_paused = true)]
async fn the_subject_of_the_event_is_recorded() {
    let deliverer = deliverer(Answers::default(), 4);
    assert!(deliver(&deliverer, job(1, Trigger::Event), NEW).await);
    let records = deliverer.ports.records.into_inner().unwrap();
    assert_eq!(records[0].delivery.subject.as_deref(), Some("deals/9001"));
}

#[tokio::test(start_paused = true)]
async fn a_retry_is_published_after_its_outcome_is_recorded() {
    for (attempt, queue) in [
        (1, "webhooks.retry.1m"),
        (2, "webhooks.retry.5m"),
        (3, "webhooks.retry.30m"),
    ] {
        let trigger = if attempt == 1 { Trigger::Event } else { Trigger::Retry };
        let answers = Answers {
            known: (attempt > 1)
                .then(|| known(DeliveryState::Retrying, attempt - 1))
                .flatten(),
            ..answering(Outcome::Http5xx, Some(503))
        };
        let mut expected = vec![
            Did::LookedUp,
            Did::Posted,
            Did::Recorded(DeliveryPhase::Retrying, attempt),
            published(queue),
        ];
        if attempt == 1 {
            expected.remove(0);
        }
        assert_eq!(did(answers, job(attempt, trigger), NEW).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn the_fourth_failure_ends_the_delivery() {
    let answers = Answers {
        known: known(DeliveryState::Retrying, 3),
        ..answering(Outcome::Timeout, None)
    };
    assert_eq!(
        did(answers, job(4, Trigger::Retry), NEW).await,
        [Did::LookedUp, Did::Posted, Did::Recorded(DeliveryPhase::Failed, 4)]
    );
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_of_a_recorded_attempt_is_not_posted() {
    for state in [DeliveryState::Delivered, DeliveryState::Held, DeliveryState::Queued] {
        let answers = Answers {
            known: known(state, 1),
            ..Answers::default()
        };
        assert_eq!(did(answers, job(1, Trigger::Event), REDELIVERED).await, [Did::LookedUp]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_publishes_the_retry_again_that_may_be_missing() {
    let answers = Answers {
        known: known(DeliveryState::Retrying, 1),
        ..Answers::default()
    };
    // It is due in 240 s: the first step that covers them.
    assert_eq!(
        did(answers, job(1, Trigger::Event), REDELIVERED).await,
        [Did::LookedUp, published("webhooks.retry.5m")]
    );
}

#[tokio::test(start_paused = true)]
async fn a_paused_webhook_gets_nothing() {
    let answers = Answers {
        endpoint: Arc::new(EndpointState::Paused),
        ..Answers::default()
    };
    assert_eq!(
        did(answers, job(1, Trigger::Event), NEW).await,
        [Did::Recorded(DeliveryPhase::Held, 0)]
    );
}

#[tokio::test(start_paused = true)]
async fn a_delivery_to_a_deleted_webhook_fails() {
    let answers = Answers {
        endpoint: Arc::new(EndpointState::Deleted),
        ..Answers::default()
    };
    assert_eq!(
        did(answers, job(1, Trigger::Event), NEW).await,
        [Did::Recorded(DeliveryPhase::Failed, 0)]
    );
}

#[tokio::test(start_paused = true)]
async fn a_job_of_another_account_is_rejected() {
    let answers = Answers {
        endpoint: Arc::new(EndpointState::OfAnotherAccount),
        ..Answers::default()
    };
    assert_eq!(
        did(answers, job(1, Trigger::Event), NEW).await,
        [published("webhooks.deliveries.rejected")]
    );
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_defers_and_uses_no_step_of_the_ladder() {
    let deliverer = deliverer(answering(Outcome::Http4xx, Some(429)), 4);
    assert!(deliver(&deliverer, job(1, Trigger::Event), NEW).await);
    let records = deliverer.ports.records.into_inner().unwrap();
    assert_eq!((records.len(), records[0].step), (1, 0));
    let Disposition::Spilled(entry) = &records[0].disposition else {
        panic!("{:?}", records[0].disposition);
    };
    assert!(
        entry
            .deferral
            .is_some_and(|deferral| deferral.wait >= Duration::from_secs(1))
    );
}

#[tokio::test(start_paused = true)]
async fn what_waits_too_long_for_a_hanging_webhook_is_spilled() {
    let answers = Answers {
        response_time: Duration::from_secs(15),
        ..answering(Outcome::Timeout, None)
    };
    let deliverer = deliverer(answers, 4);
    let first = job(1, Trigger::Event);
    let mut second = first.clone();
    second.delivery.event_id = "2".to_owned();
    let (first, second) = tokio::join!(deliver(&deliverer, first, NEW), deliver(&deliverer, second, NEW));
    assert!(first && second);
    assert_eq!(
        deliverer.ports.did.into_inner().unwrap(),
        [
            Did::Posted,
            Did::Recorded(DeliveryPhase::Spilled, 0),
            Did::Recorded(DeliveryPhase::Retrying, 1),
            published("webhooks.retry.1m")
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_job_waits_for_the_database() {
    let answers = Answers {
        database_down_for: PATIENCE / 2,
        ..Answers::default()
    };
    assert_eq!(
        did(answers, job(1, Trigger::Event), NEW).await,
        [Did::Posted, Did::Recorded(DeliveryPhase::Delivered, 1)]
    );
}

#[tokio::test(start_paused = true)]
async fn a_long_outage_of_the_database_hands_the_job_back() {
    let answers = Answers {
        database_down_for: PATIENCE * 2,
        ..Answers::default()
    };
    let deliverer = deliverer(answers, 4);
    assert!(!deliver(&deliverer, job(1, Trigger::Event), NEW).await);
    assert_eq!(deliverer.ports.did.into_inner().unwrap(), []);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_acknowledged_before_its_retry_is_confirmed() {
    let answers = Answers {
        publish: Err(broker::PublishError::Closed),
        ..answering(Outcome::Http5xx, Some(500))
    };
    assert!(!deliver(&deliverer(answers, 4), job(1, Trigger::Event), NEW).await);
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_the_broker_refuses_ends_its_delivery() {
    let answers = Answers {
        publish: Err(refusal()),
        ..answering(Outcome::Http5xx, Some(500))
    };
    assert_eq!(
        did(answers, job(1, Trigger::Event), NEW).await,
        [
            Did::Posted,
            Did::Recorded(DeliveryPhase::Retrying, 1),
            published("webhooks.retry.1m"),
            Did::Recorded(DeliveryPhase::Failed, 1)
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn an_outcome_that_the_database_refuses_moves_the_job_to_its_side_queue() {
    let answers = Answers {
        record_refused: true,
        ..answering(Outcome::Http5xx, Some(500))
    };
    assert_eq!(
        did(answers, job(1, Trigger::Event), NEW).await,
        [
            Did::Posted,
            Did::Recorded(DeliveryPhase::Retrying, 1),
            published("webhooks.deliveries.rejected")
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_job_that_ended_its_senders_is_deferred_without_an_attempt() {
    let arrival = Arrival {
        redelivered: true,
        returns: broker::topology::DELIVERY_LIMIT - 1,
        ..NEW
    };
    assert_eq!(
        did(Answers::default(), job(1, Trigger::Event), arrival).await,
        [Did::LookedUp, Did::Recorded(DeliveryPhase::Spilled, 1)]
    );
}

#[tokio::test(start_paused = true)]
async fn a_webhook_with_a_limit_gets_everything_from_the_relay() {
    let EndpointState::Ready(mut endpoint) = crate::ports::endpoint() else {
        unreachable!("it is ready");
    };
    endpoint.pace = Pace::new(Some(2));
    let endpoint = Arc::new(EndpointState::Ready(endpoint));
    let paced = || Answers {
        endpoint: endpoint.clone(),
        ..Answers::default()
    };
    assert_eq!(
        did(paced(), job(1, Trigger::Event), NEW).await,
        [Did::Recorded(DeliveryPhase::Spilled, 0)]
    );
    assert_eq!(
        did(paced(), job(1, Trigger::Resume), NEW).await,
        [Did::LookedUp, Did::Posted, Did::Recorded(DeliveryPhase::Delivered, 1)]
    );
    // Released while no sender was there: what exceeds a second's worth goes back to the relay.
    did(paced(), job(1, Trigger::Manual), NEW).await;
    assert_eq!(
        did(paced(), job(1, Trigger::Resume), NEW).await,
        [Did::LookedUp, Did::Recorded(DeliveryPhase::Spilled, 0)]
    );
}
