//! A card number in what a system sends: the row waits, somebody is told, and the number is nowhere.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::json;
use viaduct::app::preview::{self, Listing};
use viaduct::app::sight::Sight;
use viaduct::job::packing::Unpacker;
use viaduct::store::database::Cell;
use viaduct::store::source_records;

use super::{account, contacts, count, extract, held};
use crate::support::hub::{On, TestHub, on_both};

on_both! {
    b45_a_card_number_holds_its_row_and_is_kept_nowhere => super::nowhere,
    b45_a_known_account_stays_as_it_was => super::known_account,
    b45_columns_that_touch_hide_no_number => super::fixed_width,
    b45_what_identifies_a_record_and_what_is_let_off_is_no_card => super::let_off,
}

const NUMBER: &str = "4111111111111111";

/// Every record that is kept, as it was given; and every other text in the tables.
async fn everything_kept(hub: &TestHub) -> String {
    let database = &hub.context.database;
    let sources: Vec<(i64,)> = database.fetch("SELECT id FROM source", vec![]).await.unwrap();
    let mut kept = String::new();
    for (source,) in sources {
        let dictionaries = source_records::dictionaries(database, source).await.unwrap();
        for (_, bytes) in &dictionaries {
            kept.push_str(&String::from_utf8_lossy(bytes));
        }
        let mut unpacker = Unpacker::new(&dictionaries).unwrap();
        let sql = "SELECT r.dictionary_id, r.payload, r.key FROM source_record r \
                   JOIN batch b ON b.id = r.batch_id WHERE b.source_id = $1 ORDER BY r.id";
        let rows: Vec<(i64, Vec<u8>, String)> =
            database.fetch(sql, vec![Cell::Int(source)]).await.unwrap();
        for (dictionary, payload, key) in rows {
            kept.push_str(&unpacker.unpack(dictionary, &payload).unwrap().unwrap_or_default());
            kept.push_str(&key);
            kept.push('\n');
        }
    }
    for sql in [
        "SELECT cause, field FROM dead_letter",
        "SELECT cause FROM batch",
        "SELECT facts, issues FROM account",
        "SELECT facts, issues FROM party",
        "SELECT facts FROM resident",
        "SELECT changes FROM change_event",
        "SELECT message FROM delivery_message",
    ] {
        kept.extend(hub.rows(sql).await.into_iter().flatten());
    }
    kept
}

/// Digits alone, so that no blank hides a number.
fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// A job in a process of its own, with a log as fine as it gets.
fn run(hub: &TestHub, job: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_viaduct"))
        .args(["--database", &hub.url, "--json", "run", job, "--definitions"])
        .arg(&hub.definitions)
        .envs(hub.variables())
        .env("VIADUCT_LOG", "trace")
        .output()
        .unwrap()
}

const CLAIMS: &str = "claim_ref,claim_status,addr1,addr2,town,p1_ref,p1_role,p1_surname";

async fn nowhere(on: On) {
    let hub = TestHub::open(on).await;
    let line =
        |text: &str| format!("<Property><Address><Line1>{text}</Line1></Address></Property>");
    let accounts = [
        account(1, "", &line("1 Fiction Road")),
        account(2, "", &line(NUMBER)),
        account(3, "", &line("card 4111 1111 1111 1111 exp 12/28")),
        account(4, "", &line("4111-1111-1111-1111")),
        account(5, "<Title>4111 1111</Title><Forename>1111 1111</Forename>", ""),
        account(6, "", &format!("<Note when=\"{NUMBER}\"/>")),
        account(7, "", &line("&#52;111<!-- -->1111 1111<![CDATA[ 1111]]>")),
        account(8, "", &line("3782 822463 10005")),
        account(9, "", &line("07700 900123 or 01632 960001")),
    ];
    hub.drop_file("revenues", "ctax-1.xml", &extract(&accounts));
    let rows = [
        "9901000001,Live,41111111,11111111,Town,B1,CLAIMANT,Testberry",
        "9901000002,Live,\"4111 1111\",\"1111 1111\",Town,B2,CLAIMANT,Testberry",
        "9901000003,Live,1 Fiction Road,,Town,B3,CLAIMANT,Testberry",
        "9901000004,Live,4111111111111111,too,many,columns,Town,B4,CLAIMANT,Testberry",
    ];
    let claims = format!("{CLAIMS}\n{}\nTRAILER,4,,,,,,\n", rows.join("\n"));
    hub.drop_file("benefits", "claims-1.csv", claims.as_bytes());
    let contact = |id: &str, line: serde_json::Value| json!({"contactId": id, "name": {"surname": "Testberry"}, "address": line});
    let all = [
        contact("CRM0000001", json!({"line1": NUMBER, "line2": ""})),
        contact("CRM0000002", json!({"line1": 4111111111111111_u64})),
        contact("CRM0000003", json!({"line1": "my card", "notes": ["4111 1111", "1111 1111"]})),
        contact("CRM0000004", json!({"line1": "4111\n1111\t1111\u{a0}1111"})),
        contact("CRM0000005", json!({"line1": "Flat 2"})),
    ];
    hub.drop_file("crm", "contacts-1.json", &contacts(&all));

    let mut said = String::new();
    for (job, in_all, held) in
        [("ingest-revenues", 9, 7), ("ingest-benefits", 4, 3), ("ingest-crm", 5, 4)]
    {
        let output = run(&hub, job);
        let (out, log) =
            (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        let report: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(report["total"]["held"], json!(held), "{job}: {report:#}");
        assert_eq!(report["total"]["published"], json!(in_all - held), "{job}");
        assert_eq!(report["batches"][0]["cause_code"], json!("card.data"), "{job}");
        let alert = |line: &&str| line.contains("ERROR") && line.contains("card.data");
        assert_eq!(log.lines().filter(alert).count(), 1, "{job}");
        said.push_str(&out);
        said.push_str(&log);
    }
    let letters = super::held(&hub).await;
    assert_eq!(letters.len(), 14);
    assert!(letters.iter().all(|[code, _]| code == "card.data"), "{letters:?}");
    let places: Vec<&str> =
        letters.iter().filter_map(|[_, cause]| cause.split('`').nth(1)).collect();
    assert!(places.contains(&"Line1") && places.contains(&"when"), "{places:?}");
    let across = letters.iter().filter(|[_, cause]| cause.contains("across")).count();
    assert_eq!(across, 4, "{letters:?}");

    let kept = everything_kept(&hub).await;
    for text in [&kept, &said] {
        for part in ["4111 1111", "41111111", "4111-1111", "11111111", "822463", "&#52;"] {
            assert!(!text.contains(part), "{part}");
        }
        assert!(!digits(text).contains(NUMBER));
    }
    // What is no number of a card is as it was, and the row can be told.
    assert!(kept.contains("07700 900123") && kept.contains("9900000002"));
    assert!(kept.contains("card XXXX XXXX XXXX XXXX exp 12/28"), "{kept}");
    assert_eq!(hub.files("revenues", "processed"), ["ctax-1.xml"]);
}

async fn known_account(on: On) {
    let hub = TestHub::open(on).await;
    let town = |town: &str| format!("<Property><Address><Town>{town}</Town></Address></Property>");
    let night =
        |first: &str| extract(&[account(1, "", &town(first)), account(2, "", &town("Town"))]);
    hub.drop_file("revenues", "ctax-1.xml", &night("Sampleham"));
    hub.run("ingest-revenues").await;
    hub.drop_file("revenues", "ctax-2.xml", &night("rang 4111 1111 1111 1111"));
    let report = hub.run("ingest-revenues").await;
    assert_eq!((&report["total"]["held"], &report["total"]["unchanged"]), (&json!(1), &json!(1)));
    assert_eq!(report["total"]["records"]["gone"], json!(0), "it is there, and is held");
    assert_eq!(super::facts(&hub, "account", "property.town").await, ["Sampleham", "Town"]);
    // Taken out at its source, it is published, and nothing waits any more.
    hub.drop_file("revenues", "ctax-3.xml", &night("Otherham"));
    let report = hub.run("ingest-revenues").await;
    assert_eq!(report["total"]["published"], json!(1));
    assert_eq!(count(&hub, "dead_letter WHERE settled_ms IS NULL").await, 0);
    assert_eq!(super::facts(&hub, "account", "property.town").await, ["Otherham", "Town"]);
}

async fn fixed_width(on: On) {
    let mut hub = TestHub::open_with(on, Path::new("benches/formats/definitions")).await;
    let drop = hub.drop_folder("revenues");
    let variables = [("BENCH_DROP".to_owned(), drop.display().to_string())].into();
    hub.context.around = viaduct::app::context::surroundings(variables);
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/formats/ctax-25.dat");
    let text = std::fs::read(fixture).unwrap();
    let mut lines: Vec<Vec<u8>> = text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    // In one line the number fills its columns from before to behind; in another it is in two of them.
    let accounts: Vec<usize> =
        (0..lines.len()).filter(|at| lines[*at].starts_with(b"01")).collect();
    lines[accounts[1]][182..198].copy_from_slice(NUMBER.as_bytes());
    lines[accounts[2]][58..67].copy_from_slice(b"4111 1111");
    lines[accounts[2]][67..98].fill(b' ');
    lines[accounts[2]][98..138].fill(b' ');
    lines[accounts[2]][98..107].copy_from_slice(b"1111 1111");
    hub.drop_file("revenues", "ctax-1.dat", &lines.join(&b'\n'));
    let report = hub.run("fixed_width").await;
    assert_eq!((&report["total"]["held"], &report["total"]["published"]), (&json!(2), &json!(23)));
    let letters = held(&hub).await;
    assert!(letters.iter().all(|[code, _]| code == "card.data"), "{letters:?}");
    let kept = everything_kept(&hub).await;
    assert!(!digits(&kept).contains(NUMBER) && !kept.contains("4111 1111"));
}

async fn let_off(on: On) {
    let mut hub = TestHub::open(on).await;
    hub.edit(
        "connectors/revenues.toml",
        "[settings]\n",
        "[settings]\nnot_cards = [\"mandateref\"]\n",
    );
    hub.reload().await;
    let mandate =
        format!("<PaymentMethod type=\"DD\"><MandateRef>{NUMBER}</MandateRef></PaymentMethod>");
    let keyed = account(2, "", "").replace("9900000002", NUMBER);
    let both = account(3, "", &format!("{mandate}<Note>{NUMBER}</Note>"));
    let file = extract(&[account(1, "", &mandate), keyed, both]);
    hub.drop_file("revenues", "ctax-1.xml", &file);
    let job = hub.context.job("ingest-revenues").unwrap();
    let listing = Listing { most: 10, sight: Sight::Masked };
    let foretold = preview::of_job(&hub.context, job, None, listing).await.unwrap().json();
    let report = hub.run("ingest-revenues").await;
    assert_eq!((&report["total"]["held"], &report["total"]["published"]), (&json!(1), &json!(2)));
    assert_eq!(foretold["run"]["total"], report["total"], "a preview lets off the same fields");
    assert!(held(&hub).await[0][1].contains("in `Note`"));
}
