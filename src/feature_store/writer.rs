//! Writing behind: what the state holds of shoppers who changed goes into the store, a moment later.
//!
//! A write is the whole profile as it is now, with the numbers of its generation and of its latest change, so that a lost
//! one is made good by the next, and a repeated or late one changes nothing. What was written completely is marked by the
//! number of the change up to which it was: whoever begins to write, and whoever finds that the store has lost its mark,
//! looks in the state for all that changed since. So no queue has to be kept, and none can overflow for good.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sidecart_engine::nouns::History;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinSet;

use super::breaker::Breaker;
use super::layout::{Fading, Keys, VERSION, history};
use super::link::{Link, LinkError, Parcel, Put};
use super::reader::Reader;
use crate::ingest::{Phase, Shared};

/// Profiles written at once; they share one connection.
const AT_ONCE: usize = 64;
/// Attempts to write one profile over what others write meanwhile.
const ATTEMPTS: usize = 4;
/// How often the mark is looked at, to see that the store still has what was written.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Shoppers to be deleted, and who waits for it.
pub struct Delete(pub Vec<u64>, pub oneshot::Sender<Result<(), String>>);

/// What is to be written with.
pub struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) link: Arc<Link>,
    pub(super) keys: Keys,
    pub(super) log: String,
    pub(super) fading: Fading,
    pub(super) every: Duration,
    pub(super) expire_s: i64,
    pub(super) is_owner: Arc<AtomicBool>,
    pub(super) reader: Arc<Reader>,
    pub(super) breaker: Breaker,
    /// Up to which change all is known to be written; `None`: not known.
    pub(super) marked: Option<u64>,
    pub(super) looked_at: Instant,
}

impl Writer {
    /// Writes until it is told to stop; then once more.
    pub async fn run(mut self, mut orders: mpsc::Receiver<Delete>, stop: Arc<Notify>) {
        self.shared.changed.watch();
        loop {
            tokio::select! {
                () = stop.notified() => break,
                Some(Delete(shoppers, reply)) = orders.recv() => {
                    // Whoever asked may have gone since.
                    let _ = reply.send(self.delete(&shoppers).await.map_err(|error| error.to_string()));
                }
                () = tokio::time::sleep(self.every) => self.turn().await,
            }
        }
        self.turn().await;
    }

    async fn turn(&mut self) {
        self.reader.tell();
        let is_owner = self.is_owner.load(Ordering::Acquire) && self.shared.progress.phase() != Phase::CatchingUp;
        if is_owner != self.shared.changed.is_on() {
            self.shared.changed.switch(is_owner);
            self.marked = None;
        }
        let erased = self.shared.changed.take_erased();
        self.reader.forget(&erased);
        if !self.breaker.admits(Instant::now()) {
            // What changed goes on being noted, and where there is no room for that, is looked for later.
            return;
        }
        let written = if is_owner { self.write(&erased).await } else { self.look().await };
        if let Err(error) = &written {
            tracing::warn!(%error, "the feature store was not written: it is tried again");
        }
        self.breaker.note(written.is_ok(), Instant::now());
    }

    /// Who does not write learns at least whether the store is this log's.
    async fn look(&mut self) -> Result<(), LinkError> {
        if self.looked_at.elapsed() >= LOOK_EVERY {
            self.looked_at = Instant::now();
            let mark = self.link.mark(&self.keys.mark()).await?;
            self.note_log(mark.as_ref());
        }
        Ok(())
    }

    fn note_log(&self, mark: Option<&(String, u64)>) {
        if let Some((log, _)) = mark.filter(|(log, _)| *log != self.log)
            && !self.reader.always.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(
                theirs = log,
                ours = self.log,
                "the feature store was written from another log: what it knows of shoppers is added to what this one tells"
            );
        }
    }

    async fn write(&mut self, erased: &[u64]) -> Result<(), LinkError> {
        if self.marked.is_none() || self.looked_at.elapsed() >= LOOK_EVERY {
            self.compare().await?;
            self.looked_at = Instant::now();
        }
        // First the number, then the names: what is noted meanwhile may be written early, but none is missed.
        let changes = self.shared.engine.read().profile_changes();
        let waiting = self.shared.changed.take();
        if waiting.overflown {
            self.repair(self.marked.unwrap_or(0));
        }
        if let Err(error) = self.delete(erased).await {
            self.shared.changed.erased(erased.iter().copied());
            self.shared.changed.note(waiting.shoppers);
            self.shared.changed.hold(0);
            return Err(error);
        }
        let all: Vec<u64> = waiting.shoppers.into_iter().collect();
        let mut outcome = Ok(());
        for (at, chunk) in (0..).step_by(AT_ONCE).zip(all.chunks(AT_ONCE)) {
            self.shared.changed.hold(all.len() - at);
            if outcome.is_err() {
                self.shared.changed.note(chunk.iter().copied());
            } else {
                outcome = self.put_all(chunk).await;
            }
        }
        self.shared.changed.hold(0);
        outcome?;
        if self.marked.is_none_or(|marked| marked < changes) && !waiting.overflown {
            self.link.set_mark(&self.keys.mark(), &self.log, changes).await?;
            self.marked = Some(changes);
        }
        Ok(())
    }

    /// Compares the store's mark with what is known to be written: a store that begins empty, has lost its newest writes or
    /// was written by another log shows it there.
    async fn compare(&mut self) -> Result<(), LinkError> {
        let mark = self.link.mark(&self.keys.mark()).await?;
        self.note_log(mark.as_ref());
        let theirs = mark.filter(|(log, _)| *log == self.log).map(|(_, changed)| changed);
        match (self.marked, theirs) {
            (Some(ours), Some(theirs)) if theirs >= ours => {}
            (_, theirs) => self.repair(theirs.unwrap_or(0)),
        }
        Ok(())
    }

    /// Has all that changed after that change written.
    fn repair(&mut self, after: u64) {
        let (shoppers, changes) = {
            let engine = self.shared.engine.read();
            (engine.changed_after(after), engine.profile_changes())
        };
        if after > changes {
            tracing::warn!(
                theirs = after,
                ours = changes,
                "the feature store is ahead of this log, as after a restored backup: shoppers are written again once they \
                 change more often than they had by then, or when their keys have expired"
            );
        }
        if !shoppers.is_empty() {
            tracing::info!(
                shoppers = shoppers.len(),
                after,
                "the feature store lacks what changed since: it is written"
            );
            self.shared.metrics.features.repairs.inc();
        }
        self.shared.changed.note_all(shoppers);
        self.marked = Some(after.min(changes));
    }

    /// Writes some profiles at once; what fails is noted again.
    async fn put_all(&self, shoppers: &[u64]) -> Result<(), LinkError> {
        let mut tasks = JoinSet::new();
        for parcel in self.parcels(shoppers) {
            let (link, log, fading, expire_s) = (Arc::clone(&self.link), self.log.clone(), self.fading, self.expire_s);
            tasks.spawn(async move { (parcel.shopper, parcel.send(&link, &log, fading, expire_s).await) });
        }
        let mut first = Ok(());
        while let Some(done) = tasks.join_next().await {
            let Ok((shopper, outcome)) = done else { continue };
            match outcome {
                Ok(outcome) => self.shared.metrics.features.count_write(outcome),
                Err(error) => {
                    self.shared.metrics.features.count_write("failed");
                    self.shared.changed.note([shopper]);
                    first = Err(error);
                }
            }
        }
        first
    }

    /// What the state holds of them now, copied in one short turn as a reader.
    fn parcels(&self, shoppers: &[u64]) -> Vec<Outgoing> {
        let engine = self.shared.engine.read();
        let outgoing = |&shopper: &u64| {
            let kept = engine.kept(shopper).map(|kept| (kept.since, kept.changed, kept.history));
            let key = self.keys.shopper(shopper);
            Outgoing { shopper, key, kept, is_merged: engine.is_merged(shopper) }
        };
        shoppers.iter().map(outgoing).collect()
    }

    async fn delete(&self, shoppers: &[u64]) -> Result<(), LinkError> {
        self.reader.forget(shoppers);
        for shopper in shoppers {
            self.link.delete(&self.keys.shopper(*shopper)).await?;
            self.shared.metrics.features.count_write("deleted");
        }
        Ok(())
    }
}

/// One shopper on the way out.
struct Outgoing {
    shopper: u64,
    key: String,
    /// Generation, latest change, and what there is.
    kept: Option<(u64, u64, History)>,
    is_merged: bool,
}

impl Outgoing {
    /// Gives the outcome's name.
    async fn send(&self, link: &Link, log: &str, fading: Fading, expire_s: i64) -> Result<&'static str, LinkError> {
        let Some((since, changed, history)) = &self.kept else {
            if self.is_merged {
                link.delete(&self.key).await?;
                return Ok("deleted");
            }
            return Ok("lost");
        };
        // Plain data, which always has a text.
        let now = serde_json::to_string(history).unwrap_or_default();
        let mut seen = None;
        for _ in 0..ATTEMPTS {
            let over = seen.as_ref().map(|(other, past): &(_, String)| (other, past.as_str()));
            let is_merge = over.is_some();
            let parcel = Parcel { version: VERSION, log, since: *since, changed: *changed, now: &now, expire_s, over };
            match link.put(&self.key, &parcel).await? {
                Put::Written => return Ok(if is_merge { "merged" } else { "written" }),
                Put::Known => return Ok("known"),
                Put::Newer => return Ok("newer"),
                Put::Merge(other) => {
                    let past = merged(&other.past, &other.now, fading);
                    seen = Some((other, past));
                }
            }
        }
        // Somebody else writes this shopper all the time; the next change tries again.
        Ok("contended")
    }
}

/// A past and the generation after it as one. What cannot be read is left out: it could not be used anyway.
fn merged(past: &str, now: &str, fading: Fading) -> String {
    let read = |text| history(Some(text)).unwrap_or_default();
    serde_json::to_string(&fading.merged(read(past), &read(now))).unwrap_or_default()
}
