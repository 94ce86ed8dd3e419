//! What a verified export shows, in plain words.

use super::VerifiedExport;
use crate::{
    export::{Asked, Field},
    ids::Timestamp,
    verify::{HeldOutcome, utc},
};

impl VerifiedExport {
    /// Four sentences: the list, the log, what is withheld, who confirms it.
    pub fn sentences(&self) -> [String; 4] {
        [
            self.of_list(),
            self.of_log(),
            self.of_withheld(),
            self.of_others(),
        ]
    }

    /// What the export does not prove, each in one line.
    pub fn not_proven(&self) -> Vec<String> {
        let mut lines = vec![
            "that these are all entries about what was asked for: the room leaves out what \
             whoever asked may not see, and says nothing of it"
                .to_string(),
            "that what an entry says is true; it is what the room entered".into(),
            "anything after this export".into(),
        ];
        if self.witnesses.is_empty() {
            lines.push(
                "that the room shows everybody the same log: no trusted witness cosigned it, so \
                 compare receipts that others hold"
                    .into(),
            );
        }
        let open = self.held.iter();
        for held in open.filter(|held| held.outcome == HeldOutcome::NotCompared) {
            lines.push(format!(
                "that the log continued from the receipt of entry {} (checkpoint {}): not compared",
                held.index, held.size
            ));
        }
        if self.in_the_future {
            lines.push(
                "a time in the export lies after this computer's clock: one of the two is wrong"
                    .into(),
            );
        }
        lines
    }

    fn of_list(&self) -> String {
        let when = self.made.time.map_or_else(String::new, |time| {
            format!(" on {} by its clock", utc(time))
        });
        format!(
            "These {} entries are exactly what the room `{}` exported of its custody log{when}, \
             as its entry {} says: {}.",
            self.entries.len(),
            self.origin,
            self.made.index,
            asked(&self.asked),
        )
    }

    fn of_log(&self) -> String {
        format!(
            "Each of them stands at its place in the log of {} entries, and what is shown of it \
             is what the room entered.",
            self.size
        )
    }

    fn of_withheld(&self) -> String {
        let names: Vec<&str> = self.withheld.fields().map(Field::name).collect();
        match names.as_slice() {
            [] => "No field was withheld by whoever made this export, beyond what they may not \
                   show."
                .into(),
            names => format!(
                "Whoever made this export withheld these fields of every entry: {}; others may \
                 be withheld because they may not show them.",
                names.join(", ")
            ),
        }
    }

    fn of_others(&self) -> String {
        if self.witnesses.is_empty() {
            return "No trusted witness confirms the checkpoint.".into();
        }
        let witnesses: Vec<String> = self
            .witnesses
            .iter()
            .map(|seen| {
                let seconds = i64::try_from(seen.unix_seconds).unwrap_or(i64::MAX);
                let time = Timestamp::from_micros(seconds.saturating_mul(1_000_000));
                let time = time.map_or_else(|_| "a time out of range".into(), utc);
                format!("`{}` ({time})", seen.witness)
            })
            .collect();
        let witnesses = witnesses.join(", ");
        format!("The checkpoint is confirmed by these witnesses: {witnesses}.")
    }
}

/// What was asked for, in words.
pub fn asked(asked: &Asked) -> String {
    let mut words = Vec::new();
    if let Some(case) = asked.case {
        words.push(format!("entries of the case {case}"));
    }
    if let Some(item) = asked.item {
        words.push(format!("entries about the item {item}"));
    }
    if let Some(person) = asked.person {
        words.push(format!("done by the person {person}"));
    }
    if let Some(from) = asked.from {
        words.push(format!("from {}", utc(from)));
    }
    if let Some(to) = asked.to {
        words.push(format!("before {}", utc(to)));
    }
    words.join(", ")
}
