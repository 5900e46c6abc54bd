//! The seam between the log and the file system: what the log needs of a folder and of a file, and nothing more, so
//! that tests can put a disk below it that writes short, fails, forgets and loses power.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::Arc;

/// A folder of files.
pub trait Disk: Send + Sync {
    /// The names of all files in it, in no particular order.
    fn names(&self) -> io::Result<Vec<String>>;
    /// Opens a new, empty file for reading and writing; replaces one of the same name.
    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;
    /// Opens a file for reading and writing.
    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;
    /// Opens a file for reading.
    fn open_to_read(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;
    /// Renames a file; replaces one of the new name at once.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Deletes a file.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes created, renamed and removed names survive power loss.
    fn sync(&self) -> io::Result<()>;
    /// Where a file is, for messages.
    fn path(&self, name: &str) -> PathBuf;
}

/// An open file.
pub trait DiskFile: Send {
    /// Its length in bytes.
    fn bytes(&self) -> io::Result<u64>;
    /// Reads at `at` as much as it likes; 0 at the end.
    fn read_at(&mut self, into: &mut [u8], at: u64) -> io::Result<usize>;
    /// Writes at `at` as much as it likes.
    fn write_at(&mut self, bytes: &[u8], at: u64) -> io::Result<usize>;
    /// Makes all that was written, and the length, survive power loss.
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts or extends it.
    fn set_bytes(&mut self, bytes: u64) -> io::Result<()>;
}

/// Reads until `into` is full.
///
/// # Errors
/// `UnexpectedEof` when the file ends before.
pub fn read_full(file: &mut dyn DiskFile, mut into: &mut [u8], mut at: u64) -> io::Result<()> {
    while !into.is_empty() {
        match file.read_at(into, at) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => {
                into = &mut into[read..];
                at += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Writes all of `bytes`, going on after short writes.
///
/// # Errors
/// `WriteZero` when nothing more can be written and the disk does not say why.
pub fn write_full(file: &mut dyn DiskFile, mut bytes: &[u8], mut at: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write_at(bytes, at) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                bytes = &bytes[written..];
                at += written as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A folder as the operating system has it. `name` tells the folders of a process apart where faults are injected.
#[cfg_attr(not(feature = "failpoints"), expect(unused_variables, reason = "only faults need the name"))]
pub fn folder(folder: PathBuf, name: &'static str) -> Arc<dyn Disk> {
    #[cfg(feature = "failpoints")]
    return super::failpoints::failing(folder, name);
    #[cfg(not(feature = "failpoints"))]
    Arc::new(OsDisk::new(folder))
}

/// A folder of the operating system.
#[derive(Debug)]
pub struct OsDisk {
    folder: PathBuf,
}

impl OsDisk {
    /// A folder that may not exist yet; nothing is created.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }
}

impl Disk for OsDisk {
    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            // A name that is no UTF-8 is none of ours.
            names.extend(entry?.file_name().into_string());
        }
        Ok(names)
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(self.path(name))?;
        Ok(Box::new(OsFile(file)))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(true).open(self.path(name))?;
        Ok(Box::new(OsFile(file)))
    }

    fn open_to_read(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(OsFile(File::open(self.path(name))?)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path(from), self.path(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path(name))
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

struct OsFile(File);

impl DiskFile for OsFile {
    fn bytes(&self) -> io::Result<u64> {
        self.0.metadata().map(|metadata| metadata.len())
    }

    fn read_at(&mut self, into: &mut [u8], at: u64) -> io::Result<usize> {
        self.0.seek(SeekFrom::Start(at))?;
        self.0.read(into)
    }

    fn write_at(&mut self, bytes: &[u8], at: u64) -> io::Result<usize> {
        self.0.seek(SeekFrom::Start(at))?;
        self.0.write(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        // fdatasync: the length goes with the data, the modification time does not matter to us.
        self.0.sync_data()
    }

    fn set_bytes(&mut self, bytes: u64) -> io::Result<()> {
        self.0.set_len(bytes)
    }
}
