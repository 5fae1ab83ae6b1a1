//! What is in `docs/` and made from code is what the code says.

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

/// What code calls something that waits for a person: `xml.malformed`, and the short codes that
/// values and mappings give.
#[test]
fn every_code_in_the_sources_has_words() {
    let dotted = "\"((?:archive|batch|csv|delivery|expression|extract|file|fixed|job|json|notify|pay|\
                  record|settings|store|suppressed|xml)\\.[a-z_.]+)\"";
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
            // Places where a test may stop the program, and files, are called alike.
            let place = text.contains(&format!("pass(\"{code}\")")) || code.ends_with("_toml");
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
