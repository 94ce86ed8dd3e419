//! What kind of file the first bytes look like.
//!
//! What a client says of its file is never believed. Neither is this: a file can look like
//! two kinds at once. It helps a person to choose a viewer, and what may be shown in place
//! is decided elsewhere, from a closed list.

/// Plaintext bytes from the start of an item that are looked at.
pub const HEAD_BYTES: usize = 8 << 10;

/// What is answered where nothing is recognised.
pub const UNKNOWN: &str = "application/octet-stream";

/// Kinds of file that consist of text and begin with a mark long enough to be no accident.
/// For others, text that happens to begin like a picture (`BM...`) stays text.
const MARKED_TEXT: [&str; 6] = [
    "application/pdf",
    "application/postscript",
    "application/rtf",
    "text/html",
    "text/rtf",
    "text/xml",
];

/// The media type of an item that begins with `head`: its first [`HEAD_BYTES`] bytes, or
/// all of it if it is shorter.
pub fn sniff(head: &[u8]) -> &'static str {
    let marked = infer::get(head).map(|kind| kind.mime_type());
    match marked {
        Some(kind) if MARKED_TEXT.contains(&kind) => kind,
        _ if is_text(head) => "text/plain",
        Some(kind) => kind,
        None => UNKNOWN,
    }
}

/// Whether `head` is UTF-8 without control characters, maybe cut within its last character.
fn is_text(head: &[u8]) -> bool {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // No length: the bytes end within a character. In a file that is longer than its
        // head, that is where the head was cut.
        Err(error) if error.error_len().is_none() && head.len() >= HEAD_BYTES => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    let plain = |c: char| !c.is_control() || matches!(c, '\t' | '\n' | '\r' | '\u{c}');
    !text.is_empty() && text.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_kinds_are_told_by_their_bytes() {
        let mut mp4 = b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41".to_vec();
        mp4.resize(64, 0);
        for (head, kind) in [
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".as_slice(), "image/png"),
            (b"\xff\xd8\xff\xe0\0\x10JFIF\0", "image/jpeg"),
            (b"GIF89a\x01\0\x01\0", "image/gif"),
            (b"%PDF-1.7\nplain ascii only", "application/pdf"),
            (b"PK\x03\x04\x14\0\0\0", "application/zip"),
            (&mp4, "video/mp4"),
            (b"<!DOCTYPE html><html>", "text/html"),
            (
                b"BM is how this letter begins, and it is no bitmap",
                "text/plain",
            ),
            ("Zeugin K-7, \u{e9}t\u{e9}\r\n".as_bytes(), "text/plain"),
            (b"\xef\xbb\xbfname;value\n", "text/plain"),
            (b"caf\xe9", UNKNOWN),
            (b"a\0b", UNKNOWN),
            (b"", UNKNOWN),
        ] {
            assert_eq!(sniff(head), kind, "{:?}", String::from_utf8_lossy(head));
        }
    }

    #[test]
    fn a_head_cut_within_a_character_is_text() {
        let mut head = vec![b'x'; HEAD_BYTES - 1];
        head.push(0xc3);
        assert_eq!(sniff(&head), "text/plain");
        assert_eq!(sniff(&head[HEAD_BYTES - 2..]), UNKNOWN);
    }
}
