//! Reads the fields of a mapping: where each comes from, what its text is read as, and the steps on
//! the way. What cannot be understood is told to the file and left out.

use crate::definition::reader::{File, Spanned};
use crate::definition::shape::word;
use crate::definition::suggest;
use crate::definition::table::{Table, Value};
use crate::mapping::code_list::CodeLists;
use crate::mapping::definition::{
    AsType, CodeList, FieldMap, FieldPlaces, OnError, SourcePath, Step,
};
use crate::mapping::expression::{Expression, Scope, Wanted};
use crate::mapping::source_path;
use crate::record::schema;
use crate::record::value::date::DateFormat;
use crate::record::value::pence::PenceFormat;

/// One file being read, with the code lists it may name.
pub struct Reading<'f> {
    pub file: &'f File,
    pub codes: &'f CodeLists,
}

impl Reading<'_> {
    pub fn fields(&self, table: &Table<'_>) -> Vec<FieldMap> {
        let mut fields = Vec::new();
        if let Some(inner) = table.table("fields") {
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
        let written = table.texts("from");
        let from: Vec<SourcePath> = written
            .iter()
            .flatten()
            .filter_map(|path| source_path::read(self.file, path))
            .collect();
        let value = table.text("value");
        let expr = table
            .text("expr")
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
        let default = table.text("default");
        let field = FieldMap {
            kind: self.as_type(&table),
            via: self.steps(&table),
            codes: self.code_list(&table),
            required: table.flag("required").is_some_and(|flag| flag.value),
            on_error: on_error(&table),
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
        table.finish();
        field
    }

    fn as_type(&self, table: &Table<'_>) -> AsType {
        match table.value("as") {
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
        let help = match word.value.as_str() {
            "text" => return AsType::Text,
            "nino" => return AsType::Nino,
            "nhs" => return AsType::Nhs,
            "sort_code" => return AsType::SortCode,
            "bank_account" => return AsType::BankAccount,
            "uprn" => return AsType::Uprn,
            "postcode" => return AsType::Postcode,
            "phone" => return AsType::Phone,
            "email" => return AsType::Email,
            "whole" => return AsType::Whole,
            "decimal" => return AsType::Decimal,
            "flag" => return flag_words(None, None),
            "date" => Some("say how dates are written: `as = { date = \"%Y-%m-%d\" }`".to_owned()),
            "pence" => {
                Some("say how money is written: `as = { pence = \"decimal_pounds\" }`".to_owned())
            }
            other => suggest::help(
                other,
                &[
                    "text",
                    "nino",
                    "nhs",
                    "sort_code",
                    "bank_account",
                    "uprn",
                    "postcode",
                    "phone",
                    "email",
                    "whole",
                    "decimal",
                    "flag",
                    "date",
                    "pence",
                ],
            ),
        };
        let what = match word.value.as_str() {
            "date" | "pence" => format!("`{}` needs a format", word.value),
            other => format!("`{other}` is not a type"),
        };
        self.file.error(word.at, what, "not understood", help);
        AsType::ByTarget
    }

    fn as_table(&self, table: &Table<'_>) -> AsType {
        if let Some(formats) = table.texts("date") {
            let good = formats.into_iter().filter(|format| self.is_date_format(format));
            return AsType::Date(good.map(|format| format.value).collect());
        }
        let pence = PenceFormat::ALL.map(|format| word(format.word(), format.doc(), format.word()));
        if let Some(format) = table.choice("pence", &pence) {
            return AsType::Pence(format.value.to_owned());
        }
        if let Some(flag) = table.table("flag") {
            let words = |key: &'static str| {
                flag.texts(key).map(|words| words.into_iter().map(|word| word.value).collect())
            };
            let kind = flag_words(words("yes"), words("no"));
            flag.finish();
            return kind;
        }
        if !["date", "pence", "flag"].iter().any(|key| table.has(key)) {
            let help = "write `as = { date = \"%Y-%m-%d\" }` or another type".to_owned();
            table.error(table.at(), "`as` names no type", "", Some(help));
        }
        AsType::ByTarget
    }

    fn is_date_format(&self, format: &Spanned<String>) -> bool {
        let good = DateFormat::new(&format.value).is_ok();
        if !good {
            let what = format!("`{}` is not a date format", format.value);
            let help = match format.value.ends_with('Z') {
                true => "write `%z` in place of the `Z`: the day is then London's",
                false => "use %Y, %m (or %b) and %d once each, such as `%d/%m/%Y`",
            };
            self.file.error(format.at, what, "", Some(help.to_owned()));
        }
        good
    }

    fn steps(&self, table: &Table<'_>) -> Vec<Step> {
        let parts = match table.value("via") {
            None => return Vec::new(),
            Some(Value::List(parts, _)) => parts,
            Some(one) => vec![one],
        };
        parts.into_iter().filter_map(|part| self.step(part)).collect()
    }

    fn step(&self, part: Value<'_>) -> Option<Step> {
        match part {
            Value::Text(word) => self.step_word(&word),
            Value::Table(table) => {
                let none_if = table.texts("none_if");
                let prefix = table.text("prefix");
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
        let steps = [
            ("trim", Step::Trim),
            ("collapse_spaces", Step::CollapseSpaces),
            ("upper_case", Step::UpperCase),
            ("lower_case", Step::LowerCase),
            ("title_case", Step::TitleCase),
            ("digits_only", Step::DigitsOnly),
            ("strip_leading_zeros", Step::StripLeadingZeros),
            ("drop_placeholder_dates", Step::DropPlaceholderDates),
            ("open_ended_dates", Step::OpenEndedDates),
        ];
        if let Some((_, step)) = steps.iter().find(|(name, _)| *name == word.value) {
            return Some(step.clone());
        }
        let known: Vec<&str> = steps.iter().map(|(name, _)| *name).collect();
        let what = format!("`{}` is not a step", word.value);
        self.file.error(word.at, what, "not understood", suggest::help(&word.value, &known));
        None
    }

    pub fn code_list(&self, table: &Table<'_>) -> Option<CodeList> {
        let path = table.text("codes")?;
        let found = self.codes.get(&path.value).cloned();
        if found.is_none() {
            let what = format!("there is no code list `{}`", path.value);
            let help = self.codes.remedy(&path.value);
            self.file.error(path.at, what, "no such file below `mappings/`", Some(help));
        }
        found
    }
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
    let words = [
        word("hold", "The row waits for a person.", OnError::Hold),
        word("null", "The field is left empty, and the issue noted.", OnError::Null),
        word("default", "The field takes its `default`, and the issue is noted.", OnError::Default),
        word("fail", "The batch stops: the file cannot be what it says it is.", OnError::Fail),
    ];
    table.choice("on_error", &words).map(|word| word.value).unwrap_or_default()
}

/// Words are compared as written, so the usual ones are there in the usual spellings.
fn flag_words(yes: Option<Vec<String>>, no: Option<Vec<String>>) -> AsType {
    const YES: [&str; 9] = ["Y", "y", "YES", "Yes", "yes", "TRUE", "True", "true", "1"];
    const NO: [&str; 9] = ["N", "n", "NO", "No", "no", "FALSE", "False", "false", "0"];
    let usual = |words: [&str; 9]| words.map(str::to_owned).to_vec();
    AsType::Flag { yes: yes.unwrap_or_else(|| usual(YES)), no: no.unwrap_or_else(|| usual(NO)) }
}
