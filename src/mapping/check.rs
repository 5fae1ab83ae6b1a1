//! Checks inbound mappings that were read: their targets against the common record, types and steps
//! against the targets, and their paths against what the source's sample holds. It tells faults to
//! the file and changes nothing.

use chrono::NaiveDate;

use crate::definition::reader::File;
use crate::definition::suggest;
use crate::mapping::check_hold;
use crate::mapping::definition::{
    AsType, FieldMap, FilterOn, InboundMapping, KeyMap, ListMap, PartyMap, PathStep, RoleMap,
    SourcePath, Step,
};
use crate::mapping::expression::Expression;
use crate::mapping::source_schema::SourceSchema;
use crate::record::schema::{self, Field, Kind};
use crate::record::value::date::{DateFormat, parse_date};
use crate::record::value::email::Email;
use crate::record::value::nino::Nino;
use crate::record::value::pence::{Pence, PenceFormat};
use crate::record::value::phone::Phone;
use crate::record::value::postcode::Postcode;
use crate::record::value::uprn::Uprn;

/// Checks an inbound mapping. Without a sample of the source its paths are not checked.
pub fn inbound(file: &File, mapping: &InboundMapping, sample: Option<&SourceSchema>) {
    let sample = sample.filter(|sample| !sample.is_empty());
    let check = Check { file, source: &mapping.source.value, sample };
    if let Some(account) = &mapping.account {
        check.fields(&account.fields, schema::ACCOUNT, "account", "");
        for list in &account.lists {
            check.list(list);
        }
    }
    for party in &mapping.parties {
        check.party(party);
    }
    if let Some(hold) = &mapping.hold {
        check.fields(&hold.fields, schema::HOLD, "hold", "");
        hold.debts.iter().for_each(|path| {
            check.path("", path);
        });
        check_hold::hold(file, mapping, hold);
    }
    for rule in &mapping.filter {
        match &rule.on {
            FilterOn::Equals { path, .. } => {
                check.path("", path);
            }
            FilterOn::When(when) => check.expression("", when),
        }
    }
}

/// Checks that every prefix of a path is one that the source declares.
pub fn prefixes(file: &File, mapping: &InboundMapping, declared: &dyn Fn(&str) -> bool) {
    for path in mapping.paths() {
        for step in &path.steps {
            let (PathStep::Child { ns, .. } | PathStep::Attribute { ns, .. }) = step;
            if let Some(prefix) = ns.as_deref().filter(|prefix| !declared(prefix)) {
                let what = format!("`{prefix}` is not a prefix of `{}`", mapping.source.value);
                let help =
                    format!("add `{prefix}` to `namespaces` of the connector, or leave it out");
                file.error(path.at, what, "nothing is ever read from here", Some(help));
            }
        }
    }
}

struct Check<'c> {
    file: &'c File,
    source: &'c str,
    sample: Option<&'c SourceSchema>,
}

impl Check<'_> {
    fn list(&self, list: &ListMap) {
        let context = self.path("", &list.each);
        match schema::list(&list.name.value) {
            Some(known) => {
                let context = context.as_deref();
                self.fields_at(&list.fields, known.fields, "list", context);
            }
            None => {
                let known: Vec<&str> = schema::LISTS.iter().map(|list| list.name).collect();
                let what = format!("`{}` is not a list of an account", list.name.value);
                let help = suggest::help(&list.name.value, &known);
                self.file.error(list.name.at, what, "nowhere to keep it", help);
            }
        }
    }

    fn party(&self, party: &PartyMap) {
        let context = match &party.each {
            Some(each) => self.path("", each),
            None => Some(String::new()),
        };
        if let Some(context) = &context {
            let role = match &party.role {
                RoleMap::From { path, .. } => Some(path),
                RoleMap::Fixed(_) => None,
            };
            let key = party.key.as_ref();
            for path in party.names.iter().chain(key.and_then(KeyMap::path)).chain(role) {
                self.path(context, path);
            }
            for expression in party.when.iter().chain(key.and_then(KeyMap::expression)) {
                self.expression(context, expression);
            }
        }
        self.fields_at(&party.fields, schema::PARTY, "party", context.as_deref());
        // Or by the number by which another record of the same system names it.
        let named = |field: &FieldMap| {
            field.target.value == "name.family" || field.target.value.starts_with("link.")
        };
        if party.names.is_none() && !party.fields.is_empty() && !party.fields.iter().any(named) {
            let help = "map `name.family`, or give `names`".to_owned();
            let what = "a party without a name can hardly be matched";
            self.file.warn(party.fields[0].target.at, what, "no `name.family`", Some(help));
        }
    }

    fn fields(&self, fields: &[FieldMap], known: &'static [Field], of: &str, context: &str) {
        self.fields_at(fields, known, of, Some(context));
    }

    fn expression(&self, context: &str, expression: &Expression) {
        for path in expression.paths() {
            self.path(context, path);
        }
    }

    /// Without a context (its own path was astray) the paths below it are not judged.
    fn fields_at(
        &self,
        fields: &[FieldMap],
        known: &'static [Field],
        of: &str,
        context: Option<&str>,
    ) {
        for (place, field) in fields.iter().enumerate() {
            if let Some(context) = context {
                for path in &field.from {
                    self.path(context, path);
                }
                if let Some(expression) = &field.expr {
                    self.expression(context, expression);
                }
            }
            let name = &field.target.value;
            if fields[..place].iter().any(|before| before.target.value == *name) {
                let what = format!("`{name}` is mapped twice");
                let help = Some("give several paths in one `from = [ … ]`".to_owned());
                self.file.error(field.target.at, what, "the second one", help);
            }
            match known.iter().find(|known| known.name == name) {
                Some(target) => self.field(field, target),
                None => self.unknown_target(field, known, of),
            }
        }
    }

    fn unknown_target(&self, field: &FieldMap, known: &[Field], of: &str) {
        let name = field.target.value.as_str();
        let known: Vec<&str> = known.iter().map(|known| known.name).collect();
        let elsewhere = match of {
            "account" => schema::party_field(name).map(|_| "[party.fields]"),
            "hold" => None,
            _ => schema::account_field(name).map(|_| "[account.fields]"),
        };
        let help = match elsewhere {
            Some(table) => Some(format!("move it to `{table}`")),
            None => suggest::help(name, &known).or_else(|| {
                let first = name.split('.').next()?;
                let same_group: Vec<&str> = (known.iter().copied())
                    .filter(|known| known.split('.').next() == Some(first))
                    .collect();
                suggest::help(name, &same_group)
            }),
        };
        let what = format!("`{name}` is not a field of the {of}");
        self.file.error(field.target.at, what, "nowhere to keep it", help);
    }

    fn field(&self, field: &FieldMap, target: &Field) {
        self.kind(field, target);
        for (text, at) in
            [(&field.value, field.places.value), (&field.default, field.places.default)]
        {
            if let Some(text) = text
                && let Some(help) = constant_fault(target.kind, text)
            {
                let what = format!("`{text}` cannot stand in `{}`", target.name);
                let label = format!("the field holds {}", noun(target.kind));
                self.file.error(at, what, label, Some(help.to_owned()));
            }
            let words = target.words;
            if let Some(text) = text
                && !words.is_empty()
                && !words.contains(&text.as_str())
            {
                let what = format!("`{text}` cannot stand in `{}`", target.name);
                let help = format!("it may be {}", words.join(", "));
                self.file.error(at, what, "not one of its words", Some(help));
            }
        }
        if field.required && field.default.is_some() {
            let help = Some("take one of the two out".to_owned());
            let what = "`required` never holds a row: there is a `default`";
            self.file.warn(field.places.required, what, "has no effect", help);
        }
        if field.value.is_none() {
            self.steps(field, target.kind);
        }
    }

    fn kind(&self, field: &FieldMap, target: &Field) {
        let at = field.places.kind;
        match (&field.kind, target.kind) {
            _ if field.value.is_some() => return,
            (AsType::ByTarget, Kind::Date) => {
                let what = format!("`{}` is a date: how is it written?", target.name);
                let help = "add `as = { date = \"%Y-%m-%d\" }`".to_owned();
                // A broken `as` was told already.
                if at == field.places.whole {
                    self.file.error(field.target.at, what, "no format", Some(help));
                }
                return;
            }
            (AsType::ByTarget, _) => {}
            (kind, target_kind) if suits(kind, target_kind) => {}
            (kind, target_kind) => {
                let (read, wanted) = (as_kind(kind).map_or("anything", noun), target_kind.word());
                let what = format!("`{}` holds {}, not {read}", target.name, noun(target_kind));
                let help = match target_kind {
                    Kind::Date => "write `as = { date = \"%Y-%m-%d\" }`".to_owned(),
                    Kind::Pence => "write `as = { pence = \"decimal_pounds\" }`".to_owned(),
                    _ => format!("write `as = \"{wanted}\"`, or take `as` out"),
                };
                self.file.error(at, what, "wrong type", Some(help));
                return;
            }
        }
        let rows = field.codes.iter().flat_map(|codes| &codes.rows);
        for row in rows.filter(|row| !reads(&field.kind, target.kind, &row.value)) {
            let wanted = noun(target.kind);
            let what =
                format!("the code `{}` means `{}`, which is not {wanted}", row.code, row.value);
            let label = format!("`{}` holds {wanted}", target.name);
            self.file.error(field.places.codes, what, label, None);
        }
    }

    fn steps(&self, field: &FieldMap, kind: Kind) {
        for step in &field.via {
            let fault = match step {
                Step::DropPlaceholderDates | Step::OpenEndedDates if kind != Kind::Date => {
                    "this step is for dates"
                }
                _ if field.codes.is_some() => continue,
                Step::DigitsOnly if !matches!(kind, Kind::Text | Kind::Uprn | Kind::Whole) => {
                    "`digits_only` would take out what tells the digits apart"
                }
                Step::StripLeadingZeros if matches!(kind, Kind::Phone | Kind::Date) => {
                    "`strip_leading_zeros` would take out digits that count"
                }
                Step::TitleCase | Step::LowerCase | Step::UpperCase
                    if matches!(kind, Kind::Date | Kind::Pence | Kind::Whole | Kind::Decimal) =>
                {
                    "this step is for words"
                }
                _ => continue,
            };
            let help = Some("take it out of `via`".to_owned());
            self.file.error(
                field.places.via,
                fault,
                format!("the field holds {}", noun(kind)),
                help,
            );
        }
    }

    /// Where the path leads, or None when that cannot be said.
    fn path(&self, context: &str, path: &SourcePath) -> Option<String> {
        let Some(sample) = self.sample else {
            return Some(String::new());
        };
        match sample.resolve(context, path) {
            Ok(place) => Some(place),
            Err(astray) => {
                let what =
                    format!("`{}` is not in the source schema of `{}`", astray.step, self.source);
                self.file.error(path.at, what, "nothing is ever read from here", astray.help);
                None
            }
        }
    }
}

/// Whether text read as this may be kept in such a field. What stays text when it is parsed may be
/// kept as text.
fn suits(kind: &AsType, target: Kind) -> bool {
    use Kind::{Email, Nino, Phone, Postcode, Text, Uprn};
    let stays_text = |kind| matches!(kind, Text | Nino | Uprn | Postcode | Phone | Email);
    // A postcode of another country has a shape of its own: it may be kept as it stands.
    let foreign = target == Postcode && as_kind(kind) == Some(Text);
    foreign
        || as_kind(kind).is_none_or(|kind| kind == target || (target == Text && stays_text(kind)))
}

/// What the text is read as, where that does not hang on the target.
fn as_kind(kind: &AsType) -> Option<Kind> {
    Some(match kind {
        AsType::ByTarget => return None,
        AsType::Text | AsType::Nhs | AsType::SortCode | AsType::BankAccount => Kind::Text,
        AsType::Nino => Kind::Nino,
        AsType::Uprn => Kind::Uprn,
        AsType::Postcode => Kind::Postcode,
        AsType::Phone => Kind::Phone,
        AsType::Email => Kind::Email,
        AsType::Whole => Kind::Whole,
        AsType::Decimal => Kind::Decimal,
        AsType::Flag { .. } => Kind::Flag,
        AsType::Pence(_) => Kind::Pence,
        AsType::Date { .. } => Kind::Date,
    })
}

/// In the middle of a sentence.
fn noun(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "text",
        Kind::Date => "a date",
        Kind::Pence => "money",
        Kind::Whole => "a whole number",
        Kind::Decimal => "a decimal number",
        Kind::Flag => "true or false",
        Kind::Nino => "a National Insurance number",
        Kind::Uprn => "a UPRN",
        Kind::Postcode => "a postcode",
        Kind::Phone => "a telephone number",
        Kind::Email => "an e-mail address",
    }
}

/// Whether a code's meaning can be read as the field is read.
fn reads(kind: &AsType, target: Kind, text: &str) -> bool {
    match kind {
        AsType::Flag { yes, no } => yes.iter().chain(no).any(|word| word == text),
        AsType::Pence(format) => {
            PenceFormat::from_word(format).is_some_and(|format| Pence::parse(text, format).is_ok())
        }
        AsType::Date { formats, years_from } => {
            let format = |format: &String| DateFormat::with_years(format, *years_from).ok();
            let formats: Vec<DateFormat> = formats.iter().filter_map(format).collect();
            parse_date(text, &formats).is_ok()
        }
        _ if target == Kind::Pence => Pence::parse(text, PenceFormat::DecimalPounds).is_ok(),
        _ => constant_fault(target, text).is_none(),
    }
}

/// Constants are written as the common record keeps them. The remedy, where one cannot be kept.
fn constant_fault(kind: Kind, text: &str) -> Option<&'static str> {
    let (good, remedy) = match kind {
        Kind::Text => return None,
        Kind::Pence => (text.parse::<i64>().is_ok(), "write whole pence: `\"1250\"` is £12.50"),
        Kind::Whole => (text.parse::<i64>().is_ok(), "write a whole number"),
        Kind::Decimal => (text.parse::<f64>().is_ok_and(f64::is_finite), "write a number"),
        Kind::Flag => (matches!(text, "true" | "false"), "write `\"true\"` or `\"false\"`"),
        Kind::Date => (text.parse::<NaiveDate>().is_ok(), "write it like `\"2026-04-01\"`"),
        Kind::Nino => (Nino::parse(text).is_ok(), "write a National Insurance number"),
        Kind::Uprn => (Uprn::parse(text).is_ok(), "write up to twelve digits"),
        Kind::Postcode => (Postcode::parse(text).is_ok(), "write a postcode"),
        Kind::Phone => (Phone::parse(text).is_ok(), "write a telephone number"),
        Kind::Email => (Email::parse(text).is_ok(), "write an e-mail address"),
    };
    (!good).then_some(remedy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::code_list::CodeLists;
    use crate::mapping::read;

    fn told(part: &str) -> Vec<String> {
        let text = format!("source = \"revenues\"\n{part}\n");
        let mut codes = CodeLists::default();
        codes.add("codes/x.csv", "x", "code,value\nA,open\nB,true\n");
        let file = File::parse("x.toml", text);
        let mapping = read::inbound(&file, "x", &codes).expect("it has a source");
        let paths = ["A", "B", "People", "People/Person", "People/Person/Name"];
        let sample = SourceSchema { paths: paths.into_iter().map(str::to_owned).collect() };
        inbound(&file, &mapping, Some(&sample));
        let shown = |what: &str, help: &Option<String>| match help {
            Some(help) => format!("{what}; {help}"),
            None => what.to_owned(),
        };
        file.into_diagnostics().iter().map(|one| shown(&one.what, &one.help)).collect()
    }

    #[test]
    fn account_fields_are_held_against_the_common_record() {
        for (field, expected) in [
            (
                "balance = { from = \"A\", as = { pence = \"decimal_pounds\" }, default = \"0\" }",
                "",
            ),
            ("status = { from = \"A\", codes = \"codes/x.csv\" }", ""),
            (
                "ballance = \"A\"",
                "`ballance` is not a field of the account; did you mean `balance`?",
            ),
            ("nino = \"A\"", "`nino` is not a field of the account; move it to `[party.fields]`"),
            (
                "opened = \"A\"",
                "`opened` is a date: how is it written?; add `as = { date = \"%Y-%m-%d\" }`",
            ),
            (
                "opened = { from = \"A\", as = \"date\" }",
                "`date` needs a format; say how dates are written: `as = { date = \"%Y-%m-%d\" }`",
            ),
            (
                "opened = { from = \"A\", as = \"whole\" }",
                "`opened` holds a date, not a whole number; write `as = { date = \"%Y-%m-%d\" }`",
            ),
            (
                "year = { from = \"A\", as = \"nino\" }",
                "`year` holds a whole number, not a National Insurance number; write `as = \"whole\"`, or take `as` out",
            ),
            ("status = { from = \"A\", as = \"uprn\" }", ""),
            (
                "status = { from = \"A\", as = \"decimal\" }",
                "`status` holds text, not a decimal number; write `as = \"text\"`, or take `as` out",
            ),
            (
                "balance = { from = \"A\", default = \"0.00\" }",
                "`0.00` cannot stand in `balance`; write whole pence: `\"1250\"` is £12.50",
            ),
            ("year = { value = \"now\" }", "`now` cannot stand in `year`; write a whole number"),
            (
                "status = { from = \"A\", via = [\"open_ended_dates\"] }",
                "this step is for dates; take it out of `via`",
            ),
            (
                "balance = { from = \"A\", via = [\"digits_only\"] }",
                "`digits_only` would take out what tells the digits apart; take it out of `via`",
            ),
            (
                "year = { from = \"A\", via = [\"title_case\"] }",
                "this step is for words; take it out of `via`",
            ),
            (
                "status = { from = \"C\" }",
                "`C` is not in the source schema of `revenues`; known here: `A`, `B`, `People`",
            ),
            (
                "status = { from = [\"A\", \"Name\"] }",
                "`Name` is not in the source schema of `revenues`; did you mean `People/Person/Name`?",
            ),
            (
                "stage = { from = \"A\", required = true, default = \"x\" }",
                "`required` never holds a row: there is a `default`; take one of the two out",
            ),
            (
                "property.band = \"A\"\n\"property.band\" = \"B\"",
                "`property.band` is mapped twice; give several paths in one `from = [ … ]`",
            ),
        ] {
            let table = if field.starts_with('[') { "" } else { "[account.fields]\n" };
            let part = format!("[account]\nkind = \"council_tax\"\n{table}{field}");
            assert_eq!(told(&part).join("|"), expected, "{field}");
        }
    }

    #[test]
    fn parties_and_lists_are_seen_from_their_own_place() {
        let head = "[[party]]\nrole = \"liable\"\n";
        for (part, expected) in [
            ("each = \"People/Person\"\nfields.\"name.family\" = \"Name\"", ""),
            ("each = \"People/Person\"\nfields.\"name.family\" = \"../../A\"", ""),
            (
                "each = \"People/Persn\"\nfields.\"name.family\" = \"Whatever\"",
                "`Persn` is not in the source schema of `revenues`; did you mean `People/Person`?",
            ),
            (
                "each = \"People/Person\"\nkey = \"@id\"\nfields.\"name.family\" = \"Name\"",
                "`@id` is not in the source schema of `revenues`; known here: `Name`",
            ),
            (
                "fields.balance = \"A\"\nfields.name.family = \"B\"",
                "`balance` is not a field of the party; move it to `[account.fields]`",
            ),
            (
                "fields.\"address.line9\" = \"A\"\nfields.name.family = \"B\"",
                "`address.line9` is not a field of the party; did you mean `address.line3`?",
            ),
            (
                "fields.contact.phone = { from = \"A\", via = \"strip_leading_zeros\" }\nfields.name.family = \"B\"",
                "`strip_leading_zeros` would take out digits that count; take it out of `via`",
            ),
            (
                "fields.deceased = { from = \"A\", codes = \"codes/x.csv\" }\nfields.name.family = \"B\"",
                "the code `A` means `open`, which is not true or false",
            ),
            (
                "fields.nino = \"A\"",
                "a party without a name can hardly be matched; map `name.family`, or give `names`",
            ),
        ] {
            assert_eq!(told(&format!("{head}{part}")).join("|"), expected, "{part}");
        }
        let list = "[account]\nkind = \"x\"\n[[account.list]]\nname = \"instalment\"\neach = \"People/Person\"";
        assert_eq!(
            told(list),
            ["`instalment` is not a list of an account; did you mean `instalments`?"]
        );
    }

    #[test]
    fn a_prefix_must_be_declared() {
        let text = "source = \"s\"\n[account]\nkind = \"x\"\nfields.status = \"c:A/@d:b\"\n";
        let file = File::parse("x.toml", text.to_owned());
        let mapping = read::inbound(&file, "x", &CodeLists::default()).expect("it has a source");
        prefixes(&file, &mapping, &|prefix| prefix == "c");
        let told: Vec<String> = file.into_diagnostics().into_iter().map(|one| one.what).collect();
        assert_eq!(told, ["`d` is not a prefix of `s`"]);
    }

    #[test]
    fn without_a_sample_no_path_is_judged() {
        let text = "source = \"s\"\n[account]\nkind = \"x\"\nfields.status = \"Anything/At/All\"\n";
        let file = File::parse("x.toml", text.to_owned());
        let mapping = read::inbound(&file, "x", &CodeLists::default()).expect("it has a source");
        inbound(&file, &mapping, None);
        assert!(file.into_diagnostics().is_empty());
        assert_eq!(
            constant_fault(Kind::Date, "2026-02-30"),
            Some("write it like `\"2026-04-01\"`")
        );
    }
}
