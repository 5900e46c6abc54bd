//! What the benches over HTTP share: a server of their own, a shop with 20,000 items, events and questions about it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub const ITEMS: u64 = 20_000;
pub const BATCH: u64 = 100;

pub struct Server {
    process: Child,
    pub url: String,
    data: std::path::PathBuf,
}

impl Server {
    /// `command` with what makes it a server.
    pub fn run(mut command: Command) -> Self {
        let data = std::env::temp_dir().join(format!("sidecart-bench-{}", std::process::id()));
        let mut process = command
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(&data)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary that was just built");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("piped")).read_line(&mut line).expect("its first line");
        let url = line.trim().strip_prefix("listening on ").expect("the address").to_owned();
        Self { process, url, data }
    }

    pub fn resident_mib(&self) -> f64 {
        let statm = std::fs::read_to_string(format!("/proc/{}/statm", self.process.id())).unwrap_or_default();
        let pages: f64 = statm.split_whitespace().nth(1).and_then(|pages| pages.parse().ok()).unwrap_or_default();
        pages * 4096.0 / f64::from(1 << 20)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The folder is thrown away, so a clean stop would be wasted.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.data);
    }
}

/// splitmix64 of a counter: the same load every time.
pub fn draw(seed: u64) -> u64 {
    let mut z = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z ^ (z >> 31)
}

/// An item of the visit's cluster, popular ones more often.
pub fn item(visit: u64, step: u64) -> u64 {
    let share = (draw(visit * 31 + step) >> 11) as f64 / (1_u64 << 53) as f64;
    draw(visit) % (ITEMS / 50) * 50 + (51_f64.powf(share) as u64 - 1).min(49)
}

pub fn catalogue() -> String {
    let line = |n| format!(r#"{{"itemId":"i{n}","title":"Item {n}","categoryPath":["c{}"],"price":9.5}}"#, n / 50);
    (0..ITEMS).map(line).collect::<Vec<_>>().join("\n")
}

pub fn batch(number: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
    let line = |n: u64| {
        let (visit, step) = (n / 5, n % 5);
        let kind = if step == 4 { "add_to_cart" } else { "view" };
        let item = item(visit, step);
        format!(
            r#"{{"eventId":"e{n}","eventType":"{kind}","sessionId":"s{visit}","itemId":"i{item}","timestamp":{now}}}"#
        )
    };
    (number * BATCH..(number + 1) * BATCH).map(line).collect::<Vec<_>>().join("\n")
}

pub fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(10))).build().into()
}
