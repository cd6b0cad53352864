//! Signals end a process in order; a second one ends it at once.

use std::time::Duration;

use runtime::shutdown::{DrainError, drain, on_signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::child::Child;

#[test]
#[ignore = "a child of the tests below"]
fn until_signal() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let stop = on_signal().unwrap();
        println!("waiting for a signal");
        stop.cancelled().await;
        println!("stopping");
        if std::env::var_os("HANG").is_some_and(|hang| !hang.is_empty()) {
            std::future::pending::<()>().await;
        }
    });
    println!("stopped in order");
    std::process::exit(0);
}

#[tokio::test]
async fn a_signal_stops_a_process_in_order() {
    for signal in ["TERM", "INT"] {
        let mut child = Child::start("shutdown::until_signal", &[("HANG", "")]);
        child.line_with("waiting for a signal").await;
        child.signal(signal).await;
        child.line_with("stopped in order").await;
        assert_eq!(child.end().await.code(), Some(0), "{signal}");
    }
}

#[tokio::test]
async fn a_second_signal_ends_a_process_at_once() {
    let mut child = Child::start("shutdown::until_signal", &[("HANG", "1")]);
    child.line_with("waiting for a signal").await;
    child.signal("TERM").await;
    child.line_with("stopping").await;
    child.signal("INT").await;
    assert_eq!(child.end().await.code(), Some(1));
}

#[tokio::test]
async fn a_drain_ends_with_the_last_task() {
    let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
    for _ in 0..3 {
        tracker.spawn(stop.clone().cancelled_owned());
    }
    let draining = tokio::spawn({
        let tracker = tracker.clone();
        async move { drain(&tracker, Duration::from_secs(30)).await }
    });
    stop.cancel();
    assert_eq!(draining.await.unwrap(), Ok(()));
    assert!(tracker.is_empty());
}

#[tokio::test]
async fn a_drain_ends_with_the_grace_period() {
    let tracker = TaskTracker::new();
    tracker.spawn(std::future::pending::<()>());
    tracker.spawn(async {});
    let grace = Duration::from_millis(50);
    assert_eq!(drain(&tracker, grace).await, Err(DrainError { unfinished: 1, grace }));
}
