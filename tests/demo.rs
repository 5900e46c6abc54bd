//! The demo as a stranger starts it: nothing installed, no network, no terminal, no standard input.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// A tenth of the households: seconds instead of minutes in a debug build.
const QUICK: [&str; 3] = ["demo", "--fast", "20"];

fn sidecart(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sidecart"));
    // A config of whoever runs the tests must not reach the demo; nor must a busy machine's hiccup cut an answer short.
    command.args(QUICK).args(args).current_dir(std::env::temp_dir()).stdin(Stdio::null());
    command.env_remove("SIDECART_CONFIG").env("SIDECART_SERVER_DEADLINE", "10s");
    command
}

#[test]
fn the_summary_has_the_shape_of_replay_and_keeps_the_rules() {
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let mut command = sidecart(&["--exit", "--json", "--listen", "127.0.0.1:0"]);
    let output = command.env("TMPDIR", temporary.path()).output().expect("the demo starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let summary: Value = serde_json::from_slice(&output.stdout).expect("standard output is JSON and nothing else");
    println!("{summary:#}");

    for key in ["protocol", "data"] {
        assert!(summary[key].as_str().is_some_and(|text| !text.is_empty()), "{key}");
    }
    assert_eq!(summary["forbidden_shown"], 0);
    let strategies = summary["strategies"].as_array().expect("strategies are a list");
    let names: BTreeSet<_> = strategies.iter().filter_map(|strategy| strategy["name"].as_str()).collect();
    assert_eq!(names, BTreeSet::from(["static", "batch", "realtime"]));
    for strategy in strategies {
        assert_eq!(strategy["queries"], 75, "{strategy}");
        let rate = &strategy["metrics"]["hr@10"];
        let [low, value, high] = ["low", "value", "high"].map(|key| rate[key].as_f64().expect("a number"));
        assert!(0.0 <= low && low <= value && value <= high && high <= 1.0, "{strategy}");
        let [p50, p95, p99] = ["p50", "p95", "p99"].map(|key| strategy["latency_us"][key].as_f64().expect("a number"));
        assert!(0.0 < p50 && p50 <= p95 && p95 <= p99, "{strategy}");
        assert!(strategy["freshness_ms"]["p95"].as_f64().is_some_and(|p95| p95 > 0.0), "{strategy}");
    }
    let left = std::fs::read_dir(temporary.path()).expect("the folder is still there").count();
    assert_eq!(left, 0, "the demo left its data behind");
    // A bar's control codes do not belong where no terminal is.
    assert!(!said.contains('\u{1b}'), "{said}");
    assert!(said.contains("has in the cart"), "{said}");
}

#[test]
fn the_seed_decides_what_is_asked_and_answered() {
    let hits = |seed: &str| {
        let args = ["--exit", "--json", "--listen", "127.0.0.1:0", "--seed", seed];
        // Which model is in force at a question depends on how fast the machine is.
        let output = sidecart(&args).env("SIDECART_RANKER_LEARN", "false").output().expect("the demo starts");
        let summary: Value = serde_json::from_slice(&output.stdout).expect("standard output is JSON");
        let strategies = summary["strategies"].as_array().expect("strategies are a list");
        strategies.iter().map(|strategy| strategy["metrics"].to_string()).collect::<Vec<_>>()
    };
    assert_eq!(hits("7"), hits("7"));
}

#[test]
fn a_taken_port_is_named_with_the_remedy() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = taken.local_addr().expect("a bound socket has an address").to_string();
    let output = sidecart(&["--exit", "--listen", &address]).output().expect("the demo starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains(&address) && said.contains("--listen"), "{said}");
}

#[test]
fn a_folder_with_data_in_it_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().to_str().expect("a plain path");
    let run =
        || sidecart(&["--exit", "--json", "--listen", "127.0.0.1:0", "--data-dir", path]).output().expect("starts");
    let first = run();
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    let second = run();
    let said = String::from_utf8_lossy(&second.stderr);
    assert_eq!(second.status.code(), Some(2), "{said}");
    assert!(said.contains(path) && said.contains("empty folder"), "{said}");
}

#[test]
fn an_interrupt_ends_it_cleanly_during_the_run_and_after_it() {
    for (until, after) in [("Now the live week", "during"), ("Ctrl-C ends the demo", "after")] {
        let mut child = sidecart(&["--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the demo starts");
        let stdout = child.stdout.take().expect("piped");
        let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
        let seen = lines.any(|line| line.contains(until));
        interrupt(&child);
        let rest = lines.count();
        let status = child.wait().expect("the demo ends");
        assert!(seen, "`{until}` was never said");
        assert_eq!(status.code(), Some(0), "{after} the run, {rest} lines later");
    }
}

fn interrupt(child: &Child) {
    let status = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill is there");
    assert!(status.success());
}
