//! A browser, as far as an invented payer needs one: it opens a link, follows it to the platform's page,
//! presses a button there and sees where that leads. By hand, like everything a sandbox says first.

use std::io;

use super::posting::{self, Answered};

/// More pages than any way through a payment has.
const STEPS_MAX: usize = 8;

/// Opens a link, and presses the button of that name where there is one. Gives the titles of the pages on
/// which the way ended or a button was pressed. Who does not come back shuts the window once the button is pressed.
pub async fn visit(link: &str, presses: &str, comes_back: bool) -> io::Result<Vec<String>> {
    let mut titles = Vec::new();
    let mut pressed = false;
    let (mut url, mut form) = (link.to_owned(), None);
    for _ in 0..STEPS_MAX {
        let answered = posting::exchange(&url, form.take()).await?;
        if let Some(to) = &answered.location {
            if pressed && !comes_back {
                return Ok(titles);
            }
            url = resolved(&url, to);
            continue;
        }
        titles.push(title(&answered));
        if pressed || !answered.body.contains("<form method=\"post\">") {
            return Ok(titles);
        }
        pressed = true;
        form = Some(format!("does={presses}"));
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "the pages lead round in a circle"))
}

/// Where a redirect leads, seen from the page that gave it.
fn resolved(from: &str, to: &str) -> String {
    if to.starts_with("http://") {
        return to.to_owned();
    }
    let host_end = from.find("://").and_then(|at| from[at + 3..].find('/').map(|end| at + 3 + end));
    let host = host_end.map_or(from, |end| &from[..end]);
    match to.starts_with('/') {
        true => format!("{host}{to}"),
        false => format!("{}/{to}", from.rsplit_once('/').map_or(from, |(folder, _)| folder)),
    }
}

fn title(answered: &Answered) -> String {
    let text =
        answered.body.split_once("<title>").and_then(|(_, rest)| rest.split_once("</title>"));
    text.map_or_else(
        || format!("a page without a title ({})", answered.status),
        |(title, _)| title.to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_is_seen_from_its_page() {
        let from = "http://127.0.0.1:1/pay/a";
        for (to, wanted) in [
            ("http://127.0.0.1:2/x", "http://127.0.0.1:2/x"),
            ("/card/1", "http://127.0.0.1:1/card/1"),
            ("b", "http://127.0.0.1:1/pay/b"),
        ] {
            assert_eq!(resolved(from, to), wanted);
        }
    }
}
