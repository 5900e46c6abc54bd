//! Which of several replicas leads, once that stays so.

use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};

use crate::server::Server;

/// Longer than anything takes on a loaded machine; reaching it is a failure.
const PATIENCE: Duration = Duration::from_secs(90);

/// Waits until all of these replicas are in the group whose members share the lead, and gives the place of the one that has
/// it. A replica is ready before it is in the group, and with each that joins the lead is given anew, perhaps to another.
pub fn await_leader(brokers: &str, prefix: &str, servers: &[&Server]) -> usize {
    let client: BaseConsumer = ClientConfig::new().set("bootstrap.servers", brokers).create().expect("a client");
    let name = format!("{prefix}leader");
    let (started, mut told) = (Instant::now(), String::new());
    while started.elapsed() < PATIENCE {
        let groups = client.fetch_group_list(Some(&name), PATIENCE);
        let is_settled = groups.is_ok_and(|groups| {
            let is_whole = |members: usize, state: &str| members == servers.len() && state == "Stable";
            groups.groups().iter().any(|group| is_whole(group.members().len(), group.state()))
        });
        // Asked behind the group: whoever led before has given that up to come to an agreement.
        let leading: Vec<usize> = (0..servers.len()).filter(|place| leads(servers[*place])).collect();
        if let ([place], true) = (&leading[..], is_settled) {
            return *place;
        }
        told = format!("{leading:?} lead, settled: {is_settled}");
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("not one leads for good after {PATIENCE:?}: {told}");
}

fn leads(server: &Server) -> bool {
    server.get("/metrics").text.lines().any(|line| line == "sidecart_broker_leader 1")
}
