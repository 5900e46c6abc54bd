//! Events in the shapes in which shops have them already: our own JSON, CloudEvents around any of the others, Segment's
//! e-commerce events, and those of GA4. A shape is known by its own marks; a foreign one is translated into our own by
//! its [`Vocabulary`], which the config can change, and then read as our own is. See `docs/events.md`.

mod envelope;
mod marks;
mod translate;
mod usual;
mod vocabulary;

pub use envelope::{Envelope, Transport};
use serde_json::{Map, Value};
use sidecart_engine::nouns::EventKind;
pub use usual::Usual;
pub use vocabulary::{Field, Meaning, Place, Vocabulary, normal};

use self::envelope::CloudEvent;
use self::marks::{Message, Shape};
use self::translate::{Sense, Translated, translate};
use super::event::{self, Acceptance, ReadEvent};
use super::reject::{Code, Rejection};

/// How foreign events are understood.
#[derive(Debug)]
pub struct Mapping {
    /// Our own JSON under other names; `None`: under our own alone.
    pub plain: Option<Vocabulary>,
    /// The attributes of CloudEvents, and data that is none of the other shapes.
    pub cloudevents: Vocabulary,
    /// Segment's spec.
    pub segment: Vocabulary,
    /// GA4: the Measurement Protocol, and events as tag managers hand them on.
    pub ga4: Vocabulary,
}

/// An element of a body or a record of a topic: one event, or several that its shape packs together.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    /// The JSON.
    pub bytes: &'a [u8],
    /// What came beside it.
    pub envelope: &'a Envelope,
    /// The id of an event that brings none, such as the place of a record, so that reading it again gives the same;
    /// `None`: one is made up.
    pub id: Option<&'a str>,
}

/// What became of one event.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It was read.
    Event(ReadEvent),
    /// It is well formed and says nothing that counts here, such as `page_view`.
    Ignored,
    /// It was not taken.
    Refused(Refusal),
}

/// An event that was not taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// Why not.
    pub why: Rejection,
    /// The event in our own shape, if it came in another and was understood.
    pub own: Option<Value>,
}

impl Outcome {
    fn refused(why: Rejection) -> Self {
        Self::Refused(Refusal { why, own: None })
    }
}

/// Reads what was told and hands each event of it to `each`. The outcome depends on the arguments alone, if `told` has an
/// id. Costs nothing beyond [`event::read`] where the event is of our own shape.
pub fn read(told: Told<'_>, mapping: &Mapping, acceptance: &Acceptance, mut each: impl FnMut(Outcome)) {
    let plain = matches!(told.envelope, Envelope::Plain);
    let why = match event::parse(told.bytes) {
        Ok(raw) if plain => {
            let names_its_kind = raw.names_its_kind();
            match raw.judged(told.id, acceptance) {
                Ok(read) => return each(Outcome::Event(read)),
                // Of our own shape, and nothing else may be meant.
                Err(why) if names_its_kind && mapping.plain.is_none() => return each(Outcome::refused(why)),
                Err(why) => why,
            }
        }
        Ok(_) => Rejection::whole(Code::BadShape, "is no event: see docs/events.md"),
        Err(why) if why.code != Code::BadShape => return each(Outcome::refused(why)),
        Err(why) => why,
    };
    match serde_json::from_slice(told.bytes) {
        Ok(value @ Value::Object(_)) => foreign(value, &told, mapping, acceptance, why, &mut each),
        _ => each(Outcome::refused(why)),
    }
}

/// Reads an object that is not of our own shape; `why` it is not.
fn foreign(
    value: Value,
    told: &Told<'_>,
    mapping: &Mapping,
    acceptance: &Acceptance,
    why: Rejection,
    each: &mut impl FnMut(Outcome),
) {
    let cloud = match told.envelope {
        Envelope::Binary(attributes) => Some(CloudEvent::binary(attributes, value.clone())),
        Envelope::Structured => Some(CloudEvent::structured(value.clone())),
        Envelope::Plain => value.get("specversion").is_some().then(|| CloudEvent::structured(value.clone())),
    };
    let reader = |id: Option<String>, around: Option<Value>| Reader { mapping, acceptance, id, around };
    match cloud {
        Some(Ok(cloud)) => {
            let reader = reader(Some(cloud.event_id()), Some(cloud.root()));
            match Shape::of(cloud.data) {
                Ok(shape) => reader.each_of(shape, each),
                Err(_) => each(reader.enveloped()),
            }
        }
        Some(Err(why)) => each(Outcome::refused(why)),
        None => match (Shape::of(value), &mapping.plain) {
            (Ok(shape), _) => reader(told.id.map(str::to_owned), None).each_of(shape, each),
            (Err(value), Some(plain)) => each(reader(told.id.map(str::to_owned), None).renamed(&value, plain, why)),
            (Err(_), None) => each(Outcome::refused(why)),
        },
    }
}

/// What is needed to read a message, whatever its shape.
struct Reader<'a> {
    mapping: &'a Mapping,
    acceptance: &'a Acceptance,
    /// The id of an event that brings none.
    id: Option<String>,
    /// The CloudEvent around the message, as its vocabulary sees it.
    around: Option<Value>,
}

impl Reader<'_> {
    /// Reads each message of a shape.
    fn each_of(&self, shape: Shape, each: &mut impl FnMut(Outcome)) {
        let vocabulary = match shape {
            Shape::Segment(_) => &self.mapping.segment,
            Shape::Ga4(_) => &self.mapping.ga4,
        };
        match shape.messages() {
            Ok(messages) => messages.iter().for_each(|message| each(self.message(message, vocabulary))),
            Err(why) => each(Outcome::refused(why)),
        }
    }

    fn message(&self, message: &Message, vocabulary: &Vocabulary) -> Outcome {
        let told = match translate(&message.value, vocabulary, Map::new()) {
            Ok(Sense::Event(told)) => self.completed(told),
            // Trackers tell of much that is no one's business here.
            Ok(Sense::Ignored | Sense::Unknown { .. }) => return Outcome::Ignored,
            Err(why) => Err(why),
        };
        match told {
            Ok(told) => self.judged(told, vocabulary, message.place),
            Err(why) => Outcome::refused(message.placed(why)),
        }
    }

    /// Takes from the CloudEvent around a message what it leaves open.
    fn completed(&self, told: Translated) -> Result<Translated, Rejection> {
        let Some(around) = &self.around else { return Ok(told) };
        match translate(around, &self.mapping.cloudevents, told.event)? {
            Sense::Event(both) => Ok(Translated { places: [told.places, both.places].concat(), ..both }),
            Sense::Ignored | Sense::Unknown { .. } => unreachable!("what has an event type needs no other"),
        }
    }

    /// Reads a CloudEvent whose data is of no other shape.
    fn enveloped(&self) -> Outcome {
        let (root, vocabulary) = (self.around.as_ref().unwrap_or(&Value::Null), &self.mapping.cloudevents);
        match translate(root, vocabulary, Map::new()) {
            Ok(Sense::Event(told)) => self.judged(told, vocabulary, None),
            Ok(Sense::Ignored) => Outcome::Ignored,
            Ok(Sense::Unknown { place, name }) => Outcome::refused(unknown(vocabulary, place, &name)),
            Err(why) => Outcome::refused(why),
        }
    }

    /// Reads an object that has our own fields under other names; `why` it has them not under ours.
    fn renamed(&self, value: &Value, vocabulary: &Vocabulary, why: Rejection) -> Outcome {
        match translate(value, vocabulary, Map::new()) {
            Ok(Sense::Event(told)) => self.judged(told, vocabulary, None),
            Ok(Sense::Ignored) => Outcome::Ignored,
            Ok(Sense::Unknown { place, name }) => Outcome::refused(unknown(vocabulary, place, &name)),
            Err(_) => Outcome::refused(why),
        }
    }

    /// Reads what was translated; an error names the place where the sender has the field.
    fn judged(&self, told: Translated, vocabulary: &Vocabulary, place: Option<(&'static str, usize)>) -> Outcome {
        let id = self.id.as_ref().map(|id| place.map_or_else(|| id.clone(), |(_, index)| format!("{id}/{index}")));
        let own = Value::Object(told.event);
        match event::read_value(&own, id.as_deref(), self.acceptance) {
            Ok(read) => Outcome::Event(read),
            Err(why) => {
                let why = translate::in_their_words(why, &told.places, vocabulary);
                let why = if let Some((list, index)) = place { why.within(list, index) } else { why };
                Outcome::Refused(Refusal { why, own: Some(own) })
            }
        }
    }
}

/// The rejection of an event whose name the config does not know.
fn unknown(vocabulary: &Vocabulary, place: String, name: &str) -> Rejection {
    let (known, vocabulary) = (EventKind::ALL.map(EventKind::name).join(", "), vocabulary.name());
    let problem = format!(
        "`{name}` is not known: say what it means in `events.mapping.{vocabulary}.events`, or give one of {known}"
    );
    Rejection::field(Code::UnknownType, place, problem)
}

#[cfg(test)]
mod tests;
