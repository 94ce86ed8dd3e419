//! Fuzz targets over everything that reads what others send, one file in `tests/` for each.
//!
//! `cargo test` here runs each for a moment with random input; `cargo bolero test` runs one
//! for as long as wanted with a fuzzing engine.
