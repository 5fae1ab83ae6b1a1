//! What is in `docs/` and made from code is what the code says, and the schemas that editors read say of
//! a definition what `check` says.

use std::path::{Path, PathBuf};

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::Value;
use viaduct::catalogue::reference;
use viaduct::connector::kinds::KINDS;

#[test]
fn what_the_docs_have_from_the_code_is_fresh() {
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/docs");
    for (path, made) in reference::files(KINDS) {
        let kept = std::fs::read_to_string(format!("{docs}/{path}")).unwrap_or_default();
        assert!(kept == made, "docs/{path} is stale: run `cargo run -- schema --write docs`");
    }
}

/// The schemas, ready to be asked.
struct Editor {
    schemas: Schemas,
    by_name: Vec<(String, SchemaIndex)>,
}

impl Editor {
    fn open() -> Editor {
        let (mut schemas, mut compiler, mut by_name) =
            (Schemas::new(), Compiler::new(), Vec::new());
        for (name, schema) in reference::schemas(KINDS) {
            let place = format!("mem:///{name}.json");
            compiler.add_resource(&place, schema).expect("a schema");
            let index = compiler.compile(&place, &mut schemas).expect("a sound schema");
            by_name.push((name, index));
        }
        Editor { schemas, by_name }
    }

    /// What it says of a file; nothing where it has no fault.
    fn says(&self, name: &str, toml: &str) -> Option<String> {
        let (_, index) = self.by_name.iter().find(|(known, _)| known == name).expect(name);
        let value: Value = toml::from_str(toml).expect(toml);
        self.schemas.validate(&value, *index).err().map(|fault| format!("{fault:#}"))
    }
}

/// Which schema a definition has, by its place.
fn schema_of(path: &Path) -> Option<&'static str> {
    let path = path.to_str()?;
    let below = |folder: &str| path.contains(&format!("/{folder}/"));
    Some(match () {
        () if path.ends_with(".test.toml") => "cases",
        () if below("mappings/inbound") => "inbound",
        () if below("mappings/outbound") => "outbound",
        () if path.ends_with("mappings/resident.toml") => "resident_rules",
        () if path.ends_with("/sign_in.toml") => "sign_in",
        () if below("connectors") => "connector",
        () if below("jobs") => "job",
        () => return None,
    })
}

/// Every sound definition of this repository.
fn definitions() -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|end| end == "toml") {
                found.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for folder in ["connectors", "mappings", "jobs", "benches", "src", "tests/definitions"] {
        walk(&root.join(folder), &mut found);
    }
    let bad = root.join("tests/definitions/bad");
    found.retain(|path| !path.starts_with(&bad) && schema_of(path).is_some());
    found
}

#[test]
fn every_definition_is_what_its_schema_says() {
    let editor = Editor::open();
    let found = definitions();
    assert!(found.len() > 30, "{found:?}");
    for path in found {
        let text = std::fs::read_to_string(&path).expect("a definition");
        let fault = editor.says(schema_of(&path).expect("a definition"), &text);
        assert_eq!(fault, None, "{}", path.display());
    }
}

#[test]
fn the_definitions_of_this_repository_name_their_schemas() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for path in definitions() {
        let own = ["connectors", "mappings", "jobs"].iter();
        if !own.clone().any(|folder| path.starts_with(root.join(folder))) {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a definition");
        let named = text.lines().next().and_then(|line| line.strip_prefix("#:schema "));
        let named = named.unwrap_or_else(|| panic!("{} names none", path.display()));
        let schema = path.parent().expect("a folder").join(named);
        let wanted = format!("docs/schema/{}.json", schema_of(&path).expect("a definition"));
        let schema = schema.canonicalize().expect("the schema is there");
        assert!(schema.ends_with(&wanted), "{}: {}", path.display(), schema.display());
    }
}

#[test]
fn what_no_reader_knows_no_schema_allows() {
    let editor = Editor::open();
    let party = "source = \"s\"\n[[party]]\nrole = \"liable\"\n";
    let outbound = "destination = \"n\"\non = \"account.created\"\npurpose = \"p\"\n";
    let case = "[[case]]\nname = \"x\"\nin = \"y\"\n";
    let good = [
        ("inbound", format!("{party}[party.fields.name]\nfamily = {{ from = [\"a\", \"b\"] }}\n")),
        (
            "inbound",
            format!(
                "{party}[party.fields]\n\"birth_date\" = {{ from = \"a\", as = {{ date = \"%Y\" }} }}\n"
            ),
        ),
        ("inbound", format!("{party}[[filter]]\nwhen = 'true'\nbecause = \"x\"\n")),
        (
            "outbound",
            format!(
                "{outbound}[message]\ntemplate = \"x\"\nfields = {{ a = {{ expr = \"b\" }} }}\n"
            ),
        ),
        (
            "cases",
            format!("{case}party.1 = {{ name.family = \"X\", nino = \"Y\", role = \"liable\" }}\n"),
        ),
    ];
    for (name, text) in good {
        assert_eq!(editor.says(name, &text), None, "{text}");
    }
    let bad = [
        ("inbound", format!("{party}zzz = 1\n")),
        ("inbound", "source = 1\n".to_owned()),
        ("inbound", "[account]\nkind = \"x\"\n".to_owned()),
        ("inbound", format!("language = 2\n{party}")),
        ("inbound", format!("{party}[party.fields]\nnane = \"A\"\n")),
        ("inbound", format!("{party}[party.fields.name]\nfamly = \"A\"\n")),
        ("inbound", format!("{party}[party.fields]\nnino = {{ from = \"A\", requird = true }}\n")),
        (
            "inbound",
            format!("{party}[party.fields]\nnino = {{ from = \"A\", required = \"yes\" }}\n"),
        ),
        ("inbound", format!("{party}[party.fields]\nnino = {{ from = \"A\", as = \"nina\" }}\n")),
        (
            "inbound",
            format!("{party}[party.fields]\nnino = {{ from = \"A\", as = {{ pence = \"x\" }} }}\n"),
        ),
        (
            "inbound",
            format!("{party}[party.fields]\nnino = {{ from = \"A\", via = [\"trimm\"] }}\n"),
        ),
        (
            "inbound",
            format!("{party}[party.fields]\nnino = {{ from = \"A\", on_error = \"drop\" }}\n"),
        ),
        ("inbound", "source = \"s\"\n[[party]]\nrole = \"libale\"\n".to_owned()),
        ("outbound", format!("{outbound}[message]\ntemplate = \"x\"\nchannel = \"fax\"\n")),
        ("outbound", format!("{outbound}consent = \"yes\"\n[message]\ntemplate = \"x\"\n")),
        ("outbound", format!("{outbound}[message]\ntemplate = \"x\"\nfields = {{ a = 1 }}\n")),
        ("cases", format!("{case}holds = \"x\"\n")),
        ("cases", format!("{case}account = {{ balanse = 1 }}\n")),
        ("cases", "[[case]]\nname = \"x\"\n".to_owned()),
        ("job", "action = \"ingest\"\nconnector = 1\n".to_owned()),
        (
            "connector",
            "kind = \"file_drop\"\nsystem = \"x\"\n[settings]\ndirectroy = \"x\"\n".to_owned(),
        ),
        ("resident_rules", "[match]\nexakt = []\n".to_owned()),
    ];
    for (name, text) in bad {
        assert!(editor.says(name, &text).is_some(), "{text}");
    }
}

/// What code calls something that waits for a person: `xml.malformed`, and the short codes that
/// values and mappings give.
#[test]
fn every_code_in_the_sources_has_words() {
    let dotted = "\"((?:archive|batch|card|csv|delivery|event|expression|extract|file|fixed|job|json|login|notify|null|\
                  pay|poll|push|record|settings|soap|store|suppressed|url|verint|xml)\\.[a-z_.]+)\"";
    let dotted = regex::Regex::new(&dotted.replace(' ', "")).unwrap();
    let short = "ValueError::new\\(\"([a-z_]+)\"\\)|Err\\(\"([a-z_]+)\"\\)|ok_or\\(\"([a-z_]+)\"\\)|\
                 map_err\\(\\|_\\| \"([a-z_]+)\"\\)|issue\\([^;{]*?\"([a-z_]+)\"\\)|then_some\\(\"([a-z_]+)\"\\)";
    let short = regex::Regex::new(short).unwrap();
    let src = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"));
    let mut files = Vec::new();
    sources(src, &mut files);
    let mut wordless = Vec::new();
    let mut seen = 0;
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let text = text.split("#[cfg(test)]").next().unwrap();
        let name = path.strip_prefix(src).unwrap().display().to_string();
        let of_values = name.starts_with("record/value") || name.starts_with("mapping/inbound");
        let short = short.captures_iter(text).filter(|_| of_values);
        for found in dotted.captures_iter(text).chain(short) {
            let code = found.iter().skip(1).flatten().next().unwrap().as_str();
            // Places where a test may stop the program, files, and fields of the log are called alike.
            let place = text.contains(&format!("pass(\"{code}\")"))
                || code.ends_with("_toml")
                || code == "batch.id"
                || code == "delivery.id";
            seen += 1;
            if !place && viaduct::record::cause::find(code).is_none() {
                wordless.push(format!("{name}: `{code}`"));
            }
        }
    }
    assert!(seen > 100, "only {seen} codes were found");
    assert!(wordless.is_empty(), "say what they mean in record/cause.rs:\n{}", wordless.join("\n"));
}

fn sources(folder: &std::path::Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        match entry.path() {
            // The sandbox speaks for the platforms, in their words.
            path if path.is_dir() && name != "sandbox" => sources(&path, files),
            path if name.ends_with(".rs") && name != "tests.rs" && name != "cause.rs" => {
                files.push(path);
            }
            _ => {}
        }
    }
}
