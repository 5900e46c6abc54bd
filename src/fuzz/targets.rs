//! What is fuzzed. A target gives a number that tells its outcomes apart, so that new ones are noticed.

use std::hash::{Hash, Hasher};
use std::ops::ControlFlow;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use rustc_hash::FxHasher;
use sidecart_engine::nouns::{Currency, Entry, ItemId, Record, Timestamp};
use sidecart_engine::{Engine, STATE_VERSION, Settings};
use tower::ServiceExt;

use super::cel;
use crate::access::Audit;
use crate::cli::serve::{Running, start};
use crate::clock::SystemClock;
use crate::config::{self, Environment, References};
use crate::http::{Door, Guard, router};
use crate::ingest::checkpoint;
use crate::log::tests::sim::SimDisk;
use crate::log::{EventLog, LogOptions, Offset, SegmentLog};
use crate::wire::shapes::{self, Envelope, Outcome, Told};
use crate::wire::split::{Packing, elements};
use crate::wire::{Rejection, erasure, event, item, model, request, stock};

/// A reader of bytes from outside.
pub struct Target {
    /// Its name, and its corpus'.
    pub name: &'static str,
    /// Words of its language.
    pub words: &'static [&'static str],
    /// Reads an input.
    pub run: fn(&mut State, &[u8]) -> u64,
}

pub const TARGETS: [Target; 8] = [
    Target { name: "config", words: CONFIG_WORDS, run: config },
    Target {
        name: "cel",
        words: CEL_WORDS,
        run: |state, input| cel::run(state.shop.get_or_insert_with(cel::Shop::new), input),
    },
    Target { name: "events", words: JSON_WORDS, run: events },
    Target { name: "items", words: JSON_WORDS, run: items },
    Target { name: "requests", words: JSON_WORDS, run: requests },
    Target { name: "bodies", words: JSON_WORDS, run: bodies },
    Target { name: "log", words: &["\u{FF}\\", "SIDECLOG", "{\"accepted_at\":1}"], run: log },
    Target { name: "checkpoint", words: &["SCCKPT\0\u{1}", "\u{80}\u{80}\u{80}\u{80}"], run: checkpoint_file },
];

const CONFIG_WORDS: &[&str] = &[
    "server:",
    "listen: ",
    "placements:",
    "rules:",
    "events:",
    "storage:",
    "128MiB",
    "5m",
    "- ",
    "  ",
    "${HOME}",
    "[a, b]",
    "|\n",
    "? ",
    "!!int",
    "<<: *x",
    "curated:",
    "lists:",
    "pairs:",
    "candidates:",
    "weights:",
];
const CEL_WORDS: &[&str] = &[
    "item.price",
    "item.stock",
    "item.marginPct",
    "item.tags",
    "item.categories",
    "item.attributes.hfss",
    "item.attributes.n",
    "item.shownInVisit",
    "cart.items.exists(c, c.price < item.price)",
    "cart.items.all(c, ",
    "cart.total",
    "user.known",
    "user.attributes.addOns",
    "user.segments",
    "request.context",
    "now.hour",
    "now.date",
    "has(",
    "size(",
    "within(",
    " in ",
    " && ",
    " || ",
    "!(",
    " == ",
    " % ",
    " / ",
    "'Alcohol'",
    "[1, 'a']",
    ".startsWith(",
    ".matches(",
    ")",
];
const JSON_WORDS: &[&str] = &[
    "\"eventType\":",
    "\"sessionId\":",
    "\"itemId\":",
    "\"items\":[",
    "\"price\":",
    "\"timestamp\":",
    "\"quantity\":",
    "\"currency\":",
    "\"placement\":\"cart\"",
    "\"cart\":[",
    "\"user\":{",
    "\"filter\":{",
    "\"limit\":",
    "\"stock\":",
    "{",
    "}",
    "[",
    "]",
    ",",
    "\"",
    "\"data\":",
    "\"specversion\":\"1.0\"",
    "\"event\":\"Product Added\"",
    "\"properties\":{\"products\":[",
    "\"events\":[{\"name\":\"view_item\",\"params\":{",
    "\"client_id\":",
    "\"item_id\":",
    "\"context\":{",
    "\"attributes\":{",
    "\"explain\":true",
];
const NOW: Timestamp = Timestamp(1_780_000_000_000);

/// What a target keeps between inputs.
pub struct State {
    shop: Option<cel::Shop>,
    server: Option<(tokio::runtime::Runtime, tempfile::TempDir, Router, Running)>,
}

impl State {
    pub fn new() -> Self {
        Self { shop: None, server: None }
    }

    fn server(&mut self) -> (&tokio::runtime::Runtime, Router) {
        let (runtime, _, router, _) = self.server.get_or_insert_with(|| {
            let folder = tempfile::tempdir().unwrap();
            let mut loaded = config::load(None, &[]).unwrap();
            loaded.config.data_dir = folder.path().into();
            loaded.config.server.listen = ([127, 0, 0, 1], 0).into();
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
            let running = runtime.block_on(start(loaded, Arc::new(SystemClock))).unwrap();
            let audit = Arc::new(Audit::new(folder.path().into()));
            let router = router(running.service(), &Arc::new(Guard::default()), &audit, Door::Only);
            (runtime, folder, router, running)
        });
        (runtime, router.clone())
    }
}

pub fn outcome(of: impl Hash) -> u64 {
    let mut hasher = FxHasher::default();
    of.hash(&mut hasher);
    hasher.finish()
}

fn refusal(rejection: &Rejection) -> u64 {
    outcome((rejection.code, &rejection.field))
}

fn config(_: &mut State, input: &[u8]) -> u64 {
    let references = References::Replaced;
    let document = config::Document { name: "f.yaml", bytes: input, references };
    match config::assemble(Some(document), &Environment::default(), &[]) {
        Ok(loaded) => {
            drop(loaded.config.settings());
            outcome(loaded.warnings.len())
        }
        Err(error) => {
            // Each message must be printable, whatever it quotes.
            let text = error.to_string();
            // Without what is quoted and without places.
            let words = text.split('`').step_by(2).flat_map(|part| part.split(|c: char| c.is_ascii_digit()));
            outcome(words.take(8).collect::<Vec<_>>())
        }
    }
}

/// Whatever is accepted must come back from the log as it was.
fn keeps(record: Record) -> u64 {
    let entry = Entry { accepted_at: NOW, record, origin: None };
    let bytes = serde_json::to_vec(&entry).unwrap();
    let back: Entry = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(entry, back);
    outcome(bytes.len().ilog2())
}

fn events(_: &mut State, input: &[u8]) -> u64 {
    let acceptance = event::Acceptance {
        now: NOW,
        allowed_lateness_ms: None,
        max_future_skew_ms: i64::MAX,
        currency: Currency::USD,
    };
    let mut last = 0;
    let mapping = config::Config::default().events.mapping.compiled();
    for bytes in elements(input, Packing::Json) {
        for envelope in [Envelope::Plain, Envelope::Structured] {
            let told = Told { bytes, envelope: &envelope, id: None };
            shapes::read(told, &mapping, &acceptance, |told| {
                last = match told {
                    Outcome::Event(read) => keeps(Record::Event(Box::new(read.event))),
                    Outcome::Ignored => 1,
                    Outcome::Refused(refused) => refusal(&refused.why),
                };
            });
        }
    }
    last
}

fn items(_: &mut State, input: &[u8]) -> u64 {
    let currency = Currency::USD;
    let id = ItemId::new("i1").unwrap();
    let mut last = 0;
    for element in elements(input, Packing::Lines) {
        last = match item::read(element, currency, NOW) {
            Ok(item) => keeps(Record::Item(Box::new(item))),
            Err(rejection) => refusal(&rejection),
        };
        if let Ok(patch) = item::read_patch(element, &id, currency, NOW) {
            keeps(Record::Patch { item: id.clone(), patch: Box::new(patch) });
        }
        if let Ok(update) = stock::read(element, NOW) {
            keeps(Record::Stock(update));
        }
    }
    last
}

fn requests(_: &mut State, input: &[u8]) -> u64 {
    let asked = match request::read(input, Currency::USD) {
        Ok(asked) => outcome((asked.request.limit.min(99), asked.deadline_ms.is_some())),
        Err(rejection) => refusal(&rejection),
    };
    let others = [model::read(input).err(), erasure::read(input).err(), model::read_rollback(input).err()];
    outcome((asked, others.iter().flatten().map(refusal).collect::<Vec<_>>()))
}

/// Over the whole router: no body makes it answer with a fault.
fn bodies(state: &mut State, input: &[u8]) -> u64 {
    const ROUTES: [(&str, &str); 7] = [
        ("POST", "/v1/events"),
        ("POST", "/v1/recommendations"),
        ("PUT", "/v1/items"),
        ("PUT", "/v1/inventory"),
        ("PATCH", "/v1/items/i1"),
        ("POST", "/v1/events?wait=applied&mode=history"),
        ("PUT", "/v1/model"),
    ];
    let (first, body) = input.split_first().unwrap_or((&0, &[]));
    let (method, path) = ROUTES[usize::from(*first) % ROUTES.len()];
    let kind = if first % 2 == 0 { "application/json" } else { "application/x-ndjson" };
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", kind)
        .body(Body::from(body.to_vec()))
        .unwrap();
    let (runtime, router) = state.server();
    let status = runtime.block_on(router.oneshot(request)).unwrap().status().as_u16();
    assert_ne!(status, 500, "{method} {path}");
    outcome((path, status))
}

/// Whatever a file holds, opening it ends, and what is appended afterwards comes back.
fn log(_: &mut State, input: &[u8]) -> u64 {
    let disk = SimDisk::default();
    disk.put("00000000000000000000.seg", input);
    let options = LogOptions { segment_bytes: 1 << 20, retain_ms: None, retain_bytes: None };
    let (mut log, recovered) = match SegmentLog::open_on(Arc::new(disk), options, NOW) {
        Ok(opened) => opened,
        Err(error) => return outcome(error.to_string().len()),
    };
    let first = log.append(&[b"appended".to_vec()], NOW).unwrap();
    let mut newest = None;
    let replayed = log
        .replay(log.first_offset(), &mut |logged| {
            newest = Some((logged.offset, logged.payload.to_vec()));
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(newest, Some((first, b"appended".to_vec())));
    assert_eq!(replayed.next, Offset(first.0 + 1));
    outcome((replayed.records, recovered.cut.is_some(), recovered.damage.len(), replayed.lost.min(9)))
}

/// A checkpoint of the version that is read now, whatever versions the committed ones have, of what `bodies` tell.
pub fn fresh_checkpoint(bodies: &[Vec<u8>]) -> Vec<u8> {
    let acceptance = event::Acceptance {
        now: NOW,
        allowed_lateness_ms: None,
        max_future_skew_ms: i64::MAX,
        currency: Currency::USD,
    };
    let mut engine = Engine::new(Settings::default());
    for element in bodies.iter().flat_map(|body| elements(body, Packing::Json)) {
        if let Ok(read) = event::read(element, &acceptance) {
            engine.apply(&Entry { accepted_at: NOW, record: Record::Event(Box::new(read.event)), origin: None });
        }
    }
    let disk = SimDisk::default();
    let header =
        checkpoint::Header { state_version: STATE_VERSION, next: Offset(9), config_version: "c".into(), saved_at: NOW };
    checkpoint::Checkpoints::on(Arc::new(disk.clone()), 1).save(&header, engine.state()).unwrap();
    disk.bytes(&checkpoint::file_name(Offset(9)))
}

/// As it is, and with its checksum made right, so that the decoder behind it is met too.
fn checkpoint_file(_: &mut State, input: &[u8]) -> u64 {
    let kind = |input: &[u8]| match checkpoint::decode(input) {
        Ok(restored) => outcome(restored.header.next),
        Err(fault) => outcome(format!("{fault:?}")),
    };
    let mut sealed = input.to_vec();
    if let Some((rest, sum)) = sealed.split_last_chunk_mut::<4>() {
        *sum = crc32c::crc32c(rest).to_le_bytes();
    }
    outcome((kind(input), kind(&sealed)))
}
