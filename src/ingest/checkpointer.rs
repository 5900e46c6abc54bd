//! Checkpoints made off to the side: the newest one is read back, the log since then is applied to it, the result is
//! written. The live engine is never locked for it, so nothing pauses; what it costs is memory for a second state while
//! it runs, and a thread that yields to all others. Decision record 0010 has the alternatives and the figures.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Instant;

use sidecart_engine::{Engine, STATE_VERSION, State};
use tokio::sync::oneshot;

use super::Shared;
use super::checkpoint::{CheckpointError, Checkpoints, Header};
use super::rebuild::Rebuild;
use super::recovery::{Saving, StartError};
use crate::log::{LogError, LogReader, Offset};
use crate::metrics::{OutcomeLabel, seconds};

/// By how much the thread steps back behind those that answer and acknowledge: at 10 it gets a tenth of what they get
/// where processors are scarce, which still makes a checkpoint of millions of events in minutes.
const NICENESS: i32 = 10;

/// Why no checkpoint was made.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error("{lost} records of the log are damaged and {unreadable} unreadable: the next one is made from memory")]
    Incomplete { lost: u64, unreadable: u64 },
    #[error("the server stops, which saves the state by itself")]
    Stopping,
    #[error("it panicked, the line before says where")]
    Panic,
}

/// What is to be made.
struct Order {
    /// A checkpoint of everything before this.
    upto: Offset,
    /// Who wants to know when it is there.
    reply: Option<oneshot::Sender<Offset>>,
}

/// The way to the thread that makes checkpoints.
pub(super) struct Checkpointer {
    orders: SyncSender<Order>,
    stop: Arc<AtomicBool>,
    /// The log does not hold all that the engine knows: the next checkpoint must come from the engine itself.
    from_memory: Arc<AtomicBool>,
    /// The last one ordered was not made.
    failed: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Checkpointer {
    /// Starts the thread. `retention` is told the offset from which checkpoints need the log, whenever that moved; `newest`
    /// what the newest one covers.
    pub fn spawn(
        shared: &Arc<Shared>,
        (checkpoints, saving): (Checkpoints, Saving),
        log: Box<dyn LogReader>,
        retention: Sender<Offset>,
        newest: Arc<AtomicU64>,
    ) -> Result<Self, StartError> {
        // One order at a time: the next one covers what this one left.
        let (orders, ordered) = sync_channel(1);
        let [stop, from_memory, failed] = [(); 3].map(|()| Arc::new(AtomicBool::new(false)));
        let worker = Worker {
            shared: Arc::clone(shared),
            checkpoints,
            saving,
            log,
            retention,
            newest,
            stop: Arc::clone(&stop),
            from_memory: Arc::clone(&from_memory),
            failed: Arc::clone(&failed),
        };
        let thread = std::thread::Builder::new()
            .name("checkpointer".into())
            .spawn(move || worker.run(&ordered))
            .map_err(|error| StartError::Thread("checkpointer", error))?;
        Ok(Self { orders, stop, from_memory, failed, thread })
    }

    /// Orders a checkpoint of everything before `upto`; `false` while the last one is still being made.
    pub fn order(&self, upto: Offset, reply: Option<oneshot::Sender<Offset>>) -> bool {
        !matches!(self.orders.try_send(Order { upto, reply }), Err(TrySendError::Full(_)))
    }

    /// Whether the log could not give a whole state since this was asked last.
    pub fn wants_from_memory(&self) -> bool {
        self.from_memory.swap(false, Ordering::AcqRel)
    }

    /// Whether the last one ordered was not made, so that another is due though nothing has changed since.
    pub fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// Breaks off what is being made and waits for the thread's end.
    pub fn stop(self) {
        self.stop.store(true, Ordering::Release);
        drop(self.orders);
        // Its panics are caught inside.
        let _ = self.thread.join();
    }
}

struct Worker {
    shared: Arc<Shared>,
    checkpoints: Checkpoints,
    saving: Saving,
    log: Box<dyn LogReader>,
    retention: Sender<Offset>,
    newest: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    from_memory: Arc<AtomicBool>,
    failed: Arc<AtomicBool>,
}

impl Worker {
    fn run(&self, orders: &Receiver<Order>) {
        // Of this thread only. Where it is refused, checkpoints take their share of the processors like all others.
        let _ = rustix::process::nice(NICENESS);
        for Order { upto, reply } in orders {
            let started = Instant::now();
            let made = catch_unwind(AssertUnwindSafe(|| self.make(upto))).unwrap_or(Err(Failure::Panic));
            let metrics = &self.shared.metrics;
            self.failed.store(made.is_err(), Ordering::Release);
            let outcome = match made {
                Ok(keep_from) => {
                    self.newest.store(upto.0, Ordering::Release);
                    metrics.checkpoint.observe(seconds(started.elapsed()));
                    tracing::info!(next = upto.0, millis = started.elapsed().as_millis() as u64, "checkpoint written");
                    // The sequencer may have ended already: the next start retains.
                    let _ = self.retention.send(keep_from);
                    // So may who asked.
                    let _ = reply.map(|reply| reply.send(upto));
                    "written"
                }
                Err(Failure::Stopping) => continue,
                Err(error) => {
                    self.from_memory.fetch_or(matches!(error, Failure::Incomplete { .. }), Ordering::AcqRel);
                    tracing::error!(%error, "checkpoint failed; the log still holds what it would have covered");
                    "failed"
                }
            };
            metrics.checkpoints.get_or_create(&OutcomeLabel { outcome }).inc();
        }
    }

    /// Makes a checkpoint of everything before `upto`.
    fn make(&self, upto: Offset) -> Result<Offset, Failure> {
        let (restored, _) = self.checkpoints.newest()?;
        let (state, from) = match restored {
            Some(restored) => (restored.state, restored.header.next),
            None => (State::default(), Offset(0)),
        };
        let settings = self.shared.engine.read().settings().clone();
        let mut rebuild = Rebuild::new(Engine::from_state(settings, state));
        self.follow(&mut rebuild, from, upto)?;
        let header = Header {
            state_version: STATE_VERSION,
            next: upto,
            config_version: self.saving.config_version.clone(),
            saved_at: self.shared.clock.now(),
        };
        Ok(self.checkpoints.save(&header, rebuild.engine.state())?)
    }

    /// Applies the log from `from` up to `upto`. A log that begins later, as after a start without a checkpoint that
    /// covers what retention deleted, is followed from its beginning, as that start did.
    fn follow(&self, rebuild: &mut Rebuild, from: Offset, upto: Offset) -> Result<(), Failure> {
        let from = from.max(self.log.first_offset()?);
        let replayed = self.log.replay(from, upto, &mut |logged| {
            if self.stop.load(Ordering::Relaxed) {
                return ControlFlow::Break(());
            }
            rebuild.take(&logged)
        })?;
        if self.stop.load(Ordering::Acquire) {
            return Err(Failure::Stopping);
        }
        rebuild.end(&replayed);
        let met = rebuild.met;
        if met.lost > 0 || met.unreadable > 0 {
            return Err(Failure::Incomplete { lost: met.lost, unreadable: met.unreadable });
        }
        Ok(())
    }
}
