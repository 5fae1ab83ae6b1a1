//! The suppression gate: the only maker of `Cleared`, and so the only way to a destination.
//!
//! It is asked as the last step before a send, with what is known of the resident at that moment: a
//! hold or a death that arrived after the delivery was made wins. It judges by the council's policy,
//! asks nobody and keeps nothing.

use crate::record::delivery::{Channel, Contact, Content, Delivery};
use crate::record::facts::{Facts, Value};
use crate::record::hold::InForce;
use crate::record::moment::Moment;
use crate::record::schema;
use crate::record::value::email::Email;
use crate::record::value::phone::Phone;
use crate::record::value::postcode::Postcode;
use crate::suppression::policy::{Cap, Joint, Policy, Quiet, Stops};

/// Something that the gate let through. It cannot be made anywhere else, and a destination takes
/// nothing else:
///
/// ```
/// use viaduct::connector::channel::Destination;
/// use viaduct::record::delivery::Delivery;
/// use viaduct::suppression::gate::Cleared;
/// async fn send(to: &dyn Destination, cleared: Cleared<Delivery>) {
///     to.deliver(&[cleared]).await;
/// }
/// ```
///
/// What the gate has not seen does not compile,
///
/// ```compile_fail,E0308
/// use viaduct::connector::channel::Destination;
/// use viaduct::record::delivery::Delivery;
/// async fn send(to: &dyn Destination, uncleared: Delivery) {
///     to.deliver(&[uncleared]).await;
/// }
/// ```
///
/// and nobody but the gate can say that it has.
///
/// ```compile_fail,E0423
/// use viaduct::record::delivery::Delivery;
/// use viaduct::suppression::gate::Cleared;
/// fn forge(uncleared: Delivery) -> Cleared<Delivery> {
///     Cleared(uncleared)
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cleared<T>(T);

impl<T> Cleared<T> {
    /// What was let through.
    pub fn get(&self) -> &T {
        &self.0
    }
}

/// What the gate knows of the person at the moment of sending.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    /// Absent where the resident is not known any more: then nothing leaves.
    pub resident: Option<Facts>,
    /// Holds in force now that name the resident.
    pub holds: Vec<InForce>,
    /// Holds in force that name others who are liable, by account.
    pub joint: Vec<(i64, InForce)>,
    /// Accounts that are on hold in their own system.
    pub accounts_on_hold: Vec<i64>,
    /// Kind and facts of accounts, where the policy asks for them.
    pub accounts: Vec<(i64, String, Facts)>,
    /// What was sent to them lately, where the policy counts it.
    pub contacts: Vec<Contact>,
    /// What may be leaving for them at this moment, in somebody else's hands.
    pub in_hand: Vec<Contact>,
    /// Whether this hub serves real residents: then values that no real resident has are refused.
    pub production: bool,
    /// The moment, UTC milliseconds.
    pub now_ms: i64,
}

/// Why a delivery stays here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withheld {
    /// `suppressed.deceased`, `suppressed.hold`, `suppressed.consent`, …
    pub code: &'static str,
    pub reason: String,
    /// When it may be judged again, if that is known (UTC milliseconds).
    pub until_ms: Option<i64>,
}

/// Why something is kept back that no hold of this hub stops.
pub const ACCOUNT_ON_HOLD: &str = "an account is on hold in its own system";
/// How soon a message is judged again that waits for what became of another, and by how many seconds more at
/// most.
const SOON_MS: i64 = 60_000;
const SOON_S: i64 = 60;

/// Judges one delivery.
pub fn clear(
    delivery: Delivery,
    standing: &Standing,
    policy: &Policy,
) -> Result<Cleared<Delivery>, Box<(Delivery, Withheld)>> {
    match reason_to_withhold(&delivery, standing, policy) {
        Some(withheld) => Err(Box::new((delivery, withheld))),
        None => Ok(Cleared(delivery)),
    }
}

fn reason_to_withhold(
    delivery: &Delivery,
    standing: &Standing,
    policy: &Policy,
) -> Option<Withheld> {
    let withheld = |code, reason: &str| Some(withheld(code, reason.to_owned(), None));
    let Some(resident) = &standing.resident else {
        return withheld("suppressed.unknown", "the resident is not known any more");
    };
    if is_dead(resident) {
        return withheld("suppressed.deceased", "the resident has died");
    }
    if let Some(held) = by_a_hold(delivery, standing, policy) {
        return Some(held);
    }
    let kind = field(resident, "kind").and_then(text);
    if kind.is_some_and(|kind| kind != "person") {
        return withheld("suppressed.not_a_person", "the party is not a living person");
    }
    let consent = field(resident, "consent.contact");
    if consent == Some(&Value::Flag(false)) && delivery.needs_consent {
        return withheld("suppressed.consent", "the resident does not want to be contacted");
    }
    if delivery.needs_consent && consent.is_none() {
        return withheld("suppressed.consent", "the resident has not agreed to be contacted");
    }
    if standing.production && goes_to_test_range(delivery) {
        return withheld("suppressed.test_range", "the address is of a range for tests");
    }
    by_the_hour(delivery, standing, policy).or_else(|| by_a_cap(delivery, standing, policy))
}

fn withheld(code: &'static str, reason: String, until_ms: Option<i64>) -> Withheld {
    Withheld { code, reason, until_ms }
}

/// Holds, of this hub and of the account's own system. Who opens a link to pay is never stopped: a
/// hold stops asking, and not paying.
fn by_a_hold(delivery: &Delivery, standing: &Standing, policy: &Policy) -> Option<Withheld> {
    if delivery.content.payment().is_some() {
        return None;
    }
    let account = |(id, kind, facts): &'_ (i64, String, Facts)| {
        (Some(*id) == delivery.account_id).then(|| (kind.clone(), facts.clone()))
    };
    let account = standing.accounts.iter().find_map(account);
    let today = Moment(standing.now_ms).day();
    let of_debt = |hold: &InForce, account_id: Option<i64>| {
        let account = account.as_ref().map(|(kind, facts)| (kind.as_str(), facts));
        let kind = policy.kind(&hold.kind);
        delivery.collection
            && hold.covers(account_id)
            && kind.is_none_or(|kind| kind.covers(account, today))
    };
    // Another system that is told is nobody who is contacted. A kind that the policy does not know any
    // more stops whatever it may have stopped.
    let is_contact = delivery.content.push().is_none();
    let own = |hold: &&InForce| match policy.kind(&hold.kind).map(|kind| kind.stops) {
        Some(Stops::AllContact) | None if is_contact => true,
        _ => of_debt(hold, delivery.account_id),
    };
    let jointly = policy.joint == Joint::HoldForAll;
    // What is of no known debt may be of any that others owe with them.
    let may_be_of = |account: i64| delivery.account_id.is_none_or(|own| own == account);
    let joint = (standing.joint.iter())
        .filter(|(account, hold)| jointly && may_be_of(*account) && of_debt(hold, Some(*account)))
        .map(|(_, hold)| hold);
    let all: Vec<&InForce> = standing.holds.iter().filter(own).chain(joint).collect();
    // The one that lasts longest says when there is a point in judging again.
    let last = all.into_iter().max_by_key(|hold| hold.until_ms.unwrap_or(i64::MAX));
    if let Some(hold) = last {
        let named = standing.holds.iter().any(|own| own.id == hold.id);
        let whose = if named { "" } else { ", of somebody who is liable too" };
        let reason = format!("a hold is in force: {}{whose}", hold.kind);
        return Some(withheld("suppressed.hold", reason, hold.until_ms));
    }
    let on_hold = match delivery.account_id {
        Some(account) => standing.accounts_on_hold.contains(&account),
        None => !standing.accounts_on_hold.is_empty(),
    };
    (delivery.collection && on_hold)
        .then(|| withheld("suppressed.hold", ACCOUNT_ON_HOLD.to_owned(), None))
}

fn by_the_hour(delivery: &Delivery, standing: &Standing, policy: &Policy) -> Option<Withheld> {
    let Content::Message(message) = &delivery.content else { return None };
    let ends = |quiet: &Quiet| quiet.ends(message.channel, &delivery.purpose, standing.now_ms);
    let ends = policy.quiet.iter().filter_map(ends).max()?;
    let reason = "these are hours at which nobody is written to".to_owned();
    Some(withheld("suppressed.quiet_hours", reason, Some(ends.0)))
}

fn by_a_cap(delivery: &Delivery, standing: &Standing, policy: &Policy) -> Option<Withheld> {
    let Content::Message(message) = &delivery.content else { return None };
    let (channel, collection) = (message.channel, delivery.collection);
    let contact = Contact { channel, collection, at_ms: standing.now_ms };
    let frees = |contacts: &[Contact]| {
        let frees = |cap: &Cap| cap.frees(contact, &delivery.purpose, contacts);
        policy.caps.iter().filter_map(frees).max()
    };
    let all = [&standing.contacts[..], &standing.in_hand].concat();
    frees(&all)?;
    // What is in hand may stay here after all: that is known soon. Two that find each other in hand do not
    // come back together.
    let soon_ms = standing.now_ms + SOON_MS + delivery.id % SOON_S * 1_000;
    let frees_ms = frees(&standing.contacts).unwrap_or(soon_ms);
    let reason = "the resident was contacted as often as may be".to_owned();
    Some(withheld("suppressed.cap", reason, Some(frees_ms)))
}

fn is_dead(resident: &Facts) -> bool {
    field(resident, "death_date").is_some()
        || field(resident, "deceased") == Some(&Value::Flag(true))
}

fn goes_to_test_range(delivery: &Delivery) -> bool {
    let Content::Message(message) = &delivery.content else { return false };
    match (message.channel, &message.to) {
        (Channel::Email, Some(to)) => Email::parse(to).is_ok_and(|to| to.is_test_range()),
        (Channel::Sms, Some(to)) => Phone::parse(to).is_ok_and(|to| to.is_test_range()),
        (Channel::Letter, _) => message.fields.iter().any(|(name, value)| {
            (name == "postcode" || name.starts_with("address_line_"))
                && Postcode::parse(value).is_ok_and(|postcode| postcode.is_test_range())
        }),
        _ => false,
    }
}

fn field<'f>(facts: &'f Facts, name: &str) -> Option<&'f Value> {
    facts.get(schema::party_id(name)?)
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::delivery::{Form, Message, Payment, Push};
    use crate::suppression::policy::{CurrentYear, DAY_MS, HoldKind};

    fn delivery(needs_consent: bool, to: &str) -> Delivery {
        let channel = Channel::Email;
        let to = Some(to.to_owned());
        Delivery {
            id: 1,
            resident_id: 1,
            purpose: "council_tax_service".into(),
            needs_consent,
            collection: false,
            account_id: None,
            reference: "r-1".into(),
            content: Content::Message(Message {
                channel,
                template: "t".into(),
                to,
                fields: vec![],
            }),
            attempts: 0,
            intent: 1,
            fence: 1,
            doubt_until_ms: None,
            unanswered_since_ms: None,
        }
    }

    fn collection(account_id: Option<i64>) -> Delivery {
        Delivery { collection: true, account_id, ..delivery(false, "ann@example.com") }
    }

    fn hold(id: i64, kind: &str, until_ms: Option<i64>, debts: &[i64]) -> InForce {
        InForce { id, kind: kind.to_owned(), until_ms, debts: debts.to_vec() }
    }

    fn resident(values: &[(&str, Value)]) -> Option<Facts> {
        let mut facts = Facts::default();
        for (name, value) in values {
            facts.set(schema::party_id(name).unwrap(), value.clone());
        }
        Some(facts)
    }

    fn open() -> Standing {
        Standing { resident: resident(&[]), ..Standing::default() }
    }

    fn judged(delivery: Delivery, standing: &Standing, policy: &Policy) -> Option<Withheld> {
        clear(delivery, standing, policy).err().map(|kept| kept.1)
    }

    fn code(delivery: Delivery, standing: &Standing, policy: &Policy) -> Option<&'static str> {
        judged(delivery, standing, policy).map(|withheld| withheld.code)
    }

    #[test]
    fn what_is_known_at_the_moment_of_sending_decides() {
        let text = |text: &str| Value::Text(text.into());
        let with = |values: &[(&str, Value)]| Standing { resident: resident(values), ..open() };
        let consent = |agreed| with(&[("consent.contact", Value::Flag(agreed))]);
        for (standing, needs_consent, wanted) in [
            (open(), false, None),
            (Standing::default(), false, Some("suppressed.unknown")),
            (with(&[("death_date", text("2026-01-01"))]), false, Some("suppressed.deceased")),
            (with(&[("deceased", Value::Flag(true))]), false, Some("suppressed.deceased")),
            (with(&[("kind", text("estate"))]), false, Some("suppressed.not_a_person")),
            (open(), true, Some("suppressed.consent")),
            (consent(false), true, Some("suppressed.consent")),
            (consent(true), true, None),
            (Standing { production: true, ..open() }, false, Some("suppressed.test_range")),
        ] {
            let delivery = delivery(needs_consent, "ann@example.com");
            assert_eq!(code(delivery, &standing, &Policy::default()), wanted, "{standing:?}");
        }
    }

    #[test]
    fn a_hold_stops_collection_of_its_debts_and_nothing_else() {
        let held = Some("suppressed.hold");
        let service = || delivery(false, "ann@example.com");
        let own =
            |kind, debts: &[i64]| Standing { holds: vec![hold(1, kind, None, debts)], ..open() };
        let joint = |debts: &[i64]| Standing {
            joint: vec![(7, hold(1, "dispute", None, debts))],
            ..open()
        };
        let on_hold = Standing { accounts_on_hold: vec![7], ..open() };
        for (delivery, standing, wanted) in [
            (collection(Some(7)), own("breathing_space", &[]), held),
            (service(), own("breathing_space", &[]), None),
            (collection(Some(7)), own("dispute", &[7]), held),
            (collection(Some(8)), own("dispute", &[7]), None),
            (collection(None), own("dispute", &[7]), held),
            // A debt that is not known yet may be any of theirs.
            (collection(Some(8)), own("dispute", &[7, 0]), held),
            // What such a hold stops is not known any more.
            (service(), own("forgotten", &[7]), held),
            (collection(Some(7)), joint(&[]), held),
            (collection(Some(8)), joint(&[]), None),
            (collection(Some(7)), joint(&[9]), None),
            (service(), joint(&[]), None),
            // What is of no known debt may be of the one they share; and is of no other that others owe.
            (collection(None), joint(&[]), held),
            (collection(None), joint(&[7]), held),
            (collection(None), joint(&[9]), None),
            (collection(Some(7)), on_hold.clone(), held),
            (collection(Some(8)), on_hold.clone(), None),
            (collection(None), on_hold.clone(), held),
            (service(), on_hold, None),
        ] {
            let said = format!("{delivery:?} {standing:?}");
            assert_eq!(code(delivery, &standing, &Policy::default()), wanted, "{said}");
        }
    }

    #[test]
    fn the_policy_says_what_a_hold_stops_and_whom_it_protects() {
        let mut policy = Policy::default();
        let stops = Stops::AllContact;
        policy.kinds.push(HoldKind { stops, ..HoldKind::named("no_contact") });
        let standing = Standing { holds: vec![hold(1, "no_contact", None, &[7])], ..open() };
        let service = delivery(false, "ann@example.com");
        assert_eq!(code(service.clone(), &standing, &policy), Some("suppressed.hold"));
        // Whoever opens the link to pay may pay.
        let payment = Content::Payment(Payment {
            amount_pence: 1,
            reference: "1".to_owned(),
            description: "1".to_owned(),
            link: String::new(),
            account_id: Some(7),
        });
        let paying = Delivery { content: payment, collection: true, ..service };
        assert_eq!(code(paying, &standing, &policy), None);
        let told = Content::Push(Push {
            event: "resident.address_changed".to_owned(),
            key: 1,
            version: 1,
            composed_ms: 0,
            form: Form::Json,
            body: String::new(),
        });
        let telling = Delivery { content: told, ..delivery(false, "") };
        assert_eq!(code(telling.clone(), &standing, &policy), None);
        let chasing = Delivery { collection: true, account_id: Some(7), ..telling };
        assert_eq!(code(chasing, &standing, &policy), Some("suppressed.hold"));
        let joint = Standing { joint: vec![(7, hold(1, "dispute", None, &[]))], ..open() };
        policy.joint = Joint::NamedOnly;
        assert_eq!(code(collection(Some(7)), &joint, &policy), None);
        let current_year = CurrentYear::CoveredAfterDefault;
        policy.kinds.push(HoldKind { current_year, ..HoldKind::named("later") });
        let mut facts = Facts::default();
        facts.set_list(0, vec![vec![(1, Value::Text("2030-01-01".to_owned()))]]);
        let mut standing = Standing { holds: vec![hold(1, "later", None, &[])], ..open() };
        standing.accounts = vec![(7, "council_tax".to_owned(), facts)];
        assert_eq!(code(collection(Some(7)), &standing, &policy), None);
        standing.now_ms = 2_000_000_000_000;
        assert_eq!(code(collection(Some(7)), &standing, &policy), None, "nothing was unpaid");
        assert_eq!(code(collection(Some(8)), &standing, &policy), Some("suppressed.hold"));
    }

    #[test]
    fn the_hold_that_lasts_longest_says_when_it_is_judged_again() {
        let until = |ends: &[Option<i64>]| {
            let holds = ends.iter().enumerate();
            let holds = holds.map(|(id, until)| hold(id as i64, "dispute", *until, &[])).collect();
            let standing = Standing { holds, ..open() };
            judged(collection(None), &standing, &Policy::default()).unwrap().until_ms
        };
        assert_eq!(until(&[Some(5), Some(9), Some(7)]), Some(9));
        assert_eq!(until(&[Some(5), None, Some(7)]), None);
    }

    #[test]
    fn quiet_hours_and_caps_make_it_wait_and_a_hold_goes_before_them() {
        let quiet = Quiet {
            channels: vec![],
            from_minute: 0,
            until_minute: 60,
            except: vec!["urgent".to_owned()],
        };
        let cap = Cap {
            channels: vec![Channel::Email],
            most: 1,
            days: 7,
            collection_only: false,
            except: vec![],
        };
        let policy = Policy { quiet: vec![quiet], caps: vec![cap], ..Policy::default() };
        let night = 1_800_000_000_000 / DAY_MS * DAY_MS;
        let contacts =
            vec![Contact { channel: Channel::Email, collection: false, at_ms: night - DAY_MS }];
        let mut standing = Standing { now_ms: night, contacts, ..open() };
        let service = delivery(false, "ann@example.com");
        let told = judged(service.clone(), &standing, &policy).unwrap();
        assert_eq!(
            (told.code, told.until_ms),
            ("suppressed.quiet_hours", Some(night + DAY_MS / 24))
        );
        let urgent = Delivery { purpose: "urgent".to_owned(), ..service.clone() };
        let told = judged(urgent, &standing, &policy).unwrap();
        assert_eq!((told.code, told.until_ms), ("suppressed.cap", Some(night + 6 * DAY_MS)));
        standing.now_ms += 6 * DAY_MS + DAY_MS / 24;
        assert_eq!(judged(service, &standing, &policy), None);
        standing.now_ms = night;
        standing.holds = vec![hold(1, "dispute", None, &[])];
        assert_eq!(code(collection(None), &standing, &policy), Some("suppressed.hold"));
    }
}
