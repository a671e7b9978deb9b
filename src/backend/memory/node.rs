//! What the compiled program asks of a document, so that it runs over any representation of one.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

use serde_json::{Map, Value as Json};

use crate::value::Number;

/// A document, or a value in one.
pub(crate) trait Node: Copy {
    type Elements: Iterator<Item = Self>;
    type Text: Deref<Target = str>;

    /// The member of an object; `None` for what is no object, or lacks it.
    fn member(self, key: &str) -> Option<Self>;

    fn view(self) -> View<Self>;
}

/// What a value is.
pub(crate) enum View<N: Node> {
    Null,
    Bool(bool),
    Number(Number),
    String(N::Text),
    Array(N::Elements),
    /// An object: no test looks at it as a whole.
    Object,
}

impl<'d> Node for &'d Json {
    type Elements = std::slice::Iter<'d, Json>;
    type Text = &'d str;

    #[inline(always)]
    fn member(self, key: &str) -> Option<&'d Json> {
        match self {
            Json::Object(members) => look_up(members, key),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => None,
        }
    }

    fn view(self) -> View<&'d Json> {
        match self {
            Json::Null => View::Null,
            Json::Bool(bool) => View::Bool(*bool),
            // A number without a finite `f64` is in no document (D2); it is no scalar, and not null.
            Json::Number(number) => Number::from_json(number).map_or(View::Object, View::Number),
            Json::String(string) => View::String(string.as_str()),
            Json::Array(elements) => View::Array(elements.iter()),
            Json::Object(_) => View::Object,
        }
    }
}

// A search through the map inlined everywhere would leave the loops around it no registers.
#[inline(never)]
fn look_up<'d>(members: &'d Map<String, Json>, key: &str) -> Option<&'d Json> {
    members.get(&key as &dyn MemberKey)
}

/// A key, as a look-up in a map of members compares it.
///
/// The map goes through its keys in their order, and `str` compares each by a call of `memcmp`, which takes most of the
/// time of a look-up. Nearly all keys differ in their first byte: that is compared first. A trait object, as a map that
/// holds `String`s can be asked for whatever a `String` can be lent as.
trait MemberKey {
    fn text(&self) -> &str;
}

impl MemberKey for String {
    #[inline(always)]
    fn text(&self) -> &str {
        self
    }
}

impl MemberKey for &str {
    #[inline(always)]
    fn text(&self) -> &str {
        self
    }
}

impl<'k> Borrow<dyn MemberKey + 'k> for String {
    #[inline(always)]
    fn borrow(&self) -> &(dyn MemberKey + 'k) {
        self
    }
}

impl Ord for dyn MemberKey + '_ {
    /// The order of `str`.
    #[inline(always)]
    fn cmp(&self, other: &Self) -> Ordering {
        let (own, others) = (self.text().as_bytes(), other.text().as_bytes());
        match (own.first(), others.first()) {
            (Some(first), Some(second)) if first != second => first.cmp(second),
            _ => compare(own, others),
        }
    }
}

/// The order of two keys that begin with the same byte.
///
/// Nearly always they are the same: short ones are compared by the words that they begin and end with, which takes less
/// than the call of `memcmp`. Not inlined, or the search would not be.
#[inline(never)]
fn compare(a: &[u8], b: &[u8]) -> Ordering {
    fn ends<const N: usize>(key: &[u8]) -> Option<(&[u8; N], &[u8; N])> {
        Some((key.first_chunk()?, key.last_chunk()?))
    }
    // The two words of a key have all of its bytes.
    let is_same = a.len() == b.len()
        && match a.len() {
            0..4 => a.iter().eq(b),
            4..=8 => ends::<4>(a) == ends::<4>(b),
            9..=16 => ends::<8>(a) == ends::<8>(b),
            _ => false,
        };
    if is_same {
        return Ordering::Equal;
    }
    match (a.get(1), b.get(1)) {
        (Some(second), Some(other)) if second != other => second.cmp(other),
        _ => a.cmp(b),
    }
}

impl PartialOrd for dyn MemberKey + '_ {
    #[inline(always)]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Eq for dyn MemberKey + '_ {}

impl PartialEq for dyn MemberKey + '_ {
    #[inline(always)]
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl Hash for dyn MemberKey + '_ {
    /// The hash of `str`: the map is one by hash where `serde_json` keeps the order of keys.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_in_the_order_of_str() {
        let mut keys: Vec<String> = Vec::new();
        for len in 0..=18 {
            let key = vec![b'm'; len];
            keys.push(String::from_utf8(key.clone()).unwrap());
            for at in 0..len {
                for byte in [0, b'A', b'z'] {
                    let mut other = key.clone();
                    other[at] = byte;
                    keys.push(String::from_utf8(other).unwrap());
                }
                if at > 0 {
                    let (head, tail) = ("m".repeat(at - 1), "m".repeat(len - at - 1));
                    keys.push(format!("{head}é{tail}"));
                }
            }
        }
        let members: Json =
            keys.iter().map(|key| (key.clone(), Json::from(key.as_str()))).collect::<Map<_, _>>().into();
        for a in &keys {
            for b in &keys {
                let (x, y): (&str, &str) = (a, b);
                assert_eq!((&x as &dyn MemberKey).cmp(&y as &dyn MemberKey), a.cmp(b), "{a:?}, {b:?}");
            }
            assert_eq!((&members).member(a).and_then(Json::as_str), Some(a.as_str()));
        }
        assert_eq!((&members).member("mmmmmmm m"), None);
    }
}
