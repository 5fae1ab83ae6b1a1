//! Holds as a council meets them: put down by command or from a file, for people whom several systems
//! know, with debts that others owe too. On both databases, through the program itself.

mod feed;
mod own;

use std::process::Command;

use serde_json::{Value, json};
use viaduct::app::context::surroundings;
use viaduct::app::run;
use viaduct::app::sandbox::Notify;

use crate::support::hub::{On, TestHub, on_both};

on_both! {
    a_hold_of_nobody_is_urgent_until_a_record_comes => super::of_nobody,
    a_number_and_a_birth_date_name_whoever_has_both => super::by_number_and_birth_date,
    a_joint_debt_is_held_for_all_and_other_contact_passes => super::joint_debt,
    a_debt_of_no_known_account_is_held_for_all_who_owe => super::of_no_account,
    a_claim_is_held_for_partners_too => super::of_partners,
    a_hold_of_one_debt_leaves_the_others => super::one_debt,
    a_file_is_taken_again_and_again => super::from_a_file,
    a_hold_follows_the_party_it_names => super::follows_the_party,
    a_hold_by_an_older_number_is_of_whom_it_leads_to => super::by_an_older_number,
    a_debt_is_held_in_every_system_that_knows_it => super::debt_of_two_systems,
    a_hold_in_plain_sight_is_masked => super::masked,
}

/// A hub with a platform to send to.
pub struct Council {
    pub hub: TestHub,
    pub notify: Notify,
}

/// A person on a council tax account: given name, NINO, birth date.
pub type Person = (&'static str, &'static str, &'static str);
pub const ARDEN: Person = ("Arden", "QQ123456A", "1984-02-29");
pub const BLAKE: Person = ("Blake", "QQ123457B", "1985-03-01");

pub fn account(key: &str, people: &[Person], paid: &str) -> String {
    let person = |(number, (given, nino, born)): (usize, &Person)| {
        format!(
            "<Person seq=\"{}\" role=\"JOINT\"><Forename>{given}</Forename>\
             <Surname>TESTBERRY</Surname><DateOfBirth>{born}</DateOfBirth><NINO>{nino}</NINO>\
             <Email>{}@example.com</Email></Person>",
            number + 1,
            given.to_lowercase()
        )
    };
    let people: String = people.iter().enumerate().map(person).collect();
    format!(
        "<Account ref=\"{key}\"><Status>OPEN</Status><LiablePersons>{people}</LiablePersons>\
         <Property><Address><Line1>1 Invented Row</Line1><Postcode>SK99 1AA</Postcode></Address>\
         </Property><Balance year=\"2026\"><Outstanding>500.00</Outstanding><Paid>{paid}</Paid>\
         <Arrears>120.00</Arrears></Balance></Account>"
    )
}

impl Council {
    pub async fn open(on: On) -> Council {
        Council::of(TestHub::open(on).await).await
    }

    pub async fn of(mut hub: TestHub) -> Council {
        let notify = Notify::start(0, None, None).await.unwrap();
        let mut variables = hub.variables();
        variables.extend(notify.variables());
        hub.context.around = surroundings(variables);
        Council { hub, notify }
    }

    /// One night's extract, read.
    pub async fn night(&self, number: u32, accounts: &[String]) {
        let head = "<CouncilTaxExtract xmlns=\"urn:example:ctax:extract:1\">";
        let (all, count) = (accounts.join(""), accounts.len());
        let text = format!("{head}{all}<Trailer accounts=\"{count}\"/></CouncilTaxExtract>");
        self.hub.drop_file("revenues", &format!("ctax-{number}.xml"), text.as_bytes());
        self.hub.run("ingest-revenues").await;
    }

    pub async fn send(&self) {
        let job = self.hub.context.job("deliver-notify").unwrap();
        run::run_deliver(&self.hub.context, job).await.unwrap();
    }

    /// Messages by their state, of one mapping: `delivered 2, held 1`.
    pub async fn stand(&self, mapping: &str) -> String {
        let sql = format!(
            "SELECT state, CAST(COUNT(*) AS TEXT) FROM delivery WHERE mapping = '{mapping}' \
             AND destination = 'notify' GROUP BY state ORDER BY state"
        );
        let rows = self.hub.rows(&sql).await;
        let said: Vec<String> = rows.iter().map(|row| row.join(" ")).collect();
        said.join(", ")
    }

    /// Runs the program; gives its exit code, and what it printed as JSON.
    pub fn viaduct(&self, words: &[&str]) -> (i32, Value) {
        let (code, text) = self.program(&[&["--json"], words].concat());
        let json = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{words:?}: {text}"));
        (code, json)
    }

    pub fn program(&self, words: &[&str]) -> (i32, String) {
        let definitions = self.hub.definitions.display().to_string();
        let done = Command::new(env!("CARGO_BIN_EXE_viaduct"))
            .args(["--database", &self.hub.url, "--definitions", &definitions])
            .args(words)
            .envs(self.hub.variables())
            .envs(self.notify.variables())
            .output()
            .unwrap();
        (done.status.code().unwrap(), String::from_utf8(done.stdout).unwrap())
    }

    pub async fn execute(&self, sql: &str) {
        let mut transaction = self.hub.context.database.begin().await.unwrap();
        transaction.execute(sql, vec![]).await.unwrap();
        transaction.commit().await.unwrap();
    }

    /// Puts a hold down, which must find somebody.
    fn hold(&self, words: &[&str]) -> Value {
        let words = [&["hold", "add"], words, &["--reason", "a test"]].concat();
        let (code, json) = self.viaduct(&words);
        assert_eq!(code, 0, "{json}");
        json
    }

    fn residents(hold: &Value) -> usize {
        hold["residents"].as_array().unwrap().len()
    }
}

async fn of_nobody(on: On) {
    let council = Council::open(on).await;
    let words =
        ["hold", "add", "breathing_space", "--nino", "QQ123456", "--birth-date", "1984-02-29"];
    let (code, hold) = council.viaduct(&[&words[..], &["--reason", "a notice"]].concat());
    assert_eq!((code, &hold["code"]), (3, &json!("hold.no_match")), "{hold}");
    let (code, held) = council.viaduct(&["held"]);
    assert_eq!((code, held["urgent"].as_array().unwrap().len()), (3, 1), "{held}");
    let (code, text) = council.program(&["held"]);
    assert!(code == 3 && text.starts_with("URGENT: 1 × hold.no_match\n"), "{text}");
    let (code, items) = council.viaduct(&["held", "--code", "hold.no_match"]);
    assert_eq!((code, &items["urgent"][0]["hold"]), (3, &hold["hold"]));
    let number = hold["hold"].to_string();
    assert_eq!(council.viaduct(&["held", "show", &number]).1["code"], "hold.no_match");
    // Whatever runs says so again.
    let (code, ran) = council.viaduct(&["run", "ingest-revenues"]);
    assert_eq!((code, &ran["urgent"][0]["hold"]), (3, &hold["hold"]));
    council.night(1, &[account("990001", &[ARDEN, BLAKE], "0.00")]).await;
    let (code, held) = council.viaduct(&["held"]);
    assert_eq!((code, &held["urgent"]), (0, &json!([])), "{held}");
    assert_eq!(Council::residents(&council.viaduct(&["hold", "show", &number]).1), 1);
    // It was there before the first message was made, and wins.
    council.night(2, &[account("990001", &[ARDEN, BLAKE], "10.00")]).await;
    council.send().await;
    assert_eq!(council.stand("arrears_reminder").await, "waiting 2");
}

async fn by_number_and_birth_date(on: On) {
    let council = Council::open(on).await;
    let other = ("Arden", "QQ123456A", "1990-01-01");
    let accounts = [
        account("990001", &[ARDEN], "0.00"),
        account("990002", &[other], "0.00"),
        account("990003", &[BLAKE], "0.00"),
    ];
    council.night(1, &accounts).await;
    let claim = "claim_ref,claim_status,start_date,p1_ref,p1_role,p1_forename,p1_surname,p1_dob,p1_nino\n\
        99012346,Live,01/04/2026,B1,CLAIMANT,Robin,Fakeley,29/02/1984,QQ123456\nTRAILER,1,,,,,,,\n";
    council.hub.drop_file("benefits", "claims-1.csv", claim.as_bytes());
    council.hub.run("ingest-benefits").await;
    // Under another name and without the suffix it is another resident, and held all the same.
    let number = ["dispute", "--nino", "qq 12 34 56 c", "--birth-date", "1984-02-29"];
    assert_eq!(Council::residents(&council.hold(&number)), 2);
    let record = ["dispute", "--source", "revenues", "--key", "990003"];
    assert_eq!(Council::residents(&council.hold(&record)), 1);
    assert_eq!(Council::residents(&council.hold(&["dispute", "--account", "990002"])), 1);
    assert_eq!(council.viaduct(&["hold", "list"]).1["holds"].as_array().unwrap().len(), 3);
    for (words, part) in [
        (&["dispute", "--nino", "QQ12", "--birth-date", "1984-02-29"][..], "`nino`"),
        (&["dispute"], "`resident`: say who"),
        (&["court", "--resident", "1"], "`kind`: it is one of breathing_space"),
        (&["dispute", "--resident", "1", "--account", "2"], "several ways"),
    ] {
        let words = [&["hold", "add"], words, &["--reason", "a test"]].concat();
        let (code, said) = council.viaduct(&words);
        let said = said["error"].as_str().unwrap();
        assert!(code == 1 && said.contains(part) && !said.contains("QQ12"), "{said}");
    }
}

async fn joint_debt(on: On) {
    let council = Council::open(on).await;
    council.night(1, &[account("990001", &[ARDEN, BLAKE], "0.00")]).await;
    let hold = council.hold(&["dispute", "--nino", "QQ123456A", "--birth-date", "1984-02-29"]);
    assert_eq!(Council::residents(&hold), 1);
    council.night(2, &[account("990001", &[ARDEN, BLAKE], "10.00")]).await;
    council.send().await;
    assert_eq!(council.stand("arrears_reminder").await, "held 2");
    assert_eq!(council.stand("payment_received").await, "delivered 2");
    let number = hold["hold"].to_string();
    let (_, lifted) = council.viaduct(&["hold", "lift", &number, "--reason", "settled"]);
    assert_eq!(lifted["judged_again"], 2, "{lifted}");
    council.send().await;
    assert_eq!(council.stand("arrears_reminder").await, "delivered 2");
    let (_, shown) = council.viaduct(&["hold", "show", &number]);
    assert_eq!(shown["state"], "lifted");
    assert!(shown["lifted_by"].as_str().unwrap().starts_with("user:"), "{shown}");
    let (_, audit) = council.viaduct(&["audit"]);
    let target = format!("hold {number}");
    let actions: Vec<&Value> = (audit.as_array().unwrap().iter())
        .filter(|line| line["target"] == target.as_str())
        .map(|line| &line["action"])
        .collect();
    assert_eq!(actions, ["lifted", "added"]);
    // Only the person named, where the council reads the law so.
    council.hub.edit("mappings/suppression.toml", "\"hold_for_all\"", "\"named_only\"");
    let mut council = council;
    council.hub.reload().await;
    council.hold(&["dispute", "--nino", "QQ123456A", "--birth-date", "1984-02-29"]);
    council.night(3, &[account("990001", &[ARDEN, BLAKE], "20.00")]).await;
    council.send().await;
    assert_eq!(council.stand("arrears_reminder").await, "delivered 3, held 1");
}

/// Two who owe a debt, of whom one has a hold, and another who owes nothing with them; all to be reminded.
async fn one_of_them_held(on: On) -> Council {
    let council = Council::open(on).await;
    let casey = ("Casey", "QQ123458A", "1986-04-02");
    let night =
        |paid: &str| [account("990001", &[ARDEN, BLAKE], paid), account("990002", &[casey], paid)];
    council.night(1, &night("0.00")).await;
    council.hold(&["dispute", "--nino", "QQ123456A", "--birth-date", "1984-02-29"]);
    council.night(2, &night("10.00")).await;
    council
}

async fn of_no_account(on: On) {
    let council = one_of_them_held(on).await;
    // As a mapping makes them that listens to residents.
    council.execute("UPDATE delivery SET account_id = NULL").await;
    council.send().await;
    assert_eq!(council.stand("arrears_reminder").await, "delivered 1, held 2");
}

async fn of_partners(on: On) {
    let council = one_of_them_held(on).await;
    council.execute("UPDATE party SET role = 'partner'").await;
    council.send().await;
    assert_eq!(council.stand("arrears_reminder").await, "delivered 1, held 2");
}

async fn one_debt(on: On) {
    let mut council = Council::open(on).await;
    // Each is to be told of, and none to take the place of one that was kept back.
    let file = "mappings/outbound/arrears_reminder.toml";
    council.hub.edit(file, "collection  = true", "collection  = true\nnewest_only = false");
    council.hub.reload().await;
    let night = |paid: &str| ["990001", "990002"].map(|key| account(key, &[ARDEN], paid));
    council.night(1, &night("0.00")).await;
    let who = ["--nino", "QQ123456A", "--birth-date", "1984-02-29"];
    let one = council.hold(&[&["dispute"], &who[..], &["--debt", "990002"]].concat());
    assert_eq!(one["debts"], json!([{ "reference": "•••0002", "known": true }]));
    council.night(2, &night("10.00")).await;
    council.send().await;
    assert_eq!(council.stand("arrears_reminder").await, "delivered 1, held 1");
    // A debt that is none of theirs: all are held, and somebody is told.
    let number = one["hold"].to_string();
    council.viaduct(&["hold", "lift", &number, "--reason", "settled"]);
    let words =
        [&["hold", "add", "dispute"], &who[..], &["--debt", "990077", "--reason", "a slip"]];
    let (code, slip) = council.viaduct(&words.concat());
    assert_eq!((code, &slip["code"]), (3, &json!("hold.no_debt")), "{slip}");
    council.night(3, &night("20.00")).await;
    council.send().await;
    assert_eq!(council.stand("arrears_reminder").await, "delivered 1, held 3");
    // The account comes, and is theirs: now it is that debt alone, and what was kept back goes.
    let third = account("990077", &[ARDEN], "0.00");
    council.night(4, &[&night("30.00")[..], &[third]].concat()).await;
    assert_eq!(council.viaduct(&["held"]).0, 0);
    council.send().await;
    assert_eq!(council.stand("arrears_reminder").await, "delivered 6");
}

async fn from_a_file(on: On) {
    let council = Council::open(on).await;
    council.night(1, &[account("990001", &[ARDEN, BLAKE], "0.00")]).await;
    let file = council.hub.folder.path().join("holds.csv");
    let import = |rows: &str| {
        let head = "kind,reference,nino,birth_date,debts,from,until";
        std::fs::write(&file, format!("\u{feff}{head}\r\n{rows}")).unwrap();
        let path = file.display().to_string();
        council.viaduct(&["hold", "import", &path, "--reason", "the nightly list"])
    };
    let counts =
        |json: &Value| ["added", "changed", "unchanged"].map(|name| json[name].as_i64().unwrap());
    let first = "breathing_space,BS-1,QQ123456A,1984-02-29,990001,2026-11-01,2026-12-30\n\
                 dispute,D-1,QQ123457,1985-03-01,,,\n";
    let (code, done) = import(first);
    assert_eq!((code, counts(&done)), (0, [2, 0, 0]), "{done}");
    let (code, done) = import(first);
    assert_eq!((code, counts(&done)), (0, [0, 0, 2]), "{done}");
    let second = "breathing_space,BS-1,QQ123456A,1984-02-29,,2026-11-01,2027-06-30\n\
                  dispute,D-2,QQ123457,1985-03-01,,,\n\
                  dispute,D-3,nonsense,1985-03-01,,,\n\
                  dispute,,QQ123457,1985-03-01,,,\n\
                  dispute,D-4,QQ123459,1985-03-01,,,\n";
    let (code, done) = import(second);
    assert_eq!((code, counts(&done)), (3, [2, 1, 0]), "{done}");
    // No longer than the law: sixty days, of which the first is counted.
    assert_eq!(done["cut_to_the_longest"], 1);
    let faults = done["faults"].as_array().unwrap();
    assert_eq!((faults.len(), &faults[0]["line"], &faults[1]["line"]), (2, &json!(4), &json!(5)));
    assert!(!done.to_string().contains("nonsense"), "{done}");
    assert_eq!(done["urgent"][0]["code"], "hold.no_match");
    let (_, list) = council.viaduct(&["hold", "list", "--all", "--kind", "breathing_space"]);
    let space = &list["holds"][0];
    assert_eq!(space["until"], "2026-12-31T00:00:00.000Z");
    assert_eq!((&space["debts"], &space["door"]), (&json!([]), &json!("import")));
    let path = file.display().to_string();
    std::fs::write(&file, "kind,nimo\n").unwrap();
    let (code, said) = council.viaduct(&["hold", "import", &path]);
    let said = said["error"].as_str().unwrap();
    assert!(code == 1 && said.contains("`nimo`") && said.contains("`nino`"), "{said}");
}

async fn follows_the_party(on: On) {
    let council = Council::open(on).await;
    council.night(1, &[account("990001", &[ARDEN], "0.00")]).await;
    let resident = council.hub.text("SELECT CAST(id AS TEXT) FROM resident").await;
    council.hold(&["dispute", "--resident", &resident]);
    // A steward finds that the party is somebody else: the hold goes with it, and stays with the first.
    let database = &council.hub.context.database;
    let mut transaction = database.begin().await.unwrap();
    for sql in [
        "INSERT INTO resident (id, version, created_ms, updated_ms, facts) \
         SELECT 77000000, 1, 0, 0, facts FROM resident",
        "UPDATE party SET resident_id = 77000000",
    ] {
        transaction.execute(sql, vec![]).await.unwrap();
    }
    transaction.commit().await.unwrap();
    council.night(2, &[account("990001", &[ARDEN], "10.00")]).await;
    council.send().await;
    assert_eq!(council.stand("arrears_reminder").await, "held 1");
    let (_, shown) = council.viaduct(&["resident", "show", "77000000"]);
    assert_eq!(shown["holds"][0]["kind"], "dispute", "{shown}");
}

async fn by_an_older_number(on: On) {
    let council = Council::open(on).await;
    council.night(1, &[account("990001", &[ARDEN], "0.00")]).await;
    let resident = council.hub.text("SELECT CAST(id AS TEXT) FROM resident").await;
    // Another number was theirs, and a system still goes by it.
    let older = "INSERT INTO resident (id, version, created_ms, updated_ms, facts, merged_into) \
                 SELECT 77000000, 1, 0, 0, facts, id FROM resident";
    council.execute(older).await;
    let hold = council.hold(&["dispute", "--resident", "77000000"]);
    assert_eq!(hold["residents"].to_string().replace('"', ""), format!("[{resident}]"), "{hold}");
    council.night(2, &[account("990001", &[ARDEN], "10.00")]).await;
    council.send().await;
    assert_eq!(council.stand("arrears_reminder").await, "held 1");
    let (_, shown) = council.viaduct(&["resident", "show", &resident]);
    assert_eq!(shown["holds"][0]["kind"], "dispute", "{shown}");
    // One that a program before this one put down by it is of nobody, and is urgent.
    council.execute("UPDATE hold SET resident_id = 77000000").await;
    council.execute("DELETE FROM hold_party").await;
    let (code, urgent) = council.viaduct(&["held"]);
    assert_eq!((code, &urgent["urgent"][0]["code"]), (3, &json!("hold.no_match")), "{urgent}");
}

/// A debt is named by its number, which a second system brings later.
async fn debt_of_two_systems(on: On) {
    let mut council = Council::open(on).await;
    let stated = "\"reference\"              = { from = \"Balance/Charge\" }";
    let by_key = "\"reference\"              = { from = \"@ref\" }";
    council.hub.edit("mappings/inbound/ctax_account.toml", by_key, stated);
    council.hub.reload().await;
    council.night(1, &[account("990001", &[ARDEN], "0.00")]).await;
    let who = ["--nino", "QQ123456A", "--birth-date", "1984-02-29"];
    council.hold(&[&["dispute"], &who[..], &["--debt", "990001"]].concat());
    let other = |paid: &str| {
        account("990009", &[ARDEN], paid).replace("<Paid>", "<Charge>990001</Charge><Paid>")
    };
    council.night(2, &[account("990001", &[ARDEN], "0.00"), other("0.00")]).await;
    council.night(3, &[account("990001", &[ARDEN], "0.00"), other("10.00")]).await;
    council.send().await;
    assert_eq!(council.stand("arrears_reminder").await, "held 1");
}

async fn masked(on: On) {
    let council = Council::open(on).await;
    council.night(1, &[account("990001", &[ARDEN], "0.00")]).await;
    let words = ["hold", "add", "dispute", "--nino", "QQ123456A", "--birth-date", "1984-02-29"];
    let more = ["--reference", "BS-Fakeley-7", "--reason", "Because of Fakeley"];
    let (_, text) = council.program(&[&words[..], &more].concat());
    for secret in ["QQ123456", "Fakeley", "1984"] {
        assert!(!text.contains(secret), "{text}");
    }
    let (_, list) = council.viaduct(&["hold", "list"]);
    let number = list["holds"][0]["hold"].to_string();
    assert!(!list.to_string().contains("Fakeley"), "{list}");
    // Whoever is shown values says why, and it is written before they see them.
    assert_eq!(council.program(&["hold", "show", &number, "--show"]).0, 2);
    let blank = ["hold", "show", &number, "--show", "--reason", " "];
    let (code, refused) = council.viaduct(&blank);
    assert!(code == 1 && !refused.to_string().contains("QQ123456"), "{refused}");
    let shown = ["hold", "show", &number, "--show", "--reason", "the adviser is on the telephone"];
    let (_, shown) = council.program(&shown);
    assert!(shown.contains("QQ123456") && shown.contains("Because of Fakeley"), "{shown}");
    let resident = council.hub.text("SELECT CAST(id AS TEXT) FROM resident").await;
    let why = ["--show", "--reason", "she calls"];
    for (words, target) in [
        (&["resident", "show", &resident][..], format!("resident {resident}")),
        (&["resident", "history", &resident], format!("resident {resident}")),
        (&["resident", "search", "--name", "Testberry"], "residents".to_owned()),
        (&["hold", "list"], "holds".to_owned()),
        (&["held", "show", &number], format!("held {number}")),
        (&["held", "--code", "hold.no_match"], "held hold.no_match".to_owned()),
        (&["preview", "ingest-revenues"], "preview of ingest-revenues".to_owned()),
        (&["replay", "--preview"], "preview of a replay".to_owned()),
    ] {
        let (_, before) = council.viaduct(&["audit"]);
        council.program(words);
        assert_eq!(
            council.viaduct(&["audit"]).1,
            before,
            "{words:?}: masked, it is nobody's concern"
        );
        assert_eq!(council.program(&[words, &why[..1]].concat()).0, 2, "{words:?}: no reason");
        council.program(&[words, &why[..]].concat());
        let (_, lines) = council.viaduct(&["audit", "--most", "1"]);
        let line = &lines[0];
        assert_eq!((&line["action"], &line["target"]), (&json!("shown"), &json!(target)), "{line}");
        assert_eq!(line["reason"], json!("she calls"));
        assert!(line["actor"].as_str().unwrap().starts_with("user:"), "{line}");
        let found = (target == "residents")
            .then(|| json!({ "residents": [resident.parse::<i64>().unwrap()] }));
        assert!(found.is_none_or(|found| line["details"] == found), "{line}");
    }
    let (code, said) = council.viaduct(&["hold", "lift", "4711", "--reason", "a slip"]);
    assert_eq!(code, 1);
    assert!(said["error"].as_str().unwrap().starts_with("there is no hold 4711"), "{said}");
}
