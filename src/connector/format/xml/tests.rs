//! What the cut finds, and what it refuses.

use super::*;
use crate::connector::format::{Raw, Stopped};

#[derive(Default)]
struct Kept(Vec<(String, String)>);

impl RecordSink for Kept {
    fn record(&mut self, key: &str, raw: Raw<'_>) -> Result<(), Stopped> {
        let mut alone = Vec::new();
        raw.write_alone(&mut alone);
        self.0.push((key.to_owned(), String::from_utf8(alone).unwrap()));
        Ok(())
    }

    fn unreadable(&mut self, code: &'static str, _: String, _: Raw<'_>) -> Result<(), Stopped> {
        self.0.push((format!("!{code}"), String::new()));
        Ok(())
    }
}

/// Gives a few bytes at a time, so that every token is once cut in two.
struct Drip<'a>(&'a [u8], usize);

impl Read for Drip<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let some = self.0.len().min(self.1).min(into.len());
        into[..some].copy_from_slice(&self.0[..some]);
        self.0 = &self.0[some..];
        Ok(some)
    }
}

fn step(space: Option<&str>, name: &str, attribute: bool) -> Step {
    Step::new(space.map(str::to_owned), name.to_owned(), attribute)
}

fn format(space: Option<&str>) -> XmlFormat {
    XmlFormat {
        record: Path { up: 0, steps: vec![step(space, "E", false), step(space, "A", false)] },
        key: Path { up: 0, steps: vec![step(None, "ref", true)] },
        count: Some(Path {
            up: 0,
            steps: vec![step(space, "E", false), step(None, "T", false), step(None, "n", true)],
        }),
        namespaces: vec![],
        record_bytes_max: 4096,
    }
}

type Cut = Result<(Vec<(String, String)>, Vec<Total>), String>;

fn cut(xml: &str, space: Option<&str>) -> Cut {
    let mut results = Vec::new();
    for step in [1, 3, 7, 4096] {
        let mut kept = Kept::default();
        let result = format(space).cut(&mut Drip(xml.as_bytes(), step), &mut kept);
        results.push(match result {
            Ok(totals) => Ok((kept.0, totals)),
            Err(CutError::Format(fault)) => Err(fault.code.to_owned()),
            Err(other) => Err(format!("{other:?}")),
        });
    }
    assert!(results.windows(2).all(|pair| pair[0] == pair[1]), "it matters how it drips: {xml}");
    results.remove(0)
}

#[test]
fn records_are_cut_whole_and_stand_alone() {
    let xml = "\u{feff}<?xml version=\"1.0\"?><!-- <A ref='0'/> -->\n<E xmlns='urn:e' xmlns:p=\"urn:p\">\n\
               <A ref=\"1\"><A ref='inner'/><![CDATA[</A>]]><b c='>'/></A>\n<A ref='2' xmlns='urn:e'/><X><A ref='no'/></X>\
               <T n='2'/></E>\n<!-- end -->";
    let (records, totals) = cut(xml, Some("urn:e")).unwrap();
    let keys: Vec<&str> = records.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["1", "2"]);
    assert!(
        records[0].1.starts_with("<A xmlns:p=\"urn:p\" xmlns=\"urn:e\" ref=\"1\">"),
        "{records:?}"
    );
    assert!(
        records[1].1.starts_with("<A xmlns:p=\"urn:p\" ref='2' xmlns='urn:e'/>"),
        "{records:?}"
    );
    assert_eq!(totals, [Total { name: "records".into(), declared: Some(2), counted: 2 }]);
    let mut document = Document::default();
    for (_, record) in &records {
        format(None).read(record, &mut document).unwrap();
        assert_eq!(document.space(document.root().unwrap()), "urn:e");
    }
}

#[test]
fn a_record_of_another_namespace_is_not_a_record() {
    let (records, _) =
        cut("<E xmlns='urn:other'><A ref='1'/><T n='0'/></E>", Some("urn:e")).unwrap();
    assert!(records.is_empty());
    let (records, _) = cut("<E xmlns='urn:other'><A ref='1'/><T n='1'/></E>", None).unwrap();
    assert_eq!(records.len(), 1);
}

#[test]
fn a_key_may_need_unescaping() {
    let (records, _) = cut("<E><A ref=' a&amp;b '/><A/><T n='2'/></E>", None).unwrap();
    assert_eq!(records.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), ["a&b", ""]);
}

#[test]
fn what_is_not_xml_is_refused_with_its_code() {
    for (xml, code) in [
        ("<!DOCTYPE d [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><E>&x;</E>", "xml.doctype"),
        ("<E><A ref='1'></B></A></E>", "xml.malformed"),
        ("<E><A ref='1'></E>", "xml.malformed"),
        ("<E><A ref='1'/>", "xml.malformed"),
        ("<E><A ref='1'", "xml.malformed"),
        ("", "xml.malformed"),
        ("<E/><E/>", "xml.trailing"),
        ("<E/>junk", "xml.trailing"),
        ("<E/>\0\0", "xml.trailing"),
        ("junk<E/>", "xml.malformed"),
    ] {
        assert_eq!(cut(xml, None).unwrap_err(), code, "{xml}");
    }
    let deep = "<d>".repeat(200) + &"</d>".repeat(200);
    assert_eq!(cut(&deep, None).unwrap_err(), "xml.depth");
    let long = format!("<E><A ref='{}'/></E>", "x".repeat(600_000));
    let fault = format(None).cut(&mut long.as_bytes(), &mut Kept::default());
    assert!(matches!(fault, Err(CutError::Format(fault)) if fault.code == "xml.size"));
}

#[test]
fn a_record_cut_short_anywhere_is_refused() {
    let whole = "<E><A ref='1'><b>1 &amp; 2</b></A><T n='1'/></E>";
    for end in 0..whole.len() {
        assert!(cut(&whole[..end], None).is_err(), "{}", &whole[..end]);
    }
}

#[test]
fn values_are_read_as_written() {
    let mut document = Document::default();
    let record = "<A ref='&lt;1'>12<!-- -->34<b>O&apos;Sampleton &#233;<![CDATA[ & co]]></b></A>";
    format(None).read(record, &mut document).unwrap();
    let root = document.root().unwrap();
    let texts: Vec<&str> = document.children(root).map(|child| document.text(child)).collect();
    assert_eq!(document.text(root), "1234");
    assert_eq!(texts, ["<1", "O'Sampleton é & co"]);
}

#[test]
fn a_bad_record_says_why() {
    for (record, code) in [
        ("<A a='1' a='2'/>", "xml.duplicate"),
        ("<A>&unknown;</A>", "xml.entity"),
        ("<A>&#0;</A>", "xml.char"),
        ("<A>&#xFFFE;</A>", "xml.char"),
        ("<A/>junk", "xml.trailing"),
        ("<p:A/>", "xml.malformed"),
    ] {
        let fault = format(None).read(record, &mut Document::default()).unwrap_err();
        assert_eq!(fault.code, code, "{record}: {fault}");
    }
}
