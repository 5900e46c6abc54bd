use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use sidecart_engine::Course;

/// One label named `intent`.
#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
struct IntentLabel {
    intent: &'static str,
}

type PerIntent = Family<IntentLabel, Gauge<f64, AtomicU64>>;

/// How the scorer's learning goes: what to watch for drift.
#[derive(Debug)]
pub struct Learning {
    loss: PerIntent,
    excess: PerIntent,
    found: PerIntent,
    rollbacks: Family<IntentLabel, Gauge<u64, AtomicU64>>,
}

impl Learning {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let gauge = |registry: &mut Registry, name: &str, help: &str| {
            let family = PerIntent::default();
            registry.register(name, help, family.clone());
            family
        };
        let loss = gauge(registry, "model_loss", "Recent mean of -ln P(what was taken), in nats");
        let excess =
            gauge(registry, "model_excess_loss", "The same less that of the last good weights: above 0 it drifts");
        let found = gauge(registry, "model_found", "Recent share of what was taken that was among the candidates");
        let rollbacks = Family::<IntentLabel, Gauge<u64, AtomicU64>>::default();
        registry.register(
            "model_rollbacks",
            "Times the last good weights were brought back since learning began",
            rollbacks.clone(),
        );
        Self { loss, excess, found, rollbacks }
    }

    /// Tells how it stands.
    pub fn tell(&self, courses: impl Iterator<Item = Course>) {
        for course in courses {
            let label = IntentLabel { intent: course.intent.name() };
            if let Some(loss) = course.loss {
                self.loss.get_or_create(&label).set(loss);
                self.excess.get_or_create(&label).set(course.excess);
            }
            if let Some(found) = course.found {
                self.found.get_or_create(&label).set(f64::from(found));
            }
            self.rollbacks.get_or_create(&label).set(course.rollbacks);
        }
    }
}
