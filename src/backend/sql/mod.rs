//! SQL: conditions and whole statements with bound values.
//!
//! A [`Mapping`] says where the fields are; a [`Dialect`] says how its database asks. What the database cannot say
//! exactly is left as a residual, as with any [`Backend`].
//!
//! ```
//! use trommel::{Schema, Sql, lower, parse};
//! use trommel::backend::sql::{Column, Mapping};
//!
//! let status = Column::new("status", trommel::Type::String).binary();
//! let mapping = Mapping::new("objects", "object_id")?.column("status", status)?;
//! let predicate = Schema::open().check(&parse::json(r#"{"status": "pending"}"#)?)?;
//! let query = lower(&Sql::sqlite(mapping), &predicate)?.into_exact()?;
//!
//! let (text, values) = query.where_clause();
//! assert_eq!(text, r#""objects"."status" = ?"#);
//! assert_eq!(values.0, ["pending".into()]);
//!
//! let (text, _) = query.select_ids();
//! assert_eq!(text, r#"SELECT "objects"."object_id" FROM "objects" WHERE "objects"."status" = ?"#);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod dialect;
mod fragment;
mod leaf;
mod mapping;
mod mysql;
mod operand;
mod postgres;
mod query;
mod regexes;
pub(crate) mod sqlite;

use std::sync::Arc;

pub use self::dialect::{Bounds, Dialect, FieldTest, JsonField, Kind, Scalar, ScalarTest, Syntax};
pub use self::fragment::Fragment;
use self::fragment::sql;
pub use self::mapping::{Column, Mapping};
pub use self::mysql::Mysql;
pub use self::postgres::Postgres;
use self::query::Context;
pub use self::query::Query;
pub use self::sqlite::Sqlite;
use crate::error::Error;
use crate::lower::{Backend, Cover};
use crate::predicate::{Join, Leaf};

/// A database that is asked in SQL.
///
/// Two-valued throughout: what is NULL, missing, or of another type is no match, and the complement of that is one. No
/// word of a client is ever in the text; values are bound, names come from the mapping, and paths are quoted literals.
#[derive(Clone, Debug)]
pub struct Sql {
    dialect: Arc<dyn Dialect>,
    mapping: Arc<Mapping>,
    context: Arc<Context>,
    /// The listed columns, by their indexes.
    columns: Vec<MappedColumn>,
    json: Option<Fragment>,
}

/// A listed column in SQL.
#[derive(Clone, Debug)]
struct MappedColumn {
    /// With its table.
    sql: Fragment,
    /// `SELECT key FROM table`, for a join table.
    within: Option<Fragment>,
}

impl Sql {
    /// SQLite, from 3.47 on, in a database with the encoding UTF-8: a column of instants is RFC 3339 text, one of booleans 0
    /// and 1.
    #[must_use]
    pub fn sqlite(mapping: Mapping) -> Sql {
        Sql::new(Sqlite, mapping)
    }

    /// PostgreSQL, from 14 on: a JSON column is `jsonb`, a column of instants `timestamptz`, one of numbers
    /// `double precision`.
    #[must_use]
    pub fn postgres(mapping: Mapping) -> Sql {
        Sql::new(Postgres, mapping)
    }

    /// MariaDB, from 10.11 on: text is `utf8mb4`, a column of instants `datetime(6)` in UTC, one of numbers `double`.
    #[must_use]
    pub fn mariadb(mapping: Mapping) -> Sql {
        Sql::new(Mysql::mariadb(), mapping)
    }

    /// Oracle's MySQL, from 8.0.29 on. It is sent the forms that were proved on MariaDB, in its words; no server of it was
    /// asked, so hold its answers against the reference before you rely on them.
    #[must_use]
    pub fn mysql(mapping: Mapping) -> Sql {
        Sql::new(Mysql::oracle(), mapping)
    }

    /// A database of any dialect, ours or yours.
    pub fn new(dialect: impl Dialect + 'static, mapping: Mapping) -> Sql {
        let syntax = dialect.syntax();
        let name = |name: &str| Fragment::name(syntax, name);
        let within = |table: &str, column: &str| {
            Fragment::quoted(&format!("{}.{}", syntax.quoted(table), syntax.quoted(column)))
        };
        let id = within(mapping.table(), mapping.id());
        let columns = mapping.columns().map(|(_, column)| match column.join() {
            None => MappedColumn { sql: within(mapping.table(), column.name()), within: None },
            Some(join) => {
                let key = within(&join.table, &join.key);
                let select = sql!["SELECT ", key, " FROM ", name(&join.table)];
                MappedColumn { sql: within(&join.table, column.name()), within: Some(select) }
            }
        });
        let columns = columns.collect();
        let json = mapping.json_column().map(|column| within(mapping.table(), column));
        let context = Context { syntax, bounds: dialect.bounds(), table: name(mapping.table()), id };
        Sql { dialect: Arc::new(dialect), mapping: Arc::new(mapping), context: Arc::new(context), columns, json }
    }

    /// Where the fields are.
    #[must_use]
    pub fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// The oldest server that the answers were proved on.
    #[must_use]
    pub fn server(&self) -> &str {
        self.dialect.server()
    }

    /// A condition that every row meets: what is pushed where nothing can be.
    #[must_use]
    pub fn everything(&self) -> Query {
        Query::constant(&self.context, true)
    }
}

impl Backend for Sql {
    type Output = Query;
    type Error = Error;

    fn name(&self) -> &str {
        self.dialect.name()
    }

    /// # Errors
    /// `unknown_field` for a path that the mapping has nothing for; `operand_type` for a datetime column whose field is
    /// none in the schema.
    fn leaf(&self, leaf: &Leaf) -> Result<Cover<Query>, Error> {
        self.lower_leaf(leaf)
    }

    fn join(&self, how: Join, parts: Vec<Query>) -> Result<Cover<Query>, Error> {
        Ok(Query::join(&self.context, how, parts))
    }
}
