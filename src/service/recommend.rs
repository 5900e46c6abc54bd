use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use sidecart_engine::Watch;
use sidecart_engine::nouns::{Cause, Request, Slate, Tier, Timestamp};
use uuid::Uuid;

use super::deadline::{Deadline, NoTime};
use super::{APPLY_PATIENCE, Service};
use crate::decisions::{Decision, Lookup};
use crate::ingest::Phase;
use crate::metrics::{Answered, CauseLabel, RuleLabel, StageLabel, seconds};
use crate::wire::Rejection;
use crate::wire::answer::{Answer, AnswerItem, Degraded, Explanation};
use crate::wire::request::{self, Asked};

impl Service {
    /// Reads and answers a request for recommendations.
    ///
    /// # Errors
    /// [`Rejection`] when the request is malformed. A request that can be read is always answered.
    pub async fn recommend(&self, body: &[u8]) -> Result<Answer, Rejection> {
        Ok(self.answer(request::read(body, self.config.catalog.currency)?).await)
    }

    /// Answers a request: within its deadline, if need be with fewer items or none, saying why.
    ///
    /// The work is some hundred microseconds of pure computation, so it runs on the runtime's own thread: handing it to
    /// another would cost more than it. To be admitted and to be computed are two turns of the runtime, so that all
    /// requests that have arrived are counted before the first of them is computed; beyond `server.max_in_flight` they
    /// get the answer that costs nothing.
    pub async fn answer(&self, asked: Asked) -> Answer {
        let admitted = Instant::now();
        let permit = self.admission.try_acquire();
        if permit.is_ok() {
            tokio::task::yield_now().await;
        }
        let (request, budget) = self.config.complete(asked);
        let now = self.now();
        let slate = match permit {
            Ok(_) => self.compute(&request, now, admitted + budget),
            Err(_) => self.shed(&request, now, admitted + budget),
        };
        self.respond(request, now, slate, admitted)
    }

    fn compute(&self, request: &Request, now: Timestamp, deadline: Instant) -> Slate {
        let mut watch = Deadline::new(deadline);
        let mut slate = self.guarded(request, now, deadline, &mut watch);
        for (stage, spent) in watch.finish() {
            self.metrics().stages.get_or_create(&StageLabel { stage: stage.name() }).observe(seconds(spent));
        }
        if slate.degraded.is_none() {
            slate.degraded = self.staleness();
        }
        slate
    }

    /// The answer of an overloaded server: what the engine has without any work.
    fn shed(&self, request: &Request, now: Timestamp, deadline: Instant) -> Slate {
        Slate { degraded: Some(Cause::Overload), ..self.guarded(request, now, deadline, &mut NoTime) }
    }

    /// Asks the engine. A panic in it costs this answer only: the shop's page goes on without recommendations. So does a
    /// writer that holds the engine for longer than there is time, as it does while it applies one very large order.
    fn guarded(&self, request: &Request, now: Timestamp, deadline: Instant, watch: &mut dyn Watch) -> Slate {
        let Some(engine) = self.shared.engine.try_read_until(deadline) else {
            return nothing(Cause::Deadline);
        };
        let mut scratch = self.scratch.take();
        let outcome = catch_unwind(AssertUnwindSafe(|| engine.recommend(request, now, watch, &mut scratch)));
        match outcome {
            Ok(slate) => {
                self.scratch.give(scratch);
                slate
            }
            Err(_) => {
                tracing::error!(placement = %request.placement, "answering panicked, the line before says where");
                nothing(Cause::Fault)
            }
        }
    }

    /// Why answers from a healthy computation are not the best that could be given.
    fn staleness(&self) -> Option<Cause> {
        match self.shared.progress.phase() {
            Phase::Failed(_) => Some(Cause::Fault),
            Phase::CatchingUp => Some(Cause::Lag),
            Phase::Ready | Phase::Stopping => {
                let slo = self.config.events.freshness_slo.duration();
                (self.shared.progress.lag() > slo).then_some(Cause::Lag)
            }
        }
    }

    fn respond(&self, request: Request, now: Timestamp, slate: Slate, admitted: Instant) -> Answer {
        let id = Uuid::now_v7();
        let explanation = request.explain.then(|| Explanation::from(&slate));
        for fault in &slate.faults {
            self.metrics().rule_faults.get_or_create(&RuleLabel::of(fault)).inc_by(u64::from(fault.count));
        }
        let answer = Answer {
            request_id: id.to_string(),
            attribution_token: self.tokens.sign(id, &request.placement),
            items: slate.picks.iter().map(AnswerItem::from).collect(),
            tier: slate.tier.name(),
            degraded: slate.degraded.map(|cause| Degraded { cause: cause.name() }),
            suppressed: slate.suppressed.into_iter().map(|(rule, count)| (rule.into_owned(), count)).collect(),
            model_version: format!("linear-{}", slate.model_version),
            config_version: self.config_version.clone(),
            feature_age_ms: slate.feature_age_ms,
            explain: explanation,
        };
        self.measure(&request, slate.tier, slate.degraded, admitted);
        let applied = self.shared.progress.applied();
        let (exposure, clicked) = (slate.exposure, AtomicU64::default());
        let decision = Decision { request, at: now, applied, answer: answer.clone(), exposure, clicked };
        if slate.audited {
            self.decisions.record_audited(id, decision);
        } else {
            self.decisions.record(id, decision);
        }
        answer
    }

    fn measure(&self, request: &Request, tier: Tier, degraded: Option<Cause>, admitted: Instant) {
        let name = request.placement.as_str();
        let known = self.config.placements.contains_key(name);
        let placement = if known { name } else { "other" }.to_owned();
        let label = Answered { placement, tier: tier.name() };
        self.metrics().answers.get_or_create(&label).observe(seconds(admitted.elapsed()));
        if let Some(cause) = degraded {
            self.metrics().degraded.get_or_create(&CauseLabel { cause: cause.name() }).inc();
        }
    }

    /// The decision behind an answer. What was shown, and why, is always as recorded. Why the others were not is
    /// recorded for answers that were asked to explain themselves, and else computed anew for the same request and
    /// instant from the state as it is now: recording it always was measured to double the cost of an answer (75 to
    /// 150 us at 20,000 items) and to take 10 KiB each.
    #[must_use]
    pub fn decision(&self, id: Uuid) -> Option<Lookup> {
        let decision: Arc<Decision> = self.decisions.get(id)?;
        if decision.answer.explain.is_some() {
            return Some(Lookup::recorded(&decision));
        }
        let request = Request { explain: true, ..decision.request.clone() };
        let slate =
            self.guarded(&request, decision.at, Instant::now() + APPLY_PATIENCE, &mut sidecart_engine::Unhurried);
        let since = self.shared.progress.applied().0.saturating_sub(decision.applied.0);
        let mut explanation = Explanation::from(&slate);
        let shown = &decision.answer.items;
        explanation.dropped.retain(|dropped| shown.iter().all(|item| item.item_id != dropped.item_id));
        Some(Lookup::recomputed(&decision, explanation, since))
    }
}

/// The answer when the engine gives none.
fn nothing(cause: Cause) -> Slate {
    Slate {
        picks: Vec::new(),
        tier: Tier::Empty,
        degraded: Some(cause),
        suppressed: std::collections::BTreeMap::new(),
        faults: Vec::new(),
        audited: false,
        considered: 0,
        model_version: 0,
        exposure: sidecart_engine::nouns::Exposure::default(),
        dropped: Vec::new(),
        context: Vec::new(),
        cart: Vec::new(),
        feature_age_ms: None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;
    use crate::cli::serve::start;
    use crate::clock::SystemClock;
    use crate::config;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_writer_that_holds_the_engine_costs_the_items_but_not_the_answer() {
        let folder = tempfile::tempdir().unwrap();
        let mut loaded = config::load(None, &[]).unwrap();
        loaded.config.data_dir = folder.path().into();
        loaded.config.server.listen = "127.0.0.1:0".parse().unwrap();
        let running = start(loaded, Arc::new(SystemClock)).await.unwrap();
        let shared = Arc::clone(&running.service().shared);
        let ((locked, is_locked), (release, released)) = (channel(), channel::<()>());
        let writer = std::thread::spawn(move || {
            let _held = shared.engine.write();
            locked.send(()).unwrap();
            let _ = released.recv();
        });
        is_locked.recv().unwrap();
        let answer =
            running.service().recommend(br#"{"placement":"cart","sessionId":"s","deadlineMs":20}"#).await.unwrap();
        assert_eq!((answer.tier, answer.degraded), ("empty", Some(Degraded { cause: "deadline" })));
        drop(release);
        writer.join().unwrap();
        running.shutdown().await;
    }
}
