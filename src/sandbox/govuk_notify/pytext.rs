//! How the platform writes a JSON value as text: it is a Python program, and its habits show in
//! messages people receive (`True`, `12.5`) and in the errors it answers. Only that; nothing here
//! decides anything.

use serde_json::{Number, Value};

use crate::sandbox::govuk_notify::whitespace;

/// The value as it is printed into a message.
pub fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => quoted(other),
    }
}

/// The value as it is quoted in an error.
pub fn quoted(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => number_text(number),
        Value::String(text) => quoted_text(text),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(quoted).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(key, value)| format!("{}: {}", quoted_text(key), quoted(value)))
                .collect();
            format!("{{{}}}", fields.join(", "))
        }
    }
}

/// Whether the value counts as something: empty and zero values do not.
pub fn is_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
    }
}

fn number_text(number: &Number) -> String {
    match number.as_f64().filter(|_| number.is_f64()) {
        Some(float) => float_text(float),
        None => number.to_string(),
    }
}

/// The shortest digits that read back as the same number, with an exponent only when it is far from
/// zero.
fn float_text(float: f64) -> String {
    let scientific = format!("{float:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        let plain = format!("{float}");
        if plain.contains('.') { plain } else { format!("{plain}.0") }
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{digits}e{sign}{:02}", exponent.abs())
    }
}

fn quoted_text(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push(quote);
    for character in text.chars() {
        match character {
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            _ if character == quote => quoted.extend(['\\', character]),
            _ if character.is_control() || whitespace::is_obscure(character) => {
                let code = u32::from(character);
                let escape =
                    if code < 0x100 { format!("\\x{code:02x}") } else { format!("\\u{code:04x}") };
                quoted.push_str(&escape);
            }
            _ => quoted.push(character),
        }
    }
    quoted.push(quote);
    quoted
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_printed_as_the_platform_prints_them() {
        for (value, printed, in_error) in [
            (json!("it's"), "it's", "\"it's\""),
            (json!("a\nb\\"), "a\nb\\", "'a\\nb\\\\'"),
            (json!("a\u{a0}\u{200b}"), "a\u{a0}\u{200b}", "'a\\xa0\\u200b'"),
            (json!(12.5), "12.5", "12.5"),
            (json!(1.0), "1.0", "1.0"),
            (json!(1e16), "1e+16", "1e+16"),
            (json!(0.00001), "1e-05", "1e-05"),
            (json!(7), "7", "7"),
            (json!(true), "True", "True"),
            (json!(null), "None", "None"),
            (json!(["a", 1]), "['a', 1]", "['a', 1]"),
            (json!({"a": [null]}), "{'a': [None]}", "{'a': [None]}"),
        ] {
            assert_eq!(text(&value), printed);
            assert_eq!(quoted(&value), in_error);
        }
    }
}
