//! Hashes of the algorithms that tools of acquisition report, computed in one pass.
//!
//! MD5 and SHA-1 are broken against whoever made the file. They are computed to be held against
//! what an older list says, and prove nothing.

use custos_core::hash::{Hash, Sha256};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha512};

use super::told::Declared;

/// Hashes under way.
pub struct Digests {
    sha256: Sha256,
    more: Vec<More>,
}

enum More {
    Md5(Md5),
    Sha1(Sha1),
    Sha512(Sha512),
}

impl Digests {
    /// SHA-256, and those of `wanted` that are another.
    pub fn new<'a>(wanted: impl IntoIterator<Item = &'a str>) -> Self {
        let mut names: Vec<&str> = wanted.into_iter().collect();
        names.sort_unstable();
        names.dedup();
        let more = names.into_iter().filter_map(|name| match name {
            "md5" => Some(More::Md5(Md5::new())),
            "sha1" => Some(More::Sha1(Sha1::new())),
            "sha512" => Some(More::Sha512(Sha512::new())),
            _ => None,
        });
        Self {
            sha256: Sha256::new(),
            more: more.collect(),
        }
    }

    /// Takes bytes in.
    pub fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        for one in &mut self.more {
            match one {
                More::Md5(hash) => hash.update(bytes),
                More::Sha1(hash) => hash.update(bytes),
                More::Sha512(hash) => hash.update(bytes),
            }
        }
    }

    /// SHA-256, and every hash by its name.
    pub fn finish(self) -> (Hash, Vec<Declared>) {
        let sha256 = self.sha256.finish();
        let of = |algorithm, bytes: &[u8]| Declared {
            algorithm,
            value: hex::encode(bytes),
        };
        let more = self.more.into_iter().map(|one| match one {
            More::Md5(hash) => of("md5", &hash.finalize()),
            More::Sha1(hash) => of("sha1", &hash.finalize()),
            More::Sha512(hash) => of("sha512", &hash.finalize()),
        });
        let mut all = vec![Declared {
            algorithm: "sha256",
            value: sha256.to_string(),
        }];
        all.extend(more);
        (sha256, all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_pass_gives_what_the_standards_say() {
        let mut digests = Digests::new(["sha512", "md5", "sha1", "md5", "size"]);
        digests.update(b"ab");
        digests.update(b"c");
        let (sha256, all) = digests.finish();
        // RFC 1321, A.5; FIPS 180-4 (examples of NIST).
        let expected = [
            (
                "sha256",
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            ),
            ("md5", "900150983cd24fb0d6963f7d28e17f72"),
            ("sha1", "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (
                "sha512",
                "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                 2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
            ),
        ];
        let found: Vec<_> = all
            .iter()
            .map(|d| (d.algorithm, d.value.as_str()))
            .collect();
        assert_eq!(found, expected);
        assert_eq!(sha256.to_string(), expected[0].1);
    }
}
