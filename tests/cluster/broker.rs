//! A broker of this test's own, which may be killed.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

pub struct Broker {
    dir: PathBuf,
    /// Its address; with several nodes those of all, with commas.
    pub address: String,
    printed: String,
}

impl Broker {
    /// Starts one that keeps its files in `dir`.
    pub fn start(dir: &Path) -> Self {
        Self::start_with(dir, &[])
    }

    /// As [`Broker::start`], with further flags of the script.
    pub fn start_with(dir: &Path, flags: &[&str]) -> Self {
        let printed = run(command("start", dir).args(flags));
        let address = value(&printed, "KAFKA_BROKERS").expect("it prints its address");
        Self { dir: dir.to_owned(), address, printed }
    }

    /// What the script printed under this name.
    pub fn printed(&self, name: &str) -> String {
        value(&self.printed, name).expect("it is printed")
    }

    /// A token for the user `admin`.
    pub fn token(&self, life: Duration) -> String {
        run(command("token", &self.dir).arg(life.as_secs().to_string()))
    }

    /// kill -9.
    pub fn kill(&self) {
        run(&mut command("kill", &self.dir));
    }

    /// kill -9 to one of several nodes, from 1.
    pub fn kill_node(&self, node: usize) {
        run(&mut command("kill", &self.dir.join(node.to_string())));
    }

    /// Starts a node again.
    pub fn restart_node(&self, node: usize) {
        run(&mut command("restart", &self.dir.join(node.to_string())));
    }

    /// Addresses of all nodes.
    pub fn addresses(&self) -> Vec<&str> {
        self.address.split(',').collect()
    }

    /// Starts it again, at the same address and with what it had.
    pub fn restart(&self) {
        run(&mut command("restart", &self.dir));
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

fn value(printed: &str, name: &str) -> Option<String> {
    let value = printed.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
    Some(value.trim_matches(['\'', '"']).to_owned())
}

fn run(command: &mut Command) -> String {
    // Into a file: the broker would inherit a pipe and keep it open.
    let (said, path) = tempfile::NamedTempFile::new().expect("a file").into_parts();
    let status = command.stdout(said).status().expect("the script runs");
    let printed = std::fs::read_to_string(&path).expect("what it printed");
    assert!(status.success(), "{command:?}: {printed}");
    printed
}
