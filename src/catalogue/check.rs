//! Holds the definitions against each other: names that must exist, systems that must be the same,
//! parts that nobody uses. What is wrong within one file was told when it was read.

use std::collections::{BTreeMap, BTreeSet};

use crate::connector::definition::{Brings, ConnectorDefinition, Settings};
use crate::connector::format::Total;
use crate::connector::http_push::body;
use crate::definition::diagnostic::{Diagnostic, Severity};
use crate::definition::reader::{File, Span, Spanned};
use crate::definition::suggest;
use crate::job::definition::{Action, JobDefinition};
use crate::mapping::check as mapping_check;
use crate::mapping::check_hold;
use crate::mapping::check_outbound;
use crate::mapping::code_list::CodeLists;
use crate::mapping::definition::{InboundMapping, OutboundMapping, PushMap};
use crate::mapping::outbound::Subject;
use crate::mapping::push;
use crate::mapping::source_schema::SourceSchema;
use crate::mapping::template::Templates;
use crate::resolution::definition::ResidentRules;
use crate::suppression::definition::SuppressionRules;

/// A definition with the file it came from, which takes further faults.
#[derive(Debug)]
pub struct Loaded<T> {
    pub name: String,
    pub file: File,
    /// None when the file could not be understood; its name still exists.
    pub definition: Option<T>,
}

type Connectors = [Loaded<ConnectorDefinition>];

pub fn inbound(
    mappings: &[Loaded<InboundMapping>],
    connectors: &Connectors,
    schemas: &BTreeMap<String, SourceSchema>,
    jobs: &[Loaded<JobDefinition>],
) {
    for Loaded { name, file, definition } in mappings {
        let Some(mapping) = definition else { continue };
        let source = connector_of(connectors, &mapping.source.value);
        // What is missing was told; an empty name stands for it.
        if source.is_none() && !mapping.source.value.is_empty() {
            unknown(file, &mapping.source, "connector", &names(connectors), "connectors");
        }
        let schema = source.and_then(|source| schemas.get(&source.name));
        mapping_check::inbound(file, mapping, schema);
        let used = jobs.iter().filter_map(|job| job.definition.as_ref()?.mapping.as_ref());
        let named = !mapping.source.value.is_empty();
        if named && !used.into_iter().any(|used| used.value == *name) {
            let help = format!("add a job with `mapping = \"{name}\"`");
            file.warn(mapping.source.at, "no job reads with this mapping", "", Some(help));
        }
    }
}

/// A prefix that the connector does not declare reads nothing, in silence.
pub fn prefixes(mappings: &[Loaded<InboundMapping>], connectors: &Connectors) {
    for Loaded { file, definition, .. } in mappings {
        let Some(mapping) = definition else { continue };
        let source = connector_of(connectors, &mapping.source.value);
        let Some(source) = source.and_then(|source| source.definition.as_ref()) else { continue };
        let Some(layout) = source.settings.layout() else { continue };
        mapping_check::prefixes(file, mapping, &|prefix| layout.format.namespace(prefix).is_some());
    }
}

pub fn outbound(
    mappings: &[Loaded<OutboundMapping>],
    connectors: &Connectors,
    jobs: &[Loaded<JobDefinition>],
) {
    for Loaded { file, definition, .. } in mappings {
        let Some(mapping) = definition else { continue };
        check_outbound::outbound(file, mapping);
        for source in &mapping.sources {
            if !connectors.iter().any(|known| known.name == source.value) {
                unknown(file, source, "connector", &names(connectors), "connectors");
            }
        }
        let says = if mapping.push.is_some() { Brings::Push } else { Brings::Message };
        let payment = mapping.payment.as_ref();
        let payment = payment.map(|payment| (&payment.destination, Brings::Payment));
        for (destination, brings) in payment.into_iter().chain([(&mapping.destination, says)]) {
            if !destination.value.is_empty() {
                told(file, destination, brings, connectors, jobs);
            }
        }
    }
}

/// That a system that is told is there, that it is told such things, and that a job tells it.
fn told(
    file: &File,
    destination: &Spanned<String>,
    brings: Brings,
    connectors: &Connectors,
    jobs: &[Loaded<JobDefinition>],
) {
    let name = &destination.value;
    let Some(known) = connectors.iter().find(|known| known.name == *name) else {
        unknown(file, destination, "connector", &names(connectors), "connectors");
        return;
    };
    if let Some(known) = &known.definition
        && !known.settings.takes(brings)
    {
        let what = format!("`{name}` takes no {}", brings.plural());
        let kinds = match brings {
            Brings::Payment => "name a connector of kind `govuk_pay`",
            Brings::Message => {
                "name one that sends messages; a system is told by `[push]`, and payments are asked \
                     for by `[payment]`"
            }
            Brings::Push => "name a connector of kind `http_push`",
        };
        file.error(destination.at, what, "another kind of system", Some(kinds.to_owned()));
        return;
    }
    let delivers =
        |job: &JobDefinition| job.action == Action::Deliver && job.connector.value == *name;
    if !jobs.iter().filter_map(|job| job.definition.as_ref()).any(delivers) {
        let what = format!("no job delivers to `{name}`");
        let help = format!("add a job with `action = \"deliver\"` and `connector = \"{name}\"`");
        file.warn(destination.at, what, "messages would wait for ever", Some(help));
    }
}

/// What comes as hints is about what another connector sends.
pub fn hints(connectors: &Connectors) {
    for Loaded { file, definition, .. } in connectors {
        let Some(hint) = definition.as_ref().and_then(|one| one.settings.hint()) else { continue };
        let told = connectors.iter().find(|one| one.name == hint.destination);
        let sends = |settings: &dyn Settings| {
            [Brings::Message, Brings::Payment, Brings::Push]
                .into_iter()
                .any(|what| settings.takes(what))
        };
        let is_told = told.and_then(|one| one.definition.as_ref());
        if told.is_none() || is_told.is_some_and(|one| !sends(&*one.settings)) {
            let what =
                format!("`hint_for` names `{}`, and nothing is sent to that", hint.destination);
            let help = Some("name the connector whose deliveries it tells of".to_owned());
            file.error(file.root().at_value("settings"), what, "not a system that is told", help);
        }
    }
}

/// A message names a template that its destination declares.
pub fn templates(mappings: &[Loaded<OutboundMapping>], connectors: &Connectors) {
    for Loaded { file, definition, .. } in mappings {
        let Some(mapping) = definition else { continue };
        let destination = connectors.iter().find(|one| one.name == mapping.destination.value);
        let Some(destination) = destination.and_then(|one| one.definition.as_ref()) else {
            continue;
        };
        let Some(known) = destination.settings.templates() else { continue };
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        for message in mapping.messages.iter().filter(|message| !message.template.is_empty()) {
            if !known.contains(&message.template.as_str()) {
                let what = format!("there is no template `{}`", message.template);
                let label = format!("`{}` declares none of that name", destination.name);
                let add = format!(
                    "add it under `[settings.templates]` in connectors/{}.toml, with the number that \
                     the platform gives it",
                    destination.name
                );
                let help = match suggest::nearest(&message.template, &known) {
                    Some(near) => format!("did you mean `{near}`? Or {add}"),
                    None => add,
                };
                file.error(message.template_at, what, label, Some(help));
            }
        }
    }
}

/// A template's body is what its form wants, whatever is known of a resident.
pub fn bodies(mappings: &[Loaded<OutboundMapping>]) {
    for Loaded { file, definition, .. } in mappings {
        let Some(mapping) = definition else { continue };
        let Some(PushMap::Template(template)) = &mapping.push else { continue };
        // What it asks for in vain was told.
        if file.has_errors() {
            continue;
        }
        let subject = match mapping.on.value.starts_with("account.") {
            true => Subject::Account,
            false => Subject::Resident,
        };
        for (filled, when) in [(true, "with every field filled"), (false, "with no field filled")] {
            let body = template.value.render(&push::trial(subject, filled));
            let fits = body.and_then(|body| body::fits(template.value.form, &body));
            if let Err(why) = fits {
                let what = format!("`{}` makes no body {when}: {why}", template.value.name);
                let help = "a value is written whole, as `{{ resident.name.family }}`: without quotes \
                            around it in JSON, and in an element or a quoted attribute in XML";
                file.error(template.at, what, "cannot be sent", Some(help.to_owned()));
                break;
            }
        }
    }
}

/// A template that no mapping names is more likely a slip than a spare.
pub fn unnamed(
    templates: &Templates,
    mappings: &[Loaded<OutboundMapping>],
    told: &mut Vec<Diagnostic>,
) {
    if mappings.iter().any(|mapping| mapping.file.has_errors()) {
        return;
    }
    let pushes = mappings.iter().filter_map(|mapping| mapping.definition.as_ref()?.push.as_ref());
    let used: Vec<&str> = pushes
        .filter_map(|push| match push {
            PushMap::Template(template) => Some(template.value.name.as_str()),
            PushMap::Fields(_) => None,
        })
        .collect();
    for name in templates.names().filter(|name| !used.contains(name)) {
        let file = format!("mappings/outbound/{name}");
        let what = "no mapping names this template";
        told.push(Diagnostic::of_file(Severity::Warning, file, what, None));
    }
}

pub fn jobs(
    jobs: &[Loaded<JobDefinition>],
    connectors: &Connectors,
    mappings: &[Loaded<InboundMapping>],
) {
    for Loaded { file, definition, .. } in jobs {
        let Some(job) = definition else { continue };
        if !connectors.iter().any(|known| known.name == job.connector.value) {
            unknown(file, &job.connector, "connector", &names(connectors), "connectors");
        }
        let (Action::Ingest, Some(wanted)) = (job.action, &job.mapping) else {
            continue;
        };
        let Some(mapping) = mappings.iter().find(|known| known.name == wanted.value) else {
            unknown(file, wanted, "inbound mapping", &names(mappings), "mappings/inbound");
            continue;
        };
        if let Some(mapping) = &mapping.definition
            && let Some(source) = connector_of(connectors, &mapping.source.value)
            && connectors.iter().any(|known| known.name == job.connector.value)
            && source.name != job.connector.value
        {
            let what = format!(
                "`{}` reads records of `{}`, and this job brings `{}`",
                wanted.value, mapping.source.value, job.connector.value
            );
            file.error(wanted.at, what, "another source", None);
        }
    }
}

pub fn residents(rules: Option<&Loaded<ResidentRules>>, connectors: &Connectors) {
    let Some(Loaded { file, definition: Some(rules), .. }) = rules else {
        return;
    };
    let systems = systems(connectors);
    let named = rules.fields.iter().flat_map(|rule| rule.prefer.iter().chain(&rule.verified));
    for source in named {
        if connector_of(connectors, &source.value).is_none() {
            unknown(file, source, "system", &systems, "connectors");
        }
    }
}

/// A purpose that no outbound mapping has is exempt from nothing.
pub fn suppression(rules: Option<&Loaded<SuppressionRules>>, mappings: &[Loaded<OutboundMapping>]) {
    let Some(Loaded { file, definition: Some(rules), .. }) = rules else {
        return;
    };
    let read = mappings.iter().filter_map(|mapping| mapping.definition.as_ref());
    let known: Vec<&str> = read.map(|mapping| mapping.purpose.as_str()).collect();
    for purpose in rules.purposes.iter().filter(|one| !known.contains(&one.value.as_str())) {
        let what = format!("no outbound mapping has the purpose `{}`", purpose.value);
        file.warn(purpose.at, what, "exempt from nothing", suggest::help(&purpose.value, &known));
    }
}

/// Holds that a feed brings are of kinds that the council knows, and name systems that there are.
pub fn holds(
    rules: Option<&Loaded<SuppressionRules>>,
    mappings: &mut [Loaded<InboundMapping>],
    connectors: &Connectors,
) {
    let usual = SuppressionRules::default();
    let rules = rules.and_then(|loaded| loaded.definition.as_ref()).unwrap_or(&usual);
    let kinds = rules.policy.kind_names();
    for Loaded { file, definition, .. } in mappings {
        let Some(hold) = definition.as_mut().and_then(|mapping| mapping.hold.as_mut()) else {
            continue;
        };
        check_hold::kinds(file, hold, &kinds);
        hold.kinds = kinds.iter().map(|kind| (*kind).to_owned()).collect();
        let sources = hold.fields.iter().filter(|field| field.target.value == "source");
        for field in sources {
            let Some(name) = field.value.clone() else { continue };
            if !connectors.iter().any(|known| known.name == name) {
                let wanted = Spanned { value: name, at: field.places.value };
                unknown(file, &wanted, "connector", &names(connectors), "connectors");
            }
        }
    }
}

/// Warns of types of line that a sample does not have: what they are described with was never tried.
pub fn unseen(file: &File, sample: &Spanned<String>, types: &[String]) {
    for mark in types {
        let what = format!("the sample `{}` has no line of type `{mark}`", sample.value);
        let help = "put such a line into it, so that its columns are tried and paths to it are \
                    checked";
        file.warn(sample.at, what, "how it is described was never tried", Some(help.to_owned()));
    }
}

/// Checks what a sample declares of itself: a night's file that says the same would be held whole. One
/// that declares nothing is a few rows without their trailer.
pub fn totals(file: &File, sample: &Spanned<String>, totals: &[Total]) {
    for Total { name, declared, counted } in totals {
        let Some(declared) = declared.filter(|declared| declared != counted) else { continue };
        let what = format!(
            "the sample `{}` declares {declared} {name}, and counted are {counted}",
            sample.value
        );
        let help = "mend what the sample declares; or if amounts are written otherwise, say so in \
                    that sum's `as` and `declared_as`";
        file.error(sample.at, what, "such a file is held whole", Some(help.to_owned()));
    }
}

/// Checks that a code means one of the words that its field may hold, in whichever mapping.
pub fn meanings(
    codes: &CodeLists,
    mappings: &[Loaded<InboundMapping>],
    told: &mut Vec<Diagnostic>,
) {
    let mut seen = BTreeSet::new();
    for mapping in mappings.iter().filter_map(|mapping| mapping.definition.as_ref()) {
        for (field, target) in mapping.known_fields() {
            let words = target.words;
            let Some(list) = field.codes.as_ref().filter(|_| !words.is_empty()) else { continue };
            for row in list.rows.iter().filter(|row| !words.contains(&row.value.as_str())) {
                if !seen.insert((&list.name, row.line, target.name)) {
                    continue;
                }
                let what = format!("`{}` is not a word of `{}`", row.value, target.name);
                let help = suggest::nearest(&row.value, words).map_or_else(
                    || format!("it may be {}", words.join(", ")),
                    |near| format!("did you mean `{near}`?"),
                );
                told.extend(codes.fault(list, row, what, &help));
            }
        }
    }
}

/// A list that no mapping names is more likely a slip than a spare.
pub fn code_lists(
    codes: &CodeLists,
    mappings: &[Loaded<InboundMapping>],
    told: &mut Vec<Diagnostic>,
) {
    // A mapping with faults may be the one that should name it.
    if mappings.iter().any(|mapping| mapping.file.has_errors()) {
        return;
    }
    let read = mappings.iter().filter_map(|mapping| mapping.definition.as_ref());
    let named = read.flat_map(InboundMapping::code_lists);
    let used: Vec<&str> = named.map(|list| list.name.as_str()).collect();
    for path in codes.paths().filter(|path| !used.contains(path)) {
        let file = format!("mappings/{path}");
        let what = "no mapping names this code list";
        told.push(Diagnostic::of_file(Severity::Warning, file, what, None));
    }
}

/// By the name of its file, or else by the system it reads.
fn connector_of<'c>(
    connectors: &'c Connectors,
    wanted: &str,
) -> Option<&'c Loaded<ConnectorDefinition>> {
    let system = |loaded: &&Loaded<ConnectorDefinition>| {
        loaded.definition.as_ref().is_some_and(|known| known.system.value == wanted)
    };
    let by_name = connectors.iter().find(|loaded| loaded.name == wanted);
    by_name.or_else(|| connectors.iter().find(system))
}

fn names<T>(loaded: &[Loaded<T>]) -> Vec<&str> {
    loaded.iter().map(|one| one.name.as_str()).collect()
}

fn systems(connectors: &Connectors) -> Vec<&str> {
    let known = connectors.iter().filter_map(|loaded| loaded.definition.as_ref());
    known.map(|connector| connector.system.value.as_str()).collect()
}

fn unknown(file: &File, wanted: &Spanned<String>, noun: &str, known: &[&str], folder: &str) {
    let help = suggest::help(&wanted.value, known)
        .unwrap_or_else(|| format!("create `{folder}/{}.toml`", wanted.value));
    let what = format!("there is no {noun} `{}`", wanted.value);
    let at: Span = wanted.at;
    file.error(at, what, format!("nothing of that name in `{folder}/`"), Some(help));
}
