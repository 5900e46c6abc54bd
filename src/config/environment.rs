//! Overrides from the environment: `SIDECART_SERVER_LISTEN` sets `server.listen`.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};

use super::fault::{At, Fault, Problem, nearest};
use super::shape::{CONFIG, Field, Shape};
use super::tree::Node;
use super::verify::{Verified, verify};

/// What the name of every variable of ours begins with.
const PREFIX: &str = "SIDECART_";

/// The variable that names the config file; read by the command line.
pub const CONFIG_VARIABLE: &str = "SIDECART_CONFIG";

/// The variable that holds the key which the command line sends to a server.
pub const KEY_VARIABLE: &str = "SIDECART_API_KEY";

/// The environment variables of the process, or of a test.
#[derive(Debug, Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The variables of this process. What is not UTF-8 is kept with replacement characters, and refused where it is
    /// used.
    #[must_use]
    pub fn of_process() -> Self {
        let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        Self(std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect())
    }

    /// The value of a variable.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Environment {
    fn from(variables: [(&str, &str); N]) -> Self {
        Self(variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into())
    }
}

/// What does not stop the config from being used, but is likely to be a mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// A variable that begins like ours and sets nothing.
    UnknownVariable {
        /// Its name.
        name: String,
        /// The known name most like it.
        near: Option<String>,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::UnknownVariable { name, near } = self;
        write!(f, "unknown environment variable `{name}` is ignored: ")?;
        match near {
            Some(near) => write!(f, "did you mean `{near}`?"),
            None => f.write_str("`docs/config.md` says how keys become names"),
        }
    }
}

/// The name of the variable that sets the key of this path.
pub fn variable(path: &str) -> String {
    format!("{PREFIX}{}", path.replace('.', "_").to_uppercase())
}

/// Calls `each` with every key that a variable can set, and its path: the keys with a single value that are not below
/// a name chosen by the shop.
pub fn settable<'a>(shape: &'a Shape, path: &str, each: &mut dyn FnMut(&str, &'a Field)) {
    let Shape::Record(fields) = shape else { return };
    for field in fields {
        let path = if path.is_empty() { field.name.clone() } else { format!("{path}.{}", field.name) };
        match field.shape {
            Shape::Record(_) => settable(&field.shape, &path, each),
            Shape::Map(_) | Shape::List(_) => {}
            Shape::Choice(_) | Shape::Bool | Shape::Integer(_) | Shape::Number(_) | Shape::Text(_) => {
                each(&path, field);
            }
        }
    }
}

/// Reads the variables that set keys. One that is set to nothing counts as unset.
pub fn layer(environment: &Environment, problems: &mut Vec<Problem>, warnings: &mut Vec<Warning>) -> Vec<Verified> {
    let mut known: BTreeMap<String, (String, &Field)> = BTreeMap::new();
    settable(&CONFIG.0, "", &mut |path, field| {
        known.insert(variable(path), (path.to_owned(), field));
    });
    let ours = environment.0.iter().filter(|(name, _)| name.starts_with(PREFIX) && !is_of_others(name));
    let mut layers = Vec::new();
    for (name, value) in ours {
        match known.get(name) {
            Some((path, field)) => layers.extend(single(path, &field.shape, value, At::Env(name.clone()), problems)),
            None => {
                let near = nearest(name, known.keys().map(String::as_str));
                warnings.push(Warning::UnknownVariable { name: name.clone(), near });
            }
        }
    }
    layers
}

/// Variables that begin like ours but are not config: the one that names the file, the key of the command line, and those that Kubernetes sets in
/// every pod for a service named `sidecart`.
fn is_of_others(name: &str) -> bool {
    name == CONFIG_VARIABLE
        || name == KEY_VARIABLE
        || name.starts_with("SIDECART_SERVICE_")
        || name == "SIDECART_PORT"
        || name.starts_with("SIDECART_PORT_")
}

/// One key's value from outside the file, as a layer of its own.
pub fn single(path: &str, shape: &Shape, value: &str, at: At, problems: &mut Vec<Problem>) -> Option<Verified> {
    if value.contains(char::REPLACEMENT_CHARACTER) {
        let fault = Fault::Value { shown: "the value".into(), says: "is not UTF-8: give plain text".into() };
        problems.push(Problem { key: path.to_owned(), at, fault });
        return None;
    }
    let mut verified = verify(&Node::scalar(value, at), shape, path, problems);
    if verified.value.is_null() {
        return None;
    }
    let nest = |inner, key: &str| Value::Object(Map::from_iter([(key.to_owned(), inner)]));
    verified.value = path.rsplit('.').fold(verified.value, nest);
    Some(verified)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_keys_have_the_same_variable_and_none_is_taken_for_another_programs() {
        let (mut names, mut count) = (BTreeSet::new(), 0);
        settable(&CONFIG.0, "", &mut |path, _| {
            count += 1;
            assert!(!is_of_others(&variable(path)), "{path}");
            names.insert(variable(path));
        });
        assert_eq!(names.len(), count);
        assert!(names.contains("SIDECART_SERVER_LISTEN"));
        assert!(names.contains("SIDECART_FEATURES_SESSIONS_MAX_LIVE"));
    }

    #[test]
    fn what_kubernetes_sets_for_a_service_of_our_name_is_no_config() {
        let environment = Environment::from([
            ("SIDECART_SERVICE_HOST", "10.0.0.1"),
            ("SIDECART_PORT", "tcp://10.0.0.1:8080"),
            ("SIDECART_PORT_8080_TCP_ADDR", "10.0.0.1"),
            (CONFIG_VARIABLE, "shop.yaml"),
        ]);
        let (mut problems, mut warnings) = (Vec::new(), Vec::new());
        assert_eq!(layer(&environment, &mut problems, &mut warnings).len(), 0);
        assert_eq!((problems, warnings), (vec![], vec![]));
    }
}
