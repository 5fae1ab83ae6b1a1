//! Reads an outbound mapping file into its definition: which change is told to whom, and with which
//! words. Faults are told to the file. Whether fields and events exist is asked in `check`; whether
//! it may be sent, by the gate.

use xxhash_rust::xxh3::xxh3_64;

use crate::definition::reader::{File, Spanned};
use crate::definition::shape::{Holds, Key, key, word};
use crate::definition::table::{Table, Value, table_of};
use crate::mapping::definition::{
    FieldRef, MessageMap, OutboundMapping, PaymentMap, PaymentPart, PaymentValue, PushMap, Said,
    Subject,
};
use crate::mapping::expression::{Expression, Scope, Wanted};
use crate::mapping::read;
use crate::mapping::read_push::{self, PUSH};
use crate::mapping::template::Templates;
use crate::record::delivery::{Channel, Payment};
use crate::record::schema::{self, Kind};

const MESSAGES_MAX: usize = 8;

const DESTINATION: Key = key("destination", "Who is told: the name of a file in `connectors/`.")
    .example("destination = \"notify\"");
const ON: Key = key(
    "on",
    "Which change: `resident.` or `account.`, and then `created`, `gone`, `returned`, `changed`, or a \
     group of fields and `_changed`.",
)
.example("on = \"resident.address_changed\"");
const PURPOSE: Key = key("purpose", "What it is for: the suppression gate asks.")
    .example("purpose = \"council_tax_service\"");
const ROLES: Key =
    key("roles", "For an account's changes: who on it is told. Where nothing is said, everybody.")
        .example("roles = [\"liable\"]");
const SOURCES: Key = key(
    "sources",
    "Only changes that these systems bring: names of files in `connectors/`. Where nothing is said, all.",
)
.example("sources = [\"revenues\"]");
const CONSENT: Key = key("consent", "Only those who agreed to be contacted are written to.");
const COLLECTION: Key = key("collection", "It asks for money, so that breathing space stops it.");
const NEWEST_ONLY: Key = key(
    "newest_only",
    "A newer message about the same account or resident takes the place of one that was not sent yet. \
     Where nothing is said, so it is for a change (`…changed`), unless an expression asks what the change \
     was.",
);
const ORDER: Key =
    key("order", "Messages to one resident leave in the order they were made in. What is held:");
const URGENT: Key = key(
    "urgent",
    "It goes before all that are not urgent, and a part of the destination's pace is kept for it.",
);
const WHEN: Key = key("when", "Only such a change is told: an expression.")
    .example("when = \"change.paid.new > change.paid.old\"");
const MESSAGE: Key = key(
    "message",
    "What is said. Of several, each a `[[message]]`, the first that the resident can be reached by.",
);
const PAYMENT: Key = key(
    "payment",
    "What is asked for beside the message, which names `payment.link` and `payment.amount` among its \
     fields. It is made when its link is opened.",
);
const PAID_TO: Key = key("destination", "A connector that takes payments.")
    .needed("add `destination = \"pay\"`, the connector that takes payments")
    .example("destination = \"pay\"");
const AMOUNT: Key = key("amount", "A field in whole pence, or an expression that gives them.")
    .needed("add `amount = \"account.arrears\"`, whole pence")
    .example("amount = \"account.arrears\"");
const REFERENCE: Key =
    key("reference", "What the payer and the income system know it by: a field, or an expression.")
        .needed("add `reference = \"account.reference\"`, what the income system knows it by")
        .example("reference = \"account.reference\"");
const DESCRIPTION: Key = key("description", "What the payer reads: a text, or an expression.")
    .needed("add `description = \"Council Tax arrears\"`, which the payer reads")
    .example("description = \"Council Tax arrears\"");
const COMPUTED: Key = key("expr", "An expression that gives it.")
    .needed("")
    .example("expr = 'account.balance + account.arrears'");
const CHANNEL: Key = key("channel", "By which way. Where nothing is said, what suits `to`.");
const TO: Key =
    key("to", "Where to: a field of the resident. A letter goes to the address, and has none.")
        .example("to = \"contact.email\"");
const TEMPLATE: Key =
    key("template", "Our name for the template; the connector knows the platform's.")
        .example("template = \"moved_home\"");
const FIELDS: Key = key(
    "fields",
    "What stands in the template's placeholders, by their names: a field of the resident, `account.` and \
     a field of the account, or a table.",
)
.example("fields = { first_name = \"name.given\", balance = \"account.balance\" }");
const FROM: Key = key("from", "A field of the resident, or `account.` and a field of the account.")
    .example("from = \"name.given\"");
const EXPR: Key = key("expr", "An expression that gives the text, in place of `from`.")
    .example("expr = 'pounds(account.arrears)'");
const DEFAULT: Key =
    key("default", "Used where there is nothing to say; without one the message is held.")
        .example("default = \"resident\"");

/// `name` is the file's name without folders and ending. What is missing is told and left empty, so
/// that the rest can still be checked; with an error told, nothing of it may be used. None when the
/// file is not TOML at all.
pub fn outbound(file: &File, name: &str, templates: &Templates) -> Option<OutboundMapping> {
    if file.is_hopeless() {
        return None;
    }
    let root = file.root();
    let mapping = parts(&root, name, templates);
    root.finish();
    Some(mapping)
}

/// Reads the table of a mapping; also how it is described.
pub fn parts(root: &Table<'_>, name: &str, templates: &Templates) -> OutboundMapping {
    let file = root.file();
    read::language(root);
    let destination = root.need_text(DESTINATION);
    let on = root.need_text(ON);
    let purpose = root.need_text(PURPOSE);
    let roles = root.texts(ROLES).unwrap_or_default();
    for role in &roles {
        read::check_role(file, &role.value, role.at);
    }
    let sources = root.texts(SOURCES).unwrap_or_default();
    let consent = root.is_set(CONSENT);
    let collection = root.is_set(COLLECTION);
    let newest_only = root.flag(NEWEST_ONLY).map(|flag| flag.value);
    let strict_order = root.choice_or(
        ORDER,
        word("loose", "Lets those behind it pass.", false),
        &[word("strict", "Has those behind it wait until a person decides.", true)],
    );
    let urgent = root.is_set(URGENT);
    let scope = match on.as_ref().is_some_and(|on| on.value.starts_with("account.")) {
        true => Scope::Account,
        false => Scope::Resident,
    };
    let when =
        root.text(WHEN).and_then(|text| Expression::read(file, &text, scope, Wanted::Condition));
    let payment = root.table(PAYMENT).map(|table| payment(file, table, scope));
    let push = root.table(PUSH).and_then(|table| read_push::push(table, scope, templates));
    let tables = root.tables(MESSAGE);
    if tables.is_empty() && !root.has("message") && !root.has("push") {
        let remedy =
            "add `[message]` with `template` and `to`; for a system, `[push]` with `fields`";
        root.missing("message", remedy);
    }
    if root.has("push") {
        for other in ["message", "payment"].into_iter().filter(|other| root.has(other)) {
            let help = "write a mapping for each".to_owned();
            let what = format!("`[push]` tells a system, and `[{other}]` is for a person");
            root.error(root.at_key(other), what, "not both", Some(help));
        }
    }
    if tables.len() > MESSAGES_MAX {
        let what = format!("at most {MESSAGES_MAX} messages are tried");
        root.error(tables[MESSAGES_MAX].at(), what, "one too many", None);
    }
    let messages = tables.into_iter().map(|table| message(file, table, scope)).collect();
    // Another template is another version.
    let digest = match &push {
        Some(PushMap::Template(template)) => template.value.digest,
        _ => 0,
    };
    OutboundMapping {
        name: name.to_owned(),
        destination: destination.unwrap_or_else(read::unwritten),
        on: on.unwrap_or_else(read::unwritten),
        roles: roles.into_iter().map(|role| role.value).collect(),
        sources,
        purpose: purpose.map(|purpose| purpose.value).unwrap_or_default(),
        consent,
        collection,
        newest_only,
        strict_order,
        urgent,
        when,
        payment,
        messages,
        version: xxh3_64(file.text.as_bytes()) ^ digest,
        push,
    }
}

fn message(file: &File, table: Table<'_>, scope: Scope) -> MessageMap {
    let words = [
        word("email", "An e-mail.", Channel::Email),
        word("sms", "A text message.", Channel::Sms),
        word("letter", "A letter, to the resident's address.", Channel::Letter),
    ];
    let written = table.choice(CHANNEL, &words);
    let to = table.text(TO);
    let channel = match (&written, &to) {
        (Some(channel), _) if channel.value == Channel::Letter => Some(Channel::Letter),
        (_, Some(to)) => {
            reached_by(&table, to).filter(|_| written.is_some() == table.has("channel"))
        }
        (Some(channel), None) => Some(channel.value),
        (None, None) => (!table.has("channel")).then_some(Channel::Letter),
    };
    if let (Some(written), Some(channel)) = (&written, channel)
        && written.value != channel
    {
        let help = "write `contact.email` for an email, `contact.mobile` for an sms".to_owned();
        let what = "`to` does not suit the channel";
        file.error(table.at_value("to"), what, "another kind of address", Some(help));
    }
    if let (Some(Channel::Letter), Some(to)) = (channel, &to) {
        let help = "leave `to` out".to_owned();
        file.error(to.at, "a letter goes to the resident's address", "not needed", Some(help));
    }
    if let (Some(Channel::Email | Channel::Sms), None) = (channel, &to) {
        table.missing("to", "add `to = \"contact.email\"` or `to = \"contact.mobile\"`");
    }
    let template = table.need_text(TEMPLATE).unwrap_or_else(read::unwritten);
    let mut fields = Vec::new();
    let forms = || vec![Holds::Text, table_of(|table| said(table, scope))];
    for (placeholder, value) in table.named(FIELDS, forms) {
        if channel == Some(Channel::Letter) && is_of_address(&placeholder.value) {
            let help = "take it out: the address fills it, with the postcode as its last line";
            let what = format!("`{}` of a letter is a line of its address", placeholder.value);
            file.error(placeholder.at, what, "filled already", Some(help.to_owned()));
        }
        let field = field_ref(file, &placeholder, value, scope);
        fields.extend(field.map(|field| (placeholder.value, field)));
    }
    table.finish();
    let to = to.map(|to| bare(&to.value).1.to_owned());
    MessageMap {
        channel: channel.unwrap_or(Channel::Letter),
        template: template.value,
        template_at: template.at,
        to,
        fields,
    }
}

/// Whether a letter's address fills that placeholder. Platforms tell no `Post code` from `postcode`.
fn is_of_address(placeholder: &str) -> bool {
    let letters = placeholder.chars().filter(|c| c.is_ascii_alphanumeric());
    let plain: String = letters.map(|c| c.to_ascii_lowercase()).collect();
    let line = plain.strip_prefix("addressline");
    plain == "postcode"
        || line.is_some_and(|number| {
            !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
        })
}

/// A part that is missing is told and left empty.
fn payment(file: &File, table: Table<'_>, scope: Scope) -> PaymentMap {
    let destination = table.need_text(PAID_TO);
    let part = |key: Key, wanted: Wanted, constant: bool| {
        let forms = vec![Holds::Text, table_of(|table| table.need_text(COMPUTED))];
        let read = match table.either(key, || forms) {
            Some(value) => payment_value(file, key.name, value, (scope, wanted), constant),
            None => {
                if !table.has(key.name) {
                    table.missing(key.name, key.remedy.unwrap_or_default());
                }
                None
            }
        };
        read.unwrap_or(PaymentValue::Fixed(String::new()))
    };
    let amount = part(AMOUNT, Wanted::Pence, false);
    let reference = part(REFERENCE, Wanted::Text, false);
    let description = part(DESCRIPTION, Wanted::Text, true);
    table.finish();
    let destination = destination.unwrap_or_else(read::unwritten);
    PaymentMap { destination, amount, reference, description }
}

/// A field's name, or a text that stands as it is where `constant`; or a table with `expr`.
fn payment_value(
    file: &File,
    name: &str,
    value: Value<'_>,
    (scope, wanted): (Scope, Wanted),
    constant: bool,
) -> Option<PaymentValue> {
    match value {
        Value::Text(text) if constant && !Payment::takes(&text.value) => {
            let help = "1 to 255 characters without `<`, `>`, a bar, a quote or a backslash";
            let what = format!("`{name}` cannot be shown to a payer");
            file.error(text.at, what, "refused by the platform", Some(help.to_owned()));
            None
        }
        Value::Text(text) if constant => Some(PaymentValue::Fixed(text.value)),
        Value::Text(from) => {
            let (of, field) = bare(&from.value);
            let name = Spanned { value: field.to_owned(), at: from.at };
            Some(PaymentValue::Field { of, name })
        }
        Value::Table(table) => {
            let text = table.need_text(COMPUTED);
            table.finish();
            let expression = Expression::read(file, &text?, scope, wanted)?;
            Some(PaymentValue::Computed(expression))
        }
        other => {
            let help = match wanted {
                Wanted::Pence => "write `amount = \"account.arrears\"`".to_owned(),
                _ => format!("write `{name} = \"…\"`, or `{name} = {{ expr = '…' }}`"),
            };
            let what = format!("`{name}` is a field, or an expression");
            file.error(other.at(), what, "neither", Some(help));
            None
        }
    }
}

/// An address says by its type how it is reached.
fn reached_by(table: &Table<'_>, to: &Spanned<String>) -> Option<Channel> {
    match schema::party_field(bare(&to.value).1).map(|field| field.kind) {
        Some(Kind::Email) => Some(Channel::Email),
        Some(Kind::Phone) => Some(Channel::Sms),
        _ => {
            let what = format!("nothing can be sent to `{}`", to.value);
            let help = "write `contact.email` or `contact.mobile`, or no `to` for a letter";
            table.error(to.at, what, "no address", Some(help.to_owned()));
            None
        }
    }
}

fn field_ref(
    file: &File,
    placeholder: &Spanned<String>,
    value: Value<'_>,
    scope: Scope,
) -> Option<FieldRef> {
    let (from, default) = match value {
        Value::Text(from) => (Some(from), None),
        Value::Table(table) => {
            let (from, expr, default) = said(&table, scope);
            if from.is_none() && !table.has("expr") {
                table.missing("from", "add `from = \"name.given\"`");
            }
            table.finish();
            if let Some(expression) = expr {
                return Some(FieldRef { said: Said::Computed(expression), default });
            }
            (from, default)
        }
        other => {
            let help = format!("write `{} = \"name.given\"`", placeholder.value);
            file.error(other.at(), "a placeholder is filled from a field", "", Some(help));
            return None;
        }
    };
    let from = from?;
    if let Some(part) = from.value.strip_prefix("payment.") {
        let part = match part {
            "link" => PaymentPart::Link,
            "amount" => PaymentPart::Amount,
            _ => {
                let help = "`payment.link` or `payment.amount`; what an account is paid by is \
                            `account.payment.method`";
                let what = format!("`{}` says nothing of a payment", from.value);
                file.error(from.at, what, "not known", Some(help.to_owned()));
                return None;
            }
        };
        return Some(FieldRef { said: Said::Payment { part, at: from.at }, default });
    }
    let (of, name) = bare(&from.value);
    let name = Spanned { value: name.to_owned(), at: from.at };
    Some(FieldRef { said: Said::Field { of, name }, default })
}

/// What a placeholder says, where it is a table.
fn said(
    table: &Table<'_>,
    scope: Scope,
) -> (Option<Spanned<String>>, Option<Expression>, Option<String>) {
    let default = table.text(DEFAULT).map(|text| text.value);
    let expr = table.text(EXPR).and_then(|text| {
        let file = table.file();
        Expression::read(file, &text, scope, Wanted::Text)
    });
    (table.text(FROM), expr, default)
}

/// "account.balance" → the account's "balance"; anything else is the resident's.
pub fn bare(name: &str) -> (Subject, &str) {
    if let Some(name) = name.strip_prefix("account.") {
        return (Subject::Account, name);
    }
    (Subject::Resident, name.strip_prefix("resident.").unwrap_or(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Option<OutboundMapping>, Vec<String>) {
        let file = File::parse("mappings/outbound/x.toml", text.to_owned());
        let mapping = outbound(&file, "x", &Templates::default());
        (mapping, file.into_diagnostics().into_iter().map(|one| one.what).collect())
    }

    const HEAD: &str = "destination = \"notify\"\non = \"resident.address_changed\"\n\
                        purpose = \"council_tax_service\"\n";

    #[test]
    fn one_message_or_several_alternatives_are_read() {
        let (mapping, told) = read(&format!(
            "{HEAD}roles = \"liable\"\n[[message]]\ntemplate = \"moved_home\"\nto = \"contact.email\"\n\
             [message.fields]\nfirst_name = {{ from = \"name.given\", default = \"resident\" }}\n\
             balance = \"account.balance\"\n[[message]]\ntemplate = \"moved\"\nto = \"contact.mobile\"\n\
             [[message]]\ntemplate = \"letter\"\n"
        ));
        assert_eq!(told, Vec::<String>::new());
        let mapping = mapping.expect("it has no faults");
        let channels: Vec<Channel> = mapping.messages.iter().map(|one| one.channel).collect();
        assert_eq!(channels, [Channel::Email, Channel::Sms, Channel::Letter]);
        let fields = &mapping.messages[0].fields;
        let said = |place: usize| match &fields[place].1.said {
            Said::Field { of, name } => (*of, name.value.as_str()),
            Said::Computed(_) | Said::Payment { .. } => panic!("it is a field"),
        };
        assert_eq!(said(0), (Subject::Resident, "name.given"));
        assert_eq!(said(1), (Subject::Account, "balance"));
        assert_eq!(fields[0].1.default.as_deref(), Some("resident"));
        assert_eq!(mapping.roles, ["liable"]);
        let (single, told) =
            read(&format!("{HEAD}[message]\nchannel = \"letter\"\ntemplate = \"x\"\n"));
        assert_eq!((single.map(|one| one.messages.len()), told.len()), (Some(1), 0));
    }

    #[test]
    fn faults_are_all_told() {
        for (part, what) in [
            ("", "`message` is missing"),
            ("[message]\n", "`template` is missing"),
            (
                "[message]\ntemplate = \"x\"\nto = \"birth_date\"\n",
                "nothing can be sent to `birth_date`",
            ),
            ("[message]\ntemplate = \"x\"\nchannel = \"sms\"\n", "`to` is missing"),
            ("[message]\ntemplate = \"x\"\nchannel = \"fax\"\n", "`channel` cannot be `fax`"),
            (
                "[message]\ntemplate = \"x\"\nchannel = \"sms\"\nto = \"contact.email\"\n",
                "`to` does not suit the channel",
            ),
            ("roles = [\"libale\"]\n[message]\ntemplate = \"x\"\n", "`libale` is not a role"),
            (
                "[message]\ntemplate = \"x\"\nchannel = \"letter\"\nto = \"contact.email\"\n",
                "a letter goes to the resident's address",
            ),
            (
                "[message]\ntemplate = \"x\"\nfields = { a = 1 }\n",
                "a placeholder is filled from a field",
            ),
            (
                "when = \"has(resident.x)\"\n[message]\ntemplate = \"x\"\n",
                "`x` is not a field of the resident",
            ),
        ] {
            assert_eq!(read(&format!("{HEAD}{part}")).1, [what], "{part}");
        }
        assert_eq!(read("").1.len(), 4);
    }
}
