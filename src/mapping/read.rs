//! Reads an inbound mapping file into its definition. Every fault is told to the file; a part that cannot be
//! understood is left out, and the rest is still read. Whether targets and paths exist is asked in `check`.

use xxhash_rust::xxh3::Xxh3;

use crate::definition::reader::{File, Spanned};
use crate::definition::table::{self, Table, Value};
use crate::mapping::code_list::CodeLists;
use crate::mapping::definition::{
    AccountMap, AsType, CodeList, FieldMap, FilterRule, InboundMapping, ListMap, OnError, PartyMap,
    RoleMap, SourcePath, Step,
};
use crate::mapping::source_path;
use crate::record::schema;

/// The formats of `as = { pence = "…" }`.
pub const PENCE_FORMATS: [&str; 4] = [
    "decimal_pounds",
    "decimal_pounds_loose",
    "integer_pence",
    "signed_pence_trailing",
];

const LANGUAGE: i64 = 1;

/// `name` is the file's name without folders and ending. None when not even its source is known.
pub fn inbound(file: &File, name: &str, codes: &CodeLists) -> Option<InboundMapping> {
    let reading = Reading { file, codes };
    let root = file.root();
    language(&root);
    let source = root.need_text("source");
    let account = root.table("account").map(|table| reading.account(table));
    let parties: Vec<PartyMap> = root
        .tables("party")
        .into_iter()
        .filter_map(|table| reading.party(table))
        .collect();
    let filter = root
        .tables("filter")
        .into_iter()
        .filter_map(|table| reading.filter(table))
        .collect();
    if account.is_none() && !root.has("party") && !root.has("account") {
        root.missing("party", "add `[account]`, `[[party]]` or both");
    }
    root.finish();
    let mut mapping = InboundMapping {
        name: name.to_owned(),
        source: source?,
        account,
        parties,
        filter,
        version: 0,
    };
    mapping.version = version(file, &mapping);
    Some(mapping)
}

/// The language of the file; only one is known so far.
pub fn language(root: &Table<'_>) {
    if let Some(language) = root.value("language")
        && !matches!(&language, Value::Whole(number) if number.value == LANGUAGE)
    {
        let help = format!("write `language = {LANGUAGE}`");
        root.error(language.at(), "this language is not known", "", Some(help));
    }
}

struct Reading<'f> {
    file: &'f File,
    codes: &'f CodeLists,
}

impl Reading<'_> {
    fn account(&self, table: Table<'_>) -> AccountMap {
        let kind = table
            .need_text("kind")
            .map(|kind| kind.value)
            .unwrap_or_default();
        let fields = self.fields(&table);
        let lists = table
            .tables("list")
            .into_iter()
            .filter_map(|list| self.list(list))
            .collect();
        table.finish();
        AccountMap {
            kind,
            fields,
            lists,
        }
    }

    fn list(&self, table: Table<'_>) -> Option<ListMap> {
        let name = table.need_text("name");
        let each = table
            .need_text("each")
            .and_then(|each| source_path::read(self.file, &each));
        let fields = self.fields(&table);
        table.finish();
        Some(ListMap {
            name: name?,
            each: each?,
            fields,
        })
    }

    fn party(&self, table: Table<'_>) -> Option<PartyMap> {
        let each = self.path(&table, "each");
        let names = self.path(&table, "names");
        let key = self.path(&table, "key");
        let role = self.role(&table);
        let fields = self.fields(&table);
        table.finish();
        Some(PartyMap {
            each,
            names,
            key,
            role: role?,
            fields,
        })
    }

    fn role(&self, table: &Table<'_>) -> Option<RoleMap> {
        match table.value("role") {
            None => {
                table.missing(
                    "role",
                    "write `role = \"liable\"` or `role = { from = \"…\" }`",
                );
                None
            }
            Some(Value::Text(fixed)) => Some(RoleMap::Fixed(fixed.value)),
            Some(Value::Table(inner)) => {
                let from = inner.need_text("from");
                let path = from.and_then(|from| source_path::read(self.file, &from));
                let codes = self.code_list(&inner);
                let on_error = on_error(&inner);
                inner.finish();
                Some(RoleMap::From {
                    path: path?,
                    codes,
                    on_error,
                })
            }
            Some(other) => {
                let help = "write `role = \"liable\"` or `role = { from = \"…\" }`".to_owned();
                table.error(other.at(), "`role` must be text or a table", "", Some(help));
                None
            }
        }
    }

    fn filter(&self, table: Table<'_>) -> Option<FilterRule> {
        let path = table
            .need_text("path")
            .and_then(|path| source_path::read(self.file, &path));
        if !table.has("equals") {
            table.missing(
                "equals",
                "add `equals = [\"…\"]`: the values that leave a row out",
            );
        }
        let equals = table.texts("equals").unwrap_or_default();
        let because = table.need_text("because");
        table.finish();
        let equals = equals.into_iter().map(|text| text.value).collect();
        Some(FilterRule {
            path: path?,
            equals,
            because: because?.value,
        })
    }

    fn path(&self, table: &Table<'_>, key: &str) -> Option<SourcePath> {
        source_path::read(self.file, &table.text(key)?)
    }

    fn fields(&self, table: &Table<'_>) -> Vec<FieldMap> {
        let mut fields = Vec::new();
        if let Some(inner) = table.table("fields") {
            self.collect_fields(&inner, "", &mut fields);
        }
        fields
    }

    /// `[party.fields.name.family]` without quotes is a table in a table: it is read as `"name.family"`.
    fn collect_fields(&self, table: &Table<'_>, prefix: &str, fields: &mut Vec<FieldMap>) {
        for (key, value) in table.entries() {
            let name = if prefix.is_empty() {
                key.value.clone()
            } else {
                format!("{prefix}.{}", key.value)
            };
            let target = Spanned {
                value: name,
                at: key.at,
            };
            match value {
                Value::Table(inner) if is_group(&target.value) => {
                    self.collect_fields(&inner, &target.value, fields);
                }
                Value::Table(inner) => fields.extend(self.field(target, inner)),
                Value::Text(from) => {
                    let path = source_path::read(self.file, &from);
                    fields.extend(path.map(|path| plain_field(target, path)));
                }
                other => {
                    let help = format!("write `\"{}\" = {{ from = \"…\" }}`", target.value);
                    self.file
                        .error(other.at(), "a field must be a table", "", Some(help));
                }
            }
        }
    }

    fn field(&self, target: Spanned<String>, table: Table<'_>) -> Option<FieldMap> {
        let written = table.texts("from");
        let from: Vec<SourcePath> = written
            .iter()
            .flatten()
            .filter_map(|path| source_path::read(self.file, path))
            .collect();
        let value = table.text("value");
        match (table.has("from"), &value) {
            (false, None) if !table.has("value") => {
                let remedy = "say where it comes from, or give a constant with `value`";
                table.missing("from", remedy);
            }
            (true, Some(constant)) => {
                let help = "use `default` for what to write when the source has nothing".to_owned();
                let what = "a field has `from` or `value`, not both";
                table.error(constant.at, what, "the second one", Some(help));
            }
            _ => {}
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
            target,
            from,
        };
        if field.on_error == OnError::Default && field.default.is_none() {
            let help = "add `default = \"…\"`, or choose `hold` or `null`".to_owned();
            let at = table.at_key("on_error");
            table.error(at, "there is no default to fall back on", "", Some(help));
        }
        table.finish();
        (field.value.is_some() || !field.from.is_empty()).then_some(field)
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
            other => table::suggest(
                other,
                &[
                    "text", "nino", "uprn", "postcode", "phone", "email", "whole", "decimal",
                    "flag", "date", "pence",
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
            let good = formats
                .into_iter()
                .filter(|format| self.is_date_format(format));
            return AsType::Date(good.map(|format| format.value).collect());
        }
        let pence = PENCE_FORMATS.map(|name| (name, name));
        if let Some(format) = table.choice("pence", &pence) {
            return AsType::Pence(format.value.to_owned());
        }
        if let Some(flag) = table.table("flag") {
            let words = |key: &str| {
                flag.texts(key)
                    .map(|words| words.into_iter().map(|word| word.value).collect())
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

    /// `%Y`, `%m` and `%d`, each once, with anything between them.
    fn is_date_format(&self, format: &Spanned<String>) -> bool {
        let parts: Vec<&str> = format.value.split('%').skip(1).collect();
        let mut letters: Vec<Option<char>> = parts.iter().map(|part| part.chars().next()).collect();
        letters.sort_unstable();
        let good = letters == [Some('Y'), Some('d'), Some('m')];
        if !good {
            let what = format!("`{}` is not a date format", format.value);
            let help = "use %Y, %m and %d once each, such as `%d/%m/%Y`".to_owned();
            self.file.error(format.at, what, "", Some(help));
        }
        good
    }

    fn steps(&self, table: &Table<'_>) -> Vec<Step> {
        let parts = match table.value("via") {
            None => return Vec::new(),
            Some(Value::List(parts, _)) => parts,
            Some(one) => vec![one],
        };
        parts
            .into_iter()
            .filter_map(|part| self.step(part))
            .collect()
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
                self.file
                    .error(other.at(), "a step must be text or a table", "", None);
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
        self.file.error(
            word.at,
            what,
            "not understood",
            table::suggest(&word.value, &known),
        );
        None
    }

    fn code_list(&self, table: &Table<'_>) -> Option<CodeList> {
        let path = table.text("codes")?;
        let found = self.codes.get(&path.value).cloned();
        if found.is_none() {
            let what = format!("there is no code list `{}`", path.value);
            let help = self.codes.remedy(&path.value);
            self.file
                .error(path.at, what, "no such file below `mappings/`", Some(help));
        }
        found
    }
}

/// Whether this is no field but the first part of the names of some.
fn is_group(target: &str) -> bool {
    let all = || schema::ACCOUNT.iter().chain(schema::PARTY);
    let below = |name: &str| {
        name.strip_prefix(target)
            .is_some_and(|rest| rest.starts_with('.'))
    };
    all().any(|field| below(field.name)) && !all().any(|field| field.name == target)
}

fn plain_field(target: Spanned<String>, path: SourcePath) -> FieldMap {
    FieldMap {
        target,
        from: vec![path],
        value: None,
        kind: AsType::ByTarget,
        via: Vec::new(),
        codes: None,
        default: None,
        required: false,
        on_error: OnError::default(),
    }
}

fn on_error(table: &Table<'_>) -> OnError {
    let words = [
        ("hold", OnError::Hold),
        ("null", OnError::Null),
        ("default", OnError::Default),
        ("fail", OnError::Fail),
    ];
    table
        .choice("on_error", &words)
        .map(|word| word.value)
        .unwrap_or_default()
}

fn flag_words(yes: Option<Vec<String>>, no: Option<Vec<String>>) -> AsType {
    let usual = |words: [&str; 4]| words.map(str::to_owned).to_vec();
    AsType::Flag {
        yes: yes.unwrap_or_else(|| usual(["Y", "YES", "TRUE", "1"])),
        no: no.unwrap_or_else(|| usual(["N", "NO", "FALSE", "0"])),
    }
}

/// Changes when the file or a code list it names changes, so that held rows are known to be worth another try.
fn version(file: &File, mapping: &InboundMapping) -> u64 {
    let mut digest = Xxh3::new();
    digest.update(file.text.as_bytes());
    let account = mapping.account.iter();
    let of_account = account.flat_map(|account| {
        account
            .fields
            .iter()
            .chain(account.lists.iter().flat_map(|list| &list.fields))
    });
    let of_parties = mapping.parties.iter().flat_map(|party| &party.fields);
    let roles = mapping
        .parties
        .iter()
        .filter_map(|party| match &party.role {
            RoleMap::From { codes, .. } => codes.as_ref(),
            RoleMap::Fixed(_) => None,
        });
    let lists = of_account
        .chain(of_parties)
        .filter_map(|field| field.codes.as_ref())
        .chain(roles);
    for row in lists.flat_map(|list| &list.rows) {
        digest.update(format!("{row:?}").as_bytes());
    }
    digest.digest()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::definition::PathStep;

    const GOOD: &str = r#"
language = 1
source = "revenues"
[account]
kind = "council_tax"
[account.fields."balance"]
from = "Balance/Outstanding"
as = { pence = "decimal_pounds" }
[account.fields."status"]
from = "Status"
codes = "codes/account_status.csv"
on_error = "hold"
[[account.list]]
name = "instalments"
each = "Instalments/Instalment"
fields."due" = { from = "@due", as = { date = "%Y-%m-%d" } }
fields."amount" = { from = "@amount", as = { pence = "decimal_pounds" } }
[[party]]
each = "LiablePersons/Person"
key = "@seq"
role = { from = "@role", codes = "codes/account_status.csv" }
[party.fields.name.family]
from = ["Surname", "../Name"]
via = ["trim", "title_case", { none_if = ["N/A"] }]
required = true
[party.fields."consent.contact"]
from = "Ok"
as = { flag = { yes = ["J"], no = ["N"] } }
on_error = "null"
[party.fields]
"address.uprn" = "../../Property/UPRN"
[[filter]]
path = "Status"
equals = ["VOID"]
because = "no person is liable for a void"
"#;

    fn codes() -> CodeLists {
        let mut lists = CodeLists::default();
        lists.add("codes/account_status.csv", "x", "code,value\nOPEN,open\n");
        lists
    }

    fn told(text: &str) -> Vec<String> {
        let file = File::parse("x.toml", text.to_owned());
        let _ = inbound(&file, "x", &codes());
        file.into_diagnostics()
            .into_iter()
            .map(|one| one.what)
            .collect()
    }

    #[test]
    fn a_whole_mapping_is_read() {
        let text = GOOD.replace(
            "[party.fields]\n\"address.uprn\" =",
            "[party.fields.address]\nuprn =",
        );
        let file = File::parse("mappings/inbound/ctax_account.toml", text);
        let mapping = inbound(&file, "ctax_account", &codes());
        let told = file.into_diagnostics();
        assert!(told.is_empty(), "{told:?}");
        let mapping = mapping.expect("it has no faults");
        let account = mapping.account.expect("it has an account");
        assert_eq!(
            account.fields[0].kind,
            AsType::Pence("decimal_pounds".into())
        );
        assert_eq!(
            account.fields[1]
                .codes
                .as_ref()
                .map(|codes| codes.rows.len()),
            Some(1)
        );
        assert_eq!(
            account.lists[0].fields[0].kind,
            AsType::Date(vec!["%Y-%m-%d".into()])
        );
        let party = &mapping.parties[0];
        let targets: Vec<&str> = party
            .fields
            .iter()
            .map(|f| f.target.value.as_str())
            .collect();
        assert_eq!(targets, ["name.family", "consent.contact", "address.uprn"]);
        assert_eq!(party.fields[0].via.len(), 3);
        assert_eq!(party.fields[0].from[1].up, 1);
        assert!(party.fields[0].required);
        assert_eq!(
            party.key.as_ref().map(|key| key.steps.clone()),
            Some(vec![PathStep::Attribute {
                ns: None,
                name: "seq".into()
            }])
        );
        assert_eq!(mapping.filter[0].equals, ["VOID"]);
    }

    #[test]
    fn the_version_changes_with_a_code_list() {
        let version = |list: &str| {
            let mut lists = CodeLists::default();
            lists.add("codes/account_status.csv", "x", list);
            let file = File::parse("x.toml", GOOD.to_owned());
            inbound(&file, "x", &lists).map(|mapping| mapping.version)
        };
        assert_eq!(
            version("code,value\nOPEN,open\n"),
            version("code,value\nOPEN,open\n")
        );
        assert_ne!(
            version("code,value\nOPEN,open\n"),
            version("code,value\nOPEN,closed\n")
        );
    }

    #[test]
    fn faults_are_all_told() {
        for (part, what) in [
            (
                "a = { from = \"x\", as = \"nina\" }",
                "`nina` is not a type",
            ),
            (
                "a = { from = \"x\", as = \"date\" }",
                "`date` needs a format",
            ),
            (
                "a = { from = \"x\", as = { date = \"%Y-%q\" } }",
                "`%Y-%q` is not a date format",
            ),
            (
                "a = { from = \"x\", as = { pence = \"pounds\" } }",
                "`pounds` is not a `pence`",
            ),
            ("a = { from = \"x\", as = {} }", "`as` names no type"),
            (
                "a = { from = \"x\", as = 1 }",
                "`as` must be text or a table",
            ),
            (
                "a = { from = \"x\", via = [\"trimm\"] }",
                "`trimm` is not a step",
            ),
            ("a = { from = \"x\", via = [{}] }", "this is not one step"),
            (
                "a = { from = \"x\", via = [1] }",
                "a step must be text or a table",
            ),
            (
                "a = { from = \"x\", codes = \"codes/y.csv\" }",
                "there is no code list `codes/y.csv`",
            ),
            (
                "a = { from = \"x\", on_error = \"default\" }",
                "there is no default to fall back on",
            ),
            (
                "a = { from = \"x\", on_error = \"drop\" }",
                "`drop` is not a `on_error`",
            ),
            (
                "a = { from = \"x\", value = \"y\" }",
                "a field has `from` or `value`, not both",
            ),
            ("a = { as = \"nino\" }", "`from` is missing"),
            (
                "a = { from = \"x\", requird = true }",
                "`requird` is not known here",
            ),
            ("a = { from = \"/x\" }", "`/x` is not a path"),
            ("a = 1", "a field must be a table"),
        ] {
            let text =
                format!("source = \"s\"\n[[party]]\nrole = \"liable\"\n[party.fields]\n{part}\n");
            assert_eq!(told(&text), [what], "{part}");
        }
        assert_eq!(told(""), ["`source` is missing", "`party` is missing"]);
        assert_eq!(told("source = \"s\"\nlanguage = 2\n[[party]]\n").len(), 2);
    }
}
