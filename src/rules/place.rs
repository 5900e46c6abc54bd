use std::collections::BTreeMap;

use crate::config::At;

/// Knows where the values of a config stand, down to the character of a text.
#[derive(Debug, Clone, Copy)]
pub struct Placer<'a> {
    places: &'a BTreeMap<String, At>,
    /// The file's text.
    source: Option<&'a str>,
}

impl<'a> Placer<'a> {
    /// Places of keys, and the text of the file they are of.
    #[must_use]
    pub fn new(places: &'a BTreeMap<String, At>, source: Option<&'a str>) -> Self {
        Self { places, source }
    }

    /// Where the value of a key stands, or else that of the nearest key above.
    #[must_use]
    pub fn at(&self, key: &str) -> At {
        let mut key = key;
        loop {
            match (self.places.get(key), key.rfind('.')) {
                (Some(at), _) => return at.clone(),
                (None, Some(dot)) => key = &key[..dot],
                (None, None) => return At::Nowhere,
            }
        }
    }

    /// Where the character of that place (from 0) in the text of a key stands in the file: within quotes and blocks too.
    /// A text that cannot be followed, for an alias or a reference, is given by its beginning.
    #[must_use]
    pub fn within(&self, key: &str, text: &str, place: usize) -> At {
        let at = self.at(key);
        let At::File { name, line, column } = &at else { return at };
        let found = self.source.and_then(|source| follow(source, *line, *column, text, place));
        match found {
            Some((line, column)) => At::File { name: name.clone(), line, column },
            None => at,
        }
    }
}

/// Walks the file's text and the value side by side.
fn follow(source: &str, line: usize, column: usize, text: &str, place: usize) -> Option<(usize, usize)> {
    let mut raw = Raw::at(source, line, column)?;
    let first = raw.peek()?;
    let quote = (first == '"' || first == '\'').then_some(first);
    if quote.is_some() {
        raw.next();
    } else if first == '|' || first == '>' {
        while raw.next()? != '\n' {}
        raw.skip_white();
    }
    for (index, wanted) in text.chars().enumerate() {
        let here = raw.place();
        let is_white = wanted.is_whitespace();
        if index == place && !is_white {
            return Some(here);
        }
        match raw.peek()? {
            '\\' if quote == Some('"') => {
                raw.next();
                raw.next();
            }
            '\'' if quote == Some('\'') && wanted == '\'' => {
                raw.next();
                raw.next();
            }
            // A line that is folded is one space of the value, with its indentation.
            found if is_white && found.is_whitespace() => {
                raw.next();
                if found == '\n' || raw.peek() == Some('\n') {
                    raw.skip_white();
                }
            }
            found if found == wanted => {
                raw.next();
            }
            _ => return None,
        }
        if index == place {
            return Some(here);
        }
    }
    (place >= text.chars().count()).then(|| raw.place())
}

/// A cursor in the file.
struct Raw<'a> {
    rest: std::str::Chars<'a>,
    line: usize,
    column: usize,
}

impl<'a> Raw<'a> {
    fn at(source: &'a str, line: usize, column: usize) -> Option<Self> {
        let begin: usize = source.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum();
        let skipped: usize = source.get(begin..)?.chars().take(column.checked_sub(1)?).map(char::len_utf8).sum();
        Some(Self { rest: source.get(begin + skipped..)?.chars(), line, column })
    }

    fn peek(&self) -> Option<char> {
        self.rest.clone().next()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.rest.next()?;
        if next == '\n' {
            self.line += 1;
            self.column = 1;
        } else {
            self.column += 1;
        }
        Some(next)
    }

    fn skip_white(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.next();
        }
    }

    fn place(&self) -> (usize, usize) {
        (self.line, self.column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_is_found_in_every_style_of_text() {
        // The place of `x` in each.
        for (source, column, text, expected) in [
            ("a: b + x", 4, "b + x", (1, 8)),
            ("a: 'b ''c'' x'", 4, "b 'c' x", (1, 13)),
            ("a: \"b \\\"c\\\" x\"", 4, "b \"c\" x", (1, 13)),
            ("a: |\n  b\n  x\n", 4, "b\nx\n", (3, 3)),
            ("a: >-\n  b +\n  x\n", 4, "b + x", (3, 3)),
            ("a: b +\n   x\n", 4, "b + x", (2, 4)),
        ] {
            let place = text.chars().position(|c| c == 'x').expect("an x");
            assert_eq!(follow(source, 1, column, text, place), Some(expected), "{source}");
        }
        assert_eq!(follow("a: *name", 1, 4, "b + x", 4), None);
    }
}
