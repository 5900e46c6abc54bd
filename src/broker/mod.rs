//! A broker as the event log: records go to Kafka or Redpanda first, and every replica takes all of them back, in one
//! order, into its own log and state.
//!
//! HTTP -> [`Publisher`] -> topics -> [`consume`]: partitions, put into one order by [`merge`] -> the sequencer, as if
//! they had just come in. What has been read (`Record::Positions`) is in the same log and state, so both move together.
//! The [`lead`]er says how far all shall take what has arrived, learns, and puts aside what nobody can read.

mod arrived;
mod client;
mod consume;
mod decisions;
mod ends;
mod found;
mod lead;
mod letters;
mod merge;
mod publish;
mod skew;
#[cfg(test)]
mod tests;
mod topics;
mod witness;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

pub use arrived::Reading;
pub use client::BrokerError;
use consume::Consume;
pub use decisions::Telling;
pub use publish::Publisher;
pub use topics::Topics;
pub use witness::Witness;

use crate::config::Kafka;
use crate::ingest::{Ingest, Learning, Shared};

/// The threads that follow the broker.
pub struct Following {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    publisher: Arc<Publisher>,
    telling: Option<Telling>,
}

/// What following a broker needs of the process.
pub struct Needs {
    /// The section of the config.
    pub kafka: Kafka,
    /// How foreign records are read.
    pub reading: Reading,
    /// The way out.
    pub publisher: Arc<Publisher>,
    /// The way in.
    pub ingest: Ingest,
    /// The engine, and how far it is.
    pub shared: Arc<Shared>,
    /// Whether this replica leads; told from here on.
    pub leads: Arc<AtomicBool>,
    /// The learner, if the scorer learns.
    pub learning: Option<Arc<Learning>>,
    /// Told of records that mean more than a change of the state.
    pub witness: Arc<dyn Witness>,
}

/// Begins to follow. The broker may be away: the process serves what it has, and says in its readiness what is missing.
/// To be called on the runtime.
///
/// # Errors
/// [`BrokerError`]: the settings cannot be used.
pub fn follow(needs: Needs) -> Result<Following, BrokerError> {
    let topics = Topics::of(&needs.kafka);
    let (stop, leads) = (Arc::new(AtomicBool::new(false)), needs.leads);
    leads.store(false, Ordering::Release);
    needs.shared.progress.set_behind(Some("the broker was not asked yet".into()));
    if let Some(learning) = &needs.learning {
        learning.set_idle(true);
    }
    let refusal = lead::Refusal::default();
    let lead = (Arc::clone(&leads), needs.shared.metrics.broker.leader.clone());
    let leader = lead::spawn(&needs.kafka, &topics, lead, Arc::clone(&stop), Arc::clone(&refusal))?;
    let ends = ends::Ends::default();
    let asking = ends::spawn(&needs.kafka, &topics, Arc::clone(&ends), Arc::clone(&stop))?;
    let consume = Consume {
        topics,
        ends,
        reading: parking_lot::Mutex::new(needs.reading),
        publisher: Arc::clone(&needs.publisher),
        ordered: needs.ingest.ordered(),
        shared: Arc::clone(&needs.shared),
        leads,
        refusal,
        learning: needs.learning,
        witness: needs.witness,
        stop: Arc::clone(&stop),
        runtime: tokio::runtime::Handle::current(),
        kafka: needs.kafka,
    };
    let mut threads = vec![leader, asking];
    let mut telling = None;
    if consume.kafka.share_decisions {
        let (metrics, witness) = (&needs.shared.metrics, Arc::clone(&consume.witness));
        let (told, both) = decisions::spawn(&consume.kafka, &consume.topics, metrics, witness, &stop)?;
        telling = Some(told);
        threads.extend(both);
    }
    let shared = needs.shared;
    let consumer = std::thread::Builder::new()
        .name("consumer".into())
        .spawn(move || shared.guard("consumer of the broker", || consume.run()))
        .map_err(|error| BrokerError::Thread("consumer", error))?;
    threads.push(consumer);
    Ok(Following { stop, threads, publisher: needs.publisher, telling })
}

impl Following {
    /// The way to tell other replicas of decisions, once; `None` where they are not told.
    pub fn take_telling(&mut self) -> Option<Telling> {
        self.telling.take()
    }

    /// Stops reading; waits for what was sent. Blocks.
    pub fn stop(self) {
        self.stop.store(true, Ordering::Release);
        for thread in self.threads {
            // A panic was reported by the thread's own guard.
            let _ = thread.join();
        }
        self.publisher.flush();
    }
}
