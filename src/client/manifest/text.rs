//! The bytes of a manifest as text: UTF-8 or what is nearest to it.

use std::borrow::Cow;

/// Without a byte order mark, and UTF-16 (as Windows writes it) as UTF-8. Bytes that are
/// neither stay as they are: names need not be UTF-8.
pub(super) fn as_utf8(bytes: &[u8]) -> Result<Cow<'_, [u8]>, String> {
    let (wide, order): (_, fn([u8; 2]) -> u16) = match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => return Ok(Cow::Borrowed(rest)),
        [0xff, 0xfe, rest @ ..] => (rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => (rest, u16::from_be_bytes),
        _ => return Ok(Cow::Borrowed(bytes)),
    };
    let odd = || "it is cut, or not the UTF-16 that it begins as".to_string();
    let (pairs, rest) = wide.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(odd());
    }
    let text: Result<String, _> = char::decode_utf16(pairs.iter().map(|p| order(*p))).collect();
    Ok(Cow::Owned(text.map_err(|_| odd())?.into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_windows_is_read() {
        assert_eq!(as_utf8(b"a\xff").as_deref(), Ok(&b"a\xff"[..]));
        assert_eq!(
            as_utf8(b"\xfe\xff\0a\0\xe9").as_deref(),
            Ok("aé".as_bytes())
        );
        assert_eq!(as_utf8(b"\xff\xfea\0").as_deref(), Ok(&b"a"[..]));
        assert!(as_utf8(b"\xff\xfea").is_err());
        assert!(as_utf8(b"\xff\xfe\0\xd8").is_err());
    }
}
