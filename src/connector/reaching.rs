//! The way to a server that is no web server: its name is looked up by us, each number that it leads to is
//! judged, and those numbers are connected to and no others.

use std::net::SocketAddr;

use super::address::{Lookup, Place, Reach};
use super::answering::{forbidden, unavailable};
use super::calling;
use super::channel::ConnectorError;
use super::definition::Surroundings;
use crate::definition::reader::Spanned;

/// The way to one server.
pub struct Way {
    place: Place,
    reach: Reach,
    lookup: Lookup,
}

impl Way {
    /// Judges a place before anybody is asked where its name leads.
    pub fn open(
        place: Place,
        allow: &[Spanned<String>],
        around: &Surroundings,
    ) -> Result<Way, ConnectorError> {
        let reach = calling::reach(allow, around)?;
        reach.judge(&place).map_err(|fault| forbidden(&fault))?;
        Ok(Way { place, reach, lookup: around.lookup.clone() })
    }

    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Every number that the place has, all of them judged: one bad among them, and nobody is called.
    pub async fn numbers(&self) -> Result<Vec<SocketAddr>, ConnectorError> {
        let found = match (self.place.number(), self.place.name()) {
            (Some(number), _) => vec![number],
            (None, Some(name)) => (self.lookup)(name.to_owned()).await.map_err(|error| {
                unavailable(format!("its name is not found: {}", error.kind()), None)
            })?,
            (None, None) => Vec::new(),
        };
        for number in &found {
            self.reach.judge_number(&self.place, *number).map_err(|fault| forbidden(&fault))?;
        }
        if found.is_empty() {
            return Err(unavailable("its name leads nowhere".to_owned(), None));
        }
        Ok(found.into_iter().map(|number| SocketAddr::new(number, self.place.port())).collect())
    }
}
