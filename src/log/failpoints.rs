//! A disk that fails on command, for tests of the whole process. Compiled with the feature `failpoints` only: a shipped
//! binary has none of this.
//!
//! The file that `FAILPOINTS_FILE` names is read before every changing operation. A line of it is
//! `FOLDER OPERATION FAULT`: the folder is `log` or `checkpoints`; the operation `create`, `write`, `sync`, `rename`,
//! `remove` or `*`; the fault `full`, `error`, `short`, `readonly` or `hang` (until the line is gone). Such a line also
//! moves the clock: `clock offset MILLISECONDS`.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::disk::{Disk, DiskFile, OsDisk};

const VARIABLE: &str = "FAILPOINTS_FILE";
/// Between two looks of an operation that hangs.
const HANG_PAUSE: Duration = Duration::from_millis(5);

/// The third words of the lines whose first two are these.
fn told(folder: &str, operation: &str) -> Option<String> {
    let text = std::fs::read_to_string(std::env::var_os(VARIABLE)?).ok()?;
    text.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let here = words.next() == Some(folder) && words.next().is_some_and(|word| word == "*" || word == operation);
        here.then(|| words.next().map(str::to_owned))?
    })
}

/// Milliseconds by which the clock is off.
pub fn clock_offset_ms() -> i64 {
    told("clock", "offset").and_then(|word| word.parse().ok()).unwrap_or(0)
}

/// The folder as the operating system has it, with the faults that are told of `name`.
pub fn failing(folder: PathBuf, name: &'static str) -> Arc<dyn Disk> {
    Arc::new(Failing { inner: OsDisk::new(folder), name })
}

struct Failing {
    inner: OsDisk,
    name: &'static str,
}

struct FailingFile {
    inner: Box<dyn DiskFile>,
    name: &'static str,
}

/// What an operation does instead of what it is asked; `Ok(true)`: half of it.
fn strike(name: &str, operation: &str) -> io::Result<bool> {
    loop {
        return match told(name, operation).as_deref() {
            None => Ok(false),
            Some("short") => Ok(true),
            Some("full") => Err(io::ErrorKind::StorageFull.into()),
            Some("readonly") => Err(io::ErrorKind::ReadOnlyFilesystem.into()),
            Some("hang") => {
                std::thread::sleep(HANG_PAUSE);
                continue;
            }
            Some(_) => Err(io::Error::other("injected")),
        };
    }
}

impl Failing {
    fn wrap(&self, inner: Box<dyn DiskFile>) -> Box<dyn DiskFile> {
        Box::new(FailingFile { inner, name: self.name })
    }
}

impl Disk for Failing {
    fn names(&self) -> io::Result<Vec<String>> {
        self.inner.names()
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        strike(self.name, "create")?;
        self.inner.create(name).map(|file| self.wrap(file))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        self.inner.open(name).map(|file| self.wrap(file))
    }

    fn open_to_read(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        self.inner.open_to_read(name)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        strike(self.name, "rename")?;
        self.inner.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        strike(self.name, "remove")?;
        self.inner.remove(name)
    }

    fn sync(&self) -> io::Result<()> {
        strike(self.name, "sync")?;
        self.inner.sync()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.inner.path(name)
    }
}

impl DiskFile for FailingFile {
    fn bytes(&self) -> io::Result<u64> {
        self.inner.bytes()
    }

    fn read_at(&mut self, into: &mut [u8], at: u64) -> io::Result<usize> {
        self.inner.read_at(into, at)
    }

    fn write_at(&mut self, bytes: &[u8], at: u64) -> io::Result<usize> {
        if !strike(self.name, "write")? {
            return self.inner.write_at(bytes, at);
        }
        // Half of it goes to the disk; whoever tries to write the rest is told of an error.
        self.inner.write_at(&bytes[..bytes.len() / 2], at)?;
        Err(io::Error::other("injected after a short write"))
    }

    fn sync(&mut self) -> io::Result<()> {
        strike(self.name, "sync")?;
        self.inner.sync()
    }

    fn set_bytes(&mut self, bytes: u64) -> io::Result<()> {
        self.inner.set_bytes(bytes)
    }
}
