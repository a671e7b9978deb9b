//! Printing filters as JSON, as they were written.

use std::fmt;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::{CaseFlag, Condition, Element, Filter, Group, Kind, Node, NodeId, Operand, Spelling, Tree};
use crate::limits::Limit;
use crate::path::Path;
use crate::value::{Value, write_json, write_json_string};

/// Writes JSON piece by piece, on one line or indented.
pub(crate) struct JsonWriter<'w> {
    out: &'w mut dyn fmt::Write,
    indent: Option<usize>,
    depth: usize,
    /// Whether the next item is the first of its list or object.
    first: bool,
}

impl<'w> JsonWriter<'w> {
    pub(crate) fn new(out: &'w mut dyn fmt::Write, indent: Option<usize>) -> JsonWriter<'w> {
        JsonWriter { out, indent, depth: 0, first: true }
    }

    /// Begins an item: the comma, the line, and the key if it has one.
    fn item(&mut self, key: Option<&str>) -> fmt::Result {
        if !self.first {
            self.out.write_char(',')?;
        }
        if self.depth > 0 {
            self.line()?;
        }
        self.first = false;
        if let Some(key) = key {
            write_json_string(self.out, key)?;
            self.out.write_str(if self.indent.is_some() { ": " } else { ":" })?;
        }
        Ok(())
    }

    fn line(&mut self) -> fmt::Result {
        const BLANK: &str = "                                                                ";
        let Some(indent) = self.indent else { return Ok(()) };
        self.out.write_char('\n')?;
        // Piece by piece: a width in a format string may not pass 65,535, and each blank would be a call of its own.
        let mut width = indent * self.depth;
        while width > 0 {
            let piece = width.min(BLANK.len());
            self.out.write_str(&BLANK[..piece])?;
            width -= piece;
        }
        Ok(())
    }

    pub(crate) fn begin(&mut self, key: Option<&str>, bracket: char) -> fmt::Result {
        self.item(key)?;
        self.depth += 1;
        self.first = true;
        self.out.write_char(bracket)
    }

    pub(crate) fn end(&mut self, bracket: char) -> fmt::Result {
        self.depth -= 1;
        if !std::mem::replace(&mut self.first, false) {
            self.line()?;
        }
        self.out.write_char(bracket)
    }

    pub(crate) fn value(&mut self, key: Option<&str>, value: &Value) -> fmt::Result {
        self.item(key)?;
        write!(self.out, "{value}")
    }

    pub(crate) fn operand(&mut self, key: Option<&str>, operand: &Operand) -> fmt::Result {
        write_operand(self, key, operand)
    }

    /// An element that is a whole JSON value, on one line.
    pub(crate) fn json(&mut self, value: &serde_json::Value) -> fmt::Result {
        self.item(None)?;
        write_json(self.out, value)
    }

    fn string(&mut self, key: Option<&str>, string: &str) -> fmt::Result {
        self.item(key)?;
        write_json_string(self.out, string)
    }

    fn bool(&mut self, key: Option<&str>, bool: bool) -> fmt::Result {
        self.item(key)?;
        write!(self.out, "{bool}")
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let indent = f.alternate().then_some(2);
        write_tree(&self.0, &mut JsonWriter::new(f, indent))
    }
}

fn write_tree(tree: &Tree, json: &mut JsonWriter<'_>) -> fmt::Result {
    let mut open: Vec<&Node> = Vec::new();
    for (at, node) in tree.nodes.iter().enumerate() {
        while let Some(parent) = open.pop_if(|parent| parent.end as usize == at) {
            end_node(json, parent)?;
        }
        match node.kind {
            Kind::Object { .. } => {
                let key = open.last().and_then(|parent| (parent.kind == Kind::NotOne).then_some("NOT"));
                json.begin(key, '{')?;
            }
            Kind::And => json.begin(Some("AND"), '[')?,
            Kind::Or => json.begin(Some("OR"), '[')?,
            Kind::Not => json.begin(Some("NOT"), '[')?,
            // The key is written by the one member.
            Kind::NotOne => {}
            Kind::Absent(group) => json.value(Some(group.key()), &Value::Null)?,
            Kind::Condition(index) => {
                let key = open.last().and_then(|parent| (parent.kind == Kind::NotOne).then_some("NOT"));
                json.begin(key, '{')?;
                write_condition(json, &tree.conditions[index as usize])?;
                json.end('}')?;
            }
            Kind::Pair(index) => {
                let condition = &tree.conditions[index as usize];
                write_operand(json, Some(condition.path.written()), &condition.operand)?;
            }
        }
        match node.kind {
            Kind::Object { .. } | Kind::And | Kind::Or | Kind::Not | Kind::NotOne => open.push(node),
            Kind::Absent(_) | Kind::Condition(_) | Kind::Pair(_) => {}
        }
    }
    while let Some(node) = open.pop() {
        end_node(json, node)?;
    }
    Ok(())
}

fn end_node(json: &mut JsonWriter<'_>, node: &Node) -> fmt::Result {
    match node.kind {
        Kind::Object { case_sensitive } => {
            if let Some(case_sensitive) = case_sensitive {
                json.bool(Some("case_sensitive"), case_sensitive)?;
            }
            json.end('}')
        }
        Kind::And | Kind::Or | Kind::Not => json.end(']'),
        Kind::NotOne | Kind::Absent(_) | Kind::Condition(_) | Kind::Pair(_) => Ok(()),
    }
}

/// Writes the members of a condition's object.
fn write_condition(json: &mut JsonWriter<'_>, condition: &Condition) -> fmt::Result {
    json.string(Some("field"), condition.path.written())?;
    if let Some(spelling) = condition.spelled() {
        json.string(Some("operator"), spelling)?;
    }
    write_operand(json, Some("value"), &condition.operand)?;
    match condition.case {
        CaseFlag::Absent => Ok(()),
        CaseFlag::Sensitive(sensitive) => json.bool(Some("case_sensitive"), sensitive),
        CaseFlag::Insensitive(insensitive) => json.bool(Some("case_insensitive"), insensitive),
    }
}

impl Condition {
    /// The operator as it was spelled; `None` if it was left out.
    pub(crate) fn spelled(&self) -> Option<&'static str> {
        match self.spelling {
            Spelling::Name => Some(self.operator.name()),
            Spelling::Alias(index) => self.operator.aliases().get(usize::from(index)).copied(),
            Spelling::Omitted => None,
        }
    }
}

fn write_operand(json: &mut JsonWriter<'_>, key: Option<&str>, operand: &Operand) -> fmt::Result {
    match operand {
        Operand::Omitted => Ok(()),
        Operand::Value(value) => json.value(key, value),
        Operand::List(values) => {
            json.begin(key, '[')?;
            values.iter().try_for_each(|value| json.value(None, value))?;
            json.end(']')
        }
        Operand::Mixed(elements) => {
            json.begin(key, '[')?;
            elements.iter().try_for_each(|element| write_element(json, element))?;
            json.end(']')
        }
        Operand::Dynamic(path) => write_dynamic(json, key, path),
    }
}

fn write_element(json: &mut JsonWriter<'_>, element: &Element) -> fmt::Result {
    match element {
        Element::Value(value) => json.value(None, value),
        Element::Dynamic(path) => write_dynamic(json, None, path),
    }
}

fn write_dynamic(json: &mut JsonWriter<'_>, key: Option<&str>, path: &Path) -> fmt::Result {
    json.begin(key, '{')?;
    json.string(Some("type"), "dynamic")?;
    json.string(Some("field"), path.written())?;
    json.end('}')
}

impl Serialize for Filter {
    /// The same JSON as `Display`. A serializer recurses, so a filter with more than 256 groups around a condition is
    /// an error here; `Display` prints any depth.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const DEEPEST: usize = 256;
        if self.0.budget.used(Limit::Depth) > DEEPEST {
            return Err(serde::ser::Error::custom(
                "the filter is nested too deeply to be serialized; print it instead",
            ));
        }
        SerializeNode(self, 0).serialize(serializer)
    }
}

struct SerializeNode<'f>(&'f Filter, NodeId);

impl Serialize for SerializeNode<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let SerializeNode(filter, node) = *self;
        let members = || filter.children(node).map(|child| SerializeNode(filter, child));
        match filter.0.nodes[node as usize].kind {
            Kind::And | Kind::Or | Kind::Not => serializer.collect_seq(members()),
            Kind::NotOne => match members().next() {
                Some(member) => member.serialize(serializer),
                None => serializer.serialize_unit(),
            },
            Kind::Absent(_) => serializer.serialize_unit(),
            Kind::Pair(index) => filter.condition_at(index).operand.serialize(serializer),
            Kind::Condition(index) => filter.condition_at(index).serialize(serializer),
            Kind::Object { case_sensitive } => {
                let mut map = serializer.serialize_map(None)?;
                for member in members() {
                    let key = match filter.0.nodes[member.1 as usize].kind {
                        Kind::And | Kind::Absent(Group::And) => "AND",
                        Kind::Or | Kind::Absent(Group::Or) => "OR",
                        Kind::Not | Kind::NotOne | Kind::Absent(Group::Not) => "NOT",
                        Kind::Pair(index) => filter.condition_at(index).path.written(),
                        Kind::Object { .. } | Kind::Condition(_) => continue,
                    };
                    map.serialize_entry(key, &member)?;
                }
                if let Some(case_sensitive) = case_sensitive {
                    map.serialize_entry("case_sensitive", &case_sensitive)?;
                }
                map.end()
            }
        }
    }
}

impl Serialize for Condition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("field", self.path.written())?;
        if let Some(spelling) = self.spelled() {
            map.serialize_entry("operator", spelling)?;
        }
        if self.operand != Operand::Omitted {
            map.serialize_entry("value", &self.operand)?;
        }
        match self.case {
            CaseFlag::Absent => {}
            CaseFlag::Sensitive(sensitive) => map.serialize_entry("case_sensitive", &sensitive)?,
            CaseFlag::Insensitive(insensitive) => map.serialize_entry("case_insensitive", &insensitive)?,
        }
        map.end()
    }
}

impl Serialize for Operand {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Operand::Omitted => serializer.serialize_unit(),
            Operand::Value(value) => value.serialize(serializer),
            Operand::List(values) => serializer.collect_seq(values.iter()),
            Operand::Mixed(elements) => serializer.collect_seq(elements.iter()),
            Operand::Dynamic(path) => serialize_dynamic(path, serializer),
        }
    }
}

impl Serialize for Element {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Element::Value(value) => value.serialize(serializer),
            Element::Dynamic(path) => serialize_dynamic(path, serializer),
        }
    }
}

fn serialize_dynamic<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(2))?;
    map.serialize_entry("type", "dynamic")?;
    map.serialize_entry("field", path.written())?;
    map.end()
}

impl fmt::Debug for Filter {
    /// The filter as JSON.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut json = JsonWriter::new(f, None);
        json.begin(None, '{')?;
        write_condition(&mut json, self)?;
        json.end('}')
    }
}

impl fmt::Debug for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_operand(&mut JsonWriter::new(f, None), None, self)
    }
}

impl fmt::Debug for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_element(&mut JsonWriter::new(f, None), self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_depth_is_indented() {
        for depth in [0, 1, 32, 33, 40_000] {
            let mut out = String::new();
            JsonWriter { depth, ..JsonWriter::new(&mut out, Some(2)) }.line().unwrap();
            assert_eq!(out, format!("\n{}", " ".repeat(2 * depth)));
        }
    }
}
