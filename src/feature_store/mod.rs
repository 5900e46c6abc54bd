//! Shoppers' features in Redis or Valkey: the engine's memory holds the most recent, the store all.
//!
//! Out: the applier notes who changed ([`crate::ingest::Changed`]) -> [`writer`], a moment behind, whole profiles with the
//! numbers of the log. In: a request names someone the state may have forgotten -> [`reader`] (near cache, [`breaker`],
//! deadline) -> the history travels with the request into the engine. Nothing of it becomes state: the state, its digest and
//! its replicas depend on the log alone. [`layout`] is what other programs read. Decision record 0015 has the reasons.

mod breaker;
mod layout;
mod link;
mod reader;
mod writer;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use breaker::Breaker;
use layout::{Fading, Keys};
use link::Link;
pub use link::LinkError;
use quick_cache::sync::Cache;
use reader::Reader;
use sidecart_engine::nouns::Erasure;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;
use writer::{Delete, Writer};

use crate::config::Features;
use crate::erasure::{Deleting, Elsewhere};
use crate::identity::Identity;
use crate::ingest::Shared;
use crate::log::Offset;
use crate::service::Memory;

/// The longest a write may take to be answered.
const WRITE_PATIENCE: Duration = Duration::from_secs(1);
/// Deletions that may wait.
const MAX_ORDERS: usize = 16;
/// How long a stop waits for the last writes.
const LAST_WRITES: Duration = Duration::from_secs(5);

/// The feature store, read and written in the background.
pub struct FeatureStore {
    reader: Arc<Reader>,
    orders: mpsc::Sender<Delete>,
    stop: Arc<Notify>,
    task: JoinHandle<()>,
}

impl FeatureStore {
    /// Starts it on the current runtime. A store that is away is none's trouble: answers go on without.
    ///
    /// # Errors
    /// [`LinkError`] when the config cannot be used.
    pub fn start(
        features: &Features,
        log: Identity,
        shared: &Arc<Shared>,
        is_owner: Arc<AtomicBool>,
    ) -> Result<Self, LinkError> {
        let redis = &features.redis;
        let (keys, log) = (Keys::new(&redis.prefix), log.to_string());
        let users = &features.users;
        let fading = Fading { half_life_ms: users.half_life.ms(), items_per_user: users.items_per_user };
        let reader = Arc::new(Reader {
            // A link of its own: a question must not stand behind a load of writes.
            link: Link::open(redis, WRITE_PATIENCE)?,
            keys: keys.clone(),
            log: log.clone(),
            fading,
            patience: redis.read_timeout.duration(),
            breaker: Breaker::default(),
            cache: Cache::new(redis.cache_users),
            cache_for: redis.cache_for.duration(),
            always: AtomicBool::new(false),
            metrics: Arc::clone(&shared.metrics),
        });
        let writer = Writer {
            shared: Arc::clone(shared),
            link: Arc::new(Link::open(redis, WRITE_PATIENCE)?),
            keys,
            log,
            fading,
            every: redis.write_every.duration(),
            expire_s: redis.expire_after.ms() / 1_000,
            is_owner,
            reader: Arc::clone(&reader),
            breaker: Breaker::default(),
            marked: None,
            looked_at: Instant::now(),
        };
        let (orders, waiting) = mpsc::channel(MAX_ORDERS);
        let stop = Arc::new(Notify::new());
        Ok(Self { reader, orders, task: tokio::spawn(writer.run(waiting, Arc::clone(&stop))), stop })
    }

    /// What answers ask.
    pub fn memory(&self) -> Arc<dyn Memory> {
        Arc::clone(&self.reader) as Arc<dyn Memory>
    }

    /// The way to have it forget.
    pub fn forgetting(&self) -> Forgetting {
        Forgetting(self.orders.clone())
    }

    /// Writes what is left, if that does not take long, and ends.
    pub async fn stop(self) {
        self.stop.notify_one();
        let mut task = self.task;
        if tokio::time::timeout(LAST_WRITES, &mut task).await.is_err() {
            tracing::warn!("not all was written to the feature store in time: the next start does it");
            task.abort();
        }
    }
}

/// Has the store forget shoppers.
pub struct Forgetting(mpsc::Sender<Delete>);

impl Elsewhere for Forgetting {
    fn name(&self) -> &'static str {
        "feature store"
    }

    fn is_for_all(&self) -> bool {
        false
    }

    fn forget<'a>(&'a self, erasure: &'a Erasure, _: Offset) -> Deleting<'a> {
        Box::pin(async move {
            let stopping = || "the server is stopping".to_owned();
            let (reply, answer) = oneshot::channel();
            self.0.send(Delete(erasure.profiles.clone(), reply)).await.map_err(|_| stopping())?;
            answer.await.map_err(|_| stopping())?
        })
    }
}
