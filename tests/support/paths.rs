//! Which paths a Rust source names, read from its tokens: enough to hold a house rule, not a parser.

use std::iter::Peekable;
use std::vec::IntoIter;

/// All names and paths of the code, `use` trees spelt out; comments, texts and the tests at a file's end left out.
pub fn paths(source: &str) -> Vec<String> {
    let code = source.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let mut tokens = tokens(code).into_iter().peekable();
    let mut found = Vec::new();
    while let Some(token) = tokens.next() {
        if token == "use" {
            tree("", &mut tokens, &mut found);
        } else if is_name(&token) {
            let path = rest_of_path(token, &mut tokens);
            found.push(path);
        }
    }
    found
}

/// One `use` tree below `prefix`: a path, or a path and braces with more trees.
fn tree(prefix: &str, tokens: &mut Peekable<IntoIter<String>>, found: &mut Vec<String>) {
    let path = rest_of_path(prefix.to_owned(), tokens);
    if tokens.next_if(|token| token == "as").is_some() {
        tokens.next();
    }
    if tokens.next_if(|token| token == "{").is_none() {
        found.push(path);
        return;
    }
    while let Some(token) = tokens.next_if(|token| token != "}") {
        if token != "," {
            tree(&format!("{path}{token}"), tokens, found);
        }
    }
    tokens.next();
}

/// `path` and what is joined to it by `::`.
fn rest_of_path(mut path: String, tokens: &mut Peekable<IntoIter<String>>) -> String {
    let joins = |path: &str, token: &str| match token {
        "::" => true,
        "*" => path.ends_with("::"),
        name => is_name(name) && (path.is_empty() || path.ends_with("::")),
    };
    while let Some(token) = tokens.next_if(|token| joins(&path, token)) {
        path.push_str(&token);
    }
    path
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Names, `::` and single signs; comments and texts are skipped.
fn tokens(code: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    for line in code.lines() {
        let mut rest = line.split("//").next().unwrap_or_default();
        while let Some(first) = rest.chars().next() {
            let length = match first {
                '"' => rest[1..].find('"').map_or(rest.len(), |end| end + 2),
                _ if first.is_alphanumeric() || first == '_' => {
                    rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())
                }
                _ if rest.starts_with("::") => 2,
                _ => first.len_utf8(),
            };
            if first != '"' && !first.is_whitespace() {
                tokens.push(rest[..length].to_owned());
            }
            rest = &rest[length..];
        }
    }
    tokens
}
