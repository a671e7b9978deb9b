//! Values of one type and operands of another that a database could take for it: booleans and 0 or 1, numbers and their
//! digits, arrays and objects and their text.

use serde_json::{Value as Json, json};
use trommel::backend::sql::{Column, Mapping};
use trommel::{Field, Matcher, Schema, Type, lower, parse};

use super::database::{Database, Holds};

on_each_database!(a_value_of_another_type_is_no_match, a_generated_column_loses_no_number);

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

/// The columns that people make for numbers: one of integers has no fraction, one of floats no integer of many digits, and one
/// that does not look at the type what strings and booleans are read as.
fn a_generated_column_loses_no_number(open: impl Fn() -> Box<dyn Database>) {
    const BIG: i64 = 9_007_199_254_740_993;
    let mut database = open();
    let values = [
        json!(null),
        json!(true),
        json!("5"),
        json!({}),
        json!(4),
        json!(5),
        json!(5.0),
        json!(5.5),
        json!(-0.5),
        json!(BIG - 1),
        json!(BIG),
        json!(BIG + 1),
        json!([5, 5.5]),
    ];
    let mut documents: Vec<Json> = values.iter().map(|value| json!({"x": value})).collect();
    documents.push(json!({}));
    let generated = match database.name() {
        name if name.starts_with("sqlite") => {
            "i INTEGER AS (CASE WHEN json_type(doc, '$.x') = 'integer' THEN json_extract(doc, '$.x') END),
             f REAL AS (CASE WHEN json_type(doc, '$.x') IN ('integer', 'real') THEN json_extract(doc, '$.x') END),
             u REAL AS (json_extract(doc, '$.x'))"
        }
        name if name.starts_with("postgres") => {
            "i bigint GENERATED ALWAYS AS (CASE WHEN doc->>'x' ~ '^-?[0-9]+$' AND jsonb_typeof(doc->'x') = 'number'
                 THEN (doc->>'x')::bigint END) STORED,
             f double precision GENERATED ALWAYS AS (CASE WHEN jsonb_typeof(doc->'x') = 'number'
                 THEN (doc->>'x')::double precision END) STORED,
             u double precision GENERATED ALWAYS AS (CASE WHEN doc->>'x' ~ '^-?[0-9.]+$'
                 THEN (doc->>'x')::double precision END) STORED"
        }
        _ => {
            "i bigint AS (CASE WHEN JSON_TYPE(JSON_EXTRACT(doc, '$.x')) = 'INTEGER' THEN JSON_VALUE(doc, '$.x') END) VIRTUAL,
             f double AS (CASE WHEN JSON_TYPE(JSON_EXTRACT(doc, '$.x')) IN ('INTEGER', 'DOUBLE')
                 THEN JSON_VALUE(doc, '$.x') END) VIRTUAL,
             u double AS (JSON_VALUE(doc, '$.x')) VIRTUAL"
        }
    };
    let [id, doc] = [Holds::Id, Holds::Json].map(|holds| database.column_type(holds));
    database.create("documents", &format!("id {id}, doc {doc}, {generated}"));
    let [id, doc] =
        [(Holds::Id, "$1"), (Holds::Json, "$2")].map(|(holds, place)| database.placeholder(holds).replace("$$", place));
    let rows = documents.iter().enumerate();
    let rows: Vec<_> = rows.map(|(id, document)| vec![(id as i64).into(), document.to_string().into()]).collect();
    database.insert(&format!("INSERT INTO documents (id, doc) VALUES ({id}, {doc})"), &rows);
    let open_schema = Schema::open();
    let single = Schema::new([Field::new("x", Type::Any).single()]).unwrap();
    let mapping = |column: Column| Mapping::default().json_valid().generated_column("x", column).unwrap();
    let [of_ints, of_floats, of_any] =
        [("i", Type::Integer), ("f", Type::Number), ("u", Type::Number)].map(|(name, ty)| Column::new(name, ty));
    let mappings = [of_ints, of_floats.clone(), of_floats.exact(), of_any].map(mapping);
    let mut met = 0;
    for value in values.iter().filter(|value| value.is_number()) {
        for operator in ["eq", "in", "gt", "gte", "lt", "lte"] {
            let value = if operator == "in" { json!([value, -7]) } else { value.clone() };
            let condition = json!({"field": "x", "operator": operator, "value": value});
            for filter in [condition.clone(), json!({"NOT": [condition]})] {
                for (mapping, schema) in
                    mappings.iter().flat_map(|mapping| [(mapping, &single), (mapping, &open_schema)])
                {
                    let predicate = parse::value(&filter).and_then(|filter| schema.check(&filter)).unwrap();
                    let query = lower(&database.sql(mapping.clone()), &predicate).unwrap().into_exact().unwrap();
                    // What breaks the promise of the schema is outside the law.
                    let lawful = |id: &usize| schema == &open_schema || !documents[*id]["x"].is_array();
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
    assert!(met > 200, "{met}");
}
