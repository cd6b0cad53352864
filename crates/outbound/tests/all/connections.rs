//! Which connections are opened, pooled, reused and closed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use domain::Outcome;
use outbound::Post;
use testkit::certificates::TestCa;
use testkit::receiver::{Answer, Receiver, Script};
use testkit::wait;

use crate::setup::{BODY, PATIENCE, Scene, client_lets_go, resident_kib};

/// An idle timeout that closes nothing during a test.
const NEVER: Duration = Duration::from_secs(3600);

/// Waits until the receiver has closed all connections and the client could have noticed.
async fn receiver_lets_go(receiver: &Receiver) {
    wait::until(PATIENCE, "the receiver to close", async || {
        receiver.open_connections() == 0
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn requests_in_a_row_share_one_connection() {
    let scene = Scene::new().await;
    scene.receiver.answer(Answer::ok().body("thanks"));
    for n in 0..50 {
        assert_eq!(scene.post(&format!("msg_{n}")).await.outcome, Outcome::Success);
    }
    assert_eq!((scene.receiver.count(), scene.receiver.connections()), (50, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_at_once_keep_their_connections() {
    let scene = Arc::new(Scene::new().await);
    let senders: Vec<_> = (0..64)
        .map(|sender| {
            let scene = scene.clone();
            tokio::spawn(async move {
                for n in 0..20 {
                    assert_eq!(scene.post(&format!("msg_{sender}_{n}")).await.outcome, Outcome::Success);
                }
            })
        })
        .collect();
    for sender in senders {
        sender.await.unwrap();
    }
    assert_eq!(scene.receiver.count(), 64 * 20);
    assert!(
        scene.receiver.connections() <= 65,
        "{} connections",
        scene.receiver.connections()
    );
    assert!(scene.receiver.count_by_webhook_id().values().all(|count| *count == 1));
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_a_while() {
    let scene = Scene::with(|settings| settings.idle_timeout = Duration::from_millis(200)).await;
    scene.post("msg_1").await;
    client_lets_go(&scene.receiver).await;
    assert_eq!(scene.post("msg_2").await.outcome, Outcome::Success);
    assert_eq!(scene.receiver.connections(), 2);
}

#[tokio::test]
async fn an_idle_connection_closed_by_the_receiver_is_no_failure() {
    let ca = TestCa::new();
    let receiver = Receiver::builder(&ca)
        .keep_alive(Duration::from_millis(100))
        .start()
        .await
        .unwrap();
    let scene = Scene::around(&ca, receiver, |_| {});
    for n in 1..=5 {
        assert_eq!(scene.post(&format!("msg_{n}")).await.outcome, Outcome::Success);
        receiver_lets_go(&scene.receiver).await;
    }
    assert_eq!((scene.receiver.count(), scene.receiver.connections()), (5, 5));
}

/// A receiver may close an idle connection just when a request is written to it. That cannot be told from a receiver
/// that processed the request and crashed, so the request is sent again, once, over a new connection.
#[tokio::test]
async fn a_request_that_met_a_closing_connection_is_sent_once_more() {
    for closing in [Answer::reset(), Answer::close(), Answer::close().before_reading()] {
        let scene = Scene::new().await;
        scene
            .receiver
            .answer(Script::sequence([Answer::ok(), closing.clone()], Answer::ok()));
        assert_eq!(scene.post("msg_1").await.outcome, Outcome::Success);
        assert_eq!(scene.post("msg_2").await.outcome, Outcome::Success, "{closing:?}");
        assert_eq!(
            (scene.receiver.count(), scene.receiver.connections()),
            (3, 2),
            "{closing:?}"
        );
        let requests = scene.receiver.requests();
        assert_eq!(requests[2].header("webhook-id"), Some("msg_2"));
        assert_eq!(requests[2].body, BODY);
    }
}

#[tokio::test]
async fn a_request_is_sent_once_more_at_most() {
    let scene = Scene::new().await;
    scene.receiver.answer(Script::sequence([Answer::ok()], Answer::reset()));
    assert_eq!(scene.post("msg_1").await.outcome, Outcome::Success);
    assert_eq!(scene.post("msg_2").await.outcome, Outcome::ConnectError);
    assert_eq!((scene.receiver.count(), scene.receiver.connections()), (3, 2));
}

/// The receiver has begun to respond, or has worked for a while: then it was not the idle connection that ended.
#[tokio::test]
async fn a_request_that_a_receiver_worked_on_is_not_sent_again() {
    for broken in [
        Answer::raw("HTTP/1.1 2"),
        Answer::close().delay(Duration::from_millis(1100)),
    ] {
        let scene = Scene::new().await;
        scene.receiver.answer(Script::sequence([Answer::ok()], broken.clone()));
        assert_eq!(scene.post("msg_1").await.outcome, Outcome::Success);
        let attempt = scene.post("msg_2").await;
        assert_eq!(
            (attempt.outcome, scene.receiver.count()),
            (Outcome::ConnectError, 2),
            "{broken:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_is_sent_again_over_a_new_connection_however_the_receiver_closes() {
    let scene = Scene::new().await;
    let mut turn = 0;
    scene.receiver.answer(Script::decided_by(move |_, _| {
        turn += 1;
        match turn % 4 {
            0 => Answer::ok().then_reset(),
            1 => Answer::ok().then_close(),
            2 => Answer::close(),
            _ => Answer::reset(),
        }
    }));
    for n in 0..200 {
        scene.post(&format!("msg_{n}")).await;
    }
    let counts = scene.receiver.count_by_webhook_id();
    assert!(counts.len() > 100, "{} of 200 arrived", counts.len());
    assert!(counts.values().all(|count| *count <= 2), "{counts:?}");
    let requests = scene.receiver.requests();
    for again in requests
        .windows(2)
        .filter(|pair| pair[0].header("webhook-id") == pair[1].header("webhook-id"))
    {
        let idle = requests
            .iter()
            .filter(|request| request.connection == again[0].connection)
            .count();
        assert!(
            idle >= 2,
            "{} was sent again though its connection was new",
            again[0].header("webhook-id").unwrap()
        );
    }
}

#[tokio::test]
async fn a_connection_is_given_up_before_the_receiver_closes_it_as_announced() {
    let scene = Scene::with(|settings| settings.idle_timeout = NEVER).await;
    scene
        .receiver
        .answer(Answer::ok().header("keep-alive", "timeout=1, max=100"));
    assert_eq!(scene.post("msg_1").await.outcome, Outcome::Success);
    assert_eq!(scene.post("msg_2").await.outcome, Outcome::Success);
    assert_eq!(scene.receiver.connections(), 1);
    tokio::time::sleep(Duration::from_millis(550)).await;
    assert_eq!(scene.post("msg_3").await.outcome, Outcome::Success);
    assert_eq!(scene.receiver.connections(), 2);
}

#[tokio::test]
async fn an_endless_body_is_cut_off() {
    let scene = Scene::with(|settings| settings.idle_timeout = NEVER).await;
    scene.receiver.answer(Answer::endless_body());
    let (before, started) = (resident_kib(), Instant::now());
    for n in 0..50 {
        let attempt = scene.post(&format!("msg_{n}")).await;
        assert_eq!(
            (attempt.outcome, attempt.response_excerpt.len()),
            (Outcome::Success, 4096)
        );
        assert!(started.elapsed() < PATIENCE, "read until the deadline");
    }
    client_lets_go(&scene.receiver).await;
    assert_eq!(
        scene.receiver.connections(),
        50,
        "a cut-off connection is not used again"
    );
    let grown = resident_kib().saturating_sub(before);
    assert!(grown < 32 * 1024, "grew by {grown} KiB");
}

#[tokio::test]
async fn an_abandoned_attempt_lets_go_of_its_connection() {
    let scene = Scene::with(|settings| settings.timeout = Duration::from_millis(300)).await;
    scene.receiver.answer(Answer::hang());
    assert_eq!(scene.post("msg_1").await.outcome, Outcome::Timeout);
    client_lets_go(&scene.receiver).await;
}

/// Larger than the kernel's buffers between the two ends, so that the rest waits for the receiver to read.
const UNREAD_BODY_BYTES: usize = 32 << 20;

#[tokio::test]
async fn a_receiver_that_never_reads_costs_no_socket_for_ever() {
    for (answer, outcome) in [
        (Answer::ok().before_reading().then_hang(), Outcome::Success),
        (Answer::hang().before_reading(), Outcome::Timeout),
    ] {
        let scene = Scene::with(|settings| {
            settings.timeout = Duration::from_millis(500);
            settings.idle_timeout = NEVER;
        })
        .await;
        scene.receiver.answer(answer);
        let body = Bytes::from(vec![b' '; UNREAD_BODY_BYTES]);
        let post = Post {
            endpoint: &scene.endpoint,
            id: "msg_1",
            timestamp: 0,
            signature: "v1,",
            headers: &http::HeaderMap::new(),
            body,
        };
        assert_eq!(scene.outbound.post(post).await.outcome, outcome);
        client_lets_go(&scene.receiver).await;
    }
}

#[tokio::test]
async fn a_receiver_that_restarts_is_reached_again() {
    let scene = Scene::new().await;
    assert_eq!(scene.post("msg_1").await.outcome, Outcome::Success);
    scene.receiver.close_connections().await;
    assert_eq!(scene.post("msg_2").await.outcome, Outcome::Success);
    assert_eq!((scene.receiver.count(), scene.receiver.connections()), (2, 2));
}
