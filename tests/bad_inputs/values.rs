//! Values: kept as they were given or held with their field, and never more than text.

use std::process::Command;

use serde_json::{Value, json};
use viaduct::app::sandbox::Notify;

use super::{account, contacts, count, extract, facts, held};
use crate::support::hub::{On, TestHub, on_both};

on_both! {
    b18_a_value_of_another_type_is_held_with_its_field => super::types,
    b37_markup_is_text_wherever_it_is_shown => super::markup,
    b38_sql_is_text_in_every_field_of_every_system => super::sql,
    b39_marks_and_look_alikes_are_kept => super::marks,
    b40_names_are_kept_as_given_and_matched_as_they_are_meant => super::names,
    b41_days_are_held_open_ended_or_read => super::days,
    b42_an_hour_that_the_clocks_skip_holds_its_row => super::hours,
    b43_money_is_read_as_declared_or_held => super::money,
    b44_numbers_are_normalised_or_held => super::numbers,
    b46_an_address_that_could_mean_more_is_never_handed_on => super::addresses,
}

const CTAX: &str = "mappings/inbound/ctax_account.toml";

/// Names come out as they went in: the mapping changes no letter.
async fn plain(on: On) -> TestHub {
    let mut hub = TestHub::open(on).await;
    hub.edit(CTAX, "via = [\"trim\", \"title_case\"]", "via = [\"trim\"]");
    hub.reload().await;
    hub
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&apos;")
}

/// Contacts that differ in one thing each.
fn contact(number: usize, name: &str, value: Value) -> Value {
    let mut contact = json!({
        "contactId": format!("CRM{number:07}"),
        "name": { "forename": "Arden", "surname": "Testberry" },
    });
    match name.split_once('.') {
        Some((group, inside)) => contact[group][inside] = value,
        None => contact[name] = value,
    }
    contact
}

async fn types(on: On) {
    let hub = TestHub::open(on).await;
    let cases = [
        (
            "name.surname",
            json!(null),
            "party 1 name.family: required (the mapping needs a value here",
        ),
        ("name.surname", json!({ "a": 1 }), "party 1 name.family: required"),
        ("name.surname", json!(["Testberry", "Fakeley"]), "party 1 name.family: json.duplicate"),
        (
            "wishes.mayContact",
            json!("perhaps"),
            "party 1 consent.contact: flag_unknown (it is none of the words",
        ),
        (
            "wishes.mayContact",
            json!(7),
            "party 1 consent.contact: flag_unknown (it is none of the words",
        ),
    ];
    let all: Vec<Value> = (cases.iter().enumerate())
        .map(|(number, (name, value, _))| contact(number, name, value.clone()))
        .collect();
    hub.drop_file("crm", "contacts-1.json", &contacts(&all));
    hub.run("ingest-crm").await;
    for ([_, cause], (name, value, wanted)) in held(&hub).await.iter().zip(&cases) {
        assert!(cause.starts_with(wanted), "{name} {value}: {cause}");
    }
    assert_eq!(count(&hub, "dead_letter").await, cases.len());
    let year = |year: &str| {
        account(
            1,
            "",
            &format!("<Balance year=\"{year}\"><Outstanding>1.00</Outstanding></Balance>"),
        )
    };
    for (number, text) in ["two", "2026.0", "1e3", "99999999999999999999"].iter().enumerate() {
        hub.drop_file("revenues", &format!("ctax-{number}.xml"), &extract(&[year(text)]));
        hub.run("ingest-revenues").await;
        let [code, cause] = held(&hub).await.pop().unwrap();
        assert_eq!(code, "whole_wrong_shape", "{text}");
        assert!(cause.contains("account year") && cause.contains("whole number"), "{cause}");
        assert!(!cause.contains(text), "{cause}");
    }
}

const MARKUP: [&str; 6] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "{{7*7}}",
    "${jndi:ldap://127.0.0.1:1/x}",
    "((first_name))",
    "[here](https://example.com/x)",
];

async fn markup(on: On) {
    let hub = plain(on).await;
    let night = |line: &str| {
        let one = |(number, text): (usize, &&str)| {
            let text = escaped(text);
            let person = format!(
                "<Forename>{text}</Forename><Surname>{text}</Surname><Email>a{number}@example.com</Email>"
            );
            let address =
                format!("<Line1>{line}</Line1><Town>{text}</Town><Postcode>SK99 1AA</Postcode>");
            account(number, &person, &format!("<Property><Address>{address}</Address></Property>"))
        };
        extract(&MARKUP.iter().enumerate().map(one).collect::<Vec<_>>())
    };
    let name = MARKUP[0];
    hub.drop_file("revenues", "ctax-1.xml", &night("1 Fiction Road"));
    hub.run("ingest-revenues").await;
    assert_eq!(facts(&hub, "party", "name.given").await, MARKUP);
    assert_eq!(facts(&hub, "party", "name.family").await, MARKUP);
    assert_eq!(facts(&hub, "party", "address.town").await, MARKUP);
    // In the table of claims and in the CRM's document.
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let rows: Vec<String> = (MARKUP.iter().enumerate())
        .map(|(number, text)| format!("991{number},Live,{0},B{number},CLAIMANT,{0}", quoted(text)))
        .collect();
    let claims = format!(
        "claim_ref,claim_status,addr1,p1_ref,p1_role,p1_forename\n{}\nTRAILER,6,,,,\n",
        rows.join("\n")
    )
    .replace("p1_forename", "p1_surname");
    hub.drop_file("benefits", "claims-1.csv", claims.as_bytes());
    hub.run("ingest-benefits").await;
    assert_eq!(facts(&hub, "party", "address.line1").await[6..], MARKUP);
    let all: Vec<Value> = (MARKUP.iter().enumerate())
        .map(|(number, text)| contact(number, "name.surname", json!(text)))
        .collect();
    hub.drop_file("crm", "contacts-1.json", &contacts(&all));
    hub.run("ingest-crm").await;
    assert_eq!(facts(&hub, "party", "name.family").await[12..], MARKUP);

    // They move, and are told: the platform is given what was given to us, and asked to make it harmless.
    hub.drop_file("revenues", "ctax-2.xml", &night("2 Fiction Road"));
    hub.run("ingest-revenues").await;
    let messages = hub.rows("SELECT message FROM delivery_message ORDER BY delivery_id").await;
    let names: Vec<String> = (messages.iter())
        .map(|row| serde_json::from_str::<Value>(&row[0]).unwrap())
        .map(|message| message["fields"].to_string())
        .collect();
    assert_eq!(names.len(), MARKUP.len());
    for (fields, text) in names.iter().zip(MARKUP) {
        assert!(fields.contains(&json!(text).to_string()), "{fields}");
    }
    let ledger = hub.folder.path().join("ledger.jsonl");
    let notify = Notify::start(0, None, Some(&ledger)).await.unwrap();
    let job = Command::new(env!("CARGO_BIN_EXE_viaduct"))
        .args(["--database", &hub.url, "--json", "run", "deliver-notify", "--definitions"])
        .arg(&hub.definitions)
        .envs(hub.variables())
        .envs(notify.variables())
        .env("VIADUCT_LOG", "debug")
        .output();
    let output = job.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(count(&hub, "delivery WHERE state IN ('accepted', 'delivered')").await, 6);
    let told = std::fs::read_to_string(ledger).unwrap();
    for harmful in ["](https://example.com/x)", "<script>alert", "<img src", "{{49}}", "49"] {
        let bodies = told.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        // What is escaped is shown as it was written.
        let mut bodies =
            bodies.map(|message| message["body"].as_str().unwrap_or("").replace("\\<", "&lt;"));
        assert!(bodies.all(|body| !body.contains(harmful)), "{harmful}");
    }
    for text in [&output.stdout, &output.stderr] {
        assert!(!String::from_utf8_lossy(text).contains(name));
    }
}

const SQL: &str = "'; DROP TABLE resident;--";

async fn sql(on: On) {
    let hub = plain(on).await;
    // Each value of what a system sends, once with other text in its place.
    let xml = include_str!("../../connectors/revenues.sample.xml");
    let from = xml.find("<Account").unwrap();
    let one = &xml[from..xml.find("<Trailer").unwrap()];
    let mut accounts = Vec::new();
    for (at, _) in one.match_indices('>') {
        let length = one[at + 1..].find('<').unwrap_or(0);
        if !one[at + 1..at + 1 + length].trim().is_empty() {
            let account = format!("{}{SQL}{}", &one[..=at], &one[at + 1 + length..]);
            accounts.push(account.replace("9900000017", &format!("99{:08}", accounts.len())));
        }
    }
    for (at, _) in one.match_indices("=\"") {
        let length = one[at + 2..].find('"').unwrap();
        accounts.push(format!("{}{SQL}{}", &one[..at + 2], &one[at + 2 + length..]));
        if !one[..at].ends_with("ref") {
            let last = accounts.len();
            let account = accounts.pop().unwrap();
            accounts.push(account.replace("9900000017", &format!("99{last:08}")));
        }
    }
    assert!(accounts.len() > 40, "{}", accounts.len());
    hub.drop_file("revenues", "ctax-1.xml", &extract(&accounts));
    let report = hub.run("ingest-revenues").await;
    assert_eq!(report["total"]["rows_in"], json!(accounts.len()));
    assert!(report["total"]["published"].as_i64().unwrap() > 20, "{report:#}");

    let csv = include_str!("../../connectors/benefits.sample.csv");
    let (header, row) = csv.split_once('\n').unwrap();
    let row: Vec<&str> = row.lines().next().unwrap().split(',').collect();
    let rows: Vec<String> = (0..row.len())
        .map(|column| {
            let mut row: Vec<String> = row.iter().map(|value| (*value).to_owned()).collect();
            row[0] = format!("9901{column:04}");
            row[column] = format!("\"{SQL}\"");
            row.join(",")
        })
        .collect();
    let trailer = ",".repeat(row.len() - 2);
    let text = format!("{header}\n{}\nTRAILER,{}{trailer}\n", rows.join("\n"), rows.len());
    hub.drop_file("benefits", "claims-1.csv", text.as_bytes());
    let report = hub.run("ingest-benefits").await;
    assert_eq!(report["total"]["rows_in"], json!(rows.len()), "{report:#}");
    assert!(report["total"]["published"].as_i64().unwrap() > 10, "{report:#}");

    let sample: Value =
        serde_json::from_str(include_str!("../../connectors/crm.sample.json")).unwrap();
    let first = &sample["export"]["contacts"][0];
    let mut all = Vec::new();
    for (name, value) in first.as_object().unwrap() {
        let inside = value.as_object().into_iter().flat_map(|inside| inside.keys());
        for inside in inside.map(Some).chain([None]) {
            let mut contact = first.clone();
            contact["contactId"] = json!(format!("CRM{:07}", all.len()));
            match inside {
                Some(inside) => contact[name][inside] = json!(SQL),
                None => contact[name] = json!(SQL),
            }
            all.push(contact);
        }
    }
    hub.drop_file("crm", "contacts-1.json", &contacts(&all));
    let report = hub.run("ingest-crm").await;
    assert_eq!(report["total"]["rows_in"], json!(all.len()));

    // Bound, stored as it is, and as a key too; nothing was done.
    assert!(count(&hub, "party").await > 30);
    assert!(count(&hub, "source_key").await > 60);
    let kept = hub.rows("SELECT key FROM source_key WHERE key LIKE '%DROP TABLE%'").await;
    assert_eq!(kept, vec![[SQL]; 3]);
    for field in ["name.given", "name.family", "address.line1", "reference"] {
        assert!(facts(&hub, "party", field).await.iter().any(|value| value == SQL), "{field}");
    }
    let causes = held(&hub).await;
    assert!(causes.iter().all(|[_, cause]| !cause.contains("DROP")), "{causes:?}");
}

async fn marks(on: On) {
    let hub = plain(on).await;
    let long = format!("e{}", "\u{301}".repeat(1_000));
    let names = [
        "Fake\u{202e}ley",
        "Bram\u{200d}ble",
        "Br\u{430}mble",
        &long,
        "\u{feff}Testberry",
        "Test\u{ad}berry",
        "Zal\u{334}\u{335}go",
    ];
    let all: Vec<String> = (names.iter().enumerate())
        .map(|(number, name)| account(number, &format!("<Surname>{name}</Surname>"), ""))
        .collect();
    hub.drop_file("revenues", "ctax-1.xml", &extract(&all));
    let report = hub.run("ingest-revenues").await;
    assert_eq!(report["total"]["published"], json!(names.len()));
    assert_eq!(facts(&hub, "party", "name.family").await, names);
    // Again, and nothing is different.
    hub.drop_file("revenues", "ctax-2.xml", &[extract(&all), b"\n".to_vec()].concat());
    let report = hub.run("ingest-revenues").await;
    assert_eq!(report["total"]["unchanged"], json!(names.len()));
}

async fn names(on: On) {
    let hub = plain(on).await;
    let long = "Testberry".repeat(33) + "abc";
    assert_eq!(long.chars().count(), 300);
    let pairs = [
        ("O'Neill", "O\u{2019}Neill"),
        ("\u{174}yn", "W\u{302}yn"),
        ("\u{176}r", "Y\u{302}r"),
        ("\u{c5}ngstr\u{f6}m", "A\u{30a}ngstro\u{308}m"),
        ("Siob-h\u{e1}n", "SIOB H\u{c1}N"),
        ("Cher", "cher"),
        (&long, &long.to_uppercase()),
    ];
    let person = |number: usize, name: &str| {
        format!(
            "<Surname>{}</Surname><DateOfBirth>1984-02-29</DateOfBirth><NINO>QQ12345{number}A</NINO>",
            escaped(name)
        )
    };
    let accounts = |second: bool| -> Vec<String> {
        let account = |(number, pair): (usize, &(&str, &str))| {
            let name = if second { pair.1 } else { pair.0 };
            account(number + 100 * usize::from(second), &person(number, name), "")
        };
        pairs.iter().enumerate().map(account).collect()
    };
    let all = [accounts(false), accounts(true)].concat();
    hub.drop_file("revenues", "ctax-1.xml", &extract(&all));
    let report = hub.run("ingest-revenues").await;
    assert_eq!(report["total"]["published"], json!(all.len()), "none is refused");
    assert_eq!(count(&hub, "resident").await, pairs.len(), "each is one person");
    let given: Vec<&str> =
        pairs.iter().map(|pair| pair.0).chain(pairs.iter().map(|pair| pair.1)).collect();
    assert_eq!(facts(&hub, "party", "name.family").await, given);
}

async fn days(on: On) {
    let hub = TestHub::open(on).await;
    let days = [
        ("2026-04-01", None),
        ("2023-02-29", Some("date_impossible")),
        ("2026-04-31", Some("date_impossible")),
        ("0000-00-00", Some("date_impossible")),
        ("1899", Some("date_wrong_shape")),
        ("03/04/2026", Some("date_wrong_shape")),
        ("1899-12-31", None),
    ];
    let one = |(number, (day, _)): (usize, &(&str, Option<&str>))| {
        account(number, "", &format!("<OpenedDate>{day}</OpenedDate>"))
    };
    let all: Vec<String> = days.iter().enumerate().map(one).collect();
    hub.drop_file("revenues", "ctax-1.xml", &extract(&all));
    hub.run("ingest-revenues").await;
    let codes: Vec<String> = held(&hub).await.into_iter().map(|[code, _]| code).collect();
    let wanted: Vec<&str> = days.iter().filter_map(|(_, code)| *code).collect();
    assert_eq!(codes, wanted);
    assert_eq!(facts(&hub, "account", "opened").await, ["2026-04-01", "1899-12-31"]);
    // Sentinels mean "until further notice" where the mapping says so, and a day where it does not.
    let rows: Vec<String> = ["31/12/2099", "31/12/9999", "31/12/2999", "01/02/2026"]
        .iter()
        .enumerate()
        .map(|(number, day)| {
            format!("9901{number:04},Live,{day},{day},B{number},CLAIMANT,Testberry")
        })
        .collect();
    let claims = format!(
        "claim_ref,claim_status,start_date,end_date,p1_ref,p1_role,p1_surname\n{}\nTRAILER,4,,,,,\n",
        rows.join("\n")
    );
    hub.drop_file("benefits", "claims-1.csv", claims.as_bytes());
    hub.run("ingest-benefits").await;
    assert_eq!(facts(&hub, "account", "closed").await, ["2026-02-01"]);
    assert_eq!(
        facts(&hub, "account", "opened").await[2..],
        ["2099-12-31", "9999-12-31", "2999-12-31", "2026-02-01"]
    );
}

async fn hours(on: On) {
    let mut hub = TestHub::open(on).await;
    let opened = "\"OpenedDate\", as = { date = \"%Y-%m-%d\" }";
    let timed = "\"OpenedDate\", as = { date = [\"%Y-%m-%dT%H:%M:%S%z\", \"%Y-%m-%dT%H:%M:%S\"] }";
    hub.edit(CTAX, opened, timed);
    hub.reload().await;
    let times = [
        "2026-03-29T01:30:00",
        "2026-10-25T01:30:00",
        "2026-03-29T01:30:00Z",
        "2026-07-01T23:30:00Z",
        "2026-07-01T23:30:00",
    ];
    let one = |(number, time): (usize, &&str)| {
        account(number, "", &format!("<OpenedDate>{time}</OpenedDate>"))
    };
    hub.drop_file(
        "revenues",
        "ctax-1.xml",
        &extract(&times.iter().enumerate().map(one).collect::<Vec<_>>()),
    );
    hub.run("ingest-revenues").await;
    let waiting = held(&hub).await;
    let [[code, cause]] = &waiting[..] else { panic!("{waiting:?}") };
    assert_eq!(code, "date_skipped_hour");
    assert!(cause.contains("account opened") && cause.contains("clocks"), "{cause}");
    let opened = facts(&hub, "account", "opened").await;
    assert_eq!(opened, ["2026-10-25", "2026-03-29", "2026-07-02", "2026-07-01"]);
}

async fn money(on: On) {
    let hub = TestHub::open(on).await;
    let amounts = [
        ("12.34", Ok("1234")),
        ("-0.00", Ok("0")),
        ("1,234.5", Err("pence_wrong_shape")),
        ("£ 12", Err("pence_wrong_shape")),
        ("12.345", Err("pence_wrong_shape")),
        ("(12.00)", Err("pence_wrong_shape")),
        ("1e3", Err("pence_wrong_shape")),
        ("\u{663}", Err("pence_wrong_shape")),
        ("", Err("required")),
        ("   ", Err("required")),
        ("1000000000000000000", Err("pence_overflow")),
        ("0.1", Err("pence_wrong_shape")),
        ("NaN", Err("pence_wrong_shape")),
    ];
    let one = |(number, (text, _)): (usize, &(&str, Result<&str, &str>))| {
        account(number, "", &format!("<Balance><Outstanding>{text}</Outstanding></Balance>"))
    };
    hub.drop_file(
        "revenues",
        "ctax-1.xml",
        &extract(&amounts.iter().enumerate().map(one).collect::<Vec<_>>()),
    );
    hub.run("ingest-revenues").await;
    let codes: Vec<String> = held(&hub).await.into_iter().map(|[code, _]| code).collect();
    assert_eq!(codes, amounts.iter().filter_map(|(_, told)| told.err()).collect::<Vec<_>>());
    assert_eq!(facts(&hub, "account", "balance").await, ["1234", "0"]);
}

/// The table, field and value that it comes to; or the code that it is held under.
type Read = Result<(&'static str, &'static str, &'static str), &'static str>;

async fn numbers(on: On) {
    let mut hub = TestHub::open(on).await;
    for (from, to) in [
        ("as = \"sort_code\", on_error = \"null\"", "as = \"sort_code\""),
        ("as = \"bank_account\", on_error = \"null\"", "as = \"bank_account\""),
        ("as = \"nino\", on_error = \"null\"", "as = \"nino\""),
        ("{ from = \"PersonId\" }", "{ from = \"PersonId\", as = \"nhs\" }"),
    ] {
        hub.edit(CTAX, from, to);
    }
    hub.reload().await;
    let property = |name: &str, text: &str| format!("<Property><{name}>{text}</{name}></Property>");
    let address = |text: &str| property("Address", &format!("<Postcode>{text}</Postcode>"));
    let payment =
        |name: &str, text: &str| format!("<PaymentMethod><{name}>{text}</{name}></PaymentMethod>");
    let person = |name: &str, text: &str| format!("<{name}>{text}</{name}>");
    let cases: [(String, String, Read); 17] = [
        (person("NINO", "qq 12 34 56 a"), String::new(), Ok(("party", "nino", "QQ123456A"))),
        (person("NINO", "QQ12345A"), String::new(), Err("nino_wrong_shape")),
        (person("NINO", "BG123456A"), String::new(), Err("nino_bad_prefix")),
        (
            person("PersonId", "999 000 0018"),
            String::new(),
            Ok(("party", "reference", "9990000018")),
        ),
        (person("PersonId", "999 000 0019"), String::new(), Err("nhs_wrong_check")),
        (person("PersonId", "999000001"), String::new(), Err("nhs_wrong_shape")),
        (
            String::new(),
            property("UPRN", "000100099900001"),
            Ok(("account", "property.uprn", "100099900001")),
        ),
        (String::new(), property("UPRN", "1000999000012"), Err("uprn_wrong_shape")),
        (
            String::new(),
            payment("SortCode", "99-99-01"),
            Ok(("account", "payment.sort_code", "999901")),
        ),
        (String::new(), payment("SortCode", "99-99-1"), Err("sort_code_wrong_shape")),
        (
            String::new(),
            payment("AccountNumber", "1234567"),
            Ok(("account", "payment.account_number", "01234567")),
        ),
        (String::new(), payment("AccountNumber", "123456789"), Err("bank_account_wrong_shape")),
        (String::new(), payment("AccountNumber", "00000000"), Err("bank_account_wrong_shape")),
        (String::new(), address("sk991ab"), Ok(("account", "property.postcode", "SK99 1AB"))),
        (String::new(), address("SK99 1AC"), Err("postcode_wrong_shape")),
        (String::new(), address("SK99"), Err("postcode_wrong_shape")),
        (person("NINO", "TN010190M"), String::new(), Ok(("party", "name.family", "Testberry"))),
    ];
    let all: Vec<String> = (cases.iter().enumerate())
        .map(|(number, (person, more, _))| account(number, person, more))
        .collect();
    hub.drop_file("revenues", "ctax-1.xml", &extract(&all));
    hub.run("ingest-revenues").await;
    let codes: Vec<String> = held(&hub).await.into_iter().map(|[code, _]| code).collect();
    assert_eq!(codes, cases.iter().filter_map(|(.., told)| told.err()).collect::<Vec<_>>());
    for (.., told) in &cases {
        let Ok((table, field, value)) = told else { continue };
        let found = facts(&hub, table, field).await;
        assert!(found.iter().any(|found| found == value), "{field}: {found:?}");
    }
    // Of a range that nobody has: kept, and flagged for whoever would send it.
    let issues =
        hub.rows("SELECT issues FROM party WHERE issues IS NOT NULL").await.concat().join(" ");
    for flag in ["nino:nino_test_range", "reference:nhs_test_range"] {
        assert!(issues.contains(flag), "{issues}");
    }
}

async fn addresses(on: On) {
    let hub = TestHub::open(on).await;
    let cases = [
        ("Email", "a@example.com&#10;Bcc: b@example.com", "contact.email:email_wrong_shape"),
        ("Email", "a@example.com&#13;&#10;&#13;&#10;body", "contact.email:email_wrong_shape"),
        ("Email", "a@example.com, b@example.com", "contact.email:email_wrong_shape"),
        ("Telephone", "+44 (0) 7700 900123", "contact.phone:phone_test_range"),
        ("Telephone", "0901 234 5678", "contact.phone:phone_premium_rate"),
        ("Telephone", "123456789012345678901234567890", "contact.phone:phone_wrong_shape"),
    ];
    let night = |paid: &str| {
        let one = |(number, (name, text, _)): (usize, &(&str, &str, &str))| {
            let balance =
                format!("<Balance><Paid>{paid}</Paid><Outstanding>1.00</Outstanding></Balance>");
            let person = format!("<Forename>Arden</Forename><{name}>{text}</{name}>");
            account(number, &person, &balance)
        };
        extract(&cases.iter().enumerate().map(one).collect::<Vec<_>>())
    };
    hub.drop_file("revenues", "ctax-1.xml", &night("1.00"));
    let report = hub.run("ingest-revenues").await;
    assert_eq!(report["total"]["published"], json!(cases.len()));
    let issues = hub.rows("SELECT issues FROM party ORDER BY id").await.concat();
    assert_eq!(issues, cases.map(|(.., issue)| issue));
    assert_eq!(facts(&hub, "party", "contact.phone").await, ["+447700900123"]);
    assert!(facts(&hub, "party", "contact.email").await.is_empty());
    // Whoever has no address that will do is written nothing.
    hub.drop_file("revenues", "ctax-2.xml", &night("2.00"));
    hub.run("ingest-revenues").await;
    let waiting = hub.rows("SELECT message FROM delivery JOIN delivery_message ON delivery_id = id WHERE state = 'waiting'").await;
    assert_eq!(waiting.len(), 1, "{waiting:?}");
    assert!(waiting[0][0].contains("+447700900123"), "{waiting:?}");
    assert_eq!(
        count(&hub, "delivery WHERE state = 'held' AND cause_code = 'delivery.no_address'").await,
        5
    );
}
