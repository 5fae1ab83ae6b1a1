//! What was paid, by SOAP.

use super::state::Memory;

/// Answers a question about one reference, page by page.
pub fn answer(memory: &Memory, asked: &str) -> String {
    let said = |name: &str| {
        let rest = asked.split_once(&format!("<{name}>")).map_or("", |(_, rest)| rest);
        rest.split_once("</").map_or("", |(text, _)| text).trim().to_owned()
    };
    let transaction = said("CallingApplicationTransactionReference");
    let whole = |name: &str, usual| said(name).parse::<usize>().unwrap_or(usual).max(1);
    let (page, size) = (whole("pageNum", 1), whole("pageSize", 10));
    if transaction.is_empty() {
        return envelope(
            "<s:Fault><faultcode>s:Client</faultcode><faultstring>No filter</faultstring></s:Fault>",
        );
    }
    let rows: String = memory
        .attempts
        .iter()
        .filter(|one| one.transaction == transaction)
        .skip((page - 1) * size)
        .take(size)
        .map(|one| {
            let basket = match memory.tells_baskets {
                true => format!("<BasketReference>{}</BasketReference>", one.basket),
                false => String::new(),
            };
            format!(
                "<AuthRequest><RequestStatus>{}</RequestStatus><AccountPaymentAmount>{}</AccountPaymentAmount>\
                 <OriginatorsReference>{transaction}</OriginatorsReference>\
                 <CallingApplicationTransactionReference>{transaction}\
                 </CallingApplicationTransactionReference>{basket}</AuthRequest>",
                one.status, one.amount
            )
        })
        .collect();
    envelope(&format!(
        "<QueryResponse xmlns=\"http://tempuri.org/QueryAuthRequests/Service1\"><QueryResult>{rows}\
         </QueryResult></QueryResponse>"
    ))
}

fn envelope(body: &str) -> String {
    format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body>{body}</s:Body></s:Envelope>"
    )
}
