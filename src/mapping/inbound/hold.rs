//! A record of a hold: its fields and its debts become the hold that is asked for, in the words that every
//! door of holds takes. What cannot be understood holds the row, and leaves a hold that is there as it is.

use super::compile::{At, Field};
use super::story::Witness;
use super::{Place, Walk};
use crate::record::document::NodeId;
use crate::record::facts::{Facts, Value};
use crate::record::fragment::HoldFragment;
use crate::record::hold::Asked;
use crate::record::schema;

/// What separates debts that stand in one text.
const BETWEEN: [char; 2] = [';', '|'];
/// Why it is held, where the record says nothing of that.
const BY_FEED: &str = "its system says so";

/// `[hold]`, made ready.
#[derive(Debug)]
pub struct Hold {
    pub fields: Vec<Field>,
    pub debts: Vec<At>,
    /// The kinds that the council knows.
    pub kinds: Vec<String>,
}

impl<W: Witness> Walk<'_, W> {
    /// The hold that a record asks for; none where the row is held for what it says.
    pub(super) fn hold_of(&mut self, map: &Hold, root: NodeId) -> Option<HoldFragment> {
        let (mut facts, mut issues) = (Facts::default(), String::new());
        self.fill(&map.fields, root, Place::Hold, &mut facts, &mut issues);
        let debts = self.debts(map, root);
        if !self.held.is_empty() || self.failed.is_some() {
            return None;
        }
        let field = match asked(&facts, debts.clone()).read() {
            Ok(wanted) if !map.kinds.contains(&wanted.kind) => "kind",
            // A record that changes is to be the same hold.
            Ok(wanted) if wanted.reference.is_none() => "reference",
            Ok(wanted) => {
                let lifted = flag(&facts, "lifted");
                return Some(HoldFragment { wanted, lifted, facts, debts, issues });
            }
            Err(fault) => fault.field,
        };
        self.hold(Place::Hold.issue(field, &format!("hold.{field}")));
        None
    }

    /// Every place at the paths, and each part of its text.
    fn debts(&mut self, map: &Hold, root: NodeId) -> Vec<String> {
        let mut debts = Vec::new();
        for at in &map.debts {
            for node in self.each(at, root, Place::Hold, "debts") {
                let text = self.record.text(node);
                if self.is_too_much(text.len()) {
                    return debts;
                }
                let parts = text.split(BETWEEN).map(str::trim).filter(|part| !part.is_empty());
                debts.extend(parts.map(str::to_owned));
            }
        }
        debts
    }
}

fn flag(facts: &Facts, name: &str) -> bool {
    let value = schema::hold_id(name).and_then(|id| facts.get(id));
    value == Some(&Value::Flag(true))
}

/// In the words of every other door.
fn asked(facts: &Facts, debts: Vec<String>) -> Asked {
    let said = |name: &str| Some(facts.get(schema::hold_id(name)?)?.to_text());
    Asked {
        kind: said("kind").unwrap_or_default(),
        resident: said("resident"),
        nino: said("nino"),
        birth_date: said("birth_date"),
        source: said("source"),
        key: said("key"),
        party: said("party"),
        account: said("account"),
        debts,
        from: said("from"),
        until: said("until"),
        reference: said("reference"),
        reason: said("reason").or_else(|| Some(BY_FEED.to_owned())),
    }
}
