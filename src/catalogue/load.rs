//! Loads a directory of definitions, whole: every file is read, whatever is wrong with another.
//! What the kinds of connectors know is handed in. It opens nothing but definitions and starts
//! nothing.

use std::collections::BTreeMap;
use std::path::Path;

use crate::catalogue::check::{self, Loaded};
use crate::catalogue::sample::{self, Learnt, Unusable};
use crate::catalogue::stray;
use crate::connector::definition::{self as connector, ConnectorDefinition, Kind};
use crate::connector::open_id::settings::{self as sign_in, SignInRules};
use crate::definition::diagnostic::{self, Diagnostic, Severity};
use crate::definition::reader::{self, File};
use crate::job::definition::{self as job, JobDefinition};
use crate::mapping::code_list::CodeLists;
use crate::mapping::definition::{InboundMapping, OutboundMapping};
use crate::mapping::source_schema::SourceSchema;
use crate::mapping::template::Templates;
use crate::mapping::{read, read_outbound};
use crate::resolution::definition::{self as resident, ResidentRules};
use crate::resolution::weigh::Weights;
use crate::suppression::definition::{self as suppression, SuppressionRules};

const NAME_BYTES_MAX: usize = 60;

/// Every definition of a council, by name, and everything that is wrong with them.
#[derive(Debug)]
pub struct Catalogue {
    pub connectors: BTreeMap<String, ConnectorDefinition>,
    pub inbound: BTreeMap<String, InboundMapping>,
    pub outbound: BTreeMap<String, OutboundMapping>,
    pub resident: ResidentRules,
    pub suppression: SuppressionRules,
    pub sign_in: SignInRules,
    pub jobs: BTreeMap<String, JobDefinition>,
    /// In the order of files and lines.
    pub diagnostics: Vec<Diagnostic>,
    /// How many files were read.
    pub files: usize,
}

impl Catalogue {
    /// With an error anywhere nothing is started: half a set of definitions means something nobody
    /// wrote.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }

    /// What `viaduct check --json` prints.
    pub fn json(&self) -> serde_json::Value {
        diagnostic::json_all(&self.diagnostics, self.files)
    }

    /// What `viaduct check` prints.
    pub fn report(&self) -> String {
        diagnostic::render_all(&self.diagnostics, self.files)
    }
}

/// Loads and checks everything below `root`.
pub fn load(root: &Path, kinds: &[Kind]) -> Catalogue {
    let mut loading = Loading { root, told: Vec::new(), files: 0 };
    let codes = loading.code_lists();
    let connectors: Vec<Loaded<ConnectorDefinition>> =
        loading.each("connectors", |file, name| connector::read(file, name, kinds));
    let schemas = loading.samples(&connectors);
    let mut inbound: Vec<Loaded<InboundMapping>> =
        loading.each("mappings/inbound", |file, name| read::inbound(file, name, &codes));
    let templates = loading.templates();
    let outbound: Vec<Loaded<OutboundMapping>> = loading
        .each("mappings/outbound", |file, name| read_outbound::outbound(file, name, &templates));
    let jobs: Vec<Loaded<JobDefinition>> = loading.each("jobs", job::read);
    let mut residents = loading.residents(!inbound.is_empty());
    loading.weights(residents.as_mut());
    let suppression = loading.one("mappings/suppression.toml", "suppression", suppression::read);
    let sign_in = loading.one("sign_in.toml", "sign_in", sign_in::read);

    check::inbound(&inbound, &connectors, &schemas, &jobs);
    check::prefixes(&inbound, &connectors);
    check::outbound(&outbound, &connectors, &jobs);
    check::templates(&outbound, &connectors);
    check::hints(&connectors);
    check::bodies(&outbound);
    check::unnamed(&templates, &outbound, &mut loading.told);
    check::jobs(&jobs, &connectors, &inbound);
    check::residents(residents.as_ref(), &connectors);
    check::suppression(suppression.as_ref(), &outbound);
    check::holds(suppression.as_ref(), &mut inbound, &connectors);
    check::meanings(&codes, &inbound, &mut loading.told);
    check::code_lists(&codes, &inbound, &mut loading.told);
    stray::tell(root, &connectors, &mut loading.told);

    let mut told = loading.told;
    let connectors = keep(connectors, &mut told);
    let inbound = keep(inbound, &mut told);
    let outbound = keep(outbound, &mut told);
    let jobs = keep(jobs, &mut told);
    let resident = residents.map(|loaded| only(loaded, &mut told)).unwrap_or_default();
    let suppression = suppression.map(|loaded| only(loaded, &mut told)).unwrap_or_default();
    let sign_in = sign_in.map(|loaded| only(loaded, &mut told)).unwrap_or_default();
    let diagnostics = diagnostic::sorted(&told).into_iter().cloned().collect();
    let files = loading.files;
    Catalogue {
        connectors,
        inbound,
        outbound,
        resident,
        suppression,
        sign_in,
        jobs,
        diagnostics,
        files,
    }
}

struct Loading<'l> {
    root: &'l Path,
    told: Vec<Diagnostic>,
    files: usize,
}

impl Loading<'_> {
    /// Every definition of a folder; cases for tests (`*.test.toml`) are not definitions.
    fn each<T>(&mut self, folder: &str, read: impl Fn(&File, &str) -> Option<T>) -> Vec<Loaded<T>> {
        let paths = reader::list_files(self.root, folder, "toml");
        let mut loaded = Vec::new();
        for path in paths.iter().filter(|path| !path.ends_with(".test.toml")) {
            self.files += 1;
            let file = match File::load(self.root, path) {
                Ok(file) => file,
                Err(refused) => {
                    self.told.push(refused);
                    continue;
                }
            };
            let name = stem(path);
            if !is_name(name) {
                let help = "small letters, digits, `-` and `_`, such as `ctax_account.toml`";
                let what = format!("`{name}` is not a name for a definition");
                file.error_of_file(what, Some(help.to_owned()));
            }
            let definition = read(&file, name);
            loaded.push(Loaded { name: name.to_owned(), file, definition });
        }
        loaded
    }

    fn code_lists(&mut self) -> CodeLists {
        let mut lists = CodeLists::default();
        for file in reader::list_files(self.root, "mappings/codes", "csv") {
            self.files += 1;
            match reader::load_text(self.root, &file) {
                Ok(text) => {
                    let path = file.strip_prefix("mappings/").unwrap_or(&file);
                    self.told.extend(lists.add(path, &file, &text));
                }
                Err(refused) => self.told.push(refused),
            }
        }
        lists
    }

    /// Templates of bodies, beside the outbound mappings that name them.
    fn templates(&mut self) -> Templates {
        let mut templates = Templates::default();
        for file in reader::list_files(self.root, "mappings/outbound", "j2") {
            self.files += 1;
            match reader::load_text(self.root, &file) {
                Ok(text) => templates.add(file.rsplit('/').next().unwrap_or(&file), &text),
                Err(refused) => self.told.push(refused),
            }
        }
        templates
    }

    /// The shapes of records by connector, learnt from the samples beside the definitions.
    fn samples(
        &mut self,
        connectors: &[Loaded<ConnectorDefinition>],
    ) -> BTreeMap<String, SourceSchema> {
        let mut schemas = BTreeMap::new();
        for loaded in connectors {
            let Some(connector) = &loaded.definition else {
                continue;
            };
            let Some(beside) = &connector.sample else {
                continue;
            };
            let path = format!("connectors/{}", beside.value);
            let Some(layout) = connector.settings.layout() else {
                continue;
            };
            let found = reader::load_bytes(self.root, &path)
                .map_err(|refused| Unusable::records(refused.what))
                .and_then(|bytes| sample::learn(layout, &beside.value, &bytes));
            match found {
                Ok(Learnt { schema, totals, unseen }) => {
                    schemas.insert(loaded.name.clone(), schema);
                    check::totals(&loaded.file, beside, &totals);
                    check::unseen(&loaded.file, beside, &unseen);
                }
                // A layout at fault cuts amiss: its own fault is what is to be mended.
                Err(_) if loaded.file.has_errors() => {}
                Err(Unusable { what, help }) => {
                    let help = help.map_or_else(
                        || format!("put invented records into `{path}`, or take `sample` out"),
                        str::to_owned,
                    );
                    let what = format!("the sample `{path}` cannot be used: {what}");
                    loaded.file.error(beside.at, what, "paths are not checked", Some(help));
                }
            }
        }
        schemas
    }

    fn residents(&mut self, needed: bool) -> Option<Loaded<ResidentRules>> {
        const PATH: &str = "mappings/resident.toml";
        if needed && !reader::exists(self.root, PATH) {
            let what = "there is no such file: no two parties ever become one resident";
            let help =
                "write it with `[match]`: the weights that come with the program do the rest"
                    .to_owned();
            self.told.push(Diagnostic::of_file(Severity::Warning, PATH, what, Some(help)));
        }
        self.one(PATH, "resident", resident::read)
    }

    /// The council's own weights, where it has some: they take the place of those that come with the program.
    fn weights(&mut self, residents: Option<&mut Loaded<ResidentRules>>) {
        const PATH: &str = "mappings/weights.toml";
        if !reader::exists(self.root, PATH) {
            return;
        }
        self.files += 1;
        let wrong = |what: String| {
            let help = "`viaduct match train` writes such a file; without it the weights that come with the \
                        program count";
            Diagnostic::of_file(Severity::Error, PATH, what, Some(help.to_owned()))
        };
        let read =
            reader::load_text(self.root, PATH).and_then(|text| Weights::read(&text).map_err(wrong));
        match (read, residents.and_then(|loaded| loaded.definition.as_mut())) {
            (Ok(weights), Some(rules)) if weights.review <= weights.link => rules.weigh_by(weights),
            (Ok(_), Some(_)) => self.told.push(wrong("`review` is above `link`".to_owned())),
            (Ok(_), None) => {}
            (Err(refused), _) => self.told.push(refused),
        }
    }

    /// A definition of which there is one, where it is written.
    fn one<T>(&mut self, path: &str, name: &str, read: fn(&File) -> T) -> Option<Loaded<T>> {
        if !reader::exists(self.root, path) {
            return None;
        }
        self.files += 1;
        match File::load(self.root, path) {
            Ok(file) => {
                let definition = Some(read(&file));
                Some(Loaded { name: name.to_owned(), file, definition })
            }
            Err(refused) => {
                self.told.push(refused);
                None
            }
        }
    }
}

fn only<T: Default>(loaded: Loaded<T>, told: &mut Vec<Diagnostic>) -> T {
    told.extend(loaded.file.into_diagnostics());
    loaded.definition.unwrap_or_default()
}

fn keep<T>(loaded: Vec<Loaded<T>>, told: &mut Vec<Diagnostic>) -> BTreeMap<String, T> {
    let mut kept = BTreeMap::new();
    for one in loaded {
        told.extend(one.file.into_diagnostics());
        if let Some(definition) = one.definition {
            kept.insert(one.name, definition);
        }
    }
    kept
}

/// The file's name without folders and ending.
fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.strip_suffix(".toml").unwrap_or(name)
}

/// Names stand in tables, in logs and on the command line.
fn is_name(stem: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
    !stem.is_empty() && stem.len() <= NAME_BYTES_MAX && stem.chars().all(plain)
}
