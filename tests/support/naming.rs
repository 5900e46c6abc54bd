//! Which files hold an id that should be in none.

use std::io::{self, ErrorKind};
use std::path::Path;

/// Looks at most: a server under load saves its state about once a second, and a look takes milliseconds.
const MAX_LOOKS: usize = 100;

/// Every file below `dir` that holds one of the ids, and which. A running server may rename or delete a file between the
/// list and the look; then all is looked at anew, as what was in it may be where the list did not say.
///
/// # Panics
/// When a file cannot be read, or the folder changes under every look.
pub fn files_that_name(dir: &Path, ids: &[&str]) -> Vec<String> {
    for _ in 0..MAX_LOOKS {
        let mut found = Vec::new();
        match look(dir, ids, &mut found) {
            Ok(()) => return found,
            Err(error) if error.kind() == ErrorKind::NotFound && dir.exists() => {}
            Err(error) => panic!("{}: {error}", dir.display()),
        }
    }
    panic!("{} changed under each of {MAX_LOOKS} looks", dir.display());
}

fn look(dir: &Path, ids: &[&str], found: &mut Vec<String>) -> io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            look(&path, ids, found)?;
            continue;
        }
        let bytes = std::fs::read(&path)?;
        for id in ids {
            if bytes.windows(id.len()).any(|window| window == id.as_bytes()) {
                found.push(format!("{}: {id}", path.display()));
            }
        }
    }
    Ok(())
}
