//! The paths in a file's tokens that lead out of its room: to another room, or to a crate.

use std::collections::HashSet;

use super::tokens::Token;

/// Where a path leads.
#[derive(Debug)]
pub enum To {
    Room(String),
    Crate(Vec<String>),
}

/// A path, and where it stands.
#[derive(Debug)]
pub struct Found {
    pub line: usize,
    pub to: To,
}

/// The paths of one file.
#[derive(Default)]
pub struct Paths {
    pub found: Vec<Found>,
    /// Names that stand for something in this file, and so for no crate.
    local: HashSet<String>,
    /// The modules we are in, and at which depth of braces each of the inner ones began.
    modules: Vec<String>,
    opened: Vec<usize>,
    depth: usize,
}

impl Paths {
    /// Those in these tokens, of a file that is these modules.
    pub fn of(tokens: &[Token], modules: &[&str]) -> Paths {
        let modules = modules.iter().map(|module| (*module).to_owned()).collect();
        let mut paths = Paths { modules, ..Paths::default() };
        let mut at = 0;
        while at < tokens.len() {
            at = paths.step(tokens, at);
        }
        let Paths { found, local, .. } = &mut paths;
        found.retain(|path| match &path.to {
            To::Crate(segments) => !local.contains(&segments[0]),
            To::Room(_) => true,
        });
        paths
    }

    /// Looks at the token here and says where the next one is.
    fn step(&mut self, tokens: &[Token], at: usize) -> usize {
        let text = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
        match text(at) {
            "{" => self.depth += 1,
            "}" => {
                self.depth = self.depth.saturating_sub(1);
                if self.opened.last() == Some(&self.depth) {
                    self.opened.pop();
                    self.modules.pop();
                }
            }
            "mod" => {
                self.local.insert(text(at + 1).to_owned());
                if text(at + 2) == "{" {
                    self.modules.push(text(at + 1).to_owned());
                    self.opened.push(self.depth);
                    self.depth += 1;
                }
                return at + 3;
            }
            "crate" if at > 0 && text(at - 1) == "extern" => {
                self.add(tokens[at].line, vec![text(at + 1).to_owned()]);
                return at + 2;
            }
            "use" if text(at + 1) != "<" => return self.use_tree(tokens, at + 1, Vec::new()),
            word if is_name(word) && text(at + 1) == "::" && starts_a_path(tokens, at) => {
                let mut end = at;
                let mut path = vec![word.to_owned()];
                while text(end + 1) == "::" && is_name(text(end + 2)) {
                    end += 2;
                    path.push(text(end).to_owned());
                }
                self.add(tokens[at].line, path);
                return end + 1;
            }
            _ => {}
        }
        at + 1
    }

    /// A `use` from here on, beneath what was named before; gives the place after it.
    fn use_tree(&mut self, tokens: &[Token], mut at: usize, mut path: Vec<String>) -> usize {
        let text = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
        let line = tokens.get(at).map_or(0, |token| token.line);
        loop {
            match text(at) {
                "::" => at += 1,
                "{" => {
                    at += 1;
                    while !["}", ""].contains(&text(at)) {
                        at = self.use_tree(tokens, at, path.clone());
                        at += usize::from(text(at) == ",");
                    }
                    return at + 1;
                }
                "*" => {
                    self.add(line, path);
                    return at + 1;
                }
                "as" => {
                    self.local.insert(text(at + 1).to_owned());
                    self.add(line, path);
                    return at + 2;
                }
                word if is_name(word) => {
                    path.push(word.to_owned());
                    at += 1;
                }
                _ => {
                    if let [_, .., last] = path.as_slice() {
                        self.local.insert(last.clone());
                    }
                    self.add(line, path);
                    return at;
                }
            }
        }
    }

    /// Keeps a path that leads to another room or a crate.
    fn add(&mut self, line: usize, path: Vec<String>) {
        let Some(head) = path.first() else { return };
        let in_main = self.modules.first().is_some_and(|module| module == "main");
        let ups = path.iter().take_while(|segment| *segment == "super").count();
        let to = match head.as_str() {
            "crate" => path.get(1).cloned().map(To::Room),
            "viaduct" if in_main => path.get(1).cloned().map(To::Room),
            // As many steps up as there are modules lead out of the room.
            "super" if ups >= self.modules.len() => path.get(ups).cloned().map(To::Room),
            "super" | "self" | "Self" => None,
            _ => Some(To::Crate(path)),
        };
        self.found.extend(to.map(|to| Found { line, to }));
    }
}

fn is_name(text: &str) -> bool {
    let keyword = ["as", "use", "mod", "where", "for", "impl", "dyn", "mut", "ref", "in"];
    text.starts_with(|first: char| first.is_alphabetic() || first == '_')
        && !keyword.contains(&text)
}

/// Whether the name here begins a path: `a` of `a::b` and of `::a::b`, and not `b`.
fn starts_a_path(tokens: &[Token], at: usize) -> bool {
    let before = |steps: usize| at.checked_sub(steps).map_or("", |at| tokens[at].text.as_str());
    match before(1) {
        "::" => !is_name(before(2)) && (before(2) != ">" || before(3) == "-"),
        other => other != ".",
    }
}
