//! Every dependency's licence and source is one that `deny.toml` allows. Runs on `cargo metadata` alone, so that it
//! holds where `cargo deny` is not installed.

mod support;

use std::collections::BTreeSet;

use support::metadata;

const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// The quoted entries of `allow = [...]` in `deny.toml`.
fn allowed() -> BTreeSet<String> {
    let text = std::fs::read_to_string(support::root().join("deny.toml")).expect("deny.toml lies beside Cargo.toml");
    let list = text.split_once("\nallow = [").expect("deny.toml has an allow list").1;
    let list = list.split_once(']').expect("the allow list ends").0;
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Whether an SPDX expression can be satisfied with the allowed licences alone. `/` is the old way to write OR; a
/// licence WITH an exception is judged as a whole.
fn satisfied(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let expression = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let mut words = expression.split_whitespace().peekable();
    let verdict = any_of(&mut words, allowed);
    verdict && words.next().is_none()
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn any_of(words: &mut Words<'_>, allowed: &BTreeSet<String>) -> bool {
    let mut verdict = all_of(words, allowed);
    while words.next_if_eq(&"OR").is_some() {
        verdict |= all_of(words, allowed);
    }
    verdict
}

fn all_of(words: &mut Words<'_>, allowed: &BTreeSet<String>) -> bool {
    let mut verdict = one(words, allowed);
    while words.next_if_eq(&"AND").is_some() {
        verdict &= one(words, allowed);
    }
    verdict
}

fn one(words: &mut Words<'_>, allowed: &BTreeSet<String>) -> bool {
    if words.next_if_eq(&"(").is_some() {
        let verdict = any_of(words, allowed);
        return words.next() == Some(")") && verdict;
    }
    let Some(name) = words.next() else { return false };
    match words.next_if_eq(&"WITH").and_then(|_| words.next()) {
        Some(exception) => allowed.contains(&format!("{name} WITH {exception}")),
        None => allowed.contains(name),
    }
}

#[test]
fn every_dependency_has_an_allowed_licence() {
    let allowed = allowed();
    let metadata = metadata();
    let packages = metadata["packages"].as_array().expect("metadata lists packages");
    assert!(packages.len() > 50, "only {} packages: the list is not the whole graph", packages.len());
    let refused: Vec<_> = packages
        .iter()
        .filter(|package| !satisfied(package["license"].as_str().unwrap_or_default(), &allowed))
        .map(|package| format!("{} {}: {}", package["name"], package["version"], package["license"]))
        .collect();
    assert!(
        refused.is_empty(),
        "not on deny.toml's allow list: replace the crate, or add the licence there with a reason\n{}",
        refused.join("\n")
    );
}

#[test]
fn every_dependency_comes_from_the_public_registry_or_this_repository() {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().expect("metadata lists packages");
    let foreign: Vec<_> = packages
        .iter()
        .filter(|package| package["source"].as_str().is_some_and(|source| source != REGISTRY))
        .map(|package| package["id"].to_string())
        .collect();
    assert!(foreign.is_empty(), "from elsewhere:\n{}", foreign.join("\n"));
}

#[test]
fn expressions_are_judged_as_a_whole() {
    let allowed: BTreeSet<String> = ["MIT", "Apache-2.0", "Unicode-3.0"].map(str::to_owned).into();
    for expression in ["MIT", "GPL-3.0 OR MIT", "MIT/Apache-2.0", "(MIT OR Apache-2.0) AND Unicode-3.0"] {
        assert!(satisfied(expression, &allowed), "{expression}");
    }
    for expression in ["", "GPL-3.0", "MIT AND GPL-3.0", "Apache-2.0 WITH LLVM-exception", "(MIT OR", "MIT MIT"] {
        assert!(!satisfied(expression, &allowed), "{expression}");
    }
}
