//! `sidecart serve`: the server, from flags to a clean stop.

#[cfg(feature = "kafka")]
mod broker;

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::Context;
use sidecart_engine::Settings;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing_subscriber::EnvFilter;

use super::DONE;
use super::far::{Far, FarStores, Near};
use crate::access::{Audit, Pseudonyms};
use crate::clock::{Clock, SystemClock};
use crate::config::observability::{LogFormat, LogLevel};
use crate::config::{Config, ConfigFlags, Loaded};
use crate::decisions::Decisions;
use crate::erasure::{Erasures, Stores};
use crate::http::{Door, Guard, Listening, Tls, router};
use crate::in_force::{self, Follower, InForce, Keeper, Watcher};
use crate::ingest::checkpoint::Checkpoints;
use crate::ingest::{self, DeadLetters, Learning, Saving, Shared, Storage, Writers};
use crate::log::{EventLog, LogOptions, Offset, SegmentLog};
use crate::metrics::Metrics;
use crate::service::{Clicks, Parts, Service, Tokens};

/// How often a new config tries to find the engine free before it insists: ten seconds.
const FREE_TRIES: usize = 10_000;
const FREE_PAUSE: Duration = Duration::from_millis(1);
/// How long a stop waits for work on files that cannot be broken off; each step of it may end at any instant.
const LAST_WORK: Duration = Duration::from_secs(2);

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
    let done = runtime.block_on(async {
        let running = start(loaded, Arc::new(SystemClock)).await?;
        // Before anybody is told that it listens: whoever stops it from then on has it stop cleanly, and a hangup ends nothing.
        let stop = stop_signal()?;
        let hangups = tokio::spawn(reload_on_hangup(Arc::clone(running.service().keeper()))?);
        writeln!(std::io::stdout(), "listening on {}://{}", running.scheme, running.addr())?;
        if let Some(admin) = running.admin {
            writeln!(std::io::stdout(), "admin on {}://{admin}", running.scheme)?;
        }
        stop.await;
        hangups.abort();
        running.shutdown().await;
        Ok(DONE)
    });
    // An erasure that looks through a long log would else be waited for; the next start goes on with it.
    runtime.shutdown_timeout(LAST_WORK);
    done
}

/// Waits for SIGHUP from now on; what it gives reads the config file anew with each.
fn reload_on_hangup(keeper: Arc<Keeper>) -> anyhow::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut hangup = signal(SignalKind::hangup()).context("cannot wait for SIGHUP")?;
    Ok(async move {
        while hangup.recv().await.is_some() {
            let keeper = Arc::clone(&keeper);
            // What came of it is logged, counted and kept by the keeper.
            let _ = tokio::task::spawn_blocking(move || keeper.reload_file()).await;
        }
    })
}

/// Changes the level of the log lines of this process; set once there are any. The subscriber is the process's own, so
/// this is, too.
static VERBOSITY: OnceLock<Box<dyn Fn(LogLevel) + Send + Sync>> = OnceLock::new();

/// Sends the log lines of this process to standard error, in the form and up to the level of the config. Only the first
/// call in a process has an effect; the level follows the config in force.
///
/// # Errors
/// The level cannot be used.
pub fn log_to_stderr(config: &Config) -> anyhow::Result<()> {
    let level = config.observability.log_level;
    let builder = tracing_subscriber::fmt().with_env_filter(filter(level)?).with_writer(std::io::stderr);
    // A second call finds the first one's subscriber in place, which is as good.
    match config.observability.log_format {
        LogFormat::Text => {
            let builder = builder.with_ansi(false).with_filter_reloading();
            let handle = builder.reload_handle();
            if builder.try_init().is_ok() {
                let _ = VERBOSITY.set(Box::new(move |level| set_filter(&handle, level)));
            }
        }
        LogFormat::Json => {
            let builder = builder.json().flatten_event(true).with_filter_reloading();
            let handle = builder.reload_handle();
            if builder.try_init().is_ok() {
                let _ = VERBOSITY.set(Box::new(move |level| set_filter(&handle, level)));
            }
        }
    }
    Ok(())
}

fn filter(level: LogLevel) -> anyhow::Result<EnvFilter> {
    Ok(EnvFilter::builder().parse(format!("warn,sidecart={}", level.name()))?)
}

fn set_filter<S>(handle: &tracing_subscriber::reload::Handle<EnvFilter, S>, level: LogLevel) {
    match filter(level) {
        Ok(filter) => drop(handle.reload(filter)),
        Err(error) => tracing::error!(%error, "the log level cannot be used"),
    }
}

/// A server that runs.
pub struct Running {
    addr: SocketAddr,
    service: Arc<Service>,
    writers: Writers,
    watcher: Option<Watcher>,
    far: Far,
    stop: watch::Sender<bool>,
    http: Vec<JoinHandle<()>>,
    admin: Option<SocketAddr>,
    scheme: &'static str,
    /// Reads certificates anew.
    following: Option<JoinHandle<()>>,
    /// Reads the broker.
    #[cfg(feature = "kafka")]
    broker: Option<crate::broker::Following>,
}

/// Opens the data directory, restores the state and serves. Returns once the address is bound; the rest of the log is
/// applied meanwhile (`/readyz` says when that is done).
///
/// # Errors
/// The data directory is unusable or in use, or the address is taken.
pub async fn start(loaded: Loaded, clock: Arc<dyn Clock>) -> anyhow::Result<Running> {
    let (beginning, history) = in_force::at_start(loaded, clock.now())?;
    let Loaded { config, version, .. } = beginning.loaded.clone();
    let listening = Listening::bind(config.server.listen).await?;
    let admin = match config.server.admin_listen {
        Some(address) => Some(Listening::bind(address).await?),
        None => None,
    };
    let tls = match (&config.server.tls.certificate, &config.server.tls.key) {
        (Some(certificate), Some(key)) => Some(Arc::new(Tls::of(certificate.clone(), key.clone())?)),
        _ => None,
    };
    let stores = FarStores::before(&config).await?;
    #[cfg_attr(not(feature = "kafka"), expect(unused_mut, reason = "only a broker is an outlet"))]
    let mut storage = open_storage(&config, &version, clock.as_ref(), stores.restored)?;
    #[cfg(feature = "kafka")]
    let publisher = broker::publisher(&config, &clock)?;
    #[cfg(feature = "kafka")]
    if let Some(publisher) = &publisher {
        let outlet: Arc<dyn ingest::Outlet> = publisher.clone();
        storage.outlet = Some(outlet);
    }
    let tokens = match &config.access.token_key_file {
        Some(shared) => Tokens::with_shared_key(shared)?,
        None => Tokens::with_key(&config.data_dir.join("token.key"))?,
    };
    let pseudonyms = Pseudonyms::open(&config.privacy, &config.data_dir)?;
    let (reader, checkpoints) = (storage.log.reader(), storage.checkpoints.clone());
    let (learning, metrics) = (storage.learning.clone(), Arc::new(Metrics::new()));
    let (ingest, shared, writers) =
        ingest::start(storage, config.settings(), config.events.queue, Arc::clone(&metrics), Arc::clone(&clock))?;
    let followers = followers(&shared, learning.clone());
    let keeper = Keeper::new(beginning, history, followers, Arc::clone(&metrics), Arc::clone(&clock));
    let keeper = Arc::new(keeper);
    let watcher = in_force::watch(&keeper).context("cannot start the thread `config`")?;
    let dead_letters = Arc::new(DeadLetters::new(config.data_dir.clone()));
    let decisions = Arc::new(Decisions::default());
    let near =
        Near { checkpoints: checkpoints.clone(), shared: Arc::clone(&shared), metrics: Arc::clone(&metrics), clock };
    let is_owner = Arc::clone(&stores.is_owner);
    let (far, elsewhere) = stores.start(&config, near)?;
    let stores = Stores {
        ingest: ingest.clone(),
        log: reader,
        checkpoints,
        dead_letters: Arc::clone(&dead_letters),
        decisions: Arc::clone(&decisions),
        elsewhere,
        is_owner: Arc::clone(&is_owner),
        metrics,
    };
    let clicks = Clicks { decisions, tokens, ingest: ingest.clone(), shared: Arc::clone(&shared) };
    let erasures = Erasures::start(config.data_dir.join("erasures"), stores)?;
    #[cfg(feature = "kafka")]
    let witness = broker::Witnesses {
        erasures: erasures.clone(),
        keeper: Arc::clone(&keeper),
        clicks: clicks.clone(),
        pseudonyms: pseudonyms.clone(),
    };
    #[cfg(feature = "kafka")]
    let broker_following = broker::follow(publisher, &config, &ingest, &shared, learning, is_owner, witness)?;
    let (addr, grace) = (listening.addr(), config.server.shutdown_grace.duration());
    tracing::info!(%addr, config = version, data_dir = %config.data_dir.display(), "started");
    let data_dir = config.data_dir.clone();
    let memory = far.memory.clone();
    let parts = Parts { keeper, ingest, shared, dead_letters, clicks, erasures, pseudonyms, memory };
    let service = Arc::new(Service::new(parts));
    let (stop, stopped) = watch::channel(false);
    let (guard, audit) = (Arc::new(Guard::default()), Arc::new(Audit::new(data_dir)));
    let serve = |listening: Listening, door| {
        let acceptor = tls.as_ref().map(|tls| tls.acceptor());
        tokio::spawn(listening.serve(router(&service, &guard, &audit, door), acceptor, stopped.clone(), grace))
    };
    let admin_addr = admin.as_ref().map(Listening::addr);
    let mut http = vec![serve(listening, if admin.is_some() { Door::Public } else { Door::Only })];
    let following = tls.as_ref().map(|tls| tokio::spawn(Arc::clone(tls).follow()));
    http.extend(admin.map(|admin| serve(admin, Door::Admin)));
    let scheme = if tls.is_some() { "https" } else { "http" };
    Ok(Running {
        far,
        scheme,
        following,
        addr,
        admin: admin_addr,
        service,
        writers,
        watcher,
        stop,
        http,
        #[cfg(feature = "kafka")]
        broker: broker_following,
    })
}

/// The engine for writing, once nobody has it. The applier may be encoding the state as a reader, for a second or more:
/// to queue up behind it as a writer would keep every answer waiting for as long.
fn when_free(shared: &Shared) -> parking_lot::RwLockWriteGuard<'_, sidecart_engine::Engine> {
    for _ in 0..FREE_TRIES {
        if let Some(engine) = shared.engine.try_write() {
            return engine;
        }
        std::thread::sleep(FREE_PAUSE);
    }
    shared.engine.write()
}

/// The parts that are told of each new config; all others ask for it with each request.
fn followers(shared: &Arc<Shared>, learning: Option<Arc<Learning>>) -> Vec<Follower> {
    let shared = Arc::clone(shared);
    let engine = move |in_force: &InForce| {
        let mut settings = Settings::clone(&in_force.settings);
        // Under the writer's lock, so between two records of the log. What was there is freed outside of it.
        std::mem::swap(&mut settings, when_free(&shared).settings_mut());
    };
    let trainer = move |in_force: &InForce| {
        if let Some(learning) = &learning {
            let (pace, publish_every) = paces(&in_force.config);
            learning.set(pace, publish_every);
        }
    };
    let verbosity = |in_force: &InForce| {
        if let Some(set) = VERBOSITY.get() {
            set(in_force.config.observability.log_level);
        }
    };
    vec![Box::new(engine), Box::new(trainer), Box::new(verbosity)]
}

fn paces(config: &Config) -> (Duration, Duration) {
    let ranker = &config.ranker;
    (Duration::from_secs(1) / ranker.lessons_per_second.max(1), ranker.publish_every.duration())
}

fn open_storage(
    config: &Config,
    version: &str,
    clock: &dyn Clock,
    restored: Option<Offset>,
) -> anyhow::Result<Storage> {
    let dir = &config.data_dir;
    fs::create_dir_all(dir).with_context(|| format!("cannot make the data directory `{}`", dir.display()))?;
    let options = LogOptions {
        segment_bytes: config.storage.segment_size.get(),
        retain_ms: Some(config.storage.retention_age.ms()),
        retain_bytes: Some(config.storage.retention_size.get()),
    };
    let (mut log, recovered) = SegmentLog::open(dir, options, clock.now())?;
    tracing::info!(?recovered, "log opened");
    if let Some(next) = restored {
        // Its log begins where the checkpoint ends: what came before was another replica's.
        log.skip_to(next, clock.now())?;
    }
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
    let (pace, publish_every) = paces(config);
    let learning = config.ranker.learn.then(|| Arc::new(Learning::new(pace, publish_every)));
    Ok(Storage { log: Box::new(log), checkpoints, saving, learning, outlet: None })
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
    pub async fn shutdown(mut self) {
        let started = Instant::now();
        tracing::info!("stopping");
        self.watcher.iter_mut().for_each(Watcher::stop);
        self.following.iter().for_each(JoinHandle::abort);
        self.stop.send_replace(true);
        for http in self.http {
            if http.await.is_err() {
                tracing::error!("the server task panicked, the line before says where");
            }
        }
        #[cfg(feature = "kafka")]
        if let Some(broker) = self.broker {
            // Joining blocks, and what it joins may be waiting for the sequencer.
            let _ = tokio::task::spawn_blocking(move || broker.stop()).await;
        }
        self.service.stop_taking().await;
        // Joining blocks; the runtime goes on with what is left on its other threads.
        let joined = tokio::task::spawn_blocking(move || self.writers.join()).await;
        if joined.is_err() {
            tracing::error!("the writers could not be joined");
        }
        self.far.stop().await;
        tracing::info!(millis = started.elapsed().as_millis() as u64, "stopped");
    }
}

/// Has SIGINT and SIGTERM no longer end the process, from this call on; what is given waits for one.
///
/// # Errors
/// The signals cannot be waited for.
pub fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
