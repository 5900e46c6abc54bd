//! `sidecart simulate`: what would another config change?

use std::path::PathBuf;

use anyhow::{Context, bail};

use super::DONE;
use super::replay::bar;
use crate::config::{self, Loaded};
use crate::data::{self, Mapping};
use crate::simulate::{self, Simulated, Traffic};

/// Try a config on recorded traffic before it is put into force: items gained and lost, empty slots, rules, margin.
///
/// The events are applied in their order, and after each the request is asked that the page it leads to would have made,
/// under both configs. Exit code 0: done, whatever differs.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The config to try
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The config to compare with [default: cross-sell-config.yaml if it exists, else the defaults]
    #[arg(long, value_name = "FILE")]
    base: Option<PathBuf>,
    /// A data directory, whose log is replayed (a server may be running on it), or a folder or file of events
    #[arg(long, value_name = "PATH")]
    from: PathBuf,
    /// Only the requests of the last N events; those before are learned from
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    last: Option<u64>,
    /// Names of the columns, as for `replay`
    #[arg(long, value_name = "OURS=THEIRS,...", default_value = "")]
    map: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// A config is invalid, or the traffic cannot be read or holds no request.
pub fn run(args: &Args) -> anyhow::Result<u8> {
    let (base, new) = (load(args.base.as_deref())?, load(Some(&args.config))?);
    let traffic = args.traffic(&base)?;
    let simulated = Simulated { base: &base, new: &new, last: args.last };
    let report = simulate::run(&simulated, &traffic, &bar("events", 0))?;
    if args.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print!("{}", simulate::in_words(&report));
    }
    Ok(DONE)
}

fn load(path: Option<&std::path::Path>) -> anyhow::Result<Loaded> {
    let loaded = config::load(path, &[])?;
    loaded.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
    Ok(loaded)
}

impl Args {
    fn traffic(&self, base: &Loaded) -> anyhow::Result<Traffic> {
        if self.from.join(crate::log::LOG_FOLDER).is_dir() {
            return Ok(Traffic::Log(self.from.clone()));
        }
        if !self.from.exists() {
            bail!("there is no `{}`: give a data directory, or events to replay", self.from.display());
        }
        let mut options = data::Options::of(vec![self.from.clone()]);
        options.mapping = Mapping::parse(&self.map)?;
        options.currency = base.config.catalog.currency;
        let read = super::replay::read(&options);
        Ok(Traffic::Data(Box::new(read.with_context(|| format!("nothing to replay in `{}`", self.from.display()))?)))
    }
}
