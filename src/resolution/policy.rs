//! The rules of `mappings/resident.toml`, ready to use: what makes two parties one resident, and whose
//! value wins.

use super::weigh::Weights;
use crate::record::schema::FieldId;

/// How parties become residents.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// What agreement weighs; nothing where no two parties are ever to be one resident.
    pub weights: Option<Weights>,
    /// Two parties are one resident when all fields of one of these are known of both and equal, and nothing says
    /// otherwise.
    pub exact: Vec<Vec<FieldId>>,
    /// Groups of fields whose value comes from the first of these sources that has one.
    pub prefer: Vec<(String, Vec<i64>)>,
    /// Groups of fields for which these sources have seen evidence.
    pub verified: Vec<(String, Vec<i64>)>,
    /// What decides where nothing else does.
    pub usual: Then,
    /// Groups of fields for which that is something else.
    pub then: Vec<(String, Then)>,
}

/// What decides among words that are as good as each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Then {
    /// The last one said.
    #[default]
    MostRecent,
    /// What the most systems say; of as many, the last one said.
    MostAgreed,
}

impl Policy {
    /// The place of a source in the order of preference for a group; the last where none is stated.
    pub fn rank(&self, group: &str, source_id: i64) -> usize {
        let preferred = self.prefer.iter().find(|(known, _)| known == group);
        let place = |sources: &Vec<i64>| sources.iter().position(|known| *known == source_id);
        preferred.and_then(|(_, sources)| place(sources)).unwrap_or(usize::MAX)
    }

    /// Whether a source has seen evidence for what it says of a field, or of its group.
    pub fn is_verified(&self, unit: &str, group: &str, source_id: i64) -> bool {
        let of = |(known, sources): &(String, Vec<i64>)| {
            (known == unit || known == group) && sources.contains(&source_id)
        };
        self.verified.iter().any(of)
    }

    /// What decides about a field: its own rule, that of its group, or the usual one.
    pub fn then(&self, unit: &str, group: &str) -> Then {
        let of = |name: &str| self.then.iter().find(|(known, _)| known == name);
        of(unit).or_else(|| of(group)).map_or(self.usual, |(_, then)| *then)
    }
}
