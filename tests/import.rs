//! `sidecart import`, into a data directory and into a running server.

use std::fmt::Write;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

const EVENTS: &str = "\
event_id,event_type,timestamp,session_id,user_id,item_id,price,quantity
e1,view,2020-06-01T10:00:00Z,s,u,mug,4.50,
e2,add_to_cart,2020-06-01T10:00:10Z,s,u,mug,4.50,2
e3,teleport,2020-06-01T10:00:20Z,s,u,mug,4.50,1
e4,view,2020-06-01T10:00:30Z,s,u,spoon,1.20,
";
const CATALOG: &str = "item_id,title,category,brand,price,cost,stock\nmug,Mug,Kitchen > Mugs,Acme,4.50,2,7\n";

/// A server that ends with the test.
struct Server(Child, String);

impl Server {
    fn start(data_dir: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_sidecart"))
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(data_dir)
            .current_dir(data_dir.parent().expect("a parent"))
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
        let url = line.trim().strip_prefix("listening on ").expect("the address").to_owned();
        Self(child, url)
    }

    fn get(&self, path: &str) -> (u16, Value) {
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
        loop {
            let mut response = agent.get(format!("{}{path}", self.1)).call().expect("an answer");
            let (status, text) = (response.status().as_u16(), response.body_mut().read_to_string().expect("text"));
            if status != 503 {
                return (status, serde_json::from_str(&text).unwrap_or(Value::Null));
            }
            std::thread::yield_now();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn import(dir: &Path, args: &[&str]) -> Output {
    import_events(dir, EVENTS, args)
}

fn import_events(dir: &Path, events: &str, args: &[&str]) -> Output {
    std::fs::write(dir.join("events.csv"), events).expect("writes");
    std::fs::write(dir.join("catalog.csv"), CATALOG).expect("writes");
    let mut command = Command::new(env!("CARGO_BIN_EXE_sidecart"));
    command.arg("import").arg(dir).args(args).arg("--json").current_dir(dir);
    command.output().expect("runs")
}

fn done(output: &Output) -> Value {
    let told = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {told}"))
}

#[test]
fn history_in_a_data_directory_is_there_when_the_server_starts() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let state = dir.path().join("state");
    let output = import(dir.path(), &["--data-dir", state.to_str().expect("UTF-8")]);
    assert_eq!(output.status.code(), Some(1), "a row was rejected: {}", String::from_utf8_lossy(&output.stderr));
    let report = done(&output);
    assert_eq!((&report["items"], &report["bare_items"], &report["events"]), (&1.into(), &1.into(), &3.into()));
    assert_eq!((&report["accepted"], &report["duplicates"]), (&5.into(), &0.into()));
    assert_eq!(report["rejected"]["first"][0]["line"], 4);
    let server = Server::start(&state);
    assert_eq!(server.get("/readyz").0, 200);
    let (status, mug) = server.get("/v1/items/mug");
    assert_eq!((status, &mug["title"], &mug["stock"]), (200, &"Mug".into(), &7.into()));
    assert_eq!(server.get("/v1/items/spoon").1["price"], 1.2);
    assert_eq!(server.get("/v1/features/items/mug").0, 200);
}

#[test]
fn events_count_once_and_what_the_server_knows_of_an_item_stays() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(&dir.path().join("state"));
    let first = done(&import(dir.path(), &["--url", &server.1]));
    assert_eq!((&first["accepted"], &first["bare_items"]), (&5.into(), &1.into()));
    let again = done(&import(dir.path(), &["--url", &server.1]));
    assert_eq!((&again["accepted"], &again["duplicates"]), (&1.into(), &3.into()), "the catalogue is sent anew");
    assert_eq!(again["bare_items"], 0, "the server knows the spoon");
}

#[test]
fn an_import_without_a_server_says_so() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let output = import(dir.path(), &["--url", "http://127.0.0.1:1"]);
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("no answer from http://127.0.0.1:1") && told.contains("check --url"), "{told}");
}

#[test]
fn history_in_a_data_directory_has_taught_the_scorer_when_the_server_starts() {
    let dir = tempfile::tempdir().expect("a folder");
    let data_dir = dir.path().join("data");
    let mut events = "event_type,timestamp,session_id,item_id\n".to_owned();
    for (visit, step) in (0..200).flat_map(|visit| (0..5).map(move |step| (visit, step))) {
        let (hour, minute, item) = (visit / 60, visit % 60, (visit + step) % 7);
        writeln!(events, "view,2020-06-01T{hour:02}:{minute:02}:{step:02}Z,s{visit},i{item}").expect("writes");
    }
    let output = import_events(dir.path(), &events, &["--data-dir", data_dir.to_str().expect("utf-8")]);
    assert_eq!(done(&output)["events"], 1_000);
    let (_, model) = Server::start(&data_dir).get("/v1/model");
    assert!(model["version"].as_u64() >= Some(1), "{}", model["version"]);
    assert!(model["weights"]["browse"].is_object(), "learned from views");
}
