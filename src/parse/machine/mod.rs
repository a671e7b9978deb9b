//! The grammar of filters in JSON (G1 to G6, L1, B1) as a push parser: every source of JSON feeds it events, and it
//! builds the tree through the one builder that holds the limits. It has its own stack and goes on after a mistake.

mod mistakes;
mod object;
mod value;

use std::collections::HashSet;

use super::Sink;
use super::reader::Scalar;
use crate::error::{Diagnostic, Diagnostics};
use crate::filter::{Element, Filter, Group, Kind, NodeId, Operand, PartSpans, Refusal, Span, Spelling, TreeBuilder};
use crate::limits::{Limit, Limits};
use crate::operator::Operator;
use crate::path::Path;
use crate::value::Value;
#[cfg(feature = "text")]
pub(in crate::parse) use mistakes::unknown_operator;
pub(in crate::parse) use mistakes::{bad_number, duplicate};

/// Reading cannot go on; why has been noted.
#[derive(Debug)]
pub(crate) struct Stop;

pub(crate) type Step = Result<(), Stop>;

/// Takes the events of one JSON value and makes a filter of them.
#[derive(Debug)]
pub(crate) struct Machine {
    tree: TreeBuilder,
    frames: Vec<Frame>,
    /// The parts of the condition that is being read, if one is.
    parts: Parts,
    /// Those of the conditions around it: in a good filter there are none.
    outer_parts: Vec<Parts>,
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
    /// The keys of shorthand pairs that the tree does not tell: those whose values were wrong, and all of them once there
    /// are many.
    keys: Option<Box<PairKeys>>,
}

/// Keys of shorthand pairs.
#[derive(Debug, Default)]
struct PairKeys {
    set: HashSet<Box<str>>,
    /// Whether every key of the object is in the set.
    is_whole: bool,
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

    /// The key of this name, in exact letter case. A `match` on strings compares lengths first.
    fn of(name: &str) -> Option<Key> {
        Some(match name {
            "field" => Key::Field,
            "operator" => Key::Operator,
            "value" => Key::Value,
            "case_sensitive" => Key::CaseSensitive,
            "case_insensitive" => Key::CaseInsensitive,
            "AND" => Key::Group(Group::And),
            "OR" => Key::Group(Group::Or),
            "NOT" => Key::Group(Group::Not),
            _ => return None,
        })
    }

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
#[derive(Debug)]
struct Parts {
    /// Whether a condition is being read at all.
    is_open: bool,
    path: Option<Path>,
    operator: Operator,
    spelling: Spelling,
    operand: Operand,
    spans: PartSpans,
    case_insensitive: Option<bool>,
    /// The first key that belongs to conditions alone.
    first_key: Option<(Key, Span)>,
    /// A part was a mistake, so that nothing is said of its absence.
    is_broken: bool,
}

impl Default for Parts {
    /// None was read.
    fn default() -> Parts {
        Parts {
            is_open: false,
            path: None,
            operator: Operator::Eq,
            spelling: Spelling::Omitted,
            operand: Operand::Omitted,
            spans: PartSpans::NONE,
            case_insensitive: None,
            first_key: None,
            is_broken: false,
        }
    }
}

#[derive(Debug)]
struct Dynamic {
    start: Span,
    is_element: bool,
    /// Whether there is a key `type`: without one, the object was not meant to be a dynamic value.
    has_type: bool,
    is_dynamic: bool,
    field: Option<Path>,
    key: DynamicKey,
    /// What is wrong with it as a dynamic value.
    mistakes: Vec<Diagnostic>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum DynamicKey {
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
    #[inline]
    pub(in crate::parse) fn push(&mut self, value: Value) {
        if self.mixed.is_empty() {
            self.values.push(value);
        } else {
            self.mixed.push(Element::Value(value));
        }
    }

    pub(in crate::parse) fn push_dynamic(&mut self, path: Path) {
        self.mixed.extend(self.values.drain(..).map(Element::Value));
        self.mixed.push(Element::Dynamic(path));
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
                self.wrong_in_dynamic(span);
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
                self.wrong_in_dynamic(span);
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
        if let Some(Frame::Skip(depth)) = self.frames.last_mut() {
            *depth -= 1;
            if *depth == 0 {
                self.frames.pop();
            }
            return Ok(());
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
            Some(Frame::Dynamic(_)) => {
                self.dynamic_key(text, span);
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
                    self.list.push(value);
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
    // Inlined, as all that makes or takes a machine, so that it is made where it is used: it is large, and a copy of what
    // was just written waits for that to be there.
    #[inline(always)]
    pub(crate) fn new(limits: &Limits, ignore_case: bool, prefix: &'static str) -> Machine {
        Machine {
            // A group and a condition in it are two objects and a list.
            frames: Vec::with_capacity(8),
            tree: TreeBuilder::new(limits.clone(), ignore_case, prefix),
            parts: Parts::default(),
            outer_parts: Vec::new(),
            pair: None,
            list: Elements::default(),
            diagnostics: Diagnostics::new(limits),
        }
    }

    /// The filter as far as it was understood, and every mistake. Without a mistake it is the whole filter.
    #[inline(always)]
    pub(crate) fn finish(mut self) -> (Filter, Diagnostics) {
        self.tree.close_all();
        if let (true, Err((node, refusal))) = (self.diagnostics.is_empty(), self.tree.count_object_groups()) {
            self.too_deep(node, &refusal);
        }
        (self.tree.finish(), self.diagnostics)
    }

    /// Counts elements of a list that is read elsewhere.
    pub(crate) fn tree(&mut self) -> &mut TreeBuilder {
        &mut self.tree
    }

    pub(crate) fn diagnostics(&mut self) -> &mut Diagnostics {
        &mut self.diagnostics
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_is_found_by_its_name_and_has_its_own_bit() {
        let mut bits = 0;
        for key in Key::ALL {
            assert_eq!(Key::of(key.name()), Some(key));
            assert_eq!(Key::of(&key.name().to_uppercase()).or(Key::of(&key.name().to_lowercase())), Some(key));
            assert_eq!(bits & key.bit(), 0, "{key:?}");
            bits |= key.bit();
        }
        assert_eq!(bits.count_ones() as usize, Key::ALL.len());
    }
}
