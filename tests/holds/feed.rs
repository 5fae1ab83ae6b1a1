//! Holds that come every night as an extract: staged, compared, held where they cannot be read, lifted by
//! their own word and by nothing else.

use std::fs;

use serde_json::{Value, json};
use viaduct::app::context::surroundings;

use super::{ARDEN, BLAKE, Council, account};
use crate::support::hub::{On, TestHub, on_both};

on_both! {
    a_nightly_file_of_holds_is_taken_like_any_extract => super::nightly,
    what_cannot_be_read_is_held_and_unlocks_nothing => super::unreadable,
    a_record_that_does_not_come_lifts_nothing => super::gone,
    its_own_word_lifts_it_and_all_records_must_say_so => super::lifted,
    a_record_that_is_over_lifts_the_hold_it_names_now => super::names_another,
    a_preview_and_a_trial_know_holds => super::foretold,
}

const CONNECTOR: &str = "kind = \"file_drop\"\nsystem = \"moratoria\"\n\
    sample = \"moratoria.sample.csv\"\n[settings]\nsettle_ms = 0\n\
    directory = \"${MORATORIA_DROP}\"\npattern = \"holds-*.csv\"\nformat = \"csv\"\nkey = \"id\"\n\
    extract = \"full\"\n[limits]\nkeep_percent = 0\n";
const HEAD: &str = "id,case,type,nino,born,debt,from,to,ended\n";
const MAPPING: &str = r#"
source = "moratoria"
[hold]
debts = "debt"
[hold.fields]
kind       = { from = "type", codes = "codes/moratorium.csv" }
reference  = "case"
nino       = "nino"
birth_date = { from = "born", as = { date = "%d/%m/%Y" } }
from       = { from = "from", as = { date = "%d/%m/%Y" } }
until      = { from = "to", as = { date = "%d/%m/%Y" } }
lifted     = { from = "ended", as = { flag = { yes = ["Y"], no = ["N"] } }, default = "false" }
"#;
const CASES: &str = "[[case]]\nname = \"a row of two debts\"\nin = \"\"\"\n\
    id,case,type,nino,born,debt,from,to,ended\n1,BS-1,STD,QQ123456A,29/02/1984,990001; 990002,01/11/2026,,N\n\
    \"\"\"\nhold = { kind = \"breathing_space\", reference = \"BS-1\", nino = \"QQ123456A\", \
    from = \"2026-11-01\", lifted = false, absent = [\"until\"], debts = [\"990001\", \"990002\"] }\n\
    [[case]]\nname = \"nobody is named\"\nin = \"\"\"\nid,case,type,nino,born,debt,from,to,ended\n\
    1,BS-1,STD,,,,,,\n\"\"\"\nheld = [\"hold resident: hold.resident\"]\n";

fn write(hub: &TestHub, files: &[(&str, &str)]) {
    for (file, text) in files {
        fs::write(hub.definitions.join(file), text).unwrap();
    }
}

/// A council with a system of moratoria, and two people of whom one pays every night.
async fn council(on: On) -> Council {
    let mut hub = TestHub::open(on).await;
    let sample = format!("{HEAD}1,BS-1,STD,QQ123456A,29/02/1984,990001,01/11/2026,31/12/2026,N\n");
    write(
        &hub,
        &[
            ("connectors/moratoria.toml", CONNECTOR),
            ("connectors/moratoria.sample.csv", &sample),
            ("mappings/inbound/moratorium.toml", MAPPING),
            ("mappings/inbound/moratorium.test.toml", CASES),
            (
                "mappings/codes/moratorium.csv",
                "code,value\nSTD,breathing_space\nMHC,mental_health_crisis\nDIS,dispute\n",
            ),
            (
                "jobs/ingest-moratoria.toml",
                "action = \"ingest\"\nconnector = \"moratoria\"\nmapping = \"moratorium\"\n",
            ),
        ],
    );
    fs::create_dir_all(hub.drop_folder("moratoria")).unwrap();
    let place = hub.drop_folder("moratoria").display().to_string();
    hub.more.push(("MORATORIA_DROP".to_owned(), place));
    hub.context.around = surroundings(hub.variables());
    hub.reload().await;
    let council = Council::of(hub).await;
    council
        .night(1, &[account("990001", &[ARDEN], "0.00"), account("990002", &[BLAKE], "0.00")])
        .await;
    council
}

async fn holds(council: &Council, number: u32, rows: &[&str]) -> Value {
    let text = format!("{HEAD}{}\n", rows.join("\n"));
    council.hub.drop_file("moratoria", &format!("holds-{number}.csv"), text.as_bytes());
    council.hub.run("ingest-moratoria").await
}

/// Kind, state and residents of every hold, the oldest first.
fn all(council: &Council) -> Vec<(String, String, usize)> {
    let (_, list) = council.viaduct(&["hold", "list", "--all"]);
    let text = |hold: &Value, name: &str| hold[name].as_str().unwrap().to_owned();
    let seen = |hold: &Value| {
        let residents = hold["residents"].as_array().unwrap().len();
        (text(hold, "kind"), text(hold, "state"), residents)
    };
    list["holds"].as_array().unwrap().iter().rev().map(seen).collect()
}

fn one(kind: &str, state: &str, residents: usize) -> (String, String, usize) {
    (kind.to_owned(), state.to_owned(), residents)
}

/// A night on which both have paid, and are to be reminded.
async fn reminded(council: &Council, night: u32) -> String {
    let paid = format!("{night}0.00");
    let accounts = [account("990001", &[ARDEN], &paid), account("990002", &[BLAKE], &paid)];
    council.night(night, &accounts).await;
    council.send().await;
    council.stand("arrears_reminder").await
}

const ARDENS: &str = "1,BS-1,DIS,QQ123456,29/02/1984,,01/01/2026,,N";
const NOBODYS: &str = "2,BS-2,DIS,QQ123459,01/03/1985,,01/01/2026,,";

async fn nightly(on: On) {
    let council = council(on).await;
    let first = holds(&council, 1, &[ARDENS, NOBODYS]).await;
    assert_eq!(first["total"]["published"], json!(2), "{first}");
    assert_eq!(all(&council), [one("dispute", "in force", 1), one("dispute", "in force", 0)]);
    // It names nobody: it is urgent wherever somebody looks.
    let (code, held) = council.viaduct(&["held"]);
    assert_eq!((code, &held["urgent"][0]["code"]), (3, &json!("hold.no_match")), "{held}");
    let (_, shown) = council.viaduct(&["hold", "show", &held["urgent"][0]["hold"].to_string()]);
    assert_eq!((&shown["door"], &shown["added_by"]), (&json!("moratoria"), &json!("hub")));
    assert_eq!(reminded(&council, 2).await, "delivered 1, held 1");
    // The next night says the same of one, and another end of the other.
    let changed = NOBODYS.replace("01/01/2026,,", "01/01/2026,31/12/2199,");
    let second = holds(&council, 2, &[ARDENS, &changed]).await;
    assert_eq!(
        (&second["total"]["unchanged"], &second["total"]["published"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(all(&council).len(), 2, "they are the same holds");
    let (_, list) = council.viaduct(&["hold", "list"]);
    assert_eq!(list["holds"][0]["until"], "2200-01-01T00:00:00.000Z");
    let (_, audit) = council.viaduct(&["audit"]);
    let lines: Vec<String> = (audit.as_array().unwrap().iter())
        .filter(|line| line["target"].as_str().unwrap().starts_with("hold "))
        .map(|line| {
            format!("{} {}", line["actor"].as_str().unwrap(), line["action"].as_str().unwrap())
        })
        .collect();
    assert_eq!(lines, ["hub changed", "hub added", "hub added"]);
    // Read again by another mapping, it says nothing new: what a person lifted stays lifted.
    let number = list["holds"][1]["hold"].to_string();
    let lift = ["hold", "lift", &number, "--reason", "agreed with the adviser"];
    assert_eq!(council.viaduct(&lift).0, 0);
    let words = ["replay", "--everything-of", "ingest-moratoria"];
    assert_eq!(council.viaduct(&words).0, 0);
    assert_eq!(all(&council)[0], one("dispute", "lifted", 1));
    // And one that says something new is in force again.
    let longer = ARDENS.replace("01/01/2026,,", "01/01/2026,31/12/2198,");
    holds(&council, 3, &[&longer, &changed]).await;
    assert_eq!(all(&council)[0], one("dispute", "in force", 1));
}

async fn unreadable(on: On) {
    let council = council(on).await;
    holds(&council, 1, &[ARDENS]).await;
    let rows = [
        "1,BS-1,DIS,QQ123456,31/02/1984,,01/01/2026,,Y",
        "2,BS-2,DIS,,,,01/01/2026,,",
        "3,,DIS,QQ123457,01/03/1985,,01/01/2026,,",
        "4,BS-4,XXX,QQ123457,01/03/1985,,01/01/2026,,",
        "5,BS-5,DIS,QQ123457,01/03/1985,,01/02/2026,01/01/2026,",
        "6,BS-6,DIS,QQ123457,,,01/01/2026,,",
        "7,BS-7,DIS,QQ123457,01/03/1985,,01/01/2026,,maybe",
        "8,BS-8,DIS,QQ123457,01/03/1985,,01/01/2026,,",
    ];
    let report = holds(&council, 2, &rows).await;
    let total = &report["total"];
    assert_eq!((&total["published"], &total["held"]), (&json!(1), &json!(7)), "{report}");
    let sql = "SELECT code, field FROM dead_letter WHERE settled_ms IS NULL ORDER BY record_id";
    let codes: Vec<String> =
        council.hub.rows(sql).await.iter().map(|row| format!("{}: {}", row[1], row[0])).collect();
    assert_eq!(
        codes,
        [
            "hold birth_date: date_impossible",
            "hold resident: hold.resident",
            "hold reference: hold.reference",
            "hold kind: code_unknown",
            "hold until: hold.until",
            "hold birth_date: hold.birth_date",
            "hold lifted: flag_unknown",
        ]
    );
    // The one that cannot be read any more stays as it is, whatever else its row says.
    assert_eq!(all(&council), [one("dispute", "in force", 1), one("dispute", "in force", 1)]);
    let id = council.hub.text("SELECT CAST(MIN(id) AS TEXT) FROM dead_letter").await;
    let (_, shown) = council.program(&["held", "show", &id]);
    assert!(shown.contains("hold birth_date") && !shown.contains("1984"), "{shown}");
    assert_eq!(reminded(&council, 2).await, "held 2");
    // Mended at its source, its row says that it is over.
    holds(&council, 3, &[&rows[0].replace("31/02", "29/02"), rows[7]]).await;
    assert_eq!(all(&council)[0], one("dispute", "lifted", 1));
    // A kind that stands in the record itself is one that the council knows, or its row is held.
    let mut council = council;
    let coded = "{ from = \"type\", codes = \"codes/moratorium.csv\" }";
    council.hub.edit("mappings/inbound/moratorium.toml", coded, "\"type\"");
    council.hub.reload().await;
    let row = |id: u32, kind: &str| format!("{id},K-{id},{kind},QQ123457,01/03/1985,,01/01/2026,,");
    let report = holds(&council, 4, &[&row(20, "dispute"), &row(21, "despute")]).await;
    assert_eq!((&report["total"]["published"], &report["total"]["held"]), (&json!(1), &json!(1)));
    let sql = "SELECT code FROM dead_letter WHERE settled_ms IS NULL AND code LIKE 'hold.kind%'";
    assert_eq!(council.hub.rows(sql).await.len(), 1);
}

async fn gone(on: On) {
    let council = council(on).await;
    holds(&council, 1, &[ARDENS, "8,BS-8,DIS,QQ123457,01/03/1985,,01/01/2026,,"]).await;
    let report =
        holds(&council, 2, &["9,BS-9,DIS,QQ123457,01/03/1985,,01/01/2020,01/02/2020,"]).await;
    let batch = &report["batches"][0];
    assert_eq!(batch["records"]["gone"], json!(2), "{batch}");
    assert_eq!(batch["cause_code"], json!("hold.gone"));
    assert!(batch["cause"].as_str().unwrap().contains("2 holds are in force"), "{batch}");
    let states: Vec<String> = all(&council).into_iter().map(|hold| hold.1).collect();
    assert_eq!(states, ["in force", "in force", "over"]);
    let events = "SELECT CAST(COUNT(*) AS TEXT) FROM change_event WHERE kind = 'gone'";
    assert_eq!(council.hub.text(events).await, "0", "no account is gone");
    assert_eq!(reminded(&council, 2).await, "held 2");
}

async fn lifted(on: On) {
    let council = council(on).await;
    // Two rows are one hold, of a debt each.
    let row = |id: u32, debt: &str, to: &str, ended: &str| {
        format!("{id},BS-1,DIS,QQ123456,29/02/1984,{debt},01/01/2026,{to},{ended}")
    };
    let night = |rows: [(&str, &str); 2]| {
        let [(to, ended), (to_2, ended_2)] = rows;
        [row(1, "990001", to, ended), row(2, "990077", to_2, ended_2)]
    };
    let take = async |number: u32, rows: [(&str, &str); 2]| {
        let rows = night(rows);
        // No file is like an earlier one, which would not be read again.
        let first = rows[0].replace("DIS", &format!("DIS{}", " ".repeat(number as usize)));
        holds(&council, number, &[&first, &rows[1]]).await;
        all(&council)
    };
    let until = || council.viaduct(&["hold", "list", "--all"]).1["holds"][0]["until"].clone();
    assert_eq!(take(1, [("", "N"), ("", "N")]).await, [one("dispute", "in force", 1)]);
    let (_, list) = council.viaduct(&["hold", "list"]);
    assert_eq!(list["holds"][0]["debts"].as_array().unwrap().len(), 2, "{list}");
    // As long as the longest of them says.
    take(2, [("31/12/2199", "N"), ("31/12/2198", "N")]).await;
    assert_eq!(until(), "2200-01-01T00:00:00.000Z");
    // One of them is over: the other still brings it.
    assert_eq!(take(3, [("31/12/2199", "Y"), ("31/12/2198", "N")]).await[0].1, "in force");
    assert_eq!(take(4, [("31/12/2199", "Y"), ("31/12/2198", "Y")]).await[0].1, "lifted");
    let (_, list) = council.viaduct(&["hold", "list", "--all"]);
    assert_eq!(list["holds"][0]["lifted_by"], "hub");
    // It was a slip: what says so is in force again, though no day changed.
    assert_eq!(take(5, [("31/12/2199", "Y"), ("31/12/2198", "N")]).await[0].1, "in force");
    assert_eq!(reminded(&council, 2).await, "delivered 1, waiting 1", "until its end");
    assert_eq!(take(6, [("31/12/2199", "Y"), ("31/12/2198", "Y")]).await[0].1, "lifted");
    council.send().await;
    assert_eq!(council.stand("arrears_reminder").await, "delivered 2", "what it kept back goes");
    // A crisis moratorium goes on for thirty days, from the day on which it was first seen to be over.
    let crisis = "3,MH-1,MHC,QQ123457,01/03/1985,,01/01/2026,,Y";
    holds(&council, 7, &[crisis]).await;
    let ends = until();
    assert_eq!(all(&council)[1], one("mental_health_crisis", "in force", 1));
    assert!(ends.is_string(), "it has an end now");
    holds(&council, 8, &[&crisis.replace("MH-1,MHC", "MH-1 ,MHC")]).await;
    assert_eq!(until(), ends, "it is not lifted twice");
}

async fn names_another(on: On) {
    let council = council(on).await;
    let row = |who: &str, ended: &str| format!("7,BS-7,DIS,{who},,01/01/2026,,{ended}");
    let (arden, blake) = ("QQ123456,29/02/1984", "QQ123457,01/03/1985");
    holds(&council, 1, &[&row(arden, "N")]).await;
    holds(&council, 2, &[&row(blake, "N")]).await;
    assert_eq!(all(&council), [one("dispute", "in force", 1), one("dispute", "in force", 1)]);
    // It says that it is over for whom it names now: the first may have been right.
    holds(&council, 3, &[&row(blake, "Y")]).await;
    assert_eq!(all(&council), [one("dispute", "in force", 1), one("dispute", "lifted", 1)]);
    assert_eq!(reminded(&council, 2).await, "delivered 1, held 1");
}

async fn foretold(on: On) {
    let council = council(on).await;
    let (code, checked) = council.program(&["check"]);
    assert_eq!(code, 0, "{checked}");
    let definitions = council.hub.definitions.display().to_string();
    let (code, tested) = council.program(&["test", &definitions]);
    assert!(
        code == 0 && tested.contains("pass") && tested.contains("a row of two debts"),
        "{tested}"
    );
    let (_, tried) = council.program(&["try", "moratorium"]);
    assert!(tried.contains("published: a hold (breathing_space) of 1 debt"), "{tried}");
    assert!(tried.contains("birth_date") && tried.contains("1 there"), "{tried}");
    holds(&council, 1, &[ARDENS]).await;
    let rows = [&ARDENS.replace(",N", ",Y"), NOBODYS].map(str::to_owned).join("\n");
    council.hub.drop_file("moratoria", "holds-2.csv", format!("{HEAD}{rows}\n").as_bytes());
    let before = all(&council);
    let (code, told) = council.viaduct(&["preview", "ingest-moratoria"]);
    assert_eq!(code, 0, "{told}");
    assert_eq!(told["holds"]["counts"], json!({ "added": 1, "lifted": 1 }), "{told}");
    assert_eq!(
        (&told["holds"]["name_nobody"], &told["holds"]["list"][0]["code"]),
        (&json!(1), &json!("hold.no_match"))
    );
    assert!(!told.to_string().contains("QQ123459"), "{told}");
    let (_, text) = council.program(&["preview", "ingest-moratoria"]);
    assert!(text.contains("1 added, 1 lifted; 1 NAME NOBODY WE KNOW"), "{text}");
    assert_eq!(all(&council), before, "a preview keeps nothing");
    // What is missing or unknown is told before anything runs.
    let mapping = council.hub.definitions.join("mappings/inbound/moratorium.toml");
    for (from, to, said) in [
        ("reference  = \"case\"\n", "", "a hold has no `reference`"),
        ("nino       = \"nino\"\n", "", "a hold names nobody"),
        (
            "from = \"type\", codes = \"codes/moratorium.csv\"",
            "value = \"breathing\"",
            "there is no kind of hold `breathing`",
        ),
        ("debts = \"debt\"", "debts = \"dept\"", "`dept` is not in the source schema"),
        (
            "[hold]\n",
            "[account]\nkind = \"x\"\n[hold]\n",
            "a mapping of holds has no account and no party",
        ),
        (
            "reference  = \"case\"",
            "reference  = \"case\"\nsurname = \"case\"",
            "`surname` is not a field of the hold",
        ),
    ] {
        assert!(MAPPING.contains(from), "{from}");
        fs::write(&mapping, MAPPING.replace(from, to)).unwrap();
        let (code, report) = council.program(&["check"]);
        assert!(code == 1 && report.contains(said), "{said}: {report}");
    }
    fs::write(&mapping, MAPPING).unwrap();
    let list = "code,value\nSTD,breathing_space\nDIS,disputes\n";
    fs::write(council.hub.definitions.join("mappings/codes/moratorium.csv"), list).unwrap();
    let (code, report) = council.program(&["check"]);
    assert!(code == 1 && report.contains("did you mean `dispute`"), "{report}");
}
