//! Hashes with keys of this process, so that a client cannot make them collide; and sketches, which it can.

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::OnceLock;

/// The hash of a client's words. Cost: linear in them; it is SipHash.
pub(crate) fn keyed(words: impl Hash) -> u64 {
    static STATE: OnceLock<RandomState> = OnceLock::new();
    STATE.get_or_init(RandomState::new).hash_one(words)
}

/// One hash of two, in their order. Cheap, and as hard to foresee as they are. Not linear: sums of such hashes would
/// agree for `(a, b)` and `(c, d)` and for `(a, d)` and `(c, b)` otherwise.
pub(crate) fn mix(a: u64, b: u64) -> u64 {
    // The first 128 bits of pi's fraction: without a pattern, so that no factor is zero for a usual argument.
    let product = u128::from(a ^ 0x243f_6a88_85a3_08d3) * u128::from(b ^ 0x1319_8a2e_0370_7344);
    (product as u64) ^ ((product >> 64) as u64)
}

/// What most texts that differ differ in: the length, the first byte and the last. Whoever writes the texts can make them
/// agree, so that it spares a comparison, and no more.
pub(crate) fn sketch(text: &str) -> u32 {
    let [first, last] = [text.bytes().next(), text.bytes().next_back()].map(|byte| u32::from(byte.unwrap_or(0)));
    (text.len() as u32) << 16 | first << 8 | last
}
