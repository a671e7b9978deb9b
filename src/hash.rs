//! Hashes with keys of this process, so that a client cannot make them collide.

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// The hash of a client's words. Cost: linear in them; it is SipHash.
pub(crate) fn keyed(words: impl Hash) -> u64 {
    static STATE: OnceLock<RandomState> = OnceLock::new();
    STATE.get_or_init(RandomState::new).hash_one(words)
}

/// A hash that is worked out when it is first asked for: a filter of one condition never asks.
#[derive(Debug, Default)]
pub(crate) struct LazyHash(AtomicU64);

impl LazyHash {
    /// One that is known already.
    pub(crate) fn of(hash: u64) -> LazyHash {
        LazyHash(hash.into())
    }

    pub(crate) fn get(&self, work_out: impl FnOnce() -> u64) -> u64 {
        // Zero is "not yet"; a hash that is zero is worked out each time.
        match self.0.load(Ordering::Relaxed) {
            0 => {
                let hash = work_out();
                self.0.store(hash, Ordering::Relaxed);
                hash
            }
            hash => hash,
        }
    }
}

impl Clone for LazyHash {
    fn clone(&self) -> LazyHash {
        LazyHash(self.0.load(Ordering::Relaxed).into())
    }
}

/// One hash of two, in their order. Cheap, and as hard to foresee as they are. Not linear: sums of such hashes would
/// agree for `(a, b)` and `(c, d)` and for `(a, d)` and `(c, b)` otherwise.
pub(crate) fn mix(a: u64, b: u64) -> u64 {
    // The first 128 bits of pi's fraction: without a pattern, so that no factor is zero for a usual argument.
    let product = u128::from(a ^ 0x243f_6a88_85a3_08d3) * u128::from(b ^ 0x1319_8a2e_0370_7344);
    (product as u64) ^ ((product >> 64) as u64)
}
