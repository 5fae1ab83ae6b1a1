//! What is made to be large: the real program takes it, in a process of its own, and stays small.
//!
//! The most memory that a process ever had is asked of the system while it runs. Files are larger than
//! the limit, so that nothing could be held whole unseen.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::account;
use crate::support::hub::{On, TestHub};

/// The most that the program may ever hold, bytes.
const PEAK_MAX: u64 = 256 << 20;
/// How large a file is made, bytes.
const LARGE: usize = 260 << 20;
const MEGABYTE: usize = 1 << 20;

/// Runs a job, and gives its report with the most memory that it had.
async fn run(hub: &TestHub, job: &str) -> (Value, u64) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_viaduct"))
        .args(["--database", &hub.url, "--json", "run", job, "--definitions"])
        .arg(&hub.definitions)
        .envs(hub.variables())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        peak = peak.max(peak_of(&status));
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let output = child.wait_with_output().unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(!log.contains("panicked"), "{log}");
    let said = String::from_utf8_lossy(&output.stdout);
    (serde_json::from_str(&said).unwrap_or_else(|_| panic!("{job}: {said} {log}")), peak)
}

/// `VmHWM` of a process, in bytes; nothing where it has just ended.
fn peak_of(status: &str) -> u64 {
    let text = fs::read_to_string(status).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kilobytes.unwrap_or_default() * 1024
}

/// A file of a beginning, one part over and over, and an end.
fn write(path: &Path, begin: &str, part: &str, bytes: usize, end: &str) {
    let mut file = BufWriter::with_capacity(MEGABYTE, File::create(path).unwrap());
    let many = part.repeat((MEGABYTE / part.len()).max(1));
    file.write_all(begin.as_bytes()).unwrap();
    for _ in 0..bytes.div_ceil(many.len()) {
        file.write_all(many.as_bytes()).unwrap();
    }
    file.write_all(end.as_bytes()).unwrap();
    file.flush().unwrap();
}

/// Each large file by itself: what must be said of the batch or of its only row.
async fn try_each(job: &str, system: &str, file: &str, cases: &[(&str, &str, &str, &str)]) {
    for (begin, part, end, wanted) in cases {
        let hub = TestHub::open(On::Sqlite).await;
        write(&hub.drop_folder(system).join(file), begin, part, LARGE, end);
        let (report, peak) = run(&hub, job).await;
        let what = format!("{begin:.60}{part:.20}: {} MB", peak >> 20);
        let batch = &report["batches"][0];
        let code = match batch["state"].as_str() {
            Some("held") => batch["cause_code"].as_str().unwrap().to_owned(),
            _ => hub.text("SELECT code FROM dead_letter").await,
        };
        assert_eq!(code, *wanted, "{what} {report}");
        assert!(peak > 0 && peak < PEAK_MAX, "{what}");
    }
}

const XML: &str = "<CouncilTaxExtract xmlns=\"urn:example:ctax:extract:1\">";

#[tokio::test(flavor = "multi_thread")]
async fn b5_xml_that_is_large_in_one_place_stays_small_in_memory() {
    let inside = format!("{XML}<Account ref=\"1\">");
    let text = format!("{inside}<Status>");
    let attribute = format!("{inside}<Status a=\"");
    let attributes = format!("{XML}<Account ref=\"1\"");
    let trailer = "</Status></Account><Trailer accounts=\"1\"/></CouncilTaxExtract>";
    let many = "</Account><Trailer accounts=\"1\"/></CouncilTaxExtract>";
    let cases = [
        (text.as_str(), "x", trailer, "xml.size"),
        (&attribute, "x", "\"/>", "xml.size"),
        (&attributes, " a='1'", "/>", "xml.size"),
        (&inside, "<b>1</b>", many, "xml.size"),
        (&inside, "<d>", "", "xml.depth"),
        (XML, "<Other>1</Other>", "", "xml.size"),
    ];
    try_each("ingest-revenues", "revenues", "ctax-1.xml", &cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b15_json_that_is_large_in_one_place_stays_small_in_memory() {
    let begin = "{\"export\":{\"count\":1,\"contacts\":[{\"contactId\":\"CRM1\",\"n\":";
    let text = format!("{begin}\"");
    let members = format!("{begin}1");
    let cases = [
        (text.as_str(), "x", "\"}]}}", "json.size"),
        (&members, ",\"a\":1", "}]}}", "json.size"),
        ("{\"export\":", "[", "", "json.depth"),
        ("{\"n\":1", ",\"n\":1", "}", "json.size"),
    ];
    try_each("ingest-crm", "crm", "contacts-1.json", &cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b28_a_table_that_is_large_in_one_place_stays_small_in_memory() {
    let header = "claim_ref,claim_status,p1_ref,p1_role,p1_surname\n";
    let row = format!("{header}99010001,Live,B1,CLAIMANT,");
    let quoted = format!("{row}\"");
    let cases = [
        (row.as_str(), "x", "\n", "csv.size"),
        (&quoted, "x\n", "\"\n", "csv.size"),
        (&quoted, "x\n", "", "csv.quote"),
        ("claim_ref", ",c", "\n", "csv.size"),
    ];
    try_each("ingest-benefits", "benefits", "claims-1.csv", &cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b22_a_bomb_and_a_file_of_nothing_stay_small_in_memory() {
    let hub = TestHub::open(On::Sqlite).await;
    let made =
        "(echo '<?xml version=\"1.0\"?>'; yes '<!-- padding -->' | head -c 300000000) | gzip -1";
    let packed = Command::new("sh").args(["-c", made]).output().unwrap().stdout;
    assert!(packed.len() < 5_000_000);
    hub.drop_file("revenues", "ctax-1.xml", &packed);
    // A hole in a file has a size and no bytes.
    let hole = File::create(hub.drop_folder("benefits").join("claims-1.csv")).unwrap();
    hole.set_len(LARGE as u64).unwrap();
    for (job, wanted) in [("ingest-revenues", "archive.limit"), ("ingest-benefits", "csv.size")] {
        let (report, peak) = run(&hub, job).await;
        assert_eq!(report["batches"][0]["cause_code"].as_str(), Some(wanted));
        assert!(peak > 0 && peak < PEAK_MAX, "{job}: {} MB", peak >> 20);
    }
}

/// Text that no packing makes smaller.
fn noise(bytes: usize) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_.,;: abcde";
    let mut state = 2026_u64;
    let mut letter = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(LETTERS[(state >> 33) as usize % 64])
    };
    (0..bytes).map(|_| letter()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn b22_many_records_as_large_as_they_may_be_stay_small_in_memory() {
    let mut hub = TestHub::open(On::Sqlite).await;
    let most = "record_bytes_max = 262_144";
    hub.edit("connectors/revenues.toml", most, "record_bytes_max = 1_048_576");
    hub.reload().await;
    let noise = noise(910_000);
    let path = hub.drop_folder("revenues").join("ctax-1.xml");
    // Much to keep and nothing to say, then much to say; new at first, and then changed.
    for night in [1, 2] {
        let mut file = BufWriter::new(File::create(&path).unwrap());
        write!(file, "{XML}").unwrap();
        for number in 0..600 {
            let from = number + 1_000 * night;
            let more = match number < 300 {
                true => format!("<Note>{}</Note>", &noise[from..from + 900_000]),
                false => {
                    let line = &noise[from..from + 20_000];
                    format!("<Property><Address><Line1>{line}</Line1></Address></Property>")
                }
            };
            write!(file, "{}", account(number, "", &more)).unwrap();
        }
        write!(file, "<Trailer accounts=\"600\"/></CouncilTaxExtract>").unwrap();
        file.flush().unwrap();
        let (report, peak) = run(&hub, "ingest-revenues").await;
        assert_eq!(report["total"]["published"], serde_json::json!(600), "{report}");
        assert!(peak < PEAK_MAX, "night {night}: {} MB", peak >> 20);
    }
}
