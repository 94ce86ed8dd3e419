//! Requests to witnesses and their answers: what is read has one spelling.

mod log;

use bolero::check;
use custos_core::{
    checkpoint::{
        SignedCheckpoint, VerifierKey,
        witness::{AddCheckpoint, read_cosignature, read_size, write_size},
    },
    ids::Timestamp,
};

#[test]
fn request_to_a_witness() {
    check!().for_each(|bytes: &[u8]| {
        if let Ok(request) = AddCheckpoint::parse(bytes) {
            assert_eq!(request.to_bytes(), bytes);
        }
        if let Ok(size) = read_size(bytes) {
            assert_eq!(write_size(size).as_bytes(), bytes);
        }
    });
}

#[test]
fn edited_request_to_a_witness() {
    let notes = log::valid("checkpoint.json", "valid", "note");
    let requests: Vec<String> = notes
        .iter()
        .map(|note| format!("old 0\n\n{note}"))
        .collect();
    check!()
        .with_type()
        .for_each(|(choice, edit): &(u8, log::Edit)| {
            let (_, bytes) = log::edited(&requests, *choice, edit);
            if let Ok(request) = AddCheckpoint::parse(&bytes) {
                assert_eq!(request.to_bytes(), bytes);
            }
        });
}

#[test]
fn answer_of_a_witness() {
    let notes = log::valid("checkpoint.json", "valid", "note");
    let checkpoint = SignedCheckpoint::parse(notes[0].as_bytes()).expect("a checkpoint");
    let key: VerifierKey = "witness1.example+cef45f7e+BNBKsjJ0K7SrOhNovUYV5ObQIkq3GgFrr4UgozLJd4c3"
        .parse()
        .expect("a vkey");
    let now = Timestamp::from_micros(0).expect("a time");
    check!().for_each(|bytes: &[u8]| {
        // Nobody signs by chance.
        assert!(read_cosignature(bytes, &checkpoint, &key, now).is_err());
    });
}
