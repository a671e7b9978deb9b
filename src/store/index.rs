//! Expression indexes on chosen paths.

use rusqlite::{Connection, TransactionBehavior};

use super::{Store, sqlite};
use crate::backend::sql::sqlite::index_expressions;
use crate::error::Error;
use crate::path::Path;

/// A number that tells texts apart that differ in letter case alone (FNV-1a), the same in each process.
fn letters(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

/// What SQLite knows of the indexes decides which it takes. Without a limit, as with one it does not tell values that are rare,
/// such as an array where there is nearly always a string, from those that are not.
const ANALYZE: &str = "PRAGMA analysis_limit = 0; ANALYZE";

/// The same for tables that have grown much since. Everything is committed by then; a look at the indexes that fails makes later
/// questions slower, not wrong.
pub(super) fn analyze_if_needed(connection: &Connection) {
    // 2: nothing else, and without the limit that it would set.
    let _ = connection.execute_batch("PRAGMA analysis_limit = 0; PRAGMA optimize(2)");
}

impl Store {
    /// Makes the indexes that conditions on a path can be answered by, over the objects of each bucket and the documents of each
    /// collection. What is there already is left. Gives how many were made.
    ///
    /// Cost: a pass over everything for each index. Each makes every import slower.
    ///
    /// # Errors
    /// `unsupported` for a path that SQLite cannot name; `database`.
    pub fn index(&mut self, paths: &[Path]) -> Result<usize, Error> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sqlite)?;
        let count = "SELECT count(*) FROM sqlite_schema WHERE type = 'index'";
        let count = || transaction.query_row(count, (), |row| row.get::<_, i64>(0)).map_err(sqlite);
        let before = count()?;
        for path in paths {
            for expression in index_expressions(path)? {
                for (table, parent) in [("objects", "bucket"), ("documents", "collection")] {
                    // Names of indexes ignore letter case, and keys do not.
                    let name = format!("{table}: {expression} #{:x}", letters(&expression)).replace('"', "\"\"");
                    // The expression first: SQLite answers an OR by several indexes only if each serves its own member,
                    // which says nothing of the bucket.
                    let sql = format!("CREATE INDEX IF NOT EXISTS \"{name}\" ON {table} ({expression}, {parent})");
                    transaction.execute_batch(&sql).map_err(sqlite)?;
                }
            }
        }
        let made = count()? - before;
        transaction.execute_batch(ANALYZE).map_err(sqlite)?;
        transaction.commit().map_err(sqlite)?;
        Ok(usize::try_from(made).unwrap_or(0))
    }
}
