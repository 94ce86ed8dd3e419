//! The policy sets that were ever built in, and how one set differs from another.

use custos_core::hash::Hash;
use similar::{ChangeTag, TextDiff};

use super::source::{SCHEMA_FILE, Source};

/// Hashes of the sets that were built in, the oldest first; the last one is of this program. A
/// change of a policy adds a line.
const BUILT_IN: &str = include_str!("../../policies/sets");

/// Lines of one file that are compared; of a longer one it is only said that it differs.
const MAX_LINES: usize = 2_000;

/// Whether a set is one that was built in, here or in a version before: nobody edited it.
pub fn was_built_in(set: Hash) -> bool {
    let set = set.to_string();
    BUILT_IN.lines().any(|line| line == set)
}

/// How a file differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Its name; [`SCHEMA_FILE`] for the schema.
    pub file: String,
    /// Its lines that differ, in order: `-` before what the first set has, `+` before what the
    /// second one has. None of a file that is too long.
    pub lines: Vec<String>,
}

/// How `theirs` differs from `ours`, file by file; files that are equal are left out.
pub fn differences(theirs: &Source, ours: &Source) -> Vec<Difference> {
    let of = |source: &Source, name: &str| {
        let files = source.files().iter();
        let mut found = files.filter(|(file, _)| file == name);
        found
            .next()
            .map(|(_, text)| text.clone())
            .unwrap_or_default()
    };
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in theirs.files().iter().chain(ours.files()) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    names.sort_unstable();
    let schema = (
        SCHEMA_FILE,
        theirs.schema().to_owned(),
        ours.schema().to_owned(),
    );
    let files = names
        .into_iter()
        .map(|name| (name, of(theirs, name), of(ours, name)));
    std::iter::once(schema)
        .chain(files)
        .filter(|(_, theirs, ours)| theirs != ours)
        .map(|(file, theirs, ours)| Difference {
            file: file.into(),
            lines: changed(&theirs, &ours),
        })
        .collect()
}

/// The lines that one of two texts has and the other has not.
fn changed(theirs: &str, ours: &str) -> Vec<String> {
    let (theirs, ours): (Vec<&str>, Vec<&str>) = (theirs.lines().collect(), ours.lines().collect());
    if theirs.len() > MAX_LINES || ours.len() > MAX_LINES {
        return Vec::new();
    }
    let diff = TextDiff::from_slices(&theirs, &ours);
    let lines = diff.iter_all_changes().filter_map(|line| match line.tag() {
        ChangeTag::Equal => None,
        ChangeTag::Delete => Some(format!("- {}", line.value())),
        ChangeTag::Insert => Some(format!("+ {}", line.value())),
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_set_of_this_program_is_the_last_of_those_that_were_built_in() {
        let present = Source::embedded().hash().to_string();
        let last = BUILT_IN.lines().last();
        assert_eq!(
            last,
            Some(present.as_str()),
            "a policy changed: add its set's hash to policies/sets, so that rooms that have the set before can be brought forward"
        );
        let lines: Vec<&str> = BUILT_IN.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            assert!(line.len() == 64 && !lines[..at].contains(line), "{line}");
        }
        assert!(was_built_in(Source::embedded().hash()));
        let edited = Source::new("entity A;", &[("a.cedar", "")]).expect("a set");
        assert!(!was_built_in(edited.hash()));
    }

    #[test]
    fn what_differs_is_named_line_by_line() {
        let set = |schema: &str, files: &[(&str, &str)]| Source::new(schema, files).expect("a set");
        let theirs = set("one\ntwo\nfour", &[("a.cedar", "a"), ("own.cedar", "x\ny")]);
        let ours = set(
            "one\nthree\nfour\nfive",
            &[("a.cedar", "a"), ("new.cedar", "z")],
        );
        assert_eq!(differences(&ours, &ours), []);
        let found = differences(&theirs, &ours);
        let found: Vec<_> = found
            .iter()
            .map(|one| (one.file.as_str(), one.lines.join(" ")))
            .collect();
        let wanted = [
            (SCHEMA_FILE, "- two + three + five"),
            ("new.cedar", "+ z"),
            ("own.cedar", "- x - y"),
        ];
        assert_eq!(found, wanted.map(|(file, lines)| (file, lines.to_owned())));
    }

    #[test]
    fn a_file_too_long_to_compare_is_named_all_the_same() {
        let long = "line\n".repeat(MAX_LINES + 1);
        let set = |schema: &str| Source::new(schema, &[]).expect("a set");
        let found = differences(&set(&long), &set("line"));
        assert_eq!((found.len(), found[0].lines.len()), (1, 0));
    }
}
