//! How many requests of one account are answered at once: fewer than there are connections to the database, so that
//! whatever one account asks for, others get theirs. A request that has to wait holds no connection meanwhile. A limit on
//! concurrency, which no rate limiter is: it counts requests until they end.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use axum::http::Extensions;
use domain::AccountName;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::failure::Failure;

/// How long a request waits for others of its account. Shorter than what it may take in all.
const MAX_WAIT: Duration = Duration::from_secs(5);
/// Accounts remembered at once. Above it those without a request under way are forgotten.
const MAX_REMEMBERED: usize = 1_000;

/// A limit on the requests of each account. Clones share it.
#[derive(Debug, Clone)]
pub struct AccountLimit {
    at_once: usize,
    accounts: Arc<Mutex<HashMap<AccountName, Arc<Semaphore>>>>,
}

/// A request's place among those of its account, from the moment the account is known. The guard gives it up when the
/// answer is ready.
#[derive(Debug, Clone, Default)]
pub(crate) struct Place(Arc<OnceLock<OwnedSemaphorePermit>>);

impl AccountLimit {
    /// Half of a pool for each account, and one at least.
    pub fn of_pool(connections: usize) -> Self {
        Self {
            at_once: (connections / 2).max(1),
            accounts: Arc::default(),
        }
    }

    /// Waits for a place, which lies in `extensions`. A request without one there is not limited here: what waits for a
    /// sender holds no connection for long, and has limits of its own.
    ///
    /// # Errors
    /// [`Failure::AccountBusy`] when there is none in time.
    pub(crate) async fn enter(&self, extensions: &Extensions, account: &AccountName) -> Result<(), Failure> {
        let Some(place) = extensions.get::<Place>().filter(|place| place.0.get().is_none()) else {
            return Ok(());
        };
        let entered = timeout(MAX_WAIT, self.of(account).acquire_owned()).await;
        let permit = entered
            .map_err(|_| Failure::AccountBusy(MAX_WAIT))?
            .expect("it is never closed");
        // Nobody else has this request.
        let _ = place.0.set(permit);
        Ok(())
    }

    fn of(&self, account: &AccountName) -> Arc<Semaphore> {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        if accounts.len() >= MAX_REMEMBERED && !accounts.contains_key(account) {
            // Whoever waits or is being answered has another reference.
            accounts.retain(|_, semaphore| Arc::strong_count(semaphore) > 1);
        }
        let new = || Arc::new(Semaphore::new(self.at_once));
        Arc::clone(accounts.entry(account.clone()).or_insert_with(new))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Extensions {
        let mut extensions = Extensions::new();
        extensions.insert(Place::default());
        extensions
    }

    #[tokio::test(start_paused = true)]
    async fn an_account_has_half_of_the_places_and_leaves_the_others_alone() {
        let limit = AccountLimit::of_pool(4);
        let acme = "acme".parse().unwrap();
        let globex = "globex".parse().unwrap();
        let [first, second, third, other] = [(); 4].map(|()| request());
        for request in [&first, &first, &second] {
            limit.enter(request, &acme).await.unwrap();
        }
        assert_eq!(limit.enter(&third, &acme).await, Err(Failure::AccountBusy(MAX_WAIT)));
        limit.enter(&other, &globex).await.unwrap();
        limit.enter(&Extensions::new(), &acme).await.unwrap();
        let (entered, ()) = tokio::join!(limit.enter(&third, &acme), async { drop(first) });
        entered.unwrap();
    }

    #[tokio::test]
    async fn memory_is_given_back() {
        let limit = AccountLimit::of_pool(2);
        let held = request();
        limit.enter(&held, &"held".parse().unwrap()).await.unwrap();
        for number in 0..3 * MAX_REMEMBERED {
            limit
                .enter(&request(), &format!("account-{number}").parse().unwrap())
                .await
                .unwrap();
        }
        let accounts = limit.accounts.lock().unwrap();
        assert!(accounts.len() <= MAX_REMEMBERED && accounts.contains_key("held"));
    }
}
