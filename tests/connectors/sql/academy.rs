//! The definition of Academy that ships, against its tables in each database: what a resident's record then says.

use viaduct::app::context::surroundings;

use super::old::{Kind, Old, on_each};
use crate::support::hub::{On, TestHub};

on_each! {
    quirk_32_an_end_in_2099_is_none => super::open_ended,
    quirk_33_a_balance_is_the_sum_of_the_bills => super::balance,
    quirk_34_a_reference_is_joined_on_the_text_that_is_built => super::built,
    quirk_37_one_field_names_couples_estates_and_companies => super::one_field,
    quirk_38_nobody_is_dropped_for_want_of_a_telephone => super::without_phone,
}

/// As the copy has them: days are text with seven decimals of a second.
const TABLES: &str = "
    CREATE TABLE ctaccount (account_ref int, account_cd char(1), lead_liab_name varchar(32), lead_liab_pos smallint,
        paymeth_code varchar(5), for_addr1 varchar(32), for_addr2 varchar(32), for_addr3 varchar(32), for_postcode varchar(8));
    CREATE TABLE ctoccupation (account_ref int, property_ref varchar(18), occupation_date varchar(37),
        vacation_date varchar(37), live_ind smallint);
    CREATE TABLE ctproperty (property_ref varchar(18), addr1 varchar(35), addr2 varchar(35), addr3 varchar(32),
        addr4 varchar(32), postcode varchar(8), uprn varchar(12));
    CREATE TABLE ctliab_person (account_ref int, party_ref int, liab_name varchar(32), liab_pos smallint);
    CREATE TABLE ctnotice (account_ref int, bill_no int, notice_balance numeric(14,2));
    CREATE TABLE syphone (ref varchar(20), phonenum1 varchar(20), phonenum2 varchar(20), email varchar(60));
    CREATE TABLE hbctaxclaim (claim_id int, ctax_ref char(12));
    INSERT INTO ctaccount VALUES (99000001, '7', 'TESTBERRY,MS ARDEN J', 4, 'DDM01', NULL, NULL, NULL, NULL),
        (99000002, '5', 'FAKELEY,MR B & MRS C', 1, 'CASHM', '9 PRETEND STREET', NULL, 'SAMPLEHAM', 'SK99 1AB'),
        (99000003, 'X', 'EXORS OF BRAMBLE DECD', 7, 'CASHM', NULL, NULL, NULL, NULL),
        (99000004, '1', 'O''SAMPLETON LTD', 7, 'CASHM', NULL, NULL, NULL, NULL);
    INSERT INTO ctoccupation VALUES
        (99000001, '000012344', '2019-01-01 00:00:00.0000000', '2021-05-31 00:00:00.0000000', 0),
        (99000001, '000012345', '2021-06-01 00:00:00.0000000', '2099-12-31 00:00:00.0000000', 1),
        (99000003, '000012399', '2004-04-01 00:00:00.0000000', '2026-02-14 00:00:00.0000000', 0);
    INSERT INTO ctproperty VALUES ('000012344', '1 ELSEWHERE', NULL, NULL, NULL, 'SK99 9ZZ', NULL),
        ('000012345', '12 FICTION ROAD', 'SAMPLEHAM', NULL, NULL, 'SK99 1AA', '100099900001');
    INSERT INTO ctliab_person VALUES (99000001, 2, 'FAKELEY,MR ROWAN', 1), (99000001, 3, 'BRAMBLE,MX ALEX', 1);
    INSERT INTO ctnotice VALUES (99000001, 10, 0.10), (99000001, 11, 854.20), (99000001, 12, 0.70), (99000002, 4, -12.50);
    INSERT INTO syphone VALUES ('99000001  ', '07700 900123', NULL, 'arden@example.com');
    INSERT INTO hbctaxclaim VALUES (9901234, '990000017')";

struct Stage {
    hub: TestHub,
    old: Old,
}

impl Stage {
    async fn open(kind: Kind) -> Stage {
        let old = Old::open(kind).await;
        let mut hand = old.hand().await;
        for statement in TABLES.split(';') {
            hand.run(statement).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
        }
        // Each of the hub's databases reads at least one of them.
        let on = if kind == Kind::MariaDb { On::Postgres } else { On::Sqlite };
        let mut hub = TestHub::open(on).await;
        hub.more = vec![
            ("ACADEMY_URL".to_owned(), old.url.clone()),
            ("ACADEMY_HOST".to_owned(), old.host()),
        ];
        hub.context.around = surroundings(hub.variables());
        let stage = Stage { hub, old };
        stage.hub.run("ingest-academy").await;
        stage
    }

    /// What is known of an account.
    async fn facts(&self, reference: &str) -> String {
        let sql = format!(
            "SELECT a.facts FROM account a JOIN source_key k ON k.id = a.id WHERE k.key = '{reference}'"
        );
        self.hub.text(&sql).await
    }

    async fn parties(&self, reference: &str) -> Vec<String> {
        let sql = format!(
            "SELECT p.role, p.facts FROM party p JOIN source_key k ON k.id = p.source_key_id \
             WHERE k.key = '{reference}' ORDER BY p.key"
        );
        self.hub.rows(&sql).await.into_iter().map(|row| row.join(" ")).collect()
    }
}

async fn open_ended(kind: Kind) {
    let stage = Stage::open(kind).await;
    let current = stage.facts("990000017").await;
    assert!(current.contains("2021-06-01") && !current.contains("2099"), "{current}");
    let left = stage.facts("99000003X").await;
    assert!(left.contains("2026-02-14") && left.contains("closed"), "{left}");
}

async fn balance(kind: Kind) {
    let stage = Stage::open(kind).await;
    assert!(stage.facts("990000017").await.contains("85500"), "{}", stage.facts("990000017").await);
    assert!(stage.facts("990000025").await.contains("-1250"));
    assert!(!stage.facts("99000003X").await.contains("balance"), "no bill is no balance");
    // When that was read is the batch's to say; the same again is no change, and one bill more is one.
    let read = "SELECT CAST(started_ms AS TEXT) FROM batch ORDER BY id LIMIT 1";
    assert!(stage.hub.text(read).await.parse::<i64>().unwrap() > 0);
    let report = stage.hub.run("ingest-academy").await;
    assert_eq!(report["batches"][0]["unchanged"], 4, "{report}");
    stage.old.run("INSERT INTO ctnotice VALUES (99000001, 13, 10.01)").await;
    let report = stage.hub.run("ingest-academy").await;
    assert_eq!(report["batches"][0]["unchanged"], 3, "{report}");
    assert!(stage.facts("990000017").await.contains("86501"));
}

async fn built(kind: Kind) {
    let stage = Stage::open(kind).await;
    assert!(stage.facts("990000017").await.contains("990000017"));
    let query = "SELECT c.claim_id AS ref, a.lead_liab_name AS name FROM hbctaxclaim c \
                 JOIN ctaccount a ON CONCAT(a.account_ref, a.account_cd) = TRIM(c.ctax_ref)";
    let joined = stage.old.ask(query).await.unwrap();
    assert_eq!(joined.texts(), ["{\"ref\":9901234,\"name\":\"TESTBERRY,MS ARDEN J\"}"]);
}

async fn one_field(kind: Kind) {
    let stage = Stage::open(kind).await;
    let alone = stage.parties("990000017").await;
    assert_eq!(alone.len(), 3, "the lead and two more: {alone:?}");
    let couple = stage.parties("990000025").await;
    assert!(couple.len() == 2 && couple.iter().all(|one| one.contains("Fakeley")), "{couple:?}");
    let estate = stage.parties("99000003X").await;
    assert!(estate.len() == 1 && estate[0].contains("estate"), "{estate:?}");
    let company = stage.parties("990000041").await;
    assert!(
        company[0].contains("organisation") && company[0].contains("O'SAMPLETON LTD"),
        "{company:?}"
    );
}

async fn without_phone(kind: Kind) {
    let stage = Stage::open(kind).await;
    let sql = "SELECT k.key FROM account a JOIN source_key k ON k.id = a.id ORDER BY k.key";
    let known: Vec<String> =
        stage.hub.rows(sql).await.into_iter().map(|mut row| row.remove(0)).collect();
    assert_eq!(known, ["990000017", "990000025", "99000003X", "990000041"]);
    let reached = stage.parties("990000017").await;
    assert!(
        reached[0].contains("447700900123") && reached[0].contains("arden@example.com"),
        "{reached:?}"
    );
}
