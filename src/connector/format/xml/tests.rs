//! What the cut finds, and what it refuses.

use super::*;
use crate::connector::format::encoding::Encoding;
use crate::connector::format::{Raw, Stopped};
use crate::record::document::Step;

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

fn down(steps: &[&str]) -> Path {
    let step = |name: &&str| step(None, name.trim_start_matches('@'), name.starts_with('@'));
    Path { up: 0, steps: steps.iter().map(step).collect() }
}

fn format(space: Option<&str>) -> XmlFormat {
    XmlFormat {
        record: Path { up: 0, steps: vec![step(space, "E", false), step(space, "A", false)] },
        key: down(&["@ref"]),
        count: Some(Path {
            up: 0,
            steps: vec![step(space, "E", false), step(None, "T", false), step(None, "n", true)],
        }),
        sums: vec![],
        namespaces: vec![],
        said: Encoding::Unsaid,
        record_bytes_max: 4096,
    }
}

type Cut = Result<(Vec<(String, String)>, Vec<Total>), String>;

fn cut(xml: &str, space: Option<&str>) -> Cut {
    cut_by(&format(space), xml.as_bytes())
}

fn cut_by(format: &XmlFormat, xml: &[u8]) -> Cut {
    let mut results = Vec::new();
    for step in [1, 3, 7, 4096] {
        let mut kept = Kept::default();
        let result = format.cut(&mut Drip(xml, step), &mut kept);
        results.push(match result {
            Ok(totals) => Ok((kept.0, totals)),
            Err(CutError::Format(fault)) => Err(fault.code.to_owned()),
            Err(other) => Err(format!("{other:?}")),
        });
    }
    let same = results.windows(2).all(|pair| pair[0] == pair[1]);
    assert!(same, "it matters how it drips: {}", xml.escape_ascii());
    results.remove(0)
}

/// Whatever it drips like: for inputs that are long on purpose.
fn code_of(format: &XmlFormat, xml: &[u8]) -> String {
    match format.cut(&mut &xml[..], &mut Kept::default()) {
        Err(CutError::Format(fault)) => fault.code.to_owned(),
        other => format!("{other:?}"),
    }
}

fn keys(cut: &Cut) -> Vec<&str> {
    cut.as_ref().unwrap().0.iter().map(|(key, _)| key.as_str()).collect()
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
fn b11_names_are_matched_by_namespace_and_not_by_prefix() {
    let wanted = Some("urn:e?a&b");
    for xml in [
        "<E xmlns='urn:e?a&amp;b'><A ref='1'/><T n='1'/></E>",
        "<p:E xmlns:p='urn:e?a&amp;b'><p:A ref='1'/><T n='1'/></p:E>",
        "<p:E xmlns:p='urn:e?a&amp;b'><q:A xmlns:q='urn:e?a&amp;b' ref='1'/><T n='1'/></p:E>",
        // The same local name of another namespace, and the prefix bound anew.
        "<p:E xmlns:p='urn:e?a&amp;b'><A ref='0'/><p:A xmlns:p='urn:other' ref='0'/><p:A ref='1'/>\
         <T n='1'/></p:E>",
        "<E xmlns='urn:e?a&amp;b'><A xmlns='' ref='0'/><A ref='1'/><T n='1'/></E>",
    ] {
        let told = cut(xml, wanted);
        assert_eq!(keys(&told), ["1"], "{xml}");
        assert!(told.unwrap().1[0].agrees(), "{xml}");
    }
    let mut document = Document::default();
    let record = "<p:A xmlns:p='urn:e' xmlns:q='urn:q'><p:b>1</p:b><q:b>2</q:b>\
                  <p:c xmlns:p='urn:q'><p:b>3</p:b></p:c></p:A>";
    format(None).read(record, &mut document).unwrap();
    let root = document.root().unwrap();
    let path = |steps: &[(&str, &str)]| {
        let steps = steps.iter().map(|(space, name)| step(Some(space), name, false)).collect();
        Path { up: 0, steps }
    };
    for (steps, text) in [
        (vec![("urn:e", "b")], "1"),
        (vec![("urn:q", "b")], "2"),
        (vec![("urn:q", "c"), ("urn:q", "b")], "3"),
    ] {
        let Only::One(node) = document.find_only(root, &path(&steps)) else { panic!("{steps:?}") };
        assert_eq!(document.text(node), text);
    }
}

#[test]
fn b13_an_answer_in_place_of_the_extract_is_refused_as_what_it_is() {
    for (xml, said) in [
        (
            "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body><s:Fault>\
          <faultstring>no</faultstring></s:Fault></s:Body></s:Envelope>",
            "SOAP message",
        ),
        ("<Error><Code>500</Code></Error>", "error message"),
        ("<html><body><form action='/login'/></body></html>", "sign-in page"),
        ("<E xmlns='urn:other'><A ref='1'/><T n='0'/></E>", "another namespace"),
    ] {
        let fault = format(Some("urn:e")).cut(&mut xml.as_bytes(), &mut Kept::default());
        let Err(CutError::Format(fault)) = fault else { panic!("{xml} was taken") };
        assert_eq!(fault.code, "xml.root", "{xml}");
        assert!(fault.cause.contains(said), "{fault}");
    }
    let page = "<!doctype HTML><html><body>Sign in<br></body></html>";
    let fault = format(None).cut(&mut page.as_bytes(), &mut Kept::default());
    let Err(CutError::Format(fault)) = fault else { panic!("a page was taken") };
    assert_eq!((fault.code, fault.cause.contains("sign-in page")), ("xml.doctype", true));
    // Nothing to tell is not an error.
    assert_eq!(cut("<E xmlns='urn:other'><T n='0'/></E>", None).unwrap().0, []);
}

#[test]
fn what_is_too_long_is_so_however_it_drips() {
    // The drips of `cut_by` agree, or it says so.
    let (most, half) = ("x".repeat(4_096), "x".repeat(3_000));
    for xml in [
        format!("<E><H>{most}</H><A ref='1'/><T n='1'/></E>"),
        format!("<E>{most}\u{e9}<!DOCTYPE E></E>"),
        format!("<E><A ref='1'/>{}<!DOCTYPE E>", &most[8..]),
        format!("<E><A ref='1'><![CDATA[{most}]]></A><A ref='2'/><T n='2'/></E>"),
        format!("<E><A ref='1'>{most}<b c='{half}'/>{half}<b c='{half}'/></A><T n='1'/></E>"),
        format!("<E><A ref='1'>{half}{half}<b c='{half}{half}"),
        format!("<E>{half}{half}"),
        "<!DOCTYPE E []>".to_owned() + &"\u{e9}".repeat(4_000),
        "<!DOCTYPE".to_owned(),
    ] {
        let _ = cut_by(&format(None), xml.as_bytes());
    }
}

#[test]
fn b7_a_name_is_what_xml_calls_one() {
    for record in
        ["<A><></></A>", "<A><b/c></b/c></A>", "<A b&lt;='1'/>", "<A 1='2'/>", "<A.><-/></A.>"]
    {
        let fault = format(None).read(record, &mut Document::default()).unwrap_err();
        assert_eq!(fault.code, "xml.malformed", "{record}");
    }
    assert!(
        format(None)
            .read("<_A.1-b><\u{e9} c:\u{e9}.='1' xmlns:c='u'/></_A.1-b>", &mut Document::default())
            .is_ok()
    );
}

#[test]
fn a_key_may_need_unescaping() {
    // What breaks a line in an attribute is a blank to whoever parses it.
    assert_eq!(keys(&cut("<E><A ref='a\tb\nc'/><T n='1'/></E>", None)), ["a b c"]);
    let (records, _) = cut("<E><A ref=' a&amp;b '/><A/><T n='2'/></E>", None).unwrap();
    assert_eq!(records.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), ["a&b", ""]);
}

fn must_be_a_doctype(xml: &str) {
    let begun = std::time::Instant::now();
    assert_eq!(code_of(&format(None), xml.as_bytes()), "xml.doctype", "{xml:.80}");
    // Nothing is expanded or opened, which would take for ever; a busy machine may take a while.
    assert!(begun.elapsed().as_secs() < 5, "{xml:.80}");
}

#[test]
fn b1_an_external_entity_is_refused_and_nothing_is_opened() {
    // It would be opened where it stands, and the reader would wait for ever.
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).unwrap();
    for place in ["/etc/passwd", &pipe.display().to_string()] {
        must_be_a_doctype(&format!("<!DOCTYPE d [<!ENTITY x SYSTEM 'file://{place}'>]><d>&x;</d>"));
    }
    for xml in [
        "<!DOCTYPE E><E/>",
        "<!DOCTYPE E SYSTEM 'file:///etc/passwd'><E/>",
        "<!doctype E><E/>",
        "<E><!DOCTYPE E></E>",
        "<E><A ref='1'><!DOCTYPE E></A></E>",
    ] {
        must_be_a_doctype(xml);
    }
}

#[test]
fn b2_a_parameter_entity_is_refused_and_nobody_is_called() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    must_be_a_doctype(&format!("<!DOCTYPE d [<!ENTITY % x SYSTEM 'http://{address}/'> %x;]><E/>"));
    must_be_a_doctype(&format!("<!DOCTYPE E PUBLIC '-//x//y' 'http://{address}/'><E/>"));
    assert!(listener.accept().is_err(), "somebody called");
}

#[test]
fn b3_entities_that_grow_are_refused_at_once() {
    let laughs: String = (1..10)
        .map(|n| format!("<!ENTITY l{n} '{}'>", format!("&l{};", n - 1).repeat(10)))
        .collect();
    let quadratic = format!("<!ENTITY x '{}'>", "x".repeat(100_000));
    must_be_a_doctype(&format!("<!DOCTYPE d [<!ENTITY l0 'ha'>{laughs}]><E>&l9;</E>"));
    let many = "&x;".repeat(10_000);
    must_be_a_doctype(&format!("<!DOCTYPE d [{quadratic}]><E>{many}</E>"));
}

#[test]
fn b4_a_record_may_be_so_deep_and_no_deeper() {
    let deep = |depth: usize| {
        let inside = depth - 2;
        let (open, close) = ("<d>".repeat(inside), "</d>".repeat(inside));
        format!("<E><A ref='1'>{open}{close}</A><T n='1'/></E>").into_bytes()
    };
    let roomy = XmlFormat { record_bytes_max: 16 << 20, ..format(None) };
    assert!(cut_by(&roomy, &deep(128)).is_ok());
    assert_eq!(cut_by(&roomy, &deep(129)), Err("xml.depth".to_owned()));
    assert_eq!(code_of(&roomy, &deep(1_000_000)), "xml.depth");
    let alone = "<d>".repeat(1_000_000);
    let fault = roomy.read(&alone, &mut Document::default()).unwrap_err();
    assert_eq!(fault.code, "xml.depth");
}

#[test]
fn b5_what_is_too_much_for_one_element_is_refused() {
    let attributes: String = (0..1_000_000).map(|n| format!(" a{n}='x'")).collect();
    let (long, roomy) = ("x".repeat(10_000_000), 64 << 20);
    for most in [1 << 20, roomy] {
        let format = XmlFormat { record_bytes_max: most, ..format(None) };
        for inside in [
            format!("<A ref='1'{attributes}/>"),
            format!("<A ref='{long}'/>"),
            format!("<{long}/>"),
            format!("<A ref='1'><{long}></{long}></A>"),
            format!("<A ref='1'><b c='{long}'/></A>"),
        ] {
            let xml = format!("<E>{inside}<T n='1'/></E>");
            assert_eq!(code_of(&format, xml.as_bytes()), "xml.size", "{:.40}", xml);
            let around = format!("<E><H>{inside}</H><T n='0'/></E>");
            assert_eq!(code_of(&format, around.as_bytes()), "xml.size", "{:.40}", around);
        }
    }
    let comment = format!("<E><A ref='1'><!--{long}--></A><T n='1'/></E>");
    assert_eq!(code_of(&format(None), comment.as_bytes()), "xml.size");
    // What is less than a tag may be is still bounded in what it costs to read.
    let many: String = (0..parse::ATTRIBUTES_MAX + 1).map(|n| format!(" a{n}='x'")).collect();
    let spaces: String = (0..2_000).map(|n| format!("<b xmlns='urn:{n}'/>")).collect();
    let nodes = "<b/>".repeat(1_000_001);
    for record in [format!("<A{many}/>"), format!("<A>{spaces}</A>"), format!("<A>{nodes}</A>")] {
        let fault = format(None).read(&record, &mut Document::default()).unwrap_err();
        assert_eq!(fault.code, "xml.size", "{:.40}", record);
    }
}

#[test]
fn b5_namespaces_around_records_and_in_them_are_bounded() {
    // Each record is kept with what it leans on: a long declaration would stand before every one.
    let long = "x".repeat(20_000);
    let many: String = (0..800).map(|n| format!(" xmlns:p{n}='u'")).collect();
    for declared in [format!(" xmlns:p='{long}'"), many] {
        let xml = format!("<E{declared}><A ref='1'/><T n='1'/></E>");
        assert_eq!(code_of(&format(None), xml.as_bytes()), "xml.size", "{:.40}", xml);
    }
    // Every prefix is looked for among those in scope, whether or not they are for one namespace.
    let level = |of: usize| -> String {
        let prefixes: String = (0..100).map(|n| format!(" xmlns:p{of}-{n}='u'")).collect();
        format!("<b{prefixes}>")
    };
    let deep = |levels: usize| {
        let opened: String = (0..levels).map(level).collect();
        format!("<A>{opened}{}</A>", "</b>".repeat(levels))
    };
    assert!(format(None).read(&deep(10), &mut Document::default()).is_ok());
    let fault = format(None).read(&deep(11), &mut Document::default()).unwrap_err();
    assert_eq!(fault.code, "xml.size");
}

#[test]
fn a_record_that_is_too_long_is_held_alone() {
    let (text, parts) = ("x".repeat(1_000_000), "<b>1</b>".repeat(100_000));
    for long in [&text[..5_000], &text, &parts[..8_000], &parts] {
        let xml = format!("<E><A ref='1'/><A ref='2'>{long}</A><A ref='3'/><T n='3'/></E>");
        let mut kept = Kept::default();
        let totals = format(None).cut(&mut Drip(xml.as_bytes(), 1_000), &mut kept).unwrap();
        let keys: Vec<&str> = kept.0.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!((keys, totals[0].agrees()), (vec!["1", "!xml.size", "3"], true));
    }
}

#[test]
fn b6_what_stands_twice_holds_its_record() {
    for record in [
        "<A a='1' a='2'/>",
        "<A xmlns:p='urn:p' xmlns:q='urn:p' p:a='1' q:a='2'/>",
        "<A xmlns:p='urn:p' xmlns:p='urn:q'/>",
        "<A><b c='1' d='' c='2'/></A>",
    ] {
        let fault = format(None).read(record, &mut Document::default()).unwrap_err();
        assert_eq!(fault.code, "xml.duplicate", "{record}");
    }
    let by_element = XmlFormat { key: down(&["Ref"]), ..format(None) };
    let xml = "<E><A><Ref>1</Ref><Ref>1</Ref></A><A><Ref> 2 </Ref></A><A/><T n='3'/></E>";
    let told = cut_by(&by_element, xml.as_bytes());
    assert_eq!(keys(&told), ["!xml.duplicate", "2", ""]);
    let twice = "<E><A ref='1'/><T n='1'/><T n='1'/></E>";
    assert_eq!(cut(twice, None), Err("xml.duplicate".to_owned()));
}

#[test]
fn b7_what_is_not_xml_is_refused_with_its_code() {
    for (xml, code) in [
        ("<E><A ref='1'></B></A></E>", "xml.malformed"),
        ("<E><A ref='1'></E>", "xml.malformed"),
        ("<E><A ref='1'/>", "xml.malformed"),
        ("<E><A ref='1'", "xml.malformed"),
        ("<E><A ref='1'><b></A></b></E>", "xml.malformed"),
        ("<E><T n='0'/></E", "xml.malformed"),
        ("<E/>\n<!-- ", "xml.malformed"),
        ("</E>", "xml.malformed"),
        ("<E>< A/></E>", "xml.malformed"),
        ("<E><H p:a='1'/></E>", "xml.malformed"),
        ("", "xml.malformed"),
        ("   ", "xml.malformed"),
        ("ref,name\n1,x\n", "xml.malformed"),
        ("junk<E/>", "xml.malformed"),
        ("\u{feff}junk<E/>", "xml.malformed"),
        ("<?xml version='1.0'?>\u{feff}<E/>", "xml.malformed"),
    ] {
        assert_eq!(cut(xml, None), Err(code.to_owned()), "{xml}");
    }
}

#[test]
fn b8_what_stands_behind_the_root_is_refused() {
    let whole = "<E><A ref='1'/><T n='1'/></E>";
    for behind in
        ["<E/>", whole, "junk", "</E>", "<![CDATA[x]]>", "\0\0", "\n\0", "&amp;", "\n<!-- x -->x"]
    {
        for root in ["<E/>", whole] {
            let told = cut(&format!("{root}{behind}"), None);
            assert_eq!(told, Err("xml.trailing".to_owned()), "{behind:?}");
        }
    }
    assert!(cut("<E><T n='0'/></E>\n<!-- end --><?end?>\n", None).is_ok());
}

/// Everything that the cut knows, in one extract.
const SAMPLE: &str = "\u{feff}<?xml version='1.0' encoding='UTF-8'?><?xml-stylesheet href='x'?>\n\
    <!-- head --><p:E xmlns:p='urn:e' xmlns='urn:e'><H>a<!-- b --><![CDATA[<c>]]>&amp;</H>\n\
    <A ref=\"1\"><b c='>'>1 &amp; 2 &#163;</b><!-- </A> --><![CDATA[</A>]]></A><p:A ref='é'/>\n\
    <T n='2'/></p:E>";

#[test]
fn b7_an_extract_cut_short_anywhere_is_refused() {
    let told = cut(SAMPLE, Some("urn:e"));
    assert_eq!(keys(&told), ["1", "é"]);
    assert!(told.unwrap().1[0].agrees());
    for end in 0..SAMPLE.len() {
        let told = cut_by(&format(Some("urn:e")), &SAMPLE.as_bytes()[..end]);
        assert!(told.is_err(), "cut short at {end}");
    }
}

#[test]
fn b10_a_character_that_xml_does_not_have_is_refused() {
    for bad in [
        "&#0;",
        "&#xFFFE;",
        "&#xD800;",
        "&#xDBFF;&#xDC00;",
        "&#x110000;",
        "&#1;",
        "\0",
        "&#99999999999;",
    ] {
        for xml in [
            format!("<E><A ref='1'><b>{bad}</b></A><T n='1'/></E>"),
            format!("<E><A ref='1'><b c='{bad}'/></A><T n='1'/></E>"),
            format!("<E><A ref='{bad}'/><T n='1'/></E>"),
            format!("<E><H>{bad}</H><T n='0'/></E>"),
        ] {
            assert_eq!(cut(&xml, None), Err("xml.char".to_owned()), "{xml}");
        }
    }
    let fine =
        "<E><A ref='1'>&#163;&#xe9;&#x10FFFF;<!-- &#0; --><![CDATA[&#0;]]>&#9;</A><T n='1'/></E>";
    assert_eq!(keys(&cut(fine, None)), ["1"]);
    // Not looked for in an extract of millions of records, and never let through all the same.
    for raw in ["<A>\u{1}</A>", "<A b='\u{1F}'/>", "<A>\u{FFFF}</A>"] {
        let fault = format(None).read(raw, &mut Document::default()).unwrap_err();
        assert_eq!(fault.code, "xml.char", "{raw:?}");
    }
}

#[test]
fn b12_what_points_elsewhere_is_read_as_it_stands() {
    let xml = "<?xml-stylesheet type='text/xsl' href='http://127.0.0.1:1/x.xsl'?>\n\
               <E xmlns:xi='http://www.w3.org/2001/XInclude' \
               xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' \
               xsi:schemaLocation='urn:e http://127.0.0.1:1/x.xsd'>\
               <A ref='1'><xi:include href='file:///etc/passwd' parse='text'/></A><T n='1'/></E>";
    let told = cut(xml, None);
    assert_eq!(keys(&told), ["1"]);
    let mut document = Document::default();
    format(None).read(&told.unwrap().0[0].1, &mut document).unwrap();
    let root = document.root().unwrap();
    let include = document.find(root, &down(&["include"])).unwrap();
    let said: Vec<&str> = document.children(include).map(|node| document.text(node)).collect();
    assert_eq!((document.text(include), said), ("", vec!["file:///etc/passwd", "text"]));
}

#[test]
fn b14_a_value_in_parts_is_one_value() {
    let mut document = Document::default();
    let record = "<A ref='&lt;1'>12<!-- -->34<b>O&apos;Sampleton &#233;<![CDATA[ & co]]></b></A>";
    format(None).read(record, &mut document).unwrap();
    let root = document.root().unwrap();
    let texts: Vec<&str> = document.children(root).map(|child| document.text(child)).collect();
    assert_eq!(document.text(root), "1234");
    assert_eq!(texts, ["<1", "O'Sampleton é & co"]);
    // The count and the key too.
    let format = XmlFormat { key: down(&["k"]), count: Some(down(&["E", "n"])), ..format(None) };
    let xml = "<E><n><!-- a -->0<!-- b --><![CDATA[0]]>2<?c?></n><A><k>1<!-- -->2</k></A><A><k>3</k></A></E>";
    let told = cut_by(&format, xml.as_bytes());
    assert_eq!(keys(&told), ["12", "3"]);
    assert!(told.unwrap().1[0].agrees());
    // Parts are copied once, however many there are.
    let parts = format!("<A>{}</A>", "x<b>&lt;</b>".repeat(80_000));
    format.read(&parts, &mut document).unwrap();
    assert_eq!(document.text(document.root().unwrap()).len(), 80_000);
}

#[test]
fn b30_pence_are_added_up_over_the_records() {
    let sum = XmlSum {
        declared: down(&["E", "T", "@sum"]),
        of: down(&["Balance", "Due"]),
        format: PenceFormat::DecimalPounds,
        declared_format: PenceFormat::DecimalPounds,
    };
    let format = XmlFormat { sums: vec![sum], ..format(None) };
    let extract = |amounts: &[&str], sum: &str| {
        let record = |(number, amount): (usize, &&str)| {
            let due =
                amount.split('+').map(|part| format!("<Due>{part}</Due>")).collect::<String>();
            format!("<A ref='{number}'><Balance>{due}</Balance></A>")
        };
        let records: String = amounts.iter().enumerate().map(record).collect();
        format!("<E>{records}<T n='{}' sum='{sum}'/></E>", amounts.len())
    };
    for (amounts, sum, declared, counted) in [
        (vec!["855.00", "-12.50", "0.00"], "842.50", Some(84250), 84250),
        (vec!["855.00", "-12.50+1.00", ""], " 843.50 ", Some(84350), 84350),
        (vec!["855.00"], "855.01", Some(85501), 85500),
        (vec!["855.00"], "", None, 85500),
        (vec![], "0.00", Some(0), 0),
    ] {
        let told = cut_by(&format, extract(&amounts, sum).as_bytes()).unwrap();
        let wanted = Total { name: "pence in `Due`".to_owned(), declared, counted };
        assert_eq!(told.1[1], wanted, "{amounts:?} {sum}");
        assert_eq!(told.0.len(), amounts.len());
    }
    for amounts in [vec!["1.00", "£1"], vec!["1.00", "1.00+x"]] {
        let told = cut_by(&format, extract(&amounts, "1.00").as_bytes());
        assert_eq!(told, Err("file.total_unsure".to_owned()), "{amounts:?}");
    }
    let broken = "<E><A ref='1'><Balance a=1/></A><T n='1' sum='0.00'/></E>";
    assert_eq!(cut_by(&format, broken.as_bytes()), Err("file.total_unsure".to_owned()));
}

#[test]
fn a_record_may_be_the_root_and_its_key_may_have_a_namespace() {
    let key = Path { up: 0, steps: vec![step(Some("urn:p"), "ref", true)] };
    let format = XmlFormat { record: down(&["A"]), key, count: None, ..format(None) };
    let told = cut_by(&format, b"<A xmlns:p='urn:p' ref='wrong' p:ref='right'/>");
    assert_eq!(keys(&told), ["right"]);
}

#[test]
fn a_bad_record_says_why() {
    for (record, code) in [
        ("<A>&unknown;</A>", "xml.entity"),
        ("<A b='&unknown;'/>", "xml.entity"),
        ("<A/>junk", "xml.trailing"),
        ("<A b=1/>", "xml.malformed"),
        ("<p:A/>", "xml.malformed"),
    ] {
        let fault = format(None).read(record, &mut Document::default()).unwrap_err();
        assert_eq!(fault.code, code, "{record}: {fault}");
    }
}
