//! Values as they stand in XML that we write ourselves: whatever they hold, they stay values.

use super::parse::allowed;

/// The value as the text of an element or an attribute. None where it has a character that XML knows no
/// way to say.
pub fn escaped(value: &str) -> Option<String> {
    let mut out = String::with_capacity(value.len());
    for letter in value.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // As they stand they would be read as blanks.
            '\n' | '\r' | '\t' => out.push_str(&format!("&#{};", u32::from(letter))),
            letter if allowed(letter) => out.push(letter),
            _ => return None,
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::format::xml::parse;
    use crate::record::document::Document;

    #[test]
    fn a_value_comes_out_as_it_went_in() {
        for value in ["Testberry", "</n><b>&]]>'\"\u{2028}\r\n\té漢🎉", " ", ""] {
            let mut document = Document::default();
            let written = escaped(value).expect("XML can say it");
            let text = format!("<n a=\"{written}\">{written}</n>");
            parse::parse(&text, &mut document).expect("it is XML");
            let root = document.root().expect("a root");
            assert_eq!(document.text(root), value);
            let attribute = document.children(root).next().expect("an attribute");
            assert_eq!(document.text(attribute), value);
        }
        assert_eq!((escaped("a\0"), escaped("\u{7}"), escaped("\u{fffe}")), (None, None, None));
    }
}
