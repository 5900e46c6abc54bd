//! The JSON Schema for editors.

use serde_json::Value;

use super::kind;
use super::shape::{CONFIG, Field, Shape, raw_schema};

/// The JSON Schema (2020-12) of the config: descriptions, ranges, defaults; unknown keys are not allowed.
pub fn schema() -> Value {
    let mut schema = raw_schema();
    annotate(&mut schema, &CONFIG.0);
    schema["title"] = "Sidecart config".into();
    schema
}

/// Puts each key's own default into its schema (schemars knows those of the type alone, and the nine sources are of
/// one type), and ranges that JSON Schema cannot express into the description.
fn annotate(schema: &mut Value, shape: &Shape) {
    match shape {
        Shape::Record(fields) => {
            let some = fields.iter().any(|field| field.default.is_none() && !field.nullable);
            if let Some(object) = schema.as_object_mut().filter(|_| !some) {
                object.remove("required");
            }
            for field in fields {
                if let Some(own) = schema.get_mut("properties").and_then(|all| all.get_mut(&field.name)) {
                    describe(own, field);
                    annotate(own, &field.shape);
                }
            }
        }
        Shape::Map(map) => {
            if let Some(values) = schema.get_mut("additionalProperties") {
                annotate(values, &map.value);
            }
        }
        Shape::List(item) => {
            if let Some(items) = schema.get_mut("items") {
                annotate(items, item);
            }
        }
        _ => {}
    }
}

fn describe(schema: &mut Value, field: &Field) {
    let Some(schema) = schema.as_object_mut() else { return };
    schema.remove("default");
    if let (false, Some(default)) = (matches!(field.shape, Shape::Record(_)), &field.default) {
        schema.insert("default".into(), default.clone());
    }
    let range = match &field.shape {
        Shape::Text(text) => text.range.words(),
        _ => String::new(),
    };
    if !range.is_empty() {
        schema.insert("description".into(), format!("{} From {range}.", field.about).into());
    }
    for keyword in [kind::LEAST, kind::GREATEST, "x-each", "x-example", "x-one-line", "x-anything"] {
        schema.remove(keyword);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_has_each_keys_own_default_and_refuses_unknown_keys() {
        let schema = schema();
        let sources = &schema["properties"]["candidates"]["properties"]["sources"]["properties"];
        assert_eq!(sources["session_knn"]["properties"]["limit"]["default"], 120);
        assert_eq!(sources["category"]["properties"]["limit"]["default"], 30);
        assert_eq!(sources["category"].get("required"), None);
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        assert_eq!(schema["properties"]["server"]["additionalProperties"], false);
        assert_eq!(schema["properties"]["server"]["properties"]["max_in_flight"]["maximum"], 100_000);
        assert!(!schema.to_string().contains("$ref"));
    }
}
