//! What the parts of an expression are.

use crate::record::schema::Kind;

/// The type of a part. Dates are text: `2026-04-01` sorts as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    Text,
    /// Money is whole pence.
    Whole,
    Decimal,
    Flag,
    List(Box<Type>),
}

impl Type {
    pub fn of(kind: Kind) -> Type {
        match kind {
            Kind::Pence | Kind::Whole => Type::Whole,
            Kind::Decimal => Type::Decimal,
            Kind::Flag => Type::Flag,
            _ => Type::Text,
        }
    }

    /// As a message names it.
    pub fn noun(&self) -> String {
        match self {
            Type::Text => "a text".to_owned(),
            Type::Whole => "a whole number".to_owned(),
            Type::Decimal => "a decimal number".to_owned(),
            Type::Flag => "yes or no".to_owned(),
            Type::List(of) => format!("a list, each {}", of.noun()),
        }
    }
}
