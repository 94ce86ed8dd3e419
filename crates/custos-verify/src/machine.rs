//! The result as JSON, for programs. `result` is `verified`, `not verified` or `error`.

use custos_core::{
    checkpoint::{Cosignature, Endorsement},
    receipt::Receipt,
    verify::{
        ContentCheck, Failure, HeldCheck, HeldOutcome, HistoryLine, Shown, Verified, VerifiedExport,
    },
};
use serde_json::{Value, json};

use crate::{
    log::{Found, Key},
    people::word,
};

/// Everything that a verified bundle shows. Times are microseconds since 1970 UTC; what is
/// withheld is null, and of an entry named by `withheld`; an actor who is null and not withheld
/// is the room itself.
pub fn verified(verified: &Verified) -> String {
    let manifest = &verified.manifest;
    let timestamps = json!({
        "confirmed": verified.timestamps.confirmed.iter().map(|stamped| json!({
            "authority": stamped.authority,
            "size": stamped.size,
            "time": stamped.time,
        })).collect::<Vec<_>>(),
        "others": verified.timestamps.others,
    });
    print(&json!({
        "result": "verified",
        "origin": manifest.origin,
        "subject": manifest.subject.to_value(),
        "scope": manifest.scope,
        "sentences": verified.sentences(),
        "not_proven": verified.not_proven(),
        "content": content(&verified.content),
        "not_later_than": verified.not_later_than.as_ref().map(|not_later| json!({
            "time": not_later.time,
            "witnesses": not_later.witnesses,
            "authority": not_later.authority,
        })),
        "redaction": verified.redaction.as_ref().map(|redaction| json!({
            "records": redaction.records,
            "shown": redaction.shown,
            "withheld": redaction.withheld,
            "codes": redaction.codes,
        })),
        "register": verified.register.as_ref().map(|register| json!({
            "entry": register.entry.get(),
            "scope": register.scope,
            "recipient": register.recipient,
            "time": register.time,
            "n": register.n,
            "states": register.states,
            "every_item_opened": register.every_item_opened,
            "statement": verified.register_statement(),
        })),
        "log": {
            "checkpoints": verified.checkpoints,
            "root": verified.root,
            "witnesses": witnesses(&verified.witnesses),
        },
        "timestamps": timestamps,
        "held": held(&verified.held),
        "history": lines(&verified.history),
        "others": lines(&verified.others),
    }))
}

/// Everything that a verified export of the log shows, in the same words.
pub fn export(verified: &VerifiedExport) -> String {
    print(&json!({
        "result": "verified",
        "origin": verified.origin,
        "asked": verified.asked.to_value(),
        "withheld": verified.withheld.to_value(),
        "sentences": verified.sentences(),
        "not_proven": verified.not_proven(),
        "log": {
            "checkpoints": [verified.size],
            "root": verified.root,
            "witnesses": witnesses(&verified.witnesses),
        },
        "held": held(&verified.held),
        "entries": lines(&verified.entries),
        "made": lines(std::slice::from_ref(&verified.made)),
    }))
}

/// The step that failed.
pub fn failure(failure: &Failure) -> String {
    print(&json!({
        "result": "not verified",
        "step": failure.step.word(),
        "what": failure.what,
        "advice": failure.advice(),
    }))
}

/// A receipt that does not hold; there are no steps.
pub fn bad_receipt(what: &str) -> String {
    print(&json!({"result": "not verified", "step": null, "what": what}))
}

/// Nothing is known.
pub fn error(what: &str) -> String {
    print(&json!({"result": "error", "what": what}))
}

/// A receipt that holds.
pub fn receipt(receipt: &Receipt, endorsement: &Endorsement) -> String {
    let summary = receipt.summary();
    print(&json!({
        "result": "verified",
        "origin": summary.origin,
        "index": summary.index.get(),
        "size": summary.size,
        "commitment": summary.commitment,
        "kind": word(summary.kind),
        "time": summary.time,
        "scope": summary.scope,
        "subject": {"type": word(summary.subject_type), "id": summary.subject_id},
        "witnesses": witnesses(&endorsement.cosignatures),
    }))
}

/// A log that does not hold.
pub fn bad_log(what: &str) -> String {
    print(&json!({"result": "not verified", "step": null, "what": what}))
}

/// A whole log that holds.
pub fn log(found: &Found<'_>) -> String {
    let (checkpoint, log, endorsement) = (found.checkpoint, found.log, found.endorsement);
    print(&json!({
        "result": "verified",
        "origin": checkpoint.origin(),
        "size": log.size,
        "root": checkpoint.root(),
        "tiles": log.tiles,
        "controls": log.controls.iter().map(|(index, control)| json!({
            "index": index.get(),
            "kind": control.kind.as_str(),
            "log_keys": control.log_keys,
            "bundle_keys": control.bundle_keys,
        })).collect::<Vec<_>>(),
        "keys": found.keys.all().iter().map(|key| json!({
            "vkey": key.key().to_string(),
            "from": key.from(),
            "to": key.to(),
        })).collect::<Vec<_>>(),
        "key_by_trust_alone": found.key == Key::Trusted,
        "continues": found.before.map(|before| json!({
            "origin": before.signed.checkpoint().origin(),
            "size": before.signed.checkpoint().size(),
            "root": before.signed.checkpoint().root(),
            "trusted": before.trusted,
        })),
        "witnesses": witnesses(&endorsement.cosignatures),
    }))
}

fn content(content: &ContentCheck) -> Value {
    match content {
        ContentCheck::NotIncluded => Value::Null,
        ContentCheck::Whole {
            added,
            size,
            sha256,
        } => json!({"added": added.get(), "size": size, "sha256": sha256}),
        ContentCheck::Excerpt {
            added,
            leaves,
            of,
            bytes,
        } => json!({"added": added.get(), "leaves": leaves, "of": of, "bytes": bytes}),
    }
}

fn held(held: &[HeldCheck]) -> Vec<Value> {
    held.iter()
        .map(|held| {
            json!({
                "index": held.index.get(),
                "size": held.size,
                "outcome": match held.outcome {
                    HeldOutcome::SameCheckpoint => "same checkpoint",
                    HeldOutcome::Continued => "continued",
                    HeldOutcome::NotCompared => "not compared",
                },
            })
        })
        .collect()
}

fn witnesses(seen: &[Cosignature]) -> Vec<Value> {
    seen.iter()
        .map(|seen| json!({"name": seen.witness, "unix_seconds": seen.unix_seconds}))
        .collect()
}

fn lines(lines: &[HistoryLine]) -> Vec<Value> {
    lines
        .iter()
        .map(|line| {
            json!({
                "index": line.index.get(),
                "nth": line.nth,
                "time": line.time,
                "kind": line.kind,
                "actor": known(&line.actor),
                "role": known(&line.role),
                "withheld": withheld(line),
                "commitment": line.commitment,
            })
        })
        .collect()
}

fn known<T>(shown: &Shown<T>) -> Option<&T> {
    match shown {
        Shown::Is(value) => Some(value),
        Shown::Withheld | Shown::Null => None,
    }
}

/// The names of what is null because it is not shown.
fn withheld(line: &HistoryLine) -> Vec<&'static str> {
    let hidden = [
        ("time", line.time.is_none()),
        ("kind", line.kind.is_none()),
        ("actor", line.actor == Shown::Withheld),
        ("role", line.role == Shown::Withheld),
    ];
    let hidden = hidden.into_iter().filter(|(_, hidden)| *hidden);
    hidden.map(|(name, _)| name).collect()
}

fn print(value: &Value) -> String {
    format!("{value:#}\n")
}
