//! `sidecart`: the one binary. All I/O is here; what to recommend is decided in the `engine` crate.

mod access;
mod backup;
#[cfg(feature = "kafka")]
mod broker;
mod cli;
mod clock;
mod config;
mod data;
mod decisions;
mod demo;
mod durable;
mod erasure;
#[cfg(feature = "redis")]
mod feature_store;
#[cfg(test)]
mod fuzz;
mod http;
mod identity;
mod import;
mod in_force;
mod ingest;
mod log;
mod metrics;
mod replay;
mod rules;
mod service;
mod simulate;
#[cfg(feature = "object-store")]
mod vault;
mod wire;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    cli::run()
}
