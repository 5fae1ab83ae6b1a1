//! Names (comes from elsewhere).
pub enum PartyKind { Person, Estate, Organisation, Placeholder }
pub struct NamedParty { pub kind: PartyKind, pub title: String, pub given: String, pub middle: String, pub family: String, pub deceased: bool }
pub fn parse_names(_: &str) -> Vec<NamedParty> { vec![] }
