use std::sync::Arc;

use serde::Serialize;
use sidecart_engine::nouns::{Entry, Event, EventKind, ItemId, Record, Timestamp};
use utoipa::ToSchema;

use super::Service;
use super::uses::Worth;
use crate::ingest::{Letter, Mark, Posted, Prepared, Receipt, SubmitError};
use crate::metrics::OutcomeLabel;
use crate::wire::event::{Acceptance, ReadEvent};
use crate::wire::repeat::RequestKey;
use crate::wire::shapes::{self, Envelope, Outcome, Refusal, Told};
use crate::wire::split::{Elements, Packing, elements, whole};
use crate::wire::{Code, Rejection, item, stock};

/// Elements parsed before other requests of the same thread get a turn: about half a millisecond.
const PARSE_TURN: usize = 128;
/// The longest element: an order of a thousand lines takes half of it.
const MAX_ELEMENT_BYTES: usize = 128 << 10;
/// Rejections that are listed one by one; those beyond are counted.
const MAX_LISTED: usize = 1_000;

/// By what an event's time is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timing {
    /// As it comes from the shop: neither too late nor from the future.
    Live,
    /// History: of any age.
    History,
}

/// One element that was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Refused {
    /// Its place in the body, from 0.
    pub index: usize,
    /// What is wrong, and the remedy.
    pub error: String,
    /// The kind of reason; stable.
    pub code: Code,
}

/// What became of a body of records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accepted {
    /// Records that are new, and durable.
    pub accepted: usize,
    /// Events whose id was known.
    pub duplicates: usize,
    /// Elements that were not taken: the first thousand.
    pub rejected: Vec<Refused>,
    /// Elements that were not taken beyond those listed.
    pub more_rejected: usize,
    /// Foreign events that say nothing that counts here, such as `page_view`.
    pub ignored: usize,
    /// Once everything before this is applied, all of the body is.
    pub next: Mark,
}

impl Accepted {
    fn with(self, Receipt { accepted, duplicates, next }: Receipt) -> Self {
        Self { accepted, duplicates, next, ..self }
    }
}

impl Service {
    /// Takes a body of events: parses them one by one and makes the good ones durable. `key`: what the sender calls the
    /// request, so that events without an id count once when it is sent again.
    ///
    /// # Errors
    /// [`SubmitError`]: to be sent again later.
    pub async fn accept_events(
        &self,
        body: &[u8],
        packing: Packing,
        envelope: &Envelope,
        timing: Timing,
        key: Option<&RequestKey>,
    ) -> Result<Accepted, SubmitError> {
        let (acceptance, in_force) = (self.acceptance(timing), self.in_force());
        let (mut accepted, mut prepared) = (Accepted::default(), Vec::new());
        // The attributes of a binary CloudEvent are those of one event.
        let elements = if matches!(envelope, Envelope::Binary(_)) { whole(body) } else { elements(body, packing) };
        for (index, element) in elements.enumerate() {
            if index % PARSE_TURN == PARSE_TURN - 1 {
                tokio::task::yield_now().await;
            }
            if let Err(why) = checked_len(element) {
                self.refuse(&mut accepted, index, &why);
                continue;
            }
            let id = key.map(|key| key.id(index, element));
            let told = Told { bytes: element, envelope, id: id.as_deref() };
            shapes::read(told, &in_force.mapping, &acceptance, |outcome| match outcome {
                Outcome::Event(read) => match prepare(self.welcome(read), acceptance.now) {
                    Ok(record) => prepared.push(record),
                    Err(why) => self.refuse(&mut accepted, index, &why),
                },
                Outcome::Ignored => accepted.ignored += 1,
                Outcome::Refused(refusal) => {
                    self.bury(element, &refusal, acceptance.now);
                    self.refuse(&mut accepted, index, &refusal.why);
                }
            });
        }
        self.metrics().ignored.inc_by(accepted.ignored as u64);
        let receipt = match timing {
            Timing::Live => self.ingest.submit(prepared).await?,
            Timing::History => self.ingest.submit_history(prepared).await?,
        };
        Ok(accepted.with(receipt))
    }

    /// Takes a body of items, each of which replaces the item of its id.
    ///
    /// # Errors
    /// [`SubmitError`]: to be sent again later.
    pub async fn accept_items(&self, body: &[u8], packing: Packing) -> Result<Accepted, SubmitError> {
        let (currency, now) = (self.in_force().config.catalog.currency, self.now());
        let read = |element: &[u8]| Ok(Record::Item(Box::new(item::read(element, currency, now)?)));
        self.accept(elements(body, packing), read).await
    }

    /// Takes a body of stock figures.
    ///
    /// # Errors
    /// [`SubmitError`]: to be sent again later.
    pub async fn accept_stock(&self, body: &[u8], packing: Packing) -> Result<Accepted, SubmitError> {
        let now = self.now();
        let read = |element: &[u8]| Ok(Record::Stock(stock::read(element, now)?));
        self.accept(elements(body, packing), read).await
    }

    /// Takes a change to one item. `Ok(Err(..))` when the change is malformed or the catalogue does not know the item.
    ///
    /// # Errors
    /// [`SubmitError`]: to be sent again later.
    pub async fn patch_item(&self, id: &ItemId, body: &[u8]) -> Result<Result<Accepted, Rejection>, SubmitError> {
        let patch = match item::read_patch(body, id, self.in_force().config.catalog.currency, self.now()) {
            Ok(patch) => patch,
            Err(rejection) => return Ok(Err(rejection)),
        };
        self.change_item(id, Record::Patch { item: id.clone(), patch: Box::new(patch) }).await
    }

    /// Removes one item. `Ok(Err(..))` when the catalogue does not know it.
    ///
    /// # Errors
    /// [`SubmitError`]: to be sent again later.
    pub async fn delete_item(&self, id: &ItemId) -> Result<Result<Accepted, Rejection>, SubmitError> {
        self.change_item(id, Record::Delete { item: id.clone() }).await
    }

    async fn change_item(&self, id: &ItemId, record: Record) -> Result<Result<Accepted, Rejection>, SubmitError> {
        // The item may have been told a moment ago: what was acknowledged before is waited for.
        self.applied(&self.ingest.acknowledged()).await;
        let Some(item) = self.item(id.as_str()) else {
            let problem = format!("`{id}` is not in the catalogue: send it with PUT /v1/items first");
            return Ok(Err(Rejection::whole(Code::UnknownItem, problem)));
        };
        let record = match record {
            // A compacted topic keeps the newest record of an item, so that one has to be whole.
            Record::Patch { patch, .. } if self.shared.outlet.is_some() => {
                let mut item = item;
                patch.apply(&mut item);
                Record::Item(Box::new(item))
            }
            record => record,
        };
        let prepared = match prepare(record, self.now()) {
            Ok(prepared) => prepared,
            Err(rejection) => return Ok(Err(rejection)),
        };
        let receipt = self.ingest.submit(vec![prepared]).await?;
        Ok(Ok(Accepted { accepted: receipt.accepted, next: receipt.next, ..Accepted::default() }))
    }

    /// Takes records that are parsed already, such as those of the demo.
    ///
    /// # Errors
    /// [`SubmitError`]: to be sent again later.
    pub async fn accept_records(&self, records: Vec<Record>) -> Result<Accepted, SubmitError> {
        let mut accepted = Accepted::default();
        let mut prepared = Vec::with_capacity(records.len());
        let now = self.now();
        for (index, record) in records.into_iter().enumerate() {
            match prepare(record, now) {
                Ok(record) => prepared.push(record),
                Err(rejection) => self.refuse(&mut accepted, index, &rejection),
            }
        }
        self.submit(accepted, prepared).await
    }

    pub(super) fn acceptance(&self, timing: Timing) -> Acceptance {
        let in_force = self.in_force();
        let events = &in_force.config.events;
        Acceptance {
            now: self.now(),
            allowed_lateness_ms: match timing {
                Timing::Live => Some(events.allowed_lateness.ms()),
                Timing::History => None,
            },
            max_future_skew_ms: events.max_future_skew.ms(),
            currency: in_force.config.catalog.currency,
        }
    }

    async fn accept(
        &self,
        elements: Elements<'_>,
        read: impl Fn(&[u8]) -> Result<Record, Rejection>,
    ) -> Result<Accepted, SubmitError> {
        let mut accepted = Accepted::default();
        let mut prepared = Vec::new();
        let now = self.now();
        for (index, element) in elements.enumerate() {
            if index % PARSE_TURN == PARSE_TURN - 1 {
                tokio::task::yield_now().await;
            }
            match checked_len(element).and_then(|()| read(element)).and_then(|record| prepare(record, now)) {
                Ok(record) => prepared.push(record),
                Err(rejection) => self.refuse(&mut accepted, index, &rejection),
            }
        }
        self.submit(accepted, prepared).await
    }

    async fn submit(&self, accepted: Accepted, prepared: Vec<Prepared>) -> Result<Accepted, SubmitError> {
        Ok(accepted.with(self.ingest.submit(prepared).await?))
    }

    /// Takes off an event who the shopper is, if the config says so; counts what it brings beside itself, and learns from
    /// it.
    fn welcome(&self, mut read: ReadEvent) -> Record {
        if let Some(hidden) = &self.pseudonyms {
            hidden.hide_event(&mut read.event);
        }
        if read.unknown_fields > 0 {
            self.metrics().unknown_fields.inc_by(u64::from(read.unknown_fields));
        }
        self.judge_token(&mut read.event);
        Record::Event(Box::new(read.event))
    }

    /// A token that is made up, old or used up ties the event to nothing: it is taken off, and the event stays.
    pub(super) fn judge_token(&self, event: &mut Event) {
        let Some(token) = &event.attribution_token else { return };
        let answer = self.tokens.open(token);
        let worth = answer.map(|answer| self.uses.take(answer, event));
        let outcome = worth.map_or("invalid", Worth::name);
        self.metrics().tokens.get_or_create(&OutcomeLabel { outcome }).inc();
        match answer.filter(|_| worth == Some(Worth::Counts)) {
            // Where replicas share a log, the one that learns does so when the click comes back.
            Some(answer) if event.kind == EventKind::Click && self.shared.outlet.is_none() => {
                self.clicks.learn_of(answer, event);
            }
            Some(_) => {}
            None => event.attribution_token = None,
        }
    }

    /// Keeps an event that is well formed, but not of its time: in our own shape, so that it can be taken later. Hands it on
    /// to be written: a disk that hangs must not hold this thread, which answers requests too.
    fn bury(&self, element: &[u8], refusal: &Refusal, now: Timestamp) {
        if !matches!(refusal.why.code, Code::TooLate | Code::InFuture) {
            return;
        }
        let Some(event) = refusal.own.clone().or_else(|| serde_json::from_slice(element).ok()) else { return };
        let hidden = self.pseudonyms.as_ref().map(|hidden| hidden.hide_told(&event));
        let pseudonymised = hidden.is_some();
        let letter = Letter { pseudonymised, ..Letter::new(hidden.unwrap_or(event), &refusal.why, now) };
        match self.dead_letters.post(&letter) {
            Ok(Posted::Waiting) => {}
            Ok(Posted::First) => {
                let letters = Arc::clone(&self.dead_letters);
                tokio::task::spawn_blocking(move || letters.write_waiting());
            }
            Err(error) => tracing::warn!(%error, "dead letter lost"),
        }
    }

    fn refuse(&self, accepted: &mut Accepted, index: usize, rejection: &Rejection) {
        self.metrics().reject(rejection.code.name());
        if accepted.rejected.len() < MAX_LISTED {
            accepted.rejected.push(Refused { index, error: rejection.to_string(), code: rejection.code });
        } else {
            accepted.more_rejected += 1;
        }
    }
}

fn checked_len(element: &[u8]) -> Result<(), Rejection> {
    if element.len() <= MAX_ELEMENT_BYTES {
        return Ok(());
    }
    let problem = format!("is {} bytes long: at most {MAX_ELEMENT_BYTES} are allowed, split it", element.len());
    Err(Rejection::whole(Code::TooMany, problem))
}

fn prepare(record: Record, now: Timestamp) -> Result<Prepared, Rejection> {
    Prepared::new(Entry { accepted_at: now, record, origin: None })
        .map_err(|error| Rejection::whole(Code::TooMany, error.to_string()))
}
