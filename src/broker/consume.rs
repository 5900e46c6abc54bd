//! The way back: one thread reads all partitions, puts them into the one order and hands batches to the sequencer.

mod begin;
mod letters;
mod look;
mod take;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rdkafka::Message;
use rdkafka::consumer::BaseConsumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Headers as _, Timestamp as Stamp};
use sidecart_engine::nouns::{Positions, Timestamp};
use tokio::runtime::Handle;

use self::take::InFlight;
use super::arrived::{Arrived, Content, Reading};
use super::client::{BrokerError, Callbacks, explain};
use super::ends::Ends;
use super::lead::Refusal;
use super::letters::{Held, Spans};
use super::merge::Merge;
use super::publish::{BURIED, Publisher};
use super::topics::Topics;
use super::witness::Witness;
use crate::config::Kafka;
use crate::ingest::{Learning, Ordered, Shared};

/// The longest wait for a record: the pace of all that this thread looks after.
const POLL: Duration = Duration::from_millis(5);
/// Records taken in before anything else has a turn.
const TURN: usize = 2_000;
/// Records of one batch: with their positions at most what the sequencer appends at once.
const BATCH: usize = 2_000;
/// Bytes of one job for the sequencer, but for its last record.
const BATCH_BYTES: usize = 8 << 20;
/// Records of one partition that may wait for their turn; beyond, it is not read on.
const MAX_WAITING: usize = 20_000;
/// Bytes of them at the broker; in memory they take some three times as many.
const MAX_WAITING_BYTES: usize = 4 << 20;
/// Cuts that may wait for their records; each is some hundred bytes.
const MAX_CUTS: usize = 20_000;
/// The place of the cuts, behind those of the topics that are cut.
const CUTS: usize = usize::MAX;
/// A cut that did not come back within this time is made again.
const CUT_AGAIN: Duration = Duration::from_secs(1);
/// How long records wait for the leader's cut before another replica cuts.
const SILENCE: Duration = Duration::from_millis(500);
/// What lies between the patience of one replica and another's.
const STAGGER: Duration = Duration::from_millis(50);
/// How often a leader's cut names every partition, so that who begins behind the first cuts knows of all.
const WHOLE_CUT: Duration = Duration::from_secs(10);
/// Between two looks at what waits.
const LOOK: Duration = Duration::from_secs(2);
/// Between two looks at how many partitions there are.
const COUNT: Duration = Duration::from_secs(30);
/// After this long without a record from a broker that answers there is none.
const QUIET: Duration = Duration::from_secs(3);
/// Records that a replica may be behind when it first counts as ready: what arrives between two questions for the ends.
const NEAR: i64 = 20_000;
/// How long a cut that is the next one may wait for its records, or records for a cut.
const STUCK: Duration = Duration::from_secs(5);
/// How long the configs before the state's place may take to be read: as many as were put within a week at most.
const FIND_CONFIG: Duration = Duration::from_secs(15);
/// Between two tries to reach a broker.
const RETRY: Duration = Duration::from_secs(1);

/// What the thread works with.
pub struct Consume {
    /// The section of the config.
    pub kafka: Kafka,
    /// The topics.
    pub topics: Topics,
    /// How foreign records are read, by what is in force at this place of the order.
    pub reading: Mutex<Reading>,
    /// Cuts and dead letters go this way.
    pub publisher: Arc<Publisher>,
    /// Batches go this way.
    pub ordered: Ordered,
    /// The engine, and how far it is.
    pub shared: Arc<Shared>,
    /// How far the broker's partitions reach.
    pub ends: Ends,
    /// Whether this replica leads.
    pub leads: Arc<AtomicBool>,
    /// Why the broker does not let this replica in.
    pub refusal: Refusal,
    /// Learns where this replica leads.
    pub learning: Option<Arc<Learning>>,
    /// Told of records that mean more than a change of the state.
    pub witness: Arc<dyn Witness>,
    /// The end.
    pub stop: Arc<AtomicBool>,
    /// To wait for the broker outside of the runtime.
    pub runtime: Handle,
}

/// What comes after reading.
enum Next {
    /// Nothing: the process ends, or its log takes nothing more.
    End,
    /// Reading anew, from where the state is, for this reason.
    Begin(&'static str),
}

/// What is under way.
struct Reader {
    consumer: BaseConsumer<Callbacks>,
    merge: Merge<Arrived>,
    /// What is to be warned of as to the topics.
    warnings: Vec<String>,
    /// When the last record arrived.
    arrived_at: Instant,
    /// The broker refused something, so that nothing coming does not mean that nothing is there.
    is_troubled: bool,
    /// Places of partitions that are not read on for now.
    paused: BTreeSet<(usize, i32)>,
    /// How far all must be read before the process counts as ready; `None` once it does.
    goal: Option<Positions>,
    /// How many records were left when the goal was set.
    left: i64,
    /// Where the cuts ended when reading began.
    cuts_end: i64,
    /// How long records wait for a silent leader: not all replicas are to speak at once.
    patience: Duration,
    /// Since when something waits, and for which cut.
    stuck_since: Option<(i64, Instant)>,
    /// The cut under way, and since when.
    cut: Option<(Positions, Instant)>,
    cut_at: Instant,
    whole_cut_at: Instant,
    /// Since when something waits for a cut.
    uncut_since: Option<Instant>,
    looked_at: Instant,
    /// Partitions that are read.
    known: BTreeSet<(usize, i32)>,
    counted_at: Instant,
    /// The job that the sequencer has.
    in_flight: Option<InFlight>,
    /// Letters whose sending is left to the leader.
    held: Held,
    /// What was said of letters, by the offset of the cut that said it.
    told: BTreeMap<i64, Spans>,
    /// Letters that this replica, as the leader, has seen to since it last said so.
    buried: Spans,
    /// When letters were last sent, and since when the broker takes none.
    buried_at: Instant,
    unburied_since: Option<Instant>,
}

impl Consume {
    /// Runs until the stop signal. A broker that is away is waited for.
    pub fn run(self) {
        let (mut is_first, mut held) = (true, Held::default());
        while !self.stopped() {
            match self.begin(is_first) {
                Ok(mut reader) => {
                    reader.held = held;
                    match self.follow(&mut reader) {
                        Next::End => return,
                        Next::Begin(why) => tracing::warn!("reading begins anew: {why}"),
                    }
                    // Their records are taken: they are not read again.
                    held = reader.held;
                }
                Err(error) if is_first => {
                    let refusal = self.refusal.lock().clone().filter(|_| matches!(error, BrokerError::Refused(_)));
                    let why = refusal.unwrap_or_else(|| error.to_string());
                    if self.shared.progress.behind().as_deref() != Some(&why) {
                        tracing::error!("{why}");
                    }
                    self.shared.progress.set_behind(Some(why));
                }
                // What was ready once stays so: a broker that is away is no reason to take answers away, too.
                Err(error) => tracing::warn!("{error}"),
            }
            is_first &= self.shared.progress.behind().is_some();
            std::thread::sleep(RETRY);
        }
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Follows until something ends it, and until what is under way is in the log.
    fn follow(&self, reader: &mut Reader) -> Next {
        let next = self.follow_on(reader);
        if self.settle(reader) { next } else { Next::End }
    }

    fn follow_on(&self, reader: &mut Reader) -> Next {
        self.tell_behind(reader);
        while !self.stopped() {
            self.read(reader);
            self.cut(reader);
            loop {
                let steps = reader.merge.take(BATCH);
                if steps.is_empty() {
                    break;
                }
                reader.stuck_since = None;
                if !self.submit(reader, steps) {
                    return Next::End;
                }
            }
            self.pace(reader);
            self.look(reader);
            if let Some(learning) = &self.learning {
                learning.set_idle(!self.leads.load(Ordering::Acquire));
            }
            if reader.merge.is_cut_beyond(&reader.known) || self.has_grown(reader) {
                return Next::Begin("topics have more partitions than before");
            }
            if self.is_stuck(reader) {
                return Next::Begin("records that the broker has do not come");
            }
        }
        Next::End
    }

    /// Takes in what has arrived.
    fn read(&self, reader: &mut Reader) {
        let mut wait = POLL;
        for _ in 0..TURN {
            let message = match reader.consumer.poll(wait) {
                None => return,
                Some(Err(error)) => {
                    reader.is_troubled |= self.is_trouble(&error);
                    return;
                }
                Some(Ok(message)) => message,
            };
            (wait, reader.arrived_at) = (Duration::ZERO, Instant::now());
            let Some(lane) = self.topics.ordered.iter().position(|topic| topic == message.topic()) else {
                if let Stamp::LogAppendTime(at) = message.timestamp() {
                    self.publisher.skew().note_read(self.shared.clock.now(), Timestamp(at));
                }
                let told = message.headers().and_then(|all| all.iter().find(|header| header.key == BURIED));
                let spans = told.and_then(|header| serde_json::from_slice(header.value.unwrap_or_default()).ok());
                reader.told.extend(spans.map(|spans| (message.offset(), spans)));
                let cut = message.payload().and_then(|payload| serde_json::from_slice(payload).ok());
                // Somebody else's record in the order is none.
                reader.merge.cut(message.offset(), cut.unwrap_or_default());
                continue;
            };
            let arrived = Arrived::of(&message, lane, &self.reading.lock());
            let place = (lane, message.partition());
            let missing = reader.merge.arrive(place, message.offset(), message.payload_len(), arrived);
            // Compaction leaves gaps, and so does the end of a transaction, one offset.
            if missing > 1 && Content::ORDERED[lane] == Content::Events {
                let (topic, partition) = (message.topic(), message.partition());
                tracing::error!(topic, partition, missing, "offsets are not there: deleted by retention, or aborted");
            }
        }
    }

    /// Tells of an error; whether it is more than a broker that is away.
    fn is_trouble(&self, error: &KafkaError) -> bool {
        let is_away = matches!(
            error.rdkafka_error_code(),
            Some(RDKafkaErrorCode::AllBrokersDown | RDKafkaErrorCode::BrokerTransportFailure)
        );
        if is_away {
            tracing::debug!(%error, "broker away");
        } else {
            tracing::warn!("{}", explain(&self.kafka, error));
        }
        !is_away
    }

    /// Says what shall be taken next, if that is on this replica.
    fn cut(&self, reader: &mut Reader) {
        if reader.merge.cuts_arrived() < reader.cuts_end {
            // What has arrived was cut long ago.
            return;
        }
        let leads = self.leads.load(Ordering::Acquire);
        let uncut = reader.merge.uncut();
        let now = Instant::now();
        if uncut.is_empty() {
            reader.uncut_since = None;
        } else {
            reader.uncut_since.get_or_insert(now);
        }
        let tells = leads && !reader.buried.is_empty();
        let is_silent = reader.uncut_since.is_some_and(|since| now - since >= reader.patience);
        let pace = Duration::from_millis(self.kafka.cut_every.ms().unsigned_abs());
        let pace = if leads { pace } else { SILENCE };
        if (uncut.is_empty() && !tells) || !(leads || is_silent) || now - reader.cut_at < pace {
            return;
        }
        let is_under_way = |(cut, since): &(Positions, Instant)| cut.covers(&uncut) && now - *since < CUT_AGAIN;
        if reader.cut.as_ref().is_some_and(is_under_way) {
            return;
        }
        let whole = leads && now - reader.whole_cut_at >= WHOLE_CUT;
        let cut = if whole { reader.merge.everything() } else { uncut };
        match self.publisher.cut(&cut, &reader.buried) {
            Ok(()) => {
                reader.buried = Spans::default();
                self.shared.metrics.broker.cuts.inc();
                reader.cut = Some((cut, now));
                reader.cut_at = now;
                if whole {
                    reader.whole_cut_at = now;
                }
            }
            Err(error) => tracing::debug!(%error, "cut not sent"),
        }
    }
}
