//! How a page is written: the furniture that comes with everything, and what every half of it has.

use std::fmt::{Display, Formatter, Result as Written, Write};

use crate::record::moment::Moment;
use crate::sandbox::council::household::Adult;

use super::state::{SignedOut, person_reference};

/// Text as XML content, or in an attribute.
pub struct Escaped<'t>(pub &'t str);

impl Display for Escaped<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> Written {
        for letter in self.0.chars() {
            match letter {
                '&' => out.write_str("&amp;")?,
                '<' => out.write_str("&lt;")?,
                '>' => out.write_str("&gt;")?,
                '"' => out.write_str("&quot;")?,
                other => out.write_char(other)?,
            }
        }
        Ok(())
    }
}

/// Pence in pounds, with blanks before it as a report pads them.
pub struct Padded(pub i64);

impl Display for Padded {
    fn fmt(&self, out: &mut Formatter<'_>) -> Written {
        let (sign, pence) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs());
        let text = format!("{sign}{}.{:02}", pence / 100, pence % 100);
        write!(out, "{text:>10} ")
    }
}

/// Pence in pounds.
pub struct Pounds(pub i64);

impl Display for Pounds {
    fn fmt(&self, out: &mut Formatter<'_>) -> Written {
        out.write_str(Padded(self.0).to_string().trim())
    }
}

/// What comes with everything: the session and the query are echoed.
pub fn furniture(docid: &str, session: &str, signed_in: bool, now_ms: i64) -> String {
    let day = Moment(now_ms).day();
    let logged_in = if signed_in { "TRUE" } else { "FALSE" };
    format!(
        "<StandardInfo><SessionID>{session}</SessionID><LoggedIn>{logged_in}</LoggedIn>\
         <SIDString>sessionId={session}</SIDString><PageName>{docid}</PageName>\
         <QueryString>outputtype=xml&amp;docid={docid}&amp;sessionId={session}</QueryString>\
         <CurrentQueryString><viewset>crm</viewset><outputtype>xml</outputtype><docid>{docid}</docid>\
         <sessionId>{session}</sessionId></CurrentQueryString><AuthorityDefaults>\
         <AuthorityName>Example MBC</AuthorityName><TimeOut TimeOutValue=\"20\">20</TimeOut>\
         </AuthorityDefaults><Today Date=\"{}\" DateSort=\"{}\" Time=\"{}\"/></StandardInfo>",
        day.format("%d/%m/%Y"),
        day.format("%Y%m%d"),
        Moment(now_ms).utc_said().get(11..19).unwrap_or_default(),
    )
}

pub fn form_fields(docid: &str, session: &str) -> String {
    format!(
        "<FormFieldValues><outputtype>xml</outputtype><docid>{docid}</docid>\
         <sessionId>{session}</sessionId></FormFieldValues>"
    )
}

/// A person's name. Some replies leave the number out.
pub fn name(adult: &Adult, with_reference: bool) -> String {
    let initial = adult.forename.chars().next().unwrap_or(' ');
    let reference = match with_reference {
        true => format!("<PersonReference>{}</PersonReference>", person_reference(adult.id)),
        false => String::new(),
    };
    format!(
        "<PersonName>{reference}<PersonTitle>{}</PersonTitle><Initials>{initial}</Initials>\
         <Forenames>{}</Forenames><Surname>{}</Surname><NINo>{}</NINo></PersonName>",
        adult.title,
        Escaped(adult.forename),
        Escaped(&adult.surname),
        adult.nino
    )
}

/// How a person is reached. Here alone names are written with underscores.
pub fn details(adult: &Adult) -> String {
    format!(
        "<PersonalDetails><NINo>{}</NINo><TelephoneNumber Priority=\"2\"/>\
         <TelephoneNumber Priority=\"1\">{}</TelephoneNumber><MobileNumber Priority=\"2\">{}</MobileNumber>\
         <contact_types><contact_type contact_type=\"EMAIL\" details=\"{}\" priority=\"1\"/>\
         </contact_types></PersonalDetails>",
        adult.nino, adult.landline, adult.mobile, adult.email
    )
}

/// What comes where nobody is signed in.
pub fn signed_out(how: SignedOut, docid: &str, now_ms: i64) -> String {
    match how {
        SignedOut::LoggedInFalse => format!("<Root>{}</Root>", furniture(docid, "", false, now_ms)),
        SignedOut::Html => "<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body><form \
                            action=\"/login\">Please sign in</form></body></html>"
            .to_owned(),
        SignedOut::Another => "<Root><Welcome>Example MBC online</Welcome></Root>".to_owned(),
        SignedOut::SoapFault => "<soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\">\
                                 <soap:Body><soap:Fault><faultcode>soap:Server</faultcode><faultstring>The \
                                 session is not valid</faultstring></soap:Fault></soap:Body></soap:Envelope>"
            .to_owned(),
        SignedOut::Nothing => String::new(),
    }
}

/// A day as this part of the system writes it today: two ways stand in one reply.
pub fn day(day: chrono::NaiveDate, slashes: bool) -> String {
    day.format(if slashes { "%d/%m/%Y" } else { "%d-%m-%Y" }).to_string()
}
