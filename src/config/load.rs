//! From a file, the environment and flags to a config: flags over environment over file over defaults.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::Config;
use super::consistency::conflicts;
use super::environment::{self, Environment, Warning};
use super::events::ConfigKind;
use super::fault::{At, ConfigErrors, Fault, Problem};
use super::interpolate::{interpolate, refuse_references};
use super::live::common;
use super::shape::{CONFIG, Shape};
use super::tree;
use super::verify::{Verified, verify};
use crate::clock::{Clock, SystemClock};
use crate::rules::{self, Placer};

/// The file that is read when none is named, if it exists.
pub const DEFAULT_FILE: &str = "cross-sell-config.yaml";

/// The largest file read. A config is a few KiB; some hundred thousand curated pairs still fit.
const MAX_FILE_BYTES: u64 = 16 << 20;

/// Bytes of the content hash that names a config, in hexadecimal: enough to tell a shop's versions apart.
const VERSION_BYTES: usize = 6;

/// A key set by a flag of the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// Path of the key, such as `server.listen`.
    pub key: &'static str,
    /// The flag, such as `--listen`, for messages.
    pub flag: &'static str,
    /// The value as given.
    pub value: String,
}

/// A config, and how it came about.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The config in force.
    pub config: Config,
    /// Likely mistakes that do not stop it from being used.
    pub warnings: Vec<Warning>,
    /// Names the config by its content: equal configs, equal versions. The `configVersion` of answers.
    pub version: String,
    /// The file it was read from; `None`: there was none.
    pub path: Option<PathBuf>,
    /// The hash of that file's bytes.
    pub digest: Option<String>,
    /// The keys that flags set: they are laid on whatever comes later, too.
    pub overrides: Vec<Override>,
}

/// A file's name and content.
#[derive(Debug, Clone, Copy)]
pub struct Document<'a> {
    /// Its name, for messages.
    pub name: &'a str,
    /// Its content.
    pub bytes: &'a [u8],
    /// What `${NAME}` in it stands for.
    pub references: References,
}

/// What `${NAME}` in a document stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum References {
    /// The environment's variable.
    Replaced,
    /// Nothing, and it is an error: the document comes over the network, and would carry the environment of the server
    /// to whoever may read the config.
    Refused,
    /// Itself: the document was written from a config in force.
    Literal,
}

/// Loads the config of this process: from `path`, or [`DEFAULT_FILE`] if it exists, its environment and `overrides`.
///
/// # Errors
/// [`ConfigErrors`]: the file cannot be read, or everything that is wrong with it, the environment and the flags.
pub fn load(path: Option<&Path>, overrides: &[Override]) -> Result<Loaded, ConfigErrors> {
    let default = Path::new(DEFAULT_FILE);
    let path = path.or_else(|| default.exists().then_some(default));
    let bytes = path.map(read).transpose()?;
    let name = path.map(|path| path.display().to_string()).unwrap_or_default();
    let references = References::Replaced;
    let document = bytes.as_deref().map(|bytes| Document { name: &name, bytes, references });
    let mut loaded = assemble(document, &Environment::of_process(), overrides)?;
    loaded.path = path.map(Path::to_owned);
    loaded.digest = bytes.as_deref().map(digest);
    let rules = loaded.config.settings().rules.shop;
    loaded.warnings.extend(rules::past(rules.rules().iter(), SystemClock.now()).into_iter().map(|rule| {
        let says = "never acts again: its schedule is over, remove it or give it a later `until`".to_owned();
        Warning::Rule { rule, at: At::Nowhere, says }
    }));
    Ok(loaded)
}

/// Makes a config of a document that came over the network, in the place of the file.
///
/// # Errors
/// [`ConfigErrors::Invalid`]: everything that is wrong with it.
pub fn read_body(bytes: &[u8], overrides: &[Override]) -> Result<Loaded, ConfigErrors> {
    let document = Document { name: "body", bytes, references: References::Refused };
    assemble(Some(document), &Environment::of_process(), overrides)
}

/// Makes a config of one that was written down while it was in force.
///
/// # Errors
/// [`ConfigErrors::Invalid`]: it is not a config for this version of Sidecart.
pub fn read_stored(name: &str, config: &Value, overrides: &[Override]) -> Result<Loaded, ConfigErrors> {
    let bytes = config.to_string();
    let document = Document { name, bytes: bytes.as_bytes(), references: References::Literal };
    assemble(Some(document), &Environment::of_process(), overrides)
}

/// The hash of a file, by which it is told whether it has changed; `None` when it cannot be read.
pub fn digest_of(path: &Path) -> Option<String> {
    read(path).ok().as_deref().map(digest)
}

fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn read(path: &Path) -> Result<Vec<u8>, ConfigErrors> {
    let unreadable = |why: String| ConfigErrors::Unreadable { path: path.to_owned(), why };
    let explain = |error: std::io::Error| {
        unreadable(match error.kind() {
            ErrorKind::NotFound => "there is no such file: check the path, or write one by `sidecart init`".into(),
            ErrorKind::IsADirectory => format!("it is a directory: name the file, such as `{DEFAULT_FILE}`"),
            ErrorKind::PermissionDenied => "reading it is not permitted: check its owner and mode".into(),
            _ => error.to_string(),
        })
    };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(explain)?;
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(explain)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(unreadable(format!("it is larger than {}MiB: is it a config?", MAX_FILE_BYTES >> 20)));
    }
    Ok(bytes)
}

/// Makes a config of its layers, without touching file system or process.
///
/// # Errors
/// [`ConfigErrors::Invalid`]: everything that is wrong with them.
pub fn assemble(
    document: Option<Document<'_>>,
    environment: &Environment,
    overrides: &[Override],
) -> Result<Loaded, ConfigErrors> {
    let (mut problems, mut warnings) = (Vec::new(), Vec::new());
    let mut layers: Vec<Verified> = Vec::new();
    layers.extend(document.and_then(|document| file_layer(document, environment, &mut problems)));
    layers.extend(environment::layer(environment, &mut problems, &mut warnings));
    layers.extend(overrides.iter().filter_map(|over| flag_layer(over, &mut problems)));
    let (value, places) = stack(layers);
    let config: Config = serde_json::from_value(value).map_err(|error| {
        let fault = Fault::Value { shown: "the config".into(), says: error.to_string() };
        problems.push(Problem { key: String::new(), at: At::Nowhere, fault });
        sorted(std::mem::take(&mut problems))
    })?;
    add_conflicts(&config, &places, &mut problems);
    let source = document.and_then(|document| std::str::from_utf8(document.bytes).ok());
    let compiled = rules::compile(&config, &Placer::new(&places, source));
    problems.extend(compiled.problems);
    warnings.extend(compiled.warnings);
    if !problems.is_empty() {
        return Err(sorted(problems));
    }
    let version = version(&config);
    Ok(Loaded { config, warnings, version, path: None, digest: None, overrides: overrides.to_vec() })
}

fn file_layer(document: Document<'_>, environment: &Environment, problems: &mut Vec<Problem>) -> Option<Verified> {
    let file: Arc<str> = Arc::from(document.name);
    let text = match std::str::from_utf8(document.bytes) {
        Ok(text) => text,
        Err(error) => {
            problems.push(not_utf8(&document.bytes[..error.valid_up_to()], file));
            return None;
        }
    };
    match tree::parse(text, &file, problems) {
        Ok(root) => {
            let mut root = root?;
            match document.references {
                References::Replaced => interpolate(&mut root, "", &|name| environment.get(name), problems),
                References::Refused => refuse_references(&root, "", problems),
                References::Literal => {}
            }
            Some(verify(&root, &CONFIG.0, "", problems))
        }
        Err(problem) => {
            problems.push(problem);
            None
        }
    }
}

fn not_utf8(valid: &[u8], name: Arc<str>) -> Problem {
    let valid = String::from_utf8_lossy(valid);
    let line = valid.matches('\n').count() + 1;
    let column = valid.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    let fault = Fault::Yaml("this is not UTF-8: save the file as UTF-8".to_owned());
    Problem { key: String::new(), at: At::File { name, line, column }, fault }
}

fn flag_layer(over: &Override, problems: &mut Vec<Problem>) -> Option<Verified> {
    let mut layer = None;
    environment::settable(&CONFIG.0, "", &mut |path, field| {
        if path == over.key {
            layer = environment::single(path, &field.shape, &over.value, At::Flag(over.flag), problems);
        }
    });
    layer
}

/// The layers on top of the defaults, and where each key's value comes from.
fn stack(layers: Vec<Verified>) -> (Value, BTreeMap<String, At>) {
    let (shape, default) = &*CONFIG;
    let (mut value, mut places) = (default.clone(), BTreeMap::new());
    for layer in layers {
        merge(&mut value, layer.value, shape);
        places.extend(layer.places);
    }
    (value, places)
}

/// Lays `over` on `value`: records and maps key by key, all else as a whole.
fn merge(value: &mut Value, over: Value, shape: &Shape) {
    let (Value::Object(values), Value::Object(overs)) = (&mut *value, &over) else {
        if !(over.is_null() && matches!(shape, Shape::Record(_) | Shape::Map(_))) {
            *value = over;
        }
        return;
    };
    for (key, over) in overs {
        let below = match shape {
            Shape::Record(fields) => fields.iter().find(|field| field.name == *key).map(|field| &field.shape),
            Shape::Map(map) => Some(&map.value),
            _ => None,
        };
        match (values.get_mut(key), below) {
            (Some(value), Some(below)) => merge(value, over.clone(), below),
            _ => {
                values.insert(key.clone(), over.clone());
            }
        }
    }
}

/// Adds the conflicts whose values are right one by one: where one is wrong, its default is no one's choice.
fn add_conflicts(config: &Config, places: &BTreeMap<String, At>, problems: &mut Vec<Problem>) {
    let wrong: Vec<String> = problems.iter().map(|problem| problem.key.clone()).collect();
    for conflict in conflicts(config) {
        if wrong.iter().any(|key| *key == conflict.key || key == conflict.other) {
            continue;
        }
        let at = places.get(&conflict.key).or_else(|| places.get(conflict.other)).cloned().unwrap_or(At::Nowhere);
        problems.push(Problem { key: conflict.key, at, fault: conflict.fault });
    }
}

/// In the order of the file, then the environment, then flags.
fn sorted(mut problems: Vec<Problem>) -> ConfigErrors {
    problems.sort_by_key(|problem| match &problem.at {
        At::File { line, column, .. } => (0, *line, *column),
        At::Env(_) => (1, 0, 0),
        At::Flag(_) => (2, 0, 0),
        At::Nowhere => (3, 0, 0),
    });
    ConfigErrors::invalid(problems)
}

/// Names a config by its content; where it comes by a topic, by what comes that way: the rest is each replica's own.
pub(super) fn version(config: &Config) -> String {
    let content = match config.events.config {
        ConfigKind::File => serde_json::to_vec(config),
        ConfigKind::Topic => serde_json::to_vec(&common(config)),
    };
    let content = content.expect("the config is plain data");
    hex(&Sha256::digest(content)[..VERSION_BYTES])
}

/// Reads a text as a config, with all checks.
#[cfg(test)]
pub fn load_text(text: &str) -> Result<Loaded, ConfigErrors> {
    let document = Document { name: "shop.yaml", bytes: text.as_bytes(), references: References::Replaced };
    assemble(Some(document), &Environment::default(), &[])
}

/// Reads a text alone, without asking whether its values go together.
#[cfg(test)]
pub fn read_back(text: &str) -> Result<Config, ConfigErrors> {
    let mut problems = Vec::new();
    let document = Document { name: "written", bytes: text.as_bytes(), references: References::Replaced };
    let layer = file_layer(document, &Environment::default(), &mut problems);
    let (value, _) = stack(layer.into_iter().collect());
    if problems.is_empty() { Ok(serde_json::from_value(value).expect("checked")) } else { Err(sorted(problems)) }
}
