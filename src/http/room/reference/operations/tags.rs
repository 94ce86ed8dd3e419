//! The parts of the document, and what each is about.

pub(super) const CASES: &str = "Cases";
pub(super) const DEPOSITS: &str = "Deposits";
pub(super) const ITEMS: &str = "Items";
pub(super) const REGISTER: &str = "Register";
pub(super) const PROOFS: &str = "Proofs";
pub(super) const PEOPLE: &str = "People";
pub(super) const TOKENS: &str = "Tokens and sessions";
pub(super) const REQUESTS: &str = "Requests";
pub(super) const NOTICES: &str = "Notices";
pub(super) const WITNESSES: &str = "Witnesses";
pub(super) const ROOM: &str = "Room";

/// The parts of the document, in order, with what each is about.
pub const TAGS: &[(&str, &str)] = &[
    (CASES, "Cases, their parties, and who works on them."),
    (
        DEPOSITS,
        "An item is announced first; then its bytes are sent, and one entry takes both in.",
    ),
    (
        ITEMS,
        "What is known of an item, reading its content for a purpose, and what narrows its use.",
    ),
    (
        REGISTER,
        "What is filed beside items and cases. Nothing is changed in place; the newest is appended.",
    ),
    (
        PROOFS,
        "What happened to an item, and the proof of it, which anyone checks without this room.",
    ),
    (
        PEOPLE,
        "People apart from the accounts with which they sign in.",
    ),
    (
        REQUESTS,
        "What one person asks for and another approves, before it is carried out once.",
    ),
    (
        TOKENS,
        "One's own tokens, for programs, and one's own sessions.",
    ),
    (
        NOTICES,
        "That there is something new; nothing of what it is stands in a notice.",
    ),
    (
        WITNESSES,
        "Others who confirm the custody log, and say when it existed.",
    ),
    (
        ROOM,
        "Who calls, whether the room answers, and what its audits of itself found.",
    ),
];
