//! Definition files of every sort: read, checked, and what is wrong told; a sound mapping also reads
//! a record.

use chrono::NaiveDate;
use viaduct::connector::definition::{self as connector, Kind};
use viaduct::connector::kinds;
use viaduct::definition::diagnostic::{json_all, render_all};
use viaduct::definition::reader::File;
use viaduct::job::definition as job;
use viaduct::mapping::code_list::CodeLists;
use viaduct::mapping::inbound::Inbound;
use viaduct::mapping::template::Templates;
use viaduct::mapping::{check, check_outbound, outbound, read, read_outbound};
use viaduct::record::document::Document;
use viaduct::resolution::definition as resident;

use super::input::Input;
use super::trying::layout;

/// As many as a file tells; syntax faults are among them.
const TOLD_MAX: usize = 200;
const KINDS: &[Kind] = kinds::KINDS;
const RECORD: &str = "<Account ref=\"1\" xmlns=\"u\"><Status>LIVE</Status><v>1.50</v>\
    <Balance><Outstanding>12.00</Outstanding></Balance><LiablePersons><Person seq=\"1\">\
    <Surname>Testberry</Surname><DateOfBirth>1980-04-01</DateOfBirth></Person></LiablePersons></Account>";

pub fn definitions(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let which = input.byte() % 5;
    let text = String::from_utf8_lossy(&input.stretched()).into_owned();
    let (length, lines) = (text.len(), text.lines().count() + 1);
    let file = File::parse("fuzzed.toml", text);
    match which {
        0 => drop(connector::read(&file, "fuzzed", KINDS)),
        1 => {
            if let Some(job) = job::read(&file, "fuzzed") {
                for failed in [0, 1, 20, u32::MAX] {
                    assert!(job.retry.wait_ms(failed).is_none_or(|wait_ms| wait_ms >= 0));
                }
            }
        }
        2 => inbound(&file),
        3 => {
            if let Some(mapping) = read_outbound::outbound(&file, "fuzzed", &Templates::default()) {
                check_outbound::outbound(&file, &mapping);
                if !file.has_errors() {
                    let _ = outbound::Outbound::new(&mapping);
                }
            }
        }
        _ => drop(resident::read(&file)),
    }
    let told = file.into_diagnostics();
    assert!(told.len() <= TOLD_MAX, "{} faults are told", told.len());
    for fault in &told {
        assert!(!fault.what.is_empty());
        if let Some(place) = &fault.place {
            assert!((1..=lines).contains(&place.line), "line {} of {lines}", place.line);
            assert!((1..=length + 1).contains(&place.column));
        }
    }
    assert!(!render_all(&told, 1).is_empty());
    assert!(json_all(&told, 1).is_object());
}

fn inbound(file: &File) {
    let Some(mapping) = read::inbound(file, "fuzzed", &CodeLists::default()) else { return };
    check::inbound(file, &mapping, None);
    if file.has_errors() {
        return;
    }
    let ready = Inbound::new(&mapping, &|_| Some("u".to_owned()));
    let layout = layout("format = \"xml\"\nrecord = \"/e/r\"\nkey = \"@ref\"\n", 1_024);
    let mut record = Document::default();
    layout.format.read(RECORD, &mut record).expect("our own record is sound");
    let on = NaiveDate::from_ymd_opt(2026, 4, 1).unwrap_or_default();
    let once = format!("{:?}", ready.translate(&record, on));
    let (again, _) = ready.explain(&record, on);
    assert_eq!(once, format!("{again:?}"), "told of, a record is read as another");
}
