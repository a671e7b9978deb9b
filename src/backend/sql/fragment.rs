//! SQL text with its values apart. The text is made of parts that are constants of this program or names and paths that
//! were quoted here, so that no client's words get into it: the types leave no other way.

use std::sync::Arc;

use sea_query::{Expr, Value, Values};

use super::dialect::Syntax;

/// A part of an SQL expression. It stands under AND and OR as it is; where it holds either, it has its parentheses.
///
/// ```
/// use trommel::backend::sql::Fragment;
///
/// let even = Fragment::from("n % 2 = ").bind(0_i64).text(" AND n < ").bind(9_i64);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Fragment(Vec<Piece>);

#[derive(Clone, Debug)]
enum Piece {
    Text(&'static str),
    /// A quoted name or literal.
    Quoted(Arc<str>),
    Value(Value),
}

impl Fragment {
    /// Adds text. It is a constant of the program: nothing that a client sent can stand here.
    #[must_use]
    pub fn text(mut self, text: &'static str) -> Fragment {
        self.0.push(Piece::Text(text));
        self
    }

    /// Adds a bound value.
    #[must_use]
    pub fn bind(mut self, value: impl Into<Value>) -> Fragment {
        self.0.push(Piece::Value(value.into()));
        self
    }

    /// Adds all of another fragment.
    #[must_use]
    pub fn then(mut self, other: &Fragment) -> Fragment {
        self.0.extend_from_slice(&other.0);
        self
    }

    /// A name in its quotes.
    #[must_use]
    pub fn name(syntax: Syntax, name: &str) -> Fragment {
        Fragment::quoted(&syntax.quoted(name))
    }

    /// A string literal of standard SQL: in single quotes, which are doubled inside. For what cannot be bound, such
    /// as a path that an expression index is on. It may not hold U+0000.
    #[must_use]
    pub fn literal(text: &str) -> Fragment {
        Fragment::quoted(&format!("'{}'", text.replace('\'', "''")))
    }

    pub(super) fn quoted(text: &str) -> Fragment {
        Fragment(vec![Piece::Quoted(text.into())])
    }

    /// How many values are bound.
    pub(super) fn binds(&self) -> usize {
        self.0.iter().filter(|piece| matches!(piece, Piece::Value(_))).count()
    }

    /// About how many bytes of text it takes.
    pub(super) fn size(&self) -> usize {
        let size = |piece: &Piece| match piece {
            Piece::Text(text) => text.len(),
            Piece::Quoted(text) => text.len(),
            Piece::Value(_) => 1,
        };
        self.0.iter().map(size).sum()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<&'static str> for Fragment {
    fn from(text: &'static str) -> Fragment {
        Fragment(vec![Piece::Text(text)])
    }
}

/// What a fragment is put together from by [`sql!`].
pub(super) trait Part {
    fn add_to(self, fragment: &mut Fragment);
}

impl Part for &'static str {
    fn add_to(self, fragment: &mut Fragment) {
        if !self.is_empty() {
            fragment.0.push(Piece::Text(self));
        }
    }
}

impl Part for &Fragment {
    fn add_to(self, fragment: &mut Fragment) {
        fragment.0.extend_from_slice(&self.0);
    }
}

impl Part for Fragment {
    fn add_to(mut self, fragment: &mut Fragment) {
        fragment.0.append(&mut self.0);
    }
}

/// A bound value as a part.
pub(super) struct Bind<T>(pub(super) T);

impl<T: Into<Value>> Part for Bind<T> {
    fn add_to(self, fragment: &mut Fragment) {
        fragment.0.push(Piece::Value(self.0.into()));
    }
}

/// A fragment of parts in order: text, fragments, and values in [`Bind`].
macro_rules! sql {
    ($($part:expr),* $(,)?) => {{
        let mut fragment = $crate::backend::sql::fragment::Fragment::default();
        $($crate::backend::sql::fragment::Part::add_to($part, &mut fragment);)*
        fragment
    }};
}
pub(super) use sql;

/// Fragments with a text between each two.
pub(super) fn joined(parts: impl IntoIterator<Item = Fragment>, between: &'static str) -> Fragment {
    let mut joined = Fragment::default();
    for part in parts {
        if !joined.is_empty() {
            joined.0.push(Piece::Text(between));
        }
        part.add_to(&mut joined);
    }
    joined
}

/// Where fragments go in the end.
pub(super) trait Sink {
    fn text(&mut self, text: &str);
    fn value(&mut self, value: &Value);

    fn fragment(&mut self, fragment: &Fragment) {
        for piece in &fragment.0 {
            match piece {
                Piece::Text(text) => self.text(text),
                Piece::Quoted(text) => self.text(text),
                Piece::Value(value) => self.value(value),
            }
        }
    }
}

/// One text with placeholders, and the values in their order.
pub(super) struct Writer {
    syntax: Syntax,
    sql: String,
    values: Vec<Value>,
}

impl Writer {
    pub(super) fn new(syntax: Syntax, size: usize, binds: usize) -> Writer {
        Writer { syntax, sql: String::with_capacity(size), values: Vec::with_capacity(binds) }
    }

    pub(super) fn finish(self) -> (String, Values) {
        (self.sql, Values(self.values))
    }
}

impl Sink for Writer {
    fn text(&mut self, text: &str) {
        self.sql.push_str(text);
    }

    fn value(&mut self, value: &Value) {
        self.values.push(value.clone());
        match self.syntax {
            Syntax::Sqlite | Syntax::Mysql => self.sql.push('?'),
            Syntax::Postgres => {
                self.sql.push('$');
                self.sql.push_str(&self.values.len().to_string());
            }
        }
    }
}

/// An expression of sea-query: one flat node, since its own AND and OR nest one level for each member, which overflows
/// the stack where it is rendered or dropped. Text stands in nodes of its own, so that the template holds placeholders
/// alone and nothing that could be taken for one.
pub(super) struct ExprSink {
    text: String,
    parts: Vec<Expr>,
}

impl ExprSink {
    pub(super) fn new() -> ExprSink {
        ExprSink { text: String::new(), parts: Vec::new() }
    }

    fn flush(&mut self) {
        if !self.text.is_empty() {
            self.parts.push(Expr::cust(std::mem::take(&mut self.text)));
        }
    }

    pub(super) fn finish(mut self, syntax: Syntax) -> Expr {
        self.flush();
        let template = match syntax {
            Syntax::Sqlite | Syntax::Mysql => vec!["?"; self.parts.len()].join(" "),
            Syntax::Postgres => (1..=self.parts.len()).map(|at| format!("${at}")).collect::<Vec<_>>().join(" "),
        };
        Expr::cust_with_exprs(template, self.parts)
    }
}

impl Sink for ExprSink {
    fn text(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn value(&mut self, value: &Value) {
        self.flush();
        self.parts.push(Expr::Value(value.clone()));
    }
}
