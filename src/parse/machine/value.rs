//! Values: the parts of conditions, operands, and dynamic values (B1).

use super::mistakes::{bad_number, duplicate, spelled_operator, unknown_operator};
use super::{Dynamic, DynamicKey, Frame, Key, Machine, Step, Stop};
use crate::error::{Code, Diagnostic, excerpt};
use crate::filter::{CaseFlag, Condition, Group, Kind, Operand, PartSpans, Refusal, Span, Spelling};
use crate::operator::Operator;
use crate::parse::reader::Scalar;
use crate::value::Value;

impl Machine {
    /// A scalar for a key that is not `value`.
    pub(super) fn known_scalar(&mut self, key: Key, scalar: &Scalar<'_>, span: Span) -> Step {
        match (key, scalar) {
            (Key::Field, Scalar::String(text)) => match self.tree.path(text) {
                Ok(path) => (self.parts.path, self.parts.spans.field) = (Some(path), span),
                Err(refusal @ Refusal::Limit(..)) => return self.stop(refusal, &["field"], span),
                Err(refusal @ Refusal::Path(..)) => {
                    let diagnostic = refusal.diagnostic(self.tree.limits());
                    self.report_here(diagnostic, &["field"], span);
                    self.parts.is_broken = true;
                }
            },
            (Key::Operator, Scalar::String(text)) => match spelled_operator(text) {
                Some((operator, spelling)) => {
                    (self.parts.operator, self.parts.spelling) = (operator, spelling);
                    self.parts.spans.operator = span;
                }
                None => {
                    self.report_here(unknown_operator(text), &["operator"], span);
                    self.parts.is_broken = true;
                }
            },
            (Key::CaseSensitive, Scalar::Bool(sensitive)) => {
                if let Some(Frame::Object(object)) = self.frames.last_mut() {
                    object.case_sensitive = Some(*sensitive);
                }
            }
            (Key::CaseInsensitive, Scalar::Bool(insensitive)) => {
                self.parts.case_insensitive = Some(*insensitive);
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

    /// A key has a value of a type that it does not take.
    #[cold]
    pub(super) fn wrong_shape(&mut self, key: Key, span: Span) {
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
            self.parts.is_broken = true;
        }
        self.report_here(Diagnostic::error(Code::Syntax, format!("`{name}` takes {takes}")), &[name], span);
    }

    /// Something that is no object stands where a condition or group is expected.
    #[cold]
    pub(super) fn no_member(&mut self, span: Span) {
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
    #[inline(always)]
    pub(super) fn value(&mut self, scalar: &Scalar<'_>, span: Span) -> Result<Option<Value>, Stop> {
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
    #[inline(always)]
    pub(super) fn operand(&mut self, operand: Operand, span: Span) -> Step {
        let Some((path, key_span)) = self.pair.take() else {
            (self.parts.operand, self.parts.spans.value) = (operand, span);
            return Ok(());
        };
        let spans = PartSpans { field: key_span, operator: Span::NONE, value: span };
        let (operator, spelling, case) = (Operator::Eq, Spelling::Omitted, CaseFlag::Absent);
        self.count_condition(span)?;
        let index = self.tree.push_condition(Condition { path, operand, operator, spelling, case, spans });
        self.tree.open(Kind::Pair(index), key_span);
        self.tree.close(span);
        Ok(())
    }

    #[cold]
    pub(super) fn broken_operand(&mut self) {
        match self.pair.take() {
            Some((path, _)) => self.note_pair(path.written()),
            None => self.parts.is_broken = true,
        }
    }

    pub(super) fn count_list_item(&mut self, span: Span) -> Step {
        match self.tree.count_items(1) {
            Ok(()) => Ok(()),
            Err(refusal) => self.stop(refusal, &self.value_segments(), span),
        }
    }

    #[cold]
    pub(super) fn bad_element(&mut self, message: &str, span: Span) -> Step {
        self.count_list_item(span)?;
        self.report_here(Diagnostic::error(Code::OperandType, message), &self.value_segments(), span);
        self.list.is_broken = true;
        self.list.count += 1;
        Ok(())
    }

    #[cold]
    pub(super) fn no_pair_value(&mut self, span: Span) {
        let Some((path, _)) = self.pair.take() else { return };
        let key = path.written();
        let message = format!("the shorthand `{}` takes one string, number, boolean or null", excerpt(key));
        let hint = "for a list, write a condition with the operator `in`";
        self.report_here(Diagnostic::error(Code::OperandType, message).hint(hint), &[key], span);
        self.note_pair(key);
    }

    pub(super) fn begin_dynamic(&mut self, start: Span, is_element: bool) {
        let dynamic = Dynamic {
            start,
            is_element,
            has_type: false,
            is_dynamic: false,
            field: None,
            key: DynamicKey::Unknown,
            mistakes: Vec::new(),
        };
        self.frames.push(Frame::Dynamic(Box::new(dynamic)));
    }

    pub(super) fn dynamic_key(&mut self, text: &str, span: Span) {
        let Some(Frame::Dynamic(dynamic)) = self.frames.last_mut() else { return };
        let (key, again) = match text {
            "type" => (DynamicKey::Type, std::mem::replace(&mut dynamic.has_type, true)),
            "field" => (DynamicKey::Field, dynamic.field.is_some()),
            _ => (DynamicKey::Unknown, false),
        };
        dynamic.key = if again { DynamicKey::Unknown } else { key };
        if again {
            self.dynamic_mistake(duplicate(text), text, span);
        } else if key == DynamicKey::Unknown {
            let message = format!("unknown key `{}` in a dynamic value", excerpt(text));
            let diagnostic = Diagnostic::error(Code::UnknownKey, message).hint(DYNAMIC_HINT);
            self.dynamic_mistake(diagnostic.near(text, ["type", "field"]), text, span);
        }
    }

    pub(super) fn dynamic_scalar(&mut self, scalar: &Scalar<'_>, span: Span) -> Step {
        let Some(Frame::Dynamic(dynamic)) = self.frames.last_mut() else { return Ok(()) };
        match (dynamic.key, scalar) {
            (DynamicKey::Type, Scalar::String("dynamic")) => dynamic.is_dynamic = true,
            (DynamicKey::Field, Scalar::String(text)) => match self.tree.path(text) {
                Ok(path) => dynamic.field = Some(path),
                Err(refusal @ Refusal::Limit(..)) => return self.stop(refusal, &["field"], span),
                Err(refusal @ Refusal::Path(..)) => {
                    let diagnostic = refusal.diagnostic(self.tree.limits());
                    self.dynamic_mistake(diagnostic, "field", span);
                }
            },
            (DynamicKey::Unknown, _) => {}
            (DynamicKey::Type | DynamicKey::Field, _) => self.wrong_in_dynamic(span),
        }
        Ok(())
    }

    /// A value inside a dynamic value is of the wrong type.
    #[cold]
    pub(super) fn wrong_in_dynamic(&mut self, span: Span) {
        let Some(Frame::Dynamic(dynamic)) = self.frames.last() else { return };
        let (key, takes) = match dynamic.key {
            DynamicKey::Type => ("type", "`\"dynamic\"`, the only type of object that is an operand"),
            DynamicKey::Field => ("field", "a string, a path into what is bound"),
            // The key has been reported.
            DynamicKey::Unknown => return,
        };
        let message = format!("the `{key}` of a dynamic value is {takes}");
        self.dynamic_mistake(Diagnostic::error(Code::OperandType, message), key, span);
    }

    /// Notes a mistake for the case that the object was meant to be a dynamic value.
    #[cold]
    fn dynamic_mistake(&mut self, diagnostic: Diagnostic, key: &str, span: Span) {
        /// Each further one would say the same.
        const MOST: usize = 8;
        let place = self.place(&[key], span);
        if let Some(Frame::Dynamic(dynamic)) = self.frames.last_mut()
            && dynamic.mistakes.len() < MOST
        {
            dynamic.mistakes.push(diagnostic.at(place));
        }
    }

    pub(super) fn end_dynamic(&mut self, dynamic: Dynamic, span: Span) -> Step {
        let whole = dynamic.start.to(span);
        let is_good = dynamic.is_dynamic && dynamic.mistakes.is_empty();
        let good = dynamic.field.filter(|_| is_good);
        if good.is_none() {
            if dynamic.has_type && !dynamic.mistakes.is_empty() {
                dynamic.mistakes.into_iter().for_each(|diagnostic| self.diagnostics.push(diagnostic));
            } else {
                let (message, hint) = if dynamic.has_type {
                    ("a dynamic value has no `field`", DYNAMIC_HINT)
                } else if self.pair.is_some() {
                    (
                        "a shorthand pair takes a string, number, boolean or null, not an object",
                        "for another operator, write a condition: `{\"field\": …, \"operator\": …, \"value\": …}`",
                    )
                } else {
                    ("an operand is no object, except a dynamic value", DYNAMIC_HINT)
                };
                let diagnostic = Diagnostic::error(Code::OperandType, message).hint(hint);
                self.report_here(diagnostic, &self.value_segments(), whole);
            }
        }
        if dynamic.is_element {
            self.count_list_item(whole)?;
            self.list.count += 1;
            match good {
                Some(path) => self.list.push_dynamic(path),
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
}

const DYNAMIC_HINT: &str = "a dynamic value is `{\"type\": \"dynamic\", \"field\": \"…\"}`";
