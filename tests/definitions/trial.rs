//! What `viaduct try` says, to the letter; and that to be asked changes nothing.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use chrono::NaiveDate;
use proptest::prelude::*;
use serde_json::json;
use viaduct::catalogue::load::{Catalogue, load};
use viaduct::catalogue::trial::{self, Which};
use viaduct::connector::format::layout::Layout;
use viaduct::connector::format::{Raw, RecordSink, Stopped};
use viaduct::connector::kinds::KINDS;
use viaduct::mapping::inbound::Inbound;
use viaduct::record::document::Document;

/// The definitions of this folder: a mapping that uses every word, and records of every kind of fault.
fn here() -> PathBuf {
    repository().join("tests/definitions/trial")
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn today() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 11, 26).unwrap()
}

fn tried(root: &Path, mapping: &str, file: Option<&Path>, which: &Which) -> Result<String, String> {
    let catalogue = load(root, KINDS);
    trial::run(root, &catalogue, mapping, file, which, today()).map(|trial| trial.text())
}

fn snapshot(name: &str, text: &str) {
    insta::with_settings!({
        snapshot_path => "trial",
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, {
        insta::assert_snapshot!(name, text);
    });
}

#[test]
fn the_mappings_of_this_repository_are_explained() {
    for mapping in ["ctax_account", "benefit_claim", "crm_contact"] {
        snapshot(mapping, &tried(repository(), mapping, None, &Which::First).unwrap());
    }
}

#[test]
fn every_kind_of_fault_is_explained_with_its_remedy() {
    let mut all = String::new();
    for number in 1..=6 {
        let text = tried(&here(), "claim", None, &Which::Number(number)).unwrap();
        let record = text.find("\nRecord ").unwrap();
        all.push_str(&text[record..]);
    }
    snapshot("faults", &all);
}

#[test]
fn a_file_of_its_own_is_tried_whatever_is_wrong_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("claims-7.csv");
    let sample = std::fs::read_to_string(here().join("connectors/claims.sample.csv")).unwrap();
    let of = |text: String| {
        std::fs::write(&file, text).unwrap();
        let which = Which::Key("C5".to_owned());
        let bare = |text: String| text.replace(folder.path().to_str().unwrap(), "");
        let tried = tried(&here(), "claim", Some(&file), &which).map(&bare).map_err(bare)?;
        Ok::<_, String>(tried)
    };
    let short = of(sample.replace("TRAILER,6", "TRAILER,7")).unwrap();
    assert!(short.contains("declares 7, counted 6: DOES NOT AGREE"), "{short}");
    assert!(short.contains("C5") && !short.contains("C6"), "{short}");
    let cut_off = of(sample.replace("TRAILER,6", "C7,L")).unwrap();
    let said = "declares nothing, counted 7: DOES NOT AGREE: it would be held whole";
    assert!(cut_off.contains(said), "{cut_off}");
    assert_eq!(of(String::new()).unwrap_err().split(": ").nth(1), Some("file.empty"));
    let no_key = of(sample.replace("C5", "C8")).unwrap_err();
    assert!(no_key.ends_with("none of the 6 records of /claims-7.csv has that key"), "{no_key}");
    let many = tried(&here(), "claim", None, &Which::Number(7)).unwrap_err();
    assert_eq!(many, "there is no record 7 in connectors/claims.sample.csv: it has 6");
}

#[test]
fn a_mapping_with_complaints_is_tried_as_far_as_it_can_be() {
    let root = tempfile::tempdir().unwrap();
    super::copy(&here(), root.path());
    let path = root.path().join("mappings/inbound/claim.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let text =
        text.replace("from = \"begun\"", "from = \"begunn\"").replace("\"hold\"", "\"holt\"");
    std::fs::write(&path, text).unwrap();
    snapshot("complaints", &tried(root.path(), "claim", None, &Which::Number(1)).unwrap());
    for (name, what) in [
        ("clam", "there is no inbound mapping `clam`: did you mean `claim`?"),
        ("mappings/inbound/clam.toml", "there is no inbound mapping `clam`: did you mean `claim`?"),
    ] {
        assert_eq!(tried(root.path(), name, None, &Which::First).unwrap_err(), what);
    }
    std::fs::write(root.path().join("connectors/claims.toml"), "kind = \"file_drop\"\n").unwrap();
    let told = tried(root.path(), "claim", None, &Which::First).unwrap_err();
    assert!(told.starts_with("`connectors/claims.toml` cannot be used"), "{told}");
    assert!(told.contains("`directory` is missing"), "{told}");
}

#[test]
fn machines_are_told_the_same() {
    let catalogue = load(&here(), KINDS);
    let which = Which::Number(2);
    let json = trial::run(&here(), &catalogue, "claim", None, &which, today()).unwrap().json();
    assert_eq!(json["totals"][0]["agrees"], json!(true));
    let record = &json["records"][0];
    assert_eq!(record["outcome"], json!("held"));
    assert_eq!(record["issues"][0]["field"], json!("account opened"));
    assert_eq!(record["issues"][0]["code"], json!("date_impossible"));
    let fields = record["fields"].as_array().unwrap();
    let status = fields.iter().find(|field| field["field"] == "status").unwrap();
    assert_eq!(status["value"], json!("suspended"));
    assert_eq!(status["steps"][1]["line"], json!(4));
    assert_eq!(status["steps"][1]["from"], json!("2020-04-01"));
    assert_eq!(record["read_by_no_field"], json!(["spare", "persons/@n"]));
}

/// Reads every record twice: asked and unasked.
struct Both<'i> {
    inbound: &'i Inbound,
    layout: &'i Layout,
    records: usize,
}

impl RecordSink for Both<'_> {
    fn record(&mut self, _: &str, raw: Raw<'_>) -> Result<(), Stopped> {
        let mut alone = Vec::new();
        raw.write_alone(&mut alone);
        let mut record = Document::default();
        if self.layout.format.read(&String::from_utf8_lossy(&alone), &mut record).is_ok() {
            let unasked = self.inbound.translate(&record, today());
            let (asked, _) = self.inbound.explain(&record, today());
            assert_eq!(unasked, asked);
            self.records += 1;
        }
        Ok(())
    }

    fn unreadable(&mut self, _: &'static str, _: String, _: Raw<'_>) -> Result<(), Stopped> {
        Ok(())
    }
}

fn both(catalogue: &Catalogue, mapping: &str, file: &[u8]) -> usize {
    let mapping = &catalogue.inbound[mapping];
    let layout = catalogue.connectors[&mapping.source.value].settings.layout().unwrap();
    let inbound =
        Inbound::new(mapping, &|prefix| layout.format.namespace(prefix).map(str::to_owned));
    let mut both = Both { inbound: &inbound, layout, records: 0 };
    // A file that is refused was still read as far as it went.
    let _ = layout.cut(&mut &file[..], "tried", &mut both);
    both.records
}

/// What stands in old systems' fields.
const TEXTS: [&str; 14] = [
    "",
    " ",
    "N/A",
    "0",
    "-1",
    "1900-01-01",
    "31/12/2999",
    "£1,234.50",
    "12.50CR",
    "QQ123456A",
    "TEST",
    "Bramble",
    "seven",
    "07700 900123",
];

proptest! {
    #[test]
    fn to_be_asked_changes_no_value(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), 0..TEXTS.len()), 1..12),
    ) {
        static OF_REPOSITORY: LazyLock<Catalogue> = LazyLock::new(|| load(repository(), KINDS));
        static OF_TRIAL: LazyLock<Catalogue> = LazyLock::new(|| load(&here(), KINDS));
        for (root, catalogue, mapping, sample) in [
            (repository(), &*OF_REPOSITORY, "ctax_account", "connectors/revenues.sample.xml"),
            (repository(), &*OF_REPOSITORY, "benefit_claim", "connectors/benefits.sample.csv"),
            (repository(), &*OF_REPOSITORY, "crm_contact", "connectors/crm.sample.json"),
            (here().as_path(), &*OF_TRIAL, "claim", "connectors/claims.sample.csv"),
        ] {
            let text = std::fs::read_to_string(root.join(sample)).unwrap();
            prop_assert!(both(catalogue, mapping, text.as_bytes()) > 0);
            // Between what separates values in these formats, each value in turn becomes another.
            let mut parts: Vec<String> =
                text.split_inclusive(['>', '<', ',', '"', '\n']).map(str::to_owned).collect();
            let header = parts.iter().position(|part| part.ends_with('\n')).unwrap();
            for (place, becomes) in &changes {
                let at = header + 1 + place.index(parts.len() - header - 1);
                let end = parts[at].pop().unwrap_or('\n');
                parts[at] = format!("{}{end}", TEXTS[*becomes]);
            }
            both(catalogue, mapping, parts.concat().as_bytes());
        }
    }
}
