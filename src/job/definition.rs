//! What a job file says: which verb, on which connector, when, and how patiently. Whether its
//! connector and mapping exist is asked by the catalogue.

use chrono::NaiveTime;

use crate::definition::reader::{File, Spanned};
use crate::definition::schedule::Schedule;
use crate::definition::shape::{key, word};
use crate::definition::table::Table;

const TIMEZONE_DEFAULT: &str = "Europe/London";

/// `jobs/<name>.toml`.
#[derive(Clone, Debug)]
pub struct JobDefinition {
    pub name: String,
    pub action: Action,
    pub connector: Spanned<String>,
    /// What an ingest reads records with.
    pub mapping: Option<Spanned<String>>,
    /// Without one it runs when it is told to.
    pub schedule: Option<Schedule>,
    pub overlap: Overlap,
    pub first_load: FirstLoad,
    pub retry: Retry,
    pub expect: Option<Expect>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Ingest,
    Deliver,
}

/// What happens at a slot while the slot before it still runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overlap {
    #[default]
    Skip,
    Wait,
}

/// Whether the very first load of a source tells anyone: a hundred thousand accounts are new to us,
/// not to them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FirstLoad {
    #[default]
    Quiet,
    Send,
}

/// How often, and how long apart. Each wait is `factor` times the one before, up to the longest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    pub attempts: u32,
    pub first_ms: i64,
    pub factor: i64,
    pub longest_ms: i64,
}

impl Default for Retry {
    fn default() -> Retry {
        Retry { attempts: 5, first_ms: 60_000, factor: 4, longest_ms: 7_200_000 }
    }
}

impl Retry {
    /// How long to wait before the attempt after `failed` failed ones; None when no more are made.
    pub fn wait_ms(&self, failed: u32) -> Option<i64> {
        if failed >= self.attempts {
            return None;
        }
        let times = self.factor.saturating_pow(failed.saturating_sub(1));
        Some(self.first_ms.saturating_mul(times).min(self.longest_ms))
    }
}

/// What somebody would miss if it did not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expect {
    /// By this time of the day, in the job's time zone.
    pub by: Option<NaiveTime>,
    pub records_at_least: Option<u64>,
}

/// Reads a job file. None when it cannot be known what it does.
pub fn read(file: &File, name: &str) -> Option<JobDefinition> {
    let root = file.root();
    let job = parts(&root, name);
    root.finish();
    job
}

/// Reads the table of a job; also how it is described.
pub fn parts(root: &Table<'_>, name: &str) -> Option<JobDefinition> {
    let actions = [
        word("ingest", "Reads what a system gives and settles what it means.", Action::Ingest),
        word(
            "deliver",
            "Sends what waits for a system, and asks what became of it.",
            Action::Deliver,
        ),
    ];
    let action = root.choice(
        key("action", "What the job does.")
            .needed("add `action = \"ingest\"` or `action = \"deliver\"`"),
        &actions,
    );
    let action = action.map(|action| action.value);
    let connector = root.need_text(
        key("connector", "The system it does it with: the name of a file in `connectors/`.")
            .example("connector = \"revenues\""),
    );
    let mapping = mapping(root, action);
    let schedule = schedule(root);
    let overlap = root.choice_or(
        key("overlap", "What happens at a slot while the slot before it still runs."),
        word("skip", "The slot is left out.", Overlap::Skip),
        &[word("wait", "It runs when the one before has ended.", Overlap::Wait)],
    );
    let first_load = root.choice_or(
        key("first_load", "Whether the very first load of a source tells anyone."),
        word(
            "quiet",
            "Nobody: a hundred thousand accounts are new to us, not to them.",
            FirstLoad::Quiet,
        ),
        &[word("send", "Whoever listens, as on any other day.", FirstLoad::Send)],
    );
    let doc = "How often it is tried again, and how patiently.";
    let retry = root.table(key("retry", doc)).map(retry).unwrap_or_default();
    let doc = "What somebody would miss if it did not come.";
    let expect = root.table(key("expect", doc)).map(expect);
    Some(JobDefinition {
        name: name.to_owned(),
        action: action?,
        connector: connector?,
        mapping,
        schedule,
        overlap,
        first_load,
        retry,
        expect,
    })
}

fn mapping(root: &Table<'_>, action: Option<Action>) -> Option<Spanned<String>> {
    let doc = "What an ingest reads records with: the name of a file in `mappings/inbound/`. A delivery \
               has none: outbound mappings name their destination.";
    let mapping = root.text(key("mapping", doc).example("mapping = \"ctax_account\""));
    match (action, &mapping) {
        (Some(Action::Ingest), None) if !root.has("mapping") => {
            root.missing("mapping", "add `mapping = \"…\"`, the name of a file in mappings/inbound")
        }
        (Some(Action::Deliver), Some(mapping)) => {
            let help = "take it out: outbound mappings name their destination".to_owned();
            root.error(mapping.at, "a delivery has no mapping", "not used", Some(help));
        }
        _ => {}
    }
    mapping
}

fn schedule(root: &Table<'_>) -> Option<Schedule> {
    let zone = root.text_or(key("timezone", "Whose clock the schedule means."), TIMEZONE_DEFAULT);
    let doc = "When it runs: minute, hour, day of the month, month, day of the week. Without one it runs when \
               it is told to.";
    let expression = root.text(key("schedule", doc).example("schedule = \"30 2 * * *\""))?;
    match Schedule::parse(&expression.value, &zone) {
        Ok(schedule) => Some(schedule),
        Err(what) => {
            // A fault of the zone is told where the zone is written.
            let of_zone = Schedule::parse("0 0 * * *", &zone).is_err();
            let at = if of_zone { root.at_value("timezone") } else { expression.at };
            let help = (!of_zone).then(|| "such as `30 2 * * *`: every night at 02:30".to_owned());
            root.error(at, what, "cannot be kept", help);
            None
        }
    }
}

fn retry(table: Table<'_>) -> Retry {
    let usual = Retry::default();
    let attempts = table.whole_or(
        key("attempts", "How often it is tried before a person decides."),
        1..=50,
        i64::from(usual.attempts),
    );
    let mut retry = Retry { attempts: u32::try_from(attempts).unwrap_or(usual.attempts), ..usual };
    if let Some(backoff) = table.table(key("backoff", "How long the waits between attempts are.")) {
        retry.first_ms = backoff.duration_or(key("first", "The first wait."), "1m").max(1);
        retry.longest_ms = backoff.duration_or(key("longest", "No wait is longer."), "2h").max(1);
        let doc = "Each wait is so many times the one before.";
        retry.factor = backoff.whole_or(key("factor", doc), 1..=100, usual.factor);
        if retry.first_ms > retry.longest_ms {
            let what = "the first wait is longer than the longest";
            backoff.error(backoff.at_value("longest"), what, "", Some("swap them".to_owned()));
        }
        backoff.finish();
    }
    table.finish();
    retry
}

fn expect(table: Table<'_>) -> Expect {
    let doc = "By this time of the day, in the job's time zone.";
    let by = table.text(key("by", doc).example("by = \"06:00\"")).and_then(|text| {
        let time = NaiveTime::parse_from_str(&text.value, "%H:%M").ok();
        if time.is_none() {
            let what = format!("`{}` is not a time of day", text.value);
            table.error(text.at, what, "", Some("write it like `\"06:00\"`".to_owned()));
        }
        time
    });
    let doc = "With at least so many records.";
    let records = table.whole(key("records_at_least", doc), 0..=1_000_000_000);
    table.finish();
    Expect { by, records_at_least: records.and_then(|number| u64::try_from(number.value).ok()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> (Option<JobDefinition>, Vec<String>) {
        let file = File::parse("jobs/x.toml", text.to_owned());
        let job = read(&file, "x");
        (job, file.into_diagnostics().into_iter().map(|one| one.what).collect())
    }

    #[test]
    fn a_job_is_read_whole() {
        let (job, told) = told(
            "action = \"ingest\"\nconnector = \"revenues\"\nmapping = \"ctax_account\"\n\
             schedule = \"30 2 * * *\"\noverlap = \"wait\"\nfirst_load = \"send\"\n\
             [retry]\nattempts = 3\nbackoff = { first = \"1m\", factor = 4, longest = \"10m\" }\n\
             [expect]\nby = \"06:00\"\nrecords_at_least = 40_000\n",
        );
        assert_eq!(told, Vec::<String>::new());
        let job = job.expect("it has no faults");
        assert_eq!(job.schedule.map(|schedule| schedule.timezone()), Some("Europe/London"));
        assert_eq!((job.overlap, job.first_load), (Overlap::Wait, FirstLoad::Send));
        let waits: Vec<Option<i64>> = (1..=3).map(|failed| job.retry.wait_ms(failed)).collect();
        assert_eq!(waits, [Some(60_000), Some(240_000), None]);
        assert_eq!(job.expect.and_then(|expect| expect.records_at_least), Some(40_000));
    }

    #[test]
    fn waits_never_overflow() {
        let retry = Retry { attempts: u32::MAX, factor: 100, ..Retry::default() };
        assert_eq!(retry.wait_ms(4_000_000), Some(retry.longest_ms));
    }

    #[test]
    fn faults_are_told() {
        let head = "action = \"ingest\"\nconnector = \"c\"\nmapping = \"m\"\n";
        for (part, expected) in [
            (
                "schedule = \"0 0 31 2 *\"",
                "`0 0 31 2 *` never runs: no such day is in any of its months",
            ),
            (
                "schedule = \"0 0 * * *\"\ntimezone = \"Europe/Lundon\"",
                "`Europe/Lundon` is not a time zone; did you mean `Europe/London`?",
            ),
            ("overlap = \"queue\"", "`overlap` cannot be `queue`"),
            ("[retry]\nattempts = 0", "`attempts` is out of range"),
            ("[retry]\nbackoff = { first = \"soon\" }", "`first` is not a length of time"),
            ("[retry]\nbackoff = { first = \"3h\" }", "the first wait is longer than the longest"),
            ("[expect]\nby = \"6am\"", "`6am` is not a time of day"),
        ] {
            assert_eq!(told(&format!("{head}{part}\n")).1, [expected], "{part}");
        }
        assert_eq!(told("").1, ["`action` is missing", "`connector` is missing"]);
        assert_eq!(told("action = \"ingest\"\nconnector = \"c\"\n").1, ["`mapping` is missing"]);
        let text = "action = \"deliver\"\nconnector = \"c\"\nmapping = \"m\"\n";
        assert_eq!(told(text).1, ["a delivery has no mapping"]);
    }
}
