//! `sidecart tune`, as it is run.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn sidecart(command: &str, args: &[&str]) -> Output {
    let run = &mut Command::new(env!("CARGO_BIN_EXE_sidecart"));
    // A folder without a config file of its own.
    let dir = tempfile::tempdir().expect("a temporary folder");
    run.arg(command).args(args).current_dir(dir.path()).env_remove("SIDECART_CONFIG").output().expect("runs")
}

fn tune(args: &[&str]) -> Output {
    sidecart("tune", args)
}

fn write(dir: &Path, name: &str, text: &str) -> String {
    let path = dir.join(name);
    std::fs::write(&path, text).expect("writes");
    path.to_str().expect("a path in UTF-8").to_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", stderr(output)))
}

const HEADER: &str = "event_type,timestamp,session_id,item_id,order_id\n";
/// The first session begins at this second.
const FIRST: u32 = 1_577_836_800;
/// Seconds from session to session.
const APART: u32 = 600;

/// Visits, ten minutes apart, to one of 40 shelves of `wide` items each: two of them, by a rule that looks like chance.
fn visits(count: u32, wide: u32, kind: &str) -> String {
    let mut text = HEADER.to_owned();
    for visit in 0..count {
        let mixed = visit.wrapping_mul(2_654_435_761) >> 8;
        let shelf = mixed % 40;
        for (place, item) in [mixed / 40 % wide, mixed / 997 % wide].into_iter().enumerate() {
            let at = FIRST + visit * APART + 10 * u32::try_from(place).expect("small");
            let order = if kind == "purchase" { format!("o{visit}") } else { String::new() };
            text.push_str(&format!("{kind},{at},s{visit},i{shelf}-{item},{order}\n"));
        }
    }
    text
}

/// The end of the first `visits`, as an instant for --cut.
fn after(visits: u32) -> String {
    (FIRST + visits * APART).to_string()
}

#[test]
fn a_setting_that_cripples_is_found_and_its_overlay_can_be_used() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let data = write(dir.path(), "visits.csv", &visits(1_500, 6, "view"));
    let poor = write(dir.path(), "poor.yaml", "candidates:\n  limit: 1\n");
    let tuned = dir.path().join("tuned.yaml");
    let tuned = tuned.to_str().expect("UTF-8");
    let args = [&data, "--cut", &after(1_400), "--config", &poor, "--metric", "hr@10", "--trials", "12", "-o", tuned];
    let output = tune(&[&args[..], &["--json"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let found = json(&output);
    assert_eq!(found["changes"][0]["key"], "candidates.limit", "{found}");
    assert!(found["difference"]["hr@10"]["low"].as_f64() > Some(0.0), "{found}");
    assert!(found["trials"].as_array().expect("a list").len() <= 12);
    let text = std::fs::read_to_string(tuned).expect("an overlay");
    assert_eq!(found["overlay"], text);
    assert!(text.contains("candidates:\n") && text.contains("  # was 1\n  limit: "), "{text}");
    assert_eq!(sidecart("check", &[tuned]).status.code(), Some(0));
    let replayed = |config: &str| {
        let cut = after(1_400);
        let args = [&data, "--cut", &cut, "--strategies", "realtime", "--json", "--config", config];
        json(&sidecart("replay", &args))["strategies"][0]["metrics"]["hr@10"]["value"].as_f64().expect("a figure")
    };
    assert!(replayed(tuned) > replayed(&poor), "the overlay is in force in replay, on data that tune never saw");
    let again = tune(&args);
    assert_eq!(again.status.code(), Some(2));
    assert!(stderr(&again).contains("exists: name another file, or overwrite it by `--force`"), "{}", stderr(&again));
}

#[test]
fn nothing_after_the_cut_is_read_into_any_figure() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let (before, cut) = (visits(900, 4, "view"), after(900));
    let tails = [
        String::new(),
        // The same visits in reverse, and to items that nobody had seen.
        (900..1_100)
            .map(|n| format!("view,{},t{n},i{}-1,\nview,{0},t{n},new{n},\n", FIRST + n * APART, n % 40))
            .collect(),
    ];
    let found = tails.map(|tail| {
        let data = write(dir.path(), "visits.csv", &format!("{before}{tail}"));
        let mut found = json(&tune(&[&data, "--cut", &cut, "--trials", "3", "--json"]));
        // Times alone differ from run to run.
        for key in ["latency_us_before", "latency_us_after"] {
            found[key].take();
        }
        found
    });
    assert_eq!(found[0]["trials"].as_array().map(Vec::len), Some(3), "{}", found[0]);
    assert_eq!(found[0], found[1]);
    assert_eq!(found[0]["window_to"], "2020-01-07T06:00:00Z");
}

#[test]
fn every_protocol_can_be_tuned_and_nothing_better_ends_with_1() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for (protocol, kind) in [("next-item", "view"), ("prequential", "view"), ("basket", "purchase")] {
        let data = write(dir.path(), "visits.csv", &visits(600, 3, kind));
        let file = dir.path().join("none.yaml");
        let args = [&data, "--protocol", protocol, "--trials", "2", "-o", file.to_str().expect("UTF-8")];
        let output = tune(&args);
        assert_eq!(output.status.code(), Some(1), "{protocol}: {}", stderr(&output));
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.contains("nothing better than the settings at the start was found"), "{said}");
        assert!(said.contains("2 of at most 2 comparisons"), "{said}");
        assert!(!file.exists(), "there is nothing to write");
    }
}

#[test]
fn what_cannot_be_tuned_says_why_and_ends_with_2() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let one_item: String = (0..600).map(|n| format!("view,{},s{},a,\n", FIRST + n * 60, n / 2)).collect();
    let one_session: String = (0..50).map(|n| format!("view,{},s,i{n},\n", FIRST + n * 60)).collect();
    let few = visits(60, 3, "view");
    for (name, text, args, said) in [
        ("empty.csv", String::new(), &[][..], "is empty"),
        ("header.csv", HEADER.to_owned(), &[], "has no usable event"),
        ("one_item.csv", format!("{HEADER}{one_item}"), &[], "has one item alone, and nothing to choose between"),
        ("one_session.csv", format!("{HEADER}{one_session}"), &[], "nothing to score after the cut"),
        ("few.csv", few.clone(), &[], "sessions are asked in from"),
        ("early.csv", few.clone(), &["--cut", "1577836801"], "has no last window with events before it"),
        ("before.csv", few.clone(), &["--cut", "1500000000"], "no event lies before the cut"),
        ("window.csv", few.clone(), &["--window", "900d"], "has no last window with events before it"),
        ("metric.csv", visits(600, 3, "view"), &["--metric", "auc"], "--metric `auc` is unknown: give one of"),
        ("folder.csv", few.clone(), &["-o", "no/such/tuned.yaml"], "there is no directory `no/such`: make it first"),
        ("trials.csv", few, &["--trials", "0"], "give a number from 1 to 1000"),
    ] {
        let data = write(dir.path(), name, &text);
        let output = tune(&[&[data.as_str(), "--json"], args].concat());
        assert_eq!(output.status.code(), Some(2), "{name}: {}", stderr(&output));
        assert!(stderr(&output).contains(said), "{name}: {}", stderr(&output));
        assert!(output.stdout.is_empty(), "{name}");
    }
}
