//! A list whose slots are used again.

/// Items by slot. A slot that was freed is the next to be used, so the slots stay as dense as they can.
#[derive(Clone, Debug)]
pub(super) struct Slab<T> {
    slots: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Slab<T> {
        Slab { slots: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slab<T> {
    /// Puts an item into a free slot.
    pub(super) fn add(&mut self, item: T) -> u32 {
        if let Some(slot) = self.free.pop() {
            self.slots[slot as usize] = Some(item);
            return slot;
        }
        self.slots.push(Some(item));
        // INVARIANT: four billion items do not fit into memory.
        (self.slots.len() - 1) as u32
    }

    /// Takes an item out and frees its slot.
    pub(super) fn take(&mut self, slot: u32) -> Option<T> {
        let item = self.slots.get_mut(slot as usize)?.take()?;
        self.free.push(slot);
        if self.free.len() == self.slots.len() {
            *self = Slab::default();
        }
        Some(item)
    }

    pub(super) fn get(&self, slot: u32) -> Option<&T> {
        self.slots.get(slot as usize)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, slot: u32) -> Option<&mut T> {
        self.slots.get_mut(slot as usize)?.as_mut()
    }

    /// One more than the greatest slot that is in use.
    pub(super) fn bound(&self) -> usize {
        self.slots.len()
    }

    /// How many items there are.
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }
}
