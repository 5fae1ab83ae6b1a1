//! What `viaduct check` prints, to the letter: each file of `bad/` takes the place that its first
//! line names among the sound definitions of `base/`, and the report is held against the snapshot
//! beside it.

mod section8;
mod stumbles;
mod trial;

use std::fs;
use std::path::{Path, PathBuf};

use viaduct::catalogue::load::{Catalogue, load};
use viaduct::connector::kinds::KINDS;

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/definitions")
}

pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder in a temporary directory");
    for entry in fs::read_dir(from).expect("a folder of the tests") {
        let path = entry.expect("an entry of a folder of the tests").path();
        let beside = to.join(path.file_name().expect("an entry has a name"));
        if path.is_dir() {
            copy(&path, &beside);
        } else {
            fs::copy(&path, &beside).expect("a file in a temporary directory");
        }
    }
}

/// The catalogue of `base/` with one file in another's place.
pub fn with(place: &str, text: &str) -> Catalogue {
    let root = tempfile::tempdir().expect("a temporary directory");
    copy(&here().join("base"), root.path());
    let path = root.path().join(place);
    fs::create_dir_all(path.parent().expect("a place has a folder")).expect("a folder");
    fs::write(path, text).expect("a file in a temporary directory");
    load(root.path(), KINDS)
}

fn report(case: &str) {
    let text = fs::read_to_string(here().join("bad").join(case)).expect("a case of bad/");
    let first = text.lines().next().expect("a case has a first line");
    let place = first.strip_prefix("# ").expect("the first line names the place");
    let name = case.split('.').next().expect("a case has a name");
    insta::with_settings!({
        snapshot_path => "bad",
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, {
        insta::assert_snapshot!(name, with(place, &text).report());
    });
}

#[test]
fn five_faults_of_one_mapping_are_told_at_once() {
    report("five_at_once.toml");
}

#[test]
fn faults_of_expressions_are_told_where_they_stand() {
    report("expression.toml");
    report("expression_outbound.toml");
}

#[test]
fn one_syntax_fault_does_not_hide_the_next() {
    report("syntax.toml");
}

#[test]
fn types_steps_and_paths_are_checked() {
    report("types.toml");
}

#[test]
fn a_connector_with_a_secret_in_clear_is_refused_without_showing_it() {
    report("connector.toml");
}

#[test]
fn a_job_names_what_there_is_and_when_it_can_be() {
    report("job.toml");
    report("never_runs.toml");
}

#[test]
fn an_outbound_mapping_listens_and_speaks_of_what_there_is() {
    report("outbound.toml");
    report("template.toml");
}

#[test]
fn a_push_says_what_there_is_to_a_system_that_may_be_called() {
    report("push.toml");
    report("http_push.toml");
}

#[test]
fn a_system_that_calls_us_says_what_it_shows() {
    report("http_receive.toml");
}

#[test]
fn a_server_is_known_by_its_key_and_no_password_is_written() {
    report("sftp_drop.toml");
}

#[test]
fn a_provider_of_sign_ins_is_reached_safely_and_knows_people_by_number() {
    report("sign_in.toml");
}

#[test]
fn a_query_only_reads_and_its_address_is_kept_elsewhere() {
    report("sql.toml");
}

#[test]
fn a_system_of_civicas_says_whom_it_is_asked_about_and_where() {
    report("civica_openrevenues.toml");
    report("civica_pay.toml");
}

/// A template is tried with every field filled and with none, and its names are looked up whichever way
/// it goes.
#[test]
fn a_template_that_would_break_its_body_is_told() {
    let connector = "kind = \"null\"\nsystem = \"orders\"\n";
    let job = "action = \"deliver\"\nconnector = \"orders\"\n";
    for (template, on, expected) in [
        ("{\"name\": {{ resident.name.family }}}", "resident.created", ""),
        ("{\"o\": {{ account.balance }}, \"l\": {{ account.instalments }}}", "account.created", ""),
        (
            "{\"name\": \"{{ resident.name.family }}\"}",
            "resident.created",
            "`x.json.j2` makes no body with every field filled: it is no JSON, line 1 column 12",
        ),
        (
            "{{% if resident.nino is none %}}{{}}{{% endif %}}",
            "resident.created",
            "`x.json.j2` cannot be used",
        ),
        (
            "{% if resident.nino is not none %}{}{% endif %}",
            "resident.created",
            "`x.json.j2` makes no body with no field filled: it is no JSON, line 1 column 0",
        ),
        (
            "{}\n{% if false %}{{ resident.name.famly }}{% endif %}",
            "resident.created",
            "`x.json.j2`, line 2: there is no `resident.name.famly`",
        ),
        (
            "{{ account.balance }}",
            "resident.created",
            "`x.json.j2`, line 1: a resident's event has no account to speak of",
        ),
        (
            "{{ account.payment.sort_code }}",
            "account.created",
            "`x.json.j2`, line 1: bank details are never sent",
        ),
        (
            "{% for one in account.instalments %}{{ one.amout }}{% endfor %}",
            "account.created",
            "`x.json.j2` makes no body with every field filled: line 1: something is asked for that is not \
             there",
        ),
    ] {
        let root = tempfile::tempdir().expect("a temporary directory");
        copy(&here().join("base"), root.path());
        let mapping = format!(
            "destination = \"orders\"\non = \"{on}\"\npurpose = \"service\"\n[push]\n\
             template = \"x.json.j2\"\n"
        );
        for (place, text) in [
            ("connectors/orders.toml", connector),
            ("jobs/deliver-orders.toml", job),
            ("mappings/outbound/x.toml", &mapping),
            ("mappings/outbound/x.json.j2", template),
        ] {
            fs::write(root.path().join(place), text).expect("a file in a temporary directory");
        }
        let told = load(root.path(), KINDS).diagnostics;
        let told: Vec<&str> = told.iter().map(|one| one.what.as_str()).collect();
        match expected {
            "" => assert!(told.is_empty(), "{template}: {told:?}"),
            expected => assert!(told[0].starts_with(expected), "{template}: {told:?}"),
        }
    }
}

#[test]
fn a_system_that_speaks_soap_is_told_what_it_needs() {
    report("soap_poll.toml");
    report("soap_paging.toml");
    report("soap_push.toml");
    report("verint.toml");
}

#[test]
fn a_payment_is_asked_of_a_system_that_takes_them_in_whole_pence() {
    report("payment.toml");
    report("payment_parts.toml");
    report("payment_none.toml");
}

#[test]
fn rules_for_residents_are_checked() {
    report("resident.toml");
}

#[test]
fn weights_of_another_form_are_refused_with_what_to_do() {
    report("weights.toml");
}

#[test]
fn a_code_list_says_one_thing_at_a_time() {
    report("code_list.csv");
}

#[test]
fn every_case_is_run() {
    let source = include_str!("mod.rs");
    for entry in fs::read_dir(here().join("bad")).expect("bad/") {
        let name = entry.expect("an entry of bad/").file_name();
        let name = name.to_str().expect("a plain name");
        if !name.ends_with(".snap") {
            assert!(source.contains(&format!("report(\"{name}\")")), "{name} is never run");
        }
    }
}

#[test]
fn sound_definitions_pass() {
    let catalogue = load(&here().join("base"), KINDS);
    assert_eq!(catalogue.report(), "No errors in 9 files. Nothing was changed.\n");
    assert_eq!(catalogue.connectors.len(), 2);
    assert!(catalogue.inbound.contains_key("ctax_account"));
    assert!(catalogue.outbound.contains_key("moved_home"));
    assert_eq!(catalogue.jobs.len(), 2);
    assert_eq!(catalogue.resident.exact.len(), 1);
}

#[test]
fn the_definitions_of_this_repository_pass() {
    let catalogue = load(Path::new(env!("CARGO_MANIFEST_DIR")), KINDS);
    assert!(catalogue.diagnostics.is_empty(), "{}", catalogue.report());
}

#[test]
fn files_that_nobody_reads_are_told() {
    for (place, what) in [
        ("mappings/ctax.toml", "nothing reads this file"),
        ("mappings/inbound/ctax.yaml", "nothing reads this file"),
        ("mappings/weights/x.toml", "nothing in this folder is read"),
        ("connectors/old/x.toml", "nothing in this folder is read"),
        ("mappings/codes/spare.csv", "no mapping names this code list"),
    ] {
        let catalogue = with(place, "code,value\nA,b\n");
        let told: Vec<&str> = catalogue.diagnostics.iter().map(|one| one.what.as_str()).collect();
        assert_eq!(told, [what], "{place}");
        assert!(!catalogue.has_errors(), "{place}");
    }
    let empty = tempfile::tempdir().expect("a temporary directory");
    assert!(load(empty.path(), KINDS).has_errors());
}
