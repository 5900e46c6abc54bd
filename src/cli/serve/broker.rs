//! The log on a broker, where the config asks for one.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use sidecart_engine::nouns::{Erasure, Event, Positions, Timestamp};
use uuid::Uuid;

use crate::access::Pseudonyms;
use crate::broker::{self, BrokerError, Following, Needs, Publisher, Reading, Topics, Witness};
use crate::clock::Clock;
use crate::config::Config;
use crate::config::events::LogKind;
use crate::decisions::Decision;
use crate::erasure::Erasures;
use crate::in_force::{Keeper, Proposal};
use crate::ingest::{Ingest, Learning, Shared};
use crate::service::Clicks;

/// The parts of this replica that are told of records at their place of the order.
pub struct Witnesses {
    /// Forgets shoppers in this replica's files, too.
    pub erasures: Erasures,
    /// Brings configs into force.
    pub keeper: Arc<Keeper>,
    /// Learns from clicks.
    pub clicks: Clicks,
    /// Replaces the ids of shoppers in what others wrote; a matter of the start.
    pub pseudonyms: Option<Pseudonyms>,
}

impl Witness for Witnesses {
    fn erasure(&self, erasure: &Erasure, reach: &Positions, accepted_at: Timestamp) -> Result<(), String> {
        self.erasures.take(erasure, reach, accepted_at).map_err(|error| error.to_string())
    }

    fn config(&self, proposal: &Proposal) -> Result<Reading, String> {
        self.keeper.take(proposal).map_err(|error| error.to_string())?;
        Ok(reading(&self.keeper.now().config, self.pseudonyms.clone()))
    }

    fn click(&self, event: &Event) {
        self.clicks.learn(event);
    }

    fn has_decision(&self, id: Uuid) -> bool {
        self.clicks.decisions.get(id).is_some()
    }

    fn decision(&self, id: Uuid, decision: Decision) {
        if self.clicks.tokens.open(&decision.answer.attribution_token) != Some(id) {
            let strange = &self.clicks.shared.metrics.broker.strange_tokens;
            if strange.inc() == 0 {
                tracing::error!(
                    "another replica signs attribution tokens with another key: clicks in its answers count nowhere \
                     else; give all replicas the same `access.token_key_file`"
                );
            }
        }
        self.clicks.decisions.record_told(id, decision, &self.keeper.now().config.observability);
    }
}

/// The way out to the broker; `None`: the config asks for none.
pub fn publisher(config: &Config, clock: &Arc<dyn Clock>) -> Result<Option<Arc<Publisher>>, BrokerError> {
    match config.events.log {
        LogKind::Embedded => Ok(None),
        LogKind::Kafka => {
            Publisher::new(&config.kafka, &Topics::of(&config.kafka), Arc::clone(clock)).map(Arc::new).map(Some)
        }
    }
}

/// Begins to follow the broker.
pub fn follow(
    publisher: Option<Arc<Publisher>>,
    config: &Config,
    ingest: &Ingest,
    shared: &Arc<Shared>,
    learning: Option<Arc<Learning>>,
    leads: Arc<AtomicBool>,
    witness: Witnesses,
) -> Result<Option<Following>, BrokerError> {
    let Some(publisher) = publisher else { return Ok(None) };
    let decisions = Arc::clone(&witness.clicks.decisions);
    let needs = Needs {
        kafka: config.kafka.clone(),
        reading: reading(config, witness.pseudonyms.clone()),
        publisher,
        ingest: ingest.clone(),
        shared: Arc::clone(shared),
        learning,
        leads,
        witness: Arc::new(witness),
    };
    let mut following = broker::follow(needs)?;
    if let Some(telling) = following.take_telling() {
        decisions.tell_to(Box::new(move |decision| telling.tell(decision)));
    }
    Ok(Some(following))
}

/// How foreign records are read under a config.
fn reading(config: &Config, pseudonyms: Option<Pseudonyms>) -> Reading {
    Reading {
        events: config.events.clone(),
        mapping: config.events.mapping.compiled(),
        currency: config.catalog.currency,
        pseudonyms,
    }
}
