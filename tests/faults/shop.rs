//! A data folder with a server on it, the faults it is told of, and what its log says afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::row::Row;
use crate::server::Server;
use crate::shoppers;

/// Saves often, keeps few, and cuts the log into small files, so that every part of the storage is at work.
pub const CONFIG: &str = "storage: {checkpoint_every: 1s, checkpoints_kept: 2, segment_size: 256KiB}\n";
const PATIENCE: Duration = Duration::from_secs(60);

/// A data folder.
pub struct Shop {
    dir: tempfile::TempDir,
}

impl Shop {
    /// An empty one.
    pub fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("a folder") }
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Starts a server and waits until it is ready; the items are there.
    pub fn open(&self) -> Server {
        self.open_with(CONFIG)
    }

    /// As [`Shop::open`], with this config.
    pub fn open_with(&self, config: &str) -> Server {
        let server = Server::start(self.path(), config);
        assert_eq!(server.json("PUT", "/v1/items?wait=applied", &shoppers::catalogue()).status, 202);
        server
    }

    /// Makes the disks and clocks of the server fail as `lines` say, from now on.
    pub fn fail(&self, lines: &str) {
        let next = self.path().join("failpoints.next");
        std::fs::write(&next, lines).expect("written");
        std::fs::rename(next, self.path().join("failpoints")).expect("renamed");
    }

    /// Ends all faults.
    pub fn heal(&self) {
        self.fail("");
    }

    /// Runs `sidecart log ACTION` on the folder.
    pub fn log(&self, action: &str, flags: &[&str]) -> Output {
        let config = self.path().join("config.yaml");
        let mut command = Command::new(env!("CARGO_BIN_EXE_sidecart"));
        command.args(["log", action, "--json", "--data-dir"]).arg(self.path()).args(flags);
        if action == "digest" {
            command.arg("--config").arg(config);
        }
        command.output().expect("it runs")
    }

    /// Whether the server's state is that of a clean replay of its log. A model that the trainer published in between
    /// is waited for.
    pub fn is_clean_replay(&self, server: &Server) -> bool {
        let started = Instant::now();
        loop {
            let live = server.get("/v1/state/digest").json();
            let output = self.log("digest", &[]);
            let clean: Value = serde_json::from_slice(&output.stdout).expect("JSON");
            if live["applied"] == clean["applied"] {
                if live["sha256"] != clean["sha256"] {
                    eprintln!("live {live}\nclean {clean}");
                }
                return live["sha256"] == clean["sha256"];
            }
            assert!(started.elapsed() < PATIENCE, "live {live}, clean {clean}");
        }
    }

    /// How often each event id is in the log.
    pub fn events(&self) -> BTreeMap<String, u64> {
        let output = self.log("dump", &["--limit", &u64::MAX.to_string()]);
        let text = String::from_utf8(output.stdout).expect("text");
        let mut counts = BTreeMap::new();
        for line in text.lines() {
            let record: Value = serde_json::from_str(line).expect("JSON");
            if let Some(id) = record["payload"]["record"]["event"]["id"].as_str() {
                *counts.entry(id.to_owned()).or_insert(0) += 1;
            }
        }
        counts
    }

    /// Notes what is lost and what is there twice of the events that were acknowledged, and whether the state is right.
    pub fn check(&self, server: &Server, acknowledged: &BTreeSet<String>, row: &mut Row) {
        let counts = self.events();
        row.lost += acknowledged.iter().filter(|id| !counts.contains_key(*id)).count() as u64;
        row.twice += counts.values().filter(|count| **count > 1).count() as u64;
        row.equal &= self.is_clean_replay(server);
    }

    /// The files of a folder of the data folder, oldest first.
    pub fn files(&self, folder: &str, extension: &str) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.path().join(folder)).expect("listed");
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
        files.retain(|path| path.extension().is_some_and(|end| end == extension));
        files.sort();
        files
    }
}

/// The value of a metric, 0 if it is not there yet.
pub fn metric(server: &Server, name: &str) -> f64 {
    let text = server.get("/metrics").text;
    let line = text.lines().find(|line| line.split(' ').next() == Some(name));
    line.and_then(|line| line.split(' ').nth(1)?.parse().ok()).unwrap_or(0.0)
}

/// Resident memory of the server, in KiB.
pub fn resident_kib(server: &Server) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    line.trim().trim_end_matches(" kB").trim().parse().expect("a number")
}

/// Waits until a metric has grown by one.
pub fn wait_for_one_more(server: &Server, name: &str) {
    let (from, started) = (metric(server, name), Instant::now());
    while metric(server, name) < from + 1.0 {
        assert!(started.elapsed() < PATIENCE, "{name} stays at {from}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A number below `below` from a seed that is moved on (splitmix64).
pub fn roll(seed: &mut u64, below: u64) -> u64 {
    *seed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *seed;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (z ^ (z >> 31)) % below
}

/// How often a fault is to strike: `FAULTS_ROUNDS`, or a tenth of the long form's 200.
pub fn rounds() -> u64 {
    std::env::var("FAULTS_ROUNDS").map_or(20, |text| text.parse().expect("FAULTS_ROUNDS is a number"))
}
