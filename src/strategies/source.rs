//! The sequence of numbers that everything is made from.

/// Gives choices until it is exhausted; from then on each choice is the first, which is the simplest.
#[derive(Debug)]
pub(super) struct Source<'c> {
    choices: std::slice::Iter<'c, u32>,
}

impl<'c> Source<'c> {
    pub(super) fn new(choices: &'c [u32]) -> Source<'c> {
        Source { choices: choices.iter() }
    }

    /// A number below `bound`, which is not zero. A smaller number of the sequence gives a smaller one here, so that
    /// shrinking the one shrinks the other.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        let choice = self.choices.next().copied().unwrap_or(0);
        ((u64::from(choice) * bound as u64) >> 32) as usize
    }

    /// Whether something that happens once in `n` times happens.
    pub(super) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) + 1 == n
    }

    /// One of these. INVARIANT: there is at least one.
    pub(super) fn pick<T: Copy>(&mut self, table: &[T]) -> T {
        table[self.below(table.len())]
    }

    /// A reference to one of these. INVARIANT: there is at least one.
    pub(super) fn pick_ref<'t, T>(&mut self, table: &'t [T]) -> &'t T {
        &table[self.below(table.len())]
    }

    /// The index of one of these weights.
    pub(super) fn weighted(&mut self, weights: &[usize]) -> usize {
        let mut at = self.below(weights.iter().sum());
        for (index, weight) in weights.iter().enumerate() {
            if at < *weight {
                return index;
            }
            at -= weight;
        }
        0
    }

    /// Puts items into a random order.
    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, at - self.below(at + 1));
        }
    }
}
