//! Resolves both address families, without waiting for the slower one (RFC 8305 §3).

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use tokio::time::timeout;

use super::cache::{Answer, Family};

/// Once there are IPv4 addresses, others are awaited for this long. Some name servers never respond for IPv6.
const WAIT_FOR_V6: Duration = Duration::from_millis(200);
/// The reverse. Longer, since it is nearly always IPv6 that is broken where the two differ.
const WAIT_FOR_V4: Duration = Duration::from_millis(500);

/// The result when waiting ends.
#[derive(Debug)]
pub(super) struct Both<E> {
    /// The responses, IPv4 first.
    pub(super) answers: Vec<Answer>,
    /// The error of an awaited query.
    pub(super) error: Option<E>,
    /// The query that was not awaited.
    pub(super) unanswered: Option<Family>,
}

/// Sends both queries at once. A response that there is no such name ends the waiting, too.
pub(super) async fn ask_both<E>(
    v4: impl Future<Output = Result<Answer, E>>,
    v6: impl Future<Output = Result<Answer, E>>,
) -> Both<E> {
    let mut v4 = pin!(v4);
    let mut v6 = pin!(v6);
    tokio::select! {
        first = &mut v4 => complete(first, v6, (Family::V6, WAIT_FOR_V6)).await,
        first = &mut v6 => complete(first, v4, (Family::V4, WAIT_FOR_V4)).await,
    }
}

async fn complete<E>(
    first: Result<Answer, E>,
    second: impl Future<Output = Result<Answer, E>>,
    (family, wait): (Family, Duration),
) -> Both<E> {
    let second = match &first {
        Ok(answer) if !answer.exists => None,
        Ok(answer) if !answer.addresses.is_empty() => timeout(wait, second).await.ok(),
        _ => Some(second.await),
    };
    let unanswered = if second.is_none() { Some(family) } else { None };
    let mut both = Both {
        answers: Vec::new(),
        error: None,
        unanswered,
    };
    let in_order = match family {
        Family::V6 => [Some(first), second],
        Family::V4 => [second, Some(first)],
    };
    for result in in_order.into_iter().flatten() {
        match result {
            Ok(answer) => both.answers.push(answer),
            Err(error) => both.error = Some(error),
        }
    }
    both
}
