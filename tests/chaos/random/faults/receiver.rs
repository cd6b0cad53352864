//! Receivers that misbehave.

use std::time::{Duration, Instant};

use testkit::receiver::{Answer, Script};
use tokio::time::sleep_until;

use super::Done;
use crate::random::fault::Mood;
use crate::random::installation::Installation;
use crate::random::load::Load;

/// A body that takes longer than any request may.
const BODY: &[u8] = &[b'x'; 1000];
/// Number of quick responses before a receiver hangs.
const QUICK: usize = 20;

pub(super) async fn happen(
    webhook: usize,
    mood: Mood,
    installation: &Installation,
    load: &Load,
    until: Instant,
) -> anyhow::Result<Done> {
    let subscriber = load.moody_subscriber(webhook);
    match script(mood) {
        Some(script) => subscriber.receiver.answer(script),
        None => installation.names.fail_zone(&subscriber.host),
    }
    sleep_until(until.into()).await;
    installation.names.restore_zone(&subscriber.host);
    subscriber.receiver.answer(Answer::ok());
    Ok(Done::Yes)
}

/// How it answers; `None` when no request reaches it.
fn script(mood: Mood) -> Option<Script> {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n";
    let script = match mood {
        Mood::ServerErrors => Answer::status(500).into(),
        Mood::Unavailable => Answer::status(503).retry_after("3").into(),
        Mood::Hangs => Answer::hang().into(),
        Mood::QuickThenHangs => Script::sequence(std::iter::repeat_n(Answer::ok(), QUICK), Answer::hang()),
        Mood::HeadWithoutEnd => Answer::raw(head).then_hang().into(),
        Mood::SlowBody => Answer::slow_body(BODY, Duration::from_millis(100)).into(),
        Mood::EndlessBody => Answer::endless_body().into(),
        Mood::Resets => Answer::reset().into(),
        Mood::Slow => Answer::ok().delay(Duration::from_secs(2)).into(),
        Mood::Redirects => Answer::redirect(302, "https://127.0.0.1/").into(),
        Mood::NotFound => Answer::status(404).into(),
        Mood::Gone => Answer::status(410).into(),
        Mood::Throttles => Answer::status(429).retry_after("2").into(),
        Mood::ZoneFails => return None,
    };
    Some(script)
}
