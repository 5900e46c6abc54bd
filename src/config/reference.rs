//! `docs/config.md`, generated from the types.

use super::shape::{CONFIG, Field, Shape};
use super::words;

const HEADER: &str = "\
# Config reference

<!-- Generated from src/config: change the doc comments there, then `UPDATE_EXPECT=1 cargo test config::`. -->

`cross-sell-config.yaml`, every key optional. `sidecart init` writes it with all defaults and comments, `sidecart check`
checks it and names every error at once, `sidecart check --schema` prints its JSON Schema for editors.

**Which value counts:** flags (`--listen`, `--data-dir`), then environment variables, then the file, then the default.
Records and maps are laid on top of each other key by key; a list replaces the one below it. A key without a value has
its default.

**Environment variables** are named after the path of the key: upper case, joined by `_`, with `SIDECART_` in front, so
`server.listen` is `SIDECART_SERVER_LISTEN`. Keys below a name chosen by the shop (`placements`, `curated`) have none. A
variable set to nothing counts as unset, and one that names no key is warned of. `SIDECART_CONFIG` names the file.

**Changes** of the file are taken up by a running server: it watches the file, and `SIGHUP` and `PUT /v1/config` do the
same ([docs/configuration-changes.md](configuration-changes.md)). Keys that shape the state, the files or the process need
a restart: their change is named (`restartRequired`) and not taken up. Each section says which are which.

**References** `${NAME}` and `${NAME:-default}` in any value are replaced by environment variables, after the YAML is
read, so that what they hold is never more than a value; `$${` stands for `${`. Within `{...}` and `[...]` quote them.

**Durations** are numbers with units: `250ms`, `30s`, `15m`, `1h30m`, `7d`. **Sizes** are a number of bytes or have a unit:
`64MiB`, `4GiB`, `8MB`. **Items** are ids as in the catalogue, quoted or not.
";

/// The reference, as Markdown.
fn reference() -> String {
    let mut out = HEADER.to_owned();
    section(&mut out, &CONFIG.0, "", "Top level", "");
    out
}

fn section(out: &mut String, shape: &Shape, path: &str, title: &str, about: &str) {
    let Shape::Record(fields) = shape else { return };
    let (parts, keys): (Vec<&Field>, Vec<&Field>) = fields.iter().partition(|field| is_section(field));
    out.push_str(&format!("\n## {title}\n"));
    if !about.is_empty() {
        out.push_str(&format!("\n{about}\n"));
    }
    let live = keys.iter().filter(|field| field.live).count();
    if !keys.is_empty() {
        let taken = match live {
            0 => "A change needs a restart.",
            n if n == keys.len() => "A change is taken up at once.",
            _ => "A change of a key marked *live* is taken up at once; of the others it needs a restart.",
        };
        out.push_str(&format!("\n{taken}\n"));
        out.push_str("\n| Key | Value | Default | Meaning |\n|---|---|---|---|\n");
    }
    let mixed = live > 0 && live < keys.len();
    for field in keys {
        row(out, field, &join(path, &field.name), mixed && field.live);
    }
    for field in parts {
        let path = join(path, &field.name);
        match &field.shape {
            Shape::Map(map) => {
                let defaults = format!("{} Default: `{}`.", field.about, words::of_default(field));
                let each = join(&path, &map.each);
                section(out, &map.value, &each, &format!("`{each}`"), &defaults);
            }
            shape => section(out, shape, &path, &format!("`{path}`"), &field.about),
        }
    }
}

/// Whether a key has a table of its own.
fn is_section(field: &Field) -> bool {
    match &field.shape {
        Shape::Record(_) => !field.one_line,
        Shape::Map(map) => matches!(map.value, Shape::Record(_)),
        _ => false,
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn row(out: &mut String, field: &Field, path: &str, marked: bool) {
    let name = path.rsplit('.').next().unwrap_or(path);
    let mut meaning = field.about.clone();
    if let Shape::Choice(choices) = &field.shape {
        for choice in choices {
            meaning.push_str(&format!(" `{}`: {}", choice.word, choice.about));
        }
    }
    if let Some(example) = &field.example {
        meaning.push_str(&format!(" Example: `{example}`."));
    }
    let name = if marked { format!("`{name}` *live*") } else { format!("`{name}`") };
    let cells = [name, words::of_shape(&field.shape), format!("`{}`", words::of_default(field)), meaning];
    let cells = cells.map(|cell| cell.replace('|', "\\|"));
    out.push_str(&format!("| {} |\n", cells.join(" | ")));
}

#[cfg(test)]
mod tests {
    use expect_test::expect_file;

    use super::*;

    #[test]
    fn the_reference_in_docs_is_the_one_generated() {
        expect_file!["../../docs/config.md"].assert_eq(&reference());
    }
}
