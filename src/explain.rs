//! What a backend does with a predicate, as plain data: one structure for people and for programs.

use std::fmt::{self, Display, Write as _};

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::error::visible;
use crate::filter::Filter;
use crate::lower::{Kind, Lowered};
use crate::operator::Operator;
use crate::predicate::{Bound, Join, Leaf, Predicate, Shape, Test};

/// What is pushed down, what is left, and why; leaf by leaf.
///
/// Serialises to `{"backend","pushed","residual","leaves":[{"pointer","field","operator","negated","cover","reason"}]}`.
///
/// ```
/// use trommel::{Memory, Schema, lower::lower, parse};
///
/// let predicate = Schema::open().check(&parse::json(r#"{"OR": [{"a": 1}, {"NOT": [{"b": "x"}]}]}"#)?)?;
/// let explain = lower(&Memory, &predicate)?.explain();
/// assert_eq!(explain.to_string(), "any of\n  a = number        exact\n  NOT b = string    exact\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Explain {
    /// The backend's name.
    pub backend: String,
    /// What is pushed down, in the backend's words; `None`: nothing, a full scan.
    pub pushed: Option<String>,
    /// The filter to recheck candidates with; `None`: nothing is left.
    #[serde(serialize_with = "as_raw")]
    #[cfg_attr(feature = "server", schemars(with = "Option<Filter>"))]
    pub residual: Option<Filter>,
    /// Every leaf, in order.
    pub leaves: Vec<LeafExplain>,
    #[serde(skip)]
    predicate: Predicate,
}

/// What a backend does with one leaf.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct LeafExplain {
    /// Where the leaf was written first, if that is known.
    pub pointer: Option<String>,
    /// Its path.
    pub field: String,
    /// The operator of its positive test.
    #[cfg_attr(feature = "server", schemars(with = "String"))]
    pub operator: Operator,
    /// Whether it is the complement of the test.
    pub negated: bool,
    /// How well it is covered.
    pub cover: CoverKind,
    /// Why it is not exact.
    pub reason: Option<String>,
}

/// How well a leaf is covered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CoverKind {
    /// Exactly the documents that match.
    Exact,
    /// All that match, and others: rechecked.
    Superset,
    /// Not asked of the backend: rechecked.
    Residual,
}

impl CoverKind {
    fn word(self) -> &'static str {
        match self {
            CoverKind::Exact => "exact",
            CoverKind::Superset => "superset",
            CoverKind::Residual => "residual",
        }
    }
}

/// The canonical JSON as it is, since a serializer would recurse.
fn as_raw<S: Serializer>(filter: &Option<Filter>, serializer: S) -> Result<S::Ok, S::Error> {
    let raw = filter.as_ref().map(|filter| RawValue::from_string(filter.to_string()));
    raw.transpose().map_err(serde::ser::Error::custom)?.serialize(serializer)
}

impl<T: Display> Lowered<T> {
    /// What is pushed down, what is left, and why. Cost: linear in the leaves and the depths of their places.
    #[must_use]
    pub fn explain(&self) -> Explain {
        let leaves = self.predicate().leaves().zip(self.covers()).map(|(leaf, cover)| LeafExplain {
            pointer: leaf.places().next().and_then(|place| place.pointer),
            field: leaf.path().to_string(),
            operator: operator(leaf.test()),
            negated: leaf.is_negated(),
            cover: match cover.as_deref() {
                None => CoverKind::Exact,
                Some((Kind::Superset, _)) => CoverKind::Superset,
                Some((Kind::Residual, _)) => CoverKind::Residual,
            },
            reason: cover.as_deref().map(|(_, why)| why.text().to_owned()),
        });
        Explain {
            backend: self.backend().to_owned(),
            pushed: self.pushed().map(T::to_string),
            residual: self.residual().map(Predicate::to_filter),
            leaves: leaves.collect(),
            predicate: self.predicate().clone(),
        }
    }
}

/// The operator that asks for a positive test.
fn operator(test: &Test) -> Operator {
    match test {
        Test::Exists => Operator::Exists,
        Test::IsNull => Operator::IsNull,
        Test::In(set) if set.len() == 1 => Operator::Eq,
        Test::InInstants(instants) if instants.len() == 1 => Operator::Eq,
        Test::In(_) | Test::InInstants(_) => Operator::In,
        Test::Compare(comparison, _) => comparison.operator(),
        Test::Contains(_) => Operator::Contains,
        Test::StartsWith(_) => Operator::StartsWith,
        Test::EndsWith(_) => Operator::EndsWith,
        Test::Regex(_) => Operator::Regex,
        Test::Text(_) => Operator::Text,
    }
}

impl Display for Explain {
    /// The tree for people, values shown as their types. `{:#}` shows the values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = lines(&self.predicate, f.alternate());
        // A longer leaf sticks out: one long value would else blow up every line, and a width may not pass 65,535.
        const WIDEST: usize = 80;
        let width = lines.iter().filter(|line| line.is_leaf).map(|line| line.text.chars().count()).max();
        let width = width.unwrap_or(0).min(WIDEST);
        let mut leaves = self.leaves.iter();
        for Line { text, is_leaf } in &lines {
            let Some(leaf) = is_leaf.then(|| leaves.next()).flatten() else {
                writeln!(f, "{text}")?;
                continue;
            };
            write!(f, "{text:width$}    {}", leaf.cover.word())?;
            if let Some(reason) = &leaf.reason {
                write!(f, ": {reason}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

struct Line {
    text: String,
    is_leaf: bool,
}

/// The tree, a line for each node. Indented up to a depth that still fits a screen.
fn lines(predicate: &Predicate, show_values: bool) -> Vec<Line> {
    const DEEPEST: usize = 40;
    let mut lines = Vec::new();
    let mut stack = vec![(predicate, 0_usize)];
    while let Some((predicate, depth)) = stack.pop() {
        let mut text = "  ".repeat(depth.min(DEEPEST));
        let is_leaf = match predicate.shape() {
            Shape::Leaf(leaf) => {
                text.push_str(&leaf_text(leaf, show_values));
                true
            }
            Shape::Group(join, members) => {
                text.push_str(match (join, members) {
                    (Join::All, []) => "always",
                    (Join::Any, []) => "never",
                    (Join::All, _) => "all of",
                    (Join::Any, _) => "any of",
                });
                stack.extend(members.iter().rev().map(|member| (member, depth + 1)));
                false
            }
        };
        lines.push(Line { text, is_leaf });
    }
    lines
}

fn leaf_text(leaf: &Leaf, show_values: bool) -> String {
    let mut text = String::new();
    if leaf.is_negated() {
        text.push_str("NOT ");
    }
    let operator = operator(leaf.test());
    // INVARIANT: writing to a `String` never fails.
    let _ = write!(text, "{} {}", visible(&leaf.path().to_string()), operator.text());
    let operand = if show_values { operand_text(leaf.test()) } else { operand_type(leaf.test()) };
    if !operand.is_empty() {
        text.push(' ');
        text.push_str(&operand);
    }
    text
}

fn operand_type(test: &Test) -> String {
    let count = |count: usize, what: &str| if count == 1 { what.to_owned() } else { format!("({count} values)") };
    match test {
        Test::Exists | Test::IsNull => String::new(),
        Test::In(set) => count(set.len(), set.single().map_or("", |value| value.type_name().trim_start_matches("a "))),
        Test::InInstants(instants) => count(instants.len(), "instant"),
        Test::Compare(_, Bound::Number(_)) => "number".to_owned(),
        Test::Compare(_, Bound::String(_)) => "string".to_owned(),
        Test::Compare(_, Bound::Instant(_)) => "instant".to_owned(),
        Test::Contains(needle) | Test::StartsWith(needle) | Test::EndsWith(needle) => {
            if needle.ignores_case() { "string nocase" } else { "string" }.to_owned()
        }
        Test::Regex(_) => "pattern".to_owned(),
        Test::Text(tokens) => count(tokens.iter().len(), "token"),
    }
}

fn operand_text(test: &Test) -> String {
    const MOST: usize = 10;
    fn list<T: Display>(values: impl ExactSizeIterator<Item = T>) -> String {
        let more = values.len().saturating_sub(MOST);
        let mut shown: Vec<String> = values.take(MOST).map(|value| value.to_string()).collect();
        if more > 0 {
            shown.push(format!("… {more} more"));
        }
        if let [one] = shown.as_slice() { one.clone() } else { format!("({})", shown.join(", ")) }
    }
    let case = |ignored: bool| if ignored { " nocase" } else { "" };
    match test {
        Test::Exists | Test::IsNull => String::new(),
        Test::In(set) => list(set.iter()) + case(set.ignores_case()),
        Test::InInstants(instants) => list(instants.iter()),
        Test::Compare(_, bound) => format!("{bound:?}"),
        Test::Contains(needle) | Test::StartsWith(needle) | Test::EndsWith(needle) => {
            format!("{:?}{}", needle.text(), case(needle.ignores_case()))
        }
        Test::Regex(pattern) => format!("{:?}{}", pattern.source(), case(pattern.ignores_case())),
        Test::Text(tokens) => list(tokens.iter()),
    }
}
