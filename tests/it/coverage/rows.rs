//! What a stranger gets of each route, and which custody entries its use leaves.

/// What somebody who is not signed in gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stranger {
    /// It is for everyone.
    Open,
    /// The page to sign in.
    SignIn,
    /// Not signed in: 401.
    Refused,
    /// Nothing here.
    Nothing,
}

use Stranger::{Nothing, Open, Refused, SignIn};

/// Method, path as mounted, what a stranger gets, the kinds of the entries it leaves.
pub type Row = (
    &'static str,
    &'static str,
    Stranger,
    &'static [&'static str],
);

pub const ROWS: &[Row] = &[
    ("GET", "/", Open, &[]),
    ("GET", "/health", Open, &[]),
    ("GET", "/sign-in", Open, &[]),
    ("POST", "/sign-in", Open, &["sign_in"]),
    ("GET", "/enter", Open, &[]),
    ("POST", "/enter", Open, &[]),
    ("POST", "/enter/password", Open, &["enrolment_use"]),
    ("POST", "/sign-out", Refused, &["sign_out"]),
    ("POST", "/sign-out/everywhere", Refused, &["sign_out"]),
    ("GET", "/password", SignIn, &[]),
    ("POST", "/password", Refused, &["password_set"]),
    ("GET", "/problems/<name>", Open, &[]),
    ("GET", "/static/<mark>/<name>", Open, &[]),
    ("GET", "/log/checkpoint", Open, &[]),
    ("GET", "/log/key", Open, &[]),
    ("GET", "/log/tile/<path..>", Open, &[]),
    ("GET", "/v/<view>/<link>", Nothing, &[]),
    ("GET", "/cases", SignIn, &["list"]),
    ("POST", "/cases", Refused, &["case_open"]),
    ("GET", "/cases/<case>", SignIn, &["list"]),
    ("POST", "/cases/<case>/parties", Refused, &["party_add"]),
    ("POST", "/cases/<case>/people", Refused, &["person_add"]),
    ("GET", "/cases/<case>/deposit", SignIn, &[]),
    ("POST", "/cases/<case>/deposit", Refused, &["deposit"]),
    ("GET", "/items/<item>?<deposited>", SignIn, &["read"]),
    ("POST", "/items/<item>/views", Refused, &["view"]),
    ("GET", "/views/<view>", SignIn, &[]),
    (
        "POST",
        "/items/<item>/views/<view>/close",
        Refused,
        &["view_close"],
    ),
    ("POST", "/items/<item>/restrict", Refused, &["restrict"]),
    (
        "POST",
        "/items/<item>/lift-restriction",
        Refused,
        &["lift_restriction"],
    ),
    ("GET", "/items/<item>/history", SignIn, &["history"]),
    ("GET", "/items/<item>/receipt", SignIn, &["receipt"]),
    ("POST", "/items/<item>/bundle", Refused, &["bundle"]),
    ("GET", "/items/<item>/serve", SignIn, &["read", "list"]),
    ("POST", "/items/<item>/serve", Refused, &["serve", "bundle"]),
    ("GET", "/people", SignIn, &["list"]),
    ("POST", "/people", Refused, &["person_create"]),
    (
        "POST",
        "/accounts/<account>/enrolment",
        Refused,
        &["enrolment_issue"],
    ),
    (
        "POST",
        "/people/<person>/status",
        Refused,
        &["person_status"],
    ),
    (
        "POST",
        "/accounts/<account>/status",
        Refused,
        &["account_status"],
    ),
    ("GET", "/tokens", SignIn, &["list"]),
    ("POST", "/tokens", Refused, &["token_issue"]),
    ("POST", "/tokens/<token>/revoke", Refused, &["token_revoke"]),
    ("GET", "/api/v1/me", Refused, &[]),
    ("GET", "/api/v1/cases", Refused, &["list"]),
    ("POST", "/api/v1/cases", Refused, &["case_open"]),
    ("GET", "/api/v1/cases/<case>", Refused, &["list"]),
    (
        "POST",
        "/api/v1/cases/<case>/parties",
        Refused,
        &["party_add"],
    ),
    (
        "POST",
        "/api/v1/cases/<case>/people",
        Refused,
        &["person_add"],
    ),
    ("POST", "/api/v1/cases/<case>/items", Refused, &[]),
    ("GET", "/api/v1/uploads/<upload>", Refused, &[]),
    (
        "PUT",
        "/api/v1/uploads/<upload>/content",
        Refused,
        &["deposit"],
    ),
    ("GET", "/api/v1/items/<item>", Refused, &["read"]),
    ("POST", "/api/v1/items/<item>/views", Refused, &["view"]),
    ("GET", "/api/v1/views/<view>/content", Refused, &[]),
    ("DELETE", "/api/v1/views/<view>", Refused, &["view_close"]),
    (
        "PUT",
        "/api/v1/items/<item>/restriction",
        Refused,
        &["restrict"],
    ),
    (
        "DELETE",
        "/api/v1/items/<item>/restriction",
        Refused,
        &["lift_restriction"],
    ),
    ("GET", "/api/v1/items/<item>/history", Refused, &["history"]),
    ("GET", "/api/v1/items/<item>/receipt", Refused, &["receipt"]),
    ("POST", "/api/v1/items/<item>/bundle", Refused, &["bundle"]),
    (
        "POST",
        "/api/v1/items/<item>/servings",
        Refused,
        &["serve", "bundle"],
    ),
    ("GET", "/api/v1/people", Refused, &["list"]),
    ("POST", "/api/v1/people", Refused, &["person_create"]),
    (
        "POST",
        "/api/v1/accounts/<account>/enrolments",
        Refused,
        &["enrolment_issue"],
    ),
    (
        "POST",
        "/api/v1/people/<person>/status",
        Refused,
        &["person_status"],
    ),
    (
        "POST",
        "/api/v1/accounts/<account>/status",
        Refused,
        &["account_status"],
    ),
    ("GET", "/api/v1/tokens", Refused, &["list"]),
    ("POST", "/api/v1/tokens", Refused, &["token_issue"]),
    (
        "DELETE",
        "/api/v1/tokens/<token>",
        Refused,
        &["token_revoke"],
    ),
];
