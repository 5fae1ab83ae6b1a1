//! Files that lie where definitions are and are read by nobody. A misplaced definition is silent
//! otherwise.

use std::path::Path;

use crate::catalogue::check::Loaded;
use crate::connector::definition::ConnectorDefinition;
use crate::definition::diagnostic::{Diagnostic, Severity};
use crate::definition::reader;

/// Where definitions may lie, and the endings that are read there.
const FOLDERS: [(&str, &[&str]); 6] = [
    ("connectors", &[".toml"]),
    ("jobs", &[".toml"]),
    ("mappings", &["/resident.toml", "/suppression.toml", "/weights.toml"]),
    ("mappings/codes", &[".csv"]),
    ("mappings/inbound", &[".toml"]),
    ("mappings/outbound", &[".toml", ".json.j2", ".xml.j2"]),
];

/// Tells what lies astray below `root`, and that there is nothing at all.
pub fn tell(root: &Path, connectors: &[Loaded<ConnectorDefinition>], told: &mut Vec<Diagnostic>) {
    if !root.is_dir() {
        let help = "give the folder that has connectors, mappings and jobs in it".to_owned();
        let what = "this folder does not exist";
        let folder = root.display().to_string();
        told.push(Diagnostic::of_file(Severity::Error, folder, what, Some(help)));
        return;
    }
    let folders = reader::list_folders(root, "");
    if !["connectors", "mappings", "jobs"].iter().any(|known| folders.iter().any(|f| f == known)) {
        let what = "there are no definitions here";
        let help = "a directory of definitions has the folders connectors, mappings and jobs";
        told.push(Diagnostic::of_file(Severity::Error, ".", what, Some(help.to_owned())));
    }
    let named = |connector: &ConnectorDefinition| {
        let sample = connector.sample.iter().map(|sample| sample.value.as_str());
        let files: Vec<&str> = sample.chain(connector.settings.files()).collect();
        files.into_iter().map(|name| format!("connectors/{name}")).collect::<Vec<String>>()
    };
    let samples: Vec<String> =
        connectors.iter().filter_map(|loaded| loaded.definition.as_ref()).flat_map(named).collect();
    let unread = connectors.iter().any(|loaded| loaded.definition.is_none());
    for (folder, endings) in FOLDERS {
        for file in reader::list_files(root, folder, "") {
            let read = endings.iter().any(|ending| file.ends_with(ending));
            // A connector that could not be read may name any file beside it as its sample.
            let sample = samples.contains(&file) || (unread && folder == "connectors");
            if !read && !sample && !file.ends_with(".md") {
                let what = "nothing reads this file";
                let help = match folder {
                    "connectors" => {
                        "name it as the `sample` of its connector, or move it".to_owned()
                    }
                    _ => format!("{folder}/ has {}", endings.join(", ").replace('/', "")),
                };
                told.push(warning(&file, what, &help));
            }
        }
        for inner in reader::list_folders(root, folder) {
            let known = FOLDERS.iter().any(|(known, _)| *known == inner);
            let sample = samples.iter().any(|sample| sample.starts_with(&format!("{inner}/")));
            let may_be_sample = sample || (unread && folder == "connectors");
            if !known && !may_be_sample {
                told.push(warning(&inner, "nothing in this folder is read", "move its files"));
            }
        }
    }
}

fn warning(path: &str, what: &str, help: &str) -> Diagnostic {
    Diagnostic::of_file(Severity::Warning, path, what, Some(help.to_owned()))
}
