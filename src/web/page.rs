//! The pages, in plain words: what happened, and what to do. No names, no addresses.

use crate::record::delivery::Payment;
use crate::record::value::pence::Pence;

/// What a payer is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Page {
    Paid(Payment),
    /// Declined, given up or too late: nothing was taken.
    NotMade(Payment),
    /// Somebody else who owes it has paid it.
    PaidByAnother(Payment),
    /// Somebody else who owes it is about to.
    BegunByAnother,
    /// The platform has yet to say.
    BeingTaken,
    /// It is being made, or asked after; nobody may pay it yet.
    BeingSetUp,
    /// The platform is not there, or does not take us in.
    Unavailable,
    /// Not online, and not by this link: the gate or a person keeps it.
    NotOnline,
    NotFound,
    /// Something of ours broke.
    Broken,
}

impl Page {
    /// The status of the answer, and after how many seconds it is worth asking again.
    pub fn status(&self) -> (u16, Option<u32>) {
        match self {
            Page::Paid(_)
            | Page::NotMade(_)
            | Page::PaidByAnother(_)
            | Page::BegunByAnother
            | Page::BeingTaken => (200, None),
            Page::BeingSetUp => (503, Some(30)),
            Page::Unavailable => (503, Some(300)),
            Page::NotOnline => (403, None),
            Page::NotFound => (404, None),
            Page::Broken => (500, None),
        }
    }

    pub fn html(&self) -> String {
        let (title, body) = self.words();
        let body: String = body.iter().map(|line| format!("<p>{line}</p>\n")).collect();
        format!(
            "<!doctype html>\n<html lang=\"en-GB\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"robots\" content=\"noindex\">\n<title>{title}</title>\n\
             <link rel=\"stylesheet\" href=\"style.css\">\n</head>\n<body>\n<main>\n\
             <h1>{title}</h1>\n{body}</main>\n</body>\n</html>\n"
        )
    }

    fn words(&self) -> (&'static str, Vec<String>) {
        let contact = "If you are worried, contact us by the details on your bill or letter.";
        let say = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
        let what = |payment: &Payment| {
            let amount = pounds(payment.amount_pence);
            let reference = escaped(&payment.reference);
            format!("Amount: <strong>{amount}</strong><br>Reference: <strong>{reference}</strong>")
        };
        match self {
            Page::Paid(payment) => (
                "Payment received",
                vec![
                    what(payment),
                    "Thank you. You do not need to do anything else.".to_owned(),
                    "It can take a few days until your account shows it.".to_owned(),
                ],
            ),
            Page::NotMade(payment) => (
                "Your payment was not made",
                vec![
                    what(payment),
                    "No money was taken from you.".to_owned(),
                    // The same address: the next opening makes a new payment.
                    "<a class=\"button\" href=\"\">Try again</a>".to_owned(),
                    contact.to_owned(),
                ],
            ),
            Page::PaidByAnother(payment) => (
                "This has been paid",
                vec![
                    what(payment),
                    "Somebody else who is named on this account has paid it. You do not need to pay.".to_owned(),
                    "It can take a few days until your account shows it.".to_owned(),
                ],
            ),
            Page::BegunByAnother => (
                "Somebody else is paying this",
                say(&[
                    "Somebody else who is named on this account has begun to pay. Please do not pay as well.",
                    "If they do not finish, you can pay by this link in about two hours.",
                    contact,
                ]),
            ),
            Page::BeingTaken => (
                "Your payment is being processed",
                say(&[
                    "Please do not pay again. Open this link later to see how it stands.",
                    contact,
                ]),
            ),
            Page::BeingSetUp => (
                "Your payment is still being set up",
                say(&[
                    "No money was taken from you. Please try again in a minute or two.",
                    "<a class=\"button\" href=\"\">Try again</a>",
                    contact,
                ]),
            ),
            Page::Unavailable => (
                "Online payment is not available now",
                say(&["No money was taken from you. Please open this link again later.", contact]),
            ),
            Page::NotOnline => (
                "You cannot pay by this link",
                say(&[
                    "You do not need to do anything now, and no money was taken from you.",
                    "If you want to pay, or have a question, contact us by the details on your bill or \
                     letter.",
                ]),
            ),
            Page::NotFound => (
                "Page not found",
                say(&[
                    "Check that you have opened the whole link: copy it from the message once more.",
                    contact,
                ]),
            ),
            Page::Broken => (
                "Sorry, there is a problem with the service",
                say(&["Please try again later. If you have paid, do not pay again.", contact]),
            ),
        }
    }
}

/// What the pages look like.
pub const STYLE: &str = "body{font:1.1875rem/1.4 Arial,sans-serif;color:#0b0c0c;margin:0}\
main{max-width:40rem;margin:0 auto;padding:2rem 1rem}h1{font-size:2rem;line-height:1.15}\
.button{display:inline-block;background:#00703c;color:#fff;padding:.5rem 1rem;text-decoration:none}\
a:focus{outline:3px solid #fd0}";

/// `£1,234.50`
fn pounds(pence: i64) -> String {
    Pence::new(pence).said()
}

/// Text of ours or of a source system, with nothing in it that a browser would take for more.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(reference: &str) -> Payment {
        Payment {
            amount_pence: 123_450,
            reference: reference.to_owned(),
            description: "Council Tax arrears".to_owned(),
            link: String::new(),
            account_id: None,
        }
    }

    #[test]
    fn a_reference_cannot_become_more_than_text() {
        let page = Page::Paid(asked("<b>\"&'")).html();
        assert!(page.contains("&lt;b&gt;&quot;&amp;&#39;"), "{page}");
        assert!(page.contains("£1,234.50") && page.contains("lang=\"en-GB\""));
    }

    #[test]
    fn every_page_says_what_to_do() {
        for page in [
            Page::Paid(asked("9900000001")),
            Page::NotMade(asked("9900000001")),
            Page::PaidByAnother(asked("9900000001")),
            Page::BegunByAnother,
            Page::BeingTaken,
            Page::BeingSetUp,
            Page::Unavailable,
            Page::NotOnline,
            Page::NotFound,
            Page::Broken,
        ] {
            let (title, lines) = page.words();
            assert!(!title.is_empty() && lines.len() >= 2, "{page:?}");
            let html = page.html();
            assert_eq!(html.matches("<h1>").count(), 1);
            assert!(!html.contains("<script") && !html.contains("style=\""), "{html}");
        }
    }
}
