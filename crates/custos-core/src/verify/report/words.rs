//! What a verified bundle shows, in plain words.

use super::{ContentCheck, HeldOutcome, Stamped, Verified};
use crate::ids::Timestamp;

impl Verified {
    /// Four sentences for a court: the content, the history, the log, who confirms it.
    pub fn sentences(&self) -> [String; 4] {
        [
            self.of_content(),
            self.of_history(),
            self.of_log(),
            self.of_others(),
        ]
    }

    /// What the bundle does not prove, each in one line.
    pub fn not_proven(&self) -> Vec<String> {
        let mut lines = vec![
            "that the content is true".to_string(),
            match &self.not_later_than {
                Some(not_later) => format!("what happened before {}", utc(not_later.time)),
                None => "what happened before it entered the log".into(),
            },
            "anything outside this scope, or after this export".into(),
        ];
        if self.witnesses.is_empty() {
            lines.push(
                "that the room shows everybody the same log: no trusted witness cosigned it, so \
                 compare receipts that others hold"
                    .into(),
            );
        }
        if self.timestamps.others > 0 {
            lines.push(format!(
                "the times of {} timestamps in the bundle: they are by authorities that the trust \
                 policy does not name",
                self.timestamps.others
            ));
        }
        let open = self.held.iter();
        for held in open.filter(|held| held.outcome == HeldOutcome::NotCompared) {
            lines.push(format!(
                "that the log continued from the receipt of entry {} (checkpoint {}): not \
                 compared; ask for a bundle that includes size {}",
                held.index, held.size, held.size
            ));
        }
        if self.in_the_future {
            lines.push(
                "a time in the bundle lies after this computer's clock: one of the two is wrong"
                    .into(),
            );
        }
        lines
    }

    /// What the register states, in the words that the format fixes; `None` without one.
    pub fn register_statement(&self) -> Option<String> {
        let register = self.register.as_ref()?;
        let time = register
            .time
            .map_or_else(|| format!("entry {}", register.entry), utc);
        let count = |state: &str| register.states.get(state).copied().unwrap_or(0);
        let withheld: Vec<(&str, u64)> = register
            .states
            .iter()
            .filter_map(|(state, count)| Some((state.strip_prefix("withheld:")?, *count)))
            .collect();
        let total: u64 = withheld.iter().map(|(_, count)| count).sum();
        let codes: Vec<String> = withheld
            .iter()
            .map(|(code, count)| format!("{code}: {count}"))
            .collect();
        let codes = if codes.is_empty() {
            String::new()
        } else {
            format!(" under these codes ({})", codes.join(", "))
        };
        let twice = if register.every_item_opened {
            ""
        } else {
            " Only the court, which is given every opening, can exclude that a withheld item \
             stands for another."
        };
        Some(format!(
            "The register, made for {}, states: every item entered in this scope up to {time}: \
             {}; served {}; withheld {total}{codes}; \
             expunged {}. Sealed compartments, and items never entered here, are not covered.{twice}",
            register.recipient,
            register.n,
            count("served"),
            count("expunged"),
        ))
    }

    fn of_content(&self) -> String {
        let since = match &self.not_later_than {
            Some(not_later) => {
                let by = match (&not_later.authority, not_later.witnesses.as_slice()) {
                    (Some(authority), _) => {
                        format!("according to the time authority `{authority}`")
                    }
                    (None, []) => "by the room's own clock".into(),
                    (None, [witness]) => format!("as the witness `{witness}` confirms"),
                    (None, all) => format!("as the witnesses `{}` confirm", all.join("`, `")),
                };
                format!("not later than {}, {by}", utc(not_later.time))
            }
            None => "at a time that this bundle does not show".into(),
        };
        let mut text = match &self.content {
            ContentCheck::Whole {
                added,
                size,
                sha256,
            } => format!(
                "The file is unchanged since its deposit as entry {added} of the custody log, \
                 {since}: {size} bytes, fingerprint (SHA-256) {sha256}."
            ),
            ContentCheck::Excerpt {
                added,
                leaves,
                of,
                bytes,
            } => format!(
                "The {bytes} bytes shown ({leaves} of {of} pieces) are unchanged since the \
                 deposit of the whole file as entry {added} of the custody log, {since}."
            ),
            ContentCheck::NotIncluded => format!(
                "This bundle holds no file: it shows the history of the {} {} alone.",
                self.manifest.subject.kind, self.manifest.subject.id
            ),
        };
        if let Some(redaction) = &self.redaction {
            text += &format!(
                " It is a redacted copy: {} of the original's {} records are shown verbatim, {} \
                 are withheld, each under its code ({}).",
                redaction.shown,
                redaction.records,
                redaction.withheld,
                redaction.codes.join(", ")
            );
        }
        text
    }

    fn of_history(&self) -> String {
        let subject = &self.manifest.subject;
        format!(
            "These {} entries, without a gap, are the history of the {} {} that the room `{}` \
             committed to in the scope {}, up to this export.",
            self.history.len(),
            subject.kind,
            subject.id,
            self.manifest.origin,
            self.manifest.scope,
        )
    }

    fn of_log(&self) -> String {
        let mut text = match self.checkpoints.as_slice() {
            [first, .., last] => format!(
                "The log was never rewritten between the {} checkpoints held here, from {first} \
                 to {last} entries.",
                self.checkpoints.len()
            ),
            _ => format!(
                "The log is held here at one checkpoint, of {} entries; no earlier one is there \
                 to compare it with.",
                self.manifest.checkpoint
            ),
        };
        if !self.held.is_empty() {
            let compared = self.held.iter();
            let compared = compared.filter(|held| held.outcome != HeldOutcome::NotCompared);
            text += &format!(
                " Of {} receipts kept elsewhere, all are of entries in this bundle, and the \
                 checkpoints of {} are part of the same log.",
                self.held.len(),
                compared.count()
            );
        }
        text
    }

    /// What time authorities say.
    fn of_time(&self) -> String {
        let told = |stamped: &Stamped| {
            format!(
                "the log of {} entries existed at {}, according to `{}`",
                stamped.size,
                utc(stamped.time),
                stamped.authority
            )
        };
        let confirmed = &self.timestamps.confirmed;
        let told: Vec<String> = match confirmed.as_slice() {
            [first, .., last] => vec![told(first), told(last)],
            some => some.iter().map(told).collect(),
        };
        match (told.is_empty(), self.timestamps.others) {
            (true, 0) => "It holds no timestamps.".into(),
            (true, others) => format!(
                "It holds {others} timestamps, none by an authority that the trust policy names."
            ),
            (false, _) => format!("By its timestamps {}.", told.join("; ")),
        }
    }

    fn of_others(&self) -> String {
        let timestamps = self.of_time();
        if self.witnesses.is_empty() {
            return format!("No trusted witness confirms the newest checkpoint. {timestamps}");
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
        format!(
            "The newest checkpoint is confirmed by these witnesses: {}. {timestamps}",
            witnesses.join(", ")
        )
    }
}

/// A moment as `2026-09-21 14:13:20 UTC`, fractions of a second cut off.
pub fn utc(time: Timestamp) -> String {
    const DAY_SECONDS: i64 = 86_400;
    let seconds = time.micros().div_euclid(1_000_000);
    let (days, second) = (
        seconds.div_euclid(DAY_SECONDS),
        seconds.rem_euclid(DAY_SECONDS),
    );
    // Years begin in March here, so that a leap day ends one; 719,468 days lie between
    // 1 March of year 0 and 1970, 146,097 in 400 years of the Gregorian calendar.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (-1, "1969-12-31 23:59:59 UTC"),
            (951_782_399, "2000-02-28 23:59:59 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (951_868_800, "2000-03-01 00:00:00 UTC"),
            (1_790_000_000, "2026-09-21 14:13:20 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"),
            (-2_203_891_200, "1900-03-01 00:00:00 UTC"),
        ] {
            let time = Timestamp::from_micros(seconds * 1_000_000).expect("in range");
            assert_eq!(utc(time), expected);
        }
    }
}
