//! Faults on demand: the answers a hub must survive. They strike the next requests in turn, or a
//! share of all of them by a seed, so that a run can be repeated. A fault never changes what was
//! accepted. What a platform says with a status is the platform's own file.

use std::collections::VecDeque;

use axum::http::Method;
use serde::Deserialize;

/// What is armed.
#[derive(Debug, Default)]
pub struct Faults {
    next: VecDeque<Armed>,
    rate: Rate,
    dice: Dice,
}

/// What `PUT /sandbox/faults` takes. It replaces whatever was armed; `{}` disarms.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Orders {
    #[serde(default)]
    next: Vec<Armed>,
    #[serde(default)]
    rate: Rate,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Armed {
    kind: Kind,
    #[serde(default = "once")]
    times: u32,
    /// For `status`.
    #[serde(default)]
    status: Option<u16>,
    /// For `status`: the platform's name for the error, where the status alone does not say.
    #[serde(default)]
    error: Option<String>,
    /// For `slow`.
    #[serde(default)]
    ms: u64,
    #[serde(default)]
    on: On,
    /// Only requests whose path holds this.
    #[serde(default)]
    path: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Status,
    Slow,
    LostAnswer,
    LostBefore,
}

/// Which requests a fault waits for. A hub that lost an answer asks next, and the asking should
/// work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum On {
    #[default]
    Send,
    Read,
    Any,
}

/// Shares of sends, each between 0 and 1.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rate {
    #[serde(default)]
    status_429: f64,
    #[serde(default)]
    status_500: f64,
    #[serde(default)]
    lost_answer: f64,
    #[serde(default)]
    lost_before: f64,
    #[serde(default)]
    seed: u64,
}

/// What happens to one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Strike {
    /// Answered with that status, and the platform's name for an error where one was given.
    Status(u16, Option<String>),
    Slow {
        ms: u64,
    },
    /// The request is carried out and the connection closed.
    LoseAnswer,
    /// The connection is closed and nothing is carried out.
    LoseRequest,
}

impl Faults {
    pub fn arm(&mut self, orders: Orders) {
        self.dice = Dice(orders.rate.seed);
        self.next = orders.next.into_iter().filter(|armed| armed.times > 0).collect();
        self.rate = orders.rate;
    }

    /// The fault that strikes this request, if any.
    pub fn strike(&mut self, method: &Method, path: &str) -> Option<Strike> {
        let is_send = method == Method::POST;
        let waiting = self.next.iter().position(|armed| {
            armed.path.as_deref().is_none_or(|part| path.contains(part))
                && match armed.on {
                    On::Send => is_send,
                    On::Read => !is_send,
                    On::Any => true,
                }
        });
        if let Some(index) = waiting {
            let armed = self.next.get_mut(index)?;
            armed.times -= 1;
            let strike = armed.strike();
            if armed.times == 0 {
                self.next.remove(index);
            }
            return Some(strike);
        }
        if is_send { self.roll() } else { None }
    }

    fn roll(&mut self) -> Option<Strike> {
        let shares = [
            (self.rate.status_429, Strike::Status(429, None)),
            (self.rate.status_500, Strike::Status(500, None)),
            (self.rate.lost_answer, Strike::LoseAnswer),
            (self.rate.lost_before, Strike::LoseRequest),
        ];
        if shares.iter().all(|(share, _)| *share <= 0.0) {
            return None;
        }
        let mut rolled = self.dice.roll();
        for (share, strike) in shares {
            if rolled < share {
                return Some(strike);
            }
            rolled -= share;
        }
        None
    }
}

impl Armed {
    fn strike(&self) -> Strike {
        match self.kind {
            Kind::Status => Strike::Status(self.status.unwrap_or(500), self.error.clone()),
            Kind::Slow => Strike::Slow { ms: self.ms },
            Kind::LostAnswer => Strike::LoseAnswer,
            Kind::LostBefore => Strike::LoseRequest,
        }
    }
}

fn once() -> u32 {
    1
}

/// A small generator of even numbers between 0 and 1 (the splitmix64 sequence): the same seed, the
/// same faults.
#[derive(Debug, Default)]
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let high = u32::try_from(mixed >> 32).unwrap_or(u32::MAX);
        f64::from(high) / (f64::from(u32::MAX) + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn armed(orders: serde_json::Value) -> Faults {
        let mut faults = Faults::default();
        faults.arm(serde_json::from_value(orders).expect("orders"));
        faults
    }

    #[test]
    fn faults_strike_in_turn_and_wait_for_their_kind_of_request() {
        let mut faults = armed(json!({"next": [
            {"kind": "lost_answer", "times": 2},
            {"kind": "slow", "ms": 5, "on": "read"},
        ]}));
        assert_eq!(faults.strike(&Method::POST, "/"), Some(Strike::LoseAnswer));
        assert_eq!(faults.strike(&Method::GET, "/"), Some(Strike::Slow { ms: 5 }));
        assert_eq!(faults.strike(&Method::GET, "/"), None);
        assert_eq!(faults.strike(&Method::POST, "/"), Some(Strike::LoseAnswer));
        assert_eq!(faults.strike(&Method::POST, "/"), None);
    }

    #[test]
    fn a_share_of_sends_is_struck_and_the_same_ones_each_time() {
        let orders = json!({"rate": {"status_500": 0.2, "lost_answer": 0.1, "seed": 7}});
        let struck = || -> Vec<bool> {
            let mut faults = armed(orders.clone());
            (0..1_000).map(|_| faults.strike(&Method::POST, "/").is_some()).collect()
        };
        let first = struck();
        assert_eq!(first, struck());
        let count = first.iter().filter(|struck| **struck).count();
        assert!((250..350).contains(&count), "{count}");
    }
}
