//! `${NAME}` and `${NAME:-default}` in scalar values.
//!
//! Done on the parsed tree, so that what the environment holds can never become YAML structure. Keys are left alone.

use super::fault::{Fault, Problem};
use super::tree::{Node, Scalar, Value};

/// The value of an environment variable, if it is set.
pub type Lookup<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// Replaces every reference below `node`, which is the value of the key `path`. What cannot be replaced is put into
/// `problems`, and marked so that it is not reported a second time.
pub fn interpolate(node: &mut Node, path: &str, lookup: &Lookup<'_>, problems: &mut Vec<Problem>) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match &mut node.value {
        Value::Scalar(scalar) => {
            if let Err(fault) = scalar_in_place(scalar, lookup) {
                problems.push(Problem { key: path.to_owned(), at: node.at.clone(), fault });
                node.value = Value::Wrong;
            }
        }
        Value::List(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                interpolate(item, &below(&index.to_string()), lookup, problems);
            }
        }
        Value::Map(entries) => {
            for (key, value) in entries {
                interpolate(value, &below(&key.text), lookup, problems);
            }
        }
        Value::Wrong => {}
    }
}

/// Reports every reference below `node`, for documents that may have none.
pub fn refuse_references(node: &Node, path: &str, problems: &mut Vec<Problem>) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match &node.value {
        Value::Scalar(scalar) if scalar.text.contains("${") => {
            let fault = Fault::NoReferences(scalar.text.clone());
            problems.push(Problem { key: path.to_owned(), at: node.at.clone(), fault });
        }
        Value::List(items) => {
            for (index, item) in items.iter().enumerate() {
                refuse_references(item, &below(&index.to_string()), problems);
            }
        }
        Value::Map(entries) => {
            for (key, value) in entries {
                refuse_references(value, &below(&key.text), problems);
            }
        }
        Value::Scalar(_) | Value::Wrong => {}
    }
}

fn scalar_in_place(scalar: &mut Scalar, lookup: &Lookup<'_>) -> Result<(), Fault> {
    if !scalar.text.contains("${") {
        return Ok(());
    }
    let (text, replaced) = replace(&scalar.text, lookup)?;
    scalar.text = text;
    // `"${PORT}"` is quoted for YAML's sake; what it stands for may be a number.
    scalar.quoted &= !replaced;
    Ok(())
}

/// The text with its references replaced, and whether there were any.
fn replace(text: &str, lookup: &Lookup<'_>) -> Result<(String, bool), Fault> {
    let (mut out, mut rest, mut replaced) = (String::with_capacity(text.len()), text, false);
    while let Some(start) = rest.find("${") {
        if rest[..start].ends_with('$') {
            out.push_str(&rest[..start - 1]);
            out.push_str("${");
            rest = &rest[start + 2..];
            continue;
        }
        out.push_str(&rest[..start]);
        let body = &rest[start + 2..];
        let end = body.find('}').ok_or_else(|| Fault::Reference(rest[start..].to_owned()))?;
        out.push_str(&resolve(&body[..end], lookup)?);
        rest = &body[end + 1..];
        replaced = true;
    }
    out.push_str(rest);
    Ok((out, replaced))
}

fn resolve(reference: &str, lookup: &Lookup<'_>) -> Result<String, Fault> {
    let (name, default) = match reference.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (reference, None),
    };
    let mut bytes = name.bytes();
    let named = bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !named {
        return Err(Fault::Reference(format!("${{{reference}}}")));
    }
    // As in shells, `:-` also stands in for a variable that is set but empty.
    let value = lookup(name).filter(|value| !(value.is_empty() && default.is_some()));
    value.or_else(|| default.map(str::to_owned)).ok_or_else(|| Fault::Unset(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(text: &str) -> Result<String, Fault> {
        let env = |name: &str| match name {
            "PORT" => Some("8080".to_owned()),
            "EMPTY" => Some(String::new()),
            "TRICK" => Some("${PORT} {a: b}".to_owned()),
            _ => None,
        };
        replace(text, &env).map(|(text, _)| text)
    }

    #[test]
    fn references_are_replaced_by_the_environment_or_their_default() {
        assert_eq!(replaced("0.0.0.0:${PORT}"), Ok("0.0.0.0:8080".into()));
        assert_eq!(replaced("${PORT}${PORT}"), Ok("80808080".into()));
        assert_eq!(replaced("${NOPE:-7}"), Ok("7".into()));
        assert_eq!(replaced("${NOPE:-}"), Ok(String::new()));
        assert_eq!(replaced("${EMPTY:-7}"), Ok("7".into()));
        assert_eq!(replaced("${EMPTY}"), Ok(String::new()));
        assert_eq!(replaced("${NOPE:-a:-b}"), Ok("a:-b".into()));
    }

    #[test]
    fn a_doubled_dollar_is_the_character_itself() {
        assert_eq!(replaced("$${PORT}"), Ok("${PORT}".into()));
        assert_eq!(replaced("costs $5 or $$"), Ok("costs $5 or $$".into()));
    }

    #[test]
    fn what_a_variable_holds_is_not_looked_into_again() {
        assert_eq!(replaced("${TRICK}"), Ok("${PORT} {a: b}".into()));
    }

    #[test]
    fn what_cannot_be_replaced_is_a_fault() {
        assert_eq!(replaced("${NOPE}"), Err(Fault::Unset("NOPE".into())));
        assert_eq!(replaced("a ${PORT"), Err(Fault::Reference("${PORT".into())));
        assert_eq!(replaced("${}"), Err(Fault::Reference("${}".into())));
        assert_eq!(replaced("${A B}"), Err(Fault::Reference("${A B}".into())));
    }
}
