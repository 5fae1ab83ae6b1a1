//! Remaking: a held delivery is composed anew from the change that it tells of, with the mapping as it is
//! now and what is known now of the resident and the account. The new one takes the old one's place, under
//! a new reference; there are never both.
//!
//! Only what cannot have taken effect is remade. What the mapping does not tell any more, and what still
//! cannot be said, stays held: a person has the last word on it.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{Making, in_doubt, undecided};
use crate::job::resolve::telling::{Made, Tell, Telling, Told};
use crate::mapping::outbound::{Change, Heard, Outbound, Subject};
use crate::record::delivery::Content;
use crate::record::facts::{Difference, Facts, differences_from_json};
use crate::record::payment_link::Links;
use crate::record::schema;
use crate::store::again::{self, Occasion, PaymentOf};
use crate::store::bulk::Verdict;
use crate::store::database::{StoreError, Transaction};
use crate::store::deliveries::Delivery;
use crate::store::ids::Ids;
use crate::store::residents::{self, PartyRow, read_facts};

/// What deliveries are made with now; filled by `app` from the definitions.
#[derive(Debug)]
pub struct Anew {
    /// By their names.
    pub mappings: BTreeMap<String, Listener>,
    pub links: Links,
}

/// An outbound mapping as it is now.
#[derive(Debug)]
pub struct Listener {
    pub outbound: Outbound,
    /// Only changes that these systems bring are told. Empty means all of them.
    pub sources: Vec<String>,
}

/// Why one stays as it is.
pub type Stays = Result<(), String>;

pub(super) async fn judge(
    transaction: &mut Transaction,
    rows: &[&Delivery],
    anew: &Anew,
    mark: &str,
    now_ms: i64,
) -> Result<(Vec<Verdict>, Making), StoreError> {
    // A message, and the payment that it asks for.
    let mut ids = again::alone(transaction, 2 * rows.len()).await?;
    let known = Known::of(transaction, rows, now_ms).await?;
    let remaking = Remaking { anew, known, mark, now_ms };
    let (mut making, mut verdicts) = (Making::default(), Vec::with_capacity(rows.len()));
    for row in rows {
        verdicts.push(match remaking.remake(row, &mut ids, &mut making) {
            Ok(remade) => remade,
            Err(why) => Verdict::left(why),
        });
    }
    Ok((verdicts, making))
}

/// What is known of these deliveries, and of whom and what they speak.
struct Known {
    occasions: HashMap<i64, Occasion>,
    unanswered: HashSet<i64>,
    newer: HashMap<i64, i64>,
    /// By their messages.
    payments: HashMap<i64, PaymentOf>,
    residents: HashMap<i64, (i64, Facts)>,
    accounts: HashMap<i64, Facts>,
    parties: Vec<PartyRow>,
}

impl Known {
    async fn of(
        transaction: &mut Transaction,
        rows: &[&Delivery],
        now_ms: i64,
    ) -> Result<Known, StoreError> {
        let fit = rows.iter().filter(|row| may_be_remade(row, now_ms).is_ok());
        let fit: Vec<&Delivery> = fit.copied().collect();
        let ids: Vec<i64> = fit.iter().map(|row| row.id).collect();
        let distinct = |numbers: HashSet<i64>| numbers.into_iter().collect::<Vec<i64>>();
        let of_residents = distinct(fit.iter().map(|row| row.resident_id).collect());
        let of_accounts = distinct(fit.iter().filter_map(|row| row.account_id).collect());
        let mut residents = HashMap::new();
        for row in residents::residents(transaction, &of_residents).await? {
            let facts = read_facts(&row.facts, schema::PARTY, "resident", row.id)?;
            residents.insert(row.id, (row.version, facts));
        }
        let mut accounts = HashMap::new();
        for row in residents::accounts(transaction, &of_accounts).await? {
            let facts = read_facts(&row.facts, schema::ACCOUNT, "account", row.id)?;
            accounts.insert(row.id, facts);
        }
        let payments = again::payments(transaction, &ids).await?;
        Ok(Known {
            occasions: again::occasions(transaction, &ids).await?,
            unanswered: again::unanswered(transaction, &ids).await?,
            newer: again::newer(transaction, &ids).await?,
            payments: payments.into_iter().map(|one| (one.message_id, one)).collect(),
            residents,
            accounts,
            parties: residents::parties_of_keys(transaction, &of_accounts).await?,
        })
    }

    /// The roles that a resident has on an account.
    fn roles(&self, account: i64, resident: i64) -> impl Iterator<Item = &PartyRow> {
        let theirs =
            move |row: &&PartyRow| row.source_key_id == account && row.resident_id == resident;
        self.parties.iter().filter(theirs)
    }
}

/// Whether it may be remade, as far as it says so itself.
pub fn may_be_remade(row: &Delivery, now_ms: i64) -> Stays {
    if let Some(why) = undecided(row).or_else(|| in_doubt(row, now_ms)) {
        return Err(why.to_owned());
    }
    if row.cause_code.as_deref() == Some("push.409") {
        let why =
            "the system says that this conflicts with what it has, and may have it: ask its owner";
        return Err(why.to_owned());
    }
    match Content::from_json(&row.message) {
        Some(Content::Payment(_)) => {
            Err("it is a payment: it is made anew with the message that brings its link".to_owned())
        }
        _ => Ok(()),
    }
}

struct Remaking<'a> {
    anew: &'a Anew,
    known: Known,
    mark: &'a str,
    now_ms: i64,
}

/// What is to be told, of which change.
struct Occurred {
    event_id: i64,
    subject: Subject,
    account_id: Option<i64>,
    kind: &'static str,
    differences: Vec<Difference>,
}

impl Remaking<'_> {
    /// Makes one anew; or says why it stays.
    fn remake(
        &self,
        row: &Delivery,
        ids: &mut Ids,
        making: &mut Making,
    ) -> Result<Verdict, String> {
        may_be_remade(row, self.now_ms)?;
        if self.known.unanswered.contains(&row.id) {
            return Err(
                "an attempt at it was never answered and may have taken effect: it keeps its \
                        reference; release it, or dismiss it"
                    .to_owned(),
            );
        }
        let payment = self.known.payments.get(&row.id);
        if payment.is_some_and(|payment| !payment.is_untouched) {
            return Err(
                "the payment that goes with it was begun: release it, or dismiss it".to_owned()
            );
        }
        let listener = self.listener(row)?;
        let occurred = self.occurred(row)?;
        self.must_hear(listener, row, &occurred)?;
        let Some((version, resident)) = self.known.residents.get(&row.resident_id) else {
            return Err("the resident is not known any more".to_owned());
        };
        let account = occurred.account_id.and_then(|id| self.known.accounts.get(&id));
        if occurred.subject == Subject::Account && account.is_none() {
            return Err("the account is not known any more".to_owned());
        }
        let telling = Telling {
            batch_id: row.batch_id,
            mark: self.mark,
            now_ms: self.now_ms,
            links: &self.anew.links,
        };
        let told = Told {
            event_id: occurred.event_id,
            resident_id: row.resident_id,
            version: *version,
            account_id: occurred.account_id,
            about: Change { resident, account, differences: &occurred.differences },
            again_of: Some(row.id),
        };
        let mut made = Made::default();
        let (by, paid) = match telling.tell(&listener.outbound, told, ids, &mut made) {
            Tell::Made { id, payment } => (id, payment),
            Tell::Nothing => {
                return Err(
                    "its mapping leaves this change out now (`when`): dismiss it".to_owned()
                );
            }
            Tell::Unsaid(why) => {
                return Err(format!("it still cannot be made: {} ({})", why.code, why.cause));
            }
        };
        making.deliveries.extend(made);
        making.ended.extend(payment.map(|one| (one.id, one.fence, paid.unwrap_or(by))));
        let note = differs(row, &listener.outbound, payment.is_some(), paid.is_some());
        Ok(Verdict::Remade { by, note })
    }

    /// The change that it tells of.
    fn occurred(&self, row: &Delivery) -> Result<Occurred, String> {
        let unknown = || "the change that it tells of is not known any more".to_owned();
        let occasion = self.known.occasions.get(&row.id).ok_or_else(unknown)?;
        if row.change_event_id == 0 {
            // That an account is gone is told without an event of its own.
            let account_id = Some(row.account_id.ok_or_else(unknown)?);
            let (subject, differences) = (Subject::Account, Vec::new());
            return Ok(Occurred { event_id: 0, subject, account_id, kind: "gone", differences });
        }
        let kind = ["created", "changed", "gone", "returned"]
            .into_iter()
            .find(|kind| Some(*kind) == occasion.kind.as_deref())
            .ok_or_else(unknown)?;
        let (subject, account_id) = match occasion.subject.as_deref() {
            Some("account") => (Subject::Account, occasion.subject_id),
            _ => (Subject::Resident, None),
        };
        let read = |changes: &String| differences_from_json(changes, subject.table());
        let differences = match &occasion.changes {
            Some(changes) => read(changes).ok_or_else(unknown)?,
            None => Vec::new(),
        };
        let event_id = row.change_event_id;
        Ok(Occurred { event_id, subject, account_id, kind, differences })
    }

    /// The mapping that made it, as it is now.
    fn listener(&self, row: &Delivery) -> Result<&Listener, String> {
        self.anew
            .mappings
            .get(&row.mapping)
            .ok_or_else(|| format!("there is no mapping `{}` any more: dismiss it", row.mapping))
    }

    /// That the mapping would make it now, of that change and for that resident.
    fn must_hear(&self, listener: &Listener, row: &Delivery, occurred: &Occurred) -> Stays {
        let outbound = &listener.outbound;
        if outbound.newest_only
            && let Some(newer) = self.known.newer.get(&row.id)
        {
            return Err(format!(
                "delivery {newer} is newer and says what is so now: dismiss this one"
            ));
        }
        let Occurred { subject, account_id, kind, differences, .. } = occurred;
        let source = self.known.occasions.get(&row.id).and_then(|one| one.source.as_ref());
        let of_source = listener.sources.is_empty()
            || source.is_some_and(|source| listener.sources.contains(source));
        if !of_source || !outbound.hears(Heard { subject: *subject, kind, differences }) {
            return Err(
                "its mapping does not hear of such a change any more: dismiss it".to_owned()
            );
        }
        if let Some(account) = account_id {
            let mut roles = self.known.roles(*account, row.resident_id);
            if !roles.any(|party| party.ended_ms.is_none() && outbound.tells(&party.role)) {
                return Err("nobody whom its mapping tells of this account is that resident any \
                            more: dismiss it"
                    .to_owned());
            }
        }
        Ok(())
    }
}

/// What is other than it was then, for whoever asked for it.
fn differs(row: &Delivery, outbound: &Outbound, paid: bool, pays: bool) -> Option<String> {
    let mut said = Vec::new();
    if row.destination != outbound.destination {
        said.push(format!(
            "it goes to {} now, and went to {}",
            outbound.destination, row.destination
        ));
    }
    match (paid, pays) {
        (true, false) => said.push("its mapping asks for no payment any more".to_owned()),
        (false, true) => said.push("its mapping asks for a payment now".to_owned()),
        _ => {}
    }
    if row.collection != outbound.collection {
        said.push(match outbound.collection {
            true => "it counts as collection now".to_owned(),
            false => "it does not count as collection any more".to_owned(),
        });
    }
    Some(said.join("; ")).filter(|said| !said.is_empty())
}
