//! Everything outgoing: one bounded client, to hosts that the operator named and to no other.
//!
//! | module | what it is |
//! |---|---|
//! | [`mail`] | letters to a mail server, by SMTP |
//! | [`webhooks`] | events to an endpoint, by HTTPS, signed after Standard Webhooks |
//! | [`timestamps`] | hashes of checkpoints to time authorities, by RFC 3161 over HTTP |
//! | [`witnesses`] | checkpoints to witnesses of the custody log, by HTTPS |
//! | [`client`] | the HTTP client that all of them share |
//!
//! Nothing here decides what is sent or to whom. What the other side answers is shortened and
//! rid of what was sent along before anyone sees it.

pub mod client;
pub mod mail;
pub mod timestamps;
pub mod webhooks;
pub mod witnesses;

use std::net::IpAddr;

/// Longest part of an answer that is kept, in characters.
const MAX_TOLD_CHARS: usize = 160;

/// Why something was not handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotSent {
    /// Whether to try again.
    pub then: Then,
    /// What happened, in one short line without secrets.
    pub told: String,
}

/// What follows from a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// It may succeed later.
    Again,
    /// It never will.
    Never,
    /// The other side wants nothing any more.
    Gone,
}

impl NotSent {
    /// A failure told in one line of printable characters, in which none of `secrets` stands.
    pub fn new(then: Then, told: &str, secrets: &[&str]) -> Self {
        let mut told = told.to_owned();
        for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
            told = without(&told, secret);
        }
        let words: Vec<&str> = told
            .split(|c: char| c.is_whitespace() || c.is_control())
            .filter(|word| !word.is_empty())
            .collect();
        let told = words.join(" ").chars().take(MAX_TOLD_CHARS).collect();
        Self { then, told }
    }
}

/// `text` with every occurrence of `secret`, whatever its case, left out.
fn without(text: &str, secret: &str) -> String {
    // Byte positions of the folded text are those of the text only for ASCII, which is what
    // addresses and answers are; another text is kept back whole.
    if !text.is_ascii() || !secret.is_ascii() {
        return if text.to_lowercase().contains(&secret.to_lowercase()) {
            "(not shown)".into()
        } else {
            text.into()
        };
    }
    let (folded, wanted) = (text.to_ascii_lowercase(), secret.to_ascii_lowercase());
    let mut kept = String::new();
    let mut from = 0;
    while let Some(at) = folded[from..].find(&wanted) {
        kept.push_str(&text[from..from + at]);
        kept.push_str("...");
        from += at + wanted.len();
    }
    kept + &text[from..]
}

/// Whether a host is this machine: only there nobody on the way reads what is not encrypted.
pub fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_short_and_without_secrets() {
        let said = "550 5.1.1 <Ana@Room.example>:\r\n user unknown; s3cret ana@room.example";
        let failure = NotSent::new(Then::Never, said, &["ana@room.example", "s3cret", ""]);
        assert_eq!(failure.told, "550 5.1.1 <...>: user unknown; ... ...");
        let long = NotSent::new(Then::Again, &"x".repeat(100_000), &[]);
        assert_eq!(long.told.len(), MAX_TOLD_CHARS);
        let odd = NotSent::new(
            Then::Again,
            "Ana@Room.example \u{e9}",
            &["ana@room.example"],
        );
        assert_eq!(odd.told, "(not shown)");
    }

    #[test]
    fn loopback_is_this_machine_alone() {
        for host in ["localhost", "127.0.0.1", "127.8.8.8", "::1", "[::1]"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["localhost.example", "10.0.0.1", "room.example", "", "::2"] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
