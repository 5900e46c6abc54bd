//! JSON with errors that name the place and the remedy.

use serde::Deserialize;
use serde_json::error::Category;

use super::reject::{Code, Rejection};
use super::scalar::clip;

/// The words for numbers that JSON does not have, but that serialisers of sloppy senders write.
const NOT_NUMBERS: [&str; 6] = ["NaN", "nan", "Infinity", "-Infinity", "inf", "-inf"];
/// Fields whose value is an amount; see [`Code::BadPrice`].
const AMOUNTS: [&str; 2] = ["price", "cost"];

/// Parses one element of a body.
///
/// # Errors
/// [`Code::NotUtf8`], [`Code::BadJson`], [`Code::BadShape`], and [`Code::BadPrice`] for an amount of `NaN`.
pub fn parse<'a, T: Deserialize<'a>>(element: &'a [u8]) -> Result<T, Rejection> {
    let text = std::str::from_utf8(element).map_err(|error| {
        let problem = format!("byte {} is not UTF-8: send UTF-8", error.valid_up_to() + 1);
        Rejection::whole(Code::NotUtf8, problem)
    })?;
    if !text.starts_with('{') {
        let problem = format!("`{}` is not an object: send an object such as {{\"itemId\": ...}}", clip(text));
        return Err(Rejection::whole(Code::BadShape, problem));
    }
    serde_json::from_str(text).map_err(|error| explain(text, &error))
}

fn explain(text: &str, error: &serde_json::Error) -> Rejection {
    if let Some(rejection) = not_a_number(text, error) {
        return rejection;
    }
    match error.classify() {
        Category::Data => {
            Rejection::whole(Code::BadShape, format!("not of the right shape ({error}): see /openapi.json"))
        }
        _ => {
            Rejection::whole(Code::BadJson, format!("not valid JSON ({error}): check its quotes, commas and brackets"))
        }
    }
}

/// The rejection of `"price": NaN`, which a parser can only call a syntax error.
fn not_a_number(text: &str, error: &serde_json::Error) -> Option<Rejection> {
    let line_start = text.split_inclusive('\n').take(error.line().checked_sub(1)?).map(str::len).sum::<usize>();
    let about = (line_start + error.column()).min(text.len());
    // The parser stops within the word or right after it; the word starts after the last colon before that.
    let colon = text.get(..about)?.rfind(':')?;
    let value = text[colon + 1..].trim_start();
    let word = NOT_NUMBERS.into_iter().find(|word| value.starts_with(word))?;
    let key = text[..colon].trim_end().strip_suffix('"')?;
    let key = &key[key.rfind('"')? + 1..];
    let code = if AMOUNTS.contains(&key) { Code::BadPrice } else { Code::BadJson };
    let problem = format!("is `{word}`, which is not a finite number: give an amount such as 3.49, or leave it out");
    Some(Rejection::field(code, key, problem))
}
