//! Three replicas that go on: what one is told counts on all.

use std::path::PathBuf;
use std::time::Instant;

use rdkafka::ClientConfig;
use rdkafka::producer::{DefaultProducerContext, ThreadedProducer};
use serde_json::{Value, json};

use crate::PATIENCE;
use crate::broker::Broker;
use crate::server::Server;

/// The replicas of one shop, each with a folder of its own.
pub struct Fleet {
    folder: tempfile::TempDir,
    config: Value,
    pub broker: Broker,
}

impl Fleet {
    /// A broker; replicas are started one by one with this config, beside what makes them replicas.
    pub fn new(mut config: Value) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let broker = Broker::start(&folder.path().join("broker"));
        config["events"]["log"] = "kafka".into();
        config["kafka"] = json!({"brokers": [broker.address], "topic_prefix": "fleet.", "partitions": 3});
        Self { folder, config, broker }
    }

    pub fn dir(&self, replica: usize) -> PathBuf {
        self.folder.path().join(replica.to_string())
    }

    /// What replicas are started with.
    pub fn config(&self) -> &Value {
        &self.config
    }

    /// Gives all replicas one key of attribution tokens.
    pub fn share_token_key(&mut self) {
        let path = self.folder.path().join("shared-token-key");
        std::fs::write(&path, "7f".repeat(32)).expect("written");
        self.config["access"]["token_key_file"] = path.display().to_string().into();
    }

    /// As a foreign producer would.
    pub fn producer(&self) -> ThreadedProducer<DefaultProducerContext> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.broker.address).set("linger.ms", "0");
        config.create().expect("a producer")
    }

    pub fn start(&self, replica: usize) -> Server {
        Server::start(&self.dir(replica), &self.config.to_string())
    }
}

/// Tries until it is so.
#[track_caller]
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < PATIENCE, "not so after {PATIENCE:?}: {what}");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

/// The sum of a metric's figures on one replica, those with this text among their labels.
pub fn metric(server: &Server, name: &str, label: &str) -> f64 {
    let text = server.get("/metrics").text;
    let lines = text.lines().filter(|line| line.starts_with(name) && line.contains(label));
    lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
}
