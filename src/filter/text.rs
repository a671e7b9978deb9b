//! Printing filters in the text language, and the words that its printer and its reader share.

use std::fmt::Write as _;

use super::{Condition, Element, Filter, Group, Kind, NodeId, Operand};
use crate::operator::Operator;
use crate::path::{Path, push_quoted};
use crate::value::Value;

/// The words with a meaning of their own, in any letter case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keyword {
    And,
    Or,
    Not,
    All,
    Any,
    None,
    Case,
    NoCase,
    Contains,
    Starts,
    Ends,
    With,
    Matches,
    Text,
    In,
    Exists,
    Is,
    Null,
    True,
    False,
}

impl Keyword {
    const ALL: [(&'static str, Keyword); 20] = [
        ("AND", Keyword::And),
        ("OR", Keyword::Or),
        ("NOT", Keyword::Not),
        ("ALL", Keyword::All),
        ("ANY", Keyword::Any),
        ("NONE", Keyword::None),
        ("CASE", Keyword::Case),
        ("NOCASE", Keyword::NoCase),
        ("CONTAINS", Keyword::Contains),
        ("STARTS", Keyword::Starts),
        ("ENDS", Keyword::Ends),
        ("WITH", Keyword::With),
        ("MATCHES", Keyword::Matches),
        ("TEXT", Keyword::Text),
        ("IN", Keyword::In),
        ("EXISTS", Keyword::Exists),
        ("IS", Keyword::Is),
        ("NULL", Keyword::Null),
        ("TRUE", Keyword::True),
        ("FALSE", Keyword::False),
    ];

    pub(crate) fn of(word: &str) -> Option<Keyword> {
        let found = Keyword::ALL.iter().find(|(name, _)| name.eq_ignore_ascii_case(word));
        found.map(|(_, keyword)| *keyword)
    }

    /// Whether the word may still begin a condition as a path: the parts of `STARTS WITH` mean nothing without the
    /// other. They are printed in quotes all the same, so that another reader need not know that.
    pub(crate) fn is_half(self) -> bool {
        matches!(self, Keyword::Starts | Keyword::Ends | Keyword::With)
    }

    /// Whether it begins an operator.
    pub(crate) fn is_of_operator(self) -> bool {
        matches!(
            self,
            Keyword::Contains
                | Keyword::Starts
                | Keyword::Ends
                | Keyword::Matches
                | Keyword::Text
                | Keyword::In
                | Keyword::Exists
                | Keyword::Is
        )
    }
}

/// Whether a key may hold this character without quotes, in the text language: fewer than P1 allows, since here
/// something follows a path.
pub(crate) fn is_bare(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-')
}

impl Filter {
    /// The filter in the [text language](crate::parse::text), on one line.
    ///
    /// Reading it back gives the same groups, order, empty lists, letter-case settings and operands, in the long form:
    /// shorthand pairs are conditions, aliases and omitted operators are names, an object with several entries or none
    /// is an `AND` list, `NOT` of one object is a list of one, null groups are gone. A condition whose operand is not
    /// of its operator's form (C3), which no schema accepts, is printed with the operand as JSON; a reader refuses it
    /// as well. Cost: linear; no recursion.
    ///
    /// ```
    /// use trommel::parse;
    ///
    /// let json = r#"{"status": "pending", "NOT": [{"field": "tags", "operator": "in", "value": ["draft", "old"]}]}"#;
    /// let text = parse::json(json)?.to_text();
    /// assert_eq!(text, r#"status = "pending" AND NOT tags IN ("draft", "old")"#);
    /// assert_eq!(parse::text(&text)?.to_text(), text);
    /// # Ok::<(), trommel::Error>(())
    /// ```
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut printer = Printer { filter: self, out: String::new(), open: Vec::new() };
        printer.item(0, Around::Nothing);
        while let Some(list) = printer.open.last_mut() {
            match list.members.next(self) {
                Some(member) => {
                    let is_first = std::mem::replace(&mut list.is_first, false);
                    let (joint, around) = (list.joint, list.around);
                    if !is_first {
                        printer.out.push_str(joint);
                    }
                    printer.item(member, around);
                }
                None => {
                    if list.is_closed {
                        printer.out.push(')');
                    }
                    printer.open.pop();
                }
            }
        }
        printer.out
    }
}

struct Printer<'f> {
    filter: &'f Filter,
    out: String,
    /// The lists that are being printed, innermost last.
    open: Vec<List>,
}

struct List {
    members: Members,
    /// What stands between two members.
    joint: &'static str,
    around: Around,
    is_first: bool,
    /// Whether it ends with a parenthesis.
    is_closed: bool,
}

/// What an item stands in.
#[derive(Clone, Copy, PartialEq)]
enum Around {
    /// The whole text, or a list in parentheses.
    Nothing,
    /// `NOT`, or between `AND` or `OR`, so that another infix needs parentheses. `a AND b OR c` would do without, but
    /// only for a reader who knows which of the two binds tighter.
    Operator,
}

/// What a node is, in the long form.
enum Item {
    /// A condition, with the letter-case setting of the object that it stood in as a pair.
    Condition(u32, Option<bool>),
    Group(Group, Option<bool>, Members),
}

/// The members of a list: the children of a node, but for null groups.
#[derive(Clone, Copy)]
struct Members {
    next: NodeId,
    end: NodeId,
}

impl Members {
    fn of(filter: &Filter, node: NodeId) -> Members {
        Members { next: node + 1, end: filter.nodes()[node as usize].end }
    }

    fn next(&mut self, filter: &Filter) -> Option<NodeId> {
        while self.next < self.end {
            let node = filter.nodes()[self.next as usize];
            let id = std::mem::replace(&mut self.next, node.end);
            if !matches!(node.kind, Kind::Absent(_)) {
                return Some(id);
            }
        }
        None
    }

    /// The first two: none, one alone, or more.
    fn first_two(mut self, filter: &Filter) -> (Option<NodeId>, Option<NodeId>) {
        (self.next(filter), self.next(filter))
    }
}

impl Item {
    fn of(filter: &Filter, node: NodeId) -> Item {
        let group = |node, group, case| Item::Group(group, case, Members::of(filter, node));
        let entry = |node: NodeId, case| match filter.nodes()[node as usize].kind {
            Kind::Condition(index) | Kind::Pair(index) => Item::Condition(index, case),
            Kind::Or => group(node, Group::Or, case),
            Kind::Not | Kind::NotOne => group(node, Group::Not, case),
            Kind::And | Kind::Object { .. } | Kind::Absent(_) => group(node, Group::And, case),
        };
        let Kind::Object { case_sensitive } = filter.nodes()[node as usize].kind else { return entry(node, None) };
        match Members::of(filter, node).first_two(filter) {
            (Some(only), None) => entry(only, case_sensitive),
            (_, _) => group(node, Group::And, case_sensitive),
        }
    }

    fn is_call(&self, filter: &Filter) -> bool {
        match self {
            Item::Condition(..) => false,
            Item::Group(_, Some(_), _) => true,
            Item::Group(Group::And | Group::Or, None, members) => members.first_two(filter).1.is_none(),
            // Reached from the `NOT` around it alone. `NOT NOT NOT a` must not be looked through once for each `NOT`,
            // so what the inner one holds is not asked.
            Item::Group(Group::Not, None, members) => !matches!(members.first_two(filter), (Some(_), None)),
        }
    }
}

impl Printer<'_> {
    fn item(&mut self, node: NodeId, around: Around) {
        let filter = self.filter;
        let (group, case, members) = match Item::of(filter, node) {
            Item::Condition(index, case) => return self.condition(filter.condition_at(index), case),
            Item::Group(group, case, members) => (group, case, members),
        };
        let mut list = List { members, joint: ", ", around: Around::Nothing, is_first: true, is_closed: true };
        match (group, case, members.first_two(filter)) {
            (Group::And | Group::Or, None, (Some(_), Some(_))) => {
                list.joint = if group == Group::And { " AND " } else { " OR " };
                list.is_closed = around == Around::Operator;
                list.around = Around::Operator;
                if list.is_closed {
                    self.out.push('(');
                }
            }
            (Group::Not, None, (Some(only), None)) if !Item::of(filter, only).is_call(filter) => {
                self.out.push_str("NOT ");
                list.is_closed = false;
                list.around = Around::Operator;
            }
            (_, _, _) => {
                self.out.push_str(case.map_or("", |sensitive| if sensitive { "CASE " } else { "NOCASE " }));
                self.out.push_str(match group {
                    Group::And => "ALL(",
                    Group::Or => "ANY(",
                    Group::Not => "NONE(",
                });
            }
        }
        self.open.push(list);
    }

    fn condition(&mut self, condition: &Condition, case: Option<bool>) {
        let out = &mut self.out;
        push_path(out, condition.path());
        out.push(' ');
        match (condition.operator(), condition.operand()) {
            (Operator::Exists, Operand::Omitted | Operand::Value(Value::Bool(true))) => out.push_str("EXISTS"),
            (Operator::Exists, Operand::Value(Value::Bool(false))) => out.push_str("NOT EXISTS"),
            (Operator::IsNull, Operand::Omitted | Operand::Value(Value::Bool(true))) => out.push_str("IS NULL"),
            (Operator::IsNull, Operand::Value(Value::Bool(false))) => out.push_str("IS NOT NULL"),
            (operator, operand) => {
                out.push_str(operator.text());
                out.push(' ');
                push_operand(out, operator, operand);
            }
        }
        match case.or(condition.case_sensitive()) {
            None => {}
            Some(true) => out.push_str(" CASE"),
            Some(false) => out.push_str(" NOCASE"),
        }
    }
}

fn push_operand(out: &mut String, operator: Operator, operand: &Operand) {
    // A list belongs to `IN`; elsewhere it is a mistake, and printed so that it stays one.
    let (begin, end) = if matches!(operator, Operator::In | Operator::Nin) { ('(', ')') } else { ('[', ']') };
    match operand {
        Operand::Omitted => {}
        Operand::Value(value) => push_value(out, value),
        Operand::Dynamic(path) => push_dynamic(out, path),
        Operand::List(values) => {
            out.push(begin);
            for (at, value) in values.iter().enumerate() {
                out.push_str(if at > 0 { ", " } else { "" });
                push_value(out, value);
            }
            out.push(end);
        }
        Operand::Mixed(elements) => {
            out.push(begin);
            for (at, element) in elements.iter().enumerate() {
                out.push_str(if at > 0 { ", " } else { "" });
                match element {
                    Element::Value(value) => push_value(out, value),
                    Element::Dynamic(path) => push_dynamic(out, path),
                }
            }
            out.push(end);
        }
    }
}

fn push_value(out: &mut String, value: &Value) {
    // INVARIANT: writing to a `String` never fails.
    let _ = write!(out, "{value}");
}

fn push_dynamic(out: &mut String, path: &Path) {
    out.push('$');
    push_path(out, path);
}

/// Appends a path as the text language writes it: other keys need quotes than P1 says.
fn push_path(out: &mut String, path: &Path) {
    let is_alone = path.keys().len() == 1;
    for (at, key) in path.keys().enumerate() {
        out.push_str(if at > 0 { "." } else { "" });
        if key.is_empty() || !key.chars().all(is_bare) || (is_alone && Keyword::of(key).is_some()) {
            push_quoted(out, key);
        } else {
            out.push_str(key);
        }
    }
}
