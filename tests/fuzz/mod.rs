//! What the fuzz targets kept is run again: every corpus, and everything that once broke a promise.
//!
//! New inputs are looked for by `fuzz/run` (docs/fuzzing.md).

#[path = "../../fuzz/entries/mod.rs"]
mod entries;

use std::path::{Path, PathBuf};

use self::entries::ALL;

/// An input's name and its bytes.
type Kept = (PathBuf, Vec<u8>);

fn kept(folder: &str, target: &str) -> Vec<Kept> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(folder).join(target);
    let Ok(found) = std::fs::read_dir(&folder) else { return Vec::new() };
    let paths = found.map(|entry| entry.unwrap().path());
    paths.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

fn replay(target: &str) {
    let (_, entry) = ALL.iter().find(|(name, _)| *name == target).expect("it is a target");
    let corpus = kept("corpus", target);
    assert!(!corpus.is_empty(), "{target} has no corpus: fuzz/corpus/{target}");
    let inputs = corpus.into_iter().chain(kept("regressions", target));
    let breaks = |(path, bytes): Kept| {
        let broken = std::panic::catch_unwind(|| entry(&bytes)).is_err();
        broken.then(|| path.display().to_string())
    };
    let broken: Vec<String> = inputs.filter_map(breaks).collect();
    assert!(broken.is_empty(), "these inputs break a promise: {broken:#?}");
}

/// One test for each target, and no target without one.
macro_rules! replays {
    ($($target:ident),* $(,)?) => {
        $(#[test] fn $target() { replay(stringify!($target)); })*

        #[test]
        fn every_target_is_replayed() {
            let replayed = [$(stringify!($target)),*];
            let targets: Vec<&str> = ALL.iter().map(|(name, _)| *name).collect();
            assert_eq!(targets, replayed);
        }
    };
}

replays! {
    answers, archives, code_lists, csv, definitions, expressions, fixed_width, json, json_lines, layers, names,
    queries, schedule, sheets, soap, source_paths, values, xml,
}
