//! Notices that the file has changed: by the operating system's word, and by looking now and then, should that word not
//! come (network file systems, too many watches).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};

use super::Keeper;

/// How long it must be quiet before the file is read: an editor's save is several events, and half a file is no config.
const QUIET: Duration = Duration::from_millis(100);
/// Quiet is waited for so many times at most; then a file that is written all the time is read anyway.
const MAX_WAITS: u32 = 20;
/// How often the file is looked at without a word, as a net below the watcher.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// How often when there is no watcher.
const POLL_EVERY: Duration = Duration::from_secs(2);

/// Words that may wait: one is enough to have the file looked at.
const MAX_WORDS: usize = 16;

/// What the thread is told.
enum Word {
    /// Something happened near the file.
    Stirred,
    /// The watcher failed.
    Failed(notify::Error),
    /// End.
    Stop,
}

/// The thread that follows the file; ends when told.
pub struct Watcher {
    words: SyncSender<Word>,
    thread: Option<JoinHandle<()>>,
}

impl Watcher {
    /// Ends the thread and waits for it.
    pub fn stop(&mut self) {
        let _ = self.words.send(Word::Stop);
        // A panic was printed by the thread itself; the config in force stays.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Starts following the keeper's file. `None` when there is none.
///
/// # Errors
/// The operating system gives no thread.
pub fn watch(keeper: &Arc<Keeper>) -> std::io::Result<Option<Watcher>> {
    let Some(file) = keeper.file().cloned() else { return Ok(None) };
    let (words, told) = sync_channel(MAX_WORDS);
    let (keeper, to_self) = (Arc::clone(keeper), words.clone());
    let thread = std::thread::Builder::new().name("config".into()).spawn(move || {
        let mut following = Following { keeper, file, words: to_self, eyes: None };
        following.run(&told);
    })?;
    Ok(Some(Watcher { words, thread: Some(thread) }))
}

struct Following {
    keeper: Arc<Keeper>,
    file: PathBuf,
    words: SyncSender<Word>,
    /// The operating system's watches, and the folders they are on.
    eyes: Option<(RecommendedWatcher, Vec<PathBuf>)>,
}

impl Following {
    fn run(&mut self, told: &Receiver<Word>) {
        self.open_eyes();
        loop {
            let patience = if self.eyes.is_some() { LOOK_EVERY } else { POLL_EVERY };
            match told.recv_timeout(patience) {
                Ok(Word::Stirred) => {
                    if !settled(told) {
                        return;
                    }
                }
                Ok(Word::Failed(error)) => self.close_eyes(&error),
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Word::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            }
            // What came of it is logged, counted and kept by the keeper.
            let _ = self.keeper.follow_file();
            if self.eyes.as_ref().is_some_and(|(_, folders)| *folders != folders_of(&self.file)) {
                self.open_eyes();
            }
        }
    }

    /// Watches the folders rather than the file: editors and ConfigMaps put a new file in its place.
    fn open_eyes(&mut self) {
        let words = self.words.clone();
        let made = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let word = match event {
                Ok(event) if event.kind.is_access() => return,
                Ok(_) => Word::Stirred,
                Err(error) => Word::Failed(error),
            };
            // Where there is no room, enough has been told: the file is looked at after the last of them.
            let _ = words.try_send(word);
        });
        let folders = folders_of(&self.file);
        let watched = made.and_then(|mut watcher| {
            folders.iter().try_for_each(|folder| watcher.watch(folder, RecursiveMode::NonRecursive))?;
            Ok(watcher)
        });
        match watched {
            Ok(watcher) => self.eyes = Some((watcher, folders)),
            Err(error) => self.close_eyes(&error),
        }
    }

    fn close_eyes(&mut self, error: &notify::Error) {
        self.eyes = None;
        tracing::warn!(%error, poll_s = POLL_EVERY.as_secs(), "the config cannot be watched: it is looked at now and then");
        self.keeper.metrics.config_watch_failures.inc();
    }
}

/// Waits until nothing more happens; `false`: the end was told.
fn settled(told: &Receiver<Word>) -> bool {
    for _ in 0..MAX_WAITS {
        match told.recv_timeout(QUIET) {
            Ok(Word::Stop) | Err(RecvTimeoutError::Disconnected) => return false,
            Ok(Word::Stirred | Word::Failed(_)) => {}
            Err(RecvTimeoutError::Timeout) => return true,
        }
    }
    true
}

/// The folder of the file as it is named, and that of the file which it leads to, if it is a link.
fn folders_of(file: &Path) -> Vec<PathBuf> {
    let folder = |path: &Path| match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => PathBuf::from("."),
        Some(parent) => parent.to_owned(),
        None => PathBuf::from("."),
    };
    let mut folders = vec![folder(file)];
    if let Ok(real) = file.canonicalize() {
        let real = folder(&real);
        if folders[0].canonicalize().ok().as_ref() != Some(&real) {
            folders.push(real);
        }
    }
    folders
}
