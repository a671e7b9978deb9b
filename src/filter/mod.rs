//! The filter as it was written: spelling, shorthand, order and places.

mod build;
mod print;
#[cfg(feature = "text")]
mod text;

use std::ops::Range;
use std::sync::Arc;

pub use build::Builder;
pub(crate) use build::{Refusal, TreeBuilder};
pub(crate) use print::JsonWriter;
#[cfg(feature = "text")]
pub(crate) use text::{Keyword, is_bare};

use crate::error::{Error, Place};
use crate::limits::{Budget, Limits};
use crate::operator::Operator;
use crate::path::Path;
use crate::value::Value;

/// A filter as it was written: the tree, each node with its place, nothing rewritten.
///
/// It comes from [`parse`](crate::parse), from `Deserialize` (so it can be a field of a request struct), or from
/// [`Filter::builder`]; each holds the limits. It becomes a [`Predicate`](crate::Predicate) by
/// [`Schema::check`](crate::Schema::check). Cloning is cheap. Two filters are equal if they were written alike, places
/// and spans apart; whether they *mean* the same is a question for predicates.
///
/// `Display` prints JSON on one line; `{:#}` indents it by two.
///
/// ```
/// use trommel::parse;
///
/// let filter = parse::json(r#"{ "status": "pending", "NOT": [{"field": "n", "operator": "==", "value": 1.50}] }"#)?;
/// assert_eq!(filter.to_string(), r#"{"status":"pending","NOT":[{"field":"n","operator":"==","value":1.5}]}"#);
/// # Ok::<(), trommel::Error>(())
/// ```
#[derive(Clone)]
pub struct Filter(triomphe::Arc<Tree>);

/// The tree as one array, parents before children, so that nothing that walks, clones, compares or drops it recurses.
#[derive(Clone)]
pub(crate) struct Tree {
    nodes: Vec<Node>,
    conditions: Vec<Condition>,
    /// What holds at the root (L1).
    ignore_case: bool,
    /// Nodes whose JSON Pointer is not below their parent's, and what it is: a filter inside a request, say.
    mounts: Vec<(NodeId, &'static str)>,
    /// Whether it stands for JSON that pointers lead into. A filter in the text language does not.
    has_pointers: bool,
    budget: Budget,
}

/// The index of a node of a [`Filter`].
pub(crate) type NodeId = u32;

#[derive(Clone, Copy)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    /// The parent; a root is its own.
    parent: NodeId,
    /// How many siblings stand before it.
    ordinal: u32,
    /// One past the last descendant. While the node is open it counts the children instead.
    end: NodeId,
    span: Span,
}

/// What a node is. See G1 to G5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An object that is a group: the conjunction of its entries (G3), with its `case_sensitive`.
    Object { case_sensitive: Option<bool> },
    /// The entry `"AND": […]` of an object.
    And,
    /// The entry `"OR": […]` of an object.
    Or,
    /// The entry `"NOT": […]` of an object: none of the members.
    Not,
    /// The entry `"NOT": {…}` of an object: a list of that one member.
    NotOne,
    /// An entry whose value is null, which is as if it were not there (G3).
    Absent(Group),
    /// An object that is a condition (G4).
    Condition(u32),
    /// A shorthand pair of an object (G5).
    Pair(u32),
}

/// A group of members (G1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Group {
    /// All members hold.
    And,
    /// At least one member holds.
    Or,
    /// None of the members holds.
    Not,
}

impl Group {
    /// The key on the wire: `AND`, `OR`, `NOT`.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Group::And => "AND",
            Group::Or => "OR",
            Group::Not => "NOT",
        }
    }
}

/// A byte range of the text, if there is a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    pub(crate) const NONE: Span = Span { start: u32::MAX, end: u32::MAX };

    /// INVARIANT: inputs are shorter than `u32::MAX`, which `Limits` sees to.
    pub(crate) fn new(start: usize, end: usize) -> Span {
        Span { start: start as u32, end: end as u32 }
    }

    /// From the start of this to the end of the other.
    pub(crate) fn to(self, end: Span) -> Span {
        Span { start: self.start, end: end.end }
    }

    pub(crate) fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    pub(crate) fn range(self) -> Option<Range<usize>> {
        (self != Span::NONE).then_some(self.start as usize..self.end as usize)
    }
}

/// One condition: a path, an operator and an operand (G4), or a shorthand pair (G5).
#[derive(Clone)]
pub struct Condition {
    pub(crate) path: Path,
    pub(crate) operand: Operand,
    pub(crate) operator: Operator,
    pub(crate) spelling: Spelling,
    pub(crate) case: CaseFlag,
    pub(crate) spans: PartSpans,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct PartSpans {
    pub(crate) field: Span,
    pub(crate) operator: Span,
    pub(crate) value: Span,
}

impl PartSpans {
    pub(crate) const NONE: PartSpans = PartSpans { field: Span::NONE, operator: Span::NONE, value: Span::NONE };
}

/// How an operator was spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spelling {
    Name,
    /// The index of an alias.
    Alias(u8),
    /// Left out, which is `eq`.
    Omitted,
}

/// The letter-case setting of a condition, as it was spelled.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum CaseFlag {
    Absent,
    Sensitive(bool),
    /// Spelled `case_insensitive`.
    Insensitive(bool),
}

impl CaseFlag {
    /// The setting as `case_sensitive`.
    pub(crate) fn sensitive(self) -> Option<bool> {
        match self {
            CaseFlag::Absent => None,
            CaseFlag::Sensitive(sensitive) => Some(sensitive),
            CaseFlag::Insensitive(insensitive) => Some(!insensitive),
        }
    }
}

/// What stands as a condition's `value`.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum Operand {
    /// Left out: only `exists` and `is_null` may, and mean true.
    Omitted,
    /// A scalar or null.
    Value(Value),
    /// A list of scalars and nulls.
    List(Arc<[Value]>),
    /// A list with dynamic values among its elements.
    Mixed(Arc<[Element]>),
    /// A dynamic value (B1), to be bound before a check.
    Dynamic(Path),
}

/// An element of a list with dynamic values in it.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum Element {
    /// A scalar or null.
    Value(Value),
    /// A dynamic value (B1).
    Dynamic(Path),
}

impl Condition {
    /// The path of the field.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The operator, however it was spelled.
    #[must_use]
    pub fn operator(&self) -> Operator {
        self.operator
    }

    /// The operand.
    #[must_use]
    pub fn operand(&self) -> &Operand {
        &self.operand
    }

    /// Its own letter-case setting, if it has one.
    #[must_use]
    pub fn case_sensitive(&self) -> Option<bool> {
        self.case.sensitive()
    }

    /// Whether the operand, or an element of it, is a dynamic value.
    #[must_use]
    pub fn is_dynamic(&self) -> bool {
        matches!(self.operand, Operand::Dynamic(_) | Operand::Mixed(_))
    }
}

impl PartialEq for Condition {
    /// Written alike; places apart.
    fn eq(&self, other: &Condition) -> bool {
        let Condition { path, operand, operator, spelling, case, spans: _ } = self;
        path.written() == other.path.written()
            && operand == &other.operand
            && operator == &other.operator
            && spelling == &other.spelling
            && case == &other.case
    }
}

impl<V: Into<Value>> From<V> for Operand {
    fn from(value: V) -> Operand {
        Operand::Value(value.into())
    }
}

impl<V: Into<Value>> From<Vec<V>> for Operand {
    fn from(values: Vec<V>) -> Operand {
        Operand::List(values.into_iter().map(Into::into).collect())
    }
}

impl<V: Into<Value>, const N: usize> From<[V; N]> for Operand {
    fn from(values: [V; N]) -> Operand {
        Operand::List(values.into_iter().map(Into::into).collect())
    }
}

/// Which part of a condition a mistake is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Field,
    Operator,
    Value,
}

impl Filter {
    /// The filter `{}`, which lets every document through (G2). Not the same thing as no filter.
    #[must_use]
    pub fn everything() -> Filter {
        let mut tree = TreeBuilder::new(Limits::default(), false, "");
        tree.open(Kind::Object { case_sensitive: None }, Span::NONE);
        tree.close(Span::NONE);
        tree.finish()
    }

    /// A builder with the default limits. See [`Builder`].
    #[must_use]
    pub fn builder() -> Builder {
        Builder::new(&Limits::default())
    }

    /// A filter that is one condition.
    ///
    /// ```
    /// use trommel::{Filter, Operator};
    ///
    /// let filter = Filter::condition("tags", Operator::In, ["draft", "old"])?;
    /// assert_eq!(filter.to_string(), r#"{"field":"tags","operator":"in","value":["draft","old"]}"#);
    /// # Ok::<(), trommel::Error>(())
    /// ```
    ///
    /// # Errors
    /// `bad_path`, or `limit` for an operand or path over the default limits.
    pub fn condition(path: &str, operator: Operator, operand: impl Into<Operand>) -> Result<Filter, Error> {
        Filter::builder().condition(path, operator, operand).finish()
    }

    /// The group of these filters, each whole: never merged list into list, and each under the letter case that held
    /// at its own root. Cost: a copy of every node.
    ///
    /// # Errors
    /// `limit`, by the default limits.
    ///
    /// ```
    /// use trommel::{Filter, Group, Operator, parse};
    ///
    /// let draft = Filter::condition("status", Operator::Eq, "draft")?;
    /// let both = Filter::group(Group::And, [draft, parse::json(r#"{"OR": []}"#)?])?;
    /// assert_eq!(both.to_string(), r#"{"AND":[{"field":"status","operator":"eq","value":"draft"},{"OR":[]}]}"#);
    /// # Ok::<(), trommel::Error>(())
    /// ```
    pub fn group(group: Group, filters: impl IntoIterator<Item = Filter>) -> Result<Filter, Error> {
        let mut builder = Filter::builder().open(group);
        for filter in filters {
            builder = builder.filter(&filter);
        }
        builder.close().finish()
    }

    /// The conditions, in the order of the text.
    pub fn conditions(&self) -> impl ExactSizeIterator<Item = &Condition> {
        self.0.conditions.iter()
    }

    /// Whether a condition has a dynamic value, which must be bound before a check makes a predicate (B3).
    #[must_use]
    pub fn is_dynamic(&self) -> bool {
        self.conditions().any(Condition::is_dynamic)
    }

    /// How much of its limits it used.
    #[must_use]
    pub fn budget(&self) -> &Budget {
        &self.0.budget
    }

    /// The limits that held while it was read, and hold when it is bound and checked.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        self.0.budget.limits()
    }

    /// Whether letter case is ignored at the root (L1).
    #[must_use]
    pub fn ignores_case(&self) -> bool {
        self.0.ignore_case
    }

    pub(crate) fn nodes(&self) -> &[Node] {
        &self.0.nodes
    }

    pub(crate) fn condition_at(&self, index: u32) -> &Condition {
        &self.0.conditions[index as usize]
    }

    /// The parent of a node; `None` for the root.
    pub(crate) fn parent(&self, node: NodeId) -> Option<NodeId> {
        (node != 0).then(|| self.0.nodes[node as usize].parent)
    }

    /// The children of a node, in the order of the text.
    pub(crate) fn children(&self, node: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        let end = self.0.nodes[node as usize].end;
        let child = move |at: NodeId| (at < end).then_some(at);
        std::iter::successors(child(node + 1), move |&at| child(self.0.nodes[at as usize].end))
    }

    /// Where a node stands. Cost: its depth.
    pub(crate) fn place(&self, node: NodeId) -> Place {
        let pointer = self.0.has_pointers.then(|| pointer(&self.0, node));
        Place { pointer, span: self.0.nodes[node as usize].span.range() }
    }

    /// Where a part of a condition stands. Cost: its depth.
    pub(crate) fn part_place(&self, node: NodeId, part: Part) -> Place {
        let mut place = self.place(node);
        let (index, is_pair) = match self.0.nodes[node as usize].kind {
            Kind::Condition(index) => (index, false),
            Kind::Pair(index) => (index, true),
            _ => return place,
        };
        let spans = &self.condition_at(index).spans;
        let (span, key) = match part {
            Part::Field => (spans.field, "/field"),
            Part::Operator => (spans.operator, "/operator"),
            Part::Value => (spans.value, "/value"),
        };
        // A part that was left out has the place of the whole.
        if let Some(range) = span.range() {
            place.span = Some(range);
        }
        if let (false, Some(pointer)) = (is_pair, &mut place.pointer) {
            pointer.push_str(key);
        }
        place
    }

    /// A copy with the conditions changed in place, and the budget with them.
    pub(crate) fn map_conditions(&self, mut change: impl FnMut(NodeId, &mut Condition, &mut Budget)) -> Filter {
        let mut tree = Tree::clone(&self.0);
        for at in 0..tree.nodes.len() {
            if let Kind::Condition(index) | Kind::Pair(index) = tree.nodes[at].kind {
                change(at as NodeId, &mut tree.conditions[index as usize], &mut tree.budget);
            }
        }
        Filter(triomphe::Arc::new(tree))
    }

    /// Whether it stands for JSON: not if it was written in the text language.
    pub(crate) fn has_pointers(&self) -> bool {
        self.0.has_pointers
    }

    /// Whether both are one filter in memory.
    pub(crate) fn is_same(&self, other: &Filter) -> bool {
        triomphe::Arc::ptr_eq(&self.0, &other.0)
    }
}

/// The JSON Pointer of a node (RFC 6901).
fn pointer(tree: &Tree, node: NodeId) -> String {
    let mounted = |node| tree.mounts.iter().find(|(mount, _)| *mount == node).map(|(_, pointer)| *pointer);
    let mut segments = Vec::new();
    let mut at = node;
    let base = loop {
        if let Some(pointer) = mounted(at) {
            break pointer;
        }
        if at == 0 {
            break "";
        }
        let Node { kind, parent, ordinal, .. } = tree.nodes[at as usize];
        let segment = match (tree.nodes[parent as usize].kind, kind) {
            (Kind::And | Kind::Or | Kind::Not, _) => Some(ordinal.to_string()),
            // The one member of `"NOT": {…}` is the value of the key itself.
            (Kind::NotOne, _) => None,
            (_, Kind::And | Kind::Absent(Group::And)) => Some("AND".to_owned()),
            (_, Kind::Or | Kind::Absent(Group::Or)) => Some("OR".to_owned()),
            (_, Kind::Not | Kind::NotOne | Kind::Absent(Group::Not)) => Some("NOT".to_owned()),
            (_, Kind::Pair(index)) => Some(tree.conditions[index as usize].path.written().to_owned()),
            (_, Kind::Object { .. } | Kind::Condition(_)) => None,
        };
        segments.extend(segment);
        at = parent;
    };
    let mut pointer = base.to_owned();
    for segment in segments.iter().rev() {
        push_pointer(&mut pointer, segment);
    }
    pointer
}

/// Appends one segment to a JSON Pointer.
pub(crate) fn push_pointer(pointer: &mut String, segment: &str) {
    pointer.push('/');
    for c in segment.chars() {
        match c {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            c => pointer.push(c),
        }
    }
}

impl PartialEq for Filter {
    fn eq(&self, other: &Filter) -> bool {
        let same = |a: &Node, b: &Node| a.kind == b.kind && a.end == b.end;
        self.is_same(other)
            || (self.0.ignore_case == other.0.ignore_case
                && self.0.conditions == other.0.conditions
                && self.0.nodes.len() == other.0.nodes.len()
                && self.0.nodes.iter().zip(&other.0.nodes).all(|(a, b)| same(a, b)))
    }
}
