//! The canonical form of a predicate and its fingerprint (R3).
//!
//! Leaves come before groups; leaves are ordered by their canonical JSON, groups by a digest of theirs, so that the cost
//! is linear in the size of the predicate, whatever is nested.

use std::fmt::Write as _;

use crate::filter::{CaseFlag, Condition, Filter, Kind, Operand, PartSpans, Span, Spelling, TreeBuilder};
use crate::limits::Limits;
use crate::operator::Operator;
use crate::predicate::{Bound, Fold, Join, Leaf, Needle, Predicate, Shape, Test};
use crate::set::Set;
use crate::value::{Instant, Value};

impl Predicate {
    /// The canonical filter that means the same (R3): equal predicates give equal JSON. It states `case_sensitive` on
    /// each condition where it can change the answer and nowhere else, so it reads the same under every root.
    #[must_use]
    pub fn to_filter(&self) -> Filter {
        emit(&sorted(self))
    }

    /// `t1:` and 32 hex digits of SHA-256 over the compact canonical JSON, with the instants' types (R3). Equal for
    /// equal predicates, and stable across versions and machines. Cost: linear in the size; computed when asked for.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let canonical = sorted(self);
        let mut hasher = hmac_sha256::Hash::new();
        hasher.update(emit(&canonical).to_string());
        // On a datetime field the same JSON asks another question (T3), so the leaves that do are told.
        for (at, leaf) in canonical.leaves().enumerate() {
            if matches!(leaf.test(), Test::InInstants(_) | Test::Compare(_, Bound::Instant(_))) {
                hasher.update(format!("\n{at}:datetime"));
            }
        }
        let digest = hasher.finalize();
        digest[..16].iter().fold("t1:".to_owned(), |mut text, byte| {
            // INVARIANT: writing to a `String` never fails.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

/// The SHA-256 of some bytes.
#[cfg(feature = "tantivy")]
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    hmac_sha256::Hash::hash(bytes)
}

/// What the members of a group are ordered by.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    /// Canonical JSON, and whether it is about instants.
    Leaf(Box<str>, bool),
    Group([u8; 32]),
}

/// The same predicate with the members of every group in canonical order.
fn sorted(predicate: &Predicate) -> Predicate {
    let folded: Result<(Key, Predicate), std::convert::Infallible> = predicate.fold(|next| match next {
        Fold::Leaf(at, leaf) => {
            let is_instant = matches!(leaf.test(), Test::InInstants(_) | Test::Compare(_, Bound::Instant(_)));
            Ok((Key::Leaf(leaf_json(leaf).into(), is_instant), at.clone()))
        }
        Fold::Group(_, join, mut members) => {
            members.sort_by(|(a, _), (b, _)| a.cmp(b));
            let digest = digest(join, members.iter().map(|(key, _)| key));
            let members = members.into_iter().map(|(_, member)| member).collect();
            Ok((Key::Group(digest), Predicate::group(join, members)))
        }
    });
    match folded {
        Ok((_, predicate)) => predicate,
        Err(never) => match never {},
    }
}

/// The digest of a group of members in their order.
fn digest<'k>(join: Join, members: impl Iterator<Item = &'k Key>) -> [u8; 32] {
    let mut hasher = hmac_sha256::Hash::new();
    hasher.update([u8::from(join == Join::Any)]);
    for key in members {
        match key {
            Key::Leaf(json, is_instant) => {
                hasher.update([b'l', u8::from(*is_instant)]);
                // As 64 bits, so that the order is the same on every machine.
                hasher.update((json.len() as u64).to_le_bytes());
                hasher.update(json.as_bytes());
            }
            Key::Group(digest) => {
                hasher.update(b"g");
                hasher.update(digest);
            }
        }
    }
    hasher.finalize()
}

/// The filter of a predicate, members in the order in which they stand.
fn emit(predicate: &Predicate) -> Filter {
    // What was accepted once is not refused for being printed.
    let mut tree = TreeBuilder::new(Limits::none(), false, "");
    let (nodes, conditions) = size(predicate);
    tree.reserve(nodes, conditions);
    // Each entry: a member to write, or a group to close.
    let mut stack = vec![Some(predicate)];
    while let Some(next) = stack.pop() {
        match next.map(Predicate::shape) {
            None => {
                tree.close_group(Span::NONE);
                tree.close(Span::NONE);
            }
            // `{}` is the constant true (G2).
            Some(Shape::Group(Join::All, [])) => {
                tree.open(Kind::Object { case_sensitive: None }, Span::NONE);
                tree.close(Span::NONE);
            }
            Some(Shape::Group(join, members)) => {
                let kind = if join == Join::All { Kind::And } else { Kind::Or };
                open_group(&mut tree, kind);
                stack.push(None);
                stack.extend(members.iter().rev().map(Some));
            }
            Some(Shape::Leaf(leaf)) => emit_leaf(&mut tree, leaf),
        }
    }
    tree.finish()
}

/// How many nodes and conditions a predicate is as a filter.
fn size(predicate: &Predicate) -> (usize, usize) {
    let mut nodes = 0;
    let mut stack = vec![predicate];
    while let Some(next) = stack.pop() {
        match next.shape() {
            Shape::Leaf(leaf) => nodes += if needs_not(leaf) { 3 } else { 1 },
            Shape::Group(_, members) => {
                nodes += 2;
                stack.extend(members);
            }
        }
    }
    (nodes, predicate.leaf_count())
}

fn open_group(tree: &mut TreeBuilder, kind: Kind) {
    tree.open(Kind::Object { case_sensitive: None }, Span::NONE);
    // INVARIANT: no limit is set.
    let _ = tree.open_group(kind, Span::NONE);
}

fn emit_leaf(tree: &mut TreeBuilder, leaf: &Leaf) {
    let needs_not = needs_not(leaf);
    if needs_not {
        open_group(tree, Kind::Not);
    }
    // INVARIANT: no limit is set.
    let _ = tree.count_condition();
    let index = tree.push_condition(condition(leaf));
    tree.open(Kind::Condition(index), Span::NONE);
    tree.close(Span::NONE);
    if needs_not {
        tree.close_group(Span::NONE);
        tree.close(Span::NONE);
    }
}

/// The canonical JSON of a leaf: what [`emit`] would print of it.
fn leaf_json(leaf: &Leaf) -> String {
    let json = format!("{:?}", condition(leaf));
    if needs_not(leaf) { format!("{{\"NOT\":[{json}]}}") } else { json }
}

/// Whether a NOT must be put around the condition of a leaf: `eq`, `in`, `exists` and `is_null` have negative forms of
/// their own (C1), the others have none.
fn needs_not(leaf: &Leaf) -> bool {
    let has_negative = matches!(leaf.test(), Test::Exists | Test::IsNull | Test::In(_) | Test::InInstants(_));
    leaf.is_negated() && !has_negative
}

/// The condition of a leaf, but for a NOT that it needs.
fn condition(leaf: &Leaf) -> Condition {
    let negated = leaf.is_negated();
    let exact = CaseFlag::Absent;
    let (operator, operand, case) = match leaf.test() {
        Test::Exists => (Operator::Exists, Operand::from(!negated), exact),
        Test::IsNull => (Operator::IsNull, Operand::from(!negated), exact),
        Test::In(set) => {
            let (operator, operand) = membership(set_values(set), negated);
            (operator, operand, set_case(set))
        }
        Test::InInstants(instants) => {
            let values = instants.iter().map(|instant| instant_value(*instant)).collect();
            let (operator, operand) = membership(values, negated);
            (operator, operand, exact)
        }
        Test::Compare(comparison, bound) => (comparison.operator(), bound_operand(bound), exact),
        Test::Contains(needle) => (Operator::Contains, needle.shared_value().into(), needle_case(needle)),
        Test::StartsWith(needle) => (Operator::StartsWith, needle.shared_value().into(), needle_case(needle)),
        Test::EndsWith(needle) => (Operator::EndsWith, needle.shared_value().into(), needle_case(needle)),
        Test::Regex(pattern) => {
            let case = CaseFlag::Sensitive(!pattern.ignores_case());
            (Operator::Regex, Operand::from(pattern.source()), case)
        }
        Test::Text(tokens) => {
            let query = tokens.iter().collect::<Vec<_>>().join(" ");
            (Operator::Text, Operand::from(query), exact)
        }
    };
    let path = leaf.path().canonical();
    Condition { path, operand, operator, spelling: Spelling::Name, case, spans: PartSpans::NONE }
}

fn membership(mut values: Vec<Value>, negated: bool) -> (Operator, Operand) {
    match (values.len(), negated) {
        (1, false) => (Operator::Eq, values.pop().map_or(Operand::Omitted, Operand::Value)),
        (1, true) => (Operator::Ne, values.pop().map_or(Operand::Omitted, Operand::Value)),
        (_, false) => (Operator::In, Operand::List(values.into())),
        (_, true) => (Operator::Nin, Operand::List(values.into())),
    }
}

/// The values of a set in their one order and spelling.
fn set_values(set: &Set) -> Vec<Value> {
    let mut values: Vec<Value> = set
        .iter()
        .map(|value| match value {
            Value::Number(number) => Value::Number(number.canonical()),
            Value::Null | Value::Bool(_) | Value::String(_) => value.clone(),
        })
        .collect();
    values.sort_unstable();
    values
}

/// The letter case of a set, stated where it can change the answer.
fn set_case(set: &Set) -> CaseFlag {
    match set.iter().any(Value::is_cased) {
        true => CaseFlag::Sensitive(!set.ignores_case()),
        false => CaseFlag::Absent,
    }
}

fn needle_case(needle: &Needle) -> CaseFlag {
    match crate::fold::has_case(needle.text()) {
        true => CaseFlag::Sensitive(!needle.ignores_case()),
        false => CaseFlag::Absent,
    }
}

impl Needle {
    fn shared_value(&self) -> Value {
        Value::String(self.shared())
    }
}

fn bound_operand(bound: &Bound) -> Operand {
    match bound {
        Bound::Number(number) => Operand::Value(Value::Number(number.canonical())),
        Bound::String(string) => Operand::Value(Value::String(string.clone())),
        Bound::Instant(instant) => Operand::Value(instant_value(*instant)),
    }
}

fn instant_value(instant: Instant) -> Value {
    Value::from(instant.to_string())
}
