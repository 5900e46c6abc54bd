//! kill -9 while events pour in: whatever was acknowledged is there afterwards, once.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::server::Server;

const ROUNDS: usize = 4;
const SENDERS: usize = 4;
/// Batches acknowledged before the server is killed; the kill falls into whatever it is doing then.
const BATCHES_BEFORE_KILL: usize = 40;
const BATCH: usize = 25;
/// Sessions are told apart by round, sender and batch, so that each session's view count says whether it counted once.
fn session(round: usize, sender: usize, batch: usize) -> String {
    format!("r{round}-s{sender}-b{batch}")
}

fn batch(session: &str) -> Value {
    (0..BATCH)
        .map(|n| json!({"eventId": format!("{session}-{n}"), "eventType": "view", "sessionId": session, "itemId": "i"}))
        .collect()
}

#[test]
fn whatever_was_acknowledged_survives_being_killed_and_counts_once() {
    let dir = tempfile::tempdir().expect("a folder");
    let config = "storage: {checkpoint_every: 1s, checkpoints_kept: 2, segment_size: 64KiB}";
    let mut acknowledged = BTreeSet::new();
    for round in 0..ROUNDS {
        let server = Server::start(dir.path(), config);
        check(&server, &acknowledged);
        // A clean stop saves the state, so that the next start has both a checkpoint and a rest of the log.
        assert_eq!(server.stop(), Some(0));
        let server = Server::start(dir.path(), config);
        acknowledged.extend(pour_and_kill(server, round));
    }
    let server = Server::start(dir.path(), config);
    check(&server, &acknowledged);
    // Sent again, everything counts as known: nothing was lost, and nothing counts twice.
    for session in &acknowledged {
        let again = server.json("POST", "/v1/events", &batch(session)).json();
        assert_eq!(again["duplicates"], BATCH, "{session}: {again}");
    }
    check(&server, &acknowledged);
    assert_eq!(server.stop(), Some(0));
}

/// Sends batches from several threads until enough are acknowledged, then kills the server under them.
fn pour_and_kill(server: Server, round: usize) -> BTreeSet<String> {
    let (count, acknowledged) = (AtomicUsize::new(0), Mutex::new(BTreeSet::new()));
    let server = &Mutex::new(Some(server));
    let (url, agent) = (server.lock().expect("ours").as_ref().expect("runs").url.clone(), ureq::agent());
    std::thread::scope(|scope| {
        for sender in 0..SENDERS {
            let (url, agent, count, acknowledged) = (&url, &agent, &count, &acknowledged);
            scope.spawn(move || {
                for number in 0.. {
                    let session = session(round, sender, number);
                    let sent = agent.post(format!("{url}/v1/events")).send_json(batch(&session));
                    // Gone: the kill has fallen.
                    let Ok(mut response) = sent else { return };
                    let Ok(answer) = response.body_mut().read_json::<Value>() else { return };
                    assert_eq!(answer["accepted"], BATCH, "{answer}");
                    acknowledged.lock().expect("no panic").insert(session);
                    if count.fetch_add(1, Ordering::AcqRel) + 1 == BATCHES_BEFORE_KILL {
                        server.lock().expect("ours").take().expect("runs").kill();
                        return;
                    }
                }
            });
        }
    });
    acknowledged.into_inner().expect("no panic")
}

fn check(server: &Server, acknowledged: &BTreeSet<String>) {
    for session in acknowledged {
        let views = server.get(&format!("/v1/features/sessions/{session}")).json()["views"].clone();
        assert_eq!(views, BATCH, "{session}");
    }
}
