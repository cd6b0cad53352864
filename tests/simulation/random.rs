//! Random numbers from a seed: the same seed gives the same history.

use std::sync::Mutex;
use std::time::Duration;

/// SplitMix64 (Steele, Lea, Flood 2014).
pub struct Random(Mutex<u64>);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }

    fn next(&self) -> u64 {
        let mut state = self.0.lock().unwrap();
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = *state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `bound` - 1.
    pub fn below(&self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).expect("it is below a usize")
    }

    /// True in so many of a hundred cases.
    pub fn percent(&self, chance: usize) -> bool {
        self.below(100) < chance
    }

    /// A time up to `longest`, in milliseconds.
    pub fn up_to(&self, longest: Duration) -> Duration {
        Duration::from_millis(self.next() % (longest.as_millis().max(1) as u64))
    }

    pub fn one_of<'a, T>(&self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }
}
