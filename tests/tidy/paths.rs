//! Reads paths out of Rust source, well enough for `use` lines written in the house style.

/// Whether `path` is `rule` (`a::b`) or lies below it.
pub fn starts_with(path: &[String], rule: &str) -> bool {
    let rule: Vec<_> = rule.split("::").collect();
    path.len() >= rule.len() && path.iter().zip(&rule).all(|(a, b)| a == b)
}

/// Every path that follows `root::` in `code`, with brace groups expanded: after `crate`,
/// `crate::{a, b::c}` gives `a` and `b::c`.
pub fn paths_after(code: &str, root: &str) -> Vec<Vec<String>> {
    let start = format!("{root}::");
    let mut found = Vec::new();
    for (at, _) in code.match_indices(&start) {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        expand(&code[at + start.len()..], &[], &mut found);
    }
    found
}

/// Expands the use tree at the start of `text` below `prefix`; gives what follows it.
fn expand<'t>(text: &'t str, prefix: &[String], found: &mut Vec<Vec<String>>) -> &'t str {
    let mut path = prefix.to_vec();
    let mut rest = text.trim_start();
    loop {
        if let Some(mut group) = rest.strip_prefix('{') {
            loop {
                group = group.trim_start_matches([',', ' ', '\n', '\t']);
                match group.chars().next() {
                    None => return group,
                    Some('}') => return &group[1..],
                    Some(_) => {
                        let after = expand(group, &path, found);
                        // Whatever is no use tree (`as name`, a glob) is stepped over.
                        let skip = after.find([',', '}']).unwrap_or(after.len());
                        group = &after[skip..];
                    }
                }
            }
        }
        let end = rest
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        path.push(rest[..end].to_owned());
        rest = &rest[end..];
        match rest.strip_prefix("::") {
            Some(next) => rest = next.trim_start(),
            None => {
                found.push(path);
                return rest;
            }
        }
    }
}

/// `text` without `//` comments.
pub fn without_comments(text: &str) -> String {
    text.lines()
        .map(|line| line.split_once("//").map_or(line, |(code, _)| code))
        .flat_map(|code| [code, "\n"])
        .collect()
}
