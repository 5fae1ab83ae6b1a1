//! What `kind = "govuk_pay"` can be told, and how it is read from a definition.

use std::sync::Arc;
use std::time::Duration;

use super::GovukPay;
use super::client::PayClient;
use crate::connector::channel::{ConnectorError, Destination};
use crate::connector::definition::{Brings, Kind, Patience, Settings, Surroundings};
use crate::definition::reader::Spanned;
use crate::definition::secret::SecretReference;
use crate::definition::shape::key;
use crate::definition::table::Table;

pub const KIND: Kind = Kind {
    name: "govuk_pay",
    doc: "GOV.UK Pay: card payments, each made when its payer opens the link that a message brought.",
    read: |settings, _| Some(Arc::new(GovukPaySettings::read(settings)?)),
};

/// Less than this a search is never trusted to know of a payment that was just made.
const SEARCH_LAG_LEAST_MS: i64 = 60_000;
const MINUTE_MS: i64 = 60_000;
const YEAR_MS: i64 = 365 * 24 * 60 * MINUTE_MS;
/// From its making to the moment at which the platform gives a payer up.
const LIVES_MS: i64 = 90 * MINUTE_MS;

/// The settings of an account on the platform.
#[derive(Debug, Clone)]
pub struct GovukPaySettings {
    /// `https://publicapi.payments.service.gov.uk`, or a sandbox.
    pub base_url: Spanned<String>,
    /// Where the key is kept. A live key or a test key: the platform tells them apart.
    pub api_key: Spanned<SecretReference>,
    /// Under which address payers reach this hub.
    pub links: Spanned<String>,
    /// For how long "no such payment" is not believed.
    pub search_lag_ms: i64,
    pub timeout_ms: u64,
    pub posts_per_second: u32,
}

impl GovukPaySettings {
    /// Reads `[settings]`; faults are told to the file.
    pub fn read(settings: &Table<'_>) -> Option<GovukPaySettings> {
        let base_url = settings.need_text(
            key(
                "base_url",
                "Where the platform is. `${NAME}` is taken from the environment, so that a rehearsal \
                 talks to a sandbox.",
            )
            .example("base_url = \"${PAY_URL}\""),
        );
        let api_key = settings.secret(
            key(
                "api_key",
                "Where the account's key is kept. A live key or a test key: the platform tells them \
                 apart.",
            )
            .needed("write `api_key = \"secret:PAY_API_KEY\"`")
            .example("api_key = \"secret:PAY_API_KEY\""),
        );
        let links = settings.need_text(
            key(
                "links",
                "The address under which residents reach this hub (`viaduct serve --listen` is behind \
                 it): links in messages begin with it. The platform wants https for real money.",
            )
            .needed("write `links = \"${PUBLIC_URL}\"`")
            .example("links = \"${PUBLIC_URL}\""),
        );
        let search_lag_ms = settings.duration_or(
            key(
                "search_lag",
                "For how long the platform's search may not know of a payment that was just made, and so \
                 is not believed: a minute or more.",
            ),
            "2m",
        );
        if search_lag_ms < SEARCH_LAG_LEAST_MS && settings.has("search_lag") {
            let what = "`search_lag` is less than a minute";
            let help =
                "write `search_lag = \"2m\"`: a payment that is not found yet would be made twice";
            settings.error(
                settings.at_value("search_lag"),
                what,
                "too short",
                Some(help.to_owned()),
            );
        }
        let timeout_ms = settings.whole_or(
            key(
                "timeout_ms",
                "For how long, in milliseconds, an answer is waited for before it is asked what became of \
                 the payment. Its payer waits too.",
            ),
            100..=60_000,
            8_000,
        );
        let posts_per_second = settings.whole_or(
            key(
                "posts_per_second",
                "How many payments are made in a second at most, and how many captured, and how many other \
                 calls change something. The platform takes fifteen of each; others may share the account.",
            ),
            1..=1_000,
            12,
        );
        Some(GovukPaySettings {
            base_url: base_url?,
            api_key: api_key?,
            links: links?,
            search_lag_ms,
            timeout_ms: u64::try_from(timeout_ms).ok()?,
            posts_per_second: u32::try_from(posts_per_second).ok()?,
        })
    }
}

impl Settings for GovukPaySettings {
    fn takes(&self, what: Brings) -> bool {
        what == Brings::Payment
    }

    fn payment_links(&self) -> Option<&Spanned<String>> {
        Some(&self.links)
    }

    fn patience(&self) -> Patience {
        let not_found_ms = self.search_lag_ms.max(SEARCH_LAG_LEAST_MS);
        Patience {
            not_found_ms,
            // It keeps payments for seven years.
            forgets_ms: 6 * YEAR_MS,
            // It may be made long after we gave up, and lives on from there.
            doubt_ms: LIVES_MS + 2 * not_found_ms,
            poll_ms: 2_000,
            poll_longest_ms: 10 * MINUTE_MS,
            // A payer takes the time that a payer takes.
            run_ms: 0,
        }
    }

    fn destination(
        &self,
        around: &Surroundings,
    ) -> Option<Result<Arc<dyn Destination>, ConnectorError>> {
        let opened = around.expand(&self.base_url.value).and_then(|url| {
            let key = around.secret(&self.api_key.value)?;
            let timeout = Duration::from_millis(self.timeout_ms);
            let pace = self.posts_per_second;
            PayClient::open(&url, &key, timeout, pace, Arc::clone(&around.now))
        });
        let open = |client| Arc::new(GovukPay::new(client)) as Arc<dyn Destination>;
        Some(opened.map(open))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::reader::File;

    const GOOD: &str = "base_url = \"${PAY_URL}\"\napi_key = \"secret:PAY_API_KEY\"\n\
                        links = \"${PUBLIC_URL}\"\n";

    fn read(settings: &str) -> (Option<GovukPaySettings>, usize) {
        let file = File::parse("connectors/pay.toml", format!("[settings]\n{settings}"));
        let table = file.root().table("settings").expect("the table is there");
        let found = GovukPaySettings::read(&table);
        table.finish();
        (found, file.into_diagnostics().len())
    }

    #[test]
    fn settings_are_read_and_every_fault_is_told() {
        let (settings, faults) = read(GOOD);
        assert_eq!(faults, 0);
        let settings = settings.expect("settings");
        assert_eq!((settings.search_lag_ms, settings.timeout_ms), (120_000, 8_000));
        assert_eq!(settings.payment_links().map(|at| at.value.as_str()), Some("${PUBLIC_URL}"));
        let with = |more: &str| read(&format!("{GOOD}{more}\n")).1;
        assert_eq!(with("search_lag = \"10m\""), 0);
        for (wrong, faults) in [
            ("search_lag = \"59s\"", 1),
            ("search_lag = 1", 1),
            ("timeout_ms = 1", 1),
            ("x = 1", 1),
        ] {
            assert_eq!(with(wrong), faults, "{wrong}");
        }
        assert_eq!(read("").1, 3);
    }

    #[test]
    fn a_search_is_not_believed_before_its_lag_is_over() {
        let mut settings = read(GOOD).0.expect("settings");
        settings.search_lag_ms = 1;
        let patience = settings.patience();
        assert_eq!(patience.not_found_ms, 60_000);
        assert!(patience.doubt_ms > LIVES_MS + patience.not_found_ms);
    }
}
