//! What `kind = "civica_pay"` can be told, and how it is read from a definition.

use std::sync::Arc;

use super::CivicaPay;
use super::client::Client;
use crate::connector::address::Place;
use crate::connector::calling::{self, Tls};
use crate::connector::channel::{ConnectorError, Destination};
use crate::connector::definition::{Brings, Kind, Patience, Settings, Surroundings};
use crate::definition::reader::Spanned;
use crate::definition::secret::SecretReference;
use crate::definition::shape::{Key, key};
use crate::definition::table::Table;

pub const KIND: Kind = Kind {
    name: "civica_pay",
    doc: "Civica Pay: card payments, each a basket that is made when its payer opens the link that a message \
          brought. What was paid is asked for, again and again; nothing that a browser brings back is believed.",
    read: |settings, _| Some(Arc::new(CivicaPaySettings::read(settings)?)),
};

const MINUTE_MS: i64 = 60_000;
const YEAR_MS: i64 = 365 * 24 * 60 * MINUTE_MS;

/// The settings of an account on the platform.
#[derive(Debug, Clone)]
pub struct CivicaPaySettings {
    pub base_url: Spanned<String>,
    pub query_url: Spanned<String>,
    pub allow: Vec<Spanned<String>>,
    pub tls: Tls,
    pub customer: Spanned<String>,
    pub password: Spanned<SecretReference>,
    pub calling_app: String,
    pub catalogue: String,
    pub cost_code: Option<String>,
    pub site: String,
    pub links: Spanned<String>,
    pub notify_url: Option<Spanned<String>>,
    pub lives_ms: i64,
    pub timeout_ms: u64,
    pub calls_per_second: u32,
}

const BASE_URL: Key = key(
    "base_url",
    "Where the platform is; a council's own folder is part of it, where it has one. `${NAME}` is taken from the \
     environment.",
)
.example("base_url = \"${CIVICA_PAY_URL}\"");
const QUERY_URL: Key = key(
    "query_url",
    "Where it is asked what was paid: the service `QueryAuthRequests`, which speaks SOAP.",
)
.example("query_url = \"${CIVICA_PAY_QUERY_URL}\"");
const CUSTOMER: Key = key("customer_id", "The council's own number on the platform.")
    .example("customer_id = \"${CIVICA_PAY_CUSTOMER}\"");
const PASSWORD: Key = key("api_password", "Where the password is kept that goes with it.")
    .needed("write `api_password = \"secret:CIVICA_PAY_PASSWORD\"`");
const CALLING_APP: Key = key("calling_app", "By what name this hub is known there.");
const CATALOGUE: Key = key("catalogue_id", "The item of the catalogue that is paid for.")
    .needed("write `catalogue_id = \"00000099\"`")
    .example("catalogue_id = \"00000099\"");
const COST_CODE: Key = key(
    "cost_code",
    "The fund's cost code, where it has one: it then stands in the account's place, and the payment's reference \
     in `ServicePayReference`.",
)
.example("cost_code = \"CT01\"");
const SITE: Key = key("site_name", "What the way back is called on the platform's page.");
const LINKS: Key = key(
    "links",
    "The address under which residents reach this hub (`viaduct serve --listen` is behind it): links in messages \
     begin with it.",
)
.needed("write `links = \"${PUBLIC_URL}\"`")
.example("links = \"${PUBLIC_URL}\"");
const NOTIFY: Key = key(
    "notify_url",
    "The address that the platform is told to call when something happened to a basket: that of a door of this hub, \
     as the platform reaches it (a connector of kind `http_receive` with `hint_for`). What comes there is a hint and \
     is not believed. Where nothing is said, it is asked at its turns alone.",
)
.example("notify_url = \"${PUBLIC_URL}/in/civica_pay_events\"");
const LIVES: Key = key(
    "basket_lives",
    "After so long a basket that nobody paid is given up, and the next to open the link is given another. One that \
     is paid later all the same is found before that.",
);
const TIMEOUT: Key = key(
    "timeout_ms",
    "For how long, in milliseconds, an answer is waited for. Its payer waits too.",
);
const PER_SECOND: Key = key("calls_per_second", "How often it is called in a second at most.");

impl CivicaPaySettings {
    /// Reads `[settings]`; faults are told to the file.
    pub fn read(settings: &Table<'_>) -> Option<CivicaPaySettings> {
        let (base_url, query_url) = (settings.need_text(BASE_URL), settings.need_text(QUERY_URL));
        let allow = settings.texts(calling::ALLOW).unwrap_or_default();
        let tls = calling::tls(settings);
        let (customer, password) = (settings.need_text(CUSTOMER), settings.secret(PASSWORD));
        let calling_app = settings.text_or(CALLING_APP, "Viaduct");
        let catalogue = settings.need_text(CATALOGUE);
        let cost_code = settings.text(COST_CODE).map(|code| code.value);
        let site = settings.text_or(SITE, "Your council");
        let links = settings.need_text(LINKS);
        let notify_url = settings.text(NOTIFY);
        let lives_ms = settings.duration_or(LIVES, "2h");
        let timeout_ms = settings.whole_or(TIMEOUT, 100..=60_000, 8_000);
        let per_second = settings.whole_or(PER_SECOND, 1..=1_000, 10);
        if lives_ms < MINUTE_MS && settings.has("basket_lives") {
            let what = "`basket_lives` is less than a minute";
            let help = Some("write `basket_lives = \"2h\"`: its payer is still typing".to_owned());
            settings.error(settings.at_value("basket_lives"), what, "too short", help);
        }
        for url in [&base_url, &query_url].into_iter().flatten() {
            calling::judge(settings, url, &allow, Place::of);
        }
        Some(CivicaPaySettings {
            base_url: base_url?,
            query_url: query_url?,
            allow,
            tls,
            customer: customer?,
            password: password?,
            calling_app,
            catalogue: catalogue?.value,
            cost_code,
            site,
            links: links?,
            notify_url,
            lives_ms: lives_ms.max(MINUTE_MS),
            timeout_ms: u64::try_from(timeout_ms).ok()?,
            calls_per_second: u32::try_from(per_second).ok()?,
        })
    }
}

impl Settings for CivicaPaySettings {
    fn takes(&self, what: Brings) -> bool {
        what == Brings::Payment
    }

    fn payment_links(&self) -> Option<&Spanned<String>> {
        Some(&self.links)
    }

    fn patience(&self) -> Patience {
        Patience {
            // A basket whose answer was lost is nobody's: "nothing was paid" is believed at once.
            not_found_ms: 0,
            forgets_ms: 6 * YEAR_MS,
            doubt_ms: 0,
            poll_ms: 5_000,
            poll_longest_ms: 10 * MINUTE_MS,
            // A payer takes the time that a payer takes.
            run_ms: 0,
        }
    }

    fn destination(
        &self,
        around: &Surroundings,
    ) -> Option<Result<Arc<dyn Destination>, ConnectorError>> {
        let opened = Client::open(self, around);
        let open = |client| Arc::new(CivicaPay::new(client, self.lives_ms)) as Arc<dyn Destination>;
        Some(opened.map(open))
    }
}
