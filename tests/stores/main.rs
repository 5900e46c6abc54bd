//! The real binary with stores beyond its machine: checkpoints in an object store, user features in Redis.

mod protocols;
mod redis;
#[path = "../http/server.rs"]
#[expect(dead_code, reason = "shared with the HTTP tests, which use more of it")]
mod server;
mod shop;
mod vault;
