//! Signing in and staying so, on a real register.

mod holding;
mod links;
mod signing_in;
mod tampering;
