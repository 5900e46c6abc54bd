use parking_lot::Mutex;
use sidecart_engine::Scratch;

/// Working memory kept between answers. As many as run at once are enough; what comes back beyond is freed.
#[derive(Debug)]
pub struct Pool {
    free: Mutex<Vec<Scratch>>,
    keep: usize,
}

impl Pool {
    /// A pool that keeps as many as there are threads to run answers.
    #[must_use]
    pub fn new() -> Self {
        let keep = std::thread::available_parallelism().map_or(1, usize::from);
        Self { free: Mutex::new(Vec::with_capacity(keep)), keep }
    }

    /// Takes one, or makes one.
    #[must_use]
    pub fn take(&self) -> Scratch {
        self.free.lock().pop().unwrap_or_default()
    }

    /// Gives one back.
    pub fn give(&self, scratch: Scratch) {
        let mut free = self.free.lock();
        if free.len() < self.keep {
            free.push(scratch);
        }
    }
}
