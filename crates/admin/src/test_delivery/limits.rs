//! How often one may test: enough for people, too little for a scan or a flood. In memory, for each process by itself.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::{AccountName, EndpointUrl, WebhookId};
use governor::Quota;
use runtime::RateLimit;
use uuid::Uuid;

/// The pause between two tests of the same webhook or form.
const PAUSE: Duration = Duration::from_secs(3);
/// Tests that a person may make.
const PER_PERSON: Quota = Quota::per_minute(NonZeroU32::new(10).expect("10 is not zero"));
/// Tests of one account under way at once: a quarter of the places of one sender, each of which a slow receiver keeps for
/// a whole request's time. A limit on concurrency, which no rate limiter is.
const AT_ONCE_PER_ACCOUNT: usize = 4;

/// What is tested.
#[derive(Debug, Hash)]
pub(super) enum Tested<'a> {
    /// A webhook, or an edit of it.
    Webhook(WebhookId),
    /// A new form of an account.
    Form(&'a AccountName, &'a EndpointUrl),
}

/// The limits of test deliveries.
pub(super) struct TestLimits {
    per_tested: RateLimit<u64>,
    per_person: RateLimit<Uuid>,
    under_way: Arc<Mutex<HashMap<AccountName, usize>>>,
    /// URLs are remembered by a hash that nobody outside can foresee.
    hasher: RandomState,
}

impl Default for TestLimits {
    fn default() -> Self {
        let one_in_a_pause = Quota::with_period(PAUSE).expect("the pause is not zero");
        Self {
            per_tested: RateLimit::new(one_in_a_pause),
            per_person: RateLimit::new(PER_PERSON),
            under_way: Arc::default(),
            hasher: RandomState::new(),
        }
    }
}

impl TestLimits {
    /// Counts a test, by the person with this key. One that comes too soon after another of the same counts for the person,
    /// who may so have to wait longer; one beyond the person's limit leaves colleagues free to test the same.
    ///
    /// # Errors
    /// How long to wait.
    pub(super) fn admit(&self, person: Uuid, tested: &Tested<'_>) -> Result<(), Duration> {
        self.per_person.check(person)?;
        self.per_tested.check(self.hasher.hash_one(tested))
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
        let others = Uuid::from_u128(2);
        assert_eq!(limits.admit(PERSON, &webhook(1)), Ok(()));
        assert_eq!(limits.admit(PERSON, &webhook(2)), Ok(()));
        assert!(limits.admit(others, &webhook(1)).unwrap_err() <= PAUSE);
    }

    #[test]
    fn a_person_makes_ten_tests_a_minute() {
        let limits = TestLimits::default();
        for number in 0..10 {
            assert_eq!(limits.admit(PERSON, &webhook(number)), Ok(()));
        }
        let wait = limits.admit(PERSON, &webhook(10)).unwrap_err();
        assert!(wait > PAUSE && wait <= Duration::from_secs(6), "{wait:?}");
        let colleague = Uuid::from_u128(2);
        assert_eq!(
            limits.admit(colleague, &webhook(10)),
            Ok(()),
            "the refused one was not counted"
        );
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
        let url = |text| EndpointUrl::parse(text, &AddressPolicy::public_only()).unwrap();
        let acme = "acme".parse().unwrap();
        let globex = "globex".parse().unwrap();
        let (one, other) = (url("https://erp.example.com/1"), url("https://erp.example.com/2"));
        for tested in [
            Tested::Form(&acme, &one),
            Tested::Form(&acme, &other),
            Tested::Form(&globex, &one),
        ] {
            assert_eq!(limits.admit(PERSON, &tested), Ok(()), "{tested:?}");
            assert!(limits.admit(PERSON, &tested).is_err(), "{tested:?}");
        }
    }
}
