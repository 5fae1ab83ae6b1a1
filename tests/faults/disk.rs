//! F9: the disk is full while extracts are read and changes leave. Nothing is torn, somebody hears why, and
//! the work goes on when there is room again.

use std::path::{Path, PathBuf};
use std::process::Command;

use viaduct::job::fail_point::Safeguard;
use viaduct::store::database::{Database, StoreError};

use super::stage::{Outcome, Stage};
use super::{report, scaled};
use crate::support::hub::On;

/// A small disk of its own, taken away at the end; where none may be mounted, no file may be longer.
struct SmallDisk {
    at: PathBuf,
    is_mounted: bool,
    kib: u32,
}

impl SmallDisk {
    fn mount(at: &Path, kib: u32) -> SmallDisk {
        std::fs::create_dir_all(at).unwrap();
        let size = format!("size={kib}k");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "viaduct"]).arg(at).output();
        let is_mounted = mounted.is_ok_and(|done| done.status.success());
        SmallDisk { at: at.to_owned(), is_mounted, kib }
    }

    fn resize(&mut self, kib: u32) {
        self.kib = kib;
        if self.is_mounted {
            let size = format!("remount,size={kib}k");
            let done = Command::new("mount").args(["-o", &size]).arg(&self.at).status().unwrap();
            assert!(done.success(), "a disk that was mounted is mounted anew");
        }
    }

    /// The program, on this disk.
    fn with(&self, program: tokio::process::Command) -> tokio::process::Command {
        if self.is_mounted {
            return program;
        }
        let most = u64::from(self.kib) << 10;
        let limit = format!("trap '' XFSZ; exec prlimit --fsize={most} \"$@\"");
        let mut limited = tokio::process::Command::new("sh");
        let inner = program.as_std();
        limited.args(["-c", &limit, "sh"]).arg(inner.get_program()).args(inner.get_args());
        for (name, value) in inner.get_envs() {
            limited.env(name, value.unwrap_or_default());
        }
        limited
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        if self.is_mounted {
            let _ = Command::new("umount").arg("-l").arg(&self.at).status();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f9_a_full_disk_tears_nothing_and_work_goes_on_when_there_is_room() {
    let records = scaled(2_000, 60_000);
    let (full, outcome) = filled(records, None).await;
    report(&format!("F9 Sqlite: {records} records, the disk was full {full} times: {outcome:?}"));
    outcome.must_be_whole("F9");
}

/// A night on a disk that is too small, and has a little more room each time it was full. Gives how often
/// it was, and what came of it all.
pub async fn filled(records: u32, without: Option<Safeguard>) -> (u32, Outcome) {
    let mut stage = Stage::open(On::Sqlite, records).await;
    stage.without = without;
    let at = stage.folder.path().join("small");
    let mut disk = SmallDisk::mount(&at, 64 << 10);
    stage.database = format!("sqlite:{}", at.join("hub.db").display());
    // The tables are made; then there is room for a part of what comes, and no more.
    let made = disk.with(stage.program(&["run", "deliver-keyed"])).output().await.unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let files = std::fs::read_dir(&at).unwrap().flatten();
    let used: u64 = files.map(|file| file.metadata().unwrap().len()).sum();
    let step = if without.is_some() { 256 } else { scaled(1, 2) << 10 };
    let first = u32::try_from(used >> 10).unwrap() + step;
    disk.resize(first);
    stage.next_night();
    let mut full = 0;
    // More room each time, so that it runs out at many places: in the reading, in the resolving, in the
    // sending.
    for kib in (first + step..first + (300 << 10)).step_by(step as usize) {
        let mut stopped = false;
        for job in ["ingest-people", "deliver-keyed", "deliver-asked", "deliver-plain"] {
            let done = disk.with(stage.program(&["run", job])).output().await.unwrap();
            let said = String::from_utf8_lossy(&done.stderr);
            if !done.status.success() {
                // SQLite calls a file that may not grow a fault of the disk.
                let says_so = said.contains("full") || said.contains("disk I/O error");
                assert!(says_so, "{job}: {said:.1000}");
                (full, stopped) = (full + 1, true);
                break;
            }
        }
        if !stopped {
            break;
        }
        // A control has lost it once its file is away and was not read: then there is room for the rest.
        let is_lost = without.is_some() && stage.is_put_away();
        disk.resize(if is_lost { first + (64 << 10) } else { kib });
        if at.join("hub.db").exists() {
            whole(&stage.database).await;
        }
    }
    assert!(full > 0, "it was full {full} times");
    stage.settle().await;
    assert!(whole(&stage.database).await, "there is room by now");
    (full, stage.compare().await)
}

/// SQLite finds nothing wrong in its file. False where it cannot look yet: there is no room for that either.
async fn whole(url: &str) -> bool {
    let is_no_room = |error: &StoreError| matches!(error, StoreError::Unavailable(said) if said.contains("full"));
    let database = match Database::open_existing(url).await {
        Err(error) if is_no_room(&error) => return false,
        opened => opened.unwrap(),
    };
    let looked = database.fetch("PRAGMA integrity_check", vec![]).await;
    database.close().await;
    let said: Vec<(String,)> = match looked {
        Err(error) if is_no_room(&error) => return false,
        looked => looked.unwrap(),
    };
    assert_eq!(said, [("ok".to_owned(),)]);
    true
}
