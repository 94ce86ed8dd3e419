//! Text as it is searched and sorted: without case, accents and marks that cannot be seen.

use std::cmp::Ordering;

use serde_json::Value;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// Most bytes that are kept and searched of what was told of one item first, folded, and most of
/// what was told since. Behind them a search does not look.
pub const MAX_TEXT_BYTES: usize = 8 << 10;
/// Most words of a search.
pub const MAX_WORDS: usize = 16;

/// Folds text: compatibility forms decomposed (NFKD), case folded, accents, vowel points and
/// marks that only steer how text is laid out left out. `Straße` is `strasse`, `Ilić` is `ilic`,
/// whichever way it was typed.
pub fn fold(text: &str) -> Zeroizing<String> {
    if text.is_ascii() {
        return fold_ascii(text);
    }
    let mut folded = Zeroizing::new(String::with_capacity(text.len() + text.len() / 2));
    // Twice around, so that what has no single small letter ends as its letters do: `ẞ`, `ς`.
    let letters = text.nfkd().filter(|letter| !is_left_out(*letter));
    let letters = letters.flat_map(char::to_lowercase);
    let letters = letters
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase);
    for letter in letters {
        // Growing would leave a copy behind that nobody wipes.
        if folded.len() + letter.len_utf8() > folded.capacity() {
            let mut wider = Zeroizing::new(String::with_capacity(folded.capacity() * 2 + 8));
            wider.push_str(&folded);
            folded = wider;
        }
        folded.push(letter);
    }
    folded
}

/// The same of text whose letters have neither accents nor other forms.
fn fold_ascii(text: &str) -> Zeroizing<String> {
    let mut folded = Zeroizing::new(String::with_capacity(text.len()));
    let letters = text.chars().filter(|letter| !is_left_out(*letter));
    folded.extend(letters.map(|letter| letter.to_ascii_lowercase()));
    folded
}

/// Accents, Hebrew and Arabic points, what joins or turns text, and control characters but for
/// white space.
fn is_left_out(letter: char) -> bool {
    matches!(
        letter,
        '\u{300}'..='\u{36f}'
            | '\u{591}'..='\u{5bd}' | '\u{5bf}' | '\u{5c1}'..='\u{5c2}' | '\u{5c4}'..='\u{5c5}'
            | '\u{5c7}'
            | '\u{610}'..='\u{61a}' | '\u{640}' | '\u{64b}'..='\u{65f}' | '\u{670}'
            | '\u{6d6}'..='\u{6dc}'
            | '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{2069}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
    ) || letter.is_control() && !letter.is_whitespace()
}

/// The words of a search, folded; none where nothing is left to look for.
pub fn words(query: &str) -> Vec<Zeroizing<String>> {
    let folded = fold(query);
    let words = folded.split_whitespace().take(MAX_WORDS);
    words.map(|word| Zeroizing::new(word.into())).collect()
}

/// What is searched of one item, and how many bytes of it are its reference: what was told first,
/// and by which descriptions it was `corrected` since, oldest first. Each part stands behind a
/// byte 0, over which no word reaches.
pub fn searched(
    reference: &str,
    file_name: &Value,
    description: &str,
    corrected: &[Zeroizing<String>],
) -> (Zeroizing<Vec<u8>>, u16) {
    let name = match file_name {
        Value::String(name) => Zeroizing::new(name.clone()),
        other => Zeroizing::new(of_bytes(&other["hex"])),
    };
    let since = corrected.iter().rev().map(|text| fold(text));
    let since = since.collect::<Vec<_>>();
    let (mut text, length) = joined(&[reference, &name, description], &since);
    // The newest first: what comes behind the bound was corrected twice.
    let end = text.len() + MAX_TEXT_BYTES;
    for part in &since {
        append(&mut text, part, true, end);
    }
    (text, length)
}

/// The same of other parts, which are never corrected.
pub fn parts(parts: &[&str]) -> (Zeroizing<Vec<u8>>, u16) {
    joined(parts, &[])
}

/// Parts folded, each behind a byte 0, and how long the first is; with room for what follows.
fn joined(parts: &[&str], following: &[Zeroizing<String>]) -> (Zeroizing<Vec<u8>>, u16) {
    let parts: Vec<_> = parts.iter().map(|part| fold(part)).collect();
    // Growing would leave copies behind, so there is room for all of it from the beginning.
    let bytes = parts.iter().chain(following).map(|part| part.len() + 1);
    let bytes = bytes.sum::<usize>().min(2 * MAX_TEXT_BYTES);
    let mut text = Zeroizing::new(Vec::with_capacity(bytes));
    let mut length = 0;
    for (nth, part) in parts.iter().enumerate() {
        append(&mut text, part, nth > 0, MAX_TEXT_BYTES);
        if nth == 0 {
            length = u16::try_from(text.len()).expect("the longest text is shorter");
        }
    }
    (text, length)
}

/// Appends a part, as far as there is room up to `end`.
fn append(text: &mut Vec<u8>, part: &str, separated: bool, end: usize) {
    let separator = usize::from(separated);
    if text.len() + separator > end {
        return;
    }
    text.resize(text.len() + separator, 0);
    let room = part.floor_char_boundary(end - text.len());
    text.extend_from_slice(&part.as_bytes()[..room]);
}

/// A file name that was not UTF-8, as far as it is.
fn of_bytes(hex: &Value) -> String {
    let bytes = hex.as_str().and_then(|hex| hex::decode(hex).ok());
    String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned()
}

/// The natural order of folded references: numbers in them count as numbers, so `js/2` comes
/// before `js/10`.
pub fn natural(one: &[u8], other: &[u8]) -> Ordering {
    let (mut left, mut right) = (one, other);
    while let (Some(first), Some(second)) = (left.first(), right.first()) {
        let order = if first.is_ascii_digit() && second.is_ascii_digit() {
            let (a, b);
            (a, left) = number(left);
            (b, right) = number(right);
            a.len().cmp(&b.len()).then_with(|| a.cmp(b))
        } else {
            (left, right) = (&left[1..], &right[1..]);
            first.cmp(second)
        };
        if order.is_ne() {
            return order;
        }
    }
    left.len().cmp(&right.len()).then_with(|| one.cmp(other))
}

/// The number at the beginning without its leading zeros, and what follows it.
fn number(text: &[u8]) -> (&[u8], &[u8]) {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = text.split_at(digits);
    let zeros = number.iter().take_while(|digit| **digit == b'0').count();
    (&number[zeros..], rest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn same(one: &str, other: &str) {
        assert_eq!(*fold(one), *fold(other), "{one:?} {other:?}");
    }

    #[test]
    fn spellings_of_one_word_are_one() {
        same("Straße", "STRASSE");
        same("STRAẞE", "strasse");
        same("Ilić", "ili\u{107}");
        same("Ilić", "Ilic\u{301}");
        same("ΌΔΟΣ", "οδος");
        same("οδός", "ΟΔΟΣ");
        same("ﬁle", "FILE");
        same("İstanbul", "istanbul");
        same("ＪＳ／１２", "js/12");
        same("שָׁלוֹם", "שלום");
        same("مُحَمَّد", "محمد");
        same("rück\u{202e}seite", "RÜCKSEITE");
        same("a\u{200f}b", "ab");
        assert_ne!(*fold("כב"), *fold("בכ"));
    }

    #[test]
    fn a_search_is_words() {
        let found = words("  Lager\u{a0}HALLE \u{301} ");
        let found: Vec<&str> = found.iter().map(|word| word.as_str()).collect();
        assert_eq!(found, ["lager", "halle"]);
        assert!(words("\u{202e} \u{301}").is_empty());
        assert_eq!(words(&"a ".repeat(100)).len(), MAX_WORDS);
    }

    #[test]
    fn what_is_searched_has_parts_and_an_end() {
        let told = |name: Value, description: &str, corrected: &[&str]| {
            let corrected: Vec<_> = corrected
                .iter()
                .map(|text| Zeroizing::new(text.to_string()))
                .collect();
            let (text, length) = searched("JS/1", &name, description, &corrected);
            assert_eq!(length, 4);
            String::from_utf8(text.to_vec()).expect("it is cut between letters")
        };
        let plan = json!("Plan.PDF");
        assert_eq!(
            told(plan.clone(), "Der Hafen", &[]),
            "js/1\0plan.pdf\0der hafen"
        );
        assert_eq!(
            told(plan, "Der Hafen", &["Die Werft", "Das Dock"]),
            "js/1\0plan.pdf\0der hafen\0das dock\0die werft"
        );
        assert_eq!(
            told(json!({"hex": "66ff6f"}), "", &[]),
            "js/1\0f\u{fffd}o\0"
        );
        let long = "\u{fdfa}".repeat(20_000);
        let text = told(json!(long), &long, &[]);
        assert!(text.len() <= MAX_TEXT_BYTES && text.len() > MAX_TEXT_BYTES - 4);
        // However long what was told first is, what was told last is searched.
        let text = told(json!(long), &long, &["older", &long, "newest"]);
        assert!(text.contains("\0newest\0") && !text.contains("older"));
        let bytes = 2 * MAX_TEXT_BYTES;
        assert!(text.len() <= bytes && text.len() > bytes - 8);
    }

    #[test]
    fn numbers_in_references_count() {
        let sorted = [
            "", "a", "js", "js/", "js/1", "js/01", "js/2", "js/10", "js/10a", "jt/1",
        ];
        for pair in sorted.windows(2) {
            let order = natural(pair[0].as_bytes(), pair[1].as_bytes());
            // `js/1` and `js/01` are one number; their spelling decides.
            let wanted = if pair == ["js/1", "js/01"] {
                "js/1".cmp("js/01")
            } else {
                Ordering::Less
            };
            assert_eq!(order, wanted, "{pair:?}");
        }
    }

    proptest! {
        #[test]
        fn plain_text_is_folded_like_any_other(text in "[\\x00-\\x7f]{0,40}") {
            // The accent makes it a text that is not plain, and is left out of it.
            let accented = format!("{text}\u{301}");
            prop_assert_eq!(&*fold(&text), &*fold(&accented));
        }

        #[test]
        fn folding_twice_changes_nothing(text in "\\PC{0,40}") {
            let once = fold(&text);
            prop_assert_eq!(&*fold(&once), &*once);
        }

        #[test]
        fn the_natural_order_is_one(texts in proptest::collection::vec("[a-c0-2/]{0,6}", 3)) {
            let [a, b, c] = [0, 1, 2].map(|at: usize| texts[at].as_bytes());
            prop_assert_eq!(natural(a, b), natural(b, a).reverse());
            prop_assert_eq!(natural(a, b).is_eq(), a == b);
            if natural(a, b).is_le() && natural(b, c).is_le() {
                prop_assert!(natural(a, c).is_le());
            }
        }
    }
}
