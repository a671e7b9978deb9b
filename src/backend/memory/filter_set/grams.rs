//! Needles found by a few of their bytes: a string is gone through once, however many needles there are.

use std::collections::HashMap;

use super::index::{Askers, Found};

/// Some bytes in a row.
pub(super) type Gram = [u8; 4];

/// Askers that ask for a needle, each by one gram of it: a string without the gram does not hold the needle.
#[derive(Clone, Debug, Default)]
pub(super) struct Grams {
    leaves: HashMap<Gram, Askers>,
    chosen: HashMap<u32, Gram>,
    /// A bit for the grams of each hash: most bytes of most strings are passed with no more than a look here.
    bits: Vec<u64>,
}

/// Up to so many grams, looking for each needle by itself is faster than looking at every byte.
const FEW: usize = 16;
const BITS: u32 = 16;

impl Grams {
    /// Puts a leaf in by the gram of its needle that fewest others were put in by. False if the needle is too short.
    pub(super) fn add(&mut self, leaf: u32, needle: &str) -> bool {
        let windows = needle.as_bytes().windows(size_of::<Gram>()).filter_map(|window| Gram::try_from(window).ok());
        let Some(gram) = windows.min_by_key(|gram| self.leaves.get(gram).map_or(0, Askers::len)) else { return false };
        self.leaves.entry(gram).and_modify(|leaves| leaves.add(leaf)).or_insert(Askers::One(leaf));
        self.chosen.insert(leaf, gram);
        self.bits.resize(1 << (BITS - u64::BITS.trailing_zeros()), 0);
        let (word, bit) = place(gram);
        self.bits[word] |= bit;
        true
    }

    /// Takes a leaf out. False if it was not put in.
    pub(super) fn remove(&mut self, leaf: u32) -> bool {
        let Some(gram) = self.chosen.remove(&leaf) else { return false };
        if self.leaves.get_mut(&gram).is_some_and(|leaves| leaves.remove(leaf)) {
            self.leaves.remove(&gram);
        }
        // Other grams may share the bit, so it stays until all are gone; it costs a look-up in vain.
        if self.leaves.is_empty() {
            *self = Grams::default();
        }
        true
    }

    pub(super) fn is_empty(&self) -> bool {
        self.leaves.is_empty()
    }

    /// The leaves whose needles a string may hold. A gram that was met before is passed over, since a string may hold
    /// one any number of times.
    pub(super) fn probe(&self, string: &str, found: &mut Found) {
        if self.leaves.len() <= FEW {
            for leaves in self.leaves.values() {
                if found.is_new(leaves) {
                    found.perhaps.extend(leaves.iter());
                }
            }
            return;
        }
        for window in string.as_bytes().windows(size_of::<Gram>()) {
            let Ok(gram) = Gram::try_from(window) else { continue };
            let (word, bit) = place(gram);
            if self.bits[word] & bit != 0
                && let Some(leaves) = self.leaves.get(&gram)
                && found.is_new(leaves)
            {
                found.perhaps.extend(leaves.iter());
            }
        }
    }
}

/// The word and the bit of a gram.
fn place(gram: Gram) -> (usize, u64) {
    // Fibonacci hashing: an odd number near 2^32 divided by the golden ratio spreads what is close together.
    let hash = u32::from_ne_bytes(gram).wrapping_mul(0x9E37_79B1) >> (u32::BITS - BITS);
    ((hash / u64::BITS) as usize, 1 << (hash % u64::BITS))
}
