//! The stores beyond this machine that `serve` uses if the config names them: what is had from them before the state is
//! opened, and what runs beside the server.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context;

use crate::clock::Clock;
use crate::config::Config;
use crate::config::events::LogKind;
use crate::erasure::Elsewhere;
use crate::identity::{Identity, IdentityError};
use crate::ingest::Shared;
use crate::ingest::checkpoint::Checkpoints;
use crate::log::Offset;
use crate::metrics::Metrics;
use crate::service::Memory;

/// What the far stores work on.
#[cfg_attr(not(all(feature = "object-store", feature = "redis")), allow(dead_code, reason = "each store has its own"))]
pub struct Near {
    pub checkpoints: Checkpoints,
    pub shared: Arc<Shared>,
    pub metrics: Arc<Metrics>,
    pub clock: Arc<dyn Clock>,
}

/// What is known before the data folder is opened.
pub struct FarStores {
    /// The offset of the checkpoint that an empty folder was given.
    pub restored: Option<Offset>,
    /// Whether this replica is the one that writes to them. Always so with a log of its own; with a shared log, whoever
    /// leads.
    pub is_owner: Arc<AtomicBool>,
}

/// What runs beside the server.
#[derive(Default)]
pub struct Far {
    #[cfg(feature = "object-store")]
    vault: Option<crate::vault::Vault>,
    #[cfg(feature = "redis")]
    features: Option<crate::feature_store::FeatureStore>,
    /// What is remembered of shoppers elsewhere.
    pub memory: Option<Arc<dyn Memory>>,
}

impl FarStores {
    /// Fills an empty data folder from the object store.
    ///
    /// # Errors
    /// There is something that cannot be used, or the store cannot be asked.
    pub async fn before(config: &Config) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&config.data_dir)
            .with_context(|| format!("cannot make the data directory `{}`", config.data_dir.display()))?;
        let restored = restored(config).await?;
        let is_owner = config.events.log == LogKind::Embedded;
        Ok(Self { restored, is_owner: Arc::new(AtomicBool::new(is_owner)) })
    }

    /// Starts what runs beside the server; gives what has to forget when a shopper is erased, too.
    ///
    /// # Errors
    /// A place cannot be used as it is configured.
    pub fn start(self, config: &Config, near: Near) -> anyhow::Result<(Far, Vec<Box<dyn Elsewhere>>)> {
        let log = identity(config)?;
        let (mut far, mut elsewhere) = (Far::default(), Vec::new());
        self.start_features(config, log, &near, &mut far, &mut elsewhere)?;
        self.start_vault(config, log, near, &mut far, &mut elsewhere)?;
        Ok((far, elsewhere))
    }

    #[cfg(feature = "object-store")]
    fn start_vault(
        &self,
        config: &Config,
        log: Identity,
        Near { checkpoints, metrics, clock, .. }: Near,
        far: &mut Far,
        elsewhere: &mut Vec<Box<dyn Elsewhere>>,
    ) -> anyhow::Result<()> {
        use crate::vault::{Owner, Parts, Vault};
        let remote = &config.storage.remote;
        let owner = Owner { cluster: remote.cluster.clone(), log };
        let parts = Parts { owner, checkpoints, is_owner: Arc::clone(&self.is_owner), metrics, clock };
        far.vault = Vault::start(remote, parts)?;
        if let Some(vault) = &far.vault {
            elsewhere.push(Box::new(vault.forgetting()));
        }
        Ok(())
    }

    #[cfg(not(feature = "object-store"))]
    fn start_vault(
        &self,
        _: &Config,
        _: Identity,
        _: Near,
        _: &mut Far,
        _: &mut Vec<Box<dyn Elsewhere>>,
    ) -> anyhow::Result<()> {
        Ok(())
    }
}

impl FarStores {
    #[cfg(feature = "redis")]
    fn start_features(
        &self,
        config: &Config,
        log: Identity,
        near: &Near,
        far: &mut Far,
        elsewhere: &mut Vec<Box<dyn Elsewhere>>,
    ) -> anyhow::Result<()> {
        use crate::config::features::StoreKind;
        use crate::feature_store::FeatureStore;
        if config.features.store == StoreKind::Redis {
            let store = FeatureStore::start(&config.features, log, &near.shared, Arc::clone(&self.is_owner))?;
            elsewhere.push(Box::new(store.forgetting()));
            far.memory = Some(store.memory());
            far.features = Some(store);
        }
        Ok(())
    }

    #[cfg(not(feature = "redis"))]
    fn start_features(
        &self,
        _: &Config,
        _: Identity,
        _: &Near,
        _: &mut Far,
        _: &mut Vec<Box<dyn Elsewhere>>,
    ) -> anyhow::Result<()> {
        Ok(())
    }
}

/// Which log the data folder belongs to: its own, or the one that all replicas read from a broker.
fn identity(config: &Config) -> Result<Identity, IdentityError> {
    match config.events.log {
        LogKind::Embedded => Identity::of(&config.data_dir),
        LogKind::Kafka => {
            let name = format!("{}/{}", config.storage.remote.cluster, config.kafka.topic_prefix);
            let shared = Identity::derived(&name);
            shared.keep(&config.data_dir)?;
            Ok(shared)
        }
    }
}

#[cfg(feature = "object-store")]
async fn restored(config: &Config) -> anyhow::Result<Option<Offset>> {
    let manifest = crate::vault::restore_if_empty(&config.storage.remote, &config.data_dir).await?;
    Ok(manifest.map(|manifest| {
        let (next, by, at) = (manifest.next.0, &manifest.sidecart, &manifest.uploaded_at);
        tracing::info!(next, by, at, bytes = manifest.bytes, "checkpoint restored from the object store");
        manifest.next
    }))
}

#[cfg(not(feature = "object-store"))]
#[expect(clippy::unused_async, reason = "it waits for the object store where there is one")]
async fn restored(_: &Config) -> anyhow::Result<Option<Offset>> {
    Ok(None)
}

impl Far {
    /// Ends what runs, giving it a moment to write what is left.
    pub async fn stop(self) {
        #[cfg(feature = "object-store")]
        if let Some(vault) = self.vault {
            vault.stop().await;
        }
        #[cfg(feature = "redis")]
        if let Some(features) = self.features {
            features.stop().await;
        }
    }
}
