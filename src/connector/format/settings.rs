//! Settings that several formats have in common, and how they are read.

use crate::definition::reader::{File, Spanned};
use crate::definition::shape::{Key, key, word};
use crate::definition::table::Table;
use crate::record::document::{Path, Step};
use crate::record::value::pence::PenceFormat;

/// A sum that an extract declares, as a definition says it.
pub struct SumSettings {
    pub of: Spanned<String>,
    /// Where it is declared; `None` where nothing is said.
    pub declared: Option<Spanned<String>>,
    pub format: PenceFormat,
    /// How the declared amount is written.
    pub declared_format: PenceFormat,
}

/// Reads `[[settings.sums]]`: amounts that an extract declares of its records. `declared` says what
/// that key means in this format, and with a remedy that it must be there.
pub fn sums(settings: &Table<'_>, of: &'static str, declared: Key) -> Vec<SumSettings> {
    let doc = "Amounts that an extract declares of itself. They are added up, to the penny, and where one \
               does not agree nothing is released.";
    let tables = settings.tables(key("sums", doc));
    let read = |table: Table<'_>| {
        let of = table.need_text(key("of", of).needed("say what is added up"));
        let declared = match declared.remedy {
            Some(_) => table.need_text(declared).map(Some),
            None => Some(table.text(declared)),
        };
        let as_key = key("as", "How the amounts are written, as in a mapping.")
            .needed("say how the amounts are written: `as = \"decimal_pounds\"`");
        let formats = PenceFormat::ALL.map(|format| word(format.word(), format.doc(), format));
        let format = table.choice(as_key, &formats);
        let declared_as = key(
            "declared_as",
            "How the declared amount is written, where it is otherwise than `as`.",
        )
        .example("declared_as = \"integer_pence\"");
        let declared_format = table.choice(declared_as, &formats);
        table.finish();
        let format = format?.value;
        let declared_format = declared_format.map_or(format, |declared| declared.value);
        Some(SumSettings { of: of?, declared: declared?, format, declared_format })
    };
    tables.into_iter().filter_map(read).collect()
}

/// Reads a path of names: `/c:CouncilTaxExtract/c:Account`, `@ref`
pub fn path(file: &File, text: &Spanned<String>, namespaces: &[(String, String)]) -> Option<Path> {
    let mut steps = Vec::new();
    for part in text.value.trim_start_matches('/').split('/') {
        let (attribute, part) = match part.strip_prefix('@') {
            Some(rest) => (true, rest),
            None => (false, part),
        };
        let (space, name) = match part.split_once(':') {
            Some((prefix, name)) => match namespaces.iter().find(|(known, _)| known == prefix) {
                Some((_, uri)) => (Some(uri.clone()), name),
                None => {
                    let what = format!("no namespace is declared for the prefix `{prefix}`");
                    let help = format!("add `{prefix}` to `namespaces`");
                    file.error(text.at, what, "not declared", Some(help));
                    return None;
                }
            },
            None => (None, part),
        };
        if name.is_empty() {
            let help = Some("write names between slashes: `/Extract/Account`".to_owned());
            file.error(text.at, "a path has a part without a name", "empty", help);
            return None;
        }
        steps.push(Step::new(space, name.to_owned(), attribute));
    }
    Some(Path { up: 0, steps })
}
