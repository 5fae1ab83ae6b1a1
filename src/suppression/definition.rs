//! What `mappings/suppression.toml` says, read into the policy. A kind of hold that the file names is
//! changed or added; those it does not name stay as they are, so that leaving one out frees nobody.

use crate::definition::reader::{File, Spanned};
use crate::definition::shape::{Key, Word, key, word};
use crate::definition::table::Table;
use crate::record::delivery::Channel;
use crate::suppression::policy::{Cap, CurrentYear, HoldKind, Joint, Policy, Quiet, Stops};

/// The rules as written.
#[derive(Debug, Default)]
pub struct SuppressionRules {
    pub policy: Policy,
    /// Every purpose that is named, where it is written: some outbound mapping should have it.
    pub purposes: Vec<Spanned<String>>,
}

const HOLD_DAYS_MAX: i64 = 3_660;
const CAP_DAYS_MAX: i64 = 366;

const CHANNELS: Key =
    key("channels", "Which messages: `email`, `sms`, `letter`. Every one where nothing is said.")
        .example("channels = [\"sms\"]");
const EXCEPT: Key = key("except", "Purposes of outbound mappings that cannot wait.")
    .example("except = [\"council_tax_urgent\"]");

pub fn read(file: &File) -> SuppressionRules {
    let root = file.root();
    let rules = parts(&root);
    root.finish();
    rules
}

/// Reads the tables; also how they are described.
pub fn parts(root: &Table<'_>) -> SuppressionRules {
    let mut rules = SuppressionRules::default();
    rules.policy.joint = root.choice_or(
        key("joint", "Whom a hold protects where several people are liable for one debt."),
        word("hold_for_all", "Everybody who is liable for it.", Joint::HoldForAll),
        &[word("named_only", "Only the person whom the hold names.", Joint::NamedOnly)],
    );
    let doc = "Kinds of holds: `breathing_space`, `mental_health_crisis`, `dispute`, `bereavement`, \
               `insolvency`, `manual`, and any of your own. Each stops what it says here.";
    let example = "kinds = { bereavement = { stops = \"all_contact\" } }";
    for (name, table) in root.named_tables(key("kinds", doc).example(example)) {
        let kinds = &mut rules.policy.kinds;
        let place = kinds.iter().position(|kind| kind.name == name.value);
        let usual = place.map(|place| kinds[place].clone());
        let usual = usual.unwrap_or_else(|| HoldKind::named(&name.value));
        if !is_name(&name.value) {
            let help = "small letters, digits and `_`, such as `court_date`".to_owned();
            let what = format!("`{}` is not a name for a kind of hold", name.value);
            table.error(name.at, what, "", Some(help));
        }
        let kind = hold_kind(&table, usual);
        table.finish();
        match place {
            Some(place) => kinds[place] = kind,
            None => kinds.push(kind),
        }
    }
    let doc = "Hours at which nothing is sent: it waits until they end. One `[[quiet]]` for each.";
    for table in root.tables(key("quiet", doc)) {
        rules.policy.quiet.extend(quiet(&table, &mut rules.purposes));
        table.finish();
    }
    let doc =
        "How often somebody is contacted at most: what is more waits. One `[[cap]]` for each.";
    for table in root.tables(key("cap", doc)) {
        rules.policy.caps.extend(cap(&table, &mut rules.purposes));
        table.finish();
    }
    rules
}

fn hold_kind(table: &Table<'_>, usual: HoldKind) -> HoldKind {
    let stops = table.choice_or(
        key("stops", "What it stops."),
        word(
            "collection",
            "What asks for money: outbound mappings with `collection = true`.",
            Stops::Collection,
        ),
        &[word("all_contact", "Every message.", Stops::AllContact)],
    );
    let doc = "It ends by itself so many days after its first, that day counted. Where nothing is said it lasts \
               until its own end or until it is lifted; `breathing_space` lasts 60.";
    let longest = table.whole(key("longest_days", doc), 1..=HOLD_DAYS_MAX);
    let doc = "When it is lifted it goes on for so many days. `mental_health_crisis`: 30.";
    let runs_on = table.whole(key("runs_on_days", doc), 0..=HOLD_DAYS_MAX);
    let current_year = table.choice_or(
        key("current_year", "Whether it covers the current year's council tax."),
        word("covered", "From its first day.", CurrentYear::Covered),
        &[word(
            "covered_after_default",
            "Only once a reminder was served, or the year's last instalment passed unpaid.",
            CurrentYear::CoveredAfterDefault,
        )],
    );
    let days = |days: i64| u32::try_from(days).unwrap_or_default();
    HoldKind {
        name: usual.name,
        stops,
        longest_days: longest.map(|whole| days(whole.value)).or(usual.longest_days),
        runs_on_days: runs_on.map_or(usual.runs_on_days, |whole| days(whole.value)),
        current_year,
    }
}

fn quiet(table: &Table<'_>, purposes: &mut Vec<Spanned<String>>) -> Option<Quiet> {
    let from = key("from", "When they begin, by London's clock.").needed("add `from = \"20:00\"`");
    let until = key("until", "When they end; it may be the next morning.")
        .needed("add `until = \"08:00\"`");
    let (from, until) = (minute(table, from), minute(table, until));
    let (channels, except) = (channels(table), except(table, purposes));
    if from.is_some() && from == until {
        let help = "an hour before it, or after".to_owned();
        let what = "quiet hours that end when they begin are none, or the whole day";
        table.error(table.at_value("until"), what, "the same time", Some(help));
    }
    Some(Quiet { channels, from_minute: from?, until_minute: until?, except })
}

fn cap(table: &Table<'_>, purposes: &mut Vec<Spanned<String>>) -> Option<Cap> {
    let most = key("most", "So many messages to one resident.").needed("add `most = 2`");
    let days = key("days", "Within so many days.").needed("add `days = 7`");
    let (most, days) = (table.whole(most, 1..=1_000), table.whole(days, 1..=CAP_DAYS_MAX));
    let collection_only = table.choice_or(
        key("counts", "Which messages are counted, and kept back."),
        word("all", "Every message.", false),
        &[word("collection", "What asks for money.", true)],
    );
    let (channels, except) = (channels(table), except(table, purposes));
    let most = usize::try_from(most?.value).ok()?;
    let days = u32::try_from(days?.value).ok()?;
    Some(Cap { channels, most, days, collection_only, except })
}

fn channels(table: &Table<'_>) -> Vec<Channel> {
    let known: [Word<Channel>; 3] = [
        word("email", "", Channel::Email),
        word("sms", "", Channel::Sms),
        word("letter", "", Channel::Letter),
    ];
    let mut found = Vec::new();
    for name in table.texts(CHANNELS).unwrap_or_default() {
        match known.iter().find(|known| known.word == name.value) {
            Some(channel) => found.push(channel.means),
            None => {
                let help = Some("`email`, `sms` or `letter`".to_owned());
                table.error(name.at, format!("`{}` is no channel", name.value), "", help);
            }
        }
    }
    found
}

fn except(table: &Table<'_>, purposes: &mut Vec<Spanned<String>>) -> Vec<String> {
    let named = table.texts(EXCEPT).unwrap_or_default();
    let names = named.iter().map(|name| name.value.clone()).collect();
    purposes.extend(named);
    names
}

/// `20:00` in minutes since midnight.
fn minute(table: &Table<'_>, key: Key) -> Option<u32> {
    let text = table.text(key)?;
    let read = || {
        let (hours, minutes) = text.value.split_once(':')?;
        let whole = |part: &str| match part.len() == 2 {
            true => part.parse::<u32>().ok(),
            false => None,
        };
        let (hours, minutes) = (whole(hours)?, whole(minutes)?);
        (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
    };
    let found = read();
    if found.is_none() {
        let help = Some("write `\"20:00\"`".to_owned());
        table.error(text.at, format!("`{}` is not a time of day", key.name), "", help);
    }
    found
}

fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    !name.is_empty() && name.len() <= 60 && name.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> (Policy, Vec<String>) {
        let file = File::parse("mappings/suppression.toml", text.to_owned());
        let rules = read(&file);
        (rules.policy, file.into_diagnostics().into_iter().map(|one| one.what).collect())
    }

    #[test]
    fn what_is_not_said_stays_as_safe_as_it_was() {
        assert_eq!(told(""), (Policy::default(), vec![]));
        let (policy, told) = told(
            "joint = \"named_only\"\n[kinds.bereavement]\nstops = \"all_contact\"\n\
             [kinds.breathing_space]\ncurrent_year = \"covered_after_default\"\n[kinds.court_date]\n\
             longest_days = 14\n[[quiet]]\nchannels = \"sms\"\nfrom = \"20:00\"\nuntil = \"08:00\"\n\
             except = [\"urgent\"]\n[[cap]]\nmost = 2\ndays = 7\ncounts = \"collection\"\n",
        );
        assert_eq!(told, Vec::<String>::new());
        let space = policy.kind("breathing_space").unwrap();
        assert_eq!(space.longest_days, Some(60));
        assert_eq!(space.current_year, CurrentYear::CoveredAfterDefault);
        assert_eq!(policy.kind("bereavement").unwrap().stops, Stops::AllContact);
        assert_eq!(policy.kind("mental_health_crisis").unwrap().runs_on_days, 30);
        assert_eq!(policy.kind("court_date").unwrap().longest_days, Some(14));
        let quiet = &policy.quiet[0];
        assert_eq!((quiet.from_minute, quiet.until_minute), (1_200, 480));
        assert_eq!((policy.caps[0].most, policy.caps[0].collection_only), (2, true));
        assert_eq!(policy.joint, Joint::NamedOnly);
    }

    #[test]
    fn faults_are_told() {
        for (text, expected) in [
            ("joint = \"all\"", "`joint` cannot be `all`"),
            ("[kinds.dispute]\nstops = \"sms\"", "`stops` cannot be `sms`"),
            ("[kinds.\"Court date\"]", "`Court date` is not a name for a kind of hold"),
            ("[kinds.dispute]\nlongest = 3", "`longest` is not known here"),
            ("[[quiet]]\nfrom = \"20:00\"", "`until` is missing"),
            ("[[quiet]]\nfrom = \"8pm\"\nuntil = \"08:00\"", "`from` is not a time of day"),
            (
                "[[quiet]]\nfrom = \"08:00\"\nuntil = \"08:00\"",
                "quiet hours that end when they begin are none, or the whole day",
            ),
            ("[[cap]]\nmost = 0\ndays = 7", "`most` is out of range"),
            ("[[cap]]\nmost = 1\ndays = 7\nchannels = [\"fax\"]", "`fax` is no channel"),
        ] {
            assert_eq!(told(text).1, [expected], "{text}");
        }
    }
}
