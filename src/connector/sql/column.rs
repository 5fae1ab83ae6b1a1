//! What the columns of an answer are, and how a value becomes JSON: decided once, for every database.
//!
//! A database writes its values as text itself, so that a number keeps every digit that it has: an amount
//! never goes through a binary fraction here. What has no plain text of its own is refused by its column's
//! name.

use std::collections::HashSet;

/// A column of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    pub form: Form,
}

/// How the values of a column are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A number of JSON, with the digits that the database writes.
    Number,
    Text,
    /// `true` or `false`, which the database writes as `true`, `t`, `1` or the opposite.
    Flag,
    /// A day and a time, wherever that was: `2026-11-26T07:30:00`.
    Local,
    /// A moment, which the database was told to write in UTC: `2026-11-26T07:30:00Z`.
    Moment,
    /// Bytes, as hexadecimal digits.
    Bytes,
    /// Text, or bytes as hexadecimal digits: as each value is.
    ByValue,
}

/// What a database answered that cannot be asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ColumnFault {
    #[error("column {0} of the query has no name: give it one with AS")]
    Nameless(usize),
    #[error("two columns of the query are called `{0}`: give one another name with AS")]
    Twice(String),
    #[error(
        "the column `{name}` is of the type {kind}, which is not read: write `CAST({name} AS …)`, as text or a number"
    )]
    Unknown { name: String, kind: String },
    #[error("the query has no column `{0}`, which `{1}` names")]
    Missing(String, &'static str),
    #[error(
        "the column `{0}` is of the type {1}, which cannot tell what changed: cast it to a whole number or a moment with its zone"
    )]
    NoVersion(String, String),
}

/// Holds the names of an answer's columns to what JSON needs, and to what the settings name.
pub fn judge(columns: &[Column], named: &[(&str, &'static str)]) -> Result<(), ColumnFault> {
    let mut met = HashSet::new();
    for (place, column) in columns.iter().enumerate() {
        if column.name.is_empty() || column.name == "?column?" {
            return Err(ColumnFault::Nameless(place + 1));
        }
        if !met.insert(column.name.as_str()) {
            return Err(ColumnFault::Twice(column.name.clone()));
        }
    }
    match named.iter().find(|(name, _)| !met.contains(name)) {
        Some((name, key)) => Err(ColumnFault::Missing((*name).to_owned(), key)),
        None => Ok(()),
    }
}

/// Writes a value that is there.
pub fn write(form: Form, value: &[u8], out: &mut Vec<u8>) {
    match form {
        Form::Number if is_number(value) => out.extend_from_slice(value),
        Form::Flag => match value {
            b"true" | b"t" | b"1" => out.extend_from_slice(b"true"),
            _ => out.extend_from_slice(b"false"),
        },
        Form::Local | Form::Moment => {
            let mut text = value.to_vec();
            // `2026-11-26 07:30:00.5+00`; what is no moment, such as `infinity`, stays as it is.
            if text.len() > 10 && text[10] == b' ' && text[..10].iter().all(is_of_a_date) {
                text[10] = b'T';
                if form == Form::Moment {
                    let bare = text.strip_suffix(b"+00").unwrap_or(&text).to_vec();
                    text = [bare.as_slice(), b"Z"].concat();
                }
            }
            quote(&text, out);
        }
        Form::Number | Form::Text | Form::Bytes | Form::ByValue => quote(value, out),
    }
}

fn is_of_a_date(byte: &u8) -> bool {
    byte.is_ascii_digit() || *byte == b'-'
}

/// Whether JSON knows it as a number. `NaN`, and what a database fills up with zeros, it does not.
fn is_number(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let digits = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let split = |text: &[u8], by: &[u8]| {
        text.iter()
            .position(|byte| by.contains(byte))
            .map(|at| (text[..at].to_vec(), text[at + 1..].to_vec()))
    };
    let (number, power) = match split(text, b"eE") {
        Some((number, power)) => (number, Some(power)),
        None => (text.to_vec(), None),
    };
    let (whole, part) = match split(&number, b".") {
        Some((whole, part)) => (whole, Some(part)),
        None => (number, None),
    };
    let power = power.map(|power| match power.first() {
        Some(b'+' | b'-') => power[1..].to_vec(),
        _ => power,
    });
    digits(&whole)
        && (whole.len() == 1 || whole[0] != b'0')
        && part.is_none_or(|part| digits(&part))
        && power.is_none_or(|power| digits(&power))
}

/// Writes a text of JSON. Bytes that are no UTF-8 stay as they are: whoever cuts the record holds it for
/// them.
pub fn quote(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            0..0x20 => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(*byte),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_become_json_with_every_digit() {
        for (form, value, expected) in [
            (Form::Number, "855.00", "855.00"),
            (Form::Number, "-12.50", "-12.50"),
            (Form::Number, "12345678901234567890.12", "12345678901234567890.12"),
            (Form::Number, "1e+20", "1e+20"),
            (Form::Number, "NaN", "\"NaN\""),
            (Form::Number, "-Infinity", "\"-Infinity\""),
            (Form::Number, "0042", "\"0042\""),
            (Form::Number, ".5", "\".5\""),
            (Form::Number, "", "\"\""),
            (Form::Text, "007", "\"007\""),
            (Form::Text, "O'BRIEN \"A\"\\\n", "\"O'BRIEN \\\"A\\\"\\\\\\u000a\""),
            (Form::Text, "Zoë", "\"Zoë\""),
            (Form::Flag, "true", "true"),
            (Form::Flag, "0", "false"),
            (Form::Local, "2026-11-26 07:30:00", "\"2026-11-26T07:30:00\""),
            (Form::Local, "infinity", "\"infinity\""),
            (Form::Moment, "2026-11-26 07:30:00.25+00", "\"2026-11-26T07:30:00.25Z\""),
            (Form::Moment, "2026-11-26 07:30:00", "\"2026-11-26T07:30:00Z\""),
            (Form::Bytes, "00ff", "\"00ff\""),
        ] {
            let mut out = Vec::new();
            write(form, value.as_bytes(), &mut out);
            assert_eq!(String::from_utf8(out).expect("text"), expected, "{value}");
        }
    }

    #[test]
    fn columns_need_names_of_their_own() {
        let told = |names: &[&str]| {
            let columns: Vec<Column> = names
                .iter()
                .map(|name| Column { name: (*name).to_owned(), form: Form::Text })
                .collect();
            judge(&columns, &[("ref", "key")]).map_err(|fault| fault.to_string())
        };
        assert_eq!(told(&["ref", "name"]), Ok(()));
        assert!(told(&["ref", "ref"]).unwrap_err().contains("two columns"));
        assert!(told(&["ref", "?column?"]).unwrap_err().contains("column 2"));
        assert!(told(&["name"]).unwrap_err().contains("no column `ref`"));
    }
}
