use serde_json::{Map, Value};

use crate::wire::reject::{Code, Rejection};

/// Messages packed into one element at most. GA4 takes 25 a request; Segment's libraries send 20 to 100.
const MAX_PACKED: usize = 500;
/// The calls of Segment's spec; all but the first say who and where, not what.
const CALLS: [&str; 6] = ["track", "identify", "page", "screen", "group", "alias"];
/// By which Segment's messages name a person or themselves; with a call it is one of theirs.
const SEGMENT_IDS: [&str; 3] = ["messageId", "anonymousId", "userId"];

/// A foreign shape, known by its own marks.
#[derive(Debug)]
pub enum Shape {
    /// Segment: one message, or `{"batch": [...]}`.
    Segment(Value),
    /// GA4: the Measurement Protocol, one event of it, or one as tag managers hand it on.
    Ga4(Value),
}

/// One message of a shape.
#[derive(Debug)]
pub struct Message {
    /// As the vocabulary of its shape sees it.
    pub value: Value,
    /// The list that it was packed in, and its place there.
    pub place: Option<(&'static str, usize)>,
}

impl Message {
    /// A rejection of this message.
    pub fn placed(&self, why: Rejection) -> Rejection {
        if let Some((list, index)) = self.place { why.within(list, index) } else { why }
    }
}

impl Shape {
    /// The shape of an object, or the object, if it has the marks of none.
    pub fn of(value: Value) -> Result<Self, Value> {
        let is_text = |key: &str| value.get(key).is_some_and(Value::is_string);
        let is_object = |key: &str| value.get(key).is_some_and(Value::is_object);
        let is_list = |key: &str| value.get(key).is_some_and(Value::is_array);
        let call = value.get("type").and_then(Value::as_str).filter(|call| CALLS.contains(call));
        let is_track = is_text("event") && (is_object("properties") || call == Some("track"));
        let is_call = call.is_some() && SEGMENT_IDS.iter().any(|key| value.get(key).is_some());
        if is_list("batch") || is_track || is_call {
            return Ok(Self::Segment(value));
        }
        let is_packed = is_list("events");
        let is_one = is_text("name") && is_object("params");
        let is_pushed = is_text("event") && is_object("ecommerce");
        if is_packed || is_one || is_pushed || is_text("event_name") { Ok(Self::Ga4(value)) } else { Err(value) }
    }

    /// Its messages, one by one.
    ///
    /// # Errors
    /// More than are allowed.
    pub fn messages(self) -> Result<Vec<Message>, Rejection> {
        match self {
            Self::Segment(mut value) => match value.get_mut("batch").map(Value::take) {
                Some(Value::Array(batch)) => packed("batch", batch),
                _ => Ok(vec![Message { value: called(value), place: None }]),
            },
            Self::Ga4(Value::Object(mut around)) => match around.remove("events") {
                Some(Value::Array(events)) => {
                    packed("events", events.into_iter().map(|event| within(&around, event)).collect())
                }
                Some(other) => {
                    around.insert("events".to_owned(), other);
                    Ok(vec![Message { value: with_params(around), place: None }])
                }
                None => Ok(vec![Message { value: with_params(around), place: None }]),
            },
            Self::Ga4(value) => Ok(vec![Message { value, place: None }]),
        }
    }
}

fn packed(list: &'static str, values: Vec<Value>) -> Result<Vec<Message>, Rejection> {
    if values.len() > MAX_PACKED {
        let problem = format!("has {} messages: at most {MAX_PACKED} are allowed, split it", values.len());
        return Err(Rejection::field(Code::TooMany, list, problem));
    }
    let place = |(index, value)| Message { value, place: Some((list, index)) };
    let values = values.into_iter().map(|value| if list == "batch" { called(value) } else { value });
    Ok(values.enumerate().map(place).collect())
}

/// A message of Segment's that is no `track` is named by its call, so that it is known and ignored.
fn called(mut value: Value) -> Value {
    if value.get("event").is_none()
        && let Some(call) = value.get("type").and_then(Value::as_str).map(str::to_owned)
    {
        value["event"] = call.into();
    }
    value
}

/// An event of the Measurement Protocol with what its request says of all of them.
fn within(around: &Map<String, Value>, event: Value) -> Value {
    let Value::Object(own) = event else { return event };
    let mut whole = around.clone();
    whole.extend(own);
    Value::Object(whole)
}

/// An event as tag managers have it: its parameters under `ecommerce`, or beside its name.
fn with_params(mut value: Map<String, Value>) -> Value {
    if !value.contains_key("params") {
        let params = value.get("ecommerce").cloned().unwrap_or_else(|| Value::Object(value.clone()));
        value.insert("params".to_owned(), params);
    }
    Value::Object(value)
}
