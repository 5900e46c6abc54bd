use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use sidecart_engine::Watch;
use sidecart_engine::nouns::{Cause, Request, Slate, Tier, Timestamp};
use uuid::Uuid;

use super::deadline::{Deadline, NoTime};
use super::gate::Pass;
use super::memory::Unavailable;
use super::{APPLY_PATIENCE, Service};
use crate::config::Config;
use crate::decisions::{Decision, LeftOpen, Lookup};
use crate::in_force::InForce;
use crate::ingest::Phase;
use crate::metrics::{Answered, CauseLabel, RuleLabel, StageLabel, seconds};
use crate::wire::Rejection;
use crate::wire::answer::{Answer, AnswerItem, Degraded, Explanation};
use crate::wire::request::{self, Asked};

/// What holds for one answer from its beginning to its end.
struct Asking<'a> {
    in_force: &'a InForce,
    /// The instant it is answered as of.
    now: Timestamp,
    deadline: Instant,
    left_open: LeftOpen,
}

impl Service {
    /// Reads and answers a request for recommendations.
    ///
    /// # Errors
    /// [`Rejection`] when the request is malformed. A request that can be read is always answered.
    pub async fn recommend(&self, body: &[u8]) -> Result<Answer, Rejection> {
        Ok(self.answer(request::read(body, self.in_force().config.catalog.currency)?).await)
    }

    /// Answers a request: within its deadline, if need be with fewer items or none, saying why.
    ///
    /// The work is some hundred microseconds of pure computation, so it runs on the runtime's own thread: handing it to
    /// another would cost more than it. To be admitted and to be computed are two turns of the runtime, so that all
    /// requests that have arrived are counted before the first of them is computed; beyond `server.max_in_flight` they
    /// get the answer that costs nothing.
    pub async fn answer(&self, mut asked: Asked) -> Answer {
        let admitted = Instant::now();
        if let Some(hidden) = &self.pseudonyms {
            hidden.hide_request(&mut asked.request);
        }
        let in_force = self.in_force();
        let pass = self.admit(&in_force.config, &asked);
        if pass.is_some() {
            tokio::task::yield_now().await;
        }
        let left_open = LeftOpen { limit: asked.request.limit == 0, repeats: asked.repeats.is_none() };
        let (mut request, budget) = in_force.config.complete(asked);
        let now = self.now();
        request.ceiling = self.ladder.ceiling(now).tier;
        let asking = Asking { in_force: &in_force, now, deadline: admitted + budget, left_open };
        let slate = match pass {
            Some(_) => {
                let recalled = self.recall(&mut request, &asking).await;
                let mut slate = self.compute(&request, &asking);
                slate.degraded = slate.degraded.or(recalled.err().map(|Unavailable| Cause::Features));
                slate
            }
            None => self.shed(&request, &asking),
        };
        self.ladder.probe(&self.shared, &in_force, &request, now);
        self.respond(request, slate, &asking, admitted)
    }

    /// Has the request bring along what is remembered elsewhere of a shopper whom the engine may have forgotten. Without
    /// it the answer is made of the visit and of what the engine holds.
    async fn recall(&self, request: &mut Request, asking: &Asking<'_>) -> Result<(), Unavailable> {
        let Some(memory) = &self.memory else { return Ok(()) };
        let asker = self.shared.engine.try_read_until(asking.deadline).and_then(|engine| engine.asker(request));
        if let Some(asker) = asker.filter(|asker| memory.may_know(*asker)) {
            request.recalled = memory.recall(asker, asking.deadline).await?;
        }
        Ok(())
    }

    /// Lets a request in to be computed, if there is room and time for one of its placement.
    fn admit(&self, config: &Config, asked: &Asked) -> Option<Pass<'_>> {
        let placement = config.placements.get(asked.request.placement.as_str());
        let priority = placement.map_or_else(Default::default, |placement| placement.priority);
        let budget = placement.and_then(|placement| placement.deadline).unwrap_or(config.server.deadline);
        self.admission.enter(config.server.max_in_flight, priority, budget.duration())
    }

    fn compute(&self, request: &Request, asking: &Asking<'_>) -> Slate {
        let began = Instant::now();
        let mut watch = Deadline::new(asking.deadline);
        let mut slate = self.guarded(request, asking, &mut watch);
        for (stage, spent) in watch.finish() {
            self.metrics().stages.get_or_create(&StageLabel { stage: stage.name() }).observe(seconds(spent));
        }
        self.admission.note(began.elapsed());
        if slate.degraded.is_none() && request.ceiling != Tier::Full {
            slate.degraded = Some(Cause::Manual);
        }
        if slate.degraded.is_none() {
            slate.degraded = self.staleness(&asking.in_force.config);
        }
        slate
    }

    /// The answer of an overloaded server: what the engine has without any work.
    fn shed(&self, request: &Request, asking: &Asking<'_>) -> Slate {
        Slate { degraded: Some(Cause::Overload), ..self.guarded(request, asking, &mut NoTime) }
    }

    /// Asks the engine. A panic in it costs this answer only: the shop's page goes on without recommendations. So does a
    /// writer that holds the engine for longer than there is time, as it does while it applies one very large order.
    fn guarded(&self, request: &Request, asking: &Asking<'_>, watch: &mut dyn Watch) -> Slate {
        let Some(engine) = self.shared.engine.try_read_until(asking.deadline) else {
            return nothing(Cause::Deadline);
        };
        let mut scratch = self.scratch.take();
        let settings = &asking.in_force.settings;
        let answer = || engine.recommend_with(settings, request, asking.now, watch, &mut scratch);
        let outcome = catch_unwind(AssertUnwindSafe(answer));
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
    fn staleness(&self, config: &Config) -> Option<Cause> {
        match self.shared.progress.phase() {
            Phase::Failed(_) => Some(Cause::Fault),
            Phase::CatchingUp => Some(Cause::Lag),
            Phase::Ready | Phase::Stopping => {
                let slo = config.events.freshness_slo.duration();
                (self.shared.progress.lag() > slo).then_some(Cause::Lag)
            }
        }
    }

    fn respond(&self, request: Request, slate: Slate, asking: &Asking<'_>, admitted: Instant) -> Answer {
        let InForce { config, version, .. } = asking.in_force;
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
            config_version: version.clone(),
            feature_age_ms: slate.feature_age_ms,
            explain: explanation,
        };
        self.measure(config, &request, slate.tier, slate.degraded, admitted);
        let applied = self.shared.progress.applied();
        let (exposure, clicked) = (slate.exposure, AtomicU64::default());
        let (at, left_open) = (asking.now, asking.left_open);
        let decision = Decision { request, left_open, at, applied, answer: answer.clone(), exposure, clicked };
        if slate.audited {
            self.decisions.record_audited(id, decision, &config.observability);
        } else {
            self.decisions.record(id, decision, &config.observability);
        }
        answer
    }

    fn measure(&self, config: &Config, request: &Request, tier: Tier, degraded: Option<Cause>, admitted: Instant) {
        let name = request.placement.as_str();
        let known = config.placements.contains_key(name);
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
        let (in_force, deadline) = (self.in_force(), Instant::now() + APPLY_PATIENCE);
        let asking = Asking { in_force: &in_force, now: decision.at, deadline, left_open: decision.left_open };
        let slate = self.guarded(&request, &asking, &mut sidecart_engine::Unhurried);
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
