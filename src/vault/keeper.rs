//! The task that keeps the store up with the data folder.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;

use super::error::VaultError;
use super::place::Place;
use super::shelf;
use super::upload::{Owner, upload};
use crate::clock::Clock;
use crate::config::storage::Remote;
use crate::ingest::checkpoint::Checkpoints;
use crate::log::Offset;
use crate::metrics::{Metrics, OutcomeLabel, seconds};

/// How often the data folder is looked at for a new checkpoint.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Pause after the first failure in a row; doubled with each further one, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// See [`FIRST_PAUSE`]: as long as the usual time between two checkpoints, so that no more than one is missed.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// Erasures that may wait for the store.
const MAX_ORDERS: usize = 16;
/// How long a stop waits for the last checkpoint to be uploaded.
const LAST_UPLOAD: Duration = Duration::from_secs(10);

/// What a vault works on.
pub struct Parts {
    /// Whose checkpoints they are.
    pub owner: Owner,
    /// Those of the data folder.
    pub checkpoints: Checkpoints,
    /// Whether this replica is the one that uploads; others only restore.
    pub is_owner: Arc<AtomicBool>,
    /// What is told at `/metrics`.
    pub metrics: Arc<Metrics>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

/// Delete what does not know everything before the offset, once something newer is there.
struct Forget(Offset, oneshot::Sender<Result<(), VaultError>>);

/// Keeps checkpoints in the object store, in the background.
pub struct Vault {
    orders: mpsc::Sender<Forget>,
    stop: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Vault {
    /// Starts the task on the current runtime; `None` where the config names no place.
    ///
    /// # Errors
    /// [`VaultError::Place`] when the place cannot be used as it is configured.
    pub fn start(remote: &Remote, parts: Parts) -> Result<Option<Self>, VaultError> {
        let Some(url) = &remote.url else { return Ok(None) };
        Ok(Some(Self::keep(Place::open(remote, url)?, remote.keep, parts)))
    }

    /// Keeps the newest `keep` checkpoints at a place.
    pub(super) fn keep(place: Place, keep: usize, parts: Parts) -> Self {
        let (orders, waiting) = mpsc::channel(MAX_ORDERS);
        let keeper = Keeper { place, keep, parts, sent: None };
        let stop = Arc::new(Notify::new());
        Self { orders, task: tokio::spawn(keeper.run(waiting, Arc::clone(&stop))), stop }
    }

    /// The way to have it forget.
    pub fn forgetting(&self) -> Forgetting {
        Forgetting(self.orders.clone())
    }

    /// Uploads the last checkpoint, if that does not take long, and ends.
    pub async fn stop(self) {
        self.stop.notify_one();
        let mut task = self.task;
        if tokio::time::timeout(LAST_UPLOAD, &mut task).await.is_err() {
            tracing::warn!("the last checkpoint was not uploaded in time: the next start does it");
            task.abort();
        }
    }
}

/// Has the vault forget what it held before an erasure.
pub struct Forgetting(mpsc::Sender<Forget>);

impl Forgetting {
    /// Waits until a checkpoint that knows everything before `offset` is uploaded, and all older ones are deleted.
    ///
    /// # Errors
    /// [`VaultError`]; to be tried again.
    pub async fn forget_before(&self, offset: Offset) -> Result<(), VaultError> {
        let (reply, answer) = oneshot::channel();
        self.0.send(Forget(offset, reply)).await.map_err(|_| VaultError::Stopping)?;
        answer.await.map_err(|_| VaultError::Stopping)?
    }
}

struct Keeper {
    place: Place,
    keep: usize,
    parts: Parts,
    /// What the newest checkpoint known to be in the store covers.
    sent: Option<Offset>,
}

impl Keeper {
    async fn run(mut self, mut orders: mpsc::Receiver<Forget>, stop: Arc<Notify>) {
        let mut pause = FIRST_PAUSE;
        let mut next_try = Instant::now();
        loop {
            tokio::select! {
                () = stop.notified() => break,
                Some(Forget(offset, reply)) = orders.recv() => {
                    // Whoever asked may have gone since.
                    let _ = reply.send(self.forget(offset).await);
                    continue;
                }
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            if Instant::now() < next_try {
                continue;
            }
            match self.turn().await {
                Ok(()) => pause = FIRST_PAUSE,
                Err(error) => {
                    self.count("failed");
                    tracing::error!(%error, again_in_s = pause.as_secs(), "checkpoint not kept in the object store");
                    next_try = Instant::now() + pause;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
        if let Err(error) = self.turn().await {
            tracing::warn!(%error, "the last checkpoint was not uploaded: the next start does it");
        }
    }

    /// Uploads what is new, if this replica is the one that does.
    async fn turn(&mut self) -> Result<(), VaultError> {
        if self.parts.is_owner.load(Ordering::Acquire) { self.upload_newest().await } else { Ok(()) }
    }

    /// Uploads the newest checkpoint of the data folder if the store does not reach as far, and prunes.
    async fn upload_newest(&mut self) -> Result<(), VaultError> {
        let newest = self.parts.checkpoints.covered().map_err(std::io::Error::other);
        let newest = newest.map_err(|source| VaultError::Io { action: "read", path: "checkpoints".into(), source })?;
        let Some(next) = newest.filter(|next| self.sent.is_none_or(|sent| sent < *next)) else { return Ok(()) };
        let there = shelf::ours(&self.place, &self.parts.owner).await?;
        if let Some(there) = there.filter(|there| *there >= next) {
            self.note_first(there, next);
            self.sent = Some(there);
            return Ok(());
        }
        let began = Instant::now();
        let path = self.parts.checkpoints.path(next);
        let manifest = upload(&self.place, &self.parts.owner, (&path, next), self.parts.clock.now()).await?;
        self.sent = Some(next);
        let metrics = &self.parts.metrics.vault;
        metrics.upload.observe(seconds(began.elapsed()));
        metrics.offset.set(next.0);
        metrics.at_seconds.set(u64::try_from(self.parts.clock.now().0 / 1_000).unwrap_or(0));
        self.count("written");
        tracing::info!(next = next.0, bytes = manifest.bytes, millis = began.elapsed().as_millis() as u64, "uploaded");
        let pruned = shelf::prune(&self.place, self.keep, self.parts.clock.now()).await?;
        self.parts.metrics.vault.pruned.inc_by(pruned);
        Ok(())
    }

    /// Says so once when the store is ahead of this folder at the start.
    fn note_first(&self, there: Offset, here: Offset) {
        if self.sent.is_none() && there > here {
            tracing::warn!(
                there = there.0,
                here = here.0,
                "the object store holds a later checkpoint than this data folder: another replica is ahead, or this \
                 folder was put back from a backup; in that case delete what is later there"
            );
        }
    }

    async fn forget(&mut self, offset: Offset) -> Result<(), VaultError> {
        // Whether or not this replica is the owner: what is deleted must have something newer in its place.
        self.upload_newest().await?;
        shelf::forget_before(&self.place, offset).await
    }

    fn count(&self, outcome: &'static str) {
        self.parts.metrics.vault.uploads.get_or_create(&OutcomeLabel { outcome }).inc();
    }
}
