//! The topics: their names, what they must be like, and making them.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::consumer::Consumer as _;
use rdkafka::error::RDKafkaErrorCode;
use sidecart_engine::nouns::{DAY_MS, Record};

use super::client::{BrokerError, Callbacks, MAX_MESSAGE_BYTES, config, consumer, explain, logs_in_by_token};
use super::found;
use crate::config::{Kafka, Span};

/// How long one question to the broker may take.
pub const ASK: Duration = Duration::from_secs(5);
/// How long decisions are kept: whoever reads them does so at once. The file that is written to is not deleted before it
/// is set aside.
const DECISIONS_KEPT: Span = Span::from_secs(3_600);
const DECISIONS_FILE: Span = Span::from_secs(600);
/// How long records of compacted topics are left as they are.
const UNCOMPACTED: Span = Span::from_ms(7 * DAY_MS);

/// The names of a shop's topics.
#[derive(Debug, Clone)]
pub struct Topics {
    /// Those whose records change the state, in the order in which a cut takes them: the catalogue before what is told of
    /// its items, a model before the events that are ranked by it. A config counts from the next cut on.
    pub ordered: [String; 6],
    /// The order itself.
    pub cuts: String,
    /// What was answered, for all replicas to know.
    pub decisions: String,
    /// What could not be taken.
    pub dead_letters: String,
}

impl Topics {
    /// Those of a prefix.
    pub fn of(kafka: &Kafka) -> Self {
        let name = |topic: &str| format!("{}{topic}", kafka.topic_prefix);
        Self {
            ordered: ["catalog", "inventory", "models", "erasures", "events", "config"].map(name),
            cuts: name("cuts"),
            decisions: name("decisions"),
            dead_letters: name("dead-letters"),
        }
    }

    /// The place of the configs among those that are ordered.
    pub const CONFIGS: usize = 5;

    /// Configs.
    pub fn configs(&self) -> &str {
        &self.ordered[Self::CONFIGS]
    }

    /// Where a record goes, and its key.
    pub fn route<'t, 'r>(&'t self, record: &'r Record) -> (&'t str, Option<&'r str>) {
        let [catalog, inventory, models, erasures, events, _] = &self.ordered;
        match record {
            Record::Event(event) => (events, Some(event.session.as_str())),
            Record::Item(item) => (catalog, Some(item.id.as_str())),
            Record::Patch { item, .. } | Record::Delete { item } => (catalog, Some(item.as_str())),
            Record::Stock(update) => (inventory, Some(update.item.as_str())),
            Record::Model(_) => (models, Some("ranker")),
            Record::Erase(_) | Record::Positions(_) => (erasures, None),
        }
    }

    fn all(&self, kafka: &Kafka) -> Vec<Wanted<'_>> {
        let [catalog, inventory, models, erasures, events, configs] = &self.ordered;
        let many = i32::from(kafka.partitions);
        let wanted = |name, partitions, cleanup, exactly| Wanted { name, partitions, cleanup, exactly };
        vec![
            wanted(catalog, many, Cleanup::Newest, false),
            wanted(inventory, many, Cleanup::Newest, false),
            wanted(models, 1, Cleanup::Models, true),
            wanted(erasures, 1, Cleanup::Erasures, true),
            wanted(configs, 1, Cleanup::Configs, true),
            wanted(events, many, Cleanup::Events, false),
            wanted(&self.cuts, 1, Cleanup::Cuts, true),
            wanted(&self.decisions, many, Cleanup::Decisions, false),
            wanted(&self.dead_letters, 1, Cleanup::Letters, false),
        ]
    }

    /// Makes what is missing, if that is allowed, and checks the rest; gives what is to be warned of.
    ///
    /// # Errors
    /// [`BrokerError`] says what is missing or wrong, and the remedy.
    pub async fn ensure(&self, kafka: &Kafka) -> Result<Vec<String>, BrokerError> {
        let wanted = self.all(kafka);
        let Looked { missing, found, mut warnings } = look(kafka, &wanted)?;
        let by_token = logs_in_by_token(kafka);
        if !missing.is_empty() && (by_token || !kafka.create_topics) {
            let names: Vec<&str> = missing.iter().map(|topic| topic.name).collect();
            let remedy = if by_token {
                "make it by hand (docs/cluster.md has the settings): who logs in by a token can make none from here"
            } else {
                "make it, or set `kafka.create_topics: true`"
            };
            return Err(BrokerError::Topic { topic: names.join("`, `"), problem: format!("is missing: {remedy}") });
        }
        if by_token {
            // The library's client for this never asks for a token (rust-rdkafka, issue 757).
            tracing::info!("settings of the topics are not checked: `kafka.security.mechanism` is `oauthbearer`");
            return Ok(warnings);
        }
        let admin: AdminClient<Callbacks> =
            config(kafka)?.create_with_context(Callbacks::of(kafka)).map_err(BrokerError::Settings)?;
        make(kafka, &admin, &missing).await?;
        if !found.is_empty() {
            warnings.extend(found::check(&admin, &found).await?);
        }
        Ok(warnings)
    }
}

/// What was found of what is wanted.
struct Looked<'w> {
    missing: Vec<&'w Wanted<'w>>,
    /// Those that are there, each with its number of copies.
    found: Vec<(&'w Wanted<'w>, usize)>,
    warnings: Vec<String>,
}

fn look<'w>(kafka: &Kafka, wanted: &'w [Wanted<'w>]) -> Result<Looked<'w>, BrokerError> {
    let mut settings = config(kafka)?;
    settings.set("group.id", format!("{}replica", kafka.topic_prefix));
    // All topics are asked for: a broker may make one that it is asked for by name, and not as it must be.
    let there = consumer(kafka, &settings)?.fetch_metadata(None, ASK);
    let there = there.map_err(|error| BrokerError::Refused(explain(kafka, &error)))?;
    let mut looked = Looked { missing: Vec::new(), found: Vec::new(), warnings: Vec::new() };
    for topic in wanted {
        let partitions = there.topics().iter().find(|there| there.name() == topic.name);
        let partitions = partitions.map_or(&[][..], |there| there.partitions());
        if partitions.is_empty() {
            looked.missing.push(topic);
            continue;
        }
        looked.warnings.extend(topic.counted(partitions.len() as i32)?);
        let copies = partitions.iter().map(|partition| partition.replicas().len()).min().unwrap_or(0);
        looked.found.push((topic, copies));
    }
    Ok(looked)
}

/// A topic as it should be.
pub struct Wanted<'a> {
    /// Its name.
    pub name: &'a str,
    /// How many partitions it is made with.
    pub partitions: i32,
    /// What may be deleted of it.
    pub cleanup: Cleanup,
    /// Whether it may have no other number of partitions.
    pub exactly: bool,
}

impl Wanted<'_> {
    /// Judges how many partitions there are.
    fn counted(&self, count: i32) -> Result<Option<String>, BrokerError> {
        if self.exactly && count != self.partitions {
            let problem = format!(
                "has {count} partitions, it must have one: delete it while no replica runs, Sidecart makes it anew"
            );
            return Err(BrokerError::Topic { topic: self.name.to_owned(), problem });
        }
        let warning = || {
            format!(
                "topic `{}` has {count} partitions, `kafka.partitions` is {}: it works, but add some if producers wait \
                 for one another",
                self.name, self.partitions
            )
        };
        Ok((count < self.partitions).then(warning))
    }
}

/// What the broker may delete of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cleanup {
    /// Events that are older than the retention.
    Events,
    /// Erasures that are older than the retention.
    Erasures,
    /// Cuts that are older than the retention, which must not be shorter than that of the events that they order.
    Cuts,
    /// What is older than the retention, and copies of a letter.
    Letters,
    /// All but the newest of each key, which cannot be told again by anybody but the shop.
    Newest,
    /// All but the newest of each key.
    Models,
    /// All but the newest config, without which a replica that begins anew would judge events by another.
    Configs,
    /// What nobody reads later than at once.
    Decisions,
}

async fn make(kafka: &Kafka, admin: &AdminClient<Callbacks>, missing: &[&Wanted<'_>]) -> Result<(), BrokerError> {
    let uncompacted = UNCOMPACTED.ms().to_string();
    let (decisions_kept, decisions_file) = (DECISIONS_KEPT.ms().to_string(), DECISIONS_FILE.ms().to_string());
    let (retention, largest) = (kafka.retention.ms().to_string(), MAX_MESSAGE_BYTES.to_string());
    let mut topics = Vec::new();
    for wanted in missing {
        let copies = TopicReplication::Fixed(kafka.replication.map_or(-1, i32::from));
        let topic = NewTopic::new(wanted.name, wanted.partitions, copies)
            .set("max.message.bytes", &largest)
            // Lateness is judged by the broker's clock, not by the producer's.
            .set("message.timestamp.type", "LogAppendTime");
        // With `acks=all`, so many copies must have a record before it is acknowledged.
        let topic = if kafka.replication.is_some_and(|copies| copies >= 3) {
            topic.set("min.insync.replicas", "2")
        } else {
            topic
        };
        topics.push(match wanted.cleanup {
            Cleanup::Events | Cleanup::Erasures | Cleanup::Cuts => {
                topic.set("cleanup.policy", "delete").set("retention.ms", &retention)
            }
            Cleanup::Decisions => topic
                .set("cleanup.policy", "delete")
                .set("retention.ms", &decisions_kept)
                .set("segment.ms", &decisions_file),
            Cleanup::Letters => topic.set("cleanup.policy", "compact,delete").set("retention.ms", &retention),
            // Replicas that read the same records agree bit for bit: those of the last days are left as they are.
            Cleanup::Newest | Cleanup::Models | Cleanup::Configs => {
                topic.set("cleanup.policy", "compact").set("min.compaction.lag.ms", &uncompacted)
            }
        });
    }
    if topics.is_empty() {
        return Ok(());
    }
    let made = admin.create_topics(&topics, &AdminOptions::new().operation_timeout(Some(ASK))).await;
    let made = made.map_err(|error| BrokerError::Refused(explain(kafka, &error)))?;
    for outcome in made {
        match outcome {
            Ok(topic) => tracing::info!(topic, "topic made"),
            // Another replica was faster.
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, code)) => {
                let problem = format!(
                    "cannot be made ({code}): make it by hand, grant the right to create topics, or check \
                     `kafka.replication` against the number of brokers"
                );
                return Err(BrokerError::Topic { topic, problem });
            }
        }
    }
    Ok(())
}
