//! `viaduct init`, as somebody does it who has only the binary: what it prints is typed, to the letter.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

const VIADUCT: &str = env!("CARGO_BIN_EXE_viaduct");
const LAYOUTS: [&str; 4] = ["csv", "fixed_width", "xml", "json"];

fn command(program: &str, folder: &Path) -> Command {
    let binaries = Path::new(VIADUCT).parent().unwrap().display().to_string();
    let path = std::env::var("PATH").unwrap();
    let mut command = Command::new(program);
    command
        .current_dir(folder)
        .env("PATH", format!("{binaries}:{path}"))
        .env_remove("VIADUCT_DATABASE")
        .env_remove("VIADUCT_DEFINITIONS");
    command
}

fn text(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// A start of this layout, in a folder whose name a shell must have quoted.
fn start(layout: &str) -> (tempfile::TempDir, PathBuf, String) {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("our council's hub");
    let mut init = command(VIADUCT, folder.path());
    let said = text(&init.arg("init").arg(&place).args(["--format", layout]).output().unwrap());
    (folder, place, said)
}

#[test]
fn what_init_prints_leads_from_nothing_to_a_run() {
    for layout in LAYOUTS {
        let (folder, place, said) = start(layout);
        let (_, next) = said.split_once("Next:").unwrap();
        let typed: Vec<&str> = next.lines().filter_map(|line| line.strip_prefix("    ")).collect();
        let script = format!("set -e\n{}\n", typed.join("\n"));
        let ran = text(&command("sh", folder.path()).args(["-c", &script]).output().unwrap());
        assert!(ran.contains("No errors in 8 files."), "{layout}: {ran}");
        assert!(ran.contains("2 of 2 cases passed."), "{layout}: {ran}");
        assert!(ran.contains("Record 3 of 3 · key 9900000033 · published"), "{layout}: {ran}");
        assert!(ran.contains("3 in = 3 published"), "{layout}: {ran}");

        // The README's next step: somebody moves, and is told.
        let drop = place.join("drop");
        let ending = if layout == "fixed_width" { "txt" } else { layout };
        let sample = place.join(format!("connectors/council_tax.sample.{ending}"));
        let moved = std::fs::read_to_string(sample).unwrap().replace("12 FICTION", "14 FICTION");
        std::fs::write(drop.join(format!("council-tax-2.{ending}")), moved).unwrap();
        let mut run = command(VIADUCT, &place);
        run.args(["run", "ingest-council-tax", "--json"]).env("COUNCIL_TAX_DROP", &drop);
        let report: Value = serde_json::from_str(&text(&run.output().unwrap())).unwrap();
        assert_eq!(report["total"]["records"]["changed"], json!(1), "{layout}");
        assert_eq!(report["total"]["deliveries"], json!({ "waiting": 1 }), "{layout}");
    }
}

#[test]
fn init_writes_nothing_over() {
    let (folder, place, _) = start("csv");
    std::fs::remove_file(place.join("README.md")).unwrap();
    std::fs::write(place.join("jobs/deliver-notify.toml"), "# ours\n").unwrap();
    let mut again = command(VIADUCT, folder.path());
    let again = again.arg("init").arg(&place).args(["--format", "xml"]).output().unwrap();
    assert_eq!(again.status.code(), Some(1));
    let said = String::from_utf8(again.stderr).unwrap();
    assert!(
        said.contains("connectors/notify.toml")
            && said.contains("more already; nothing was written")
    );
    assert!(!place.join("README.md").exists(), "something was written");
    let ours = std::fs::read_to_string(place.join("jobs/deliver-notify.toml")).unwrap();
    assert_eq!(ours, "# ours\n");
}

#[test]
fn a_start_tells_an_editor_what_may_be_written() {
    let (_folder, place, _) = start("json");
    for file in [
        "connectors/council_tax.toml",
        "mappings/inbound/council_tax.test.toml",
        "mappings/resident.toml",
    ] {
        let path = place.join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        let schema = text.lines().next().and_then(|line| line.strip_prefix("#:schema ")).unwrap();
        let schema = std::fs::read_to_string(path.parent().unwrap().join(schema)).unwrap();
        let schema: Value = serde_json::from_str(&schema).unwrap();
        assert_eq!(schema["type"], json!("object"), "{file}");
    }
}
