//! Entries: what is read is written back in the same bytes.

mod log;

use bolero::check;
use custos_core::event::{Control, Disclosed};

#[test]
fn entry() {
    check!().for_each(|bytes: &[u8]| {
        if let Ok(entry) = Disclosed::parse(bytes) {
            assert_eq!(entry.to_jcs().expect("as short as it was"), bytes);
        }
        if let Ok(control) = Control::parse_leaf(bytes) {
            assert_eq!(control.to_leaf().expect("as short as it was"), bytes);
        }
    });
}

#[test]
fn edited_entry() {
    let entries = log::valid("event.json", "valid_disclosed", "jcs");
    let commitments = log::valid("event.json", "valid_disclosed", "commitment");
    check!()
        .with_type()
        .for_each(|(choice, edit): &(u8, log::Edit)| {
            let (choice, bytes) = log::edited(&entries, *choice, edit);
            let Ok(entry) = Disclosed::parse(&bytes) else {
                return;
            };
            assert_eq!(entry.to_jcs().expect("as short as it was"), bytes);
            let same = entry.commitment().to_string() == commitments[choice];
            assert_eq!(same, bytes == entries[choice].as_bytes());
        });
}
