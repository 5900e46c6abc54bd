use std::ops::ControlFlow;
use std::path::Path;
use std::sync::mpsc;

use sidecart_engine::nouns::{Event, EventId, EventKind, Item, ItemId, Line, Record, SessionId, Timestamp};
use sidecart_engine::{Settings, State};

use super::checkpoint::Checkpoints;
use super::*;
use crate::clock::StreamClock;
use crate::log::{EventLog, LogError, LogOptions, LogReader, Logged, Replayed, Retired, SegmentLog};

const NOW: Timestamp = Timestamp(1_780_000_000_000);
const PATIENCE: Duration = Duration::from_secs(30);

fn clock() -> Arc<StreamClock> {
    Arc::new(StreamClock::at(NOW))
}

fn segment_log(dir: &Path) -> SegmentLog {
    let options = LogOptions { segment_bytes: 1 << 20, retain_ms: None, retain_bytes: None };
    SegmentLog::open(dir, options, NOW).expect("opened").0
}

fn storage(dir: &Path, log: Box<dyn EventLog>) -> Storage {
    let checkpoints = Checkpoints::open(dir.join("checkpoints"), 2).expect("opened");
    // Only the checkpoint of a clean stop is wanted here.
    let saving = Saving { every: Duration::from_secs(86_400), config_version: "test".into() };
    Storage { log, checkpoints, saving, learning: None, outlet: None }
}

struct Running {
    ingest: Ingest,
    shared: Arc<Shared>,
    writers: Writers,
}

impl Running {
    async fn with_log(dir: &Path, log: Box<dyn EventLog>, queue: usize) -> Self {
        let metrics = Arc::new(Metrics::new());
        let (ingest, shared, writers) =
            start(storage(dir, log), Settings::default(), queue, metrics, clock()).expect("started");
        let running = Self { ingest, shared, writers };
        running.ready().await;
        running
    }

    async fn on(dir: &Path) -> Self {
        Self::with_log(dir, Box::new(segment_log(dir)), 10_000).await
    }

    async fn ready(&self) {
        let started = Instant::now();
        while !self.shared.progress.is_ready() {
            assert!(started.elapsed() < PATIENCE, "not ready: {:?}", self.shared.progress.phase());
            tokio::task::yield_now().await;
        }
    }

    async fn submit(&self, records: Vec<Prepared>) -> Receipt {
        let receipt = self.ingest.submit(records).await.expect("taken");
        assert!(self.ingest.applied(&receipt.next, PATIENCE).await);
        receipt
    }

    fn state_bytes(&self) -> Vec<u8> {
        postcard::to_allocvec(self.shared.engine.read().state()).expect("encoded")
    }

    fn stop(self) {
        drop(self.ingest);
        self.writers.join();
    }
}

fn view(id: &str, session: usize, item: usize) -> Prepared {
    let event = Event {
        id: EventId::new(id).expect("an id"),
        kind: EventKind::View,
        session: SessionId::new(&format!("s{session}")).expect("an id"),
        user: None,
        anonymous: None,
        at: NOW,
        lines: vec![Line { item: ItemId::new(&format!("i{item}")).expect("an id"), quantity: 1, price: None }],
        order: None,
        placement: None,
        attribution_token: None,
        consent: None,
        context: None,
    };
    prepared(Record::Event(Box::new(event)))
}

fn prepared(record: Record) -> Prepared {
    Prepared::new(sidecart_engine::nouns::Entry { accepted_at: NOW, record, origin: None }).expect("encoded")
}

fn item(number: usize) -> Prepared {
    let mut item = Item::bare(ItemId::new(&format!("i{number}")).expect("an id"));
    // A number that loses a bit in a parser that rounds carelessly.
    let attribute = sidecart_engine::nouns::Attribute::Number(0.1 + number as f64 / 3.0);
    item.attributes.insert("weight".into(), attribute);
    prepared(Record::Item(Box::new(item)))
}

/// The state after all that the log of `dir` holds.
fn clean_replay(dir: &Path) -> Vec<u8> {
    let mut engine = Engine::from_state(Settings::default(), State::default());
    let mut visit = |logged: Logged<'_>| {
        engine.apply(&serde_json::from_slice(logged.payload).expect("an entry"));
        ControlFlow::Continue(())
    };
    segment_log(dir).replay(Offset(0), &mut visit).expect("read");
    postcard::to_allocvec(engine.state()).expect("encoded")
}

fn outcome(accepted: usize, duplicates: usize, next: u64) -> Receipt {
    Receipt { accepted, duplicates, next: Offset(next).into() }
}

#[tokio::test]
async fn an_event_counts_once_within_a_batch_and_after_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let running = Running::on(dir.path()).await;
    assert_eq!(running.submit(vec![view("a", 1, 1), view("a", 1, 1), view("b", 1, 2)]).await, outcome(2, 1, 2));
    assert_eq!(running.submit(vec![view("b", 1, 2), view("c", 1, 3)]).await, outcome(1, 1, 3));
    running.stop();
    let running = Running::on(dir.path()).await;
    assert_eq!(running.submit(vec![view("a", 1, 1)]).await, outcome(0, 1, 3));
    running.stop();
}

#[tokio::test]
async fn a_restart_gives_the_state_of_a_clean_replay_bit_for_bit() {
    let dir = tempfile::tempdir().expect("a folder");
    for round in 0..3 {
        let running = Running::on(dir.path()).await;
        let items = (0..20).map(|number| item(round * 20 + number));
        let views = (0..1_500).map(|n| view(&format!("{round}-{n}"), n % 40, (n * 7 + round) % 60));
        running.submit(items.chain(views).collect()).await;
        let live = running.state_bytes();
        running.stop();
        assert_eq!(live, clean_replay(dir.path()), "round {round}");
    }
    // The last checkpoint lost: the one before and a longer rest of the log give the same.
    let checkpoints = dir.path().join("checkpoints");
    let mut files: Vec<_> =
        std::fs::read_dir(&checkpoints).expect("listed").map(|e| e.expect("entry").path()).collect();
    files.sort();
    std::fs::write(files.last().expect("a checkpoint"), b"damaged").expect("written");
    let running = Running::on(dir.path()).await;
    assert_eq!(running.state_bytes(), clean_replay_beside(&running, dir.path()));
    running.stop();
}

/// As [`clean_replay`], while a running server holds the folder.
fn clean_replay_beside(running: &Running, dir: &Path) -> Vec<u8> {
    let copy = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(copy.path().join("log")).expect("made");
    for file in std::fs::read_dir(dir.join("log")).expect("listed") {
        let file = file.expect("an entry");
        std::fs::copy(file.path(), copy.path().join("log").join(file.file_name())).expect("copied");
    }
    assert_eq!(running.shared.progress.applied(), running.shared.progress.appended());
    clean_replay(copy.path())
}

#[tokio::test]
async fn a_checkpoint_of_another_log_is_refused_at_the_start() {
    let dir = tempfile::tempdir().expect("a folder");
    let running = Running::on(dir.path()).await;
    running.submit(vec![view("a", 1, 1)]).await;
    running.stop();
    std::fs::remove_dir_all(dir.path().join("log")).expect("removed");
    let storage = storage(dir.path(), Box::new(segment_log(dir.path())));
    let started = start(storage, Settings::default(), 10, Arc::new(Metrics::new()), clock());
    assert!(matches!(started.map(|_| ()), Err(StartError::LogBehindCheckpoint { covered: Offset(1), end: Offset(0) })));
}

/// A log whose appends wait for a word, and do as it says.
struct Gated {
    inner: SegmentLog,
    words: mpsc::Receiver<Word>,
}

enum Word {
    Append,
    Fill,
    Break,
}

impl EventLog for Gated {
    fn append(&mut self, payloads: &[Vec<u8>], now: Timestamp) -> Result<Offset, LogError> {
        match self.words.recv() {
            Ok(Word::Fill) => Err(LogError::Io {
                action: "write",
                path: "segment".into(),
                cause: std::io::ErrorKind::StorageFull.into(),
            }),
            Ok(Word::Break) => Err(LogError::Poisoned),
            Ok(Word::Append) | Err(_) => self.inner.append(payloads, now),
        }
    }

    fn first_offset(&self) -> Offset {
        self.inner.first_offset()
    }

    fn next_offset(&self) -> Offset {
        self.inner.next_offset()
    }

    fn replay(&self, from: Offset, visit: &mut dyn FnMut(Logged<'_>) -> ControlFlow<()>) -> Result<Replayed, LogError> {
        self.inner.replay(from, visit)
    }

    fn roll(&mut self, now: Timestamp) -> Result<Offset, LogError> {
        self.inner.roll(now)
    }

    fn reader(&self) -> Box<dyn LogReader> {
        self.inner.reader()
    }

    fn retain(&mut self, keep_from: Offset, now: Timestamp) -> Result<Retired, LogError> {
        self.inner.retain(keep_from, now)
    }
}

async fn gated(dir: &Path, queue: usize) -> (Running, mpsc::Sender<Word>) {
    let (word, words) = mpsc::channel();
    let log = Gated { inner: segment_log(dir), words };
    (Running::with_log(dir, Box::new(log), queue).await, word)
}

#[tokio::test]
async fn what_the_log_did_not_take_is_not_acknowledged_and_may_be_sent_again() {
    let dir = tempfile::tempdir().expect("a folder");
    let (running, word) = gated(dir.path(), 100).await;
    word.send(Word::Fill).expect("heard");
    let refused = running.ingest.submit(vec![view("a", 1, 1)]).await;
    assert!(matches!(refused, Err(SubmitError::DiskFull(_))), "{refused:?}");
    word.send(Word::Append).expect("heard");
    assert_eq!(running.submit(vec![view("a", 1, 1)]).await, outcome(1, 0, 1));
    running.stop();
}

#[tokio::test]
async fn a_broken_log_makes_the_server_unready_and_refuses_what_follows() {
    let dir = tempfile::tempdir().expect("a folder");
    let (running, word) = gated(dir.path(), 100).await;
    word.send(Word::Break).expect("heard");
    assert!(matches!(running.ingest.submit(vec![view("a", 1, 1)]).await, Err(SubmitError::Log(_))));
    assert!(matches!(running.shared.progress.phase(), Phase::Failed(_)));
    assert!(matches!(running.ingest.submit(vec![view("a", 1, 1)]).await, Err(SubmitError::Failed(_))));
    running.stop();
}

/// A clock that panics on one thread.
struct Trap(&'static str);

impl Clock for Trap {
    fn now(&self) -> Timestamp {
        assert_ne!(std::thread::current().name(), Some(self.0), "trapped");
        NOW
    }
}

#[tokio::test]
async fn a_writer_that_panics_is_not_silent() {
    for thread in ["sequencer", "applier"] {
        let dir = tempfile::tempdir().expect("a folder");
        let mut storage = storage(dir.path(), Box::new(segment_log(dir.path())));
        storage.saving.every = Duration::from_millis(1);
        let (ingest, shared, writers) =
            start(storage, Settings::default(), 10, Arc::new(Metrics::new()), Arc::new(Trap(thread))).expect("started");
        // So that the applier saves the state by itself, which looks at the clock.
        shared.unlogged.store(true, std::sync::atomic::Ordering::Release);
        let started = Instant::now();
        while !matches!(shared.progress.phase(), Phase::Failed(_)) {
            // Refused before it is ready and after it failed; what is taken in between springs the trap.
            let _ = ingest.submit(vec![view(&format!("{:?}", started.elapsed()), 1, 1)]).await;
            assert!(started.elapsed() < PATIENCE);
        }
        assert!(
            matches!(ingest.submit(vec![view("x", 1, 1)]).await, Err(SubmitError::Failed(why)) if why.contains(thread))
        );
        drop(ingest);
        writers.join();
    }
}

#[tokio::test]
async fn a_checkpoint_that_panics_costs_nothing_but_itself() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut storage = storage(dir.path(), Box::new(segment_log(dir.path())));
    storage.saving.every = Duration::from_millis(1);
    let metrics = Arc::new(Metrics::new());
    let clock = Arc::new(Trap("checkpointer"));
    let (ingest, shared, writers) =
        start(storage, Settings::default(), 100, Arc::clone(&metrics), clock).expect("started");
    let running = Running { ingest, shared, writers };
    running.ready().await;
    let failed = || metrics.checkpoints.get_or_create(&crate::metrics::OutcomeLabel { outcome: "failed" }).get();
    let started = Instant::now();
    for n in 0.. {
        if failed() > 2 {
            break;
        }
        running.submit(vec![view(&format!("e{n}"), 1, 1)]).await;
        assert!(started.elapsed() < PATIENCE, "no checkpoint was tried");
    }
    assert!(running.shared.progress.is_ready());
    running.stop();
}

#[tokio::test]
async fn events_of_one_id_in_flight_at_once_count_once() {
    let dir = tempfile::tempdir().expect("a folder");
    let (running, word) = gated(dir.path(), 100).await;
    let sent: Vec<_> = (0..5)
        .map(|_| {
            let ingest = running.ingest.clone();
            tokio::spawn(async move { ingest.submit(vec![view("same", 1, 1)]).await })
        })
        .collect();
    while running.ingest.queued() < 4 {
        tokio::task::yield_now().await;
    }
    (0..5).for_each(|_| word.send(Word::Append).expect("heard"));
    let mut total = Receipt::default();
    for task in sent {
        let receipt = task.await.expect("no panic").expect("taken");
        total = outcome(total.accepted + receipt.accepted, total.duplicates + receipt.duplicates, receipt.next.next.0);
    }
    assert_eq!(total, outcome(1, 4, 1));
    running.stop();
}

#[tokio::test]
async fn a_full_queue_turns_away_and_empties() {
    let dir = tempfile::tempdir().expect("a folder");
    let (running, word) = gated(dir.path(), 3).await;
    let ingest = running.ingest.clone();
    let first = tokio::spawn(async move { ingest.submit((0..3).map(|n| view(&n.to_string(), 1, n)).collect()).await });
    while running.ingest.queued() < 3 {
        tokio::task::yield_now().await;
    }
    assert_eq!(running.ingest.submit(vec![view("x", 1, 1)]).await, Err(SubmitError::Full(3)));
    word.send(Word::Append).expect("heard");
    assert_eq!(first.await.expect("no panic"), Ok(outcome(3, 0, 3)));
    word.send(Word::Append).expect("heard");
    assert_eq!(running.submit(vec![view("x", 1, 1)]).await, outcome(1, 0, 4));
    running.stop();
}

#[tokio::test]
async fn a_batch_larger_than_a_job_keeps_its_order_and_is_taken_whole() {
    let dir = tempfile::tempdir().expect("a folder");
    let running = Running::on(dir.path()).await;
    let count = MAX_JOB_RECORDS * 2 + 3;
    let batch = (0..count).map(|n| view(&format!("e{n:05}"), 1, n)).collect();
    assert_eq!(running.submit(batch).await, outcome(count, 0, count as u64));
    running.stop();
    let mut ids = Vec::new();
    let mut visit = |logged: Logged<'_>| {
        let entry: sidecart_engine::nouns::Entry = serde_json::from_slice(logged.payload).expect("an entry");
        let Record::Event(event) = entry.record else { panic!("an event") };
        ids.push(event.id.to_string());
        ControlFlow::Continue(())
    };
    segment_log(dir.path()).replay(Offset(0), &mut visit).expect("read");
    assert!(ids.is_sorted() && ids.len() == count);
}

#[tokio::test]
async fn however_much_history_comes_at_once_little_of_it_is_ahead_of_the_engine() {
    const IMPORTS: usize = 4;
    const EVENTS: usize = 4 * history::MAX_UNAPPLIED;
    let dir = tempfile::tempdir().expect("a folder");
    let running = Running::with_log(dir.path(), Box::new(segment_log(dir.path())), IMPORTS * EVENTS).await;
    let progress = &running.shared.progress;
    let imports: Vec<_> = (0..IMPORTS)
        .map(|import| {
            let batch = (0..EVENTS).map(|n| view(&format!("{import}-{n}"), n / 5, n % 90)).collect();
            let ingest = running.ingest.clone();
            tokio::spawn(async move { ingest.submit_history(batch).await })
        })
        .collect();
    let (all, started) = (Offset((IMPORTS * EVENTS) as u64), Instant::now());
    while progress.applied() < all {
        let appended = progress.appended();
        let ahead = appended.0.saturating_sub(progress.applied().0);
        assert!(ahead <= history::MAX_UNAPPLIED as u64, "{ahead} records are before whatever a shopper does now");
        assert!(started.elapsed() < PATIENCE);
        tokio::task::yield_now().await;
    }
    for import in imports {
        assert_eq!(import.await.expect("no panic").expect("taken").accepted, EVENTS);
    }
    running.stop();
}

#[tokio::test]
async fn nothing_is_taken_once_the_server_stops() {
    let dir = tempfile::tempdir().expect("a folder");
    let running = Running::on(dir.path()).await;
    let kept = running.ingest.clone();
    running.submit(vec![view("a", 1, 1)]).await;
    running.ingest.stop().await;
    assert_eq!(kept.submit(vec![view("b", 1, 1)]).await, Err(SubmitError::Stopping));
    // The writers end although there is still a way in.
    running.stop();
    assert_eq!(kept.submit(vec![view("b", 1, 1)]).await, Err(SubmitError::Stopping));
}
