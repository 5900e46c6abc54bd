//! The run itself: events go into the engine in order, and questions are asked before the events they foretell.

use std::path::PathBuf;
use std::time::Instant;

use indicatif::ProgressBar;
use sidecart_engine::nouns::{DAY_MS, Entry, ItemId, PlacementId, Record, Repeats, Request, SessionId, Timestamp};
use sidecart_engine::{Applied, Engine, Scratch, Settings, Unhurried};

use super::ReplayError;
use super::basket::{Hide, baskets};
use super::lane::{Answer, Contender, Lane, named};
use super::next_item::{Seen, next_item, number_clusters, prequential};
use super::pairs::{Met, pairs};
use super::plan::{Cut, Plan, Query};
use super::report::{Difference, EventCounts, Percentiles, Report};
use crate::data::Dataset;
use crate::wire::scalar::rfc3339;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Protocol {
    /// Every second and later event of each test session, foretold from those before it.
    NextItem,
    /// The hidden part of each test basket, found from the rest.
    Basket,
    /// Every event, foretold as it comes.
    Prequential,
}

impl Protocol {
    fn name(self) -> &'static str {
        match self {
            Self::NextItem => "next-item",
            Self::Basket => "basket",
            Self::Prequential => "prequential",
        }
    }

    fn placement(self) -> &'static str {
        match self {
            Self::NextItem | Self::Prequential => "pdp",
            Self::Basket => "cart",
        }
    }

    fn needs(self) -> &'static str {
        match self {
            Self::NextItem => "no session that begins after it has two events: set an earlier --cut, or give more data",
            Self::Basket => {
                "no session that begins after it has bought two items: set an earlier --cut, or use --protocol next-item"
            }
            Self::Prequential => "no view, add_to_cart or purchase comes after it: set an earlier --cut",
        }
    }
}

/// How to replay.
#[derive(Debug, Clone)]
pub struct Options {
    /// What is asked.
    pub protocol: Protocol,
    /// Where to cut, if not where the data say.
    pub cut: Option<Timestamp>,
    /// A file that fixes what is asked.
    pub pairs: Option<PathBuf>,
    /// How much of a basket is hidden.
    pub hide: Hide,
    /// Cut-offs k, ascending and distinct.
    pub cut_offs: Vec<usize>,
    /// Who is asked; empty: all that make sense.
    pub contenders: Vec<Contender>,
    /// Whether seen items count.
    pub seen: Seen,
    /// Seed of samples, hidden halves and intervals.
    pub seed: u64,
    /// Ask only so many questions, drawn at random.
    pub limit_queries: Option<usize>,
    /// The engine's settings.
    pub settings: Settings,
}

/// Replays a data set.
///
/// # Errors
/// [`ReplayError`] where nothing can be asked.
pub fn run(data: &mut Dataset, options: &Options, progress: &ProgressBar) -> Result<Report, ReplayError> {
    let cut = find_cut(data, options)?;
    let contenders = contenders(options)?;
    let (mut plan, met) = make_plan(data, cut, options)?;
    if let Some(most) = options.limit_queries {
        plan.sample(most, options.seed);
        number_clusters(&mut plan);
    }
    if plan.queries.is_empty() {
        return Err(ReplayError::NoQueries { cut: cut.at, hint: options.protocol.needs() });
    }
    progress.set_length(data.events().len() as u64);
    let mut run = Run::new(data, &plan, options, cut, &contenders);
    run.enter_catalogue();
    run.go(progress);
    progress.finish_and_clear();
    Ok(run.report(met))
}

fn find_cut(data: &Dataset, options: &Options) -> Result<Cut, ReplayError> {
    let events = data.events();
    let (Some(first), Some(last)) = (events.first(), events.last()) else {
        return Err(ReplayError::NoEvents(data.label.clone()));
    };
    let whole_stream = options.protocol == Protocol::Prequential;
    let cut = match (data.test_from, options.cut, data.cut) {
        (Some(place), ..) => Cut { at: events[place].at, place },
        (None, Some(at), _) => Cut::at(events, at),
        (None, None, _) if whole_stream => Cut { at: first.at, place: 0 },
        (None, None, Some(at)) => Cut::at(events, at),
        (None, None, None) => Cut::last_tenth(events).unwrap_or(Cut { at: first.at, place: 0 }),
    };
    if cut.place == 0 && !whole_stream {
        return Err(ReplayError::NothingBefore { cut: cut.at, first: first.at, last: last.at });
    }
    Ok(cut)
}

fn contenders(options: &Options) -> Result<Vec<Contender>, ReplayError> {
    let whole_stream = options.protocol == Protocol::Prequential && options.cut.is_none();
    let mut chosen = options.contenders.clone();
    if chosen.is_empty() {
        chosen = Contender::ALL.into_iter().filter(|contender| !(whole_stream && contender.is_fixed())).collect();
    } else if whole_stream && chosen.iter().any(|contender| contender.is_fixed()) {
        return Err(ReplayError::Usage(
            "`static` and `frozen` are fixed at the cut, and prequential over the whole stream has none: give --cut, or --strategies batch,realtime",
        ));
    }
    chosen.sort_unstable();
    chosen.dedup();
    Ok(chosen)
}

fn make_plan(data: &mut Dataset, cut: Cut, options: &Options) -> Result<(Plan, Option<Met>), ReplayError> {
    match (&options.pairs, options.protocol) {
        (Some(path), Protocol::NextItem) => pairs(data, cut, path).map(|(plan, met)| (plan, Some(met))),
        (Some(_), _) => Err(ReplayError::Usage("--pairs fixes next items: use it with --protocol next-item")),
        (None, Protocol::NextItem) => Ok((next_item(data, cut, options.seen), None)),
        (None, Protocol::Prequential) => Ok((prequential(data, cut, options.seen), None)),
        (None, Protocol::Basket) => Ok((baskets(data, cut, options.hide, options.seed), None)),
    }
}

struct Run<'a> {
    data: &'a Dataset,
    plan: &'a Plan,
    options: &'a Options,
    cut: Cut,
    live: Engine,
    frozen: Option<Engine>,
    lanes: Vec<Lane>,
    known: Vec<bool>,
    bare_items: usize,
    scratch: Scratch,
    counts: EventCounts,
    update_ns: Vec<u32>,
    batch_knows_to: Timestamp,
    placement: PlacementId,
    nobody: SessionId,
}

/// Events between two steps of the progress bar.
const STEP: usize = 1_024;

impl<'a> Run<'a> {
    fn new(data: &'a Dataset, plan: &'a Plan, options: &'a Options, cut: Cut, contenders: &[Contender]) -> Self {
        let lane = |&contender| Lane::new(contender, &options.cut_offs, plan.clusters);
        Self {
            data,
            plan,
            options,
            cut,
            live: Engine::new(options.settings.clone()),
            frozen: None,
            lanes: contenders.iter().map(lane).collect(),
            known: vec![false; data.counts().0],
            bare_items: 0,
            scratch: Scratch::default(),
            counts: EventCounts { total: data.events().len(), before_cut: cut.place, ..EventCounts::default() },
            update_ns: Vec::with_capacity(data.events().len()),
            batch_knows_to: cut.at,
            placement: PlacementId::new(options.protocol.placement()).expect("a short visible text"),
            nobody: SessionId::new("sidecart-replay-nobody").expect("a short visible text"),
        }
    }

    /// The catalogue is known from the beginning, as of the first event.
    fn enter_catalogue(&mut self) {
        let accepted_at = self.data.events().first().map_or(Timestamp(0), |head| head.at);
        for item in &self.data.catalog {
            let _ = self.live.apply(&Entry { accepted_at, record: Record::Item(Box::new(item.clone())) });
            if let Some(number) = self.data.item_number(item.id.as_str()) {
                self.known[number as usize] = true;
            }
        }
    }

    fn go(&mut self, progress: &ProgressBar) {
        let mut queries = self.plan.queries.iter().peekable();
        for place in 0..self.data.events().len() {
            if place == self.cut.place {
                self.reach_cut();
            }
            while let Some(query) = queries.next_if(|query| query.before as usize == place) {
                self.ask(query);
            }
            self.apply(place);
            if place % STEP == 0 {
                progress.set_position(place as u64);
            }
        }
    }

    fn reach_cut(&mut self) {
        self.live.rebuild_batch();
        self.live.fix_static();
        if self.lanes.iter().any(|lane| lane.contender == Contender::Frozen) {
            self.frozen = Some(self.live.clone());
        }
    }

    fn apply(&mut self, place: usize) {
        let head = &self.data.events()[place];
        for item in self.data.items_of(head) {
            self.make_known(item, head.at);
        }
        let entry = Entry { accepted_at: head.at, record: Record::Event(Box::new(self.data.event(head))) };
        let began = Instant::now();
        let applied = self.live.apply(&entry);
        self.update_ns.push(nanoseconds(began));
        match applied {
            Applied::Fresh => self.counts.applied += 1,
            Applied::Duplicate => self.counts.duplicates += 1,
            Applied::Refused => self.counts.refused += 1,
        }
        let midnight = Timestamp(head.at.day() * DAY_MS);
        self.batch_knows_to = self.batch_knows_to.max(midnight);
    }

    /// An item that no catalogue has enters with its first event: the engine never returns what it does not know.
    fn make_known(&mut self, item: u32, at: Timestamp) {
        if std::mem::replace(&mut self.known[item as usize], true) {
            return;
        }
        if let Some(bare) = self.data.bare_item(item) {
            let _ = self.live.apply(&Entry { accepted_at: at, record: Record::Item(Box::new(bare.clone())) });
            self.bare_items += 1;
        }
    }

    fn ask(&mut self, query: &Query) {
        let now = self.data.events()[query.before as usize].at;
        let mut request = self.request(query);
        let live_session = self.data.session(query.session).unwrap_or(&self.nobody);
        let mut items = Vec::with_capacity(request.limit);
        for lane in &mut self.lanes {
            request.strategy = lane.contender.strategy();
            let (engine, session, knows_to) = match (lane.contender, &self.frozen) {
                (Contender::Frozen, Some(frozen)) => (frozen, &self.nobody, self.cut.at),
                (Contender::Static, _) => (&self.live, live_session, self.cut.at),
                (Contender::Batch, _) => (&self.live, live_session, self.batch_knows_to),
                (Contender::Realtime | Contender::Frozen, _) => (&self.live, live_session, now),
            };
            request.session.clone_from(session);
            let began = Instant::now();
            let slate = engine.recommend(&request, now, &mut Unhurried, &mut self.scratch);
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
                behind_ms: u32::try_from(now.since_ms(knows_to)).unwrap_or(0),
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
            // Given even where empty: what is in the cart is never returned, but all items are to be ranked.
            cart: Some(ids(query.cart)),
            repeats: match self.options.seen {
                Seen::Count => Repeats::Allow,
                Seen::LeaveOut => Repeats::Suppress,
            },
            ..Request::new(self.placement.clone(), self.nobody.clone(), limit)
        }
    }

    fn report(self, pairs: Option<Met>) -> Report {
        let seed = self.options.seed;
        let items = self.live.items().count();
        let means: Vec<_> = self.lanes.iter().map(|lane| lane.means(seed)).collect();
        let live = self.lanes.iter().position(|lane| lane.contender == Contender::Realtime);
        let others = |live: usize| (0..self.lanes.len()).filter(move |&other| other != live);
        let differences = live.into_iter().flat_map(|live| others(live).map(move |other| (live, other)));
        let differences = differences.map(|(live, other)| Difference {
            of: self.lanes[live].contender.name(),
            minus: self.lanes[other].contender.name(),
            metrics: named(self.lanes[live].names(), means[live].minus(&means[other])),
        });
        let differences = differences.collect();
        Report {
            protocol: self.options.protocol.name(),
            data: self.data.label.clone(),
            cut: rfc3339(self.cut.at),
            seed,
            exclude_seen: self.options.seen == Seen::LeaveOut,
            events: self.counts,
            sessions: self.data.counts().1,
            scored_sessions: self.plan.clusters,
            items,
            bare_items: self.bare_items,
            pairs,
            rejected: self.data.rejections.clone(),
            update_us: Percentiles::of(self.update_ns, 1e-3),
            strategies: self
                .lanes
                .into_iter()
                .zip(&means)
                .map(|(lane, means)| lane.report(means, seed, items))
                .collect(),
            differences,
        }
    }
}

fn nanoseconds(began: Instant) -> u32 {
    u32::try_from(began.elapsed().as_nanos()).unwrap_or(u32::MAX)
}
