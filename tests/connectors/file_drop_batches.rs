//! Bad files through the whole of ingest, on both databases: what is refused leaves nothing behind, what
//! is held waits alone, and every row is accounted for.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::hub::{On, TestHub, on_both};

on_both! {
    b6_an_element_that_stands_twice_holds_its_record => super::twice,
    b7_b10_what_is_not_xml_publishes_nothing => super::not_xml,
    b9_a_declared_encoding_is_read_and_recorded => super::declared_encoding,
    b13_a_fault_in_place_of_an_extract_loses_nobody => super::fault,
    b26_columns_in_another_order_and_case_are_no_change => super::columns,
    b24_a_row_that_cannot_be_read_marks_nobody_gone => super::nobody_gone,
    b27_quirk_50_a_row_that_is_not_its_encoding_is_held_alone => super::encoding,
    b30_a_total_that_differs_publishes_nothing => super::totals,
    b31_quirk_45_the_same_again_and_a_new_version_are_told_apart => super::again,
    b32_an_empty_file_is_held_and_a_removed_one_is_waited_for => super::empty_and_removed,
    gzip_is_read_like_what_is_in_it => super::gzip,
    b56_what_is_left_alone_is_in_the_report => super::left_alone,
}

const HEAD: &str = "<CouncilTaxExtract xmlns=\"urn:example:ctax:extract:1\">";

fn account(key: usize, surname: &str) -> String {
    format!(
        "<Account ref=\"99{key:05}\"><Status>OPEN</Status><LiablePersons><Person seq=\"1\" \
         role=\"PRIMARY\"><Surname>{surname}</Surname></Person></LiablePersons><Balance>\
         <Outstanding>10.00</Outstanding></Balance></Account>"
    )
}

fn accounts(many: usize) -> String {
    (0..many).map(|key| account(key, "Testberry")).collect()
}

fn extract(accounts: &str) -> String {
    let many = accounts.matches("</Account>").count();
    format!("{HEAD}{accounts}<Trailer accounts=\"{many}\"/></CouncilTaxExtract>")
}

const COLUMNS: &str = "claim_ref,claim_status,uprn,p1_ref,p1_role,p1_surname";

fn claims(columns: &str, rows: &[String]) -> Vec<u8> {
    let commas = ",".repeat(columns.matches(',').count() - 1);
    let all = rows.join("\r\n");
    format!("{columns}\r\n{all}\r\nTRAILER,{}{commas}\r\n", rows.len()).into_bytes()
}

fn claim(number: usize) -> String {
    format!("9901{number:04},Live,,B{number:07},CLAIMANT,Testberry")
}

async fn count(hub: &TestHub, table: &str) -> String {
    hub.text(&format!("SELECT CAST(COUNT(*) AS TEXT) FROM {table}")).await
}

fn batch(report: &Value) -> (&str, &str) {
    let batch = &report["batches"][0];
    (batch["state"].as_str().unwrap(), batch["cause_code"].as_str().unwrap_or("-"))
}

/// The held batch left nothing but its own row.
async fn must_be_held(hub: &TestHub, name: &str, content: &[u8], code: &str) {
    let before = (count(hub, "resident").await, count(hub, "source_record").await);
    hub.drop_file("revenues", name, content);
    let report = hub.run("ingest-revenues").await;
    let said = content[..content.len().min(200)].escape_ascii().to_string();
    assert_eq!(batch(&report), ("held", code), "{said}");
    assert_eq!(report["total"]["records"]["gone"], json!(0), "{said}");
    let after = (count(hub, "resident").await, count(hub, "source_record").await);
    assert_eq!(before, after, "{said}");
    assert!(hub.files("revenues", "held").iter().any(|file| file.starts_with(name)), "{said}");
}

async fn twice(on: On) {
    let hub = TestHub::open(on).await;
    let status = account(1, "Bramble").replace("<Status>", "<Status>OPEN</Status><Status>");
    let attribute = account(2, "Bramble").replace("seq=", "seq=\"1\" seq=");
    let key = account(3, "Bramble").replace("ref=", "ref=\"1\" ref=");
    hub.drop_file(
        "revenues",
        "ctax-1.xml",
        extract(&(accounts(1) + &status + &attribute + &key)).as_bytes(),
    );
    let report = hub.run("ingest-revenues").await;
    assert_eq!((&report["total"]["published"], &report["total"]["held"]), (&json!(1), &json!(3)));
    let held = hub.rows("SELECT DISTINCT code FROM dead_letter").await;
    assert_eq!(held, [["xml.duplicate"]]);
    let fields = "SELECT field FROM dead_letter WHERE field LIKE 'account%'";
    assert_eq!(hub.rows(fields).await, [["account status"]]);
}

async fn not_xml(on: On) {
    let hub = TestHub::open(on).await;
    hub.drop_file("revenues", "ctax-1.xml", extract(&accounts(3)).as_bytes());
    hub.run("ingest-revenues").await;
    let whole = extract(&accounts(50));
    let with = |inside: &str| extract(&(accounts(30) + &account(40, inside)));
    for (number, (content, code)) in [
        (format!("<!DOCTYPE d [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>{whole}"), "xml.doctype"),
        (whole[..whole.len() / 2].to_owned(), "xml.malformed"),
        (whole[..whole.len() - 1].to_owned(), "xml.malformed"),
        (whole.clone() + &whole, "xml.trailing"),
        (whole.clone() + "\0\0\0", "xml.trailing"),
        (with(&"<d>".repeat(130)), "xml.depth"),
        (with("&#0;"), "xml.char"),
        (with("\0"), "xml.char"),
        (with(&format!("<b c='{}'/>", "x".repeat(300_000))), "xml.size"),
    ]
    .into_iter()
    .enumerate()
    {
        must_be_held(&hub, &format!("ctax-bad-{number}.xml"), content.as_bytes(), code).await;
    }
}

async fn declared_encoding(on: On) {
    let hub = TestHub::open(on).await;
    let declared = |label: &str| format!("<?xml version=\"1.0\" encoding=\"{label}\"?>");
    let latin = extract(&account(1, "@ngstr@m")).replace('@', "\u{E5}");
    let latin = declared("Windows-1252") + &latin;
    let bytes: Vec<u8> = latin.chars().map(|letter| letter as u8).collect();
    hub.drop_file("revenues", "ctax-1.xml", &bytes);
    let report = hub.run("ingest-revenues").await;
    assert_eq!(report["batches"][0]["encoding"], json!("windows-1252"));
    let facts = hub.text("SELECT CAST(facts AS TEXT) FROM party").await;
    assert!(
        facts.contains("\u{C5}ngstr\u{E5}m") || facts.contains("\u{E5}ngstr\u{E5}m"),
        "{facts}"
    );
    // The same in another encoding is the same.
    let wide = latin.replace("Windows-1252", "UTF-16");
    let wide: Vec<u8> =
        "\u{feff}".encode_utf16().chain(wide.encode_utf16()).flat_map(u16::to_be_bytes).collect();
    hub.drop_file("revenues", "ctax-2.xml", &wide);
    let report = hub.run("ingest-revenues").await;
    assert_eq!(report["batches"][0]["encoding"], json!("utf-16be"));
    assert_eq!(report["total"]["unchanged"], json!(1));
    let text = hub.try_run("ingest-revenues").await.unwrap();
    assert!(text.text().contains("Nothing new"), "{}", text.text());
    // A declaration that is not true.
    must_be_held(&hub, "ctax-3.xml", latin.as_bytes(), "xml.encoding").await;
    let untrue = [
        declared("UTF-8").as_bytes(),
        &bytes[bytes.iter().position(|byte| *byte == b'>').unwrap() + 1..],
    ]
    .concat();
    must_be_held(&hub, "ctax-4.xml", &untrue, "xml.encoding").await;
    let cause = hub.text("SELECT cause FROM batch ORDER BY id DESC LIMIT 1").await;
    assert!(cause.contains("encoding = \"windows-1252\""), "{cause}");
}

async fn fault(on: On) {
    let hub = TestHub::open(on).await;
    hub.drop_file("revenues", "ctax-1.xml", extract(&accounts(5)).as_bytes());
    hub.run("ingest-revenues").await;
    let soap = "http://schemas.xmlsoap.org/soap/envelope/";
    for (number, (content, code)) in [
        (
            format!("<s:Envelope xmlns:s='{soap}'><s:Body><s:Fault/></s:Body></s:Envelope>"),
            "xml.root",
        ),
        ("<Error>no</Error>".to_owned(), "xml.root"),
        ("<html><body>Sign in</body></html>".to_owned(), "xml.root"),
        ("<!DOCTYPE html><html><body>Sign in<br></body></html>".to_owned(), "xml.doctype"),
        (extract("").replace("urn:example:ctax:extract:1", "urn:other"), "xml.root"),
        (extract(""), "file.empty"),
    ]
    .into_iter()
    .enumerate()
    {
        must_be_held(&hub, &format!("ctax-fault-{number}.xml"), content.as_bytes(), code).await;
    }
    assert_eq!(count(&hub, "source_key WHERE gone_ms IS NOT NULL").await, "0");
}

async fn columns(on: On) {
    let hub = TestHub::open(on).await;
    hub.drop_file("benefits", "claims-1.csv", &claims(COLUMNS, &[claim(1), claim(2)]));
    let report = hub.run("ingest-benefits").await;
    assert_eq!(report["total"]["published"], json!(2));
    let other = "P1_SURNAME,Claim_Ref,CLAIM_STATUS,p1_Ref,UPRN,P1_role";
    let rows =
        [1, 2].map(|number| format!("Testberry,9901{number:04},Live,B{number:07},,CLAIMANT"));
    hub.drop_file("benefits", "claims-2.csv", &claims(other, &rows));
    let report = hub.run("ingest-benefits").await;
    assert_eq!((batch(&report), &report["total"]["unchanged"]), (("closed", "-"), &json!(2)));
    for (number, columns) in [
        "claim,claim_status,uprn,p1_ref,p1_role,p1_surname",
        "claim_ref,claim_status,uprn,ref,role,surname",
        "claim_ref,claim_status,CLAIM_REF,p1_ref,p1_role,p1_surname",
    ]
    .into_iter()
    .enumerate()
    {
        hub.drop_file(
            "benefits",
            &format!("claims-bad-{number}.csv"),
            &claims(columns, &[claim(1)]),
        );
        let report = hub.run("ingest-benefits").await;
        assert_eq!(batch(&report), ("held", "csv.header"), "{columns}");
    }
}

async fn nobody_gone(on: On) {
    let hub = TestHub::open(on).await;
    let mut rows: Vec<String> = (1..=20).map(claim).collect();
    hub.drop_file("benefits", "claims-1.csv", &claims(COLUMNS, &rows));
    hub.run("ingest-benefits").await;
    // Which of the absent ones the broken row is cannot be known.
    rows.truncate(19);
    rows[7].push_str(",one,too,many");
    hub.drop_file("benefits", "claims-2.csv", &claims(COLUMNS, &rows));
    let report = hub.run("ingest-benefits").await;
    assert_eq!(
        (&report["total"]["held"], &report["total"]["records"]["gone"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(batch(&report), ("closed", "extract.gone_unsure"));
    assert_eq!(count(&hub, "source_key WHERE gone_ms IS NOT NULL").await, "0");
    rows[7] = claim(8);
    hub.drop_file("benefits", "claims-3.csv", &claims(COLUMNS, &rows));
    let report = hub.run("ingest-benefits").await;
    assert_eq!(report["total"]["records"]["gone"], json!(1));
}

async fn encoding(on: On) {
    let hub = TestHub::open(on).await;
    let mut bytes =
        claims(COLUMNS, &[claim(1), claim(2).replace("Testberry", "@ngstr@m"), claim(3)]);
    bytes.iter_mut().filter(|byte| **byte == b'@').for_each(|byte| *byte = 0xE5);
    hub.drop_file("benefits", "claims-1.csv", &bytes);
    let report = hub.run("ingest-benefits").await;
    assert_eq!((&report["total"]["published"], &report["total"]["held"]), (&json!(2), &json!(1)));
    assert_eq!(report["batches"][0]["encoding"], json!("utf-8"));
    let held = hub.rows("SELECT code, cause FROM dead_letter").await;
    assert_eq!(held[0][0], "csv.encoding");
    assert!(held[0][1].contains("look like Windows-1252"), "{held:?}");
    assert!(!held[0][1].contains("ngstr"), "{held:?}");
}

async fn totals(on: On) {
    let hub = TestHub::open(on).await;
    let right = extract(&accounts(5));
    for (number, content) in [
        right.replace("accounts=\"5\"", "accounts=\"6\""),
        right.replace("accounts=\"5\"", "accounts=\"five\""),
        right.replace("<Trailer accounts=\"5\"/>", ""),
    ]
    .into_iter()
    .enumerate()
    {
        must_be_held(&hub, &format!("ctax-{number}.xml"), content.as_bytes(), "file.total").await;
    }
    for (number, (from, to)) in
        [("TRAILER,2", "TRAILER,3"), ("TRAILER,2,,,,", "")].into_iter().enumerate()
    {
        let text = String::from_utf8(claims(COLUMNS, &[claim(1), claim(2)])).unwrap();
        hub.drop_file(
            "benefits",
            &format!("claims-{number}.csv"),
            text.replace(from, to).as_bytes(),
        );
        let report = hub.run("ingest-benefits").await;
        assert_eq!(batch(&report), ("held", "file.total"));
        assert_eq!(count(&hub, "resident").await, "0");
    }
}

async fn again(on: On) {
    let hub = TestHub::open(on).await;
    let (first, second) = (extract(&accounts(5)), extract(&(accounts(5) + &account(9, "Bramble"))));
    hub.drop_file("revenues", "ctax-1.xml", first.as_bytes());
    let report = hub.run("ingest-revenues").await;
    assert_eq!(batch(&report), ("closed", "-"));
    let number = report["batches"][0]["batch"].to_string();
    // The same file again, and the same under a new name.
    for name in ["ctax-1.xml", "ctax-renamed.xml"] {
        hub.drop_file("revenues", name, first.as_bytes());
        let report = hub.run("ingest-revenues").await;
        assert_eq!(batch(&report), ("duplicate", "file.duplicate"), "{name}");
        let cause = report["batches"][0]["cause"].as_str().unwrap();
        assert!(cause.contains(&number), "{cause}");
        assert_eq!(report["total"]["changes"], json!(0));
    }
    // New content under the old name is taken, and a person is told.
    hub.drop_file("revenues", "ctax-1.xml", second.as_bytes());
    let report = hub.try_run("ingest-revenues").await.unwrap();
    let json = report.json();
    assert_eq!(batch(&json), ("closed", "file.new_version"));
    assert_eq!(json["total"]["records"]["new"], json!(1));
    assert!(
        report.text().contains("the name was taken before with other content"),
        "{}",
        report.text()
    );
    assert_eq!(hub.files("revenues", "processed").len(), 4);
}

async fn empty_and_removed(on: On) {
    let hub = TestHub::open(on).await;
    must_be_held(&hub, "ctax-1.xml", b"", "file.empty").await;
    // A batch that a removed file left open is done with at the next look, and the file when it is back.
    hub.drop_file("revenues", "ctax-2.xml", extract(&accounts(5)).as_bytes());
    let source =
        hub.context.ingest(hub.context.job("ingest-revenues").unwrap()).await.unwrap().source;
    let seen = source.look(None).await.unwrap();
    assert_eq!(seen.len(), 1);
    std::fs::remove_file(hub.drop_folder("revenues").join("ctax-2.xml")).unwrap();
    assert_eq!(hub.run("ingest-revenues").await["batches"], json!([]));
    hub.drop_file("revenues", "ctax-2.xml", extract(&accounts(5)).as_bytes());
    let report = hub.run("ingest-revenues").await;
    assert_eq!((batch(&report), &report["total"]["published"]), (("closed", "-"), &json!(5)));
}

fn gzipped(content: &[u8]) -> Vec<u8> {
    let mut child =
        Command::new("gzip").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let content = content.to_vec();
    let writing = std::thread::spawn(move || input.write_all(&content));
    let packed = child.wait_with_output().unwrap().stdout;
    writing.join().unwrap().unwrap();
    packed
}

async fn gzip(on: On) {
    let mut hub = TestHub::open(on).await;
    hub.edit("connectors/revenues.toml", "\"ctax-*.xml\"", "\"ctax-*\"");
    hub.reload().await;
    let packed = gzipped(extract(&accounts(50)).as_bytes());
    hub.drop_file("revenues", "ctax-1.xml.gz", &packed);
    let report = hub.run("ingest-revenues").await;
    assert_eq!((batch(&report), &report["total"]["published"]), (("closed", "-"), &json!(50)));
    // The digest is that of the file's own bytes.
    hub.drop_file("revenues", "ctax-2.xml.gz", &packed);
    assert_eq!(batch(&hub.run("ingest-revenues").await), ("duplicate", "file.duplicate"));
    let other = gzipped(extract(&accounts(60)).as_bytes());
    must_be_held(&hub, "ctax-3.xml.gz", &other[..other.len() - 9], "archive.damaged").await;
    must_be_held(&hub, "ctax-4.xml.gz", b"<E/>", "file.type").await;
    must_be_held(&hub, "ctax-5.xml", b"PK\x03\x04", "file.type").await;
    let padding = extract(&(accounts(5) + &"<!-- padding -->\n".repeat(800_000)));
    must_be_held(&hub, "ctax-6.xml.gz", &gzipped(padding.as_bytes()), "archive.limit").await;
}

async fn left_alone(on: On) {
    let hub = TestHub::open(on).await;
    let drop = hub.drop_folder("revenues");
    std::os::unix::fs::symlink("/etc/passwd", drop.join("ctax-1.xml")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", drop.join("ctax-2.xml")).unwrap();
    hub.drop_file("revenues", "readme.txt", b"");
    let report = hub.try_run("ingest-revenues").await.unwrap();
    let wanted = json!([
        { "what": "file that does not fit the pattern", "count": 1 },
        { "what": "link", "count": 2 },
    ]);
    assert_eq!(report.json()["ignored"], wanted);
    assert!(
        report.text().contains("Left alone: 1 × file that does not fit the pattern, 2 × link.")
    );
    assert!(drop.join("ctax-1.xml").is_symlink());
}
