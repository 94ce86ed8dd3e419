//! Secrets that are handed out once: cookies, tokens, single-use links.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use custos_core::{
    hash::{Hash, hmac_sha256, sha256},
    ids::SessionId,
    keys::SessionKey,
};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::ambient::Ambient;

/// What the text form of every secret begins with, so that scanners find a leaked one.
pub const SECRET_PREFIX: &str = "custos_";
/// Characters of the text form after the prefix.
const SECRET_CHARS: usize = 43;

/// 256 random bits. The room keeps only their SHA-256.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Secret([u8; 32]);

impl Secret {
    /// A fresh secret.
    pub fn new(ambient: &Ambient) -> Self {
        Self(ambient.bytes())
    }

    /// Reads the text form strictly; `None` for anything that no secret looks like.
    pub fn parse(text: &str) -> Option<Self> {
        let encoded = text.strip_prefix(SECRET_PREFIX)?;
        if encoded.len() != SECRET_CHARS {
            return None;
        }
        let bytes = Zeroizing::new(BASE64_URL_SAFE_NO_PAD.decode(encoded).ok()?);
        Some(Self(bytes.as_slice().try_into().ok()?))
    }

    /// `custos_` and 43 characters of base64url: what is handed out, once.
    pub fn text(&self) -> Zeroizing<String> {
        let encoded = Zeroizing::new(BASE64_URL_SAFE_NO_PAD.encode(self.0));
        Zeroizing::new(format!("{SECRET_PREFIX}{}", *encoded))
    }

    /// SHA-256 of the 32 bytes: what the room keeps. No salt and no stretching, because nobody
    /// guesses 256 random bits.
    pub fn hash(&self) -> Hash {
        sha256(&[&self.0])
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

/// What a form of one session carries, so that no other site can send it.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct CsrfToken(String);

impl CsrfToken {
    /// `HMAC-SHA-256(session key, "custos/csrf/v1" 0x00 | session id)` in hex.
    pub fn of(key: &SessionKey, session: SessionId) -> Self {
        let tag = hmac_sha256(key.as_bytes(), &[b"custos/csrf/v1\0", session.as_bytes()]);
        Self(hex::encode(tag))
    }

    /// 64 hex digits, for the form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a form carried this token; compared in constant time.
    pub fn matches(&self, given: &str) -> bool {
        self.0.as_bytes().ct_eq(given.as_bytes()).into()
    }
}

impl fmt::Debug for CsrfToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CsrfToken(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_has_one_text_form() {
        let secret = Secret::new(&Ambient::system());
        let text = secret.text();
        assert_eq!(text.len(), SECRET_PREFIX.len() + SECRET_CHARS);
        let read = Secret::parse(&text).expect("its own form");
        assert_eq!(read.hash(), secret.hash());
        assert_ne!(Secret::new(&Ambient::system()).hash(), secret.hash());
        // The last character holds two bits that must be zero; B is 000001.
        let stray = format!("{SECRET_PREFIX}{}B", "A".repeat(SECRET_CHARS - 1));
        for odd in [
            "",
            "custos_",
            &text[1..],
            &format!("{}=", *text),
            &text.replace("custos_", "CUSTOS_"),
            &stray,
            &format!("{SECRET_PREFIX}{}", "é".repeat(21)),
            &text[..text.len() - 1],
        ] {
            assert!(Secret::parse(odd).is_none(), "{odd:?}");
        }
    }

    #[test]
    fn secrets_print_as_redacted() {
        let key = SessionKey::from_bytes([7; 32]);
        let csrf = CsrfToken::of(&key, SessionId::from_bytes([1; 16]));
        assert_eq!(format!("{csrf:?}"), "CsrfToken(redacted)");
        let secret = Secret::new(&Ambient::system());
        assert_eq!(format!("{secret:?}"), "Secret(redacted)");
    }

    #[test]
    fn a_csrf_token_is_its_sessions_alone() {
        let key = SessionKey::from_bytes([7; 32]);
        let one = CsrfToken::of(&key, SessionId::from_bytes([1; 16]));
        let other = CsrfToken::of(&key, SessionId::from_bytes([2; 16]));
        assert!(one.matches(one.as_str()));
        assert!(!one.matches(other.as_str()));
        assert!(!one.matches(&one.as_str()[..63]));
        assert!(!one.matches(""));
        let foreign = CsrfToken::of(
            &SessionKey::from_bytes([8; 32]),
            SessionId::from_bytes([1; 16]),
        );
        assert!(!one.matches(foreign.as_str()));
    }
}
