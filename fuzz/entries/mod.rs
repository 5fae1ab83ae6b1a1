//! What is fuzzed: for each parser a function that takes any bytes, and panics where a promise is
//! broken. `fuzz/target.rs` runs one of them on what libFuzzer makes up; the tests replay what was
//! kept (`tests/fuzz`). An input is no format of anybody's: its first bytes choose settings.

mod answers;
mod archives;
mod csv;
mod definitions;
mod expressions;
mod fixed_width;
mod input;
mod json;
mod layers;
mod mappings;
mod names;
mod queries;
mod schedule;
mod sheets;
mod soap;
mod trying;
mod values;
mod xml;

/// Takes an input, and panics where a promise is broken.
pub type Entry = fn(&[u8]);

/// Every target by name; its corpus lies in the folder of that name.
pub const ALL: &[(&str, Entry)] = &[
    ("answers", answers::answers),
    ("archives", archives::archives),
    ("code_lists", mappings::code_lists),
    ("csv", csv::csv),
    ("definitions", definitions::definitions),
    ("expressions", expressions::expressions),
    ("fixed_width", fixed_width::fixed_width),
    ("json", json::document),
    ("json_lines", json::lines),
    ("layers", layers::layers),
    ("names", names::names),
    ("queries", queries::queries),
    ("schedule", schedule::schedule),
    ("sheets", sheets::sheets),
    ("soap", soap::soap),
    ("source_paths", mappings::source_paths),
    ("values", values::values),
    ("xml", xml::xml),
];
