//! What mappings name: places in a source record, and lists of codes.

use viaduct::definition::diagnostic::render_all;
use viaduct::definition::reader::Span;
use viaduct::mapping::code_list::CodeLists;
use viaduct::mapping::definition::PathStep;
use viaduct::mapping::source_path;
use viaduct::mapping::source_schema::SourceSchema;

use super::input::Input;

const STEPS_MAX: usize = 32;
const CODES_MAX: usize = 20_000;

pub fn source_paths(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let context = input.pick(&["", "a", "a/b", "a/@b", "é/ü"]);
    let text = input.text();
    match source_path::parse(&text, Span::default()) {
        Ok(path) => {
            assert!(path.up + path.steps.len() <= STEPS_MAX);
            assert_eq!(path.text, text);
            let name = |step: &PathStep| match step {
                PathStep::Child { name, .. } | PathStep::Attribute { name, .. } => name.is_empty(),
            };
            assert!(!path.steps.iter().any(name), "a step without a name");
            let again = source_path::parse(&text, Span::default());
            assert_eq!(again.as_ref(), Ok(&path));
            // Against a record that has the path, and one that has others.
            let mut schema = SourceSchema::default();
            let _ = schema.resolve(context, &path);
            schema.paths.extend([text.clone(), "a".into(), "a/b".into(), format!("a/{text}")]);
            let _ = schema.resolve(context, &path);
            let _ = schema.resolve("", &path);
        }
        Err((label, remedy)) => assert!(!label.is_empty() && !remedy.is_empty()),
    }
}

pub fn code_lists(bytes: &[u8]) {
    let input = Input::new(bytes);
    let text = String::from_utf8_lossy(&input.stretched()).into_owned();
    let mut lists = CodeLists::default();
    let told = lists.add("codes/fuzzed.csv", "mappings/codes/fuzzed.csv", &text);
    let lines = text.split('\n').count();
    for fault in &told {
        let place = fault.place.as_ref().expect("a fault of a list has a line");
        assert!((1..=lines).contains(&place.line), "line {} of {lines}", place.line);
    }
    assert!(!render_all(&told, 1).is_empty());
    let list = lists.get("codes/fuzzed.csv").expect("what can be understood is kept");
    assert!(list.rows.len() <= CODES_MAX);
    for row in &list.rows {
        assert!(!row.value.is_empty());
        assert!(row.from.is_none_or(|from| row.to.is_none_or(|to| from <= to)));
    }
    if told.is_empty() {
        let codes = text.lines().filter(|line| {
            let line = line.trim_start_matches('\u{feff}').trim();
            !line.is_empty() && !line.starts_with('#')
        });
        assert_eq!(list.rows.len() + 1, codes.count(), "a code vanished, and nobody was told");
    }
}
