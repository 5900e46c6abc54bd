//! Fuzzing of everything that reads bytes from outside: config, rules, bodies, the log's files, checkpoints. Mutations of a
//! committed corpus, deterministic by seed, guided by outcome: an input whose outcome is new joins the corpus in memory.
//! It runs on the stable compiler, as a test; `FUZZ_INPUTS` says how many inputs per target.
//!
//! An input that makes a target panic is written to `target/fuzz/`; put it into `fuzz/corpus/TARGET/` with its fix.

mod cel;
mod mutate;
mod targets;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Instant;

use mutate::Dice;
use targets::{TARGETS, Target};

/// Inputs per target unless told: some seconds in a debug build.
const INPUTS: u64 = 20_000;
/// Inputs kept in memory beyond the corpus, each for an outcome of its own.
const MAX_KEPT: usize = 2_000;
/// By how much resident memory may grow over a run, in KiB: the kept inputs, and what the allocator keeps.
const MAX_GROWTH_KIB: u64 = 256 << 10;

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap())
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn corpus(target: &Target) -> Vec<Vec<u8>> {
    let mut inputs = committed(target.name);
    if target.name == "checkpoint" {
        inputs.push(targets::fresh_checkpoint(&committed("events")));
    }
    inputs
}

fn committed(name: &str) -> Vec<Vec<u8>> {
    let folder = root().join("fuzz/corpus").join(name);
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "no corpus in {}", folder.display());
    files.into_iter().map(|file| std::fs::read(file).unwrap()).collect()
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

/// Runs one input; a panic is kept as a file and fails the test.
fn run(target: &Target, state: &mut targets::State, input: &[u8]) -> u64 {
    let outcome = catch_unwind(AssertUnwindSafe(|| (target.run)(state, input)));
    outcome.unwrap_or_else(|_| {
        let folder = root().join("target/fuzz");
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join(format!("{}-{:08x}", target.name, crc32c::crc32c(input)));
        std::fs::write(&file, input).unwrap();
        panic!("{} panicked on {}", target.name, file.display());
    })
}

fn fuzz(target: &Target, inputs: u64, seed: u64) {
    let (started, mut dice) = (Instant::now(), Dice::new(seed));
    let mut state = targets::State::new();
    let mut kept = corpus(target);
    let mut outcomes = BTreeSet::new();
    for input in &kept {
        outcomes.insert(run(target, &mut state, input));
    }
    let before = resident_kib();
    for _ in 0..inputs {
        let input = mutate::input(&kept, target.words, &mut dice);
        if outcomes.insert(run(target, &mut state, &input)) && kept.len() < MAX_KEPT {
            kept.push(input);
        }
    }
    let (grown, took) = (resident_kib().saturating_sub(before), started.elapsed());
    println!(
        "{}: {inputs} inputs in {:.1} s ({:.0}/s), {} outcomes, memory +{grown} KiB, seed {seed}",
        target.name,
        took.as_secs_f64(),
        inputs as f64 / took.as_secs_f64(),
        outcomes.len()
    );
    assert!(outcomes.len() > 1, "{}: whatever came in, the same came out", target.name);
    assert!(grown < MAX_GROWTH_KIB, "{}: memory grew by {grown} KiB", target.name);
}

#[test]
fn the_corpus_makes_nothing_panic() {
    for target in &TARGETS {
        let mut state = targets::State::new();
        for input in corpus(target) {
            run(target, &mut state, &input);
        }
    }
}

#[test]
#[ignore = "runs FUZZ_INPUTS mutations of the corpus (20,000 unless told) through each target: a minute"]
fn mutated_inputs_make_nothing_panic() {
    // The messages of panics that a target expects would drown the figures; those it does not expect name their input.
    let (inputs, seed) = (number("FUZZ_INPUTS", INPUTS), number("FUZZ_SEED", 1));
    let only = std::env::var("FUZZ_TARGET").ok();
    for target in TARGETS.iter().filter(|target| only.as_deref().is_none_or(|only| only == target.name)) {
        fuzz(target, inputs, seed);
    }
}
