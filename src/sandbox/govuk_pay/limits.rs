//! How often an account may call in a second: 15 creations, 15 captures, 15 other posts, 75 reads.

use std::collections::HashMap;

use super::problem::Problem;

const POSTS: u32 = 15;
const READS: u32 = 75;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    Create,
    Capture,
    OtherPost,
    Read,
}

/// How many calls of each class the present second has seen.
#[derive(Debug, Default)]
pub struct Limits {
    seen: HashMap<(usize, Class), (i64, u32)>,
}

impl Limits {
    pub fn take(&mut self, account: usize, class: Class, now_ms: i64) -> Result<(), Problem> {
        let second = now_ms.div_euclid(1_000);
        let (since, calls) = self.seen.entry((account, class)).or_insert((second, 0));
        if *since != second {
            (*since, *calls) = (second, 0);
        }
        *calls += 1;
        let most = if class == Class::Read { READS } else { POSTS };
        if *calls > most { Err(Problem::ordered(429)) } else { Ok(()) }
    }
}
