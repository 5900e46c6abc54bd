//! What the log promises, as facts; on a disk in memory that fails where a test says so.

mod damage;
mod faults;
mod files;
mod property;
mod replaying;
mod retention;
pub mod sim;

use std::ops::ControlFlow;
use std::sync::Arc;

use sidecart_engine::nouns::Timestamp;
use sim::SimDisk;

use super::recover::Recovered;
use super::{EventLog, LogOptions, Offset, Replayed, SegmentLog};

const NOW: Timestamp = Timestamp(1_767_268_800_000);
/// Small enough that a few records fill a segment.
const SMALL: LogOptions = LogOptions { segment_bytes: 400, retain_ms: None, retain_bytes: None };

fn open(disk: &SimDisk) -> (SegmentLog, Recovered) {
    open_with(disk, SMALL)
}

fn open_with(disk: &SimDisk, options: LogOptions) -> (SegmentLog, Recovered) {
    SegmentLog::open_on(Arc::new(disk.clone()), options, NOW).unwrap()
}

/// Payloads that tell their offset: `record 17 ....`, of lengths that vary.
fn payload(offset: u64) -> Vec<u8> {
    let filling = ".".repeat((offset as usize * 7) % 40);
    format!("record {offset} {filling}").into_bytes()
}

fn payloads(first: u64, count: u64) -> Vec<Vec<u8>> {
    (first..first + count).map(payload).collect()
}

/// Appends batches of these sizes, each payload telling its offset.
fn fill(log: &mut SegmentLog, sizes: &[u64]) {
    for &size in sizes {
        let first = log.next_offset();
        assert_eq!(log.append(&payloads(first.0, size), NOW).unwrap(), first);
    }
}

fn read(log: &dyn EventLog, from: u64) -> (Vec<(u64, Vec<u8>)>, Replayed) {
    let mut records = Vec::new();
    let replayed = log
        .replay(Offset(from), &mut |logged| {
            assert_eq!(logged.appended_at, NOW);
            records.push((logged.offset.0, logged.payload.to_vec()));
            ControlFlow::Continue(())
        })
        .unwrap();
    (records, replayed)
}

/// The records `offsets` as [`fill`] writes them.
fn expected(offsets: impl IntoIterator<Item = u64>) -> Vec<(u64, Vec<u8>)> {
    offsets.into_iter().map(|offset| (offset, payload(offset))).collect()
}
