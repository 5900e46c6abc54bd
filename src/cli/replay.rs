//! `sidecart replay`: how good would the answers have been?

use std::collections::{BTreeSet, HashSet};
use std::path::PathBuf;

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use sidecart_engine::nouns::{EventKind, Timestamp};
use sidecart_engine::{Engine, Settings};

use super::DONE;
use super::page_file::{PageFile, command_line};
use crate::config::{self, Config, Loaded, Ranker, Span};
use crate::data::{self, Dataset, Mapping};
use crate::replay::{self, Contender, Hide, Learning, Origin, Probes, Protocol, Seen, source_named};
use crate::wire::scalar;

/// The largest cut-off; answers of a shop are shorter, and the engine scores a few hundred candidates.
const MAX_CUT_OFF: usize = 1_000;
/// Cut-offs told at once at most.
const MAX_CUT_OFFS: usize = 10;

/// Where the data are and what their columns are called.
#[derive(Debug, clap::Args)]
pub struct DataArgs {
    /// Folders (events.csv.gz and catalog.csv.gz, perhaps split.json) or files of events: CSV, TSV, JSON Lines or
    /// Parquet, gzipped or not
    #[arg(required = true, value_name = "DATA")]
    data: Vec<PathBuf>,
    /// Catalogue, if it is not in a folder of DATA
    #[arg(long, value_name = "FILE")]
    catalog: Option<PathBuf>,
    /// Names of the columns in the files, such as item_id=ItemId,session_id=SessionId,timestamp=Time
    #[arg(long, value_name = "OURS=THEIRS,...", default_value = "")]
    map: String,
    /// Type of the events of a file that has no column for it
    #[arg(long = "type", value_name = "EVENT_TYPE", default_value = "view")]
    kind: String,
    /// Take only so many events, from the earliest on
    #[arg(long, value_name = "N")]
    max_events: Option<usize>,
}

impl DataArgs {
    /// The options for reading; prices that do not say theirs are in the settings' currency.
    pub fn options(&self, settings: &Settings) -> anyhow::Result<data::Options> {
        let mut options = data::Options::of(self.data.clone());
        options.catalog.clone_from(&self.catalog);
        options.mapping = Mapping::parse(&self.map)?;
        options.max_events = self.max_events;
        options.currency = settings.catalog.currency;
        options.kind = EventKind::from_name(&self.kind).with_context(|| {
            let names = EventKind::ALL.map(EventKind::name).join(", ");
            format!("--type `{}` is unknown: give one of {names}", self.kind)
        })?;
        Ok(options)
    }
}

/// Replay recorded events, asking each strategy before each event what it would have shown
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    data: DataArgs,
    /// What is asked
    #[arg(long, value_enum, default_value_t = Protocol::NextItem)]
    protocol: Protocol,
    /// Where to cut into known and foretold; default: split.json, else the last tenth of the events is foretold
    #[arg(long, value_name = "TIME", value_parser = scalar::timestamp)]
    cut: Option<Timestamp>,
    /// Events to foretell, apart from DATA; the cut is at their first
    #[arg(long, value_name = "FILE", conflicts_with_all = ["cut", "max_events"])]
    test: Option<PathBuf>,
    /// Fix what is scored: lines of item ids with spaces between, a TAB, and the next item
    #[arg(long, value_name = "FILE", conflicts_with = "exclude_seen")]
    pairs: Option<PathBuf>,
    /// How much of a test basket is hidden
    #[arg(long, value_enum, default_value_t = Hide::Half)]
    hide: Hide,
    /// Cut-offs of the figures
    #[arg(long, value_name = "K,...", value_delimiter = ',', default_value = "5,10,20")]
    k: Vec<usize>,
    /// Who is asked; default: all that can be served, so not the yardsticks `conditional` and `conditional-frozen`, with
    /// which `realtime` and `frozen` are compared as multiples
    #[arg(long, value_enum, value_name = "NAME,...", value_delimiter = ',')]
    strategies: Vec<Contender>,
    /// Leave out items that the session has already seen
    #[arg(long)]
    exclude_seen: bool,
    /// Seed of samples, hidden halves and intervals
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Ask only so many questions, drawn at random, for a quick look
    #[arg(long, value_name = "N")]
    limit_queries: Option<usize>,
    /// Let the scorer learn from one in so many events; 0: from none [default: as many as it takes, if `ranker.learn`]
    #[arg(long, value_name = "N")]
    learn_every: Option<usize>,
    /// What each source brings: ask the live strategy without it, too; `all`: without each in turn
    #[arg(long, value_name = "SOURCE,...", value_delimiter = ',')]
    without: Vec<String>,
    /// What a fresh model brings: ask engines that learn of every event so much later, too, such as 0s,1h,24h; the
    /// requests carry what the session has come to. Each lag above 0 takes the memory of one more engine, at most 4
    #[arg(long, value_name = "TIME,...", value_delimiter = ',')]
    model_lag: Vec<Span>,
    /// What a fresh session brings: the same with requests that carry what the session has come to, and with requests
    /// that do not, such as 0s,5s,60s
    #[arg(long, value_name = "TIME,...", value_delimiter = ',')]
    context_lag: Vec<Span>,
    /// The config file [default: cross-sell-config.yaml if it exists]
    #[arg(long, value_name = "FILE", env = "SIDECART_CONFIG")]
    config: Option<PathBuf>,
    /// Write the report as a page, too: one file that needs no network
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<u8> {
    let loaded = config::load(args.config.as_deref(), &[])?;
    loaded.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
    let options = args.options(&loaded.config)?;
    let page = args.html.as_deref().map(PageFile::check).transpose()?;
    let mut reading = args.data.options(&options.settings)?;
    reading.test.clone_from(&args.test);
    let mut data = read(&reading)?;
    let bar = bar("events", data.events().len() as u64);
    let report = replay::run(&mut data, &options, &bar)?;
    if args.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        println!("{}", replay::summary(&report));
        replay::differences(&report).iter().for_each(|line| println!("{line}"));
        replay::findings(&report).iter().for_each(|line| println!("{line}"));
    }
    if let Some(file) = page {
        file.write(&replay::page(&report, &origin(&loaded)))?;
    }
    Ok(DONE)
}

/// How a report made now came about.
fn origin(loaded: &Loaded) -> Origin {
    let file = loaded.path.as_ref().map_or_else(|| "defaults".to_owned(), |path| path.display().to_string());
    Origin {
        command: command_line(std::env::args_os()),
        version: env!("CARGO_PKG_VERSION"),
        config: format!("{file}, version {}", loaded.version),
    }
}

impl Args {
    fn probes(&self) -> anyhow::Result<Probes> {
        Ok(Probes {
            without: sources(&self.without)?,
            model_lags: distinct(&self.model_lag),
            context_lags: distinct(&self.context_lag),
        })
    }

    fn options(&self, config: &Config) -> anyhow::Result<replay::Options> {
        Ok(replay::Options {
            protocol: self.protocol,
            cut: self.cut,
            pairs: self.pairs.clone(),
            hide: self.hide,
            cut_offs: cut_offs(&self.k)?,
            contenders: self.strategies.clone(),
            seen: if self.exclude_seen { Seen::LeaveOut } else { Seen::Count },
            seed: self.seed,
            limit_queries: self.limit_queries,
            learning: learning(self.learn_every, &config.ranker),
            probes: self.probes()?,
            settings: config.settings(),
            arrangement: config.placement(self.protocol.placement()).arrangement(),
        })
    }
}

/// How many events the scorer learns from, if `every` so many was given or not.
pub fn learning(every: Option<usize>, ranker: &Ranker) -> Learning {
    match every {
        None if ranker.learn => Learning::Enough,
        None | Some(0) => Learning::Off,
        Some(n) => Learning::OneIn(n),
    }
}

/// The sources of those names, each once; `all` stands for all of them.
fn sources(given: &[String]) -> anyhow::Result<Vec<&'static str>> {
    let mut sources = Vec::new();
    for name in given.iter().map(|name| name.trim()) {
        match source_named(name) {
            Some(source) => sources.push(source),
            None if name == "all" => sources.extend(Engine::sources()),
            None => {
                let names: Vec<&str> = Engine::sources().collect();
                anyhow::bail!("--without `{name}` is no source: give some of {}, or `all`", names.join(", "));
            }
        }
    }
    let mut known = HashSet::new();
    sources.retain(|source| known.insert(*source));
    Ok(sources)
}

fn distinct(lags: &[Span]) -> Vec<Span> {
    lags.iter().copied().collect::<BTreeSet<_>>().into_iter().collect()
}

fn cut_offs(given: &[usize]) -> anyhow::Result<Vec<usize>> {
    let mut cut_offs = given.to_vec();
    cut_offs.sort_unstable();
    cut_offs.dedup();
    if let Some(wrong) = cut_offs.iter().find(|k| !(1..=MAX_CUT_OFF).contains(*k)) {
        anyhow::bail!("--k `{wrong}` is out of range: give numbers from 1 to {MAX_CUT_OFF}");
    }
    if cut_offs.len() > MAX_CUT_OFFS {
        anyhow::bail!("--k has {} numbers: give at most {MAX_CUT_OFFS}", cut_offs.len());
    }
    Ok(cut_offs)
}

/// Reads the data, and tells on stderr which rows were rejected.
pub fn read(options: &data::Options) -> anyhow::Result<Dataset> {
    let data = data::load(options)?;
    data.rejections.lines().iter().for_each(|line| eprintln!("{line}"));
    if data.sorted {
        eprintln!("note: the events were not in the order of time and have been sorted");
    }
    Ok(data)
}

/// A progress bar on stderr, shown only on a terminal.
pub fn bar(what: &'static str, total: u64) -> ProgressBar {
    const TEMPLATE: &str = "{msg} {wide_bar} {human_pos}/{human_len} {per_sec} {eta}";
    let style = ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(total).with_style(style).with_message(what)
}
