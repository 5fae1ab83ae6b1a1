//! How an answer goes on that does not come whole. Pure: what came in, the next question out.

use serde_json::Value;

use crate::connector::address;

/// Said where what was read is not what was there.
pub const MOVED: &str = "records moved from page to page while they were read";

/// How a system gives out its pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Paging {
    Whole,
    /// `looks_back`: each page is asked for once more after the one behind it, to see that it stands.
    Number {
        parameter: String,
        first: i64,
        size: Size,
        looks_back: bool,
    },
    Offset {
        parameter: String,
        size: Size,
    },
    Cursor {
        parameter: String,
        at: String,
    },
    Link {
        at: Option<String>,
    },
    Keyset {
        parameter: String,
        size: Size,
    },
}

/// How many records a page has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Size {
    /// The parameter that tells it.
    pub parameter: Option<String>,
    pub records: usize,
    /// Whether one with fewer is the last. Else only one with none is: a system may give fewer than it is
    /// asked for, and what lies behind must not be missed.
    pub short_is_last: bool,
}

/// What is asked next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// The same address, with these parameters beside those of every question.
    With(Vec<(String, String)>),
    /// That address, which carries all parameters.
    At(String),
}

/// What came with a page.
#[derive(Debug, Clone, Copy)]
pub struct Page<'a> {
    /// Its place among the pages, from 0.
    pub number: usize,
    /// Records on it, and on all pages so far, none counted twice.
    pub records: usize,
    pub all: usize,
    /// Whether it began with the last record of the page before, as it was asked to.
    pub overlaps: bool,
    /// Those of them whose key came on a page before.
    pub again: usize,
    /// The key of its last record.
    pub last_key: &'a str,
    pub body: &'a [u8],
    /// The header `Link`.
    pub link: Option<&'a str>,
    /// Where it was asked.
    pub url: &'a str,
}

impl Paging {
    /// The first question.
    pub fn first(&self) -> Turn {
        match self {
            Paging::Whole | Paging::Cursor { .. } | Paging::Link { .. } => Turn::With(Vec::new()),
            Paging::Number { parameter, first, size, .. } => {
                with(parameter, first.to_string(), size)
            }
            Paging::Offset { size, .. } | Paging::Keyset { size, .. } => Turn::With(told(size)),
        }
    }

    /// The question behind a page; None where it was the last. An error says what cannot be followed.
    pub fn next(&self, page: &Page<'_>) -> Result<Option<Turn>, String> {
        // Where pages are counted off, one record that moves up is one that nobody sees.
        let is_counted = matches!(self, Paging::Number { .. } | Paging::Offset { .. });
        if page.again > 0 && is_counted {
            return Err(MOVED.to_owned());
        }
        if page.again > 0 && page.again == page.records {
            return Err(format!("page {} has what pages before it had", page.number + 1));
        }
        let goes_on = |size: &Size| match size.short_is_last {
            true => page.records + usize::from(page.overlaps) >= size.records,
            false => page.records > 0,
        };
        Ok(match self {
            Paging::Whole => None,
            Paging::Number { parameter, first, size, .. } if goes_on(size) => {
                Some(with(parameter, numbered(*first, page.number + 1), size))
            }
            Paging::Offset { parameter, size } if goes_on(size) || page.brings_nothing(size) => {
                let from = page.all - usize::from(self.overlaps_behind(page));
                Some(with(parameter, from.to_string(), size))
            }
            Paging::Keyset { parameter, size } if goes_on(size) => match page.last_key {
                "" => return Err("the last record of a page has no key to go on from".to_owned()),
                key => Some(with(parameter, key.to_owned(), size)),
            },
            Paging::Number { .. } | Paging::Offset { .. } | Paging::Keyset { .. } => None,
            Paging::Cursor { parameter, at } => {
                let cursor = said(page.body, at)?;
                cursor.map(|cursor| Turn::With(vec![(parameter.clone(), cursor)]))
            }
            Paging::Link { at: Some(at) } => match said(page.body, at)? {
                Some(next) => Some(Turn::At(joined(page.url, &next)?)),
                None => None,
            },
            Paging::Link { at: None } => match page.link.and_then(next_link) {
                Some(next) => Some(Turn::At(joined(page.url, next)?)),
                None => None,
            },
        })
    }
}

impl Page<'_> {
    /// It held the record that it was to begin with, and nothing else: whether there is more is asked once more,
    /// since a system may give one at a time.
    fn brings_nothing(&self, size: &Size) -> bool {
        self.overlaps && self.records == 0 && !size.short_is_last
    }
}

impl Paging {
    /// Whether the page behind this one begins with the last record of this one. Where records are counted off,
    /// one that goes from before them has another passed over, and by this it is seen.
    pub fn overlaps_behind(&self, page: &Page<'_>) -> bool {
        matches!(self, Paging::Offset { .. }) && page.records > 0 && !page.last_key.is_empty()
    }

    /// Asks once more for the page before, where pages are looked back at.
    pub fn back(&self, page: &Page<'_>) -> Option<Turn> {
        match self {
            Paging::Number { parameter, first, size, looks_back: true } if page.number > 0 => {
                Some(with(parameter, numbered(*first, page.number - 1), size))
            }
            _ => None,
        }
    }
}

fn numbered(first: i64, number: usize) -> String {
    first.saturating_add(i64::try_from(number).unwrap_or(i64::MAX)).to_string()
}

fn with(parameter: &str, value: String, size: &Size) -> Turn {
    let mut parameters = told(size);
    parameters.push((parameter.to_owned(), value));
    Turn::With(parameters)
}

fn told(size: &Size) -> Vec<(String, String)> {
    size.parameter.iter().map(|name| (name.clone(), size.records.to_string())).collect()
}

/// What stands at that place of an answer; None where nothing does.
fn said(body: &[u8], at: &str) -> Result<Option<String>, String> {
    let body: Value = serde_json::from_slice(body)
        .map_err(|_| "a page is not JSON, so that nobody can tell how it goes on".to_owned())?;
    match body.pointer(at) {
        None | Some(Value::Null) | Some(Value::Bool(false)) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(_) => Err(format!("what stands at {at} of a page does not say how it goes on")),
    }
}

fn joined(url: &str, next: &str) -> Result<String, String> {
    let joined = address::joined(url, next);
    joined.ok_or_else(|| "the address of the next page cannot be read".to_owned())
}

/// The address of `rel="next"` in a `Link` header (RFC 8288).
fn next_link(header: &str) -> Option<&str> {
    let mut rest = header;
    loop {
        let (_, behind) = rest.split_once('<')?;
        let (address, behind) = behind.split_once('>')?;
        // Its parameters end where the next address begins.
        let end = behind.find('<').unwrap_or(behind.len());
        let is_next = behind[..end].split([';', ',']).any(|parameter| {
            let Some((name, value)) = parameter.split_once('=') else { return false };
            let mut relations = value.trim().trim_matches('"').split_ascii_whitespace();
            name.trim().eq_ignore_ascii_case("rel")
                && relations.any(|relation| relation.eq_ignore_ascii_case("next"))
        });
        if is_next {
            return Some(address);
        }
        rest = &behind[end..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(records: usize, all: usize, body: &'static str) -> Page<'static> {
        let url = "https://housing.example.com/api/tenancies?since=1";
        let (body, last_key) = (body.as_bytes(), "K 9");
        Page { number: 0, records, all, overlaps: false, again: 0, last_key, body, link: None, url }
    }

    fn asked(parameters: &[(&str, &str)]) -> Option<Turn> {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Some(Turn::With(parameters.iter().map(own).collect()))
    }

    #[test]
    fn pages_by_number_offset_and_key_end_with_one_that_is_not_full() {
        let untold = Size { parameter: None, records: 2, short_is_last: true };
        let told = Size { parameter: Some("limit".to_owned()), ..untold.clone() };
        let parameter = "page".to_owned();
        let number = Paging::Number { parameter, first: 1, size: told.clone(), looks_back: false };
        assert_eq!(Some(number.first()), asked(&[("limit", "2"), ("page", "1")]));
        assert_eq!(number.next(&page(2, 2, "")), Ok(asked(&[("limit", "2"), ("page", "2")])));
        assert_eq!(number.next(&page(1, 3, "")), Ok(None));
        let offset = Paging::Offset { parameter: "offset".to_owned(), size: untold.clone() };
        assert_eq!(Some(offset.first()), asked(&[]));
        // It begins with what came last, to see that nothing moved.
        assert_eq!(offset.next(&page(2, 4, "")), Ok(asked(&[("offset", "3")])));
        assert_eq!(
            offset.next(&Page { last_key: "", ..page(2, 4, "") }),
            Ok(asked(&[("offset", "4")]))
        );
        assert_eq!(
            offset.next(&Page { overlaps: true, ..page(1, 5, "") }),
            Ok(asked(&[("offset", "4")]))
        );
        assert_eq!(offset.next(&Page { overlaps: true, ..page(0, 5, "") }), Ok(None));
        assert_eq!(offset.next(&page(0, 4, "")), Ok(None));
        // Nobody says that a short one is the last: a system may give fewer than it is asked for.
        let size = Size { short_is_last: false, ..untold.clone() };
        let wary = Paging::Offset { parameter: "offset".to_owned(), size };
        assert_eq!(wary.next(&page(1, 1, "")), Ok(asked(&[("offset", "0")])));
        let nothing_new = Page { overlaps: true, ..page(0, 1, "") };
        assert_eq!(wary.next(&nothing_new), Ok(asked(&[("offset", "1")])));
        assert_eq!(wary.next(&page(0, 1, "")), Ok(None));
        let keyset = Paging::Keyset { parameter: "after".to_owned(), size: told };
        assert_eq!(keyset.next(&page(2, 2, "")), Ok(asked(&[("limit", "2"), ("after", "K 9")])));
        assert!(keyset.next(&Page { last_key: "", ..page(2, 2, "") }).is_err());
        // One that came before: where pages are counted off, another was passed over.
        assert!(offset.next(&Page { again: 1, ..page(2, 4, "") }).is_err());
        let third = Page { number: 2, ..page(2, 6, "") };
        assert_eq!(number.back(&third), None);
        let (parameter, size) = ("page".to_owned(), untold.clone());
        let wary = Paging::Number { parameter, first: 1, size, looks_back: true };
        assert_eq!(wary.back(&third), asked(&[("page", "2")]));
        assert_eq!(wary.back(&page(2, 2, "")), None);
        assert!(keyset.next(&Page { again: 1, ..page(2, 4, "") }).is_ok());
        assert!(keyset.next(&Page { again: 2, ..page(2, 4, "") }).is_err());
    }

    #[test]
    fn a_cursor_is_followed_until_none_is_given() {
        let cursor = Paging::Cursor { parameter: "c".to_owned(), at: "/meta/next".to_owned() };
        let next = |body| cursor.next(&page(1, 1, body));
        assert_eq!(next("{\"meta\":{\"next\":\"a=b\"}}"), Ok(asked(&[("c", "a=b")])));
        assert_eq!(next("{\"meta\":{\"next\":7}}"), Ok(asked(&[("c", "7")])));
        for ended in ["{}", "{\"meta\":{\"next\":null}}", "{\"meta\":{\"next\":\"\"}}"] {
            assert_eq!(next(ended), Ok(None), "{ended}");
        }
        assert!(next("<html>").is_err());
        assert!(next("{\"meta\":{\"next\":[]}}").is_err());
    }

    #[test]
    fn the_next_page_is_where_the_answer_says() {
        let at = |url: &str| Ok(Some(Turn::At(url.to_owned())));
        let body = Paging::Link { at: Some("/next".to_owned()) };
        let next = |text| body.next(&page(1, 1, text));
        assert_eq!(
            next("{\"next\":\"?p=2\"}"),
            at("https://housing.example.com/api/tenancies?p=2")
        );
        assert_eq!(
            next("{\"next\":\"https://other.example.com/\"}"),
            at("https://other.example.com/")
        );
        assert_eq!(next("{}"), Ok(None));
        let header = Paging::Link { at: None };
        for (link, expected) in [
            ("<https://a.example.com/x?p=2>; rel=\"next\"", Some("https://a.example.com/x?p=2")),
            (
                "<https://a.example.com/1,2>; rel=prev, </n>; title=\"a, b\"; rel=\"last next\"",
                Some("https://housing.example.com/n"),
            ),
            ("<https://a.example.com/x>; rel=\"nexting\"", None),
            ("rel=next", None),
            ("<", None),
        ] {
            let page = Page { link: Some(link), ..page(1, 1, "") };
            assert_eq!(
                header.next(&page),
                Ok(expected.map(|url| Turn::At(url.to_owned()))),
                "{link}"
            );
        }
    }
}
