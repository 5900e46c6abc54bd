//! Shapes in words, for the commented default file and the reference; and values as YAML.

use serde_json::Value;

use super::shape::{Field, Shape};

/// Words that some reader of YAML takes for a boolean or for nothing.
const RESERVED: [&str; 9] = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"];

/// What a value may be: "whole number, 1 to 100", "`text` or `json`".
pub fn of_shape(shape: &Shape) -> String {
    let ranged = |what: &str, range: String| match range.as_str() {
        "" => what.to_owned(),
        range => format!("{what}, {range}"),
    };
    match shape {
        Shape::Record(fields) => {
            let keys: Vec<String> = fields.iter().map(|field| format!("`{}`", field.name)).collect();
            format!("{{{}}}", keys.join(", "))
        }
        Shape::Map(map) => format!("map of {} to {}", map.each, of_shape(&map.value)),
        Shape::List(item) if matches!(**item, Shape::Record(_)) => "list of maps".to_owned(),
        Shape::List(item) => match &**item {
            Shape::Choice(_) => format!("list of {}", of_shape(item)),
            item => format!("list of {}s", of_shape(item)),
        },
        Shape::Choice(choices) => {
            let words: Vec<String> = choices.iter().map(|choice| format!("`{}`", choice.word)).collect();
            words.join(" or ")
        }
        Shape::Bool => "`true` or `false`".to_owned(),
        Shape::Integer(range) => ranged("whole number", range.words()),
        Shape::Number(range) => ranged("number", range.words()),
        Shape::Any => "any value".to_owned(),
        Shape::Text(text) => ranged(text.kind.map_or("text", |kind| kind.name), text.range.words()),
    }
}

/// A key's default as YAML; `required` where there is none.
pub fn of_default(field: &Field) -> String {
    match &field.default {
        Some(value) => yaml(value),
        None if field.nullable => "null".to_owned(),
        None => "required".to_owned(),
    }
}

/// A value as YAML in one line.
pub fn yaml(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        // References are replaced in values, not in keys.
        Value::String(text) => scalar(&text.replace("${", "$${")),
        Value::Array(items) => format!("[{}]", items.iter().map(yaml).collect::<Vec<_>>().join(", ")),
        Value::Object(map) => {
            let entries: Vec<String> =
                map.iter().map(|(key, value)| format!("{}: {}", scalar(key), yaml(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}

/// A text as a YAML scalar that this crate's reader reads as that text: plain if it can be, else quoted as in JSON.
pub fn scalar(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/');
    let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '/'));
    // Where a value may be anything, `12` would be a number.
    let is_number = text.parse::<serde_json::Number>().is_ok();
    let inner_colons = text.split(':').all(|part| !part.is_empty() && part.chars().all(plain));
    if begins
        && !is_number
        && inner_colons
        && !text.starts_with("...")
        && !RESERVED.contains(&text.to_lowercase().as_str())
    {
        return text.to_owned();
    }
    serde_json::to_string(text).expect("a text is JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted_where_yaml_would_read_something_else() {
        for (text, yaml) in [
            ("127.0.0.1:8080", "127.0.0.1:8080"),
            ("./sidecart-data", "./sidecart-data"),
            ("00123", "00123"),
            ("no", "\"no\""),
            ("*", "\"*\""),
            ("", "\"\""),
            ("a: b", "\"a: b\""),
            ("a #b", "\"a #b\""),
            ("a ${HOME}", "\"a $${HOME}\""),
        ] {
            assert_eq!(self::yaml(&Value::from(text)), yaml);
        }
    }
}
