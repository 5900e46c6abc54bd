//! Whether topics that were found are set as they must be. What would lose records is refused, the rest is warned of.

use rdkafka::admin::{AdminClient, AdminOptions, ConfigResource, OwnedResourceSpecifier as Name, ResourceSpecifier};
use sidecart_engine::nouns::DAY_MS;

use super::client::{BrokerError, Callbacks, MAX_MESSAGE_BYTES};
use super::topics::{ASK, Cleanup, Wanted};

/// Compaction that begins sooner than this is warned of.
const SOON_MS: i64 = DAY_MS;

/// The settings of a topic, by name, and its copies.
struct Found<'a> {
    topic: &'a Wanted<'a>,
    copies: usize,
    setting: &'a dyn Fn(&str) -> Option<&'a str>,
}

/// What is wrong with a topic.
#[derive(Debug, PartialEq, Eq)]
enum Finding {
    /// Records would be lost.
    Refused(String),
    /// It works, but not as well as it could.
    Warned(String),
}

/// Checks the settings of topics, each with its number of copies; gives what is to be warned of. A broker that does not
/// tell settings is warned of alone: it may be an old one, or the right to ask is not given.
///
/// # Errors
/// [`BrokerError::Topic`]: a setting loses records.
pub async fn check(
    admin: &AdminClient<Callbacks>,
    topics: &[(&Wanted<'_>, usize)],
) -> Result<Vec<String>, BrokerError> {
    let names: Vec<_> = topics.iter().map(|(topic, _)| ResourceSpecifier::Topic(topic.name)).collect();
    let told = admin.describe_configs(&names, &AdminOptions::new().request_timeout(Some(ASK))).await;
    let told = match told {
        Ok(told) => told,
        Err(error) => {
            return Ok(vec![format!(
                "the settings of the topics are not checked ({error}): grant describe-configs on topics"
            )]);
        }
    };
    let (mut warnings, mut events_kept_ms) = (Vec::new(), None);
    for &(topic, copies) in topics {
        let is_it = |known: &&ConfigResource| matches!(&known.specifier, Name::Topic(name) if name == topic.name);
        let Some(settings) = told.iter().flatten().find(is_it) else {
            let remedy = "grant describe-configs on it";
            warnings.push(format!("the settings of topic `{}` are not checked: {remedy}", topic.name));
            continue;
        };
        let settings = settings.entry_map();
        let setting = |name: &str| settings.get(name).and_then(|entry| entry.value.as_deref());
        let found = Found { topic, copies, setting: &setting };
        for finding in found.findings(events_kept_ms) {
            match finding {
                Finding::Refused(problem) => {
                    return Err(BrokerError::Topic { topic: topic.name.to_owned(), problem });
                }
                Finding::Warned(problem) => warnings.push(format!("topic `{}` {problem}", topic.name)),
            }
        }
        if topic.cleanup == Cleanup::Events {
            events_kept_ms = found.kept_ms();
        }
    }
    Ok(warnings)
}

impl Found<'_> {
    fn whole(&self, name: &str) -> Option<i64> {
        (self.setting)(name)?.parse().ok()
    }

    /// How long records stay; `None`: for good.
    fn kept_ms(&self) -> Option<i64> {
        self.whole("retention.ms").filter(|&ms| ms >= 0)
    }

    /// `events_kept_ms`: how long the topic of events, which is asked before that of the cuts, keeps its records.
    fn findings(&self, events_kept_ms: Option<i64>) -> Vec<Finding> {
        let all = [
            self.cleanup(),
            self.kept(events_kept_ms),
            self.compacted_late(),
            self.stamped(),
            self.copied(),
            self.sized(),
        ];
        all.into_iter().flatten().collect()
    }

    fn remedy(&self, setting: &str) -> String {
        format!(
            "`kafka-configs.sh --alter --entity-type topics --entity-name {} --add-config {setting}` mends it",
            self.topic.name
        )
    }

    fn cleanup(&self) -> Option<Finding> {
        let policy = (self.setting)("cleanup.policy")?;
        let (compacts, deletes) = (policy.contains("compact"), policy.contains("delete"));
        let limited = self.kept_ms().is_some() || self.whole("retention.bytes").is_some_and(|bytes| bytes >= 0);
        match self.topic.cleanup {
            Cleanup::Events | Cleanup::Erasures | Cleanup::Cuts if compacts => Some(Finding::Refused(format!(
                "has `cleanup.policy={policy}`: compaction would leave one record of each key and lose the rest; {}",
                self.remedy("cleanup.policy=delete")
            ))),
            Cleanup::Newest if deletes && limited => Some(Finding::Refused(format!(
                "has `cleanup.policy={policy}`: what is not told again in time would be gone, and a replica that begins \
                 anew would not know an item's stock; {}",
                self.remedy("cleanup.policy=compact")
            ))),
            Cleanup::Configs if deletes && limited => Some(Finding::Refused(format!(
                "has `cleanup.policy={policy}`: the config of all replicas would be gone with time, and one that begins \
                 anew would judge events by its own file; {}",
                self.remedy("cleanup.policy=compact")
            ))),
            Cleanup::Models if deletes && limited => Some(Finding::Warned(format!(
                "has `cleanup.policy={policy}`: a replica that begins anew may find no model; {}",
                self.remedy("cleanup.policy=compact")
            ))),
            _ => None,
        }
    }

    /// The order must stay as long as what it orders.
    fn kept(&self, events_kept_ms: Option<i64>) -> Option<Finding> {
        if self.topic.cleanup != Cleanup::Cuts {
            return None;
        }
        if let Some(bytes) = self.whole("retention.bytes").filter(|&bytes| bytes >= 0) {
            return Some(Finding::Warned(format!(
                "is cut off at {bytes} bytes (`retention.bytes`): a replica that begins anew would take events that are \
                 older in another order than the others did; {}",
                self.remedy("retention.bytes=-1")
            )));
        }
        let kept = self.kept_ms()?;
        if events_kept_ms.is_some_and(|events| kept >= events) {
            return None;
        }
        let events = events_kept_ms.map_or("for good".to_owned(), |ms| format!("for {ms} ms"));
        Some(Finding::Warned(format!(
            "keeps records for {kept} ms, events are kept {events}: a replica that begins anew would take the older ones \
             in another order than the others did; {}",
            self.remedy(&format!("retention.ms={}", events_kept_ms.unwrap_or(-1)))
        )))
    }

    fn compacted_late(&self) -> Option<Finding> {
        let lag = self.whole("min.compaction.lag.ms")?;
        let is_soon =
            matches!(self.topic.cleanup, Cleanup::Newest | Cleanup::Models | Cleanup::Configs) && lag < SOON_MS;
        is_soon.then(|| {
            Finding::Warned(format!(
                "may be compacted after {lag} ms (`min.compaction.lag.ms`): a replica that was away for longer comes to \
                 another digest than the others; {}",
                self.remedy(&format!("min.compaction.lag.ms={}", 7 * DAY_MS))
            ))
        })
    }

    fn stamped(&self) -> Option<Finding> {
        let stamp = (self.setting)("message.timestamp.type")?;
        let counts = matches!(self.topic.cleanup, Cleanup::Events | Cleanup::Newest) && stamp != "LogAppendTime";
        counts.then(|| {
            Finding::Warned(format!(
                "has `message.timestamp.type={stamp}`: lateness and freshness are judged by the clocks of producers; {}",
                self.remedy("message.timestamp.type=LogAppendTime")
            ))
        })
    }

    fn copied(&self) -> Option<Finding> {
        let least = self.whole("min.insync.replicas")?;
        let copies = i64::try_from(self.copies).unwrap_or(i64::MAX);
        if least > copies {
            // Newer brokers take as many as there are; older ones refuse every record.
            return Some(Finding::Warned(format!(
                "has {copies} copies and `min.insync.replicas={least}`: some brokers take no record so; {}",
                self.remedy("min.insync.replicas=1")
            )));
        }
        (copies >= 3 && least < 2).then(|| {
            Finding::Warned(format!(
                "has {copies} copies, but acknowledges what one has (`min.insync.replicas={least}`): an acknowledged \
                 event may be lost with one broker; {}",
                self.remedy("min.insync.replicas=2")
            ))
        })
    }

    fn sized(&self) -> Option<Finding> {
        let most = self.whole("max.message.bytes").filter(|&most| most < MAX_MESSAGE_BYTES as i64)?;
        Some(Finding::Warned(format!(
            "takes records of {most} bytes at most (`max.message.bytes`): a large order, item or model is refused; {}",
            self.remedy(&format!("max.message.bytes={MAX_MESSAGE_BYTES}"))
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of a topic with these settings, the first words of it.
    fn check(name: &str, cleanup: Cleanup, copies: usize, settings: &[(&str, &str)]) -> Vec<String> {
        let topic = Wanted { name, partitions: 1, cleanup, exactly: false };
        let setting = |name: &str| settings.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        let findings = Found { topic: &topic, copies, setting: &setting }.findings(Some(1_000));
        let text = |finding| match finding {
            Finding::Refused(text) => format!("refused: {text}"),
            Finding::Warned(text) => format!("warned: {text}"),
        };
        findings.into_iter().map(text).map(|text| text.split(['`', ':']).take(3).collect()).collect()
    }

    #[test]
    fn what_would_lose_records_is_refused() {
        let compact = [("cleanup.policy", "compact,delete")];
        let lost = ["refused has cleanup.policy=compact,delete"];
        assert_eq!(check("events", Cleanup::Events, 1, &compact), lost);
        assert_eq!(check("cuts", Cleanup::Cuts, 1, &compact), lost);
        assert_eq!(check("erasures", Cleanup::Erasures, 1, &compact), lost);
        assert_eq!(check("dead-letters", Cleanup::Letters, 1, &compact), [""; 0]);
        let delete = [("cleanup.policy", "delete"), ("retention.ms", "604800000")];
        assert_eq!(check("inventory", Cleanup::Newest, 1, &delete), ["refused has cleanup.policy=delete"]);
        assert_eq!(check("models", Cleanup::Models, 1, &delete), ["warned has cleanup.policy=delete"]);
        assert_eq!(check("config", Cleanup::Configs, 1, &delete), ["refused has cleanup.policy=delete"]);
        assert_eq!(check("decisions", Cleanup::Decisions, 1, &delete), [""; 0]);
        let for_good = [("cleanup.policy", "delete"), ("retention.ms", "-1"), ("retention.bytes", "-1")];
        assert_eq!(check("catalog", Cleanup::Newest, 1, &for_good), [""; 0]);
    }

    #[test]
    fn what_works_less_well_is_warned_of() {
        let one = |cleanup, copies, name, value| check("cuts", cleanup, copies, &[(name, value)]);
        assert_eq!(one(Cleanup::Cuts, 1, "retention.ms", "999").len(), 1);
        assert_eq!(one(Cleanup::Cuts, 1, "retention.ms", "1000").len(), 0);
        assert_eq!(one(Cleanup::Cuts, 1, "retention.ms", "-1").len(), 0);
        assert_eq!(one(Cleanup::Cuts, 1, "retention.bytes", "5").len(), 1);
        assert_eq!(one(Cleanup::Erasures, 1, "retention.ms", "999").len(), 0);
        assert_eq!(one(Cleanup::Newest, 1, "min.compaction.lag.ms", "0").len(), 1);
        assert_eq!(one(Cleanup::Events, 1, "message.timestamp.type", "CreateTime").len(), 1);
        assert_eq!(one(Cleanup::Cuts, 1, "message.timestamp.type", "CreateTime").len(), 0);
        assert_eq!(one(Cleanup::Events, 3, "min.insync.replicas", "1").len(), 1);
        assert_eq!(one(Cleanup::Events, 2, "min.insync.replicas", "1").len(), 0);
        assert_eq!(one(Cleanup::Events, 1, "min.insync.replicas", "2").len(), 1);
        assert_eq!(one(Cleanup::Events, 1, "max.message.bytes", "1048588").len(), 1);
    }
}
