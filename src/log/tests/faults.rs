use super::sim::{Fault, SimDisk};
use super::*;
use crate::log::LogError;
use crate::log::disk::{Disk, write_full};
use crate::log::frame::encode_frame;

const FAULTS: [Fault; 4] = [Fault::Error, Fault::Full, Fault::ShortThenError(1), Fault::ShortThenError(5)];

/// Appends until every changing operation of an append (with and without a new segment) has failed once in every way;
/// `after` is told what the append said.
fn each_fault(check: impl Fn(&SimDisk, SegmentLog, LogError, Fault, u64)) {
    for fault in FAULTS {
        for (batch, operations) in [(1, 2), (12, 7)] {
            for at in 0..operations {
                let disk = SimDisk::default();
                let (mut log, _) = open(&disk);
                fill(&mut log, &[4]);
                disk.fail(at, fault);
                let before = disk.operations();
                if let Err(error) = log.append(&payloads(4, batch), NOW) {
                    check(&disk, log, error, fault, at);
                } else {
                    panic!("fault {fault:?} at {at} of {} was not noticed", disk.operations() - before);
                }
            }
        }
    }
}

#[test]
fn a_failed_append_shows_nothing_here_or_after_a_restart() {
    each_fault(|disk, log, error, fault, at| {
        assert_eq!(read(&log, 0).0, expected(0..4), "{fault:?} at {at}: {error}");
        assert_eq!(log.next_offset(), Offset(4));
        drop(log);
        disk.heal();
        let (mut log, _) = open(disk);
        assert_eq!(read(&log, 0).0, expected(0..4), "{fault:?} at {at}: {error}");
        fill(&mut log, &[3]);
        assert_eq!(read(&log, 0).0, expected(0..7));
    });
}

#[test]
fn after_a_failed_append_the_next_one_works_or_the_log_says_it_is_closed() {
    each_fault(|disk, mut log, error, fault, at| {
        let synced = matches!(&error, LogError::Io { action: "sync" | "name", .. });
        disk.heal();
        match log.append(&payloads(4, 2), NOW) {
            Ok(first) => assert_eq!((first, read(&log, 0).0), (Offset(4), expected(0..6))),
            Err(LogError::Poisoned) => assert!(synced, "{fault:?} at {at}: closed after {error}"),
            Err(error) => panic!("{fault:?} at {at}: {error}"),
        }
    });
}

#[test]
fn a_full_disk_is_told_apart_and_heals() {
    let disk = SimDisk::default();
    let (mut log, _) = open(&disk);
    fill(&mut log, &[2]);
    for _ in 0..3 {
        disk.fail(0, Fault::Full);
        let error = log.append(&payloads(2, 1), NOW).unwrap_err();
        assert!(error.is_full(), "{error}");
    }
    fill(&mut log, &[1]);
    assert_eq!(read(&log, 0).0, expected(0..3));
    disk.fail(0, Fault::Error);
    assert!(!log.append(&payloads(3, 1), NOW).unwrap_err().is_full());
}

#[test]
fn a_failed_sync_closes_the_log_until_it_is_opened_anew() {
    let disk = SimDisk::default();
    let (mut log, _) = open(&disk);
    fill(&mut log, &[2]);
    disk.fail(1, Fault::Error);
    let error = log.append(&payloads(2, 1), NOW).unwrap_err();
    assert_eq!(error.to_string(), "cannot sync `sim/00000000000000000000.seg`: injected");
    assert!(log.is_closed());
    assert!(matches!(log.append(&payloads(2, 1), NOW), Err(LogError::Poisoned)));
    assert!(matches!(log.skip_to(Offset(9), NOW), Err(LogError::Poisoned)));
    assert_eq!(read(&log, 0).0, expected(0..2), "reading goes on");
    drop(log);
    fill(&mut open(&disk).0, &[1]);
}

#[test]
fn a_write_that_can_not_be_undone_closes_the_log() {
    let disk = SimDisk::default();
    let (mut log, _) = open(&disk);
    fill(&mut log, &[2]);
    disk.fail(0, Fault::ShortThenError(7));
    disk.fail(2, Fault::Error);
    log.append(&payloads(2, 3), NOW).unwrap_err();
    assert!(matches!(log.append(&payloads(2, 1), NOW), Err(LogError::Poisoned)));
    assert_eq!(read(&log, 0).0, expected(0..2), "what was half written is not shown");
}

#[test]
fn offsets_that_a_checkpoint_has_seen_are_not_given_out_again() {
    let disk = SimDisk::default();
    let (mut log, _) = open(&disk);
    fill(&mut log, &[3]);
    log.skip_to(Offset(2), NOW).unwrap();
    assert_eq!(log.next_offset(), Offset(3));
    log.skip_to(Offset(10), NOW).unwrap();
    fill(&mut log, &[2]);
    drop(log);
    let (records, replayed) = read(&open(&disk).0, 0);
    assert_eq!((records, replayed.lost), (expected([0, 1, 2, 10, 11]), 7));
}

#[test]
fn what_a_restart_has_shown_survives_power_loss() {
    let disk = SimDisk::default();
    fill(&mut open(&disk).0, &[2]);
    // Killed between write and sync.
    let (name, mut frame) = ("00000000000000000000.seg", Vec::new());
    encode_frame(&mut frame, Offset(2), NOW, &payload(2));
    let end = disk.bytes(name).len() as u64;
    write_full(disk.open(name).unwrap().as_mut(), &frame, end).unwrap();
    assert_eq!(read(&open(&disk).0, 0).0, expected(0..3));
    disk.lose_power(|| false);
    assert_eq!(read(&open(&disk).0, 0).0, expected(0..3));
}
