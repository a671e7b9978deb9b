//! Hostile words as values, as path keys and as data: the right answer, and the tables still there.

use serde_json::{Value as Json, json};
use trommel::backend::sql::{Column, Mapping, Query};
use trommel::conformance::{Answer, Question, Subject, Suite};
use trommel::parse::Parser;
use trommel::reference::Reference;
use trommel::{Field, Filter, Limit, Limits, Matcher, Schema, Type, lower, parse};

use super::database::{Database, Holds, Postgres, Sqlite};
use super::store::{Storage, Store};
use crate::words::words;

on_each_database!(
    as_values_and_as_data,
    as_keys_of_paths,
    as_names_of_tables_and_columns,
    an_infinity_counts_as_missing,
    deep_and_wide_filters_are_held_or_kept,
    long_lists_take_few_values,
    large_numbers_are_told_apart_or_rechecked,
);

/// A store answers as the reference does; gives how often something matched.
fn agrees(store: &mut Store, filter: &Filter, schema: &Schema, documents: &[Json]) -> usize {
    let reference = Reference::new(filter, schema).unwrap();
    let answer = store.answer(&Question::new(filter, schema, documents));
    let Answer::Matches(mut found) = answer.unwrap_or_else(|error| panic!("{filter}: {error}")) else {
        panic!("{filter}: no answer");
    };
    found.sort_unstable();
    let expected: Vec<usize> = (0..documents.len()).filter(|index| reference.matches(&documents[*index])).collect();
    assert_eq!(found, expected, "{filter}");
    found.len()
}

fn as_values_and_as_data(open: fn() -> Box<dyn Database>) {
    let words = words();
    assert!(words.len() >= 300, "{}", words.len());
    let mut documents: Vec<Json> = words.iter().map(|word| json!({"a": word})).collect();
    documents.extend(words.chunks(5).map(|words| json!({"a": words, "b": {"c": words[0]}})));
    let operators = ["eq", "contains", "starts_with", "ends_with", "gt", "lte", "ne", "in"];
    for storage in [Storage::Json, Storage::Columns, Storage::Mixed] {
        let documents = if storage == Storage::Columns { &documents[..words.len()] } else { &documents };
        let mut store = Store::new(open(), storage);
        let mut matched = 0;
        for (at, word) in words.iter().enumerate() {
            // Each word with two operators and each letter case; over the words, all pairs.
            for (round, operator) in [operators[at % 8], operators[(at / 8) % 8]].into_iter().enumerate() {
                let value = if operator == "in" { json!([word, "a'b", 5]) } else { json!(word) };
                let condition = json!({"field": "a", "operator": operator, "value": value, "case_sensitive": (at + round) % 2 == 0});
                let filter = parse::json(condition.to_string()).unwrap();
                matched += agrees(&mut store, &filter, &Schema::open(), documents);
            }
        }
        assert!(matched > 10_000, "{matched}");
        let wanted = match storage {
            Storage::Columns => &["things"][..],
            Storage::Mixed => &["j_f0", "things"],
            Storage::Json | Storage::ValidJson | Storage::Generated => &["documents"],
        };
        assert_eq!(store.database.tables(), wanted);
    }
}

fn as_keys_of_paths(open: fn() -> Box<dyn Database>) {
    let words = words();
    let key = |word: &str| format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""));
    let documents: Vec<Json> = words
        .iter()
        .flat_map(|word| {
            [json!({word: 5}), json!({"a": {word: [5]}}), json!({"a": [{word: {"b": 5}}]}), json!({word: {word: 5}})]
        })
        .collect();
    let mut store = Store::new(open(), Storage::Json);
    for (at, word) in words.iter().enumerate() {
        let key = key(word);
        let path = match at % 4 {
            0 => key,
            1 => format!("a.{key}"),
            2 => format!("a.{key}.b"),
            _ => format!("{key}.{key}"),
        };
        let operator = ["eq", "exists", "is_null", "gt"][at / 4 % 4];
        let value =
            if operator == "eq" || operator == "gt" { json!(4 + i64::from(operator == "eq")) } else { json!(true) };
        let filter = parse::json(json!({"field": path, "operator": operator, "value": value}).to_string()).unwrap();
        let found = agrees(&mut store, &filter, &Schema::open(), &documents);
        assert!(found > 0, "{filter}");
    }
    assert_eq!(store.database.tables(), ["documents"]);
}

/// Names come from the mapping, which is the server's own; they are quoted all the same.
fn as_names_of_tables_and_columns(open: fn() -> Box<dyn Database>) {
    let mut database = open();
    let quote = if database.name() == "mariadb" { '`' } else { '"' };
    let quoted = |name: &str| format!("{quote}{}{quote}", name.replace(quote, &quote.to_string().repeat(2)));
    for name in [
        "a b",
        "a.b",
        "a\"b",
        "a`b",
        "a'b",
        "a\\",
        "a--b",
        "a/*b",
        "select",
        "?",
        "$1",
        ":a",
        "@a",
        "[a]",
        "{a}",
        "%s",
        "\u{e9}",
        "a;b",
        "\"; DROP TABLE x; --",
        "`; DROP TABLE x; --",
    ] {
        // The driver of one database splits its statements there.
        if name.contains(';') && database.name() == "mariadb" {
            continue;
        }
        let (table, column, id) = (quoted(name), quoted(&format!("{name}c")), quoted(&format!("{name}i")));
        database.create(&table, &format!("{id} bigint, {column} bigint"));
        database.batch(&format!("INSERT INTO {table} VALUES (1, 5), (2, 6), (3, NULL)"));
        let mapping = Mapping::new(name, format!("{name}i"))
            .and_then(|mapping| mapping.column("x", Column::new(format!("{name}c"), Type::Integer)))
            .and_then(|mapping| {
                mapping.column("y", Column::in_table(name, format!("{name}i"), format!("{name}c"), Type::Integer))
            })
            .unwrap();
        for (filter, wanted) in [(r#"{"x": 5}"#, &[1][..]), (r#"{"NOT": [{"y": 5}]}"#, &[2, 3])] {
            let predicate = Schema::open().check(&parse::json(filter).unwrap()).unwrap();
            let query = lower(&database.sql(mapping.clone()), &predicate).unwrap().into_exact().unwrap();
            let mut found = database.ask(query.select_ids()).unwrap();
            found.sort_unstable();
            assert_eq!(found, wanted, "{name}: {filter}: {query}");
        }
        database.batch(&format!("DROP TABLE {table}"));
    }
}

#[test]
fn the_settings_of_a_session_change_nothing() {
    let Some(mut database) = Postgres::connect() else { return };
    for setting in ["standard_conforming_strings = off", "backslash_quote = off", "array_nulls = off"] {
        database.batch(&format!("SET {setting}"));
    }
    database.batch("SET DateStyle = 'German, DMY'; SET TimeZone = 'Asia/Kathmandu'; SET extra_float_digits = 0");
    let report = Suite::new().generated(100).seed(7).run(&mut Store::new(Box::new(database), Storage::Mixed));
    assert!(report.passed(), "{report}");
}

#[test]
fn rows_that_are_no_documents_have_no_fields_and_fail_nothing() {
    let mut store = Store::new(Box::new(Sqlite::text()), Storage::Json);
    store.database.create("documents", "id INTEGER PRIMARY KEY, doc");
    let rows: [(&str, bool); 16] = [
        ("'{\"a\": 1}'", true),
        ("jsonb('{\"a\": 1}')", true),
        ("'{\"a\": [{\"a\": 1}, 1]}'", true),
        ("'{\"a\": 1, bad'", false),
        ("'{a: 1}'", false),
        ("'{\"a\": 0x1}'", false),
        ("'{\"a\": 1} x'", false),
        ("''", false),
        ("'a'", false),
        ("NULL", false),
        ("1", false),
        ("1.5", false),
        ("x'00'", false),
        ("x'ff01'", false),
        ("'[{\"a\": 1}]'", false),
        ("'null'", false),
    ];
    for (id, (row, _)) in rows.iter().enumerate() {
        store.database.batch(&format!("INSERT INTO documents VALUES ({id}, {row})"));
    }
    let holding: Vec<i64> = (0..rows.len()).filter(|id| rows[*id].1).map(|id| id as i64).collect();
    let others: Vec<i64> = (0..rows.len()).filter(|id| !rows[*id].1).map(|id| id as i64).collect();
    for (filter, wanted) in [
        (r#"{"a": 1}"#, &holding),
        (r#"{"field": "a", "operator": "ne", "value": 1}"#, &others),
        (r#"{"field": "a", "operator": "exists"}"#, &holding),
        (r#"{"a": null}"#, &others),
        (r#"{"field": "a", "operator": "is_null", "value": false}"#, &holding),
        (r#"{"NOT": [{"field": "a", "operator": "gt", "value": 0}, {"a.b": "x"}]}"#, &others),
        (r#"{"field": "a", "operator": "nin", "value": [1,2,3,4,5,6,7,8,9,10]}"#, &others),
    ] {
        let query = store.query(&Mapping::default(), &Schema::open(), filter);
        assert_eq!(&store.sorted(query.select_ids()), wanted, "{filter}");
    }
}

fn an_infinity_counts_as_missing(open: fn() -> Box<dyn Database>) {
    let mut store = Store::new(open(), Storage::Columns);
    let column = Column::new("x", Type::Number);
    let (id, ty) = (store.database.column_type(Holds::Id), store.database.column_type(Holds::Values(&column)));
    store.database.create("t", &format!("id {id}, x {ty}"));
    let rows = [Some(1.5), Some(f64::INFINITY), Some(f64::NEG_INFINITY), None, Some(f64::NAN)];
    let holds = |x: &Option<f64>| store.database.has_infinities() || x.is_none_or(f64::is_finite);
    let rows = rows.iter().enumerate().filter(|(_, x)| holds(x));
    let rows: Vec<_> = rows.map(|(id, x)| vec![(id as i64).into(), (*x).into()]).collect();
    let insert = ["$1", "$2"].map(|place| store.database.placeholder(Holds::Id).replace("$$", place)).join(", ");
    store.database.insert(&format!("INSERT INTO t VALUES ({insert})"), &rows);
    let mapping = Mapping::new("t", "id").and_then(|mapping| mapping.column("x", column)).unwrap();
    for (filter, wanted) in [
        (r#"{"field": "x", "operator": "exists"}"#, &[0][..]),
        (r#"{"x": null}"#, &[1, 2, 3, 4]),
        (r#"{"field": "x", "operator": "gt", "value": 1}"#, &[0]),
        (r#"{"field": "x", "operator": "lt", "value": 2}"#, &[0]),
        (r#"{"NOT": [{"field": "x", "operator": "gt", "value": 1}]}"#, &[1, 2, 3, 4]),
        (r#"{"NOT": [{"field": "x", "operator": "lte", "value": 1.7976931348623157e308}]}"#, &[1, 2, 3, 4]),
    ] {
        let query = store.query(&mapping, &Schema::open(), filter);
        let is_there = |id: &&i64| rows.iter().any(|row| row[0] == (**id).into());
        let wanted: Vec<i64> = wanted.iter().filter(is_there).copied().collect();
        assert_eq!(store.sorted(query.select_ids()), wanted, "{filter}: {query}");
    }
}

// ------------------------------------------------------------------------------------------ sizes

fn condition(at: usize) -> Json {
    let operator = ["eq", "gt", "contains", "ne", "starts_with"][at % 5];
    json!({"field": format!("a.f{}", at % 700), "operator": operator, "value": format!("v{at}")})
}

fn deep_and_wide_filters_are_held_or_kept(open: fn() -> Box<dyn Database>) {
    let parser = Parser::new().limits(Limits::default().with(Limit::Depth, 2_000));
    let documents = [json!({"a": {"f1": "v1", "f3": "v7"}}), json!({"a": [{"f2": "xv2x"}]}), json!({})];
    let mut store = Store::new(open(), Storage::Json);
    for depth in [10, 100, 300, 1_000] {
        for group in [["AND", "OR"], ["OR", "AND"], ["NOT", "AND"]] {
            let filter = (0..depth)
                .fold(condition(1), |inner, at| json!({group[at % 2]: [condition(at), inner, condition(at + 1)]}));
            let filter = parser.value(&filter).unwrap();
            agrees(&mut store, &filter, &Schema::open(), &documents);
        }
    }
    assert!(store.tally.residual + store.tally.superset > 0, "all was held: {:?}", store.tally);
    for width in [100, 300, 3_000] {
        for group in ["AND", "OR", "NOT"] {
            let filter = json!({group: (0..width).map(condition).collect::<Vec<_>>()});
            let filter = parse::value(&filter).unwrap();
            agrees(&mut store, &filter, &Schema::open(), &documents);
        }
    }
}

fn long_lists_take_few_values(open: fn() -> Box<dyn Database>) {
    let mut store = Store::new(open(), Storage::Mixed);
    let documents = [
        json!({"s": "id99999", "n": 7}),
        json!({"s": ["x", "id5"], "n": 1.5}),
        json!({"s": 7, "n": 18_446_744_073_709_551_615_u64}),
        json!({"n": 9_223_372_036_854_775_808_u64}),
        json!({"n": "7", "s": "Id7"}),
        json!({"n": 18_446_744_073_709_549_568_u64, "s": "ſtraße7"}),
    ];
    let ids: Vec<Json> = (0..100_000).map(|at| json!(format!("id{at}"))).collect();
    let folded: Vec<Json> =
        (0..2_000).map(|at| json!(format!("STRAẞE{at}"))).chain(ids[..500].iter().cloned()).collect();
    let numbers: Vec<Json> =
        (0..50_000).map(|at| json!(at)).chain((0..1_000).map(|at| json!(f64::from(at) + 0.5))).collect();
    let large: Vec<Json> = (0..3_000_u64).map(|at| json!(u64::MAX - at)).chain([json!(0.5)]).collect();
    for (field, list, sensitive) in
        [("s", &ids, true), ("s", &folded, false), ("n", &numbers, true), ("n", &large, true)]
    {
        for operator in ["in", "nin"] {
            let condition = json!({"field": field, "operator": operator, "value": list, "case_sensitive": sensitive});
            let filter = parse::value(&condition).unwrap();
            assert!(agrees(&mut store, &filter, &Schema::open(), &documents) > 0, "{field} {operator}");
            let predicate = Schema::open().check(&filter).unwrap();
            let lowered = store.lowered(&Mapping::default(), &predicate);
            let binds = lowered.pushed().map(Query::bind_count);
            // Of numbers so large, Postgres has a superset, whose complement is none.
            assert!(binds.is_some() || (operator == "nin" && list[0] == json!(u64::MAX)), "{field} {operator}");
            // MariaDB takes folded strings in parts.
            assert!(binds.is_none_or(|binds| binds <= 30), "{binds:?}");
        }
    }
}

fn large_numbers_are_told_apart_or_rechecked(open: fn() -> Box<dyn Database>) {
    let floats =
        [9_007_199_254_740_994.0, 1e16, 1.000_000_000_000_000_2e16, 9.223_372_036_854_776e18, 1e18, 1e19, 1e20];
    let mut numbers: Vec<Json> = floats.iter().flat_map(|float| [json!(float), json!(-float)]).collect();
    for center in [1_u64 << 53, 10_000_000_000_000_000, 1_000_000_000_000_000_000, 1 << 63, 9_223_372_036_854_776_000] {
        numbers.extend((0..5).map(|at| json!(center - 2 + at)));
    }
    numbers.extend([json!(u64::MAX), json!(u64::MAX - 1), json!(18_446_744_073_709_551_616.0), json!(i64::MIN)]);
    numbers.extend([json!(i64::MIN + 1), json!(9_223_372_036_854_774_784.0), json!(1_234_567_890_123_456_789_u64)]);
    let documents: Vec<Json> = numbers.iter().map(|number| json!({"a": {"n": number}})).collect();
    let mut store = Store::new(open(), Storage::Json);
    let single = Schema::new([Field::new("a.n", Type::Number).single()]).unwrap();
    for schema in [&Schema::open(), &single] {
        for number in &numbers {
            for operator in ["eq", "ne", "gt", "gte", "lt", "lte"] {
                let condition = json!({"field": "a.n", "operator": operator, "value": number});
                agrees(&mut store, &parse::value(&condition).unwrap(), schema, &documents);
            }
        }
    }
    let tally = store.tally;
    assert!(tally.exact > 2 * tally.superset && tally.exact > 300, "{tally:?}");
    // A number that no float has for its digits is told by them.
    let id = parse::json(r#"{"a.n": 1234567890123456789}"#).unwrap();
    assert!(store.lowered(&Mapping::default(), &Schema::open().check(&id).unwrap()).is_exact());
}

#[test]
fn what_no_statement_holds_is_left() {
    let columns = (0..5_000).fold(Mapping::default(), |mapping, at| {
        mapping.column(&format!("c{at}"), Column::new(format!("c{at}"), Type::String)).unwrap()
    });
    let values = (0..8).map(|at| json!(format!("v{at}"))).collect::<Vec<_>>();
    let documents = [json!({"a": {"f0": "v0", "f1": 5}}), json!({"a": [{"f1": "v1"}]}), json!({})];
    for (path, operator, value, code) in
        [("c", "in", json!(values), "too_many_values"), ("a.f", "gt", json!("v"), "too_long")]
    {
        for group in ["AND", "OR"] {
            let conditions: Vec<Json> = (0..5_000)
                .map(|at| json!({"field": format!("{path}{at}"), "operator": operator, "value": value}))
                .collect();
            let filter = parse::value(&json!({group: conditions})).unwrap();
            let predicate = Schema::open().check(&filter).unwrap();
            let mut store = Store::new(Box::new(Sqlite::text()), Storage::Json);
            let lowered = store.lowered(&columns, &predicate);
            assert_eq!(lowered.reasons()[0].why.code(), code);
            assert_eq!(lowered.pushed().is_some(), group == "AND");
            agrees(&mut store, &filter, &Schema::open(), &documents);
        }
    }
}

#[test]
fn what_no_statement_of_postgres_holds_is_left() {
    let Some(database) = Postgres::connect() else { return };
    let mut store = Store::new(Box::new(database), Storage::Json);
    let column = Mapping::default().column("c", Column::new("c", Type::String).binary()).unwrap();
    let documents = [json!({"a": {"b": {"f0": "v0", "f1": 5}}}), json!({"a": [{"b": {"f1": "xv1x"}}]}), json!({})];
    for (path, operator, code) in [("c", "starts_with", "too_many_values"), ("a.b.field", "contains", "too_long")] {
        for group in ["AND", "OR"] {
            let condition = |at: usize| {
                let path = if path == "c" { "c".to_owned() } else { format!("{path}{at}") };
                json!({"field": path, "operator": operator, "value": format!("ßé{at}"), "case_sensitive": false})
            };
            let filter = parse::value(&json!({group: (0..9_000).map(condition).collect::<Vec<_>>()})).unwrap();
            let predicate = Schema::open().check(&filter).unwrap();
            let lowered = store.lowered(&column, &predicate);
            assert_eq!(lowered.reasons()[0].why.code(), code);
            assert_eq!(lowered.pushed().is_some(), group == "AND");
            if path != "c" {
                agrees(&mut store, &filter, &Schema::open(), &documents);
            }
        }
    }
}

#[test]
fn a_superset_and_its_residual_are_the_answer() {
    let documents: Vec<Json> = ["ab", "a\nb", "xay", "word", "words", "\u{fffe}é", "\u{fffd}É", "aé\0b", "aÉ\u{1}b"]
        .iter()
        .map(|word| json!({"a": word}))
        .collect();
    let mut store = Store::new(Box::new(Sqlite::text()), Storage::Json);
    for (operator, value) in [
        ("regex", "a.*b"),
        ("regex", r"\bword\b"),
        ("contains", "\u{fffe}é"),
        ("contains", "é\0b"),
        ("regex", "(a|b){9}|x+"),
    ] {
        let condition = json!({"field": "a", "operator": operator, "value": value, "case_sensitive": false});
        let filter = parse::value(&condition).unwrap();
        agrees(&mut store, &filter, &Schema::open(), &documents);
        let predicate = Schema::open().check(&filter).unwrap();
        let lowered = store.lowered(&Mapping::default(), &predicate);
        assert_eq!(lowered.reasons()[0].why.code(), "beyond_glob", "{condition}");
        assert!(lowered.pushed().is_some());
        // The complement of a superset is no superset.
        let not = Schema::open().check(&parse::value(&json!({"NOT": [condition]})).unwrap()).unwrap();
        assert!(store.lowered(&Mapping::default(), &not).pushed().is_none());
    }
    assert_eq!(store.tally.exact, 0);
}

#[test]
fn a_generated_column_stands_beside_the_exact_test() {
    let mut store = Store::new(Box::new(Sqlite::text()), Storage::Json);
    let columns = "id INTEGER PRIMARY KEY, doc, g TEXT AS (json_extract(doc, '$.\"sku\"')) VIRTUAL";
    store.database.create("documents", columns);
    store.database.batch("CREATE INDEX i ON documents (g)");
    let documents =
        [json!({"sku": "a"}), json!({"sku": ["a", "b"]}), json!({"sku": 1}), json!({"sku": "1"}), json!({})];
    let row = |(id, document): (usize, &Json)| vec![(id as i64).into(), document.to_string().into()];
    let rows: Vec<_> = documents.iter().enumerate().map(row).collect();
    store.database.insert("INSERT INTO documents (id, doc) VALUES (?, ?)", &rows);
    let mapping = Mapping::default().json_valid().generated("sku", "g", Type::String).unwrap();
    let single = Schema::new([Field::new("sku", Type::Any).single()]).unwrap();
    for filter in
        [r#"{"sku": "a"}"#, r#"{"sku": "1"}"#, r#"{"sku": 1}"#, r#"{"field": "sku", "operator": "gte", "value": "1"}"#]
    {
        for schema in [&Schema::open(), &single] {
            let predicate = schema.check(&parse::json(filter).unwrap()).unwrap();
            let query = store.query(&mapping, schema, filter);
            let mut ids = store.sorted(query.select_ids());
            let matcher = Matcher::new(&predicate);
            // What breaks the promise of the schema is outside the law.
            let lawful = |id: &usize| *schema == Schema::open() || !documents[*id]["sku"].is_array();
            let wanted: Vec<i64> = (0..documents.len())
                .filter(|id| lawful(id) && matcher.matches(&documents[*id]))
                .map(|id| id as i64)
                .collect();
            ids.retain(|id| lawful(&(*id as usize)));
            assert_eq!(ids, wanted, "{filter}: {query}");
        }
    }
}
