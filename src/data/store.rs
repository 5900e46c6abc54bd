//! Events in little memory: about 70 bytes each, plus each distinct id once.

use rustc_hash::FxHashMap;
use sidecart_engine::nouns::{
    Currency, Event, EventId, EventKind, Item, ItemId, Line, MAX_LINES, MAX_QUANTITY, Money, OrderId, SessionId,
    Timestamp, UserId,
};

use super::columns::Column;
use super::reject::Reason;
use super::row::{Extra, RowEvent, RowLine};
use super::symbols::{NONE, Symbols};

/// The most events taken from files: 7 GB of them, and places still fit in 32 bits.
pub const MAX_EVENTS: usize = 100_000_000;

/// The short form of an event.
#[derive(Debug, Clone, Copy)]
pub struct Head {
    /// When.
    pub at: Timestamp,
    /// The number of its session.
    pub session: u32,
    /// The number of its user, or [`NONE`].
    pub user: u32,
    /// The number of its order, or [`NONE`].
    pub order: u32,
    /// The line of its file on which it stood.
    pub row: u32,
    first_line: u32,
    id_start: u64,
    extra: u32,
    lines: u16,
    id_len: u8,
    file: u8,
    /// What was done.
    pub kind: EventKind,
}

/// The short form of an event's line.
#[derive(Debug, Clone, Copy)]
pub struct ShortLine {
    price_minor: i64,
    /// The number of its item.
    pub item: u32,
    quantity: u32,
    currency: u8,
}

/// A line without a price.
const NO_PRICE: i64 = -1;
/// Currencies told apart in one data set; there are some 180 in the world.
const MAX_CURRENCIES: usize = 255;

/// All events read so far.
#[derive(Debug, Default)]
pub struct Store {
    heads: Vec<Head>,
    lines: Vec<ShortLine>,
    ids: String,
    extras: Vec<Extra>,
    currencies: Vec<Currency>,
    files: Vec<String>,
    /// Items mentioned in events.
    pub items: Symbols<ItemId>,
    /// Sessions.
    pub sessions: Symbols<SessionId>,
    /// Users.
    pub users: Symbols<UserId>,
    /// Orders.
    pub orders: Symbols<OrderId>,
    hints: FxHashMap<u32, Item>,
    rows: usize,
}

impl Store {
    /// Begins a new file; the events pushed from now on are its rows.
    pub fn begin_file(&mut self, name: &str) {
        let again = self.files.iter().any(|file| file == name);
        self.files.push(if again { format!("{name}#{}", self.files.len()) } else { name.to_owned() });
    }

    /// Keeps an event. Nothing is kept of one that is refused. Purchases on successive rows of one order and instant are
    /// the lines of one event, as a shop would send them.
    ///
    /// # Errors
    /// [`Reason::Id`].
    pub fn push(&mut self, event: &RowEvent<'_>, session_prefix: &str, row: u64) -> Result<(), Reason> {
        let ids = self.ids.len();
        let (id_start, id_len) = self.keep_id(event.id.as_deref())?;
        let session = self.intern_session(&event.session, session_prefix)?;
        let user = intern(&mut self.users, event.user.as_deref(), Column::UserId)?;
        let order = intern(&mut self.orders, event.order.as_deref(), Column::OrderId)?;
        if self.is_line_of_last(event, session, user, order) {
            self.ids.truncate(ids);
            self.add_to_last(&event.lines)?;
            self.rows += 1;
            return Ok(());
        }
        let first_line = self.lines.len();
        let lines = self.keep_lines(&event.lines, first_line)?;
        self.rows += 1;
        let extra = event.extra.as_ref().map_or(NONE, |extra| {
            self.extras.push(extra.clone());
            self.extras.len() as u32 - 1
        });
        self.heads.push(Head {
            at: event.at,
            session,
            user,
            order,
            row: u32::try_from(row).unwrap_or(u32::MAX),
            first_line: first_line as u32,
            id_start,
            extra,
            lines,
            id_len,
            file: u8::try_from(self.files.len().saturating_sub(1)).unwrap_or(u8::MAX),
            kind: event.kind,
        });
        Ok(())
    }

    fn keep_id(&mut self, id: Option<&str>) -> Result<(u64, u8), Reason> {
        let Some(id) = id else { return Ok((0, 0)) };
        EventId::new(id).map_err(|e| Reason::Id(Column::EventId, e))?;
        let start = self.ids.len();
        self.ids.push_str(id);
        Ok((start as u64, id.len() as u8))
    }

    fn intern_session(&mut self, session: &str, prefix: &str) -> Result<u32, Reason> {
        let interned = if prefix.is_empty() {
            self.sessions.intern(session)
        } else {
            self.sessions.intern(&format!("{prefix}{session}"))
        };
        interned.map_err(|e| Reason::Id(Column::SessionId, e))
    }

    fn is_line_of_last(&self, event: &RowEvent<'_>, session: u32, user: u32, order: u32) -> bool {
        let Some(last) = self.heads.last() else { return false };
        let same_file = usize::from(last.file) + 1 == self.files.len();
        let same_order = (last.session, last.user, last.order) == (session, user, order) && last.at == event.at;
        let purchases = (last.kind, event.kind) == (EventKind::Purchase, EventKind::Purchase);
        let room = usize::from(last.lines) + event.lines.len() <= MAX_LINES;
        let repeated = last.id_len > 0 && event.id.as_deref() == Some(self.id_text(last));
        let plain = event.extra.is_none() && last.extra == NONE;
        same_file && same_order && purchases && room && plain && !repeated
    }

    fn add_to_last(&mut self, lines: &[RowLine<'_>]) -> Result<(), Reason> {
        let Some(mut last) = self.heads.last().copied() else { return Ok(()) };
        last.lines = self.keep_lines(lines, last.first_line as usize)?;
        if let Some(head) = self.heads.last_mut() {
            *head = last;
        }
        Ok(())
    }

    fn id_text(&self, head: &Head) -> &str {
        &self.ids[head.id_start as usize..][..usize::from(head.id_len)]
    }

    /// Adds lines to those from place `start` on; gives how many those are then. Lines of the same item become one, as
    /// an event holds each item once.
    fn keep_lines(&mut self, lines: &[RowLine<'_>], start: usize) -> Result<u16, Reason> {
        let before = self.lines.len();
        for line in lines {
            let item = match self.items.intern(&line.item) {
                Ok(item) => item,
                Err(error) => {
                    self.lines.truncate(before);
                    return Err(Reason::Id(Column::ItemId, error));
                }
            };
            if let Some(same) = self.lines[start..].iter_mut().find(|kept| kept.item == item) {
                same.quantity = same.quantity.saturating_add(line.quantity).min(MAX_QUANTITY);
                continue;
            }
            self.keep_hint(item, line);
            let (price_minor, currency) = line.price.map_or((NO_PRICE, 0), |price| self.keep_price(price));
            self.lines.push(ShortLine { price_minor, item, quantity: line.quantity, currency });
        }
        Ok((self.lines.len() - start) as u16)
    }

    fn keep_price(&mut self, price: Money) -> (i64, u8) {
        let place = self.currencies.iter().position(|&currency| currency == price.currency).unwrap_or_else(|| {
            self.currencies.push(price.currency);
            self.currencies.len() - 1
        });
        if place < MAX_CURRENCIES { (price.minor, place as u8) } else { (NO_PRICE, 0) }
    }

    /// The first mention of an item stands in for its catalogue entry, should there be none.
    fn keep_hint(&mut self, item: u32, line: &RowLine<'_>) {
        let Some(id) = self.items.id(item) else { return };
        self.hints.entry(item).or_insert_with(|| Item {
            category_path: line.category.clone(),
            brand: line.brand.clone(),
            price: line.price,
            ..Item::bare(id.clone())
        });
    }

    /// Events kept.
    pub fn len(&self) -> usize {
        self.heads.len()
    }

    /// Rows kept; a row may be one line of an event.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// All events in short form, in order.
    pub fn heads(&self) -> &[Head] {
        &self.heads
    }

    /// The lines of an event in short form.
    pub fn lines_of(&self, head: &Head) -> &[ShortLine] {
        &self.lines[head.first_line as usize..][..usize::from(head.lines)]
    }

    /// The file and line from which an event came.
    pub fn origin(&self, head: &Head) -> (&str, u64) {
        let file = self.files.get(usize::from(head.file)).map_or("", String::as_str);
        (file, u64::from(head.row))
    }

    /// What the first event that mentioned an item says of it.
    pub fn hint(&self, item: u32) -> Option<&Item> {
        self.hints.get(&item)
    }

    /// Forgets the hints of items for which `known` holds.
    pub fn forget_hints(&mut self, known: impl Fn(&str) -> bool) {
        self.hints.retain(|_, item| !known(item.id.as_str()));
        self.hints.shrink_to_fit();
    }

    /// Sorts the events from place `start` on by time; those of one instant keep their order. Says whether any moved.
    pub fn sort_from(&mut self, start: usize) -> bool {
        let part = &mut self.heads[start..];
        let sorted = part.is_sorted_by_key(|head| head.at);
        if !sorted {
            part.sort_by_key(|head| head.at);
        }
        !sorted
    }

    /// Keeps the first `len` events.
    pub fn truncate(&mut self, len: usize) {
        self.heads.truncate(len);
    }

    /// An event in full. One without an id is named after the file and line on which it stood.
    pub fn event(&self, head: &Head) -> Event {
        let id = match head.id_len {
            0 => self.generated_id(head),
            _ => self.id_text(head).to_owned(),
        };
        let extra = self.extras.get(head.extra as usize).cloned().unwrap_or_default();
        Event {
            id: EventId::new(&id).expect("checked when kept, or generated short and visible"),
            kind: head.kind,
            session: self.sessions.id(head.session).expect("interned when kept").clone(),
            user: self.users.id(head.user).cloned(),
            anonymous: extra.anonymous,
            at: head.at,
            lines: self.lines_of(head).iter().map(|line| self.line(line)).collect(),
            order: self.orders.id(head.order).cloned(),
            placement: extra.placement,
            attribution_token: extra.attribution_token,
            consent: extra.consent,
            context: extra.context,
        }
    }

    fn generated_id(&self, head: &Head) -> String {
        const MAX_NAME: usize = 64;
        let (file, row) = self.origin(head);
        let name: String = file.chars().filter(|c| !c.is_control() && c.is_ascii()).take(MAX_NAME).collect();
        format!("{name}:{row}")
    }

    fn line(&self, line: &ShortLine) -> Line {
        let price = (line.price_minor != NO_PRICE)
            .then(|| Money { minor: line.price_minor, currency: self.currencies[usize::from(line.currency)] });
        let item = self.items.id(line.item).expect("interned when kept").clone();
        Line { item, quantity: line.quantity, price }
    }
}

fn intern<T>(symbols: &mut Symbols<T>, text: Option<&str>, column: Column) -> Result<u32, Reason>
where
    T: Clone + Eq + std::hash::Hash + std::borrow::Borrow<str>,
    T: TryFrom<String, Error = sidecart_engine::nouns::IdError>,
{
    text.map_or(Ok(NONE), |text| symbols.intern(text).map_err(|e| Reason::Id(column, e)))
}
