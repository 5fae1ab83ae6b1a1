//! The council's own truth, checked against its files by simple means.

use std::collections::{BTreeMap, BTreeSet};

use super::{Council, Truth};

const COUNCIL: Council = Council { seed: 42, accounts: 1_500 };

type Rows = BTreeMap<String, String>;

fn xml(council: Council, night: u32) -> (Truth, Rows, String) {
    let mut file = Vec::new();
    let truth = council.revenues_xml(night, &mut file).unwrap();
    let file = String::from_utf8(file).unwrap();
    let rows = file.split("<Account ref=\"").skip(1).map(|row| {
        let (key, row) = row.split_once('"').unwrap();
        let (row, _) = row.split_once("</Account>").unwrap();
        (key.to_owned(), row.to_owned())
    });
    (truth, rows.collect(), file)
}

fn csv_rows(council: Council, night: u32) -> (Truth, Rows, String) {
    let mut file = Vec::new();
    let truth = council.benefits_csv(night, &mut file).unwrap();
    let file = String::from_utf8(file).unwrap();
    let rows = file.split("\r\n").skip(1).filter(|row| !row.is_empty());
    let rows = rows.filter_map(|row| row.split_once(',')).filter(|(key, _)| *key != "TRAILER");
    (truth, rows.map(|(key, row)| (key.to_owned(), row.to_owned())).collect(), file)
}

fn json_rows(council: Council, night: u32) -> (Truth, Rows, String) {
    let mut file = Vec::new();
    let truth = council.crm_json(night, &mut file).unwrap();
    let file = String::from_utf8(file).unwrap();
    let document: serde_json::Value = serde_json::from_str(&file).unwrap();
    let contacts = document["export"]["contacts"].as_array().unwrap();
    assert_eq!(document["export"]["count"], contacts.len());
    let row =
        |row: &serde_json::Value| (row["contactId"].as_str().unwrap().to_owned(), row.to_string());
    (truth, contacts.iter().map(row).collect(), file)
}

/// Counts what two nights' files say, knowing only what marks a closed row.
fn counted(before: &Rows, now: &Rows, is_closed: fn(&str) -> bool) -> Truth {
    let mut truth = Truth { rows: now.len() as u64, ..Truth::default() };
    for (key, row) in now {
        match before.get(key) {
            None => truth.new += 1,
            Some(earlier) if earlier == row => {}
            Some(earlier) if is_closed(row) && !is_closed(earlier) => truth.closed += 1,
            Some(_) => truth.changed += 1,
        }
    }
    truth.dropped = before.keys().filter(|key| !now.contains_key(*key)).count() as u64;
    truth
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_does_not() {
    let other = Council::new(43, 1_500);
    assert_eq!(xml(COUNCIL, 2).2, xml(COUNCIL, 2).2);
    assert_ne!(xml(COUNCIL, 2).2, xml(other, 2).2);
    assert_eq!(csv_rows(COUNCIL, 2).2, csv_rows(COUNCIL, 2).2);
    assert_ne!(csv_rows(COUNCIL, 2).2, csv_rows(other, 2).2);
}

#[test]
fn the_truth_is_what_the_files_say_every_night() {
    for council in [COUNCIL, Council::new(1, 60), Council::new(9, 3), Council::new(9, 0)] {
        let (mut xml_before, mut csv_before) = (Rows::new(), Rows::new());
        let mut json_before = Rows::new();
        for night in 1..=5 {
            let (truth, rows, _) = xml(council, night);
            let closed: fn(&str) -> bool = |row| row.contains("<Status>CLOSED");
            assert_eq!(truth, counted(&xml_before, &rows, closed), "xml, night {night}");
            xml_before = rows;

            let (truth, rows, _) = csv_rows(council, night);
            let closed: fn(&str) -> bool = |row| row.starts_with("Closed,");
            assert_eq!(truth, counted(&csv_before, &rows, closed), "csv, night {night}");
            csv_before = rows;

            let (truth, rows, _) = json_rows(council, night);
            assert_eq!(truth, counted(&json_before, &rows, |_| false), "json, night {night}");
            json_before = rows;
        }
    }
}

#[test]
fn a_second_night_has_some_of_everything() {
    let (truth, now, _) = xml(COUNCIL, 2);
    assert!(truth.changed >= 30 && truth.changed <= 45, "{truth:?}");
    assert!(truth.new >= 1 && truth.closed >= 1 && truth.dropped >= 1, "{truth:?}");
    let (_, before, _) = xml(COUNCIL, 1);
    let uprn = |row: &str| row.split("<UPRN>").nth(1).unwrap()[..12].to_owned();
    let moved = now
        .iter()
        .filter(|(key, row)| before.get(*key).is_some_and(|earlier| uprn(earlier) != uprn(row)));
    assert!((1..=5).contains(&moved.count()));

    let (truth, now, _) = csv_rows(COUNCIL, 2);
    assert!(truth.changed >= 1 && truth.new >= 1 && truth.dropped >= 1, "{truth:?}");
    assert_eq!(now.len() as u64, truth.rows);
}

#[test]
fn the_xml_has_its_frame_and_its_trailer() {
    let (truth, rows, file) = xml(COUNCIL, 3);
    assert!(file.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<CouncilTaxExtract "));
    assert!(file.contains("authority=\"Example MBC\" runDate=\"2026-11-03\" sequence=\"3\">"));
    let trailer = format!("<Trailer accounts=\"{}\"/></CouncilTaxExtract>\n", truth.rows);
    assert!(file.ends_with(&trailer));
    assert_eq!(rows.len() as u64, truth.rows);
    assert!(file.contains("&amp;") && !file.contains("& "));
    for odd in ["O'Sampleton", "Ångström-Test", "Małgorzata"] {
        assert!(file.contains(odd), "{odd}");
    }
    for key in rows.keys() {
        assert!(key.len() == 9 && key.starts_with("99"));
    }
}

#[test]
fn the_csv_reads_back_row_by_row() {
    let (truth, _, file) = csv_rows(COUNCIL, 2);
    let mut reader = csv::Reader::from_reader(file.as_bytes());
    let columns = reader.headers().unwrap().clone();
    assert_eq!(columns.len(), 42);
    assert_eq!(&columns[12], "p1_role");
    assert_eq!(&columns[41], "p3_contact_ok");
    let rows: Vec<_> = reader.records().map(|row| row.unwrap()).collect();
    let (trailer, rows) = rows.split_last().unwrap();
    assert_eq!((&trailer[0], &trailer[1]), ("TRAILER", &*truth.rows.to_string()));
    assert_eq!(rows.len() as u64, truth.rows);

    let column = |name: &str| columns.iter().position(|column| column == name).unwrap();
    let said = |name: &str| -> BTreeSet<&str> {
        let at = column(name);
        rows.iter().map(|row| &row[at]).collect()
    };
    assert_eq!(said("claim_status"), BTreeSet::from(["Closed", "Live", "Suspended", "W"]));
    assert_eq!(said("p1_role"), BTreeSet::from(["CLAIMANT"]));
    assert_eq!(said("p2_role"), BTreeSet::from(["", "PARTNER"]));
    assert_eq!(said("p3_role"), BTreeSet::from(["", "NONDEP"]));
    assert!(said("p1_dob").contains("31/02/1979"));
    assert!(said("p1_nino").iter().any(|nino| nino.len() == 7));
    assert!(said("end_date").contains("31/12/2999"));
    assert!(said("ctax_ref").contains(""));
    assert!(said("addr1").iter().any(|line| line.contains(',')));
    assert_eq!(said("p1_deceased").len(), 2, "one death a night, and the living");
}

#[test]
fn the_two_systems_know_the_same_people() {
    let (_, accounts, _) = xml(COUNCIL, 1);
    let (_, _, file) = csv_rows(COUNCIL, 1);
    let mut reader = csv::Reader::from_reader(file.as_bytes());
    let (mut linked, mut same) = (0, 0);
    for row in reader.records().map(|row| row.unwrap()) {
        let Some(account) = row[2].get(..9).and_then(|key| accounts.get(key)) else {
            continue;
        };
        linked += 1;
        let born: Vec<&str> = row[16].split('/').rev().collect();
        let (nino, born) = (&row[17], born.join("-"));
        let family = row[15].to_lowercase();
        same += usize::from(
            account.contains(&format!("<NINO>{nino}</NINO>"))
                && account.contains(&format!("<DateOfBirth>{born}</DateOfBirth>"))
                && account.to_lowercase().contains(&family.replace('&', "&amp;")),
        );
    }
    assert!(linked > 200 && same * 10 > linked * 6 && same < linked, "{same} of {linked}");
}
