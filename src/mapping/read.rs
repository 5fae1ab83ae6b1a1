//! Reads an inbound mapping file into its definition. Every fault is told to the file; a part that
//! cannot be understood is left out, and the rest is still read. Whether targets and paths exist is
//! asked in `check`.

use xxhash_rust::xxh3::Xxh3;

use crate::definition::reader::{File, Span, Spanned};
use crate::definition::shape::{Holds, Key, key, word};
use crate::definition::suggest;
use crate::definition::table::{Table, Value, table_of};
use crate::mapping::code_list::CodeLists;
use crate::mapping::definition::{
    AccountMap, FilterOn, FilterRule, HoldMap, InboundMapping, KeyMap, ListMap, PartyMap, RoleMap,
    SourcePath,
};
use crate::mapping::expression::{Expression, Scope, Wanted};
use crate::mapping::read_field::{Reading, on_error};
use crate::mapping::source_path;
use crate::record::schema::{self, FieldId};

const LANGUAGE: i64 = 1;

const LANGUAGE_KEY: Key =
    key("language", "Which language of mappings this file is written in; there is one so far.")
        .example("language = 1");
const SOURCE: Key =
    key("source", "Whose records it reads: the name of a file in `connectors/`, or a system.")
        .example("source = \"revenues\"");
const ACCOUNT: Key = key("account", "Facts of the account: stated once, whoever is liable.");
const PARTY: Key = key(
    "party",
    "The people that one place of the record names: one `[[party]]` for each such place.",
);
const HOLD: Key = key(
    "hold",
    "Records that are holds, such as notices of breathing space: one hold each, in place of an account and \
     parties.",
);
const DEBTS: Key = key(
    "debts",
    "Where the debts stand that it covers, by their accounts' references: every place at this path (or at \
     each of several), and several in one text with `;` between. Without it, or where nothing stands there, \
     all debts.",
)
.example("debts = \"Debts/Debt/@account\"");
const FILTER: Key = key("filter", "Rows that are left out on purpose, and counted as filtered.");
const KIND: Key = key(
    "kind",
    "What kind of account it is: a word of yours, the same for every mapping of such accounts.",
)
.example("kind = \"council_tax\"");
const LIST: Key = key("list", "A repeating part of the account, such as its instalments.");
const LIST_NAME: Key =
    key("name", "Which list: `instalments` or `discounts`.").example("name = \"instalments\"");
const LIST_EACH: Key = key("each", "The path of one item. Paths of its fields begin there.")
    .example("each = \"Instalments/Instalment\"");
const EACH: Key = key(
    "each",
    "The path of one such person: one party for each. Paths of its fields begin there. Without it the \
     record itself is the party.",
)
.example("each = \"LiablePersons/Person\"");
const NAMES: Key = key(
    "names",
    "A field whose text names several people, such as `FAKELEY,MR B & MRS C`: one party for each. It \
     fills `kind` and the fields of the name.",
)
.example("names = \"liable_name\"");
const OF_FIRST: Key = key(
    "of_first",
    "Of those whom `names` finds, only the first has these fields: the telephone number of whoever leads the \
     account is not the other's.",
)
.example("of_first = [\"birth_date\", \"contact.email\"]");
const PARTY_WHEN: Key = key("when", "Only then is there such a party: an expression.")
    .example("when = 'text(\"role\") != \"VOID\"'");
const PARTY_KEY: Key = key(
    "key",
    "What tells this party from the others of its record, tomorrow too. Without it that is its place.",
)
.example("key = \"@seq\"");
const KEY_EXPR: Key = key("expr", "An expression that gives the key.")
    .example("expr = 'text(\"../ref\") + text(\"ref\")'");
const ROLE: Key = key("role", "What the party is to the account: a role, or where it is read.")
    .example("role = { from = \"@role\", codes = \"codes/liability_role.csv\" }");
const ROLE_FROM: Key = key("from", "Where the role is read.").example("from = \"@role\"");
const FILTER_WHEN: Key = key("when", "Which rows: an expression, in place of `path` and `equals`.")
    .example("when = 'text(\"Status\") == \"VOID\"'");
const BECAUSE: Key =
    key("because", "Why they are left out.").example("because = \"nobody is liable for a void\"");
const FILTER_PATH: Key = key("path", "What is looked at.").example("path = \"Status\"");
const EQUALS: Key =
    key("equals", "The values that leave a row out.").example("equals = [\"VOID\"]");

/// `name` is the file's name without folders and ending. What is missing is told and left empty, so
/// that the rest can still be checked; with an error told, nothing of it may be used. None when the
/// file is not TOML at all.
pub fn inbound(file: &File, name: &str, codes: &CodeLists) -> Option<InboundMapping> {
    if file.is_hopeless() {
        return None;
    }
    let reading = Reading { file, codes };
    let root = file.root();
    let mut mapping = parts(&reading, &root, name);
    root.finish();
    mapping.version = version(file, &mapping);
    Some(mapping)
}

/// Reads the table of a mapping; also how it is described.
pub fn parts(reading: &Reading<'_>, root: &Table<'_>, name: &str) -> InboundMapping {
    language(root);
    let source = root.need_text(SOURCE);
    let account = root.table(ACCOUNT).map(|table| reading.account(table));
    let parties: Vec<PartyMap> =
        root.tables(PARTY).into_iter().filter_map(|table| reading.party(table)).collect();
    let hold = root.table(HOLD).map(|table| reading.hold(table));
    let filter =
        root.tables(FILTER).into_iter().filter_map(|table| reading.filter(table)).collect();
    if account.is_none() && !["party", "account", "hold"].iter().any(|part| root.has(part)) {
        root.missing("party", "add `[account]`, `[[party]]` or both; or `[hold]`");
    }
    InboundMapping {
        name: name.to_owned(),
        source: source.unwrap_or_else(unwritten),
        account,
        parties,
        hold,
        filter,
        version: 0,
    }
}

/// Stands for a text that is needed and was not written, which was told.
pub fn unwritten() -> Spanned<String> {
    Spanned { value: String::new(), at: Span::default() }
}

/// The language of the file; only one is known so far.
pub fn language(root: &Table<'_>) {
    let known = || vec![Holds::Whole(LANGUAGE, LANGUAGE)];
    if let Some(language) = root.either(LANGUAGE_KEY, known)
        && !matches!(&language, Value::Whole(number) if number.value == LANGUAGE)
    {
        let help = format!("write `language = {LANGUAGE}`");
        root.error(language.at(), "this language is not known", "", Some(help));
    }
}

impl Reading<'_> {
    fn account(&self, table: Table<'_>) -> AccountMap {
        let kind = table.need_text(KIND).map(|kind| kind.value).unwrap_or_default();
        let fields = self.fields(&table, schema::ACCOUNT);
        let lists = table.tables(LIST).into_iter().filter_map(|list| self.list(list)).collect();
        table.finish();
        AccountMap { kind, fields, lists }
    }

    fn hold(&self, table: Table<'_>) -> HoldMap {
        let fields = self.fields(&table, schema::HOLD);
        let debts = table.texts(DEBTS).into_iter().flatten();
        let debts = debts.filter_map(|path| source_path::read(self.file, &path)).collect();
        let at = table.at();
        table.finish();
        HoldMap { fields, debts, at, kinds: Vec::new() }
    }

    fn list(&self, table: Table<'_>) -> Option<ListMap> {
        let name = table.need_text(LIST_NAME);
        let each = table.need_text(LIST_EACH).and_then(|each| source_path::read(self.file, &each));
        let known = name.as_ref().and_then(|name| schema::list(&name.value));
        let fields = match known {
            Some(list) => self.fields(&table, list.fields),
            None => self.fields_of(&table, schema::LISTS.iter().flat_map(|list| list.fields)),
        };
        table.finish();
        Some(ListMap { name: name?, each: each?, fields })
    }

    fn party(&self, table: Table<'_>) -> Option<PartyMap> {
        let table_has_each = table.has("each");
        let each = self.path(&table, EACH);
        let names = self.path(&table, NAMES);
        let of_first = self.of_first(&table);
        let when = self.condition(&table, PARTY_WHEN);
        let key = self.key(&table);
        // A role that is at fault was told; the fields are still worth a look.
        let role = self.role(&table).unwrap_or(RoleMap::Fixed(String::new()));
        let fields = self.fields(&table, schema::PARTY);
        table.finish();
        // Without their own place the paths of the fields cannot be judged.
        if each.is_none() && table_has_each {
            return None;
        }
        Some(PartyMap { each, names, of_first, when, key, role, fields })
    }

    /// Fields that only the first of several has whom one text names.
    fn of_first(&self, table: &Table<'_>) -> Vec<FieldId> {
        let mut fields = Vec::new();
        for name in table.texts(OF_FIRST).unwrap_or_default() {
            match schema::party_id(&name.value) {
                Some(id) => fields.push(id),
                None => {
                    let known: Vec<&str> = schema::PARTY.iter().map(|field| field.name).collect();
                    let what = format!("`{}` is not a field of the party", name.value);
                    let help = suggest::help(&name.value, &known);
                    self.file.error(name.at, what, "nobody has it", help);
                }
            }
        }
        if !fields.is_empty() && !table.has("names") {
            let help = "add `names = \"…\"`, or take `of_first` out".to_owned();
            let what = "`of_first` is about a text that names several people";
            self.file.error(table.at_key("of_first"), what, "no `names`", Some(help));
        }
        fields
    }

    fn role(&self, table: &Table<'_>) -> Option<RoleMap> {
        let forms = || {
            let roles = schema::ROLES.iter().map(|(role, doc)| word(role, doc, ()));
            vec![Holds::Choice(roles.collect()), table_of(|inner| self.role_from(inner))]
        };
        match table.either(ROLE, forms) {
            None => {
                table.missing("role", "write `role = \"liable\"` or `role = { from = \"…\" }`");
                None
            }
            Some(Value::Text(fixed)) => {
                check_role(self.file, &fixed.value, fixed.at);
                Some(RoleMap::Fixed(fixed.value))
            }
            Some(Value::Table(inner)) => {
                let role = self.role_from(&inner);
                inner.finish();
                role
            }
            Some(other) => {
                let help = "write `role = \"liable\"` or `role = { from = \"…\" }`".to_owned();
                table.error(other.at(), "`role` must be text or a table", "", Some(help));
                None
            }
        }
    }

    fn role_from(&self, table: &Table<'_>) -> Option<RoleMap> {
        let from = table.need_text(ROLE_FROM);
        let path = from.and_then(|from| source_path::read(self.file, &from));
        let codes = self.code_list(table);
        for row in codes.iter().flat_map(|codes| &codes.rows) {
            check_role(self.file, &row.value, table.at_value("codes"));
        }
        let on_error = on_error(table);
        Some(RoleMap::From { path: path?, codes, on_error })
    }

    fn filter(&self, table: Table<'_>) -> Option<FilterRule> {
        let when = self.condition(&table, FILTER_WHEN);
        let because = table.need_text(BECAUSE);
        if table.has("when") {
            if table.has("path") || table.has("equals") {
                let help = Some("write one or the other".to_owned());
                let what = "a filter has `when`, or `path` and `equals`";
                table.error(table.at_key("when"), what, "not both", help);
                table.leave_unread();
            }
            table.finish();
            return Some(FilterRule { on: FilterOn::When(when?), because: because?.value });
        }
        if !table.has("path") {
            table.missing("path", "add `path = \"…\"` and `equals`, or `when`");
        }
        let path = self.path(&table, FILTER_PATH);
        if !table.has("equals") {
            table.missing("equals", "add `equals = [\"…\"]`: the values that leave a row out");
        }
        let equals = table.texts(EQUALS).unwrap_or_default();
        table.finish();
        let equals = equals.into_iter().map(|text| text.value).collect();
        let on = FilterOn::Equals { path: path?, equals };
        Some(FilterRule { on, because: because?.value })
    }

    /// A path, or `{ expr = "…" }`.
    fn key(&self, table: &Table<'_>) -> Option<KeyMap> {
        let forms = || vec![Holds::Text, table_of(|inner| inner.need_text(KEY_EXPR))];
        match table.either(PARTY_KEY, forms)? {
            Value::Text(path) => source_path::read(self.file, &path).map(KeyMap::Path),
            Value::Table(inner) => {
                let text = inner.need_text(KEY_EXPR);
                inner.finish();
                let read = Expression::read(self.file, &text?, Scope::Source, Wanted::Text);
                read.map(KeyMap::Expression)
            }
            other => {
                let help = "write `key = \"@ref\"` or `key = { expr = \"…\" }`".to_owned();
                table.error(other.at(), "`key` must be text or a table", "", Some(help));
                None
            }
        }
    }

    fn condition(&self, table: &Table<'_>, key: Key) -> Option<Expression> {
        Expression::read(self.file, &table.text(key)?, Scope::Source, Wanted::Condition)
    }

    fn path(&self, table: &Table<'_>, key: Key) -> Option<SourcePath> {
        source_path::read(self.file, &table.text(key)?)
    }
}

/// Tells a role that no party can have.
pub fn check_role(file: &File, role: &str, at: Span) {
    let known: Vec<&str> = schema::ROLES.iter().map(|(role, _)| *role).collect();
    if !known.contains(&role) {
        let what = format!("`{role}` is not a role");
        file.error(at, what, "no party can have it", suggest::help(role, &known));
    }
}

/// Changes when the file or a code list it names changes, so that held rows are known to be worth
/// another try.
fn version(file: &File, mapping: &InboundMapping) -> u64 {
    let mut digest = Xxh3::new();
    digest.update(file.text.as_bytes());
    for row in mapping.code_lists().flat_map(|list| &list.rows) {
        // Where a row stands in its file says nothing: a comment more is not another meaning.
        let said = (&row.code, &row.value, row.from, row.to);
        digest.update(format!("{said:?}").as_bytes());
    }
    digest.digest()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::definition::{AsType, PathStep};

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
role = { from = "@role", codes = "codes/role.csv" }
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
        lists.add("codes/role.csv", "x", "code,value\nPRIMARY,liable\n");
        lists
    }

    fn told(text: &str) -> Vec<String> {
        let file = File::parse("x.toml", text.to_owned());
        let _ = inbound(&file, "x", &codes());
        file.into_diagnostics().into_iter().map(|one| one.what).collect()
    }

    #[test]
    fn a_whole_mapping_is_read() {
        let text =
            GOOD.replace("[party.fields]\n\"address.uprn\" =", "[party.fields.address]\nuprn =");
        let file = File::parse("mappings/inbound/ctax_account.toml", text);
        let mapping = inbound(&file, "ctax_account", &codes());
        let told = file.into_diagnostics();
        assert!(told.is_empty(), "{told:?}");
        let mapping = mapping.expect("it has no faults");
        let account = mapping.account.expect("it has an account");
        assert_eq!(account.fields[0].kind, AsType::Pence("decimal_pounds".into()));
        assert_eq!(account.fields[1].codes.as_ref().map(|codes| codes.rows.len()), Some(1));
        assert_eq!(
            account.lists[0].fields[0].kind,
            AsType::Date { formats: vec!["%Y-%m-%d".into()], years_from: None }
        );
        let party = &mapping.parties[0];
        let targets: Vec<&str> = party.fields.iter().map(|f| f.target.value.as_str()).collect();
        assert_eq!(targets, ["name.family", "consent.contact", "address.uprn"]);
        assert_eq!(party.fields[0].via.len(), 3);
        assert_eq!(party.fields[0].from[1].up, 1);
        assert!(party.fields[0].required);
        assert_eq!(
            party.key.as_ref().and_then(KeyMap::path).map(|key| key.steps.clone()),
            Some(vec![PathStep::Attribute { ns: None, name: "seq".into() }])
        );
        let FilterOn::Equals { equals, .. } = &mapping.filter[0].on else {
            panic!("it has `equals`")
        };
        assert_eq!(*equals, ["VOID"]);
    }

    #[test]
    fn the_version_changes_with_a_code_list() {
        let version = |list: &str| {
            let mut lists = CodeLists::default();
            lists.add("codes/account_status.csv", "x", list);
            let file = File::parse("x.toml", GOOD.to_owned());
            inbound(&file, "x", &lists).map(|mapping| mapping.version)
        };
        assert_eq!(version("code,value\nOPEN,open\n"), version("code,value\nOPEN,open\n"));
        assert_ne!(version("code,value\nOPEN,open\n"), version("code,value\nOPEN,closed\n"));
    }

    #[test]
    fn faults_are_all_told() {
        for (part, what) in [
            ("a = { from = \"x\", as = \"nina\" }", "`nina` is not a type"),
            ("a = { from = \"x\", as = \"date\" }", "`date` needs a format"),
            ("a = { from = \"x\", as = { date = \"%Y-%q\" } }", "`%Y-%q` is not a date format"),
            ("a = { from = \"x\", as = { pence = \"pounds\" } }", "`pence` cannot be `pounds`"),
            ("a = { from = \"x\", as = {} }", "`as` names no type"),
            ("a = { from = \"x\", as = 1 }", "`as` must be text or a table"),
            ("a = { from = \"x\", via = [\"trimm\"] }", "`trimm` is not a step"),
            ("a = { from = \"x\", via = [{}] }", "this is not one step"),
            ("a = { from = \"x\", via = [1] }", "a step must be text or a table"),
            (
                "a = { from = \"x\", codes = \"codes/y.csv\" }",
                "there is no code list `codes/y.csv`",
            ),
            ("a = { from = \"x\", on_error = \"default\" }", "there is no default to fall back on"),
            ("a = { from = \"x\", on_error = \"drop\" }", "`on_error` cannot be `drop`"),
            ("a = { from = \"x\", value = \"y\" }", "a field has `from` or `value`, not both"),
            ("a = { as = \"nino\" }", "`from` is missing"),
            ("a = { from = \"x\", requird = true }", "`requird` is not known here"),
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
