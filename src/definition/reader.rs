//! Reads a definition file: text in, a tree whose every part remembers where it stood.
//! It knows TOML and nothing of what the keys mean.

/// A stretch of a file, in bytes from its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    pub start: usize,
    pub end: usize,
}

/// A value and where it was written. Owned, so that definitions outlive the file they came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spanned<T> {
    pub value: T,
    pub at: Span,
}
