//! What somebody meets who writes definitions for the first time: that each slip is told where it is,
//! with its remedy.

use std::fs;
use std::path::Path;

use chrono::NaiveDate;
use viaduct::catalogue::cases;
use viaduct::catalogue::load::load;
use viaduct::catalogue::trial::{self, Which};
use viaduct::connector::kinds::KINDS;

use super::{copy, here, with};

fn today() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 11, 26).unwrap()
}

/// What `check` says of one connector and its sample, by themselves.
fn connector(settings: &str, sample: &str) -> Vec<String> {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("connectors")).unwrap();
    let text = format!(
        "kind = \"file_drop\"\nsystem = \"rents\"\nowner = \"Rents\"\nsample = \"rents.sample\"\n\
         [settings]\ndirectory = \"drop\"\npattern = \"*\"\nextract = \"full\"\n{settings}"
    );
    fs::write(root.path().join("connectors/rents.toml"), text).unwrap();
    fs::write(root.path().join("connectors/rents.sample"), sample).unwrap();
    let told = load(root.path(), KINDS).diagnostics.into_iter();
    told.map(|one| format!("{}; {}", one.what, one.help.unwrap_or_default())).collect()
}

/// Each layout with a sum: two records of amounts `a` and `b`, and what is declared of them.
fn layouts(a: &str, b: &str, declared: &str) -> [(String, String); 5] {
    let json =
        |declares: &str| format!("key = \"ref\"\n[[settings.sums]]\nof = \"due\"\n{declares}\n");
    [
        (
            "format = \"csv\"\nkey = \"ref\"\ntrailer = { marker = \"END\" }\n[[settings.sums]]\n\
             of = \"due\"\n"
                .to_owned(),
            format!("ref,due\nA1,{a}\nA2,{b}\nEND,{declared}\n"),
        ),
        (
            "format = \"fixed_width\"\ntype = \"1\"\nrecord = \"D\"\nkey = \"ref\"\n\
             [settings.lines.D]\nfields = { ref = \"2-3\", due = \"4-13\" }\n[settings.lines.T]\n\
             role = \"trailer\"\nfields = { total = \"2-11\" }\n[[settings.sums]]\nof = \"due\"\n\
             declared = \"T.total\"\n"
                .to_owned(),
            format!("DA1{a:>10}\nDA2{b:>10}\nT{declared:>10}\n"),
        ),
        (
            format!("format = \"json\"\nrecord = \"/rows\"\n{}", json("declared = \"/total\"")),
            format!(
                "{{\"rows\":[{{\"ref\":\"A1\",\"due\":\"{a}\"}},{{\"ref\":\"A2\",\"due\":\"{b}\"}}],\
                 \"total\":\"{declared}\"}}"
            ),
        ),
        (
            format!(
                "format = \"json_lines\"\napart = [\"end\"]\n{}",
                json("declared = \"/end/total\"")
            ),
            format!(
                "{{\"ref\":\"A1\",\"due\":\"{a}\"}}\n{{\"ref\":\"A2\",\"due\":\"{b}\"}}\n\
                 {{\"end\":{{\"total\":\"{declared}\"}}}}\n"
            ),
        ),
        (
            "format = \"xml\"\nrecord = \"/E/R\"\nkey = \"@ref\"\n[[settings.sums]]\nof = \"Due\"\n\
             declared = \"/E/T/@total\"\n"
                .to_owned(),
            format!(
                "<E><R ref='A1'><Due>{a}</Due></R><R ref='A2'><Due>{b}</Due></R>\
                 <T total='{declared}'/></E>"
            ),
        ),
    ]
}

#[test]
fn a_sum_may_be_declared_otherwise_than_its_amounts() {
    let (pounds, pence) = ("as = \"decimal_pounds\"\n", "as = \"integer_pence\"\n");
    for (amounts, as_written, declared_as) in [
        (["10.50", "2.25", "1275"], pounds, format!("declared_{pence}")),
        (["1050", "225", "12.75"], pence, format!("declared_{pounds}")),
        (["1050", "225", "1275"], pence, String::new()),
    ] {
        let [a, b, declared] = amounts;
        for (settings, sample) in layouts(a, b, declared) {
            let told = connector(&format!("{settings}{as_written}{declared_as}"), &sample);
            assert!(told.is_empty(), "{settings}\n{told:?}");
        }
    }
    // Said of the wrong one, nothing can be added up: what is to be mended is the word, not the sample.
    for (settings, sample) in layouts("10.50", "2.25", "1275") {
        let told = connector(&format!("{settings}{pence}"), &sample).join("|");
        assert!(told.contains("what cannot be read as an amount"), "{told}");
        assert!(told.contains("`declared_as`") && !told.contains("invented"), "{told}");
    }
    for (settings, sample) in layouts("1050", "225", "1274") {
        let told = connector(&format!("{settings}{pence}"), &sample).join("|");
        assert!(told.contains("declares 1274 pence in `"), "{told}");
        assert!(told.contains("and counted are 1275"), "{told}");
    }
}

#[test]
fn fields_of_one_line_do_not_overlap() {
    let of = |fields: &str| {
        let settings =
            format!("format = \"fixed_width\"\nkey = \"ref\"\nlines.D.fields = {fields}\n");
        connector(&settings, "A1BRAMBLE   20260401\n").join("|")
    };
    let told = of("{ ref = \"1-2\", name = \"3-12\", begun = \"12-20\" }");
    assert!(told.contains("`name` and `begun` of line `D` overlap"), "{told}");
    let told = of("{ ref = \"1-2\", name = \"3-12\", initial = \"3\" }");
    assert!(told.contains("`name` and `initial` of line `D` overlap"), "{told}");
    assert_eq!(of("{ ref = \"1-2\", name = \"3-12\", begun = \"13-20\" }"), "");
    assert_eq!(of("{ line = \"1-20\", ref = \"1-2\", name = \"3-12\" }"), "");
}

#[test]
fn a_code_means_a_word_that_its_field_may_hold() {
    let place = "mappings/codes/account_status.csv";
    let catalogue = with(place, "code,value\n# ours\nOPEN,open\nCURRENT,opne\n");
    let told: Vec<_> = catalogue.diagnostics.iter().filter(|one| one.file == place).collect();
    let [one] = told[..] else { panic!("{}", catalogue.report()) };
    assert!(one.is_error());
    assert_eq!(one.place.as_ref().map(|place| place.line), Some(4));
    assert_eq!(one.what, "`opne` is not a word of `status`");
    assert_eq!(one.help.as_deref(), Some("did you mean `open`?"));
}

#[test]
fn a_folder_that_does_not_exist_is_named() {
    let catalogue = load(Path::new("/nope/nowhere"), KINDS);
    assert!(catalogue.has_errors());
    let report = catalogue.report();
    assert!(report.contains("this folder does not exist"), "{report}");
    assert!(report.contains("/nope/nowhere"), "{report}");
}

#[test]
fn a_letters_address_is_not_filled_twice() {
    for (placeholder, refused) in [
        ("postcode", true),
        ("\"Post code\"", true),
        ("address_line_2", true),
        ("address_line", false),
        ("home_postcode", false),
    ] {
        let text = format!(
            "destination = \"notify\"\non = \"resident.address_changed\"\npurpose = \"service\"\n\
             [[message]]\nchannel = \"letter\"\ntemplate = \"moved_home\"\n\
             fields = {{ {placeholder} = \"address.postcode\" }}\n"
        );
        let report = with("mappings/outbound/moved_home.toml", &text).report();
        assert_eq!(report.contains("the address fills it"), refused, "{report}");
    }
}

#[test]
fn a_trial_with_warnings_alone_is_no_half_trial() {
    let root = tempfile::tempdir().unwrap();
    copy(&here().join("trial"), root.path());
    let path = root.path().join("mappings/inbound/claim.toml");
    let text = fs::read_to_string(&path).unwrap();
    let text = text.replace("required = true", "required = true, default = \"open\"");
    fs::write(&path, text).unwrap();
    let catalogue = load(root.path(), KINDS);
    let tried = trial::run(root.path(), &catalogue, "claim", None, &Which::First, today());
    let tried = tried.unwrap().text();
    assert!(tried.contains("warning: ") && !tried.contains("error: "), "{tried}");
    assert!(!tried.contains("as far as it can be understood"), "{tried}");
    assert!(tried.ends_with("\n3 of 6 records; --record N shows another\n"), "{tried}");
}

#[test]
fn a_case_that_cannot_be_understood_has_failed() {
    let root = tempfile::tempdir().unwrap();
    copy(&here().join("section8"), root.path());
    let path = root.path().join("mappings/inbound/academy_account.test.toml");
    let sound = fs::read_to_string(&path).unwrap();
    let all = sound.matches("[[case]]").count();
    let run = |text: &str| {
        fs::write(&path, text).unwrap();
        let report = cases::run(root.path(), &load(root.path(), KINDS), today());
        (report.failed(), report.text())
    };
    assert_eq!(run(&sound).0, 0);
    let (failed, text) = run(&sound.replacen("account = { ", "account = { statsu = \"open\", ", 1));
    assert_eq!(failed, 1, "{text}");
    assert!(text.ends_with(&format!("\n{} of {all} cases passed.\n", all - 1)), "{text}");
    let (failed, text) = run(&format!("{sound}\n[[case]]\nname = \"of nothing\"\n"));
    assert_eq!(failed, 1, "{text}");
    assert!(text.ends_with(&format!("\n{all} of {} cases passed.\n", all + 1)), "{text}");
    let (failed, text) = run(&format!("caze = 1\n{sound}"));
    assert_eq!(failed, 1, "{text}");
    assert!(text.contains("cases passed, and 1 fault is of no case."), "{text}");
}

/// The fixed-width accounts, with one case in place of theirs: what is wrong with it.
fn case_of(name: &str, wanted: &str) -> String {
    let root = tempfile::tempdir().unwrap();
    copy(&here().join("section8"), root.path());
    let line = format!(
        "D990000017 000012345   {name:<32}{:<92}DDDM011CURRENT+0000085500BIL2026040129991231{:9}",
        "12 FICTION ROAD     SAMPLEHAM", ""
    );
    let case = format!("[[case]]\nname = \"a name\"\nin = '''\n{line}\n'''\n{wanted}\n");
    let path = root.path().join("mappings/inbound/academy_account.test.toml");
    fs::write(&path, case).unwrap();
    cases::run(root.path(), &load(root.path(), KINDS), today()).text()
}

#[test]
fn a_name_that_is_not_sound_is_noted_and_the_rest_is_read() {
    let ms = "party.1 = { name.title = \"Ms\", name.family = \"Testberry\", name.given = ";
    for (name, wanted) in [
        ("TESTBERRY,MS ARDEN OBE", format!("{ms}\"Arden\", issues = [\"name:name_letters\"] }}")),
        (
            "TESTBERRY,MS ARDEN (STUDENT)",
            format!("{ms}\"Arden\", issues = [\"name:name_remark\"] }}"),
        ),
        (
            "TESTBERRY,MS ARDENELIZABETHMARIA",
            format!("{ms}\"Ardenelizabethmaria\", issues = [\"name:name_cut\"] }}"),
        ),
        // One letter less, and it ends where it ends.
        ("TESTBERRY,MS ARDENELIZABETHMARI", format!("{ms}\"Ardenelizabethmari\" }}")),
        ("", "account = { balance = 85500, issues = [\"name:name_blank\"] }".to_owned()),
    ] {
        let told = case_of(name, &wanted);
        assert!(told.ends_with("1 of 1 cases passed.\n"), "{name}: {told}");
    }
    let told = case_of(
        "TESTBERRY,MS ARDENELIZABETHMARI",
        &format!("{ms}\"Ardenelizabethmari\", issues = [\"name:name_cut\"] }}"),
    );
    assert!(told.contains("0 of 1 cases passed"), "{told}");
}

#[test]
fn a_line_that_names_nobody_is_noted_on_its_account() {
    let root = tempfile::tempdir().unwrap();
    copy(&here().join("section8"), root.path());
    let path = root.path().join("mappings/inbound/academy_account.toml");
    let text = fs::read_to_string(&path).unwrap();
    let text = text.replace(
        "names = \"liable_name\"\nrole  = \"liable\"\n\n[party.fields]\n",
        "role  = \"liable\"\n\n[party.fields]\n\"name.family\" = { from = \"liable_name\" }\n",
    );
    fs::write(&path, text).unwrap();
    let line = format!(
        "D990000017 000012345   {:32}{:<92}DDDM011CURRENT+0000085500BIL2026040129991231{:9}",
        "", "12 FICTION ROAD", ""
    );
    let case = format!(
        "[[case]]\nname = \"nobody\"\nin = '''\n{line}\n'''\n\
         account = {{ issues = [\"name:name_blank\"] }}\n"
    );
    fs::write(root.path().join("mappings/inbound/academy_account.test.toml"), case).unwrap();
    let told = cases::run(root.path(), &load(root.path(), KINDS), today()).text();
    assert!(told.ends_with("1 of 1 cases passed.\n"), "{told}");
}

#[test]
fn no_cases_are_said_to_be_none() {
    let root = tempfile::tempdir().unwrap();
    copy(&here().join("section8"), root.path());
    fs::remove_file(root.path().join("mappings/inbound/academy_account.test.toml")).unwrap();
    let report = cases::run(root.path(), &load(root.path(), KINDS), today());
    assert!(report.text().starts_with("There are no cases"), "{}", report.text());
}

#[test]
fn two_digits_of_a_year_need_their_century_and_nothing_else_does() {
    let place = "mappings/inbound/ctax_account.toml";
    let sound = fs::read_to_string(here().join("base").join(place)).unwrap();
    let told = |dates: &str| {
        let text = sound.replacen(
            "\"DateOfBirth\", as = { date = \"%Y-%m-%d\" }",
            &format!("\"DateOfBirth\", as = {{ {dates} }}"),
            1,
        );
        assert_ne!(text, sound);
        with(place, &text).report()
    };
    let report = told("date = \"%d%m%y\", years_from = 1930");
    assert!(report.starts_with("No errors"), "{report}");
    let report = told("date = \"%d%m%y\"");
    assert!(report.contains("`%d%m%y` is not a date format"), "{report}");
    assert!(report.contains("years_from = 1930 }`: 30 is then 1930, and 29 is 2029"), "{report}");
    let report = told("date = \"%d%m%Y\", years_from = 1930");
    assert!(report.contains("no format has the `%y` that it is for"), "{report}");
}

#[test]
fn a_template_is_declared_with_the_platforms_identifier() {
    let place = "connectors/notify.toml";
    let text = fs::read_to_string(here().join("base").join(place)).unwrap();
    let text = format!("{text}\nrent = \"12\"\n");
    let report = with(place, &text).report();
    assert!(report.contains("the template `rent` has no identifier of the platform's"), "{report}");
    let mapping = "destination = \"notify\"\non = \"resident.address_changed\"\n\
                   purpose = \"service\"\n[message]\ntemplate = \"rent\"\nto = \"contact.email\"\n";
    let report = with("mappings/outbound/moved_home.toml", mapping).report();
    assert!(report.contains("under `[settings.templates]` in connectors/notify.toml"), "{report}");
}

#[test]
fn a_type_of_line_that_the_sample_lacks_is_warned_of() {
    let settings = "format = \"fixed_width\"\ntype = \"1\"\nrecord = \"D\"\nkey = \"ref\"\n\
                    [settings.lines.D]\nfields = { ref = \"2-3\" }\n\
                    [settings.lines.P]\nlist = \"persons\"\nfields = { surname = \"2-9\" }\n";
    let told = connector(settings, "DA1\nDA2\nPBRAMBLE \n");
    assert_eq!(told, Vec::<String>::new());
    let told = connector(settings, "DA1\nDA2\n").join("|");
    assert!(told.contains("has no line of type `P`"), "{told}");
}
