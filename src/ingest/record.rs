use sidecart_engine::nouns::{Entry, EventId, Record, Timestamp};

use crate::log::MAX_RECORD_BYTES;

/// Why a record cannot be kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The log would refuse it.
    #[error("takes {0} bytes in the log: at most {MAX_RECORD_BYTES} are allowed, send it in smaller parts")]
    TooLarge(usize),
    /// It has no JSON form, which no parsed record lacks.
    #[error("has no JSON form: {0}")]
    Encode(String),
}

/// An entry with its bytes for the log, encoded by the caller so that the one sequencer does not have to.
#[derive(Debug, Clone)]
pub struct Prepared {
    pub(super) entry: Entry,
    pub(super) payload: Vec<u8>,
}

impl Prepared {
    /// Encodes an entry.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn new(entry: Entry) -> Result<Self, RecordError> {
        let payload = serde_json::to_vec(&entry).map_err(|error| RecordError::Encode(error.to_string()))?;
        if payload.len() > MAX_RECORD_BYTES {
            return Err(RecordError::TooLarge(payload.len()));
        }
        Ok(Self { entry, payload })
    }

    /// What it says.
    #[cfg_attr(not(feature = "kafka"), expect(dead_code, reason = "only a broker routes records"))]
    pub fn record(&self) -> &Record {
        &self.entry.record
    }

    /// When it was accepted.
    #[cfg_attr(not(feature = "kafka"), expect(dead_code, reason = "only what comes from a broker is asked"))]
    pub fn accepted_at(&self) -> Timestamp {
        self.entry.accepted_at
    }

    /// Its bytes for the log.
    #[cfg_attr(not(feature = "kafka"), expect(dead_code, reason = "only a broker is sent bytes"))]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    pub(super) fn event_id(&self) -> Option<&EventId> {
        match &self.entry.record {
            Record::Event(event) => Some(&event.id),
            _ => None,
        }
    }

    pub(super) fn payload_len(&self) -> usize {
        self.payload.len()
    }

    pub(super) fn kind(&self) -> &'static str {
        kind(&self.entry)
    }
}

/// The name of a record's kind in metrics.
pub(super) fn kind(entry: &Entry) -> &'static str {
    match &entry.record {
        Record::Event(event) => event.kind.name(),
        Record::Item(_) => "item",
        Record::Patch { .. } => "patch",
        Record::Delete { .. } => "delete",
        Record::Stock(_) => "stock",
        Record::Erase(_) => "erasure",
        Record::Model(_) => "model",
        Record::Positions(_) => "positions",
    }
}
