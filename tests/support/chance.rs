//! Random numbers that can be had again.

use std::env;

use super::trouble::{Tried, Trouble};

/// The environment variable with the seed.
pub const SEED: &str = "REGMIG_TEST_SEED";

/// The seed where none is given; any number would do.
const DEFAULT_SEED: u64 = 20_190_620;

/// A sequence of numbers that a seed determines (SplitMix64, Steele et al. 2014).
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// The sequence of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The sequence of the seed in the environment, or of the default, and that seed.
    ///
    /// # Errors
    ///
    /// When the environment names something that is no number.
    pub fn from_environment() -> Tried<(Self, u64)> {
        let seed = match env::var(SEED) {
            Ok(text) => text
                .parse()
                .map_err(|_| Trouble::new(format!("{SEED} is `{text}`, not a whole number")))?,
            Err(_) => DEFAULT_SEED,
        };
        Ok((Self::new(seed), seed))
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below a limit; 0 where the limit is 0. The bias of a small limit does not matter here.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.number().checked_rem(limit).unwrap_or_default()
    }

    /// Some of the entries, in their order.
    pub fn some_of<T: Clone>(&mut self, entries: &[T], count: usize) -> Vec<T> {
        let mut left: Vec<usize> = (0..entries.len()).collect();
        let mut chosen = Vec::new();
        while chosen.len() < count && !left.is_empty() {
            let index = self.below(left.len() as u64) as usize;
            chosen.push(left.swap_remove(index));
        }
        chosen.sort_unstable();
        chosen
            .into_iter()
            .filter_map(|index| entries.get(index).cloned())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Chance;

    #[test]
    fn a_seed_gives_the_same_numbers_again() {
        let take = |seed| {
            let mut chance = Chance::new(seed);
            [chance.number(), chance.number(), chance.below(10)]
        };
        assert_eq!(take(1), take(1));
        assert_ne!(take(1), take(2));
    }

    #[test]
    fn some_of_keeps_the_order_and_takes_nothing_twice() {
        let mut chance = Chance::new(7);
        for _ in 0..50 {
            let some = chance.some_of(&[1, 2, 3, 4, 5, 6], 4);
            assert_eq!(some.len(), 4);
            assert!(some.windows(2).all(|pair| pair[0] < pair[1]), "{some:?}");
        }
        assert_eq!(chance.some_of(&[1, 2], 9), [1, 2]);
        assert_eq!(chance.below(0), 0);
    }
}
