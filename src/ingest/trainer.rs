//! The learner beside the write path: the applier makes lessons (it alone sees the state just before an event), this
//! thread learns from them and publishes models as records of the log, so that a replay has them too.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use sidecart_engine::nouns::{Entry, Event, Record};
use sidecart_engine::{Engine, Lesson, Scratch, Trainer};
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::{Job, Message, Phase, Prepared, Shared, StartError};

/// Lessons that may wait; one more is dropped. Each holds some 50 KiB of features.
const MAX_WAITING: usize = 64;
/// Lessons after which the learner has warmed up.
const WARM_UP: u64 = 5_000;
/// Learning rate until then, and from then on.
const RATES: [f32; 2] = [0.05, 0.02];

/// The learning rate after so many lessons.
#[must_use]
pub fn rate(lessons: u64) -> f32 {
    RATES[usize::from(lessons >= WARM_UP)]
}

/// How the scorer learns.
#[derive(Debug, Clone)]
pub struct Learning {
    /// Time between two lessons, at least.
    pub pace: Duration,
    /// Time between two models.
    pub publish_every: Duration,
}

/// The applier's end: makes lessons at the set pace.
pub(super) struct Classroom {
    lessons: SyncSender<Lesson>,
    pace: Duration,
    next_at: Instant,
    scratch: Scratch,
}

impl Classroom {
    /// Makes a lesson of an event about to be applied, if it is time for one.
    pub fn attend(&mut self, engine: &Engine, entry: &Entry) {
        let Record::Event(event) = &entry.record else { return };
        let now = Instant::now();
        if now >= self.next_at && self.teach(engine, event) {
            self.next_at = now + self.pace;
        }
    }

    /// Whether there was a lesson in it.
    fn teach(&mut self, engine: &Engine, event: &Event) -> bool {
        if engine.has_seen(&event.id) {
            return false;
        }
        // Any list that was made counts against the pace, taught or not: it has cost its time.
        // As of the event: to the clock on the wall, the visits of imported history ended long ago.
        if let Some(lesson) = engine.lesson(event, event.at, &mut self.scratch) {
            match self.lessons.try_send(lesson) {
                Ok(()) | Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
            }
        }
        true
    }
}

/// Starts the learner. Should it panic, learning ends and nothing else: the model in force stays.
pub(super) fn spawn(
    shared: &Arc<Shared>,
    jobs: mpsc::WeakSender<Message>,
    room: Arc<Semaphore>,
    learning: Learning,
) -> Result<(Classroom, JoinHandle<()>), StartError> {
    let (lessons, waiting) = sync_channel(MAX_WAITING);
    let classroom = Classroom { lessons, pace: learning.pace, next_at: Instant::now(), scratch: Scratch::default() };
    let school = School { shared: Arc::clone(shared), jobs, room, publish_every: learning.publish_every };
    let thread = std::thread::Builder::new()
        .name("trainer".into())
        .spawn(move || school.run(&waiting))
        .map_err(|error| StartError::Thread("trainer", error))?;
    Ok((classroom, thread))
}

struct School {
    shared: Arc<Shared>,
    /// Weak, so that the learner does not keep the writers from ending.
    jobs: mpsc::WeakSender<Message>,
    room: Arc<Semaphore>,
    publish_every: Duration,
}

impl School {
    /// Ends when the applier does.
    fn run(self, waiting: &Receiver<Lesson>) {
        let mut trainer: Option<Trainer> = None;
        let mut published = 0;
        let mut publish_at = Instant::now() + self.publish_every;
        loop {
            match waiting.recv_timeout(publish_at.saturating_duration_since(Instant::now())) {
                Ok(lesson) => {
                    // Made only now: after a start, the model in force is known once the log has been applied.
                    let trainer = trainer.get_or_insert_with(|| self.shared.engine.read().trainer());
                    if trainer.take(&lesson, rate(trainer.lessons())) {
                        self.shared.metrics.lessons.inc();
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if Instant::now() >= publish_at {
                if let Some(trainer) = trainer.as_mut().filter(|trainer| trainer.lessons() > published) {
                    published = trainer.lessons();
                    self.publish(trainer);
                }
                publish_at = Instant::now() + self.publish_every;
            }
        }
    }

    /// Sends the model the way of all records. Where that is not possible now, the next one will tell as much.
    fn publish(&self, trainer: &mut Trainer) {
        let model = trainer.publish(self.shared.engine.read().model());
        let version = model.version;
        let entry = Entry { accepted_at: self.shared.clock.now(), record: Record::Model(Box::new(model)) };
        if self.shared.progress.phase() != Phase::Ready {
            return;
        }
        let (Some(jobs), Ok(room)) = (self.jobs.upgrade(), Arc::clone(&self.room).try_acquire_many_owned(1)) else {
            return;
        };
        match Prepared::new(entry) {
            Ok(record) => {
                let (reply, _) = oneshot::channel();
                let job = Job { records: vec![record], received: Instant::now(), reply, room };
                if jobs.try_send(Message::Take(job)).is_ok() {
                    tracing::debug!(version, lessons = trainer.lessons(), "model published");
                }
            }
            Err(error) => tracing::error!(%error, "model cannot be published"),
        }
    }
}
