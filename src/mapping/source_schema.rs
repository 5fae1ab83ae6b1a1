//! What a source's records look like, learnt from a sample of them: the set of places that hold
//! something. A path that is not in it reads nothing, ever, and is worth an error before the first
//! night.

use std::collections::BTreeSet;

use crate::definition::suggest;
use crate::mapping::definition::{PathStep, SourcePath};
use crate::record::document::{Condition, Document, NodeId};

const PATHS_MAX: usize = 10_000;

/// Paths from the record, by local names: `LiablePersons/Person/@seq`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceSchema {
    pub paths: BTreeSet<String>,
}

/// A path that leads nowhere.
#[derive(Debug, PartialEq, Eq)]
pub struct Astray {
    /// The step that is not there, or `..` when the path leads out of the record.
    pub step: String,
    pub help: Option<String>,
}

impl SourceSchema {
    /// Adds the places of one sample record.
    pub fn add(&mut self, record: &Document) {
        if let Some(root) = record.root() {
            self.add_below(record, root, "");
        }
    }

    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    fn add_below(&mut self, record: &Document, node: NodeId, above: &str) {
        for child in record.children(node) {
            let mark = if record.is_attribute(child) { "@" } else { "" };
            let path = join(above, &format!("{mark}{}", record.name(child)));
            if self.paths.len() < PATHS_MAX {
                self.add_below(record, child, &path);
                self.paths.insert(path);
            }
        }
    }

    /// Where `path` leads, seen from `context` (a path from the record, "" for the record itself).
    pub fn resolve(&self, context: &str, path: &SourcePath) -> Result<String, Astray> {
        let mut place = context.to_owned();
        for _ in 0..path.up {
            if place.is_empty() {
                let help = Some("a path cannot leave the record: take `../` away".to_owned());
                return Err(Astray { step: "..".to_owned(), help });
            }
            place.truncate(place.rfind('/').unwrap_or(0));
        }
        for (number, step) in path.steps.iter().enumerate() {
            let name = local_name(step);
            let next = join(&place, &name);
            if !self.paths.contains(&next) {
                let help = self.suggest(context, &place, path, number, &name);
                return Err(Astray { step: name, help });
            }
            place = next;
            if let PathStep::Child {
                only: Some(Condition::Holds { name, attribute, .. }), ..
            } = step
            {
                let mark = if *attribute { "@" } else { "" };
                let asked = format!("{mark}{name}");
                if !self.paths.contains(&join(&place, &asked)) {
                    let help = suggest::help(&asked, &self.children(&place));
                    return Err(Astray { step: asked, help });
                }
            }
        }
        Ok(place)
    }

    fn suggest(
        &self,
        context: &str,
        place: &str,
        path: &SourcePath,
        number: usize,
        name: &str,
    ) -> Option<String> {
        let here = self.children(place);
        if let Some(near) = suggest::nearest(name, &here) {
            let mut written: Vec<&str> = path.text.split('/').collect();
            *written.get_mut(path.up + number)? = near;
            return Some(format!("did you mean `{}`?", written.join("/")));
        }
        let last = local_name(path.steps.last()?);
        if let Some(elsewhere) = self.paths.iter().find(|known| last_part(known) == last) {
            return Some(format!("did you mean `{}`?", relative(context, elsewhere)));
        }
        suggest::help(name, &here)
    }

    fn children(&self, place: &str) -> Vec<&str> {
        let below = |path: &'_ str| -> Option<usize> {
            let rest = match place {
                "" => path,
                _ => path.strip_prefix(place)?.strip_prefix('/')?,
            };
            (!rest.contains('/')).then_some(rest.len())
        };
        let names = self.paths.iter().filter_map(|path| Some(&path[path.len() - below(path)?..]));
        names.collect()
    }
}

fn local_name(step: &PathStep) -> String {
    match step {
        PathStep::Child { name, .. } => name.clone(),
        PathStep::Attribute { name, .. } => format!("@{name}"),
    }
}

fn join(above: &str, name: &str) -> String {
    if above.is_empty() { name.to_owned() } else { format!("{above}/{name}") }
}

fn last_part(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// `known` (from the record) as it is written from `context`.
fn relative(context: &str, known: &str) -> String {
    let from: Vec<&str> = context.split('/').filter(|part| !part.is_empty()).collect();
    let to: Vec<&str> = known.split('/').collect();
    let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n("..", from.len() - shared);
    up.chain(to[shared..].iter().copied()).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::reader::Span;
    use crate::mapping::source_path;

    fn schema() -> SourceSchema {
        let paths = [
            "@ref",
            "Status",
            "Balance",
            "Balance/Outstanding",
            "Property",
            "Property/UPRN",
            "LiablePersons",
            "LiablePersons/Person",
            "LiablePersons/Person/@seq",
            "LiablePersons/Person/Surname",
        ];
        SourceSchema { paths: paths.into_iter().map(str::to_owned).collect() }
    }

    #[test]
    fn paths_lead_somewhere_or_the_right_one_is_named() {
        let person = "LiablePersons/Person";
        for (context, text, outcome) in [
            ("", "Status", Ok("Status")),
            ("", "c:Balance/c:Outstanding", Ok("Balance/Outstanding")),
            ("", "@ref", Ok("@ref")),
            ("", ".", Ok("")),
            (person, "@seq", Ok("LiablePersons/Person/@seq")),
            (person, "../../Property/UPRN", Ok("Property/UPRN")),
            (person, "Surnme", Err(("Surnme", "did you mean `Surname`?"))),
            (
                "",
                "LiablePersons/Persn/Surname",
                Err(("Persn", "did you mean `LiablePersons/Person/Surname`?")),
            ),
            (person, "UPRN", Err(("UPRN", "did you mean `../../Property/UPRN`?"))),
            (person, "Property/UPRN", Err(("Property", "did you mean `../../Property/UPRN`?"))),
            ("", "Outstanding", Err(("Outstanding", "did you mean `Balance/Outstanding`?"))),
            ("Balance", "Zzz", Err(("Zzz", "known here: `Outstanding`"))),
            ("", "../x", Err(("..", "a path cannot leave the record: take `../` away"))),
            ("", "LiablePersons/Person[@seq=1]/Surname", Ok("LiablePersons/Person/Surname")),
            ("", "LiablePersons/Person[@sq=1]/Surname", Err(("@sq", "did you mean `@seq`?"))),
        ] {
            let path = source_path::parse(text, Span::default()).expect(text);
            let found = schema().resolve(context, &path);
            let expected = outcome.map(str::to_owned).map_err(|(step, help)| Astray {
                step: step.to_owned(),
                help: Some(help.to_owned()),
            });
            assert_eq!(found, expected, "{text} in {context}");
        }
    }
}
