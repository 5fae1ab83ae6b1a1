//! F9: the disk is full while extracts are read and changes leave. Nothing is torn, somebody hears why, and
//! the work goes on when there is room again.

use std::path::{Path, PathBuf};
use std::process::Command;

use viaduct::store::database::Database;

use super::stage::Stage;
use super::{report, scaled};
use crate::support::hub::On;

/// A small disk of its own, taken away at the end.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path, megabytes: u32) -> SmallDisk {
        std::fs::create_dir_all(at).unwrap();
        must(
            Command::new("mount")
                .args(["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "viaduct"])
                .arg(at),
        );
        SmallDisk(at.to_owned())
    }

    fn resize(&self, megabytes: u32) {
        must(
            Command::new("mount").args(["-o", &format!("remount,size={megabytes}m")]).arg(&self.0),
        );
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn must(command: &mut Command) {
    let done = command.output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{command:?}: {said} (this test mounts a small disk, as root)");
}

#[tokio::test(flavor = "multi_thread")]
async fn f9_a_full_disk_tears_nothing_and_work_goes_on_when_there_is_room() {
    let records = scaled(6_000, 60_000);
    let mut stage = Stage::open(On::Sqlite, records).await;
    let at = stage.folder.path().join("small");
    // Room for the tables, and for a part of what comes.
    let disk = SmallDisk::mount(&at, 2);
    stage.database = format!("sqlite:{}", at.join("hub.db").display());
    stage.next_night();
    let mut full = 0;
    // More room each time, so that it runs out at many places: in the reading, in the resolving, in the
    // sending.
    for megabytes in (3..300).step_by(2) {
        let mut stopped = false;
        for job in ["ingest-people", "deliver-keyed", "deliver-asked", "deliver-plain"] {
            let done = stage.program(&["run", job]).output().await.unwrap();
            let said = String::from_utf8_lossy(&done.stderr);
            if !done.status.success() {
                assert!(said.contains("full"), "{job}: {said:.1000}");
                (full, stopped) = (full + 1, true);
                break;
            }
        }
        if !stopped {
            break;
        }
        disk.resize(megabytes);
        if at.join("hub.db").exists() {
            whole(&stage.database).await;
        }
    }
    assert!(full > 2, "it was full {full} times");
    stage.settle().await;
    let outcome = stage.compare().await;
    report(&format!("F9 Sqlite: {records} records, the disk was full {full} times: {outcome:?}"));
    outcome.must_be_whole("F9");
}

/// SQLite finds nothing wrong in its file.
async fn whole(url: &str) {
    let database = Database::open_existing(url).await.unwrap();
    let said: Vec<(String,)> = database.fetch("PRAGMA integrity_check", vec![]).await.unwrap();
    database.close().await;
    assert_eq!(said, [("ok".to_owned(),)]);
}
