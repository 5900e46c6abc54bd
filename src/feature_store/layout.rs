//! What a shopper's key holds, as `docs/feature-store.md` describes it for other programs.

use std::sync::Arc;

use sidecart_engine::Asker;
use sidecart_engine::nouns::{History, Recalled};

/// The version of the layout that is written, and the latest that is read.
pub const VERSION: u32 = 1;

/// The fields that are read, in this order.
pub const FIELDS: [&str; 5] = ["v", "log", "since", "now", "past"];

/// What is stored of one shopper.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// The log whose numbers these are.
    pub log: String,
    /// The generation that `now` is of.
    pub since: u64,
    /// All that is known: the generation `now` and those before.
    pub all: Arc<History>,
    /// What was known before the generation `now` began.
    pub past: Arc<History>,
}

/// Why a key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// A later version wrote it.
    #[error("newer")]
    Newer,
    /// It is not what anybody of us wrote.
    #[error("damaged")]
    Damaged,
}

impl Unreadable {
    /// The name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Newer => "newer",
            Self::Damaged => "damaged",
        }
    }
}

/// How counts of a shopper fade, and how many are kept.
#[derive(Debug, Clone, Copy)]
pub struct Fading {
    pub half_life_ms: i64,
    pub items_per_user: usize,
}

impl Fading {
    /// Two memories of one shopper as one.
    pub fn merged(self, mut one: History, other: &History) -> History {
        one.merge(other, self.half_life_ms, self.items_per_user);
        one
    }
}

impl Stored {
    /// Reads the [`FIELDS`]; `None`: there is no such key.
    pub fn read(fields: [Option<String>; 5], fading: Fading) -> Result<Option<Self>, Unreadable> {
        let [version, log, since, now, past] = fields;
        let Some(version) = version else { return Ok(None) };
        let version: u32 = version.parse().map_err(|_| Unreadable::Damaged)?;
        if version > VERSION {
            return Err(Unreadable::Newer);
        }
        let since = since.and_then(|since| since.parse().ok()).ok_or(Unreadable::Damaged)?;
        let (now, past) = (history(now.as_deref())?, history(past.as_deref())?);
        let all = Arc::new(fading.merged(now, &past));
        Ok(Some(Self { log: log.ok_or(Unreadable::Damaged)?, since, all, past: Arc::new(past) }))
    }

    /// What to bring along for someone of whom the state of `log` holds this much already, so that nothing counts twice.
    pub fn beyond(&self, asker: Asker, log: &str) -> Recalled {
        match asker.since {
            // The state holds the very generation that `now` is of.
            Some(since) if self.log == log && since == self.since => Some(Arc::clone(&self.past)),
            // A later one, which was not written yet; or one of another log, which has nothing to do with it; or none.
            _ => Some(Arc::clone(&self.all)),
        }
    }
}

/// Reads a history; none, or an empty text, is an empty one.
pub fn history(text: Option<&str>) -> Result<History, Unreadable> {
    match text {
        None | Some("") => Ok(History::default()),
        Some(text) => serde_json::from_str(text).map_err(|_| Unreadable::Damaged),
    }
}

/// The names of keys.
#[derive(Debug, Clone)]
pub struct Keys {
    prefix: String,
}

impl Keys {
    pub fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned() }
    }

    /// A shopper's. The braces put all keys of one shopper on one node of a cluster.
    pub fn shopper(&self, pseudonym: u64) -> String {
        format!("{}:user:{{{pseudonym:016x}}}", self.prefix)
    }

    /// The writer's mark.
    pub fn mark(&self) -> String {
        format!("{}:writer", self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use sidecart_engine::nouns::{Past, Timestamp};

    use super::*;

    const FADING: Fading = Fading { half_life_ms: 86_400_000, items_per_user: 10 };

    fn text(item: &str) -> String {
        let bought = vec![Past { item: item.to_owned().try_into().expect("an id"), count: 1.0, at: Timestamp(9) }];
        serde_json::to_string(&History { bought, ..History::default() }).expect("plain data")
    }

    fn stored() -> Stored {
        let fields = ["1", "log-a", "7", &text("new"), &text("old")].map(|field| Some(field.to_owned()));
        Stored::read(fields, FADING).expect("read").expect("there")
    }

    fn items(recalled: &Recalled) -> Vec<String> {
        let mut items: Vec<_> = recalled.iter().flat_map(|h| h.bought.iter().map(|p| p.item.to_string())).collect();
        items.sort();
        items
    }

    #[test]
    fn what_the_state_holds_itself_is_not_brought_along_again() {
        let asker = |since| Asker { key: 1, since };
        assert_eq!(items(&stored().beyond(asker(Some(7)), "log-a")), ["old"]);
        assert_eq!(items(&stored().beyond(asker(None), "log-a")), ["new", "old"]);
        assert_eq!(items(&stored().beyond(asker(Some(9)), "log-a")), ["new", "old"], "begun after the last write");
        assert_eq!(items(&stored().beyond(asker(Some(7)), "log-b")), ["new", "old"], "another log's seven");
    }

    #[test]
    fn what_cannot_be_read_is_told_from_what_is_not_there() {
        assert_eq!(Stored::read([None, None, None, None, None], FADING), Ok(None));
        let read = |v: &str, now: &str| {
            let fields = [v, "log", "7", now, ""].map(|field| Some(field.to_owned()));
            Stored::read(fields, FADING).map(|stored| stored.is_some())
        };
        assert_eq!(read("1", "{}"), Ok(true));
        assert_eq!(read("2", "{}"), Err(Unreadable::Newer));
        assert_eq!(read("one", "{}"), Err(Unreadable::Damaged));
        assert_eq!(read("1", "[oops"), Err(Unreadable::Damaged));
    }
}
