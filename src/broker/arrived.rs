//! A record as the broker has it, to entries of the log. A pure function of the record, so that all replicas read the
//! same: the instant of acceptance is our own entry's, or the broker's time of a foreign one.

use rdkafka::Message;
use rdkafka::message::{BorrowedMessage, Headers};
use sha2::{Digest as _, Sha256};
use sidecart_engine::nouns::{Entry, ItemId, MAX_ID_BYTES, Origin, Record, Timestamp};

use super::letters::Letter;
use super::publish::{OWN_FORM, OWN_HEADER};
use crate::access::Pseudonyms;
use crate::config::Events;
use crate::in_force::Proposal;
use crate::ingest::Prepared;
use crate::wire::event::Acceptance;
use crate::wire::shapes::{self, Envelope, Outcome, Told, Transport};
use crate::wire::{item, stock};

/// The longest id that a place gives, with room for the number of an event inside of its record.
const MAX_PLACE_BYTES: usize = MAX_ID_BYTES - 16;

/// How foreign records are read.
pub struct Reading {
    /// How late and how early an event may be.
    pub events: Events,
    /// What stands for what in foreign events.
    pub mapping: shapes::Mapping,
    /// The currency of prices that name none.
    pub currency: sidecart_engine::nouns::Currency,
    /// Replaces the ids of shoppers in what others wrote, if the config asks for it.
    pub pseudonyms: Option<Pseudonyms>,
}

/// A record that arrived: what is to be taken of it, and what cannot be.
pub struct Arrived {
    /// The place of its topic among those that are ordered.
    pub lane: usize,
    /// Its partition.
    pub partition: i32,
    /// Its place in that.
    pub offset: i64,
    /// The broker's time, or the producer's where topics are set so; milliseconds since 1970.
    pub at: Timestamp,
    /// What changes the state.
    pub entries: Vec<Prepared>,
    /// A config for all replicas.
    pub proposal: Option<Box<Proposal>>,
    /// Why some of it, or all, is not taken.
    pub refused: Option<Box<Letter>>,
    /// Foreign events that are still to be judged.
    unjudged: Option<Box<Unjudged>>,
}

/// Foreign events, whose meaning is that of their place in the order: a config before them may change it.
struct Unjudged {
    place: Place,
    envelope: Envelope,
    payload: Vec<u8>,
}

/// What a topic holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Items; no value: the item is gone.
    Items,
    /// Stock figures.
    Stock,
    /// Models; our own entries only.
    Models,
    /// Erasures; our own entries only.
    Erasures,
    /// Events, of our own or of foreign shapes.
    Events,
    /// Configs, put to one of us.
    Configs,
}

impl Content {
    /// Whether a record may come this way: who may write events must not thereby replace models or erase shoppers.
    fn holds(self, record: &Record) -> bool {
        match record {
            Record::Event(_) => self == Self::Events,
            Record::Item(_) | Record::Patch { .. } | Record::Delete { .. } => self == Self::Items,
            Record::Stock(_) => self == Self::Stock,
            Record::Model(_) => self == Self::Models,
            Record::Erase(_) => self == Self::Erasures,
            // How far a replica has read is no news for others.
            Record::Positions(_) => false,
        }
    }

    /// What each of the ordered topics holds, in their order.
    pub const ORDERED: [Self; 6] =
        [Self::Items, Self::Stock, Self::Models, Self::Erasures, Self::Events, Self::Configs];
}

/// What is known of a record before it is read.
struct Place {
    origin: Origin,
    at: Timestamp,
}

impl Arrived {
    /// Reads a record of the topic with this place among those that are ordered. Foreign events are judged when they are
    /// taken ([`Arrived::judge`]).
    pub fn of(message: &BorrowedMessage<'_>, lane: usize, reading: &Reading) -> Self {
        let content = Content::ORDERED[lane];
        let origin =
            Origin { topic: message.topic().to_owned(), partition: message.partition(), offset: message.offset() };
        let at = Timestamp(message.timestamp().to_millis().unwrap_or_default());
        let mut arrived = Self::bare(lane, &origin, at);
        let (place, mut entries) = (Place { origin, at }, Vec::with_capacity(1));
        let payload = message.payload();
        let own = message.headers().and_then(|all| all.iter().find(|header| header.key == OWN_HEADER));
        let outcome = match (own, payload) {
            (_, None) if content == Content::Items => place.gone(message.key(), &mut entries),
            (_, None) => Err("has no value: only items are deleted so".to_owned()),
            (Some(header), Some(payload)) => arrived.own(header.value, payload, content, &mut entries),
            (None, Some(payload)) => match place.foreign(payload, message, content, reading, &mut entries) {
                Ok(Some(envelope)) => {
                    arrived.unjudged = Some(Box::new(Unjudged { place, envelope, payload: payload.to_vec() }));
                    return arrived;
                }
                Ok(None) => Ok(()),
                Err(why) => Err(why),
            },
        };
        arrived.settle(place, entries, outcome, payload.unwrap_or_default());
        arrived
    }

    /// Nothing yet, from that place.
    fn bare(lane: usize, origin: &Origin, at: Timestamp) -> Self {
        Self {
            lane,
            partition: origin.partition,
            offset: origin.offset,
            at,
            entries: Vec::new(),
            proposal: None,
            refused: None,
            unjudged: None,
        }
    }

    /// Reads what a replica wrote, in the form that the header names.
    fn own(
        &mut self,
        form: Option<&[u8]>,
        payload: &[u8],
        content: Content,
        entries: &mut Vec<Entry>,
    ) -> Result<(), String> {
        if form != Some(OWN_FORM) {
            let form = String::from_utf8_lossy(form.unwrap_or_default());
            return Err(format!("is an entry of form `{form}`, this Sidecart reads `1`: update it first"));
        }
        if content != Content::Configs {
            return own_entry(payload, content, entries);
        }
        let proposal = serde_json::from_slice(payload).map_err(|error| format!("is no config: {error}"))?;
        self.proposal = Some(Box::new(proposal));
        Ok(())
    }

    /// Judges foreign events by what is in force at their place of the order: whether they are too late, and what their
    /// names mean.
    pub fn judge(&mut self, reading: &Reading) {
        let Some(unjudged) = self.unjudged.take() else { return };
        let Unjudged { place, envelope, payload } = *unjudged;
        let mut entries = Vec::with_capacity(1);
        let outcome = place.events(&payload, &envelope, reading, &mut entries);
        self.settle(place, entries, outcome, &payload);
    }

    /// Takes up the entries, encoded; `outcome` says what could not be read of the record.
    fn settle(&mut self, place: Place, entries: Vec<Entry>, outcome: Result<(), String>, payload: &[u8]) {
        let (mut refused, count) = (outcome.err(), entries.len());
        self.entries.reserve_exact(count);
        for (index, mut entry) in entries.into_iter().enumerate() {
            // A record of several events counts as read with the last of them; the others have ids of their own.
            if index + 1 == count {
                entry.origin = Some(place.origin.clone());
            }
            match Prepared::new(entry) {
                Ok(record) => self.entries.push(record),
                Err(error) => drop(refused.get_or_insert_with(|| error.to_string())),
            }
        }
        let letter = |reason| Box::new(Letter { origin: place.origin, reason, payload: payload.to_vec() });
        self.refused = refused.map(letter);
    }
}

impl Place {
    /// The id of an event that brings none: the same whoever reads it, and not too long for an id whatever the topic is
    /// called.
    fn id(&self) -> String {
        let Origin { topic, partition, offset } = &self.origin;
        let id = format!("{topic}/{partition}/{offset}");
        if id.len() <= MAX_PLACE_BYTES {
            return id;
        }
        let digest = Sha256::digest(topic);
        let name: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        format!("{name}/{partition}/{offset}")
    }

    fn gone(&self, key: Option<&[u8]>, entries: &mut Vec<Entry>) -> Result<(), String> {
        let key = key.and_then(|key| std::str::from_utf8(key).ok()).ok_or("has neither value nor key")?;
        let item = ItemId::new(key).map_err(|error| format!("its key {error}"))?;
        entries.push(self.entry(Record::Delete { item }));
        Ok(())
    }

    fn entry(&self, record: Record) -> Entry {
        Entry { accepted_at: self.at, record, origin: None }
    }

    /// Reads what is no entry of ours; of events, which are judged later, only what their headers say.
    fn foreign(
        &self,
        payload: &[u8],
        message: &BorrowedMessage<'_>,
        content: Content,
        reading: &Reading,
        entries: &mut Vec<Entry>,
    ) -> Result<Option<Envelope>, String> {
        let record = match content {
            Content::Models | Content::Erasures | Content::Configs => {
                return Err("was not written by a Sidecart: nobody else writes to this topic".into());
            }
            Content::Events => return envelope(message).map(Some),
            Content::Items => {
                let item = item::read(payload, reading.currency, self.at).map_err(|why| why.to_string())?;
                Record::Item(Box::new(item))
            }
            Content::Stock => Record::Stock(stock::read(payload, self.at).map_err(|why| why.to_string())?),
        };
        entries.push(self.entry(record));
        Ok(None)
    }

    fn events(
        &self,
        payload: &[u8],
        envelope: &Envelope,
        reading: &Reading,
        entries: &mut Vec<Entry>,
    ) -> Result<(), String> {
        let id = self.id();
        let acceptance = Acceptance {
            now: self.at,
            allowed_lateness_ms: Some(reading.events.allowed_lateness.ms()),
            max_future_skew_ms: reading.events.max_future_skew.ms(),
            currency: reading.currency,
        };
        let told = Told { bytes: payload, envelope, id: Some(&id) };
        let mut refused = Ok(());
        shapes::read(told, &reading.mapping, &acceptance, |outcome| {
            match outcome {
                Outcome::Event(mut read) => {
                    if let Some(hidden) = &reading.pseudonyms {
                        hidden.hide_event(&mut read.event);
                    }
                    entries.push(self.entry(Record::Event(Box::new(read.event))));
                }
                Outcome::Ignored => {}
                // The first one speaks for the record.
                Outcome::Refused(refusal) if refused.is_ok() => refused = Err(refusal.why.to_string()),
                Outcome::Refused(_) => {}
            }
        });
        refused
    }
}

/// What the headers of a foreign record say of it.
fn envelope(message: &BorrowedMessage<'_>) -> Result<Envelope, String> {
    let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
    let headers = headers.map(|header| (header.key, header.value.unwrap_or_default()));
    Envelope::of(headers, Transport::Kafka).map_err(|why| why.to_string())
}

/// One of our own.
fn own_entry(payload: &[u8], content: Content, entries: &mut Vec<Entry>) -> Result<(), String> {
    let entry: Entry = serde_json::from_slice(payload).map_err(|error| format!("is no entry: {error}"))?;
    if !content.holds(&entry.record) {
        return Err("is an entry of another topic: it does not count here".into());
    }
    entries.push(Entry { origin: None, ..entry });
    Ok(())
}
