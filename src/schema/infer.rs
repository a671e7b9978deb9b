//! Documents → [`Schema`]: what can be said of them after looking at each once.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value as Json;

use super::{Facts, Known, Schema, Type};
use crate::error::visible;
use crate::limits::{Limit, Limits};
use crate::path::Path;
use crate::value::{Instant, write_json_string};

/// Learns a [`Schema`] from documents, one after the other. The schema is open, and lists every path at which a scalar
/// was found.
///
/// - The type is what was stored: `boolean`, `integer`, `number`, `string`; `datetime` only where every value that is
///   not null is a string that is an instant (T3); `any` for a mixture. `5.0` is a `number`: it was not written as an
///   integer.
/// - `many` is false where no document has an array on the path.
/// - `optional` is false where `is_null` is false for every document. Below an array one element that has the field is
///   enough, as for every condition: [`Schema::verify`] holds for every document that was seen.
/// - The comment of a field shows a few of its values, short and escaped. They come from the documents: mind who reads
///   the schema.
///
/// No filter that the schema accepts has another answer because of it on the documents that were seen, but for those on
/// `datetime` fields (T3, T4).
///
/// ```
/// use serde_json::json;
/// use trommel::{Inference, Path, Type};
///
/// let mut inference = Inference::new();
/// inference.observe(&json!({"status": "pending", "seen": "2024-03-01T12:00:00Z", "tags": ["new"]}));
/// inference.observe(&json!({"status": "done", "seen": null}));
///
/// let schema = inference.schema();
/// let status = schema.facts(&Path::parse("status")?);
/// assert_eq!((status.ty, status.many, status.optional), (Type::String, false, false));
/// let seen = schema.facts(&Path::parse("seen")?);
/// assert_eq!((seen.ty, seen.many, seen.optional), (Type::Datetime, false, true));
/// assert!(schema.facts(&Path::parse("tags")?).many);
/// # Ok::<(), trommel::PathError>(())
/// ```
///
/// Memory does not grow with the number of documents. It is bounded in the number of paths too:
/// [`MOST_PATHS`](Inference::MOST_PATHS) at most, those of objects and arrays among them, and none that is longer than
/// a filter may name by default (the limits `path` and `path_keys`). Where something was left out, the comment of the
/// schema says so; of a path that is not listed nothing is known.
///
/// Cost: linear in the document. No recursion, whatever is nested.
#[derive(Clone, Debug)]
pub struct Inference {
    /// The paths as a tree of keys; the first is the document itself.
    nodes: Vec<Node>,
    documents: u64,
    /// A path was left out because there were too many.
    is_crowded: bool,
    /// A path was left out because it was too long.
    is_too_deep: bool,
    deepest: usize,
    longest: usize,
}

/// What is known of one path.
#[derive(Clone, Debug, Default)]
struct Node {
    children: HashMap<Box<str>, u32>,
    /// The number of keys that lead here.
    depth: usize,
    /// The bytes of those keys, and of the dots between them.
    bytes: usize,
    /// In some document an array stood here.
    has_array: bool,
    /// In how many documents something was here that is not null.
    present: u64,
    /// The last of these, by its number: an array may hold the field many times.
    last: u64,
    kinds: Kinds,
    samples: Vec<String>,
}

const ROOT: u32 = 0;
/// How many values a comment shows.
const SAMPLES: usize = 3;
/// How many characters of a string it shows.
const SAMPLE_CHARS: usize = 32;

impl Default for Inference {
    fn default() -> Inference {
        Inference::new()
    }
}

impl Inference {
    /// So many paths are followed, those of objects and arrays among them. What comes after them is left out.
    pub const MOST_PATHS: usize = 10_000;

    /// Nothing was seen yet.
    #[must_use]
    pub fn new() -> Inference {
        let limits = Limits::default();
        Inference {
            nodes: vec![Node::default()],
            documents: 0,
            is_crowded: false,
            is_too_deep: false,
            deepest: limits.get(Limit::PathKeys),
            longest: limits.get(Limit::Path),
        }
    }

    /// Looks at a document.
    pub fn observe(&mut self, document: &Json) {
        self.documents += 1;
        let mut stack = vec![(document, ROOT)];
        while let Some((value, node)) = stack.pop() {
            let Json::Array(elements) = value else {
                self.look_at(value, node, &mut stack);
                continue;
            };
            self.node(node).has_array = true;
            // P3: the elements are the values here, one level deep.
            elements.iter().for_each(|element| self.look_at(element, node, &mut stack));
        }
    }

    /// Looks at a value of a path, and leaves what lies below it for later.
    fn look_at<'d>(&mut self, value: &'d Json, node: u32, stack: &mut Vec<(&'d Json, u32)>) {
        let kind = match value {
            Json::Null => return,
            // P2: an array directly inside an array is not entered.
            Json::Array(_) => return self.note(node, Kinds::OTHER),
            Json::Object(members) => {
                for (key, member) in members {
                    if let Some(child) = self.child(node, key) {
                        stack.push((member, child));
                    }
                }
                return self.note(node, Kinds::OTHER);
            }
            Json::Bool(_) => Kinds::BOOLEAN,
            Json::Number(number) if number.is_f64() => Kinds::FLOAT,
            Json::Number(_) => Kinds::INTEGER,
            // Where there are other strings already, one more instant changes nothing.
            Json::String(_) if self.node(node).kinds.has(Kinds::TEXT) => Kinds::TEXT,
            Json::String(string) if Instant::parse(string).is_some() => Kinds::INSTANT,
            Json::String(_) => Kinds::TEXT,
        };
        self.note(node, kind);
        let samples = &mut self.node(node).samples;
        if samples.len() < SAMPLES {
            let sample = sample(value);
            if !samples.contains(&sample) {
                samples.push(sample);
            }
        }
    }

    /// Notes that something is there that is not null.
    fn note(&mut self, node: u32, kind: Kinds) {
        let document = self.documents;
        let node = self.node(node);
        node.kinds.0 |= kind.0;
        node.present += u64::from(node.last != document);
        node.last = document;
    }

    fn node(&mut self, node: u32) -> &mut Node {
        // INVARIANT: nodes are numbered as they are pushed, and none is removed.
        &mut self.nodes[node as usize]
    }

    /// The node of a member, made if there is none yet and there is room.
    fn child(&mut self, node: u32, key: &str) -> Option<u32> {
        let next = self.nodes.len();
        let (deepest, longest) = (self.deepest, self.longest);
        let parent = self.node(node);
        if let Some(child) = parent.children.get(key) {
            return Some(*child);
        }
        let depth = parent.depth + 1;
        let bytes = parent.bytes + key.len() + usize::from(parent.depth > 0);
        if depth > deepest || bytes > longest {
            self.is_too_deep = true;
            return None;
        }
        // The root is a node, and no path.
        if next > Inference::MOST_PATHS {
            self.is_crowded = true;
            return None;
        }
        let child = next as u32;
        parent.children.insert(key.into(), child);
        self.nodes.push(Node { depth, bytes, ..Node::default() });
        Some(child)
    }

    /// The schema of the documents seen so far.
    #[must_use]
    pub fn schema(&self) -> Schema {
        let mut fields = BTreeMap::new();
        let mut stack: Vec<(u32, Vec<&str>, bool)> = vec![(ROOT, Vec::new(), false)];
        while let Some((at, keys, is_below_array)) = stack.pop() {
            let node = &self.nodes[at as usize];
            // T1: a field is `many` if it is, or lies below, an array; what is below is known only now.
            let many = is_below_array || node.has_array;
            for (key, child) in &node.children {
                let mut keys = keys.clone();
                keys.push(key);
                stack.push((*child, keys, many));
            }
            let optional = node.present < self.documents;
            if let (Some(ty), Some(path)) = (node.kinds.ty(), Path::from_keys(keys)) {
                let facts = Facts { ty, many, optional };
                fields.insert(path, Known { facts, operators: None, comment: Some(node.comment()) });
            }
        }
        Schema { closed: false, fields, comment: Some(self.comment()) }
    }

    fn comment(&self) -> String {
        let mut comment = match self.documents {
            1 => "inferred from 1 document".to_owned(),
            count => format!("inferred from {count} documents"),
        };
        if self.is_crowded {
            comment
                .push_str(&format!("; there are more than {} paths, and the rest is left out", Inference::MOST_PATHS));
        }
        if self.is_too_deep {
            let (keys, bytes) = (self.deepest, self.longest);
            comment.push_str(&format!("; paths of more than {keys} keys or {bytes} bytes are left out"));
        }
        comment
    }
}

impl Schema {
    /// The open schema of these documents, with what they all keep as promises: see [`Inference`].
    ///
    /// ```
    /// use serde_json::json;
    /// use trommel::Schema;
    ///
    /// let documents = [json!({"year": 1999}), json!({"year": [2001, 2002]})];
    /// let schema = Schema::infer(&documents);
    /// assert!(documents.iter().all(|document| schema.verify(document).is_empty()));
    /// ```
    #[must_use]
    pub fn infer<'d>(documents: impl IntoIterator<Item = &'d Json>) -> Schema {
        let mut inference = Inference::new();
        documents.into_iter().for_each(|document| inference.observe(document));
        inference.schema()
    }
}

impl Node {
    fn comment(&self) -> String {
        let samples = self.samples.join(", ");
        match self.kinds.ty() {
            Some(Type::Any) => format!("{}, such as {samples}", self.kinds.words()),
            _ => format!("such as {samples}"),
        }
    }
}

/// The kinds of values that were found at a path, as bits.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Kinds(u8);

impl Kinds {
    const BOOLEAN: Kinds = Kinds(1);
    const INTEGER: Kinds = Kinds(1 << 1);
    const FLOAT: Kinds = Kinds(1 << 2);
    const INSTANT: Kinds = Kinds(1 << 3);
    const TEXT: Kinds = Kinds(1 << 4);
    /// Objects, and arrays inside arrays: not null, and no scalar.
    const OTHER: Kinds = Kinds(1 << 5);

    fn has(self, kind: Kinds) -> bool {
        self.0 & kind.0 != 0
    }

    /// The type of the scalars; `None` if there are none.
    fn ty(self) -> Option<Type> {
        let strings = Kinds(Kinds::INSTANT.0 | Kinds::TEXT.0);
        match Kinds(self.0 & !Kinds::OTHER.0) {
            Kinds(0) => None,
            Kinds::BOOLEAN => Some(Type::Boolean),
            Kinds::INTEGER => Some(Type::Integer),
            Kinds(numbers) if numbers & !(Kinds::INTEGER.0 | Kinds::FLOAT.0) == 0 => Some(Type::Number),
            // Not beside objects: this is the one type that changes answers (T3), so every value has to be an instant.
            Kinds::INSTANT if !self.has(Kinds::OTHER) => Some(Type::Datetime),
            Kinds(found) if found & !strings.0 == 0 => Some(Type::String),
            Kinds(_) => Some(Type::Any),
        }
    }

    /// `booleans and strings`.
    fn words(self) -> String {
        let numbers = Kinds(Kinds::INTEGER.0 | Kinds::FLOAT.0);
        let strings = Kinds(Kinds::INSTANT.0 | Kinds::TEXT.0);
        let names = [(Kinds::BOOLEAN, "booleans"), (numbers, "numbers"), (strings, "strings")];
        let found = names.iter().filter(|(kind, _)| self.has(*kind)).map(|(_, name)| *name);
        found.collect::<Vec<_>>().join(" and ")
    }
}

/// A scalar as a comment shows it: JSON, a long string cut, control characters escaped.
fn sample(value: &Json) -> String {
    let Json::String(string) = value else { return value.to_string() };
    let (shown, is_cut) = match string.char_indices().nth(SAMPLE_CHARS) {
        Some((end, _)) => (&string[..end], true),
        None => (&**string, false),
    };
    let mut sample = String::new();
    // INVARIANT: writing to a `String` never fails.
    let _ = write_json_string(&mut sample, shown);
    if is_cut {
        sample.insert(sample.len() - 1, '…');
    }
    visible(&sample)
}
