//! What `kind = "http_receive"` can be told, and how it is read from a definition.

use std::sync::Arc;

use ipnet::IpNet;
use ring::hmac;

use super::HttpReceive;
use super::proof::{Form, Proof};
use crate::connector::channel::{ConnectorError, Extract, SETTING_MISSING, Source};
use crate::connector::definition::{Kind, Limits, Settings, Surroundings};
use crate::connector::format::layout::{Layout, NOT_CARDS};
use crate::connector::format::version::Version;
use crate::connector::receiving::{Hint, NameOf, Receiver};
use crate::connector::signature::SigningKey;
use crate::connector::verint::events as verint;
use crate::definition::reader::Spanned;
use crate::definition::secret::{Secret, SecretReference};
use crate::definition::shape::{Key, key, word};
use crate::definition::table::{Table, Variant};

pub const KIND: Kind = Kind {
    name: "http_receive",
    doc: "A system that calls us by HTTP: it pushes records, or sends signed notices of what happened there \
          (webhooks). What it brings is kept before it is answered.",
    read: |settings, limits| Some(Arc::new(HttpReceiveSettings::read(settings, limits)?)),
};

/// The settings of a system that calls us.
#[derive(Debug, Clone)]
pub struct HttpReceiveSettings {
    pub proof: ProofSettings,
    pub name: NameOf,
    pub hint: Option<Hint>,
    pub version: Option<Version>,
    pub layout: Layout,
    pub body_bytes_max: usize,
    pub records_max: usize,
}

/// What a caller has to show, before secrets are fetched.
#[derive(Debug, Clone)]
pub enum ProofSettings {
    Key,
    StandardWebhooks(Vec<Spanned<SecretReference>>),
    Hmac { header: String, prefix: String, form: Form, secrets: Vec<Spanned<SecretReference>> },
    Bearer(Vec<Spanned<SecretReference>>),
    Network(Vec<IpNet>),
}

const PROOF: Key = key("proof", "What a caller has to show for being who it says.").needed(
    "write `proof = \"key\"` for a key of ours, or what the system signs with: `\"standard_webhooks\"`, \
     `\"hmac\"`, `\"bearer\"`, `\"network\"`",
);
const SECRET: Key = key("secret", "Where the secret is kept that both know.")
    .needed("name where it is kept: `secret = \"secret:PAY_WEBHOOK\"`")
    .example("secret = \"secret:PAY_WEBHOOK\"");
const SECRET_OLD: Key = key(
    "secret_old",
    "While the secret is changed: the one before, which is believed too for as long as it stands here.",
)
.example("secret_old = \"secret:PAY_WEBHOOK_OLD\"");
const HEADER: Key = key("signature_header", "The header that has the signature.")
    .needed("name it: `signature_header = \"Pay-Signature\"`")
    .example("signature_header = \"Pay-Signature\"");
const FORM: Key = key("signature_as", "How the signature is written.");
const PREFIX: Key = key("signature_prefix", "What stands before the signature in its header.")
    .example("signature_prefix = \"sha256=\"");
const NETWORKS: Key = key(
    "networks",
    "From where it calls. Whoever is there is believed: choose this only for a system that can show nothing, \
     and whose word is asked about (`hint_for`) or harmless. Where something stands in front of `viaduct serve`, \
     every call is from there: then that has to let by only whom it should.",
)
.needed("name them: `networks = [\"10.1.2.0/24\"]`")
.example("networks = [\"10.1.2.0/24\"]");
const NAME_HEADER: Key = key(
    "name_header",
    "The header by which a call is known when it comes once more. With `proof = \"key\"` it is \
     `Idempotency-Key`, with `\"standard_webhooks\"` always `webhook-id`; else, where nothing is said, the same \
     content is the same call.",
)
.example("name_header = \"X-Event-Id\"");
const NAME_AT: Key = key(
    "name_at",
    "Where in a JSON body stands by what a call is known when it comes once more, in place of a header.",
)
.example("name_at = \"/webhook_message_id\"");
const EVENTS: Key = key(
    "events",
    "Whether what comes are events, and whose. Verint's need no `format`, `record` and `key`.",
);
const HINT_FOR: Key = key(
    "hint_for",
    "What comes is no record: it says that something happened to a delivery that this connector made. Nothing \
     of it is believed; the delivery is asked about there, at once.",
)
.example("hint_for = \"pay\"");
const HINT_BY: Key = key("hint_by", "What the records' `key` is, where they are hints.");
const BODY_MAX: Key = key("body_bytes_max", "A call with a longer body is refused.");
const RECORDS_MAX: Key = key("records_of_call_max", "A call with more records is refused.");

impl HttpReceiveSettings {
    /// Reads `[settings]`; faults are told to the file.
    pub fn read(settings: &Table<'_>, limits: &Limits) -> Option<HttpReceiveSettings> {
        let proof = settings.variant(
            PROOF,
            &[
                Variant {
                    word: "key",
                    doc: "A key of the API: `viaduct keys add NAME --scope source:CONNECTOR:write`.",
                    read: &|_: &Table<'_>| Some(ProofSettings::Key),
                },
                Variant {
                    word: "standard_webhooks",
                    doc: "A signature over id, time and body, as Standard Webhooks has it.",
                    read: &|table: &Table<'_>| Some(ProofSettings::StandardWebhooks(secrets(table)?)),
                },
                Variant {
                    word: "hmac",
                    doc: "HMAC-SHA-256 over the body, in a header.",
                    read: &hmac_of,
                },
                Variant {
                    word: "bearer",
                    doc: "`Authorization: Bearer` and a word that both know.",
                    read: &|table: &Table<'_>| Some(ProofSettings::Bearer(secrets(table)?)),
                },
                Variant { word: "network", doc: "Nothing but where it calls from.", read: &networks },
            ],
        );
        let events = settings.choice(
            EVENTS,
            &[
                word("cloudevents", "CloudEvents 1.0, JSON: known by source and id.", Events::Cloud),
                word(
                    "verint",
                    "What Verint CRM posts, one event a call: known by its content, and its record by its case. \
                     One that cannot be read is kept and held, and not refused.",
                    Events::Verint,
                ),
            ],
        );
        let events = events.map(|events| events.value);
        let name = name(settings, proof.as_ref(), events);
        let hint = hint(settings);
        let version = Version::read(settings);
        let body_bytes_max = settings.whole_or(BODY_MAX, 1_024..=67_108_864, 1_048_576);
        let records_max = settings.whole_or(RECORDS_MAX, 1..=100_000, 10_000);
        let layout = match events {
            Some(Events::Verint) => {
                let not_cards = settings.texts(NOT_CARDS).unwrap_or_default();
                Some(verint::layout(not_cards.into_iter().map(|name| name.value).collect()))
            }
            _ => Layout::read(settings, limits.record_bytes_max as usize),
        };
        // What unpacks to more than a body may have is no smaller for being packed.
        let layout = layout.map(|layout| Layout {
            unpacked_bytes_max: layout.unpacked_bytes_max.min(body_bytes_max.unsigned_abs()),
            ..layout
        });
        Some(HttpReceiveSettings {
            proof: proof?,
            name: name?,
            hint,
            version,
            layout: layout?,
            body_bytes_max: usize::try_from(body_bytes_max).ok()?,
            records_max: usize::try_from(records_max).ok()?,
        })
    }
}

fn secrets(table: &Table<'_>) -> Option<Vec<Spanned<SecretReference>>> {
    let (secret, old) = (table.secret(SECRET), table.secret(SECRET_OLD));
    if secret.is_none() && !table.has("secret") {
        table.missing("secret", "name where it is kept: `secret = \"secret:PAY_WEBHOOK\"`");
    }
    let secret = secret?;
    Some([Some(secret), old].into_iter().flatten().collect())
}

fn hmac_of(table: &Table<'_>) -> Option<ProofSettings> {
    let header = table.need_text(HEADER);
    let form = table.choice_or(
        FORM,
        word("hex", "Hexadecimal, in lower case.", Form::Hexadecimal),
        &[word("base64", "", Form::Base64)],
    );
    let prefix = table.text_or(PREFIX, "");
    let secrets = secrets(table);
    let header = header?.value.to_ascii_lowercase();
    Some(ProofSettings::Hmac { header, prefix, form, secrets: secrets? })
}

fn networks(table: &Table<'_>) -> Option<ProofSettings> {
    let written = table.texts(NETWORKS).unwrap_or_default();
    let mut networks = Vec::new();
    for network in &written {
        match network.value.parse::<IpNet>() {
            Ok(network) => networks.push(network),
            Err(_) => {
                let what = format!("`{}` is no network", network.value);
                let help = Some("write it like `10.1.2.0/24`".to_owned());
                table.error(network.at, what, "not understood", help);
                return None;
            }
        }
    }
    if networks.is_empty() {
        table.missing("networks", "name them: `networks = [\"10.1.2.0/24\"]`");
        return None;
    }
    Some(ProofSettings::Network(networks))
}

/// Whose events come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Events {
    Cloud,
    Verint,
}

fn name(
    settings: &Table<'_>,
    proof: Option<&ProofSettings>,
    events: Option<Events>,
) -> Option<NameOf> {
    let (header, at) = (settings.text(NAME_HEADER), settings.text(NAME_AT));
    match (header, at, events) {
        (None, None, None) => Some(match proof {
            Some(ProofSettings::Key) => NameOf::Header("idempotency-key".to_owned()),
            _ => NameOf::Content,
        }),
        (Some(header), None, None) => Some(NameOf::Header(header.value.to_ascii_lowercase())),
        (None, Some(at), None) => match at.value.strip_prefix('/') {
            Some(steps) => Some(NameOf::Body(steps.split('/').map(str::to_owned).collect())),
            None => {
                let what = format!("`{}` is no way into a JSON body", at.value);
                let help = Some("write it like `name_at = \"/webhook_message_id\"`".to_owned());
                settings.error(at.at, what, "not understood", help);
                None
            }
        },
        (None, None, Some(Events::Cloud)) => Some(NameOf::Event),
        (None, None, Some(Events::Verint)) => Some(NameOf::Content),
        _ => {
            let what = "a call is known by one thing";
            let help = Some("write `name_header`, or `name_at`, or `events`".to_owned());
            settings.error(settings.at(), what, "more than one", help);
            None
        }
    }
}

fn hint(settings: &Table<'_>) -> Option<Hint> {
    let destination = settings.text(HINT_FOR);
    let by_reference = settings.choice_or(
        HINT_BY,
        word("platform_id", "The platform's own name for the delivery.", false),
        &[word("reference", "Our reference.", true)],
    );
    Some(Hint { destination: destination?.value, by_reference })
}

impl Settings for HttpReceiveSettings {
    fn layout(&self) -> Option<&Layout> {
        Some(&self.layout)
    }

    fn extract(&self) -> Option<Extract> {
        Some(Extract::Delta)
    }

    fn source(&self, around: &Surroundings) -> Option<Result<Arc<dyn Source>, ConnectorError>> {
        let inbox = around.inbox.clone()?;
        let (layout, version) = (self.layout.clone(), self.version.clone());
        Some(Ok(Arc::new(HttpReceive { inbox, layout, version })))
    }

    fn receiver(&self, around: &Surroundings) -> Option<Result<Receiver, ConnectorError>> {
        Some(self.open(around))
    }

    fn hint(&self) -> Option<&Hint> {
        self.hint.as_ref()
    }
}

impl HttpReceiveSettings {
    fn open(&self, around: &Surroundings) -> Result<Receiver, ConnectorError> {
        let fetch =
            |references: &[Spanned<SecretReference>]| -> Result<Vec<Secret>, ConnectorError> {
                references.iter().map(|reference| around.secret(&reference.value)).collect()
            };
        let proof = match &self.proof {
            ProofSettings::Key => Proof::Key,
            ProofSettings::StandardWebhooks(secrets) => {
                let keys = fetch(secrets)?;
                let keys: Result<_, _> = keys.iter().map(SigningKey::parse).collect();
                Proof::StandardWebhooks(keys.map_err(|cause| ConnectorError::Unauthorised {
                    code: SETTING_MISSING,
                    cause: cause.to_owned(),
                })?)
            }
            ProofSettings::Hmac { header, prefix, form, secrets } => {
                let key =
                    |secret: &Secret| hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
                Proof::Hmac {
                    header: header.clone(),
                    prefix: prefix.clone(),
                    form: *form,
                    keys: fetch(secrets)?.iter().map(key).collect(),
                }
            }
            ProofSettings::Bearer(secrets) => Proof::Bearer(fetch(secrets)?),
            ProofSettings::Network(networks) => Proof::Network(networks.clone()),
        };
        Ok(Receiver {
            proof,
            layout: self.layout.clone(),
            name: self.name.clone(),
            hint: self.hint.clone(),
            body_bytes_max: self.body_bytes_max,
            records_max: self.records_max,
        })
    }
}
