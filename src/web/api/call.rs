//! One call, once it was let in: what is asked for, by whom, and its words, read as the very structures
//! that the command line fills. A word that is not understood is named; what it holds is not repeated.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::problem::{Kind, Problem};
use super::routes::Verb;
use crate::access::actor::Actor;
use crate::access::scope::{Scope, Scopes};
use crate::record::personal::unprinted;

/// A name of a field that is repeated in a problem is no longer than this.
const NAME_CHARS_MAX: usize = 60;

/// Who calls, and what they may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub actor: Actor,
    pub scopes: Scopes,
    /// The key's number; none on this machine without keys.
    pub key: Option<i64>,
    pub within: Within,
}

/// What bounds somebody besides their scopes; nothing, unless it is said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Within {
    /// How many things one bulk action may touch.
    pub bulk_max: Option<i64>,
    /// Of which sources they see rows. Whoever is bound so is answered only where rows can be told apart.
    pub sources: Option<Vec<String>>,
}

/// A call. Its words may say who is searched for: it never prints.
#[derive(Clone)]
pub struct Call {
    pub verb: Verb,
    /// What stands in the path for `{id}`.
    pub id: String,
    pub caller: Caller,
    /// Why values are to be shown: the header `Reason`.
    pub reason: Option<String>,
    pub query: String,
    pub body: Vec<u8>,
}

/// What is answered; as unprinted, since it may show somebody.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    pub json: Value,
    /// It was begun, and goes on in the background.
    pub begun: bool,
}

impl Answer {
    pub fn done(json: Value) -> Answer {
        Answer { json, begun: false }
    }

    pub fn begun(json: Value) -> Answer {
        Answer { json, begun: true }
    }
}

unprinted!(Call, Answer);

/// Where no words are expected.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// Whether values are to be shown in place of their masks: `?show=true`.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Showing {
    #[serde(default)]
    pub show: bool,
}

impl Caller {
    /// Refuses what the key does not allow.
    pub fn must(&self, scope: Scope) -> Result<(), Problem> {
        match self.scopes.has(scope) {
            true => Ok(()),
            false => Err(Problem::new(
                Kind::NotAllowed,
                format!(
                    "this needs the scope `{}`, which the key has not: have one made with \
                     `viaduct keys add`",
                    scope.word()
                ),
            )),
        }
    }
}

impl Call {
    /// Its words: those of the query, and those of the body.
    pub fn words<Q: DeserializeOwned, B: DeserializeOwned>(&self) -> Result<(Q, B), Problem> {
        let pairs = form_urlencoded::parse(self.query.as_bytes());
        let query = serde_urlencoded::Deserializer::new(pairs);
        let query = serde_path_to_error::deserialize(query)
            .map_err(|error| misread("parameter", error.path(), &error.inner().to_string()))?;
        let text = if self.body.is_empty() { b"{}".as_slice() } else { &self.body };
        // A list of values without their names would be read too.
        if !text.trim_ascii_start().starts_with(b"{") {
            return Err(Problem::new(Kind::Unreadable, "the body is not one JSON object"));
        }
        let mut json = serde_json::Deserializer::from_slice(text);
        let body = serde_path_to_error::deserialize(&mut json);
        let body = body.map_err(|error| match error.inner().classify() {
            serde_json::error::Category::Data => {
                misread("field", error.path(), &error.inner().to_string())
            }
            _ => unreadable(error.inner()),
        })?;
        json.end().map_err(|error| unreadable(&error))?;
        Ok((query, body))
    }

    /// Those of the query alone.
    pub fn query<Q: DeserializeOwned>(&self) -> Result<Q, Problem> {
        Ok(self.words::<Q, Nothing>()?.0)
    }

    /// Those of the body alone.
    pub fn body<B: DeserializeOwned>(&self) -> Result<B, Problem> {
        Ok(self.words::<Nothing, B>()?.1)
    }

    /// The number in its path.
    pub fn number(&self) -> Result<i64, Problem> {
        self.id.parse().map_err(|_| {
            let what = "what stands in the path is not a number, and it is found by its number";
            Problem::new(Kind::NotThere, what)
        })
    }
}

fn unreadable(error: &serde_json::Error) -> Problem {
    let (line, column) = (error.line(), error.column());
    Problem::new(
        Kind::Unreadable,
        format!("the body is not one JSON object: look at line {line}, column {column}"),
    )
}

/// Which word it is, and what it would have to be. The library's sentence quotes what is there; of it only
/// what is expected is taken.
fn misread(what: &str, path: &serde_path_to_error::Path, said: &str) -> Problem {
    let place = path.to_string();
    let said = said.split(" at line ").next().unwrap_or(said);
    let detail = if ["unknown field", "missing field", "duplicate field"]
        .iter()
        .any(|sentence| said.starts_with(sentence))
    {
        // A field's name, and the names there are.
        let said = said.replace("field", what);
        let mut parts = said.splitn(3, '`');
        match (parts.next(), parts.next(), parts.next()) {
            (Some(before), Some(name), Some(after)) => {
                let name: String =
                    name.chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect();
                format!("{before}`{name}`{after}")
            }
            _ => said,
        }
    } else {
        let named =
            if place == "." { "the body".to_owned() } else { format!("the {what} `{place}`") };
        match said.split_once(", expected ") {
            Some((_, expected)) => format!("{named} cannot be read: expected {expected}"),
            None => format!("{named} does not hold what it must: see docs/api.md"),
        }
    };
    Problem::new(Kind::Words, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "what is read is not looked at here")]
    struct Words {
        code: Option<String>,
        #[serde(default)]
        most: u32,
        #[serde(default)]
        ids: Vec<i64>,
    }

    fn call(query: &str, body: &str) -> Call {
        Call {
            verb: Verb::Jobs,
            id: String::new(),
            caller: Caller {
                actor: Actor::local(),
                scopes: Scopes::all(),
                key: None,
                within: Within::default(),
            },
            reason: None,
            query: query.to_owned(),
            body: body.as_bytes().to_vec(),
        }
    }

    #[test]
    fn a_word_that_is_not_understood_is_named_and_what_it_holds_is_not_repeated() {
        for (query, body, status, wanted) in [
            ("most=Testberry", "", 422, "the parameter `most`"),
            ("mots=1", "", 422, "unknown parameter `mots`, expected one of `code`, `most`"),
            ("most=1&most=2", "", 422, "duplicate parameter `most`"),
            ("", r#"{"most": "Testberry"}"#, 422, "the field `most` cannot be read: expected u32"),
            ("", r#"{"ids": [1, "Testberry"]}"#, 422, "the field `ids[1]`"),
            ("", r#"{"cod": "x"}"#, 422, "unknown field `cod`"),
            ("", r#"{"code": "a", "code": "b"}"#, 422, "duplicate field `code`"),
            ("", r#"["Testberry"]"#, 400, "one JSON object"),
            ("", r#"{"code": "Testberry""#, 400, "line 1"),
            ("", r#"{} {"code": "Testberry"}"#, 400, "one JSON object"),
        ] {
            let problem = call(query, body).words::<Words, Words>().unwrap_err();
            assert_eq!(problem.kind.status(), status, "{query} {body}: {problem:?}");
            assert!(problem.detail.contains(wanted), "{query} {body}: {problem:?}");
            assert!(!problem.detail.contains("Testberry"), "{problem:?}");
        }
        let (query, body) = call("code=7&most=3", "").words::<Words, Words>().unwrap();
        assert_eq!((query.code.as_deref(), query.most, body.most), (Some("7"), 3, 0));
    }
}
