//! `sidecart tune`: which settings serve these data better?

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use sidecart_engine::nouns::Timestamp;

use super::page_file::command_line;
use super::replay::{DataArgs, bar, learning, read};
use super::{DONE, NO};
use crate::config::{self, Config, Span};
use crate::replay::{self, Contender, Hide, MAX_TRIALS, Probes, Protocol, Seen, Tuning};
use crate::wire::scalar;

/// Search better settings on the last window of the training part, and write them as a config.
///
/// One setting is changed at a time, on the same questions, and a change is taken over only if it is better beyond
/// chance, all comparisons together. Of the events after the cut nothing is read into any figure. Exit code 0: better
/// settings were found; 1: nothing better was; 2: there is nothing to search on, or the command line is wrong.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    data: DataArgs,
    /// What is asked
    #[arg(long, value_enum, default_value_t = Protocol::NextItem)]
    protocol: Protocol,
    /// End of the training part; default: split.json, else the last tenth of the events is left alone
    #[arg(long, value_name = "TIME", value_parser = scalar::timestamp)]
    cut: Option<Timestamp>,
    /// Events of the test part, apart from DATA: none of them is used, and the training part ends at their first
    #[arg(long, value_name = "FILE", conflicts_with_all = ["cut", "max_events"])]
    test: Option<PathBuf>,
    /// Length of the window, at the end of the training part, such as 7d [default: its last tenth of events]
    #[arg(long, value_name = "TIME")]
    window: Option<Span>,
    /// How much of a basket is hidden
    #[arg(long, value_enum, default_value_t = Hide::Half)]
    hide: Hide,
    /// Leave out items that the session has already seen
    #[arg(long)]
    exclude_seen: bool,
    /// The figure to raise, such as hr@20; by default recall@10 of baskets, mrr@20 else
    #[arg(long, value_name = "NAME")]
    metric: Option<String>,
    /// Comparisons at most; each is a replay of the training part
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = trials)]
    trials: usize,
    /// Seed of samples, hidden halves and intervals
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Ask only so many questions, drawn at random
    #[arg(long, value_name = "N")]
    limit_queries: Option<usize>,
    /// Let the scorer learn from one in so many events; 0: from none [default: as many as it takes, if `ranker.learn`]
    #[arg(long, value_name = "N")]
    learn_every: Option<usize>,
    /// The config file to begin at [default: cross-sell-config.yaml if it exists]
    #[arg(long, value_name = "FILE", env = "SIDECART_CONFIG")]
    config: Option<PathBuf>,
    /// Where to write the changed keys, for --config [default: print them]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Overwrite the file if it exists
    #[arg(long)]
    force: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn trials(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=MAX_TRIALS).contains(number));
    number.ok_or_else(|| format!("give a number from 1 to {MAX_TRIALS}"))
}

/// Runs the command.
///
/// # Errors
/// There is nothing to search on, or the file cannot be written.
pub fn run(args: &Args) -> anyhow::Result<u8> {
    let loaded = config::load(args.config.as_deref(), &[])?;
    loaded.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
    if let Some(path) = &args.output {
        check_output(path, args.force)?;
    }
    let options = args.options(&loaded.config);
    let mut reading = args.data.options(&options.settings)?;
    reading.test.clone_from(&args.test);
    let mut data = read(&reading)?;
    let tuning = Tuning {
        trials: args.trials,
        window: args.window,
        metric: args.metric.clone(),
        config: loaded.path.as_ref().map(|path| path.display().to_string()),
    };
    let bar = bar("as it is", data.events().len() as u64);
    let found = replay::tune(&mut data, &options, &loaded.config, &tuning, &bar)?;
    let better = !found.changes.is_empty();
    let overlay = better.then(|| replay::overlay(&found, &command_line(std::env::args_os())));
    match (&args.output, &overlay) {
        (Some(path), Some(text)) => write(path, text, args.force)?,
        (Some(path), None) => eprintln!("`{}` is not written: there is nothing to change", path.display()),
        (None, _) => {}
    }
    if args.json {
        let mut value = serde_json::to_value(&found)?;
        value["overlay"] = overlay.into();
        println!("{value}");
    } else {
        println!("{}", replay::tuning_in_words(&found));
        overlay.filter(|_| args.output.is_none()).iter().for_each(|text| println!("\n{text}"));
    }
    Ok(if better { DONE } else { NO })
}

impl Args {
    fn options(&self, config: &Config) -> replay::Options {
        replay::alone(replay::Options {
            protocol: self.protocol,
            cut: self.cut,
            pairs: None,
            hide: self.hide,
            cut_offs: Vec::new(),
            contenders: vec![Contender::Realtime],
            seen: if self.exclude_seen { Seen::LeaveOut } else { Seen::Count },
            seed: self.seed,
            limit_queries: self.limit_queries,
            learning: learning(self.learn_every, &config.ranker),
            probes: Probes::default(),
            settings: config.settings(),
            arrangement: config.placement(self.protocol.placement()).arrangement(),
        })
    }
}

/// Refuses before the search what could not be written after it.
fn check_output(path: &Path, force: bool) -> anyhow::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if path.is_dir() {
        bail!("`{}` is a directory: name a file in it", path.display());
    }
    if !parent.is_dir() {
        bail!("there is no directory `{}`: make it first", parent.display());
    }
    if path.exists() && !force { exists(path) } else { Ok(()) }
}

fn exists(path: &Path) -> anyhow::Result<()> {
    bail!("`{}` exists: name another file, or overwrite it by `--force`", path.display())
}

fn write(path: &Path, text: &str, force: bool) -> anyhow::Result<()> {
    let mut options = OpenOptions::new();
    // `create_new` refuses in one step: a file may have appeared while the search ran.
    let opened = match force {
        true => options.write(true).create(true).truncate(true).open(path),
        false => options.write(true).create_new(true).open(path),
    };
    match opened {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => exists(path),
        opened => opened
            .and_then(|mut opened| opened.write_all(text.as_bytes()))
            .with_context(|| format!("cannot write `{}`", path.display())),
    }?;
    eprintln!("wrote {0}: try it by `sidecart replay ... --config {0}`", path.display());
    Ok(())
}
