//! `sidecart replay`, as it is run.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn replay(args: &[&str]) -> Output {
    let command = &mut Command::new(env!("CARGO_BIN_EXE_sidecart"));
    // A folder without a config file of its own.
    let dir = tempfile::tempdir().expect("a temporary folder");
    command.arg("replay").args(args).current_dir(dir.path()).env_remove("SIDECART_CONFIG").output().expect("runs")
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

const HEADER: &str = "event_type,timestamp,session_id,item_id\n";

/// Sessions that view a, then b; every third day one more.
fn habit(sessions: u32) -> String {
    let mut text = HEADER.to_owned();
    for session in 0..sessions {
        let day = 18_262 + session;
        for (second, item) in ["a", "b", "c"].into_iter().enumerate() {
            let at = day * 86_400 + u32::try_from(second).expect("small") * 10;
            text.push_str(&format!("view,{at},s{session},{item}{}\n", session % 2));
        }
    }
    text
}

#[test]
fn what_always_follows_is_found_and_the_json_has_its_shape() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let data = write(dir.path(), "habit.csv", &habit(40));
    let output = replay(&[&data, "--json", "--k", "1,5"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let report = json(&output);
    assert_eq!(report["protocol"], "next-item");
    assert_eq!(report["data"], "habit.csv");
    let names: Vec<&str> =
        report["strategies"].as_array().expect("a list").iter().filter_map(|s| s["name"].as_str()).collect();
    assert_eq!(names, ["static", "batch", "frozen", "realtime"]);
    let live = &report["strategies"][3];
    assert_eq!(live["queries"], 8);
    assert_eq!(live["metrics"]["hr@1"]["value"], 1.0);
    assert_eq!(live["metrics"]["mrr@5"], serde_json::json!({"value": 1.0, "low": 1.0, "high": 1.0}));
    assert!(live["latency_us"]["p99"].as_f64().expect("a number") > 0.0);
    assert_eq!(report["differences"].as_array().map(Vec::len), Some(3));
}

#[test]
fn the_same_seed_gives_the_same_figures() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let data = write(dir.path(), "habit.csv", &habit(40));
    let figures = || {
        let report = json(&replay(&[&data, "--json", "--limit-queries", "5", "--seed", "7"]));
        report["strategies"].as_array().expect("a list").iter().map(|s| s["metrics"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(figures(), figures());
}

#[test]
fn what_cannot_be_replayed_says_why_and_ends_with_2() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let one_item = "view,1590969600,s,a\nview,1590969601,t,a\nview,1590969602,u,a\n";
    let one_session = "view,1590969600,s,a\nview,1590969601,s,b\nview,1590969602,s,c\n";
    for (name, text, said) in [
        ("empty.csv", String::new(), "is empty"),
        ("header.csv", HEADER.to_owned(), "has no usable event"),
        ("rejected.csv", format!("{HEADER}view,1970-01-01,s,a\n"), "has no usable event"),
        ("one_item.csv", format!("{HEADER}{one_item}"), "nothing to score after the cut"),
        ("one_session.csv", format!("{HEADER}{one_session}"), "nothing to score after the cut"),
        ("column.csv", "time,visitor,item_id\n1,2,3\n".to_owned(), "has no column `timestamp`: it has time, visitor"),
    ] {
        let output = replay(&[&write(dir.path(), name, &text), "--json"]);
        assert_eq!(output.status.code(), Some(2), "{name}: {}", stderr(&output));
        assert!(stderr(&output).contains(said), "{name}: {}", stderr(&output));
        assert!(output.stdout.is_empty(), "{name}");
    }
}

#[test]
fn rejected_rows_are_told_with_their_line_and_the_rest_is_replayed() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let text = habit(40).replacen("view,1577836810,s0,b0", "teleport,1577836810,s0,b0", 1);
    let data = write(dir.path(), "habit.csv", &text);
    let output = replay(&[&data, "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).contains("rejected habit.csv:3: `event_type`: `teleport` is unknown"));
    assert_eq!(json(&output)["rejected"]["by_reason"]["unknown event_type"], 1);
}

#[test]
fn prequential_tells_figures_by_type() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let text = habit(40).replace(",c1\n", ",c1\nadd_to_cart,1581000000,x,c1\n");
    let data = write(dir.path(), "habit.csv", &text);
    let output = replay(&[&data, "--json", "--protocol", "prequential", "--strategies", "realtime"]);
    let report = json(&output);
    let by_type = &report["strategies"][0]["by_type"];
    assert!(by_type["view"]["queries"].as_u64() > by_type["add_to_cart"]["queries"].as_u64(), "{by_type}");
}

#[test]
fn the_page_needs_nothing_else_and_takes_no_text_for_markup() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let hostile = "<img src=x onerror=alert(1)>.csv";
    let data = write(dir.path(), hostile, &habit(40));
    let page = dir.path().join("page.html");
    let page_arg = page.to_str().expect("UTF-8");
    let output = replay(&[
        &data,
        "--json",
        "--html",
        page_arg,
        "--without",
        "two_hops",
        "--model-lag",
        "24h",
        "--context-lag",
        "5s",
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let live = &json(&output)["strategies"][3]["metrics"]["hr@20"]["value"];
    let text = std::fs::read_to_string(&page).expect("a page");
    for absent in ["<img", "<script", "http://", "https://", "@import", "url(", "NaN"] {
        assert!(!text.contains(absent), "{absent}");
    }
    assert!(text.contains("&lt;img src=x onerror=alert(1)&gt;.csv: next-item"));
    assert!(text.contains(&format!("<b>{:.3}</b><span>hr@20 of realtime</span>", live.as_f64().expect("a number"))));
    for section in
        ["strategies", "length", "differences", "sources", "ablations", "freshness", "calibration", "features"]
    {
        assert!(text.contains(&format!("<section id=\"{section}\">")), "{section}");
    }
    assert!(text.contains("--without two_hops --model-lag 24h --context-lag 5s</pre>"), "the command line");
}

#[test]
fn a_page_that_cannot_be_written_is_refused_before_the_replay() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let data = write(dir.path(), "habit.csv", &habit(40));
    let output = replay(&[&data, "--html", "no/such/folder/page.html"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("there is no directory `no/such/folder`: make it first"), "{}", stderr(&output));
    assert!(output.stdout.is_empty());
}

/// The shared data sets; `None` where they are not.
fn shared(name: &str) -> Option<PathBuf> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let folder = std::env::var_os("SIDECART_DATA").map_or(default, PathBuf::from).join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: `{}` is not there; set SIDECART_DATA to the folder of the data sets", folder.display());
    None
}

#[test]
fn half_of_a_grocery_basket_tells_the_other_half_better_than_bestsellers_do() {
    let Some(folder) = shared("groceries") else { return };
    let args = [folder.to_str().expect("UTF-8"), "--json", "--protocol", "basket", "--max-events", "20000"];
    let report = json(&replay(&args));
    let recall = |place: usize| report["strategies"][place]["metrics"]["recall@10"]["value"].as_f64();
    assert!(recall(3) > recall(0), "realtime {:?}, static {:?}", recall(3), recall(0));
}
