//! The JSON Schema of the types, read into the few shapes a config is made of. The checks, the commented default file,
//! the reference and the names of environment variables all walk these shapes.

use std::fmt::Display;
use std::sync::{Arc, LazyLock};

use serde_json::{Map, Value};

use super::Config;
use super::kind::{self, Kind};
use super::tree::{self, Node};

/// What a value may be.
#[derive(Debug, Clone)]
pub enum Shape {
    /// A struct: known keys only.
    Record(Vec<Field>),
    /// Keys chosen by the shop.
    Map(Box<MapShape>),
    /// A list.
    List(Box<Shape>),
    /// One of these words.
    Choice(Vec<Choice>),
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Integer(Range<i128>),
    /// A number.
    Number(Range<f64>),
    /// A text.
    Text(Text),
}

/// A key of a record.
#[derive(Debug, Clone)]
pub struct Field {
    /// The key.
    pub name: String,
    /// The doc comment.
    pub about: String,
    /// What its value may be.
    pub shape: Shape,
    /// Whether `null` is a value of its own, and not the default.
    pub nullable: bool,
    /// Its default; `None`: the key must be given.
    pub default: Option<Value>,
    /// A line of YAML to show as an example.
    pub example: Option<String>,
    /// Whether its record is written in one line, its keys being explained where the records are listed.
    pub one_line: bool,
    /// Whether a running server takes a change of it up; if not, it needs a restart. Marked on a section or a key
    /// (`x-live`), it holds for all below.
    pub live: bool,
}

/// Keys chosen by the shop, each with a value of one shape.
#[derive(Debug, Clone)]
pub struct MapShape {
    /// What a key must be.
    pub key: Option<&'static Kind>,
    /// What stands for a key in the reference.
    pub each: String,
    /// What each value may be.
    pub value: Shape,
    /// Keys at most.
    pub most: Option<u64>,
}

/// A word and its meaning.
#[derive(Debug, Clone)]
pub struct Choice {
    /// The word.
    pub word: String,
    /// Its doc comment.
    pub about: String,
}

/// Least and greatest, both allowed.
#[derive(Debug, Clone)]
pub struct Range<T> {
    /// The least.
    pub least: Option<T>,
    /// The greatest.
    pub greatest: Option<T>,
}

/// A text, and what kind of text.
#[derive(Debug, Clone)]
pub struct Text {
    /// Its kind; `None`: any.
    pub kind: Option<&'static Kind>,
    /// Its range, for kinds that have an order.
    pub range: Range<String>,
}

/// A schema that is none of the shapes.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("the schema of `{path}` has a form that configs cannot be checked against, add it to `Shape`: {schema}")]
pub struct ShapeError {
    path: String,
    schema: String,
}

/// The shape of [`Config`], and its default as JSON.
pub static CONFIG: LazyLock<(Shape, Value)> = LazyLock::new(|| {
    let default = serde_json::to_value(Config::default()).expect("the config is plain data");
    let shape = Shape::of(&raw_schema(), Some(&default), written_order().as_ref(), "").map(|mut shape| {
        inherit(&mut shape, false);
        shape
    });
    (shape.expect("a test reads the schema of every type"), default)
});

/// The JSON Schema as schemars makes it, without `$ref`, so that every place has its own annotations.
pub fn raw_schema() -> Value {
    let mut settings = schemars::generate::SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    settings.into_generator().into_root_schema_for::<Config>().to_value()
}

/// The default config in the order of the types' fields, which JSON maps in memory do not keep but JSON text does
/// (and JSON text is YAML).
fn written_order() -> Option<Node> {
    let text = serde_json::to_string(&Config::default()).expect("the config is plain data");
    tree::parse(&text, &Arc::from("defaults"), &mut Vec::new()).ok().flatten()
}

impl Shape {
    /// Reads a schema. `default` is the value in force where nothing is given; `order` has keys in their order.
    fn of(schema: &Value, default: Option<&Value>, order: Option<&Node>, path: &str) -> Result<Self, ShapeError> {
        if schema.get(kind::KEYWORD).is_some() {
            return Ok(Self::Text(Text::of(schema)));
        }
        if let Some(choices) = choices(schema) {
            return Ok(Self::Choice(choices));
        }
        match type_of(schema) {
            Some("object") if schema.get("properties").is_some() => record(schema, default, order, path),
            Some("object") => map(schema, order, path),
            Some("array") => {
                let items = schema.get("items").unwrap_or(&Value::Null);
                Ok(Self::List(Box::new(Self::of(items, None, None, &format!("{path}[]"))?)))
            }
            Some("boolean") => Ok(Self::Bool),
            Some("integer") => Ok(Self::Integer(Range {
                least: schema.get("minimum").and_then(whole),
                greatest: schema.get("maximum").and_then(whole),
            })),
            Some("number") => Ok(Self::Number(Range {
                least: schema.get("minimum").and_then(Value::as_f64),
                greatest: schema.get("maximum").and_then(Value::as_f64),
            })),
            Some("string") => Ok(Self::Text(Text::of(schema))),
            _ => Err(ShapeError { path: path.to_owned(), schema: schema.to_string() }),
        }
    }
}

impl<T: Display + PartialEq> Range<T> {
    /// In words: "1 to 100"; empty where there is no bound, one figure where nothing else is allowed.
    pub fn words(&self) -> String {
        match (&self.least, &self.greatest) {
            (Some(least), Some(greatest)) if least == greatest => least.to_string(),
            (Some(least), Some(greatest)) => format!("{least} to {greatest}"),
            (Some(least), None) => format!("{least} or more"),
            (None, Some(greatest)) => format!("{greatest} or less"),
            (None, None) => String::new(),
        }
    }
}

impl Text {
    fn of(schema: &Value) -> Self {
        let range = Range { least: text(schema, kind::LEAST), greatest: text(schema, kind::GREATEST) };
        Self { kind: kind::of(schema), range }
    }
}

fn whole(value: &Value) -> Option<i128> {
    value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from))
}

fn text(schema: &Value, keyword: &str) -> Option<String> {
    schema.get(keyword).and_then(Value::as_str).map(str::to_owned)
}

fn about(schema: &Value) -> String {
    text(schema, "description").unwrap_or_default().replace('\n', " ")
}

/// The type, `null` aside.
fn type_of(schema: &Value) -> Option<&str> {
    match schema.get("type")? {
        Value::String(name) => Some(name),
        Value::Array(names) => names.iter().filter_map(Value::as_str).find(|name| *name != "null"),
        _ => None,
    }
}

/// Whether `null` is allowed, and the schema of all else.
fn nullable(schema: &Value) -> (bool, &Value) {
    let is_null = |schema: &Value| schema.get("type").and_then(Value::as_str) == Some("null");
    if let Some(either) = schema.get("anyOf").and_then(Value::as_array) {
        let other = either.iter().find(|schema| !is_null(schema));
        return (either.iter().any(is_null), other.unwrap_or(schema));
    }
    let listed = schema.get("type").and_then(Value::as_array);
    (listed.is_some_and(|names| names.iter().any(|name| name == "null")), schema)
}

/// The words of an enum without data: documented ones are a `oneOf` of `const`, others an `enum`.
fn choices(schema: &Value) -> Option<Vec<Choice>> {
    if let Some(word) = text(schema, "const") {
        return Some(vec![Choice { word, about: about(schema) }]);
    }
    if let Some(words) = schema.get("enum").and_then(Value::as_array) {
        let words = words.iter().filter_map(Value::as_str);
        return Some(words.map(|word| Choice { word: word.to_owned(), about: String::new() }).collect());
    }
    let one_of = schema.get("oneOf").and_then(Value::as_array)?;
    one_of.iter().map(choices).collect::<Option<Vec<_>>>().map(|nested| nested.into_iter().flatten().collect())
}

fn record(schema: &Value, default: Option<&Value>, order: Option<&Node>, path: &str) -> Result<Shape, ShapeError> {
    let empty = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&empty);
    let mut names: Vec<&String> = properties.keys().collect();
    let entries = order.map(Node::entries).unwrap_or_default();
    names.sort_by_key(|name| entries.iter().position(|(key, _)| key.text == **name).unwrap_or(usize::MAX));
    let field = |name: &String| {
        let own = &properties[name];
        let default = default.and_then(|value| value.get(name)).or_else(|| own.get("default"));
        let order = entries.iter().find(|(key, _)| key.text == *name).map(|(_, node)| node);
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let (nullable, inner) = nullable(own);
        Ok(Field {
            name: name.clone(),
            about: about(own),
            shape: Shape::of(inner, default, order, &path)?,
            nullable,
            default: default.cloned(),
            example: text(own, "x-example"),
            one_line: own.get("x-one-line").is_some(),
            live: own.get("x-live").is_some(),
        })
    };
    names.into_iter().map(field).collect::<Result<_, _>>().map(Shape::Record)
}

/// Passes the mark of a live section on to the keys below it.
fn inherit(shape: &mut Shape, live: bool) {
    match shape {
        Shape::Record(fields) => {
            for field in fields {
                field.live |= live;
                inherit(&mut field.shape, field.live);
            }
        }
        Shape::Map(map) => inherit(&mut map.value, live),
        Shape::List(item) => inherit(item, live),
        _ => {}
    }
}

fn map(schema: &Value, order: Option<&Node>, path: &str) -> Result<Shape, ShapeError> {
    let each = text(schema, "x-each").unwrap_or_else(|| "NAME".to_owned());
    let values = schema.get("additionalProperties").unwrap_or(&Value::Null);
    let first = order.and_then(|node| node.entries().first()).map(|(_, node)| node);
    let value = Shape::of(values, None, first, &format!("{path}.{each}"))?;
    let key = schema.get("propertyNames").and_then(kind::of);
    let most = schema.get("maxProperties").and_then(Value::as_u64);
    Ok(Shape::Map(Box::new(MapShape { key, each, value, most })))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn each_field(shape: &Shape, path: &str, seen: &mut dyn FnMut(&str, &Field)) {
        match shape {
            Shape::Record(fields) => {
                for field in fields {
                    let path = format!("{path}.{}", field.name);
                    seen(&path, field);
                    each_field(&field.shape, &path, seen);
                }
            }
            Shape::Map(map) => each_field(&map.value, path, seen),
            Shape::List(item) => each_field(item, path, seen),
            _ => {}
        }
    }

    #[test]
    fn every_key_of_every_type_has_a_shape_a_doc_comment_and_a_default() {
        let mut count = 0;
        each_field(&CONFIG.0, "", &mut |path, field| {
            count += 1;
            assert!(!field.about.is_empty(), "{path} has no doc comment");
            assert!(field.default.is_some() || field.nullable, "{path} has no default");
        });
        assert!(count > 60, "{count} keys");
    }

    #[test]
    fn every_number_has_a_range_and_every_bound_of_a_text_is_of_its_kind() {
        each_field(&CONFIG.0, "", &mut |path, field| match &field.shape {
            Shape::Integer(range) => assert!(range.least.is_some() && range.greatest.is_some(), "{path}"),
            Shape::Number(range) => assert!(range.least.is_some() && range.greatest.is_some(), "{path}"),
            Shape::Text(text) => {
                let kind = text.kind.unwrap_or_else(|| panic!("{path} has no known kind"));
                let Range { least, greatest } = &text.range;
                assert_eq!(least.is_some() && greatest.is_some(), kind.order.is_some(), "{path}");
                for bound in least.iter().chain(greatest) {
                    assert_eq!((kind.check)(bound), Ok(()), "{path}");
                }
            }
            _ => {}
        });
    }

    #[test]
    fn keys_keep_the_order_of_the_types() {
        let Shape::Record(fields) = &CONFIG.0 else { panic!("the config is a record") };
        let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
        assert_eq!(names[..4], ["version", "data_dir", "server", "access"]);
    }
}
