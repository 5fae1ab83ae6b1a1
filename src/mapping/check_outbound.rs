//! Checks outbound mappings that were read: that what they listen for can happen, and that what
//! they say is there to be said. It tells faults to the file and changes nothing.

use crate::definition::reader::{File, Spanned};
use crate::definition::suggest;
use crate::mapping::definition::{
    OutboundMapping, PaymentPart, PaymentValue, PushMap, PushSaid, PushValue, Said, Subject,
};
use crate::mapping::template::{Asked, Template};
use crate::mapping::{outbound, push};
use crate::record::schema::{self, Class, Field, Kind};

/// Checks what an outbound mapping listens for and what it says.
pub fn outbound(file: &File, mapping: &OutboundMapping) {
    let of_account = mapping.on.value.starts_with("account.");
    let events = events(of_account);
    let known: Vec<&str> = events.iter().map(String::as_str).collect();
    if !mapping.on.value.is_empty() && !known.contains(&mapping.on.value.as_str()) {
        let what = format!("`{}` never happens", mapping.on.value);
        let usual = ["resident.created", "resident.changed", "resident.address_changed"];
        let help = suggest::nearest(&mapping.on.value, &known).map_or_else(
            || format!("such as `{}` or `account.created`", usual.join("`, `")),
            |near| format!("did you mean `{near}`?"),
        );
        file.error(mapping.on.at, what, "no such event", Some(help));
    }
    if mapping.on.value.starts_with("resident.") && !mapping.roles.is_empty() {
        let help = "take `roles` out, or listen for an `account.` event".to_owned();
        file.warn(mapping.on.at, "`roles` only count for account events", "", Some(help));
    }
    for (_, field) in mapping.messages.iter().flat_map(|message| &message.fields) {
        // An expression was checked where it was read.
        let Said::Field { of, name } = &field.said else { continue };
        said(file, *of, name, of_account);
    }
    payment(file, mapping, of_account);
    match &mapping.push {
        Some(PushMap::Fields(fields)) => members(file, fields, of_account),
        Some(PushMap::Template(template)) => names(file, template, of_account),
        None => {}
    }
}

/// Checks the fields that a body says.
fn members(file: &File, fields: &[(String, PushValue)], of_account: bool) {
    for (_, value) in fields {
        match value {
            PushValue::Object(inner) => members(file, inner, of_account),
            PushValue::Said { said: PushSaid::Field { of, name }, .. } => {
                said(file, *of, name, of_account);
            }
            PushValue::Fixed(_) | PushValue::Said { .. } => {}
        }
    }
}

/// Checks the names that a template asks for, whichever way it goes.
fn names(file: &File, template: &Spanned<Template>, of_account: bool) {
    let subject = if of_account { outbound::Subject::Account } else { outbound::Subject::Resident };
    let values = push::trial(subject, true);
    let mut known = Vec::new();
    named("", &values, &mut known);
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    for Asked { name, line } in template.value.asks() {
        if known.contains(&name.as_str()) {
            continue;
        }
        let place = line.map(|line| format!(", line {line}")).unwrap_or_default();
        let bank = name.split_once('.').and_then(|(_, field)| schema::account_field(field));
        let (what, help) = match bank.is_some_and(|field| field.class == Class::Bank) {
            true => ("bank details are never sent".to_owned(), Some("take it out".to_owned())),
            false if name.starts_with("account") && !of_account => (
                "a resident's event has no account to speak of".to_owned(),
                Some("listen for an event of the account".to_owned()),
            ),
            false => (format!("there is no `{name}`"), suggest::help(&name, &known)),
        };
        let what = format!("`{}`{place}: {what}", template.value.name);
        file.error(template.at, what, "in this template", help);
    }
}

/// Every name of a tree, of groups too.
fn named(above: &str, values: &serde_json::Value, known: &mut Vec<String>) {
    let serde_json::Value::Object(members) = values else { return };
    for (name, value) in members {
        let name = if above.is_empty() { name.clone() } else { format!("{above}.{name}") };
        named(&name, value, known);
        known.push(name);
    }
}

/// Checks what is asked for, and what messages say of it.
fn payment(file: &File, mapping: &OutboundMapping, of_account: bool) {
    let said = mapping.messages.iter().flat_map(|message| &message.fields);
    let said = said.filter_map(|(_, field)| match field.said {
        Said::Payment { part, at } => Some((part, at)),
        _ => None,
    });
    let said: Vec<(PaymentPart, _)> = said.collect();
    let Some(payment) = &mapping.payment else {
        for (_, at) in &said {
            let help =
                "add `[payment]` with `destination`, `amount`, `reference` and `description`";
            let what = "this mapping asks for no payment";
            file.error(*at, what, "which payment?", Some(help.to_owned()));
        }
        return;
    };
    if !said.iter().any(|(part, _)| *part == PaymentPart::Link) {
        let help = "name `payment.link` among a message's fields".to_owned();
        let what = "no message brings the link: nobody could pay";
        file.warn(payment.destination.at, what, "", Some(help));
    }
    for value in [&payment.amount, &payment.reference, &payment.description] {
        if let PaymentValue::Field { of, name } = value {
            self::said(file, *of, name, of_account);
        }
    }
    if let PaymentValue::Field { of, name } = &payment.amount {
        let fields = if *of == Subject::Account { schema::ACCOUNT } else { schema::PARTY };
        let known = fields.iter().find(|known| known.name == name.value);
        if let Some(known) = known.filter(|known| known.kind != Kind::Pence) {
            let help = "such as `account.arrears` or `account.balance`".to_owned();
            let what = format!("an amount is pence, and `{}` is {}", name.value, known.kind.word());
            file.error(name.at, what, "no amount", Some(help));
        }
    }
}

/// Checks one field that is said.
fn said(file: &File, of: Subject, name: &Spanned<String>, of_account: bool) {
    let (fields, whose) = match of {
        Subject::Resident => (schema::PARTY, "resident"),
        Subject::Account => (schema::ACCOUNT, "account"),
    };
    let (name, at) = (&name.value, name.at);
    match fields.iter().find(|known| known.name == name) {
        None => {
            let known: Vec<&str> = fields.iter().map(|known| known.name).collect();
            let help = suggest::nearest(name, &known).map(|near| match of {
                Subject::Resident => format!("did you mean `{near}`?"),
                Subject::Account => format!("did you mean `account.{near}`?"),
            });
            let what = format!("`{name}` is not a field of the {whose}");
            file.error(at, what, "nothing to say here", help);
        }
        Some(known) if known.class == Class::Bank => {
            let help = Some("take it out of the message".to_owned());
            file.error(at, "bank details are never sent", "refused", help);
        }
        Some(_) if of == Subject::Account && !of_account => {
            let help = Some("listen for an event of the account".to_owned());
            let what = "a resident's event has no account to speak of";
            file.error(at, what, "which account?", help);
        }
        Some(_) => {}
    }
}

/// Every event that can be listened for, of accounts or of residents.
fn events(of_account: bool) -> Vec<String> {
    let (subject, fields) =
        if of_account { ("account", schema::ACCOUNT) } else { ("resident", schema::PARTY) };
    let whole = ["created", "changed", "gone", "returned"].map(str::to_owned);
    let lists = schema::LISTS.iter().filter(|_| of_account).map(|list| list.name);
    let groups = fields.iter().map(Field::group).chain(lists);
    let kinds = whole.into_iter().chain(groups.map(|group| format!("{group}_changed")));
    kinds.map(|kind| format!("{subject}.{kind}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::read_outbound;
    use crate::mapping::template::Templates;

    #[test]
    fn outbound_events_and_fields_must_exist() {
        for (on, field, expected) in [
            ("resident.address_changed", "name.given", ""),
            ("account.created", "account.balance", ""),
            ("account.instalments_changed", "account.balance", ""),
            ("account.returned", "name.family", ""),
            ("resident.adress_changed", "name.given", "`resident.adress_changed` never happens"),
            ("moved", "name.given", "`moved` never happens"),
            ("account.created", "account.balanse", "`balanse` is not a field of the account"),
            (
                "resident.created",
                "person.given_name",
                "`person.given_name` is not a field of the resident",
            ),
            (
                "resident.created",
                "account.balance",
                "a resident's event has no account to speak of",
            ),
            ("account.created", "account.payment.sort_code", "bank details are never sent"),
        ] {
            let text = format!(
                "destination = \"notify\"\non = \"{on}\"\npurpose = \"service\"\n[message]\n\
                 template = \"t\"\nto = \"contact.email\"\nfields = {{ x = \"{field}\" }}\n"
            );
            let file = File::parse("x.toml", text);
            let mapping =
                read_outbound::outbound(&file, "x", &Templates::default()).expect("it is whole");
            outbound(&file, &mapping);
            let told: Vec<String> =
                file.into_diagnostics().into_iter().map(|one| one.what).collect();
            assert_eq!(told.join("|"), expected, "{on} {field}");
        }
    }
}
