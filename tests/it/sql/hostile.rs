//! Hostile words as values, as path keys and as data: the right answer, and the tables still there.

use serde_json::{Value as Json, json};
use trommel::backend::sql::{Column, Mapping};
use trommel::conformance::{Answer, Question, Subject};
use trommel::parse::Parser;
use trommel::reference::Reference;
use trommel::{Field, Filter, Limit, Limits, Matcher, Schema, Sql, Type, lower, parse};

use super::store::{Storage, Store};

/// Words with a meaning to some parser on the way: SQL of three databases, JSON, JSON paths, GLOB, LIKE, templates.
fn words() -> Vec<String> {
    let parts = [
        "'",
        "\"",
        "`",
        "\\",
        "\\'",
        "\\\"",
        "''",
        "\"\"",
        ";",
        "--",
        "/*",
        "*/",
        "#",
        "?",
        "??",
        "?1",
        "$1",
        "$$",
        ":a",
        "@a",
        "%",
        "_",
        "*",
        "[",
        "]",
        "[^a]",
        "[a-z]",
        "{",
        "}",
        "{{x}}",
        "${x}",
        "<%= x %>",
        "$",
        "$.",
        "$[0]",
        ".",
        "..",
        "\0",
        "\u{1}",
        "\u{2}",
        "\n",
        "\r\n",
        "\t",
        "\u{8}",
        "\u{1b}",
        "\u{7f}",
        "\u{80}",
        "\u{feff}",
        "\u{fffd}",
        "\u{fffe}",
        "\u{ffff}",
        "\u{10ffff}",
        "\u{d7ff}",
        "\u{e000}",
        "é",
        "e\u{301}",
        "ß",
        "ẞ",
        "K",
        "ſ",
        "İ",
        "ı",
        "ς",
        "😀",
        "\\u0000",
        "\\x00",
        "\\n",
        "%00",
        "NULL",
        "null",
        "true",
        "1",
        "1e999",
        "-1",
        "0x1",
        "' OR 1=1 --",
        "'; DROP TABLE documents; --",
        "\"); DROP TABLE things; --",
        "a' UNION SELECT id FROM documents --",
        "x' AND json_extract(doc,'$')",
        "$.\"a\"",
        "a.b",
        "-a",
        "^",
        "-",
        "^-]",
        "]-^",
    ];
    let mut words: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
    for (at, part) in parts.iter().enumerate() {
        words.push(format!("a{part}b"));
        words.push(format!("{part}{}", parts[(at * 7 + 3) % parts.len()]));
        words.push(format!("{}{part}", parts[(at * 11 + 5) % parts.len()]));
    }
    words.push(String::new());
    words.sort();
    words.dedup();
    words
}

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

#[test]
fn as_values_and_as_data() {
    let words = words();
    assert!(words.len() >= 300, "{}", words.len());
    let mut documents: Vec<Json> = words.iter().map(|word| json!({"a": word})).collect();
    documents.extend(words.chunks(5).map(|words| json!({"a": words, "b": {"c": words[0]}})));
    let operators = ["eq", "contains", "starts_with", "ends_with", "gt", "lte", "ne", "in"];
    for storage in [Storage::Text, Storage::Jsonb, Storage::Columns, Storage::Mixed] {
        let documents = if storage == Storage::Columns { &documents[..words.len()] } else { &documents };
        let mut store = Store::new(storage);
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
        let sql = "SELECT group_concat(name, ' ' ORDER BY name) FROM sqlite_schema WHERE type = 'table'";
        let tables: String = store.connection.query_row(sql, [], |row| row.get(0)).unwrap();
        let wanted = match storage {
            Storage::Columns => "things",
            Storage::Mixed => "j_f0 things",
            Storage::Text | Storage::ValidText | Storage::Jsonb => "documents",
        };
        assert_eq!(tables, wanted);
    }
}

#[test]
fn as_keys_of_paths() {
    let words = words();
    let key = |word: &str| format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""));
    let documents: Vec<Json> = words
        .iter()
        .flat_map(|word| {
            [json!({word: 5}), json!({"a": {word: [5]}}), json!({"a": [{word: {"b": 5}}]}), json!({word: {word: 5}})]
        })
        .collect();
    for storage in [Storage::Text, Storage::Jsonb] {
        let mut store = Store::new(storage);
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
    }
}

#[test]
fn rows_that_are_no_documents_have_no_fields_and_fail_nothing() {
    let store = Store::new(Storage::Text);
    store.connection.execute_batch("CREATE TABLE documents (id INTEGER PRIMARY KEY, doc)").unwrap();
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
        store.connection.execute(&format!("INSERT INTO documents VALUES ({id}, {row})"), []).unwrap();
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
        let predicate = Schema::open().check(&parse::json(filter).unwrap()).unwrap();
        let query = lower(&Sql::sqlite(Mapping::default()), &predicate).unwrap().into_exact().unwrap();
        let mut ids = store.ask(query.select_ids()).unwrap();
        ids.sort_unstable();
        assert_eq!(&ids, wanted, "{filter}");
    }
}

#[test]
fn an_infinity_counts_as_missing() {
    let store = Store::new(Storage::Text);
    let sql = "CREATE TABLE t (id INTEGER PRIMARY KEY, x REAL); INSERT INTO t VALUES (0, 1.5), (1, 9e999), (2, -9e999), (3, NULL)";
    store.connection.execute_batch(sql).unwrap();
    let mapping =
        Mapping::new("t", "id").and_then(|mapping| mapping.column("x", Column::new("x", Type::Number))).unwrap();
    for (filter, wanted) in [
        (r#"{"field": "x", "operator": "exists"}"#, &[0][..]),
        (r#"{"x": null}"#, &[1, 2, 3]),
        (r#"{"field": "x", "operator": "gt", "value": 1}"#, &[0]),
        (r#"{"field": "x", "operator": "lt", "value": 2}"#, &[0]),
        (r#"{"NOT": [{"field": "x", "operator": "gt", "value": 1}]}"#, &[1, 2, 3]),
        (r#"{"NOT": [{"field": "x", "operator": "lte", "value": 1.7976931348623157e308}]}"#, &[1, 2, 3]),
    ] {
        let predicate = Schema::open().check(&parse::json(filter).unwrap()).unwrap();
        let query = lower(&Sql::sqlite(mapping.clone()), &predicate).unwrap().into_exact().unwrap();
        let mut ids = store.ask(query.select_ids()).unwrap();
        ids.sort_unstable();
        assert_eq!(ids, wanted, "{filter}: {query}");
    }
}

// ------------------------------------------------------------------------------------------ sizes

fn condition(at: usize) -> Json {
    let operator = ["eq", "gt", "contains", "ne", "starts_with"][at % 5];
    json!({"field": format!("a.f{}", at % 700), "operator": operator, "value": format!("v{at}")})
}

#[test]
fn deep_and_wide_filters_are_held_or_kept() {
    let parser = Parser::new().limits(Limits::default().with(Limit::Depth, 2_000));
    let documents = [json!({"a": {"f1": "v1", "f3": "v7"}}), json!({"a": [{"f2": "xv2x"}]}), json!({})];
    let mut store = Store::new(Storage::Text);
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

#[test]
fn long_lists_take_one_value() {
    let mut store = Store::new(Storage::Mixed);
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
            let query = lower(&Sql::sqlite(Mapping::default()), &predicate).unwrap().into_exact().unwrap();
            assert!(query.bind_count() <= 4, "{}", query.bind_count());
        }
    }
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
            let lowered = lower(&Sql::sqlite(columns.clone()), &predicate).unwrap();
            assert_eq!(lowered.reasons()[0].why.code(), code);
            assert_eq!(lowered.pushed().is_some(), group == "AND");
            agrees(&mut Store::new(Storage::Text), &filter, &Schema::open(), &documents);
        }
    }
}

#[test]
fn a_superset_and_its_residual_are_the_answer() {
    let documents: Vec<Json> = ["ab", "a\nb", "xay", "word", "words", "\u{fffe}é", "\u{fffd}É", "aé\0b", "aÉ\u{1}b"]
        .iter()
        .map(|word| json!({"a": word}))
        .collect();
    let mut store = Store::new(Storage::Text);
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
        let lowered = lower(&Sql::sqlite(Mapping::default()), &predicate).unwrap();
        assert_eq!(lowered.reasons()[0].why.code(), "beyond_glob", "{condition}");
        assert!(lowered.pushed().is_some());
        // The complement of a superset is no superset.
        let not = Schema::open().check(&parse::value(&json!({"NOT": [condition]})).unwrap()).unwrap();
        assert!(lower(&Sql::sqlite(Mapping::default()), &not).unwrap().pushed().is_none());
    }
    assert_eq!(store.tally.exact, 0);
}

#[test]
fn a_generated_column_stands_beside_the_exact_test() {
    let store = Store::new(Storage::Text);
    let sql =
        "CREATE TABLE documents (id INTEGER PRIMARY KEY, doc, g TEXT AS (json_extract(doc, '$.\"sku\"')) VIRTUAL);
        CREATE INDEX i ON documents (g)";
    store.connection.execute_batch(sql).unwrap();
    let documents =
        [json!({"sku": "a"}), json!({"sku": ["a", "b"]}), json!({"sku": 1}), json!({"sku": "1"}), json!({})];
    for (id, document) in documents.iter().enumerate() {
        let insert = "INSERT INTO documents (id, doc) VALUES (?, ?)";
        store.connection.execute(insert, (id as i64, document.to_string())).unwrap();
    }
    let mapping = Mapping::default().json_valid().generated("sku", "g", Type::String).unwrap();
    let single = Schema::new([Field::new("sku", Type::Any).single()]).unwrap();
    for filter in
        [r#"{"sku": "a"}"#, r#"{"sku": "1"}"#, r#"{"sku": 1}"#, r#"{"field": "sku", "operator": "gte", "value": "1"}"#]
    {
        for schema in [&Schema::open(), &single] {
            let predicate = schema.check(&parse::json(filter).unwrap()).unwrap();
            let query = lower(&Sql::sqlite(mapping.clone()), &predicate).unwrap().into_exact().unwrap();
            let mut ids = store.ask(query.select_ids()).unwrap();
            ids.sort_unstable();
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
