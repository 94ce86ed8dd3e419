//! Memory of an index: wiped when it is given up, also where it had to move.

use zeroize::Zeroize;

/// The first piece of text of an index, in bytes; each next one is twice as large.
const FIRST_PIECE_BYTES: usize = 16 << 10;
/// The largest, in bytes.
const MAX_PIECE_BYTES: usize = 1 << 20;

/// Where a text lies.
#[derive(Debug, Clone, Copy, Default)]
pub struct Lies {
    piece: u32,
    at: u32,
    length: u16,
}

impl Zeroize for Lies {
    fn zeroize(&mut self) {
        *self = Self::default();
    }
}

/// Texts, one behind the other, in pieces that never move.
#[derive(Default)]
pub struct Texts {
    pieces: Vec<Vec<u8>>,
    /// Bytes of texts that were wiped, and whose places nobody uses.
    wiped: usize,
}

impl Texts {
    /// Keeps a text.
    ///
    /// # Panics
    /// It is longer than an item's text may be, 16 KiB.
    pub fn keep(&mut self, text: &[u8]) -> Lies {
        let length = u16::try_from(text.len()).expect("texts were cut");
        let fits = |piece: &Vec<u8>| piece.capacity() - piece.len() >= text.len();
        if !self.pieces.last().is_some_and(fits) {
            let doubled = self.pieces.last().map_or(0, |piece| piece.capacity() * 2);
            let bytes = doubled.clamp(FIRST_PIECE_BYTES, MAX_PIECE_BYTES);
            self.pieces.push(Vec::with_capacity(bytes.max(text.len())));
        }
        let number = |number: usize| u32::try_from(number).expect("pieces are below 1 MiB each");
        let piece = number(self.pieces.len() - 1);
        let last = self.pieces.last_mut().expect("one was made");
        let at = number(last.len());
        last.extend_from_slice(text);
        Lies { piece, at, length }
    }

    /// A text that was kept.
    pub fn get(&self, lies: Lies) -> &[u8] {
        let at = lies.at as usize;
        &self.pieces[lies.piece as usize][at..at + usize::from(lies.length)]
    }

    /// Wipes a text, whose place stays empty.
    pub fn wipe(&mut self, lies: Lies) {
        let at = lies.at as usize;
        let place = at..at + usize::from(lies.length);
        self.pieces[lies.piece as usize][place].zeroize();
        self.wiped += usize::from(lies.length);
    }

    /// Whether so much was wiped that the rest should be kept anew: more than an eighth of it.
    pub fn is_sparse(&self) -> bool {
        self.wiped > FIRST_PIECE_BYTES + self.bytes().0 / 8
    }

    /// Bytes of all texts, and bytes that were set aside for them.
    pub fn bytes(&self) -> (usize, usize) {
        let kept: usize = self.pieces.iter().map(Vec::len).sum();
        let texts = kept - self.wiped;
        let pieces = self.pieces.iter().map(Vec::capacity).sum();
        (texts, pieces)
    }
}

impl Drop for Texts {
    fn drop(&mut self) {
        self.pieces.zeroize();
    }
}

/// A list that grows by an eighth at a time, and wipes what it leaves.
pub struct Grown<T: Zeroize + Copy>(Vec<T>);

/// The least by which a list grows.
const LEAST_GROWTH: usize = 64;

impl<T: Zeroize + Copy> Default for Grown<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Zeroize + Copy> Grown<T> {
    /// An empty list for so many.
    pub fn with_capacity(count: usize) -> Self {
        Self(Vec::with_capacity(count))
    }

    /// Puts a value at a place.
    pub fn insert(&mut self, at: usize, value: T) {
        if self.0.len() == self.0.capacity() {
            self.reserve(1);
        }
        self.0.insert(at, value);
    }

    /// Puts a value at the end.
    pub fn push(&mut self, value: T) {
        self.insert(self.0.len(), value);
    }

    /// Takes the value at a place out.
    pub fn remove(&mut self, at: usize) -> T {
        self.0.remove(at)
    }

    /// Keeps only what `keeps`.
    pub fn retain(&mut self, keeps: impl FnMut(&T) -> bool) {
        self.0.retain(keeps);
    }

    /// Makes room for so many more.
    pub fn reserve(&mut self, more: usize) {
        let wanted = self.0.len() + more;
        if wanted > self.0.capacity() {
            let grown = (self.0.len() + self.0.len() / 8).max(LEAST_GROWTH);
            let mut wider = Vec::with_capacity(wanted.max(grown));
            wider.extend_from_slice(&self.0);
            self.0.zeroize();
            self.0 = wider;
        }
    }

    /// Bytes that were set aside.
    pub fn bytes(&self) -> usize {
        self.0.capacity() * size_of::<T>()
    }
}

impl<T: Zeroize + Copy> std::ops::Deref for Grown<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T: Zeroize + Copy> std::ops::DerefMut for Grown<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}

impl<T: Zeroize + Copy> Drop for Grown<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_as_they_were_kept() {
        let mut texts = Texts::default();
        let kept: Vec<(Lies, Vec<u8>)> = (0..2_000_u32)
            .map(|n| {
                let text = n.to_string().repeat(1 + n as usize % 700).into_bytes();
                (texts.keep(&text), text)
            })
            .collect();
        for (lies, text) in &kept {
            assert_eq!(texts.get(*lies), text);
        }
        let (bytes, set_aside) = texts.bytes();
        assert_eq!(
            bytes,
            kept.iter().map(|(_, text)| text.len()).sum::<usize>()
        );
        assert!(
            set_aside < bytes + bytes / 2 + FIRST_PIECE_BYTES * 2,
            "{set_aside}"
        );
    }

    #[test]
    fn a_list_grows_and_keeps_its_order() {
        let mut list = Grown::default();
        for n in 0..1_000_u32 {
            list.insert(n as usize / 2, n);
        }
        assert_eq!((list.len(), list[0], list[999]), (1_000, 1, 0));
        assert_eq!(list.remove(0), 1);
        list.retain(|n| n % 2 == 0);
        assert_eq!(list.len(), 500);
        assert!(list.bytes() < 4 * 1_200);
    }
}
