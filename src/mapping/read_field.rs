//! Reads the fields of a mapping: where each comes from, what its text is read as, and the steps on
//! the way. What cannot be understood is told to the file and left out.

use crate::definition::reader::{File, Spanned};
use crate::definition::shape::{Fields, Holds, Key, Word, key, word};
use crate::definition::suggest;
use crate::definition::table::{Table, Value, table_of};
use crate::mapping::code_list::CodeLists;
use crate::mapping::definition::{
    AsType, CodeList, FieldMap, FieldPlaces, OnError, SourcePath, Step,
};
use crate::mapping::expression::{Expression, Scope, Wanted};
use crate::mapping::source_path;
use crate::record::schema::{self, Field};
use crate::record::value::date::DateFormat;
use crate::record::value::pence::PenceFormat;

const FIELDS: Key = key(
    "fields",
    "Which fields are filled, by name, and where from: a path, or a table that says more.",
)
.example("fields = { status = \"Status\" }");
const FROM: Key = key(
    "from",
    "The path that it is read from, from the record or from the item of `each`: `../` goes up, `@` is \
     an attribute, `.` the place itself. Of several the first that is not blank.",
)
.example("from = \"Balance/Outstanding\"");
const VALUE: Key = key("value", "A constant, in place of `from`.").example("value = \"open\"");
const EXPR: Key = key("expr", "An expression that gives it, in place of `from`.")
    .example("expr = 'text(\"Closed\") == \"\" ? \"open\" : \"closed\"'");
const DEFAULT: Key =
    key("default", "What stands there where the source has nothing. Money is whole pence.")
        .example("default = \"0\"");
const REQUIRED: Key = key("required", "Without it the row is held, with this field named.");
const AS: Key = key(
    "as",
    "What the text is read as. Where nothing is said, what the field holds; a date must say its \
     format.",
)
.example("as = { date = \"%d/%m/%Y\" }");
const DATE: Key = key(
    "date",
    "A date, written so; of several formats the first that fits. `%Y` (or `%y` with `years_from`), `%m` \
     or `%b`, and `%d`, or `%-m` and `%-d` where a single digit is written alone; a time may follow with \
     `%H`, `%M`, `%S` and `%f`.",
)
.example("date = \"%Y-%m-%d\"");
const YEARS_FROM: Key = key(
    "years_from",
    "The first of the hundred years that two digits (`%y`) stand for: from 1930 on, 30 is 1930 and 29 is \
     2029. Needed with `%y`, and only there.",
)
.example("years_from = 1930");
const PENCE: Key = key("pence", "Money, written so.");
const FLAG: Key = key("flag", "Yes or no, by these words, as they are written.");
const YES: Key =
    key("yes", "The words for yes; usually Y, YES, TRUE and 1 in the usual spellings.")
        .example("yes = [\"Y\"]");
const NO: Key = key("no", "The words for no; usually N, NO, FALSE and 0 in the usual spellings.")
    .example("no = [\"N\"]");
const VIA: Key = key("via", "Steps on the way, in this order, before a code list and the reading.")
    .example("via = [\"trim\", { none_if = [\"N/A\"] }]");
const NONE_IF: Key =
    key("none_if", "These texts mean that there is nothing.").example("none_if = [\"N/A\"]");
const PREFIX: Key = key("prefix", "Put before the text.").example("prefix = \"B\"");
const CODES: Key =
    key("codes", "The code list that says what the text means: a file below `mappings/`.")
        .example("codes = \"codes/account_status.csv\"");
const ON_ERROR: Key = key("on_error", "What becomes of a value that will not do.");

/// What a text may be read as, in one word.
fn as_words() -> [Word<AsType>; 12] {
    [
        word("text", "As it is.", AsType::Text),
        word("nino", "A National Insurance number.", AsType::Nino),
        word("nhs", "An NHS number, whose check digit must agree.", AsType::Nhs),
        word("sort_code", "A bank's sort code: six digits.", AsType::SortCode),
        word("bank_account", "A bank account's number: eight digits.", AsType::BankAccount),
        word("uprn", "A UPRN.", AsType::Uprn),
        word("postcode", "A postcode.", AsType::Postcode),
        word("phone", "A telephone number.", AsType::Phone),
        word("email", "An e-mail address.", AsType::Email),
        word("whole", "A whole number.", AsType::Whole),
        word("decimal", "A decimal number.", AsType::Decimal),
        word("flag", "Yes or no, by the usual words.", flag_words(None, None)),
    ]
}

const STEPS: [Word<Step>; 9] = [
    word("trim", "Blanks around it go.", Step::Trim),
    word("collapse_spaces", "Several blanks become one.", Step::CollapseSpaces),
    word("upper_case", "In capital letters.", Step::UpperCase),
    word("lower_case", "In small letters.", Step::LowerCase),
    word("title_case", "As names are written: `O'Sampleton`.", Step::TitleCase),
    word("digits_only", "Everything but digits goes.", Step::DigitsOnly),
    word("strip_leading_zeros", "Zeros in front go.", Step::StripLeadingZeros),
    word(
        "drop_placeholder_dates",
        "1900-01-01 and its like mean that the date is not known.",
        Step::DropPlaceholderDates,
    ),
    word(
        "open_ended_dates",
        "2999-12-31 and its like mean that there is no end.",
        Step::OpenEndedDates,
    ),
];

/// One file being read, with the code lists it may name.
pub struct Reading<'f> {
    pub file: &'f File,
    pub codes: &'f CodeLists,
}

impl Reading<'_> {
    /// The fields that a table fills, of those that there are.
    pub fn fields(&self, table: &Table<'_>, known: &'static [Field]) -> Vec<FieldMap> {
        self.fields_of(table, known.iter())
    }

    pub fn fields_of(
        &self,
        table: &Table<'_>,
        known: impl Iterator<Item = &'static Field>,
    ) -> Vec<FieldMap> {
        let mut fields = Vec::new();
        if let Some(inner) = table.table(FIELDS) {
            inner.has_fields(|| {
                let unnamed = Spanned { value: String::new(), at: inner.at() };
                let each = vec![Holds::Text, table_of(|table| self.field_parts(unnamed, table))];
                let names = known.map(|field| (field.name, field.doc)).collect();
                Fields { what: "field", names, each: Holds::Either(each) }
            });
            self.collect_fields(&inner, "", &mut fields);
        }
        fields
    }

    /// `[party.fields.name.family]` without quotes is a table in a table: it is read as
    /// `"name.family"`.
    fn collect_fields(&self, table: &Table<'_>, prefix: &str, fields: &mut Vec<FieldMap>) {
        for (key, value) in table.entries() {
            let name = if prefix.is_empty() {
                key.value.clone()
            } else {
                format!("{prefix}.{}", key.value)
            };
            let target = Spanned { value: name, at: key.at };
            match value {
                Value::Table(inner) if is_group(&target.value) => {
                    self.collect_fields(&inner, &target.value, fields);
                }
                Value::Table(inner) => fields.push(self.field(target, inner)),
                Value::Text(from) => {
                    let path = source_path::read(self.file, &from);
                    fields.extend(path.map(|path| plain_field(target, path)));
                }
                other => {
                    let help = format!("write `\"{}\" = {{ from = \"…\" }}`", target.value);
                    self.file.error(other.at(), "a field must be a table", "", Some(help));
                }
            }
        }
    }

    fn field(&self, target: Spanned<String>, table: Table<'_>) -> FieldMap {
        let field = self.field_parts(target, &table);
        table.finish();
        field
    }

    fn field_parts(&self, target: Spanned<String>, table: &Table<'_>) -> FieldMap {
        let written = table.texts(FROM);
        let from: Vec<SourcePath> = written
            .iter()
            .flatten()
            .filter_map(|path| source_path::read(self.file, path))
            .collect();
        let value = table.text(VALUE);
        let expr = table
            .text(EXPR)
            .and_then(|text| Expression::read(self.file, &text, Scope::Source, Wanted::Text));
        let ways: Vec<&str> =
            ["from", "value", "expr"].into_iter().filter(|way| table.has(way)).collect();
        match ways.as_slice() {
            [] => {
                let remedy = "say where it comes from, or give a constant with `value`";
                table.missing("from", remedy);
            }
            [one, other, ..] => {
                let help = "use `default` for what to write when the source has nothing".to_owned();
                let what = format!("a field has `{one}` or `{other}`, not both");
                table.error(table.at_value(other), what, "the second one", Some(help));
            }
            [_] => {}
        }
        let default = table.text(DEFAULT);
        let field = FieldMap {
            kind: self.as_type(table),
            via: self.steps(table),
            codes: self.code_list(table),
            required: table.is_set(REQUIRED),
            on_error: on_error(table),
            default: default.map(|text| text.value),
            value: value.map(|text| text.value),
            places: FieldPlaces {
                whole: table.at(),
                kind: table.at_value("as"),
                via: table.at_value("via"),
                codes: table.at_value("codes"),
                default: table.at_value("default"),
                value: table.at_value("value"),
                required: table.at_value("required"),
            },
            target,
            from,
            expr,
        };
        if field.on_error == OnError::Default && field.default.is_none() {
            let help = "add `default = \"…\"`, or choose `hold` or `null`".to_owned();
            let at = table.at_key("on_error");
            table.error(at, "there is no default to fall back on", "", Some(help));
        }
        field
    }

    fn as_type(&self, table: &Table<'_>) -> AsType {
        let forms = || {
            let words = as_words().map(|known| word(known.word, known.doc, ()));
            vec![Holds::Choice(words.to_vec()), table_of(|inner| self.as_table(inner))]
        };
        match table.either(AS, forms) {
            None => AsType::ByTarget,
            Some(Value::Text(word)) => self.as_word(&word),
            Some(Value::Table(inner)) => {
                let kind = self.as_table(&inner);
                inner.finish();
                kind
            }
            Some(other) => {
                let help = "write `as = \"nino\"` or `as = { date = \"%Y-%m-%d\" }`".to_owned();
                table.error(other.at(), "`as` must be text or a table", "", Some(help));
                AsType::ByTarget
            }
        }
    }

    fn as_word(&self, word: &Spanned<String>) -> AsType {
        let known = as_words();
        if let Some(known) = known.iter().find(|known| known.word == word.value) {
            return known.means.clone();
        }
        let help = match word.value.as_str() {
            "date" => Some("say how dates are written: `as = { date = \"%Y-%m-%d\" }`".to_owned()),
            "pence" => {
                Some("say how money is written: `as = { pence = \"decimal_pounds\" }`".to_owned())
            }
            other => {
                let words = known.iter().map(|known| known.word);
                suggest::help(other, &words.chain(["date", "pence"]).collect::<Vec<_>>())
            }
        };
        let what = match word.value.as_str() {
            "date" | "pence" => format!("`{}` needs a format", word.value),
            other => format!("`{other}` is not a type"),
        };
        self.file.error(word.at, what, "not understood", help);
        AsType::ByTarget
    }

    fn as_table(&self, table: &Table<'_>) -> AsType {
        let date = table.texts(DATE);
        let years = table.whole(YEARS_FROM, 1000..=9900);
        let years_from = years.as_ref().and_then(|years| u32::try_from(years.value).ok());
        let formats =
            PenceFormat::ALL.map(|format| word(format.word(), format.doc(), format.word()));
        let pence = table.choice(PENCE, &formats);
        let flag = table.table(FLAG).map(|flag| {
            let words = |key: Key| {
                flag.texts(key).map(|words| words.into_iter().map(|word| word.value).collect())
            };
            let kind = flag_words(words(YES), words(NO));
            flag.finish();
            kind
        });
        if [DATE, PENCE, FLAG].iter().filter(|key| table.has(key.name)).count() > 1 {
            let help = "write one of `date`, `pence` and `flag`".to_owned();
            table.error(table.at(), "`as` names several types", "", Some(help));
        }
        if let Some(formats) = date {
            let short = |format: &Spanned<String>| {
                DateFormat::with_years(&format.value, Some(1900)).is_ok_and(|read| read.is_short())
            };
            let any_short = formats.iter().any(short);
            let good = formats.into_iter().filter(|format| self.is_date_format(format, years_from));
            let formats = good.map(|format| format.value).collect();
            if let Some(years) = years.filter(|_| !any_short) {
                let help = "take it out: a year of four digits says its century".to_owned();
                table.error(years.at, "no format has the `%y` that it is for", "", Some(help));
            }
            return AsType::Date { formats, years_from };
        }
        if let Some(format) = pence {
            return AsType::Pence(format.value.to_owned());
        }
        if let Some(kind) = flag {
            return kind;
        }
        if !["date", "pence", "flag"].iter().any(|key| table.has(key)) {
            let help = "write `as = { date = \"%Y-%m-%d\" }` or another type".to_owned();
            table.error(table.at(), "`as` names no type", "", Some(help));
        }
        AsType::ByTarget
    }

    fn is_date_format(&self, format: &Spanned<String>, years_from: Option<u32>) -> bool {
        let good = DateFormat::with_years(&format.value, years_from).is_ok();
        if !good {
            let what = format!("`{}` is not a date format", format.value);
            let help = match () {
                () if format.value.ends_with('Z') => {
                    "write `%z` in place of the `Z`: the day is then London's"
                }
                () if DateFormat::with_years(&format.value, Some(1900)).is_ok() => {
                    "say which century two digits mean, such as `as = { date = \"%d%m%y\", \
                     years_from = 1930 }`: 30 is then 1930, and 29 is 2029"
                }
                () => "use %Y, %m (or %b) and %d once each, such as `%d/%m/%Y`",
            };
            self.file.error(format.at, what, "", Some(help.to_owned()));
        }
        good
    }

    fn steps(&self, table: &Table<'_>) -> Vec<Step> {
        let forms = || {
            let words = STEPS.map(|known| word(known.word, known.doc, ()));
            vec![Holds::Choice(words.to_vec()), table_of(step_parts)]
        };
        let parts = table.one_or_more(VIA, forms);
        parts.into_iter().filter_map(|part| self.step(part)).collect()
    }

    fn step(&self, part: Value<'_>) -> Option<Step> {
        match part {
            Value::Text(word) => self.step_word(&word),
            Value::Table(table) => {
                let (none_if, prefix) = step_parts(&table);
                let at = table.at();
                table.finish();
                let texts = |list: Vec<Spanned<String>>| list.into_iter().map(|text| text.value);
                match (none_if, prefix) {
                    (Some(list), None) => Some(Step::NoneIf(texts(list).collect())),
                    (None, Some(prefix)) => Some(Step::Prefix(prefix.value)),
                    _ => {
                        let help = "`{ none_if = [\"N/A\"] }` or `{ prefix = \"…\" }`".to_owned();
                        self.file.error(at, "this is not one step", "", Some(help));
                        None
                    }
                }
            }
            other => {
                self.file.error(other.at(), "a step must be text or a table", "", None);
                None
            }
        }
    }

    fn step_word(&self, word: &Spanned<String>) -> Option<Step> {
        if let Some(known) = STEPS.iter().find(|known| known.word == word.value) {
            return Some(known.means.clone());
        }
        let known: Vec<&str> = STEPS.iter().map(|known| known.word).collect();
        let what = format!("`{}` is not a step", word.value);
        self.file.error(word.at, what, "not understood", suggest::help(&word.value, &known));
        None
    }

    pub fn code_list(&self, table: &Table<'_>) -> Option<CodeList> {
        let path = table.text(CODES)?;
        let found = self.codes.get(&path.value).cloned();
        if found.is_none() {
            let what = format!("there is no code list `{}`", path.value);
            let help = self.codes.remedy(&path.value);
            self.file.error(path.at, what, "no such file below `mappings/`", Some(help));
        }
        found
    }
}

/// A step that is written as a table.
fn step_parts(table: &Table<'_>) -> (Option<Vec<Spanned<String>>>, Option<Spanned<String>>) {
    (table.texts(NONE_IF), table.text(PREFIX))
}

/// Whether this is no field but the first part of the names of some.
fn is_group(target: &str) -> bool {
    let all = || schema::ACCOUNT.iter().chain(schema::PARTY);
    let below = |name: &str| name.strip_prefix(target).is_some_and(|rest| rest.starts_with('.'));
    all().any(|field| below(field.name)) && !all().any(|field| field.name == target)
}

fn plain_field(target: Spanned<String>, path: SourcePath) -> FieldMap {
    let at = target.at;
    FieldMap {
        places: FieldPlaces {
            whole: at,
            kind: at,
            via: at,
            codes: at,
            default: at,
            value: at,
            required: at,
        },
        target,
        from: vec![path],
        expr: None,
        value: None,
        kind: AsType::ByTarget,
        via: Vec::new(),
        codes: None,
        default: None,
        required: false,
        on_error: OnError::default(),
    }
}

pub fn on_error(table: &Table<'_>) -> OnError {
    table.choice_or(
        ON_ERROR,
        word("hold", "The row waits for a person.", OnError::Hold),
        &[
            word("null", "The field is left empty, and the issue noted.", OnError::Null),
            word(
                "default",
                "The field takes its `default`, and the issue is noted.",
                OnError::Default,
            ),
            word("fail", "The batch stops: the file cannot be what it says it is.", OnError::Fail),
        ],
    )
}

/// Words are compared as written, so the usual ones are there in the usual spellings.
fn flag_words(yes: Option<Vec<String>>, no: Option<Vec<String>>) -> AsType {
    const YES: [&str; 9] = ["Y", "y", "YES", "Yes", "yes", "TRUE", "True", "true", "1"];
    const NO: [&str; 9] = ["N", "n", "NO", "No", "no", "FALSE", "False", "false", "0"];
    let usual = |words: [&str; 9]| words.map(str::to_owned).to_vec();
    AsType::Flag { yes: yes.unwrap_or_else(|| usual(YES)), no: no.unwrap_or_else(|| usual(NO)) }
}
