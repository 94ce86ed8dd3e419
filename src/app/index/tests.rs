//! The index against a filter that knows no index, and what becomes of it.

mod keeping;
mod naive;
