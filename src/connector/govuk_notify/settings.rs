//! What `kind = "govuk_notify"` can be told, and how it is read from a definition.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::GovukNotify;
use crate::connector::channel::{ConnectorError, Destination};
use crate::connector::definition::{Brings, Kind, Settings, Surroundings};
use crate::definition::reader::Spanned;
use crate::definition::secret::SecretReference;
use crate::definition::shape::{Key, key, word};
use crate::definition::table::Table;

pub const KIND: Kind = Kind {
    name: "govuk_notify",
    doc: "GOV.UK Notify: e-mails, text messages and letters by the service's own templates.",
    read: |settings, _| Some(Arc::new(GovukNotifySettings::read(settings)?)),
};

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

/// The platform's address; a sandbox has another.
pub const BASE_URL: Key = key(
    "base_url",
    "Where the platform is. `${NAME}` is taken from the environment, so that a rehearsal talks to a \
     sandbox.",
)
.example("base_url = \"${NOTIFY_URL}\"");

impl GovukNotifySettings {
    /// Reads `[settings]`; faults are told to the file.
    pub fn read(settings: &Table<'_>) -> Option<GovukNotifySettings> {
        let base_url = settings.need_text(BASE_URL);
        let api_key = settings.secret(
            key(
                "api_key",
                "Where the service's key is kept. A live key, a team key or a test key: the platform \
                 tells them apart.",
            )
            .needed("write `api_key = \"secret:NOTIFY_API_KEY\"`")
            .example("api_key = \"secret:NOTIFY_API_KEY\""),
        );
        let per_minute = settings.whole_or(
            key("requests_per_minute", "How many messages are sent in a minute at most."),
            1..=1_000_000,
            REQUESTS_PER_MINUTE,
        );
        let timeout_ms = settings.whole_or(
            key(
                "timeout_ms",
                "For how long, in milliseconds, an answer is waited for before it is asked what became \
                 of the message.",
            ),
            100..=120_000,
            30_000,
        );
        let allows_test_ranges = settings.choice_or(
            key(
                "test_ranges",
                "Whether numbers and addresses that no real resident has are sent to: for rehearsals \
                 only.",
            ),
            word("refuse", "They are held.", false),
            &[word("allow", "They are sent to.", true)],
        );
        let templates = settings.named_texts(
            key("templates", "Names for templates that mappings use, and the platform's for them.")
                .example("templates = { moved_home = \"11111111-1111-4111-8111-111111111101\" }"),
            "copy the template's identifier from the platform",
        );
        for (name, id) in &templates {
            if !is_uuid(&id.value) {
                let what =
                    format!("the template `{}` has no identifier of the platform's", name.value);
                let help = "copy it from the template's page; it looks like \
                            `f33517ff-2a88-4f6e-b855-c550268ce08a`";
                settings.error(id.at, what, "not a UUID", Some(help.to_owned()));
            }
        }
        Some(GovukNotifySettings {
            base_url: base_url?,
            api_key: api_key?,
            templates: templates.into_iter().map(|(name, id)| (name.value, id.value)).collect(),
            requests_per_minute: u32::try_from(per_minute).ok()?,
            timeout_ms: u64::try_from(timeout_ms).ok()?,
            allows_test_ranges,
        })
    }

    /// The platform's identifier for a template that a mapping names.
    pub fn template_id(&self, name: &str) -> Option<&str> {
        self.templates.get(name).map(String::as_str)
    }
}

/// Eight digits and letters to f, four, four, four and twelve.
fn is_uuid(text: &str) -> bool {
    let digits = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-';
    text.bytes().all(digits) && text.split('-').map(str::len).eq([8, 4, 4, 4, 12])
}

impl Settings for GovukNotifySettings {
    fn takes(&self, what: Brings) -> bool {
        what == Brings::Message
    }

    fn templates(&self) -> Option<Vec<String>> {
        Some(self.templates.keys().cloned().collect())
    }

    fn allows_test_ranges(&self) -> bool {
        self.allows_test_ranges
    }

    fn destination(
        &self,
        around: &Surroundings,
    ) -> Option<Result<Arc<dyn Destination>, ConnectorError>> {
        let opened = around.expand(&self.base_url.value).and_then(|url| {
            let key = around.secret(&self.api_key.value)?;
            GovukNotify::open(self.clone(), &url, &key, Arc::clone(&around.now))
        });
        Some(opened.map(|destination| Arc::new(destination) as Arc<dyn Destination>))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::reader::File;

    fn read(settings: &str) -> (Option<GovukNotifySettings>, usize) {
        let file = File::parse("connectors/notify.toml", format!("[settings]\n{settings}"));
        let table = file.root().table("settings").expect("the table is there");
        let found = GovukNotifySettings::read(&table);
        table.finish();
        (found, file.into_diagnostics().len())
    }

    #[test]
    fn settings_are_read_and_every_fault_is_told() {
        let good = "base_url = \"${NOTIFY_URL}\"\napi_key = \"secret:NOTIFY_API_KEY\"\n\
                    [settings.templates]\nmoved_home = \"f33517ff-2a88-4f6e-b855-c550268ce08a\"";
        let (settings, faults) = read(good);
        assert_eq!(faults, 0);
        let settings = settings.expect("settings");
        assert_eq!(
            settings.template_id("moved_home"),
            Some("f33517ff-2a88-4f6e-b855-c550268ce08a")
        );
        assert_eq!((settings.requests_per_minute, settings.timeout_ms), (3_000, 30_000));
        for (wrong, faults) in [
            ("", 2),
            ("base_url = \"x\"\napi_key = \"in-clear\"", 1),
            ("base_url = \"x\"\napi_key = \"secret:K\"\nbase_ur = 1", 1),
            ("base_url = \"x\"\napi_key = \"secret:K\"\ntimeout_ms = 1", 1),
            ("base_url = \"x\"\napi_key = \"secret:K\"\n[settings.templates]\na = 1", 1),
            ("base_url = \"x\"\napi_key = \"secret:K\"\n[settings.templates]\na = \"b-1\"", 1),
        ] {
            assert_eq!(read(wrong).1, faults, "{wrong}");
        }
    }
}
