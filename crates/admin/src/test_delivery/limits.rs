//! How often one may test: enough for people, too little for a scan or a flood. In memory, for each process by itself.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use domain::{AccountName, EndpointUrl, WebhookId};
use uuid::Uuid;

/// The pause between two tests of the same webhook or form.
const PAUSE: Duration = Duration::from_secs(3);
/// Tests that a person may make in [`WINDOW`].
const TESTS_PER_PERSON: usize = 10;
const WINDOW: Duration = Duration::from_secs(60);
/// Tests of one account under way at once: a quarter of the places of one sender, each of which a slow receiver keeps for
/// a whole request's time.
const AT_ONCE_PER_ACCOUNT: usize = 4;
/// Remembered at most, of each kind. When so many are at it, further ones wait.
const MAX_REMEMBERED: usize = 10_000;

/// What is tested.
#[derive(Debug, Hash)]
pub(super) enum Tested<'a> {
    /// A webhook, or an edit of it.
    Webhook(WebhookId),
    /// A new form of an account.
    Form(&'a AccountName, &'a EndpointUrl),
}

/// Who tested what a short while ago.
#[derive(Default)]
pub(super) struct TestLimits {
    recent: Mutex<Recent>,
    under_way: Arc<Mutex<HashMap<AccountName, usize>>>,
    /// URLs are remembered by a hash that nobody outside can foresee.
    hasher: RandomState,
}

#[derive(Default)]
struct Recent {
    /// When each was last tested.
    tested: HashMap<u64, Instant>,
    /// When each person tested, oldest first.
    people: HashMap<Uuid, VecDeque<Instant>>,
}

impl TestLimits {
    /// Counts a test, by the person with this key.
    ///
    /// # Errors
    /// How long to wait; the test is then not counted.
    pub(super) fn admit(&self, now: Instant, person: Uuid, tested: &Tested<'_>) -> Result<(), Duration> {
        let tested = self.hasher.hash_one(tested);
        self.recent
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .admit(now, person, tested)
    }
}

/// A test that is under way, until this is dropped.
#[derive(Debug)]
pub(super) struct UnderWay {
    all: Arc<Mutex<HashMap<AccountName, usize>>>,
    account: AccountName,
}

impl TestLimits {
    /// A place for one more test of an account.
    ///
    /// # Errors
    /// How long to wait, when the account has as many under way as it may.
    pub(super) fn begin(&self, account: &AccountName) -> Result<UnderWay, Duration> {
        let mut all = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        let count = all.entry(account.clone()).or_default();
        if *count >= AT_ONCE_PER_ACCOUNT {
            return Err(PAUSE);
        }
        *count += 1;
        Ok(UnderWay {
            all: Arc::clone(&self.under_way),
            account: account.clone(),
        })
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = all.get_mut(&self.account) {
            *count -= 1;
            if *count == 0 {
                all.remove(&self.account);
            }
        }
    }
}

impl Recent {
    fn admit(&mut self, now: Instant, person: Uuid, tested: u64) -> Result<(), Duration> {
        if let Some(wait) = self.tested.get(&tested).and_then(|last| left(now, *last, PAUSE)) {
            return Err(wait);
        }
        if self.is_full() {
            self.forget(now);
        }
        if self.is_full() {
            return Err(PAUSE);
        }
        let times = self.people.entry(person).or_default();
        times.retain(|time| left(now, *time, WINDOW).is_some());
        if times.len() >= TESTS_PER_PERSON {
            return Err(times
                .front()
                .and_then(|first| left(now, *first, WINDOW))
                .unwrap_or(PAUSE));
        }
        times.push_back(now);
        self.tested.insert(tested, now);
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.tested.len() >= MAX_REMEMBERED || self.people.len() >= MAX_REMEMBERED
    }

    /// Drops what no longer makes anybody wait.
    fn forget(&mut self, now: Instant) {
        self.tested.retain(|_, last| left(now, *last, PAUSE).is_some());
        self.people
            .retain(|_, times| times.back().is_some_and(|last| left(now, *last, WINDOW).is_some()));
    }
}

/// What is left of a pause that began then.
fn left(now: Instant, since: Instant, pause: Duration) -> Option<Duration> {
    pause
        .checked_sub(now.duration_since(since))
        .filter(|left| !left.is_zero())
}

#[cfg(test)]
mod tests {
    use domain::AddressPolicy;

    use super::*;

    const PERSON: Uuid = Uuid::from_u128(1);

    fn webhook(number: u128) -> Tested<'static> {
        Tested::Webhook(WebhookId(Uuid::from_u128(number)))
    }

    #[test]
    fn a_webhook_is_tested_every_three_seconds() {
        let limits = TestLimits::default();
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        assert_eq!(limits.admit(at(0), PERSON, &webhook(1)), Ok(()));
        assert_eq!(limits.admit(at(0), PERSON, &webhook(2)), Ok(()));
        let somebody_else = Uuid::from_u128(2);
        assert_eq!(
            limits.admit(at(1000), somebody_else, &webhook(1)),
            Err(Duration::from_secs(2))
        );
        assert_eq!(
            limits.admit(at(2999), PERSON, &webhook(1)),
            Err(Duration::from_millis(1))
        );
        assert_eq!(limits.admit(at(3000), PERSON, &webhook(1)), Ok(()));
    }

    #[test]
    fn a_person_makes_ten_tests_a_minute() {
        let limits = TestLimits::default();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        for second in 0..10 {
            assert_eq!(limits.admit(at(second), PERSON, &webhook(second.into())), Ok(()));
        }
        assert_eq!(limits.admit(at(20), PERSON, &webhook(20)), Err(Duration::from_secs(40)));
        assert_eq!(
            limits.admit(at(20), Uuid::from_u128(2), &webhook(20)),
            Ok(()),
            "the refused one was not counted"
        );
        assert_eq!(limits.admit(at(60), PERSON, &webhook(60)), Ok(()));
        assert_eq!(limits.admit(at(60), PERSON, &webhook(61)), Err(Duration::from_secs(1)));
    }

    #[test]
    fn one_account_leaves_places_to_the_others_however_many_people_it_has() {
        let limits = TestLimits::default();
        let acme = "acme".parse().unwrap();
        let globex = "globex".parse().unwrap();
        let mut places: Vec<_> = (0..AT_ONCE_PER_ACCOUNT).map(|_| limits.begin(&acme).unwrap()).collect();
        assert_eq!(limits.begin(&acme).unwrap_err(), PAUSE);
        let other = limits.begin(&globex).unwrap();
        places.pop();
        places.push(limits.begin(&acme).unwrap());
        drop((places, other));
        assert!(limits.under_way.lock().unwrap().is_empty());
    }

    #[test]
    fn a_form_is_known_by_account_and_url() {
        let limits = TestLimits::default();
        let now = Instant::now();
        let url = |text| EndpointUrl::parse(text, &AddressPolicy::public_only()).unwrap();
        let acme = "acme".parse().unwrap();
        let globex = "globex".parse().unwrap();
        let (one, other) = (url("https://erp.example.com/1"), url("https://erp.example.com/2"));
        for tested in [
            Tested::Form(&acme, &one),
            Tested::Form(&acme, &other),
            Tested::Form(&globex, &one),
        ] {
            assert_eq!(limits.admit(now, PERSON, &tested), Ok(()), "{tested:?}");
            assert_eq!(limits.admit(now, PERSON, &tested), Err(PAUSE), "{tested:?}");
        }
    }

    #[test]
    fn memory_is_bounded_and_given_back() {
        let limits = TestLimits::default();
        let start = Instant::now();
        for number in 0..MAX_REMEMBERED as u128 {
            assert_eq!(limits.admit(start, Uuid::from_u128(number), &webhook(number)), Ok(()));
        }
        assert_eq!(limits.admit(start, Uuid::max(), &webhook(u128::MAX)), Err(PAUSE));
        assert_eq!(limits.admit(start + WINDOW, Uuid::max(), &webhook(u128::MAX)), Ok(()));
        let recent = limits.recent.lock().unwrap();
        assert_eq!((recent.tested.len(), recent.people.len()), (1, 1));
    }
}
