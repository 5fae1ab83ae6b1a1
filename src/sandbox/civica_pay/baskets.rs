//! Baskets, by JSON. Everything is answered with a 200; a code says what came of it.

use serde_json::{Value, json};

use super::state::Memory;
use super::{CATALOGUE, CUSTOMER, PASSWORD};

/// A field, whichever way its name is written.
pub fn field<'v>(said: &'v Value, name: &str) -> &'v Value {
    let found = said.as_object().and_then(|fields| {
        fields.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    });
    found.unwrap_or(&Value::Null)
}

fn text<'v>(said: &'v Value, name: &str) -> &'v str {
    field(said, name).as_str().unwrap_or_default()
}

/// Makes a basket with one thing in it.
pub fn create(memory: &mut Memory, said: &Value) -> Value {
    if text(said, "CustomerID") != CUSTOMER || text(said, "ApiPassword") != PASSWORD {
        return refused(memory, "00002", "Not authorised", "ApiPassword");
    }
    let item = field(&field(said, "PaymentItems")[0], "PaymentDetails").clone();
    if text(&item, "CatalogueID") != CATALOGUE {
        return refused(memory, "00001", "Catalogue item not known", "CatalogueID");
    }
    // A text in pounds, with a point and two decimals: nothing else.
    let amount = text(&item, "PaymentAmount");
    let is_sound = amount.split_once('.').is_some_and(|(pounds, pence)| {
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        !pounds.is_empty() && digits(pounds) && pence.len() == 2 && digits(pence)
    });
    if !is_sound || amount == "0.00" {
        return refused(memory, "00001", "Amount not valid", "PaymentAmount");
    }
    let account = match text(&item, "ServicePayReference") {
        "" => text(&item, "AccountReference"),
        reference => reference,
    };
    // Accounts have nine or ten digits and begin with 99.
    let is_account = (9..=10).contains(&account.len())
        && account.starts_with("99")
        && account.bytes().all(|byte| byte.is_ascii_digit());
    if !is_account {
        return refused(memory, "00001", "Account reference not valid", "AccountReference");
    }
    let (transaction, notify) = (text(said, "CallingAppTranReference"), text(said, "NotifyURL"));
    let basket = memory.make(transaction, amount, account, notify);
    json!({
        "BasketReference": basket.reference,
        "BasketToken": basket.token,
        "Success": true,
        "ResponseCode": "00000",
        "ErrorMessage": "",
        "ErrorSummary": "",
        "FieldErrors": null,
    })
}

/// What is said of fields has no shape of its own: each refusal has another.
fn refused(memory: &mut Memory, code: &str, message: &str, name: &str) -> Value {
    memory.refusals += 1;
    let mut answer = json!({
        "BasketReference": null, "BasketToken": null, "Success": false, "ResponseCode": code,
        "ErrorMessage": message, "ErrorSummary": "1 error",
    });
    let errors = match memory.refusals % 5 {
        0 => return answer,
        1 => json!([{ "Field": name, "Message": message }]),
        2 => json!({ name: [message] }),
        3 => json!(format!("{name}: {message}")),
        _ => Value::Null,
    };
    answer["FieldErrors"] = errors;
    answer
}

/// What opens a basket that was made before.
pub fn security(memory: &Memory, said: &Value) -> Value {
    let is_known = text(said, "CustomerID") == CUSTOMER && text(said, "ApiPassword") == PASSWORD;
    let reference = text(said, "BasketReference");
    let found = memory.baskets.iter().find(|one| is_known && one.reference == reference);
    match found {
        Some(basket) => json!({
            "BasketReference": basket.reference, "BasketToken": basket.token, "Success": true,
            "ResponseCode": "00000",
        }),
        None => {
            json!({ "Success": false, "ResponseCode": "00004", "ErrorMessage": "No such basket" })
        }
    }
}
