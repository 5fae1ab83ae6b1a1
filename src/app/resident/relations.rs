//! Who a resident lives with: partner, parent and child, household, with how it is known.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::app::context::AppError;
use crate::resolution::block::{self, Kind};
use crate::resolution::profile::{self, Profile};
use crate::resolution::relation::{Because, Named, Relation, relation};
use crate::store::database::Database;
use crate::store::relations::{self, NearRow};

/// More people do not live with anybody: it is a hostel.
const MOST: usize = 30;

/// What somebody is, how that is known, and by which two parties: the nearest is the least.
type Link = (Relation, Because, [i64; 2]);

/// Another resident, and what they are to this one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Related {
    pub resident: i64,
    pub relation: &'static str,
    pub because: &'static str,
    /// The party of this resident and that of the other by which it is known.
    pub parties: [i64; 2],
}

impl Related {
    /// Those who stand near a resident, the nearest first.
    pub async fn of(database: &Database, id: i64) -> Result<Vec<Related>, AppError> {
        let mine = relations::of_residents(database, &[id]).await?;
        let mine: Vec<(NearRow, Profile)> = mine.into_iter().filter_map(read).collect();
        let accounts: Vec<i64> = mine.iter().map(|(row, _)| row.source_key_id).collect();
        let mut near = relations::of_records(database, &accounts).await?;
        near.extend(relations::of_keys(database, &homes(&mine)).await?);
        let mut found: BTreeMap<i64, Link> = BTreeMap::new();
        for (row, other) in near.into_iter().filter(|row| row.resident_id != id).filter_map(read) {
            for (own, profile) in &mine {
                let me = named(own, profile);
                let Some((what, because)) = relation(me, named(&row, &other)) else { continue };
                let one = (what, because, [own.id, row.id]);
                let best = found.entry(row.resident_id).or_insert(one);
                *best = one.min(*best);
            }
        }
        let mut all: Vec<(i64, Link)> = found.into_iter().collect();
        all.sort_by_key(|(resident, (what, because, _))| (*what, *because, *resident));
        all.truncate(MOST);
        let related = |(resident, (what, because, parties)): (i64, Link)| Related {
            resident,
            relation: what.word(),
            because: because.words(),
            parties,
        };
        Ok(all.into_iter().map(related).collect())
    }

    /// `  partner    resident 10007: a claim names them as claimant and partner`
    pub fn text(&self) -> String {
        format!("  {:<10} resident {}: {}\n", self.relation, self.resident, self.because)
    }
}

fn read(row: NearRow) -> Option<(NearRow, Profile)> {
    let profile = profile::unpack(row.source_key_id, row.profile.as_deref()?)?;
    Some((row, profile))
}

fn named<'n>(row: &'n NearRow, profile: &'n Profile) -> Named<'n> {
    Named { profile, role: &row.role, live: row.ended_ms.is_none() }
}

/// The keys of the homes in which these live.
fn homes(mine: &[(NearRow, Profile)]) -> Vec<i64> {
    let live = mine.iter().filter(|(row, _)| row.ended_ms.is_none());
    let keys = live.flat_map(|(_, profile)| block::keys(profile));
    let homes = keys.filter(|key| matches!(key.kind, Kind::Uprn | Kind::Unit | Kind::Street));
    let mut digests: Vec<i64> = homes.map(|key| key.digest).collect();
    digests.sort_unstable();
    digests.dedup();
    digests
}
