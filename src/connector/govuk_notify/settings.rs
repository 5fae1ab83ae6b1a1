//! What `kind = "govuk_notify"` can be told, and how it is read from a definition.

use std::collections::BTreeMap;

use crate::definition::reader::Spanned;
use crate::definition::secret::SecretReference;
use crate::definition::table::{Table, Value};

/// The platform's own limit for one key.
const REQUESTS_PER_MINUTE: i64 = 3_000;

/// The settings of a service on the platform.
#[derive(Debug, Clone)]
pub struct GovukNotifySettings {
    /// `https://api.notifications.service.gov.uk`, or a sandbox; `${NAME}` is filled in when it is
    /// opened.
    pub base_url: Spanned<String>,
    /// Where the key is kept. A live key, a team key or a test key: the platform tells them apart.
    pub api_key: Spanned<SecretReference>,
    /// Our names for its templates, and its identifiers for them.
    pub templates: BTreeMap<String, String>,
    /// How many messages we send in a minute at most.
    pub requests_per_minute: u32,
    /// How long we wait for an answer before we ask what became of it.
    pub timeout_ms: u64,
    /// Whether numbers and addresses that no real resident has are sent to: for rehearsals only.
    pub allows_test_ranges: bool,
}

impl GovukNotifySettings {
    /// Reads `[settings]`; faults are told to the file.
    pub fn read(settings: Table<'_>) -> Option<GovukNotifySettings> {
        let base_url = settings.need_text("base_url");
        let api_key = settings.secret("api_key");
        if !settings.has("api_key") {
            settings.missing("api_key", "write `api_key = \"secret:NOTIFY_API_KEY\"`");
        }
        let per_minute = settings.whole("requests_per_minute", 1..=1_000_000);
        let per_minute = per_minute.map_or(REQUESTS_PER_MINUTE, |found| found.value);
        let timeout_ms = settings
            .whole("timeout_ms", 100..=120_000)
            .map_or(30_000, |ms| ms.value);
        let ranges = settings.choice("test_ranges", &[("refuse", false), ("allow", true)]);
        let mut templates = BTreeMap::new();
        if let Some(table) = settings.table("templates") {
            for (name, value) in table.entries() {
                match value {
                    Value::Text(id) => {
                        templates.insert(name.value, id.value);
                    }
                    other => {
                        let help =
                            Some("copy the template's identifier from the platform".to_owned());
                        table.error(
                            other.at(),
                            "a template is named by its identifier",
                            "not text",
                            help,
                        );
                    }
                }
            }
        }
        settings.finish();
        Some(GovukNotifySettings {
            base_url: base_url?,
            api_key: api_key?,
            templates,
            requests_per_minute: u32::try_from(per_minute).ok()?,
            timeout_ms: u64::try_from(timeout_ms).ok()?,
            allows_test_ranges: ranges.is_some_and(|ranges| ranges.value),
        })
    }

    /// The platform's identifier for a template that a mapping names.
    pub fn template_id(&self, name: &str) -> Option<&str> {
        self.templates.get(name).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::reader::File;

    fn read(settings: &str) -> (Option<GovukNotifySettings>, usize) {
        let file = File::parse("connectors/notify.toml", format!("[settings]\n{settings}"));
        let table = file.root().table("settings").expect("the table is there");
        let found = GovukNotifySettings::read(table);
        (found, file.into_diagnostics().len())
    }

    #[test]
    fn settings_are_read_and_every_fault_is_told() {
        let good = "base_url = \"${NOTIFY_URL}\"\napi_key = \"secret:NOTIFY_API_KEY\"\n\
                    [settings.templates]\nmoved_home = \"1-2\"";
        let (settings, faults) = read(good);
        assert_eq!(faults, 0);
        let settings = settings.expect("settings");
        assert_eq!(settings.template_id("moved_home"), Some("1-2"));
        assert_eq!(
            (settings.requests_per_minute, settings.timeout_ms),
            (3_000, 30_000)
        );
        for (wrong, faults) in [
            ("", 2),
            ("base_url = \"x\"\napi_key = \"in-clear\"", 1),
            ("base_url = \"x\"\napi_key = \"secret:K\"\nbase_ur = 1", 1),
            (
                "base_url = \"x\"\napi_key = \"secret:K\"\ntimeout_ms = 1",
                1,
            ),
            (
                "base_url = \"x\"\napi_key = \"secret:K\"\n[settings.templates]\na = 1",
                1,
            ),
        ] {
            assert_eq!(read(wrong).1, faults, "{wrong}");
        }
    }
}
