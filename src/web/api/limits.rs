//! How often anybody may call. A caller has a store of calls that fills up again at a steady rate; where it
//! is empty, they are told when to come back.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

/// So many at once, and one more each so many milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    pub at_once: u32,
    pub each_ms: i64,
}

/// Whoever is not remembered has a full store: those who wait longest are forgotten first.
const REMEMBERED_MAX: usize = 10_000;

/// What each caller has left.
pub struct Limits<K> {
    rate: Rate,
    /// When a caller's store will be full again, UTC milliseconds.
    full_ms: Mutex<HashMap<K, i64>>,
}

impl<K: Hash + Eq> Limits<K> {
    pub fn new(rate: Rate) -> Limits<K> {
        Limits { rate, full_ms: Mutex::default() }
    }

    /// Takes one call from a caller's store, or says after how many seconds there is one.
    pub fn take(&self, caller: K, now_ms: i64) -> Result<(), u32> {
        let Rate { at_once, each_ms } = self.rate;
        let mut stores = self.full_ms.lock().unwrap_or_else(PoisonError::into_inner);
        if stores.len() >= REMEMBERED_MAX {
            stores.retain(|_, full_ms| *full_ms > now_ms);
        }
        if stores.len() >= REMEMBERED_MAX && !stores.contains_key(&caller) {
            return Err(1);
        }
        let full_ms = stores.entry(caller).or_insert(now_ms);
        let then = (*full_ms).max(now_ms) + each_ms;
        let over_ms = then - now_ms - i64::from(at_once) * each_ms;
        if over_ms > 0 {
            return Err(u32::try_from(over_ms.div_euclid(1_000) + 1).unwrap_or(u32::MAX));
        }
        *full_ms = then;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_emptied_and_fills_again() {
        let limits = Limits::new(Rate { at_once: 3, each_ms: 500 });
        for _ in 0..3 {
            assert_eq!(limits.take("one", 1_000), Ok(()));
        }
        assert_eq!(limits.take("one", 1_000), Err(1));
        assert_eq!(limits.take("other", 1_000), Ok(()), "each has their own");
        assert_eq!(limits.take("one", 1_499), Err(1));
        assert_eq!(limits.take("one", 1_500), Ok(()));
        assert_eq!(limits.take("one", 1_500), Err(1));
        for _ in 0..3 {
            assert_eq!(limits.take("one", 99_000), Ok(()));
        }
        assert!(limits.take("one", 99_000).is_err());
    }

    #[test]
    fn a_crowd_is_not_remembered_for_ever() {
        let limits = Limits::new(Rate { at_once: 1, each_ms: 10 });
        for caller in 0..REMEMBERED_MAX {
            assert_eq!(limits.take(caller, 0), Ok(()));
        }
        assert_eq!(limits.take(REMEMBERED_MAX, 5), Err(1));
        assert_eq!(limits.take(REMEMBERED_MAX, 10), Ok(()));
    }
}
