//! What people and programs are told of a deposit.

use std::path::Path;

use crate::cli::say;
use crate::client::{
    deposit::{Became, Done, Outcome},
    journal::Kept,
    names,
    report::{self, Line, Report, State, Tally},
};

/// What became of one file, as soon as it is known. What is only reported people read at the
/// end, together.
pub(super) fn one(line: &Line<'_>, manifests: &[&Path], json: bool) {
    if json {
        say(&report::object(line, manifests).to_string());
        return;
    }
    let file = names::shown(&line.entry.file);
    match &line.became {
        Became::In(done) => say(&format!("{file}: {}", sentence(done))),
        Became::LeftOut => {}
        Became::Failed(failure) => eprintln!("{file}: {}", failure.text()),
    }
}

/// All of it, when nothing more comes.
pub(super) fn all(report: &Report<'_>, json: bool) {
    if json {
        say(&report.summary().to_string());
        return;
    }
    for state in State::ALL {
        let Some(heading) = heading(state) else {
            continue;
        };
        let of_state = report.lines.iter().filter(|line| line.state == state);
        section(heading, of_state.map(|line| about(line)));
    }
    let twice = report.lines.iter().filter(|line| line.entry.twice);
    let lines = twice.map(|line| {
        let named = line.entry.named.iter().map(|named| {
            let manifest = names::shown(report.manifests[named.manifest]);
            format!("{manifest} line {}", named.line)
        });
        let named: Vec<String> = named.collect();
        format!("{}: {}", names::shown(&line.entry.file), named.join(", "))
    });
    section("named more than once:", lines);
    if !report.manifests.is_empty() {
        say(&compared(&report.tally));
    }
    say(&summary(&report.tally));
}

fn section(heading: &str, mut lines: impl Iterator<Item = String>) {
    let Some(first) = lines.next() else {
        return;
    };
    say(heading);
    for line in std::iter::once(first).chain(lines) {
        say(&format!("  {line}"));
    }
}

/// Above the files of a state; those in which everything is as it should be are not listed.
fn heading(state: State) -> Option<&'static str> {
    Some(match state {
        State::Matched | State::Unchecked => return None,
        State::Mismatched => "not what was noted:",
        State::Missing => "named, but not there:",
        State::Outside => "named, but outside the root, so not looked at:",
        State::Unreadable => "there, but can't be read:",
        State::Unlisted => "there, but not named, so not deposited:",
        State::Link => "symbolic links, not followed:",
        State::Special => "neither file nor folder, not deposited:",
        State::Own => "of this command itself, not deposited:",
    })
}

fn about(line: &Line<'_>) -> String {
    let file = names::shown(&line.entry.file);
    if line.state != State::Mismatched {
        return file;
    }
    let both = line.mismatches.iter().map(|mismatch| {
        let (declared, found) = (&mismatch.declared, &mismatch.found);
        format!("{} noted as {declared}, is {found}", mismatch.algorithm)
    });
    let both: Vec<String> = both.collect();
    let what = match (&line.became, line.quarantined()) {
        (_, Some(true)) => "in quarantine",
        (_, Some(false)) => "deposited, not in quarantine",
        (Became::LeftOut, _) => "left out",
        _ => "not deposited",
    };
    format!("{file}: {}; {what}", both.join(", "))
}

fn sentence(done: &Done) -> String {
    let Kept {
        item, reference, ..
    } = &done.kept;
    let reference = names::plain(reference);
    let how = match done.outcome {
        Outcome::Deposited => format!("deposited as {reference}, item {item}"),
        Outcome::Skipped => {
            format!("skipped, it was deposited before as {reference}, item {item}")
        }
        Outcome::Recovered => {
            format!("skipped, an earlier attempt had deposited it as {reference}, item {item}")
        }
    };
    let quarantine = if done.kept.quarantined {
        "; QUARANTINED, because a declared hash is not that of its bytes: the item is safe, both values are kept with it"
    } else {
        ""
    };
    let receipt = done.receipt.as_deref().map(names::shown);
    let receipt = receipt.map_or_else(String::new, |path| format!("; receipt {path}"));
    format!("{how}{quarantine}{receipt}")
}

fn compared(tally: &Tally) -> String {
    let counts = [
        (tally.mismatched, "not what was noted"),
        (tally.unchecked, "without anything to compare"),
        (tally.missing, "missing"),
        (tally.outside, "outside the root"),
        (tally.unlisted + tally.unlisted_wanted, "not named"),
        (tally.twice, "named more than once"),
        (tally.unreadable, "can't be read"),
    ];
    listed(format!("{} as noted", tally.matched), &counts)
}

fn summary(tally: &Tally) -> String {
    let counts = [
        (tally.skipped, "skipped because they are in the room"),
        (tally.quarantined, "in quarantine"),
        (
            tally.mismatched_left_out,
            "left out because they are not what was noted",
        ),
        (tally.failed, "failed"),
    ];
    listed(format!("{} deposited", tally.deposited), &counts)
}

fn listed(mut text: String, counts: &[(u64, &str)]) -> String {
    for (count, what) in counts.iter().filter(|(count, _)| *count > 0) {
        text.push_str(&format!(", {count} {what}"));
    }
    text
}
