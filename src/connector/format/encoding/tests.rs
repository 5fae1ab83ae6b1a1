//! What comes out, and what is refused.

use super::*;
use crate::connector::format::xml::XmlFormat;
use crate::connector::format::{CutError, RecordSink, Total};
use crate::record::document::{Document, Path};

/// A text that declares nothing.
struct Plain;

impl Format for Plain {
    fn content_types(&self) -> &'static [&'static str] {
        &[]
    }

    fn cut(&self, _: &mut dyn Read, _: &mut dyn RecordSink) -> Result<Vec<Total>, CutError> {
        Ok(Vec::new())
    }

    fn read(&self, _: &str, _: &mut Document) -> Result<(), FormatError> {
        Ok(())
    }

    fn key(&self) -> Vec<Path> {
        Vec::new()
    }
}

fn xml() -> XmlFormat {
    XmlFormat {
        record: Path::default(),
        key: Path::default(),
        count: None,
        sums: Vec::new(),
        namespaces: Vec::new(),
        said: Encoding::Unsaid,
        record_bytes_max: 1_024,
    }
}

/// Gives a few bytes at a time, so that every character is once cut in two.
struct Drip<'a>(&'a [u8], usize);

impl Read for Drip<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let some = self.0.len().min(self.1).min(into.len());
        into[..some].copy_from_slice(&self.0[..some]);
        self.0 = &self.0[some..];
        Ok(some)
    }
}

type Read8 = Result<(Vec<u8>, &'static str), String>;

fn read(bytes: &[u8], said: Encoding, format: &dyn Format) -> Read8 {
    let mut results = [1, 3, 7, 4_096].map(|step| {
        let mut decoded = Decoded::new(Drip(bytes, step), said, format);
        let mut text = Vec::new();
        match decoded.read_to_end(&mut text) {
            Ok(_) => Ok((text, decoded.used())),
            Err(error) => match CutError::from(error) {
                CutError::Format(fault) => Err(fault.code.to_owned()),
                other => Err(format!("{other:?}")),
            },
        }
    });
    assert!(results.windows(2).all(|pair| pair[0] == pair[1]), "it matters how it drips");
    std::mem::replace(&mut results[0], Err(String::new()))
}

fn utf16(text: &str, big: bool) -> Vec<u8> {
    let bytes = |unit: u16| if big { unit.to_be_bytes() } else { unit.to_le_bytes() };
    text.encode_utf16().flat_map(bytes).collect()
}

#[test]
fn b27_what_was_said_is_what_it_is_read_as() {
    let text = "£ 5, café, \u{1F600}";
    let marked = |big| [utf16("\u{feff}", big), utf16(text, big)].concat();
    for (bytes, said, wanted, used) in [
        (text.as_bytes().to_vec(), Encoding::Unsaid, text, "utf-8"),
        (format!("\u{feff}{text}").into_bytes(), Encoding::Unsaid, text, "utf-8"),
        (format!("\u{feff}{text}").into_bytes(), Encoding::Utf8, text, "utf-8"),
        (marked(false), Encoding::Unsaid, text, "utf-16le"),
        (marked(true), Encoding::Unsaid, text, "utf-16be"),
        (marked(true), Encoding::Utf16, text, "utf-16be"),
        (utf16(text, false), Encoding::Utf16, text, "utf-16le"),
        (utf16("ref,£", true), Encoding::Utf16, "ref,£", "utf-16be"),
        (utf16(text, true), Encoding::Utf16Be, text, "utf-16be"),
        (utf16("ref,£", false), Encoding::Detect, "ref,£", "utf-16le"),
        (b"\xA3 5, caf\xE9 \x93".to_vec(), Encoding::Windows1252, "£ 5, café “", "windows-1252"),
        (b"\xA3 5, caf\xE9".to_vec(), Encoding::Iso8859_1, "£ 5, café", "iso-8859-1"),
        (b"\xA3 5, caf\xE9".to_vec(), Encoding::Detect, "£ 5, café", "windows-1252"),
        (text.as_bytes().to_vec(), Encoding::Detect, text, "utf-8"),
        (b"plain".to_vec(), Encoding::Detect, "plain", "utf-8"),
        (Vec::new(), Encoding::Windows1252, "", "windows-1252"),
    ] {
        let wanted = Ok((wanted.as_bytes().to_vec(), used));
        assert_eq!(read(&bytes, said, &Plain), wanted, "{said:?} {bytes:?}");
    }
}

#[test]
fn b27_what_an_encoding_does_not_have_is_passed_on_and_is_never_utf_8() {
    let lone = |units: &[u16]| units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
    for (bytes, said, wanted) in [
        (b"a\xC2\x81b".to_vec(), Encoding::Windows1252, b"a\xC3\x82\x81b".to_vec()),
        (b"a\x93b".to_vec(), Encoding::Iso8859_1, b"a\x93b".to_vec()),
        (b"a\xFFb".to_vec(), Encoding::Unsaid, b"a\xFFb".to_vec()),
        (lone(&[0x61, 0xD83D, 0x62]), Encoding::Utf16, b"a\xED\xA0\xBDb".to_vec()),
        (lone(&[0x61, 0xDE00]), Encoding::Utf16, b"a\xED\xB8\x80".to_vec()),
        (lone(&[0x61, 0xD83D]), Encoding::Utf16, b"a\xED\xA0\xBD".to_vec()),
    ] {
        let (text, _) = read(&bytes, said, &Plain).unwrap();
        assert_eq!(text, wanted, "{said:?} {bytes:?}");
        assert!(String::from_utf8(text).is_err(), "{said:?} {bytes:?}");
    }
    assert_eq!(read(b"a\0b", Encoding::Utf16Le, &Plain), Err("file.encoding".to_owned()));
}

#[test]
fn a_mark_that_contradicts_what_was_said_is_refused() {
    for (bytes, said) in [
        (b"\xEF\xBB\xBFa".as_slice(), Encoding::Windows1252),
        (b"\xFF\xFEa\0", Encoding::Utf8),
        (b"\xFE\xFF\0a", Encoding::Utf16Le),
        (b"\xFF\xFE\0\0a\0\0\0", Encoding::Unsaid),
    ] {
        assert_eq!(read(bytes, said, &Plain), Err("file.encoding".to_owned()), "{said:?}");
    }
}

#[test]
fn b9_xml_is_read_as_it_declares() {
    let declares =
        |label: &str, rest: &str| format!("<?xml version='1.0' encoding='{label}'?>{rest}");
    let latin = |label: &str, rest: &[u8]| [declares(label, "").as_bytes(), rest].concat();
    let wide = declares("UTF-16", "<E>£</E>");
    for (bytes, wanted, used) in [
        (latin("ISO-8859-1", b"<E>\xA3</E>"), declares("ISO-8859-1", "<E>£</E>"), "iso-8859-1"),
        (
            latin("Windows-1252", b"<E>\x80</E>"),
            declares("Windows-1252", "<E>€</E>"),
            "windows-1252",
        ),
        (latin("UTF-8", "<E>£</E>".as_bytes()), declares("UTF-8", "<E>£</E>"), "utf-8"),
        (latin("ISO-8859-1", b"<E/>"), declares("ISO-8859-1", "<E/>"), "iso-8859-1"),
        (utf16(&wide, false), wide.clone(), "utf-16le"),
        (utf16(&wide, true), wide.clone(), "utf-16be"),
        (utf16(&format!("\u{feff}{wide}"), true), wide.clone(), "utf-16be"),
        (b"<E>a\xFFb</E>".to_vec(), String::new(), "utf-8"),
    ] {
        let (text, read_as) = read(&bytes, Encoding::Unsaid, &xml()).unwrap();
        assert_eq!(read_as, used, "{wanted}");
        assert!(wanted.is_empty() || text == wanted.into_bytes(), "{text:?}");
    }
}

#[test]
fn b9_a_declaration_that_the_bytes_contradict_is_refused() {
    let declares = |label: &str| format!("<?xml version=\"1.0\" encoding=\"{label}\"?>");
    let latin = |label: &str, rest: &[u8]| [declares(label).as_bytes(), rest].concat();
    let marked = |label: &str| format!("\u{feff}{}<E/>", declares(label));
    for bytes in [
        latin("UTF-16", b"<E/>"),
        latin("UTF-8", b"<E>caf\xE9</E>"),
        latin("ISO-8859-1", "<E>café</E>".as_bytes()),
        latin("windows-1252", "<E>café</E>".as_bytes()),
        latin("EBCDIC-CP-GB", b"<E/>"),
        marked("ISO-8859-1").into_bytes(),
        utf16(&marked("UTF-8"), false),
        utf16(&format!("{}<E/>", declares("utf-8")), true),
    ] {
        let told = read(&bytes, Encoding::Unsaid, &xml());
        assert_eq!(told, Err("xml.encoding".to_owned()), "{}", bytes.escape_ascii());
    }
    // What the definition says goes before what the file says of itself.
    let text = read(&latin("UTF-8", b"<E>caf\xE9</E>"), Encoding::Windows1252, &xml()).unwrap();
    assert!(text.0.ends_with("<E>café</E>".as_bytes()));
}

#[test]
fn the_window_tells_encodings_apart_however_late_it_begins() {
    let long = "x".repeat(200_000);
    for (tail, used) in [
        (b"\xA3\xA3 caf\xE9".to_vec(), "windows-1252"),
        ("££ café".as_bytes().to_vec(), "utf-8"),
        // One bad byte among many good ones is a bad byte.
        ("££ café \u{FF}".replace('\u{FF}', "x").into_bytes(), "utf-8"),
        ([&"£".repeat(40_000).into_bytes()[..], b"\xFF"].concat(), "utf-8"),
    ] {
        let bytes = [long.as_bytes(), &tail].concat();
        let mut decoded = Decoded::new(&bytes[..], Encoding::Detect, &Plain);
        let mut text = Vec::new();
        decoded.read_to_end(&mut text).unwrap();
        assert_eq!(decoded.used(), used);
        assert_eq!(decoded.taken(), bytes.len() as u64);
        if used == "utf-8" {
            assert_eq!(text, bytes);
        }
    }
}

#[test]
fn what_looks_like_utf_8_and_is_said_to_be_something_else_is_noticed() {
    let looks = |bytes: &[u8], said: Encoding| {
        let mut decoded = Decoded::new(Drip(bytes, 7), said, &Plain);
        decoded.read_to_end(&mut Vec::new()).unwrap();
        decoded.looks_utf8()
    };
    let long = "Zo\u{EB} lives there. ".repeat(9_000);
    for said in [Encoding::Windows1252, Encoding::Iso8859_1] {
        assert!(looks("1,Zo\u{EB}\n".as_bytes(), said));
        assert!(looks(long.as_bytes(), said), "whatever is cut off at the end of a portion");
        assert!(!looks(b"1,Zo\xEB\n", said) && !looks(b"1,Zoe\n", said));
        assert!(!looks(b"1,Zo\xEB,\xC3\xA9\n", said), "one byte that is not is enough");
    }
    assert!(!looks(long.as_bytes(), Encoding::Utf8));
}

#[test]
fn a_record_that_is_not_utf_8_is_told_with_its_remedy() {
    for (bytes, said) in [
        (b"1,\xA3 5,caf\xE9".as_slice(), "look like Windows-1252"),
        (b"1,\x81", "bytes that the encoding does not have"),
        (b"1,\xC3\xA9\xC3\xA9\xFF", "bytes that the encoding does not have"),
        (b"1,\xED\xA0\xBD", "half of a UTF-16 character"),
    ] {
        let told = not_text(Encoding::Unsaid, bytes);
        assert!(told.contains(said), "{told}");
    }
    // Of a text that is said to be something else, UTF-8 is not spoken of.
    for (said, bytes, wanted) in [
        (Encoding::Iso8859_1, b"1,\x93x\x94,caf\xC3\xA9".as_slice(), "look like Windows-1252"),
        (Encoding::Iso8859_1, b"1,\x81", "bytes that iso-8859-1 does not have"),
        (Encoding::Windows1252, b"1,\x81", "bytes that windows-1252 does not have"),
    ] {
        let told = not_text(said, bytes);
        assert!(told.contains(wanted) && !told.contains("UTF-8"), "{told}");
        assert!(told.contains(said.word()), "{told}");
    }
}
