//! What is pushed to a database: a small tree of fragments, and the texts that it is written as.

use std::cmp::Reverse;
use std::fmt;
use std::sync::Arc;

use sea_query::{Condition, Values};

use super::dialect::{Bounds, Syntax};
use super::fragment::{ExprSink, Fragment, Sink, Writer};
use crate::lower::{Cover, Why};
use crate::predicate::Join;

/// What a predicate became in SQL: a condition with bound values, and whole statements.
///
/// It stands in a WHERE, where NULL is taken for false; it is not for use under a NOT of yours. Columns are written
/// with the table's name. Values are never in the text.
#[derive(Clone, Debug)]
pub struct Query {
    node: Node,
    context: Arc<Context>,
}

/// What all queries of one mapping and dialect share.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) syntax: Syntax,
    pub(super) bounds: Bounds,
    /// Quoted.
    pub(super) table: Fragment,
    /// Quoted, with its table.
    pub(super) id: Fragment,
}

/// A tree whose height is bounded by [`Bounds::height`], so that it may be dropped and cloned recursively.
#[derive(Clone, Debug)]
struct Node {
    kind: Kind,
    /// Levels of the expression that a database's parser makes of it.
    height: u32,
    binds: usize,
    /// Bytes of text.
    size: usize,
    /// How many ids are looked for in a select.
    withins: usize,
}

#[derive(Clone, Debug)]
enum Kind {
    Leaf(Fragment),
    /// The id is one of this select.
    Within(Fragment),
    Group(Join, Vec<Node>),
}

/// The levels that one leaf may take: the largest forms take about 40.
const LEAF_HEIGHT: u32 = 50;

/// From so many on, PostgreSQL is asked for ids as arrays: it plans joins of so many selects in exponential time.
const MANY_WITHINS: usize = 8;

/// A group of more members is written as a tree of such groups: databases nest a flat one a level for each member.
const WIDTH: usize = 16;

impl Query {
    pub(super) fn leaf(context: &Arc<Context>, fragment: Fragment) -> Query {
        let (binds, size) = (fragment.binds(), fragment.size());
        let node = Node { kind: Kind::Leaf(fragment), height: LEAF_HEIGHT, binds, size, withins: 0 };
        Query { node, context: context.clone() }
    }

    /// The rows whose id is one of a select.
    pub(super) fn within(context: &Arc<Context>, select: Fragment) -> Query {
        let (binds, size) = (select.binds(), select.size() + context.id.size() + 16);
        let node = Node { kind: Kind::Within(select), height: LEAF_HEIGHT, binds, size, withins: 1 };
        Query { node, context: context.clone() }
    }

    /// Every row, or none.
    pub(super) fn constant(context: &Arc<Context>, every: bool) -> Query {
        Query::group(context, if every { Join::All } else { Join::Any }, Vec::new())
    }

    fn group(context: &Arc<Context>, join: Join, nodes: Vec<Node>) -> Query {
        let node = match <[Node; 1]>::try_from(nodes) {
            Ok([one]) => one,
            Err(nodes) => Node {
                height: nodes.iter().map(|node| node.height).max().unwrap_or(LEAF_HEIGHT) + levels(nodes.len()),
                binds: nodes.iter().map(|node| node.binds).sum(),
                size: nodes.iter().map(|node| node.size + 6).sum(),
                withins: nodes.iter().map(|node| node.withins).sum(),
                kind: Kind::Group(join, nodes),
            },
        };
        Query { node, context: context.clone() }
    }

    /// A group, unless the database could not hold it: then what can be held of an AND, and nothing of an OR.
    pub(super) fn join(context: &Arc<Context>, join: Join, parts: Vec<Query>) -> Cover<Query> {
        let mut nodes: Vec<Node> = parts.into_iter().map(|part| part.node).collect();
        let Bounds { binds: most_binds, height: deepest, text: most_text } = context.bounds;
        if nodes.iter().any(|node| node.height + levels(nodes.len()) > deepest) {
            return Cover::Unsupported(Why::new(
                "too_deep",
                "the groups are nested more deeply than the database reads",
            ));
        }
        let (mut binds, mut size, mut why) = (0, 0, None);
        let mut fits = |node: &Node| {
            (binds, size) = (binds + node.binds, size + node.size);
            if binds > most_binds {
                why = Some(Why::new("too_many_values", format!("a statement takes {most_binds} bound values")));
            } else if size > most_text {
                why = Some(Why::new(
                    "too_long",
                    format!("a statement of more than {most_text} bytes takes too long to read"),
                ));
            }
            why.is_none()
        };
        let fitting = nodes.iter().take_while(|node| fits(node)).count();
        if let Some(why) = &why
            && (join == Join::Any || fitting == 0)
        {
            return Cover::Unsupported(why.clone());
        }
        nodes.truncate(fitting);
        // The deepest child first: a parser with a stack of its own needs less of it so.
        nodes.sort_by_key(|node| Reverse(node.height));
        let query = Query::group(context, join, nodes);
        match why {
            None => Cover::Exact(query),
            Some(why) => Cover::Superset(query, why),
        }
    }

    /// How many values are bound.
    #[must_use]
    pub fn bind_count(&self) -> usize {
        self.node.binds
    }

    /// The condition alone, without the word WHERE, and its values in the order of their placeholders.
    ///
    /// Cost: linear in the leaves and the text.
    #[must_use]
    pub fn where_clause(&self) -> (String, Values) {
        self.written(|_| {}, "")
    }

    /// `SELECT count(*)` of the rows that match.
    #[must_use]
    pub fn select_count(&self) -> (String, Values) {
        self.statement(|writer, _| writer.text("SELECT count(*)"), "")
    }

    /// `SELECT` of the ids of the rows that match, in no order.
    #[must_use]
    pub fn select_ids(&self) -> (String, Values) {
        let select = |writer: &mut Writer, context: &Context| {
            writer.text("SELECT ");
            writer.fragment(&context.id);
        };
        self.statement(select, "")
    }

    /// `SELECT EXISTS`: whether some row matches.
    #[must_use]
    pub fn select_exists(&self) -> (String, Values) {
        self.statement(|writer, _| writer.text("SELECT EXISTS (SELECT 1"), ")")
    }

    /// The condition for a statement that is made with sea-query, by the builder of the same database.
    ///
    /// Cost: linear in the leaves and the text, whatever the shape: it is one node of sea-query's tree.
    #[must_use]
    pub fn condition(&self) -> Condition {
        let mut sink = ExprSink::new();
        self.write(&mut sink);
        Condition::all().add(sink.finish(self.context.syntax))
    }

    fn statement(&self, select: impl FnOnce(&mut Writer, &Context), end: &str) -> (String, Values) {
        let before = |writer: &mut Writer| {
            select(writer, &self.context);
            writer.text(" FROM ");
            writer.fragment(&self.context.table);
            writer.text(" WHERE ");
        };
        self.written(before, end)
    }

    fn written(&self, before: impl FnOnce(&mut Writer), end: &str) -> (String, Values) {
        let mut writer = Writer::new(self.context.syntax, self.node.size + 100, self.node.binds);
        before(&mut writer);
        self.write(&mut writer);
        writer.text(end);
        writer.finish()
    }

    /// Writes the condition, without recursion.
    fn write(&self, sink: &mut impl Sink) {
        enum Next<'n> {
            Node(&'n Node),
            Members(Join, &'n [Node]),
            Text(&'static str),
        }
        let (before, after) = match self.context.syntax {
            Syntax::Postgres if self.node.withins >= MANY_WITHINS => (" = ANY(ARRAY(", "))"),
            Syntax::Sqlite | Syntax::Postgres | Syntax::Mysql => (" IN (", ")"),
        };
        let mut stack = vec![Next::Node(&self.node)];
        while let Some(next) = stack.pop() {
            let (join, members) = match next {
                Next::Text(text) => {
                    sink.text(text);
                    continue;
                }
                Next::Node(Node { kind: Kind::Leaf(fragment), .. }) => {
                    sink.fragment(fragment);
                    continue;
                }
                Next::Node(Node { kind: Kind::Within(select), .. }) => {
                    sink.fragment(&self.context.id);
                    sink.text(before);
                    sink.fragment(select);
                    sink.text(after);
                    continue;
                }
                Next::Node(Node { kind: Kind::Group(join, members), .. }) => (*join, &members[..]),
                Next::Members(_, [one]) => {
                    stack.push(Next::Node(one));
                    continue;
                }
                Next::Members(join, members) => (join, members),
            };
            if members.is_empty() {
                sink.text(if join == Join::All { "TRUE" } else { "FALSE" });
                continue;
            }
            sink.text("(");
            stack.push(Next::Text(")"));
            // What comes first goes onto the stack last.
            let of_each = members.len().div_ceil(WIDTH);
            for at in (0..members.len().div_ceil(of_each)).rev() {
                let chunk = &members[at * of_each..members.len().min((at + 1) * of_each)];
                stack.push(Next::Members(join, chunk));
                if at > 0 {
                    stack.push(Next::Text(if join == Join::All { " AND " } else { " OR " }));
                }
            }
        }
    }
}

/// The levels that a group adds.
fn levels(members: usize) -> u32 {
    let mut levels = 0;
    let mut left = members;
    while left > 1 {
        levels += left.min(WIDTH) as u32;
        left = left.div_ceil(WIDTH);
    }
    levels
}

impl fmt::Display for Query {
    /// The condition with placeholders, without its values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.where_clause().0)
    }
}
