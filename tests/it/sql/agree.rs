//! Many generated filters in each storage of each database. `scripts/sql-agree` asks more of them.

use serde_json::{Map, Value as Json, json};
use trommel::Path;
use trommel::conformance::Subject;

use super::super::agree::{DOCUMENTS, agree};
use super::database::Database;
use super::store::{Storage, Store};

/// How many filters all storages of a database are asked together: `TROMMEL_SQL_FILTERS`.
fn filters() -> usize {
    std::env::var("TROMMEL_SQL_FILTERS").ok().and_then(|count| count.parse().ok()).unwrap_or(4_000)
}

/// The same documents, such that each of their fields can be in a typed column or a join table: its values are of one
/// type, and either none has an array or there is one wherever there is something.
pub(crate) fn columnar(documents: Vec<Json>) -> Vec<Json> {
    documents.iter().map(column_by_column).collect()
}

fn column_by_column(document: &Json) -> Json {
    let mut fields = Map::new();
    for key in document.as_object().into_iter().flat_map(Map::keys) {
        // What a field holds depends on its name alone.
        let kind = key.bytes().fold(key.len(), |sum, byte| sum.wrapping_mul(31) + usize::from(byte));
        let below = Path::from_keys([key.as_str(), "b"]).unwrap();
        let of_key = Path::from_keys([key.as_str()]).unwrap();
        let path = if kind % 3 == 0 { &below } else { &of_key };
        let mut values: Vec<Json> = path.values(document).filter(|value| fits(kind, value)).cloned().collect();
        let value = match kind % 2 {
            _ if values.is_empty() => continue,
            0 => Json::Array(values),
            _ => values.swap_remove(0),
        };
        fields.insert(key.clone(), if kind % 3 == 0 { json!({"b": value}) } else { value });
    }
    Json::Object(fields)
}

fn fits(kind: usize, value: &Json) -> bool {
    match kind / 6 % 4 {
        0 | 1 => value.is_string(),
        2 => value.is_number(),
        _ => value.is_i64() || (kind % 2 == 1 && value.is_boolean()),
    }
}

/// One storage of a database: the share of all filters, in quarters, that it is asked.
fn of_storage(database: Box<dyn Database>, storage: Storage, quarters: usize) {
    let mut store = Store::new(database, storage);
    let filters = filters() * quarters / 4;
    match storage {
        Storage::Columns | Storage::Mixed => agree(&mut store, filters, storage as u8, columnar),
        _ => agree(&mut store, filters, storage as u8, |documents| documents),
    }
    let tally = store.tally;
    println!("{} {storage:?}: {tally:?}", store.name());
    assert!(tally.rows > filters * DOCUMENTS, "most documents were not in the database: {tally:?}");
}

fn in_json(open: fn() -> Box<dyn Database>) {
    of_storage(open(), Storage::Json, 1);
}

fn in_columns(open: fn() -> Box<dyn Database>) {
    of_storage(open(), Storage::Columns, 2);
}

fn in_both(open: fn() -> Box<dyn Database>) {
    of_storage(open(), Storage::Mixed, 1);
}

on_each_database!(in_json, in_columns, in_both);
