//! Faults against the real binary, under load: kill -9, disks that fail in every way, damaged files, jumping clocks.
//! Each test prints one row of the table that `scripts/faults` shows. They take minutes, so all are `#[ignore]`d.
//!
//! The disk faults need a binary that can be told to fail (the feature `failpoints`): a full or dying disk cannot be had
//! without the right to mount one.

mod checkpoints;
mod clock;
mod damage;
mod disks;
mod erasing;
mod killing;
mod load;
#[path = "../support/naming.rs"]
mod naming;
#[path = "../../benches/load/open_loop.rs"]
#[expect(dead_code, reason = "shared with a bench, which reads more of it")]
mod open_loop;
mod overload;
mod row;
#[path = "../http/server.rs"]
#[expect(dead_code, reason = "shared with the HTTP tests, which use more of it")]
mod server;
mod shop;
mod shoppers;
mod soak;
mod starting;
