//! Whether a body is what its form says: JSON or XML, whole.

use crate::connector::format::xml;
use crate::record::delivery::Form;
use crate::record::document::Document;

/// Says what is wrong, without a word of the body.
pub fn fits(form: Form, body: &str) -> Result<(), String> {
    match form {
        Form::Json => {
            serde_json::from_str::<serde::de::IgnoredAny>(body).map(|_| ()).map_err(|error| {
                format!("it is no JSON, line {} column {}", error.line(), error.column())
            })
        }
        Form::Xml => xml::parse::parse(body, &mut Document::default())
            .map_err(|fault| format!("it is no XML: {}, {}", fault.code, fault.place)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_whole_or_told() {
        for (form, body, good) in [
            (Form::Json, "{\"a\": [1, null]}", true),
            (Form::Json, "{\"a\": \"\"Pat\"\"}", false),
            (Form::Json, "{}{}", false),
            (Form::Json, "", false),
            (Form::Xml, "<?xml version=\"1.0\"?>\n<a b=\"c\">d</a>", true),
            (Form::Xml, "<a b=c/>", false),
            (Form::Xml, "<a>", false),
            (Form::Xml, "<a/><b/>", false),
            (Form::Xml, "<!DOCTYPE a><a/>", false),
            (Form::Xml, "", false),
        ] {
            let told = fits(form, body);
            assert_eq!(told.is_ok(), good, "{body} {told:?}");
            assert!(!format!("{told:?}").contains("Pat"), "{told:?}");
        }
    }
}
