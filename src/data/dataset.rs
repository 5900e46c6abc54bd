//! A data set: catalogue, events in the order of time, and where to cut them.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use sidecart_engine::nouns::{Currency, Event, EventKind, Item, ItemId, SessionId, Timestamp, UserId};

use super::columns::{Column, Mapping};
use super::open;
use super::read::{Reading, name_of, read};
use super::reject::Rejections;
use super::row::{self, Defaults};
use super::store::{Head, MAX_EVENTS, Store};
use super::{DataError, NONE};

/// What to read, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// Folders or files of events, read one after the other.
    pub data: Vec<PathBuf>,
    /// A catalogue, if not in a folder of `data`.
    pub catalog: Option<PathBuf>,
    /// Events to test on, apart from the others.
    pub test: Option<PathBuf>,
    /// Other names of columns.
    pub mapping: Mapping,
    /// Kind of the events of a file without `event_type`.
    pub kind: EventKind,
    /// Currency of prices that do not say theirs.
    pub currency: Currency,
    /// Events kept at most, from the earliest on.
    pub max_events: Option<usize>,
}

impl Options {
    /// To read `data`, with every option at its default.
    pub fn of(data: Vec<PathBuf>) -> Self {
        Self {
            data,
            catalog: None,
            test: None,
            mapping: Mapping::default(),
            kind: EventKind::View,
            currency: Currency::USD,
            max_events: None,
        }
    }
}

/// Everything read.
#[derive(Debug, Default)]
pub struct Dataset {
    /// What it is called in reports: the names of its files or folders.
    pub label: String,
    /// The catalogue as given.
    pub catalog: Vec<Item>,
    /// The cut that the data set itself gives.
    pub cut: Option<Timestamp>,
    /// Where the events of a separate test file begin.
    pub test_from: Option<usize>,
    /// Whether the events had to be sorted.
    pub sorted: bool,
    /// Rows not taken.
    pub rejections: Rejections,
    store: Store,
}

/// Sessions of a separate test file get this before their name: published splits number the sessions of each part
/// from 0, and those of different parts are not the same.
const TEST_PREFIX: &str = "test:";

/// Reads a data set.
///
/// # Errors
/// [`DataError`] where a file as a whole cannot be read, or there is nothing in it.
pub fn load(options: &Options) -> Result<Dataset, DataError> {
    let mut loader = Loader::new(options);
    for path in &options.data {
        loader.add(path)?;
    }
    if let Some(path) = &options.catalog {
        loader.read_catalog(path)?;
    }
    loader.dataset.sorted = loader.dataset.store.sort_from(0);
    if let Some(path) = &options.test {
        loader.add_test(path)?;
    }
    loader.finish()
}

struct Loader<'o> {
    options: &'o Options,
    defaults: Defaults,
    reading: Reading,
    dataset: Dataset,
    labels: Vec<String>,
}

impl<'o> Loader<'o> {
    fn new(options: &'o Options) -> Self {
        Self {
            options,
            defaults: Defaults { kind: options.kind, currency: options.currency },
            reading: Reading { mapping: options.mapping.clone(), ..Reading::default() },
            dataset: Dataset::default(),
            labels: Vec::new(),
        }
    }

    fn add(&mut self, path: &Path) -> Result<(), DataError> {
        self.labels.push(name_of(path));
        if !path.is_dir() {
            return self.read_events(path, "");
        }
        let events = open::find(path, "events").ok_or_else(|| DataError::NoEvents(path.to_owned()))?;
        self.read_events(&events, "")?;
        if let Some(catalog) = open::find(path, "catalog") {
            self.read_catalog(&catalog)?;
        }
        if let Some(cut) = open::split(path)? {
            self.dataset.cut = Some(cut);
        }
        Ok(())
    }

    fn add_test(&mut self, path: &Path) -> Result<(), DataError> {
        let start = self.dataset.store.len();
        self.labels.push(name_of(path));
        self.read_events(path, TEST_PREFIX)?;
        self.dataset.sorted |= self.dataset.store.sort_from(start);
        self.dataset.test_from = Some(start);
        self.dataset.cut = self.dataset.events().get(start).map(|head| head.at);
        if self.dataset.cut.is_none() {
            return Err(DataError::NoRows(format!("`{}`", path.display())));
        }
        Ok(())
    }

    fn read_events(&mut self, path: &Path, prefix: &str) -> Result<(), DataError> {
        const REQUIRED: [Column; 3] = [Column::Timestamp, Column::SessionId, Column::ItemId];
        let (defaults, store) = (self.defaults, &mut self.dataset.store);
        store.begin_file(&name_of(path));
        let mut full = false;
        read(path, &REQUIRED, &mut self.reading, &mut |fields, line| {
            if store.len() >= MAX_EVENTS {
                full = true;
                return Ok(ControlFlow::Break(()));
            }
            store.push(&row::event(fields, defaults)?, prefix, line)?;
            Ok(ControlFlow::Continue(()))
        })?;
        if full { Err(DataError::TooMany) } else { Ok(()) }
    }

    fn read_catalog(&mut self, path: &Path) -> Result<(), DataError> {
        let (defaults, catalog) = (self.defaults, &mut self.dataset.catalog);
        read(path, &[Column::ItemId], &mut self.reading, &mut |fields, _| {
            catalog.push(row::item(fields, defaults)?);
            Ok(ControlFlow::Continue(()))
        })
    }

    fn finish(mut self) -> Result<Dataset, DataError> {
        self.check_mapping()?;
        let mut dataset = self.dataset;
        if let Some(most) = self.options.max_events {
            dataset.store.truncate(most);
        }
        dataset.label = self.labels.join(" + ");
        dataset.rejections = std::mem::take(&mut self.reading.rejections);
        let known: BTreeSet<&str> = dataset.catalog.iter().map(|item| item.id.as_str()).collect();
        for item in &dataset.catalog {
            let _ = dataset.store.items.intern(item.id.as_str());
        }
        dataset.store.forget_hints(|item| known.contains(item));
        Ok(dataset)
    }

    /// A name in the mapping that no file has is a slip of the pen, not a wish.
    fn check_mapping(&self) -> Result<(), DataError> {
        match self.reading.mapping.pairs().find(|(_, theirs)| !self.reading.seen.contains(*theirs)) {
            None => Ok(()),
            Some((ours, theirs)) => Err(DataError::UnusedMap {
                ours,
                theirs: theirs.to_owned(),
                seen: self.reading.seen.iter().cloned().collect(),
            }),
        }
    }
}

impl Dataset {
    /// All events in short form, in the order in which they are to be applied.
    pub fn events(&self) -> &[Head] {
        self.store.heads()
    }

    /// Forgets the events from a place on, and with them where a separate test file began.
    pub fn keep_before(&mut self, place: usize) {
        self.store.truncate(place);
        (self.test_from, self.cut) = (None, None);
    }

    /// Rows read into events; successive rows of one order and instant are one event.
    pub fn rows(&self) -> usize {
        self.store.rows()
    }

    /// An event in full.
    pub fn event(&self, head: &Head) -> Event {
        self.store.event(head)
    }

    /// The numbers of an event's items.
    pub fn items_of(&self, head: &Head) -> impl ExactSizeIterator<Item = u32> + '_ {
        self.store.lines_of(head).iter().map(|line| line.item)
    }

    /// The file and line from which an event came.
    pub fn origin(&self, head: &Head) -> (&str, u64) {
        self.store.origin(head)
    }

    /// What to enter into the catalogue for an item that is not in it, from the first event that mentions it.
    pub fn bare_item(&self, item: u32) -> Option<&Item> {
        self.store.hint(item)
    }

    /// Items of the catalogue or mentioned in events, and sessions.
    pub fn counts(&self) -> (usize, usize) {
        (self.store.items.len(), self.store.sessions.len())
    }

    /// The id of an item's number.
    pub fn item(&self, number: u32) -> Option<&ItemId> {
        self.store.items.id(number)
    }

    /// The number of an item's id, if the catalogue or an event has it.
    pub fn item_number(&self, id: &str) -> Option<u32> {
        self.store.items.number(id)
    }

    /// The number of an item's id, given one if need be.
    ///
    /// # Errors
    /// [`sidecart_engine::nouns::IdError`] where the text is no identifier.
    pub fn intern_item(&mut self, id: &str) -> Result<u32, sidecart_engine::nouns::IdError> {
        self.store.items.intern(id)
    }

    /// The id of a session's number.
    pub fn session(&self, number: u32) -> Option<&SessionId> {
        self.store.sessions.id(number)
    }

    /// The id of a user's number; `None` for [`NONE`].
    pub fn user(&self, number: u32) -> Option<&UserId> {
        (number != NONE).then(|| self.store.users.id(number)).flatten()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn write(folder: &Path, name: &str, text: &[u8]) -> PathBuf {
        let path = folder.join(name);
        std::fs::write(&path, text).expect("a file in a temporary folder");
        path
    }

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).expect("writes to memory");
        encoder.finish().expect("writes to memory")
    }

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("a temporary folder")
    }

    fn items(data: &Dataset) -> Vec<String> {
        data.events().iter().map(|head| data.event(head).lines[0].item.to_string()).collect()
    }

    #[test]
    fn bad_rows_are_rejected_one_by_one_and_the_rest_is_kept() {
        let dir = folder();
        let mut text = b"event_id,event_type,timestamp,session_id,item_id,price,quantity\n".to_vec();
        for row in [
            &b"e1,view,2020-06-01T00:00:00Z,s,a,1.5,1"[..],
            b"e2,view,1970-01-01T00:00:00Z,s,a,,",
            b"e3,view,2100-06-01T00:00:00Z,s,a,,",
            b"e4,teleport,2020-06-01T00:00:00Z,s,a,,",
            b"e5,view,2020-06-01T00:00:00Z,,a,,",
            b"e6,view,2020-06-01T00:00:00Z,s,a,NaN,",
            b"e7,view,2020-06-01T00:00:00Z,s,\xff\xff,,",
            b"e8,view,2020-06-01T00:00:00Z,s",
            b"e9,view,2020-06-01T00:00:00Z,s,b,,",
        ] {
            text.extend_from_slice(row);
            text.push(b'\n');
        }
        let path = write(dir.path(), "shop.csv", &text);
        let data = load(&Options::of(vec![path])).expect("reads");
        assert_eq!(items(&data), ["a", "b"]);
        assert_eq!(data.rejections.total, 7);
        let lines: Vec<u64> = data.rejections.first.iter().map(|rejected| rejected.line).collect();
        assert_eq!(lines, [3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(data.rejections.by_reason["timestamp out of range"], 2);
        assert_eq!(data.rejections.by_reason["not UTF-8"], 1);
    }

    #[test]
    fn successive_purchases_of_one_order_and_instant_are_one_event() {
        let dir = folder();
        let text = "event_type,event_id,timestamp,session_id,order_id,item_id,quantity\n\
            purchase,1,2020-06-01,s,o,a,1\npurchase,2,2020-06-01,s,o,b,2\npurchase,3,2020-06-01,s,o,a,4\n\
            purchase,4,2020-06-01,s,p,c,1\npurchase,4,2020-06-01,s,p,c,1\npurchase,5,2020-06-02,s,p,d,1\n\
            view,6,2020-06-02,s,p,d,1\nview,7,2020-06-02,s,p,e,1\n";
        let data = load(&Options::of(vec![write(dir.path(), "shop.csv", text.as_bytes())])).expect("reads");
        let spell = |head: &Head| {
            let event = data.event(head);
            let lines: Vec<String> = event.lines.iter().map(|line| format!("{}{}", line.quantity, line.item)).collect();
            format!("{}:{}", event.id, lines.join("+"))
        };
        let spelled: Vec<String> = data.events().iter().map(spell).collect();
        assert_eq!(spelled, ["1:5a+2b", "4:1c", "4:1c", "5:1d", "6:1d", "7:1e"]);
        assert_eq!(data.rows(), 8);
    }

    #[test]
    fn a_folder_gives_events_catalogue_and_cut() {
        let dir = folder();
        let events = "timestamp,session_id,item_id,category,price\n2020-06-02,s,b,X > Y,2\n2020-06-01,s,a,,\n";
        write(dir.path(), "events.csv.gz", &gzip(events));
        write(
            dir.path(),
            "catalog.csv",
            b"item_id,title,category,brand,price,cost,stock\na,Apple,F > G,,1,,3\n,x,,,,,\n",
        );
        write(dir.path(), "split.json", br#"{"cut": "2020-06-02T00:00:00Z"}"#);
        let data = load(&Options::of(vec![dir.path().to_owned()])).expect("reads");
        assert!(data.sorted);
        assert_eq!(items(&data), ["a", "b"]);
        assert_eq!(data.cut, Some(Timestamp(1_591_056_000_000)));
        assert_eq!(data.catalog[0].stock, Some(3));
        assert_eq!(data.rejections.first[0].to_string(), "catalog.csv:3: `item_id` is missing: give every row one");
        let number = |id| data.item_number(id).expect("mentioned");
        assert!(data.bare_item(number("a")).is_none(), "it is in the catalogue");
        let bare = data.bare_item(number("b")).expect("not in the catalogue");
        assert_eq!(bare.category_path, ["X", "Y"]);
        assert_eq!(bare.price.map(|price| price.minor), Some(200));
    }

    #[test]
    fn columns_are_mapped_and_events_without_id_are_named_after_their_line() {
        let dir = folder();
        let path = write(dir.path(), "train.txt", b"SessionId\tItemId\tTime\n10\t7\t1592337718.0\n");
        let mut options = Options::of(vec![path]);
        options.mapping = Mapping::parse("session=SessionId,item=ItemId,time=Time").expect("a mapping");
        options.kind = EventKind::Purchase;
        let data = load(&options).expect("reads");
        let event = data.event(&data.events()[0]);
        assert_eq!(event.id.as_str(), "train.txt:2");
        assert_eq!(event.kind, EventKind::Purchase);
        assert_eq!(event.at, Timestamp(1_592_337_718_000));
    }

    #[test]
    fn a_missing_column_names_file_columns_and_remedy() {
        let dir = folder();
        let path = write(dir.path(), "train.txt", b"SessionId\tItemId\tTime\n10\t7\t1592337718.0\n");
        let error = load(&Options::of(vec![path])).expect_err("no timestamp").to_string();
        assert!(error.contains("train.txt` has no column `timestamp`: it has SessionId, ItemId, Time"), "{error}");
        assert!(error.ends_with("--map timestamp=Time"), "{error}");
    }

    #[test]
    fn a_mapping_that_no_file_has_is_an_error() {
        let dir = folder();
        let path = write(dir.path(), "x.csv", b"timestamp,session_id,item_id,Price\n2020-01-01,s,a,1\n");
        let mut options = Options::of(vec![path]);
        options.mapping = Mapping::parse("price=Prise").expect("a mapping");
        let error = load(&options).expect_err("no such column").to_string();
        assert_eq!(error, "--map price=Prise: no file has a column `Prise`: did you mean `Price`?");
    }

    #[test]
    fn a_test_file_begins_its_own_part_with_its_own_sessions() {
        let dir = folder();
        let train = write(dir.path(), "train.csv", b"timestamp,session_id,item_id\n2020-01-02,1,a\n2020-01-01,1,b\n");
        let test = write(dir.path(), "test.csv", b"timestamp,session_id,item_id\n2020-01-01,1,c\n");
        let mut options = Options::of(vec![train]);
        options.test = Some(test);
        let data = load(&options).expect("reads");
        assert_eq!(items(&data), ["b", "a", "c"]);
        assert_eq!(data.test_from, Some(2));
        assert_eq!(data.event(&data.events()[2]).session.as_str(), "test:1");
    }

    #[test]
    fn json_lines_keep_orders_whole() {
        let dir = folder();
        let text = r#"{"eventId":"e","eventType":"purchase","sessionId":"s","timestamp":"2020-01-01T00:00:00Z","items":[{"itemId":"a"},{"itemId":"b","quantity":2},{"itemId":"a"}]}
not json
"#;
        let path = write(dir.path(), "events.jsonl.gz", &gzip(text));
        let data = load(&Options::of(vec![path])).expect("reads");
        let event = data.event(&data.events()[0]);
        assert_eq!(event.lines.len(), 2);
        assert_eq!((event.lines[0].quantity, event.lines[1].quantity), (2, 2));
        assert_eq!(data.rejections.by_reason["not JSON"], 1);
    }

    #[test]
    fn empty_utf16_and_absent_files_are_told_apart() {
        let dir = folder();
        let load_error = |path: PathBuf| load(&Options::of(vec![path])).expect_err("unreadable");
        assert!(matches!(load_error(write(dir.path(), "a.csv", b"")), DataError::Empty(_)));
        assert!(matches!(load_error(write(dir.path(), "b.csv", b"\xff\xfea\0")), DataError::Utf16(_)));
        assert!(matches!(load_error(dir.path().join("none.csv")), DataError::Open { .. }));
        assert!(matches!(load_error(dir.path().to_owned()), DataError::NoEvents(_)));
        let mut torn = gzip(&"timestamp,session_id,item_id\n".repeat(9_000));
        torn.truncate(torn.len() / 2);
        assert!(matches!(load_error(write(dir.path(), "c.csv.gz", &torn)), DataError::Read { .. }));
    }
}
