//! Finding residents by what is known of them.

use serde::Serialize;
use serde_json::{Value, json};

use crate::app::context::AppError;
use crate::app::sight::Sight;
use crate::record::facts::Facts;
use crate::record::schema;
use crate::record::search::{Given, Search};
use crate::store::database::Database;
use crate::store::people::{self, FOUND_MAX, Party, Resident, SEARCHED_MAX};

/// Who it may be, masked unless asked otherwise: enough to tell them apart, for whoever knows them.
#[derive(Debug)]
pub struct Candidates {
    residents: Vec<Candidate>,
    more: bool,
    stopped: bool,
}

#[derive(Debug, Serialize)]
struct Candidate {
    resident: i64,
    name: String,
    born: Option<String>,
    postcode: Option<String>,
    /// `council_tax 9•••3 (revenues, liable)`
    accounts: Vec<String>,
}

impl Candidates {
    pub async fn of(
        database: &Database,
        given: &Given,
        sight: Sight,
    ) -> Result<Candidates, AppError> {
        let search = Search::new(given).map_err(AppError::Asked)?;
        let mut found = people::find(database, &search, SEARCHED_MAX).await?;
        let more = found.residents.len() > FOUND_MAX;
        found.residents.truncate(FOUND_MAX);
        let rows = people::residents(database, &found.residents).await?;
        let parties = people::parties_of(database, &found.residents).await?;
        let residents = rows.iter().map(|row| Candidate::of(row, &parties, sight)).collect();
        Ok(Candidates { residents, more, stopped: found.stopped })
    }

    /// Their numbers.
    pub fn ids(&self) -> impl Iterator<Item = i64> {
        self.residents.iter().map(|found| found.resident)
    }

    /// For machines.
    pub fn json(&self) -> Value {
        json!({ "residents": self.residents, "more": self.more, "stopped": self.stopped })
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for found in &self.residents {
            let part = |part: &Option<String>| part.clone().unwrap_or_else(|| "unknown".to_owned());
            text.push_str(&format!(
                "{}  {} · born {} · {}\n",
                found.resident,
                found.name,
                part(&found.born),
                part(&found.postcode)
            ));
            for account in &found.accounts {
                text.push_str(&format!("    {account}\n"));
            }
        }
        match self.residents.len() {
            0 => text.push_str("Nobody was found. Try less: a family name with a postcode.\n"),
            _ if self.more => text.push_str(&format!(
                "\nThere are more than {FOUND_MAX}: say more of the resident.\n"
            )),
            _ => text.push_str("\nThe whole record: `viaduct resident show ID`.\n"),
        }
        if self.stopped {
            text.push_str(&format!(
                "Only the newest {SEARCHED_MAX} parties were looked at: a reference finds the others.\n"
            ));
        }
        text
    }
}

impl Candidate {
    fn of(row: &Resident, parties: &[Party], sight: Sight) -> Candidate {
        let facts = Facts::from_json(&row.facts, schema::PARTY).unwrap_or_default();
        let field = |name: &str| sight.field(schema::PARTY, &facts, schema::party_id(name)?);
        let own = parties.iter().filter(|party| party.resident_id == row.id);
        let account = |party: &Party| {
            let ended = if party.ended_ms.is_some() { ", ended" } else { "" };
            let gone = if party.gone_ms.is_some() { ", gone at its source" } else { "" };
            format!(
                "{} {} ({}, {}{ended}{gone})",
                party.account_kind.as_deref().unwrap_or("record"),
                sight.key(&party.reference),
                party.source,
                party.role
            )
        };
        Candidate {
            resident: row.id,
            name: sight.name(&facts),
            born: field("birth_date"),
            postcode: field("address.postcode"),
            accounts: own.map(account).collect(),
        }
    }
}
