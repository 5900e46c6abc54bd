use serde_json::{Map, Value, json};

use super::vocabulary::{Field, Meaning, Place, Vocabulary};
use crate::wire::reject::{Code, Rejection};
use crate::wire::scalar::clip;

/// What a foreign object says.
#[derive(Debug)]
pub enum Sense {
    /// An event, in our own shape.
    Event(Translated),
    /// Something that counts for nothing here.
    Ignored,
    /// Something that the vocabulary has no word for.
    Unknown {
        /// Where its name stands.
        place: String,
        /// Its name, shortened.
        name: String,
    },
}

/// An event in our own shape.
#[derive(Debug)]
pub struct Translated {
    /// Our fields.
    pub event: Map<String, Value>,
    /// Where each stood, for messages.
    pub places: Vec<(Field, String)>,
}

/// Translates `root` by a vocabulary. What `base` says already is left as it is.
///
/// # Errors
/// A name that is missing. All else is judged when the event is read.
pub fn translate(root: &Value, vocabulary: &Vocabulary, base: Map<String, Value>) -> Result<Sense, Rejection> {
    let (mut event, mut places) = (base, Vec::new());
    if !event.contains_key(Field::EventType.name()) {
        let Some((place, name)) = first(root, vocabulary.places(Field::EventType)) else {
            return Err(nameless(vocabulary));
        };
        let name = name.as_str().map_or_else(|| name.to_string(), str::to_owned);
        match vocabulary.meaning(&name) {
            Some(Meaning::Kind(kind)) => event.insert(Field::EventType.name().to_owned(), kind.name().into()),
            Some(Meaning::Nothing) => return Ok(Sense::Ignored),
            None => return Ok(Sense::Unknown { place: place.to_string(), name: clip(&name) }),
        };
        places.push((Field::EventType, place.to_string()));
    }
    let of_head = |field: &Field| !Field::OF_LINES.contains(field) && *field != Field::EventType;
    for field in Field::ALL.into_iter().filter(of_head) {
        if is_there(&event, field) {
            continue;
        }
        let Some((place, value)) = first(root, vocabulary.places(field)) else { continue };
        places.push((field, place.to_string()));
        match (field, &value) {
            (Field::Items, Value::Object(_)) => {
                one_line(&value, &format!("{place}."), vocabulary, &mut event, &mut places);
            }
            _ => put(&mut event, field, converted(field, place, value, vocabulary)),
        }
    }
    if !places.iter().any(|(field, _)| *field == Field::Items) && !is_there(&event, Field::Items) {
        one_line(root, "", vocabulary, &mut event, &mut places);
    }
    Ok(Sense::Event(Translated { event, places }))
}

fn nameless(vocabulary: &Vocabulary) -> Rejection {
    let remedy = format!(
        "name the event, or say in `events.mapping.{}.fields.{}` where its name stands",
        vocabulary.name(),
        Field::EventType.name()
    );
    let place = vocabulary.places(Field::EventType).first();
    Rejection::missing(place.map_or_else(|| Field::EventType.name().to_owned(), ToString::to_string), &remedy)
}

/// Takes the one line of an event from an object that has its fields beside others.
fn one_line(
    from: &Value,
    prefix: &str,
    vocabulary: &Vocabulary,
    event: &mut Map<String, Value>,
    places: &mut Vec<(Field, String)>,
) {
    for field in Field::OF_LINES {
        if let Some((place, value)) = first(from, vocabulary.places(field)) {
            places.push((field, format!("{prefix}{place}")));
            put(event, field, value);
        }
    }
}

fn first<'p>(root: &Value, places: &'p [Place]) -> Option<(&'p Place, Value)> {
    places.iter().find_map(|place| Some((place, place.find(root)?)))
}

fn is_there(event: &Map<String, Value>, field: Field) -> bool {
    match field {
        Field::Items => event.contains_key("items") || event.contains_key("itemId"),
        _ if field.is_context() => event.get("context").is_some_and(|context| context.get(field.name()).is_some()),
        _ => event.contains_key(field.name()),
    }
}

fn put(event: &mut Map<String, Value>, field: Field, value: Value) {
    if field.is_context() {
        event.entry("context").or_insert_with(|| json!({}))[field.name()] = value;
    } else {
        event.insert(field.name().to_owned(), value);
    }
}

/// A value as our own shape has it.
fn converted(field: Field, place: &Place, value: Value, vocabulary: &Vocabulary) -> Value {
    match field {
        Field::Items => lines(value, vocabulary),
        Field::Timestamp if place.is_micros() => milliseconds(value),
        Field::Consent => match value.as_str().map(str::to_ascii_lowercase).as_deref() {
            Some("granted") => true.into(),
            Some("denied") => false.into(),
            _ => value,
        },
        _ => value,
    }
}

/// Microseconds, as a number or a text, as milliseconds; what is neither is left to be refused.
fn milliseconds(value: Value) -> Value {
    let micros = value.as_i64().or_else(|| value.as_str()?.trim().parse().ok());
    micros.map_or(value, |micros| (micros / 1_000).into())
}

fn lines(value: Value, vocabulary: &Vocabulary) -> Value {
    let line = |value: &Value| {
        if !value.is_object() {
            // A list of ids.
            return json!({"itemId": value});
        }
        let found = |field: Field| Some((field.name().to_owned(), first(value, vocabulary.places(field))?.1));
        Value::Object(Field::OF_LINES.into_iter().filter_map(found).collect())
    };
    match value {
        Value::Array(list) => list.iter().map(line).collect(),
        // The id of one item.
        one => vec![line(&one)].into(),
    }
}

/// Puts the sender's places for our names of fields.
pub fn in_their_words(mut why: Rejection, places: &[(Field, String)], vocabulary: &Vocabulary) -> Rejection {
    let Some(field) = why.field.take() else { return why };
    let ours = |name: &str| Field::from_name(name.strip_prefix("context.").unwrap_or(name));
    let stood = |field: Field| places.iter().find(|(known, _)| *known == field).map(|(_, place)| place.as_str());
    let (head, rest) = field.split_once('[').map_or((field.as_str(), ""), |(head, rest)| (head, rest));
    let of_line = rest.split_once("].").and_then(|(index, name)| Some((index, ours(name)?)));
    let theirs = match (ours(head), of_line) {
        (Some(Field::Items), Some((index, of_line))) => {
            let of_line = looked_for(vocabulary, of_line);
            stood(Field::Items).map(|list| format!("{list}[{index}].{of_line}"))
        }
        (Some(field), _) => stood(field).map(str::to_owned).or_else(|| match field {
            Field::ItemId => stood(Field::Items).map(|list| format!("{list}.{}", looked_for(vocabulary, field))),
            _ => None,
        }),
        _ => None,
    };
    if why.code == Code::MissingField
        && let Some(field) = ours(head).filter(|field| theirs.is_none() && !vocabulary.places(*field).is_empty())
    {
        let places: Vec<_> = vocabulary.places(field).iter().map(|place| format!("`{place}`")).collect();
        let (places, name) = (places.join(", "), vocabulary.name());
        why.problem += &format!(" (looked for at {places}; `events.mapping.{name}.fields.{}`)", field.name());
    }
    why.field = Some(theirs.unwrap_or(field));
    why
}

/// The first place at which a field is looked for.
fn looked_for(vocabulary: &Vocabulary, field: Field) -> String {
    vocabulary.places(field).first().map_or_else(|| field.name().to_owned(), ToString::to_string)
}
