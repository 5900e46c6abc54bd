//! The command line: one file per command, and this list of them.
//!
//! Exit codes are the same everywhere: 0 done, 1 the answer is no (a check failed, input was rejected), 2 the command
//! or its config could not be used.

pub mod agent;
mod backup;
mod bench;
mod check;
mod config;
mod dead_letters;
mod demo;
mod explain;
mod far;
mod import;
mod init;
mod keys;
mod log;
mod model;
mod page_file;
mod replay;
pub mod serve;
mod simulate;
mod test;
mod tune;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Done.
pub const DONE: u8 = 0;
/// The answer is no: a check failed, or input was rejected.
pub const NO: u8 = 1;
/// The command line, the config or the surroundings do not allow it.
pub const UNUSABLE: u8 = 2;

/// A self-hosted, real-time cross-sell engine.
#[derive(Debug, Parser)]
#[command(name = "sidecart", version, about, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Backup(backup::Args),
    Bench(bench::Args),
    Check(check::Args),
    Config(config::Args),
    Explain(explain::Args),
    DeadLetters(dead_letters::Args),
    Demo(demo::Args),
    Import(import::Args),
    Init(init::Args),
    Keys(keys::Args),
    Replay(replay::Args),
    Restore(backup::RestoreArgs),
    Serve(serve::Args),
    Simulate(simulate::Args),
    Test(test::Args),
    Log(log::Args),
    Model(model::Args),
    Tune(tune::Args),
}

/// Parses the command line and runs the command.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    match run_command(cli.command) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("error: {}", in_words(&error));
            ExitCode::from(UNUSABLE)
        }
    }
}

fn run_command(command: Command) -> anyhow::Result<u8> {
    match command {
        Command::Backup(args) => backup::run(&args),
        Command::DeadLetters(args) => dead_letters::run(&args),
        Command::Restore(args) => backup::run_restore(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Config(args) => config::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Import(args) => import::run(&args),
        Command::Init(args) => init::run(&args),
        Command::Keys(args) => keys::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Simulate(args) => simulate::run(&args),
        Command::Test(args) => test::run(&args),
        Command::Log(args) => log::run(&args),
        Command::Model(args) => model::run(&args),
        Command::Tune(args) => tune::run(&args),
    }
}

/// An error with what caused it. Causes that a message already names are not said twice.
fn in_words(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;
    use clap::CommandFactory;

    use super::{Cli, in_words};

    #[test]
    fn no_two_flags_of_any_command_have_the_same_name() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_cause_is_named_once() {
        let inner = || anyhow!("no such file");
        assert_eq!(in_words(&inner().context("cannot open `a`")), "cannot open `a`: no such file");
        assert_eq!(
            in_words(&inner().context("cannot open `a`: no such file: check it")),
            "cannot open `a`: no such file: check it"
        );
    }
}
