//! Words in brackets behind a name: remarks of whoever keyed it, which are no part of it. What a bracket
//! says of executors, of a death or of a title is none: that is read with the name.

use super::token::{FORMER, REMARK, tokens, words};
use super::vocabulary;

/// The field with a mark in place of each remark.
pub(super) fn marked(text: &str) -> String {
    let mut marked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, bracket)) = rest.split_once('(') {
        marked.push_str(before);
        // A bracket that is never closed was cut off by its column.
        let (inside, behind) = bracket.split_once(')').unwrap_or((bracket, ""));
        match mark(inside) {
            Some(mark) => marked.extend([' ', mark, ' ']),
            None => marked.extend([" ", inside, " "]),
        }
        rest = behind;
    }
    marked.push_str(rest);
    marked
}

/// What stands for a remark; nothing where the words in the bracket are read with the name.
fn mark(inside: &str) -> Option<char> {
    let tokens = tokens(inside);
    let read = words(&tokens).any(|word| {
        word.title().is_some_and(|title| !title.is_empty())
            || vocabulary::is_executor(&word.plain)
            || vocabulary::is_deceased(&word.plain)
    });
    let first = words(&tokens).next()?;
    (!read).then(|| if vocabulary::is_former(&first.plain) { FORMER } else { REMARK })
}
