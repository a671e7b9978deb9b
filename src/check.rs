//! Checking: [`Filter`] and [`Schema`] → [`Predicate`]. Every mistake at once, each with its place; operands converted;
//! NOT pushed to the leaves.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::error::{Code, Diagnostic, Diagnostics, Error, Place, excerpt};
use crate::filter::{Condition, Element, Filter, Kind, NodeId, Operand, Part};
use crate::fold::LONGEST_TOKEN;
use crate::limits::{Budget, Limit};
use crate::operator::{OperandKind, Operator};
use crate::parse::Parser;
use crate::path::Path;
use crate::pattern::{Pattern, PatternError};
use crate::predicate::{Bound, Comparison, Leaf, Needle, Places, Predicate, Test, Tokens};
use crate::schema::{Facts, Schema, Type};
use crate::set::Set;
use crate::value::{Instant, Str, Value};

impl Schema {
    /// What a filter means for documents of this schema.
    ///
    /// # Errors
    /// Every mistake at once, each with its place: `unknown_field`, `operator_not_allowed`, `operand_type`,
    /// `operand_range`, `bad_regex`, `empty_text`; `limit` for regular expressions that take too much memory; `unbound`
    /// for a dynamic value that is left.
    ///
    /// Cost: linear in the filter, and what its regular expressions take to compile.
    pub fn check(&self, filter: &Filter) -> Result<Predicate, Error> {
        self.checked(filter).map(|(predicate, _)| predicate)
    }

    /// Checks everything about a filter that does not need the values of its dynamic operands (B3).
    ///
    /// # Errors
    /// Those of [`check`](Schema::check) but for `unbound`.
    pub fn validate(&self, filter: &Filter) -> Result<(), Error> {
        self.validate_beside(filter, Diagnostics::new(filter.limits()))
    }

    /// Reads a filter from JSON text and [validates](Schema::validate) it, with the mistakes of both in one report.
    ///
    /// ```
    /// use trommel::{Code, Schema, parse::Parser};
    ///
    /// let text = r#"{"AND": [{"field": "a", "operator": "eqq", "value": 1}, {"field": "b", "operator": "gt", "value": true}]}"#;
    /// let error = Schema::open().parse_json(&Parser::new(), text).unwrap_err();
    /// let codes: Vec<Code> = error.diagnostics().iter().map(|found| found.code).collect();
    /// assert_eq!(codes, [Code::UnknownOperator, Code::OperandType]);
    /// ```
    ///
    /// # Errors
    /// Those of [`Parser::json`] and of [`validate`](Schema::validate).
    pub fn parse_json(&self, parser: &Parser, input: impl AsRef<[u8]>) -> Result<Filter, Error> {
        let (filter, diagnostics) = parser.json_with_mistakes(input.as_ref());
        self.validate_beside(&filter, diagnostics)?;
        Ok(filter)
    }

    /// Reads a filter in the text language and [validates](Schema::validate) it, with the mistakes of both in one report
    /// as far as the text could be read.
    ///
    /// ```
    /// use trommel::{Code, Schema, parse::Parser};
    ///
    /// let error = Schema::open().parse_text(&Parser::new(), "a == 1 AND b > true").unwrap_err();
    /// let codes: Vec<Code> = error.diagnostics().iter().map(|found| found.code).collect();
    /// assert_eq!(codes, [Code::UnknownOperator, Code::OperandType]);
    /// ```
    ///
    /// # Errors
    /// Those of [`Parser::text`] and of [`validate`](Schema::validate).
    #[cfg(feature = "text")]
    pub fn parse_text(&self, parser: &Parser, input: impl AsRef<[u8]>) -> Result<Filter, Error> {
        let (filter, diagnostics) = parser.text_with_mistakes(input.as_ref());
        self.validate_beside(&filter, diagnostics)?;
        Ok(filter)
    }

    fn validate_beside(&self, filter: &Filter, diagnostics: Diagnostics) -> Result<(), Error> {
        let mut check = Check { diagnostics, ..Check::new(self, filter) };
        check.report_all(false);
        check.diagnostics.into_error().map_or(Ok(()), Err)
    }

    /// The same as [`check`](Schema::check), with the memory of the regular expressions in the report.
    ///
    /// # Errors
    /// Those of [`check`](Schema::check).
    pub fn check_with_budget(&self, filter: &Filter) -> Result<(Predicate, Budget), Error> {
        let (predicate, regex) = self.checked(filter)?;
        Ok((predicate, filter.budget().clone().with_used(Limit::Regex, regex)))
    }

    /// What a filter means, and the bytes that its regular expressions take.
    fn checked(&self, filter: &Filter) -> Result<(Predicate, usize), Error> {
        let mut check = Check::new(self, filter);
        let predicate = check.predicate();
        let regex = check.regex;
        match check.diagnostics.into_error() {
            None => Ok((predicate, regex)),
            Some(error) => {
                // A predicate is built backwards, so what it reports first is the last: once more, forwards.
                let mut check = Check::new(self, filter);
                check.report_all(true);
                Err(check.diagnostics.into_error().unwrap_or(error))
            }
        }
    }
}

struct Check<'s> {
    schema: &'s Schema,
    filter: &'s Filter,
    /// Bytes of the patterns so far.
    regex: usize,
    /// Patterns compiled before, by source and letter case.
    patterns: HashMap<(Str, bool), Pattern>,
    /// Whether the budget of memory for them is spent.
    is_spent: bool,
    diagnostics: Diagnostics,
}

/// One condition, and the letter case that holds for it.
struct Asked<'f> {
    node: NodeId,
    condition: &'f Condition,
    ignore_case: bool,
}

/// An operator, and whether it is asked in the text language, whose words for it then stand in messages.
#[derive(Clone, Copy)]
struct Spelled {
    operator: Operator,
    in_text: bool,
}

impl Spelled {
    /// Another one in the same language.
    fn other(self, operator: Operator) -> Spelled {
        Spelled { operator, ..self }
    }

    fn word(self) -> &'static str {
        if self.in_text { self.operator.text() } else { self.operator.name() }
    }
}

impl fmt::Display for Spelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A mistake, and the part of the condition that it is about.
struct Mistake {
    part: Part,
    /// The element of a list.
    element: Option<usize>,
    diagnostic: Diagnostic,
}

/// What the positive form of a condition asks: a test, or whether there are nulls only, or either, or nothing.
enum Answer {
    Test(Test),
    IsNull,
    TestOrNull(Test),
    Never,
    /// It depends on a dynamic value.
    Unbound,
}

/// How a node is to be read: what was settled above it.
#[derive(Clone, Copy)]
struct Context {
    /// First how many members it has; while the predicate is built, how many predicates they became so far.
    members: u32,
    negated: bool,
    ignore_case: bool,
    /// Whether its members are joined by AND, given what is negated above it; for a group of one, as those around it.
    joins_all: bool,
}

/// So many nodes need no allocation for their contexts.
const FEW: usize = 16;

impl Context {
    const ROOT: Context = Context { members: 0, negated: false, ignore_case: false, joins_all: true };
}

impl<'s> Check<'s> {
    fn new(schema: &'s Schema, filter: &'s Filter) -> Check<'s> {
        let diagnostics = Diagnostics::new(filter.limits());
        Check { schema, filter, regex: 0, patterns: HashMap::new(), is_spent: false, diagnostics }
    }

    /// Builds the predicate from the leaves up: going through the nodes backwards, a node's members are done before it,
    /// and lie on the stack, the first on top. Where there were mistakes, the outcome means nothing.
    fn predicate(&mut self) -> Predicate {
        let filter = self.filter;
        let mut few = [Context::ROOT; FEW];
        let mut many = Vec::new();
        let contexts = self.contexts(&mut few, &mut many);
        // A group that its parent takes apart again is not built: its members stay on the stack for the parent.
        // The top is kept apart, so that one condition needs no stack.
        let mut top: Option<Predicate> = None;
        let mut below: Vec<Predicate> = Vec::with_capacity(filter.conditions().len().saturating_sub(1));
        for (at, node) in filter.nodes().iter().enumerate().rev() {
            let id = at as NodeId;
            let context = &contexts[at];
            let done = match node.kind {
                Kind::Absent(_) => 0,
                Kind::Condition(index) | Kind::Pair(index) => {
                    let condition = filter.condition_at(index);
                    let ignore_case = context.ignore_case;
                    let asked = Asked { node: id, condition, ignore_case };
                    below.extend(top.replace(self.condition(&asked, context.negated)));
                    1
                }
                Kind::Object { .. } | Kind::And | Kind::Or | Kind::Not | Kind::NotOne => {
                    let members = context.members;
                    let join = context.joins_all;
                    let parent = filter.parent(id).map(|parent| contexts[parent as usize].joins_all);
                    if members == 1 || parent == Some(join) {
                        members
                    } else {
                        let rest = below.len() - (members as usize).saturating_sub(1);
                        let first = if members > 0 { top.take() } else { None };
                        let members = first.into_iter().chain(below.drain(rest..).rev());
                        let joined = if join { Predicate::all(members) } else { Predicate::any(members) };
                        below.extend(top.replace(joined));
                        1
                    }
                }
            };
            match filter.parent(id) {
                Some(parent) => contexts[parent as usize].members += done,
                None => contexts[at].members = done,
            }
        }
        // The root has no parent, so it was built; or it had one member, which is what it means.
        top.unwrap_or_else(Predicate::always)
    }

    /// Reports the mistakes in the order of the text, with the dynamic values that are left or without.
    fn report_all(&mut self, with_unbound: bool) {
        let filter = self.filter;
        let (mut few, mut many) = ([Context::ROOT; FEW], Vec::new());
        let contexts = self.contexts(&mut few, &mut many);
        for (at, (node, context)) in filter.nodes().iter().zip(contexts).enumerate() {
            let (Kind::Condition(index) | Kind::Pair(index)) = node.kind else { continue };
            let condition = filter.condition_at(index);
            let asked = Asked { node: at as NodeId, condition, ignore_case: context.ignore_case };
            match self.answer(&asked) {
                Err(mistake) => self.report(&asked, *mistake),
                Ok(Answer::Unbound) if with_unbound => self.report(&asked, unbound()),
                Ok(_) => {}
            }
        }
    }

    /// The context of every node, parents first.
    fn contexts<'c>(&self, few: &'c mut [Context], many: &'c mut Vec<Context>) -> &'c mut [Context] {
        let filter = self.filter;
        let root = Context { ignore_case: filter.ignores_case(), ..Context::ROOT };
        let count = filter.nodes().len();
        let contexts = match few.get_mut(..count) {
            Some(few) => few,
            None => {
                many.resize(count, root);
                &mut many[..]
            }
        };
        for (at, node) in filter.nodes().iter().enumerate() {
            if let (Some(parent), false) = (filter.parent(at as NodeId), matches!(node.kind, Kind::Absent(_))) {
                contexts[parent as usize].members += 1;
            }
        }
        for (at, node) in filter.nodes().iter().enumerate() {
            let members = contexts[at].members;
            let mut context = match filter.parent(at as NodeId) {
                Some(parent) => {
                    let mut context = contexts[parent as usize];
                    context.negated ^= matches!(filter.nodes()[parent as usize].kind, Kind::Not | Kind::NotOne);
                    context
                }
                None => root,
            };
            context.members = 0;
            // A group of one joins nothing: what is in it may join what is around it.
            if members != 1 || at == 0 {
                context.joins_all = joins_all(node.kind, context.negated);
            }
            let own = match node.kind {
                Kind::Object { case_sensitive } => case_sensitive,
                Kind::Condition(index) | Kind::Pair(index) => filter.condition_at(index).case_sensitive(),
                Kind::And | Kind::Or | Kind::Not | Kind::NotOne | Kind::Absent(_) => None,
            };
            if let Some(case_sensitive) = own {
                context.ignore_case = !case_sensitive;
            }
            contexts[at] = context;
        }
        contexts
    }

    /// The predicate of a condition, negated or not. A mistake is reported.
    fn condition(&mut self, asked: &Asked<'_>, negated: bool) -> Predicate {
        let answer = match self.answer(asked) {
            Ok(answer) => answer,
            Err(mistake) => {
                self.report(asked, *mistake);
                return Predicate::never();
            }
        };
        let negated = negated ^ is_negative(asked.condition);
        // What most are, without a call between: a test is moved as little as can be.
        if let Answer::Test(test) = answer {
            return self.leaf(asked, test, negated);
        }
        let leaf = |test| self.leaf(asked, test, negated);
        match answer {
            Answer::Test(test) => leaf(test),
            Answer::IsNull => leaf(Test::IsNull),
            Answer::TestOrNull(test) if negated => Predicate::all([leaf(test), leaf(Test::IsNull)]),
            Answer::TestOrNull(test) => Predicate::any([leaf(test), leaf(Test::IsNull)]),
            Answer::Never if negated => Predicate::always(),
            Answer::Never => Predicate::never(),
            Answer::Unbound => {
                self.report(asked, unbound());
                Predicate::never()
            }
        }
    }

    #[inline(always)]
    fn leaf(&self, asked: &Asked<'_>, test: Test, negated: bool) -> Predicate {
        let path = &asked.condition.path;
        let places = Places::One(self.filter.clone(), asked.node);
        Predicate::leaf(Leaf::new(path.clone(), test, negated, self.schema.facts(path), places))
    }

    /// What a condition asks, `ne` and the like read as their positive forms.
    fn answer(&mut self, asked: &Asked<'_>) -> Result<Answer, Box<Mistake>> {
        let condition = asked.condition;
        let facts = self.field(condition)?;
        let operator = condition.operator;
        let spelled = self.spelled(operator);
        if matches!(condition.operand, Operand::Omitted) && operator.operand() != OperandKind::Boolean {
            let message = format!("a condition with the operator `{spelled}` has no `value`");
            return Err(Mistake::new(Part::Value, Diagnostic::error(Code::MissingValue, message)));
        }
        let wrong = |found: &str| Err(wrong_type(spelled, found));
        match (operator.operand(), &condition.operand) {
            (OperandKind::Boolean, Operand::Omitted | Operand::Value(Value::Bool(_))) => {
                Ok(if operator == Operator::Exists { Answer::Test(Test::Exists) } else { Answer::IsNull })
            }
            (OperandKind::Boolean, operand) => wrong(operand_name(operand)),
            (_, Operand::Dynamic(_)) => Ok(Answer::Unbound),
            (OperandKind::Scalar, Operand::Value(value)) => equality(facts, spelled, value, asked.ignore_case),
            (OperandKind::List, Operand::List(values)) => {
                self.elements(asked, facts.ty, values.iter())?;
                Ok(membership(facts, values, asked.ignore_case))
            }
            (OperandKind::List, Operand::Mixed(elements)) => {
                let values = elements.iter().map(|element| match element {
                    Element::Value(value) => value,
                    // It is not known yet, and null is taken by every type.
                    Element::Dynamic(_) => &Value::Null,
                });
                self.elements(asked, facts.ty, values)?;
                Ok(Answer::Unbound)
            }
            (OperandKind::Ordered, Operand::Value(value)) => comparison(facts, spelled, value),
            (OperandKind::String, Operand::Value(Value::String(text))) => self.string(asked, text),
            (_, operand) => wrong(operand_name(operand)),
        }
    }

    fn spelled(&self, operator: Operator) -> Spelled {
        Spelled { operator, in_text: !self.filter.has_pointers() }
    }

    /// Whether every element of a list is of the field's type. Each that is not is a mistake of its own; the last is what
    /// this gives, those before it are reported.
    fn elements<'v>(
        &mut self,
        asked: &Asked<'_>,
        ty: Type,
        values: impl Iterator<Item = &'v Value>,
    ) -> Result<(), Box<Mistake>> {
        let mut last: Option<Box<Mistake>> = None;
        for (at, value) in values.enumerate() {
            if let Err(mistake) = typed(ty, self.spelled(asked.condition.operator), value)
                && let Some(before) = last.replace(mistake.in_element(at))
            {
                self.report(asked, *before);
            }
        }
        last.map_or(Ok(()), Err)
    }

    /// What is known of the condition's field, if the schema lets the condition be.
    fn field(&self, condition: &Condition) -> Result<Facts, Box<Mistake>> {
        let (path, operator) = (&condition.path, condition.operator);
        let Some(known) = self.schema.known(path) else {
            if self.schema.is_closed() {
                // Near names are worked out only for what is reported.
                let schema = self.diagnostics.has_room().then_some(self.schema);
                return Err(Mistake::new(Part::Field, unknown_field(schema, path)));
            }
            return Ok(Facts::UNKNOWN);
        };
        if known.allows(operator) {
            return Ok(known.facts);
        }
        let ty = known.facts.ty;
        let message = format!(
            "the operator `{}` is not allowed on `{}`, a field of type `{ty}`",
            self.spelled(operator),
            excerpt(path.written())
        );
        let allowed: Vec<String> = known.allowed().map(|operator| self.spelled(operator).to_string()).collect();
        let hint = match &allowed[..] {
            [] => "no operator is allowed on it".to_owned(),
            allowed => format!("allowed: `{}`", allowed.join("`, `")),
        };
        let mut diagnostic = Diagnostic::error(Code::OperatorNotAllowed, message).hint(hint);
        diagnostic.expected = allowed;
        Err(Mistake::new(Part::Operator, diagnostic))
    }

    /// The tests that take a string.
    fn string(&mut self, asked: &Asked<'_>, text: &Str) -> Result<Answer, Box<Mistake>> {
        let mistake = |code, message: String| Mistake::new(Part::Value, Diagnostic::error(code, message));
        let needle = || Needle::new(text, asked.ignore_case);
        let test = match asked.condition.operator {
            Operator::Contains => Test::Contains(needle()),
            Operator::StartsWith => Test::StartsWith(needle()),
            Operator::EndsWith => Test::EndsWith(needle()),
            Operator::Regex => match self.pattern(text, asked.ignore_case)? {
                Some(pattern) => Test::Regex(pattern),
                None => return Ok(Answer::Never),
            },
            Operator::Text => {
                let tokens = Tokens::of(text)
                    .ok_or_else(|| mistake(Code::EmptyText, "a text query without any letter or digit".to_owned()))?;
                if let Some(long) = tokens.iter().find(|token| token.len() > LONGEST_TOKEN) {
                    let message = format!("a token of {} bytes; at most {LONGEST_TOKEN} are allowed", long.len());
                    return Err(mistake(Code::OperandRange, message));
                }
                Test::Text(tokens)
            }
            Operator::Eq
            | Operator::Ne
            | Operator::In
            | Operator::Nin
            | Operator::Gt
            | Operator::Gte
            | Operator::Lt
            | Operator::Lte
            | Operator::Exists
            | Operator::IsNull => return Err(mistake(Code::Internal, "an operator without a string operand".into())),
        };
        Ok(Answer::Test(test))
    }

    /// Compiles a pattern within what is left of the budget, or finds it compiled. `None` once the budget is spent: that
    /// has been said, and compiling more would cost what the limit is there to save.
    fn pattern(&mut self, source: &Str, ignore_case: bool) -> Result<Option<Pattern>, Box<Mistake>> {
        if self.is_spent {
            return Ok(None);
        }
        if let Some(pattern) = self.patterns.get(&(source.clone(), ignore_case)) {
            return Ok(Some(pattern.clone()));
        }
        let limit = self.filter.limits().get(Limit::Regex);
        let left = limit.saturating_sub(self.regex);
        match Pattern::compile(source, ignore_case, left) {
            Ok(pattern) if pattern.memory() <= left => {
                self.regex += pattern.memory();
                self.patterns.insert((source.clone(), ignore_case), pattern.clone());
                Ok(Some(pattern))
            }
            Err(PatternError::Syntax(message)) => {
                let message = format!("the regular expression does not compile: {message}");
                Err(Mistake::new(Part::Value, Diagnostic::error(Code::BadRegex, message)))
            }
            Ok(_) | Err(PatternError::TooBig) => {
                self.is_spent = true;
                let message = format!(
                    "limit `regex` passed: the compiled regular expressions of a filter take at most {limit} bytes in all"
                );
                Err(Mistake::new(Part::Value, Diagnostic::error(Code::Limit, message)))
            }
        }
    }

    #[cold]
    fn report(&mut self, asked: &Asked<'_>, mistake: Mistake) {
        let mut place = Place::default();
        if self.diagnostics.has_room() {
            place = self.filter.part_place(asked.node, mistake.part);
            if let (Some(element), Some(pointer)) = (mistake.element, &mut place.pointer) {
                pointer.push_str(&format!("/{element}"));
            }
        }
        self.diagnostics.push(mistake.diagnostic.at(place));
    }
}

impl Mistake {
    #[cold]
    fn new(part: Part, diagnostic: Diagnostic) -> Box<Mistake> {
        Box::new(Mistake { part, element: None, diagnostic })
    }

    fn in_element(mut self: Box<Self>, element: usize) -> Box<Mistake> {
        self.element = Some(element);
        self
    }
}

#[cold]
fn unbound() -> Mistake {
    let diagnostic = Diagnostic::error(Code::Unbound, "a dynamic value is not bound");
    *Mistake::new(Part::Value, diagnostic.hint("bind the filter before this"))
}

/// Whether a node under this polarity is an AND of its members: NOT is none of them (G1), so a NOT is the AND of their
/// negations, and under a negation AND and OR change places (De Morgan).
fn joins_all(kind: Kind, negated: bool) -> bool {
    match kind {
        Kind::Or | Kind::Not | Kind::NotOne => negated ^ (kind != Kind::Or),
        Kind::Object { .. } | Kind::And | Kind::Absent(_) | Kind::Condition(_) | Kind::Pair(_) => !negated,
    }
}

/// Whether a condition is the complement of its positive form (C1).
fn is_negative(condition: &Condition) -> bool {
    match condition.operator {
        Operator::Ne | Operator::Nin => true,
        Operator::Exists | Operator::IsNull => condition.operand == Operand::Value(Value::Bool(false)),
        Operator::Eq
        | Operator::In
        | Operator::Gt
        | Operator::Gte
        | Operator::Lt
        | Operator::Lte
        | Operator::Contains
        | Operator::StartsWith
        | Operator::EndsWith
        | Operator::Regex
        | Operator::Text => false,
    }
}

/// `eq`, `ne` (C2: with null they ask for nulls).
#[inline]
fn equality(facts: Facts, operator: Spelled, value: &Value, ignore_case: bool) -> Result<Answer, Box<Mistake>> {
    if matches!(value, Value::Null) {
        return Ok(Answer::IsNull);
    }
    typed(facts.ty, operator, value)?;
    if facts.ty == Type::Datetime {
        return Ok(one_of(facts, &Arc::from([value.clone()]), ignore_case).map_or(Answer::Never, Answer::Test));
    }
    Ok(Answer::Test(Test::In(Set::one(value, ignore_case))))
}

/// `in`, `nin` (C2: a null in the list asks for nulls too). INVARIANT: the values are of the field's type.
fn membership(facts: Facts, values: &Arc<[Value]>, ignore_case: bool) -> Answer {
    let has_null = values.contains(&Value::Null);
    match (one_of(facts, values, ignore_case), has_null) {
        (Some(test), false) => Answer::Test(test),
        (Some(test), true) => Answer::TestOrNull(test),
        (None, true) => Answer::IsNull,
        (None, false) => Answer::Never,
    }
}

/// The test for one of these values, nulls left out; `None` for no value. INVARIANT: they are of the field's type.
fn one_of(facts: Facts, values: &Arc<[Value]>, ignore_case: bool) -> Option<Test> {
    if facts.ty != Type::Datetime {
        return Set::new(values, ignore_case).map(Test::In);
    }
    let mut instants: Vec<Instant> = values
        .iter()
        .filter_map(|value| match value {
            Value::String(text) => Instant::parse(text),
            Value::Null | Value::Bool(_) | Value::Number(_) => None,
        })
        .collect();
    instants.sort_unstable();
    instants.dedup();
    (!instants.is_empty()).then(|| Test::InInstants(instants.into()))
}

/// `gt`, `gte`, `lt`, `lte`.
fn comparison(facts: Facts, operator: Spelled, value: &Value) -> Result<Answer, Box<Mistake>> {
    let bound = match (facts.ty, value) {
        (Type::Datetime, Value::String(text)) => {
            let instant = Instant::parse(text).or_else(|| Instant::parse_date(text));
            Bound::Instant(instant.ok_or_else(|| no_instant(operator, text))?)
        }
        (Type::Integer | Type::Number | Type::Any, Value::Number(number)) => Bound::Number(*number),
        (Type::String | Type::Any, Value::String(text)) => Bound::String(text.clone()),
        (Type::Any, value) => return Err(wrong_type(operator, value.type_name())),
        (ty, value) => return Err(wrong_for_field(ty, value)),
    };
    let comparison = Comparison::of(operator.operator).ok_or_else(|| {
        Mistake::new(Part::Operator, Diagnostic::error(Code::Internal, "an operator without an order"))
    })?;
    Ok(Answer::Test(Test::Compare(comparison, bound)))
}

/// Whether an operand of an equality is of the field's type (T2). Null always is.
fn typed(ty: Type, operator: Spelled, value: &Value) -> Result<(), Box<Mistake>> {
    match (ty, value) {
        (_, Value::Null) | (Type::Any, _) => Ok(()),
        (Type::Boolean, Value::Bool(_)) => Ok(()),
        (Type::Integer | Type::Number, Value::Number(_)) => Ok(()),
        (Type::String, Value::String(_)) => Ok(()),
        (Type::Datetime, Value::String(text)) => match Instant::parse(text) {
            Some(_) => Ok(()),
            None => Err(no_instant(operator, text)),
        },
        (ty, value) => Err(wrong_for_field(ty, value)),
    }
}

#[cold]
fn wrong_for_field(ty: Type, value: &Value) -> Box<Mistake> {
    let message = format!("a field of type `{ty}` does not take {}", value.type_name());
    let diagnostic = Diagnostic::error(Code::OperandType, message);
    let diagnostic = match (ty, value) {
        (Type::Integer | Type::Number, Value::String(text)) if text.parse::<f64>().is_ok() => {
            diagnostic.hint("write the number without quotes")
        }
        (Type::String, Value::Number(_) | Value::Bool(_)) => diagnostic.hint("write it in quotes"),
        (_, _) => diagnostic,
    };
    Mistake::new(Part::Value, diagnostic)
}

#[cold]
fn no_instant(operator: Spelled, text: &str) -> Box<Mistake> {
    let message = format!("`{}` is no instant", excerpt(text));
    let hint = match Instant::parse_date(text) {
        Some(_) => {
            let (from, to) = (operator.other(Operator::Gte), operator.other(Operator::Lt));
            format!("`{operator}` takes a date with a time; for a day, write a range of `{from}` and `{to}`")
        }
        None => "an instant is written `2024-03-01T12:00:00Z`, with `Z`, an offset, or neither for UTC".to_owned(),
    };
    Mistake::new(Part::Value, Diagnostic::error(Code::OperandType, message).hint(hint))
}

#[cold]
fn wrong_type(operator: Spelled, found: &str) -> Box<Mistake> {
    let takes = operator.operator.operand().words();
    let message = format!("the operator `{operator}` takes {takes}, not {found}");
    let diagnostic = Diagnostic::error(Code::OperandType, message);
    let other = |other| operator.other(other);
    let diagnostic = match (operator.operator, found) {
        (Operator::Eq, "a list") => {
            diagnostic.hint(format!("for one of several values, use `{}`", other(Operator::In)))
        }
        (Operator::Ne, "a list") => {
            diagnostic.hint(format!("for none of several values, use `{}`", other(Operator::Nin)))
        }
        (Operator::In, _) => {
            diagnostic.hint(format!("for one value, use `{}`, or write a list of one", other(Operator::Eq)))
        }
        (Operator::Nin, _) => {
            diagnostic.hint(format!("for one value, use `{}`, or write a list of one", other(Operator::Ne)))
        }
        (_, _) => diagnostic,
    };
    Mistake::new(Part::Value, diagnostic)
}

fn operand_name(operand: &Operand) -> &'static str {
    match operand {
        Operand::Omitted => "nothing",
        Operand::Value(value) => value.type_name(),
        Operand::List(_) | Operand::Mixed(_) => "a list",
        Operand::Dynamic(_) => "a dynamic value",
    }
}

#[cold]
fn unknown_field(schema: Option<&Schema>, path: &Path) -> Diagnostic {
    let names: Vec<String> = schema.into_iter().flat_map(Schema::paths).map(Path::to_string).collect();
    Diagnostic::error(Code::UnknownField, format!("unknown field `{}`", excerpt(path.written())))
        .near(&path.to_string(), names.iter().map(String::as_str))
}
