//! The law as code: evaluates a [`Filter`] as it was written, by the letter of [`semantics`](crate::semantics).
//!
//! It is the oracle that everything else is compared with, so it is written to be checked by reading: no rewriting, no
//! short cut, nothing shared with `check`, `simplify` or a backend. It uses the leaf modules alone: values (D2, D3, T3),
//! paths (P1 to P4) and folding (L2, C5), each of which has tests of its own. It is slow on purpose.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use regex::{Regex, RegexBuilder};
use serde_json::Value as Json;

use crate::error::{Code, Diagnostic, Error};
use crate::filter::{Condition, Filter, Kind, NodeId, Operand};
use crate::fold;
use crate::operator::Operator;
use crate::path::Path;
use crate::schema::{Schema, Type};
use crate::value::{Instant, Number, Value};

/// A filter made ready for evaluation as it was written.
///
/// ```
/// use serde_json::json;
/// use trommel::{Schema, parse, reference::Reference};
///
/// let filter = parse::json(r#"{"NOT": [{"a": 1}, {"b": 2}]}"#)?;
/// let reference = Reference::new(&filter, &Schema::open())?;
/// assert!(reference.matches(&json!({"c": 3})));
/// assert!(!reference.matches(&json!({"a": 1, "b": 3}))); // NOT of a list: none of the members (G1)
/// # Ok::<(), trommel::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Reference {
    filter: Filter,
    /// For each node: what L1 says for it, and whether it is about a datetime field.
    settings: Vec<Setting>,
    /// The regular expressions, by their nodes.
    regexes: BTreeMap<usize, Regex>,
}

#[derive(Clone, Copy, Debug)]
struct Setting {
    ignore_case: bool,
    is_datetime: bool,
}

/// A condition with all that it depends on outside itself.
struct Question<'r> {
    condition: &'r Condition,
    setting: Setting,
    regex: Option<&'r Regex>,
}

impl Reference {
    /// Makes a filter ready. It must be bound, and a filter that [`Schema::check`] accepts; of the schema only the
    /// datetime fields matter (T3, T4).
    ///
    /// # Errors
    /// `unbound`, `bad_regex`, and `operand_type` where an operand is not of the operator's type (C3).
    pub fn new(filter: &Filter, schema: &Schema) -> Result<Reference, Error> {
        // L1: what holds at the root, until another setting stands nearer. Parents come before their children.
        let mut settings: Vec<Setting> = Vec::with_capacity(filter.nodes().len());
        let mut regexes = BTreeMap::new();
        for (at, node) in filter.nodes().iter().enumerate() {
            let mut ignore_case = match filter.parent(at as u32) {
                Some(parent) => settings[parent as usize].ignore_case,
                None => filter.ignores_case(),
            };
            let (own, condition) = match node.kind {
                Kind::Object { case_sensitive } => (case_sensitive, None),
                Kind::Condition(index) | Kind::Pair(index) => {
                    let condition = filter.condition_at(index);
                    (condition.case_sensitive(), Some(condition))
                }
                Kind::And | Kind::Or | Kind::Not | Kind::NotOne | Kind::Absent(_) => (None, None),
            };
            if let Some(case_sensitive) = own {
                ignore_case = !case_sensitive;
            }
            let is_datetime = condition.is_some_and(|condition| schema.facts(condition.path()).ty == Type::Datetime);
            settings.push(Setting { ignore_case, is_datetime });
            if let Some(condition) = condition {
                refuse_wrong_operand(condition)?;
                if let Some(regex) = compile(condition, ignore_case)? {
                    regexes.insert(at, regex);
                }
            }
        }
        Ok(Reference { filter: filter.clone(), settings, regexes })
    }

    /// Whether a document matches.
    #[must_use]
    pub fn matches(&self, document: &Json) -> bool {
        self.verdicts(document).first().copied().unwrap_or(true)
    }

    /// The filter as it was written.
    pub(crate) fn filter(&self) -> &Filter {
        &self.filter
    }

    /// Whether letter case is ignored at a node (L1).
    pub(crate) fn ignores_case(&self, node: NodeId) -> bool {
        self.settings[node as usize].ignore_case
    }

    /// The verdict of every node, in the order of the text.
    pub(crate) fn verdicts(&self, document: &Json) -> Vec<bool> {
        let nodes = self.filter.nodes();
        let mut verdicts = vec![true; nodes.len()];
        // Children come after their parents, so backwards each is decided before its parent asks.
        for at in (0..nodes.len()).rev() {
            let mut members = self.filter.children(at as u32).map(|child| verdicts[child as usize]);
            verdicts[at] = match nodes[at].kind {
                Kind::Object { .. } | Kind::And => members.all(|member| member), // G1, G3
                Kind::Or => members.any(|member| member),                        // G1
                Kind::Not | Kind::NotOne => !members.any(|member| member),       // G1: none of the members
                Kind::Absent(_) => true,                                         // G3: as if it were not there
                Kind::Condition(index) | Kind::Pair(index) => {
                    let condition = self.filter.condition_at(index);
                    Question { condition, setting: self.settings[at], regex: self.regexes.get(&at) }.holds(document)
                }
            };
        }
        verdicts
    }
}

/// L2: compiled with the `i` flag on at its start.
fn compile(condition: &Condition, ignore_case: bool) -> Result<Option<Regex>, Error> {
    let (Operator::Regex, Operand::Value(Value::String(pattern))) = (condition.operator(), condition.operand()) else {
        return Ok(None);
    };
    match RegexBuilder::new(pattern).case_insensitive(ignore_case).size_limit(usize::MAX).build() {
        Ok(regex) => Ok(Some(regex)),
        Err(error) => Err(Diagnostic::error(Code::BadRegex, error.to_string()).into()),
    }
}

/// C3, B3.
fn refuse_wrong_operand(condition: &Condition) -> Result<(), Error> {
    use Operator as Op;
    if condition.is_dynamic() {
        return Err(Diagnostic::error(Code::Unbound, "a dynamic value is not bound").into());
    }
    match (condition.operator(), condition.operand()) {
        (Op::Eq | Op::Ne, Operand::Value(_)) => Ok(()),
        (Op::In | Op::Nin, Operand::List(_)) => Ok(()),
        (Op::Gt | Op::Gte | Op::Lt | Op::Lte, Operand::Value(Value::Number(_) | Value::String(_))) => Ok(()),
        (Op::Contains | Op::StartsWith | Op::EndsWith | Op::Regex | Op::Text, Operand::Value(Value::String(_))) => {
            Ok(())
        }
        (Op::Exists | Op::IsNull, Operand::Omitted | Operand::Value(Value::Bool(_))) => Ok(()),
        (operator, _) => Err(Diagnostic::error(Code::OperandType, format!("`{operator}` does not take this")).into()),
    }
}

impl Question<'_> {
    /// The table of conditions.
    fn holds(&self, document: &Json) -> bool {
        let path = self.condition.path();
        match (self.condition.operator(), self.condition.operand()) {
            (Operator::Eq, Operand::Value(operand)) => self.equals_or_null(document, operand),
            (Operator::Ne, Operand::Value(operand)) => !self.equals_or_null(document, operand), // C1
            (Operator::In, Operand::List(operands)) => {
                operands.iter().any(|operand| self.equals_or_null(document, operand)) // C2: null adds OR is_null
            }
            (Operator::Nin, Operand::List(operands)) => {
                !operands.iter().any(|operand| self.equals_or_null(document, operand)) // C1
            }
            (Operator::Gt, Operand::Value(bound)) => self.some_compares(document, bound, Ordering::is_gt),
            (Operator::Gte, Operand::Value(bound)) => self.some_compares(document, bound, Ordering::is_ge),
            (Operator::Lt, Operand::Value(bound)) => self.some_compares(document, bound, Ordering::is_lt),
            (Operator::Lte, Operand::Value(bound)) => self.some_compares(document, bound, Ordering::is_le),
            (Operator::Contains, Operand::Value(Value::String(part))) => {
                self.some_string(document, part, |string, part| string.contains(part))
            }
            (Operator::StartsWith, Operand::Value(Value::String(part))) => {
                self.some_string(document, part, |string, part| string.starts_with(part))
            }
            (Operator::EndsWith, Operand::Value(Value::String(part))) => {
                self.some_string(document, part, |string, part| string.ends_with(part))
            }
            (Operator::Regex, _) => {
                self.regex.is_some_and(|regex| strings(path, document).any(|string| regex.is_match(string)))
            }
            (Operator::Text, Operand::Value(Value::String(query))) => {
                // C5: the tokens of all strings there are pooled.
                let pool: Vec<String> = strings(path, document).flat_map(fold::tokens).collect();
                fold::tokens(query).all(|token| pool.contains(&token))
            }
            (Operator::Exists, operand) => path.nodes(document).next().is_some() == is_true(operand),
            (Operator::IsNull, operand) => is_null(path, document) == is_true(operand),
            (_, _) => false, // C3: refused before
        }
    }

    /// `eq`: some scalar equals the operand; `eq null` is `is_null true` (C2).
    fn equals_or_null(&self, document: &Json, operand: &Value) -> bool {
        let path = self.condition.path();
        if *operand == Value::Null {
            return is_null(path, document);
        }
        path.scalars(document).any(|scalar| self.equals(scalar, operand))
    }

    /// Equality of a stored scalar and an operand: of one type (D4), numbers by value (D2), strings by code point (D3)
    /// or folded (L2), instants as such on a datetime field (T3).
    fn equals(&self, scalar: &Json, operand: &Value) -> bool {
        match (scalar, operand) {
            (Json::String(a), Value::String(b)) if self.setting.is_datetime => {
                matches!((Instant::parse(a), Instant::parse(b)), (Some(a), Some(b)) if a == b)
            }
            (_, _) if self.setting.is_datetime => false,
            (Json::Bool(a), Value::Bool(b)) => a == b,
            (Json::Number(a), Value::Number(b)) => Number::from_json(a) == Some(*b),
            (Json::String(a), Value::String(b)) if self.setting.ignore_case => fold::fold(a) == fold::fold(b),
            (Json::String(a), Value::String(b)) => **a == **b,
            (_, _) => false,
        }
    }

    /// The ordering operators: some scalar of the type of the bound compares so. Letter case plays no part (L2).
    fn some_compares(&self, document: &Json, bound: &Value, accepts: fn(Ordering) -> bool) -> bool {
        self.condition.path().scalars(document).any(|scalar| match (scalar, bound) {
            (Json::String(a), Value::String(b)) if self.setting.is_datetime => {
                // T2: as an operand of an ordering, a date alone means its midnight UTC.
                let b = Instant::parse(b).or_else(|| Instant::parse_date(b));
                matches!((Instant::parse(a), b), (Some(a), Some(b)) if accepts(a.cmp(&b)))
            }
            (_, _) if self.setting.is_datetime => false,
            (Json::Number(a), Value::Number(b)) => Number::from_json(a).is_some_and(|a| accepts(a.cmp(b))),
            (Json::String(a), Value::String(b)) => accepts((**a).cmp(&**b)),
            (_, _) => false,
        })
    }

    /// `contains`, `starts_with`, `ends_with`: some string does, both sides folded where letter case is ignored (L2).
    fn some_string(&self, document: &Json, part: &str, test: fn(&str, &str) -> bool) -> bool {
        strings(self.condition.path(), document).any(|string| match self.setting.ignore_case {
            true => test(&fold::fold(string), &fold::fold(part)),
            false => test(string, part),
        })
    }
}

/// The strings among the scalars at a path.
fn strings<'d>(path: &Path, document: &'d Json) -> impl Iterator<Item = &'d str> {
    path.scalars(document).filter_map(Json::as_str)
}

/// Nothing but nulls: missing, null, `[]`, `[null]` are null.
fn is_null(path: &Path, document: &Json) -> bool {
    path.values(document).all(Json::is_null)
}

/// The operand of `exists` and `is_null`: left out, it is true (G4).
fn is_true(operand: &Operand) -> bool {
    *operand != Operand::Value(Value::Bool(false))
}
