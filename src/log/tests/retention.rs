use std::ops::ControlFlow;

use super::sim::{Fault, SimDisk};
use super::*;
use crate::log::LogError;

/// Five segments of four records: 0, 4, 8, 12, 16, each begun a second after the one before.
fn five_segments(disk: &SimDisk, options: LogOptions) -> SegmentLog {
    let (mut log, _) = open_with(disk, LogOptions { segment_bytes: 250, ..options });
    for second in 0..5 {
        log.append(&payloads(second * 4, 4), NOW.plus_ms(second as i64 * 1_000)).unwrap();
    }
    assert_eq!(disk.all_names().len(), 5);
    log
}

fn by_age(retain_ms: i64) -> LogOptions {
    LogOptions { retain_ms: Some(retain_ms), ..SMALL }
}

#[test]
fn nothing_goes_without_a_limit() {
    let mut log = five_segments(&SimDisk::default(), SMALL);
    let retired = log.retain(Offset(20), NOW.plus_ms(i64::MAX)).unwrap();
    assert_eq!((retired.segments, retired.kept_bytes, log.first_offset()), (0, log.bytes(), Offset(0)));
}

#[test]
fn what_a_checkpoint_still_needs_is_kept_however_old() {
    for (keep_from, first) in [(0, 0), (3, 0), (4, 4), (11, 8), (12, 12), (20, 16)] {
        let disk = SimDisk::default();
        let mut log = five_segments(&disk, by_age(0));
        log.retain(Offset(keep_from), NOW.plus_ms(9_000_000)).unwrap();
        assert_eq!(log.first_offset(), Offset(first), "keep from {keep_from}");
        drop(log);
        assert_eq!(open(&disk).0.first_offset(), Offset(first));
    }
}

#[test]
fn age_counts_from_the_last_record_of_a_segment() {
    // Segment 0 was finished at second 1, segment 4 at second 2.
    for (now_ms, first) in [(10_900, 0), (11_001, 4), (12_000, 4), (12_001, 8)] {
        let mut log = five_segments(&SimDisk::default(), by_age(10_000));
        log.retain(Offset(20), NOW.plus_ms(now_ms)).unwrap();
        assert_eq!(log.first_offset(), Offset(first), "after {now_ms} ms");
    }
}

#[test]
fn size_deletes_the_oldest_until_it_fits() {
    let disk = SimDisk::default();
    let total = five_segments(&disk, SMALL).bytes();
    let options = LogOptions { retain_bytes: Some(total - 1), ..SMALL };
    let (mut log, _) = open_with(&disk, options);
    let retired = log.retain(Offset(20), NOW).unwrap();
    assert_eq!((retired.segments, log.first_offset()), (1, Offset(4)));
    assert_eq!((retired.bytes + retired.kept_bytes, retired.kept_bytes), (total, log.bytes()));
    let error = log.replay(Offset(2), &mut |_| ControlFlow::Continue(())).unwrap_err();
    assert!(matches!(error, LogError::Retired { from: Offset(2), first: Offset(4) }), "{error}");
}

#[test]
fn a_clock_that_went_back_deletes_nothing() {
    let mut log = five_segments(&SimDisk::default(), by_age(1));
    assert_eq!(log.retain(Offset(20), NOW.plus_ms(-5_000)).unwrap().segments, 0);
}

#[test]
fn a_file_that_cannot_be_deleted_stays_part_of_the_log() {
    let disk = SimDisk::default();
    let mut log = five_segments(&disk, by_age(0));
    disk.fail(1, Fault::Error);
    log.retain(Offset(20), NOW.plus_ms(9_000_000)).unwrap_err();
    assert_eq!((log.first_offset(), disk.all_names().len()), (Offset(4), 4));
    log.retain(Offset(20), NOW.plus_ms(9_000_000)).unwrap();
    assert_eq!(log.first_offset(), Offset(16));
}
