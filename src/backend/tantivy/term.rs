//! The terms of the index: a path, what kind of fact about it follows, and a value whose bytes sort as the values do.
//!
//! ```text
//! term = path kind value
//! path = {key 0x00}                  0x00 and 0x01 inside a key are escaped by 0x01
//!      | 0xFF sha256 {key 0x00}      where it would be longer than LONGEST_PATH
//! kind = 0xF8 … 0xFF                 no key begins so: it is no UTF-8
//! ```
//! So no path with its kind is a prefix of another, and all terms of a kind at a path are one range of the dictionary.
//! tantivy's own JSON terms would not do: they merge paths that hold U+0001, drop what holds U+0000, know neither null nor
//! presence, saturate large numbers and turn some strings into dates.

use super::strings::increment;
use crate::canonical::sha256;
use crate::path::Path;
use crate::value::{Instant, Number};

/// A path in more bytes is told by its digest: a document of n levels would else take n² bytes of terms.
const LONGEST_PATH: usize = 96;

/// Stands before a digest. No key begins so.
const DIGEST: u8 = 0xFF;

/// What a term tells of its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    /// There is a node.
    Node = 0xF8,
    /// There is a value other than null.
    NotNull = 0xF9,
    /// There is a string that is too long for a term: of more than [`LONGEST_STRING`](super::strings::LONGEST_STRING) bytes.
    Long = 0xFA,
    /// A boolean.
    Bool = 0xFB,
    /// A number.
    Number = 0xFC,
    /// A string that is an instant.
    Instant = 0xFD,
    /// A string.
    String = 0xFE,
    /// A token of some string, folded.
    Token = 0xFF,
}

/// Goes from a path to the one below it.
pub(super) fn push_key(path: &mut Vec<u8>, key: &str) {
    for byte in key.bytes() {
        if byte <= 0x01 {
            path.push(0x01);
            path.push(byte + 0x01);
        } else {
            path.push(byte);
        }
    }
    path.push(0x00);
    if path.len() > LONGEST_PATH {
        let digest = sha256(path);
        path.clear();
        path.push(DIGEST);
        path.extend_from_slice(&digest);
    }
}

/// A path as terms begin with it.
pub(super) fn path(path: &Path) -> Vec<u8> {
    let mut code = Vec::with_capacity(32);
    path.keys().for_each(|key| push_key(&mut code, key));
    code
}

/// The term of a kind at a path, and of a value.
pub(super) fn term(path: &[u8], kind: Kind, value: &[u8]) -> Vec<u8> {
    let mut term = Vec::with_capacity(path.len() + 1 + value.len());
    term.extend_from_slice(path);
    term.push(kind as u8);
    term.extend_from_slice(value);
    term
}

/// What stands after all terms of a kind at a path. INVARIANT: the last kind, which has nothing after it, is not ordered.
pub(super) fn end(path: &[u8], kind: Kind) -> Vec<u8> {
    let mut end = term(path, kind, &[]);
    increment(&mut end);
    end
}

/// Bytes that sort as the numbers do, equal for equal numbers: the nearest `f64`, and what the number is off it where others
/// have the same. Zeros at the end are left out, which keeps the order; of most numbers two or three bytes are left.
pub(super) fn number(number: Number, bytes: &mut [u8; 10]) -> &[u8] {
    bytes[..8].copy_from_slice(&number_code(number).to_be_bytes());
    // Rounding keeps the order, so only numbers with the same nearest `f64` are told apart by the rest; it is less than
    // 2^11, since they are integers of up to 64 bits. INVARIANT: an integral `f64` of that size is exact in an `i128`.
    let off = || number.integer().map_or(0, |integer| integer - number.to_f64_lossy() as i128);
    let off = if has_own_code(number) { 0 } else { (off() + 0x8000) as u16 };
    bytes[8..].copy_from_slice(&off.to_be_bytes());
    let length = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    &bytes[..length]
}

/// The place of the nearest `f64` among them all.
pub(super) fn number_code(number: Number) -> u64 {
    // `-0.0` is `0.0`.
    let bits = (number.to_f64_lossy() + 0.0).to_bits();
    if bits >> 63 == 0 { bits | 1 << 63 } else { !bits }
}

/// Whether no other number has the same code.
pub(super) fn has_own_code(number: Number) -> bool {
    // From 2^53 on, integers are rounded to the same `f64`.
    number.to_f64_lossy().abs() < 9_007_199_254_740_992.0
}

/// Eight bytes that sort as the instants do.
pub(super) fn instant(instant: Instant) -> [u8; 8] {
    instant_code(instant).to_be_bytes()
}

/// The place of an instant among them all.
pub(super) fn instant_code(instant: Instant) -> u64 {
    instant.as_micros() as u64 ^ 1 << 63
}

/// The name of the column of a path with its kind. In hexadecimal digits: dots and U+0001 mean something in names.
pub(super) fn column(path_and_kind: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = path_and_kind.iter().flat_map(|byte| [byte >> 4, byte & 0xF]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_sort_and_equal_as_the_law_says() {
        let ints = [i64::MIN, i64::MIN + 1, -(1 << 53) - 1, -(1 << 53), -1, 0, 1, 5, 1 << 53, (1 << 53) + 1, i64::MAX];
        let uints = [0, 1 << 63, (1 << 63) + 1, u64::MAX - 1, u64::MAX];
        let floats = [
            f64::MIN,
            -1e19,
            -9_223_372_036_854_775_808.0,
            -1.5,
            -5e-324,
            -0.0,
            0.0,
            5e-324,
            0.1,
            1.0,
            5.0,
            5.5,
            9_007_199_254_740_992.0,
            9_007_199_254_740_994.0,
            9_223_372_036_854_775_808.0,
            18_446_744_073_709_551_616.0,
            1e300,
            f64::MAX,
        ];
        let numbers: Vec<Number> = ints
            .into_iter()
            .map(Number::from)
            .chain(uints.into_iter().map(Number::from))
            .chain(floats.into_iter().map(|float| Number::from_f64(float).unwrap()))
            .collect();
        for a in &numbers {
            for b in &numbers {
                assert_eq!(number(*a, &mut [0; 10]).cmp(number(*b, &mut [0; 10])), a.cmp(b), "{a} {b}");
            }
        }
    }

    #[test]
    fn no_path_with_its_kind_is_a_prefix_of_another() {
        let long = "k".repeat(LONGEST_PATH);
        let keys = ["", "a", "b", "a.b", "\0", "\u{1}", "\u{2}", "\0\u{1}", "a\u{1}b", "a\0b", "\u{10FFFF}", &long];
        let mut paths: Vec<Vec<&str>> = keys.iter().map(|key| vec![*key]).collect();
        for (first, second) in keys.iter().flat_map(|first| keys.iter().map(move |second| (first, second))) {
            paths.push(vec![first, second]);
            paths.extend(keys.iter().map(|third| vec![*first, *second, *third]));
        }
        let code = |keys: &Vec<&str>| path(&Path::from_keys(keys.iter().copied()).unwrap());
        let mut codes: Vec<Vec<u8>> = paths.iter().map(code).collect();
        assert!(codes.iter().all(|code| code.len() <= LONGEST_PATH));
        codes.sort();
        assert!(codes.windows(2).all(|pair| pair[0] != pair[1]));
        for (a, b) in codes.iter().flat_map(|a| codes.iter().map(move |b| (a, b))) {
            if a != b && b.starts_with(a) {
                // Below it: what follows is a key, never a kind.
                assert!(b[a.len()] < Kind::Node as u8);
            }
        }
    }
}
