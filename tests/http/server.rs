//! Drives the real binary: starts it on a free port, talks HTTP to it, stops it or kills it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Longer than anything takes on a loaded machine; reaching it is a failure.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server.
pub struct Server {
    child: Child,
    stdout: std::sync::Mutex<BufReader<std::process::ChildStdout>>,
    /// Its address, such as `http://127.0.0.1:40123`.
    pub url: String,
    agent: ureq::Agent,
}

/// An answer: its status, its headers' request id and its body.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub request_id: String,
    pub text: String,
}

impl Response {
    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }
}

impl Server {
    /// Starts a server on `data_dir`, with a config file of this content, and waits until it is ready.
    pub fn start(data_dir: &Path, config: &str) -> Self {
        Self::start_with_variables(data_dir, config, &[])
    }

    fn until_ready(self) -> Self {
        let started = Instant::now();
        while self.get("/readyz").status != 200 {
            assert!(started.elapsed() < PATIENCE, "not ready: {}", self.get("/readyz").text);
            std::thread::yield_now();
        }
        self
    }

    /// As [`Server::start`], with these environment variables.
    pub fn start_with_variables(data_dir: &Path, config: &str, variables: &[(&str, &str)]) -> Self {
        let file = Self::config_file(data_dir, config);
        Self::launch_in(data_dir, &file, variables).until_ready()
    }

    /// Starts a server and waits until it listens.
    pub fn launch(data_dir: &Path, config: &str) -> Self {
        Self::launch_with(data_dir, &Self::config_file(data_dir, config))
    }

    fn config_file(data_dir: &Path, config: &str) -> PathBuf {
        std::fs::create_dir_all(data_dir).expect("a data folder");
        let file = data_dir.join("config.yaml");
        std::fs::write(&file, on_the_log_under_test(data_dir, config)).expect("a config file");
        file
    }

    /// Starts a server with a config file that is there already, and waits until it listens.
    pub fn launch_with(data_dir: &Path, file: &Path) -> Self {
        Self::launch_in(data_dir, file, &[])
    }

    fn launch_in(data_dir: &Path, file: &Path, variables: &[(&str, &str)]) -> Self {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(data_dir.join("server.log"));
        let log = log.expect("a file for what the server says");
        // Read only by a binary that was built with the feature `failpoints`.
        let mut child = Command::new(env!("CARGO_BIN_EXE_sidecart"))
            .env("FAILPOINTS_FILE", data_dir.join("failpoints"))
            .envs(variables.iter().copied())
            .args(["serve", "--listen", "127.0.0.1:0", "--config"])
            .arg(file)
            .arg("--data-dir")
            .arg(data_dir)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the server starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("piped");
        let mut stdout = BufReader::new(stdout);
        stdout.read_line(&mut line).expect("a line");
        let url = line.trim().strip_prefix("listening on ").expect("the line that names the address").to_owned();
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            .build()
            .new_agent();
        Self { child, stdout: stdout.into(), url, agent }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a request with a body of this type.
    pub fn send(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> Response {
        self.try_send(method, path, kind, body).expect("an answer")
    }

    /// As [`Server::send`], for a server that may be gone.
    pub fn try_send(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> Result<Response, ureq::Error> {
        self.try_send_with(method, path, [("content-type", kind)], body)
    }

    /// As [`Server::try_send`], with these headers.
    pub fn try_send_with<'a>(
        &self,
        method: &str,
        path: &str,
        headers: impl IntoIterator<Item = (&'a str, &'a str)>,
        body: &[u8],
    ) -> Result<Response, ureq::Error> {
        let request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.url));
        let request = headers.into_iter().fold(request, |request, (name, value)| request.header(name, value));
        let request = request.body(body).expect("a request");
        let mut response = self.agent.run(request)?;
        let request_id = response.headers().get("x-request-id").and_then(|id| id.to_str().ok());
        let request_id = request_id.unwrap_or_default().to_owned();
        let status = response.status().as_u16();
        Ok(Response { status, request_id, text: response.body_mut().read_to_string()? })
    }

    /// Sends a request with this header; gives status, JSON and the headers.
    pub fn send_with(&self, method: &str, path: &str, header: (&str, &str), body: &str) -> (u16, Value) {
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header(header.0, header.1)
            .body(body.as_bytes())
            .expect("a request");
        let mut response = self.agent.run(request).expect("an answer");
        let text = response.body_mut().read_to_string().expect("text");
        (response.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    /// Sends JSON.
    pub fn json(&self, method: &str, path: &str, body: &Value) -> Response {
        self.send(method, path, "application/json", body.to_string().as_bytes())
    }

    /// Reads a path.
    pub fn get(&self, path: &str) -> Response {
        let mut response = self.agent.get(format!("{}{path}", self.url)).call().expect("an answer");
        let status = response.status().as_u16();
        let text = response.body_mut().read_to_string().expect("text");
        Response { status, request_id: String::new(), text }
    }

    /// The address of the admin listener, which the second line names.
    pub fn second_url(&self) -> String {
        let mut line = String::new();
        self.stdout.lock().expect("one thread reads").read_line(&mut line).expect("a line");
        line.trim().strip_prefix("admin on ").expect("the line that names the address").to_owned()
    }

    /// Sends a signal, such as `HUP`.
    pub fn signal(&self, name: &str) {
        let told = Command::new("kill").args(["-s", name]).arg(self.child.id().to_string()).status();
        assert!(told.expect("kill runs").success());
    }

    /// Asks until the answer is as wanted; fails with the last one when that takes too long.
    pub fn await_json(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let started = Instant::now();
        loop {
            let answer = self.get(path).json();
            if wanted(&answer) {
                return answer;
            }
            assert!(started.elapsed() < PATIENCE, "{path} is still {answer:#}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Sends SIGTERM and waits for the end; gives the exit code.
    pub fn stop(mut self) -> Option<i32> {
        let told = Command::new("kill").arg(self.id().to_string()).status().expect("kill runs");
        assert!(told.success());
        self.child.wait().expect("an end").code()
    }

    /// Sends SIGKILL and waits for the end.
    pub fn kill(mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("an end");
    }
}

/// The config, with `EVENTS_LOG=kafka` changed to make the broker at `KAFKA_BROKERS` the log, with topics of its own for each
/// data folder: the same tests hold whatever the log is.
fn on_the_log_under_test(data_dir: &Path, config: &str) -> String {
    match std::env::var("EVENTS_LOG").as_deref() {
        Err(_) | Ok("embedded") => return config.to_owned(),
        Ok("kafka") => {}
        Ok(other) => panic!("EVENTS_LOG is `{other}`: give `kafka` or `embedded`"),
    }
    let brokers = std::env::var("KAFKA_BROKERS").expect("EVENTS_LOG=kafka needs KAFKA_BROKERS");
    let mut hasher = std::hash::DefaultHasher::new();
    std::hash::Hash::hash(data_dir, &mut hasher);
    let prefix = format!("test-{:016x}.", std::hash::Hasher::finish(&hasher));
    let mut config: Value = serde_saphyr::from_str(config).expect("a config");
    config["events"]["log"] = "kafka".into();
    config["kafka"] = serde_json::json!({"brokers": [brokers], "topic_prefix": prefix, "partitions": 3});
    // JSON is YAML.
    config.to_string()
}

impl Drop for Server {
    fn drop(&mut self) {
        // After `stop` or `kill` both fail, which is as it should be.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
