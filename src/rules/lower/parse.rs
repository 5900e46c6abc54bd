//! From text to the tree of the `cel` crate, within bounds.

use std::panic::{AssertUnwindSafe, catch_unwind};

use cel::common::ast::{IdedExpr, SourceInfo};

use super::{MAX_NESTING, Wrong};

/// Operators, dots and brackets at most: a chain of them is a tree as deep as it is long, which is walked by recursion, and
/// what overflows the stack takes the process with it. Found by fuzzing.
const MAX_LINKS: usize = 512;

pub(super) fn parse(text: &str) -> Result<(IdedExpr, SourceInfo), Vec<Wrong>> {
    let whole = |says: &str| vec![Wrong { place: 0, shown: "the condition".into(), says: says.to_owned() }];
    if nesting(text) > MAX_NESTING {
        return Err(whole(&format!("nests more than {MAX_NESTING} brackets: split it into several rules")));
    }
    if links(text) > MAX_LINKS {
        return Err(whole(&format!("has more than {MAX_LINKS} operators and dots: split it into several rules")));
    }
    // The parser is another's code: what it does not foresee must cost this condition, and nothing else.
    let parsed = catch_unwind(AssertUnwindSafe(|| cel::parser::Parser::new().parse_with_source_info(text)));
    let parsed = parsed.map_err(|_| whole("is not a CEL expression: check its quotes and brackets"))?;
    parsed.map_err(|errors| {
        let place = |(line, column): (isize, isize)| {
            let before = text.split_inclusive('\n').take(usize::try_from(line - 1).unwrap_or(0));
            before.map(|line| line.chars().count()).sum::<usize>() + usize::try_from(column).unwrap_or(0)
        };
        let wrong = |error: &cel::ParseError| Wrong {
            place: place(error.pos).min(text.chars().count()),
            shown: "the condition".into(),
            says: format!("is not a CEL expression: {}", plain(&error.msg)),
        };
        let first = errors.errors.first().map(wrong);
        first.map_or_else(|| whole("is not a CEL expression"), |wrong| vec![wrong])
    })
}

/// The parser's words without its list of all tokens that could have come.
fn plain(message: &str) -> String {
    let message = message.split(" expecting ").next().unwrap_or(message).trim();
    let message = message.strip_prefix("Syntax error: ").unwrap_or(message);
    message.replace("<EOF>", "its end")
}

/// All that may make the tree one deeper, quoted or not.
fn links(text: &str) -> usize {
    let twos: usize = ["&&", "||", "==", "!="].iter().map(|link| text.matches(link).count()).sum();
    twos + text.bytes().filter(|byte| b".?+-*/%<>([{".contains(byte)).count()
}

/// The deepest nesting of brackets and of signs before a value.
fn nesting(text: &str) -> usize {
    let (mut depth, mut run, mut deepest) = (0_usize, 0_usize, 0);
    for c in text.chars().filter(|c| !c.is_whitespace()) {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        run = if matches!(c, '!' | '-') { run + 1 } else { 0 };
        deepest = deepest.max(depth + run);
    }
    deepest
}
