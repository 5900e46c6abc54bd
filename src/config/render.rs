//! A config as a commented file: every key with its meaning, type, range and default.

use std::fmt::Write;

use serde_json::Value;

use super::Config;
use super::shape::{CONFIG, Field, Shape};
use super::words;

/// Comment lines are wrapped at this column.
const WIDTH: usize = 110;

const HEADER: &str = "\
# yaml-language-server: $schema=cross-sell-config.schema.json
# The line above is for editors: make that file by `sidecart check --schema > cross-sell-config.schema.json`.
#
# Sidecart's config. Every key is optional, and a key left out has its default.
# `sidecart check` checks this file. Values may use ${NAME} and ${NAME:-default} from the environment,
# and a variable named after a key overrides it: SIDECART_SERVER_LISTEN for server.listen.
";

/// Writes a config as YAML, every key commented. Reading it gives the same config.
#[must_use]
pub fn render(config: &Config) -> String {
    let value = serde_json::to_value(config).expect("the config is plain data");
    let mut out = HEADER.to_owned();
    record(&mut out, &CONFIG.0, &value, 0);
    out
}

fn record(out: &mut String, shape: &Shape, value: &Value, depth: usize) {
    let Shape::Record(fields) = shape else { return };
    for (index, field) in fields.iter().enumerate() {
        let own = value.get(&field.name).unwrap_or(&Value::Null);
        let apart = index > 0 && matches!(field.shape, Shape::Record(_)) && !field.one_line;
        if depth == 0 || apart {
            out.push('\n');
        }
        comment(out, &field.about, depth);
        let indent = "  ".repeat(depth);
        match (&field.shape, own) {
            (Shape::Record(_), _) if !field.one_line => {
                line(out, &format!("{indent}{}:", field.name));
                record(out, &field.shape, own, depth + 1);
            }
            (Shape::Map(map), Value::Object(entries)) => {
                if let Shape::Record(fields) = &map.value {
                    fields.iter().for_each(|field| comment(out, &inner(field), depth));
                }
                entry_lines(out, field, entries, depth);
            }
            _ => {
                leaf(out, field, depth);
                line(out, &format!("{indent}{}: {}", field.name, words::yaml(own)));
            }
        }
    }
}

/// What a key's value may be; records in one line are explained where they are listed.
fn leaf(out: &mut String, field: &Field, depth: usize) {
    if field.one_line {
        return;
    }
    if let Shape::Choice(choices) = &field.shape {
        for choice in choices {
            comment(out, &format!("- {}: {}", choice.word, choice.about), depth);
        }
    }
    let (what, default) = (words::of_shape(&field.shape), words::of_default(field));
    comment(out, &format!("{what}; default {default}").replace('`', ""), depth);
    if let (Shape::List(_), Some(example)) = (&field.shape, &field.example) {
        comment(out, &format!("Example: {example}"), depth);
    }
}

/// A key of each of a map's values, in words.
fn inner(field: &Field) -> String {
    let (what, default) = (words::of_shape(&field.shape), words::of_default(field));
    format!("- {}: {} ({}; default {default})", field.name, field.about, what.replace('`', ""))
}

fn entry_lines(out: &mut String, field: &Field, entries: &serde_json::Map<String, Value>, depth: usize) {
    let indent = "  ".repeat(depth);
    if let Some(example) = &field.example {
        comment(out, &format!("Example: {example}"), depth);
    }
    if entries.is_empty() {
        return line(out, &format!("{indent}{}: {{}}", field.name));
    }
    line(out, &format!("{indent}{}:", field.name));
    for (key, value) in entries {
        line(out, &format!("{indent}  {}: {}", words::scalar(key), words::yaml(value)));
    }
}

fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}

/// A comment, wrapped.
fn comment(out: &mut String, text: &str, depth: usize) {
    let indent = "  ".repeat(depth);
    let mut length = usize::MAX;
    for word in text.split_whitespace() {
        if length.saturating_add(word.len() + 1) > WIDTH {
            let begin = if length == usize::MAX { "" } else { "\n" };
            // Writing to a String cannot fail.
            let _ = write!(out, "{begin}{indent}#");
            length = indent.len() + 1;
        }
        let _ = write!(out, " {word}");
        length += word.len() + 1;
    }
    out.push('\n');
}
