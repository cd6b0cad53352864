//! Which events this process has seen of late, so that one published twice is sent once.

use std::collections::{HashSet, VecDeque};

use sha2::{Digest, Sha256};

/// Events remembered; at 16 bytes each (and the set's overhead) some 6 MB.
const CAPACITY: usize = 100_000;

/// A bounded memory of identities. An event's identity is its account, source and id.
#[derive(Debug)]
pub struct RecentEvents {
    capacity: usize,
    seen: HashSet<u128>,
    oldest_first: VecDeque<u128>,
}

impl Default for RecentEvents {
    fn default() -> Self {
        Self::with_capacity(CAPACITY)
    }
}

impl RecentEvents {
    fn with_capacity(capacity: usize) -> Self {
        Self { capacity, seen: HashSet::new(), oldest_first: VecDeque::new() }
    }

    /// Remembers the event; true when it was remembered already.
    pub fn remember(&mut self, account: &str, source: &str, id: &str) -> bool {
        let identity = identity(account, source, id);
        if !self.seen.insert(identity) {
            return true;
        }
        if self.oldest_first.len() == self.capacity
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.seen.remove(&oldest);
        }
        self.oldest_first.push_back(identity);
        false
    }
}

/// A cryptographic hash, because a CRM's customers choose ids: nobody must be able to make another's event look seen.
fn identity(account: &str, source: &str, id: &str) -> u128 {
    let mut hash = Sha256::new();
    for part in [account, source, id] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let mut identity = [0; 16];
    identity.copy_from_slice(&hash.finalize()[..16]);
    u128::from_be_bytes(identity)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_identity_is_known_and_every_part_counts() {
        let mut recent = RecentEvents::default();
        assert!(!recent.remember("a", "s", "1"));
        assert!(recent.remember("a", "s", "1"));
        for (account, source, id) in [("b", "s", "1"), ("a", "t", "1"), ("a", "s", "2"), ("as", "", "1")] {
            assert!(!recent.remember(account, source, id));
        }
    }

    #[test]
    fn the_oldest_is_forgotten() {
        let mut recent = RecentEvents::with_capacity(2);
        for id in ["1", "2", "3"] {
            recent.remember("a", "s", id);
        }
        assert!(recent.remember("a", "s", "3"));
        assert!(!recent.remember("a", "s", "1"));
        assert_eq!((recent.seen.len(), recent.oldest_first.len()), (2, 2));
    }
}
