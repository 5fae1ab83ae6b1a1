//! What the fuzz targets kept is run again: every corpus, and everything that once broke a promise.
//!
//! New inputs are looked for by `fuzz/run` (docs/fuzzing.md).

#[path = "../../fuzz/entries/mod.rs"]
mod entries;

use std::path::{Path, PathBuf};

use self::entries::{ALL, Entry};

/// An input's name and its bytes.
type Kept = (PathBuf, Vec<u8>);

fn kept(folder: &str, target: &str) -> Vec<Kept> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(folder).join(target);
    let Ok(found) = std::fs::read_dir(&folder) else { return Vec::new() };
    let paths = found.map(|entry| entry.unwrap().path());
    paths.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

fn replay(entry: Entry, (path, bytes): &Kept) -> Result<(), String> {
    std::panic::catch_unwind(|| entry(bytes)).map_err(|_| path.display().to_string())
}

#[test]
fn what_was_kept_breaks_nothing() {
    let mut broken = Vec::new();
    for (target, entry) in ALL {
        let corpus = kept("corpus", target);
        assert!(!corpus.is_empty(), "{target} has no corpus: fuzz/corpus/{target}");
        let inputs = corpus.into_iter().chain(kept("regressions", target));
        broken.extend(inputs.filter_map(|input| replay(*entry, &input).err()));
    }
    assert!(broken.is_empty(), "these inputs break a promise: {broken:#?}");
}
