//! The only list of connectors in the house.

use std::path::Path;
use std::sync::Arc;

use super::channel::{ConnectorError, Destination, Source};
use super::definition::Kinds;
use super::file_drop::FileDrop;
use super::file_drop::settings::FileDropSettings;
use super::format::Format;
use super::govuk_notify::settings::GovukNotifySettings;
use super::govuk_notify::{Clock, GovukNotify};
use crate::definition::secret::{self, Secret, SecretReference};
use crate::definition::table::Table;

/// The kinds there are.
#[derive(Debug, Clone, Copy, Default)]
pub struct KnownKinds;

/// What a kind made of its settings.
#[derive(Debug, Clone)]
pub enum KindSettings {
    FileDrop(Box<FileDropSettings>),
    GovukNotify(Box<GovukNotifySettings>),
}

/// Finds what `${NAME}` or `secret:NAME` stands for.
pub type Variable = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Where settings are found that a definition only names.
#[derive(Clone)]
pub struct Surroundings {
    pub variable: Variable,
    pub clock: Clock,
}

impl Kinds for KnownKinds {
    type Settings = KindSettings;

    fn names(&self) -> Vec<&'static str> {
        vec!["file_drop", "govuk_notify"]
    }

    fn read(
        &self,
        kind: &str,
        settings: Table<'_>,
        limits: Option<&Table<'_>>,
    ) -> Option<KindSettings> {
        match kind {
            "file_drop" => FileDropSettings::read(settings, limits)
                .map(|settings| KindSettings::FileDrop(Box::new(settings))),
            "govuk_notify" => GovukNotifySettings::read(settings)
                .map(|settings| KindSettings::GovukNotify(Box::new(settings))),
            _ => None,
        }
    }

    fn format(&self, settings: &KindSettings) -> Option<Box<dyn Format>> {
        match settings {
            KindSettings::FileDrop(settings) => Some(settings.format.open()),
            KindSettings::GovukNotify(_) => None,
        }
    }

    fn templates(&self, settings: &KindSettings) -> Option<Vec<String>> {
        match settings {
            KindSettings::GovukNotify(settings) => {
                Some(settings.templates.keys().cloned().collect())
            }
            KindSettings::FileDrop(_) => None,
        }
    }
}

impl KindSettings {
    /// Opens a system that is asked; `None` where this kind is not one.
    pub fn source(&self, around: &Surroundings) -> Option<Result<Arc<dyn Source>, ConnectorError>> {
        match self {
            KindSettings::FileDrop(settings) => Some(
                expand(&settings.directory.value, around)
                    .and_then(|directory| FileDrop::open(settings, Path::new(&directory)))
                    .map(|source| Arc::new(source) as Arc<dyn Source>),
            ),
            KindSettings::GovukNotify(_) => None,
        }
    }

    /// Whether this system may be sent values that no real resident has.
    pub fn allows_test_ranges(&self) -> bool {
        match self {
            KindSettings::GovukNotify(settings) => settings.allows_test_ranges,
            KindSettings::FileDrop(_) => false,
        }
    }

    /// Opens a system that is told; `None` where this kind is not one.
    pub fn destination(
        &self,
        around: &Surroundings,
    ) -> Option<Result<Arc<dyn Destination>, ConnectorError>> {
        let KindSettings::GovukNotify(settings) = self else { return None };
        let opened = expand(&settings.base_url.value, around).and_then(|url| {
            let key = secret(&settings.api_key.value, around)?;
            GovukNotify::open((**settings).clone(), &url, &key, Arc::clone(&around.clock))
        });
        Some(opened.map(|destination| Arc::new(destination) as Arc<dyn Destination>))
    }
}

fn expand(text: &str, around: &Surroundings) -> Result<String, ConnectorError> {
    secret::expand(text, &|name| (around.variable)(name))
        .map_err(|missing| unset(&missing.to_string()))
}

fn secret(reference: &SecretReference, around: &Surroundings) -> Result<Secret, ConnectorError> {
    let name = reference.name();
    let held = (around.variable)(name);
    held.map(Secret::new).ok_or_else(|| unset(&format!("the secret {name} is not set")))
}

fn unset(cause: &str) -> ConnectorError {
    ConnectorError::Unauthorised { code: "settings.missing", cause: cause.to_owned() }
}
