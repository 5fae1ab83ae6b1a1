//! What a job file says: which verb, on which connector, when, and how patiently. Whether its
//! connector and mapping exist is asked by the catalogue.

use chrono::NaiveTime;

use crate::definition::reader::{File, Spanned};
use crate::definition::schedule::Schedule;
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
    let actions = [("ingest", Action::Ingest), ("deliver", Action::Deliver)];
    if !root.has("action") {
        root.missing("action", "add `action = \"ingest\"` or `action = \"deliver\"`");
    }
    let action = root.choice("action", &actions).map(|action| action.value);
    let connector = root.need_text("connector");
    let mapping = root.text("mapping");
    match (action, &mapping) {
        (Some(Action::Ingest), None) if !root.has("mapping") => {
            root.missing(
                "mapping",
                "add `mapping = \"…\"`, the name of a file in mappings/inbound",
            );
        }
        (Some(Action::Deliver), Some(mapping)) => {
            let help = "take it out: outbound mappings name their destination".to_owned();
            root.error(mapping.at, "a delivery has no mapping", "not used", Some(help));
        }
        _ => {}
    }
    let schedule = schedule(&root);
    let overlaps = [("skip", Overlap::Skip), ("wait", Overlap::Wait)];
    let loads = [("quiet", FirstLoad::Quiet), ("send", FirstLoad::Send)];
    let overlap = root.choice("overlap", &overlaps).map(|word| word.value).unwrap_or_default();
    let first_load = root.choice("first_load", &loads).map(|word| word.value).unwrap_or_default();
    let retry = root.table("retry").map(retry).unwrap_or_default();
    let expect = root.table("expect").map(expect);
    root.finish();
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

fn schedule(root: &Table<'_>) -> Option<Schedule> {
    let timezone = root.text("timezone");
    let expression = root.text("schedule")?;
    let zone = timezone.as_ref().map_or(TIMEZONE_DEFAULT, |zone| zone.value.as_str());
    match Schedule::parse(&expression.value, zone) {
        Ok(schedule) => Some(schedule),
        Err(what) => {
            // A fault of the zone is told where the zone is written.
            let of_zone = Schedule::parse("0 0 * * *", zone).is_err();
            let at = timezone.filter(|_| of_zone).map_or(expression.at, |zone| zone.at);
            let help = (!of_zone).then(|| "such as `30 2 * * *`: every night at 02:30".to_owned());
            root.error(at, what, "cannot be kept", help);
            None
        }
    }
}

fn retry(table: Table<'_>) -> Retry {
    let usual = Retry::default();
    let attempts = table.whole("attempts", 1..=50).map(|attempts| attempts.value);
    let mut retry = Retry {
        attempts: attempts.and_then(|n| u32::try_from(n).ok()).unwrap_or(usual.attempts),
        ..usual
    };
    if let Some(backoff) = table.table("backoff") {
        let length = |key: &str, usual: i64| {
            backoff.duration_ms(key).map_or(usual, |length| length.value.max(1))
        };
        retry.first_ms = length("first", usual.first_ms);
        retry.longest_ms = length("longest", usual.longest_ms);
        retry.factor = backoff.whole("factor", 1..=100).map_or(usual.factor, |n| n.value);
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
    let by = table.text("by").and_then(|text| {
        let time = NaiveTime::parse_from_str(&text.value, "%H:%M").ok();
        if time.is_none() {
            let what = format!("`{}` is not a time of day", text.value);
            table.error(text.at, what, "", Some("write it like `\"06:00\"`".to_owned()));
        }
        time
    });
    let records = table.whole("records_at_least", 0..=1_000_000_000);
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
