//! YAML as a tree in which every key and value knows its place.
//!
//! The parser's events are read here, not through serde, because serde stops at the first error: this tree can be
//! checked to its end. Scalars stay text until the schema says what they are to be, so an item id `00123` keeps its
//! zeros and a country `NO` is no boolean.

use std::collections::HashMap;
use std::sync::Arc;

use granit_parser::{ErrorKind, Event, Marker, Parser, ScalarStyle, ScanError};

use super::fault::{At, Fault, Problem};

/// Nesting accepted at most, aliases included; the config itself nests five deep.
const MAX_DEPTH: usize = 64;
/// Values accepted at most, aliases counted as often as they are used: some hundred thousand curated pairs, but no
/// alias bomb.
const MAX_NODES: usize = 1_000_000;

/// A value and its place.
#[derive(Debug, Clone)]
pub struct Node {
    /// Where it begins.
    pub at: At,
    /// The value.
    pub value: Value,
}

/// A value.
#[derive(Debug, Clone)]
pub enum Value {
    /// A text, number, boolean or nothing: the schema decides.
    Scalar(Scalar),
    /// A list.
    List(Vec<Node>),
    /// A map, in the order of the file.
    Map(Vec<(Key, Node)>),
    /// Something that has been reported already.
    Wrong,
}

/// A scalar, not yet typed.
#[derive(Debug, Clone)]
pub struct Scalar {
    /// Its text, with `${NAME}` replaced.
    pub text: String,
    /// Its text as written, for messages: what the environment holds may be secret.
    pub written: String,
    /// Whether it was quoted (or a text block), and so is a text and nothing else.
    pub quoted: bool,
}

/// A map's key.
#[derive(Debug, Clone)]
pub struct Key {
    /// Its text.
    pub text: String,
    /// Its place.
    pub at: At,
}

impl Node {
    /// A scalar that was not read from a file.
    pub fn scalar(text: &str, at: At) -> Self {
        Self { at, value: Value::Scalar(Scalar { text: text.into(), written: text.into(), quoted: false }) }
    }

    /// Whether it is nothing: empty, `~` or `null`, unquoted.
    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar(s)
            if !s.quoted && matches!(s.text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// A map's entries; none for all else.
    pub fn entries(&self) -> &[(Key, Self)] {
        if let Value::Map(entries) = &self.value { entries } else { &[] }
    }

    fn depth(&self) -> usize {
        match &self.value {
            Value::Scalar(_) | Value::Wrong => 1,
            Value::List(items) => 1 + items.iter().map(Self::depth).max().unwrap_or(0),
            Value::Map(entries) => 1 + entries.iter().map(|(_, node)| node.depth()).max().unwrap_or(0),
        }
    }

    fn count(&self) -> usize {
        match &self.value {
            Value::Scalar(_) | Value::Wrong => 1,
            Value::List(items) => 1 + items.iter().map(Self::count).sum::<usize>(),
            Value::Map(entries) => 1 + entries.iter().map(|(_, node)| node.count()).sum::<usize>(),
        }
    }
}

/// Reads one YAML document. `None`: the text holds no value. Duplicate keys are put into `problems` and reading goes
/// on with both, so that what is wrong with either is found.
///
/// # Errors
/// A text that is no YAML, or YAML that a config has no use for (tags, several documents, too deep, too large).
pub fn parse(text: &str, file: &Arc<str>, problems: &mut Vec<Problem>) -> Result<Option<Node>, Problem> {
    let mut options = granit_parser::options! {
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    options.set_emit_comments(false);
    let mut builder = Builder { problems, open: Vec::new(), root: None, anchors: HashMap::new(), nodes: 0 };
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = event.map_err(|error| syntax(&error, file))?;
        builder.take(event, &place(file, &span.start))?;
    }
    Ok(builder.root)
}

fn place(file: &Arc<str>, mark: &Marker) -> At {
    At::File { name: file.clone(), line: mark.line(), column: mark.col() + 1 }
}

fn problem(at: &At, says: impl Into<String>) -> Problem {
    Problem { key: String::new(), at: at.clone(), fault: Fault::Yaml(says.into()) }
}

/// The parser's words, with a remedy where they name a usual mistake.
fn syntax(error: &ScanError, file: &Arc<str>) -> Problem {
    let at = place(file, error.marker());
    let info = error.info();
    let remedy = match error.kind() {
        _ if info.contains("tab") => "indent with spaces, not tabs",
        ErrorKind::UnknownAnchor => "define the anchor (`&name`) above its alias (`*name`)",
        ErrorKind::RecursionLimitExceeded => "nest less deeply",
        _ => "check indentation, quotes and brackets up to here",
    };
    problem(&at, format!("{info}: {remedy}"))
}

/// A collection that is still open.
enum Frame {
    List { at: At, anchor: usize, items: Vec<Node> },
    Map { at: At, anchor: usize, entries: Vec<(Key, Node)>, key: Option<Key>, lines: HashMap<String, usize> },
}

struct Builder<'a> {
    problems: &'a mut Vec<Problem>,
    open: Vec<Frame>,
    root: Option<Node>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, at: &At) -> Result<(), Problem> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                refuse_tag(tag.is_some(), at)?;
                let quoted = style != ScalarStyle::Plain;
                let scalar = Scalar { text: text.to_string(), written: text.into_owned(), quoted };
                self.put(Node { at: at.clone(), value: Value::Scalar(scalar) }, anchor)
            }
            Event::SequenceStart(_, anchor, tag) => {
                refuse_tag(tag.is_some(), at)?;
                self.open.push(Frame::List { at: at.clone(), anchor, items: Vec::new() });
                Ok(())
            }
            Event::MappingStart(_, anchor, tag) => {
                refuse_tag(tag.is_some(), at)?;
                let (entries, lines) = (Vec::new(), HashMap::new());
                self.open.push(Frame::Map { at: at.clone(), anchor, entries, key: None, lines });
                Ok(())
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(anchor) => self.alias(anchor, at),
            Event::DocumentStart(..) if self.root.is_some() => {
                Err(problem(at, "a second document begins here: keep one, and remove the `---` between them"))
            }
            _ => Ok(()),
        }
    }

    fn close(&mut self) -> Result<(), Problem> {
        match self.open.pop() {
            Some(Frame::List { at, anchor, items }) => self.put(Node { at, value: Value::List(items) }, anchor),
            Some(Frame::Map { at, anchor, entries, .. }) => self.put(Node { at, value: Value::Map(entries) }, anchor),
            None => Ok(()),
        }
    }

    fn alias(&mut self, anchor: usize, at: &At) -> Result<(), Problem> {
        let Some(node) = self.anchors.get(&anchor).cloned() else {
            return Err(problem(at, "an alias stands inside its own anchor: write the value out"));
        };
        if self.open.len() + node.depth() > MAX_DEPTH {
            return Err(problem(at, format!("aliases nest more than {MAX_DEPTH} deep: write the values out")));
        }
        // One is counted by `put`, as for every node.
        self.nodes += node.count() - 1;
        self.put(node, 0)
    }

    fn put(&mut self, node: Node, anchor: usize) -> Result<(), Problem> {
        // What an anchor names is kept a second time, for its aliases.
        self.nodes += if anchor == 0 { 1 } else { 1 + node.count() };
        if self.nodes > MAX_NODES {
            let says = format!("more than {MAX_NODES} values, aliases included: use fewer aliases or a smaller file");
            return Err(problem(&node.at, says));
        }
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Frame::List { items, .. }) => items.push(node),
            Some(Frame::Map { entries, key: slot, lines, .. }) => match slot.take() {
                Some(key) => entries.push((key, node)),
                None => {
                    let key = as_key(node)?;
                    let line = if let At::File { line, .. } = key.at { line } else { 0 };
                    let first = *lines.entry(key.text.clone()).or_insert(line);
                    *slot = Some(key.clone());
                    if first != line {
                        self.duplicate(key, first);
                    }
                }
            },
        }
        Ok(())
    }

    fn duplicate(&mut self, key: Key, first_line: usize) {
        let keys = self.open.iter().filter_map(|frame| match frame {
            Frame::Map { key: Some(key), .. } => Some(key.text.as_str()),
            _ => None,
        });
        let path = keys.collect::<Vec<_>>().join(".");
        let fault = Fault::DuplicateKey { key: key.text, first_line };
        self.problems.push(Problem { key: path, at: key.at, fault });
    }
}

fn refuse_tag(tagged: bool, at: &At) -> Result<(), Problem> {
    if tagged { Err(problem(at, "tags (`!name`) have no meaning here: remove the tag")) } else { Ok(()) }
}

fn as_key(node: Node) -> Result<Key, Problem> {
    match node.value {
        Value::Scalar(scalar) if scalar.text == "<<" && !scalar.quoted => {
            Err(problem(&node.at, "merge keys (`<<`) are not part of YAML 1.2: write the keys out"))
        }
        Value::Scalar(scalar) => Ok(Key { text: scalar.text, at: node.at }),
        _ => Err(problem(&node.at, "a key is a list or a map: give a plain name")),
    }
}
