//! Filters in wire form.

use serde_json::Value as Json;

use super::field::{Fields, Target};
use super::pools;
use super::source::Source;
use super::wire::Wire;
use crate::operator::{OperandKind, Operator};
use crate::path::{Path, push_quoted};
use crate::schema::Type;

/// Makes filters about some fields.
#[derive(Debug)]
pub(super) struct Maker<'m, 'c> {
    source: &'m mut Source<'c>,
    fields: &'m Fields<'m>,
    /// The field of the condition made last.
    last: Option<Target>,
    /// How many more conditions there may be.
    left: usize,
    /// How many more large character classes.
    classes: usize,
}

/// The most large character classes of one filter: each takes a twentieth of what the default limits allow, and a law may
/// put several filters together.
const CLASSES: usize = 4;
/// The most conditions of one filter. More would make most answers false or most of them true.
const CONDITIONS: usize = 12;

impl<'m, 'c> Maker<'m, 'c> {
    pub(super) fn new(source: &'m mut Source<'c>, fields: &'m Fields<'m>) -> Maker<'m, 'c> {
        Maker { source, fields, last: None, left: CONDITIONS, classes: CLASSES }
    }

    /// A condition or a group, with at most `depth` groups around its deepest condition.
    pub(super) fn member(&mut self, depth: usize) -> Wire {
        match self.source.weighted(&[4, if depth == 0 { 0 } else { 5 }]) {
            0 => self.condition(),
            _ => self.object(depth),
        }
    }

    /// A chain of exactly `levels` groups, made from the inside out, with a few members beside it.
    pub(super) fn deep(&mut self, levels: usize) -> Wire {
        let mut inner = self.condition();
        for _ in 0..levels {
            let key = self.source.pick(&["AND", "OR", "NOT", "NOT"]);
            let value = if key == "NOT" && self.source.one_in(2) {
                inner
            } else {
                let mut members = vec![inner];
                if self.left > 0 && self.source.one_in(8) {
                    members.push(self.condition());
                    self.source.shuffle(&mut members);
                }
                Wire::Array(members)
            };
            let mut entries = vec![(key.to_owned(), value)];
            self.push_case(&mut entries);
            inner = Wire::Object(entries);
        }
        inner
    }

    /// A group: lists, `NOT` of one object, shorthand pairs, null groups, a letter case (G3, G4).
    fn object(&mut self, depth: usize) -> Wire {
        let mut entries: Vec<(String, Wire)> = Vec::new();
        let count = self.source.weighted(&[1, 12, 5, 2]);
        for _ in 0..count {
            let (key, value) = match self.source.weighted(&[5, 5, 4, 3, 4, 1]) {
                0 => ("AND".to_owned(), self.list(depth)),
                1 => ("OR".to_owned(), self.list(depth)),
                2 => ("NOT".to_owned(), self.list(depth)),
                3 => ("NOT".to_owned(), self.member(depth - 1)),
                4 => self.pair(),
                _ => ((self.source.pick(&["AND", "OR", "NOT"])).to_owned(), Wire::Null),
            };
            if entries.iter().all(|(other, _)| *other != key) {
                entries.push((key, value));
            }
        }
        self.push_case(&mut entries);
        self.source.shuffle(&mut entries);
        Wire::Object(entries)
    }

    /// The letter case of a group, if it states one.
    fn push_case(&mut self, entries: &mut Vec<(String, Wire)>) {
        let value = match self.source.weighted(&[6, 4, 2, 1]) {
            0 => return,
            1 => Wire::Bool(false),
            2 => Wire::Bool(true),
            _ => Wire::Null,
        };
        entries.push(("case_sensitive".to_owned(), value));
    }

    fn list(&mut self, depth: usize) -> Wire {
        let count = self.source.weighted(&[1, 3, 8, 4, 1]).min(self.left);
        Wire::Array((0..count).map(|_| self.member(depth - 1)).collect())
    }

    /// A field; often the same again or one beside it, since it is there that conditions merge, and that elements of one
    /// array meet several of them (C4).
    fn target(&mut self) -> Target {
        let target = match self.last.take() {
            Some(last) if self.source.one_in(2) => self.fields.beside(&last, self.source),
            _ => self.fields.target(self.source),
        };
        self.last = Some(target.clone());
        target
    }

    /// A shorthand pair (G5), or a condition in the one form that a field with no `eq` allows.
    fn pair(&mut self) -> (String, Wire) {
        let target = self.target();
        if !target.operators.contains(&Operator::Eq) {
            return ("OR".to_owned(), Wire::Null);
        }
        self.left = self.left.saturating_sub(1);
        let is_reserved = |key: &str| {
            let words = ["and", "or", "not", "field", "operator", "value", "case_sensitive", "case_insensitive"];
            words.iter().any(|word| word.eq_ignore_ascii_case(key))
        };
        let mut path = self.path(&target.keys);
        if is_reserved(&path) {
            path = quoted(&target.keys);
        }
        let value = self.scalar_or_null(&target);
        (path, Wire::Operand(Box::new(value)))
    }

    /// A condition (G4).
    fn condition(&mut self) -> Wire {
        self.left = self.left.saturating_sub(1);
        let target = self.target();
        let operator = self.source.pick(&target.operators);
        let mut entries = vec![("field".to_owned(), Wire::String(self.path(&target.keys)))];
        if operator != Operator::Eq || self.source.one_in(2) {
            let aliases = operator.aliases();
            let spelling = match self.source.below(aliases.len() + 1) {
                0 => operator.name(),
                alias => aliases[alias - 1],
            };
            entries.push(("operator".to_owned(), Wire::String(spelling.to_owned())));
        }
        if let Some(operand) = self.operand(operator, &target) {
            entries.push(("value".to_owned(), operand));
        }
        self.push_condition_case(&mut entries);
        self.source.shuffle(&mut entries);
        Wire::Object(entries)
    }

    /// The letter case of a condition in one of its spellings, or in both.
    fn push_condition_case(&mut self, entries: &mut Vec<(String, Wire)>) {
        let ignore = self.source.one_in(2);
        let (sensitive, insensitive) = match self.source.weighted(&[6, 4, 4, 1, 1]) {
            0 => (None, None),
            1 => (Some(Wire::Bool(!ignore)), None),
            2 => (None, Some(Wire::Bool(ignore))),
            3 => (Some(Wire::Bool(!ignore)), Some(Wire::Bool(ignore))),
            _ => (Some(Wire::Null), ignore.then_some(Wire::Null)),
        };
        entries.extend(sensitive.map(|value| ("case_sensitive".to_owned(), value)));
        entries.extend(insensitive.map(|value| ("case_insensitive".to_owned(), value)));
    }

    /// A path, its keys quoted where they must be and now and then where not (P1).
    fn path(&mut self, keys: &[String]) -> String {
        let mut text = String::new();
        for (at, key) in keys.iter().enumerate() {
            if at > 0 {
                text.push('.');
            }
            let bare = Path::from_keys([key.as_str()]).map_or_else(String::new, |path| path.to_string());
            if self.source.one_in(5) {
                push_quoted(&mut text, key);
            } else {
                text.push_str(&bare);
            }
        }
        text
    }

    fn operand(&mut self, operator: Operator, target: &Target) -> Option<Wire> {
        let operand = match operator.operand() {
            OperandKind::Boolean => {
                return match self.source.weighted(&[2, 2, 1]) {
                    0 => Some(Wire::Bool(true)),
                    1 => Some(Wire::Bool(false)),
                    _ => None,
                };
            }
            OperandKind::Scalar => self.scalar_or_null(target),
            OperandKind::List => {
                // Past eight values, a set is looked up in another way.
                let most = self.source.pick(&[3, 3, 3, 24]);
                let count = self.source.below(most + 1);
                Wire::Array((0..count).map(|_| self.scalar_or_null(target)).collect())
            }
            OperandKind::Ordered => self.ordered(target),
            OperandKind::String => {
                let string = self.string(operator, target);
                Wire::String(string)
            }
        };
        Some(Wire::Operand(Box::new(operand)))
    }

    /// An operand of an equality that the field's type takes (T2).
    fn scalar_or_null(&mut self, target: &Target) -> Wire {
        if self.source.one_in(12) {
            return Wire::Null;
        }
        let value = match target.ty {
            Type::Any => self.value(target, |_| true, pools::scalar),
            Type::Boolean => self.value(target, Json::is_boolean, |source| Json::Bool(source.one_in(2))),
            Type::Integer | Type::Number => self.value(target, Json::is_number, pools::number),
            Type::String => self.value(target, Json::is_string, |source| Json::String(pools::string(source))),
            Type::Datetime => self.value(target, is_instant, |source| Json::from(pools::instant(source))),
        };
        Wire::scalar(self.source, &value)
    }

    /// An operand of an ordering.
    fn ordered(&mut self, target: &Target) -> Wire {
        let is_ordered = |value: &Json| value.is_number() || value.is_string();
        let value = match target.ty {
            Type::Any => self.value(target, is_ordered, |source| match source.below(2) {
                0 => pools::number(source),
                _ => Json::String(pools::string(source)),
            }),
            // A boolean field has no ordering, so this is never asked.
            Type::Integer | Type::Number | Type::Boolean => self.value(target, Json::is_number, pools::number),
            Type::String => self.value(target, Json::is_string, |source| Json::String(pools::string(source))),
            Type::Datetime => self.value(target, is_instant, |source| match source.below(3) {
                0 => Json::from("2024-03-01"),
                _ => Json::from(pools::instant(source)),
            }),
        };
        Wire::scalar(self.source, &value)
    }

    /// A scalar that is stored in the field, or near one that is, or any; but one that `takes` accepts.
    fn value(&mut self, target: &Target, takes: fn(&Json) -> bool, any: fn(&mut Source<'_>) -> Json) -> Json {
        if target.scalars.is_empty() {
            return any(self.source);
        }
        let stored = self.source.pick_ref(&target.scalars).clone();
        let value = match self.source.weighted(&[6, 3, 2]) {
            0 => stored,
            1 => pools::near(self.source, &stored),
            _ => any(self.source),
        };
        if takes(&value) { value } else { any(self.source) }
    }

    /// A string operand: a part of a stored string, most often.
    fn string(&mut self, operator: Operator, target: &Target) -> String {
        let strings: Vec<&str> = target.scalars.iter().filter_map(Json::as_str).collect();
        let stored = match strings.is_empty() || self.source.one_in(5) {
            true => pools::string(self.source),
            false => self.source.pick(&strings).to_owned(),
        };
        match operator {
            // The tokens of all strings of the field are pooled (C5).
            Operator::Text if self.source.one_in(2) => self.query(&strings.join(" ")),
            Operator::Text => self.query(&stored),
            Operator::Regex => self.pattern(&stored),
            _ => match self.source.weighted(&[5, 2, 1]) {
                0 => pools::part(self.source, &stored).to_owned(),
                1 => {
                    let part = pools::part(self.source, &stored).to_owned();
                    pools::recased(self.source, &part)
                }
                _ => pools::near_string(self.source, &stored),
            },
        }
    }

    /// A text query of tokens of a string, with a token at least (C5).
    fn query(&mut self, stored: &str) -> String {
        let recased = pools::recased(self.source, stored);
        let text = if self.source.one_in(2) { stored } else { &recased };
        let tokens: Vec<String> = crate::fold::tokens(text).collect();
        if tokens.is_empty()
            || tokens.iter().any(|token| token.len() > crate::fold::LONGEST_TOKEN)
            || self.source.one_in(8)
        {
            return (self.source.pick(&["a", "K s", "ß", "5 a", "Ⅻ"])).to_owned();
        }
        match self.source.below(3) {
            0 => self.source.pick_ref(&tokens).clone(),
            1 => tokens.join(" - "),
            _ => format!("{} {}", self.source.pick_ref(&tokens), self.source.pick_ref(&tokens)),
        }
    }

    /// A regular expression of a small grammar, about a part of a string.
    fn pattern(&mut self, stored: &str) -> String {
        let stored: String = stored.chars().take(12).collect();
        let mut pattern = String::new();
        if self.source.one_in(4) {
            let start = self.source.pick(&["^", "(?i)", "(?-i)", r"\b", "(?s)"]);
            pattern.push_str(start);
            if start == r"\b" {
                // With it, a large class takes seven times as much.
                self.classes = 0;
            }
        }
        let part = pools::part(self.source, &stored).to_owned();
        for c in part.chars() {
            match self.source.weighted(&[8, 1, 1, 1, 1, 1]) {
                0 => pattern.push_str(&regex_syntax::escape(&c.to_string())),
                1 => pattern.push('.'),
                2 if self.classes > 0 => {
                    self.classes -= 1;
                    pattern.push_str(self.source.pick(&[r"\w", r"\d", r"\S", r"\pL"]));
                }
                2 => pattern.push_str(self.source.pick(&["[a-z]", "[^k]", "[ſß]"])),
                3 => pattern.push_str(&format!("(?i:{})", regex_syntax::escape(&c.to_string()))),
                4 => pattern.push_str(&format!("(?:{}|x)", regex_syntax::escape(&c.to_string()))),
                _ => pattern.push_str(&format!(
                    "{}{}",
                    regex_syntax::escape(&c.to_string()),
                    self.source.pick(&["*", "+", "?", "{1,2}"])
                )),
            }
        }
        if self.source.one_in(4) {
            pattern.push('$');
        }
        pattern
    }
}

fn is_instant(value: &Json) -> bool {
    value.as_str().is_some_and(|text| crate::value::Instant::parse(text).is_some())
}

fn quoted(keys: &[String]) -> String {
    let mut text = String::new();
    for (at, key) in keys.iter().enumerate() {
        if at > 0 {
            text.push('.');
        }
        push_quoted(&mut text, key);
    }
    text
}
