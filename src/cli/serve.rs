//! `sidecart serve`: the server, from flags to a clean stop.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::DONE;
use crate::clock::{Clock, SystemClock};
use crate::config::observability::LogFormat;
use crate::config::{Config, ConfigFlags, Loaded};
use crate::decisions::Decisions;
use crate::erasure::{Erasures, Stores};
use crate::http::{Listening, router};
use crate::ingest::checkpoint::Checkpoints;
use crate::ingest::{self, DeadLetters, Learning, Saving, Storage, Writers};
use crate::log::{EventLog, LogOptions, SegmentLog};
use crate::metrics::Metrics;
use crate::service::{Parts, Service, Tokens};

/// Run the server: events in, cross-sell answers out.
///
/// Prints `listening on http://ADDR` once it listens. SIGINT or SIGTERM ends it cleanly: open requests finish, the
/// queues drain, the state is saved.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: ConfigFlags,
}

/// Runs the command until a stop signal.
///
/// # Errors
/// The config is invalid, the data directory is unusable or in use, or the address is taken.
pub fn run(args: &Args) -> anyhow::Result<u8> {
    let loaded = args.config.load()?;
    log_to_stderr(&loaded.config)?;
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no runtime")?;
    runtime.block_on(async {
        let running = start(loaded, Arc::new(SystemClock)).await?;
        writeln!(std::io::stdout(), "listening on http://{}", running.addr())?;
        stop_signal().await?;
        running.shutdown().await;
        Ok(DONE)
    })
}

/// Sends the log lines of this process to standard error, in the form and up to the level of the config. Only the first
/// call in a process has an effect.
///
/// # Errors
/// The level cannot be used.
pub fn log_to_stderr(config: &Config) -> anyhow::Result<()> {
    let level = config.observability.log_level.name();
    let filter = tracing_subscriber::EnvFilter::builder().parse(format!("warn,sidecart={level}"))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second call finds the first one's subscriber in place, which is as good.
    let _ = match config.observability.log_format {
        LogFormat::Text => builder.with_ansi(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    Ok(())
}

/// A server that runs.
pub struct Running {
    addr: SocketAddr,
    service: Arc<Service>,
    writers: Writers,
    stop: watch::Sender<bool>,
    http: JoinHandle<()>,
}

/// Opens the data directory, restores the state and serves. Returns once the address is bound; the rest of the log is
/// applied meanwhile (`/readyz` says when that is done).
///
/// # Errors
/// The data directory is unusable or in use, or the address is taken.
pub async fn start(loaded: Loaded, clock: Arc<dyn Clock>) -> anyhow::Result<Running> {
    let Loaded { config, version, .. } = loaded;
    let listening = Listening::bind(config.server.listen).await?;
    let storage = open_storage(&config, &version, clock.as_ref())?;
    let tokens = Tokens::with_key(&config.data_dir.join("token.key"))?;
    let (reader, checkpoints) = (storage.log.reader(), storage.checkpoints.clone());
    let (ingest, shared, writers) =
        ingest::start(storage, config.settings(), config.events.queue, Arc::new(Metrics::new()), clock)?;
    let dead_letters = Arc::new(DeadLetters::new(config.data_dir.clone()));
    let decisions = Arc::new(Decisions::new(config.observability.decisions_kept));
    let stores = Stores {
        ingest: ingest.clone(),
        log: reader,
        checkpoints,
        dead_letters: Arc::clone(&dead_letters),
        decisions: Arc::clone(&decisions),
    };
    let erasures = Erasures::start(config.data_dir.join("erasures"), stores)?;
    let (addr, grace) = (listening.addr(), config.server.shutdown_grace.duration());
    tracing::info!(%addr, config = version, data_dir = %config.data_dir.display(), "started");
    let parts = Parts { config, config_version: version, ingest, shared, dead_letters, decisions, erasures, tokens };
    let service = Arc::new(Service::new(parts));
    let (stop, stopped) = watch::channel(false);
    let http = tokio::spawn(listening.serve(router(&service), stopped, grace));
    Ok(Running { addr, service, writers, stop, http })
}

fn open_storage(config: &Config, version: &str, clock: &dyn Clock) -> anyhow::Result<Storage> {
    let dir = &config.data_dir;
    fs::create_dir_all(dir).with_context(|| format!("cannot make the data directory `{}`", dir.display()))?;
    let options = LogOptions {
        segment_bytes: config.storage.segment_size.get(),
        retain_ms: Some(config.storage.retention_age.ms()),
        retain_bytes: Some(config.storage.retention_size.get()),
    };
    let (mut log, recovered) = SegmentLog::open(dir, options, clock.now())?;
    tracing::info!(?recovered, "log opened");
    let checkpoints = Checkpoints::open(dir.join("checkpoints"), config.storage.checkpoints_kept)?;
    if let Some(covered) = checkpoints.covered()?
        && covered > log.next_offset()
    {
        tracing::error!(
            log_end = log.next_offset().0,
            covered = covered.0,
            "the log has lost what a checkpoint covers"
        );
        log.skip_to(covered, clock.now())?;
    }
    let saving = Saving { every: config.storage.checkpoint_every.duration(), config_version: version.to_owned() };
    let ranker = &config.ranker;
    let learning = ranker.learn.then(|| Learning {
        pace: Duration::from_secs(1) / ranker.lessons_per_second.max(1),
        publish_every: ranker.publish_every.duration(),
    });
    Ok(Storage { log: Box::new(log), checkpoints, saving, learning })
}

impl Running {
    /// The address it is bound to.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The application behind it.
    #[must_use]
    pub fn service(&self) -> &Arc<Service> {
        &self.service
    }

    /// Stops cleanly: takes no more connections, lets open requests finish for `server.shutdown_grace`, drains the
    /// queues and saves the state.
    pub async fn shutdown(self) {
        let started = Instant::now();
        tracing::info!("stopping");
        self.stop.send_replace(true);
        if self.http.await.is_err() {
            tracing::error!("the server task panicked, the line before says where");
        }
        self.service.stop_taking().await;
        // Joining blocks; the runtime goes on with what is left on its other threads.
        let joined = tokio::task::spawn_blocking(move || self.writers.join()).await;
        if joined.is_err() {
            tracing::error!("the writers could not be joined");
        }
        tracing::info!(millis = started.elapsed().as_millis() as u64, "stopped");
    }
}

/// Waits for SIGINT or SIGTERM.
///
/// # Errors
/// The signals cannot be waited for.
pub async fn stop_signal() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}
