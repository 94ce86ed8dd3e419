//! Tiles: paths have one spelling, and bundles are read back as they were.

use bolero::check;
use custos_core::tile::{
    TilePath, parse_entry_bundle, parse_hash_tile, write_entry_bundle, write_hash_tile,
};

#[test]
fn tile() {
    check!().for_each(|bytes: &[u8]| {
        if let Ok(text) = std::str::from_utf8(bytes) {
            for text in [
                text.to_owned(),
                format!("tile/{text}"),
                format!("tile/0/{text}"),
            ] {
                if let Ok(path) = text.parse::<TilePath>() {
                    assert_eq!(path.to_string(), text);
                }
            }
        }
        let Some((width, bytes)) = bytes.split_first() else {
            return;
        };
        if let Ok(entries) = parse_entry_bundle(bytes, u16::from(*width)) {
            assert_eq!(write_entry_bundle(&entries).expect("as many"), bytes);
        }
        if let Ok(hashes) = parse_hash_tile(bytes, u16::from(*width)) {
            assert_eq!(write_hash_tile(&hashes).expect("as many"), bytes);
        }
    });
}
