//! The outbound translator: a change event, for those who listen, becomes a message.
//!
//! It decides who hears and what is said. Whether it may be said is the suppression gate's question.

use chrono::NaiveDate;

use super::definition::{
    FieldRef, MessageMap, OutboundMapping, PaymentMap, PaymentPart, PaymentValue, PushMap,
    PushSaid, PushValue, Said, Subject as Of,
};
use super::expression::{Expression, Failure, Given, Outcome, Slot};
use crate::record::delivery::{Channel, Message, Payment};
use crate::record::facts::{Difference, Facts, Value};
use crate::record::schema::{self, Field, FieldId, Kind};
use crate::record::value::pence::Pence;
use crate::record::value::phone::{Phone, PhoneKind};

/// What a change event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    Account,
    Resident,
}

impl Subject {
    /// The word in tables and definitions.
    pub fn word(self) -> &'static str {
        match self {
            Subject::Account => "account",
            Subject::Resident => "resident",
        }
    }

    /// The fields that it has.
    pub fn table(self) -> &'static [Field] {
        match self {
            Subject::Account => schema::ACCOUNT,
            Subject::Resident => schema::PARTY,
        }
    }
}

/// A change, as those who listen see it.
#[derive(Debug, Clone, Copy)]
pub struct Heard<'a> {
    pub subject: Subject,
    /// created, changed, gone, returned
    pub kind: &'static str,
    pub differences: &'a [Difference],
}

/// A message, and what is asked for with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Composed {
    pub message: Message,
    pub payment: Option<Payment>,
}

/// What a message is about: who is told, the account whose change it is, and what changed.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    pub resident: &'a Facts,
    pub account: Option<&'a Facts>,
    pub differences: &'a [Difference],
}

/// An outbound mapping, ready to use.
#[derive(Debug)]
pub struct Outbound {
    pub name: String,
    pub version: i64,
    pub destination: String,
    pub purpose: String,
    pub needs_consent: bool,
    /// It asks for money.
    pub collection: bool,
    /// A newer one takes the place of one that was not sent yet.
    pub newest_only: bool,
    pub strict_order: bool,
    pub urgent: bool,
    pub payment: Option<PaymentMap>,
    /// What a system is told, in place of a message to a person.
    pub push: Option<PushMap>,
    /// As it is written: `resident.address_changed`.
    pub on: String,
    subject: Subject,
    /// created, gone, returned, changed; or the group whose change is listened for.
    hears: On,
    roles: Vec<String>,
    when: Option<Expression>,
    messages: Vec<MessageMap>,
}

#[derive(Debug, PartialEq, Eq)]
enum On {
    Kind(String),
    Group(String),
}

/// Why no message could be made. The delivery is held under this code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unspeakable {
    pub code: &'static str,
    pub cause: String,
}

impl Outbound {
    /// Makes a checked mapping ready; `None` where it listens for nothing that happens.
    pub fn new(mapping: &OutboundMapping) -> Option<Outbound> {
        let (subject, what) = mapping.on.value.split_once('.')?;
        let subject = match subject {
            "account" => Subject::Account,
            "resident" => Subject::Resident,
            _ => return None,
        };
        let hears = match what.strip_suffix("_changed") {
            Some(group) => On::Group(group.to_owned()),
            None => On::Kind(what.to_owned()),
        };
        let is_change = matches!(&hears, On::Group(_)) || what == "changed";
        let outbound = Outbound {
            name: mapping.name.clone(),
            version: mapping.version as i64,
            destination: mapping.destination.value.clone(),
            purpose: mapping.purpose.clone(),
            needs_consent: mapping.consent,
            collection: mapping.collection || mapping.payment.is_some(),
            newest_only: false,
            strict_order: mapping.strict_order,
            urgent: mapping.urgent,
            payment: mapping.payment.clone(),
            push: mapping.push.clone(),
            on: mapping.on.value.clone(),
            subject,
            hears,
            roles: mapping.roles.clone(),
            when: mapping.when.clone(),
            messages: mapping.messages.clone(),
        };
        // What a change was is told of each; what is so now, once.
        let usual = is_change && !outbound.asks_what_changed();
        Some(Outbound { newest_only: mapping.newest_only.unwrap_or(usual), ..outbound })
    }

    /// Whether this mapping listens for that change.
    pub fn hears(&self, heard: Heard<'_>) -> bool {
        let group = |field: &str| field.split('.').next().unwrap_or(field).to_owned();
        self.subject == heard.subject
            && match &self.hears {
                On::Kind(kind) => kind == heard.kind,
                On::Group(wanted) => {
                    heard.kind == "changed"
                        && heard.differences.iter().any(|found| group(found.field) == *wanted)
                }
            }
    }

    /// Whether a party in that role is told of a change of its account.
    pub fn tells(&self, role: &str) -> bool {
        self.roles.is_empty() || self.roles.iter().any(|wanted| wanted == role)
    }

    /// Whether what changed must be known to say whether, or what, somebody is told.
    pub fn asks_what_changed(&self) -> bool {
        let fields = self.messages.iter().flat_map(|message| &message.fields);
        let computed = fields.filter_map(|(_, field)| match &field.said {
            Said::Computed(expression) => Some(expression),
            Said::Field { .. } | Said::Payment { .. } => None,
        });
        let of_payment = self.payment.iter().flat_map(|payment| {
            let parts = [&payment.amount, &payment.reference, &payment.description];
            parts.into_iter().filter_map(|part| match part {
                PaymentValue::Computed(expression) => Some(expression),
                PaymentValue::Fixed(_) | PaymentValue::Field { .. } => None,
            })
        });
        let of_push = match &self.push {
            Some(PushMap::Template(template)) if template.value.asks_for("change") => return true,
            Some(PushMap::Fields(fields)) => computed_of(fields),
            _ => Vec::new(),
        };
        let changed = |slot: &Slot| matches!(slot, Slot::Was(_) | Slot::Is(_));
        let of_payment = of_payment.chain(of_push);
        self.when.iter().chain(computed).chain(of_payment).any(|one| one.slots.iter().any(changed))
    }

    /// Whether this change, for this resident, is one of those that are told.
    pub fn applies(&self, about: Change<'_>) -> Result<bool, Unspeakable> {
        let Some(when) = &self.when else { return Ok(true) };
        let outcome = self.run(when, about).map_err(|failure| Unspeakable {
            code: failure.code,
            cause: "`when` cannot be computed for this change".to_owned(),
        })?;
        Ok(outcome == Outcome::Flag(true))
    }

    fn computed(
        &self,
        expression: &Expression,
        name: &str,
        about: Change<'_>,
    ) -> Result<Option<String>, Unspeakable> {
        match self.run(expression, about) {
            Ok(Outcome::Text(text)) => Ok(Some(text).filter(|text| !text.is_empty())),
            Ok(Outcome::Flag(flag)) => Ok(Some(if flag { "yes" } else { "no" }.to_owned())),
            Ok(Outcome::Absent) => Ok(None),
            Err(failure) => Err(Unspeakable {
                code: failure.code,
                cause: format!("what `{name}` says cannot be computed"),
            }),
        }
    }

    /// The fields of what the event is about.
    pub fn table(&self) -> &'static [Field] {
        self.subject.table()
    }

    /// What an expression comes to for this change.
    pub fn run(&self, expression: &Expression, about: Change<'_>) -> Result<Outcome, Failure> {
        let table = self.table();
        let changed = |field: FieldId| {
            about.differences.iter().find(|change| change.field == table[field as usize].name)
        };
        expression.run(|_, slot| {
            let (value, of) = match slot {
                Slot::Resident(field) => {
                    (about.resident.get(*field), &schema::PARTY[*field as usize])
                }
                Slot::Account(field) => {
                    let value = about.account.and_then(|facts| facts.get(*field));
                    (value, &schema::ACCOUNT[*field as usize])
                }
                Slot::Was(field) => {
                    let value = changed(*field).and_then(|change| change.was.as_ref());
                    (value, &table[*field as usize])
                }
                Slot::Is(field) => {
                    let value = changed(*field).and_then(|change| change.is.as_ref());
                    (value, &table[*field as usize])
                }
                Slot::Text(_) | Slot::Texts(_) | Slot::Count(_) => return Ok(Given::Absent),
            };
            value.map_or(Ok(Given::Absent), |value| given(value, of.kind))
        })
    }

    /// The message, the first alternative for which there is somewhere to send it; and the payment that
    /// it asks for, under this link.
    pub fn compose(
        &self,
        about: Change<'_>,
        link: Option<String>,
        account_id: Option<i64>,
    ) -> Result<Composed, Unspeakable> {
        let (map, to, mut fields) = self.addressed(about.resident).ok_or_else(|| Unspeakable {
            code: "delivery.no_address",
            cause: "the resident has none of the addresses that this mapping can send to"
                .to_owned(),
        })?;
        let payment = match &self.payment {
            Some(map) => Some(self.asked(map, about, link, account_id)?),
            None => None,
        };
        for (name, field) in &map.fields {
            let value = self.said(name, field, about, payment.as_ref())?;
            let value = value.or_else(|| field.default.clone()).ok_or_else(|| Unspeakable {
                code: "delivery.missing_field",
                cause: format!("`{name}` has no value and no default"),
            })?;
            fields.push((name.clone(), value));
        }
        let message = Message { channel: map.channel, template: map.template.clone(), to, fields };
        Ok(Composed { message, payment })
    }

    /// The first alternative that reaches the resident, where to, and the lines of a letter's address.
    fn addressed(&self, resident: &Facts) -> Option<Addressed<'_>> {
        self.messages.iter().find_map(|map| match map.channel {
            Channel::Letter => postal_address(resident).map(|lines| (map, None, lines)),
            _ => {
                let to = map.to.as_deref().and_then(|to| text_of(resident, to));
                let reached = |to: &String| match map.channel {
                    Channel::Sms => is_mobile(to),
                    _ => !to.is_empty(),
                };
                to.filter(reached).map(|to| (map, Some(to), Vec::new()))
            }
        })
    }

    fn said(
        &self,
        name: &str,
        field: &FieldRef,
        about: Change<'_>,
        payment: Option<&Payment>,
    ) -> Result<Option<String>, Unspeakable> {
        Ok(match &field.said {
            Said::Field { of: Of::Resident, name } => spoken_party(about.resident, &name.value),
            Said::Field { of: Of::Account, name } => {
                about.account.and_then(|facts| spoken_account(facts, &name.value))
            }
            Said::Computed(expression) => self.computed(expression, name, about)?,
            Said::Payment { part, .. } => payment.map(|payment| match part {
                PaymentPart::Link => payment.link.clone(),
                PaymentPart::Amount => Pence::new(payment.amount_pence).said(),
            }),
        })
    }

    /// The payment, every part of it such that the platform takes it.
    fn asked(
        &self,
        map: &PaymentMap,
        about: Change<'_>,
        link: Option<String>,
        account_id: Option<i64>,
    ) -> Result<Payment, Unspeakable> {
        let unfit = |code, cause: &str| Unspeakable { code, cause: cause.to_owned() };
        let amount = self.payment_text(&map.amount, "amount", about)?;
        let amount_pence = amount
            .and_then(|amount| amount.parse().ok())
            .filter(|pence| (1..=Payment::AMOUNT_MAX_PENCE).contains(pence))
            .ok_or_else(|| {
                unfit("payment.amount", "the amount is nothing, or none that is paid")
            })?;
        let text = |part: &PaymentValue, name: &str, code| {
            let text = self.payment_text(part, name, about)?;
            text.filter(|text| Payment::takes(text)).ok_or_else(|| {
                unfit(
                    code,
                    &format!("`{name}` is empty, too long or has characters that are refused"),
                )
            })
        };
        Ok(Payment {
            amount_pence,
            reference: text(&map.reference, "reference", "payment.reference")?,
            description: text(&map.description, "description", "payment.description")?,
            link: link.ok_or_else(|| {
                unfit("payment.links", "it is not known under which address links are opened")
            })?,
            account_id,
        })
    }

    /// A part of a payment as it stands in the record: pence are digits, and not as a letter says them.
    fn payment_text(
        &self,
        part: &PaymentValue,
        name: &str,
        about: Change<'_>,
    ) -> Result<Option<String>, Unspeakable> {
        Ok(match part {
            PaymentValue::Fixed(text) => Some(text.clone()),
            PaymentValue::Field { of: Of::Resident, name } => text_of(about.resident, &name.value),
            PaymentValue::Field { of: Of::Account, name } => about
                .account
                .and_then(|facts| facts.get(schema::account_id(&name.value)?).map(Value::to_text)),
            PaymentValue::Computed(expression) => self.computed(expression, name, about)?,
        })
    }
}

/// The expressions of a body.
fn computed_of(fields: &[(String, PushValue)]) -> Vec<&Expression> {
    let mut found = Vec::new();
    for (_, value) in fields {
        match value {
            PushValue::Object(inner) => found.extend(computed_of(inner)),
            PushValue::Said { said: PushSaid::Computed(expression), .. } => found.push(expression),
            PushValue::Fixed(_) | PushValue::Said { .. } => {}
        }
    }
    found
}

/// An alternative, who it goes to, and the lines of a letter's address.
type Addressed<'m> = (&'m MessageMap, Option<String>, Vec<(String, String)>);

/// A text message to a landline reaches nobody.
fn is_mobile(number: &str) -> bool {
    Phone::parse(number).is_ok_and(|phone| phone.kind() == PhoneKind::Mobile)
}

/// `address_line_1` and on, and `postcode`, for a letter: the address for letters, else the home.
/// With a name they are six lines at most, as a platform of letters takes them.
fn postal_address(resident: &Facts) -> Option<Vec<(String, String)>> {
    let lines = |names: &[&str]| -> Vec<String> {
        names.iter().filter_map(|name| text_of(resident, name)).collect()
    };
    let name = lines(&["name.title", "name.given", "name.family"]).join(" ");
    let correspondence = ["line1", "line2", "town"].map(|line| format!("correspondence.{line}"));
    let home = ["line1", "line2", "line3", "town", "county"].map(|line| format!("address.{line}"));
    let postcode = |prefix: &str| {
        text_of(resident, &format!("{prefix}.line1"))?;
        text_of(resident, &format!("{prefix}.postcode"))
    };
    let (names, postcode): (Vec<&str>, String) = match postcode("correspondence") {
        Some(postcode) => (correspondence.iter().map(String::as_str).collect(), postcode),
        None => (home.iter().map(String::as_str).collect(), postcode("address")?),
    };
    let whole = std::iter::once(name).filter(|name| !name.is_empty()).chain(lines(&names));
    let named = whole.enumerate().map(|(at, line)| (format!("address_line_{}", at + 1), line));
    Some(named.chain([("postcode".to_owned(), postcode)]).collect())
}

fn text_of(facts: &Facts, name: &str) -> Option<String> {
    facts.get(schema::party_id(name)?).map(Value::to_text)
}

fn spoken_party(facts: &Facts, name: &str) -> Option<String> {
    let id = schema::party_id(name)?;
    facts.get(id).map(|value| spoken(value, schema::PARTY[id as usize].kind))
}

fn spoken_account(facts: &Facts, name: &str) -> Option<String> {
    let id = schema::account_id(name)?;
    facts.get(id).map(|value| spoken(value, schema::ACCOUNT[id as usize].kind))
}

fn given(value: &Value, kind: Kind) -> Result<Given, Failure> {
    Ok(match value {
        Value::Text(text) if kind == Kind::Decimal => Given::Decimal(
            text.parse().map_err(|_| Failure::failed("a value that it reads is no number"))?,
        ),
        Value::Text(text) => Given::Text(text.clone()),
        Value::Whole(number) => Given::Whole(*number),
        Value::Flag(flag) => Given::Flag(*flag),
    })
}

/// A value as a letter says it: `£1,234.50`, `1 April 2026`.
fn spoken(value: &Value, kind: Kind) -> String {
    match (value, kind) {
        (Value::Whole(pence), Kind::Pence) => Pence::new(*pence).said(),
        (Value::Text(date), Kind::Date) => day(date),
        (value, _) => value.to_text(),
    }
}

/// `2026-04-01` as people write it: `1 April 2026`. What is no date stays as it is.
pub fn day(date: &str) -> String {
    date.parse::<NaiveDate>()
        .map_or_else(|_| date.to_owned(), |date| date.format("%-d %B %Y").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_has_one_postcode_and_it_is_the_addresss_own() {
        let mut facts = Facts::default();
        let mut set = |name: &str, text: &str| {
            facts.set(schema::party_id(name).unwrap(), Value::Text(text.to_owned()));
        };
        set("name.given", "Arden");
        set("name.family", "Testberry");
        for (line, text) in [("line1", "1 Invented Row"), ("line2", "Lower"), ("line3", "Upper")] {
            set(&format!("address.{line}"), text);
        }
        set("address.town", "Sampleham");
        set("address.county", "Fictionshire");
        set("address.postcode", "SK99 1AB");
        let said = |facts: &Facts| {
            let lines = postal_address(facts).unwrap().into_iter();
            lines.map(|(name, text)| format!("{name}={text}")).collect::<Vec<_>>().join("|")
        };
        assert_eq!(
            said(&facts),
            "address_line_1=Arden Testberry|address_line_2=1 Invented Row|address_line_3=Lower|\
             address_line_4=Upper|address_line_5=Sampleham|address_line_6=Fictionshire|\
             postcode=SK99 1AB"
        );
        let mut set = |name: &str, text: &str| {
            facts.set(schema::party_id(name).unwrap(), Value::Text(text.to_owned()));
        };
        set("correspondence.line1", "2 Letter Lane");
        set("correspondence.postcode", "SK99 2CD");
        assert_eq!(
            said(&facts),
            "address_line_1=Arden Testberry|address_line_2=2 Letter Lane|postcode=SK99 2CD"
        );
    }

    #[test]
    fn dates_are_said_as_people_say_them() {
        let date = Value::Text("2026-04-01".into());
        assert_eq!(spoken(&date, Kind::Date), "1 April 2026");
    }
}
