//! What waits for a person is listed, explained in plain words, and told how to be released.

use std::path::Path;

use serde_json::{Value, json};
use viaduct::app::actor::of_this_process as me;
use viaduct::app::batches::decide::{self, Decide};
use viaduct::app::context::surroundings;
use viaduct::app::replay::{self, Chosen};
use viaduct::app::sight::Sight;
use viaduct::app::{batches, held, held_show};

use super::arrivals::{extract, extract_that_says, some};
use crate::support::hub::{On, TestHub, on_both};

on_both! {
    what_waits_is_listed_in_groups_with_words => super::groups,
    a_row_is_explained_and_masked => super::explained,
    a_held_file_that_is_put_back_is_read_again => super::put_back,
    a_short_extract_is_accepted_by_a_person_and_taken => super::accepted,
    a_broken_file_is_refused_and_nobody_can_accept_it => super::refused,
    a_file_that_looks_like_another_encoding_waits_for_a_person => super::looks_utf8,
    what_its_source_alone_can_mend_is_not_offered_to_a_replay => super::at_source,
    a_row_whose_key_came_twice_is_told_by_it => super::twice,
    an_expression_that_failed_is_shown_with_what_it_read => super::computed,
    a_record_with_a_strange_line_is_told_by_its_key => super::strange_line,
    a_masked_code_is_not_there_to_be_pasted => super::masked_code,
    each_of_two_held_files_of_one_name_is_found => super::same_name,
    a_held_message_is_explained => super::message,
    only_what_left_was_sent => super::times_sent,
}

const MAPPING: &str = "mappings/inbound/ctax_account.toml";

async fn hub_with_held(on: On) -> TestHub {
    let hub = TestHub::open(on).await;
    let mut accounts = some(30);
    for account in &mut accounts[3..6] {
        *account = account.replace("OPEN", "LIMBO");
    }
    accounts[7] = accounts[7].replace("PRIMARY", "TENANT");
    let second =
        "<Person seq=\"2\" role=\"LODGER\"><Surname>Fakeley</Surname></Person></LiablePersons>";
    accounts[8] = accounts[8].replace("</LiablePersons>", second);
    let wrong = "<NINO>QQ1</NINO><DateOfBirth>1984-02-31</DateOfBirth></Person>";
    accounts[9] = accounts[9].replace("</Person>", wrong);
    accounts[10] = accounts[10].replace(">10.00<", ">about 10<");
    accounts[11] = accounts[11].replace("ref=\"9900011\"", "ref=\"\"");
    hub.drop_file("revenues", "ctax-1.xml", &extract(&accounts));
    let report = hub.run("ingest-revenues").await;
    assert_eq!(report["total"]["held"], json!(7));
    hub
}

async fn groups(on: On) {
    let hub = hub_with_held(on).await;
    hub.drop_file("revenues", "ctax-2.xml", &extract_that_says(&some(30), 31));
    hub.run("ingest-revenues").await;
    let list = held::list(&hub.context).await.unwrap();
    let json = list.json();
    let mut groups: Vec<(String, String, i64)> = (json["rows"].as_array().unwrap().iter())
        .map(|group| {
            assert!(group["means"].as_str().unwrap().len() > 10, "{group}");
            let word = |name: &str| group[name].as_str().unwrap_or("-").to_owned();
            (word("code"), word("field"), group["count"].as_i64().unwrap())
        })
        .collect();
    groups.sort();
    let expected = [
        // Whichever of its parties a row is held for.
        ("code_unknown", "account status", 3),
        ("code_unknown", "party role", 2),
        ("pence_wrong_shape", "account balance", 1),
        ("record.no_key", "-", 1),
    ];
    let expected = expected.map(|(code, field, many)| (code.to_owned(), field.to_owned(), many));
    assert_eq!(groups, expected);
    assert_eq!(json["batches"][0]["code"], json!("file.total"));
    let text = list.text();
    for said in [
        "Waiting for a person: 7 rows, 1 whole file, 0 messages.",
        "3 × code_unknown · account status · ingest-revenues",
        "the extract declares 31 records and holds 30",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    let items = held::items(&hub.context, "code_unknown", 4, Sight::Masked).await.unwrap();
    assert_eq!(items.json()["rows"]["list"].as_array().unwrap().len(), 4);
    assert!(items.text().contains("and 1 more rows"), "{}", items.text());
    assert!(items.text().contains("•••0003") && !items.text().contains("9900003"));
    let replayed = async |code: &str| {
        let chosen = Chosen { code: Some(code.to_owned()), ..Chosen::default() };
        replay::run(&hub.context, &chosen, &me()).await.err().unwrap().to_string()
    };
    let said = replayed("code_unknow").await;
    assert!(said.contains("did you mean `code_unknown`?"), "{said}");
    assert!(
        said.contains("rows wait under code_unknown, pence_wrong_shape, record.no_key"),
        "{said}"
    );
    let said = replayed("file.total").await;
    assert!(said.contains("a code of whole files") && said.contains("held show"), "{said}");
    let wrong = held::items(&hub.context, "code_unknwon", 4, Sight::Masked).await.err().unwrap();
    assert_eq!(wrong.to_string(), "there is no code `code_unknwon`; did you mean `code_unknown`?");
}

async fn explained(on: On) {
    let mut hub = hub_with_held(on).await;
    let row = async |hub: &TestHub, cause: &str| {
        let sql =
            format!("SELECT CAST(MIN(id) AS TEXT) FROM dead_letter WHERE cause LIKE '{cause}%'");
        hub.text(&sql).await.parse::<i64>().unwrap()
    };
    let show = async |hub: &TestHub, id: i64, sight: Sight| {
        let shown = held_show::show(&hub.context, id, sight).await.unwrap();
        (shown.json(), shown.text())
    };
    let id = row(&hub, "account status").await;
    let (json, text) = show(&hub, id, Sight::Masked).await;
    assert_eq!(json["faults"][0]["path"], json!("Status"));
    for said in [
        "add to mappings/codes/account_status.csv what it means, one of: closed, open",
        "LIMBO,MEANING,,",
        &format!("viaduct replay --id {id}"),
        "nothing of it is published yet",
        "revenues •••0003",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    let id = row(&hub, "party 2 role").await;
    let (_, text) = show(&hub, id, Sight::Masked).await;
    assert!(text.contains("`LODGER` at `@role`") && text.contains("liability_role.csv"), "{text}");

    let id = row(&hub, "account balance").await;
    let (json, text) = show(&hub, id, Sight::Masked).await;
    assert!(!text.contains("about 10") && text.contains("(masked: --show shows it)"), "{text}");
    assert_eq!(json["faults"][0]["masked"], json!(true));
    let (_, text) = show(&hub, id, Sight::Shown).await;
    assert!(text.contains("`about 10` at `Balance/Outstanding`"), "{text}");

    let id = row(&hub, "the record has no key").await;
    let (json, text) = show(&hub, id, Sight::Masked).await;
    assert_eq!(json["would_now_be"], json!("unreadable"));
    assert!(text.contains("without a key"), "{text}");
    assert!(text.contains("it is record 12 of the extract"), "{text}");

    let id = row(&hub, "account status").await;
    hub.edit("mappings/codes/account_status.csv", "OPEN,open,,", "OPEN,open,,\nLIMBO,open,,");
    hub.reload().await;
    let (json, text) = show(&hub, id, Sight::Masked).await;
    assert_eq!(json["would_now_be"], json!("published"));
    assert!(text.contains(&format!("It would be published now: viaduct replay --id {id}")));
    let nobody = held_show::show(&hub.context, 1, Sight::Masked).await.err().unwrap();
    assert!(nobody.to_string().contains("nothing that is held has the number 1"), "{nobody}");
}

async fn shown(hub: &TestHub, condition: &str, sight: Sight) -> (Value, String) {
    let sql = format!("SELECT CAST(MIN(id) AS TEXT) FROM dead_letter WHERE {condition}");
    let id = hub.text(&sql).await.parse().unwrap();
    let shown = held_show::show(&hub.context, id, sight).await.unwrap();
    (shown.json(), shown.text())
}

async fn at_source(on: On) {
    let mut hub = TestHub::open(on).await;
    let mut accounts = some(20);
    let wrong = "<DateOfBirth>1984-02-31</DateOfBirth></Person>";
    accounts[3] = accounts[3].replace("</Person>", wrong);
    accounts[4] = accounts[4].replace("ref=\"9900004\"", "ref=\"\"");
    accounts[5] = accounts[5].replace("OPEN", "LIMBO");
    hub.drop_file("revenues", "ctax-1.xml", &extract(&accounts));
    hub.edit(MAPPING, ", via = [\"drop_placeholder_dates\"], on_error = \"null\"", "");
    hub.reload().await;
    hub.run("ingest-revenues").await;
    for code in ["date_impossible", "record.no_key"] {
        let (json, text) = shown(&hub, &format!("code = '{code}'"), Sight::Masked).await;
        assert_eq!(json["replay"], json!(null), "{text}");
        assert!(text.contains("the next extract brings it") && !text.contains("replay"), "{text}");
        let items = held::items(&hub.context, code, 4, Sight::Masked).await.unwrap().text();
        assert!(!items.contains("viaduct replay"), "{items}");
    }
    let (_, text) = shown(&hub, "code = 'code_unknown'", Sight::Masked).await;
    assert!(text.contains("When that is mended: viaduct replay --id"), "{text}");
}

async fn twice(on: On) {
    let hub = TestHub::open(on).await;
    let mut accounts = some(20);
    accounts[5] = accounts[5].replace("9900005", "9900003");
    hub.drop_file("revenues", "ctax-1.xml", &extract(&accounts));
    hub.run("ingest-revenues").await;
    let (json, text) = shown(&hub, "code = 'record.duplicate_key'", Sight::Masked).await;
    assert_eq!(json["key"], json!("•••0003"));
    assert!(text.contains("revenues •••0003") && !text.contains("9900003"), "{text}");
    assert!(text.contains("it is record 6 of the extract"), "{text}");
}

async fn computed(on: On) {
    let mut hub = TestHub::open(on).await;
    let long = " && text(\"Status\") != \"\"".repeat(8);
    let expression = format!("'true{long} ? int(text(\"Balance/Outstanding\")) : 1'");
    hub.edit(MAPPING, "{ from = \"Balance/@year\" }", &format!("{{ expr = {expression} }}"));
    hub.reload().await;
    hub.drop_file("revenues", "ctax-1.xml", &extract(&some(1)));
    hub.run("ingest-revenues").await;
    let (json, text) = shown(&hub, "code = 'expression.failed'", Sight::Shown).await;
    for said in [
        "it is computed by `true && text(\"Status\") != \"\"",
        "…`",
        "it fails: `int(…)` was given a text that is no whole number",
        "with `10.00` at `Balance/Outstanding`",
        "with `OPEN` at `Status`",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    assert!(!text.contains("says nothing"), "{text}");
    assert_eq!(json["faults"][0]["computed"]["reads"].as_array().unwrap().len(), 2, "{json}");
    let (json, text) = shown(&hub, "code = 'expression.failed'", Sight::Masked).await;
    assert!(!text.contains("10.00") && text.contains("--show shows it"), "{text}");
    assert!(!json.to_string().contains("10.00"), "{json}");
}

async fn masked_code(on: On) {
    let mut hub = TestHub::open(on).await;
    let surname = "{ from = \"Surname\", via = [\"trim\", \"title_case\"], required = true }";
    hub.edit(MAPPING, surname, "{ from = \"Surname\", codes = \"codes/account_status.csv\" }");
    hub.reload().await;
    hub.drop_file("revenues", "ctax-1.xml", &extract(&some(1)));
    hub.run("ingest-revenues").await;
    let (_, text) = shown(&hub, "code = 'code_unknown'", Sight::Masked).await;
    assert!(text.contains("        CODE,MEANING,,"), "{text}");
    let (_, text) = shown(&hub, "code = 'code_unknown'", Sight::Shown).await;
    assert!(text.contains("        Testberry,MEANING,,"), "{text}");
}

async fn strange_line(on: On) {
    let mut hub = TestHub::open_with(on, Path::new("benches/formats/definitions")).await;
    let drop = hub.drop_folder("revenues");
    let variables = [("BENCH_DROP".to_owned(), drop.display().to_string())].into();
    hub.context.around = surroundings(variables);
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/formats/ctax-25.dat");
    // Windows-1252, and a byte for each character.
    let good: String = std::fs::read(fixture).unwrap().into_iter().map(char::from).collect();
    let drop_file = |hub: &TestHub, name: &str, text: &str| {
        let bytes: Vec<u8> = text.chars().map(|letter| letter as u8).collect();
        hub.drop_file("revenues", name, &bytes);
    };
    // The second account's person is somebody else's: whose, nobody can tell.
    let bad = good.replacen("027000000001", "027000009999", 1);
    assert_ne!(good, bad);
    drop_file(&hub, "ctax-1.dat", &bad);
    let report = hub.run("fixed_width").await;
    assert_eq!((&report["total"]["held"], &report["total"]["published"]), (&json!(1), &json!(24)));
    let (json, text) = shown(&hub, "code = 'fixed.orphan'", Sight::Shown).await;
    assert_eq!(json["key"], json!("7000000001"), "{text}");
    // What was kept reads like a record and is none: a replay does not make one of it.
    let done = replay::run(&hub.context, &Chosen::default(), &me()).await.unwrap();
    assert!(done.any_left(), "{}", done.text());
    assert!(done.text().contains("1 held rows wait as before"), "{}", done.text());
    let open = "SELECT COUNT(*) FROM dead_letter WHERE settled_ms IS NULL";
    let open = open.replace("COUNT(*)", "CAST(COUNT(*) AS TEXT)");
    assert_eq!(hub.text(&open).await, "1");
    // The next good extract settles it; bad once more, it waits once, and what is known stands.
    drop_file(&hub, "ctax-2.dat", &good);
    hub.run("fixed_width").await;
    assert_eq!(hub.text(&open).await, "0");
    for name in ["ctax-3.dat", "ctax-4.dat"] {
        let bad = bad.replacen("027000009999", &format!("02700000999{}", &name[5..6]), 1);
        drop_file(&hub, name, &bad);
        let report = hub.run("fixed_width").await;
        assert_eq!(report["total"]["records"]["gone"], json!(0), "{report}");
        assert_eq!(report["total"]["held"], json!(1), "{report}");
        assert_eq!(hub.text(&open).await, "1");
    }
    let done = replay::run(&hub.context, &Chosen::default(), &me()).await.unwrap();
    assert!(done.text().contains("is no sound record"), "{}", done.text());
    assert_eq!(hub.text(&open).await, "1", "an older good record does not supersede it");
    drop_file(&hub, "ctax-5.dat", &format!("{good}\n\n"));
    hub.run("fixed_width").await;
    assert_eq!(hub.text(&open).await, "0", "unchanged, it waits no more");
}

async fn put_back(on: On) {
    let mut hub = TestHub::open(on).await;
    hub.drop_file("revenues", "ctax-1.xml", &extract(&some(30)));
    hub.run("ingest-revenues").await;
    hub.drop_file("revenues", "ctax-2.xml", &extract(&some(3)));
    let report = hub.run("ingest-revenues").await;
    assert_eq!(report["batches"][0]["cause_code"], json!("extract.short"));
    let id = report["batches"][0]["batch"].as_i64().unwrap();
    let shown = held_show::show(&hub.context, id, Sight::Masked).await.unwrap();
    let folder = hub.drop_folder("revenues");
    let lies = folder.join("held/ctax-2.xml");
    assert_eq!(shown.json()["lies"], json!(lies));
    assert!(shown.text().contains("&& viaduct run ingest-revenues"), "{}", shown.text());
    // Put back as it is, it is looked at again, and held again.
    std::fs::rename(&lies, folder.join("ctax-2.xml")).unwrap();
    let again = hub.run("ingest-revenues").await;
    assert_eq!(again["batches"][0]["cause_code"], json!("extract.short"));
    let waiting = held::list(&hub.context).await.unwrap().json();
    assert_eq!(waiting["batches"].as_array().unwrap().len(), 1, "one file waits once");
    hub.edit("connectors/revenues.toml", "keep_percent     = 80", "keep_percent     = 5");
    hub.reload().await;
    std::fs::rename(&lies, folder.join("ctax-2.xml")).unwrap();
    let taken = hub.run("ingest-revenues").await;
    assert_eq!(taken["batches"][0]["state"], json!("closed"));
    assert_eq!(taken["total"]["records"]["gone"], json!(27));
    assert!(held::list(&hub.context).await.unwrap().text().starts_with("Nothing waits"));
}

async fn accepted(on: On) {
    let hub = TestHub::open(on).await;
    hub.drop_file("revenues", "ctax-1.xml", &extract(&some(30)));
    hub.run("ingest-revenues").await;
    hub.drop_file("revenues", "ctax-2.xml", &extract(&some(3)));
    let report = hub.run("ingest-revenues").await;
    let batch = report["batches"][0]["batch"].as_i64().unwrap();
    let decide = |reason: &str| Decide { batch, reason: reason.to_owned() };
    let nothing_said =
        decide::accept(&hub.context, &decide("  "), &me()).await.unwrap_err().to_string();
    assert!(nothing_said.contains("--reason"), "{nothing_said}");
    let (json, text) =
        decide::accept(&hub.context, &decide("a ward moved away"), &me()).await.unwrap();
    assert_eq!(json["put_back"], json!(true));
    assert!(text.contains("viaduct run ingest-revenues"), "{text}");
    let other = decide::refuse(&hub.context, &decide("no"), &me()).await.unwrap_err().to_string();
    assert!(other.contains("was accepted by user:"), "{other}");
    assert!(held::list(&hub.context).await.unwrap().text().starts_with("Nothing waits"));
    let taken = hub.run("ingest-revenues").await;
    assert_eq!(taken["batches"][0]["state"], json!("closed"));
    assert_eq!(taken["batches"][0]["cause_code"], json!("extract.accepted"));
    let cause = taken["batches"][0]["cause"].as_str().unwrap();
    assert!(cause.contains("a ward moved away"), "{cause}");
    assert_eq!(taken["total"]["records"]["gone"], json!(27));
    let late =
        decide::accept(&hub.context, &Decide { batch: 1, reason: "x".to_owned() }, &me()).await;
    assert!(late.unwrap_err().to_string().contains("there is no batch 1"));
    let (json, _) = batches::list(&hub.context.database, &all()).await.unwrap();
    let states: Vec<&str> =
        json.as_array().unwrap().iter().map(|one| one["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["closed", "held", "closed"], "the newest first");
    let (json, text) = batches::show(&hub.context.database, batch, None).await.unwrap();
    assert_eq!(json["decision"]["reason"], json!("a ward moved away"));
    assert!(text.contains("accepted by user:"), "{text}");
}

async fn looks_utf8(on: On) {
    let mut hub = TestHub::open(on).await;
    hub.edit("connectors/revenues.toml", "[settings]", "[settings]\nencoding = \"iso-8859-1\"");
    hub.reload().await;
    let mut accounts = some(3);
    accounts[1] = accounts[1].replace("Testberry", "Test\u{EB}rry");
    hub.drop_file("revenues", "ctax-1.xml", &extract(&accounts));
    let report = hub.run("ingest-revenues").await;
    assert_eq!(report["batches"][0]["cause_code"], json!("file.looks_utf8"));
    let batch = report["batches"][0]["batch"].as_i64().unwrap();
    let asked = Decide { batch, reason: "it is what it is".to_owned() };
    decide::accept(&hub.context, &asked, &me()).await.unwrap();
    let taken = hub.run("ingest-revenues").await;
    assert_eq!(taken["batches"][0]["cause_code"], json!("extract.accepted"));
    let cause = taken["batches"][0]["cause"].as_str().unwrap();
    assert!(cause.contains("looks like UTF-8") && cause.contains("it is what it is"), "{cause}");
}

async fn refused(on: On) {
    let hub = TestHub::open(on).await;
    hub.drop_file("revenues", "ctax-1.xml", &extract(&some(30)));
    hub.run("ingest-revenues").await;
    hub.drop_file("revenues", "ctax-2.xml", b"<CouncilTaxExtract");
    let report = hub.run("ingest-revenues").await;
    let batch = report["batches"][0]["batch"].as_i64().unwrap();
    let decide = || Decide { batch, reason: "cut off on its way".to_owned() };
    let never = decide::accept(&hub.context, &decide(), &me()).await.unwrap_err().to_string();
    assert!(never.contains("which nobody can accept"), "{never}");
    decide::refuse(&hub.context, &decide(), &me()).await.unwrap();
    decide::refuse(&hub.context, &decide(), &me()).await.expect("said twice is said");
    assert!(held::list(&hub.context).await.unwrap().text().starts_with("Nothing waits"));
}

fn all() -> batches::Wanted {
    batches::Wanted { job: None, most: 20 }
}

async fn message(on: On) {
    let hub = TestHub::open(on).await;
    hub.drop_file("revenues", "ctax-1.xml", &extract(&some(20)));
    hub.run("ingest-revenues").await;
    let mut accounts = some(20);
    accounts[3] = accounts[3].replace("<Paid>1.00", "<Paid>5.00");
    hub.drop_file("revenues", "ctax-2.xml", &extract(&accounts));
    hub.run("ingest-revenues").await;
    let list = held::list(&hub.context).await.unwrap();
    let group = &list.json()["messages"][0];
    assert_eq!(group["code"], json!("delivery.no_address"));
    assert!(!list.text().contains("viaduct replay"), "{}", list.text());
    let chosen = Chosen { code: Some("delivery.no_address".to_owned()), ..Chosen::default() };
    let said = replay::run(&hub.context, &chosen, &me()).await.err().unwrap().to_string();
    assert!(said.contains("viaduct deliveries release --code delivery.no_address"), "{said}");
    let id = group["example"].as_i64().unwrap();
    let shown = held_show::show(&hub.context, id, Sight::Masked).await.unwrap();
    assert!(shown.text().contains("means    there is nowhere to send it"), "{}", shown.text());
    assert_eq!(shown.json()["mapping"], json!("payment_received"));
}

async fn same_name(on: On) {
    let hub = TestHub::open(on).await;
    let mut ids = Vec::new();
    for said in [5, 31] {
        hub.drop_file("revenues", "ctax-1.xml", &extract_that_says(&some(4), said));
        let report = hub.run("ingest-revenues").await;
        assert_eq!(report["batches"][0]["cause_code"], json!("file.total"));
        ids.push(report["batches"][0]["batch"].as_i64().unwrap());
    }
    let folder = hub.drop_folder("revenues");
    let show = async |id: i64| {
        let shown = held_show::show(&hub.context, id, Sight::Masked).await.unwrap();
        (shown.json(), shown.text())
    };
    for (id, name) in ids.iter().zip(["ctax-1.xml", "ctax-1.xml.2"]) {
        let (json, text) = show(*id).await;
        let lies = folder.join("held").join(name);
        assert_eq!(json["lies"], json!(lies));
        let (from, to) = (lies.display(), folder.join("ctax-1.xml"));
        let back = format!("mv -n '{from}' '{}' && viaduct run ingest-revenues", to.display());
        assert!(text.contains(&back), "{back}: {text}");
    }
    std::fs::remove_file(folder.join("held/ctax-1.xml")).unwrap();
    let (json, text) = show(ids[0]).await;
    assert_eq!(json["put_back"], json!(null));
    assert!(text.contains("any more; if it is still wanted, ask for it again"), "{text}");
    let (json, _) = show(ids[1]).await;
    assert_eq!(json["lies"], json!(folder.join("held/ctax-1.xml.2")));
}

async fn times_sent(on: On) {
    let hub = TestHub::open(on).await;
    let database = &hub.context.database;
    let held = "INSERT INTO delivery (id, change_event_id, batch_id, resident_id, destination, \
        mapping, mapping_version, purpose, needs_consent, reference, state, since_ms, \
        next_ms, intents, cause_code, created_ms) VALUES (4, 0, 1, 1, 'notify', 'm', 1, 'p', FALSE, \
        'r', 'held', 0, 0, 1, 'suppressed.hold', 0)";
    let attempt = async |number: i64, outcome: &str| {
        let mut transaction = database.begin().await.unwrap();
        let sql = "INSERT INTO delivery_attempt (delivery_id, attempt, intent_ms, outcome) \
                   VALUES (4, $1, 0, $2)";
        transaction.execute(sql, vec![number.into(), outcome.to_owned().into()]).await.unwrap();
        transaction.commit().await.unwrap();
    };
    let mut transaction = database.begin().await.unwrap();
    transaction.execute(held, vec![]).await.unwrap();
    transaction.commit().await.unwrap();
    for (number, outcome, said) in [
        (1, "suppressed.hold", "sent     never sent; our reference is r"),
        (2, "waiting", "sent     once; the platform gave it no name"),
        (3, "notify.invalid", "sent     2 times; the platform gave it no name"),
    ] {
        attempt(number, outcome).await;
        let shown = held_show::show(&hub.context, 4, Sight::Masked).await.unwrap();
        assert!(shown.text().contains(said), "{said}: {}", shown.text());
        assert_eq!(shown.json()["attempts"], json!(number - 1));
    }
}
