//! What the vault does, one body for each behaviour: in memory with every `cargo test`, and with a real server of each
//! protocol by scripts/test-services.

mod scene;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use scene::{AZURE, GOOGLE, NOW, S3, Scene, folder};
use sidecart_engine::STATE_VERSION;
use sidecart_engine::nouns::{DAY_MS, Timestamp};

use super::manifest::{MANIFEST_END, STATE_END};
use super::place::Place;
use super::restore::{is_empty, restore};
use super::upload::{Owner, PART_BYTES, upload};
use super::{Manifest, Parts, Vault, VaultError, shelf};
use crate::clock::SystemClock;
use crate::config::storage::Remote;
use crate::identity::Identity;
use crate::ingest::checkpoint::{CHECKPOINT_FOLDER, file_name};
use crate::log::Offset;
use crate::metrics::Metrics;

/// Who want to put the same object at once.
const WRITERS: u8 = 8;

macro_rules! in_every_store {
    ($($behaviour:ident)+) => {$(
        mod $behaviour {
            use super::*;

            #[tokio::test(flavor = "multi_thread")]
            async fn in_memory() {
                super::$behaviour(Scene::in_memory()).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            #[ignore = "needs a server that speaks the S3 protocol, at S3_ENDPOINT: run by scripts/test-services"]
            async fn on_s3() {
                super::$behaviour(Scene::on(&S3)).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            #[ignore = "needs a server that speaks the Azure Blob protocol, at AZURE_ENDPOINT: run by scripts/test-services"]
            async fn on_azure() {
                super::$behaviour(Scene::on(&AZURE)).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            #[ignore = "needs a server that speaks Google Cloud Storage's XML protocol, at GCS_ENDPOINT: run by scripts/test-services"]
            async fn on_google() {
                super::$behaviour(Scene::on(&GOOGLE)).await;
            }
        }
    )+};
}

in_every_store! {
    an_empty_folder_gets_the_newest_checkpoint_byte_for_byte_and_the_name_of_its_log
    a_place_without_checkpoints_gives_none_and_a_half_written_restore_is_nothing_yet
    an_upload_that_was_killed_before_its_manifest_is_not_seen
    a_damaged_checkpoint_leads_to_the_one_before
    a_damaged_manifest_is_skipped_with_its_reason
    a_newer_version_is_skipped_and_alone_it_is_an_error_with_the_remedy
    checkpoints_of_another_cluster_or_log_are_refused_both_ways
    two_writers_at_once_give_whole_checkpoints
    the_newest_of_each_version_are_kept_and_what_nobody_finished_goes_after_a_day
    a_file_that_is_not_whole_is_not_uploaded
    the_task_uploads_what_is_new_prunes_and_forgets_and_only_as_the_owner
    what_is_there_is_not_written_again_and_of_several_at_once_one_is_the_first
    an_object_in_parts_is_not_there_before_its_end_and_is_read_back_as_it_was
}

async fn an_empty_folder_gets_the_newest_checkpoint_byte_for_byte_and_the_name_of_its_log(scene: Scene) {
    let new = folder();
    for next in [9, 10, 100] {
        scene.send(next).await;
    }
    assert!(is_empty(new.path()).expect("read"));
    assert_eq!(scene.restore(new.path()).await.expect("restored"), Some(100));
    let name = format!("{CHECKPOINT_FOLDER}/{}", file_name(Offset(100)));
    let read = |dir: &Path| fs::read(dir.join(&name)).expect("the file");
    assert_eq!(read(new.path()), read(scene.dir.path()));
    assert_eq!(Identity::of(new.path()).expect("kept"), scene.owner.log);
    assert!(!is_empty(new.path()).expect("read"));
}

async fn a_place_without_checkpoints_gives_none_and_a_half_written_restore_is_nothing_yet(scene: Scene) {
    let new = folder();
    assert_eq!(scene.restore(new.path()).await.expect("asked"), None);
    let checkpoints = new.path().join(CHECKPOINT_FOLDER);
    fs::create_dir_all(&checkpoints).expect("made");
    fs::write(checkpoints.join(format!("{}.tmp", file_name(Offset(3)))), b"half").expect("written");
    assert!(is_empty(new.path()).expect("read"));
    fs::create_dir_all(new.path().join("log")).expect("made");
    fs::write(new.path().join("log/00000000000000000000.seg"), b"x").expect("written");
    assert!(!is_empty(new.path()).expect("read"));
}

async fn an_upload_that_was_killed_before_its_manifest_is_not_seen(scene: Scene) {
    let new = folder();
    scene.send(1).await;
    let later = scene.send(2).await;
    scene.place().delete(&format!("{}{MANIFEST_END}", later.stem())).await.expect("deleted");
    assert_eq!(scene.restore(new.path()).await.expect("restored"), Some(1));
    // The next attempt finishes what was begun.
    scene.send(2).await;
    assert_eq!(scene.restore(folder().path()).await.expect("restored"), Some(2));
}

async fn a_damaged_checkpoint_leads_to_the_one_before(scene: Scene) {
    scene.send(1).await;
    let name = format!("{}{STATE_END}", scene.send(2).await.stem());
    let whole = scene.object(&name).await;
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for bad in [flipped, whole[..whole.len() - 1].to_vec(), Vec::new()] {
        scene.place().overwrite(&name, bad).await;
        let new = folder();
        assert_eq!(scene.restore(new.path()).await.expect("restored"), Some(1));
        let left = fs::read_dir(new.path().join(CHECKPOINT_FOLDER)).expect("listed").count();
        assert_eq!(left, 1, "nothing of the damaged one is left");
    }
    scene.place().overwrite(&name, whole).await;
    assert_eq!(scene.restore(folder().path()).await.expect("restored"), Some(2));
}

async fn a_damaged_manifest_is_skipped_with_its_reason(scene: Scene) {
    let name = format!("{}{MANIFEST_END}", scene.send(2).await.stem());
    scene.place().overwrite(&name, b"{}".to_vec()).await;
    let error = scene.restore(folder().path()).await.expect_err("none is left").to_string();
    assert!(error.contains("its manifest cannot be read") && error.contains("storage.remote.restore"), "{error}");
}

/// Has the store hold the checkpoint as if a Sidecart of another version, cluster or log had put it there.
async fn changed(scene: &Scene, manifest: &Manifest, change: impl FnOnce(&mut Manifest)) {
    let mut other = manifest.clone();
    change(&mut other);
    let state = scene.object(&format!("{}{STATE_END}", manifest.stem())).await;
    scene.place().overwrite(&format!("{}{STATE_END}", other.stem()), state).await;
    scene
        .place()
        .overwrite(&format!("{}{MANIFEST_END}", other.stem()), serde_json::to_vec(&other).expect("plain data"))
        .await;
}

async fn a_newer_version_is_skipped_and_alone_it_is_an_error_with_the_remedy(scene: Scene) {
    let manifest = scene.send(5).await;
    changed(&scene, &manifest, |other| {
        (other.state_version, other.next, other.sidecart) = (STATE_VERSION + 1, Offset(9), "9.0".into());
    })
    .await;
    assert_eq!(scene.restore(folder().path()).await.expect("restored"), Some(5));
    for end in [MANIFEST_END, STATE_END] {
        scene.place().delete(&format!("{}{end}", manifest.stem())).await.expect("deleted");
    }
    let new = folder();
    let error = scene.restore(new.path()).await.expect_err("only a newer one").to_string();
    assert!(error.contains("start the Sidecart that wrote it (9.0)"), "{error}");
    assert!(is_empty(new.path()).expect("read"));
}

async fn checkpoints_of_another_cluster_or_log_are_refused_both_ways(scene: Scene) {
    let other = Identity::derived("another");
    let manifest = scene.send(5).await;
    let ours = shelf::ours(scene.place(), &scene.owner).await.expect("ours");
    assert_eq!(ours, Some(Offset(5)));
    let foreign = Owner { log: other, ..scene.owner.clone() };
    let error = shelf::ours(scene.place(), &foreign).await.expect_err("theirs").to_string();
    assert!(error.contains(&other.to_string()) && error.contains("another prefix"), "{error}");
    let error = restore(scene.place(), "grocer", folder().path()).await.expect_err("another's").to_string();
    assert!(error.contains("cluster `shop`") && error.contains("cluster `grocer`"), "{error}");
    changed(&scene, &manifest, |m| (m.log_id, m.next) = (other.to_string(), Offset(6))).await;
    let error = scene.restore(folder().path()).await.expect_err("two logs").to_string();
    assert!(error.contains("several logs"), "{error}");
}

async fn two_writers_at_once_give_whole_checkpoints(scene: Scene) {
    let scene = Arc::new(scene);
    let paths = [scene.save(7), scene.save(8)];
    let both = [0_usize, 1, 0, 1].map(|which| {
        let (scene, path) = (Arc::clone(&scene), paths[which].clone());
        tokio::spawn(async move {
            upload(scene.place(), &scene.owner, (&path, Offset(7 + which as u64)), NOW).await.expect("uploaded");
        })
    });
    for one in both {
        one.await.expect("it ran");
    }
    assert_eq!(scene.names().await.len(), 4, "a state and a manifest each");
    assert_eq!(scene.restore(folder().path()).await.expect("restored"), Some(8));
}

async fn the_newest_of_each_version_are_kept_and_what_nobody_finished_goes_after_a_day(scene: Scene) {
    for next in 1..=5 {
        let manifest = scene.send(next).await;
        if next == 1 {
            changed(&scene, &manifest, |m| m.state_version = STATE_VERSION - 1).await;
        }
    }
    let unfinished = format!("{:04}-{:020}-{}{STATE_END}", STATE_VERSION, 6, "a".repeat(16));
    scene.place().overwrite(&unfinished, b"half".to_vec()).await;
    // What the store says of an object's age is by its own clock, which is the machine's.
    let now = crate::clock::Clock::now(&SystemClock);
    assert_eq!(shelf::prune(scene.place(), 2, now).await.expect("pruned"), 3);
    let left = scene.names().await;
    assert!(left.contains(&unfinished), "it may still be written: {left:?}");
    assert_eq!(left.len(), 7, "two of this version, one of the one before: {left:?}");
    shelf::prune(scene.place(), 2, now.plus_ms(2 * DAY_MS)).await.expect("pruned");
    assert!(!scene.names().await.contains(&unfinished));
    assert_eq!(scene.restore(folder().path()).await.expect("restored"), Some(5));
}

async fn a_file_that_is_not_whole_is_not_uploaded(scene: Scene) {
    let path = scene.save(3);
    let mut bytes = fs::read(&path).expect("the file");
    bytes[20] ^= 1;
    fs::write(&path, bytes).expect("written");
    let error = upload(scene.place(), &scene.owner, (&path, Offset(3)), NOW).await.expect_err("damaged");
    assert!(matches!(error, VaultError::NotWhole(_)), "{error}");
    assert_eq!(scene.names().await, [] as [String; 0]);
}

async fn the_task_uploads_what_is_new_prunes_and_forgets_and_only_as_the_owner(scene: Scene) {
    let (is_owner, metrics) = (Arc::new(AtomicBool::new(false)), Arc::new(Metrics::new()));
    scene.save(1);
    let parts = || Parts {
        owner: scene.owner.clone(),
        checkpoints: scene.checkpoints(),
        is_owner: Arc::clone(&is_owner),
        metrics: Arc::clone(&metrics),
        clock: Arc::new(SystemClock),
    };
    let vault = Vault::keep(scene.place().clone(), 2, parts());
    tokio::time::timeout(Duration::from_secs(30), vault.stop()).await.expect("it ends");
    assert_eq!(scene.names().await.len(), 0, "the end is a turn, too, but this is not the owner");
    is_owner.store(true, Ordering::Release);
    let vault = Vault::keep(scene.place().clone(), 2, parts());
    // An order is a turn of its own, done when it is answered: no sleeping for a guess.
    let forgetting = vault.forgetting();
    for next in 1..=3 {
        scene.save(next);
        forgetting.forget_before(Offset(0)).await.expect("a turn");
    }
    assert_eq!(scene.names().await.len(), 4, "the newest two");
    assert_eq!(metrics.vault.offset.get(), 3);
    scene.save(4);
    forgetting.forget_before(Offset(4)).await.expect("forgotten");
    assert_eq!(scene.names().await.len(), 2, "the one that knows of the erasure");
    is_owner.store(false, Ordering::Release);
    scene.save(5);
    forgetting.forget_before(Offset(5)).await.expect("forgotten");
    assert_eq!(scene.names().await.len(), 2, "whoever is to forget puts something newer in its place first");
    is_owner.store(true, Ordering::Release);
    scene.save(6);
    drop(forgetting);
    tokio::time::timeout(Duration::from_secs(30), vault.stop()).await.expect("it ends");
    assert_eq!(scene.restore(folder().path()).await.expect("restored"), Some(6), "uploaded at the end");
}

async fn what_is_there_is_not_written_again_and_of_several_at_once_one_is_the_first(scene: Scene) {
    assert!(scene.place().put_new("one.json", b"first".to_vec()).await.expect("put"));
    assert!(!scene.place().put_new("one.json", b"second".to_vec()).await.expect("refused"));
    assert_eq!(scene.object("one.json").await, b"first");
    let scene = Arc::new(scene);
    let tasks = (0..WRITERS).map(|writer| {
        let scene = Arc::clone(&scene);
        tokio::spawn(async move { scene.place().put_new("race.json", vec![writer; 100]).await.expect("answered") })
    });
    let mut first = Vec::new();
    for (writer, task) in tasks.collect::<Vec<_>>().into_iter().enumerate() {
        if task.await.expect("it ran") {
            first.push(writer);
        }
    }
    assert_eq!(first.len(), 1, "{first:?}");
    assert_eq!(scene.object("race.json").await, vec![first[0] as u8; 100]);
}

async fn an_object_in_parts_is_not_there_before_its_end_and_is_read_back_as_it_was(scene: Scene) {
    let bytes: Vec<u8> = (0..(2 * PART_BYTES + 7)).map(|at| (at % 251) as u8).collect();
    let mut writing = scene.place().write("parts.ckpt", PART_BYTES).await.expect("begun");
    for part in bytes.chunks(PART_BYTES) {
        writing.wait_for_capacity(1).await.expect("written");
        writing.write(part);
    }
    assert_eq!(scene.names().await, [] as [String; 0]);
    writing.finish().await.expect("finished");
    assert_eq!(scene.place().size("parts.ckpt").await.expect("there"), bytes.len() as u64);
    assert_eq!(scene.object("parts.ckpt").await, bytes);
    let across = PART_BYTES as u64 - 2..PART_BYTES as u64 + 2;
    let read = scene.place().read("parts.ckpt", across.clone()).await.expect("read");
    assert_eq!(read, bytes[across.start as usize..across.end as usize]);
    for _ in 0..2 {
        scene.place().delete("parts.ckpt").await.expect("what is not there is as good as deleted");
    }
    assert_eq!(scene.names().await, [] as [String; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_upload_left_in_a_shared_folder_goes_with_an_erasure_or_after_a_day() {
    let folder = folder();
    let url = format!("file://{}", folder.path().display());
    let place = Place::open(&Remote::default(), &url).expect("a place");
    let name = |next: u64| format!("{STATE_VERSION:04}-{next:020}-{}{STATE_END}", "a".repeat(16));
    let unfinished: Vec<PathBuf> = [3, 9].map(|next| folder.path().join(format!("{}#1", name(next)))).into();
    let others = [folder.path().join("notes#1"), folder.path().join(format!("{}#x", name(3)))];
    for path in unfinished.iter().chain(&others) {
        fs::write(path, "part of a state").expect("written");
    }
    let is_there = || unfinished.iter().map(|path| path.exists()).collect::<Vec<_>>();
    let now = crate::clock::Clock::now(&SystemClock);
    shelf::prune(&place, 3, now).await.expect("pruned");
    assert_eq!(is_there(), [true, true], "they may be under way");
    shelf::forget_before(&place, Offset(9)).await.expect("forgotten");
    assert_eq!(is_there(), [false, true]);
    shelf::prune(&place, 3, Timestamp(now.0 + DAY_MS + 60_000)).await.expect("pruned");
    assert_eq!(is_there(), [false, false]);
    assert!(others.iter().all(|path| path.exists()), "nobody's file but ours");
}
