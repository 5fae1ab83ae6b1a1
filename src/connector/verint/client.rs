//! The questions that the CRM answers, each as one function. Nothing here changes anything there: whoever
//! has only this cannot write.
//!
//! Every operation has the same name; the service looks at the root of the body. Of what is sent and what
//! comes only the root is in its namespace. What is asked for by a number is there or not: a fault that says
//! so is an answer.

use std::sync::Arc;

use super::party::Individual;
use crate::connector::answering::{Doing, unanswered};
use crate::connector::channel::ConnectorError;
use crate::connector::format::xml::write::escaped;
use crate::connector::soap::answer::Outcome;
use crate::connector::soap::caller::{Call, Caller};
use crate::connector::soap::envelope::{Reply, text_at, way};
use crate::record::personal::unprinted;
use crate::record::value::uprn::Uprn;

/// What every operation is named.
pub const ACTION: &str = "http://www.lagan.com/wsdl/FLService";
/// What the fetching of a token is named.
pub const LOGIN_ACTION: &str = "http://www.lagan.com/wsdl/FLAuthService";
/// The namespace of roots.
pub const TYPES: &str = "http://www.lagan.com/wsdl/FLTypes";

/// What an object is: a person, an organisation, a property.
pub const INDIVIDUAL: &str = "C1";
pub const PROPERTY: &str = "D3";

/// Asks the CRM. Cloning gives another handle on the same line.
#[derive(Clone)]
pub struct Questions {
    caller: Arc<Caller>,
}

/// A case as it was read.
pub struct Case {
    pub reply: Reply,
    pub reference: String,
}

/// A line of a list: which object, and how it is described.
#[derive(Clone, PartialEq, Eq)]
pub struct Brief {
    pub kind: String,
    pub id: String,
    pub description: String,
}

/// A property as far as it says which it is.
#[derive(Clone, PartialEq, Eq)]
pub struct Property {
    pub id: String,
    pub uprn: Option<Uprn>,
}

/// A stretch of time, as the CRM writes moments; both ends are in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    pub from: String,
    pub to: String,
}

/// Elements of a body, in their order: a value that is absent leaves its element out.
#[derive(Default)]
pub struct Body(String);

impl Body {
    pub fn leaf(mut self, name: &str, value: Option<&str>) -> Result<Body, ConnectorError> {
        let Some(value) = value else { return Ok(self) };
        let value = escaped(value).ok_or_else(|| ConnectorError::Refused {
            code: "verint.value".to_owned(),
            cause: format!("`{name}` has a character that XML cannot say"),
        })?;
        self.0.push_str(&format!("<{name}>{value}</{name}>"));
        Ok(self)
    }

    pub fn group(mut self, name: &str, inside: Body) -> Body {
        self.0.push_str(&format!("<{name}>{}</{name}>", inside.0));
        self
    }

    /// This, and behind it more.
    pub fn and(mut self, more: Body) -> Body {
        self.0.push_str(&more.0);
        self
    }

    /// As the root of a body.
    pub fn root(self, name: &str) -> String {
        format!("<f:{name} xmlns:f=\"{TYPES}\">{}</f:{name}>", self.0)
    }
}

/// Which object: its kind, and its number.
pub fn object(kind: &str, id: &str) -> Result<Body, ConnectorError> {
    Body::default().leaf("ObjectType", Some(kind))?.leaf("ObjectReference", Some(id))
}

impl Questions {
    pub fn new(caller: Arc<Caller>) -> Questions {
        Questions { caller }
    }

    /// UTC milliseconds.
    pub fn now_ms(&self) -> i64 {
        self.caller.now_ms()
    }

    /// A case, whole. None where there is none of that reference.
    pub async fn case(&self, reference: &str) -> Result<Option<Case>, ConnectorError> {
        let body = Body::default()
            .leaf("CaseReference", Some(reference))?
            .leaf("Option", Some("all"))?
            .root("FWTCaseFullDetailsRequest");
        let reply = self.ask(&body, "FWTCaseFullDetails").await?;
        let Some(reply) = reply else { return Ok(None) };
        // It gave another than was asked for: nobody must write on that one.
        match reply.text("CoreDetails/CaseReference").map(str::to_owned) {
            Some(found) if found == reference => Ok(Some(Case { reply, reference: found })),
            _ => Err(unanswered(
                Doing::Asking,
                "it gave another case than it was asked for".to_owned(),
            )),
        }
    }

    /// Cases that changed in that time, or that were made in it, as they are listed: one may lack its number. More
    /// than `most` are not told: a list of that length may go on, and so its length is that of what came.
    pub async fn cases(
        &self,
        by: CasesBy,
        stretch: &Stretch,
        most: usize,
    ) -> Result<Vec<Brief>, ConnectorError> {
        let (from, to) = match by {
            CasesBy::Changed => ("LastModifiedDateFrom", "LastModifiedDateTo"),
            CasesBy::Created => ("CreatedAfter", "CreatedBefore"),
        };
        let body = Body::default()
            .leaf(from, Some(&stretch.from))?
            .leaf(to, Some(&stretch.to))?
            .leaf("ResultsLimit", Some(&most.to_string()))?
            .root("FWTCaseSearch");
        self.list(&body).await
    }

    /// A person. None where there is none of that number.
    pub async fn individual(
        &self,
        id: &str,
    ) -> Result<Option<(Individual, Reply)>, ConnectorError> {
        let body = object(INDIVIDUAL, id)?.root("FLIndividualID");
        let Some(reply) = self.ask(&body, "FWTIndividual").await? else { return Ok(None) };
        let read = reply.content.and_then(|node| Individual::read(&reply.document, node));
        match read {
            Some(found) if found.id == id => Ok(Some((found, reply))),
            _ => {
                let cause = "it gave another person than it was asked for".to_owned();
                Err(unanswered(Doing::Asking, cause))
            }
        }
    }

    /// A property by the CRM's own number. None where that is none.
    pub async fn property(&self, id: &str) -> Result<Option<Property>, ConnectorError> {
        let body = object(PROPERTY, id)?.root("FLPropertyID");
        let Some(reply) = self.ask(&body, "FWTProperty").await? else { return Ok(None) };
        let uprn = reply.text("UPRN").and_then(|text| Uprn::parse(text).ok());
        Ok(Some(Property { id: id.to_owned(), uprn }))
    }

    /// People by what is known of them: the elements of `FWTPartySearch` in their order.
    pub async fn people(&self, known: Body) -> Result<Vec<Brief>, ConnectorError> {
        self.list(&known.root("FWTPartySearch")).await
    }

    async fn list(&self, body: &str) -> Result<Vec<Brief>, ConnectorError> {
        // Whatever is not found, a fault is no empty list.
        let reply = self.outcome(body, "FWTObjectBriefDetailsList").await?.reply()?;
        let Some(content) = reply.content else { return Ok(Vec::new()) };
        let document = &reply.document;
        let text = |node, names| text_at(document, node, names).unwrap_or_default().to_owned();
        let found = document.find_all(content, &way("ObjectBriefDetails")).into_iter();
        let brief = found.map(|node| Brief {
            kind: text(node, "ObjectID/ObjectType"),
            // Several may stand there; the first is the one that counts.
            id: text(node, "ObjectID/ObjectReference"),
            description: text(node, "ObjectDescription"),
        });
        Ok(brief.collect())
    }

    async fn outcome(&self, body: &str, reply: &str) -> Result<Outcome, ConnectorError> {
        let call =
            Call { doing: Doing::Asking, action: ACTION, body, reply: Some(reply), torn: false };
        self.caller.call(call).await
    }

    async fn ask(&self, body: &str, reply: &str) -> Result<Option<Reply>, ConnectorError> {
        match self.outcome(body, reply).await? {
            Outcome::Reply(reply) => Ok(Some(*reply)),
            Outcome::NotFound(_) => Ok(None),
            done @ Outcome::Done => done.reply().map(Some),
        }
    }
}

/// Which moment of a case is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CasesBy {
    Changed,
    Created,
}

impl Case {
    /// What is written of it.
    pub fn description(&self) -> &str {
        self.reply.text("CoreDetails/Description").unwrap_or_default()
    }

    pub fn is_closed(&self) -> bool {
        self.reply
            .text("CoreDetails/Status")
            .is_some_and(|status| status.eq_ignore_ascii_case("closed"))
    }

    /// Whose case it is: who called first, where that was a person.
    pub fn person(&self) -> Option<&str> {
        let content = self.reply.content?;
        let document = &self.reply.document;
        let first = document.find(content, &way("Interactions"))?;
        let kind = text_at(document, first, "PartyID/ObjectType")?;
        let id = text_at(document, first, "PartyID/ObjectReference")?;
        (kind == INDIVIDUAL).then_some(id)
    }

    /// Whether our reference stands in its description, or in a note on it.
    pub fn mentions(&self, reference: &str) -> bool {
        let mark = mark(reference);
        self.description().contains(&mark) || self.notes().any(|text| text.contains(&mark))
    }

    /// Whether a note on it has our reference.
    pub fn is_noted(&self, reference: &str) -> bool {
        let mark = mark(reference);
        self.notes().any(|text| text.contains(&mark))
    }

    fn notes(&self) -> impl Iterator<Item = &str> {
        let document = &self.reply.document;
        let content = self.reply.content.into_iter();
        let found = content.flat_map(move |node| document.find_all(node, &way("Notes/Text")));
        found.map(move |node| document.text(node))
    }
}

/// How our reference stands in a text: so that it is found again, and not found within another.
pub fn mark(reference: &str) -> String {
    format!("[ref {reference}]")
}

unprinted!(Case, Brief, Property, Body, Questions);
