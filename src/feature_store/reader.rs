//! Asking the store, on the way of an answer: in time or not at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use quick_cache::sync::Cache;
use sidecart_engine::Asker;
use sidecart_engine::nouns::Recalled;

use super::breaker::{Breaker, Stance};
use super::layout::{Fading, Keys, Stored};
use super::link::{Link, LinkError};
use crate::metrics::{Metrics, seconds};
use crate::service::{Memory, Recalling, Unavailable};

/// Share of the time that an answer has left which a question may take at most: the answer itself needs the rest.
const SHARE_OF_DEADLINE: u32 = 2;

/// Asks the store for shoppers' histories.
pub struct Reader {
    pub(super) link: Link,
    pub(super) keys: Keys,
    pub(super) log: String,
    pub(super) fading: Fading,
    /// The longest a question may take.
    pub(super) patience: Duration,
    pub(super) breaker: Breaker,
    pub(super) cache: Cache<u64, Cached>,
    pub(super) cache_for: Duration,
    /// The store knows shoppers from another log than this process's: nobody is known wholly from memory.
    pub(super) always: AtomicBool,
    pub(super) metrics: Arc<Metrics>,
}

/// What the store said lately; also that it knows nothing.
#[derive(Clone)]
pub struct Cached {
    until: Instant,
    stored: Option<Arc<Stored>>,
}

impl Reader {
    /// Forgets what the store said of shoppers.
    pub fn forget(&self, shoppers: &[u64]) {
        for shopper in shoppers {
            self.cache.remove(shopper);
        }
    }

    /// Tells where the breaker stands.
    pub fn tell(&self) {
        let stance = match self.breaker.stance(Instant::now()) {
            Stance::Closed => 0,
            Stance::HalfOpen => 1,
            Stance::Open => 2,
        };
        self.metrics.features.breaker.set(stance);
    }

    async fn stored(&self, asker: Asker, until: Instant) -> Result<Option<Arc<Stored>>, Unavailable> {
        let began = Instant::now();
        if let Some(cached) = self.cache.get(&asker.key).filter(|cached| began < cached.until) {
            self.metrics.features.count_read("cached");
            return Ok(cached.stored);
        }
        if !self.breaker.admits(began) {
            self.metrics.features.count_read("open");
            return Err(Unavailable);
        }
        let patience = self.patience.min(until.saturating_duration_since(began) / SHARE_OF_DEADLINE);
        let key = self.keys.shopper(asker.key);
        let answer = tokio::time::timeout(patience, self.link.read(&key)).await;
        let now = Instant::now();
        self.metrics.features.read.observe(seconds(now - began));
        if answer.is_err() && patience < self.patience {
            // Less time than usual says nothing about the store.
            self.breaker.let_go();
        } else {
            self.breaker.note(matches!(answer, Ok(Ok(_))), now);
        }
        let fields = match answer {
            Ok(Ok(fields)) => fields,
            Ok(Err(error)) => return Err(self.failed(&error)),
            Err(_) => {
                self.metrics.features.count_read("late");
                return Err(Unavailable);
            }
        };
        let stored = Stored::read(fields, self.fading).unwrap_or_else(|unreadable| {
            self.metrics.features.count_read(unreadable.name());
            tracing::debug!(key, %unreadable, "a shopper's key cannot be read");
            None
        });
        let stored = stored.map(Arc::new);
        self.metrics.features.count_read(if stored.is_some() { "found" } else { "absent" });
        self.cache.insert(asker.key, Cached { until: now + self.cache_for, stored: stored.clone() });
        Ok(stored)
    }

    fn failed(&self, error: &LinkError) -> Unavailable {
        self.metrics.features.count_read("failed");
        tracing::debug!(%error, "the feature store did not answer");
        Unavailable
    }
}

impl Memory for Reader {
    fn may_know(&self, asker: Asker) -> bool {
        asker.may_be_known_elsewhere() || self.always.load(Ordering::Relaxed)
    }

    fn recall(&self, asker: Asker, until: Instant) -> Recalling<'_> {
        Box::pin(async move {
            let stored = self.stored(asker, until).await?;
            let recalled: Recalled = stored.and_then(|stored| stored.beyond(asker, &self.log));
            Ok(recalled)
        })
    }
}
