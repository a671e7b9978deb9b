//! Values of one type and operands of another that a database could take for it: booleans and 0 or 1, numbers and their
//! digits, arrays and objects and their text.

use serde_json::{Value as Json, json};
use trommel::backend::sql::Mapping;
use trommel::{Field, Matcher, Schema, Type, lower, parse};

use super::database::{Database, Holds};

on_each_database!(a_value_of_another_type_is_no_match);

fn values() -> Vec<Json> {
    vec![
        json!(null),
        json!(true),
        json!(false),
        json!(-1),
        json!(0),
        json!(1),
        json!(2),
        json!(1.5),
        json!(0.0),
        json!(1.0),
        json!(9_223_372_036_854_775_808_u64),
        json!(""),
        json!("0"),
        json!("1"),
        json!("2"),
        json!("true"),
        json!("null"),
        json!("a"),
        json!("["),
        json!("[1]"),
        json!("[true]"),
        json!("{"),
        json!("{\"b\":1}"),
        json!("{}"),
        json!("[]"),
        json!({}),
        json!({"b": 1}),
        json!([]),
        json!([1]),
        json!([true]),
        json!(["[1]"]),
        json!([[1]]),
        json!([{"b": 1}]),
    ]
}

fn a_value_of_another_type_is_no_match(open: impl Fn() -> Box<dyn Database>) {
    let mut database = open();
    let documents: Vec<Json> = values().into_iter().map(|value| json!({"x": value, "y": {"z": value}})).collect();
    let columns = format!("id {}, doc {}", database.column_type(Holds::Id), database.column_type(Holds::Json));
    database.create("documents", &columns);
    let places = [Holds::Id, Holds::Json].map(|holds| database.placeholder(holds));
    let [id, doc] = [(0, "$1"), (1, "$2")].map(|(at, place)| places[at].replace("$$", place));
    let rows = documents.iter().enumerate();
    let rows: Vec<_> = rows.map(|(id, document)| vec![(id as i64).into(), document.to_string().into()]).collect();
    database.insert(&format!("INSERT INTO documents VALUES ({id}, {doc})"), &rows);
    let single = Schema::new(["x", "y.z"].map(|path| Field::new(path, Type::Any).single())).unwrap();
    let mapping = Mapping::default().json_valid();
    let indexed = mapping.clone().indexed("x").and_then(|mapping| mapping.indexed("y.z")).unwrap();
    let mut met = 0;
    for (path, value) in ["x", "y.z"].into_iter().flat_map(|path| values().into_iter().map(move |value| (path, value)))
    {
        for operator in ["eq", "in", "gt", "gte", "lt", "lte", "starts_with"] {
            let value = if operator == "in" { json!([value, "none"]) } else { value.clone() };
            let condition = json!({"field": path, "operator": operator, "value": value});
            for filter in [condition.clone(), json!({"NOT": [condition]})] {
                for (schema, mapping) in [(&Schema::open(), &mapping), (&single, &mapping), (&single, &indexed)] {
                    // The operand may be of a type that the operator does not take.
                    let Ok(predicate) = parse::value(&filter).and_then(|filter| schema.check(&filter)) else {
                        continue;
                    };
                    let Ok(query) = lower(&database.sql(mapping.clone()), &predicate).unwrap().into_exact() else {
                        continue;
                    };
                    // What breaks the promise of the schema is outside the law.
                    let lawful = |id: &usize| *schema == Schema::open() || !documents[*id]["x"].is_array();
                    let matcher = Matcher::new(&predicate);
                    let wanted = (0..documents.len()).filter(|id| lawful(id) && matcher.matches(&documents[*id]));
                    let wanted: Vec<i64> = wanted.map(|id| id as i64).collect();
                    let mut found = database.ask(query.select_ids()).unwrap();
                    found.retain(|id| lawful(&(*id as usize)));
                    found.sort_unstable();
                    assert_eq!(found, wanted, "{filter}: {query}");
                    met += usize::from(!found.is_empty());
                }
            }
        }
    }
    assert!(met > 1_000, "{met}");
}
