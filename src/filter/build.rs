//! Making filters: the one builder of trees, which holds the limits, and the public [`Builder`] on top of it.

use std::fmt;
use triomphe::UniqueArc;

use super::{
    CaseFlag, Condition, Element, Filter, Group, Kind, Node, NodeId, Operand, PartSpans, Span, Spelling, Tree, pointer,
};
use crate::error::{Code, Diagnostic, Error, excerpt};
use crate::limits::{Budget, Limit, Limits};
use crate::operator::Operator;
use crate::path::Path;
use crate::value::Value;

/// Makes a [`Filter`] from Rust, member by member, without recursion: [`open`](Builder::open) a group, add conditions,
/// [`close`](Builder::close) it. The limits hold at each step; the first mistake is what
/// [`finish`](Builder::finish) returns.
///
/// ```
/// use trommel::{Filter, Group, Operator};
///
/// let filter = Filter::builder()
///     .open(Group::And)
///     .condition("status", Operator::Eq, "pending")
///     .open(Group::Not)
///     .condition("tags", Operator::In, ["draft"])
///     .close()
///     .close()
///     .finish()?;
/// let json = r#"{"AND":[{"status":"pending"},{"NOT":[{"field":"tags","operator":"in","value":["draft"]}]}]}"#;
/// assert_eq!(trommel::Schema::open().check(&filter)?, trommel::Schema::open().check(&trommel::parse::json(json)?)?);
/// # Ok::<(), trommel::Error>(())
/// ```
#[derive(Debug)]
pub struct Builder {
    tree: TreeBuilder,
    /// The groups that are open, each of which is an object with one list in it.
    open: usize,
    /// Whether there is a root.
    has_root: bool,
    mistake: Option<Error>,
}

impl Builder {
    /// A builder that holds these limits.
    #[must_use]
    pub fn new(limits: &Limits) -> Builder {
        Builder { tree: TreeBuilder::new(limits.clone(), false, ""), open: 0, has_root: false, mistake: None }
    }

    /// The same with letter case ignored at the root (L1). To be called first.
    #[must_use]
    pub fn ignore_case(mut self) -> Builder {
        self.tree.tree.ignore_case = true;
        self
    }

    /// Opens a group; what follows are its members, up to the matching [`close`](Builder::close).
    #[must_use]
    pub fn open(self, group: Group) -> Builder {
        self.add(|tree| {
            let kind = match group {
                Group::And => Kind::And,
                Group::Or => Kind::Or,
                Group::Not => Kind::Not,
            };
            tree.open(Kind::Object { case_sensitive: None }, Span::NONE);
            tree.open_group(kind, Span::NONE)
        })
        .opened()
    }

    fn opened(mut self) -> Builder {
        self.open += 1;
        self
    }

    /// Closes the group that was opened last.
    #[must_use]
    pub fn close(mut self) -> Builder {
        if self.mistake.is_some() {
            return self;
        }
        let Some(open) = self.open.checked_sub(1) else {
            let message = "`close` without an open group";
            self.mistake = Some(Diagnostic::error(Code::Usage, message).into());
            return self;
        };
        self.open = open;
        self.tree.close_group(Span::NONE);
        self.tree.close(Span::NONE);
        self
    }

    /// Adds a condition.
    #[must_use]
    pub fn condition(self, path: &str, operator: Operator, operand: impl Into<Operand>) -> Builder {
        self.condition_with(path, operator, operand, None)
    }

    /// Adds a condition with its own letter case (L1).
    #[must_use]
    pub fn condition_with(
        self,
        path: &str,
        operator: Operator,
        operand: impl Into<Operand>,
        case_sensitive: Option<bool>,
    ) -> Builder {
        self.add(|tree| {
            let condition = Condition {
                path: tree.path(path)?,
                operand: operand.into(),
                operator,
                spelling: Spelling::Name,
                case: case_sensitive.map_or(CaseFlag::Absent, CaseFlag::Sensitive),
                spans: PartSpans::NONE,
            };
            tree.count_operand(&condition.operand)?;
            tree.count_condition()?;
            let index = tree.push_condition(condition);
            tree.open(Kind::Condition(index), Span::NONE);
            tree.close(Span::NONE);
            Ok(())
        })
    }

    /// Adds a whole filter as one member, under the letter case that held at its root.
    #[must_use]
    pub fn filter(self, filter: &Filter) -> Builder {
        self.add(|tree| tree.graft(filter, false))
    }

    /// The filter.
    ///
    /// # Errors
    /// The first mistake: `bad_path`, `limit`, or `usage` where groups are open or there is not exactly one root.
    pub fn finish(mut self) -> Result<Filter, Error> {
        if let Some(mistake) = self.mistake {
            return Err(mistake);
        }
        if self.open > 0 {
            return Err(Diagnostic::error(Code::Usage, format!("{} groups are still open", self.open)).into());
        }
        if !self.has_root {
            return Err(Diagnostic::error(Code::Usage, "a filter has a root").hint("`Filter::everything()`").into());
        }
        match self.tree.count_object_groups() {
            Ok(()) => Ok(self.tree.finish()),
            Err((_, refusal)) => Err(refusal.diagnostic(self.tree.limits()).into()),
        }
    }

    fn add(mut self, add: impl FnOnce(&mut TreeBuilder) -> Result<(), Refusal>) -> Builder {
        if self.mistake.is_some() {
            return self;
        }
        if self.open == 0 && std::mem::replace(&mut self.has_root, true) {
            let message = "a filter has one root; members belong into an open group";
            self.mistake = Some(Diagnostic::error(Code::Usage, message).into());
            return self;
        }
        if let Err(refusal) = add(&mut self.tree) {
            self.mistake = Some(refusal.diagnostic(self.tree.limits()).into());
        }
        self
    }
}

/// Why the tree does not take something.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// A limit is passed, at this amount.
    Limit(Limit, usize),
    /// The text is no path.
    Path(String, crate::path::PathError),
}

impl Refusal {
    pub(crate) fn diagnostic(&self, limits: &Limits) -> Diagnostic {
        match self {
            Refusal::Limit(limit, reached) => Diagnostic::limit(*limit, *reached, limits),
            Refusal::Path(text, error) => {
                Diagnostic::error(Code::BadPath, format!("`{}` is no path: {error}", excerpt(text)))
            }
        }
    }
}

/// The one way to make a tree; it counts what the limits limit.
pub(crate) struct TreeBuilder {
    /// Where the filter will have it: it is large, and a copy of what was just written waits for that to be there.
    tree: UniqueArc<Tree>,
    /// The innermost node that is open.
    current: NodeId,
    /// Groups that are open.
    depth: usize,
    /// Whether an object was closed that has several members or none: it is an AND, which only its end tells.
    has_object_groups: bool,
    paths: Paths,
}

/// Where to look for a path that was read before, by a hash of its text: an equal path is then shared, in bounded memory.
/// Each is the index of the condition that the last path of this hash was read for; whether it is there, and the path is
/// the same, is to be seen.
#[derive(Default)]
struct Paths {
    few: [u32; FEW_PATHS],
    /// Empty up to some paths that were not found: a small filter does not pay for the paths of many.
    many: Vec<u32>,
    /// Paths that were not found.
    misses: usize,
}

const FEW_PATHS: usize = 16;
const MANY_PATHS: usize = 256;

impl Paths {
    /// The path of a text, of an earlier condition or what `parse` makes of it.
    fn get<E>(
        &mut self,
        text: &str,
        conditions: &[Condition],
        parse: impl FnOnce() -> Result<Path, E>,
    ) -> Result<Path, E> {
        // A cheap hash will do: a collision costs one more parse.
        let hash = text.bytes().fold(0_u32, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into()));
        let hash = (hash ^ (hash >> 8)) as usize;
        let slot = match self.many.get_mut(hash % MANY_PATHS) {
            None => &mut self.few[hash % FEW_PATHS],
            Some(slot) => slot,
        };
        if let Some(condition) = conditions.get(*slot as usize)
            && condition.path.written() == text
        {
            return Ok(condition.path.clone());
        }
        let path = parse()?;
        // It is read before its condition is complete.
        *slot = conditions.len() as u32;
        self.misses += 1;
        if self.misses == 2 * FEW_PATHS {
            self.many.resize(MANY_PATHS, 0);
        }
        Ok(path)
    }
}

impl fmt::Debug for TreeBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TreeBuilder").field("nodes", &self.tree.nodes.len()).finish_non_exhaustive()
    }
}

impl TreeBuilder {
    #[inline(always)]
    pub(crate) fn new(limits: Limits, ignore_case: bool, prefix: &'static str) -> TreeBuilder {
        let mounts = if prefix.is_empty() { Vec::new() } else { vec![(0, prefix)] };
        TreeBuilder {
            tree: UniqueArc::new(Tree {
                nodes: Vec::new(),
                conditions: Vec::new(),
                ignore_case,
                mounts,
                has_pointers: true,
                budget: Budget::new(limits),
            }),
            current: 0,
            depth: 0,
            has_object_groups: false,
            paths: Paths::default(),
        }
    }

    /// Makes room in an empty tree: a vector that grows copies itself, and holds both copies while it does.
    pub(crate) fn reserve(&mut self, nodes: usize, conditions: usize) {
        self.tree.nodes = Vec::with_capacity(nodes);
        self.tree.conditions = Vec::with_capacity(conditions);
    }

    /// The same for a filter in the text language, whose places have no JSON Pointer.
    #[cfg(feature = "text")]
    pub(crate) fn without_pointers(mut self) -> TreeBuilder {
        self.tree.has_pointers = false;
        self
    }

    pub(crate) fn limits(&self) -> &Limits {
        self.tree.budget.limits()
    }

    pub(crate) fn ignores_case(&self) -> bool {
        self.tree.ignore_case
    }

    pub(crate) fn budget(&mut self) -> &mut Budget {
        &mut self.tree.budget
    }

    /// Opens a node below the current one, which becomes the current one.
    pub(crate) fn open(&mut self, kind: Kind, span: Span) -> NodeId {
        // INVARIANT: a node takes at least two bytes of an input that is shorter than 4 GiB.
        let id = self.tree.nodes.len() as NodeId;
        let ordinal = match self.tree.nodes.get_mut(self.current as usize) {
            Some(parent) => {
                parent.end += 1;
                parent.end - 1
            }
            None => 0,
        };
        self.tree.nodes.push(Node { kind, parent: self.current, ordinal, end: 0, span });
        self.current = id;
        id
    }

    /// Opens a group, which counts towards the depth.
    pub(crate) fn open_group(&mut self, kind: Kind, span: Span) -> Result<(), Refusal> {
        self.depth += 1;
        self.open(kind, span);
        let depth = self.depth;
        self.tree.budget.note(Limit::Depth, depth).map_err(|reached| Refusal::Limit(Limit::Depth, reached))
    }

    /// Closes the current node; its parent becomes the current one.
    pub(crate) fn close(&mut self, span: Span) {
        let end = self.tree.nodes.len() as NodeId;
        let node = &mut self.tree.nodes[self.current as usize];
        // Of an open node, `end` is how many members it has so far.
        self.has_object_groups |= match node.kind {
            Kind::Object { .. } => node.end != 1,
            // The object around it may have no other member.
            Kind::Absent(_) => true,
            Kind::And | Kind::Or | Kind::Not | Kind::NotOne | Kind::Condition(_) | Kind::Pair(_) => false,
        };
        node.end = end;
        node.span = node.span.to(span);
        self.current = node.parent;
    }

    /// Closes the current node, which was opened by [`open_group`](TreeBuilder::open_group).
    pub(crate) fn close_group(&mut self, span: Span) {
        self.depth -= 1;
        self.close(span);
    }

    pub(crate) fn node_mut(&mut self, node: NodeId) -> &mut Node {
        &mut self.tree.nodes[node as usize]
    }

    /// Gives a node a JSON Pointer of its own.
    pub(crate) fn mount(&mut self, node: NodeId, pointer: &'static str) {
        self.tree.mounts.push((node, pointer));
    }

    pub(crate) fn set_kind(&mut self, node: NodeId, kind: Kind) {
        self.tree.nodes[node as usize].kind = kind;
    }

    /// From the start of a node to the end of `span`.
    pub(crate) fn span_to(&self, node: NodeId, span: Span) -> Span {
        self.tree.nodes[node as usize].span.to(span)
    }

    pub(crate) fn span_of(&self, node: NodeId) -> Span {
        self.tree.nodes[node as usize].span
    }

    /// Whether the current node is a `"NOT": {…}`, which ends with its one member.
    pub(crate) fn is_current_not_one(&self) -> bool {
        self.tree.nodes[self.current as usize].kind == Kind::NotOne
    }

    /// Closes whatever is open, where the reading stopped early.
    pub(crate) fn close_all(&mut self) {
        if self.tree.nodes.is_empty() {
            self.open(Kind::Object { case_sensitive: None }, Span::NONE);
        }
        while self.tree.nodes[0].end as usize != self.tree.nodes.len() || self.current != 0 {
            let span = self.tree.nodes[self.current as usize].span;
            self.close(span);
        }
    }

    /// Counts towards the depth the objects that are groups: those of several members, which are an AND, or of none. The
    /// reading cannot, as it has gone below by the time it knows. Where the depth passes its limit, the node and why.
    pub(crate) fn count_object_groups(&mut self) -> Result<(), (NodeId, Refusal)> {
        if !self.has_object_groups {
            return Ok(());
        }
        let nodes = &self.tree.nodes;
        // A null group is no member.
        let mut members = vec![0_u32; nodes.len()];
        for node in nodes.iter().skip(1) {
            members[node.parent as usize] += u32::from(!matches!(node.kind, Kind::Absent(_)));
        }
        // Parents come first; what is read from here on are the depths.
        let mut depths = members;
        let mut deepest = (0, 0);
        for (at, node) in nodes.iter().enumerate() {
            let is_group = match node.kind {
                Kind::And | Kind::Or | Kind::Not | Kind::NotOne => true,
                Kind::Object { .. } => depths[at] != 1,
                Kind::Absent(_) | Kind::Condition(_) | Kind::Pair(_) => false,
            };
            let above = if at == 0 { 0 } else { depths[node.parent as usize] };
            depths[at] = above + u32::from(is_group);
            if depths[at] > deepest.0 {
                deepest = (depths[at], at);
            }
        }
        let counted = self.tree.budget.note(Limit::Depth, deepest.0 as usize);
        counted.map_err(|reached| (deepest.1 as NodeId, Refusal::Limit(Limit::Depth, reached)))
    }

    /// The innermost node that is open.
    pub(crate) fn current(&self) -> NodeId {
        self.current
    }

    /// The children so far of a node that is open, whose own descendants are all closed.
    pub(crate) fn children(&self, node: NodeId) -> impl Iterator<Item = (NodeId, Kind, Span)> + '_ {
        let mut at = node + 1;
        std::iter::from_fn(move || {
            let child = self.tree.nodes.get(at as usize)?;
            let id = std::mem::replace(&mut at, child.end);
            Some((id, child.kind, child.span))
        })
    }

    /// How many children a node that is open has so far.
    pub(crate) fn child_count(&self, node: NodeId) -> usize {
        self.tree.nodes[node as usize].end as usize
    }

    /// Takes the children of the current node, which are closed, out of the tree.
    pub(crate) fn drop_children(&mut self, node: NodeId) {
        self.tree.nodes.truncate(node as usize + 1);
        self.tree.nodes[node as usize].end = 0;
    }

    pub(crate) fn condition(&self, index: u32) -> &Condition {
        &self.tree.conditions[index as usize]
    }

    /// The JSON Pointer of a node.
    pub(crate) fn pointer(&self, node: NodeId) -> String {
        pointer(&self.tree, node)
    }

    /// Reads a path, within its limits.
    pub(crate) fn path(&mut self, text: &str) -> Result<Path, Refusal> {
        let Tree { budget, conditions, .. } = &mut *self.tree;
        budget.note(Limit::Path, text.len()).map_err(|reached| Refusal::Limit(Limit::Path, reached))?;
        self.paths.get(text, conditions, || {
            let path = Path::parse(text).map_err(|error| Refusal::Path(text.to_owned(), error))?;
            budget
                .note(Limit::PathKeys, path.keys().len())
                .map_err(|reached| Refusal::Limit(Limit::PathKeys, reached))?;
            Ok(path)
        })
    }

    pub(crate) fn count_condition(&mut self) -> Result<(), Refusal> {
        self.tree.budget.add(Limit::Conditions, 1).map_err(|reached| Refusal::Limit(Limit::Conditions, reached))
    }

    /// Counts the bytes of one string, or of the text of one number.
    pub(crate) fn count_bytes(&mut self, bytes: usize) -> Result<(), Refusal> {
        self.tree.budget.note(Limit::Operand, bytes).map_err(|reached| Refusal::Limit(Limit::Operand, reached))
    }

    pub(crate) fn count_items(&mut self, items: usize) -> Result<(), Refusal> {
        self.tree.budget.add(Limit::ListItems, items).map_err(|reached| Refusal::Limit(Limit::ListItems, reached))
    }

    /// Counts an operand that is there whole.
    pub(crate) fn count_operand(&mut self, operand: &Operand) -> Result<(), Refusal> {
        match operand {
            Operand::Value(Value::String(string)) => self.count_bytes(string.len()),
            Operand::Omitted | Operand::Value(_) | Operand::Dynamic(_) => Ok(()),
            Operand::List(values) => {
                self.count_items(values.len())?;
                values.iter().try_for_each(|value| match value {
                    Value::String(string) => self.count_bytes(string.len()),
                    Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
                })
            }
            Operand::Mixed(elements) => {
                self.count_items(elements.len())?;
                elements.iter().try_for_each(|element| match element {
                    Element::Value(Value::String(string)) => self.count_bytes(string.len()),
                    Element::Value(_) | Element::Dynamic(_) => Ok(()),
                })
            }
        }
    }

    #[inline]
    pub(crate) fn push_condition(&mut self, condition: Condition) -> u32 {
        self.tree.conditions.push(condition);
        (self.tree.conditions.len() - 1) as u32
    }

    /// Copies a whole filter below the current node. Its places are kept only on request: they are about
    /// its own text.
    pub(crate) fn graft(&mut self, filter: &Filter, keep_places: bool) -> Result<(), Refusal> {
        let first_condition = self.tree.conditions.len() as u32;
        let first_node = self.tree.nodes.len() as NodeId;
        if keep_places {
            self.tree.mounts.extend(filter.0.mounts.iter().map(|(node, pointer)| (first_node + node, *pointer)));
        }
        // What held at the filter's root must go on to hold there.
        let root_case = (filter.0.ignore_case != self.tree.ignore_case).then_some(!filter.0.ignore_case);
        let mut ends = Vec::new();
        for (at, node) in filter.0.nodes.iter().enumerate() {
            while ends.last() == Some(&(at as NodeId)) {
                self.close_grafted(&mut ends);
            }
            let kind = match node.kind {
                Kind::Condition(index) => Kind::Condition(first_condition + index),
                Kind::Pair(index) => Kind::Pair(first_condition + index),
                Kind::Object { case_sensitive: None } if at == 0 => Kind::Object { case_sensitive: root_case },
                kind => kind,
            };
            match kind {
                Kind::And | Kind::Or | Kind::Not | Kind::NotOne => self.open_group(kind, Span::NONE)?,
                Kind::Condition(_) | Kind::Pair(_) => {
                    self.count_condition()?;
                    self.open(kind, Span::NONE);
                }
                Kind::Object { .. } | Kind::Absent(_) => {
                    self.open(kind, Span::NONE);
                }
            }
            let current = self.current;
            self.node_mut(current).span = if keep_places { node.span } else { Span::NONE };
            ends.push(node.end);
        }
        while !ends.is_empty() {
            self.close_grafted(&mut ends);
        }
        for condition in &filter.0.conditions {
            self.count_operand(&condition.operand)?;
            let mut condition = condition.clone();
            if !keep_places {
                condition.spans = PartSpans::NONE;
            }
            if let (Kind::Condition(_), CaseFlag::Absent, Some(sensitive)) =
                (filter.0.nodes[0].kind, condition.case, root_case)
            {
                condition.case = CaseFlag::Sensitive(sensitive);
            }
            self.tree.conditions.push(condition);
        }
        Ok(())
    }

    fn close_grafted(&mut self, ends: &mut Vec<NodeId>) {
        ends.pop();
        let node = self.tree.nodes[self.current as usize];
        match node.kind {
            Kind::And | Kind::Or | Kind::Not | Kind::NotOne => self.close_group(node.span),
            Kind::Object { .. } | Kind::Absent(_) | Kind::Condition(_) | Kind::Pair(_) => self.close(node.span),
        }
    }

    /// The filter. INVARIANT: there is a root, and every node is closed.
    #[inline(always)]
    pub(crate) fn finish(self) -> Filter {
        let mut tree = self.tree;
        shrink(&mut tree.nodes);
        shrink(&mut tree.conditions);
        Filter(tree.shareable())
    }
}

/// Gives back what was reserved in vain, where it is worth a copy.
fn shrink<T>(vector: &mut Vec<T>) {
    const LITTLE: usize = 64;
    if vector.capacity() - vector.len() > vector.len() / 8 + LITTLE {
        vector.shrink_to_fit();
    }
}
