//! Loading history into a server: the catalogue first, then the events in the order of time, in batches.

mod batch;
mod body;
mod client;

use std::time::Instant;

pub use client::Client;
use indicatif::ProgressBar;
use serde::Serialize;
use sidecart_engine::nouns::Item;

use self::batch::Batch;
use self::body::EventBody;
use self::client::{Receipt, Sent};
use crate::data::{Dataset, Head, Rejected, Rejections};
use crate::wire::item::ItemOutput;

/// Why an import stopped. What was acknowledged until then is kept; importing again is safe, as events count once.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// No answer.
    #[error("no answer from {url}: {source}: start the server with `sidecart serve`, or check --url")]
    Unreachable {
        /// Of whom.
        url: String,
        /// Why.
        source: ureq::Error,
    },
    /// Too long.
    #[error("the server has been busy for {seconds} s ({text}): import again when it is not, events count once")]
    Busy {
        /// How long.
        seconds: u64,
        /// What it said.
        text: String,
    },
    /// Not an answer that an import can use.
    #[error("the server answered {status}: {text}: check that --url is a Sidecart of this version")]
    Answer {
        /// The status.
        status: u16,
        /// The body.
        text: String,
    },
    /// A record that has no JSON form.
    #[error("a record has no JSON form: {0}")]
    Encode(#[from] serde_json::Error),
}

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Imported {
    /// Names of the data.
    pub data: String,
    /// Items of the catalogue sent.
    pub items: usize,
    /// Items sent that only events mention, and that the server did not know.
    pub bare_items: usize,
    /// Events sent.
    pub events: usize,
    /// Records that were new to the server.
    pub accepted: u64,
    /// Events that it had already.
    pub duplicates: u64,
    /// Rows not read and records not taken by the server.
    pub rejected: Rejections,
    /// Wall time of sending.
    pub seconds: f64,
    /// Events sent per second.
    pub events_per_s: f64,
}

/// Sends a data set to a server. Of the rejections, those of the server are told; those of reading are the data's.
///
/// # Errors
/// [`ImportError`].
pub fn import(data: &Dataset, client: &Client, progress: &ProgressBar) -> Result<Imported, ImportError> {
    client.wait_until_ready()?;
    let done = Imported { data: data.label.clone(), ..Imported::default() };
    let mut import = Import { data, client, progress, done };
    let began = Instant::now();
    import.send_catalogue()?;
    import.send_bare_items()?;
    let events_began = Instant::now();
    import.send_events()?;
    import.progress.finish_and_clear();
    let mut done = import.done;
    done.seconds = began.elapsed().as_secs_f64();
    done.events_per_s = done.events as f64 / events_began.elapsed().as_secs_f64().max(1e-9);
    Ok(done)
}

struct Import<'a> {
    data: &'a Dataset,
    client: &'a Client,
    progress: &'a ProgressBar,
    done: Imported,
}

/// Where a record came from, for reports.
#[derive(Debug, Clone, Copy)]
enum Origin<'a> {
    Event(&'a Head),
    Item(&'a Item),
}

impl<'a> Import<'a> {
    fn send_catalogue(&mut self) -> Result<(), ImportError> {
        self.done.items = self.data.catalog.len();
        self.send_items(self.data.catalog.iter())
    }

    /// Items that only events mention are entered first, as the engine refuses events of items it does not know; but an
    /// item that the server knows is left as it is there.
    fn send_bare_items(&mut self) -> Result<(), ImportError> {
        let mut missing = Vec::new();
        for item in (0..self.data.counts().0 as u32).filter_map(|number| self.data.bare_item(number)) {
            if !self.client.knows(&item.id)? {
                missing.push(item);
            }
        }
        self.done.bare_items = missing.len();
        self.send_items(missing.into_iter())
    }

    fn send_items(&mut self, items: impl Iterator<Item = &'a Item>) -> Result<(), ImportError> {
        let mut batch = Batch::new();
        for item in items {
            batch.push(&ItemOutput::from(item), Origin::Item(item))?;
            if batch.is_full() {
                self.send(std::mem::replace(&mut batch, Batch::new()), Client::put_items)?;
            }
        }
        self.send(batch, Client::put_items)
    }

    fn send_events(&mut self) -> Result<(), ImportError> {
        self.done.events = self.data.events().len();
        let mut batch = Batch::new();
        for head in self.data.events() {
            let event = self.data.event(head);
            batch.push(&EventBody::of(&event), Origin::Event(head))?;
            if batch.is_full() {
                self.send(std::mem::replace(&mut batch, Batch::new()), Client::post_events)?;
            }
        }
        self.send(batch, Client::post_events)
    }

    /// Sends a batch, in halves if the server finds it too large.
    fn send(
        &mut self,
        batch: Batch<Origin<'a>>,
        to: fn(&Client, &[u8]) -> Result<Sent, ImportError>,
    ) -> Result<(), ImportError> {
        let mut waiting = vec![batch];
        while let Some(batch) = waiting.pop() {
            if batch.len() == 0 {
                continue;
            }
            match to(self.client, batch.lines())? {
                Sent::Taken(receipt) => self.note(&batch, receipt),
                Sent::TooLarge if batch.len() == 1 => self.reject(
                    batch.origin(0),
                    "too large",
                    "larger than the server's `server.max_body`: raise it".to_owned(),
                ),
                Sent::TooLarge => {
                    let (first, second) = batch.halves();
                    waiting.extend([second, first]);
                }
            }
        }
        Ok(())
    }

    fn note(&mut self, batch: &Batch<Origin<'a>>, receipt: Receipt) {
        self.done.accepted += receipt.accepted;
        self.done.duplicates += receipt.duplicates;
        for refusal in receipt.rejected {
            self.reject(batch.origin(refusal.index), &refusal.code, refusal.error);
        }
        for _ in 0..receipt.more_rejected {
            self.reject(None, "beyond the server's list", "not listed by the server".to_owned());
        }
        if matches!(batch.origin(0), Some(Origin::Event(_))) {
            self.progress.inc(batch.len() as u64);
        }
    }

    fn reject(&mut self, origin: Option<Origin<'a>>, heading: &str, reason: String) {
        let (file, line) = match origin {
            Some(Origin::Event(head)) => {
                let (file, line) = self.data.origin(head);
                (file.to_owned(), line)
            }
            Some(Origin::Item(item)) => (format!("item `{}`", item.id), 0),
            None => ("server".to_owned(), 0),
        };
        self.done.rejected.add_as(heading, Rejected { file, line, reason });
    }
}
