//! What several test programs need.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

/// The dependency graph as Cargo resolved it for this machine, from `Cargo.lock` and without the network.
///
/// # Panics
/// When Cargo can't tell: the tests that need the graph can't hold then, so they fail.
pub fn metadata() -> serde_json::Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--offline", "--locked", "--format-version", "1", "--filter-platform", &host()])
        .current_dir(root())
        .output()
        .expect("cargo starts, as it has started this test");
    assert!(output.status.success(), "cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON")
}

/// This machine's target triple. Asking for it alone keeps crates of other systems, which were never downloaded, out.
fn host() -> String {
    let output = Command::new("rustc").arg("-vV").output().expect("rustc is where cargo is");
    let text = String::from_utf8(output.stdout).expect("rustc prints text");
    text.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc names its host").to_owned()
}
