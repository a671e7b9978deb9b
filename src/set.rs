//! A set of scalars that is asked with borrowed values: the operands of `eq` and `in`.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use hashbrown::HashTable;
use serde_json::Value as Json;

use crate::fold::{fold, fold_char, folds_to};
use crate::hash::keyed;
use crate::value::{Number, Value};

/// Distinct scalars, at least one and never null: what [`Test::In`](crate::Test::In) asks for.
///
/// A look-up is one hash, however many values there are. The values are shared with the filter they came from.
#[derive(Clone)]
pub struct Set(Repr);

/// One value is by far the most common: it needs no allocation.
#[derive(Clone)]
enum Repr {
    One(Value, IgnoreCase),
    Many(Arc<Many>),
}

type IgnoreCase = bool;

struct Many {
    /// INVARIANT: distinct, and folded if letter case is ignored.
    values: Arc<[Value]>,
    ignore_case: bool,
    /// Indexes into `values`; empty for few values, which are looked through.
    index: HashTable<u32>,
    /// The sum of the hashes of those that are indexed.
    hash: u64,
}

/// Up to so many values, looking at each is cheaper than a hash.
const FEW: usize = 8;

/// A scalar as a look-up key: hashes as the value in the set does.
pub(crate) enum Key<'v> {
    Bool(bool),
    Number(Number),
    String(&'v str),
    /// Compared under simple case folding.
    Folded(&'v str),
}

impl Hash for Key<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Key::Bool(bool) => bool.hash(state),
            Key::Number(number) => number.hash(state),
            Key::String(string) => string.hash(state),
            Key::Folded(string) => hash_folded(string, state),
        }
    }
}

/// Hashes what a string folds to. In pieces, since a hasher is quickest with many bytes at once; where a piece ends
/// depends on the folded characters alone.
fn hash_folded<H: Hasher>(string: &str, state: &mut H) {
    let mut piece = [0_u8; 64];
    // One piece, whatever is in it, so the shortcut hashes as the loop does.
    if let (true, Some(piece)) = (string.is_ascii(), piece.get_mut(..string.len())) {
        piece.copy_from_slice(string.as_bytes());
        piece.make_ascii_lowercase();
        return state.write(piece);
    }
    let mut len = 0;
    for c in string.chars().map(fold_char) {
        if len + c.len_utf8() > piece.len() {
            state.write(&piece[..len]);
            len = 0;
        }
        len += c.encode_utf8(&mut piece[len..]).len();
    }
    state.write(&piece[..len]);
}

impl<'v> Key<'v> {
    pub(crate) fn of(value: &'v Value, ignore_case: bool) -> Option<Key<'v>> {
        match value {
            Value::Null => None,
            Value::Bool(bool) => Some(Key::Bool(*bool)),
            Value::Number(number) => Some(Key::Number(*number)),
            Value::String(string) if ignore_case => Some(Key::Folded(string)),
            Value::String(string) => Some(Key::String(string)),
        }
    }

    /// Whether it equals a value of a set of the same letter case, which is folded where that is ignored.
    pub(crate) fn equals(&self, value: &Value) -> bool {
        match (self, value) {
            (Key::Bool(a), Value::Bool(b)) => a == b,
            (Key::Number(a), Value::Number(b)) => a == b,
            (Key::String(a), Value::String(b)) => **a == **b,
            (Key::Folded(a), Value::String(b)) => folds_to(a, b),
            (Key::Bool(_) | Key::Number(_) | Key::String(_) | Key::Folded(_), _) => false,
        }
    }

    pub(crate) fn hash(&self) -> u64 {
        keyed(self)
    }
}

impl Set {
    /// The set of one value. Letter case is ignored only where it can matter (R3). INVARIANT: it is not null.
    #[inline]
    pub(crate) fn one(value: &Value, ignore_case: bool) -> Set {
        let ignore_case = ignore_case && value.is_cased();
        Set(Repr::One(if ignore_case { folded(value) } else { value.clone() }, ignore_case))
    }

    /// The set of these values; nulls are left out. `None` if nothing is left. Letter case is ignored only where it can
    /// matter to one of them (R3).
    pub(crate) fn new(values: &Arc<[Value]>, ignore_case: bool) -> Option<Set> {
        if let [value] = &**values {
            return (*value != Value::Null).then(|| Set::one(value, ignore_case));
        }
        let ignore_case = ignore_case && values.iter().any(Value::is_cased);
        let values = if ignore_case { values.iter().map(folded).collect() } else { values.clone() };
        if values.len() <= FEW { Set::of_few(values, ignore_case) } else { Set::of_many(values, ignore_case) }
    }

    /// The set of a few values, folded if letter case is ignored.
    fn of_few(values: Arc<[Value]>, ignore_case: bool) -> Option<Set> {
        let is_new = |at: &usize| {
            let key = Key::of(&values[*at], ignore_case);
            key.is_some_and(|key| !values[..*at].iter().any(|earlier| key.equals(earlier)))
        };
        let mut distinct = (0..values.len()).filter(is_new);
        let values = match distinct.clone().count() {
            0 | 1 => return distinct.next().map(|at| Set::one(&values[at], ignore_case)),
            all if all == values.len() => values,
            _ => distinct.map(|at| values[at].clone()).collect(),
        };
        Some(Set(Repr::Many(Arc::new(Many { values, ignore_case, index: HashTable::new(), hash: 0 }))))
    }

    /// The set of more values than a few, folded if letter case is ignored.
    fn of_many(mut values: Arc<[Value]>, ignore_case: bool) -> Option<Set> {
        let mut index = HashTable::with_capacity(values.len());
        let mut hash = 0_u64;
        for (at, value) in values.iter().enumerate() {
            let Some(key) = Key::of(value, ignore_case) else { continue };
            let key_hash = key.hash();
            // INVARIANT: a list is shorter than its input, which is shorter than 4 GiB.
            let entry = index.entry(
                key_hash,
                |other: &u32| key.equals(&values[*other as usize]),
                |other| Key::of(&values[*other as usize], ignore_case).map_or(0, |key| key.hash()),
            );
            if let hashbrown::hash_table::Entry::Vacant(vacant) = entry {
                vacant.insert(at as u32);
                hash = hash.wrapping_add(key_hash);
            }
        }
        if index.len() < values.len() {
            let mut distinct: Vec<u32> = index.iter().copied().collect();
            distinct.sort_unstable();
            values = distinct.iter().map(|at| values[*at as usize].clone()).collect();
            if values.len() <= FEW {
                return Set::of_few(values, ignore_case);
            }
            // The indexes move with the values.
            for slot in index.iter_mut() {
                *slot = distinct.partition_point(|at| at < slot) as u32;
            }
        }
        Some(Set(Repr::Many(Arc::new(Many { values, ignore_case, index, hash }))))
    }

    /// The values, distinct, in no particular order; strings are folded if letter case is ignored.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Value> + Clone {
        self.values().iter()
    }

    fn values(&self) -> &[Value] {
        match &self.0 {
            Repr::One(value, _) => std::slice::from_ref(value),
            Repr::Many(many) => &many.values,
        }
    }

    /// How many values there are; at least one.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a set is never empty")]
    pub fn len(&self) -> usize {
        self.values().len()
    }

    /// The one value of a set of one: an `eq`.
    #[must_use]
    pub fn single(&self) -> Option<&Value> {
        match &self.0 {
            Repr::One(value, _) => Some(value),
            Repr::Many(_) => None,
        }
    }

    /// Whether letter case is ignored (L2). Never set where it can change nothing.
    #[must_use]
    pub fn ignores_case(&self) -> bool {
        match &self.0 {
            Repr::One(_, ignore_case) => *ignore_case,
            Repr::Many(many) => many.ignore_case,
        }
    }

    /// Whether a document's value equals one of these. Arrays, objects and null never do.
    ///
    /// Cost: one hash of the value, or for few values a comparison with each.
    #[must_use]
    pub fn contains(&self, value: &Json) -> bool {
        match value {
            Json::Bool(bool) => self.has_bool(*bool),
            Json::Number(number) => Number::from_json(number).is_some_and(|number| self.has_number(number)),
            Json::String(string) => self.has_str(string),
            Json::Null | Json::Array(_) | Json::Object(_) => false,
        }
    }

    /// [`contains`](Set::contains) for a boolean, however it is stored.
    pub(crate) fn has_bool(&self, bool: bool) -> bool {
        self.has(&Key::Bool(bool))
    }

    /// [`contains`](Set::contains) for a number, however it is stored.
    pub(crate) fn has_number(&self, number: Number) -> bool {
        self.has(&Key::Number(number))
    }

    /// [`contains`](Set::contains) for a string, however it is stored. No allocation.
    pub(crate) fn has_str(&self, string: &str) -> bool {
        match &self.0 {
            // Exact strings are by far the most common: compared without a `Key`.
            Repr::Many(many) if !many.ignore_case => {
                let is_it = |value: &Value| matches!(value, Value::String(wanted) if **wanted == *string);
                if many.index.is_empty() {
                    return many.values.iter().any(is_it);
                }
                // As the key hashes.
                many.index.find(keyed(string), |at| is_it(&many.values[*at as usize])).is_some()
            }
            _ => self.has(&if self.ignores_case() { Key::Folded(string) } else { Key::String(string) }),
        }
    }

    /// The same for a value of ours. Null is in no set.
    pub(crate) fn has_value(&self, value: &Value) -> bool {
        Key::of(value, self.ignores_case()).is_some_and(|key| self.has(&key))
    }

    fn has(&self, key: &Key<'_>) -> bool {
        match &self.0 {
            Repr::One(value, _) => key.equals(value),
            Repr::Many(many) if many.index.is_empty() => many.values.iter().any(|value| key.equals(value)),
            Repr::Many(many) => many.index.find(key.hash(), |at| key.equals(&many.values[*at as usize])).is_some(),
        }
    }

    /// The sum of the values' hashes: the same for equal sets in any order.
    fn sum(&self) -> u64 {
        let sum = |values: &[Value]| {
            let hashes = values.iter().filter_map(|value| Key::of(value, self.ignores_case())).map(|key| key.hash());
            hashes.fold(0, u64::wrapping_add)
        };
        match &self.0 {
            Repr::One(value, _) => sum(std::slice::from_ref(value)),
            Repr::Many(many) if many.index.is_empty() => sum(&many.values),
            Repr::Many(many) => many.hash,
        }
    }
}

/// A value with its string folded.
fn folded(value: &Value) -> Value {
    match value {
        Value::String(string) => Value::String(fold(string).into()),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

impl PartialEq for Set {
    fn eq(&self, other: &Set) -> bool {
        if let (Repr::Many(a), Repr::Many(b)) = (&self.0, &other.0)
            && Arc::ptr_eq(a, b)
        {
            return true;
        }
        self.len() == other.len()
            && self.ignores_case() == other.ignores_case()
            && (self.len() <= FEW || self.sum() == other.sum())
            && self.iter().all(|value| other.has_value(value))
    }
}

impl Eq for Set {}

impl Hash for Set {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.ignores_case().hash(state);
        match self.single().and_then(|value| Key::of(value, self.ignores_case())) {
            Some(key) => Hash::hash(&key, state),
            None => self.sum().hash(state),
        }
    }
}

impl fmt::Debug for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let case = if self.ignores_case() { " nocase" } else { "" };
        f.debug_set().entries(self.iter()).finish()?;
        f.write_str(case)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_many_folded_values_finds_what_each_alone_does() {
        let values = ["kelvin", "MASS", "Σίσυφος", "straße", "ſt", "\u{FB05}", "İzmir", "ı", "ЁЖ", "\u{13A0}", "5"];
        let texts = [
            ("\u{212A}ELVIN", true),
            ("maſſ", true),
            ("ΣΊΣΥΦΟΣ", true),
            ("\u{3C2}ίσυφοσ", true),
            ("ſTRAẞE", true),
            ("ST", true),
            ("\u{FB06}", true),
            ("İZMIR", true),
            ("ёж", true),
            ("\u{AB70}", true),
            ("5", true),
            // Simple folding keeps lengths, and the dotless i apart.
            ("STRASSE", false),
            ("i\u{307}zmir", false),
            ("I", false),
            ("izmir", false),
            ("kelvin\u{212A}", false),
            ("k", false),
            ("", false),
        ];
        let many: Arc<[Value]> = values.iter().map(|value| Value::from(*value)).collect();
        let (folded, exact) = (Set::new(&many, true).unwrap(), Set::new(&many, false).unwrap());
        for set in [&folded, &exact] {
            assert!(matches!(&set.0, Repr::Many(many) if many.index.len() == values.len()));
        }
        for (text, is_in) in texts {
            assert_eq!(folded.has_str(text), is_in, "{text}");
            assert_eq!(exact.has_str(text), values.contains(&text), "{text}");
            let alone = many.iter().any(|value| Set::one(value, true).has_str(text));
            assert_eq!(alone, is_in, "{text}");
        }
    }

    #[test]
    fn equal_folded_strings_hash_alike_however_long() {
        // The Kelvin sign takes three bytes and folds to one; the long ſ two.
        for (other, plain) in [("\u{212A}", "k"), ("ſ", "s"), ("Σ", "ς"), ("A", "a"), ("ẞ", "ß")] {
            for count in (0..200).chain([1_000]) {
                let [other, plain] =
                    [other, plain].map(|c| format!("{}{}é{}", "x".repeat(count % 7), c.repeat(count), c));
                assert_eq!(Key::Folded(&other).hash(), Key::Folded(&plain).hash(), "{other}");
                let set = Set::one(&Value::from(&*plain), true);
                assert!(set.has_str(&other) && !set.has_str(&(other + "x")));
            }
        }
        let ascii = "k".repeat(64);
        assert_eq!(Key::Folded(&ascii).hash(), Key::Folded(&ascii.replace('k', "\u{212A}")).hash());
        assert_eq!(Key::Folded(&(ascii.clone() + "k")).hash(), Key::Folded(&(ascii + "\u{212A}")).hash());
    }
}
