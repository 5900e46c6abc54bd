//! `sidecart demo`: a live shop on this machine, from bundled data, with nothing installed.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};
use sidecart_engine::nouns::{Record, Timestamp};
use tokio::runtime::{Handle, Runtime};
use tokio::sync::watch;

use super::serve::{self, Running};
use super::{DONE, NO};
use crate::clock::{Clock, StreamClock};
use crate::config::ConfigFlags;
use crate::config::observability::LogLevel;
use crate::demo::bundle::Bundle;
use crate::demo::client::Client;
use crate::demo::flow::{Backstage, Demo, FlowError};
use crate::demo::shopping::Shopping;
use crate::demo::story;
use crate::demo::summary::Summary;
use crate::ingest::Phase;
use crate::service::Service;

/// Moments of the live week at which every strategy is asked: enough for an interval of about five points.
const QUERIES: u32 = 1_500;
/// How far recorded time goes on per tick, once the recording is over.
const TICK: Duration = Duration::from_secs(1);
/// How often, and with which pause, the demo looks whether the server takes records.
const MAX_READY_WAITS: u32 = 6_000;
const READY_PAUSE: Duration = Duration::from_millis(10);
/// How often the demo waits for the history to be applied, [`crate::service::APPLY_PATIENCE`] each time.
const MAX_APPLY_WAITS: u32 = 60;

/// Show Sidecart at work: a real grocer's baskets as a live shop on this machine, nothing installed, no network.
///
/// Starts the server, loads eleven weeks of bundled history, streams the week that follows, asks three strategies along
/// the way what else live carts need, and compares them. Then serves until Ctrl-C. Browsing, cost, stock and age limits
/// are generated around the real baskets; see docs/demo-data.md.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: ConfigFlags,
    /// End after the comparison instead of serving on
    #[arg(long)]
    exit: bool,
    /// Print the comparison alone to standard output, as JSON in the shape of `replay --json`
    #[arg(long)]
    json: bool,
    /// Seed of everything that is generated or drawn by lot
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// A quick look: one of N households, and as many fewer questions
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    fast: u32,
}

/// Runs the command.
///
/// # Errors
/// The config is invalid, the address is taken, or the server refuses what the demo sends.
pub fn run(args: &Args) -> anyhow::Result<u8> {
    let folder = Folder::of(args.config.data_dir.as_deref())?;
    let mut flags = args.config.clone();
    flags.data_dir = Some(folder.path.display().to_string());
    let mut loaded = flags.load()?;
    // The demo tells its own story; of the server's log only what went wrong belongs into it.
    loaded.config.observability.log_level = LogLevel::Warn;
    // A day of the recording takes a second: the daily table must be done before the next one begins.
    loaded.config.features.affinities.batch_rows_per_event = 10_000;
    serve::log_to_stderr(&loaded.config)?;

    let shopping = Shopping::around(Bundle::read()?.thinned(u64::from(args.fast)), args.seed);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no runtime")?;
    let began = shopping.history().first().map_or(shopping.cut, |step| step.at);
    let clock = Arc::new(StreamClock::at(began));
    let running = runtime.block_on(serve::start(loaded, Arc::clone(&clock) as Arc<dyn Clock>))?;
    let stop = Stop::on_signal(&runtime)?;
    let ready = runtime.block_on(ready_and_empty(running.service(), &folder.path));
    let outcome = ready.and_then(|()| show(args, &shopping, &running, &runtime, &clock, &stop));
    if outcome.is_ok() && !args.exit {
        runtime.block_on(serve_on(&clock, &stop));
    }
    runtime.block_on(running.shutdown());
    outcome
}

/// Waits until the server takes records. A folder with data in it is refused: recorded time would run backwards in it.
async fn ready_and_empty(service: &Service, folder: &Path) -> anyhow::Result<()> {
    for _ in 0..MAX_READY_WAITS {
        match service.phase() {
            Phase::CatchingUp => tokio::time::sleep(READY_PAUSE).await,
            Phase::Ready => {
                let (_, appended) = service.offsets();
                anyhow::ensure!(
                    appended.0 == 0,
                    "`{}` holds {} records already: give --data-dir an empty folder, or leave it out",
                    folder.display(),
                    appended.0
                );
                return Ok(());
            }
            Phase::Failed(why) => bail!("the server failed: {why}"),
            Phase::Stopping => bail!("the server is stopping"),
        }
    }
    bail!("the server is still not ready: is the machine overloaded?")
}

/// The show itself; the exit code says whether every answer kept the rules.
fn show(
    args: &Args,
    shopping: &Shopping,
    running: &Running,
    runtime: &Runtime,
    clock: &Arc<StreamClock>,
    stop: &Stop,
) -> anyhow::Result<u8> {
    let url = format!("http://{}", running.addr());
    let say = |text: &str| tell(args.json, text);
    say(&story::opening(shopping, &url));
    let client = Client::new(&url);
    let backstage = Behind { service: running.service(), clock, handle: runtime.handle() };
    let queries = (QUERIES / args.fast).max(1) as usize;
    let demo = Demo {
        shopping,
        client: &client,
        backstage: &backstage,
        stop: &stop.flag,
        say: &say,
        seed: args.seed,
        queries,
    };
    let Some(summary) = demo.run()? else {
        say("stopped before the comparison");
        return Ok(DONE);
    };
    conclude(args, &summary, &url, shopping)
}

fn conclude(args: &Args, summary: &Summary, url: &str, shopping: &Shopping) -> anyhow::Result<u8> {
    if args.json {
        writeln!(std::io::stdout(), "{}", summary.json()?)?;
    } else {
        tell(false, &summary.text());
    }
    if !args.exit {
        tell(args.json, &story::closing(shopping, url));
    }
    Ok(if summary.outcome.forbidden_shown == 0 { DONE } else { NO })
}

/// Prints a piece of the story: to standard output, unless that is kept for JSON.
fn tell(json: bool, text: &str) {
    // A reader that has gone away has seen enough; the run ends by its own rules.
    let _ = if json { writeln!(std::io::stderr(), "{text}") } else { writeln!(std::io::stdout(), "{text}") };
}

/// Lets recorded time go on at the pace of the machine's, until a stop signal.
async fn serve_on(clock: &StreamClock, stop: &Stop) {
    let mut stopped = stop.told.clone();
    loop {
        tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => break,
            () = tokio::time::sleep(TICK) => clock.advance_to(clock.now().plus_ms(TICK.as_millis() as i64)),
        }
    }
}

/// The data directory; a temporary one is removed when the demo ends.
struct Folder {
    path: PathBuf,
    temporary: bool,
}

impl Folder {
    fn of(given: Option<&str>) -> anyhow::Result<Self> {
        if let Some(given) = given {
            return Ok(Self { path: PathBuf::from(given), temporary: false });
        }
        let path = std::env::temp_dir().join(format!("sidecart-demo-{}", uuid::Uuid::now_v7()));
        make(&path).with_context(|| format!("cannot make `{}`: give a folder with --data-dir", path.display()))?;
        Ok(Self { path, temporary: true })
    }
}

fn make(path: &Path) -> std::io::Result<()> {
    fs::create_dir(path)
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.temporary {
            // What is left behind is in the system's temporary folder, which is swept.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// Whether a stop signal came: as a flag for the blocking part, as a watch for the rest.
struct Stop {
    flag: Arc<AtomicBool>,
    told: watch::Receiver<bool>,
}

impl Stop {
    fn on_signal(runtime: &Runtime) -> anyhow::Result<Self> {
        let flag = Arc::new(AtomicBool::new(false));
        let (tell, told) = watch::channel(false);
        let raised = Arc::clone(&flag);
        runtime.spawn(async move {
            match serve::stop_signal() {
                Ok(stop) => stop.await,
                Err(error) => return tracing::warn!(%error, "Ctrl-C will end the demo at once"),
            }
            raised.store(true, Ordering::Relaxed);
            tell.send_replace(true);
        });
        Ok(Self { flag, told })
    }
}

/// What the demo does past HTTP: recorded time, and the history's bulk.
struct Behind<'a> {
    service: &'a Arc<Service>,
    clock: &'a StreamClock,
    handle: &'a Handle,
}

impl Backstage for Behind<'_> {
    fn advance_to(&self, at: Timestamp) {
        self.clock.advance_to(at);
    }

    fn take(&self, records: Vec<Record>) -> Result<(), FlowError> {
        let accepted = self.handle.block_on(self.service.accept_records(records))?;
        match accepted.rejected.first() {
            None => Ok(()),
            Some(first) => Err(FlowError::Refused(first.error.clone())),
        }
    }

    fn catch_up(&self) -> Result<(), FlowError> {
        let (_, appended) = self.service.offsets();
        for _ in 0..MAX_APPLY_WAITS {
            if self.handle.block_on(self.service.applied(&appended.into())) {
                return Ok(());
            }
        }
        Err(FlowError::Behind)
    }

    fn fix_static(&self) {
        self.service.with_engine(sidecart_engine::Engine::fix_static);
    }
}
