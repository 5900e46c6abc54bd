//! What an answer and an update cost, and what the state weighs, in a generated shop.
//!
//! `cargo bench -p sidecart-engine --bench engine -- [SESSIONS...] [--items N] [--asks N]` (1,000,000 sessions of 100,000
//! items if not said; several numbers of sessions run one after the other). One thread; the state is filled first, then
//! the last twentieth of the sessions is timed event by event, with queries in between. Both views of session-kNN are on.
//! `--asks` adds answers at the end, for a profiler; `valgrind --tool=callgrind --toggle-collect='*Engine::recommend*'`
//! counts the instructions of answers alone.
//!
//! The shop: items stand in clusters of 100 (a category each), drawn by Zipf's law; a visit stays in its cluster nine
//! steps of ten and lasts 4.8 items on average; one visit in four puts its last item into the cart and buys the cart.

#![allow(missing_docs, reason = "a program, not a library")]

use std::time::Instant;

use rustix::time::{ClockId, clock_gettime};

use sidecart_engine::nouns::{
    Entry, Event, EventId, EventKind, Item, ItemId, Line, PlacementId, Record, Repeats, Request, SessionId, Timestamp,
};
use sidecart_engine::{Engine, Scratch, Settings, Unhurried};

/// As in the program that is shipped.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CLUSTER: u64 = 100;
/// Mean time between two visits' starts: a million visits make a month.
const PACE_MS: i64 = 2_600;
const START_MS: i64 = 1_700_000_000_000;
const ITEMS: u64 = 100_000;
/// Items of context in a query.
const LENGTHS: [usize; 3] = [1, 5, 10];

/// A seeded generator (splitmix64): the same shop on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn share(&mut self) -> f64 {
        (self.roll() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A number below `n`, about as often as 1 / (its place): the inverse of the log-uniform law.
    fn zipf(&mut self, n: u64) -> u64 {
        (((n as f64 + 1.0).powf(self.share())) as u64 - 1).min(n - 1)
    }
}

struct Shop {
    dice: Dice,
    items: u64,
    events: u64,
}

impl Shop {
    fn item(&mut self, cluster: u64) -> u64 {
        let cluster = if self.dice.share() < 0.9 { cluster } else { self.dice.zipf(self.items / CLUSTER) };
        cluster * CLUSTER + self.dice.zipf(CLUSTER)
    }

    /// The events of one visit.
    fn visit(&mut self, number: u64, at: i64) -> Vec<Entry> {
        let cluster = self.dice.zipf(self.items / CLUSTER);
        let mut entries = Vec::new();
        let mut last = 0;
        while entries.is_empty() || self.dice.share() < 0.79 {
            last = self.item(cluster);
            let at = at + entries.len() as i64 * 20_000;
            entries.push(self.entry(number, at, EventKind::View, last));
        }
        if number.is_multiple_of(4) {
            let at = at + entries.len() as i64 * 20_000;
            entries.push(self.entry(number, at, EventKind::AddToCart, last));
            entries.push(self.entry(number, at + 20_000, EventKind::Purchase, last));
        }
        entries
    }

    fn entry(&mut self, visit: u64, at: i64, kind: EventKind, item: u64) -> Entry {
        self.events += 1;
        let event = Event {
            id: EventId::new(&format!("e{}", self.events)).expect("a valid id"),
            kind,
            session: SessionId::new(&format!("s{visit}")).expect("a valid id"),
            user: None,
            anonymous: None,
            at: Timestamp(at),
            lines: vec![Line { item: id(item), quantity: 1, price: None }],
            order: None,
            placement: None,
            attribution_token: None,
            consent: None,
            context: None,
        };
        Entry { accepted_at: Timestamp(at), record: Record::Event(Box::new(event)), origin: None }
    }
}

fn id(item: u64) -> ItemId {
    ItemId::new(&format!("i{item}")).expect("a valid id")
}

/// Resident memory in MiB (Linux; 0 elsewhere).
fn resident_mib() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: f64 = statm.split_whitespace().nth(1).and_then(|pages| pages.parse().ok()).unwrap_or_default();
    pages * 4096.0 / f64::from(1 << 20)
}

/// Processor time of this thread, so that what else the machine does is left out. Reading it costs some 0.3 us.
fn cpu_us() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}

fn report(name: &str, mut us: Vec<f64>) {
    us.sort_by(f64::total_cmp);
    let at = |share: f64| us[((us.len() - 1) as f64 * share) as usize];
    println!("{name:<28} {:>8} {:>8.1} {:>8.1} {:>8.1} {:>8.1}", us.len(), at(0.5), at(0.95), at(0.99), at(0.999));
}

/// What the command line asks for.
#[derive(Default)]
struct Options {
    sessions: Vec<u64>,
    items: Option<u64>,
    /// Further answers at the end: something to profile.
    asks: u64,
}

impl Options {
    fn read() -> Self {
        let mut options = Self::default();
        let mut arguments = std::env::args().skip(1);
        let number = |text: &str| text.replace('_', "").parse::<u64>().ok();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--items" => options.items = arguments.next().as_deref().and_then(number),
                "--asks" => options.asks = arguments.next().as_deref().and_then(number).unwrap_or_default(),
                other => options.sessions.extend(number(other)),
            }
        }
        options
    }
}

fn main() {
    let options = Options::read();
    match options.sessions[..] {
        [] => bench(1_000_000, &options),
        [sessions] => bench(sessions, &options),
        // A process each: memory that one has given back would count for the next.
        _ => options.sessions.iter().for_each(|sessions| {
            let program = std::env::current_exe().expect("the path of this program");
            let mut child = std::process::Command::new(program);
            child.args([sessions.to_string(), "--items".into(), options.items.unwrap_or(ITEMS).to_string()]);
            assert!(child.status().expect("a run").success(), "the run of {sessions} sessions failed");
        }),
    }
}

/// An engine with the shop's catalogue and both views of session-kNN.
fn engine(sessions: u64, items: u64) -> Engine {
    let mut settings = Settings::default();
    settings.index.max_sessions = settings.index.max_sessions.max(sessions as usize);
    settings.candidates.session_knn_whole.weight = 1.0;
    let mut engine = Engine::new(settings);
    for item in 0..items {
        let category_path = vec![format!("c{}", item / CLUSTER)];
        let record = Record::Item(Box::new(Item { category_path, ..Item::bare(id(item)) }));
        engine.apply(&Entry { accepted_at: Timestamp(0), record, origin: None });
    }
    engine
}

fn bench(sessions: u64, options: &Options) {
    let items = options.items.unwrap_or(ITEMS).max(CLUSTER);
    let mut engine = engine(sessions, items);
    let mut shop = Shop { dice: Dice(42), items, events: 0 };
    let empty = resident_mib();
    println!("{sessions} sessions, {items} items; catalogue alone {empty:.0} MiB");

    let timed_from = sessions - sessions / 20;
    let mut updates = Vec::new();
    let mut queries: [Vec<f64>; 3] = Default::default();
    let mut scratch = Scratch::default();
    let began = Instant::now();
    let at = |visit: u64| Timestamp(START_MS + visit as i64 * PACE_MS);
    for visit in 0..sessions {
        for entry in shop.visit(visit, at(visit).0) {
            if visit < timed_from {
                engine.apply(&entry);
            } else {
                updates.push(cpu_us_of(|| engine.apply(&entry)));
            }
        }
        if visit == timed_from {
            println!("filled in {:.1} s", began.elapsed().as_secs_f64());
        }
        if visit >= timed_from && visit % 5 == 0 {
            for (latencies, length) in queries.iter_mut().zip(LENGTHS) {
                latencies.push(answer_us(&engine, &mut shop, length, at(visit), &mut scratch));
            }
        }
    }
    for n in 0..options.asks {
        answer_us(&engine, &mut shop, LENGTHS[n as usize % LENGTHS.len()], at(sessions), &mut scratch);
    }
    println!("{:<28} {:>8} {:>8} {:>8} {:>8} {:>8}", "CPU microseconds", "n", "p50", "p95", "p99", "p99.9");
    report("update", updates);
    for (latencies, length) in queries.iter().zip(LENGTHS) {
        report(&format!("answer, {length} items of context"), latencies.clone());
    }
    report("answer, all of these", queries.concat());
    let (resident, events) = (resident_mib(), shop.events as f64);
    println!(
        "{} events; resident {resident:.0} MiB, {:.0} MiB per million events\n",
        shop.events,
        (resident - empty) / events * 1e6
    );
}

fn cpu_us_of<T>(work: impl FnOnce() -> T) -> f64 {
    let before = cpu_us();
    let done = work();
    let took = cpu_us() - before;
    drop(done);
    took
}

fn answer_us(engine: &Engine, shop: &mut Shop, length: usize, now: Timestamp, scratch: &mut Scratch) -> f64 {
    let cluster = shop.dice.zipf(shop.items / CLUSTER);
    let context = (0..length).map(|_| id(shop.item(cluster))).collect();
    let request = ask(context);
    cpu_us_of(|| {
        let answer = engine.recommend(&request, now, &mut Unhurried, scratch);
        assert_eq!(answer.picks.len(), 20, "a full answer");
        answer
    })
}

fn ask(context_items: Vec<ItemId>) -> Request {
    let placement = PlacementId::new("pdp").expect("a valid id");
    let session = SessionId::new("a-new-visitor").expect("a valid id");
    Request { context_items, repeats: Repeats::Suppress, ..Request::new(placement, session, 20) }
}
