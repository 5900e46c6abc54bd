//! Which files hold an id that should be in none.

use std::path::Path;

/// Every file below `dir` that holds one of the ids, and which.
pub fn files_that_name(dir: &Path, ids: &[&str], found: &mut Vec<String>) {
    for entry in std::fs::read_dir(dir).expect("listed") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files_that_name(&path, ids, found);
            continue;
        }
        let bytes = std::fs::read(&path).expect("read");
        for id in ids {
            if bytes.windows(id.len()).any(|window| window == id.as_bytes()) {
                found.push(format!("{}: {id}", path.display()));
            }
        }
    }
}
