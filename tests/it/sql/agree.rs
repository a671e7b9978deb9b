//! Many generated filters in each storage of each database. `scripts/agree` asks more of them.

use serde_json::Value as Json;
use trommel::conformance::Subject;

use super::super::agree::{DOCUMENTS, agree, one_type_a_field};
use super::database::Database;
use super::store::{Storage, Store};

/// How many filters all storages of a database are asked together.
const FILTERS: usize = 4_000;

/// The same documents, such that each of their fields can be in a typed column or a join table.
pub(crate) fn columnar(documents: Vec<Json>) -> Vec<Json> {
    one_type_a_field(documents, fits)
}

/// The same documents without arrays, so that each field is single: of an array its first element is left.
pub(crate) fn single(documents: Vec<Json>) -> Vec<Json> {
    fn one(value: Json) -> Json {
        match value {
            Json::Array(elements) => elements.into_iter().next().map_or(Json::Null, one),
            Json::Object(members) => {
                Json::Object(members.into_iter().map(|(key, member)| (key, one(member))).collect())
            }
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => value,
        }
    }
    documents.into_iter().map(one).collect()
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
    let filters = FILTERS * quarters / 4;
    match storage {
        Storage::Columns | Storage::Mixed => agree(&mut store, filters, storage as u8, columnar),
        Storage::Generated => agree(&mut store, filters, storage as u8, single),
        Storage::Json | Storage::ValidJson => agree(&mut store, filters, storage as u8, |documents| documents),
    }
    let tally = store.tally;
    println!("{} {storage:?}: {tally:?}", store.name());
    assert!(storage != Storage::Generated || tally.generated * 4 > filters, "{tally:?}");
    assert!(tally.rows > filters * DOCUMENTS, "most documents were not in the database: {tally:?}");
}

fn in_json(open: fn() -> Box<dyn Database>) {
    of_storage(open(), Storage::Json, 1);
}

fn in_generated(open: fn() -> Box<dyn Database>) {
    of_storage(open(), Storage::Generated, 1);
}

fn in_columns(open: fn() -> Box<dyn Database>) {
    of_storage(open(), Storage::Columns, 1);
}

fn in_both(open: fn() -> Box<dyn Database>) {
    of_storage(open(), Storage::Mixed, 1);
}

on_each_database!(in_json, in_generated, in_columns, in_both);
