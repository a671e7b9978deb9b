//! What a filter from an untrusted client may cost at most.

use serde::Serialize;

/// What a [`Limits`] limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Limit {
    /// Bytes of input. Where there is no text (`Deserialize`, a `Value`), the bytes of its strings, keys, numbers and
    /// brackets.
    Input,
    /// Groups around a condition. JSON brackets and bare parentheses are not counted.
    Depth,
    /// Conditions, shorthand pairs among them.
    Conditions,
    /// Elements of `in` and `nin` lists, in all.
    ListItems,
    /// Bytes of one string operand, one list element, or the text of one number.
    Operand,
    /// Bytes of one path as written.
    Path,
    /// Keys of one path.
    PathKeys,
    /// Bytes of the compiled regular expressions, in all.
    Regex,
    /// Diagnostics reported; what is past them is counted.
    Errors,
}

impl Limit {
    /// Every limit, with its name on the command line, its unit and its default: the one place for these facts.
    const TABLE: [(Limit, &'static str, &'static str, usize); 9] = [
        (Limit::Input, "input", "bytes", 16 * MIB),
        (Limit::Depth, "depth", "groups", 128),
        (Limit::Conditions, "conditions", "conditions", 10_000),
        (Limit::ListItems, "list_items", "items", 1_000_000),
        (Limit::Operand, "operand", "bytes", 64 * KIB),
        (Limit::Path, "path", "bytes", KIB),
        (Limit::PathKeys, "path_keys", "keys", 32),
        (Limit::Regex, "regex", "bytes", MIB),
        (Limit::Errors, "errors", "errors", 50),
    ];

    /// Every limit, in the order of the documentation.
    pub fn all() -> impl Iterator<Item = Limit> {
        Limit::TABLE.iter().map(|row| row.0)
    }

    /// The name that the command line and reports use.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// What is counted: `bytes`, `groups`, …
    #[must_use]
    pub fn unit(self) -> &'static str {
        self.row().2
    }

    /// The limit of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Limit> {
        Limit::all().find(|limit| limit.name() == name)
    }

    fn row(self) -> &'static (Limit, &'static str, &'static str, usize) {
        &Limit::TABLE[self as usize]
    }
}

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// The limits that hold while a filter is read, checked and compiled.
///
/// | limit | counts | default |
/// | --- | --- | --- |
/// | `input` | bytes of input | 16 MiB |
/// | `depth` | groups around a condition; an object of several keys is one | 128 |
/// | `conditions` | conditions | 10,000 |
/// | `list_items` | list elements, in all | 1,000,000 |
/// | `operand` | bytes of one operand | 64 KiB |
/// | `path` | bytes of one path | 1 KiB |
/// | `path_keys` | keys of one path | 32 |
/// | `regex` | bytes of compiled regular expressions, in all | 1 MiB |
/// | `errors` | diagnostics reported | 50 |
///
/// ```
/// use trommel::{Limit, Limits};
///
/// let limits = Limits::default().with(Limit::Conditions, 20);
/// assert_eq!(limits.get(Limit::Conditions), 20);
/// assert_eq!(limits.get(Limit::Depth), 128);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits([usize; 9]);

impl Default for Limits {
    fn default() -> Limits {
        Limits(Limit::TABLE.map(|row| row.3))
    }
}

impl Limits {
    /// These limits with one of them set. `input` is held to 4 GiB less one byte, since places are 32 bits wide.
    #[must_use]
    pub fn with(mut self, limit: Limit, value: usize) -> Limits {
        let most = if limit == Limit::Input { u32::MAX as usize - 1 } else { usize::MAX };
        self.0[limit as usize] = value.min(most);
        self
    }

    /// No limits: for what was accepted once, and is only written another way.
    pub(crate) fn none() -> Limits {
        Limit::all().fold(Limits::default(), |limits, limit| limits.with(limit, usize::MAX))
    }

    /// The value of a limit.
    #[must_use]
    pub fn get(&self, limit: Limit) -> usize {
        self.0[limit as usize]
    }
}

/// How much of its limits a filter used: `{"conditions":{"used":17,"limit":10000},…}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    used: [usize; 9],
    limits: Limits,
}

impl Budget {
    #[inline(always)]
    pub(crate) fn new(limits: Limits) -> Budget {
        Budget { used: [0; 9], limits }
    }

    /// How much was used: a sum for what is counted in all, else the largest.
    #[must_use]
    pub fn used(&self, limit: Limit) -> usize {
        self.used[limit as usize]
    }

    /// The same with another use of one limit.
    pub(crate) fn with_used(mut self, limit: Limit, used: usize) -> Budget {
        self.used[limit as usize] = used;
        self
    }

    /// The limits that held.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Counts `amount` more; `Err` with the new sum if that passes the limit.
    pub(crate) fn add(&mut self, limit: Limit, amount: usize) -> Result<(), usize> {
        let sum = self.used[limit as usize].saturating_add(amount);
        self.used[limit as usize] = sum;
        if sum > self.limits.get(limit) { Err(sum) } else { Ok(()) }
    }

    /// Notes a single size; `Err` with it if it passes the limit.
    pub(crate) fn note(&mut self, limit: Limit, size: usize) -> Result<(), usize> {
        let used = &mut self.used[limit as usize];
        *used = size.max(*used);
        if size > self.limits.get(limit) { Err(size) } else { Ok(()) }
    }
}

impl Serialize for Budget {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Row {
            used: usize,
            limit: usize,
        }
        serializer.collect_map(
            Limit::all().map(|limit| (limit.name(), Row { used: self.used(limit), limit: self.limits.get(limit) })),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_enum() {
        for (at, limit) in Limit::all().enumerate() {
            assert_eq!(at, limit as usize);
            assert_eq!(Limit::from_name(limit.name()), Some(limit));
        }
    }
}
