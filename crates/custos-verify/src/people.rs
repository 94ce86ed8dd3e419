//! The result in sentences, for people.

use std::fmt::Write;

use custos_core::{
    checkpoint::Endorsement,
    receipt::Receipt,
    verify::{Failure, HistoryLine, Verified, utc},
};

/// Four sentences, what is not proven, and the timeline.
pub fn verified(verified: &Verified) -> String {
    let mut text = String::from("VERIFIED\n\n");
    for (number, sentence) in (1..).zip(verified.sentences()) {
        line(&mut text, &format!("{number}. {}", printable(&sentence)));
    }
    if let Some(statement) = verified.register_statement() {
        line(
            &mut text,
            &format!("\nThe register states: {}", printable(&statement)),
        );
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
            "Entry {} of the log `{}` is a `{}` of the {}{subject}, {when} by the room's clock.",
            summary.index, summary.origin, summary.kind, summary.subject_type
        )),
    );
    line(
        &mut text,
        &format!(
            "It is in the log of {} entries, which the room signed.",
            summary.size
        ),
    );
    for seen in &endorsement.cosignatures {
        let name = printable(&seen.witness);
        line(
            &mut text,
            &format!("The witness `{name}` confirms that log."),
        );
    }
    text
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
        let actor = entry.actor.map_or_else(withheld, |actor| actor.to_string());
        let role = entry
            .role
            .as_ref()
            .map_or_else(String::new, |role| format!(" ({role})"));
        let row = format!("{:>10}  {when:<23}  {kind:<16}  {actor}{role}", entry.index);
        line(text, &printable(&row));
    }
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("writing into a string does not fail");
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
    use super::*;

    #[test]
    fn terminals_are_not_commanded() {
        assert_eq!(
            printable("a\x1b[2Jb\u{202e}c\nd"),
            "a\u{fffd}[2Jb\u{fffd}c\u{fffd}d"
        );
        assert_eq!(printable("Zeugin \u{00fc}"), "Zeugin \u{00fc}");
    }
}
