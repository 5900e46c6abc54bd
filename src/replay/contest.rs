//! The contest: questions are asked before the events that they foretell, then the events are fed to the engine.

use std::time::Instant;

use indicatif::ProgressBar;
use sidecart_engine::nouns::{ItemId, PlacementId, Repeats, Request, SECOND_MS, SessionId};
use sidecart_engine::{Engine, Scratch, Unhurried};

use super::bootstrap::Means;
use super::feed::{Feed, nanoseconds};
use super::lane::{Answer, Contender, Lane, named};
use super::next_item::Seen;
use super::pairs::Met;
use super::plan::{Cut, Plan, Query};
use super::report::{Difference, Percentiles, Report};
use super::run::Options;
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
    feed: Feed<'a>,
    frozen: Option<Engine>,
    lanes: Vec<Lane>,
    scratch: Scratch,
    placement: PlacementId,
    nobody: SessionId,
}

impl<'a> Contest<'a> {
    /// A contest that has not begun.
    pub fn new(data: &'a Dataset, plan: &'a Plan, options: &'a Options, cut: Cut, contenders: &[Contender]) -> Self {
        let lane = |&contender| Lane::new(contender, &options.cut_offs, plan.clusters);
        Self {
            data,
            plan,
            options,
            cut,
            feed: Feed::new(data, cut, options.settings.clone(), options.learning),
            frozen: None,
            lanes: contenders.iter().map(lane).collect(),
            scratch: Scratch::default(),
            placement: PlacementId::new(options.protocol.placement()).expect("a short visible text"),
            nobody: SessionId::new("sidecart-replay-nobody").expect("a short visible text"),
        }
    }

    /// Runs it.
    pub fn run(&mut self, progress: &ProgressBar) {
        let mut queries = self.plan.queries.iter().peekable();
        for place in 0..self.data.events().len() {
            if place == self.cut.place {
                self.reach_cut();
            }
            while let Some(query) = queries.next_if(|query| query.before as usize == place) {
                self.ask(query);
            }
            self.feed.apply(place);
            if place.is_multiple_of(STEP) {
                progress.set_position(place as u64);
            }
        }
    }

    fn reach_cut(&mut self) {
        self.feed.publish(self.cut.at);
        self.feed.engine.rebuild_batch();
        self.feed.engine.fix_static();
        if self.lanes.iter().any(|lane| lane.contender == Contender::Frozen) {
            self.frozen = Some(self.feed.engine.clone());
        }
    }

    fn ask(&mut self, query: &Query) {
        let now = self.data.events()[query.before as usize].at;
        let mut request = self.request(query);
        let live_session = self.data.session(query.session).unwrap_or(&self.nobody);
        let live = &self.feed.engine;
        let mut items = Vec::with_capacity(request.limit);
        for lane in &mut self.lanes {
            request.strategy = lane.contender.strategy();
            let (engine, session, knows_to) = match (lane.contender, &self.frozen) {
                (Contender::Frozen, Some(frozen)) => (frozen, &self.nobody, self.cut.at),
                (Contender::Static, _) => (live, live_session, self.cut.at),
                (Contender::Batch, _) => (live, live_session, self.feed.batch_knows_to),
                (Contender::Realtime | Contender::Frozen, _) => (live, live_session, now),
            };
            request.session.clone_from(session);
            let began = Instant::now();
            // For the frozen engine time stands still as well: it answers as it would have at the cut.
            let as_of = if lane.contender == Contender::Frozen { self.cut.at.min(now) } else { now };
            let slate = engine.recommend(&request, as_of, &mut Unhurried, &mut self.scratch);
            let took_ns = nanoseconds(began);
            items.clear();
            items.extend(slate.picks.iter().filter_map(|pick| self.data.item_number(pick.item_id.as_str())));
            lane.add(&Answer {
                items: &items,
                targets: self.plan.items_of(query.targets),
                cluster: query.cluster,
                kind: query.kind,
                tier: slate.tier,
                took_ns,
                behind_s: u32::try_from(now.since_ms(knows_to).max(0) / SECOND_MS).unwrap_or(u32::MAX),
            });
        }
    }

    fn request(&self, query: &Query) -> Request {
        let ids = |span| -> Vec<ItemId> {
            self.plan.items_of(span).iter().filter_map(|&item| self.data.item(item).cloned()).collect()
        };
        let limit = self.options.cut_offs.last().copied().unwrap_or_default();
        Request {
            user: self.data.user(query.user).cloned(),
            context_items: ids(query.context),
            // Given even where empty: a strategy is to know no more of the cart than the others.
            cart: Some(ids(query.cart)),
            repeats: match self.options.seen {
                Seen::Count => Repeats::Allow,
                Seen::LeaveOut => Repeats::Suppress,
            },
            ..Request::new(self.placement.clone(), self.nobody.clone(), limit)
        }
    }

    /// What it found.
    pub fn report(self, pairs: Option<Met>) -> Report {
        let seed = self.options.seed;
        let items = self.feed.engine.items().count();
        let means: Vec<_> = self.lanes.iter().map(|lane| lane.means(seed)).collect();
        let differences = self.differences(&means);
        let model = self.feed.engine.model().clone();
        Report {
            protocol: self.options.protocol.name(),
            data: self.data.label.clone(),
            cut: rfc3339(self.cut.at),
            seed,
            exclude_seen: self.options.seen == Seen::LeaveOut,
            events: self.feed.counts,
            sessions: self.data.counts().1,
            scored_sessions: self.plan.clusters,
            items,
            bare_items: self.feed.bare_items,
            pairs,
            rejected: self.data.rejections.clone(),
            update_us: Percentiles::of(self.feed.update_ns, 1e-3),
            strategies: self
                .lanes
                .into_iter()
                .zip(&means)
                .map(|(lane, means)| lane.report(means, seed, items))
                .collect(),
            differences,
            model,
        }
    }
    /// The live strategy minus each other.
    fn differences(&self, means: &[Means]) -> Vec<Difference> {
        let Some(live) = self.lanes.iter().position(|lane| lane.contender == Contender::Realtime) else {
            return Vec::new();
        };
        let others = (0..self.lanes.len()).filter(|&other| other != live);
        let difference = |other: usize| Difference {
            of: self.lanes[live].contender.name(),
            minus: self.lanes[other].contender.name(),
            metrics: named(self.lanes[live].names(), means[live].minus(&means[other])),
        };
        others.map(difference).collect()
    }
}
