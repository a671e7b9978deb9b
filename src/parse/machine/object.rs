//! Objects: groups and conditions (G3 to G5).

use super::mistakes::{duplicate, mixed, unknown_condition_key};
use super::{Frame, Key, Machine, Object, Parts, Slot, Step};
use crate::error::{Code, Diagnostic, excerpt};
use crate::filter::{CaseFlag, Condition, Group, Kind, Operand, Refusal, Span};
use crate::operator::OperandKind;

impl Machine {
    pub(super) fn open_object(&mut self, span: Span) {
        let node = self.tree.open(Kind::Object { case_sensitive: None }, span);
        let object = Object { node, seen: 0, case_sensitive: None, slot: Slot::Ignored, keys: None };
        self.frames.push(Frame::Object(object));
    }

    pub(super) fn open_group(&mut self, kind: Kind, span: Span) -> Step {
        match self.tree.open_group(kind, span) {
            Ok(()) => Ok(()),
            Err(refusal) => self.stop::<&str>(refusal, &[], span),
        }
    }

    pub(super) fn object_key(&mut self, text: &str, span: Span) -> Step {
        let Some(Frame::Object(object)) = self.frames.last_mut() else { return Ok(()) };
        if let Some(key) = Key::of(text) {
            let again = object.seen & key.bit() != 0;
            let is_first_part = object.seen & Key::OF_CONDITION == 0 && key.bit() & Key::OF_CONDITION != 0;
            object.seen |= key.bit();
            object.slot = if again { Slot::Ignored } else { Slot::Known(key) };
            if is_first_part {
                self.begin_parts(Some((key, span)));
            }
            if again {
                self.report_here(duplicate(text), &[text], span);
            }
            return Ok(());
        }
        object.slot = Slot::Ignored;
        let lower = text.to_ascii_lowercase();
        if let Some(key) = Key::ALL.into_iter().find(|key| key.name().eq_ignore_ascii_case(&lower)) {
            // Count it as seen, so that nothing is said of the key's absence.
            let is_first_part = object.seen & Key::OF_CONDITION == 0 && key.bit() & Key::OF_CONDITION != 0;
            object.seen |= key.bit();
            if is_first_part {
                self.begin_parts(None);
            }
            if key.bit() & Key::OF_CONDITION != 0 {
                self.parts.is_broken = true;
            }
            let hint = format!("write `{}`; a field of that name is written `\"\\\"{text}\\\"\"`", key.name());
            let diagnostic = Diagnostic::error(Code::UnknownKey, format!("unknown key `{text}`")).hint(hint);
            self.report_here(diagnostic.near(text, [key.name()]), &[text], span);
            return Ok(());
        }
        if object.seen & Key::Field.bit() != 0 {
            let diagnostic = unknown_condition_key(text);
            self.parts.is_broken = true;
            self.report_here(diagnostic, &[text], span);
            return Ok(());
        }
        let path = match self.tree.path(text) {
            Ok(path) => path,
            Err(refusal @ Refusal::Limit(..)) => return self.stop(refusal, &[text], span),
            Err(refusal @ Refusal::Path(..)) => {
                let diagnostic = refusal.diagnostic(self.tree.limits());
                self.report_here(diagnostic, &[text], span);
                return Ok(());
            }
        };
        if self.has_pair(text) {
            self.report_here(duplicate(text), &[text], span);
            return Ok(());
        }
        self.pair = Some((path, span));
        if let Some(Frame::Object(object)) = self.frames.last_mut() {
            object.slot = Slot::Pair;
        }
        Ok(())
    }

    fn begin_parts(&mut self, first_key: Option<(Key, Span)>) {
        if self.parts.is_open {
            self.outer_parts.push(std::mem::take(&mut self.parts));
        }
        self.parts = Parts { is_open: true, first_key, ..Parts::default() };
    }

    /// Whether the innermost object has a shorthand pair with this key.
    pub(super) fn has_pair(&mut self, text: &str) -> bool {
        /// Up to so many children, looking at each is cheaper than a set.
        const FEW: usize = 8;
        let Some(Frame::Object(object)) = self.frames.last_mut() else { return false };
        let tree = &self.tree;
        let keys_of = |node| {
            tree.children(node).filter_map(|(_, kind, _)| match kind {
                Kind::Pair(index) => Some(tree.condition(index).path.written()),
                _ => None,
            })
        };
        if tree.child_count(object.node) <= FEW {
            let is_known = object.keys.as_ref().is_some_and(|keys| keys.set.contains(text));
            return is_known || keys_of(object.node).any(|key| key == text);
        }
        let keys = object.keys.get_or_insert_default();
        if !std::mem::replace(&mut keys.is_whole, true) {
            keys.set.extend(keys_of(object.node).map(Box::from));
        }
        !keys.set.insert(text.into())
    }

    /// Remembers the key of a shorthand pair that does not come into the tree.
    pub(super) fn note_pair(&mut self, text: &str) {
        if let Some(Frame::Object(object)) = self.frames.last_mut() {
            object.keys.get_or_insert_default().set.insert(text.into());
        }
    }

    pub(super) fn end_object(&mut self, object: Object, span: Span) -> Step {
        let has_parts = object.seen & Key::OF_CONDITION != 0;
        if object.seen & Key::Field.bit() != 0 {
            self.end_condition(&object, span)?;
        } else {
            if has_parts {
                self.parts_without_field(&object);
            }
            self.tree.set_kind(object.node, Kind::Object { case_sensitive: object.case_sensitive });
        }
        if has_parts {
            self.parts.is_open = false;
            if let Some(outer) = self.outer_parts.pop() {
                self.parts = outer;
            }
        }
        self.tree.close(span);
        if self.tree.is_current_not_one() {
            self.tree.close_group(span);
        }
        Ok(())
    }

    /// Ends an object with a key `field`: a condition (G4).
    pub(super) fn end_condition(&mut self, object: &Object, span: Span) -> Step {
        let others: Vec<_> = self.tree.children(object.node).collect();
        let mut is_whole = !self.parts.is_broken && others.is_empty();
        let is_missing_told = is_whole;
        for (_, kind, child_span) in others {
            let (diagnostic, key, place) = match kind {
                Kind::Pair(index) => {
                    let condition = self.tree.condition(index);
                    let key = condition.path.written().to_owned();
                    (unknown_condition_key(&key), key, condition.spans.field)
                }
                Kind::And | Kind::Absent(Group::And) => (mixed("AND"), "AND".to_owned(), child_span),
                Kind::Or | Kind::Absent(Group::Or) => (mixed("OR"), "OR".to_owned(), child_span),
                Kind::Not | Kind::NotOne | Kind::Absent(Group::Not) => (mixed("NOT"), "NOT".to_owned(), child_span),
                Kind::Object { .. } | Kind::Condition(_) => continue,
            };
            self.report_here(diagnostic, &[&key], place);
        }
        // What was misread is not read on.
        self.tree.drop_children(object.node);
        let case = match (object.case_sensitive, self.parts.case_insensitive) {
            (Some(sensitive), Some(insensitive)) if sensitive == insensitive => {
                is_whole = false;
                let message = "`case_sensitive` and `case_insensitive` disagree";
                let whole = self.tree.span_to(object.node, span);
                self.report_here::<&str>(
                    Diagnostic::error(Code::CaseConflict, message).hint("give one of them"),
                    &[],
                    whole,
                );
                CaseFlag::Absent
            }
            (Some(sensitive), _) => CaseFlag::Sensitive(sensitive),
            (None, Some(insensitive)) => CaseFlag::Insensitive(insensitive),
            (None, None) => CaseFlag::Absent,
        };
        let operator = self.parts.operator;
        let has_value = object.seen & Key::Value.bit() != 0;
        if !has_value && operator.operand() != OperandKind::Boolean && is_missing_told {
            is_whole = false;
            let message = format!("a condition with the operator `{operator}` has no `value`");
            let whole = self.tree.span_to(object.node, span);
            self.report_here::<&str>(Diagnostic::error(Code::MissingValue, message), &[], whole);
        }
        let Some(path) = self.parts.path.take().filter(|_| is_whole) else { return Ok(()) };
        self.count_condition(self.tree.span_to(object.node, span))?;
        let Parts { spelling, spans, .. } = self.parts;
        let operand = std::mem::replace(&mut self.parts.operand, Operand::Omitted);
        let index = self.tree.push_condition(Condition { path, operand, operator, spelling, case, spans });
        self.tree.set_kind(object.node, Kind::Condition(index));
        Ok(())
    }

    /// An object with `operator`, `value` or `case_insensitive`, but without `field`.
    #[cold]
    pub(super) fn parts_without_field(&mut self, object: &Object) {
        let misspelled = self.tree.children(object.node).find_map(|(_, kind, _)| match kind {
            Kind::Pair(index) => {
                let condition = self.tree.condition(index);
                let key = condition.path.written();
                let diagnostic = Diagnostic::error(Code::UnknownKey, format!("unknown key `{}`", excerpt(key)));
                let diagnostic = diagnostic.near(key, ["field"]);
                (!diagnostic.expected.is_empty()).then(|| (diagnostic, key.to_owned(), condition.spans.field))
            }
            _ => None,
        });
        if let Some((diagnostic, key, span)) = misspelled {
            self.report_here(diagnostic, &[&key], span);
            self.tree.drop_children(object.node);
            return;
        }
        let Some((key, span)) = self.parts.first_key else { return };
        let name = key.name();
        let message = format!("`{name}` belongs to a condition, and this object has no `field`");
        let hint = if key == Key::CaseInsensitive {
            "on a group, write `case_sensitive`".to_owned()
        } else {
            format!("add a `field`; a field of the name `{name}` is written `\"\\\"{name}\\\"\"`")
        };
        self.report_here(Diagnostic::error(Code::UnknownKey, message).hint(hint), &[name], span);
    }

    pub(super) fn count_condition(&mut self, span: Span) -> Step {
        match self.tree.count_condition() {
            Ok(()) => Ok(()),
            Err(refusal) => self.stop::<&str>(refusal, &[], span),
        }
    }
}
