//! A record as the broker has it, to entries of the log. A pure function of the record, so that all replicas read the
//! same: the instant of acceptance is our own entry's, or the broker's time of a foreign one.

use rdkafka::Message;
use rdkafka::message::{BorrowedMessage, Headers};
use sidecart_engine::nouns::{Entry, ItemId, Origin, Record, Timestamp};

use super::publish::{OWN_FORM, OWN_HEADER};
use crate::config::Events;
use crate::in_force::Proposal;
use crate::ingest::Prepared;
use crate::wire::event::Acceptance;
use crate::wire::shapes::{self, Envelope, Outcome, Told, Transport};
use crate::wire::{item, stock};

/// How foreign records are read.
pub struct Reading {
    /// How late and how early an event may be.
    pub events: Events,
    /// What stands for what in foreign events.
    pub mapping: shapes::Mapping,
    /// The currency of prices that name none.
    pub currency: sidecart_engine::nouns::Currency,
}

/// A record that arrived: what is to be taken of it, and what cannot be.
pub struct Arrived {
    /// Where it stands.
    pub origin: Origin,
    /// The broker's time, or the producer's where topics are set so; milliseconds since 1970.
    pub at: Timestamp,
    /// What changes the state.
    pub entries: Vec<Prepared>,
    /// A config for all replicas.
    pub proposal: Option<Proposal>,
    /// Why some of it, or all, is not taken; with the bytes to put aside.
    pub refused: Option<(String, Vec<u8>)>,
    /// Foreign events that are still to be judged.
    unjudged: Option<(Envelope, Vec<u8>)>,
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

impl Arrived {
    /// Reads a record. Foreign events are only judged when they are taken.
    pub fn of(message: &BorrowedMessage<'_>, content: Content, reading: &Reading) -> Self {
        let origin =
            Origin { topic: message.topic().to_owned(), partition: message.partition(), offset: message.offset() };
        let at = Timestamp(message.timestamp().to_millis().unwrap_or_default());
        let mut arrived = Self { origin, at, entries: Vec::new(), proposal: None, refused: None, unjudged: None };
        let mut entries = Vec::new();
        let payload = message.payload();
        let own = message.headers().and_then(|all| all.iter().find(|header| header.key == OWN_HEADER));
        let outcome = match (own, payload) {
            (_, None) if content == Content::Items => arrived.gone(message.key(), &mut entries),
            (_, None) => Err("has no value: only items are deleted so".to_owned()),
            (Some(header), Some(payload)) if header.value == Some(OWN_FORM) && content == Content::Configs => {
                serde_json::from_slice(payload)
                    .map(|proposal| arrived.proposal = Some(proposal))
                    .map_err(|error| format!("is no config: {error}"))
            }
            (Some(header), Some(payload)) if header.value == Some(OWN_FORM) => {
                own_entry(payload, content, &mut entries)
            }
            (Some(header), Some(_)) => Err(format!(
                "is an entry of form `{}`, this Sidecart reads `1`: update it first",
                String::from_utf8_lossy(header.value.unwrap_or_default())
            )),
            (None, Some(payload)) => arrived.foreign(payload, message, content, reading, &mut entries),
        };
        if let Err(why) = outcome {
            arrived.refuse(why, payload.unwrap_or_default());
        }
        arrived.settle(entries, payload.unwrap_or_default());
        arrived
    }

    /// Judges foreign events by what is in force at their place of the order: whether they are too late, and what their
    /// names mean.
    pub fn judge(&mut self, reading: &Reading) {
        let Some((envelope, payload)) = self.unjudged.take() else { return };
        let mut entries = Vec::new();
        if let Err(why) = self.events(&payload, &envelope, reading, &mut entries) {
            self.refuse(why, &payload);
        }
        self.settle(entries, &payload);
    }

    fn settle(&mut self, mut entries: Vec<Entry>, payload: &[u8]) {
        // A record of several events counts as read with the last of them; the others have ids of their own.
        if let Some(last) = entries.last_mut() {
            last.origin = Some(self.origin.clone());
        }
        for entry in entries {
            match Prepared::new(entry) {
                Ok(prepared) => self.entries.push(prepared),
                Err(error) => self.refuse(error.to_string(), payload),
            }
        }
    }

    fn refuse(&mut self, why: String, bytes: &[u8]) {
        self.refused.get_or_insert_with(|| (why, bytes.to_vec()));
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

    fn foreign(
        &mut self,
        payload: &[u8],
        message: &BorrowedMessage<'_>,
        content: Content,
        reading: &Reading,
        entries: &mut Vec<Entry>,
    ) -> Result<(), String> {
        match content {
            Content::Models | Content::Erasures | Content::Configs => {
                return Err("was not written by a Sidecart: nobody else writes to this topic".into());
            }
            Content::Items => {
                let item = item::read(payload, reading.currency, self.at).map_err(|why| why.to_string())?;
                entries.push(self.entry(Record::Item(Box::new(item))));
            }
            Content::Stock => {
                entries.push(self.entry(Record::Stock(stock::read(payload, self.at).map_err(|why| why.to_string())?)));
            }
            Content::Events => {
                let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
                let headers = headers.map(|header| (header.key, header.value.unwrap_or_default()));
                let envelope = Envelope::of(headers, Transport::Kafka).map_err(|why| why.to_string())?;
                self.unjudged = Some((envelope, payload.to_vec()));
            }
        }
        Ok(())
    }

    fn events(
        &self,
        payload: &[u8],
        envelope: &Envelope,
        reading: &Reading,
        entries: &mut Vec<Entry>,
    ) -> Result<(), String> {
        let id = format!("{}/{}/{}", self.origin.topic, self.origin.partition, self.origin.offset);
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
                Outcome::Event(read) => entries.push(self.entry(Record::Event(Box::new(read.event)))),
                Outcome::Ignored => {}
                // The first one speaks for the record.
                Outcome::Refused(refusal) if refused.is_ok() => refused = Err(refusal.why.to_string()),
                Outcome::Refused(_) => {}
            }
        });
        refused
    }
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
