//! What `format = "fixed_width"` can be told.

use super::lines::{Columns, Field, LineType, Place, Repeat, Role};
use super::{Count, Declared, FixedWidthFormat, FixedWidthSum};
use crate::connector::format::encoding::Encoding;
use crate::connector::format::settings;
use crate::definition::reader::{File, Span, Spanned};
use crate::definition::shape::{Key, key, word};
use crate::definition::suggest;
use crate::definition::table::Table;

const COLUMNS: Key = key("columns", "What is counted where a column's number is written.");
const LINE_LENGTH: Key = key(
    "line_length",
    "How many columns every line has; one that has more or fewer is held. Where nothing is said, a line \
     must hold its fields.",
)
.example("line_length = 200");
const SHORT_LINES: Key =
    key("short_lines", "What is made of a line that is shorter than it should be.");
const TYPE: Key = key(
    "type",
    "The columns that say of which type a line is. Where nothing is said, every line is a record, and \
     `lines` names one type.",
)
.example("type = \"1-1\"");
const RECORD: Key =
    key("record", "The type of line that begins a record.").example("record = \"D\"");
const KEY: Key = key(
    "key",
    "The field, or fields, of the record's own line that make a record the same record tomorrow.",
)
.needed("name the field that makes a record the same record tomorrow")
.example("key = \"account_ref\"");
const LINES: Key = key(
    "lines",
    "The types of line, each by what its type columns say; `\"*\"` is any line that no other type is.",
)
.needed("describe the lines: `[settings.lines.D]` and below it `fields = { account_ref = \"2-10\" }`");
const ROLE: Key = key("role", "What the line is to the records, where it is not part of one.");
const LIST: Key = key(
    "list",
    "The list whose item the line is. Without it, the fields of a line of details are the record's own.",
)
.example("list = \"persons\"");
const SAME: Key = key(
    "same",
    "Where a line of details says the same as the record's own field of that name; one that says \
     something else holds the record.",
)
.example("same = { account_ref = \"3-12\" }");
const FROM: Key =
    key("from", "Where several items stand side by side: the column of the first, from 1.");
const WIDTH: Key = key(
    "width",
    "How many columns one of those items has. Its fields count from its own first column.",
);
const TIMES: Key =
    key("times", "How many such items a line has room for. Blank ones are no items.");
const FIELDS: Key = key(
    "fields",
    "Each value by name: its first and last column, from 1. Blanks around it are dropped.",
)
.example("fields = { account_ref = \"2-10\", band = \"148\" }");
const COUNT: Key = key(
    "count",
    "The field of the header or trailer that declares how many records there are, as `LINE.FIELD`. Where \
     it does not agree, nothing is released.",
)
.example("count = \"T.records\"");
const COUNT_OF: Key = key("count_of", "What that number counts.");
const FIELDS_REMEDY: &str = "write `fields = { account_ref = \"2-10\" }`";

impl FixedWidthFormat {
    /// Reads the settings; faults are told to the file.
    pub fn settings(table: &Table<'_>, record_bytes_max: usize) -> Option<FixedWidthFormat> {
        let columns = table.choice_or(
            COLUMNS,
            word("characters", "One column for each character.", Columns::Characters),
            &[word("bytes", "One column for each byte of UTF-8.", Columns::Bytes)],
        );
        let line_length = table.whole(LINE_LENGTH, 1..=100_000);
        let padded = table.choice_or(
            SHORT_LINES,
            word("held", "It is held: it may have been cut off.", false),
            &[word("padded", "Blanks are missing at its end: the system drops them.", true)],
        );
        let type_text = table.text(TYPE);
        let line_type = type_text.as_ref().map(|text| place(table.file(), text));
        let record = table.text(RECORD);
        let keys = table.texts(KEY);
        let lines = read_lines(table, record.as_ref(), type_text.is_some());
        let own = lines.iter().find(|line| line.role == Role::Record);
        let file = table.file();
        for name in keys.iter().flatten() {
            has_field(file, own, name);
        }
        check_same(table, &lines, own);
        let length = line_length.as_ref().map(|length| length.value as usize);
        if let (Some(length), Some(at)) = (length, line_length.as_ref().map(|length| length.at)) {
            for line in lines.iter().filter(|line| line.columns() > length) {
                let what =
                    format!("a field of line `{}` ends at column {}", line.mark, line.columns());
                table.error(at, what, format!("a line has {length}"), None);
            }
        }
        let count = read_count(table, &lines);
        let sums = read_sums(table, &lines, own);
        let own = own.is_some();
        Some(FixedWidthFormat {
            columns,
            line_length: length,
            padded,
            line_type: match line_type {
                Some(place) => Some(place?),
                None => None,
            },
            lines: if own { lines } else { return None },
            key: keys?.into_iter().map(|name| name.value).collect(),
            count,
            sums,
            said: Encoding::Unsaid,
            record_bytes_max,
        })
    }
}

fn read_lines(table: &Table<'_>, record: Option<&Spanned<String>>, typed: bool) -> Vec<LineType> {
    let named = table.named_tables(LINES);
    if !table.has(LINES.name) {
        table.missing(LINES.name, LINES.remedy.unwrap_or_default());
    }
    let marks: Vec<String> = named.iter().map(|(name, _)| name.value.trim().to_owned()).collect();
    let single = marks.len() == 1 && record.is_none();
    let mut lines = Vec::new();
    for ((name, line), mark) in named.into_iter().zip(&marks) {
        let begins = single || record.is_some_and(|record| record.value.trim() == mark);
        lines.extend(read_line(line, &name, mark, begins));
    }
    if let Some(record) = record
        && !marks.iter().any(|mark| record.value.trim() == mark)
    {
        let known: Vec<&str> = marks.iter().map(String::as_str).collect();
        let help = suggest::help(&record.value, &known);
        let what = format!("`lines` names no type `{}`", record.value);
        table.error(record.at, what, "not a type of line", help);
    }
    if marks.len() > 1 && !typed {
        let help = Some("say which columns tell them apart: `type = \"1-1\"`".to_owned());
        let what = "there are several types of line and no `type`";
        table.error(table.at_key(LINES.name), what, "which is which?", help);
    }
    if marks.len() > 1 && record.is_none() {
        table.missing(RECORD.name, "say which type of line begins a record: `record = \"D\"`");
    }
    lines
}

fn read_line(
    line: Table<'_>,
    name: &Spanned<String>,
    mark: &str,
    begins: bool,
) -> Option<LineType> {
    let role = line.choice(
        ROLE,
        &[
            word("header", "It stands once, before every record.", Role::Header),
            word(
                "trailer",
                "It stands once, behind every record; without it the file was cut off.",
                Role::Trailer,
            ),
        ],
    );
    let list = line.text(LIST);
    let same = line.named_texts(SAME, "write `same = { account_ref = \"3-12\" }`");
    let from = line.whole(FROM, 1..=100_000);
    let width = line.whole(WIDTH, 1..=100_000);
    let times = line.whole(TIMES, 1..=10_000);
    let repeat = match (&from, &width, &times) {
        (None, None, None) => None,
        (Some(from), Some(width), Some(times)) => {
            let [from, width, times] = [from, width, times].map(|number| number.value as usize);
            Some(Repeat { from, width, times })
        }
        _ => {
            let help = Some("write all three of `from`, `width` and `times`".to_owned());
            line.error(name.at, "items side by side need three numbers", "one is missing", help);
            None
        }
    };
    if repeat.is_some() && list.is_none() {
        line.missing(LIST.name, "say which list the items are of: `list = \"instalments\"`");
    }
    let mut fields: Vec<Field> = Vec::new();
    let mut places = Vec::new();
    for (field, text) in line.named_texts(FIELDS, FIELDS_REMEDY) {
        let Some(place) = place(line.file(), &text) else { continue };
        if let Some(repeat) = repeat.filter(|repeat| place.to > repeat.width) {
            let what =
                format!("`{}` ends beyond its item of {} columns", field.value, repeat.width);
            let help =
                Some("the fields of repeated items count from the item's first column".to_owned());
            line.error(text.at, what, "too far", help);
        }
        fields.push(Field { name: field.value, place });
        places.push(text.at);
    }
    let file = line.file();
    tell_overlaps(file, mark, &fields, &places);
    let role = match role {
        Some(role) if begins => {
            let what = "the type of line that begins a record has no `role`";
            line.error(role.at, what, "take it away", None);
            Role::Record
        }
        Some(role) => role.value,
        None if begins => Role::Record,
        None => Role::Detail,
    };
    line.finish();
    let same = same.into_iter().filter_map(|(name, text)| {
        let place = place(file, &text)?;
        Some(Field { name: name.value, place })
    });
    let same = same.collect();
    let list = list.filter(|_| role == Role::Detail).map(|list| list.value);
    let repeat = repeat.filter(|_| role == Role::Detail);
    Some(LineType { mark: mark.to_owned(), role, list, same, repeat, fields })
}

/// Two values on the same column are a slip of the pen, unless one of them is the line as a whole.
fn tell_overlaps(file: &File, mark: &str, fields: &[Field], places: &[Span]) {
    let end = fields.iter().map(|field| field.place.to).max().unwrap_or(0);
    let is_line = |place: Place| place.from == 1 && place.to == end;
    for (number, (field, at)) in fields.iter().zip(places).enumerate() {
        let meets = |other: &&Field| {
            let (mine, theirs) = (field.place, other.place);
            mine.from <= theirs.to && theirs.from <= mine.to && !is_line(mine) && !is_line(theirs)
        };
        let Some(other) = fields[..number].iter().find(meets) else { continue };
        let what = format!("`{}` and `{}` of line `{mark}` overlap", other.name, field.name);
        let (from, to) =
            (field.place.from.max(other.place.from), field.place.to.min(other.place.to));
        let both = match from == to {
            true => format!("column {from} is in both"),
            false => format!("columns {from}-{to} are in both"),
        };
        let help = "give each its own columns".to_owned();
        file.error(*at, what, both, Some(help));
    }
}

/// `2-10`, or a fault.
fn place(file: &File, text: &Spanned<String>) -> Option<Place> {
    let place = Place::parse(&text.value);
    if place.is_none() {
        let help =
            Some("write the first and the last column from 1: `\"2-10\"`, or `\"148\"`".to_owned());
        file.error(text.at, format!("`{}` are no columns", text.value), "not columns", help);
    }
    place
}

fn has_field(file: &File, line: Option<&LineType>, name: &Spanned<String>) -> Option<Field> {
    let line = line?;
    let found = line.field(&name.value);
    if found.is_none() {
        let known: Vec<&str> = line.fields.iter().map(|field| field.name.as_str()).collect();
        let help = suggest::help(&name.value, &known);
        let what = format!("line `{}` has no field `{}`", line.mark, name.value);
        file.error(name.at, what, "not a field", help);
    }
    found.cloned()
}

fn check_same(table: &Table<'_>, lines: &[LineType], own: Option<&LineType>) {
    let Some(own) = own else { return };
    for line in lines {
        for field in line.same.iter().filter(|field| own.field(&field.name).is_none()) {
            let what = format!(
                "`same` of line `{}` names `{}`, which the record's own line has not",
                line.mark, field.name
            );
            let known: Vec<&str> = own.fields.iter().map(|field| field.name.as_str()).collect();
            let help = suggest::help(&field.name, &known);
            table.error(table.at_key(LINES.name), what, "in `lines`", help);
        }
    }
}

/// `T.records`: a field of a header or a trailer.
fn declared(file: &File, lines: &[LineType], text: &Spanned<String>) -> Option<Declared> {
    let framed = |line: &&LineType| matches!(line.role, Role::Header | Role::Trailer);
    let found = text.value.split_once('.').and_then(|(mark, field)| {
        let line = lines.iter().filter(framed).find(|line| line.mark == mark.trim())?;
        Some((line, line.field(field.trim())?))
    });
    match found {
        Some((line, field)) => Some(Declared { line: line.mark.clone(), place: field.place }),
        None => {
            let known: Vec<String> = lines
                .iter()
                .filter(framed)
                .flat_map(|line| {
                    line.fields.iter().map(move |field| format!("`{}.{}`", line.mark, field.name))
                })
                .collect();
            let help = match known.is_empty() {
                true => "describe it: `[settings.lines.T]`, `role = \"trailer\"`, `fields = { records = \"2-9\" }`".to_owned(),
                false => format!("there are {}", known.join(", ")),
            };
            let what = format!("`{}` is no field of a header or a trailer", text.value);
            file.error(text.at, what, "write LINE.FIELD", Some(help));
            None
        }
    }
}

fn read_count(table: &Table<'_>, lines: &[LineType]) -> Option<Count> {
    let text = table.text(COUNT);
    let of_lines = table.choice_or(
        COUNT_OF,
        word("records", "The records.", false),
        &[word("lines", "Every line, header and trailer among them.", true)],
    );
    let declared = declared(table.file(), lines, &text?)?;
    Some(Count { declared, lines: of_lines })
}

fn read_sums(table: &Table<'_>, lines: &[LineType], own: Option<&LineType>) -> Vec<FixedWidthSum> {
    let declared_key =
        key("declared", "The field of the header or trailer that declares it, as `LINE.FIELD`.")
            .needed("say where the sum is declared")
            .example("declared = \"T.total\"");
    let sums =
        settings::sums(table, "The field of the record's own line that is added up.", declared_key);
    let read = |sum: settings::SumSettings| {
        let of = has_field(table.file(), own, &sum.of);
        let declared = declared(table.file(), lines, &sum.declared?);
        let of = of?;
        Some(FixedWidthSum {
            declared: declared?,
            of: of.name,
            place: of.place,
            format: sum.format,
            declared_format: sum.declared_format,
        })
    };
    sums.into_iter().filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_written_from_one() {
        let table = [
            ("2-10", Some((2, 10))),
            ("148", Some((148, 148))),
            (" 1 - 1 ", Some((1, 1))),
            ("2–10", Some((2, 10))),
            ("0-3", None),
            ("10-2", None),
            ("", None),
            ("2-", None),
            ("a", None),
            ("1-100001", None),
        ];
        for (text, wanted) in table {
            assert_eq!(Place::parse(text).map(|place| (place.from, place.to)), wanted, "{text:?}");
        }
    }
}
