//! The few expressions in a mapping: `expr`, `when` and `key`, in the Common Expression Language.
//!
//! An expression is compiled once, when the mapping is read: its names and types are checked then, and
//! each place that it reads from becomes a slot. To run it costs a look at each slot and about a
//! microsecond. It can do nothing but compute: the functions are a closed list, a loop stands in no other
//! loop, and everything has a bound.
//!
//! What is absent is no value and no error: a comparison with it is false, `has(…)` asks for it, and an
//! expression that gives nothing else gives nothing.

mod check;
pub mod functions;
pub mod types;

use std::sync::Arc;

use cel::{Context, ExecutionError, IdedExpr, Value};

use self::check::Checker;
use self::types::Type;
use crate::definition::reader::{File, Span, Spanned};
use crate::mapping::definition::SourcePath;
use crate::record::personal::unprinted;
use crate::record::schema::FieldId;

/// The longest expression, bytes.
const SOURCE_MAX: usize = 2_000;
/// How deep brackets may stand in each other.
const BRACKETS_MAX: u16 = 24;
/// What the parser may need for the longest expression, bytes. Only what is used is taken.
const STACK: usize = 128 << 20;
/// The longest text that goes in, and that comes out, bytes.
pub const TEXT_MAX: usize = 65_536;
/// The most texts that one place may give.
pub const TEXTS_MAX: usize = 1_000;

/// What an expression may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// A source record, by paths from where the expression stands.
    Source,
    /// A change of a resident: the resident's fields, and what changed.
    Resident,
    /// A change of an account: its fields, those of the resident who is told, and what changed.
    Account,
}

/// What an expression is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// `when`: it says yes or no.
    Condition,
    /// The amount of a payment, in whole pence.
    Pence,
    /// `expr`, `key`: it gives a text, or a number or flag that is written as one.
    Text,
}

/// A place that an expression reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slot {
    /// The text at a path; empty where nothing is.
    Text(SourcePath),
    Texts(SourcePath),
    Count(SourcePath),
    Resident(FieldId),
    Account(FieldId),
    /// A changed field of what the event is about, before and after.
    Was(FieldId),
    Is(FieldId),
}

impl Slot {
    /// The path that it reads in a source record.
    pub fn path(&self) -> Option<&SourcePath> {
        match self {
            Slot::Text(path) | Slot::Texts(path) | Slot::Count(path) => Some(path),
            Slot::Resident(_) | Slot::Account(_) | Slot::Was(_) | Slot::Is(_) => None,
        }
    }
}

/// What stands at such a place.
#[derive(Clone, PartialEq)]
pub enum Given {
    Absent,
    Text(String),
    Texts(Vec<String>),
    Whole(i64),
    Decimal(f64),
    Flag(bool),
}

/// What an expression came to.
#[derive(Clone, PartialEq, Eq)]
pub enum Outcome {
    Absent,
    Flag(bool),
    Text(String),
}

/// Why an expression came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    pub code: &'static str,
    /// In words, without what stood in the record.
    pub why: &'static str,
}

impl Failure {
    /// What went in or came out is too long.
    pub const LIMIT: Failure =
        Failure { code: "expression.limit", why: "a text or a list is longer than it may be" };

    /// It could not be computed: a text that is no number, a division by nothing.
    pub const fn failed(why: &'static str) -> Failure {
        Failure { code: "expression.failed", why }
    }
}

/// An expression, ready to run.
#[derive(Clone, Debug)]
pub struct Expression {
    /// As it is written.
    pub text: String,
    tree: Arc<IdedExpr>,
    pub slots: Vec<Slot>,
    /// Which slots are asked for as present or absent too.
    asked: Vec<bool>,
    /// What it gives, where it gives anything.
    pub kind: Type,
    pub at: Span,
}

/// What is wrong with an expression, and where in it: bytes from its beginning.
#[derive(Debug, PartialEq, Eq)]
struct Fault {
    what: String,
    help: Option<String>,
    place: Option<(usize, usize)>,
}

impl Expression {
    /// Compiles an expression as it is written; what is wrong is told to the file.
    pub fn read(file: &File, text: &Spanned<String>, scope: Scope, wanted: Wanted) -> Option<Self> {
        match compile(&text.value, scope, wanted) {
            Ok(mut expression) => {
                expression.at = text.at;
                for slot in &mut expression.slots {
                    if let Slot::Text(path) | Slot::Texts(path) | Slot::Count(path) = slot {
                        path.at = text.at;
                    }
                }
                Some(expression)
            }
            Err(fault) => {
                let at = narrow(file, text, fault.place);
                file.error(at, fault.what, "in this expression", fault.help);
                None
            }
        }
    }

    /// The paths that it reads in a source record.
    pub fn paths(&self) -> impl Iterator<Item = &SourcePath> {
        self.slots.iter().filter_map(Slot::path)
    }

    /// Runs it; `given` says what stands at the slot of that number.
    pub fn run(
        &self,
        mut given: impl FnMut(usize, &Slot) -> Result<Given, Failure>,
    ) -> Result<Outcome, Failure> {
        functions::with_root(|root| {
            let mut scope = root.new_inner_scope();
            for (number, slot) in self.slots.iter().enumerate() {
                let given = given(number, slot)?;
                if self.asked[number] {
                    scope.add_variable_from_value(has_name(number), given != Given::Absent);
                }
                scope.add_variable_from_value(slot_name(number), value_of(given)?);
            }
            self.outcome(&scope)
        })
    }

    fn outcome(&self, scope: &Context<'_, '_>) -> Result<Outcome, Failure> {
        let value = Value::resolve(&self.tree, scope).map_err(|error| why(&error))?;
        let text = match value {
            Value::Null => return Ok(Outcome::Absent),
            Value::Bool(flag) => return Ok(Outcome::Flag(flag)),
            Value::String(text) => Arc::unwrap_or_clone(text),
            Value::Int(number) => number.to_string(),
            Value::Float(number) if number.is_finite() => number.to_string(),
            Value::Float(_) => return Err(Failure::failed(TOO_LARGE)),
            _ => return Err(Failure::failed(UNFIT)),
        };
        if text.len() > TEXT_MAX { Err(Failure::LIMIT) } else { Ok(Outcome::Text(text)) }
    }
}

/// Compiles on a stack of its own: the parser takes a good deal of it for every bracket.
fn compile(text: &str, scope: Scope, wanted: Wanted) -> Result<Expression, Fault> {
    let whole = |what: String| Fault { what, help: None, place: None };
    if text.len() > SOURCE_MAX {
        return Err(whole(format!("an expression has at most {SOURCE_MAX} characters")));
    }
    let compiled = std::thread::scope(|threads| {
        let thread = std::thread::Builder::new().stack_size(STACK);
        let thread = thread.spawn_scoped(threads, || parse_and_check(text, scope, wanted));
        thread.ok().and_then(|thread| thread.join().ok())
    });
    compiled.unwrap_or_else(|| Err(whole("the expression cannot be read".to_owned())))
}

fn parse_and_check(text: &str, scope: Scope, wanted: Wanted) -> Result<Expression, Fault> {
    let whole = |what: String| Fault { what, help: None, place: None };
    let parser = cel::parser::Parser::new().max_recursion_depth(BRACKETS_MAX);
    let (tree, source) = parser.parse_with_source_info(text).map_err(|faults| {
        let first = faults.errors.into_iter().next();
        let what = first.as_ref().map_or_else(String::new, |fault| fault.msg.clone());
        Fault {
            what: format!("the expression cannot be read: {what}"),
            help: Some(
                "write it as `account.arrears > 5000 && has(resident.contact.email)`".into(),
            ),
            place: first.and_then(|fault| line_and_column(text, fault.pos)),
        }
    })?;
    let mut checker = Checker::new(scope, &source);
    let typed = checker.visit(tree)?;
    match wanted {
        Wanted::Condition if typed.kind != Type::Flag => {
            let what = format!("a condition says yes or no, and this is {}", typed.kind.noun());
            return Err(whole(what));
        }
        Wanted::Pence if typed.kind != Type::Whole => {
            let what = format!("an amount is whole pence, and this is {}", typed.kind.noun());
            return Err(whole(what));
        }
        Wanted::Text if matches!(typed.kind, Type::List(_)) => {
            return Err(whole("this gives a list, and one value is wanted".to_owned()));
        }
        _ => {}
    }
    let kind = typed.kind.clone();
    let tree = match wanted {
        Wanted::Condition => checker.or_false(typed),
        Wanted::Text | Wanted::Pence => checker.or_nothing(typed),
    };
    let (slots, asked) = checker.finish();
    Ok(Expression {
        text: text.to_owned(),
        tree: Arc::new(tree),
        slots,
        asked,
        kind,
        at: Span::default(),
    })
}

const TOO_LARGE: &str = "a number in it grows too large";
const UNFIT: &str = "its parts do not fit together";

/// The language's own words repeat values of the record: these do not.
fn why(error: &ExecutionError) -> Failure {
    Failure::failed(match error {
        ExecutionError::FunctionError { function, .. } if function == "int" => {
            "`int(…)` was given a text that is no whole number"
        }
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => {
            "it divides by nothing"
        }
        ExecutionError::Overflow(..) => TOO_LARGE,
        ExecutionError::IndexOutOfBounds(_) => "it asks for an item that is not there",
        _ => UNFIT,
    })
}

fn slot_name(number: usize) -> String {
    format!("@v{number}")
}

fn has_name(number: usize) -> String {
    format!("@h{number}")
}

fn value_of(given: Given) -> Result<Value, Failure> {
    let text = |text: String| match text.len() > TEXT_MAX {
        true => Err(Failure::LIMIT),
        false => Ok(Value::String(Arc::new(text))),
    };
    Ok(match given {
        Given::Absent => Value::Null,
        Given::Text(given) => text(given)?,
        Given::Texts(many) if many.len() > TEXTS_MAX => return Err(Failure::LIMIT),
        Given::Texts(many) => {
            if many.iter().map(String::len).sum::<usize>() > TEXT_MAX * 16 {
                return Err(Failure::LIMIT);
            }
            Value::List(Arc::new(many.into_iter().map(text).collect::<Result<_, _>>()?))
        }
        Given::Whole(number) => Value::Int(number),
        Given::Decimal(number) => Value::Float(number),
        Given::Flag(flag) => Value::Bool(flag),
    })
}

/// A line and a column, both from 1, as a place.
fn line_and_column(text: &str, (line, column): (isize, isize)) -> Option<(usize, usize)> {
    let before: usize =
        text.split_inclusive('\n').take(usize::try_from(line - 1).ok()?).map(str::len).sum();
    let column = usize::try_from(column - 1).ok()?;
    let within = text.get(before..)?.char_indices().nth(column).map_or(0, |(at, _)| at);
    let from = (before + within).min(text.len());
    Some((from, (from + 1).min(text.len())))
}

/// The part of the file where the fault is, where the expression stands there as it was read.
fn narrow(file: &File, text: &Spanned<String>, place: Option<(usize, usize)>) -> Span {
    let Some((from, to)) = place else { return text.at };
    let written = file.text.get(text.at.start..text.at.end).unwrap_or_default();
    match written.find(&text.value) {
        Some(within) => Span {
            start: text.at.start + within + from,
            end: text.at.start + within + to.max(from + 1),
        },
        None => text.at,
    }
}

unprinted!(Given, Outcome);

#[cfg(test)]
mod tests;
