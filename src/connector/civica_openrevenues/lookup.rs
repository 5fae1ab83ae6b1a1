//! One lookup: everything that is asked about a person, or about an account and everybody on it, on one
//! session that nobody else has meanwhile; and the records that come of it.
//!
//! Everybody who is asked about leaves a record, also who is not known there or has nothing there: a mapping
//! says that such records are left out, and they are counted.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::NaiveDate;
use xxhash_rust::xxh3::xxh3_64;

use super::composing;
use super::fault::Fault;
use super::operations::Payments;
use super::people::Unit;
use super::reply::Reply;
use super::session::{Pinned, Sessions};
use super::settings::{Module, Parts};
use super::writing::Writing;
use crate::record::document::NodeId;
use crate::record::personal::unprinted;

/// What is asked about each.
pub struct Lookup {
    pub sessions: Arc<Sessions>,
    pub module: Module,
    pub parts: Parts,
    /// The day in London.
    pub today: NaiveDate,
    /// Where only what changed is asked about whole: by a record's key, its summary when it was last taken.
    pub known: Option<HashMap<u64, u64>>,
}

/// A record that a lookup made.
#[derive(Clone, PartialEq, Eq)]
pub struct Composed {
    pub key: String,
    pub text: String,
    /// Why it can only be kept and held: code and cause.
    pub fault: Option<(&'static str, &'static str)>,
}

/// What a lookup brought.
#[derive(Default)]
pub struct Found {
    pub records: Vec<Composed>,
    /// By the digest of a record's key: the digest of its summary, to be remembered when it is stored.
    pub summaries: Vec<(u64, u64)>,
}

/// A row of a list that belongs to nobody, or to nothing.
const NO_PERSON: &str = "no_person";
const NO_ACCOUNT: &str = "no_account";
const NO_CLAIM: &str = "no_claim";
const YES: &str = "yes";

const ERROR: (&str, &str) = (
    "civica.error",
    "OpenRevenues answered with an error of its own in place of what was asked for",
);

impl Lookup {
    /// Looks one unit up.
    pub async fn of(&self, unit: &Unit) -> Result<Found, Fault> {
        let mut found = Found::default();
        let looked = match self.module {
            Module::CouncilTax => self.council_tax(unit, &mut found).await,
            Module::Benefits => self.benefits(unit, &mut found).await,
        };
        match looked {
            Err(Fault::Said) => {
                let key = format!("{}/none", unit.name());
                found.records.push(held(key, self.module));
            }
            looked => looked?,
        }
        Ok(found)
    }

    /// Everybody is asked who they are and what is theirs; then one of them about the accounts.
    async fn council_tax(&self, unit: &Unit, found: &mut Found) -> Result<(), Fault> {
        let mut lists: Vec<(&str, Reply)> = Vec::new();
        let mut last = None;
        for person in &unit.people {
            last.take().into_iter().for_each(Pinned::give_back);
            let Some(mut pinned) = self.sessions.pin(person).await? else { continue };
            lists.push((person, pinned.accounts().await?));
            last = Some(pinned);
        }
        if lists.is_empty() {
            found.records.push(nobody(unit, self.module, NO_PERSON));
        }
        // Who is on the list of people and not on the account is not of it.
        lists.retain(|(_, accounts)| !rows_of(accounts, unit).is_empty());
        let Some((person, _)) = lists.first() else {
            if found.records.is_empty() {
                found.records.push(nobody(unit, self.module, NO_ACCOUNT));
            }
            last.into_iter().for_each(Pinned::give_back);
            return Ok(());
        };
        let pinned = match last {
            Some(pinned) if pinned.person() == *person => Some(pinned),
            other => {
                other.into_iter().for_each(Pinned::give_back);
                self.sessions.pin(person).await?
            }
        };
        match pinned {
            Some(pinned) => self.accounts(unit, pinned, &lists, found).await,
            // They were known a moment ago.
            None => {
                found.records.push(nobody(unit, self.module, NO_PERSON));
                Ok(())
            }
        }
    }

    /// The accounts of the person whom the session remembers, who is the first of the lists.
    async fn accounts(
        &self,
        unit: &Unit,
        mut pinned: Pinned,
        lists: &[(&str, Reply)],
        found: &mut Found,
    ) -> Result<(), Fault> {
        let Some((person, own)) = lists.first() else { return Ok(()) };
        for row in rows_of(own, unit) {
            let reference = composing::reference_of(own, row).to_owned();
            let key = match &unit.account {
                Some(account) => account.clone(),
                None => format!("{person}/{reference}"),
            };
            let people = lists.iter().map(|(_, accounts)| accounts);
            let looked = self.account(&mut pinned, (own, row), people, &key).await;
            match looked {
                Ok(Some((text, summary))) => {
                    found.summaries.push(summary);
                    found.records.push(Composed { key, text, fault: None });
                }
                Ok(None) => {}
                Err(Fault::Said) => found.records.push(held(key, self.module)),
                Err(fault) => return Err(fault),
            }
        }
        pinned.give_back();
        Ok(())
    }

    /// One account, and what says whether it changed; none where only that was asked, and it did not.
    async fn account(
        &self,
        pinned: &mut Pinned,
        (own, row): (&Reply, NodeId),
        people: impl Iterator<Item = &Reply>,
        key: &str,
    ) -> Result<Option<(String, (u64, u64))>, Fault> {
        let reference = composing::reference_of(own, row);
        let mut writing = Writing::default();
        writing.open(self.module.record()).attribute("key", key).attribute("found", YES);
        composing::of_list(&mut writing, own, row);
        people.for_each(|accounts| composing::person(&mut writing, accounts));
        let mut selected = pinned.select(reference).await?;
        let year = composing::detail(&mut writing, &selected.detail, self.today);
        let summary = (xxh3_64(key.as_bytes()), xxh3_64(writing.so_far().as_bytes()));
        if self.known.as_ref().is_some_and(|known| known.get(&summary.0) == Some(&summary.1)) {
            return Ok(None);
        }
        if let Some(year) = year {
            if self.parts.transactions {
                composing::transactions(&mut writing, &selected.transactions(year).await?);
            }
            if self.parts.instalments {
                composing::instalments(&mut writing, &selected.instalments(year).await?);
            }
        }
        // Last, and whether they are wanted or not, since it says whose it is what came before: nobody else
        // moved the session's account meanwhile.
        if self.parts.properties || self.parts.transactions || self.parts.instalments {
            let properties = selected.properties().await?;
            if self.parts.properties {
                composing::properties(&mut writing, &properties);
            }
        }
        if self.parts.documents {
            composing::documents(&mut writing, &pinned.documents().await?, &[reference]);
            pinned.accounts().await?;
        }
        Ok(Some((writing.finish(), summary)))
    }

    async fn benefits(&self, unit: &Unit, found: &mut Found) -> Result<(), Fault> {
        for person in &unit.people {
            let alone = Unit { account: None, people: vec![person.clone()] };
            let Some(mut pinned) = self.sessions.pin(person).await? else {
                found.records.push(nobody(&alone, self.module, NO_PERSON));
                continue;
            };
            // The list of claims does not say whose it is; this does, and how they are reached.
            let accounts = pinned.accounts().await?;
            let claims = pinned.claims().await?;
            check_name(&accounts, &claims)?;
            let rows = claims.all("HBClaimDetails");
            if rows.is_empty() {
                found.records.push(nobody(&alone, self.module, NO_CLAIM));
            }
            for row in rows {
                let claim = claims.attribute(row, "ClaimNumber");
                let place = claims.attribute(row, "ClaimPlaceRef");
                let key = format!("{person}/{claim}/{place}");
                match self.claim(&mut pinned, &accounts, (&claims, row), &key).await {
                    Ok(Some((text, summary))) => {
                        found.summaries.push(summary);
                        found.records.push(Composed { key, text, fault: None });
                    }
                    Ok(None) => {}
                    Err(Fault::Said) => found.records.push(held(key, self.module)),
                    Err(fault) => return Err(fault),
                }
            }
            pinned.give_back();
        }
        Ok(())
    }

    async fn claim(
        &self,
        pinned: &mut Pinned,
        accounts: &Reply,
        (claims, row): (&Reply, NodeId),
        key: &str,
    ) -> Result<Option<(String, (u64, u64))>, Fault> {
        let claim = claims.attribute(row, "ClaimNumber");
        let mut writing = Writing::default();
        writing.open(self.module.record()).attribute("key", key).attribute("found", YES);
        composing::of_list(&mut writing, claims, row);
        composing::person(&mut writing, accounts);
        let detail = pinned.claim(claim, claims.attribute(row, "ClaimPlaceRef")).await?;
        check_name(accounts, &detail)?;
        composing::claim(&mut writing, &detail);
        let summary = (xxh3_64(key.as_bytes()), xxh3_64(writing.so_far().as_bytes()));
        if self.known.as_ref().is_some_and(|known| known.get(&summary.0) == Some(&summary.1)) {
            return Ok(None);
        }
        if self.parts.payments {
            for (name, of) in [
                ("HousingBenefit", Payments::HousingBenefit),
                ("CouncilTaxSupport", Payments::CouncilTaxSupport),
            ] {
                composing::payments(&mut writing, name, &pinned.payments(of).await?);
            }
        }
        if self.parts.documents {
            composing::documents(&mut writing, &pinned.documents().await?, &[claim]);
        }
        // They do not say whose they are; this does, and that nobody else moved the session meanwhile.
        if self.parts.payments || self.parts.documents {
            pinned.accounts().await?;
        }
        Ok(Some((writing.finish(), summary)))
    }
}

/// The accounts of a list that are asked about.
fn rows_of(accounts: &Reply, unit: &Unit) -> Vec<NodeId> {
    let wanted = |row: &NodeId| {
        let reference = composing::reference_of(accounts, *row);
        !reference.is_empty() && unit.account.as_deref().is_none_or(|only| only == reference)
    };
    accounts.all("CtaxActDetails").into_iter().filter(wanted).collect()
}

/// Where a reply names a person without their reference, the name must be theirs.
fn check_name(accounts: &Reply, reply: &Reply) -> Result<(), Fault> {
    let name = |reply: &Reply| {
        let node = reply.find("PersonName")?;
        let part = |name| reply.text_below(node, name).to_owned();
        Some((part("Forenames"), part("Surname")))
    };
    match (name(accounts), name(reply)) {
        (Some(theirs), Some(shown)) if theirs != shown => {
            Err(Fault::Mixed("another person's data"))
        }
        _ => Ok(()),
    }
}

/// The record of who was asked about and has nothing there.
fn nobody(unit: &Unit, module: Module, why: &str) -> Composed {
    let key = format!("{}/none", unit.name());
    let mut writing = Writing::default();
    writing.open(module.record()).attribute("key", &key).attribute("found", why);
    for person in &unit.people {
        writing.open("Person").said("PersonReference", person).close();
    }
    Composed { key, text: writing.finish(), fault: None }
}

/// What stands in a record's place where the system has nothing but an error.
fn held(key: String, module: Module) -> Composed {
    let mut writing = Writing::default();
    writing.open(module.record()).attribute("key", &key).attribute("found", "error");
    Composed { key, text: writing.finish(), fault: Some(ERROR) }
}

unprinted!(Composed, Found);
