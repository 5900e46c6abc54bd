//! Cuts a body into its elements without judging them, so that one bad element spoils itself only.

/// How a body packs its elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// One element per line (`application/x-ndjson`).
    Lines,
    /// One JSON object, or one JSON array of elements: told apart by the first byte.
    Json,
}

/// The elements of `body`, in order. Blank lines are skipped and have no index.
///
/// A JSON array is cut at the commas of its top level; what lies between them is left to the element's own parser.
/// Several objects one after the other, as sloppy senders of NDJSON produce them under `application/json`, are lines.
pub fn elements(body: &[u8], packing: Packing) -> Elements<'_> {
    let rest = body.trim_ascii();
    if packing == Packing::Lines || is_lines(rest) {
        return Elements { rest, cut: Cut::Lines };
    }
    match rest.strip_prefix(b"[") {
        Some(inner) => Elements { rest: inner, cut: Cut::Array },
        None => Elements { rest, cut: Cut::One },
    }
}

/// The whole of `body` as one element.
pub fn whole(body: &[u8]) -> Elements<'_> {
    Elements { rest: body.trim_ascii(), cut: Cut::One }
}

/// Whether a body that starts with an object goes on after the line on which that object ends.
fn is_lines(body: &[u8]) -> bool {
    if !body.starts_with(b"{") {
        return false;
    }
    let after = outline(body).find(|(_, byte)| *byte == b'}').map_or(&[][..], |(end, _)| &body[end + 1..]);
    !after.trim_ascii_start().is_empty() && after.iter().find(|b| !matches!(b, b' ' | b'\t' | b'\r')) == Some(&b'\n')
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    Lines,
    Array,
    One,
}

/// See [`elements`].
#[derive(Debug, Clone)]
pub struct Elements<'a> {
    rest: &'a [u8],
    cut: Cut,
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        match self.cut {
            Cut::Lines => self.next_line(),
            Cut::Array => self.next_of_array(),
            Cut::One => {
                let whole = std::mem::take(&mut self.rest);
                (!whole.is_empty()).then_some(whole)
            }
        }
    }
}

impl<'a> Elements<'a> {
    fn next_line(&mut self) -> Option<&'a [u8]> {
        while !self.rest.is_empty() {
            let end = self.rest.iter().position(|b| *b == b'\n').unwrap_or(self.rest.len());
            let line = self.rest[..end].trim_ascii();
            self.rest = self.rest.get(end + 1..).unwrap_or_default();
            if !line.is_empty() {
                return Some(line);
            }
        }
        None
    }

    fn next_of_array(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest.trim_ascii_start();
        if rest.is_empty() {
            return None;
        }
        let end = value_end(rest);
        let element = rest[..end].trim_ascii();
        self.rest = match rest.get(end) {
            Some(b',') => &rest[end + 1..],
            Some(b']') => self.after_array(&rest[end + 1..]),
            // The body ends in the middle of the element: its own parser says so.
            _ => &[],
        };
        if element.is_empty() && self.rest.is_empty() { None } else { Some(element) }
    }

    /// What follows the closing bracket is one more element, which no parser will accept, unless it is nothing.
    fn after_array(&mut self, after: &'a [u8]) -> &'a [u8] {
        self.cut = Cut::One;
        after.trim_ascii()
    }
}

/// Where the first value of `text` ends: at a comma or a closing bracket of its own level.
fn value_end(text: &[u8]) -> usize {
    outline(text).find(|(_, byte)| matches!(byte, b',' | b']')).map_or(text.len(), |(at, _)| at)
}

/// The bytes that give `text` its shape at the top level: commas, brackets closed that were never opened, and braces
/// that close what was opened. What stands inside texts does not count.
fn outline(text: &[u8]) -> impl Iterator<Item = (usize, u8)> {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    text.iter().copied().enumerate().filter(move |(_, byte)| {
        if in_text {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_text = false,
                _ => {}
            }
            return false;
        }
        match byte {
            b'"' => in_text = true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth > 0 => {
                depth -= 1;
                return depth == 0 && *byte == b'}';
            }
            b',' | b']' => return depth == 0,
            _ => {}
        }
        false
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(body: &str, packing: Packing) -> Vec<String> {
        elements(body.as_bytes(), packing).map(|e| String::from_utf8_lossy(e).into_owned()).collect()
    }

    #[test]
    fn an_object_is_one_element() {
        assert_eq!(cut(r#" {"a": [1, 2]} "#, Packing::Json), [r#"{"a": [1, 2]}"#]);
        assert_eq!(cut("", Packing::Json), Vec::<String>::new());
    }

    #[test]
    fn an_array_is_cut_at_its_own_commas() {
        assert_eq!(cut(r#"[{"a": "},{"}, {"b": NaN}, 3 ]"#, Packing::Json), [r#"{"a": "},{"}"#, r#"{"b": NaN}"#, "3"]);
        assert_eq!(cut("[]", Packing::Json), Vec::<String>::new());
        assert_eq!(cut("[1,,2]", Packing::Json), ["1", "", "2"]);
    }

    #[test]
    fn a_quote_in_a_text_does_not_end_it() {
        assert_eq!(cut(r#"[{"a": "x\",\\"}, 2]"#, Packing::Json), [r#"{"a": "x\",\\"}"#, "2"]);
    }

    #[test]
    fn a_body_that_ends_early_keeps_what_came_before() {
        assert_eq!(cut(r#"[{"a": 1}, {"b": "#, Packing::Json), [r#"{"a": 1}"#, r#"{"b":"#]);
        assert_eq!(cut(r#"[{"a": 1}] trailing"#, Packing::Json), [r#"{"a": 1}"#, "trailing"]);
    }

    #[test]
    fn lines_are_elements_whatever_the_type_says() {
        assert_eq!(cut("{\"a\":1}\n\n{\"a\":2}\r\n", Packing::Lines), [r#"{"a":1}"#, r#"{"a":2}"#]);
        assert_eq!(cut("{\"a\":1}\n{\"a\":2}\n", Packing::Json), [r#"{"a":1}"#, r#"{"a":2}"#]);
    }

    proptest::proptest! {
        #[test]
        fn an_array_of_texts_is_cut_into_its_texts(texts in proptest::collection::vec(".*", 0..8)) {
            let body = serde_json::to_string_pretty(&texts).expect("JSON");
            let cut: Vec<String> = elements(body.as_bytes(), Packing::Json)
                .map(|element| serde_json::from_slice(element).expect("a text"))
                .collect();
            proptest::prop_assert_eq!(cut, texts);
        }

        #[test]
        fn any_bytes_are_cut_into_parts_no_longer_than_they_are(body: Vec<u8>) {
            for packing in [Packing::Json, Packing::Lines] {
                let total: usize = elements(&body, packing).map(<[u8]>::len).sum();
                proptest::prop_assert!(total <= body.len());
            }
        }
    }
}
