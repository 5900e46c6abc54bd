//! `sidecart backup` and `sidecart restore`.

use std::path::PathBuf;

use sidecart_engine::STATE_VERSION;
use sidecart_engine::nouns::Timestamp;

use super::DONE;
use crate::backup::{self, Manifest};

/// Copy a data folder into a new folder, while a server may be using it.
///
/// The copy holds the newest checkpoint, the log, the key of the attribution tokens, the dead letters and the orders to
/// erase, with a checksum of each file; it is checked before it counts. Everything acknowledged before it began is in it.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The data folder
    #[arg(long, default_value = "./sidecart-data")]
    data_dir: PathBuf,
    /// The folder to be made; must not hold anything
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Put a backup into a new data folder; nothing is overwritten, and every checksum is checked first.
///
/// Shoppers who were erased after the backup was made are in it: order their erasures again.
#[derive(Debug, clap::Args)]
pub struct RestoreArgs {
    /// What `sidecart backup` made
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// The data folder to be made; must not hold anything
    #[arg(long, default_value = "./sidecart-data")]
    data_dir: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs `backup`.
///
/// # Errors
/// [`backup::BackupError`].
pub fn run(args: &Args) -> anyhow::Result<u8> {
    let now = Timestamp(jiff::Timestamp::now().as_millisecond());
    let manifest = backup::make(&args.data_dir, &args.to, now)?;
    report(&format!("backed up into {}", args.to.display()), &manifest, args.json)
}

/// Runs `restore`.
///
/// # Errors
/// [`backup::BackupError`].
pub fn run_restore(args: &RestoreArgs) -> anyhow::Result<u8> {
    let manifest = backup::restore(&args.from, &args.data_dir)?;
    if manifest.state_version != STATE_VERSION {
        eprintln!(
            "the checkpoint holds state version {}, this Sidecart reads {STATE_VERSION}: the first start replays the log \
             from offset {}",
            manifest.state_version, manifest.first_offset
        );
    }
    report(&format!("restored into {}", args.data_dir.display()), &manifest, args.json)
}

fn report(done: &str, manifest: &Manifest, json: bool) -> anyhow::Result<u8> {
    if json {
        println!("{}", serde_json::to_string_pretty(manifest)?);
        return Ok(DONE);
    }
    let bytes: u64 = manifest.files.iter().map(|listed| listed.bytes).sum();
    let checkpoint = manifest.checkpoint.map_or("no checkpoint".to_owned(), |next| format!("checkpoint at {next}"));
    println!(
        "{done}: {} files, {bytes} bytes, {checkpoint}, log {} up to {}, made {}",
        manifest.files.len(),
        manifest.first_offset,
        manifest.next_offset,
        manifest.created_at
    );
    Ok(DONE)
}
