//! The ladder's switch and its probes: a ceiling set by hand, and lower rungs tried on live requests so that they are
//! known to work before they are needed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::RwLock;
use sidecart_engine::nouns::{Request, Tier, Timestamp};
use sidecart_engine::{Scratch, Unhurried};

use crate::in_force::InForce;
use crate::ingest::Shared;
use crate::metrics::{Probed, TierLabel, seconds};

/// The rungs that are tried: all that can serve an answer instead of the highest.
const TRIED: [Tier; 4] = [Tier::Session, Tier::CoPurchase, Tier::Category, Tier::Curated];
/// How long a probe waits for the engine; it is worth no more.
const PATIENCE: Duration = Duration::from_millis(50);

/// The highest rung that may serve, as set by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ceiling {
    /// The rung; [`Tier::Full`] where nobody has set one.
    pub tier: Tier,
    /// Until when; `None`: until it is set anew, or the process ends.
    pub until: Option<Timestamp>,
    /// When it was set.
    pub since: Option<Timestamp>,
}

/// The switch of one process.
#[derive(Debug, Default)]
pub struct Ladder {
    ceiling: RwLock<Ceiling>,
    prober: Arc<Prober>,
}

#[derive(Debug, Default)]
struct Prober {
    answers: AtomicU64,
    probes: AtomicU64,
    /// One at a time: where they pile up, the machine has other cares.
    busy: AtomicBool,
}

impl Ladder {
    /// The ceiling in force at `now`.
    pub fn ceiling(&self, now: Timestamp) -> Ceiling {
        let ceiling = *self.ceiling.read();
        if ceiling.until.is_some_and(|until| until <= now) { Ceiling::default() } else { ceiling }
    }

    /// Sets the ceiling.
    pub fn set(&self, ceiling: Ceiling) {
        *self.ceiling.write() = ceiling;
    }

    /// Tries a lower rung on one in so many answers, on a thread of its own. What it gives is measured, and shown to
    /// nobody.
    pub fn probe(&self, shared: &Arc<Shared>, in_force: &Arc<InForce>, request: &Request, now: Timestamp) {
        let share = in_force.config.server.ladder_probes;
        if share <= 0.0 {
            return;
        }
        let answers = self.prober.answers.fetch_add(1, Ordering::Relaxed);
        let stride = (1.0 / share).round().max(1.0) as u64;
        if !answers.is_multiple_of(stride) || self.prober.busy.swap(true, Ordering::AcqRel) {
            return;
        }
        let rung = TRIED[(self.prober.probes.fetch_add(1, Ordering::Relaxed) % TRIED.len() as u64) as usize];
        let request = Request { ceiling: rung, explain: false, ..request.clone() };
        let (shared, in_force, prober) = (Arc::clone(shared), Arc::clone(in_force), Arc::clone(&self.prober));
        // Not of the runtime's threads: it panics where the machine has none left to give, and this is an answer's path.
        let thread = std::thread::Builder::new().name("probe".into()).spawn(move || {
            let outcome = catch_unwind(AssertUnwindSafe(|| try_rung(&shared, &in_force, &request, now)));
            let outcome = outcome.unwrap_or("fault");
            shared.metrics.ladder_probes.get_or_create(&Probed { tier: rung.name(), outcome }).inc();
            prober.busy.store(false, Ordering::Release);
        });
        if let Err(error) = thread {
            tracing::debug!(%error, "no thread to try a rung on");
            self.prober.busy.store(false, Ordering::Release);
        }
    }
}

/// Answers from a rung; says how full the answer is.
fn try_rung(shared: &Shared, in_force: &InForce, request: &Request, now: Timestamp) -> &'static str {
    let Some(engine) = shared.engine.try_read_for(PATIENCE) else { return "timeout" };
    let began = Instant::now();
    let slate = engine.recommend_with(&in_force.settings, request, now, &mut Unhurried, &mut Scratch::default());
    drop(engine);
    let took = seconds(began.elapsed());
    shared.metrics.ladder_probe.get_or_create(&TierLabel { tier: request.ceiling.name() }).observe(took);
    match slate.picks.len() {
        0 => "empty",
        shown if shown < request.limit => "short",
        _ => "filled",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ceiling_ends_by_itself() {
        let ladder = Ladder::default();
        let set = Ceiling { tier: Tier::Category, until: Some(Timestamp(10)), since: Some(Timestamp(1)) };
        ladder.set(set);
        assert_eq!(ladder.ceiling(Timestamp(9)), set);
        assert_eq!(ladder.ceiling(Timestamp(10)).tier, Tier::Full);
    }
}
