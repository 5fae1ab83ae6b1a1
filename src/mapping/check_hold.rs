//! Checks what a mapping of holds must say: which kind, under which reference, and one way to name the
//! person. What it leaves unsaid would hold every row.

use crate::definition::reader::File;
use crate::definition::suggest;
use crate::mapping::definition::{FieldMap, HoldMap, InboundMapping};

/// One way to name a person: all fields of one line.
const WAYS: [&[&str]; 4] =
    [&["nino", "birth_date"], &["source", "key"], &["account"], &["resident"]];

/// Tells what is missing, and what does not belong there.
pub fn hold(file: &File, mapping: &InboundMapping, hold: &HoldMap) {
    let field = |name: &str| hold.fields.iter().find(|field| field.target.value == name);
    if mapping.account.is_some() || !mapping.parties.is_empty() {
        let help =
            "give accounts and parties a mapping of their own, with a connector of their own";
        let what = "a mapping of holds has no account and no party";
        file.error(hold.at, what, "not beside them", Some(help.to_owned()));
    }
    for (name, remedy) in [
        (
            "kind",
            "add `kind` to `[hold.fields]`: `kind = { value = \"breathing_space\" }`, or where it is read",
        ),
        (
            "reference",
            "add `reference` to `[hold.fields]`: without one, a record that changes would be two holds",
        ),
    ] {
        if field(name).is_none() {
            let what = format!("a hold has no `{name}`");
            file.error(hold.at, what, "every row would be held", Some(remedy.to_owned()));
        }
    }
    let ways = WAYS.iter().filter(|way| way.iter().all(|name| field(name).is_some())).count();
    if ways == 0 {
        let help =
            "map `nino` and `birth_date`, or `source` and `key`, or `account`, or `resident`";
        let what = "a hold names nobody";
        file.error(hold.at, what, "every row would be held", Some(help.to_owned()));
    }
}

/// Tells kinds that the council does not know, whether they stand in the mapping or in a code list.
pub fn kinds(file: &File, hold: &HoldMap, known: &[&str]) {
    let is_kind = |field: &&FieldMap| field.target.value == "kind";
    for field in hold.fields.iter().filter(is_kind) {
        let constants =
            [(&field.value, field.places.value), (&field.default, field.places.default)];
        let constants = constants.into_iter().filter_map(|(text, at)| Some((text.as_deref()?, at)));
        let rows = field.codes.iter().flat_map(|codes| &codes.rows);
        let coded = rows.map(|row| (row.value.as_str(), field.places.codes));
        for (kind, at) in constants.chain(coded).filter(|(kind, _)| !known.contains(kind)) {
            let what = format!("there is no kind of hold `{kind}`");
            let help = suggest::help(kind, known);
            file.error(at, what, "such rows would be held", help);
        }
    }
}
