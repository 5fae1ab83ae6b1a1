//! Templates of bodies that are pushed: `mappings/outbound/NAME.json.j2` or `NAME.xml.j2`.
//!
//! Whatever a template prints is written as a value of its form, whole: in JSON with its quotes, in XML
//! with its markup taken away. There is no way to print anything else, so that no resident's name can
//! ever become a part of the body's shape. A template takes a bounded number of steps, and says a
//! bounded amount.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;

use minijinja::value::ValueKind;
use minijinja::{Environment, Error, ErrorKind, Output, UndefinedBehavior, Value};
use serde_json::Value as Json;
use xxhash_rust::xxh3::xxh3_64;

use crate::mapping::outbound::day;
use crate::record::delivery::{Form, Push};
use crate::record::value::pence::Pence;

/// Where templates end, and what they are written in.
pub const ENDINGS: [(&str, Form); 2] = [(".json.j2", Form::Json), (".xml.j2", Form::Xml)];

/// Steps that one body may take: an account's every instalment, many times over.
const STEPS_MAX: u64 = 100_000;

/// A template, ready to use.
#[derive(Clone)]
pub struct Template {
    /// The file's name, without folders.
    pub name: String,
    pub form: Form,
    /// Of its text, so that deliveries name the version that made them.
    pub digest: u64,
    text: Arc<str>,
    environment: Arc<Environment<'static>>,
}

impl fmt::Debug for Template {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Template {{ {} }}", self.name)
    }
}

/// A name that a template asks for, and the line it first stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub name: String,
    pub line: Option<usize>,
}

impl Template {
    /// Compiles a template; or says what is wrong with it, and on which line.
    pub fn compile(name: &str, text: &str) -> Result<Template, String> {
        let ending = ENDINGS.iter().find(|(ending, _)| name.ends_with(ending));
        let (_, form) = *ending.ok_or("a template ends in `.json.j2` or `.xml.j2`")?;
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(STEPS_MAX));
        environment.set_recursion_limit(50);
        // What they mark as safe is not.
        for name in ["safe", "escape", "e"] {
            environment.remove_filter(name);
        }
        environment.add_filter("pounds", pounds);
        environment.add_filter("day", |date: &Value| date.as_str().map(day));
        environment.add_filter("upper", |text: &Value| text.as_str().map(str::to_uppercase));
        environment.add_filter("lower", |text: &Value| text.as_str().map(str::to_lowercase));
        environment.add_filter("default", |value: &Value, other: Value| match value.is_none() {
            true => other,
            false => value.clone(),
        });
        environment.set_formatter(move |out, _, value| match form {
            Form::Json => write_json(out, value),
            Form::Xml => write_xml(out, value),
        });
        let (own_name, own_text) = (name.to_owned(), text.to_owned());
        environment.add_template_owned(own_name, own_text).map_err(|error| said(&error))?;
        Ok(Template {
            name: name.to_owned(),
            form,
            digest: xxh3_64(text.as_bytes()),
            text: text.into(),
            environment: Arc::new(environment),
        })
    }

    /// The names that it asks for, whichever way it goes.
    pub fn asks(&self) -> Vec<Asked> {
        let Ok(template) = self.environment.get_template(&self.name) else { return Vec::new() };
        let mut names: Vec<String> = template.undeclared_variables(true).into_iter().collect();
        names.sort();
        let line = |name: &str| {
            let at = self.text.find(name)?;
            Some(self.text[..at].matches('\n').count() + 1)
        };
        names.into_iter().map(|name| Asked { line: line(&name), name }).collect()
    }

    /// Whether it asks for any name that begins with this one.
    pub fn asks_for(&self, root: &str) -> bool {
        self.asks().iter().any(|asked| asked.name.split('.').next() == Some(root))
    }

    /// The body for these values. What is wrong is said without any of them.
    pub fn render(&self, values: &Json) -> Result<String, String> {
        let template = self.environment.get_template(&self.name).map_err(|error| said(&error))?;
        let mut body = Bounded(Vec::new());
        template
            .render_captured_to(minijinja::value::Serde(values), &mut body)
            .map_err(|error| said(&error))?;
        String::from_utf8(body.0).map_err(|_| "it is no text".to_owned())
    }
}

/// Templates by the names of their files; of those that cannot be used, why.
#[derive(Debug, Default)]
pub struct Templates(BTreeMap<String, Result<Template, String>>);

impl Templates {
    pub fn add(&mut self, name: &str, text: &str) {
        self.0.insert(name.to_owned(), Template::compile(name, text));
    }

    pub fn get(&self, name: &str) -> Option<&Result<Template, String>> {
        self.0.get(name)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// What an error says, and where; its own text may quote a value.
fn said(error: &Error) -> String {
    let what = match error.kind() {
        // These name what stands in the template, and no values.
        ErrorKind::SyntaxError | ErrorKind::UnknownFilter | ErrorKind::UnknownTest => {
            error.detail().unwrap_or("it cannot be read").to_owned()
        }
        ErrorKind::UnknownFunction | ErrorKind::UnknownMethod => {
            "there is no such function".to_owned()
        }
        ErrorKind::UndefinedError => "something is asked for that is not there".to_owned(),
        ErrorKind::OutOfFuel => "it takes too many steps".to_owned(),
        ErrorKind::WriteFailure => {
            format!(
                "it says more than {} bytes, or what its form cannot hold",
                Push::BODY_BYTES_MAX
            )
        }
        ErrorKind::BadSerialization => "a list or a group is no value in XML".to_owned(),
        _ => "a value is not of the kind that is wanted".to_owned(),
    };
    match error.line() {
        Some(line) => format!("line {line}: {what}"),
        None => what,
    }
}

/// Takes no more than a body may have.
struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > Push::BODY_BYTES_MAX {
            return Err(io::Error::other("too long"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn pounds(pence: &Value) -> Option<String> {
    pence.as_i64().map(|pence| Pence::new(pence).said())
}

/// The value as JSON, complete: a text has its quotes.
fn write_json(out: &mut Output<'_>, value: &Value) -> Result<(), Error> {
    if value.is_undefined() {
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    let json = serde_json::to_string(value).map_err(|_| Error::from(ErrorKind::WriteFailure))?;
    out.write_str(&json).map_err(Error::from)
}

/// The value as the text of an element or an attribute; nothing where it is absent.
fn write_xml(out: &mut Output<'_>, value: &Value) -> Result<(), Error> {
    let failed = |kind| Err(Error::from(kind));
    match value.kind() {
        ValueKind::Undefined => return failed(ErrorKind::UndefinedError),
        ValueKind::None => return Ok(()),
        ValueKind::String | ValueKind::Number | ValueKind::Bool => {}
        _ => return failed(ErrorKind::BadSerialization),
    }
    let mut escaped = String::new();
    for letter in value.to_string().chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // As they stand they would be read as blanks, or not at all.
            '\n' | '\r' | '\t' => escaped.push_str(&format!("&#{};", u32::from(letter))),
            '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => return failed(ErrorKind::WriteFailure),
            letter => escaped.push(letter),
        }
    }
    out.write_str(&escaped).map_err(Error::from)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rendered(name: &str, text: &str, values: &Json) -> Result<String, String> {
        Template::compile(name, text)?.render(values)
    }

    #[test]
    fn no_value_becomes_a_part_of_the_shape() {
        let nasty = "Pat\",\"admin\":true,\"x\":\"</name><b>&]]>'\u{2028}\n";
        let values =
            json!({ "resident": { "name": nasty, "nino": null, "owes": 14500, "dead": false } });
        for text in [
            "{\"name\": {{ resident.name }}}",
            "{\"name\": {% autoescape false %}{{ resident.name }}{% endautoescape %}}",
            "{\"name\": {% autoescape 'html' %}{{ resident.name }}{% endautoescape %}}",
            "{\"name\": {{ resident.name ~ \"\" }}}",
        ] {
            let body = rendered("a.json.j2", text, &values).expect(text);
            let body: Json = serde_json::from_str(&body).expect(text);
            assert_eq!(body, json!({ "name": nasty }), "{text}");
        }
        let typed = "[{{ resident.nino }}, {{ resident.owes }}, {{ resident.dead }}]";
        assert_eq!(rendered("a.json.j2", typed, &values).expect(typed), "[null, 14500, false]");
        for text in [
            "<n a=\"{{ resident.name }}\">{{ resident.nino }}</n>",
            "<n a=\"{% autoescape false %}{{ resident.name }}{% endautoescape %}\"></n>",
        ] {
            let body = rendered("a.xml.j2", text, &values).expect(text);
            let expected = "<n a=\"Pat&quot;,&quot;admin&quot;:true,&quot;x&quot;:&quot;&lt;/name&gt;&lt;b&gt;\
                            &amp;]]&gt;&#39;\u{2028}&#10;\"></n>";
            assert_eq!(body, expected, "{text}");
        }
        let bell = json!({ "resident": { "name": "Pat\u{7}" } });
        assert!(rendered("a.xml.j2", "<n>{{ resident.name }}</n>", &bell).is_err());
    }

    #[test]
    fn what_is_not_known_or_never_ends_is_told_without_a_value() {
        let values = json!({ "resident": { "name": "Testberry", "many": vec![7; 400] } });
        let four = "{% for a in resident.many %}{% for b in resident.many %}{% for c in resident.many %}\
                    {% endfor %}{% endfor %}{% endfor %}";
        let long = "{% for a in resident.many %}{{ resident.name * 100 }}{% endfor %}";
        for (text, expected) in [
            ("{{ resident.name", "line 1: "),
            ("\n{{ resident.name | safe }}", "line 2: "),
            ("{{ resident.name | shout }}", "line 1: "),
            ("{% include 'b' %}", "line 1: "),
            ("{{ resident.nmae }}", "line 1: something is asked for that is not there"),
            ("{% if resident.nmae %}{% endif %}", "line 1: something is asked for"),
            ("{{ range(9) }}", "line 1: there is no such function"),
            (four, "line 1: it takes too many steps"),
            (long, "it says more than 65536 bytes"),
            ("{{ resident.name * 1000000000000 }}", "line 1: "),
        ] {
            let told = rendered("a.json.j2", text, &values).expect_err(text);
            assert!(told.contains(expected), "{text}: {told}");
            assert!(!told.contains("Testberry"), "{told}");
        }
        assert!(Template::compile("a.txt", "").is_err());
    }

    #[test]
    fn a_template_says_pounds_and_days_and_knows_what_it_asks_for() {
        let text = "<a>\n{{ account.balance | pounds }} {{ account.opened | day }} {{ account.stage | \
                    default(\"none\") | upper }}{% for one in account.instalments %}{{ one.due }}\
                    {% endfor %}</a>";
        let values = json!({ "account": {
            "balance": 14500, "opened": "2026-04-01", "stage": null,
            "instalments": [{ "due": "2026-05-01" }],
        } });
        let template = Template::compile("a.xml.j2", text).expect(text);
        let body = template.render(&values).expect("a body");
        assert_eq!(body, "<a>\n£145.00 1 April 2026 NONE2026-05-01</a>");
        let names: Vec<String> = template.asks().into_iter().map(|asked| asked.name).collect();
        let asked = ["account.balance", "account.instalments", "account.opened", "account.stage"];
        assert_eq!(names, asked);
        assert_eq!(template.asks()[0].line, Some(2));
        assert!(template.asks_for("account") && !template.asks_for("resident"));
    }
}
