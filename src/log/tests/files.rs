//! On the real file system.

use std::fs;

use super::*;
use crate::log::{LogError, LogView};

#[test]
fn a_log_on_disk_survives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let (mut log, _) = SegmentLog::open(dir.path(), SMALL, NOW).unwrap();
    fill(&mut log, &[5, 5, 5]);
    drop(log);
    let (log, _) = SegmentLog::open(dir.path(), SMALL, NOW).unwrap();
    assert_eq!(read(&log, 0).0, expected(0..15));
}

#[test]
fn a_second_opener_is_refused_and_told_who_was_first() {
    let dir = tempfile::tempdir().unwrap();
    let first = SegmentLog::open(dir.path(), SMALL, NOW).unwrap();
    let error = SegmentLog::open(dir.path(), SMALL, NOW).err().unwrap().to_string();
    let holder = format!("is in use by process {} on ", std::process::id());
    assert!(error.contains(&holder), "{error}");
    assert!(LogView::open(dir.path()).unwrap().verify(&mut |_| {}).unwrap().in_use_by.is_some());
    drop(first);
    SegmentLog::open(dir.path(), SMALL, NOW).unwrap();
    assert_eq!(LogView::open(dir.path()).unwrap().verify(&mut |_| {}).unwrap().in_use_by, None);
}

#[test]
fn a_segment_that_was_never_finished_is_removed_and_other_files_are_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    fill(&mut SegmentLog::open(dir.path(), SMALL, NOW).unwrap().0, &[2]);
    let folder = dir.path().join("log");
    for name in ["00000000000000000002.seg.tmp", "notes.tmp", "1.seg", "0000000000000000000x.seg"] {
        fs::write(folder.join(name), b"half").unwrap();
    }
    let (log, _) = SegmentLog::open(dir.path(), SMALL, NOW).unwrap();
    assert_eq!(read(&log, 0).0, expected(0..2));
    let mut names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["00000000000000000000.seg", "0000000000000000000x.seg", "1.seg", "notes.tmp"]);
}

#[test]
fn a_later_format_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    drop(SegmentLog::open(dir.path(), SMALL, NOW).unwrap());
    let path = dir.path().join("log/00000000000000000000.seg");
    let header = crate::log::frame::FileHeader { version: 2, first: Offset(0), created_at: NOW }.encode();
    fs::write(path, header).unwrap();
    let error = SegmentLog::open(dir.path(), SMALL, NOW).err().unwrap();
    assert!(matches!(error, LogError::NewerFormat { version: 2, known: 1, .. }), "{error}");
}

#[test]
fn looking_at_a_log_changes_nothing_and_sees_the_damage() {
    let dir = tempfile::tempdir().unwrap();
    fill(&mut SegmentLog::open(dir.path(), SMALL, NOW).unwrap().0, &[4, 4, 4, 4, 4]);
    let verified = LogView::open(dir.path()).unwrap().verify(&mut |_| {}).unwrap();
    assert!(!verified.is_damaged());
    assert_eq!((verified.next_offset, verified.segments.iter().map(|s| s.records).sum()), (Offset(20), 20_u64));

    let folder = dir.path().join("log");
    let last = &folder.join(&verified.segments.last().unwrap().file);
    let mut bytes = fs::read(last).unwrap();
    bytes.extend([0; 9]);
    fs::write(last, &bytes).unwrap();
    let verified = LogView::open(dir.path()).unwrap().verify(&mut |_| {}).unwrap();
    assert!(!verified.is_damaged(), "a torn tail is what a crash leaves");
    assert!(verified.segments.last().unwrap().torn.is_some());
    assert_eq!(fs::read(last).unwrap(), bytes);

    let older = &folder.join(&verified.segments[0].file);
    let mut bytes = fs::read(older).unwrap();
    let at = bytes.len() - 1;
    bytes[at] ^= 1;
    fs::write(older, &bytes).unwrap();
    let verified = LogView::open(dir.path()).unwrap().verify(&mut |_| {}).unwrap();
    assert!(verified.is_damaged());
    assert_eq!(verified.gaps.lost, 1);

    fs::remove_file(folder.join(&verified.segments[1].file)).unwrap();
    let view = LogView::open(dir.path()).unwrap();
    let verified = view.verify(&mut |_| {}).unwrap();
    assert!(verified.gaps.lost > 1, "a missing file is damage");
    assert_eq!(verified.gaps.lost, view.replay(Offset(0), &mut |_| ControlFlow::Continue(())).unwrap().lost);
}
