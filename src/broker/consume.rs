//! The way back: one thread reads all partitions, puts them into the one order and hands batches to the sequencer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Message, Offset as At, TopicPartitionList};
use sidecart_engine::nouns::{Entry, Positions, Record, Timestamp};
use tokio::runtime::Handle;
use uuid::Uuid;

use super::arrived::{Arrived, Content, Reading};
use super::client::{BrokerError, Callbacks, config, explain};
use super::lead::Refusal;
use super::merge::{Merge, Step};
use super::publish::{Letter, Publisher};
use super::topics::{ASK, Topics};
use crate::config::Kafka;
use crate::ingest::{Learning, Ordered, Prepared, Shared, SubmitError};

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
/// How long a cut that is the next one may wait for its records, or records for a cut.
const STUCK: Duration = Duration::from_secs(5);
/// Between two tries to reach a broker.
const RETRY: Duration = Duration::from_secs(1);

/// What the thread works with.
pub struct Consume {
    /// The section of the config.
    pub kafka: Kafka,
    /// The topics.
    pub topics: Topics,
    /// How foreign records are read.
    pub reading: Reading,
    /// Cuts and dead letters go this way.
    pub publisher: Arc<Publisher>,
    /// Batches go this way.
    pub ordered: Ordered,
    /// The engine, and how far it is.
    pub shared: Arc<Shared>,
    /// Whether this replica leads.
    pub leads: Arc<AtomicBool>,
    /// Why the broker does not let this replica in.
    pub refusal: Refusal,
    /// Learns where this replica leads.
    pub learning: Option<Arc<Learning>>,
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
    /// When the last record arrived.
    arrived_at: Instant,
    /// The broker refused something, so that nothing coming does not mean that nothing is there.
    is_troubled: bool,
    /// Places of partitions that are not read on for now.
    paused: BTreeSet<(usize, i32)>,
    /// How far all must be read before the process counts as ready; `None` once it does.
    goal: Option<Positions>,
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
}

impl Consume {
    /// Runs until the stop signal. A broker that is away is waited for.
    pub fn run(self) {
        let mut is_first = true;
        while !self.stopped() {
            match self.begin(is_first) {
                Ok(reader) => match self.follow(reader) {
                    Next::End => return,
                    Next::Begin(why) => tracing::warn!("reading begins anew: {why}"),
                },
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

    /// Sees to the topics and goes to where the state is.
    fn begin(&self, is_first: bool) -> Result<Reader, BrokerError> {
        // The rest of this replica's own log says where it was.
        while self.shared.progress.applied() < self.shared.progress.appended() && !self.stopped() {
            std::thread::sleep(POLL);
        }
        self.runtime.block_on(self.topics.ensure(&self.kafka))?;
        let mut config = config(&self.kafka)?;
        // No group: every replica reads everything, from where its own state is.
        config.set("group.id", format!("{}replica", self.kafka.topic_prefix)).set("enable.auto.commit", "false");
        config.set("auto.offset.reset", "earliest").set("fetch.wait.max.ms", "10");
        config.set("fetch.error.backoff.ms", "100").set("queued.max.messages.kbytes", "65536");
        let consumer = config.create_with_context(Callbacks::of(&self.kafka)).map_err(BrokerError::Settings)?;
        let from = self.shared.engine.read().positions().clone();
        let merge = Merge::new(self.topics.ordered.to_vec(), self.topics.cuts.clone(), &from);
        let now = Instant::now();
        let mut reader = Reader {
            consumer,
            merge,
            arrived_at: now,
            is_troubled: false,
            paused: BTreeSet::new(),
            goal: None,
            cuts_end: 0,
            patience: SILENCE + STAGGER * u32::from(Uuid::new_v4().as_bytes()[0] % 8),
            stuck_since: None,
            cut: None,
            cut_at: now,
            whole_cut_at: now,
            uncut_since: None,
            looked_at: now,
            known: BTreeSet::new(),
            counted_at: now,
        };
        let goal = self.assign(&mut reader, &from)?;
        reader.cuts_end = goal.of(&self.topics.cuts, 0).unwrap_or(0);
        reader.goal = is_first.then_some(goal);
        Ok(reader)
    }

    /// Reads every partition from where it was left; gives how far they reach now.
    fn assign(&self, reader: &mut Reader, from: &Positions) -> Result<Positions, BrokerError> {
        let refused = |error: KafkaError| BrokerError::Refused(explain(&self.kafka, &error));
        let (mut list, mut goal) = (TopicPartitionList::new(), Positions::default());
        let ordered = self.topics.ordered.iter().enumerate().map(|(lane, topic)| (Some(lane), topic));
        for (lane, topic) in ordered.chain([(None, &self.topics.cuts)]) {
            let metadata = reader.consumer.fetch_metadata(Some(topic), ASK).map_err(refused)?;
            let partitions = metadata.topics().first().map_or(0, |topic| topic.partitions().len() as i32);
            if partitions == 0 {
                let problem = "is not there yet: it is looked for again".to_owned();
                return Err(BrokerError::Topic { topic: topic.clone(), problem });
            }
            for partition in 0..partitions {
                let (first, end) = reader.consumer.fetch_watermarks(topic, partition, ASK).map_err(refused)?;
                let next = from.of(topic, partition).unwrap_or(0);
                if next > end {
                    let problem = format!(
                        "partition {partition} ends at {end}, but this replica has read up to {next}: it belongs to \
                         another cluster, or the topic was made anew; start with an empty data directory"
                    );
                    return Err(BrokerError::Topic { topic: topic.clone(), problem });
                }
                if let Some(lane) = lane {
                    reader.known.insert((lane, partition));
                    let lost = reader.merge.begins_at((lane, partition), first);
                    // Compaction leaves the newest of each key: nothing is lost by that.
                    if lost > 0 && Content::ORDERED[lane] == Content::Events {
                        tracing::error!(topic, partition, lost, "retention has deleted what this replica had not read");
                    }
                }
                if end > first {
                    goal.advance(topic, partition, end);
                }
                let at = if next < first { At::Beginning } else { At::Offset(next) };
                list.add_partition_offset(topic, partition, at).map_err(refused)?;
            }
        }
        reader.consumer.assign(&list).map_err(refused)?;
        Ok(goal)
    }

    fn follow(&self, mut reader: Reader) -> Next {
        self.tell_behind(&mut reader);
        while !self.stopped() {
            self.read(&mut reader);
            self.cut(&mut reader);
            loop {
                let steps = reader.merge.take(BATCH);
                if steps.is_empty() {
                    break;
                }
                reader.stuck_since = None;
                if !self.submit(steps) {
                    return Next::End;
                }
            }
            self.pace(&mut reader);
            self.look(&mut reader);
            if let Some(learning) = &self.learning {
                learning.set_idle(!self.leads.load(Ordering::Acquire));
            }
            if reader.merge.is_cut_beyond(&reader.known) || self.has_grown(&mut reader) {
                return Next::Begin("topics have more partitions than before");
            }
            if self.is_stuck(&mut reader) {
                return Next::Begin("records that the broker has do not come");
            }
        }
        Next::End
    }

    /// Whether a topic has more partitions than are read, looked at now and then.
    fn has_grown(&self, reader: &mut Reader) -> bool {
        if reader.counted_at.elapsed() < COUNT {
            return false;
        }
        reader.counted_at = Instant::now();
        self.topics.ordered.iter().enumerate().any(|(lane, topic)| {
            // A broker that is away has no news.
            let metadata = reader.consumer.fetch_metadata(Some(topic), POLL * 100);
            let count =
                metadata.ok().and_then(|metadata| metadata.topics().first().map(|topic| topic.partitions().len()));
            count.is_some_and(|count| count > reader.known.range((lane, 0)..=(lane, i32::MAX)).count())
        })
    }

    /// Whether records or a cut are waited for in vain while the broker answers: a client that lost its way after the
    /// broker was away must not hold its replica up for good.
    fn is_stuck(&self, reader: &mut Reader) -> bool {
        let waits = reader.merge.waiting() > 0 || reader.merge.cuts_waiting() > 0;
        let next = reader.merge.next_cut();
        let since = match reader.stuck_since {
            Some((cut, since)) if waits && cut == next => since,
            _ => {
                reader.stuck_since = waits.then(|| (next, Instant::now()));
                return false;
            }
        };
        if since.elapsed() < STUCK {
            return false;
        }
        reader.stuck_since = None;
        // A broker that is away is waited for.
        reader.consumer.fetch_watermarks(&self.topics.cuts, 0, POLL * 100).is_ok()
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
                let cut = message.payload().and_then(|payload| serde_json::from_slice(payload).ok());
                // Somebody else's record in the order is none.
                reader.merge.cut(message.offset(), cut.unwrap_or_default());
                continue;
            };
            let arrived = Arrived::of(&message, Content::ORDERED[lane], &self.reading);
            let place = (lane, message.partition());
            let missing = reader.merge.arrive(place, message.offset(), arrived);
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
        let is_silent = reader.uncut_since.is_some_and(|since| now - since >= reader.patience);
        let pace = Duration::from_millis(self.kafka.cut_every.ms().unsigned_abs());
        let pace = if leads { pace } else { SILENCE };
        if uncut.is_empty() || !(leads || is_silent) || now - reader.cut_at < pace {
            return;
        }
        let is_under_way = |(cut, since): &(Positions, Instant)| cut.covers(&uncut) && now - *since < CUT_AGAIN;
        if reader.cut.as_ref().is_some_and(is_under_way) {
            return;
        }
        let whole = leads && now - reader.whole_cut_at >= WHOLE_CUT;
        let cut = if whole { reader.merge.everything() } else { uncut };
        match self.publisher.cut(&cut) {
            Ok(()) => {
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

    /// Appends a batch and has it applied; `false`: the process ends, or its log takes nothing more.
    fn submit(&self, steps: Vec<Step<Arrived>>) -> bool {
        let now = self.shared.clock.now();
        let mut newest = BTreeMap::new();
        let mut oldest_ms = 0;
        for step in &steps {
            let Step::Record(arrived) = step else { continue };
            if let Some((why, payload)) = &arrived.refused {
                self.bury(arrived, why, payload);
            }
            newest.insert((arrived.origin.topic.as_str(), arrived.origin.partition), arrived.at);
            oldest_ms = oldest_ms.max(now.since_ms(arrived.at));
        }
        for ((topic, partition), at) in newest {
            self.shared.metrics.broker.tell_age(topic, partition, now.since_ms(at));
        }
        let received = Instant::now().checked_sub(Duration::from_millis(oldest_ms.unsigned_abs()));
        let received = received.unwrap_or_else(Instant::now);
        let (mut job, mut bytes) = (Vec::new(), 0);
        for record in steps.into_iter().flat_map(|step| prepared(step, now)) {
            if bytes >= BATCH_BYTES || job.len() >= 2 * BATCH {
                if !self.hand_on(std::mem::take(&mut job), received) {
                    return false;
                }
                bytes = 0;
            }
            bytes += record.payload().len();
            job.push(record);
        }
        job.is_empty() || self.hand_on(job, received)
    }

    fn hand_on(&self, job: Vec<Prepared>, received: Instant) -> bool {
        let mut refused = false;
        loop {
            match self.ordered.submit(job.clone(), received) {
                Ok(_) => {
                    if refused {
                        // Whether more is to come is said with the next look.
                        self.shared.progress.set_behind(None);
                    }
                    return true;
                }
                Err(SubmitError::Stopping | SubmitError::Failed(_)) => return false,
                // The disk is full, or refuses: what has arrived is not lost, the broker has it.
                Err(error) => {
                    if !std::mem::replace(&mut refused, true) {
                        tracing::error!("{error}");
                    }
                    self.shared.progress.set_behind(Some(error.to_string()));
                    std::thread::sleep(RETRY);
                    if self.stopped() {
                        return false;
                    }
                }
            }
        }
    }

    /// Counts what cannot be taken; the leader puts it aside for all.
    fn bury(&self, arrived: &Arrived, why: &str, payload: &[u8]) {
        let origin = &arrived.origin;
        self.shared.metrics.broker.poison.inc();
        tracing::warn!(topic = origin.topic, partition = origin.partition, offset = origin.offset, "not taken: {why}");
        if !self.leads.load(Ordering::Acquire) {
            return;
        }
        let origin = (origin.topic.as_str(), origin.partition, origin.offset);
        if let Err(error) = self.runtime.block_on(self.publisher.bury(&Letter { origin, reason: why, payload })) {
            tracing::error!("a record that cannot be read was not put aside: {error}");
        }
    }

    /// Reads on only where there is room.
    fn pace(&self, reader: &mut Reader) {
        let cuts = reader.merge.cuts_waiting();
        self.pace_one(reader, (CUTS, 0), &self.topics.cuts, cuts, MAX_CUTS);
        for (lane, topic) in self.topics.ordered.iter().enumerate() {
            for partition in reader.merge.partitions(lane) {
                let waiting = reader.merge.waiting_of((lane, partition));
                self.pace_one(reader, (lane, partition), topic, waiting, MAX_WAITING);
            }
        }
    }

    fn pace_one(&self, reader: &mut Reader, place: (usize, i32), topic: &str, waiting: usize, most: usize) {
        let is_paused = reader.paused.contains(&place);
        if is_paused == (waiting > most / 2) || (!is_paused && waiting <= most) {
            return;
        }
        let mut list = TopicPartitionList::new();
        list.add_partition(topic, place.1);
        // If the client cannot do it now, it is tried again with the next turn.
        if is_paused {
            if reader.consumer.resume(&list).is_ok() {
                reader.paused.remove(&place);
            }
        } else if reader.consumer.pause(&list).is_ok() {
            reader.paused.insert(place);
        }
    }

    /// Readiness, lag, and partitions that were added.
    fn look(&self, reader: &mut Reader) {
        if reader.goal.is_some() {
            self.tell_behind(reader);
        }
        if reader.looked_at.elapsed() < LOOK {
            return;
        }
        reader.looked_at = Instant::now();
        let broker = &self.shared.metrics.broker;
        broker.leader.set(i64::from(self.leads.load(Ordering::Acquire)));
        broker.waiting.set(reader.merge.waiting() as i64);
        for (lane, topic) in self.topics.ordered.iter().enumerate() {
            for partition in reader.merge.partitions(lane) {
                let left = reader.merge.left((lane, partition));
                broker.tell_lag(topic, partition, left);
            }
        }
    }

    /// Whether nothing more comes though offsets are left: those of transactions and of what compaction took away.
    fn is_at_the_end(&self, reader: &Reader) -> bool {
        let merge = &reader.merge;
        let is_quiet = reader.arrived_at.elapsed() > QUIET && merge.waiting() == 0 && merge.cuts_waiting() == 0;
        is_quiet && !reader.is_troubled && reader.consumer.fetch_watermarks(&self.topics.cuts, 0, POLL * 100).is_ok()
    }

    /// Says what is still to come before the process counts as ready.
    fn tell_behind(&self, reader: &mut Reader) {
        let Some(goal) = &reader.goal else { return };
        let engine = self.shared.engine.read();
        let reached = engine.positions();
        let left: i64 = goal.iter().map(|(t, p, end)| (end - reached.of(t, p).unwrap_or(0)).max(0)).sum();
        drop(engine);
        if left == 0 || self.is_at_the_end(reader) {
            tracing::info!("all that the broker held at the start is applied");
            self.shared.progress.set_behind(None);
            reader.goal = None;
        } else {
            let why = format!("some {left} records of the broker are still to be applied");
            self.shared.progress.set_behind(Some(why));
        }
    }
}

/// The entries of a step for this replica's log.
fn prepared(step: Step<Arrived>, now: Timestamp) -> Vec<Prepared> {
    match step {
        Step::Record(arrived) => arrived.entries,
        Step::Cut(reached) => {
            let entry = Entry { accepted_at: now, record: Record::Positions(reached), origin: None };
            let prepared =
                Prepared::new(entry).inspect_err(|error| tracing::error!(%error, "positions cannot be kept"));
            prepared.into_iter().collect()
        }
    }
}
