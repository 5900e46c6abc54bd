//! Checks a tree against the shapes, to its end: every unknown key, wrong type and value out of range is reported with
//! its place. What is left is plain JSON that deserialises.

use std::collections::BTreeMap;
use std::fmt::Display;

use serde_json::{Map, Number, Value as Json};

use super::fault::{At, Fault, Problem, nearest};
use super::shape::{Field, MapShape, Range, Shape, Text};
use super::tree::{Key, Node, Scalar, Value};
use crate::wire::scalar::clip;

/// What a tree says, once checked: only the keys it gives.
#[derive(Debug, Default)]
pub struct Verified {
    /// The values, for those keys that are right.
    pub value: Json,
    /// Where each key's value stands.
    pub places: BTreeMap<String, At>,
}

/// Checks a tree. What is wrong is put into `problems`.
pub fn verify(node: &Node, shape: &Shape, key: &str, problems: &mut Vec<Problem>) -> Verified {
    let mut walk = Walk { problems, places: BTreeMap::new(), path: key.to_owned() };
    let value = walk.value(node, shape, false).unwrap_or(Json::Null);
    Verified { value, places: walk.places }
}

struct Walk<'a> {
    problems: &'a mut Vec<Problem>,
    places: BTreeMap<String, At>,
    path: String,
}

impl Walk<'_> {
    /// The value, unless it is wrong or nothing.
    fn value(&mut self, node: &Node, shape: &Shape, nullable: bool) -> Option<Json> {
        if !self.path.is_empty() {
            self.places.insert(self.path.clone(), node.at.clone());
        }
        if matches!(node.value, Value::Wrong) {
            return None;
        }
        if matches!(shape, Shape::Any) {
            return Some(any(node));
        }
        if node.is_null() {
            return nullable.then_some(Json::Null);
        }
        match (&node.value, shape) {
            (Value::Map(entries), Shape::Record(fields)) => Some(self.record(node, entries, fields)),
            (Value::Map(entries), Shape::Map(map)) => Some(self.map(node, entries, map)),
            (Value::List(items), Shape::List(item)) => Some(self.list(items, item)),
            (Value::Scalar(scalar), _) => match scalar_value(scalar, shape) {
                Ok(value) => Some(value),
                Err(says) => self.refuse(node, says),
            },
            _ => self.refuse(node, format!("is not {}", wanted(shape))),
        }
    }

    fn record(&mut self, node: &Node, entries: &[(Key, Node)], fields: &[Field]) -> Json {
        let mut values = Map::new();
        for (key, value) in entries {
            match fields.iter().find(|field| field.name == key.text) {
                Some(field) => {
                    let value = self.below(&key.text, |walk| walk.value(value, &field.shape, field.nullable));
                    values.extend(value.map(|value| (key.text.clone(), value)));
                }
                None => self.unknown(key, fields),
            }
        }
        for field in fields.iter().filter(|field| field.default.is_none() && !field.nullable) {
            if !entries.iter().any(|(key, _)| key.text == field.name) {
                self.report(&field.name, &node.at, Fault::MissingKey(field.name.clone()));
            }
        }
        Json::Object(values)
    }

    fn map(&mut self, node: &Node, entries: &[(Key, Node)], map: &MapShape) -> Json {
        if map.most.is_some_and(|most| entries.len() as u64 > most) {
            let most = map.most.unwrap_or_default();
            self.refuse(node, format!("has more than {most} keys: remove some"));
        }
        let mut values = Map::new();
        for (key, value) in entries {
            if let Some(Err(says)) = map.key.map(|kind| (kind.check)(&key.text)) {
                let fault = Fault::Value { shown: format!("key `{}`", clip(&key.text)), says };
                self.problems.push(Problem { key: self.path.clone(), at: key.at.clone(), fault });
            }
            let read = self.below(&key.text, |walk| walk.value(value, &map.value, false));
            match read.unwrap_or_else(|| empty(&map.value)) {
                // A word has no default of its own.
                Json::Null if !matches!(map.value, Shape::Any) => {
                    if value.is_null() {
                        let fault =
                            Fault::Value { shown: "nothing".into(), says: format!("is not {}", wanted(&map.value)) };
                        self.report(&key.text, &value.at, fault);
                    }
                }
                value => drop(values.insert(key.text.clone(), value)),
            }
        }
        Json::Object(values)
    }

    fn list(&mut self, items: &[Node], shape: &Shape) -> Json {
        let value = |(index, node): (usize, &Node)| {
            if node.is_null() {
                let fault = Fault::Value { shown: "nothing".into(), says: format!("is not {}", wanted(shape)) };
                self.report(&index.to_string(), &node.at, fault);
            }
            self.below(&index.to_string(), |walk| walk.value(node, shape, false))
        };
        Json::Array(items.iter().enumerate().filter_map(value).collect())
    }

    fn below<T>(&mut self, key: &str, work: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.path.len();
        if length > 0 {
            self.path.push('.');
        }
        self.path.push_str(key);
        let done = work(self);
        self.path.truncate(length);
        done
    }

    fn unknown(&mut self, key: &Key, fields: &[Field]) {
        let known: Vec<String> = fields.iter().map(|field| field.name.clone()).collect();
        let near = nearest(&key.text, known.iter().map(String::as_str));
        self.report(&key.text, &key.at, Fault::UnknownKey { key: clip(&key.text), near, known });
    }

    fn report(&mut self, key: &str, at: &At, fault: Fault) {
        let problem = self.below(key, |walk| Problem { key: walk.path.clone(), at: at.clone(), fault });
        self.problems.push(problem);
    }

    fn refuse(&mut self, node: &Node, says: String) -> Option<Json> {
        let fault = Fault::Value { shown: shown(node), says };
        self.problems.push(Problem { key: self.path.clone(), at: node.at.clone(), fault });
        None
    }
}

/// A value of no given type, typed by its look as JSON would write it: `00123` and `no` are texts.
fn any(node: &Node) -> Json {
    match &node.value {
        Value::Map(entries) => entries.iter().map(|(key, node)| (key.text.clone(), any(node))).collect(),
        Value::List(items) => items.iter().map(any).collect(),
        Value::Wrong => Json::Null,
        Value::Scalar(_) if node.is_null() => Json::Null,
        Value::Scalar(scalar) if scalar.quoted => Json::String(scalar.text.clone()),
        Value::Scalar(scalar) => match scalar.text.as_str() {
            "true" => Json::Bool(true),
            "false" => Json::Bool(false),
            text => match text.parse().map(Json::Number) {
                Ok(number) => number,
                Err(_) => Json::String(text.to_owned()),
            },
        },
    }
}

/// What a key without a value stands for: all defaults.
fn empty(shape: &Shape) -> Json {
    match shape {
        Shape::List(_) => Json::Array(Vec::new()),
        Shape::Record(_) | Shape::Map(_) => Json::Object(Map::new()),
        _ => Json::Null,
    }
}

/// A value in words, as it was written.
fn shown(node: &Node) -> String {
    match &node.value {
        Value::Scalar(scalar) => format!("`{}`", clip(&scalar.written)),
        Value::List(_) => "a list".into(),
        Value::Map(_) => "a map".into(),
        Value::Wrong => "nothing".into(),
    }
}

fn scalar_value(scalar: &Scalar, shape: &Shape) -> Result<Json, String> {
    let text = scalar.text.as_str();
    let wrong = || format!("is not {}", wanted(shape));
    if scalar.quoted && matches!(shape, Shape::Bool | Shape::Integer(_) | Shape::Number(_)) {
        return Err(format!("is a quoted text, not {}, without quotes", wanted(shape)));
    }
    match shape {
        Shape::Bool => match text {
            "true" | "True" | "TRUE" => Ok(Json::Bool(true)),
            "false" | "False" | "FALSE" => Ok(Json::Bool(false)),
            _ => Err(wrong()),
        },
        Shape::Integer(range) => {
            let number: i128 = text.parse().map_err(|_| wrong())?;
            within(&number, range)?;
            Number::from_i128(number).map(Json::Number).ok_or_else(wrong)
        }
        Shape::Number(range) => {
            let number = text.parse().ok().filter(|number: &f64| number.is_finite()).ok_or_else(wrong)?;
            within(&number, range)?;
            Number::from_f64(number).map(Json::Number).ok_or_else(wrong)
        }
        Shape::Choice(choices) => match choices.iter().find(|choice| choice.word == text) {
            Some(choice) => Ok(Json::String(choice.word.clone())),
            None => Err(match nearest(text, choices.iter().map(|choice| choice.word.as_str())) {
                Some(near) => format!("{}, did you mean `{near}`?", wrong()),
                None => wrong(),
            }),
        },
        Shape::Text(kind) => text_value(text, kind),
        Shape::Record(_) | Shape::Map(_) | Shape::List(_) | Shape::Any => Err(wrong()),
    }
}

fn within<T: PartialOrd + Display>(number: &T, range: &Range<T>) -> Result<(), String> {
    match range {
        Range { least: Some(least), .. } if number < least => Err(format!("is below {least}: give {}", range.words())),
        Range { greatest: Some(greatest), .. } if number > greatest => {
            Err(format!("is above {greatest}: give {}", range.words()))
        }
        _ => Ok(()),
    }
}

fn text_value(text: &str, wanted: &Text) -> Result<Json, String> {
    let Some(kind) = wanted.kind else { return Ok(Json::String(text.to_owned())) };
    (kind.check)(text)?;
    if let Some(order) = kind.order {
        let Range { least, greatest } = &wanted.range;
        let number = order(text);
        if let Some(least) = least.as_deref().filter(|least| number < order(least)) {
            return Err(format!("is below {least}: give {}", wanted.range.words()));
        }
        if let Some(greatest) = greatest.as_deref().filter(|greatest| number > order(greatest)) {
            return Err(format!("is above {greatest}: give {}", wanted.range.words()));
        }
    }
    Ok(Json::String(text.to_owned()))
}

/// What would be right, and how to give it: "a whole number: give 1 to 100".
fn wanted(shape: &Shape) -> String {
    let give = |what: &str, bounds: String| match bounds.as_str() {
        "" => what.to_owned(),
        bounds => format!("{what}: give {bounds}"),
    };
    match shape {
        Shape::Record(fields) => {
            let known: Vec<String> = fields.iter().map(|field| format!("`{}`", field.name)).collect();
            format!("a map: give keys such as {}", known[..known.len().min(3)].join(", "))
        }
        Shape::Map(map) => format!("a map: give `{}: value`", map.each),
        Shape::List(_) => "a list: give `[a, b]`".to_owned(),
        Shape::Choice(choices) => {
            let words: Vec<String> = choices.iter().map(|choice| format!("`{}`", choice.word)).collect();
            format!("known: give {}", words.join(" or "))
        }
        Shape::Bool => "true or false: give one of the two".to_owned(),
        Shape::Integer(range) => give("a whole number", range.words()),
        Shape::Number(range) => give("a number", range.words()),
        Shape::Text(Text { kind: Some(kind), .. }) => {
            let article = if kind.name.starts_with(['a', 'i']) { "an" } else { "a" };
            format!("{article} {}: give one, such as `{}`", kind.name, kind.example)
        }
        Shape::Text(_) => "a text: give one".to_owned(),
        Shape::Any => "a value: give one".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::config::tree;

    fn field(name: &str, default: Option<Json>) -> Field {
        let shape = Shape::Integer(Range { least: Some(0), greatest: Some(9) });
        let (about, example) = (String::new(), None);
        Field { name: name.into(), about, shape, nullable: false, default, example, one_line: false, live: false }
    }

    fn verified(text: &str) -> (Json, Vec<String>) {
        let shape = Shape::List(Box::new(Shape::Record(vec![field("must", None), field("may", Some(Json::from(1)))])));
        let mut problems = Vec::new();
        let node = tree::parse(text, &Arc::from("f"), &mut problems).expect("YAML").expect("a value");
        let value = verify(&node, &shape, "rules", &mut problems).value;
        (value, problems.iter().map(Problem::to_string).collect())
    }

    #[test]
    fn a_key_without_a_default_must_be_given_in_every_entry_of_a_list() {
        assert_eq!(verified("[{must: 1, may: 2}, {must: 3}]").1, [""; 0]);
        assert_eq!(
            verified("- must: 1\n- may: 2\n- must: ten\n").1,
            [
                "missing key `must` at f:2:3: it has no default, give it a value",
                "`ten` for `rules.2.must` at f:3:9 is not a whole number: give 0 to 9",
            ]
        );
    }

    #[test]
    fn what_is_right_is_kept_as_given_without_defaults() {
        assert_eq!(verified("[{must: 1}]").0, serde_json::json!([{"must": 1}]));
    }
}
