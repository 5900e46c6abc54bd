//! The learner beside the write path: the applier makes lessons (it alone sees the state just before an event), this
//! thread learns from them and publishes models as records of the log, so that a replay has them too.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use sidecart_engine::nouns::{Entry, Event, HOUR_MS, Model, Record};
use sidecart_engine::{Engine, Lesson, Scratch, Trainer, Wishes};
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::{Job, Message, Phase, Prepared, Shared, StartError};
use crate::metrics::KindLabel;

/// Lessons that may wait; one more is dropped. Each holds some 50 KiB of features.
const MAX_WAITING: usize = 64;
/// How long the learner waits without looking whether its pace was changed.
const MAX_WAIT: Duration = Duration::from_secs(1);
/// Older than this when it comes, an event is history that is being imported. Milliseconds.
const HISTORY_MS: i64 = HOUR_MS;
/// One in so many events of history teaches, however fast it comes: a year of a shop is imported within a minute, in which
/// the pace alone would have the scorer learn next to nothing. A lesson costs as much as some 30 events.
const HISTORY_STRIDE: u32 = 16;
/// The learning rate. AdaGrad's sums of squares make steps smaller as lessons are taken.
pub const LEARNING_RATE: f32 = 0.05;

/// How fast the scorer learns. Shared with whoever changes it while it learns.
#[derive(Debug)]
pub struct Learning {
    pace_us: AtomicU64,
    publish_every_us: AtomicU64,
    /// Another replica learns for all.
    is_idle: AtomicBool,
}

impl Learning {
    /// A lesson every `pace` at most, a model every `publish_every`.
    #[must_use]
    pub fn new(pace: Duration, publish_every: Duration) -> Self {
        let learning = Self {
            pace_us: AtomicU64::default(),
            publish_every_us: AtomicU64::default(),
            is_idle: AtomicBool::new(false),
        };
        learning.set(pace, publish_every);
        learning
    }

    /// Changes both, from the next lesson and the next model on.
    pub fn set(&self, pace: Duration, publish_every: Duration) {
        let micros = |span: Duration| u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        self.pace_us.store(micros(pace), Ordering::Relaxed);
        self.publish_every_us.store(micros(publish_every), Ordering::Relaxed);
    }

    /// Whether another replica learns for all, and this one is to wait.
    #[cfg_attr(not(feature = "kafka"), expect(dead_code, reason = "without a broker there are no other replicas"))]
    pub fn set_idle(&self, is_idle: bool) {
        self.is_idle.store(is_idle, Ordering::Relaxed);
    }

    fn is_idle(&self) -> bool {
        self.is_idle.load(Ordering::Relaxed)
    }

    fn pace(&self) -> Duration {
        Duration::from_micros(self.pace_us.load(Ordering::Relaxed))
    }

    fn publish_every(&self) -> Duration {
        Duration::from_micros(self.publish_every_us.load(Ordering::Relaxed))
    }
}

/// What the learner is told.
#[derive(Debug)]
enum Told {
    Lesson(Lesson),
    /// To publish what was learned until then, and to answer.
    Publish(oneshot::Sender<()>),
}

/// The way in for lessons that others make, such as clicks. It does not keep the trainer from ending.
#[derive(Debug, Clone, Default)]
pub(super) struct Door(Weak<SyncSender<Told>>);

impl Door {
    /// Hands a lesson in; whether there was room for it.
    pub fn hand_in(&self, lesson: Lesson) -> bool {
        self.0.upgrade().is_some_and(|lessons| lessons.try_send(Told::Lesson(lesson)).is_ok())
    }

    /// Has what was learned published, behind the lessons that wait already; returns when that was tried.
    pub async fn publish(&self) {
        let Some(lessons) = self.0.upgrade() else { return };
        let (reply, done) = oneshot::channel();
        // Waits for room where many lessons wait.
        let told = tokio::task::spawn_blocking(move || lessons.send(Told::Publish(reply))).await;
        if matches!(told, Ok(Ok(()))) {
            let _ = done.await;
        }
    }
}

/// The applier's end: makes lessons at the set pace.
pub(super) struct Classroom {
    lessons: Arc<SyncSender<Told>>,
    learning: Arc<Learning>,
    next_at: Instant,
    scratch: Scratch,
    wishes: Wishes,
    /// Events of history met.
    history: u32,
}

impl Classroom {
    /// A way in for others.
    pub fn door(&self) -> Door {
        Door(Arc::downgrade(&self.lessons))
    }

    /// Makes a lesson of an event about to be applied, if it is time for one.
    pub fn attend(&mut self, engine: &Engine, entry: &Entry) {
        let Record::Event(event) = &entry.record else { return };
        let now = Instant::now();
        if engine.model().frozen || self.learning.is_idle() {
            return;
        }
        for lesson in self.wishes.granted(event) {
            self.hand_on(lesson);
        }
        if (now >= self.next_at || self.is_turn_of_history(entry, event)) && self.teach(engine, event) {
            self.next_at = now + self.learning.pace();
        }
    }

    /// Whether an event is of history, and the next of it to teach.
    fn is_turn_of_history(&mut self, entry: &Entry, event: &Event) -> bool {
        if entry.accepted_at.since_ms(event.at) <= HISTORY_MS {
            return false;
        }
        self.history = self.history.wrapping_add(1);
        self.history.is_multiple_of(HISTORY_STRIDE)
    }

    /// Whether there was a lesson in it.
    fn teach(&mut self, engine: &Engine, event: &Event) -> bool {
        if engine.has_seen(&event.id) {
            return false;
        }
        // Any list that was made counts against the pace, taught or not: it has cost its time.
        // As of the event: to the clock on the wall, the visits of imported history ended long ago.
        if let Some(lesson) = engine.lesson(event, event.at, &mut self.scratch) {
            self.hand_on(lesson);
        }
        if self.wishes.has_room(event.at)
            && let Some(wish) = engine.wish(event, event.at, &mut self.scratch)
        {
            self.wishes.keep(wish);
        }
        true
    }

    /// To the learner, if it has room.
    fn hand_on(&self, lesson: Lesson) {
        match self.lessons.try_send(Told::Lesson(lesson)) {
            Ok(()) | Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
        }
    }
}

/// Starts the learner. Should it panic, learning ends and nothing else: the model in force stays.
pub(super) fn spawn(
    shared: &Arc<Shared>,
    jobs: mpsc::WeakSender<Message>,
    room: Arc<Semaphore>,
    learning: Arc<Learning>,
) -> Result<(Classroom, JoinHandle<()>), StartError> {
    let (lessons, waiting) = sync_channel(MAX_WAITING);
    let lessons = Arc::new(lessons);
    let (next_at, scratch) = (Instant::now(), Scratch::default());
    let wishes = Wishes::default();
    let classroom = Classroom { lessons, learning: Arc::clone(&learning), next_at, scratch, wishes, history: 0 };
    let school = School { shared: Arc::clone(shared), jobs, room, learning, pupil: None };
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
    learning: Arc<Learning>,
    /// Made only with the first lesson: after a start, the model in force is known once the log has been applied.
    pupil: Option<Pupil>,
}

/// A trainer, and what it stands on.
struct Pupil {
    trainer: Trainer,
    /// The model in force that it goes on from.
    base: Model,
    /// What it sent last, which may be in force by now.
    sent: Option<Model>,
    /// Lessons until then.
    lessons_sent: u64,
}

impl Pupil {
    fn of(engine: &Engine) -> Self {
        Self { trainer: engine.trainer(), base: engine.model().clone(), sent: None, lessons_sent: 0 }
    }

    /// Whether it goes on from the model in force; not so if somebody else has published one.
    fn goes_on_from(&mut self, in_force: &Model) -> bool {
        if self.sent.as_ref() == Some(in_force) {
            self.base.clone_from(in_force);
        }
        self.base == *in_force
    }
}

impl School {
    /// Ends when the applier does.
    fn run(mut self, waiting: &Receiver<Told>) {
        let mut published_at = Instant::now();
        loop {
            let publish_at = published_at + self.learning.publish_every();
            match waiting.recv_timeout(publish_at.saturating_duration_since(Instant::now()).min(MAX_WAIT)) {
                Ok(Told::Lesson(lesson)) => self.take(&lesson),
                Ok(Told::Publish(done)) => {
                    self.publish();
                    // Who asked may have gone.
                    let _ = done.send(());
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if Instant::now() >= publish_at {
                self.publish();
                published_at = Instant::now();
            }
        }
    }

    fn take(&mut self, lesson: &Lesson) {
        let trainer = &mut self.pupil.get_or_insert_with(|| Pupil::of(&self.shared.engine.read())).trainer;
        if trainer.take(lesson, LEARNING_RATE) {
            let kind = if lesson.is_exposure() { "exposure" } else { "organic" };
            self.shared.metrics.lessons.get_or_create(&KindLabel { kind }).inc();
        }
    }

    /// Sends what was learned the way of all records, unless somebody froze the model. Where somebody else published,
    /// learning begins anew from that. Where sending is not possible now, the next model will tell as much.
    fn publish(&mut self) {
        let Some(pupil) = &mut self.pupil else { return };
        let in_force = self.shared.engine.read().model().clone();
        if in_force.frozen || self.learning.is_idle() || !pupil.goes_on_from(&in_force) {
            self.pupil = None;
            return;
        }
        if pupil.trainer.lessons() == pupil.lessons_sent {
            return;
        }
        let model = pupil.trainer.publish(&in_force);
        self.shared.metrics.learning.tell(pupil.trainer.courses());
        if send(&self.shared, &self.jobs, &self.room, &model) {
            tracing::debug!(version = model.version, lessons = pupil.trainer.lessons(), "model published");
            pupil.lessons_sent = pupil.trainer.lessons();
            pupil.sent = Some(model);
        }
    }
}

/// Hands a model to the sequencer, if there is room.
fn send(shared: &Shared, jobs: &mpsc::WeakSender<Message>, room: &Arc<Semaphore>, model: &Model) -> bool {
    if shared.progress.phase() != Phase::Ready {
        return false;
    }
    let entry = Entry { accepted_at: shared.clock.now(), record: Record::Model(Box::new(model.clone())), origin: None };
    let (Some(jobs), Ok(room)) = (jobs.upgrade(), Arc::clone(room).try_acquire_many_owned(1)) else {
        return false;
    };
    match (Prepared::new(entry), &shared.outlet) {
        (Ok(record), Some(outlet)) => outlet.offer(&record),
        (Ok(record), None) => {
            let (reply, _) = oneshot::channel();
            jobs.try_send(Message::Take(Job { records: vec![record], received: Instant::now(), reply, room })).is_ok()
        }
        (Err(error), _) => {
            tracing::error!(%error, "model cannot be published");
            false
        }
    }
}
