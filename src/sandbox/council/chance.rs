//! Repeatable chance: the same seed and place always fall the same way. Not for secrets.

use std::hash::Hasher;

use xxhash_rust::xxh3::Xxh3;

/// A stream of numbers that belongs to one place: an account, a claim, a night.
pub(super) struct Chance(u64);

impl Chance {
    pub fn of(seed: u64, what: &str, place: &[u64]) -> Self {
        let mut hasher = Xxh3::with_seed(seed);
        hasher.update(what.as_bytes());
        for number in place {
            hasher.update(&number.to_le_bytes());
        }
        Self(hasher.finish())
    }

    /// A number from zero up to but not including this; zero when there is nothing to choose from.
    pub fn below(&mut self, limit: u64) -> u64 {
        // SplitMix64: <https://prng.di.unimi.it/splitmix64.c>.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)).checked_rem(limit).unwrap_or(0)
    }

    pub fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        let place = usize::try_from(self.below(from.len() as u64)).unwrap_or(0);
        from[place]
    }
}

/// Whether this is the one of its block of `every` neighbours on which something falls. Blocks, not
/// dice: a small council has its share of events too.
pub(super) fn falls_on(seed: u64, what: &str, night: u32, index: u32, every: u32) -> bool {
    let every = every.max(1);
    let place = [u64::from(night), u64::from(index / every)];
    u64::from(index % every) == Chance::of(seed, what, &place).below(u64::from(every))
}
