//! Digests of what is sent, as RFC 9530 writes them: `sha-256=:BASE64:`.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rocket::http::HeaderMap;
use sfv::{BareItem, Dictionary, Item, ListEntry, Parser};

use super::errors::Failure;
use crate::app::uploads::DeclaredHash;

/// The headers that give one. No body is encoded, so both are of the same bytes.
const HEADERS: [&str; 2] = ["Repr-Digest", "Content-Digest"];
/// Algorithms by the names of RFC 9530 and by ours, with the length of a value in bytes. Others
/// are known to be broken, or not at all, and say nothing.
const ALGORITHMS: [(&str, &str, usize); 2] = [("sha-256", "sha256", 32), ("sha-512", "sha512", 64)];
/// Longest such header that is read, in bytes.
const MAX_HEADER_BYTES: usize = 1_024;

/// The value of `Repr-Digest` for bytes with this SHA-256.
pub fn repr_digest(sha256: &[u8; 32]) -> String {
    format!("sha-256=:{}:", STANDARD.encode(sha256))
}

/// What a request says that its body's hashes are, each once.
///
/// # Errors
/// [`Failure::Malformed`] names the header that can't be read.
pub fn declared(headers: &HeaderMap<'_>) -> Result<Vec<DeclaredHash>, Failure> {
    let mut declared = Vec::new();
    for name in HEADERS {
        let lines: Vec<&str> = headers.get(name).collect();
        if lines.is_empty() {
            continue;
        }
        let odd = || {
            Failure::Malformed(format!(
                "`{name}` is not of the form `sha-256=:BASE64:` (RFC 9530)"
            ))
        };
        if lines.iter().map(|line| line.len()).sum::<usize>() > MAX_HEADER_BYTES {
            return Err(odd());
        }
        // Line by line: in one dictionary the last of two that contradict each other would stand
        // alone.
        for line in lines {
            for hash in hashes(line).ok_or_else(odd)? {
                if !declared.contains(&hash) {
                    declared.push(hash);
                }
            }
        }
    }
    Ok(declared)
}

fn hashes(text: &str) -> Option<Vec<DeclaredHash>> {
    let given: Dictionary = Parser::new(text).parse().ok()?;
    let known = ALGORITHMS.into_iter().filter_map(|(named, own, bytes)| {
        let value = given.get(named)?;
        Some(hash(value, own, bytes))
    });
    known.collect()
}

fn hash(value: &ListEntry, algorithm: &str, bytes: usize) -> Option<DeclaredHash> {
    let ListEntry::Item(Item {
        bare_item: BareItem::ByteSequence(value),
        ..
    }) = value
    else {
        return None;
    };
    (value.len() == bytes).then(|| DeclaredHash {
        algorithm: algorithm.into(),
        value: hex::encode(value),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SHA-256 of nothing.
    const NOTHING: &str = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";

    fn read(lines: &[(&'static str, &'static str)]) -> Option<Vec<(String, String)>> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.add_raw(*name, *value);
        }
        let read = declared(&headers).ok()?.into_iter();
        Some(read.map(|hash| (hash.algorithm, hash.value)).collect())
    }

    #[test]
    fn digests_are_read_and_written() {
        let nothing: [u8; 32] = *custos_core::hash::sha256(&[b""]).as_bytes();
        assert_eq!(repr_digest(&nothing), NOTHING);
        let sha256 = ("sha256".to_owned(), hex::encode(nothing));
        let once = Some(vec![sha256.clone()]);
        assert_eq!(read(&[("Repr-Digest", NOTHING)]), once);
        assert_eq!(
            read(&[("Repr-Digest", NOTHING), ("content-digest", NOTHING)]),
            once
        );
        let lines = [
            ("Repr-Digest", "md5=:1B2M2Y8AsgTpgAmY7PhCfg==:, unixsum=0"),
            ("Repr-Digest", NOTHING),
        ];
        assert_eq!(read(&lines), once, "what is broken or unknown says nothing");
        let two = "sha-512=:z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==:";
        let both = read(&[("Content-Digest", two), ("Repr-Digest", NOTHING)]).expect("both");
        assert_eq!(both.len(), 2);
        assert_eq!(both[0], sha256);
        assert_eq!(read(&[]), Some(Vec::new()));
        let other = "sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:";
        let lines = [("Repr-Digest", other), ("Repr-Digest", NOTHING)];
        let both = read(&lines).expect("both");
        assert_eq!(both.len(), 2, "none is dropped for another: {both:?}");
    }

    #[test]
    fn what_can_not_be_read_is_refused() {
        for odd in [
            "",
            "sha-256",
            "sha-256=47DEQ",
            "sha-256=:47DEQ:",
            "sha-256=\"e3b0c442\"",
            "sha-256=(:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:)",
            "SHA-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:",
            "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
            "sha-512=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:",
        ] {
            let read = read(&[("Repr-Digest", odd)]);
            assert!(odd.is_empty() || read.is_none(), "{odd}: {read:?}");
        }
    }

    #[test]
    fn any_header_is_read_without_panic() {
        proptest::proptest!(|(text in r#"[a-z0-9=:;," ()*?@%-]{0,60}"#)| {
            let _read = hashes(&text);
        });
    }
}
