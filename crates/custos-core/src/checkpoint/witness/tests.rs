use super::*;
use crate::{
    checkpoint::{Cosigner, NoteSigner, TrustPolicy},
    merkle::{MemoryLog, leaf_hash, prove_consistency, root_at},
};

const ORIGIN: &str = "room.example/log";
const NOW: u64 = 1_790_000_000;

fn log_signer() -> NoteSigner {
    NoteSigner::from_seed(ORIGIN, &[1; 32]).expect("a key")
}

fn cosigner() -> Cosigner {
    Cosigner::from_seed("witness.example", &[2; 32]).expect("a key")
}

fn now() -> Timestamp {
    Timestamp::from_micros(NOW as i64 * 1_000_000).expect("a time")
}

/// A log of leaves that begin to differ by `fork` at `from`.
fn log(size: u64, from: u64, fork: u8) -> MemoryLog {
    let leaf = |n: u64| [&n.to_be_bytes()[..], &[if n < from { 0 } else { fork }]].concat();
    (0..size).map(|n| leaf_hash(&leaf(n))).collect()
}

fn signed(log: &MemoryLog, signer: &NoteSigner) -> SignedCheckpoint {
    let checkpoint = Checkpoint::new(ORIGIN, log.size(), log.root()).expect("a checkpoint");
    SignedCheckpoint::sign(checkpoint, &[signer]).expect("signed")
}

fn request(old: u64, log: &MemoryLog) -> AddCheckpoint {
    let proof = match old {
        0 => Vec::new(),
        old => prove_consistency(old, log.size(), log).expect("a proof"),
    };
    AddCheckpoint {
        old,
        proof,
        checkpoint: signed(log, &log_signer()),
    }
}

fn judged(request: &AddCheckpoint, known: Option<&MemoryLog>) -> Result<(), Refusal> {
    let known = known.map(|log| signed(log, &log_signer()).checkpoint().clone());
    let key = log_signer();
    request.judge(known.as_ref(), &[key.verifier_key()])
}

#[test]
fn a_request_is_read_as_it_was_written() {
    let bytes = request(5, &log(300, 300, 0)).to_bytes();
    let read = AddCheckpoint::parse(&bytes).expect("a request");
    assert_eq!(read.to_bytes(), bytes);
    assert!(bytes.starts_with(b"old 5\n") && read.proof.len() > 5);
    let first = request(0, &log(1, 1, 0)).to_bytes();
    assert!(first.starts_with(b"old 0\n\nroom.example/log\n1\n"));
    assert!(AddCheckpoint::parse(&first).is_ok());
}

/// The example of the specification, whose checkpoint is of another log.
#[test]
fn the_example_of_the_specification_is_read() {
    let example = "old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

\u{2014} example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
\u{2014} example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=
";
    let read = AddCheckpoint::parse(example.as_bytes()).expect("a request");
    assert_eq!((read.old, read.proof.len()), (20_852_014, 4));
    assert_eq!(read.to_bytes(), example.as_bytes());
}

#[test]
fn requests_of_another_form_are_refused_by_name() {
    let good = String::from_utf8(request(5, &log(300, 300, 0)).to_bytes()).expect("text");
    let refused = |text: &str| AddCheckpoint::parse(text.as_bytes()).expect_err(text);
    for old in [
        "old 05",
        "old",
        "old ",
        "old  5",
        "old -5",
        "old +5",
        "old 5 ",
        "Old 5",
        "old 5\r",
        "old 9007199254740992",
        "old 18446744073709551616",
        "old 0x5",
    ] {
        assert_eq!(
            refused(&good.replacen("old 5", old, 1)),
            RequestError::Old,
            "{old:?}"
        );
    }
    assert_eq!(refused(""), RequestError::Form);
    assert_eq!(refused("old 5\n"), RequestError::Form);
    assert_eq!(refused(&good.replace('\n', "\r\n")), RequestError::Form);
    let hash = BASE64_STANDARD.encode([7; 32]);
    let with = |line: &str| good.replacen("old 5\n", &format!("old 5\n{line}\n"), 1);
    for line in [
        &hash[..43],
        "AAAA",
        &format!("{hash}="),
        &format!(" {hash}"),
        // The last character carries bits that no hash has.
        &format!("{}B=", &hash[..42]),
    ] {
        assert_eq!(refused(&with(line)), RequestError::Hash, "{line:?}");
    }
    let many = vec![hash.as_str(); MAX_PROOF_HASHES].join("\n");
    let most = format!(
        "old 0\n{many}\n\n{}",
        good.split_once("\n\n").expect("two").1
    );
    assert!(AddCheckpoint::parse(most.as_bytes()).is_ok());
    let over = most.replacen("old 0\n", &format!("old 0\n{hash}\n"), 1);
    assert_eq!(refused(&over), RequestError::TooManyHashes);
    let long = good.clone() + &"x".repeat(MAX_REQUEST_BYTES);
    assert_eq!(refused(&long), RequestError::TooLong);
    let checkpoint = |from: &str, to: &str| refused(&good.replacen(from, to, 1));
    assert_eq!(
        checkpoint("\n300\n", "\n0300\n"),
        RequestError::Checkpoint(CheckpointError::Size)
    );
    assert_eq!(
        checkpoint("\n300\n", "\n0\n"),
        RequestError::Checkpoint(CheckpointError::Size)
    );
    assert!(matches!(
        refused(good.trim_end()),
        RequestError::Checkpoint(_)
    ));
    assert!(matches!(
        refused(&format!("{good}{good}")),
        RequestError::Checkpoint(_)
    ));
}

#[test]
fn a_log_that_grows_is_confirmed_and_no_other() {
    let (known, grown) = (log(300, 600, 0), log(600, 600, 0));
    assert_eq!(judged(&request(0, &known), None), Ok(()));
    assert_eq!(judged(&request(300, &grown), Some(&known)), Ok(()));
    // Asked again, as after an answer that was lost.
    assert_eq!(judged(&request(300, &known), Some(&known)), Ok(()));
    let stale = Refusal::Stale { known: 300 };
    assert_eq!(judged(&request(0, &grown), Some(&known)), Err(stale));
    assert_eq!(
        judged(&request(200, &log(250, 600, 0)), Some(&known)),
        Err(stale)
    );
    let first = Refusal::Stale { known: 0 };
    assert_eq!(judged(&request(300, &grown), None), Err(first));
    let above = AddCheckpoint {
        old: 301,
        ..request(300, &known)
    };
    assert_eq!(judged(&above, Some(&known)), Err(Refusal::OldAboveNew));
    let mut spare = request(0, &known);
    spare.proof.push(known.root());
    assert_eq!(judged(&spare, None), Err(Refusal::Proof));
    let mut spare = request(300, &known);
    spare.proof.push(known.root());
    assert_eq!(judged(&spare, Some(&known)), Err(Refusal::Proof));
}

#[test]
fn a_fork_is_never_confirmed() {
    let known = log(300, 300, 0);
    let other = log(300, 299, 1);
    assert_eq!(
        judged(&request(300, &other), Some(&known)),
        Err(Refusal::OtherRoot)
    );
    for from in [0, 1, 128, 255, 256, 299] {
        let forked = log(600, from, 1);
        let refused = judged(&request(300, &forked), Some(&known));
        assert_eq!(refused, Err(Refusal::Proof), "from {from}");
    }
    // A proof of the right log beside a checkpoint of the other.
    let mut mixed = request(300, &log(600, 300, 0));
    mixed.checkpoint = signed(&log(600, 299, 1), &log_signer());
    assert_eq!(judged(&mixed, Some(&known)), Err(Refusal::Proof));
}

#[test]
fn what_the_log_did_not_sign_is_not_confirmed() {
    let log = log(5, 5, 0);
    let mut foreign = request(0, &log);
    let other = NoteSigner::from_seed(ORIGIN, &[9; 32]).expect("a key");
    foreign.checkpoint = signed(&log, &other);
    assert_eq!(judged(&foreign, None), Err(Refusal::Unsigned));
    // Both lines: that of the unknown key is passed over.
    let own = log_signer().sign(foreign.checkpoint.note().text());
    foreign.checkpoint = foreign.checkpoint.with_signature(own).expect("room");
    assert_eq!(judged(&foreign, None), Ok(()));
    // A line of the known key over another text spoils the note.
    let mut forged = request(0, &log);
    let line = log_signer().sign("another text\n");
    forged.checkpoint = forged.checkpoint.with_signature(line).expect("room");
    assert_eq!(judged(&forged, None), Err(Refusal::Unsigned));
}

#[test]
fn answers_are_used_only_when_they_are_the_witnesss() {
    let checkpoint = signed(&log(5, 5, 0), &log_signer());
    let text = checkpoint.note().text();
    let cosigner = cosigner();
    let key = cosigner.verifier_key();
    let read = |answer: &str| read_cosignature(answer.as_bytes(), &checkpoint, key, now());
    let line = cosigner.cosign(text, NOW).to_line();
    assert_eq!(read(&line).expect("one").unix_seconds, NOW);
    let other = |seed: u8| {
        let name = format!("witness{seed}.example");
        let other = Cosigner::from_seed(&name, &[seed; 32]).expect("a key");
        other.cosign(text, NOW).to_line()
    };
    let among: String = (1..16).map(other).chain([line.clone()]).collect();
    assert_eq!(read(&among).expect("one of them").line.to_line(), line);

    let refused = |answer: &str| read(answer).expect_err(answer);
    assert_eq!(
        refused(&(1..18).map(other).collect::<String>()),
        AnswerError::TooMany
    );
    assert_eq!(refused(&format!("{line}{line}")), AnswerError::Duplicate);
    let again = cosigner.cosign(text, NOW + 1).to_line();
    assert_eq!(refused(&format!("{line}{again}")), AnswerError::Duplicate);
    assert_eq!(refused(&other(7)), AnswerError::OtherKey);
    // The same key under another name is another key.
    let renamed = Cosigner::from_seed("other.example", &[2; 32]).expect("a key");
    assert_eq!(
        refused(&renamed.cosign(text, NOW).to_line()),
        AnswerError::OtherKey
    );
    let elsewhere = cosigner.cosign("another text\n", NOW).to_line();
    assert_eq!(refused(&elsewhere), AnswerError::Signature);
    for odd in [
        "",
        "\n",
        "garbage\n",
        line.trim_end(),
        &line.replace('\n', "\r\n"),
    ] {
        assert_eq!(refused(odd), AnswerError::Lines, "{odd:?}");
    }
    assert_eq!(refused(&format!("{line}\n")), AnswerError::Lines);
    assert_eq!(
        refused(&"x".repeat(MAX_ANSWER_BYTES + 1)),
        AnswerError::TooLong
    );
    let at = |seconds: u64| read(&cosigner.cosign(text, seconds).to_line());
    for near in [NOW - CLOCK_SLACK_SECONDS, NOW + CLOCK_SLACK_SECONDS] {
        assert!(at(near).is_ok());
    }
    for far in [0, NOW - 301, NOW + 301, i64::MAX as u64] {
        assert_eq!(at(far), Err(AnswerError::Time));
    }
    assert_eq!(at(u64::MAX), Err(AnswerError::Signature));
}

#[test]
fn a_size_has_one_spelling() {
    for size in [0, 7, 300, 9_007_199_254_740_991] {
        assert_eq!(read_size(write_size(size).as_bytes()), Ok(size));
    }
    for odd in [
        "",
        "\n",
        "7",
        "07\n",
        "7\r\n",
        "7\n\n",
        " 7\n",
        "-7\n",
        "9007199254740992\n",
        "18446744073709551616\n",
        "7x\n",
    ] {
        assert_eq!(read_size(odd.as_bytes()), Err(AnswerError::Size), "{odd:?}");
    }
    assert_eq!(read_size(&[0xff, b'\n']), Err(AnswerError::Size));
}

#[test]
fn cosignatures_make_a_quorum() {
    let checkpoint = signed(&log(5, 5, 0), &log_signer());
    let cosigner = cosigner();
    let policy = format!(
        "log {}\nwitness w {}\nquorum w\n",
        log_signer().verifier_key(),
        cosigner.verifier_key()
    );
    let trust = TrustPolicy::parse(policy.as_bytes()).expect("a policy");
    assert!(trust.verify_newest(&checkpoint).is_err());
    let answer = cosigner.cosign(checkpoint.note().text(), NOW).to_line();
    let cosigned = read_cosignature(
        answer.as_bytes(),
        &checkpoint,
        cosigner.verifier_key(),
        now(),
    );
    let line = cosigned.expect("one").line;
    let checkpoint = checkpoint.with_signature(line).expect("room");
    assert!(trust.verify_newest(&checkpoint).is_ok());
}

#[test]
fn roots_of_older_trees_follow_from_the_newest_tiles() {
    let newest = log(70_000, 70_000, 0);
    for size in [1, 2, 255, 256, 257, 1_000, 65_535, 65_536, 65_537, 70_000] {
        assert_eq!(
            root_at(size, 70_000, &newest),
            Ok(newest.root_at(size).expect("so many"))
        );
    }
    assert!(root_at(0, 70_000, &newest).is_err());
    assert!(root_at(70_001, 70_000, &newest).is_err());
}
