//! Kinds of text: what a scalar's text must be beyond "text". A kind is named in the schema (`x-kind`) and checked by
//! the function listed here, so that its errors carry a place; add a kind by adding it to [`ALL`].

use std::borrow::Cow;
use std::fmt::Display;
use std::net::SocketAddr;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value;
use sidecart_engine::nouns::{Currency, ItemId, MAX_ID_BYTES, PlacementId};

use super::{Bytes, Span};
use crate::rules::schedules;
use crate::wire::shapes;

/// The schema keyword that names a kind.
pub const KEYWORD: &str = "x-kind";
/// The schema keyword for the least value of a kind that has an order.
pub const LEAST: &str = "x-min";
/// The schema keyword for the greatest value of a kind that has an order.
pub const GREATEST: &str = "x-max";

/// A kind of text.
#[derive(Debug)]
pub struct Kind {
    /// The name in the schema and in the reference.
    pub name: &'static str,
    /// One that is right, for messages.
    pub example: &'static str,
    /// Says what is wrong with a text: "is not ...: give ...".
    pub check: fn(&str) -> Result<(), String>,
    /// A text as a number to compare by; `None` for kinds without an order.
    pub order: Option<fn(&str) -> Option<i128>>,
}

/// Every kind.
pub static ALL: [Kind; 21] = [
    Kind { name: "duration", example: "30s", check: parses::<Span>, order: Some(milliseconds) },
    Kind { name: "size", example: "64MiB", check: parses::<Bytes>, order: Some(bytes) },
    Kind { name: "address", example: "127.0.0.1:8080", check: address, order: None },
    Kind { name: "currency", example: "EUR", check: currency, order: None },
    Kind { name: "path", example: "./sidecart-data", check: path, order: None },
    Kind { name: "item", example: "SKU-1", check: |text| said(ItemId::new(text)), order: None },
    Kind { name: "key hash", example: KEY_HASH_EXAMPLE, check: key_hash, order: None },
    Kind { name: "origin", example: "https://shop.example", check: origin, order: None },
    Kind { name: "store", example: "s3://bucket/sidecart", check: store_url, order: None },
    Kind { name: "store address", example: "https://s3.shop.example", check: store_endpoint, order: None },
    Kind { name: "redis", example: "redis://127.0.0.1:6379", check: redis_url, order: None },
    Kind { name: "placement", example: "cart", check: |text| said(PlacementId::new(text)), order: None },
    Kind { name: "rule", example: "alcohol_age", check: |text| said(PlacementId::new(text)), order: None },
    Kind { name: "condition", example: "item.price < 20", check: condition, order: None },
    Kind { name: "event field", example: "sessionId", check: event_field, order: None },
    Kind { name: "place", example: "properties.session_id", check: |text| said(shapes::Place::new(text)), order: None },
    Kind { name: "name", example: "cart", check: name, order: None },
    Kind { name: "note", example: "agreed with legal", check: note, order: None },
    Kind { name: "date or time", example: "2026-12-24T18:00", check: date_time, order: None },
    Kind { name: "time span", example: "09:00-17:30", check: hours, order: None },
    Kind { name: "time zone", example: "Europe/Berlin", check: time_zone, order: None },
];

fn milliseconds(text: &str) -> Option<i128> {
    text.parse().ok().map(|span: Span| span.ms().into())
}

fn bytes(text: &str) -> Option<i128> {
    text.parse().ok().map(|bytes: Bytes| bytes.get().into())
}

/// The kind of this name.
pub fn find(name: &str) -> Option<&'static Kind> {
    ALL.iter().find(|kind| kind.name == name)
}

fn said<T, E: Display>(result: Result<T, E>) -> Result<(), String> {
    result.map(drop).map_err(|error| error.to_string())
}

fn parses<T: FromStr<Err: Display>>(text: &str) -> Result<(), String> {
    said(text.parse::<T>())
}

fn address(text: &str) -> Result<(), String> {
    let remedy = "is not an address: give an IP address and a port, such as `127.0.0.1:8080` or `[::]:8080`";
    text.parse::<SocketAddr>().map(drop).map_err(|_| remedy.to_owned())
}

fn currency(text: &str) -> Result<(), String> {
    let remedy = "is not a currency: give three letters such as `EUR`";
    text.parse::<Currency>().map(drop).map_err(|_| remedy.to_owned())
}

/// That of an empty text: nobody's key.
const KEY_HASH_EXAMPLE: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn key_hash(text: &str) -> Result<(), String> {
    let remedy = "is no hash of a key: make a key and its hash by `sidecart keys new`";
    crate::access::is_hash(text).then_some(()).ok_or_else(|| remedy.to_owned())
}

fn origin(text: &str) -> Result<(), String> {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let is_origin = host.is_some_and(|host| {
        !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte))
    });
    let remedy = "is not an origin: give scheme and host as browsers do, such as `https://shop.example`";
    is_origin.then_some(()).ok_or_else(|| remedy.to_owned())
}

fn store_endpoint(text: &str) -> Result<(), String> {
    let (scheme, rest) = text.split_once("://").unwrap_or_default();
    let (host, account) = rest.split_once('/').map_or((rest, None), |(host, account)| (host, Some(account)));
    let is_account = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let is_right = origin(&format!("{scheme}://{host}")).is_ok() && account.is_none_or(is_account);
    let remedy = "is no address of an object store: give scheme and host, such as `https://s3.shop.example`, and for an \
                  emulator of Azure the account behind it, as in `http://127.0.0.1:10000/devstoreaccount1`";
    is_right.then_some(()).ok_or_else(|| remedy.to_owned())
}

fn store_url(text: &str) -> Result<(), String> {
    let rest = |scheme: &str| text.strip_prefix(scheme).and_then(|rest| rest.strip_prefix("://"));
    let bucket = ["s3", "gs", "az"].into_iter().find_map(rest).and_then(|rest| rest.split('/').next());
    let is_bucket = bucket.is_some_and(|bucket| !bucket.is_empty() && !bucket.contains(['@', '?', ' ']));
    let is_folder = rest("file").is_some_and(|path| path.len() > 1 && path.starts_with('/'));
    let remedy = "is no place for checkpoints: give `s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX`, `az://CONTAINER/PREFIX` \
                  or `file:///FOLDER`, without credentials";
    (is_bucket || is_folder).then_some(()).ok_or_else(|| remedy.to_owned())
}

fn redis_url(text: &str) -> Result<(), String> {
    let rest = text.strip_prefix("redis://").or_else(|| text.strip_prefix("rediss://"));
    if rest.is_some_and(|rest| rest.contains('@')) {
        return Err(
            "holds a password, which whoever may read the config would see: put it into a file, and name that in \
                    `features.redis.password_file`"
                .into(),
        );
    }
    let (host, port) =
        rest.map(|rest| rest.split('/').next().unwrap_or(rest)).and_then(|at| at.rsplit_once(':')).unzip();
    let is_right = host.is_some_and(|host| !host.is_empty()) && port.is_some_and(|port| port.parse::<u16>().is_ok());
    let remedy = "is no address of a Redis: give `redis://HOST:PORT`, or `rediss://HOST:PORT` for TLS";
    is_right.then_some(()).ok_or_else(|| remedy.to_owned())
}

fn path(text: &str) -> Result<(), String> {
    if text.trim().is_empty() { Err("is empty: give a path, such as `./sidecart-data`".into()) } else { Ok(()) }
}

/// The longest condition, in bytes; bounds parsing.
const MAX_CONDITION_BYTES: usize = 2_000;
/// The longest name of a placement, segment, category, brand, label or attribute, as the catalogue allows.
const MAX_NAME_BYTES: usize = 1_024;
/// The longest note.
const MAX_NOTE_BYTES: usize = 2_000;

fn condition(text: &str) -> Result<(), String> {
    if text.len() > MAX_CONDITION_BYTES {
        return Err(format!(
            "is {} bytes long, more than {MAX_CONDITION_BYTES}: split it into several rules",
            text.len()
        ));
    }
    if text.trim().is_empty() { Err("is empty: give a condition, such as `item.price < 20`".into()) } else { Ok(()) }
}

fn event_field(text: &str) -> Result<(), String> {
    let names = || shapes::Field::ALL.map(shapes::Field::name).join(", ");
    shapes::Field::from_name(text).map(drop).ok_or_else(|| format!("is no field of an event: give one of {}", names()))
}

fn name(text: &str) -> Result<(), String> {
    if text.len() > MAX_NAME_BYTES {
        return Err(format!("is {} bytes long: give at most {MAX_NAME_BYTES}", text.len()));
    }
    if text.trim().is_empty() { Err("is empty: give a name".into()) } else { Ok(()) }
}

fn note(text: &str) -> Result<(), String> {
    if text.len() <= MAX_NOTE_BYTES {
        return Ok(());
    }
    Err(format!("is {} bytes long: give at most {MAX_NOTE_BYTES}", text.len()))
}

fn date_time(text: &str) -> Result<(), String> {
    said(schedules::moment(text, &jiff::tz::TimeZone::UTC))
}

fn hours(text: &str) -> Result<(), String> {
    said(schedules::hours(text))
}

fn time_zone(text: &str) -> Result<(), String> {
    said(schedules::zone(text))
}

/// Defines what stands in the schema for types of ours and for foreign types (`#[schemars(with = "kind::Item")]`).
macro_rules! schemas {
    ($($(#[$doc:meta])* $kind:ident = $schema:tt;)+) => {$(
        $(#[$doc])*
        pub struct $kind;

        impl JsonSchema for $kind {
            fn schema_name() -> Cow<'static, str> {
                stringify!($kind).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    )+};
}

schemas! {
    /// An IP address with a port.
    Address = {"type": "string", "x-kind": "address"};
    /// An ISO 4217 code.
    CurrencyCode = {"type": "string", "x-kind": "currency", "pattern": "^[A-Za-z]{3}$"};
    /// The hash of a key.
    KeyHash = {"type": "string", "x-kind": "key hash", "pattern": "^sha256:[0-9a-f]{64}$"};
    /// An origin, as browsers name it.
    WebOrigin = {"type": "string", "x-kind": "origin", "pattern": "^https?://[^/]+$"};
    /// The address of an object store.
    StoreEndpoint = {"type": "string", "x-kind": "store address"};
    /// A place in an object store.
    StoreUrl = {"type": "string", "x-kind": "store"};
    /// An address of Redis or Valkey.
    RedisUrl = {"type": "string", "x-kind": "redis"};
    /// A path of the file system.
    FilePath = {"type": "string", "x-kind": "path", "minLength": 1};
    /// A name of the shop's own: a placement, segment, category, brand, label or attribute.
    Name = {"type": ["string", "number"], "x-kind": "name", "minLength": 1, "maxLength": MAX_NAME_BYTES};
    /// Where a field stands in an event of another shape.
    FieldPlace = {"type": "string", "x-kind": "place", "minLength": 1, "maxLength": 256};
    /// A rule's id.
    RuleId = {"type": "string", "x-kind": "rule", "maxLength": MAX_ID_BYTES};
    /// A CEL expression that is true or false.
    Condition = {"type": "string", "x-kind": "condition", "minLength": 1, "maxLength": MAX_CONDITION_BYTES};
    /// Words for people.
    Note = {"type": "string", "x-kind": "note", "maxLength": MAX_NOTE_BYTES};
    /// A date, or a date and a time, with or without an offset.
    DateTime = {"type": "string", "x-kind": "date or time"};
    /// Two times of the day.
    Hours = {"type": "string", "x-kind": "time span"};
    /// A name of the IANA time zone database.
    TimeZone = {"type": "string", "x-kind": "time zone"};
    /// Any value.
    Anything = {"x-anything": true};
    /// An item's id, quoted or not: numbers are kept as they are written.
    Item = {"type": ["string", "number"], "x-kind": "item", "minLength": 1, "maxLength": MAX_ID_BYTES};
}

macro_rules! newtype_schema {
    ($type:ty, $name:literal, $schema:tt) => {
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

newtype_schema!(Span, "Span", {
    "type": "string", "x-kind": "duration", "pattern": "^([0-9]+(ms|s|m|h|d))+$"
});
newtype_schema!(Bytes, "Bytes", {
    "type": ["string", "integer"], "x-kind": "size", "pattern": "^[0-9]+ ?([KMGTkmgt]?i?[Bb])?$"
});

/// The kind that a schema names, if it does.
pub fn of(schema: &Value) -> Option<&'static Kind> {
    schema.get(KEYWORD).and_then(Value::as_str).and_then(find)
}
