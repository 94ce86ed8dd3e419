//! Where plaintext lies in messages and stored objects: arithmetic only.
//!
//! ```text
//! object  = segment 0 | segment 1 | ...        segment s at stored byte s * 8,396,872
//! segment = header[56] | chunk 0 | ...         chunk c at byte 56 + c * 16,400
//! ```

use std::ops::Range;

use super::{
    CHUNK_BYTES, CipherError, HEADER_BYTES, MAX_CHUNKS, SEALED_CHUNK_BYTES, SEALED_SEGMENT_BYTES,
    SEGMENT_BYTES, TAG_BYTES,
};
use crate::ids::MAX_INTEGER;

const CHUNK: u64 = CHUNK_BYTES as u64;
const TAG: u64 = TAG_BYTES as u64;
const SEALED_CHUNK: u64 = SEALED_CHUNK_BYTES as u64;
const HEADER: u64 = HEADER_BYTES as u64;
const SEGMENT: u64 = SEGMENT_BYTES as u64;
const SEALED_SEGMENT: u64 = SEALED_SEGMENT_BYTES as u64;

const _: () = assert!(sealed_len(SEGMENT_BYTES) == SEALED_SEGMENT_BYTES);

/// Bytes of the message that holds `plain` bytes, which are in memory.
pub const fn sealed_len(plain: usize) -> usize {
    HEADER_BYTES + plain + (plain / CHUNK_BYTES + 1) * TAG_BYTES
}

/// Plaintext bytes of a message of `sealed` bytes.
///
/// # Errors
/// [`CipherError::Length`]: shorter than a header and a tag, cut within a tag or at a
/// chunk's edge, or longer than [`MAX_CHUNKS`] allow.
pub const fn plain_len(sealed: u64) -> Result<u64, CipherError> {
    if sealed < HEADER + TAG {
        return Err(CipherError::Length(sealed));
    }
    let chunks = sealed - HEADER;
    let (whole, last) = (chunks / SEALED_CHUNK, chunks % SEALED_CHUNK);
    if last < TAG || whole >= MAX_CHUNKS {
        return Err(CipherError::Length(sealed));
    }
    Ok(whole * CHUNK + (last - TAG))
}

/// Segments of an object that holds `size` plaintext bytes: floor(size / 8 MiB) + 1.
pub const fn segment_count(size: u64) -> u64 {
    size / SEGMENT + 1
}

/// Stored byte at which segment `segment` begins, for any segment that an object can have.
pub const fn segment_offset(segment: u64) -> u64 {
    segment.saturating_mul(SEALED_SEGMENT)
}

/// An object by its plaintext size: how its bytes lie in segments and chunks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Layout {
    size: u64,
}

/// What to fetch from one segment for a range of plaintext.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Piece {
    /// Number of the segment, from 0.
    pub segment: u64,
    /// Stored bytes of the segment's header, within the object.
    pub header: Range<u64>,
    /// Numbers of the chunks within the segment, from 0.
    pub chunks: Range<u64>,
    /// Stored bytes of those chunks, within the object.
    pub stored: Range<u64>,
    /// Whether the last of these chunks is the segment's last.
    pub ends_segment: bool,
    /// Which bytes of those chunks' joined plaintext were asked for.
    pub plain: Range<usize>,
}

impl Layout {
    /// The layout of an object of `size` plaintext bytes.
    ///
    /// # Errors
    /// [`CipherError::Length`]: 2^53 bytes or more.
    pub const fn of(size: u64) -> Result<Self, CipherError> {
        if size <= MAX_INTEGER {
            Ok(Self { size })
        } else {
            Err(CipherError::Length(size))
        }
    }

    /// The layout of an object of `stored` stored bytes.
    ///
    /// # Errors
    /// [`CipherError::Length`]: no object is that long.
    pub const fn of_stored(stored: u64) -> Result<Self, CipherError> {
        let whole = stored / SEALED_SEGMENT;
        match plain_len(stored % SEALED_SEGMENT) {
            // The last segment holds less than 8 MiB: a full one is followed by another.
            Ok(last) if last < SEGMENT && whole <= MAX_INTEGER / SEGMENT => {
                match Self::of(whole * SEGMENT + last) {
                    Ok(layout) => Ok(layout),
                    Err(_) => Err(CipherError::Length(stored)),
                }
            }
            _ => Err(CipherError::Length(stored)),
        }
    }

    /// Plaintext bytes of the object.
    pub const fn size(self) -> u64 {
        self.size
    }

    /// Segments of the object, at least one.
    pub const fn segments(self) -> u64 {
        segment_count(self.size)
    }

    /// Stored bytes of the object.
    pub const fn stored_len(self) -> u64 {
        let last = self.segments() - 1;
        segment_offset(last) + sealed(self.size % SEGMENT)
    }

    /// Plaintext bytes of one segment; none for a segment that the object does not have.
    pub const fn segment_plain_len(self, segment: u64) -> Option<u64> {
        let last = self.segments() - 1;
        if segment > last {
            None
        } else if segment == last {
            Some(self.size % SEGMENT)
        } else {
            Some(SEGMENT)
        }
    }

    /// Stored bytes of one segment within the object; none for a segment that it does not
    /// have.
    pub fn segment_stored(self, segment: u64) -> Option<Range<u64>> {
        let start = segment_offset(segment);
        self.segment_plain_len(segment)
            .map(|plain| start..start + sealed(plain))
    }

    /// What to fetch for the plaintext bytes `range`, segment by segment.
    ///
    /// # Errors
    /// [`CipherError::Range`]: it is empty, backward, or ends behind the object.
    pub fn pieces(self, range: Range<u64>) -> Result<impl Iterator<Item = Piece>, CipherError> {
        if range.is_empty() || range.end > self.size {
            return Err(CipherError::Range(self.size));
        }
        let segments = range.start / SEGMENT..=(range.end - 1) / SEGMENT;
        Ok(segments.map(move |segment| self.piece(segment, &range)))
    }

    /// The part of `range`, which is within the object, that lies in `segment`.
    fn piece(self, segment: u64, range: &Range<u64>) -> Piece {
        let plain_start = segment * SEGMENT;
        let plain_len = self
            .segment_plain_len(segment)
            .expect("a range within the object lies in its segments");
        let from = range.start.saturating_sub(plain_start);
        let to = (range.end - plain_start).min(plain_len);
        let chunks = from / CHUNK..(to - 1) / CHUNK + 1;
        let start = segment_offset(segment);
        let chunk_at = |chunk: u64| start + HEADER + chunk * SEALED_CHUNK;
        let skipped = chunks.start * CHUNK;
        let within = |at: u64| {
            usize::try_from(at - skipped).expect("an offset in a segment is at most 8 MiB")
        };
        Piece {
            segment,
            header: start..start + HEADER,
            stored: chunk_at(chunks.start)..chunk_at(chunks.end).min(start + sealed(plain_len)),
            ends_segment: chunks.end == plain_len / CHUNK + 1,
            plain: within(from)..within(to),
            chunks,
        }
    }
}

/// [`sealed_len`] for lengths below 2^53.
const fn sealed(plain: u64) -> u64 {
    HEADER + plain + (plain / CHUNK + 1) * TAG
}
