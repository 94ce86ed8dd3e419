//! The result in sentences, for people.

use std::fmt::Write;

use custos_core::{
    checkpoint::Endorsement,
    event::SUBJECT_TYPES,
    receipt::Receipt,
    verify::{Failure, HistoryLine, Shown, Verified, VerifiedExport, utc},
};

use crate::log::{Before, Found, Key};

/// Characters of a word that the room chose which are shown.
const MAX_WORD_CHARS: usize = 64;

/// Four sentences, what is not proven, and the timeline.
pub fn verified(verified: &Verified) -> String {
    let mut text = String::from("VERIFIED\n\n");
    for (number, sentence) in (1..).zip(verified.sentences()) {
        line(&mut text, &format!("{number}. {}", printable(&sentence)));
    }
    if let Some(statement) = verified.register_statement() {
        line(&mut text, &format!("\n{}", printable(&statement)));
    }
    line(&mut text, "\nNot proven:");
    for what in verified.not_proven() {
        line(&mut text, &format!("- {}", printable(&what)));
    }
    timeline(&mut text, "\nHistory:", &verified.history);
    if !verified.others.is_empty() {
        timeline(
            &mut text,
            "\nOther entries in this bundle:",
            &verified.others,
        );
    }
    text
}

/// The same of an export of the log: four sentences, what is not proven, the entries.
pub fn export(verified: &VerifiedExport) -> String {
    let mut text = String::from("VERIFIED\n\n");
    for (number, sentence) in (1..).zip(verified.sentences()) {
        line(&mut text, &format!("{number}. {}", printable(&sentence)));
    }
    line(&mut text, "\nNot proven:");
    for what in verified.not_proven() {
        line(&mut text, &format!("- {}", printable(&what)));
    }
    timeline(&mut text, "\nEntries:", &verified.entries);
    let made = std::slice::from_ref(&verified.made);
    timeline(&mut text, "\nThe entry of this export:", made);
    text
}

/// The step that failed and what is safe to do.
pub fn failure(failure: &Failure) -> String {
    format!(
        "NOT VERIFIED\n\nStep `{}` failed: {}\n\n{}\n",
        failure.step,
        printable(&failure.what),
        failure.advice()
    )
}

/// A receipt that holds.
pub fn receipt(receipt: &Receipt, endorsement: &Endorsement) -> String {
    let summary = receipt.summary();
    let when = summary
        .time
        .map_or_else(|| "at an unknown time".into(), utc);
    let mut text = String::from("VERIFIED\n\n");
    let subject = summary
        .subject_id
        .map_or_else(String::new, |id| format!(" {id}"));
    line(
        &mut text,
        &printable(&format!(
            "Entry {} of the log `{}` is a {} of the {}{subject}, {when} by the room's clock.",
            summary.index,
            summary.origin,
            quoted(summary.kind),
            noun(summary.subject_type),
        )),
    );
    line(
        &mut text,
        &format!(
            "It is in the log of {} entries, which the room signed.",
            summary.size
        ),
    );
    confirmed(&mut text, endorsement);
    text
}

/// A whole log that holds.
pub fn log(found: &Found<'_>) -> String {
    let (checkpoint, log, endorsement) = (found.checkpoint, found.log, found.endorsement);
    let mut text = String::from("VERIFIED\n\n");
    line(
        &mut text,
        &printable(&format!(
            "The log `{}` has {} entries. They make its {} tiles and the root that was signed.",
            checkpoint.origin(),
            log.size,
            log.tiles,
        )),
    );
    for (index, control) in &log.controls {
        let kind = control.kind.as_str();
        let keys = control.log_keys.join(" and ");
        line(
            &mut text,
            &printable(&format!(
                "From entry {index} on ({kind}), by its own word, {keys} signs it."
            )),
        );
    }
    for key in found.keys.all() {
        if let Some(to) = key.to() {
            let retired = format!(
                "The key {} was retired: it signs nothing beyond the log of {to} entries.",
                key.key()
            );
            line(&mut text, &printable(&retired));
        }
    }
    if found.key == Key::Trusted {
        let key = &endorsement.log_key;
        let told = format!(
            "That {key} signed it rests on your `trust.json` alone: by the log's own word that key \
             does not sign a log of this size."
        );
        line(&mut text, &printable(&told));
    }
    if let Some(before) = found.before {
        line(&mut text, &printable(&continues(before)));
    }
    confirmed(&mut text, endorsement);
    line(
        &mut text,
        "\nNot proven: what the entries say, and that nobody was shown another log. Compare the \
         checkpoint with those that others keep.",
    );
    text
}

/// Which log another one continues, and whose word that is.
fn continues(before: &Before) -> String {
    let checkpoint = before.signed.checkpoint();
    let (origin, size) = (word(checkpoint.origin()), checkpoint.size());
    let whose = if before.trusted {
        "the trust policy vouches for that checkpoint"
    } else {
        "by its own word: the trust policy names no key of that log"
    };
    format!("It continues the log `{origin}`, which ended with {size} entries; {whose}.")
}

fn confirmed(text: &mut String, endorsement: &Endorsement) {
    for seen in &endorsement.cosignatures {
        let name = printable(&seen.witness);
        line(text, &format!("The witness `{name}` confirms that log."));
    }
}

/// A log that does not hold.
pub fn bad_log(what: &str) -> String {
    format!(
        "NOT VERIFIED\n\nThe log does not hold: {}\n\nKeep this copy unchanged, take another from \
         the room, and ask the room for an explanation.\n",
        printable(what)
    )
}

/// A receipt that does not hold.
pub fn bad_receipt(what: &str) -> String {
    format!(
        "NOT VERIFIED\n\nThe receipt does not hold: {}\n\nKeep it unchanged, compare the trust \
         policy with the one that is published elsewhere than by the room, and ask the room for \
         an explanation.\n",
        printable(what)
    )
}

fn timeline(text: &mut String, title: &str, lines: &[HistoryLine]) {
    line(text, title);
    for entry in lines {
        let withheld = || "(withheld)".to_owned();
        let when = entry.time.map_or_else(withheld, utc);
        let kind = entry.kind.clone().unwrap_or_else(withheld);
        let actor = match entry.actor {
            Shown::Withheld => withheld(),
            Shown::Null => "the room".into(),
            Shown::Is(actor) => actor.to_string(),
        };
        let role = match &entry.role {
            Shown::Withheld => " (role withheld)".into(),
            Shown::Null => String::new(),
            Shown::Is(role) => format!(" ({role})"),
        };
        let row = format!("{:>10}  {when:<23}  {kind:<16}  {actor}{role}", entry.index);
        line(text, &printable(&row));
    }
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("writing into a string does not fail");
}

/// A word that the room chose, of a length that cannot bury the sentence around it.
pub fn word(text: &str) -> String {
    text.chars().take(MAX_WORD_CHARS).collect()
}

/// A type of subjects; in quotes where it is not one of those that the formats name.
fn noun(kind: &str) -> String {
    if SUBJECT_TYPES.contains(&kind) {
        kind.into()
    } else {
        quoted(kind)
    }
}

/// A word of the room's in quotes that it cannot end.
fn quoted(text: &str) -> String {
    format!("`{}`", word(text).replace('`', "'"))
}

/// Words of a hostile bundle, without what could command a terminal or reverse a line.
fn printable(text: &str) -> String {
    let odd = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars()
        .map(|c| if odd(c) { '\u{fffd}' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use custos_core::{hash::Hash, ids::LeafIndex};

    use super::*;

    #[test]
    fn what_the_room_did_is_not_withheld() {
        let line = |actor, role| HistoryLine {
            index: LeafIndex::new(7).expect("small"),
            nth: None,
            time: None,
            kind: Some("cover".into()),
            actor,
            role,
            commitment: Hash::from_bytes([0; 32]),
        };
        let mut text = String::new();
        let shown = [
            line(Shown::Null, Shown::Null),
            line(Shown::Withheld, Shown::Withheld),
        ];
        timeline(&mut text, "History:", &shown);
        let ends: Vec<&str> = text
            .lines()
            .filter_map(|l| l.split("cover").nth(1))
            .collect();
        assert_eq!(
            ends.iter().map(|end| end.trim()).collect::<Vec<_>>(),
            ["the room", "(withheld) (role withheld)"]
        );
    }

    #[test]
    fn types_that_nobody_knows_are_quoted_and_short() {
        assert_eq!(noun("item"), "item");
        assert_eq!(noun("item, proven true"), "`item, proven true`");
        assert_eq!(noun("a` of the court"), "`a' of the court`");
        assert_eq!(noun(&"x".repeat(1_000)).len(), 66);
    }

    #[test]
    fn terminals_are_not_commanded() {
        assert_eq!(
            printable("a\x1b[2Jb\u{202e}c\nd"),
            "a\u{fffd}[2Jb\u{fffd}c\u{fffd}d"
        );
        assert_eq!(printable("Zeugin \u{00fc}"), "Zeugin \u{00fc}");
    }
}
