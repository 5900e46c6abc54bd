//! JSON Lines: one object per line, with the keys of `CrossSellEvent`, or our column names, or mapped ones.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::columns::{Column, Mapping};
use super::reject::Reason;
use super::row::Fields;
use crate::wire::scalar::clip;

/// A row of JSON.
pub struct Row<'a> {
    object: &'a Map<String, Value>,
    mapping: &'a Mapping,
    lines: Option<Vec<Row<'a>>>,
}

/// Reads a line.
///
/// # Errors
/// [`Reason::NotUtf8`], [`Reason::Json`].
pub fn parse(bytes: &[u8]) -> Result<Map<String, Value>, Reason> {
    let text = std::str::from_utf8(bytes).map_err(|_| Reason::NotUtf8)?;
    serde_json::from_str(text).map_err(|error| Reason::Json(error.to_string()))
}

impl<'a> Row<'a> {
    /// The row that an object holds.
    ///
    /// # Errors
    /// [`Reason::Json`] where `items` is not a list of objects.
    pub fn new(object: &'a Map<String, Value>, mapping: &'a Mapping) -> Result<Self, Reason> {
        let lines = match object.get("items") {
            None | Some(Value::Null) => None,
            Some(Value::Array(items)) => {
                Some(items.iter().map(|item| Self::line(item, mapping)).collect::<Result<_, _>>()?)
            }
            Some(other) => return Err(Reason::Json(format!("`items` is `{}`: give a list", clip(&other.to_string())))),
        };
        Ok(Self { object, mapping, lines })
    }

    fn line(item: &'a Value, mapping: &'a Mapping) -> Result<Self, Reason> {
        match item {
            Value::Object(object) => Ok(Self { object, mapping, lines: None }),
            other => {
                Err(Reason::Json(format!("`items` holds `{}`: give objects with itemId", clip(&other.to_string()))))
            }
        }
    }

    fn value(&self, column: Column) -> Option<&Value> {
        let named = |name: &str| self.object.get(name).filter(|value| !value.is_null());
        self.mapping
            .of(column)
            .and_then(named)
            .or_else(|| named(column.camel()))
            .or_else(|| named(column.name()))
            .or_else(|| self.elsewhere(column))
    }

    /// Values that the API keeps under another key than our column's.
    fn elsewhere(&self, column: Column) -> Option<&Value> {
        match column {
            Column::Category => self.object.get("categoryPath"),
            Column::Region | Column::AgeVerified | Column::Device => {
                self.object.get("context")?.get(column.camel()).filter(|value| !value.is_null())
            }
            _ => None,
        }
    }
}

impl Fields for Row<'_> {
    fn text(&self, column: Column) -> Option<Cow<'_, str>> {
        match self.value(column)? {
            Value::String(text) => Some(text.trim()).filter(|text| !text.is_empty()).map(Cow::Borrowed),
            Value::Number(number) => Some(Cow::Owned(number.to_string())),
            Value::Bool(flag) => Some(Cow::Borrowed(if *flag { "true" } else { "false" })),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }

    fn texts(&self, column: Column) -> Vec<String> {
        match self.value(column) {
            Some(Value::Array(values)) => values.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ => self.text(column).into_iter().map(Cow::into_owned).collect(),
        }
    }

    fn lines(&self) -> Option<Vec<&dyn Fields>> {
        self.lines.as_ref().map(|lines| lines.iter().map(|line| line as &dyn Fields).collect())
    }
}

#[cfg(test)]
mod tests {
    use sidecart_engine::nouns::{Currency, EventKind};

    use super::super::row::{self, Defaults};
    use super::*;

    const DEFAULTS: Defaults = Defaults { kind: EventKind::View, currency: Currency::USD };

    fn check<T>(text: &str, look: impl FnOnce(Result<row::RowEvent<'_>, Reason>) -> T) -> T {
        let mapping = Mapping::parse("session=visit").expect("a mapping");
        let object = parse(text.as_bytes()).expect("an object");
        let parsed = Row::new(&object, &mapping);
        match &parsed {
            Ok(fields) => look(row::event(fields, DEFAULTS)),
            Err(reason) => look(Err(Reason::Json(reason.to_string()))),
        }
    }

    #[test]
    fn an_order_keeps_its_lines_and_surroundings() {
        let text = r#"{"eventType":"purchase","visit":"s","timestamp":1590969600000,"orderId":"o","userId":7,
            "items":[{"itemId":"a","quantity":2,"price":1.5,"currency":"EUR"},{"itemId":"b"}],
            "context":{"region":"GB-ENG","ageVerified":18},"consent":false}"#;
        check(text, |event| {
            let event = event.expect("an event");
            assert_eq!(event.lines.len(), 2);
            assert_eq!(event.lines[0].quantity, 2);
            assert_eq!(event.lines[0].price.map(|price| price.to_string()), Some("1.50 EUR".into()));
            assert_eq!(event.user.as_deref(), Some("7"));
            let extra = event.extra.expect("surroundings");
            assert_eq!(extra.consent, Some(false));
            assert_eq!(extra.context.and_then(|context| context.age_verified), Some(18));
        });
    }

    #[test]
    fn what_is_no_event_is_refused() {
        assert!(matches!(parse(b"[1]"), Err(Reason::Json(_))));
        assert!(matches!(parse(b"\xff"), Err(Reason::NotUtf8)));
        assert!(matches!(parse(br#"{"price": NaN}"#), Err(Reason::Json(_))));
        let event = r#"{"visit":"s","timestamp":"2020-01-01","items":[]}"#;
        check(event, |event| assert!(matches!(event, Err(Reason::Lines(0)))));
        let event = r#"{"visit":"s","timestamp":"2020-01-01","items":[3]}"#;
        check(event, |event| assert!(matches!(event, Err(Reason::Json(_)))));
        let event = r#"{"timestamp":"2020-01-01","itemId":"a"}"#;
        check(event, |event| assert!(matches!(event, Err(Reason::Missing(Column::SessionId)))));
    }
}
