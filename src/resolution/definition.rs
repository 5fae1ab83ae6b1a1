//! What `mappings/resident.toml` says: which fields make two parties one resident, and whose value
//! wins. Names of sources stay names here; the policy is made from them where sources have numbers.

use super::policy::Then;
use super::weigh::Weights;
use crate::definition::reader::{File, Spanned};
use crate::definition::shape::{Word, key, word};
use crate::definition::suggest;
use crate::definition::table::Table;
use crate::record::schema::{self, Field, FieldId};

/// The rules as written.
#[derive(Clone, Debug, Default)]
pub struct ResidentRules {
    /// What agreement weighs, where `[match]` is written.
    pub weights: Option<Weights>,
    /// The council's own thresholds, where it has some.
    pub link_at: Option<f32>,
    pub review_at: Option<f32>,
    /// Two parties are one resident when all fields of one of these are known of both and equal.
    pub exact: Vec<Vec<FieldId>>,
    /// What decides where nothing else is said.
    pub usual: Then,
    pub fields: Vec<FieldRule>,
}

/// Whose value wins, for a group of fields or one field.
#[derive(Clone, Debug)]
pub struct FieldRule {
    pub group: String,
    /// The value of the first of these systems that has one.
    pub prefer: Vec<Spanned<String>>,
    /// Systems that have seen evidence for it.
    pub verified: Vec<Spanned<String>>,
    pub then: Option<Then>,
}

/// Fields so common that they tell nobody from anybody, alone.
const WEAK_ALONE: [&str; 9] = [
    "kind",
    "name.title",
    "name.given",
    "name.middle",
    "name.family",
    "deceased",
    "consent.contact",
    "address.town",
    "address.county",
];

pub fn read(file: &File) -> ResidentRules {
    let root = file.root();
    let rules = parts(&root);
    if rules.weights.is_none() && !file.has_errors() {
        let help = "write `[match]`; the weights that come with the program do the rest";
        let what = "no two parties ever become one resident";
        file.warn(root.at(), what, "no `[match]`", Some(help.to_owned()));
    }
    root.finish();
    rules
}

const MOST_RECENT: &str = "The value that was given last.";
const MOST_AGREED: &str =
    "The value that the most systems say, however they spell it; of as many, the one given last.";

/// Reads the tables; also how they are described.
pub fn parts(root: &Table<'_>) -> ResidentRules {
    let file = root.file();
    let mut rules = ResidentRules::default();
    if let Some(table) = root.table(key("match", "Which parties are one resident.")) {
        thresholds(file, &table, &mut rules);
        rules.exact = exact(file, &table);
        table.finish();
    }
    if let Some(table) = root.table(key("survivorship", "Whose value wins.")) {
        let doc = "Which value wins where nothing else is said.";
        rules.usual = table.choice_or(key("default", doc), recent(), &[agreed()]);
        let doc = "For a field, or a group of fields such as `address`: the systems whose value is preferred, \
                   the best first.";
        let example = "fields = { address = { prefer = [\"revenues\", \"benefits\"] } }";
        for (name, rule) in table.named_tables(key("fields", doc).example(example)) {
            rules.fields.push(field_rule(file, name, &rule));
            rule.finish();
        }
        table.finish();
    }
    rules
}

impl ResidentRules {
    /// Has other weights than those that come with the program. The council's own thresholds stay.
    pub fn weigh_by(&mut self, mut weights: Weights) {
        if self.weights.is_some() {
            weights.link = self.link_at.unwrap_or(weights.link);
            weights.review = self.review_at.unwrap_or(weights.review);
            self.weights = Some(weights);
        }
    }
}

/// The shipped weights, with the council's own thresholds.
fn thresholds(file: &File, table: &Table<'_>, rules: &mut ResidentRules) {
    let doc = "From this probability on two parties are linked without asking anybody.";
    let link = table.decimal(key("link_at", doc).example("link_at = 0.99"), 0.5..=0.9999);
    let doc = "From this probability on, and below `link_at`, a person is asked whether two parties are one.";
    let review = table.decimal(key("review_at", doc).example("review_at = 0.6"), 0.05..=0.9999);
    rules.link_at = link.as_ref().map(|link| link.value as f32);
    rules.review_at = review.as_ref().map(|review| review.value as f32);
    rules.weights = Some(Weights::shipped().clone());
    rules.weigh_by(Weights::shipped().clone());
    if rules.weights.as_ref().is_some_and(|weights| weights.review > weights.link) {
        let at = table.at_value(if review.is_some() { "review_at" } else { "link_at" });
        let what = "`review_at` is above `link_at`".to_owned();
        let help = "write a `review_at` that is less: between the two a person is asked".to_owned();
        file.error(at, what, "nobody would ever be asked", Some(help));
    }
}

fn exact(file: &File, table: &Table<'_>) -> Vec<Vec<FieldId>> {
    let mut rules = Vec::new();
    let doc = "The council's own rules: two parties are one resident when all fields of one of these lists are \
               known of both and equal, and nothing says that they are two people.";
    let example = "exact = [[\"nino\", \"birth_date\", \"name.family\"]]";
    for names in table.lists_of_texts(key("exact", doc).example(example)) {
        let mut rule = Vec::new();
        for name in &names {
            match schema::party_id(&name.value) {
                Some(id) => rule.push(id),
                None => {
                    let known: Vec<&str> = schema::PARTY.iter().map(|field| field.name).collect();
                    let what = format!("`{}` is not a field of the party", name.value);
                    let help = suggest::help(&name.value, &known);
                    file.error(name.at, what, "nothing to compare", help);
                }
            }
        }
        if let [only] = &names[..]
            && WEAK_ALONE.contains(&only.value.as_str())
        {
            let what = format!("`{}` alone would make strangers one resident", only.value);
            let help = "compare it together with `birth_date` and more".to_owned();
            file.error(only.at, what, "too weak", Some(help));
            continue;
        }
        if !rule.is_empty() && rule.len() == names.len() {
            rules.push(rule);
        }
    }
    rules
}

fn recent() -> Word<Then> {
    word("most_recent", MOST_RECENT, Then::MostRecent)
}

fn agreed() -> Word<Then> {
    word("most_agreed", MOST_AGREED, Then::MostAgreed)
}

fn field_rule(file: &File, key_written: Spanned<String>, rule: &Table<'_>) -> FieldRule {
    let known = schema::PARTY.iter().map(Field::group);
    let mut known: Vec<&str> = known.chain(schema::PARTY.iter().map(|field| field.name)).collect();
    known.dedup();
    let name = &key_written.value;
    if !known.contains(&name.as_str()) {
        let what = format!("`{name}` is not a field or group of the resident");
        file.error(key_written.at, what, "no value to choose", suggest::help(name, &known));
    }
    let prefer = rule.texts(key("prefer", "Systems, the best first."));
    let doc = "Systems that have seen evidence for what they say, such as a passport: their value goes before all \
               others, and stays when their record no longer names the resident.";
    let example = "birth_date = { verified = [\"benefits\"] }";
    let verified = rule.texts(key("verified", doc).example(example));
    let doc = "Which value wins where none of them has one; else what `default` says.";
    let then = rule.choice(key("then", doc), &[recent(), agreed()]);
    if ["prefer", "verified", "then"].iter().all(|key| !rule.has(key)) {
        rule.missing("prefer", "add `prefer = [\"revenues\"]`: systems, the best first");
    }
    FieldRule {
        group: key_written.value,
        prefer: prefer.unwrap_or_default(),
        verified: verified.unwrap_or_default(),
        then: then.map(|then| then.value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> (ResidentRules, Vec<String>) {
        let file = File::parse("mappings/resident.toml", text.to_owned());
        let rules = read(&file);
        (rules, file.into_diagnostics().into_iter().map(|one| one.what).collect())
    }

    #[test]
    fn rules_are_read() {
        let (rules, told) = told(
            "[match]\nexact = [[\"nino\", \"birth_date\"], [\"reference\"]]\n[survivorship]\n\
             default = \"most_recent\"\n[survivorship.fields]\n\
             address = { prefer = [\"revenues\", \"benefits\"] }\n\
             \"contact.email\" = { prefer = \"crm\", then = \"most_recent\" }\n\
             contact = { then = \"most_agreed\" }\nbirth_date = { verified = [\"benefits\"] }\n",
        );
        assert_eq!(told, Vec::<String>::new());
        assert_eq!(rules.exact.len(), 2);
        let groups: Vec<&str> = rules.fields.iter().map(|one| one.group.as_str()).collect();
        assert_eq!(groups, ["address", "contact.email", "contact", "birth_date"]);
        assert_eq!((rules.usual, rules.fields[2].then), (Then::MostRecent, Some(Then::MostAgreed)));
        assert_eq!(rules.fields[3].verified[0].value, "benefits");
    }

    #[test]
    fn faults_are_told() {
        for (text, expected) in [
            ("", "no two parties ever become one resident"),
            ("[match]\nexact = [[\"nina\"]]", "`nina` is not a field of the party"),
            (
                "[match]\nexact = [[\"name.family\"]]",
                "`name.family` alone would make strangers one resident",
            ),
            ("[match]\nexact = [\"nino\"]", "`exact` must be a list of lists of texts"),
            ("[match]\nlink_at = 0.6\nreview_at = 0.7", "`review_at` is above `link_at`"),
            ("[match]\nlink_it = 0.9", "`link_it` is not known here"),
        ] {
            assert_eq!(told(text).1, [expected], "{text}");
        }
        let head = "[match]\nexact = [[\"nino\"]]\n[survivorship.fields]\n";
        for (part, expected) in [
            ("adress = { prefer = [\"x\"] }", "`adress` is not a field or group of the resident"),
            ("address = \"most_agreed\"", "`address` must be a table"),
            ("address = {}", "`prefer` is missing"),
            ("address = { then = \"most_sure\" }", "`then` cannot be `most_sure`"),
        ] {
            assert_eq!(told(&format!("{head}{part}")).1, [expected], "{part}");
        }
    }
}
