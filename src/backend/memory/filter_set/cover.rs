//! Which leaves a filter is found by.

use std::collections::HashMap;
use std::convert::Infallible;

use super::leaves::{Guard, Guards, Leaves, Literal};
use crate::predicate::{Fold, Join, Leaf, Predicate, Test};

/// The numbers of a predicate's leaves, by where they stand: a large test is not to be hashed and compared once more.
pub(super) type Numbers = HashMap<*const Leaf, u32>;

/// A literal that a filter is found by.
pub(super) struct Part {
    pub(super) literal: Literal,
    /// Other literals that have to hold too for the filter to match by this one.
    pub(super) guards: Guards,
    /// Whether the filter matches where the literal and its guards hold: nothing more is to be asked.
    pub(super) decides: bool,
}

impl Part {
    /// Whether its cover is all that its predicate asks: a leaf.
    fn is_all(&self) -> bool {
        self.decides && self.guards.iter().all(Option::is_none)
    }
}

/// Literals of which at least one holds wherever the filter matches.
struct Cover {
    cost: Cost,
    parts: Vec<Part>,
}

/// How often a cover makes the filter be looked at, as far as can be guessed: the class decides, then the crowd.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Cost {
    class: Class,
    /// How many filters are found along with it. What many filters ask for is what many documents have; and so that no
    /// list grows long while another stays short.
    crowd: u64,
}

/// From what few documents meet to what nearly all do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    /// Found by hash.
    Values,
    /// Found by some bytes of the needle.
    Needle,
    /// Found by order; about every other document meets it.
    Bound,
    /// Tried on every document that has the path.
    Tried,
    /// Tried, and met by nearly every document that has the path.
    There,
    /// Tried on every document, and met by nearly all.
    Nearly,
}

/// The cover of a filter whose leaves are interned; none for one that has to be looked at for every document, which is
/// never wrong: a leaf without a number only costs. The law, with `c(p)` for
/// "at least one literal of the cover of `p` holds":
/// ```text
/// leaf            c(p) = p
/// AND of the pᵢ   p implies each pᵢ, so each c(pᵢ) will do: the cheapest
/// OR of the pᵢ    p implies some pᵢ, so all c(pᵢ) together
/// ```
///
/// A part of a cover decides if, with its guards, it implies `p` as well: of a leaf it does; of an AND if it decides the
/// member that it is from, and all others are leaves among its guards; of an OR if it decides its member.
///
/// Cost: about linear in the leaves.
pub(super) fn cover(predicate: &Predicate, numbers: &Numbers, leaves: &Leaves) -> Option<Vec<Part>> {
    let folded: Result<Option<Cover>, Infallible> = predicate.fold(|next| {
        Ok(match next {
            Fold::Leaf(_, leaf) => of_leaf(leaf, numbers, leaves),
            Fold::Group(_, Join::All, members) => cheapest(members),
            Fold::Group(_, Join::Any, members) => together(members),
        })
    });
    match folded {
        Ok(cover) => cover.map(|cover| distinct(cover.parts)),
        Err(never) => match never {},
    }
}

fn of_leaf(leaf: &Leaf, numbers: &Numbers, leaves: &Leaves) -> Option<Cover> {
    // A look at every value of a large set would be in vain: it is no cover for choice.
    const MOST: u64 = 10_000;
    let literal = Literal::new(*numbers.get(&std::ptr::from_ref(leaf))?, leaf.is_negated());
    let class = match (leaf.test(), leaf.is_negated()) {
        (Test::In(_) | Test::InInstants(_), false) => Class::Values,
        (Test::Contains(_) | Test::StartsWith(_) | Test::EndsWith(_), false) => Class::Needle,
        (Test::Compare(..), false) => Class::Bound,
        (Test::Regex(_) | Test::Text(_), false) => Class::Tried,
        (Test::Exists, false) | (Test::IsNull, true) => Class::There,
        (Test::IsNull, false) => Class::Nearly,
        (
            Test::In(_)
            | Test::InInstants(_)
            | Test::Contains(_)
            | Test::StartsWith(_)
            | Test::EndsWith(_)
            | Test::Compare(..)
            | Test::Regex(_)
            | Test::Text(_)
            | Test::Exists,
            true,
        ) => Class::Nearly,
    };
    let cost = Cost { class, crowd: leaves.crowd(literal, MOST) };
    Some(Cover { cost, parts: vec![Part { literal, guards: [None; 2], decides: true }] })
}

fn cheapest(members: Vec<Option<Cover>>) -> Option<Cover> {
    // More parts than these have guards of their own, or none: going through all of them at each level of a chain of
    // groups would be quadratic.
    const MOST: usize = 8;
    let all = members.len();
    let mut members: Vec<Cover> = members.into_iter().flatten().collect();
    members.sort_by_key(|member| member.cost);
    let mut members = members.into_iter();
    let mut best = members.next()?;
    let is_few = best.parts.len() <= MOST;
    let others = members.filter_map(|member| match &*member.parts {
        [part] => Some((Guard::new(part.literal)?, part.is_all())),
        _ => None,
    });
    let others: Vec<(Guard, bool)> = others.take(if is_few { 2 } else { 0 }).collect();
    let are_all = others.len() + 1 == all && others.iter().all(|(_, is_all)| *is_all);
    for part in &mut best.parts {
        let mut guards = others.iter().map(|(guard, _)| *guard);
        part.guards = part.guards.map(|guard| guard.or_else(|| guards.next()));
        part.decides &= are_all && guards.next().is_none();
    }
    Some(best)
}

fn together(members: Vec<Option<Cover>>) -> Option<Cover> {
    // The largest takes in the others, so that a chain of groups is not copied at each of its levels.
    let mut members: Vec<Cover> = members.into_iter().collect::<Option<_>>()?;
    members.sort_by_key(|member| std::cmp::Reverse(member.parts.len()));
    let empty = Cover { cost: Cost { class: Class::Values, crowd: 0 }, parts: Vec::new() };
    members
        .into_iter()
        .reduce(|mut all, member| {
            let class = all.cost.class.max(member.cost.class);
            all.cost = Cost { class, crowd: all.cost.crowd.saturating_add(member.cost.crowd) };
            all.parts.extend(member.parts);
            all
        })
        .or(Some(empty))
}

/// Each literal once. Its guards are those of one of its places, so where it has several it has none, and decides nothing.
fn distinct(mut parts: Vec<Part>) -> Vec<Part> {
    parts.sort_unstable_by_key(|part| part.literal);
    parts.dedup_by(|next, kept| {
        let is_same = next.literal == kept.literal;
        if is_same {
            (kept.guards, kept.decides) = ([None; 2], false);
        }
        is_same
    });
    parts
}
