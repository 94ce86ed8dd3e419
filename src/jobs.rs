//! What the room does by itself, a file a job.

pub mod expire;
pub mod forget;
pub mod publish;
pub mod sweep;
