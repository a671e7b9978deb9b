//! Why a document matches or not: the filter as a tree, each node with its verdict, each leaf with the values found.

use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::Value as Json;
use serde_json::value::RawValue;

use crate::error::visible;
use crate::filter::{Filter, JsonWriter, Kind, NodeId, Operand};
use crate::operator::OperandKind;
use crate::reference::Reference;
use crate::value::{Value, write_json};

/// How many of the values at a path are shown.
const MOST_VALUES: usize = 10;

/// Why a document matches a filter or not. From [`Reference::why`], so it cannot differ from the law.
///
/// `Display` draws the tree, and marks what decided with `>`; `NOCASE` stands where letter case is ignored and the operand
/// has letters. It serialises to
/// `{"kind":"and|or|not|leaf","matches":…,"children":[…]}`, a leaf with `"field","operator","value","values"`.
///
/// ```
/// use serde_json::json;
/// use trommel::{Schema, parse, reference::Reference};
///
/// let filter = parse::json(r#"{"status": "open", "NOT": [{"field": "tags", "operator": "in", "value": ["draft"]}]}"#)?;
/// let document = json!({"status": "open", "tags": ["new", "draft"]});
/// let why = Reference::new(&filter, &Schema::open())?.why(&document);
/// assert_eq!(
///     why.to_string(),
///     r#"no match
/// > false  and
///   true     status eq "open"    found "open"
/// > false    not
/// > true       tags in ["draft"]    found "new", "draft"
/// "#
/// );
/// # Ok::<(), trommel::Error>(())
/// ```
#[derive(Clone)]
pub struct WhyTree<'d> {
    filter: Filter,
    /// Every node that is shown, parents first.
    nodes: Vec<Shown<'d>>,
}

#[derive(Clone)]
struct Shown<'d> {
    node: NodeId,
    depth: u32,
    matches: bool,
    is_decisive: bool,
    ignores_case: bool,
    /// The values at a leaf's path.
    values: Vec<&'d Json>,
    more: bool,
}

impl Reference {
    /// Why a document matches or not: every node's verdict, and what was found. Cost: that of
    /// [`matches`](Reference::matches) over the whole filter.
    #[must_use]
    pub fn why<'d>(&self, document: &'d Json) -> WhyTree<'d> {
        let (filter, verdicts) = (self.filter(), self.verdicts(document));
        let mut nodes: Vec<Shown<'d>> = Vec::new();
        // For each node, how deep it is shown and whether it had a part in the outcome.
        let mut settled: Vec<(u32, bool)> = Vec::with_capacity(verdicts.len());
        for at in 0..verdicts.len() {
            let (node, matches) = (at as NodeId, verdicts[at]);
            let (depth, is_decisive) = match filter.parent(node) {
                None => (0, true),
                Some(parent) => {
                    let (depth, is_decisive) = settled[parent as usize];
                    let decides = decides(filter, parent, verdicts[parent as usize], matches);
                    (depth + u32::from(is_shown(filter, parent)), is_decisive && decides)
                }
            };
            settled.push((depth, is_decisive));
            if !is_shown(filter, node) {
                continue;
            }
            let mut values: Vec<&Json> = Vec::new();
            if let Some(condition) = condition(filter, node) {
                values.extend(condition.path().values(document).take(MOST_VALUES + 1));
            }
            let more = values.len() > MOST_VALUES;
            values.truncate(MOST_VALUES);
            let ignores_case = self.ignores_case(node);
            nodes.push(Shown { node, depth, matches, is_decisive, ignores_case, values, more });
        }
        WhyTree { filter: filter.clone(), nodes }
    }
}

/// Whether a node with this verdict had a part in its parent's.
fn decides(filter: &Filter, parent: NodeId, parent_matches: bool, matches: bool) -> bool {
    match filter.nodes()[parent as usize].kind {
        Kind::Object { .. } | Kind::And => parent_matches || !matches,
        Kind::Or => !parent_matches || matches,
        Kind::Not | Kind::NotOne => parent_matches || matches,
        Kind::Absent(_) | Kind::Condition(_) | Kind::Pair(_) => false,
    }
}

/// Whether a node is shown: not a null group, nor an object around a single entry, which says nothing of its own.
fn is_shown(filter: &Filter, node: NodeId) -> bool {
    let is_there = |child: &NodeId| !matches!(filter.nodes()[*child as usize].kind, Kind::Absent(_));
    match filter.nodes()[node as usize].kind {
        Kind::Absent(_) => false,
        Kind::Object { .. } => filter.children(node).filter(is_there).take(2).count() != 1,
        Kind::And | Kind::Or | Kind::Not | Kind::NotOne | Kind::Condition(_) | Kind::Pair(_) => true,
    }
}

fn condition(filter: &Filter, node: NodeId) -> Option<&crate::filter::Condition> {
    match filter.nodes()[node as usize].kind {
        Kind::Condition(index) | Kind::Pair(index) => Some(filter.condition_at(index)),
        Kind::Object { .. } | Kind::And | Kind::Or | Kind::Not | Kind::NotOne | Kind::Absent(_) => None,
    }
}

impl WhyTree<'_> {
    /// Whether the document matches.
    #[must_use]
    pub fn matches(&self) -> bool {
        self.nodes.first().is_none_or(|root| root.matches)
    }

    fn kind(&self, node: NodeId) -> &'static str {
        match self.filter.nodes()[node as usize].kind {
            Kind::Object { .. } | Kind::And => "and",
            Kind::Or => "or",
            Kind::Not | Kind::NotOne => "not",
            Kind::Absent(_) | Kind::Condition(_) | Kind::Pair(_) => "leaf",
        }
    }

    /// Writes the tree as JSON, without recursion.
    fn write_json(&self, json: &mut JsonWriter<'_>) -> fmt::Result {
        let mut open: Vec<u32> = Vec::new();
        for shown in &self.nodes {
            while open.pop_if(|depth| *depth >= shown.depth).is_some() {
                json.end(']')?;
                json.end('}')?;
            }
            json.begin(None, '{')?;
            json.value(Some("kind"), &Value::from(self.kind(shown.node)))?;
            json.value(Some("matches"), &Value::Bool(shown.matches))?;
            let Some(condition) = condition(&self.filter, shown.node) else {
                json.begin(Some("children"), '[')?;
                open.push(shown.depth);
                continue;
            };
            json.value(Some("field"), &Value::from(condition.path().to_string()))?;
            json.value(Some("operator"), &Value::from(condition.operator().name()))?;
            // Left out, it means true (G4).
            match condition.operand() {
                Operand::Omitted => json.value(Some("value"), &Value::Bool(true))?,
                operand => json.operand(Some("value"), operand)?,
            }
            json.begin(Some("values"), '[')?;
            shown.values.iter().try_for_each(|value| json.json(value))?;
            json.end(']')?;
            json.end('}')?;
        }
        while open.pop().is_some() {
            json.end(']')?;
            json.end('}')?;
        }
        Ok(())
    }

    fn leaf_text(&self, shown: &Shown<'_>) -> Option<String> {
        let condition = condition(&self.filter, shown.node)?;
        let mut text = format!("{} {}", visible(&condition.path().to_string()), condition.operator());
        match condition.operand() {
            Operand::Omitted => {}
            // Where it may be left out, too.
            Operand::Value(Value::Bool(true)) if condition.operator().operand() == OperandKind::Boolean => {}
            operand => text.push_str(&shortened(&format!(" {operand:?}"))),
        }
        let is_cased = match condition.operand() {
            Operand::Value(value) => value.is_cased(),
            Operand::List(values) => values.iter().any(Value::is_cased),
            // Never here: a reference is bound.
            Operand::Omitted | Operand::Dynamic(_) | Operand::Mixed(_) => false,
        };
        if shown.ignores_case && is_cased {
            text.push_str(" NOCASE");
        }
        Some(text)
    }
}

/// A text for one line: its beginning, where it is long.
fn shortened(text: &str) -> String {
    const MOST: usize = 100;
    match text.char_indices().nth(MOST) {
        None => visible(text),
        Some((end, _)) => visible(&text[..end]) + "…",
    }
}

impl fmt::Display for WhyTree<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DEEPEST: u32 = 40;
        writeln!(f, "{}", if self.matches() { "match" } else { "no match" })?;
        for shown in &self.nodes {
            let marker = if shown.is_decisive { ">" } else { " " };
            let indent = "  ".repeat(shown.depth.min(DEEPEST) as usize);
            write!(f, "{marker} {:5}  {indent}", shown.matches)?;
            let Some(text) = self.leaf_text(shown) else {
                writeln!(f, "{}", self.kind(shown.node))?;
                continue;
            };
            write!(f, "{text}    found ")?;
            if shown.values.is_empty() {
                f.write_str("nothing")?;
            }
            for (at, value) in shown.values.iter().enumerate() {
                let mut text = String::new();
                write_json(&mut text, value)?;
                write!(f, "{}{}", if at > 0 { ", " } else { "" }, shortened(&text))?;
            }
            writeln!(f, "{}", if shown.more { ", …" } else { "" })?;
        }
        Ok(())
    }
}

impl fmt::Debug for WhyTree<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for WhyTree<'_> {
    /// As text that is JSON already, for `serde_json`: a serializer would recurse.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = String::new();
        self.write_json(&mut JsonWriter::new(&mut text, None)).map_err(serde::ser::Error::custom)?;
        RawValue::from_string(text).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Schema;
    use serde_json::json;

    fn why(filter: &str, document: &Json) -> Json {
        let filter = crate::parse::json(filter).unwrap();
        let reference = Reference::new(&filter, &Schema::open()).unwrap();
        let why = reference.why(document);
        assert_eq!(why.matches(), reference.matches(document));
        serde_json::to_value(&why).unwrap()
    }

    #[test]
    fn the_tree_is_plain_data() {
        let document = json!({"a": [1, {"b": 2}, null], "c": "x"});
        let filter = r#"{"AND": [{"a": 1}, {"NOT": {"field": "c", "operator": "exists"}}, {}], "OR": null}"#;
        let leaf = |field: &str, operator: &str, value: Json, values: Json| json!({"kind": "leaf", "matches": true, "field": field, "operator": operator, "value": value, "values": values});
        let expected = json!({"kind": "and", "matches": false, "children": [
            leaf("a", "eq", json!(1), json!([1, {"b": 2}, null])),
            {"kind": "not", "matches": false, "children": [leaf("c", "exists", json!(true), json!(["x"]))]},
            {"kind": "and", "matches": true, "children": []},
        ]});
        assert_eq!(why(filter, &document), expected);
        let many = json!({"a": (0..20).collect::<Vec<_>>()});
        assert_eq!(why(r#"{"a": 19}"#, &many)["values"].as_array().map(Vec::len), Some(MOST_VALUES));
        assert_eq!(why("{}", &document), json!({"kind": "and", "matches": true, "children": []}));
    }

    #[test]
    fn true_is_left_out_where_it_may_be() {
        let filter = r#"{"AND": [{"a": true}, {"field": "a", "operator": "exists", "value": true}, {"field": "a", "operator": "is_null"}]}"#;
        let reference = Reference::new(&crate::parse::json(filter).unwrap(), &Schema::open()).unwrap();
        let why = reference.why(&json!({"a": true})).to_string();
        let leaves: Vec<&str> =
            why.lines().skip(2).map(|line| line[9..].split("    found").next().unwrap().trim()).collect();
        assert_eq!(leaves, ["a eq true", "a exists", "a is_null"], "{why}");
    }

    #[test]
    fn letter_case_is_told_where_it_matters() {
        let filter = r#"{"case_sensitive": false, "AND": [{"a": "X"}, {"a": 5}, {"field": "b", "value": "Y",
            "case_sensitive": true}, {"field": "b", "operator": "in", "value": [1, "y"]}]}"#;
        let reference = Reference::new(&crate::parse::json(filter).unwrap(), &Schema::open()).unwrap();
        let why = reference.why(&json!({"a": "x", "b": "y"})).to_string();
        let marked: Vec<bool> = why.lines().skip(2).map(|line| line.contains(" NOCASE    found ")).collect();
        assert_eq!(marked, [true, false, false, true], "{why}");
    }

    #[test]
    fn no_recursion() {
        let levels = 100_000;
        let filter = format!("{}{{\"a\":1}}{}", r#"{"NOT":["#.repeat(levels), "]}".repeat(levels));
        let limits = crate::Limits::default().with(crate::Limit::Depth, levels);
        let filter = crate::parse::Parser::new().limits(limits).json(filter).unwrap();
        let reference = Reference::new(&filter, &Schema::open()).unwrap();
        let document = json!({"a": 1});
        let why = reference.why(&document);
        assert!(why.matches());
        assert!(why.to_string().lines().count() > levels);
        assert!(serde_json::to_string(&why).unwrap().len() > levels);
    }
}
