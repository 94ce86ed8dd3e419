//! What the room does by itself, a file a job.

pub mod expire;
pub mod publish;
pub mod sweep;
