//! What a connector file says: which system, by which kind of door, with which settings and limits.
//! The settings themselves are read by the kind, which alone knows what they mean.

use crate::connector::format::Format;
use crate::definition::reader::{File, Span, Spanned};
use crate::definition::suggest;
use crate::definition::table::Table;

const RECORD_BYTES_DEFAULT: u32 = 1_048_576;
const KEEP_PERCENT_DEFAULT: u8 = 80;

/// `connectors/<name>.toml`. `S` is what the kind made of `[settings]`.
#[derive(Clone, Debug)]
pub struct ConnectorDefinition<S> {
    pub name: String,
    pub kind: Spanned<String>,
    /// The name that every record from here carries.
    pub system: Spanned<String>,
    /// Who is asked when it stops.
    pub owner: Option<String>,
    /// What it sends looks like: a file beside the definition.
    pub sample: Option<Spanned<String>>,
    pub settings: S,
    pub limits: Limits,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Records that are dealt with in one transaction; where nothing is said, what suits the
    /// database best.
    pub chunk_records: Option<u32>,
    /// A record longer than this is held.
    pub record_bytes_max: u32,
    /// A full extract with a smaller part of the known records than this is held whole.
    pub keep_percent: u8,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            chunk_records: None,
            record_bytes_max: RECORD_BYTES_DEFAULT,
            keep_percent: KEEP_PERCENT_DEFAULT,
        }
    }
}

/// What is known of the kinds of connectors. The list itself is in `kinds`.
pub trait Kinds {
    /// What a kind makes of its `[settings]`.
    type Settings;

    /// The words that may stand in `kind = "…"`.
    fn names(&self) -> Vec<&'static str>;

    /// Reads the settings of one of those kinds; faults are told to the table's file.
    fn read(
        &self,
        kind: &str,
        settings: Table<'_>,
        limits: Option<&Table<'_>>,
    ) -> Option<Self::Settings>;

    /// How the records of such a connector are read; None when it gives none.
    fn format(&self, settings: &Self::Settings) -> Option<Box<dyn Format>>;

    /// The templates that a destination declares; None when any name will do.
    fn templates(&self, _settings: &Self::Settings) -> Option<Vec<String>> {
        None
    }
}

/// Reads a connector file. A secret in clear is refused here, whatever the kind. None when it
/// cannot be used.
pub fn read<K: Kinds>(
    file: &File,
    name: &str,
    kinds: &K,
) -> Option<ConnectorDefinition<K::Settings>> {
    let root = file.root();
    let kind = root.need_text("kind");
    let system = root.need_text("system");
    let owner = root.text("owner").map(|owner| owner.value);
    let sample = root.text("sample");
    let table = root.table("settings").unwrap_or_else(|| Table::new(file, &[], Span::default()));
    let limits_table = root.table("limits");
    let known = kinds.names();
    let settings = match &kind {
        Some(kind) if known.contains(&kind.value.as_str()) => {
            kinds.read(&kind.value, table, limits_table.as_ref())
        }
        Some(kind) => {
            let what = format!("there is no kind `{}`", kind.value);
            file.error(kind.at, what, "not known", suggest::help(&kind.value, &known));
            None
        }
        None => None,
    };
    let limits = limits_table.map(limits).unwrap_or_default();
    root.finish();
    file.refuse_clear_secrets();
    Some(ConnectorDefinition {
        name: name.to_owned(),
        kind: kind?,
        system: system?,
        owner,
        sample,
        settings: settings?,
        limits,
    })
}

fn limits(table: Table<'_>) -> Limits {
    let usual = Limits::default();
    let number = |key: &str, least: i64, most: i64, usual: u32| {
        let written = table.whole(key, least..=most);
        written.and_then(|number| u32::try_from(number.value).ok()).unwrap_or(usual)
    };
    let keep_percent = number("keep_percent", 0, 100, u32::from(usual.keep_percent));
    let limits = Limits {
        chunk_records: table
            .whole("chunk_records", 1..=10_000)
            .and_then(|number| u32::try_from(number.value).ok()),
        record_bytes_max: number("record_bytes_max", 1_024, 67_108_864, usual.record_bytes_max),
        keep_percent: u8::try_from(keep_percent).unwrap_or(usual.keep_percent),
    };
    table.finish();
    limits
}

#[cfg(test)]
mod tests {
    use super::*;

    struct OneKind;

    impl Kinds for OneKind {
        type Settings = String;

        fn names(&self) -> Vec<&'static str> {
            vec!["file_drop"]
        }

        fn read(&self, _: &str, settings: Table<'_>, _: Option<&Table<'_>>) -> Option<String> {
            let directory = settings.need_text("directory");
            let password = settings.secret("password");
            settings.finish();
            directory.map(|directory| format!("{} {}", directory.value, password.is_some()))
        }

        fn format(&self, _: &String) -> Option<Box<dyn Format>> {
            None
        }
    }

    fn told(text: &str) -> (Option<ConnectorDefinition<String>>, Vec<String>) {
        let file = File::parse("connectors/x.toml", text.to_owned());
        let connector = read(&file, "x", &OneKind);
        (connector, file.into_diagnostics().into_iter().map(|one| one.what).collect())
    }

    #[test]
    fn a_connector_is_read_and_its_kind_reads_its_settings() {
        let (connector, told) = told(
            "kind = \"file_drop\"\nsystem = \"revenues\"\nsample = \"x.xml\"\n[settings]\n\
             directory = \"${DROP}\"\npassword = \"secret:DROP\"\n[limits]\nkeep_percent = 90\n",
        );
        assert_eq!(told, Vec::<String>::new());
        let connector = connector.expect("it has no faults");
        assert_eq!(connector.settings, "${DROP} true");
        assert_eq!(connector.limits.keep_percent, 90);
        assert_eq!(connector.limits.chunk_records, None);
    }

    #[test]
    fn faults_of_settings_and_secrets_in_clear_are_told_together() {
        let (connector, told) = told(
            "kind = \"file_drop\"\n[settings]\npassword = \"hunter2\"\ndirektory = \"x\"\n\
             [limits]\nchunk_records = 0\nrecords = 1\n",
        );
        assert!(connector.is_none());
        assert_eq!(
            told,
            [
                "`system` is missing",
                "`directory` is missing",
                "a secret is written in clear",
                "`direktory` is not known here",
                "`chunk_records` is out of range",
                "`records` is not known here",
            ]
        );
    }

    #[test]
    fn an_unknown_kind_is_told_with_a_guess() {
        let (connector, told) = told("kind = \"file_dropp\"\nsystem = \"x\"\n");
        assert!(connector.is_none());
        assert_eq!(told, ["there is no kind `file_dropp`"]);
    }
}
