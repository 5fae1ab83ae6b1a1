//! What was paid: a service of its own, which speaks SOAP, and is asked by our reference. A fault, a page for
//! people or anything else in a 200 is no "nothing was paid".

use crate::connector::answering::{self, Doing, arrived, unavailable};
use crate::connector::channel::ConnectorError;
use crate::connector::format::xml::parse;
use crate::connector::http::{Answer, HttpFault};
use crate::record::document::{Document, NodeId};

use super::answer::Attempt;

/// Attempts on a page.
pub const PAGE: usize = 50;
/// A reference with more pages than this is not about one payment.
pub const PAGES_MAX: usize = 20;
pub const ACTION: &str = "\"http://tempuri.org/QueryAuthRequests/Service1/Query\"";
const SPACE: &str = "http://tempuri.org/QueryAuthRequests/Service1";

/// Asks for one page, from 1.
pub fn question(transaction: &str, page: usize) -> String {
    let transaction = escaped(transaction);
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\
         <soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"><soap:Body>\
         <Query xmlns=\"{SPACE}\"><CallingApplicationTransactionReference>{transaction}\
         </CallingApplicationTransactionReference><pageNum>{page}</pageNum><pageSize>{PAGE}</pageSize></Query>\
         </soap:Body></soap:Envelope>"
    )
}

/// The attempts on a page, which must all be of that reference of ours: where it tells of another, somebody
/// else's payment would be taken for this one.
pub fn read(
    transaction: &str,
    answered: Result<Answer, HttpFault>,
    now_ms: i64,
) -> Result<Vec<Attempt>, ConnectorError> {
    let answer = arrived(Doing::Asking, answered)?;
    match answer.status {
        // A SOAP fault may come with either.
        200 | 500 => {}
        300..=399 => return Err(answering::redirected()),
        429 | 503 => return Err(answering::slow_down(&answer, now_ms)),
        status @ (401 | 403) => {
            let cause = format!("where payments are queried, {status} was answered");
            return Err(ConnectorError::Unauthorised { code: "civica_pay.door", cause });
        }
        status => {
            return Err(unavailable(
                format!("where payments are queried, {status} was answered"),
                None,
            ));
        }
    }
    let no_data = |what: &str| unavailable(format!("where payments are queried, {what}"), None);
    let text = std::str::from_utf8(&answer.body).map_err(|_| no_data("what came is no text"))?;
    let mut document = Document::default();
    parse::parse(text.trim_start_matches('\u{feff}').trim_start(), &mut document)
        .map_err(|_| no_data("what came is not XML"))?;
    let root = document.root().ok_or_else(|| no_data("nothing came"))?;
    if find(&document, root, "Fault").is_some() || answer.status != 200 {
        return Err(no_data("a SOAP fault came"));
    }
    let reply =
        find(&document, root, "QueryResponse").ok_or_else(|| no_data("another answer came"))?;
    let mut attempts = Vec::new();
    match collect(&document, reply, transaction, &mut attempts) {
        true => Ok(attempts),
        false => Err(no_data("payments of another reference came")),
    }
}

/// Where an attempt says whose it is.
const OWN: [&str; 2] =
    ["CallingApplicationTransactionReference", "CallingApplicationTransReference"];

/// The first element of that name, at the node or below it.
fn find(document: &Document, node: NodeId, name: &str) -> Option<NodeId> {
    if document.name(node) == name {
        return Some(node);
    }
    document.children(node).find_map(|child| find(document, child, name))
}

/// Whatever holds a status is an attempt, however the list around it is called. False where one says that it is
/// another reference's; those that say nothing are taken to be of the one that was asked for.
fn collect(
    document: &Document,
    node: NodeId,
    transaction: &str,
    attempts: &mut Vec<Attempt>,
) -> bool {
    let text = |name: &str| {
        let found = document.children(node).find(|child| document.name(*child) == name);
        found.map(|child| document.text(child).trim().to_owned()).filter(|text| !text.is_empty())
    };
    if let Some(status) = text("RequestStatus") {
        let amount = text("AccountPaymentAmount").unwrap_or_default();
        let basket = text("BasketReference");
        attempts.push(Attempt { status, amount, basket });
        return OWN.iter().filter_map(|name| text(name)).all(|own| own == transaction);
    }
    document.children(node).all(|child| collect(document, child, transaction, attempts))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(status: u16, body: &str) -> Result<Vec<Attempt>, String> {
        let answer = Answer { status, body: body.as_bytes().to_vec(), ..Answer::default() };
        read("r-1", Ok(answer), 0).map_err(|error| error.to_string())
    }

    #[test]
    fn b13_what_is_no_answer_is_never_nothing_was_paid() {
        for (status, body, said) in [
            (
                200,
                "<s:Envelope xmlns:s=\"x\"><s:Body><s:Fault/></s:Body></s:Envelope>",
                "a SOAP fault came",
            ),
            (
                500,
                "<s:Envelope xmlns:s=\"x\"><s:Body><s:Fault/></s:Body></s:Envelope>",
                "a SOAP fault came",
            ),
            (200, "<html><body>Sign in</body></html>", "another answer came"),
            (200, "<!DOCTYPE html><html></html>", "what came is not XML"),
            (200, "", "what came is not XML"),
            (404, "", "404 was answered"),
        ] {
            let error = told(status, body).unwrap_err();
            assert!(error.contains(said), "{body}: {error}");
        }
        let none = "<E><B><QueryResponse><QueryResult/></QueryResponse></B></E>";
        assert_eq!(told(200, none), Ok(Vec::new()));
    }

    #[test]
    fn an_attempt_is_whatever_has_a_status() {
        let body = "<E xmlns=\"y\"><QueryResponse><QueryResult><AuthRequest><RequestStatus> A \
                    </RequestStatus><AccountPaymentAmount>142.5</AccountPaymentAmount></AuthRequest>\
                    </QueryResult></QueryResponse></E>";
        let one = Attempt { status: "A".into(), amount: "142.5".into(), basket: None };
        assert_eq!(told(200, body), Ok(vec![one.clone()]));
        // One that says whose it is, and one that is another's.
        let own = |reference: &str| {
            let said = format!(
                "<RequestStatus>A</RequestStatus><CallingApplicationTransactionReference>{reference}\
                 </CallingApplicationTransactionReference>"
            );
            told(200, &body.replace("<RequestStatus> A </RequestStatus>", &said))
        };
        assert_eq!(own("r-1"), Ok(vec![one]));
        assert!(own("r-12").unwrap_err().contains("another reference"));
        assert!(question("a<b", 1).contains("a&lt;b"));
    }
}
