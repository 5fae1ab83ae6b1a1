//! Which of two records with one key is the newer, where a source says it itself. Extracts that hold what
//! changed may come late, twice, or in another order than they were made in.

use chrono::{DateTime, SecondsFormat, TimeDelta};

use super::settings;
use crate::definition::shape::{Key, key, word};
use crate::definition::table::Table;
use crate::record::document::{Document, Path};

/// Where a record says its version, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    path: Path,
    form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Number,
    Time,
}

const VERSION: Key = key(
    "version",
    "Where a record says which of two with one key is the newer: a path from the record. One that is older \
     than what is known is kept and counted as filtered; two of one version that differ are held. Only for \
     `extract = \"delta\"`.",
)
.example("version = \"changed_at\"");
const VERSION_AS: Key = key("version_as", "How the version is written.");

impl Version {
    /// Reads the settings; None where the source says nothing of the kind.
    pub fn read(table: &Table<'_>) -> Option<Version> {
        let form = table.choice_or(
            VERSION_AS,
            word("number", "A whole number that grows.", Form::Number),
            &[word("time", "A moment with its zone: `2026-11-26T07:30:00.25Z`.", Form::Time)],
        );
        let path = settings::path(table.file(), &table.text(VERSION)?, &[])?;
        Some(Version { path, form })
    }

    /// Whether it is a moment; else it is a whole number.
    pub fn is_time(&self) -> bool {
        self.form == Form::Time
    }

    /// The column that says it, where a record is a row.
    pub fn column(&self) -> &str {
        self.path.steps.last().map_or("", |step| step.name.as_str())
    }

    /// The version of a record; the greater is the newer. None where it does not say one.
    pub fn of(&self, record: &Document) -> Option<i128> {
        self.read_text(self.text_of(record)?)
    }

    /// The same as the record has it.
    pub fn text_of<'d>(&self, record: &'d Document) -> Option<&'d str> {
        let found = record.find(record.root()?, &self.path)?;
        Some(record.text(found).trim())
    }

    /// A version so much before that one, as a system is asked for it; a number, which knows no time,
    /// stays as it is.
    pub fn before(&self, text: &str, overlap_ms: i64) -> Option<String> {
        match self.form {
            Form::Number => self.read_text(text).map(|number| number.to_string()),
            Form::Time => {
                let moment = DateTime::parse_from_rfc3339(text).ok()?.to_utc();
                let earlier = moment.checked_sub_signed(TimeDelta::milliseconds(overlap_ms))?;
                Some(earlier.to_rfc3339_opts(SecondsFormat::AutoSi, true))
            }
        }
    }

    /// The version of that moment (UTC milliseconds); None where versions are no moments.
    pub fn of_moment(&self, ms: i64) -> Option<i128> {
        (self.form == Form::Time).then(|| i128::from(ms) * 1_000_000)
    }

    /// A version as it is written; the greater is the newer.
    pub fn read_text(&self, text: &str) -> Option<i128> {
        match self.form {
            Form::Number => text.parse().ok(),
            Form::Time => {
                let moment = DateTime::parse_from_rfc3339(text).ok()?.to_utc();
                let whole = i128::from(moment.timestamp()) * 1_000_000_000;
                Some(whole + i128::from(moment.timestamp_subsec_nanos()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::format::trying::layout;
    use crate::definition::reader::File;

    fn of(settings: &str, value: &str) -> Option<i128> {
        let file = File::parse("connectors/x.toml", settings.to_owned());
        let version = Version::read(&file.root()).expect("a version");
        let mut record = Document::default();
        let csv = layout("format = \"csv\"\nkey = \"ref\"");
        csv.format.read(&format!("ref,at\n1,{value}\n"), &mut record).expect("a record");
        version.of(&record)
    }

    #[test]
    fn the_newer_is_the_greater() {
        let number = |value| of("version = \"at\"", value);
        assert_eq!((number("9"), number(" 10 "), number("-1")), (Some(9), Some(10), Some(-1)));
        assert_eq!((number(""), number("1.5"), number("x")), (None, None, None));
        let time = |value| of("version = \"at\"\nversion_as = \"time\"", value);
        // The same moment, whatever the zone; and a second is more than its part.
        assert_eq!(time("2026-07-01T10:00:00+01:00"), time("2026-07-01T09:00:00Z"));
        assert!(time("2026-07-01T09:00:00.5Z") < time("2026-07-01T09:00:01Z"));
        assert!(time("2026-10-25T01:30:00+01:00") < time("2026-10-25T01:10:00+00:00"));
        assert_eq!((time("2026-07-01"), time("12")), (None, None));
    }
}
