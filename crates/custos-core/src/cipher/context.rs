//! What a message is for: bound into its keys, never stored with it.

use crate::{
    hash::lp,
    ids::{Id, ItemId, KeyId, ObjectId},
    keys::Purpose,
};

/// What a segment is part of.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SegmentKind {
    /// The bytes of a deposited item.
    Content,
    /// The tail of an upload that goes on; never read as content.
    Staged,
}

impl SegmentKind {
    /// The name that stands in the context.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Content => "content",
            Self::Staged => "staged",
        }
    }
}

/// Context of one segment of a stored object; `segment` counts from 0, and a staged tail
/// has the number of the segment that it begins.
///
/// `"custos/object/v1" 0x00 lp(item) lp(object) lp(kind) u64 segment`
pub fn object_context(
    item: &ItemId,
    object: &ObjectId,
    kind: SegmentKind,
    segment: u64,
) -> Vec<u8> {
    let mut context = b"custos/object/v1\0".to_vec();
    lp(&mut context, item.as_bytes());
    lp(&mut context, object.as_bytes());
    lp(&mut context, kind.as_str().as_bytes());
    context.extend_from_slice(&segment.to_be_bytes());
    context
}

/// Context of a wrapped key: `"custos/wrap/v1" 0x00 lp(parent) lp(child) lp(purpose)`.
pub fn wrap_context(parent: &KeyId, child: &KeyId, purpose: Purpose) -> Vec<u8> {
    let mut context = b"custos/wrap/v1\0".to_vec();
    lp(&mut context, parent.as_bytes());
    lp(&mut context, child.as_bytes());
    lp(&mut context, purpose.as_str().as_bytes());
    context
}

/// Context of a database value: `"custos/value/v1" 0x00 lp(table) lp(row) lp(column)`.
///
/// # Panics
/// A table or column is longer than 65,535 bytes; both are names of the schema.
pub fn value_context(table: &str, row: &Id, column: &str) -> Vec<u8> {
    let mut context = b"custos/value/v1\0".to_vec();
    lp(&mut context, table.as_bytes());
    lp(&mut context, row.as_bytes());
    lp(&mut context, column.as_bytes());
    context
}
