//! The rules of a request's body, field by field in the order in which the platform looks at them; the
//! first that is broken is told.

use serde_json::{Map, Value};

use super::problem::Problem;

const AMOUNT_MAX: i64 = 10_000_000;
const TEXT_MAX: usize = 255;

/// What a service asks for when it creates a payment, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    pub amount: i64,
    pub reference: String,
    pub description: String,
    pub return_url: Option<String>,
    pub language: String,
    pub email: Option<String>,
    pub prefilled: Option<Value>,
    pub metadata: Option<Map<String, Value>>,
    pub delayed_capture: bool,
    pub moto: bool,
    pub mode: Mode,
    pub set_up_agreement: Option<String>,
    pub agreement_id: Option<String>,
    pub agreement_payment_type: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Web,
    Agreement,
    MotoApi,
}

impl Mode {
    pub fn word(self) -> &'static str {
        match self {
            Mode::Web => "web",
            Mode::Agreement => "agreement",
            Mode::MotoApi => "moto_api",
        }
    }
}

/// The body as an object.
pub fn object(body: &[u8], code: &'static str) -> Result<Map<String, Value>, Problem> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object),
        _ => Err(Problem::new(400, code, "Unable to parse JSON")),
    }
}

/// Checks the body of a payment. `live` accounts want https.
pub fn payment(body: &Map<String, Value>, live: bool) -> Result<Order, Problem> {
    let fields = Fields { body, missing: "P0101", invalid: "P0102" };
    let mode = match fields.choice("authorisation_mode", &["web", "agreement", "moto_api"])? {
        Some("agreement") => Mode::Agreement,
        Some("moto_api") => Mode::MotoApi,
        _ => Mode::Web,
    };
    let amount = fields.amount("amount")?.ok_or_else(|| Problem::missing("P0101", "amount"))?;
    let reference = fields.needed_text("reference", TEXT_MAX)?;
    let description = fields.needed_text("description", TEXT_MAX)?;
    let return_url = return_url(&fields, mode, live)?;
    let language = match fields.text("language")? {
        None => "en",
        Some(word @ ("en" | "cy")) => word,
        Some(_) => {
            return Err(Problem::invalid(422, "P0102", "language", r#"Must be "en" or "cy""#));
        }
    };
    let email = fields.text_up_to("email", 254)?.map(str::to_owned);
    let prefilled = fields.present("prefilled_cardholder_details");
    if let Some(details) = prefilled {
        prefilled_details(details)?;
    }
    if mode == Mode::Agreement {
        for (name, there) in
            [("email", email.is_some()), ("prefilled_cardholder_details", prefilled.is_some())]
        {
            if there {
                return Err(Problem::unexpected(name));
            }
        }
    }
    let agreement_id = agreement(&fields, "agreement_id")?;
    let set_up_agreement = agreement(&fields, "set_up_agreement")?;
    match (mode, &agreement_id) {
        (Mode::Agreement, None) => return Err(Problem::missing("P0101", "agreement_id")),
        (Mode::Web | Mode::MotoApi, Some(_)) => return Err(Problem::unexpected("agreement_id")),
        _ => {}
    }
    if mode == Mode::Agreement && set_up_agreement.is_some() {
        return Err(Problem::unexpected("set_up_agreement"));
    }
    let kinds = ["instalment", "recurring", "unscheduled"];
    let kind = fields.choice("agreement_payment_type", &kinds)?;
    let may_have_kind = mode == Mode::Agreement || set_up_agreement.is_some();
    if kind.is_some() && !may_have_kind {
        return Err(Problem::unexpected("agreement_payment_type"));
    }
    Ok(Order {
        amount,
        reference,
        description,
        return_url,
        language: language.to_owned(),
        email,
        prefilled: prefilled.cloned(),
        metadata: metadata(&fields)?,
        delayed_capture: fields.flag("delayed_capture")?,
        moto: fields.flag("moto")?,
        mode,
        set_up_agreement,
        agreement_id,
        agreement_payment_type: kind.or(may_have_kind.then_some("recurring")).map(str::to_owned),
    })
}

fn return_url(fields: &Fields<'_>, mode: Mode, live: bool) -> Result<Option<String>, Problem> {
    let given = fields.text("return_url")?;
    if mode != Mode::Web {
        return given.map_or(Ok(None), |_| Err(Problem::unexpected("return_url")));
    }
    let Some(url) = given else { return Err(Problem::missing("P0101", "return_url")) };
    let invalid = |status, why: &str| Err(Problem::invalid(status, "P0102", "return_url", why));
    if url.chars().count() > 2_000 {
        return invalid(422, "Must be less than or equal to 2000 characters length");
    }
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let whole = rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'));
    if !whole || url.contains(char::is_whitespace) {
        return invalid(400, "Must be a valid URL format");
    }
    if live && !url.starts_with("https://") {
        let why = "Access to this resource has been blocked: return_url must use HTTPS";
        return Err(Problem::new(422, "P0920", why));
    }
    Ok(Some(url.to_owned()))
}

fn prefilled_details(details: &Value) -> Result<(), Problem> {
    const NAME: &str = "prefilled_cardholder_details";
    let Value::Object(details) = details else {
        return Err(Problem::invalid(400, "P0102", NAME, "Must be a valid JSON object"));
    };
    let fields = Fields { body: details, missing: "P0101", invalid: "P0102" };
    fields.text_up_to("cardholder_name", TEXT_MAX)?;
    if let Some(Value::Object(address)) = details.get("billing_address") {
        let fields = Fields { body: address, ..fields };
        for (name, most) in
            [("line1", TEXT_MAX), ("line2", TEXT_MAX), ("city", TEXT_MAX), ("postcode", 25)]
        {
            fields.text_up_to(name, most)?;
        }
        fields.text("country")?;
    }
    Ok(())
}

fn agreement(fields: &Fields<'_>, name: &str) -> Result<Option<String>, Problem> {
    let Some(id) = fields.text(name)? else { return Ok(None) };
    if id.chars().count() != 26 {
        let why = "Field [agreement_id] length must be 26";
        return Err(Problem::invalid(422, "P0102", name, why));
    }
    Ok(Some(id.to_owned()))
}

/// Every rule of metadata that is broken is told in one sentence.
fn metadata(fields: &Fields<'_>) -> Result<Option<Map<String, Value>>, Problem> {
    let invalid = |why: &str| Problem::invalid(422, "P0102", "metadata", why);
    let map = match fields.body.get("metadata") {
        None => return Ok(None),
        Some(Value::Null) => return Err(invalid("Value must not be null")),
        Some(Value::Object(map)) => map,
        Some(_) => return Err(invalid("Must be an object of JSON key-value pairs")),
    };
    let mut faults = Vec::new();
    if map.values().any(Value::is_null) {
        faults.push("Must not have null values");
    }
    if map.keys().any(|name| !(1..=30).contains(&name.chars().count())) {
        faults.push("Keys must be between 1 and 30 characters long");
    }
    let long = |value: &Value| value.as_str().is_some_and(|text| text.chars().count() > 100);
    if map.values().any(long) {
        faults.push("Values must be no greater than 100 characters long");
    }
    if map.values().any(|value| value.is_array() || value.is_object()) {
        faults.push("Values must be of type String, Boolean or Number");
    }
    if map.len() > 15 {
        faults.push("Cannot have more than 15 key-value pairs");
    }
    match faults.is_empty() {
        true => Ok(Some(map.clone())),
        false => Err(invalid(&faults.join(". "))),
    }
}

/// What is asked for when money is given back: the amount, and what the service believes is left.
pub fn refund(body: &Map<String, Value>) -> Result<(i64, Option<i64>), Problem> {
    let fields = Fields { body, missing: "P0601", invalid: "P0602" };
    let amount = fields.amount("amount")?.ok_or_else(|| Problem::missing("P0601", "amount"))?;
    Ok((amount, fields.amount("refund_amount_available")?))
}

/// Reference, description and user of an agreement.
pub fn new_agreement(
    body: &Map<String, Value>,
) -> Result<(String, String, Option<String>), Problem> {
    let fields = Fields { body, missing: "P2101", invalid: "P2102" };
    let reference = fields.needed_text("reference", TEXT_MAX)?;
    let description = fields.needed_text("description", TEXT_MAX)?;
    let user = fields.text_up_to("user_identifier", TEXT_MAX)?.map(str::to_owned);
    Ok((reference, description, user))
}

/// The header that makes a payment by agreement safe to send again.
pub fn idempotency_key(value: Option<&[u8]>) -> Result<Option<String>, Problem> {
    const NAME: &str = "Idempotency-Key";
    let Some(value) = value else { return Ok(None) };
    if !(1..=255).contains(&value.len()) {
        return Err(Problem::header(NAME, "can have a size between 1 and 255"));
    }
    if !value.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-') {
        let why = "can only contain alphanumeric characters and hyphens";
        return Err(Problem::header(NAME, why));
    }
    Ok(Some(String::from_utf8_lossy(value).into_owned()))
}

/// An object's fields, with the codes that this kind of request is refused under.
#[derive(Clone, Copy)]
struct Fields<'b> {
    body: &'b Map<String, Value>,
    missing: &'static str,
    invalid: &'static str,
}

impl<'b> Fields<'b> {
    fn present(&self, name: &str) -> Option<&'b Value> {
        self.body.get(name).filter(|value| !value.is_null())
    }

    fn fault(&self, status: u16, name: &str, why: &str) -> Problem {
        Problem::invalid(status, self.invalid, name, why)
    }

    fn text(&self, name: &str) -> Result<Option<&'b str>, Problem> {
        match self.present(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.fault(400, name, "Must be a valid string format")),
        }
    }

    fn text_up_to(&self, name: &str, most: usize) -> Result<Option<&'b str>, Problem> {
        let text = self.text(name)?;
        if text.is_some_and(|text| text.chars().count() > most) {
            let why = format!("Must be less than or equal to {most} characters length");
            return Err(self.fault(422, name, &why));
        }
        Ok(text)
    }

    fn needed_text(&self, name: &str, most: usize) -> Result<String, Problem> {
        let text = self.text(name)?.filter(|text| !text.trim().is_empty());
        let Some(text) = text else { return Err(Problem::missing(self.missing, name)) };
        if text.contains(['<', '>', '|']) {
            return Err(self.fault(400, name, "Must be a valid string format"));
        }
        self.text_up_to(name, most)?;
        Ok(text.to_owned())
    }

    /// Pence: a whole number in JSON, from 1 to ten million.
    fn amount(&self, name: &str) -> Result<Option<i64>, Problem> {
        let Some(value) = self.present(name) else { return Ok(None) };
        let Some(amount) = value.as_i64() else {
            return Err(self.fault(400, name, "Must be a valid numeric format"));
        };
        if amount < 1 {
            return Err(self.fault(422, name, "Must be greater than or equal to 1"));
        }
        if amount > AMOUNT_MAX {
            let why = format!("Must be less than or equal to {AMOUNT_MAX}");
            return Err(self.fault(422, name, &why));
        }
        Ok(Some(amount))
    }

    fn flag(&self, name: &str) -> Result<bool, Problem> {
        match self.present(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(self.fault(400, name, "Must be true or false")),
        }
    }

    fn choice(&self, name: &str, words: &[&'static str]) -> Result<Option<&'b str>, Problem> {
        let Some(word) = self.text(name)? else { return Ok(None) };
        if words.contains(&word) {
            return Ok(Some(word));
        }
        Err(self.fault(422, name, &format!("Must be one of {}", words.join(", "))))
    }
}
