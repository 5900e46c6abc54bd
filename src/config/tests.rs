//! The room as a whole: rejected files, layers, and what is written is read back.

use std::path::Path;

use expect_test::expect_file;
use proptest::prelude::*;
use serde_json::{Map, Number, Value, json};

use super::environment::{Environment, Warning};
use super::load::{Document, References, assemble, read_back};
use super::sections::candidates::Source;
use super::shape::{CONFIG, MapShape, Shape, Text};
use super::*;
use crate::wire::shapes::Field;

const REJECTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/config/rejected");

fn assembled(text: &str, environment: &Environment, overrides: &[Override]) -> Result<Loaded, ConfigErrors> {
    assemble(
        Some(Document { name: "shop.yaml", bytes: text.as_bytes(), references: References::Replaced }),
        environment,
        overrides,
    )
}

fn config(text: &str) -> Config {
    assembled(text, &Environment::default(), &[]).expect("a valid config").config
}

fn errors(text: &str) -> String {
    assembled(text, &Environment::default(), &[]).expect_err("an invalid config").to_string()
}

#[test]
fn each_rejected_file_is_rejected_in_these_words() {
    let mut files: Vec<_> = std::fs::read_dir(REJECTED)
        .expect("the rejected examples")
        .map(|entry| entry.expect("a directory entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    files.sort();
    assert!(files.len() > 40, "{} files", files.len());
    for path in files {
        let bytes = std::fs::read(&path).expect("a readable file");
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let result = assemble(
            Some(Document { name: &name, bytes: &bytes, references: References::Replaced }),
            &Environment::default(),
            &[],
        );
        let errors = result.expect_err(&name).to_string();
        expect_file![path.with_extension("txt")].assert_eq(&format!("{errors}\n"));
    }
}

#[test]
fn no_file_an_empty_file_and_comments_alone_are_all_defaults() {
    let none = assemble(None, &Environment::default(), &[]).expect("defaults");
    assert_eq!(none.config, Config::default());
    for text in ["", "\n", "# nothing\n", "---\n", "{}", "null", "\u{feff}", "server:\ncandidates: ~\n"] {
        let loaded = assembled(text, &Environment::default(), &[]).expect(text);
        assert_eq!(loaded.config, Config::default(), "{text:?}");
        assert_eq!(loaded.version, none.version);
    }
}

#[test]
fn keys_left_out_keep_their_own_default_at_every_depth() {
    let config = config("candidates: {sources: {session_knn: {weight: 2}}}\nplacements: {checkout: {limit: 3}}");
    assert_eq!(config.candidates.sources.session_knn, Source { weight: 2.0, limit: 120 });
    assert_eq!(config.candidates.sources.category, Config::default().candidates.sources.category);
    assert_eq!(config.placement("checkout").limit, 3);
    assert_eq!(config.placement("checkout").deadline, Some(Span::from_ms(30)));
    assert_eq!(config.placement("cart"), Config::default().placement("cart"));
    assert_eq!(config.placement("unheard-of"), Placement::default());
    assert_eq!(config.deadline(&config.placement("unheard-of")), config.server.deadline);
}

#[test]
fn null_is_a_value_only_where_the_type_has_one() {
    let config = config("placements: {checkout: {deadline: null, limit: null}}");
    assert_eq!(config.placement("checkout"), Placement { deadline: None, ..Config::default().placement("checkout") });
}

#[test]
fn item_ids_are_kept_as_written() {
    let config = config("curated: {pairs: {00123: [1e3, 'no', no, 0x10, \"a: b\"]}}");
    let (key, items) = config.curated.pairs.iter().next().expect("a pair");
    assert_eq!(key.as_str(), "00123");
    let items: Vec<&str> = items.iter().map(|item| item.as_str()).collect();
    assert_eq!(items, ["1e3", "no", "no", "0x10", "a: b"]);
}

#[test]
fn anchors_and_aliases_stand_for_their_value() {
    let config = config("placements:\n  cart: &usual {limit: 7}\n  basket: *usual\n");
    assert_eq!(config.placement("basket").limit, 7);
}

#[test]
fn references_are_replaced_and_typed_by_the_schema() {
    let environment = Environment::from([("PORT", "9000"), ("N", "64"), ("TRICK", "{max_in_flight: 1}")]);
    let text = "server: {listen: \"0.0.0.0:${PORT}\", max_in_flight: \"${N}\"}\ndata_dir: ${TRICK}/${NOPE:-x}\n\
                access: {open: true}";
    let config = assembled(text, &environment, &[]).expect("a valid config").config;
    assert_eq!(config.server.listen.port(), 9000);
    assert_eq!(config.server.max_in_flight, 64);
    assert_eq!(config.data_dir, Path::new("{max_in_flight: 1}/x"));
}

#[test]
fn what_a_reference_stands_for_is_not_shown_in_errors() {
    let environment = Environment::from([("SECRET", "hunter2")]);
    let errors = assembled("server: {listen: \"${SECRET}\"}", &environment, &[]).expect_err("not an address");
    let errors = errors.to_string();
    assert!(errors.starts_with("`${SECRET}` for `server.listen` at shop.yaml:1:18 is not an address"), "{errors}");
    assert!(!errors.contains("hunter2"));
}

#[test]
fn flags_count_over_environment_over_file_over_defaults() {
    let text = "server: {listen: 127.0.0.1:1, deadline: 11ms, max_in_flight: 11}";
    let environment = Environment::from([
        ("SIDECART_SERVER_LISTEN", "127.0.0.1:2"),
        ("SIDECART_SERVER_DEADLINE", "22ms"),
        ("SIDECART_DATA_DIR", ""),
    ]);
    let flags = [Override { key: "server.listen", flag: "--listen", value: "127.0.0.1:3".into() }];
    let config = assembled(text, &environment, &flags).expect("a valid config").config;
    assert_eq!(config.server.listen.port(), 3);
    assert_eq!(config.server.deadline, Span::from_ms(22));
    assert_eq!(config.server.max_in_flight, 11);
    assert_eq!(config.server.max_body, Config::default().server.max_body);
    assert_eq!(config.data_dir, Config::default().data_dir);
}

#[test]
fn values_of_variables_and_flags_are_checked_together_with_the_file() {
    let environment = Environment::from([("SIDECART_EVENTS_QUEUE", "many"), ("SIDECART_SERVER_DEADLINE", "1h")]);
    let flags = [Override { key: "server.listen", flag: "--listen", value: "8080".into() }];
    let errors = assembled("vrsion: 1", &environment, &flags).expect_err("four errors").to_string();
    assert_eq!(
        errors.lines().collect::<Vec<_>>(),
        [
            "unknown key `vrsion` at shop.yaml:1:1: did you mean `version`?",
            "`many` for `events.queue` in the environment variable `SIDECART_EVENTS_QUEUE` is not a whole number: \
             give 64 to 10000000",
            "`1h` for `server.deadline` in the environment variable `SIDECART_SERVER_DEADLINE` is above 10s: \
             give 1ms to 10s",
            "`8080` for `server.listen` in the flag `--listen` is not an address: give an IP address and a port, \
             such as `127.0.0.1:8080` or `[::]:8080`",
        ]
    );
}

#[test]
fn an_unknown_variable_of_ours_is_warned_of() {
    let environment = Environment::from([("SIDECART_SERVER_LISTN", "127.0.0.1:2"), ("SIDECARD", "1")]);
    let warnings = assembled("", &environment, &[]).expect("a valid config").warnings;
    let words: Vec<String> = warnings.iter().map(Warning::to_string).collect();
    assert_eq!(
        words,
        ["unknown environment variable `SIDECART_SERVER_LISTN` is ignored: did you mean `SIDECART_SERVER_LISTEN`?"]
    );
}

#[test]
fn values_of_different_layers_can_be_in_conflict() {
    let environment = Environment::from([("SIDECART_EVENTS_ALLOWED_LATENESS", "72h")]);
    let errors = assembled("", &environment, &[]).expect_err("a conflict").to_string();
    assert_eq!(
        errors,
        "`48h` for `events.dedupe_window` in the environment variable `SIDECART_EVENTS_ALLOWED_LATENESS` is below \
         `events.allowed_lateness` (`72h`): give at least `72h`, or lower `events.allowed_lateness`"
    );
}

#[test]
fn a_wrong_value_is_not_reported_as_a_conflict_too() {
    assert_eq!(errors("events: {dedupe_window: 0s, allowed_lateness: 72h}").lines().count(), 1);
}

#[test]
fn errors_beyond_the_limit_are_counted() {
    let text: String = (0..130).map(|n| format!("k{n}: 1\n")).collect();
    let errors = errors(&text);
    assert_eq!(errors.lines().count(), 101);
    assert!(errors.ends_with("and 30 more"), "{errors}");
}

#[test]
fn the_version_names_the_content_and_not_the_form() {
    let version = |text| assembled(text, &Environment::default(), &[]).expect(text).version;
    assert_eq!(version("server: {deadline: 1s}"), version("# why\nserver:\n  deadline: 1000ms\n"));
    assert_ne!(version("server: {deadline: 1s}"), version(""));
    assert_eq!(version("").len(), 12);
}

#[test]
fn a_file_that_cannot_be_read_says_why_and_what_to_do() {
    let words = |path: &Path| load(Some(path), &[]).expect_err("unreadable").to_string();
    let dir = tempfile::tempdir().expect("a directory");
    let missing = dir.path().join("nope.yaml");
    assert!(words(&missing).ends_with("there is no such file: check the path, or write one by `sidecart init`"));
    assert!(words(dir.path()).ends_with("it is a directory: name the file, such as `cross-sell-config.yaml`"));
    let large = dir.path().join("large.yaml");
    std::fs::write(&large, vec![b'#'; (16 << 20) + 1]).expect("a large file");
    assert!(words(&large).ends_with("it is larger than 16MiB: is it a config?"));
}

#[test]
fn the_file_that_init_writes_is_the_default() {
    assert_eq!(config(&render(&Config::default())), Config::default());
}

/// Any value of a shape.
fn any_value(shape: &Shape) -> BoxedStrategy<Value> {
    match shape {
        Shape::Record(fields) => {
            let each: Vec<_> = fields.iter().map(|f| (Just(f.name.clone()), any_value(&f.shape))).collect();
            each.prop_map(|entries| Value::Object(entries.into_iter().collect())).boxed()
        }
        Shape::Map(map) => prop::collection::btree_map(any_key(map), any_value(&map.value), 0..3)
            .prop_map(|entries| {
                let named = entries.into_iter().filter(|(key, _)| !key.trim().is_empty());
                Value::Object(named.collect::<Map<_, _>>())
            })
            .boxed(),
        Shape::List(item) => prop::collection::vec(any_value(item), 0..3).prop_map(Value::Array).boxed(),
        Shape::Choice(choices) => {
            let words: Vec<Value> = choices.iter().map(|choice| Value::from(choice.word.as_str())).collect();
            prop::sample::select(words).boxed()
        }
        Shape::Bool => any::<bool>().prop_map(Value::from).boxed(),
        Shape::Integer(range) => (range.least.unwrap_or(0)..=range.greatest.unwrap_or(1 << 40))
            .prop_map(|number| Number::from_i128(number).map_or(Value::Null, Value::Number))
            .boxed(),
        Shape::Number(range) => {
            (range.least.unwrap_or(0.0)..=range.greatest.unwrap_or(1e9)).prop_map(Value::from).boxed()
        }
        Shape::Text(text) => any_text(text),
        Shape::Any => prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[ -~é]{0,8}".prop_map(Value::from),
        ]
        .boxed(),
    }
}

fn any_key(map: &MapShape) -> BoxedStrategy<String> {
    match map.key.map(|kind| kind.name) {
        Some("event field") => prop::sample::select(&Field::ALL[..]).prop_map(|field| field.name().to_owned()).boxed(),
        _ => "[!-~é ]{1,8}".boxed(),
    }
}

fn any_text(text: &Text) -> BoxedStrategy<Value> {
    let bound = |bound: &Option<String>| {
        let order = text.kind.and_then(|kind| kind.order);
        order.zip(bound.as_deref()).and_then(|(order, bound)| order(bound)).unwrap_or_default()
    };
    let range = bound(&text.range.least)..=bound(&text.range.greatest);
    match text.kind.map(|kind| kind.name) {
        Some("duration") => range.prop_map(|ms| Value::from(format!("{ms}ms"))).boxed(),
        Some("size") => range.prop_map(|bytes| Value::from(bytes.to_string())).boxed(),
        Some("address") => {
            any::<(u32, u16)>().prop_map(|(ip, port)| json!(format!("{}:{port}", std::net::Ipv4Addr::from(ip)))).boxed()
        }
        Some("key hash") => "sha256:[0-9a-f]{64}".prop_map(Value::from).boxed(),
        Some("origin") => "https://[a-z]{1,9}\\.example(:[0-9]{2,4})?".prop_map(Value::from).boxed(),
        Some("redis") => "rediss?://[a-z]{1,9}\\.example:[1-9][0-9]{1,3}".prop_map(Value::from).boxed(),
        Some("store") => "(s3|gs|az)://[a-z]{3,9}/[a-z/]{0,9}".prop_map(Value::from).boxed(),
        Some("store address") => {
            "https?://[a-z]{1,9}\\.example(:[0-9]{2,4})?(/[a-z0-9]{3,9})?".prop_map(Value::from).boxed()
        }
        Some("date or time") => Just(Value::from("2026-12-24T18:00")).boxed(),
        Some("time span") => Just(Value::from("22:00-02:00")).boxed(),
        Some("time zone") => Just(Value::from("Europe/Berlin")).boxed(),
        Some("place") => "[a-z_]{1,6}(\\.[a-z]{1,4}){0,2}(\\+[a-z]{1,4})?".prop_map(Value::from).boxed(),
        Some("currency") => "[A-Z]{3}".prop_map(Value::from).boxed(),
        _ => prop_oneof!["[ -~éß中]{0,12}x", Just("${HOME}/$${x".to_owned()), Just("null".to_owned())]
            .prop_map(Value::from)
            .boxed(),
    }
}

proptest! {
    #[test]
    fn whatever_is_rendered_is_read_back_as_it_was(value in any_value(&CONFIG.0)) {
        let mut config: Config = serde_json::from_value(value).expect("a config");
        // Maps of the file are laid on the defaults, so a config without these cannot be written.
        config.placements.extend(Config::default().placements);
        let text = render(&config);
        prop_assert_eq!(read_back(&text).map_err(|errors| TestCaseError::fail(format!("{errors}\n{text}")))?, config);
    }

    #[test]
    fn any_text_at_all_gives_a_config_or_errors_with_places(text in "[ -~\n\t\u{0}é]{0,200}") {
        prop_assert!(is_settled(&text));
    }

    #[test]
    fn any_yaml_like_text_gives_a_config_or_errors_with_places(
        text in "((server|curated|a)(:|: |:\n  |: \\{|: \\[|: &a |: \\*a|\n|- |, |\\}|\\]|'|\"|\\$\\{|#|\\||>){0,3}){0,20}"
    ) {
        prop_assert!(is_settled(&text));
    }
}

/// Whether a text gives a config, or at least one error and none without line and column.
fn is_settled(text: &str) -> bool {
    match assembled(text, &Environment::default(), &[]) {
        Ok(_) => true,
        Err(ConfigErrors::Invalid(problems, _)) => {
            let placed = |problem: &Problem| matches!(problem.at, At::File { line: 1.., column: 1.., .. });
            !problems.is_empty() && problems.iter().all(placed)
        }
        Err(ConfigErrors::Unreadable { .. }) => false,
    }
}

#[test]
fn a_body_may_have_no_references_and_what_was_written_down_is_taken_as_it_is() {
    let text = "placements: {'${HOME}': {limit: 1}}\ncurated: {lists: {cart: ['${HOME:-x}']}}";
    let error = read_body(text.as_bytes(), &[]).expect_err("a reference").to_string();
    let says = "reference in `${HOME:-x}` at body:2:26: references are replaced in files only, give the value itself";
    assert_eq!(error, says);
    let stored = json!({"curated": {"lists": {"cart": ["${HOME}"]}}});
    let loaded = read_stored("stored", &stored, &[]).expect("a config");
    assert_eq!(loaded.config.curated.lists["cart"][0].as_str(), "${HOME}");
}
