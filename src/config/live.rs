//! Which keys a running server takes up, and which need a restart. The mark stands beside the key (`x-live`); a key
//! without it shapes the state, the files or the process, so that changing it under a running server would break "same
//! log, same config, same state".

use serde_json::Value;

use super::Config;
use super::consistency::conflicts;
use super::fault::{At, ConfigErrors, Problem};
use super::load::version;
use super::shape::{CONFIG, Shape};

/// A config for a running server: what is live of a new one, all else as it runs.
#[derive(Debug, Clone)]
pub struct Mixed {
    /// The config.
    pub config: Config,
    /// Names it by its content.
    pub version: String,
    /// Keys in which the new one differs and that need a restart.
    pub restart_required: Vec<String>,
}

/// One key whose value differs between two configs.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Path of the key.
    pub key: String,
    /// The value in the first; `None`: the key is not there.
    pub from: Option<Value>,
    /// The value in the second; `None`: the key is not there.
    pub to: Option<Value>,
    /// Whether a running server takes the change up.
    pub live: bool,
}

/// Takes the live keys from `wanted` and all others from `running`.
///
/// # Errors
/// [`ConfigErrors::Invalid`] where the two together are in conflict: such a change needs a restart as a whole.
pub fn mix(wanted: &Config, running: &Config) -> Result<Mixed, ConfigErrors> {
    let restart_required = differences(wanted, running).into_iter().filter(|d| !d.live).map(|d| d.key).collect();
    let value = live_over(&CONFIG.0, &plain(wanted), &plain(running));
    let config: Config =
        serde_json::from_value(value).expect("both configs were checked, and so is each of their keys");
    let problem =
        |conflict: super::consistency::Conflict| Problem { key: conflict.key, at: At::Nowhere, fault: conflict.fault };
    let problems: Vec<Problem> = conflicts(&config).into_iter().map(problem).collect();
    if !problems.is_empty() {
        return Err(ConfigErrors::invalid(problems));
    }
    Ok(Mixed { version: version(&config), config, restart_required })
}

/// What of a config is for all replicas, its live keys, with the defaults of all others: where these are the same, so is
/// this.
pub(super) fn common(config: &Config) -> Value {
    live_over(&CONFIG.0, &plain(config), &plain(&Config::default()))
}

/// The keys in which two configs differ, in the order of the reference.
#[must_use]
pub fn differences(from: &Config, to: &Config) -> Vec<Difference> {
    let mut found = Vec::new();
    compare(&CONFIG.0, Some(&plain(from)), Some(&plain(to)), "", false, &mut found);
    found
}

fn plain(config: &Config) -> Value {
    serde_json::to_value(config).expect("the config is plain data")
}

fn live_over(shape: &Shape, wanted: &Value, running: &Value) -> Value {
    let Shape::Record(fields) = shape else { return running.clone() };
    let own = |field: &super::shape::Field| {
        let (wanted, running) = (&wanted[&field.name], &running[&field.name]);
        let value = if field.live { wanted.clone() } else { live_over(&field.shape, wanted, running) };
        (field.name.clone(), value)
    };
    Value::Object(fields.iter().map(own).collect())
}

fn compare(
    shape: &Shape,
    from: Option<&Value>,
    to: Option<&Value>,
    path: &str,
    live: bool,
    found: &mut Vec<Difference>,
) {
    if from == to {
        return;
    }
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match (shape, from, to) {
        (Shape::Record(fields), Some(from), Some(to)) => {
            for field in fields {
                let path = below(&field.name);
                compare(&field.shape, from.get(&field.name), to.get(&field.name), &path, field.live, found);
            }
        }
        (Shape::Map(map), Some(Value::Object(old)), Some(Value::Object(new))) => {
            let mut keys: Vec<&String> = old.keys().chain(new.keys()).collect();
            keys.sort_unstable();
            keys.dedup();
            for key in keys {
                compare(&map.value, old.get(key), new.get(key), &below(key), live, found);
            }
        }
        _ => found.push(Difference { key: path.to_owned(), from: from.cloned(), to: to.cloned(), live }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Placement, Span};

    fn changed(change: impl FnOnce(&mut Config)) -> Config {
        let mut config = Config::default();
        change(&mut config);
        config
    }

    #[test]
    fn live_keys_are_taken_and_all_others_named() {
        let wanted = changed(|config| {
            config.candidates.limit = 77;
            config.placements.insert("mini".into(), Placement { limit: 1, ..Placement::default() });
            config.data_dir = "elsewhere".into();
            config.features.sessions.max_live = 5;
        });
        let mixed = mix(&wanted, &Config::default()).expect("no conflict");
        assert_eq!(mixed.config.candidates.limit, 77);
        assert_eq!(mixed.config.placement("mini").limit, 1);
        assert_eq!(mixed.config.data_dir, Config::default().data_dir);
        assert_eq!(mixed.config.features, Config::default().features);
        assert_eq!(mixed.restart_required, ["data_dir", "features.sessions.max_live"]);
        assert_eq!(mixed.version, version(&mixed.config));
    }

    #[test]
    fn what_only_goes_together_after_a_restart_is_refused_as_a_whole() {
        let days = |days: i64| Span::from_ms(days * 86_400_000);
        let wanted = changed(|config| {
            (config.events.dedupe_window, config.events.allowed_lateness) = (days(9), days(8));
        });
        let error = mix(&wanted, &Config::default()).expect_err("8 days of lateness, 2 of memory").to_string();
        assert!(error.contains("`events.dedupe_window`"), "{error}");
    }

    #[test]
    fn differences_name_the_narrowest_key() {
        let new = changed(|config| {
            config.placements.remove("home");
            config.placements.entry("cart".into()).or_default().limit = 9;
        });
        let found = differences(&Config::default(), &new);
        let keys: Vec<(&str, bool)> = found.iter().map(|d| (d.key.as_str(), d.live)).collect();
        assert_eq!(keys, [("placements.cart.limit", true), ("placements.home", true)]);
        assert_eq!(found[1].to, None);
    }
}
