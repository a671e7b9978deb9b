//! The baseline: what one would write by hand for requests that hold AND, OR, `eq` and `in`. One pass over the text,
//! straight to what is asked; no limit, no place, no mistake but those of the JSON, nothing simplified.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value as Json;

/// A compiled filter.
pub(crate) enum Hand {
    All(Vec<Hand>),
    Any(Vec<Hand>),
    Eq(Vec<Box<str>>, Scalar),
    In(Vec<Box<str>>, Set),
}

pub(crate) enum Scalar {
    Bool(bool),
    Int(i64),
    String(Box<str>),
}

/// Elements by type, each found by one hash.
pub(crate) struct Set {
    strings: HashSet<Box<str>>,
    ints: HashSet<i64>,
}

impl Hand {
    pub(crate) fn compile(text: &str) -> Hand {
        serde_json::from_str(text).expect("a filter")
    }

    pub(crate) fn matches(&self, document: &Json) -> bool {
        match self {
            Hand::All(members) => members.iter().all(|member| member.matches(document)),
            Hand::Any(members) => members.iter().any(|member| member.matches(document)),
            Hand::Eq(path, scalar) => some_value(path, document, &|value| match (scalar, value) {
                (Scalar::Bool(a), Json::Bool(b)) => a == b,
                (Scalar::Int(a), Json::Number(b)) => b.as_i64() == Some(*a),
                (Scalar::String(a), Json::String(b)) => **a == **b,
                (_, _) => false,
            }),
            Hand::In(path, set) => some_value(path, document, &|value| match value {
                Json::Number(int) => int.as_i64().is_some_and(|int| set.ints.contains(&int)),
                Json::String(string) => set.strings.contains(string.as_str()),
                _ => false,
            }),
        }
    }
}

/// Whether some value at a path satisfies a test; arrays on the way and at the end are entered.
fn some_value(path: &[Box<str>], node: &Json, test: &dyn Fn(&Json) -> bool) -> bool {
    match (path, node) {
        (_, Json::Array(elements)) => elements.iter().any(|element| some_value(path, element, test)),
        ([], node) => test(node),
        ([key, rest @ ..], Json::Object(members)) => {
            members.get(&**key).is_some_and(|member| some_value(rest, member, test))
        }
        (_, _) => false,
    }
}

impl<'de> Deserialize<'de> for Hand {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Hand, D::Error> {
        deserializer.deserialize_map(HandVisitor)
    }
}

struct HandVisitor;

impl<'de> Visitor<'de> for HandVisitor {
    type Value = Hand;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a condition or a group")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Hand, A::Error> {
        let (mut field, mut operand) = (None, None);
        while let Some(key) = members.next_key::<Key>()? {
            match key {
                Key::And => return last(members.next_value().map(Hand::All)?, &mut members),
                Key::Or => return last(members.next_value().map(Hand::Any)?, &mut members),
                Key::Field => field = Some(members.next_value::<Keys>()?.0),
                // What the operand is tells the two operators apart.
                Key::Operator => drop(members.next_value::<serde::de::IgnoredAny>()?),
                Key::Value => operand = Some(members.next_value::<Operand>()?),
            }
        }
        match (field, operand) {
            (Some(path), Some(Operand::One(scalar))) => Ok(Hand::Eq(path, scalar)),
            (Some(path), Some(Operand::Many(set))) => Ok(Hand::In(path, set)),
            (_, _) => Err(A::Error::custom("half a condition")),
        }
    }
}

/// A group has one key.
fn last<'de, A: MapAccess<'de>>(group: Hand, members: &mut A) -> Result<Hand, A::Error> {
    match members.next_key::<Key>()? {
        None => Ok(group),
        Some(_) => Err(A::Error::custom("a group has one key")),
    }
}

#[derive(serde::Deserialize)]
enum Key {
    #[serde(rename = "AND")]
    And,
    #[serde(rename = "OR")]
    Or,
    #[serde(rename = "field")]
    Field,
    #[serde(rename = "operator")]
    Operator,
    #[serde(rename = "value")]
    Value,
}

struct Keys(Vec<Box<str>>);

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Keys, D::Error> {
        struct KeysVisitor;
        impl Visitor<'_> for KeysVisitor {
            type Value = Keys;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a path")
            }

            fn visit_str<E: Error>(self, path: &str) -> Result<Keys, E> {
                Ok(Keys(path.split('.').map(Box::from).collect()))
            }
        }
        deserializer.deserialize_str(KeysVisitor)
    }
}

enum Operand {
    One(Scalar),
    Many(Set),
}

/// Reads elements as scalars: as operands, each would be moved about with room for a set.
impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Scalar, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl Visitor<'_> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a scalar")
    }

    fn visit_bool<E: Error>(self, bool: bool) -> Result<Scalar, E> {
        Ok(Scalar::Bool(bool))
    }

    fn visit_i64<E: Error>(self, int: i64) -> Result<Scalar, E> {
        Ok(Scalar::Int(int))
    }

    fn visit_u64<E: Error>(self, int: u64) -> Result<Scalar, E> {
        i64::try_from(int).map(Scalar::Int).map_err(E::custom)
    }

    fn visit_str<E: Error>(self, string: &str) -> Result<Scalar, E> {
        Ok(Scalar::String(string.into()))
    }
}

impl<'de> Deserialize<'de> for Operand {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Operand, D::Error> {
        deserializer.deserialize_any(OperandVisitor)
    }
}

struct OperandVisitor;

impl<'de> Visitor<'de> for OperandVisitor {
    type Value = Operand;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a scalar or a list of them")
    }

    fn visit_bool<E: Error>(self, bool: bool) -> Result<Operand, E> {
        ScalarVisitor.visit_bool(bool).map(Operand::One)
    }

    fn visit_i64<E: Error>(self, int: i64) -> Result<Operand, E> {
        ScalarVisitor.visit_i64(int).map(Operand::One)
    }

    fn visit_u64<E: Error>(self, int: u64) -> Result<Operand, E> {
        ScalarVisitor.visit_u64(int).map(Operand::One)
    }

    fn visit_str<E: Error>(self, string: &str) -> Result<Operand, E> {
        ScalarVisitor.visit_str(string).map(Operand::One)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Operand, A::Error> {
        // Collected first: a set that grows hashes its elements again and again.
        let (mut strings, mut ints) = (Vec::new(), Vec::new());
        while let Some(element) = elements.next_element()? {
            match element {
                Scalar::String(string) => strings.push(string),
                Scalar::Int(int) => ints.push(int),
                Scalar::Bool(_) => return Err(A::Error::custom("no id")),
            }
        }
        let set = Set { strings: strings.into_iter().collect(), ints: ints.into_iter().collect() };
        Ok(Operand::Many(set))
    }
}
