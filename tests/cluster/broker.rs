//! A broker of this test's own, which may be killed.

use std::path::{Path, PathBuf};
use std::process::Command;

pub struct Broker {
    dir: PathBuf,
    /// Its address.
    pub address: String,
}

impl Broker {
    /// Starts one that keeps its files in `dir`.
    pub fn start(dir: &Path) -> Self {
        let printed = run("start", dir);
        let address = printed.lines().find_map(|line| line.strip_prefix("KAFKA_BROKERS="));
        let address = address.expect("it prints its address").trim_matches(['\'', '"']).to_owned();
        Self { dir: dir.to_owned(), address }
    }

    /// kill -9.
    pub fn kill(&self) {
        run("kill", &self.dir);
    }

    /// Starts it again, at the same address and with what it had.
    pub fn restart(&self) {
        run("restart", &self.dir);
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // What fails is told of by the script, and the next start takes other ports.
        let _ = command("stop", &self.dir).status();
    }
}

fn command(action: &str, dir: &Path) -> Command {
    let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/services/kafka"));
    command.arg(action).arg(dir);
    command
}

fn run(action: &str, dir: &Path) -> String {
    // Into a file: the broker would inherit a pipe and keep it open.
    let (said, path) = tempfile::NamedTempFile::new().expect("a file").into_parts();
    let status = command(action, dir).stdout(said).status().expect("the script runs");
    let printed = std::fs::read_to_string(&path).expect("what it printed");
    assert!(status.success(), "scripts/services/kafka {action}: {printed}");
    printed
}
