use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use sidecart_engine::nouns::MAX_ID_BYTES;

use crate::wire::reject::{Code, Rejection};
use crate::wire::scalar::clip;

/// Attributes of one event at most; the spec has eight, extensions a handful.
const MAX_ATTRIBUTES: usize = 64;
/// The version of the spec that is read.
const VERSION: &str = "1.0";
/// Bytes of the hash that stands for an id too long to be kept.
const HASH_BYTES: usize = 16;

/// How header values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Percent-encoded, with the prefix `ce-`.
    Http,
    /// As they are, with the prefix `ce_`.
    #[allow(dead_code, reason = "what reads records of a broker is behind a feature")]
    Kafka,
}

/// What came beside the JSON of an event.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Envelope {
    /// Nothing that matters: the JSON tells its own shape.
    #[default]
    Plain,
    /// A content type that says that the JSON is a CloudEvent.
    Structured,
    /// The attributes of a CloudEvent, whose data the JSON is.
    Binary(Map<String, Value>),
}

impl Envelope {
    /// Reads the headers of a request or a record. Names are compared without regard to case; `ce-` and `ce_` are the
    /// same.
    ///
    /// # Errors
    /// CloudEvents in another format than JSON, and attributes that are no text.
    pub fn of<'a>(
        headers: impl IntoIterator<Item = (&'a str, &'a [u8])>,
        transport: Transport,
    ) -> Result<Self, Rejection> {
        let (mut attributes, mut structured) = (Map::new(), false);
        for (name, value) in headers {
            if name.eq_ignore_ascii_case("content-type") {
                structured |= is_structured(value)?;
            } else if let Some(attribute) = attribute(name)
                && attributes.len() < MAX_ATTRIBUTES
            {
                attributes.insert(attribute, text(name, value, transport)?.into());
            }
        }
        Ok(match attributes.contains_key("specversion") || attributes.contains_key("id") {
            _ if structured => Self::Structured,
            true => Self::Binary(attributes),
            false => Self::Plain,
        })
    }
}

/// Whether a content type is that of CloudEvents in JSON, one or a batch.
fn is_structured(content_type: &[u8]) -> Result<bool, Rejection> {
    let kind = String::from_utf8_lossy(content_type).to_ascii_lowercase();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let Some(format) = kind.strip_prefix("application/cloudevents") else { return Ok(false) };
    if matches!(format, "+json" | "-batch+json") {
        return Ok(true);
    }
    let problem = format!("is `{}`: give `application/cloudevents+json`, or the attributes as headers", clip(kind));
    Err(Rejection::field(Code::BadShape, "content-type", problem))
}

/// The attribute that a header is, in lower case, as the spec has them.
fn attribute(header: &str) -> Option<String> {
    let (prefix, name) = header.split_at_checked(3)?;
    let ours = prefix.eq_ignore_ascii_case("ce-") || prefix.eq_ignore_ascii_case("ce_");
    (ours && !name.is_empty()).then(|| name.to_ascii_lowercase())
}

fn text(name: &str, value: &[u8], transport: Transport) -> Result<String, Rejection> {
    let bytes = match transport {
        Transport::Http => percent_decoded(value),
        Transport::Kafka => value.to_vec(),
    };
    String::from_utf8(bytes).map_err(|_| Rejection::field(Code::NotUtf8, name, "is not UTF-8: send UTF-8"))
}

fn percent_decoded(value: &[u8]) -> Vec<u8> {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let (mut decoded, mut at) = (Vec::with_capacity(value.len()), 0);
    while let Some(byte) = value.get(at) {
        match (byte, digit(value.get(at + 1)), digit(value.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                decoded.push((high * 16 + low) as u8);
                at += 3;
            }
            _ => {
                decoded.push(*byte);
                at += 1;
            }
        }
    }
    decoded
}

/// A CloudEvent of version 1.0, with all attributes that the spec asks for.
#[derive(Debug)]
pub struct CloudEvent {
    attributes: Map<String, Value>,
    /// What it carries.
    pub data: Value,
}

impl CloudEvent {
    /// One whose attributes came as headers.
    ///
    /// # Errors
    /// An attribute that is missing, or another version.
    pub fn binary(attributes: &Map<String, Value>, data: Value) -> Result<Self, Rejection> {
        Self { attributes: attributes.clone(), data }.checked("ce-")
    }

    /// One that is an object of attributes and data.
    ///
    /// # Errors
    /// An attribute that is missing, another version, or data that is no object.
    pub fn structured(value: Value) -> Result<Self, Rejection> {
        let Value::Object(mut attributes) = value else {
            return Err(Rejection::whole(Code::BadShape, "is no object: send a CloudEvent"));
        };
        let data = (attributes.remove("data"), attributes.remove("data_base64"));
        let cloud = Self { attributes, data: Value::Null }.checked("")?;
        let data = match data {
            (None | Some(Value::Null), Some(Value::String(text))) => {
                let decoded = STANDARD.decode(text).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
                decoded.ok_or_else(|| bad_data("data_base64", "is not JSON in base64"))?
            }
            (data, _) => data.unwrap_or(Value::Null),
        };
        if data.is_object() { Ok(Self { data, ..cloud }) } else { Err(bad_data("data", "is no object")) }
    }

    fn checked(self, prefix: &str) -> Result<Self, Rejection> {
        for name in ["specversion", "id", "source", "type"] {
            if self.attribute(name).is_empty() {
                let remedy = "CloudEvents have `specversion`, `id`, `source` and `type`";
                return Err(Rejection::missing(format!("{prefix}{name}"), remedy));
            }
        }
        let version = self.attribute("specversion");
        if version != VERSION {
            let problem = format!("is `{}`: give `{VERSION}`, other versions are not read", clip(version));
            return Err(Rejection::field(Code::BadValue, format!("{prefix}specversion"), problem));
        }
        Ok(self)
    }

    fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// What names the event: source and id together, as the spec has it. By its hash, if it is too long for an id.
    pub fn event_id(&self) -> String {
        let (source, id) = (self.attribute("source"), self.attribute("id"));
        let whole = format!("{source}#{id}");
        // Room for the number of an event that is packed with others.
        if whole.len() + 8 <= MAX_ID_BYTES {
            return whole;
        }
        let mut hash = "ce-".to_owned();
        for byte in Sha256::digest(whole.as_bytes()).iter().take(HASH_BYTES) {
            // Writing to a String cannot fail.
            let _ = write!(hash, "{byte:02x}");
        }
        hash
    }

    /// The attributes and the data as one object, as the vocabulary of CloudEvents sees it.
    pub fn root(&self) -> Value {
        let mut root = self.attributes.clone();
        root.insert("data".to_owned(), self.data.clone());
        Value::Object(root)
    }
}

fn bad_data(field: &str, what: &str) -> Rejection {
    Rejection::field(Code::BadShape, field, format!("{what}: give the event as a JSON object"))
}
