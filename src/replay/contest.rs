//! The contest: questions are asked before the events that they foretell, then the events are fed to the engine.

use std::time::Instant;

use indicatif::ProgressBar;
use sidecart_engine::nouns::{ItemId, PlacementId, Repeats, Request, SECOND_MS, SessionId, Slate, Strategy, Timestamp};
use sidecart_engine::{Scratch, Unhurried};

use super::asked::{Asked, Told};
use super::baselines::Baselines;
use super::bootstrap::Means;
use super::compare::{Versus, ratios};
use super::engines::Engines;
use super::feed::nanoseconds;
use super::lane::{Answer, Contender, Lane};
use super::next_item::Seen;
use super::pairs::Met;
use super::plan::{Cut, Plan, Query};
use super::report::{EventCounts, Percentiles, Report};
use super::run::Options;
use super::study::Study;
use crate::data::Dataset;
use crate::wire::scalar::rfc3339;

/// Events between two steps of the progress bar.
const STEP: usize = 1_024;

/// A contest of strategies over one data set.
pub struct Contest<'a> {
    data: &'a Dataset,
    plan: &'a Plan,
    options: &'a Options,
    cut: Cut,
    engines: Engines<'a>,
    baselines: Baselines,
    lanes: Vec<Lane>,
    /// Kept where the live strategy is asked.
    study: Option<Study>,
    scratch: Scratch,
    placement: PlacementId,
    nobody: SessionId,
}

impl<'a> Contest<'a> {
    /// A contest that has not begun, of strategies and then of probes.
    pub fn new(
        data: &'a Dataset,
        plan: &'a Plan,
        options: &'a Options,
        cut: Cut,
        contenders: &[Contender],
        probes: Vec<Asked>,
    ) -> Self {
        let asked = contenders.iter().map(|&contender| Asked::Strategy(contender)).chain(probes);
        Self {
            data,
            plan,
            options,
            cut,
            engines: Engines::new(data, options, cut, contenders, &options.probes),
            baselines: Baselines::new(data, cut, contenders, options.settings.affinities.half_life_ms),
            lanes: asked.map(|asked| Lane::new(asked, &options.cut_offs, plan.clusters)).collect(),
            study: contenders.contains(&Contender::Realtime).then(Study::default),
            scratch: Scratch::default(),
            placement: PlacementId::new(options.protocol.placement()).expect("a short visible text"),
            nobody: SessionId::new("sidecart-replay-nobody").expect("a short visible text"),
        }
    }

    /// One that asks and counts, and does not look into what the answers are made of, which takes as long again.
    pub fn unstudied(
        data: &'a Dataset,
        plan: &'a Plan,
        options: &'a Options,
        cut: Cut,
        contenders: &[Contender],
    ) -> Self {
        Self { study: None, ..Self::new(data, plan, options, cut, contenders, Vec::new()) }
    }

    /// What was counted.
    pub fn into_lanes(self) -> Vec<Lane> {
        self.lanes
    }

    /// Runs it.
    pub fn run(&mut self, progress: &ProgressBar) {
        let mut queries = self.plan.queries.iter().peekable();
        for place in 0..self.data.events().len() {
            self.engines.reach(place);
            self.baselines.reach(place);
            while let Some(query) = queries.next_if(|query| query.before as usize == place) {
                self.ask(query);
            }
            self.engines.live.apply(place);
            self.baselines.learn(self.data, &self.data.events()[place]);
            if place.is_multiple_of(STEP) {
                progress.set_position(place as u64);
            }
        }
    }

    fn ask(&mut self, query: &Query) {
        let now = self.data.events()[query.before as usize].at;
        self.engines.catch_up(query.before as usize, now);
        let session = self.data.session(query.session).unwrap_or(&self.nobody).clone();
        self.engines.live.counts.bot_queries += u64::from(self.engines.live.engine.is_bot(&session));
        let carrying = Request { session, ..self.request(query) };
        for lane in 0..self.lanes.len() {
            match self.lanes[lane].asked.strategy() {
                Some(strategy) => {
                    let (slate, took_ns) = self.answer(lane, strategy, &carrying, now);
                    self.count(lane, query, &slate, took_ns, now);
                }
                None => self.ask_baseline(lane, query, now),
            }
        }
        if let Some(study) = &mut self.study {
            let trace = self.engines.live.engine.trace(&carrying, now, &mut self.scratch);
            study.add(&trace, &targets(self.data, self.plan, query));
        }
    }

    /// A lane's answer, and the nanoseconds that it took.
    fn answer(&mut self, lane: usize, strategy: Strategy, carrying: &Request, now: Timestamp) -> (Slate, u32) {
        let asked = &self.lanes[lane].asked;
        let seat = self.engines.seat(asked, now);
        let mut request = Request { strategy, ..carrying.clone() };
        if !seat.knows_session {
            request.session.clone_from(&self.nobody);
        }
        if asked.told() == Told::ByEvents {
            request.context_items.clear();
            // Where seen items count, no cart is told to anybody, so that it forbids nothing.
            request.cart = request.cart.filter(|_| self.options.seen == Seen::Count);
        }
        let began = Instant::now();
        let slate = seat.engine.recommend_with(seat.settings, &request, seat.as_of, &mut Unhurried, &mut self.scratch);
        (slate, nanoseconds(began))
    }

    fn ask_baseline(&mut self, lane: usize, query: &Query, now: Timestamp) {
        let (seen, most) = (self.options.seen, self.most());
        let Some(contender) = self.lanes[lane].asked.contender() else { return };
        let Some(told) = self.baselines.ask(contender, self.plan, query, seen, most, now) else { return };
        self.lanes[lane].add(&Answer {
            items: &told.items,
            targets: self.plan.items_of(query.targets),
            cluster: query.cluster,
            kind: query.kind,
            tier: told.tier,
            took_ns: told.took_ns,
            behind_s: behind_s(told.knows_to, now),
        });
    }

    fn count(&mut self, lane: usize, query: &Query, slate: &Slate, took_ns: u32, now: Timestamp) {
        let knows_to = self.engines.seat(&self.lanes[lane].asked, now).knows_to;
        let items: Vec<u32> =
            slate.picks.iter().filter_map(|pick| self.data.item_number(pick.item_id.as_str())).collect();
        let lane = &mut self.lanes[lane];
        lane.add(&Answer {
            items: &items,
            targets: self.plan.items_of(query.targets),
            cluster: query.cluster,
            kind: query.kind,
            tier: slate.tier,
            took_ns,
            behind_s: behind_s(knows_to, now),
        });
        if let Some(study) = self.study.as_mut().filter(|_| lane.asked.is_live()) {
            study.add_picks(&slate.picks, &targets(self.data, self.plan, query));
        }
    }

    fn request(&self, query: &Query) -> Request {
        let ids = |span| -> Vec<ItemId> {
            self.plan.items_of(span).iter().filter_map(|&item| self.data.item(item).cloned()).collect()
        };
        Request {
            user: self.data.user(query.user).cloned(),
            context_items: ids(query.context),
            // Given even where empty: a strategy is to know no more of the cart than the others.
            cart: Some(ids(query.cart)),
            repeats: match self.options.seen {
                Seen::Count => Repeats::Allow,
                Seen::LeaveOut => Repeats::Suppress,
            },
            arrangement: self.options.arrangement,
            ..Request::new(self.placement.clone(), self.nobody.clone(), self.most())
        }
    }

    /// Items per answer.
    fn most(&self) -> usize {
        self.options.cut_offs.last().copied().unwrap_or_default()
    }

    /// What it found.
    pub fn report(self, pairs: Option<Met>) -> Report {
        let (seed, live) = (self.options.seed, self.engines.live);
        let items = live.engine.items().count();
        let sizes = live.engine.sizes();
        let mut report = Report {
            protocol: self.options.protocol.name(),
            data: self.data.label.clone(),
            cut: rfc3339(self.cut.at),
            seed,
            exclude_seen: self.options.seen == Seen::LeaveOut,
            events: EventCounts { bots: sizes.bot_events, bot_visits: sizes.bot_visits, ..live.counts },
            sessions: self.data.counts().1,
            scored_sessions: self.plan.clusters,
            items,
            bare_items: live.bare_items,
            pairs,
            rejected: self.data.rejections.clone(),
            update_us: Percentiles::of(live.update_ns, 1e-3),
            strategies: Vec::new(),
            differences: Vec::new(),
            ratios: Vec::new(),
            ablations: Vec::new(),
            freshness: Vec::new(),
            sources: self.study.as_ref().map(Study::sources).unwrap_or_default(),
            retrieval: self.study.as_ref().map(Study::retrieval),
            features: self.study.as_ref().map(Study::features).unwrap_or_default(),
            calibration: self.study.as_ref().and_then(Study::calibration),
            model: live.engine.model().clone(),
        };
        let means: Vec<Means> = self.lanes.iter().map(|lane| lane.means(seed)).collect();
        report.ratios = ratios(&self.lanes, &means);
        let base = self.lanes.iter().position(|lane| lane.asked.is_live()).map(|live| &means[live]);
        for (lane, means) in self.lanes.into_iter().zip(&means) {
            let versus = base.map(|base| Versus::of(lane.names(), means, base));
            let asked = lane.asked.clone();
            report.enter(&asked, lane.report(means, seed, items), versus);
        }
        report
    }
}

/// By how much somebody who knows the events up to an instant is behind, seconds.
fn behind_s(knows_to: Timestamp, now: Timestamp) -> u32 {
    u32::try_from(now.since_ms(knows_to).max(0) / SECOND_MS).unwrap_or(u32::MAX)
}

/// The items that a query is to find.
fn targets<'a>(data: &'a Dataset, plan: &Plan, query: &Query) -> Vec<&'a ItemId> {
    plan.items_of(query.targets).iter().filter_map(|&item| data.item(item)).collect()
}
