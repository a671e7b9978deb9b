//! The grammar of filters in JSON (G1 to G6, L1, B1) as a push parser: every source of JSON feeds it events, and it
//! builds the tree through the one builder that holds the limits. It has its own stack and goes on after a mistake.

use hashbrown::HashTable;
use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;

use super::Sink;
use super::reader::{BadNumber, Scalar};
use crate::error::{Code, Diagnostic, Diagnostics, Place, excerpt};
use crate::filter::{
    CaseFlag, Condition, Element, Filter, Group, Kind, NodeId, Operand, PartSpans, Refusal, Span, Spelling,
    TreeBuilder, push_pointer,
};
use crate::limits::{Limit, Limits};
use crate::operator::{OperandKind, Operator};
use crate::path::Path;
use crate::value::Value;

/// Reading cannot go on; why has been noted.
#[derive(Debug)]
pub(crate) struct Stop;

pub(crate) type Step = Result<(), Stop>;

/// Takes the events of one JSON value and makes a filter of them.
#[derive(Debug)]
pub(crate) struct Machine {
    tree: TreeBuilder,
    frames: Vec<Frame>,
    /// The parts of the conditions that are being read, innermost last.
    parts: Vec<Parts>,
    /// The shorthand pair whose value is next.
    pair: Option<(Path, Span)>,
    /// The elements of the list that is being read. Lists do not nest.
    list: Elements,
    diagnostics: Diagnostics,
}

/// What is being read.
#[derive(Debug)]
enum Frame {
    Object(Object),
    /// The members of a group.
    Members,
    /// The elements of a list operand.
    List {
        start: Span,
    },
    /// A dynamic value, as an operand or as an element.
    Dynamic(Box<Dynamic>),
    /// Something wrong, so many brackets deep: not looked at.
    Skip(usize),
}

#[derive(Debug)]
struct Object {
    node: NodeId,
    /// Which of [`Key`] were seen.
    seen: u16,
    case_sensitive: Option<bool>,
    /// What the next value is for.
    slot: Slot,
    /// The index of the shorthand pairs by their keys, once there are many.
    keys: Option<Box<HashTable<u32>>>,
}

/// The keys with a meaning of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Field,
    Operator,
    Value,
    CaseInsensitive,
    CaseSensitive,
    Group(Group),
}

impl Key {
    const ALL: [Key; 8] = [
        Key::Field,
        Key::Operator,
        Key::Value,
        Key::CaseSensitive,
        Key::CaseInsensitive,
        Key::Group(Group::And),
        Key::Group(Group::Or),
        Key::Group(Group::Not),
    ];

    /// The keys that make an object a condition, or belong to one alone.
    const OF_CONDITION: u16 = Key::Field.bit() | Key::Operator.bit() | Key::Value.bit() | Key::CaseInsensitive.bit();

    fn name(self) -> &'static str {
        match self {
            Key::Field => "field",
            Key::Operator => "operator",
            Key::Value => "value",
            Key::CaseSensitive => "case_sensitive",
            Key::CaseInsensitive => "case_insensitive",
            Key::Group(group) => group.key(),
        }
    }

    const fn bit(self) -> u16 {
        match self {
            Key::Field => 1,
            Key::Operator => 1 << 1,
            Key::Value => 1 << 2,
            Key::CaseInsensitive => 1 << 3,
            Key::CaseSensitive => 1 << 4,
            Key::Group(Group::And) => 1 << 5,
            Key::Group(Group::Or) => 1 << 6,
            Key::Group(Group::Not) => 1 << 7,
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Slot {
    Known(Key),
    Pair,
    /// A value whose key was a mistake already.
    Ignored,
}

/// The parts of a condition as far as they were read.
#[derive(Debug, Default)]
struct Parts {
    field: Option<(Path, Span)>,
    operator: Option<(Operator, Spelling, Span)>,
    operand: Option<(Operand, Span)>,
    case_insensitive: Option<bool>,
    /// The first key that belongs to conditions alone.
    first_key: Option<(Key, Span)>,
    /// A part was a mistake, so that nothing is said of its absence.
    is_broken: bool,
}

#[derive(Debug)]
struct Dynamic {
    start: Span,
    is_element: bool,
    has_type: bool,
    field: Option<Path>,
    key: DynamicKey,
    is_broken: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum DynamicKey {
    None,
    Type,
    Field,
    Unknown,
}

/// A list that is plain values until a dynamic one comes.
#[derive(Debug, Default)]
pub(super) struct Elements {
    values: Vec<Value>,
    /// Not empty once there is a dynamic value; then all elements are here.
    mixed: Vec<Element>,
    pub(super) is_broken: bool,
    /// All elements so far, the broken ones too.
    count: usize,
}

impl Elements {
    pub(super) fn push(&mut self, element: Element) {
        match element {
            Element::Value(value) if self.mixed.is_empty() => self.values.push(value),
            element => {
                self.mixed.extend(self.values.drain(..).map(Element::Value));
                self.mixed.push(element);
            }
        }
    }

    pub(super) fn take(&mut self) -> Option<Operand> {
        let elements = std::mem::take(self);
        match (elements.is_broken, elements.mixed.is_empty()) {
            (true, _) => None,
            (false, true) => Some(Operand::List(elements.values.into())),
            (false, false) => Some(Operand::Mixed(elements.mixed.into())),
        }
    }
}

impl Sink for Machine {
    fn begin_object(&mut self, span: Span) -> Step {
        match self.frames.last_mut() {
            None | Some(Frame::Members) => self.open_object(span),
            Some(Frame::Skip(depth)) => *depth += 1,
            Some(Frame::List { .. }) => self.begin_dynamic(span, true),
            Some(Frame::Dynamic(_)) => {
                self.dynamic_mistake(span);
                self.frames.push(Frame::Skip(1));
            }
            Some(Frame::Object(object)) => match object.slot {
                Slot::Known(Key::Group(Group::Not)) => {
                    self.open_group(Kind::NotOne, span)?;
                    self.open_object(span);
                }
                Slot::Known(Key::Value) | Slot::Pair => self.begin_dynamic(span, false),
                Slot::Known(key) => {
                    self.wrong_shape(key, span);
                    self.frames.push(Frame::Skip(1));
                }
                Slot::Ignored => self.frames.push(Frame::Skip(1)),
            },
        }
        Ok(())
    }

    fn begin_array(&mut self, span: Span) -> Step {
        match self.frames.last_mut() {
            None | Some(Frame::Members) => {
                self.no_member(span);
                self.frames.push(Frame::Skip(1));
            }
            Some(Frame::Skip(depth)) => *depth += 1,
            Some(Frame::List { .. }) => {
                self.bad_element("a list inside a list is no operand", span)?;
                self.frames.push(Frame::Skip(1));
            }
            Some(Frame::Dynamic(_)) => {
                self.dynamic_mistake(span);
                self.frames.push(Frame::Skip(1));
            }
            Some(Frame::Object(object)) => match object.slot {
                Slot::Known(Key::Group(group)) => {
                    let kind = match group {
                        Group::And => Kind::And,
                        Group::Or => Kind::Or,
                        Group::Not => Kind::Not,
                    };
                    self.open_group(kind, span)?;
                    self.frames.push(Frame::Members);
                }
                Slot::Known(Key::Value) => self.frames.push(Frame::List { start: span }),
                Slot::Known(key) => {
                    self.wrong_shape(key, span);
                    self.frames.push(Frame::Skip(1));
                }
                Slot::Pair => {
                    self.no_pair_value(span);
                    self.frames.push(Frame::Skip(1));
                }
                Slot::Ignored => self.frames.push(Frame::Skip(1)),
            },
        }
        Ok(())
    }

    fn end(&mut self, span: Span) -> Step {
        match self.frames.last_mut() {
            Some(Frame::Skip(depth)) => {
                *depth -= 1;
                if *depth == 0 {
                    self.frames.pop();
                }
                return Ok(());
            }
            Some(_) | None => {}
        }
        match self.frames.pop() {
            Some(Frame::Object(object)) => self.end_object(object, span),
            Some(Frame::Members) => {
                self.tree.close_group(span);
                Ok(())
            }
            Some(Frame::List { start }) => match self.list.take() {
                Some(operand) => self.operand(operand, start.to(span)),
                None => {
                    self.broken_operand();
                    Ok(())
                }
            },
            Some(Frame::Dynamic(dynamic)) => self.end_dynamic(*dynamic, span),
            Some(Frame::Skip(_)) | None => Ok(()),
        }
    }

    fn key(&mut self, text: &str, span: Span) -> Step {
        match self.frames.last_mut() {
            Some(Frame::Object(_)) => self.object_key(text, span),
            Some(Frame::Dynamic(dynamic)) => {
                let (key, again) = match text {
                    "type" => (DynamicKey::Type, dynamic.has_type),
                    "field" => (DynamicKey::Field, dynamic.field.is_some()),
                    _ => (DynamicKey::Unknown, false),
                };
                dynamic.key = key;
                dynamic.is_broken |= again || key == DynamicKey::Unknown;
                let diagnostic = if again {
                    duplicate(text)
                } else if key == DynamicKey::Unknown {
                    Diagnostic::error(Code::UnknownKey, format!("unknown key `{}` in a dynamic value", excerpt(text)))
                        .hint("a dynamic value is `{\"type\": \"dynamic\", \"field\": \"…\"}`")
                        .near(text, ["type", "field"])
                } else {
                    return Ok(());
                };
                self.report_here(diagnostic, &[text], span);
                Ok(())
            }
            Some(Frame::Members | Frame::List { .. } | Frame::Skip(_)) | None => Ok(()),
        }
    }

    fn scalar(&mut self, scalar: &Scalar<'_>, span: Span) -> Step {
        match self.frames.last_mut() {
            None | Some(Frame::Members) => self.no_member(span),
            Some(Frame::Skip(_)) => {}
            Some(Frame::List { .. }) => {
                self.count_list_item(span)?;
                if let Some(value) = self.value(scalar, span)? {
                    self.list.push(Element::Value(value));
                } else {
                    self.list.is_broken = true;
                }
                self.list.count += 1;
            }
            Some(Frame::Dynamic(_)) => return self.dynamic_scalar(scalar, span),
            Some(Frame::Object(object)) => match object.slot {
                Slot::Known(Key::Value) | Slot::Pair => match self.value(scalar, span)? {
                    Some(value) => return self.operand(Operand::Value(value), span),
                    None => self.broken_operand(),
                },
                Slot::Known(key) => return self.known_scalar(key, scalar, span),
                Slot::Ignored => {}
            },
        }
        Ok(())
    }

    fn count_input(&mut self, bytes: usize) -> Step {
        match self.tree.budget().add(Limit::Input, bytes) {
            Ok(()) => Ok(()),
            Err(reached) => self.stop::<&str>(Refusal::Limit(Limit::Input, reached), &[], Span::NONE),
        }
    }

    fn fail(&mut self, diagnostic: Diagnostic) -> Stop {
        self.diagnostics.push_last(diagnostic);
        Stop
    }

    fn deepest(&self) -> usize {
        // No filter within the limit on depth has more than three brackets around a condition for each group, and some
        // for the condition itself.
        self.tree.limits().get(Limit::Depth).saturating_mul(3).saturating_add(8)
    }
}

impl Machine {
    pub(crate) fn new(limits: &Limits, ignore_case: bool, prefix: &'static str) -> Machine {
        Machine {
            tree: TreeBuilder::new(limits.clone(), ignore_case, prefix),
            frames: Vec::new(),
            parts: Vec::new(),
            pair: None,
            list: Elements::default(),
            diagnostics: Diagnostics::new(limits),
        }
    }

    /// The filter as far as it was understood, and every mistake. Without a mistake it is the whole filter.
    pub(crate) fn finish(mut self) -> (Filter, Diagnostics) {
        self.tree.close_all();
        (self.tree.finish(), self.diagnostics)
    }

    /// Counts elements of a list that is read elsewhere.
    pub(crate) fn tree(&mut self) -> &mut TreeBuilder {
        &mut self.tree
    }

    pub(crate) fn diagnostics(&mut self) -> &mut Diagnostics {
        &mut self.diagnostics
    }

    // ------------------------------------------------------------------------------------------------- objects

    fn open_object(&mut self, span: Span) {
        let node = self.tree.open(Kind::Object { case_sensitive: None }, span);
        let object = Object { node, seen: 0, case_sensitive: None, slot: Slot::Ignored, keys: None };
        self.frames.push(Frame::Object(object));
    }

    fn open_group(&mut self, kind: Kind, span: Span) -> Step {
        match self.tree.open_group(kind, span) {
            Ok(()) => Ok(()),
            Err(refusal) => self.stop::<&str>(refusal, &[], span),
        }
    }

    fn object_key(&mut self, text: &str, span: Span) -> Step {
        let Some(Frame::Object(object)) = self.frames.last_mut() else { return Ok(()) };
        if let Some(key) = Key::ALL.into_iter().find(|key| key.name() == text) {
            let again = object.seen & key.bit() != 0;
            let is_first_part = object.seen & Key::OF_CONDITION == 0 && key.bit() & Key::OF_CONDITION != 0;
            object.seen |= key.bit();
            object.slot = if again { Slot::Ignored } else { Slot::Known(key) };
            if is_first_part {
                self.parts.push(Parts { first_key: Some((key, span)), ..Parts::default() });
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
                self.parts.push(Parts::default());
            }
            if let (true, Some(parts)) = (key.bit() & Key::OF_CONDITION != 0, self.parts.last_mut()) {
                parts.is_broken = true;
            }
            let hint = format!("write `{}`; a field of that name is written `\"\\\"{text}\\\"\"`", key.name());
            let diagnostic = Diagnostic::error(Code::UnknownKey, format!("unknown key `{text}`")).hint(hint);
            self.report_here(diagnostic.near(text, [key.name()]), &[text], span);
            return Ok(());
        }
        if object.seen & Key::Field.bit() != 0 {
            let diagnostic = unknown_condition_key(text);
            if let Some(parts) = self.parts.last_mut() {
                parts.is_broken = true;
            }
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

    /// Whether the innermost object has a shorthand pair with this key.
    fn has_pair(&mut self, text: &str) -> bool {
        /// Up to so many children, looking at each is cheaper than an index.
        const FEW: usize = 8;
        static KEYS: OnceLock<RandomState> = OnceLock::new();
        let Some(Frame::Object(object)) = self.frames.last_mut() else { return false };
        let tree = &self.tree;
        let pairs = |node| {
            tree.children(node).filter_map(|(_, kind, _)| match kind {
                Kind::Pair(index) => Some(index),
                _ => None,
            })
        };
        let key_of = |index: u32| tree.condition(index).path.written();
        if tree.child_count(object.node) <= FEW {
            return pairs(object.node).any(|index| key_of(index) == text);
        }
        // Random keys: a client cannot make all of its keys collide.
        let state = KEYS.get_or_init(RandomState::new);
        let table = object.keys.get_or_insert_with(|| {
            let mut table = Box::new(HashTable::new());
            for index in pairs(object.node) {
                table.insert_unique(state.hash_one(key_of(index)), index, |&index| state.hash_one(key_of(index)));
            }
            table
        });
        let hash = state.hash_one(text);
        if table.find(hash, |&index| key_of(index) == text).is_some() {
            return true;
        }
        // The pair is pushed next, if its value is any good; a key whose value is not is a mistake either way.
        let next = tree.next_condition();
        table.insert_unique(hash, next, |&index| state.hash_one(if index == next { text } else { key_of(index) }));
        false
    }

    fn end_object(&mut self, object: Object, span: Span) -> Step {
        let has_parts = object.seen & Key::OF_CONDITION != 0;
        let parts = if has_parts { self.parts.pop().unwrap_or_default() } else { Parts::default() };
        if object.seen & Key::Field.bit() != 0 {
            self.end_condition(&object, parts, span)?;
        } else {
            if has_parts {
                self.parts_without_field(&object, &parts);
            }
            self.tree.set_kind(object.node, Kind::Object { case_sensitive: object.case_sensitive });
        }
        self.tree.close(span);
        if self.tree.is_current_not_one() {
            self.tree.close_group(span);
        }
        Ok(())
    }

    /// Ends an object with a key `field`: a condition (G4).
    fn end_condition(&mut self, object: &Object, parts: Parts, span: Span) -> Step {
        let mut is_whole = !parts.is_broken;
        let others: Vec<_> = self.tree.children(object.node).collect();
        for (_, kind, child_span) in others {
            is_whole = false;
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
        let case = match (object.case_sensitive, parts.case_insensitive) {
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
        let (operator, spelling, operator_span) =
            parts.operator.unwrap_or((Operator::Eq, Spelling::Omitted, Span::NONE));
        let has_value = object.seen & Key::Value.bit() != 0;
        if !has_value && operator.operand() != OperandKind::Boolean && is_whole {
            is_whole = false;
            let message = format!("a condition with the operator `{operator}` has no `value`");
            let whole = self.tree.span_to(object.node, span);
            self.report_here::<&str>(Diagnostic::error(Code::MissingValue, message), &[], whole);
        }
        let (operand, value_span) = match parts.operand {
            Some(operand) => operand,
            None => (Operand::Omitted, Span::NONE),
        };
        let Some((path, field_span)) = parts.field.filter(|_| is_whole) else { return Ok(()) };
        let spans = PartSpans { field: field_span, operator: operator_span, value: value_span };
        let condition = Condition { path, operand, operator, spelling, case, spans };
        let index = self.add_condition(condition, span)?;
        self.tree.set_kind(object.node, Kind::Condition(index));
        Ok(())
    }

    /// An object with `operator`, `value` or `case_insensitive`, but without `field`.
    fn parts_without_field(&mut self, object: &Object, parts: &Parts) {
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
            return;
        }
        let Some((key, span)) = parts.first_key else { return };
        let name = key.name();
        let message = format!("`{name}` belongs to a condition, and this object has no `field`");
        let hint = if key == Key::CaseInsensitive {
            "on a group, write `case_sensitive`".to_owned()
        } else {
            format!("add a `field`; a field of the name `{name}` is written `\"\\\"{name}\\\"\"`")
        };
        self.report_here(Diagnostic::error(Code::UnknownKey, message).hint(hint), &[name], span);
    }

    fn add_condition(&mut self, condition: Condition, span: Span) -> Result<u32, Stop> {
        match self.tree.count_condition() {
            Ok(()) => Ok(self.tree.push_condition(condition)),
            Err(refusal) => self.stop::<&str>(refusal, &[], span).map(|()| 0),
        }
    }

    // ------------------------------------------------------------------------------------------------- values

    /// A scalar for a key that is not `value`.
    fn known_scalar(&mut self, key: Key, scalar: &Scalar<'_>, span: Span) -> Step {
        match (key, scalar) {
            (Key::Field, Scalar::String(text)) => match self.tree.path(text) {
                Ok(path) => self.part(|parts| parts.field = Some((path, span))),
                Err(refusal @ Refusal::Limit(..)) => return self.stop(refusal, &["field"], span),
                Err(refusal @ Refusal::Path(..)) => {
                    let diagnostic = refusal.diagnostic(self.tree.limits());
                    self.report_here(diagnostic, &["field"], span);
                    self.part(|parts| parts.is_broken = true);
                }
            },
            (Key::Operator, Scalar::String(text)) => match spelled_operator(text) {
                Some((operator, spelling)) => self.part(|parts| parts.operator = Some((operator, spelling, span))),
                None => {
                    self.report_here(unknown_operator(text), &["operator"], span);
                    self.part(|parts| parts.is_broken = true);
                }
            },
            (Key::CaseSensitive, Scalar::Bool(sensitive)) => {
                if let Some(Frame::Object(object)) = self.frames.last_mut() {
                    object.case_sensitive = Some(*sensitive);
                }
            }
            (Key::CaseInsensitive, Scalar::Bool(insensitive)) => {
                self.part(|parts| parts.case_insensitive = Some(*insensitive));
            }
            (Key::CaseSensitive | Key::CaseInsensitive, Scalar::Null) => {}
            (Key::Group(group), Scalar::Null) => {
                self.tree.open(Kind::Absent(group), span);
                self.tree.close(span);
            }
            (key, _) => self.wrong_shape(key, span),
        }
        Ok(())
    }

    fn part(&mut self, set: impl FnOnce(&mut Parts)) {
        if let Some(parts) = self.parts.last_mut() {
            set(parts);
        }
    }

    /// A key has a value of a type that it does not take.
    fn wrong_shape(&mut self, key: Key, span: Span) {
        let takes = match key {
            Key::Field => "a string, the path of a field",
            Key::Operator => "a string, the name of an operator",
            Key::Value => "an operand",
            Key::CaseSensitive | Key::CaseInsensitive => "a boolean",
            Key::Group(Group::And | Group::Or) => "a list",
            Key::Group(Group::Not) => "a list or an object",
        };
        let name = key.name();
        if key.bit() & Key::OF_CONDITION != 0 {
            self.part(|parts| parts.is_broken = true);
        }
        self.report_here(Diagnostic::error(Code::Syntax, format!("`{name}` takes {takes}")), &[name], span);
    }

    /// Something that is no object stands where a condition or group is expected.
    fn no_member(&mut self, span: Span) {
        let message = "expected an object: a condition or a group";
        let diagnostic = Diagnostic::error(Code::Syntax, message);
        match self.frames.last() {
            Some(_) => {
                let ordinal = self.tree.child_count(self.tree.current()).to_string();
                self.report_here(diagnostic, &[&ordinal], span);
                // It takes its place, so that the pointers of those after it stay right.
                self.tree.open(Kind::Object { case_sensitive: None }, span);
                self.tree.close(span);
            }
            None => self.report_here::<&str>(diagnostic, &[], span),
        }
    }

    /// The value of a scalar, within the limit; `None` where it is a mistake.
    fn value(&mut self, scalar: &Scalar<'_>, span: Span) -> Result<Option<Value>, Stop> {
        let bytes = match scalar {
            Scalar::String(string) => string.len(),
            Scalar::Number(_) | Scalar::BadNumber(_) => span.len(),
            Scalar::Null | Scalar::Bool(_) => 0,
        };
        if let Err(refusal) = self.tree.count_bytes(bytes) {
            return self.stop(refusal, &self.value_segments(), span).map(|()| None);
        }
        match scalar.to_value() {
            Ok(value) => Ok(Some(value)),
            Err(bad) => {
                self.report_here(bad_number(bad), &self.value_segments(), span);
                Ok(None)
            }
        }
    }

    /// The operand of the condition or pair at hand is complete.
    fn operand(&mut self, operand: Operand, span: Span) -> Step {
        let Some((path, key_span)) = self.pair.take() else {
            self.part(|parts| parts.operand = Some((operand, span)));
            return Ok(());
        };
        let spans = PartSpans { field: key_span, operator: Span::NONE, value: span };
        let (operator, spelling, case) = (Operator::Eq, Spelling::Omitted, CaseFlag::Absent);
        let condition = Condition { path, operand, operator, spelling, case, spans };
        let index = self.add_condition(condition, span)?;
        self.tree.open(Kind::Pair(index), key_span);
        self.tree.close(span);
        Ok(())
    }

    fn broken_operand(&mut self) {
        if self.pair.take().is_none() {
            self.part(|parts| parts.is_broken = true);
        }
    }

    fn count_list_item(&mut self, span: Span) -> Step {
        match self.tree.count_items(1) {
            Ok(()) => Ok(()),
            Err(refusal) => self.stop(refusal, &self.value_segments(), span),
        }
    }

    fn bad_element(&mut self, message: &str, span: Span) -> Step {
        self.count_list_item(span)?;
        self.report_here(Diagnostic::error(Code::OperandType, message), &self.value_segments(), span);
        self.list.is_broken = true;
        self.list.count += 1;
        Ok(())
    }

    fn no_pair_value(&mut self, span: Span) {
        let Some((path, _)) = self.pair.take() else { return };
        let key = path.written();
        let message = format!("the shorthand `{}` takes one string, number, boolean or null", excerpt(key));
        let hint = "for a list, write a condition with the operator `in`";
        self.report_here(Diagnostic::error(Code::OperandType, message).hint(hint), &[key], span);
    }

    // ----------------------------------------------------------------------------------------- dynamic values

    fn begin_dynamic(&mut self, start: Span, is_element: bool) {
        let key = DynamicKey::None;
        let dynamic = Dynamic { start, is_element, has_type: false, field: None, key, is_broken: false };
        self.frames.push(Frame::Dynamic(Box::new(dynamic)));
    }

    fn dynamic_scalar(&mut self, scalar: &Scalar<'_>, span: Span) -> Step {
        let Some(Frame::Dynamic(dynamic)) = self.frames.last_mut() else { return Ok(()) };
        match (dynamic.key, scalar) {
            (DynamicKey::Type, Scalar::String("dynamic")) => dynamic.has_type = true,
            (DynamicKey::Field, Scalar::String(text)) => match self.tree.path(text) {
                Ok(path) => dynamic.field = Some(path),
                Err(refusal @ Refusal::Limit(..)) => return self.stop(refusal, &["field"], span),
                Err(refusal @ Refusal::Path(..)) => {
                    dynamic.is_broken = true;
                    let diagnostic = refusal.diagnostic(self.tree.limits());
                    self.report_here(diagnostic, &["field"], span);
                }
            },
            (DynamicKey::Unknown, _) => {}
            (DynamicKey::Type | DynamicKey::Field | DynamicKey::None, _) => self.dynamic_mistake(span),
        }
        Ok(())
    }

    /// A value inside a dynamic value is of the wrong type.
    fn dynamic_mistake(&mut self, span: Span) {
        let Some(Frame::Dynamic(dynamic)) = self.frames.last_mut() else { return };
        // The value of an unknown key: the key has been reported.
        if std::mem::replace(&mut dynamic.is_broken, true) && dynamic.key == DynamicKey::Unknown {
            return;
        }
        let (key, takes) = match dynamic.key {
            DynamicKey::Type => ("type", "`\"dynamic\"`, the only type of object that is an operand"),
            DynamicKey::Field => ("field", "a string, a path into what is bound"),
            DynamicKey::Unknown | DynamicKey::None => return,
        };
        let message = format!("the `{key}` of a dynamic value is {takes}");
        self.report_here(Diagnostic::error(Code::OperandType, message), &[key], span);
    }

    fn end_dynamic(&mut self, dynamic: Dynamic, span: Span) -> Step {
        let whole = dynamic.start.to(span);
        let good = dynamic.field.filter(|_| dynamic.has_type && !dynamic.is_broken);
        if good.is_none() && !dynamic.is_broken {
            let message = if self.pair.is_some() {
                "a shorthand pair takes a scalar, null or a dynamic value, not an object"
            } else {
                "an operand is no object, except a dynamic value"
            };
            let diagnostic = Diagnostic::error(Code::OperandType, message)
                .hint("a dynamic value is `{\"type\": \"dynamic\", \"field\": \"…\"}`");
            self.report_here(diagnostic, &self.value_segments(), whole);
        }
        if dynamic.is_element {
            self.count_list_item(whole)?;
            self.list.count += 1;
            match good {
                Some(path) => self.list.push(Element::Dynamic(path)),
                None => self.list.is_broken = true,
            }
            return Ok(());
        }
        match good {
            Some(path) => self.operand(Operand::Dynamic(path), whole),
            None => {
                self.broken_operand();
                Ok(())
            }
        }
    }

    // ------------------------------------------------------------------------------------------------ mistakes

    /// The pointer segments of the value at hand, below the object at hand.
    fn value_segments(&self) -> Vec<String> {
        let key = self.pair.as_ref().map_or("value", |(path, _)| path.written());
        let mut segments = vec![key.to_owned()];
        let in_list = self.frames.iter().rev().take(2).any(|frame| matches!(frame, Frame::List { .. }));
        if in_list {
            segments.push(self.list.count.to_string());
        }
        segments
    }

    /// Notes a mistake at `segments` below the node at hand.
    fn report_here<S: AsRef<str>>(&mut self, diagnostic: Diagnostic, segments: &[S], span: Span) {
        let place = if self.diagnostics.has_room() { self.place(segments, span) } else { Place::default() };
        self.diagnostics.push(diagnostic.at(place));
    }

    /// Notes a limit that was passed, and ends the reading.
    fn stop<S: AsRef<str>>(&mut self, refusal: Refusal, segments: &[S], span: Span) -> Step {
        let place = self.place(segments, span);
        let diagnostic = refusal.diagnostic(self.tree.limits()).at(place);
        self.diagnostics.push_last(diagnostic);
        Err(Stop)
    }

    fn place<S: AsRef<str>>(&self, segments: &[S], span: Span) -> Place {
        let mut pointer = self.tree.pointer(self.tree.current());
        // Inside a dynamic value, its own place comes first.
        if matches!(self.frames.last(), Some(Frame::Dynamic(_))) {
            self.value_segments().iter().for_each(|segment| push_pointer(&mut pointer, segment));
        }
        segments.iter().for_each(|segment| push_pointer(&mut pointer, segment.as_ref()));
        Place { pointer: Some(pointer), span: span.range() }
    }
}

fn duplicate(key: &str) -> Diagnostic {
    Diagnostic::error(Code::DuplicateKey, format!("the key `{}` stands twice in one object", excerpt(key)))
}

fn mixed(key: &str) -> Diagnostic {
    Diagnostic::error(Code::MixedObject, format!("an object with `field` is a condition, and cannot hold `{key}`"))
        .hint("put the condition into the list of a group")
}

fn unknown_condition_key(key: &str) -> Diagnostic {
    const KEYS: [&str; 4] = ["operator", "value", "case_sensitive", "case_insensitive"];
    let diagnostic =
        Diagnostic::error(Code::UnknownKey, format!("unknown key `{}` in a condition", excerpt(key))).near(key, KEYS);
    match diagnostic.hint {
        Some(_) => diagnostic,
        None => diagnostic.hint(format!("the keys of a condition are `field`, `{}`", KEYS.join("`, `"))),
    }
}

/// The operator of a spelling, and which spelling it is.
fn spelled_operator(text: &str) -> Option<(Operator, Spelling)> {
    let operator = Operator::from_spelling(text)?;
    let alias = operator.aliases().iter().position(|alias| *alias == text);
    let spelling = alias.and_then(|index| u8::try_from(index).ok()).map_or(Spelling::Name, Spelling::Alias);
    Some((operator, spelling))
}

pub(super) fn bad_number(bad: BadNumber) -> Diagnostic {
    let message = match bad {
        BadNumber::IntegerRange => "an integer operand outside the ranges of `i64` and `u64`",
        BadNumber::NotFinite => "a number operand that has no finite 64-bit float",
    };
    Diagnostic::error(Code::OperandRange, message)
}

pub(crate) fn unknown_operator(text: &str) -> Diagnostic {
    let diagnostic = Diagnostic::error(Code::UnknownOperator, format!("unknown operator `{}`", excerpt(text)));
    // What other languages call it, where no misspelling explains it.
    let other = match text.to_ascii_lowercase().as_str() {
        "like" | "ilike" | "includes" | "has" => Some("contains"),
        "prefix" | "startswith" => Some("starts_with"),
        "suffix" | "endswith" => Some("ends_with"),
        "notin" | "not in" => Some("nin"),
        "neq" | "not" | "<=>" => Some("ne"),
        "match" | "matches" | "~" | "=~" | "regexp" => Some("regex"),
        "ge" => Some("gte"),
        "le" => Some("lte"),
        "search" | "fts" => Some("text"),
        "null" | "isnull" => Some("is_null"),
        _ => None,
    };
    match other {
        Some(name) => {
            let mut diagnostic = diagnostic.hint(format!("did you mean `{name}`?"));
            diagnostic.expected = vec![name.to_owned()];
            diagnostic
        }
        None => diagnostic.near(text, Operator::all().map(Operator::name)),
    }
}
