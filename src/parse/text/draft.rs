//! What is complete of a text, until it becomes the tree: that wants parents before children, and `AND` comes after its
//! first operand.

use crate::filter::{Group, Kind, Refusal, Span, TreeBuilder};

/// The index of a draft.
pub(super) type DraftId = u32;

/// No draft.
const NONE: DraftId = DraftId::MAX;

/// The nodes so far, each as far as it is known.
#[derive(Default)]
pub(super) struct Drafts(Vec<Draft>);

/// A node: each member of a group is linked to the next, and the group to the first and the last.
struct Draft {
    kind: DraftKind,
    span: Span,
    next: DraftId,
    first: DraftId,
    last: DraftId,
}

#[derive(Clone, Copy)]
pub(super) enum DraftKind {
    /// A list, with the letter case of the object that it stands in.
    Group(Group, Option<bool>),
    Condition(u32),
    /// A condition with a mistake in it.
    Broken,
}

impl Drafts {
    pub(super) fn add(&mut self, kind: DraftKind, span: Span) -> DraftId {
        // INVARIANT: a draft takes at least one byte of an input that is shorter than 4 GiB.
        let id = self.0.len() as DraftId;
        self.0.push(Draft { kind, span, next: NONE, first: NONE, last: NONE });
        id
    }

    pub(super) fn append(&mut self, group: DraftId, member: DraftId) {
        match std::mem::replace(&mut self.0[group as usize].last, member) {
            NONE => self.0[group as usize].first = member,
            last => self.0[last as usize].next = member,
        }
    }

    pub(super) fn kind(&self, draft: DraftId) -> DraftKind {
        self.0[draft as usize].kind
    }

    pub(super) fn span(&self, draft: DraftId) -> Span {
        self.0[draft as usize].span
    }

    pub(super) fn is_empty(&self, group: DraftId) -> bool {
        self.0[group as usize].first == NONE
    }

    /// Sets where a draft ends; gives its place.
    pub(super) fn end(&mut self, draft: DraftId, end: Span) -> Span {
        let span = &mut self.0[draft as usize].span;
        *span = span.to(end);
        *span
    }

    /// Makes the tree below `root`.
    pub(super) fn emit(&self, root: DraftId, tree: &mut TreeBuilder) -> Result<(), (Refusal, Span)> {
        let mut open: Vec<DraftId> = Vec::new();
        let mut next = root;
        loop {
            while let Some(&Draft { kind, span, next: sibling, first, .. }) = self.0.get(next as usize) {
                let DraftKind::Group(group, case_sensitive) = kind else {
                    emit_leaf(kind, span, tree);
                    next = sibling;
                    continue;
                };
                tree.open(Kind::Object { case_sensitive }, span);
                let list = match group {
                    Group::And => Kind::And,
                    Group::Or => Kind::Or,
                    Group::Not => Kind::Not,
                };
                tree.open_group(list, span).map_err(|refusal| (refusal, span))?;
                open.push(next);
                next = first;
            }
            let Some(group) = open.pop() else { return Ok(()) };
            let Draft { span, next: sibling, .. } = self.0[group as usize];
            tree.close_group(span);
            tree.close(span);
            next = sibling;
        }
    }

    /// Makes a tree of the conditions alone, where the reading stopped: they can still be checked.
    pub(super) fn emit_conditions(&self, whole: Span, tree: &mut TreeBuilder) {
        tree.open(Kind::Object { case_sensitive: None }, whole);
        tree.open(Kind::And, whole);
        for &Draft { kind, span, .. } in &self.0 {
            if let DraftKind::Condition(_) = kind {
                emit_leaf(kind, span, tree);
            }
        }
    }
}

fn emit_leaf(kind: DraftKind, span: Span, tree: &mut TreeBuilder) {
    let kind = match kind {
        DraftKind::Condition(index) => Kind::Condition(index),
        DraftKind::Broken | DraftKind::Group(..) => Kind::Object { case_sensitive: None },
    };
    tree.open(kind, span);
    tree.close(span);
}
