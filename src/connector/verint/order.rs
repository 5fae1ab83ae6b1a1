//! What a mapping may tell the CRM: the body of a push, which says what is to be done. A body that says
//! something else, or too much, is told of before anything is done.

use serde::Deserialize;
use serde_json::Value;

use crate::connector::channel::ConnectorError;
use crate::record::delivery::{Form, Push};
use crate::record::personal::unprinted;

/// One thing to be done.
#[derive(Clone, Deserialize, PartialEq, Eq)]
#[serde(tag = "do", deny_unknown_fields)]
pub enum Order {
    /// A line more in what is written of a case.
    #[serde(rename = "case.note")]
    Note { case: String, text: String },
    /// What was agreed with a person: where they live, and how they are reached.
    #[serde(rename = "individual.update")]
    Update(Agreed),
    /// A person of whom the CRM does not know.
    #[serde(rename = "individual.create")]
    Person(NewPerson),
    #[serde(rename = "case.create")]
    Create(NewCase),
    #[serde(rename = "case.close")]
    Close { case: String },
}

/// What was agreed. What is absent stays as it is.
#[derive(Clone, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Agreed {
    /// The CRM's own number of the person.
    pub person: String,
    /// Where it is known, it is all of the address that goes.
    pub uprn: Option<String>,
    pub house: Option<String>,
    pub line1: Option<String>,
    pub line2: Option<String>,
    pub line3: Option<String>,
    pub town: Option<String>,
    pub postcode: Option<String>,
    pub phone: Option<String>,
    pub email: Option<String>,
}

/// Somebody to be made known. Nobody is, where somebody likely is known already.
#[derive(Clone, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct NewPerson {
    pub given: String,
    pub family: String,
    /// `1984-02-29`
    pub born: Option<String>,
    pub uprn: Option<String>,
    pub house: Option<String>,
    pub line1: Option<String>,
    pub town: Option<String>,
    pub postcode: Option<String>,
    pub phone: Option<String>,
    pub email: Option<String>,
}

/// A case to be made.
#[derive(Clone, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct NewCase {
    pub person: String,
    /// The CRM's number of what it is about.
    pub classification: i64,
    pub title: String,
    pub description: String,
    pub queue: Option<String>,
    pub form: Option<FormData>,
    #[serde(default)]
    pub attachments: Vec<Attachment>,
}

/// Fields of one of the CRM's own forms.
#[derive(Clone, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct FormData {
    pub name: String,
    pub fields: serde_json::Map<String, Value>,
}

/// A document that goes with a case.
#[derive(Clone, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Attachment {
    pub name: String,
    pub base64: String,
}

/// What each may say, for whoever wrote a mapping that says something else.
const KNOWN: [(&str, &str); 5] = [
    ("case.note", "`case` and `text`"),
    (
        "individual.update",
        "`person`, and of `uprn`, `house`, `line1` to `line3`, `town`, `postcode`, `phone` and `email` those that \
         were agreed",
    ),
    (
        "individual.create",
        "`given` and `family`, and if known `born`, `uprn`, `house`, `line1`, `town`, `postcode`, `phone` and `email`",
    ),
    (
        "case.create",
        "`person`, `classification` (a number), `title`, `description`, and if wanted `queue`, `form` and \
         `attachments`",
    ),
    ("case.close", "`case`"),
];

impl Order {
    /// Reads the body of a push. The error says what is wrong, without a value.
    pub fn read(push: &Push) -> Result<Order, ConnectorError> {
        let refused =
            |cause: String| Err(ConnectorError::Refused { code: "verint.order".to_owned(), cause });
        if push.form != Form::Json {
            return refused("the CRM is told by `[push.fields]`, or a template in JSON".to_owned());
        }
        let Ok(said) = serde_json::from_str::<Value>(&push.body) else {
            return refused("the body is no JSON".to_owned());
        };
        let Some(wanted) = said["do"].as_str() else {
            return refused("the body does not say what to `do`".to_owned());
        };
        let Some((name, may)) = KNOWN.iter().find(|(name, _)| *name == wanted) else {
            let known = KNOWN.map(|(name, _)| format!("`{name}`")).join(", ");
            return refused(format!("`do` is none of {known}"));
        };
        let order = serde_json::from_value::<Order>(said.clone()).ok();
        match order.filter(Order::is_whole) {
            Some(order) => Ok(order),
            None => refused(format!("`{name}` says {may}, each a text, and nothing else")),
        }
    }

    /// Whether what must be said is, and a number of the CRM's is one.
    fn is_whole(&self) -> bool {
        let number = |text: &str| {
            (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        match self {
            Order::Note { case, text } => number(case) && !text.trim().is_empty(),
            Order::Close { case } => number(case),
            Order::Create(new) => number(&new.person) && !new.title.trim().is_empty(),
            Order::Person(new) => !new.given.trim().is_empty() && !new.family.trim().is_empty(),
            Order::Update(agreed) => {
                let parts = [&agreed.uprn, &agreed.phone, &agreed.email, &agreed.postcode];
                number(&agreed.person) && parts.into_iter().any(Option::is_some)
            }
        }
    }
}

unprinted!(Order, Agreed, NewPerson, NewCase, FormData, Attachment);

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<Order, String> {
        let push = Push {
            event: "resident.changed".to_owned(),
            key: 7,
            version: 1,
            composed_ms: 0,
            form: Form::Json,
            body: body.to_owned(),
        };
        Order::read(&push).map_err(|error| error.to_string())
    }

    #[test]
    fn an_order_says_what_is_to_be_done_and_nothing_else() {
        for body in [
            "{\"do\": \"case.note\", \"case\": \"7\", \"text\": \"Paid.\"}",
            "{\"do\": \"case.close\", \"case\": \"7\"}",
            "{\"do\": \"individual.update\", \"person\": \"7\", \"uprn\": null, \"email\": \"a@example.com\"}",
            "{\"do\": \"case.create\", \"person\": \"7\", \"classification\": 4009999, \"title\": \"t\", \
             \"description\": \"d\", \"form\": {\"name\": \"f\", \"fields\": {\"a\": \"b\"}}}",
        ] {
            assert!(read(body).is_ok(), "{body}: {:?}", read(body).err());
        }
        for (body, expected) in [
            ("[]", "does not say what to `do`"),
            ("Testberry", "no JSON"),
            ("{\"do\": \"case.delete\"}", "`do` is none of"),
            ("{\"do\": \"case.note\", \"case\": \"7\"}", "`case.note` says `case` and `text`"),
            ("{\"do\": \"case.note\", \"case\": null, \"text\": \"x\"}", "`case.note` says"),
            (
                "{\"do\": \"case.note\", \"case\": \"Testberry\", \"text\": \"x\"}",
                "`case.note` says",
            ),
            (
                "{\"do\": \"case.note\", \"case\": \"7\", \"text\": \"x\", \"also\": \"Testberry\"}",
                "`case.note` says",
            ),
            ("{\"do\": \"individual.update\", \"person\": \"7\"}", "`individual.update` says"),
        ] {
            let told = read(body).err().unwrap_or_default();
            assert!(told.contains(expected) && !told.contains("Testberry"), "{body}: {told}");
        }
    }
}
