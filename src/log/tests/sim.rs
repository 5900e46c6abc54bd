//! A disk in memory that does what real ones do when they fail: it writes short, refuses, is full, forgets pages whose
//! sync failed, and on power loss keeps any part of what was not synced.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::log::disk::{Disk, DiskFile};

/// The unit that power loss keeps or loses as a whole. Real ones are 512 bytes or more; small ones tear more.
const SECTOR: usize = 48;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A write takes only this share (in 1/8) of its bytes; the one after it fails.
    ShortThenError(u8),
    /// The operation fails without effect.
    Error,
    /// The disk is full, for writes and new files; other operations fail with an error.
    Full,
}

#[derive(Debug, Clone, Default)]
struct Inode {
    cached: Vec<u8>,
    durable: Vec<u8>,
    /// Sectors that the next sync writes.
    dirty: BTreeSet<usize>,
    /// Sectors that differ from the disk though the kernel calls them clean, since their sync failed.
    forgotten: BTreeSet<usize>,
}

#[derive(Debug, Default)]
struct State {
    inodes: Vec<Inode>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    /// Changing operations done so far.
    operations: u64,
    /// What goes wrong at which operation.
    faults: BTreeMap<u64, Fault>,
}

/// The disk; clones are the same disk.
#[derive(Debug, Clone, Default)]
pub struct SimDisk(Arc<Mutex<State>>);

impl SimDisk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// The number of changing operations so far.
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// Lets the `ahead`th changing operation from now fail; 0 is the next one.
    pub fn fail(&self, ahead: u64, fault: Fault) {
        let mut state = self.state();
        let at = state.operations + ahead;
        state.faults.insert(at, fault);
    }

    /// No more faults.
    pub fn heal(&self) {
        self.state().faults.clear();
    }

    /// Power is lost and comes back: of everything not synced, `keep` says what survived.
    pub fn lose_power(&self, mut keep: impl FnMut() -> bool) {
        let mut state = self.state();
        // A journal keeps the changes of names in order or not at all; all or nothing is the coarsest case of that.
        if keep() {
            state.durable_names = state.names.clone();
        }
        state.names = state.durable_names.clone();
        for inode in &mut state.inodes {
            let bytes = if keep() { inode.cached.len() } else { inode.durable.len() };
            inode.durable.resize(bytes, 0);
            let unsynced: Vec<usize> = inode.dirty.union(&inode.forgotten).copied().collect();
            for sector in unsynced {
                if keep() {
                    inode.write_back(sector);
                }
            }
            inode.cached = inode.durable.clone();
            inode.dirty.clear();
            inode.forgotten.clear();
        }
    }

    /// The bytes of a file.
    pub fn bytes(&self, name: &str) -> Vec<u8> {
        let state = self.state();
        state.inodes[state.names[name]].cached.clone()
    }

    /// Puts a file on the disk, synced.
    pub fn put(&self, name: &str, bytes: &[u8]) {
        let mut state = self.state();
        let inode = Inode { cached: bytes.to_vec(), durable: bytes.to_vec(), ..Inode::default() };
        state.inodes.push(inode);
        let id = state.inodes.len() - 1;
        state.names.insert(name.to_owned(), id);
        state.durable_names.insert(name.to_owned(), id);
    }

    /// All file names, sorted.
    pub fn all_names(&self) -> Vec<String> {
        self.state().names.keys().cloned().collect()
    }
}

impl Inode {
    fn write_back(&mut self, sector: usize) {
        let from = sector * SECTOR;
        let to = (from + SECTOR).min(self.cached.len()).min(self.durable.len());
        if from < to {
            self.durable[from..to].copy_from_slice(&self.cached[from..to]);
        }
    }

    fn sync(&mut self) {
        self.durable.resize(self.cached.len(), 0);
        for sector in std::mem::take(&mut self.dirty) {
            self.write_back(sector);
        }
    }
}

impl State {
    /// Counts a changing operation; gives the fault that hits it.
    fn operation(&mut self) -> Option<Fault> {
        self.operations += 1;
        self.faults.remove(&(self.operations - 1))
    }

    fn operate(&mut self) -> io::Result<()> {
        match self.operation() {
            None => Ok(()),
            Some(Fault::Full) => Err(io::ErrorKind::StorageFull.into()),
            Some(_) => Err(io::Error::other("injected")),
        }
    }

    fn find(&self, name: &str) -> io::Result<usize> {
        self.names.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Disk for SimDisk {
    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.state().names.keys().rev().cloned().collect())
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        state.operate()?;
        state.inodes.push(Inode::default());
        let id = state.inodes.len() - 1;
        state.names.insert(name.to_owned(), id);
        Ok(Box::new(SimFile { disk: self.clone(), id }))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let id = self.state().find(name)?;
        Ok(Box::new(SimFile { disk: self.clone(), id }))
    }

    fn open_to_read(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        self.open(name)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state();
        state.operate()?;
        let id = state.find(from)?;
        state.names.remove(from);
        state.names.insert(to.to_owned(), id);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.state();
        state.operate()?;
        state.find(name)?;
        state.names.remove(name);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.state();
        state.operate()?;
        state.durable_names = state.names.clone();
        Ok(())
    }

    fn path(&self, name: &str) -> PathBuf {
        PathBuf::from("sim").join(name)
    }
}

struct SimFile {
    disk: SimDisk,
    id: usize,
}

impl DiskFile for SimFile {
    fn bytes(&self) -> io::Result<u64> {
        Ok(self.disk.state().inodes[self.id].cached.len() as u64)
    }

    fn read_at(&mut self, into: &mut [u8], at: u64) -> io::Result<usize> {
        let state = self.disk.state();
        let rest = state.inodes[self.id].cached.get(at as usize..).unwrap_or_default();
        // Reads are short, too: half of what is asked for, at least one byte.
        let bytes = rest.len().min(into.len().div_ceil(2));
        into[..bytes].copy_from_slice(&rest[..bytes]);
        Ok(bytes)
    }

    fn write_at(&mut self, bytes: &[u8], at: u64) -> io::Result<usize> {
        let mut state = self.disk.state();
        let taken = match state.operation() {
            None => bytes.len(),
            Some(Fault::ShortThenError(eighths)) => {
                let next = state.operations;
                state.faults.insert(next, Fault::Error);
                bytes.len() * usize::from(eighths) / 8
            }
            Some(Fault::Full) => return Err(io::ErrorKind::StorageFull.into()),
            Some(Fault::Error) => return Err(io::Error::other("injected")),
        };
        let (from, to) = (at as usize, at as usize + taken);
        let inode = &mut state.inodes[self.id];
        if inode.cached.len() < to {
            inode.cached.resize(to, 0);
        }
        inode.cached[from..to].copy_from_slice(&bytes[..taken]);
        inode.dirty.extend(from / SECTOR..to.div_ceil(SECTOR));
        Ok(taken)
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.disk.state();
        let healthy = state.operate();
        let inode = &mut state.inodes[self.id];
        match &healthy {
            Ok(()) => inode.sync(),
            Err(_) => {
                let dirty = std::mem::take(&mut inode.dirty);
                inode.forgotten.extend(dirty);
            }
        }
        healthy
    }

    fn set_bytes(&mut self, bytes: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        state.operate()?;
        let inode = &mut state.inodes[self.id];
        inode.cached.resize(bytes as usize, 0);
        Ok(())
    }
}
