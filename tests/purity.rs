//! The engine is pure, and its rooms import one another in one direction only. ARCHITECTURE.md says so; this holds it.

#[path = "support/paths.rs"]
mod spelt;
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use spelt::paths;
use support::{metadata, root};

/// All that the engine may depend on, its dependencies' dependencies included. No runtime, web, broker, clock or
/// random-number crate is here, and a new one has to be added by hand.
const ENGINE_DEPENDENCIES: [&str; 14] = [
    "multiversion",
    "multiversion-macros",
    "proc-macro2",
    "quote",
    "rustc-hash",
    "rustversion",
    "serde",
    "serde_core",
    "serde_derive",
    "syn",
    "thiserror",
    "thiserror-impl",
    "unicode-ident",
    "xxhash-rust",
];

/// What the pure engine may not name: clocks, I/O, threads, unseeded randomness.
const IMPURE_PATHS: [&str; 12] = [
    "std::env",
    "std::fs",
    "std::hash::RandomState",
    "std::io",
    "std::net",
    "std::os",
    "std::process",
    "std::sync::atomic",
    "std::thread",
    "std::time",
    "rand",
    "getrandom",
];
/// Names that are impure wherever they come from. `HashMap` and `HashSet` without `Fx` hash with a random seed.
const IMPURE_NAMES: [&str; 9] =
    ["Instant", "SystemTime", "HashMap", "HashSet", "RandomState", "thread_rng", "println", "eprintln", "dbg"];

/// The rooms, in the order in which they may import: each only from a lower level, or from itself. Rooms of one level
/// never import one another.
const LEVELS: [&[&str]; 6] = [
    &["nouns"],
    &["policy"],
    &["settings", "views", "watch"],
    &["store"],
    &["features", "candidates", "rank", "rules"],
    &["pipeline", "inspect"],
];

#[test]
fn the_engine_depends_on_nothing_but_what_is_listed() {
    let metadata = metadata();
    let nodes: BTreeMap<&str, &serde_json::Value> = metadata["resolve"]["nodes"]
        .as_array()
        .expect("metadata resolves")
        .iter()
        .map(|node| (node["id"].as_str().expect("nodes have ids"), node))
        .collect();
    let names: BTreeMap<&str, &str> = metadata["packages"]
        .as_array()
        .expect("metadata lists packages")
        .iter()
        .map(|p| (p["id"].as_str().expect("packages have ids"), p["name"].as_str().expect("packages have names")))
        .collect();
    let engine = *names.iter().find(|(_, name)| **name == "sidecart-engine").expect("the engine is a package").0;
    let mut open = vec![engine];
    let mut reached = BTreeSet::new();
    while let Some(id) = open.pop() {
        for dependency in nodes[id]["deps"].as_array().expect("nodes list dependencies") {
            let kinds = dependency["dep_kinds"].as_array().expect("dependencies have kinds");
            let id = dependency["pkg"].as_str().expect("dependencies name a package");
            if kinds.iter().any(|kind| kind["kind"] != "dev") && reached.insert(id) {
                open.push(id);
            }
        }
    }
    let reached: BTreeSet<&str> = reached.into_iter().map(|id| names[id]).collect();
    assert!(reached.contains("serde"), "the walk reached {reached:?} only");
    let unknown: Vec<_> = reached.iter().filter(|name| !ENGINE_DEPENDENCIES.contains(name)).collect();
    assert!(unknown.is_empty(), "the engine depends on {unknown:?}: is it pure? Then list it in tests/purity.rs");
}

#[test]
fn the_engine_names_no_clock_io_thread_or_unseeded_randomness() {
    let mut found = Vec::new();
    for (file, paths) in engine_paths() {
        for path in paths {
            let impure = IMPURE_PATHS.iter().any(|impure| path == *impure || path.starts_with(&format!("{impure}::")))
                || path.split("::").any(|name| IMPURE_NAMES.contains(&name));
            if impure {
                found.push(format!("{}: {path}", file.display()));
            }
        }
    }
    assert!(found.is_empty(), "let the caller do it and pass the result in:\n{}", found.join("\n"));
}

#[test]
fn the_engines_rooms_import_in_one_direction() {
    let mut found = Vec::new();
    for (file, paths) in engine_paths() {
        let Some(room) = room_of(&file) else { continue };
        let level =
            level_of(&room).unwrap_or_else(|| panic!("room `{room}` has no level: give it one in tests/purity.rs"));
        for path in paths {
            let Some(other) = resolved(&file, &path).and_then(|path| path.into_iter().next()) else { continue };
            if other != room && level_of(&other).is_some_and(|other| other >= level) {
                found.push(format!("{}: `{room}` imports `{other}` ({path})", file.display()));
            }
        }
    }
    assert!(
        found.is_empty(),
        "nouns ◄ store ◄ {{features, candidates, rank, rules}} ◄ pipeline:\n{}",
        found.join("\n")
    );
}

fn level_of(room: &str) -> Option<usize> {
    LEVELS.iter().position(|rooms| rooms.contains(&room))
}

/// The engine's files, relative to `engine/src`, with all paths that their code names.
fn engine_paths() -> Vec<(PathBuf, Vec<String>)> {
    let source = root().join("engine/src");
    let mut files = Vec::new();
    collect(&source, &mut files);
    assert!(files.len() > 10, "only {} files under {}", files.len(), source.display());
    let relative = |file: &Path| file.strip_prefix(&source).expect("collected below the source").to_path_buf();
    files.iter().map(|file| (relative(file), paths(&fs::read_to_string(file).expect("the file was listed")))).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the engine has sources") {
        let path = entry.expect("the folder is readable").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The room that a file is in: the first folder, or the file itself at the top. `lib.rs` is in none.
fn room_of(file: &Path) -> Option<String> {
    let first = file.iter().next()?.to_str()?.trim_end_matches(".rs").to_owned();
    (first != "lib").then_some(first)
}

/// The absolute path from the crate's root, for paths that start with `crate`, `super` or `self`.
fn resolved(file: &Path, path: &str) -> Option<Vec<String>> {
    let mut module: Vec<String> =
        file.iter().map(|part| part.to_string_lossy().trim_end_matches(".rs").into()).collect();
    if module.last().is_some_and(|last| last == "mod" || last == "lib") {
        module.pop();
    }
    let mut names = path.split("::").peekable();
    match *names.peek()? {
        "crate" => module.clear(),
        "self" | "super" => {}
        _ => return None,
    }
    for name in names {
        match name {
            "crate" | "self" => {}
            "super" => drop(module.pop()),
            name => module.push(name.to_owned()),
        }
    }
    Some(module)
}

#[test]
fn relative_paths_are_resolved() {
    let at = |file: &str, path: &str| resolved(Path::new(file), path).map(|path| path.join("/"));
    assert_eq!(at("rank/linear.rs", "super::super::store::Row").as_deref(), Some("store/Row"));
    assert_eq!(at("rank/mod.rs", "super::rules").as_deref(), Some("rules"));
    assert_eq!(at("lib.rs", "crate::nouns::Item").as_deref(), Some("nouns/Item"));
    assert_eq!(at("rank/mod.rs", "std::fs"), None);
}

#[test]
fn paths_are_spelt_out() {
    let code = "use std::{fs as files, time::{Duration, Instant}};\nuse super::store::Row; // std::net\n\
                let x: a::b::C = std::env::var(\"std::io\").x::<D>();\nuse crate::nouns::*;";
    let found = paths(code);
    let expected = [
        "std::fs",
        "std::time::Duration",
        "std::time::Instant",
        "super::store::Row",
        "a::b::C",
        "std::env::var",
        "crate::nouns::*",
    ];
    for path in expected {
        assert!(found.iter().any(|found| found == path), "{path} is not in {found:?}");
    }
    assert!(!found.iter().any(|path| path.contains("std::net") || path.contains("std::io")), "{found:?}");
}
