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
