//! Who we are among those who hold leases, and whether another holder is still there.
//!
//! A process that was killed keeps its leases until their time is over. On its own machine that can be
//! seen sooner: no process of that number, begun at that moment, runs any more.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::context::{AppError, Context};
use crate::job::clock::Clock;
use crate::job::fail_point::Safeguard;
use crate::job::lease;
use crate::store::database::Database;
use crate::store::leases::{self, Lease, Taking, Wanted};

/// For how long a lease is taken, and how often it is renewed.
const LEASE_MS: i64 = 20_000;
const RENEW: Duration = Duration::from_secs(6);
/// How long a job waits for another one to end.
const WAIT_MS: i64 = 60_000;
const LOOK_AGAIN_MS: i64 = 500;

/// Machine, process and when it began: never the same twice.
pub fn name() -> String {
    let process = std::process::id();
    format!("{}:{process}:{}", machine(), began(process).unwrap_or_default())
}

/// The holder of a lease, where it is a process of this machine that is not there any more.
pub async fn dead_holder(database: &Database, lease: &str) -> Result<Option<String>, AppError> {
    Ok(leases::holder(database, lease).await?.filter(|holder| is_gone(holder)))
}

/// Whether a holder is a process of this machine that is not there any more.
pub fn is_gone(holder: &str) -> bool {
    let mut parts = holder.rsplitn(3, ':');
    let (Some(began_then), Some(process), Some(host)) = (parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let Ok(process) = process.parse::<u32>() else { return false };
    // Where processes cannot be looked at, nobody is ever taken for dead.
    host == machine()
        && !Safeguard::Gone.is_off()
        && fs::metadata("/proc/self").is_ok()
        && began(process).is_none_or(|began| began != began_then)
}

/// The machine's name; and in a container which one, since two of them may have the name of their machine, and neither
/// sees the other's processes.
fn machine() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let numbers = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    named(name.trim(), &numbers.to_string_lossy())
}

/// The first of a machine's sets of process numbers (`PROC_PID_INIT_INO` of Linux), as namespaces(7) writes it.
const WHOLE_MACHINE: &str = "pid:[4026531836]";

fn named(host: &str, numbers: &str) -> String {
    let own = numbers.trim_start_matches("pid:[").trim_end_matches(']');
    match numbers {
        WHOLE_MACHINE | "" => host.to_owned(),
        _ => format!("{host}-{own}"),
    }
}

/// When a process began, in the machine's own ticks (field 22 of proc(5) stat).
fn began(process: u32) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let behind_name = text.rsplit_once(')')?.1;
    behind_name.split_whitespace().nth(19).map(str::to_owned)
}

/// A lease that is renewed until it is given back.
pub struct Held {
    database: Database,
    clock: Arc<dyn Clock>,
    lease: Lease,
    renewing: JoinHandle<()>,
}

impl Held {
    /// Takes a lease, waiting a little for whoever has it.
    pub async fn take(context: &Context, lease: &str) -> Result<Held, AppError> {
        let (clock, database) = (context.clock.clone(), context.database.clone());
        let deadline_ms = clock.now_ms() + WAIT_MS;
        let holder = name();
        let mut said = false;
        let lease = loop {
            let now_ms = clock.now_ms();
            let dead = dead_holder(&database, lease).await?;
            let wanted = Wanted {
                name: lease,
                holder: &holder,
                now_ms,
                until_ms: now_ms + LEASE_MS,
                from: dead.as_deref(),
            };
            match leases::take(&database, wanted).await? {
                Taking::Ours(lease) => break lease,
                Taking::Theirs { holder, .. } if now_ms >= deadline_ms => {
                    return Err(AppError::NotThere(format!(
                        "another process ({holder}) is at this work; try again when it has ended"
                    )));
                }
                Taking::Theirs { holder: theirs, .. } => {
                    // One of our own jobs is no news: `serve` says what it does.
                    if !said && theirs != holder {
                        eprintln!("another process ({theirs}) is at work; waiting");
                        said = true;
                    }
                    clock.pause(LOOK_AGAIN_MS).await;
                }
            }
        };
        let (renewed, ours, clock) = (database.clone(), lease.clone(), context.clock.clone());
        let renewing = tokio::spawn(async move {
            loop {
                tokio::time::sleep(RENEW).await;
                let until_ms = clock.now_ms() + LEASE_MS;
                if let Err(error) = leases::keep(&renewed, &ours, until_ms).await {
                    tracing::warn!(lease = ours.name, %error, "a lease could not be renewed");
                }
            }
        });
        Ok(Held { database, clock: context.clock.clone(), lease, renewing })
    }

    /// Gives it back.
    pub async fn release(self) -> Result<(), AppError> {
        self.renewing.abort();
        Ok(lease::give_back(&self.database, &*self.clock, &self.lease, LEASE_MS).await?)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.renewing.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_of_one_name_are_two_machines() {
        assert_eq!(named("hub", WHOLE_MACHINE), "hub");
        assert_eq!(named("hub", ""), "hub");
        assert_eq!(named("hub", "pid:[4026532207]"), "hub-4026532207");
    }

    #[test]
    fn only_a_process_of_this_machine_that_ended_is_gone() {
        assert!(!is_gone(&name()));
        assert!(!is_gone("elsewhere:1:0"));
        assert!(!is_gone("nonsense"));
        assert!(is_gone(&format!("{}:{}:not-when-we-began", machine(), std::process::id())));
    }
}
