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
}

impl Policy {
    /// The place of a source in the order of preference for a group; the last where none is stated.
    pub fn rank(&self, group: &str, source_id: i64) -> usize {
        let preferred = self.prefer.iter().find(|(known, _)| known == group);
        let place = |sources: &Vec<i64>| sources.iter().position(|known| *known == source_id);
        preferred.and_then(|(_, sources)| place(sources)).unwrap_or(usize::MAX)
    }
}
