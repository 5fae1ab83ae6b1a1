//! What support staff ask: who is it, how are they found, why did you write to me, what became of it.
//! On both databases, after a walk with the sandbox.

mod deliveries;
mod gone;
pub mod identity;
mod merging;
mod relations;
mod search;

use std::process::Command;

use serde_json::{Value, json};
use viaduct::app::context::surroundings;
use viaduct::app::resident;
use viaduct::app::resident::history::History;
use viaduct::app::resident::show::Shown;
use viaduct::app::run;
use viaduct::app::sandbox::Notify;
use viaduct::app::sight::Sight;
use viaduct::store::database::Cell;

use crate::support::hub::{On, TestHub, on_both};

on_both! {
    a_record_says_where_each_value_is_from_and_why => super::where_from,
    a_history_says_why_somebody_was_written_to => super::why_written_to,
    a_history_has_nothing_of_whoever_had_the_account_before_or_after => super::nobody_elses,
    holds_in_force_are_shown_and_all_are_in_the_history => super::holds,
    nobody_and_no_database_are_said_so => super::nothing_there,
}

const MASKED: Sight = Sight::Masked;
const SHOWN: Sight = Sight::Shown;

/// Arden, whom two systems know, and who moves in the second night; and Robin, on an account alone.
pub struct Story {
    pub hub: TestHub,
    pub _notify: Notify,
    pub arden: i64,
}

fn account(key: &str, given: &str, family: &str, line1: &str, paid: &str) -> String {
    format!(
        "<Account ref=\"{key}\"><Status>OPEN</Status><LiablePersons><Person seq=\"1\" role=\"PRIMARY\">\
         <Forename>{given}</Forename><Surname>{family}</Surname><DateOfBirth>1984-02-29</DateOfBirth>\
         <NINO>QQ123456A</NINO><Email>arden@example.com</Email></Person></LiablePersons>\
         <Property><Address><Line1>{line1}</Line1><Postcode>SK99 1AA</Postcode></Address></Property>\
         <Balance year=\"2026\"><Outstanding>1234.56</Outstanding><Paid>{paid}</Paid></Balance></Account>"
    )
}

fn extract(accounts: &[String]) -> Vec<u8> {
    let (all, count) = (accounts.join(""), accounts.len());
    let head = "<CouncilTaxExtract xmlns=\"urn:example:ctax:extract:1\">";
    format!("{head}{all}<Trailer accounts=\"{count}\"/></CouncilTaxExtract>").into_bytes()
}

const CLAIM: &str = "claim_ref,claim_status,start_date,p1_ref,p1_role,p1_forename,p1_surname,p1_dob,p1_nino,p1_mobile,addr1,postcode\n\
    99012346,Live,01/04/2026,B1,CLAIMANT,Ardenne,Testberry,29/02/1984,QQ123456A,07700900123,9 Other Street,SK99 2BB\n\
    TRAILER,1,,,,,,,,,,\n";

impl Story {
    pub async fn told(on: On) -> Story {
        let mut hub = TestHub::open(on).await;
        let notify = Notify::start(0, None, None).await.unwrap();
        let mut variables = hub.variables();
        variables.extend(notify.variables());
        hub.context.around = surroundings(variables);
        let first = account("990001", "Arden", "TESTBERRY", "1 Old Road", "0.00");
        hub.drop_file("revenues", "ctax-1.xml", &extract(&[first]));
        hub.run("ingest-revenues").await;
        hub.drop_file("benefits", "claims-1.csv", CLAIM.as_bytes());
        hub.run("ingest-benefits").await;
        let moved = account("990001", "Arden", "TESTBERRY", "2 New Road", "0.00");
        hub.drop_file("revenues", "ctax-2.xml", &extract(&[moved]));
        hub.run("ingest-revenues").await;
        let job = hub.context.job("deliver-notify").unwrap();
        run::run_deliver(&hub.context, job).await.unwrap();
        let arden = hub.text("SELECT CAST(id AS TEXT) FROM resident").await.parse().unwrap();
        Story { hub, _notify: notify, arden }
    }

    async fn shown(&self, sight: Sight) -> (Value, String) {
        let database = &self.hub.context.database;
        let policy = resident::policy(&self.hub.definitions, database).await.unwrap();
        let now_ms = self.hub.context.clock.now_ms();
        let shown = Shown::of(database, self.arden, policy.as_ref(), sight, now_ms).await.unwrap();
        (shown.json(), shown.text(sight))
    }

    async fn history(&self, id: i64, most: u16, sight: Sight) -> (Value, String) {
        let database = &self.hub.context.database;
        let now_ms = self.hub.context.clock.now_ms();
        let history = History::of(database, id, most, sight, now_ms).await.unwrap();
        (history.json(), history.text(sight))
    }
}

fn field<'j>(json: &'j Value, name: &str) -> &'j Value {
    let fields = json["fields"].as_array().unwrap();
    fields.iter().find(|field| field["field"] == name).unwrap_or_else(|| panic!("{name}: {json}"))
}

async fn where_from(on: On) {
    let story = Story::told(on).await;
    let (json, text) = story.shown(SHOWN).await;
    let given = field(&json, "name.given");
    assert_eq!(given["value"], "Arden");
    assert_eq!(given["from"]["source"], "revenues");
    assert_eq!(given["from"]["reference"], "990001");
    assert_eq!(given["from"]["file"], "ctax-2.xml");
    assert_eq!(given["because"], "it is the most recent word");
    assert_eq!(given["others"][0]["value"], "Ardenne");
    assert_eq!(given["others"][0]["from"]["reference"], "99012346");
    let line = field(&json, "address.line1");
    assert_eq!(line["value"], "2 New Road");
    assert_eq!(line["because"], "revenues is preferred for `address`");
    assert_eq!(line["others"][0]["value"], "9 Other Street");
    let mobile = field(&json, "contact.mobile");
    assert_eq!(mobile["from"]["source"], "benefits");
    assert_eq!(mobile["because"], "nobody else says anything of it");
    let accounts = json["accounts"].as_array().unwrap();
    let kinds: Vec<&Value> = accounts.iter().map(|account| &account["kind"]).collect();
    assert_eq!(kinds, ["council_tax", "benefit_claim"]);
    assert!(text.contains("balance £1,234.56"), "{text}");
    assert_eq!(json["deliveries"][0]["state"], "delivered");
    assert!(json["known_since"].as_str().unwrap().ends_with('Z'), "{json}");
    assert!(text.contains(" GMT") || text.contains(" BST"), "{text}");

    let (json, text) = story.shown(MASKED).await;
    for hidden in ["Arden", "Testberry", "New Road", "990001", "QQ123456", "900123", "1,234.56"] {
        assert!(!text.contains(hidden) && !json.to_string().contains(hidden), "{hidden}: {text}");
    }
    assert!(text.contains("A•••n") && text.contains("≠ A•••e says benefits •••2346"), "{text}");

    // Definitions that cannot be read do not keep a record from being read.
    story.hub.edit("mappings/resident.toml", "[match]", "[mtach]");
    let (json, _) = story.shown(SHOWN).await;
    assert_eq!(field(&json, "name.given")["value"], "Arden");
    let because = &field(&json, "name.given")["because"];
    assert_eq!(because, "the definitions cannot be read, so the rule is not known");
}

async fn why_written_to(on: On) {
    let story = Story::told(on).await;
    let (json, text) = story.history(story.arden, 200, SHOWN).await;
    let entries = json["entries"].as_array().unwrap();
    let moved = entries.iter().find(|entry| !entry["sent"].as_array().unwrap().is_empty()).unwrap();
    assert_eq!(
        moved["changes"],
        json!(["name.given Ardenne → Arden", "address.line1 1 Old Road → 2 New Road"])
    );
    assert_eq!((&moved["source"], &moved["file"]), (&json!("revenues"), &json!("ctax-2.xml")));
    assert_eq!(moved["sent"][0]["to"], "arden@example.com");
    assert_eq!(moved["sent"][0]["state"], "delivered");
    assert!(
        text.contains("therefore moved_home by email to arden@example.com: delivered"),
        "{text}"
    );
    let first = &entries[0];
    assert_eq!(first["nothing_sent"], "nothing was sent: a first load tells nobody");
    let times: Vec<&str> = entries.iter().map(|entry| entry["at"].as_str().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
    // Each change is there once.
    let changes = story.hub.text("SELECT CAST(COUNT(*) AS TEXT) FROM change_event").await;
    assert_eq!(entries.len().to_string(), changes);

    let (json, text) = story.history(story.arden, 1, MASKED).await;
    assert_eq!((json["entries"].as_array().unwrap().len(), &json["earlier"]), (1, &json!(true)));
    assert!(text.contains("`--most` shows more"), "{text}");
    for hidden in ["Arden", "arden", "Road", "990001"] {
        assert!(!text.contains(hidden) && !json.to_string().contains(hidden), "{hidden}: {text}");
    }
}

async fn nobody_elses(on: On) {
    let hub = TestHub::open(on).await;
    let nights = [
        account("990001", "Arden", "TESTBERRY", "1 Old Road", "1.11"),
        account("990001", "Arden", "TESTBERRY", "1 Old Road", "2.22"),
        account("990001", "Robin", "BRAMBLE", "1 Old Road", "3.33")
            .replace("QQ123456A", "QQ654321B")
            .replace("1984", "1970"),
        account("990001", "Robin", "BRAMBLE", "1 Old Road", "4.44")
            .replace("QQ123456A", "QQ654321B")
            .replace("1984", "1970"),
    ];
    for (night, account) in nights.into_iter().enumerate() {
        hub.drop_file("revenues", &format!("ctax-{night}.xml"), &extract(&[account]));
        hub.run("ingest-revenues").await;
    }
    let ids = hub.rows("SELECT CAST(id AS TEXT) FROM resident ORDER BY id").await;
    let ids: Vec<i64> = ids.iter().map(|row| row[0].parse().unwrap()).collect();
    let database = &hub.context.database;
    let arden = History::of(database, ids[0], 200, SHOWN, 0).await.unwrap().text(SHOWN);
    let robin = History::of(database, ids[1], 200, SHOWN, 0).await.unwrap().text(SHOWN);
    assert!(arden.contains("£1.11 → £2.22") && !arden.contains("4.44"), "{arden}");
    assert!(robin.contains("£3.33 → £4.44") && !robin.contains("1.11"), "{robin}");
}

async fn holds(on: On) {
    let story = Story::told(on).await;
    let hold = async |id: i64, kind: &'static str, from: i64, until: Option<i64>, lifted| {
        let sql = "INSERT INTO hold (id, resident_id, kind, reason, from_ms, until_ms, lifted_ms) \
                   VALUES ($1, $2, $3, 'Because of Fakeley', $4, $5, $6)";
        let ends = [Cell::OptInt(until), Cell::OptInt(lifted)];
        let mut cells =
            vec![Cell::Int(id), Cell::Int(story.arden), Cell::Word(kind), Cell::Int(from)];
        cells.extend(ends);
        let mut transaction = story.hub.context.database.begin().await.unwrap();
        transaction.execute(sql, cells).await.unwrap();
        transaction.commit().await.unwrap();
    };
    let now_ms = story.hub.context.clock.now_ms();
    let day_ms = 86_400_000;
    hold(1, "breathing_space", now_ms - day_ms, Some(now_ms + day_ms), None).await;
    hold(2, "dispute", now_ms - 9 * day_ms, Some(now_ms - day_ms), None).await;
    hold(3, "vulnerable", now_ms - 9 * day_ms, None, Some(now_ms - day_ms)).await;
    hold(4, "later", now_ms + day_ms, None, None).await;
    let (json, text) = story.shown(MASKED).await;
    let holds = json["holds"].as_array().unwrap();
    assert_eq!((holds.len(), &holds[0]["kind"]), (1, &json!("breathing_space")));
    assert!(!text.contains("Fakeley"), "{text}");
    let (_, text) = story.history(story.arden, 200, SHOWN).await;
    assert!(text.contains("a hold begins: dispute"), "{text}");
    assert!(
        text.contains("the hold is lifted: vulnerable\n    reason: Because of Fakeley"),
        "{text}"
    );
}

async fn nothing_there(on: On) {
    let hub = TestHub::open(on).await;
    let run = |database: &str, words: &[&str]| {
        let done = Command::new(env!("CARGO_BIN_EXE_viaduct"))
            .args(["--database", database])
            .args(words)
            .output()
            .unwrap();
        (done.status.code(), String::from_utf8(done.stderr).unwrap())
    };
    for words in [&["resident", "show", "77"][..], &["resident", "history", "77"]] {
        let (code, said) = run(&hub.url, words);
        assert_eq!(code, Some(1), "{said}");
        assert!(
            said.starts_with("error: there is no resident 77: `viaduct resident search`"),
            "{said}"
        );
    }
    let (code, said) = run(&hub.url, &["deliveries", "show", "r-77"]);
    assert!(code == Some(1) && said.contains("there is no such delivery"), "{said}");
    let nowhere = hub.folder.path().join("nowhere.db");
    let (code, said) = run(&format!("sqlite:{}", nowhere.display()), &["deliveries"]);
    assert!(code == Some(1) && said.contains("there is no database at"), "{said}");
    assert!(!nowhere.exists(), "whoever looks makes no database");
}
