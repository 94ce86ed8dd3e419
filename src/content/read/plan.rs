//! Which stored bytes to fetch for a range of plaintext, in what steps.

use std::ops::Range;

use custos_core::cipher::{
    CHUNK_BYTES, CipherError, HEADER_BYTES, Layout, Piece, SEALED_CHUNK_BYTES, TAG_BYTES,
    segment_offset,
};

/// Chunks of one fetch at most: 1 MiB of plaintext.
const FETCH_CHUNKS: u64 = 64;
const CHUNK: u64 = CHUNK_BYTES as u64;

/// Some neighbouring chunks of one segment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Fetch {
    /// Number of the segment.
    pub(super) segment: u64,
    /// Numbers of the chunks within the segment.
    pub(super) chunks: Range<u64>,
    /// Their stored bytes within the object.
    pub(super) stored: Range<u64>,
    /// Whether the last of them is the segment's last.
    pub(super) ends_segment: bool,
    /// Which bytes of their joined plaintext were asked for.
    pub(super) plain: Range<usize>,
}

/// The fetches for the plaintext bytes `range`, in order.
///
/// # Errors
/// [`CipherError::Range`]: it is empty, backward, or ends behind the object.
pub(super) fn fetches(
    layout: Layout,
    range: Range<u64>,
) -> Result<impl Iterator<Item = Fetch> + Send + 'static, CipherError> {
    // The pieces are made one by one, never as a list.
    let pieces = layout.pieces(range)?;
    Ok(pieces.flat_map(move |piece| {
        let plain = layout.segment_plain_len(piece.segment).unwrap_or(0);
        split(&piece, plain)
    }))
}

/// What to fetch of a segment without plaintext: its only chunk, which is empty too.
pub(super) fn empty(segment: u64) -> Fetch {
    let start = chunk_offset(segment, 0);
    Fetch {
        segment,
        chunks: 0..1,
        stored: start..start + TAG_BYTES as u64,
        ends_segment: true,
        plain: 0..0,
    }
}

/// `piece` in steps of [`FETCH_CHUNKS`] that begin at multiples of it. Its segment has
/// `segment_plain` bytes of plaintext.
fn split(piece: &Piece, segment_plain: u64) -> impl Iterator<Item = Fetch> + Send + use<> {
    let piece = piece.clone();
    let steps = piece.chunks.start / FETCH_CHUNKS..(piece.chunks.end - 1) / FETCH_CHUNKS + 1;
    // An empty chunk follows the piece: it is fetched too, so that whoever reads all bytes
    // has opened all chunks.
    let empty_follows = piece.chunks.end * CHUNK == segment_plain;
    steps.map(move |step| {
        let first = piece.chunks.start.max(step * FETCH_CHUNKS);
        let end = piece.chunks.end.min((step + 1) * FETCH_CHUNKS);
        // Where these chunks' plaintext lies in that of the whole piece.
        let within = |chunk: u64| {
            usize::try_from((chunk - piece.chunks.start) * CHUNK)
                .expect("a segment has 8 MiB at most")
        };
        let (from, to) = (within(first), within(end));
        let mut fetch = Fetch {
            segment: piece.segment,
            chunks: first..end,
            stored: chunk_offset(piece.segment, first)
                ..chunk_offset(piece.segment, end).min(piece.stored.end),
            ends_segment: piece.ends_segment && end == piece.chunks.end,
            plain: piece.plain.start.max(from) - from..piece.plain.end.min(to) - from,
        };
        if empty_follows && end == piece.chunks.end {
            fetch.chunks.end += 1;
            fetch.stored.end += TAG_BYTES as u64;
            fetch.ends_segment = true;
        }
        fetch
    })
}

/// Stored byte at which a chunk begins, within the object.
const fn chunk_offset(segment: u64, chunk: u64) -> u64 {
    segment_offset(segment) + HEADER_BYTES as u64 + chunk * SEALED_CHUNK_BYTES as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(size: u64, range: Range<u64>) -> Vec<Fetch> {
        let layout = Layout::of(size).expect("small");
        fetches(layout, range).expect("within").collect()
    }

    #[test]
    fn a_small_range_of_a_large_object_fetches_its_chunks_only() {
        let fetches = plan(10 << 30, (5 << 30) + 100..(5 << 30) + 100 + (64 << 10));
        let bytes: u64 = fetches.iter().map(|f| f.stored.end - f.stored.start).sum();
        assert_eq!(bytes, 5 * SEALED_CHUNK_BYTES as u64);
        assert!(fetches.iter().all(|fetch| !fetch.ends_segment));
    }

    #[test]
    fn a_whole_object_is_fetched_without_gap_or_overlap() {
        for size in [
            1,
            16_383,
            16_384,
            1 << 20,
            (8 << 20) - 1,
            8 << 20,
            (8 << 20) + 1,
            17 << 20,
        ] {
            let layout = Layout::of(size).expect("small");
            let mut at = 0;
            let mut plain = 0;
            for fetch in plan(size, 0..size) {
                if fetch.chunks.start == 0 {
                    at += HEADER_BYTES as u64;
                }
                assert_eq!(fetch.stored.start, at, "{size}");
                at = fetch.stored.end;
                plain += fetch.plain.len() as u64;
                if fetch.ends_segment {
                    let stored = layout.segment_stored(fetch.segment).expect("there");
                    assert_eq!(stored.end, at, "{size}");
                }
            }
            assert_eq!(plain, size);
            // A last segment without plaintext is touched by no range of plaintext.
            let spare = if size % (8 << 20) == 0 { 72 } else { 0 };
            assert_eq!(at + spare, layout.stored_len());
        }
    }
}
