//! The functions that an expression may call, beside the language's operators: a closed list.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use cel::extractors::This;
use cel::{Context, ExecutionError};
use regex::{Regex, RegexBuilder};

use super::types::Type;

/// A function, and what it is called with.
pub struct Function {
    pub name: &'static str,
    /// The type that it is called on, `text.lower()`; `None` where it is called by itself.
    pub on: Option<Type>,
    pub takes: &'static [Type],
    pub gives: Type,
    /// One sentence for an integrator.
    pub doc: &'static str,
}

/// What reads a source record, and how it is called.
pub static READS: &[(&str, &str)] = &[
    (
        "text(\"Path\")",
        "The text at a path, from where the expression stands; empty where nothing is.",
    ),
    ("texts(\"Path\")", "Every text at a path, for `.exists(one, …)`, `.all(one, …)` and `in`."),
    ("count(\"Path\")", "How many there are."),
];

/// Functions of values. Which of them an expression may call depends on where it stands: that is checked
/// with it.
pub static FUNCTIONS: &[Function] = &[
    on_text("contains", &[Type::Text], Type::Flag, "Whether a text holds another."),
    on_text("startsWith", &[Type::Text], Type::Flag, "Whether a text begins with another."),
    on_text("endsWith", &[Type::Text], Type::Flag, "Whether a text ends with another."),
    on_text(
        "matches",
        &[Type::Text],
        Type::Flag,
        "Whether a pattern, written here, is found in a text.",
    ),
    on_text("lower", &[], Type::Text, "A text in small letters."),
    on_text("upper", &[], Type::Text, "A text in capital letters."),
    on_text("trim", &[], Type::Text, "A text without the blanks around it."),
    on_text("size", &[], Type::Whole, "How many characters a text has."),
    plain("int", &[Type::Text], Type::Whole, "The whole number that a text says."),
    plain("string", &[Type::Whole], Type::Text, "A whole number as a text."),
    plain("pounds", &[Type::Whole], Type::Text, "Pence as people write money: `£1,234.50`."),
    plain("day", &[Type::Text], Type::Text, "A date as people write it: `1 April 2026`."),
];

impl Function {
    /// How it is called: `text.lower()`, `int(text)`.
    pub fn call(&self) -> String {
        let takes: Vec<&str> = self
            .takes
            .iter()
            .map(|kind| if *kind == Type::Text { "text" } else { "number" })
            .collect();
        let takes = takes.join(", ");
        match self.on {
            Some(_) => format!("text.{}({takes})", self.name),
            None => format!("{}({takes})", self.name),
        }
    }
}

const fn on_text(
    name: &'static str,
    takes: &'static [Type],
    gives: Type,
    doc: &'static str,
) -> Function {
    Function { name, on: Some(Type::Text), takes, gives, doc }
}

const fn plain(
    name: &'static str,
    takes: &'static [Type],
    gives: Type,
    doc: &'static str,
) -> Function {
    Function { name, on: None, takes, gives, doc }
}

thread_local! {
    static ROOT: Context<'static, 'static> = root();
    /// Patterns stand in mappings, so that they are few.
    static PATTERNS: RefCell<HashMap<String, Regex>> = RefCell::new(HashMap::new());
}

/// Does something with the context that every expression of this thread runs in.
pub fn with_root<T>(does: impl FnOnce(&Context<'static, 'static>) -> T) -> T {
    ROOT.with(does)
}

/// A pattern, bounded: it is matched in a time that grows only with the text.
pub fn pattern(text: &str) -> Result<Regex, String> {
    const SIZE_MAX: usize = 1 << 20;
    RegexBuilder::new(text)
        .size_limit(SIZE_MAX)
        .dfa_size_limit(SIZE_MAX)
        .nest_limit(32)
        .build()
        .map_err(|fault| match fault {
            regex::Error::CompiledTooBig(_) => "it grows too large".to_owned(),
            other => other.to_string().lines().last().unwrap_or_default().to_owned(),
        })
}

/// The name under which a function of ours is called, so that it meets none of the language's.
pub fn inner_name(name: &str) -> String {
    format!("@{name}")
}

fn root() -> Context<'static, 'static> {
    let mut context = Context::default();
    type Change = fn(&str) -> String;
    let texts: [(&str, Change); 3] = [
        ("lower", |text| text.to_lowercase()),
        ("upper", |text| text.to_uppercase()),
        ("trim", |text| text.trim().to_owned()),
    ];
    for (name, does) in texts {
        let _ = context.add_function(&inner_name(name), move |This(text): This<Arc<String>>| {
            Arc::new(does(&text))
        });
    }
    let _ = context.add_function(
        &inner_name("matches"),
        |This(text): This<Arc<String>>, wanted: Arc<String>| matches(&text, &wanted),
    );
    let _ = context.add_function(&inner_name("int"), |text: Arc<String>| whole(&text));
    let _ = context.add_function(&inner_name("pounds"), |pence: i64| {
        Arc::new(crate::record::value::pence::Pence::new(pence).said())
    });
    let _ = context.add_function(&inner_name("day"), |date: Arc<String>| {
        Arc::new(crate::mapping::outbound::day(&date))
    });
    context
}

fn matches(text: &str, wanted: &str) -> Result<bool, ExecutionError> {
    PATTERNS.with_borrow_mut(|patterns| {
        if let Some(known) = patterns.get(wanted) {
            return Ok(known.is_match(text));
        }
        let made =
            pattern(wanted).map_err(|fault| ExecutionError::function_error("matches", fault))?;
        let found = made.is_match(text);
        patterns.insert(wanted.to_owned(), made);
        Ok(found)
    })
}

/// Digits and a sign: nothing else is a whole number.
fn whole(text: &str) -> Result<i64, ExecutionError> {
    let text = text.trim();
    text.parse().map_err(|_| ExecutionError::function_error("int", "this is no whole number"))
}
