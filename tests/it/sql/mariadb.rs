//! What is MariaDB's alone: regular expressions that backtrack, modes, plans. And MySQL, which is held to its form.

use serde_json::{Value as Json, json};
use trommel::backend::sql::{Mapping, Query};
use trommel::conformance::{Answer, BoxError, Question, Subject, Suite};
use trommel::reference::Reference;
use trommel::sea_query::{Value, Values};
use trommel::{Backend, Field, Matcher, Predicate, Schema, Sql, Type, lower, parse};

use super::database::{Database, MariaDb};
use super::store::{Storage, Store};

/// A regular expression on the field `s`.
fn regex(pattern: &str) -> Predicate {
    let condition = json!({"field": "s", "operator": "regex", "value": pattern});
    Schema::open().check(&parse::value(&condition).unwrap()).unwrap()
}

/// A table `things` of strings, `s varchar(600)`.
fn strings(database: &mut MariaDb, strings: &[String]) -> Mapping {
    database.create("things", "id bigint NOT NULL, s varchar(600) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin");
    let rows: Vec<Vec<Value>> =
        strings.iter().enumerate().map(|(id, string)| vec![(id as i64).into(), string.as_str().into()]).collect();
    database.insert("INSERT INTO things VALUES (?, ?)", &rows);
    let file = r#"{"table": "things", "id": "id", "columns":
        {"s": {"column": "s", "type": "string", "collation": "binary", "length": 600}}}"#;
    Mapping::from_json(file).unwrap()
}

/// Strings that make a backtracking engine try all that it can, and some that match.
fn adversaries() -> Vec<String> {
    let long = |part: &str, count: usize| part.repeat(count);
    let mut strings: Vec<String> = ["a", "ab", "x", "xa", "ax", "aab", "é", "A", "0", " ", "-"]
        .iter()
        .flat_map(|part| [10, 40, 66].map(|count| long(part, count)))
        .collect();
    let ended: Vec<String> = strings
        .iter()
        .flat_map(|string| ["b", "c", "!", "y", "\n", "é9"].map(|end| format!("{string}{end}")))
        .collect();
    strings.extend(ended);
    strings.extend(
        ["", "b", "abc", "xay", "x\ny", "word", "a word", "words", "k\u{212A}", "a@b.example", "2024-01-01"]
            .map(str::to_owned),
    );
    strings
}

#[test]
fn what_backtracks_is_rechecked() {
    let Some(mut database) = MariaDb::connect() else { return };
    let a = format!("{}b", "a".repeat(40));
    for (pattern, string) in [
        ("(?:a+)+c|b$", a.clone()),
        ("(?:a|aa)+c|b$", a.clone()),
        ("(?:a|a?){30}c|b$", a.clone()),
        ("(?:ab|a|b){0,40}c|!$", "ab".repeat(40) + "!"),
        ("x.*x.*x.*y|x$", "x".repeat(500)),
        ("(?:x+x+)+y|x$", "x".repeat(100)),
    ] {
        let mapping = strings(&mut database, &[string.clone(), "xay".to_owned(), "ac".to_owned(), String::new()]);
        let predicate = regex(pattern);
        let matcher = Matcher::new(&predicate);
        assert!(matcher.matches(&json!({"s": string})), "{pattern}");
        // Asked for alone, the server says that the string does not match, which is why.
        let sql = "SELECT id FROM things WHERE s REGEXP ?".to_owned();
        assert!(!database.ask((sql, Values(vec![pattern.into()]))).unwrap().contains(&0), "{pattern}");
        let lowered = lower(&database.sql(mapping.clone()), &predicate).unwrap();
        let reason = lowered.reasons().first().unwrap_or_else(|| panic!("{pattern} was taken for harmless"));
        assert_eq!(reason.why.code(), "backtracking", "{pattern}");
        let everything = database.sql(mapping.clone()).everything();
        let kept = database.ask(lowered.pushed().unwrap_or(&everything).select_ids()).unwrap();
        assert!(kept.contains(&0), "{pattern}: {:?}", lowered.pushed());
    }
}

#[test]
fn what_the_server_could_not_compile_is_rechecked() {
    let Some(mut database) = MariaDb::connect() else { return };
    let mapping = strings(&mut database, &adversaries());
    let mut exact = 0;
    let nested = |count: usize| format!("{}{}", "(?:a|x[bc]".repeat(count), ")".repeat(count));
    let mut patterns = vec![nested(100), nested(240), nested(248), r"\bx\b.\bx\b.\bx\b".to_owned()];
    for part in ["a", "[abd]", r"\w", "é", r"\p{Greek}", "(?:a|bc)", "(?:a[bc]?)", "", "(?i:k)", r"\b", "(?m:$)"] {
        for count in [1, 2, 7, 20, 100, 700, 1_300, 2_000, 5_000] {
            patterns.push(format!("(?:{part}){{{count}}}"));
            patterns.push(format!("(?:{part}){{0,{count}}}b"));
            patterns.push(part.repeat(count));
        }
    }
    for pattern in patterns {
        // What is too big for a filter is none.
        let condition = json!({"field": "s", "operator": "regex", "value": pattern});
        let Ok(filter) = parse::value(&condition) else { continue };
        let Ok(predicate) = Schema::open().check(&filter) else { continue };
        let lowered = lower(&database.sql(mapping.clone()), &predicate).unwrap();
        exact += usize::from(lowered.is_exact());
        let Some(pushed) = lowered.pushed() else { continue };
        let found = database.ask(pushed.select_ids());
        let found = found
            .unwrap_or_else(|error| panic!("{}…: {}", &pattern[..pattern.len().min(40)], &error.to_string()[..200]));
        let matcher = Matcher::new(&predicate);
        for (id, string) in adversaries().iter().enumerate() {
            let (matches, is_found) = (matcher.matches(&json!({"s": string})), found.contains(&(id as i64)));
            assert!(matches == is_found || (is_found && !lowered.is_exact()), "{pattern:.60} on {string:?}");
        }
    }
    assert!(exact > 80, "{exact}");
}

#[test]
fn within_the_bound_a_regular_expression_is_exact() {
    let Some(mut database) = MariaDb::connect() else { return };
    let strings_there = adversaries();
    let mapping = strings(&mut database, &strings_there);
    let mut matched = 0;
    for pattern in [
        "a+b",
        "^a*b+$",
        "x.*y",
        "x[^x]*y$",
        "^[a-z]+[0-9]+$",
        "a{2,40}b",
        "(?i)A{5}C?",
        r"\bword\b",
        r"^\w+ \w+$",
        "(?m)^y$",
        "(?s)x.y",
        "k.",
        "^(?:ab|x)",
        r"[a-z]{1,64}@[a-z]+\.example",
        "^$",
        "",
        r"\d{4}-\d{2}-\d{2}",
        "(?:ab){5}[bc]$",
        "é[0-9]?$",
        r"[^\x00-\x7F]",
        "[a&&b]",
        "(?i)\u{212A}K",
        r"\p{Lu}",
        "a.*b",
    ] {
        let predicate = regex(pattern);
        let query = lower(&database.sql(mapping.clone()), &predicate).unwrap().into_exact();
        let query = query.unwrap_or_else(|error| panic!("{pattern}: {error}"));
        let matcher = Matcher::new(&predicate);
        let wanted = (0..strings_there.len()).filter(|id| matcher.matches(&json!({"s": strings_there[*id]})));
        let wanted: Vec<i64> = wanted.map(|id| id as i64).collect();
        let mut found = database.ask(query.select_ids()).unwrap();
        found.sort_unstable();
        assert_eq!(found, wanted, "{pattern}: {query}");
        matched += wanted.len();
    }
    assert!(matched > 500, "{matched}");
}

#[test]
fn what_is_taken_for_bounded_is_right_on_every_string() {
    let Some(mut database) = MariaDb::connect() else { return };
    // All short strings of two letters, and long ones on which much can be tried.
    let short = (0..9_u32).flat_map(|length| (0..1_u32 << length).map(move |bits| (length, bits)));
    let letter = |bits: u32, at: u32| if bits >> at & 1 == 1 { 'b' } else { 'a' };
    let mut all: Vec<String> = short.map(|(length, bits)| (0..length).map(|at| letter(bits, at)).collect()).collect();
    for part in ["a", "b", "ab", "aab", "abb"] {
        all.extend(["", "c", "ba", "\n"].map(|end| part.repeat(500 / part.len()) + end));
    }
    let mapping = strings(&mut database, &all);
    let parts = [
        "a",
        "b",
        "ab",
        "[ab]",
        "a*",
        "b+",
        "a{2,5}",
        "(?:ab|b)",
        "(?:ba)?",
        ".",
        "(?:a|ba)",
        "^",
        "$",
        "c?",
        "[^a]*",
        "(?:ab){2}",
        ".*",
        "b{0,3}",
        "(?:a*|c)",
        "(?:a|b*)",
        r"\b",
        "(?:aa|b)",
    ];
    let mut state = 5_u64;
    let mut below = |count: usize| {
        state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        (state >> 33) as usize % count
    };
    let mut exact = 0;
    for _ in 0..400 {
        let mut pattern = String::new();
        for _ in 0..2 + below(4) {
            pattern += parts[below(parts.len())];
            if below(7) == 0 {
                pattern.push('|');
            }
        }
        let predicate = regex(&pattern);
        let lowered = lower(&database.sql(mapping.clone()), &predicate).unwrap();
        let Some(pushed) = lowered.pushed() else { continue };
        exact += usize::from(lowered.is_exact());
        let found = database.ask(pushed.select_ids()).unwrap();
        let mut is_found = vec![false; all.len()];
        found.iter().for_each(|id| is_found[*id as usize] = true);
        let matcher = Matcher::new(&predicate);
        for (string, is_found) in all.iter().zip(is_found) {
            let matches = matcher.matches(&json!({"s": string}));
            assert!(matches == is_found || (is_found && !lowered.is_exact()), "{pattern} on {string:?}: {pushed}");
        }
    }
    assert!((100..400).contains(&exact), "{exact}");
}

/// A store of this storage, if there is a server.
fn store(storage: Storage) -> Option<Store> {
    Some(Store::new(Box::new(MariaDb::connect()?), storage))
}

/// Asks a store, and holds the answer against the reference; gives how many documents match.
fn agrees(store: &mut Store, filter: &Json, documents: &[Json]) -> usize {
    let (filter, schema) = (parse::value(filter).unwrap(), Schema::open());
    let answer = store.answer(&Question::new(&filter, &schema, documents)).unwrap();
    let Answer::Matches(mut found) = answer else { panic!("{filter}: no answer") };
    found.sort_unstable();
    let reference = Reference::new(&filter, &schema).unwrap();
    let wanted: Vec<usize> = (0..documents.len()).filter(|index| reference.matches(&documents[*index])).collect();
    assert_eq!(found, wanted, "{filter}");
    found.len()
}

#[test]
fn of_a_long_operand_a_part_is_asked_and_the_rest_rechecked() {
    let part = "ab-é".repeat(400);
    let documents: Vec<Json> = ["", "x", "\0"]
        .iter()
        .flat_map(|end| [format!("{part}{end}"), format!("{end}{part}"), format!("{}{end}", part.to_uppercase())])
        .map(|s| json!({"s": s}))
        .collect();
    for storage in [Storage::Json, Storage::Columns] {
        let Some(mut store) = store(storage) else { return };
        for operator in ["eq", "ne", "in", "contains", "starts_with", "ends_with"] {
            let value = if operator == "in" { json!([part, "q"]) } else { json!(part) };
            let filter = json!({"field": "s", "operator": operator, "value": value, "case_sensitive": false});
            assert!(agrees(&mut store, &filter, &documents) > 0, "{operator}");
        }
        assert_eq!((store.tally.exact, store.tally.superset, store.tally.residual), (0, 5, 1));
    }
}

#[test]
fn a_key_that_begins_with_a_dash_is_left() {
    let Some(mut store) = store(Storage::Json) else { return };
    let documents = [json!({"-1": 5}), json!({"a": {"-": 5}}), json!({"a": [{"-": [5]}]}), json!({"a-": 5}), json!({})];
    for path in ["\"-1\"", "a.\"-\"", "a-"] {
        assert!(agrees(&mut store, &json!({path: 5}), &documents) > 0, "{path}");
    }
    assert!(agrees(&mut store, &json!({"NOT": [{"\"-1\"": 5}]}), &documents) > 0);
    assert!(agrees(&mut store, &json!({"field": "\"-1\"", "operator": "gt", "value": 4}), &documents) > 0);
    assert_eq!((store.tally.exact, store.tally.superset, store.tally.residual), (1, 2, 2));
}

#[test]
fn long_paths_are_taken_key_by_key() {
    let Some(mut store) = store(Storage::Json) else { return };
    let keys = ["a", "b c", "c\"", "d", "e", "f"];
    let path = keys.map(|key| format!("\"{}\"", key.replace('"', "\\\""))).join(".");
    let nested = |arrays: usize, value: Json| {
        keys.iter().rev().enumerate().fold(value, |inner, (at, key)| {
            let object = json!({*key: inner});
            // The outermost is the document.
            if at < keys.len() - 1 && arrays >> at & 1 == 1 { json!([object, 1, [object], {"z": 0}]) } else { object }
        })
    };
    let values =
        [json!(5), json!([1, 5.0]), json!([[5]]), json!(null), json!([null]), json!([]), json!({"a": 5}), json!("5")];
    let documents: Vec<Json> = (0..32)
        .flat_map(|arrays| values.iter().map(move |value| nested(arrays, value.clone())))
        .chain([json!({})])
        .collect();
    for (operator, value) in [("eq", json!(5)), ("exists", json!(true)), ("is_null", json!(true)), ("gt", json!(4))] {
        for negated in [false, true] {
            let condition = json!({"field": path, "operator": operator, "value": value});
            let filter = if negated { json!({"NOT": [condition]}) } else { condition };
            assert!(agrees(&mut store, &filter, &documents) > 0, "{filter}");
        }
    }
    assert_eq!((store.tally.exact, store.tally.rows), (8, 8 * documents.len()));
}

#[test]
fn the_modes_of_a_server_change_nothing() {
    for mode in ["NO_BACKSLASH_ESCAPES,ANSI_QUOTES,HIGH_NOT_PRECEDENCE,PIPES_AS_CONCAT", ""] {
        for storage in [Storage::Json, Storage::Mixed] {
            let Some(mut store) = store(storage) else { return };
            store.database.batch(&format!("SET sql_mode = '{mode}'"));
            store.database.batch("SET NAMES utf8mb4 COLLATE utf8mb4_turkish_ci");
            store.database.batch("SET default_regex_flags = 'EXTENDED,DOTALL,MULTILINE,UNGREEDY'");
            let report = Suite::new().generated(100).seed(7).rules(["C4", "D3", "L1", "P3"]).run(&mut store);
            assert!(report.passed(), "{mode} {storage:?}: {report}");
        }
    }
}

#[test]
fn rows_that_are_no_documents_have_no_fields_and_fail_nothing() {
    let Some(mut database) = MariaDb::connect() else { return };
    database.create("documents", "id bigint, doc longtext CHARACTER SET utf8mb4");
    let rows =
        [r#"{"a": 1, "b": {"c": [2]}}"#, r#"{"a": 1, bad"#, "", "a", "null", r#"{"a": 1} x"#, r#"{"b": {"c": 2}"#];
    let rows: Vec<Vec<Value>> =
        rows.iter().enumerate().map(|(id, row)| vec![(id as i64).into(), (*row).into()]).collect();
    database.insert("INSERT INTO documents VALUES (?, ?)", &rows);
    database.batch("INSERT INTO documents VALUES (7, NULL)");
    let others = &[1, 2, 3, 4, 5, 6, 7][..];
    for (filter, wanted) in [
        (r#"{"a": 1}"#, &[0][..]),
        (r#"{"b.c": 2}"#, &[0]),
        (r#"{"field": "a", "operator": "ne", "value": 1}"#, others),
        (r#"{"field": "b.c", "operator": "exists"}"#, &[0]),
        (r#"{"b.c": null}"#, others),
        (r#"{"field": "b.c", "operator": "exists", "value": false}"#, others),
        (r#"{"field": "b.c", "operator": "nin", "value": [1,2,3,4,5,6,7,8,9,10]}"#, others),
    ] {
        let predicate = Schema::open().check(&parse::json(filter).unwrap()).unwrap();
        let query = lower(&database.sql(Mapping::default()), &predicate).unwrap().into_exact().unwrap();
        let mut found = database.ask(query.select_ids()).unwrap();
        found.sort_unstable();
        assert_eq!(found, wanted, "{filter}: {query}");
    }
}

#[test]
fn floats_in_json_are_read_as_the_nearest() {
    let Some(mut database) = MariaDb::connect() else { return };
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        state ^ (state >> 29)
    };
    let mut floats: Vec<f64> = std::iter::repeat_with(&mut next).map(f64::from_bits).take(60_000).collect();
    floats.extend((0..40_000).map(|_| (next() % 1_000_000_007) as f64 / 10_f64.powi((next() % 12) as i32)));
    floats.extend([f64::MAX, f64::MIN_POSITIVE, 5e-324, 2.225_073_858_507_201e-308, 9_007_199_254_740_993.0, 1e23]);
    floats.retain(|float| float.is_finite());
    let mut read = 0;
    for floats in floats.chunks(10_000) {
        database.create("floats", "at bigint NOT NULL PRIMARY KEY, x double NOT NULL");
        let rows: Vec<Vec<Value>> =
            floats.iter().enumerate().map(|(at, x)| vec![(at as i64).into(), (*x).into()]).collect();
        database.insert("INSERT INTO floats VALUES (?, ?)", &rows);
        let json = serde_json::to_string(floats).unwrap();
        let table = "JSON_TABLE(?, '$[*]' COLUMNS (n FOR ORDINALITY, v JSON PATH '$', d DOUBLE PATH '$')) j";
        let sql = format!("SELECT count(*) FROM {table} JOIN floats ON at = n - 1 AND x = d AND x = CAST(v AS DOUBLE)");
        let count = database.ask((sql, Values(vec![json.into()]))).unwrap();
        assert_eq!(count, [floats.len() as i64]);
        read += floats.len();
    }
    assert!(read > 90_000);
}

// ------------------------------------------------------------------------------------------ plans

const TABLES: &str = r"
    CREATE TABLE objects (
        object_id bigint NOT NULL PRIMARY KEY, doc json NOT NULL,
        status varchar(60) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
        title varchar(60) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci,
        year bigint, score double, at datetime(6), required bigint NOT NULL,
        g_sku varchar(60) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin AS (JSON_VALUE(doc, '$.sku')) VIRTUAL,
        g_deep double AS (CASE WHEN JSON_TYPE(JSON_EXTRACT(doc, '$.a.b')) IN ('INTEGER', 'DOUBLE') THEN JSON_VALUE(doc, '$.a.b') END) VIRTUAL,
        KEY by_status (status), KEY by_title (title), KEY by_year (year), KEY by_score (score), KEY by_at (at),
        KEY by_required (required), KEY by_sku (g_sku), KEY by_deep (g_deep));
    CREATE TABLE object_tags (
        object_id bigint NOT NULL, tag varchar(60) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
        KEY by_tag (tag, object_id), KEY by_object (object_id, tag))";

const MAPPING: &str = r#"{"table": "objects", "id": "object_id", "json": "doc", "json_valid": true, "columns": {
    "status": {"column": "status", "type": "string", "collation": "binary", "length": 60},
    "title": {"column": "title", "type": "string"},
    "year": {"column": "year", "type": "integer"},
    "score": {"column": "score", "type": "number"},
    "at": {"column": "at", "type": "datetime"},
    "required": {"column": "required", "type": "integer"},
    "tags": {"table": "object_tags", "key": "object_id", "column": "tag", "type": "string", "collation": "binary"}},
    "generated": {"sku": {"column": "g_sku", "type": "string"}, "a.b": {"column": "g_deep", "type": "number"}}}"#;

/// The same with what is true of the generated columns: that of numbers is asked alone.
fn told() -> String {
    MAPPING
        .replace(r#""g_sku", "type": "string""#, r#""g_sku", "type": "string", "collation": "binary""#)
        .replace(r#""g_deep", "type": "number""#, r#""g_deep", "type": "number", "exact": true"#)
}

const OBJECTS: i64 = 3_000;

fn objects() -> Option<MariaDb> {
    let mut database = MariaDb::connect()?;
    database.batch(TABLES);
    let (mut objects, mut tags) = (Vec::new(), Vec::new());
    for id in 0..OBJECTS {
        let document = json!({"sku": format!("sku{id}"), "a": {"b": id}}).to_string();
        let (status, title) = (format!("s{id}"), format!("Title {id}"));
        let at = format!("2024-01-01 {:02}:{:02}:00", id / 60 % 24, id % 60);
        let row: Vec<Value> =
            vec![id.into(), document.into(), status.into(), title.into(), id.into(), (id as f64).into()];
        objects.push(row.into_iter().chain([at.into(), id.into()]).collect());
        tags.push(vec![id.into(), format!("t{id}").into()]);
    }
    let columns = "object_id, doc, status, title, year, score, at, required";
    database.insert(&format!("INSERT INTO objects ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"), &objects);
    database.insert("INSERT INTO object_tags VALUES (?, ?)", &tags);
    database.batch("ANALYZE TABLE objects, object_tags PERSISTENT FOR ALL");
    Some(database)
}

fn query(database: &MariaDb, schema: &Schema, filter: &str) -> (Query, Predicate) {
    query_with(database, MAPPING, schema, filter)
}

fn query_with(database: &MariaDb, mapping: &str, schema: &Schema, filter: &str) -> (Query, Predicate) {
    let predicate = schema.check(&parse::json(filter).unwrap()).unwrap();
    let mapping = Mapping::from_json(mapping).unwrap();
    (lower(&database.sql(mapping), &predicate).unwrap().into_exact().unwrap(), predicate)
}

#[test]
fn an_index_serves_single_field_filters() {
    let Some(mut database) = objects() else { return };
    let fields = [
        Field::new("sku", Type::Any).single(),
        Field::new("a.b", Type::Any).single(),
        Field::new("at", Type::Datetime),
        Field::new("required", Type::Integer).required(),
    ];
    let schema = Schema::new(fields).unwrap();
    let many: Vec<String> = (0..100).map(|at| format!("\"s{at}\"")).collect();
    let long_list = format!(r#"{{"field": "status", "operator": "in", "value": [{}]}}"#, many.join(","));
    for (filter, index) in [
        (r#"{"status": "s5"}"#, "by_status"),
        (r#"{"field": "status", "operator": "in", "value": ["s5", "s6", 7]}"#, "by_status"),
        (&long_list, "by_status"),
        (r#"{"field": "status", "operator": "gt", "value": "s99"}"#, "by_status"),
        (r#"{"field": "status", "operator": "starts_with", "value": "s29"}"#, "by_status"),
        (r#"{"NOT": [{"field": "status", "operator": "lt", "value": "s99"}]}"#, "by_status"),
        (r#"{"status": null}"#, "by_status"),
        (r#"{"field": "status", "value": "S55", "case_sensitive": false}"#, "by_status"),
        (r#"{"field": "status", "operator": "starts_with", "value": "S299", "case_sensitive": false}"#, "by_status"),
        // Without the promise that it is binary.
        (r#"{"title": "Title 5"}"#, "by_title"),
        (r#"{"field": "title", "operator": "in", "value": ["Title 5", "Title 6"]}"#, "by_title"),
        (r#"{"year": 1999}"#, "by_year"),
        (r#"{"field": "year", "operator": "gt", "value": 2990.5}"#, "by_year"),
        (r#"{"NOT": [{"field": "year", "operator": "gt", "value": 10}]}"#, "by_year"),
        (r#"{"NOT": [{"field": "required", "operator": "gt", "value": 10}]}"#, "by_required"),
        (r#"{"field": "score", "operator": "lte", "value": 10}"#, "by_score"),
        (r#"{"field": "score", "operator": "in", "value": [1.5, 2, 3]}"#, "by_score"),
        (r#"{"at": "2024-01-01T00:05:00Z"}"#, "by_at"),
        (r#"{"field": "at", "operator": "lt", "value": "2024-01-01T00:05:00Z"}"#, "by_at"),
        (r#"{"tags": "t5"}"#, "by_tag"),
        (r#"{"field": "tags", "operator": "starts_with", "value": "t29"}"#, "by_tag"),
        // A NOT does not hide what stands beside it.
        (r#"{"status": "s5", "NOT": [{"year": 3}, {"tags": "x"}]}"#, "by_status"),
        (r#"{"OR": [{"status": "s5"}, {"year": 3}]}"#, "by_status,by_year"),
        (r#"{"sku": "sku5"}"#, "by_sku"),
        (r#"{"field": "sku", "operator": "in", "value": ["sku5", "sku6"]}"#, "by_sku"),
        (&long_list.replace("status", "sku").replace("\"s", "\"sku").replace("skuku", "sku"), "by_sku"),
        (&long_list.replace("status", "title").replace("\"s", "\"Title "), "by_title"),
        (r#"{"field": "sku", "operator": "starts_with", "value": "sku299"}"#, "by_sku"),
        (r#"{"field": "sku", "operator": "gt", "value": "sku998"}"#, "by_sku"),
        (r#"{"a.b": 5}"#, "by_deep"),
        (r#"{"field": "a.b", "operator": "gt", "value": 2990}"#, "by_deep"),
    ] {
        let (query, predicate) = query(&database, &schema, filter);
        let (sql, values) = query.where_clause();
        // All columns, so that no index serves by holding what is selected.
        let plan = database.explain((format!("SELECT * FROM objects WHERE {sql}"), values));
        let uses = |line: &str| {
            line.split(' ').any(|word| word == index) && !line.contains(" ALL ") && !line.contains(" index ")
        };
        assert!(plan.lines().any(uses), "{filter}\n{sql}\n{plan}");
        let matcher = Matcher::new(&predicate);
        let document = |id: i64| {
            let at = format!("2024-01-01T{:02}:{:02}:00Z", id / 60 % 24, id % 60);
            json!({"sku": format!("sku{id}"), "a": {"b": id}, "status": format!("s{id}"), "title": format!("Title {id}"),
                "year": id, "score": id, "at": at, "required": id, "tags": [format!("t{id}")]})
        };
        let wanted: Vec<i64> = (0..OBJECTS).filter(|id| matcher.matches(&document(*id))).collect();
        let mut found = database.ask(query.select_ids()).unwrap();
        found.sort_unstable();
        assert_eq!(found, wanted, "{filter}: {sql}");
    }
}

/// The complement of a comparison takes the promise that what is no number is NULL there: where strings may be there as numbers,
/// no index finds all rows of it.
#[test]
fn an_index_serves_a_complement_where_the_column_is_promised_to_be_exact() {
    let Some(mut database) = objects() else { return };
    let schema = Schema::new([Field::new("a.b", Type::Any).single()]).unwrap();
    for (filter, mapping) in [
        (r#"{"a.b": 5}"#, MAPPING),
        (r#"{"a.b": 5}"#, &told()),
        (r#"{"field": "a.b", "operator": "gt", "value": 2990}"#, &told()),
        (r#"{"NOT": [{"field": "a.b", "operator": "gt", "value": 10}]}"#, &told()),
    ] {
        let (query, predicate) = query_with(&database, mapping, &schema, filter);
        let (sql, values) = query.where_clause();
        let plan = database.explain((format!("SELECT * FROM objects WHERE {sql}"), values));
        assert!(plan.contains("by_deep") && !plan.contains(" ALL ") && !plan.contains(" index "), "{sql}\n{plan}");
        let matcher = Matcher::new(&predicate);
        let wanted: Vec<i64> = (0..OBJECTS).filter(|id| matcher.matches(&json!({"a": {"b": id}}))).collect();
        let mut found = database.ask(query.select_ids()).unwrap();
        found.sort_unstable();
        assert_eq!(found, wanted, "{filter}");
    }
}

#[test]
fn a_generated_column_stands_beside_the_exact_test() {
    let Some(mut database) = objects() else { return };
    let odd = [
        json!({"sku": ["sku5"]}),
        json!({"sku": 5}),
        json!({"sku": "5"}),
        json!({"a": {"b": "5"}}),
        json!({"a": {"b": 9_007_199_254_740_993_i64}}),
        json!({"a": {"b": 9_007_199_254_740_992_i64}}),
        json!({"a": [{"b": 5}]}),
    ];
    for (at, document) in odd.iter().enumerate() {
        let row = vec![(OBJECTS + at as i64).into(), document.to_string().into()];
        database.insert("INSERT INTO objects (object_id, doc, required) VALUES (?, ?, 1)", &[row]);
    }
    let single = Schema::new([Field::new("sku", Type::Any).single(), Field::new("a.b", Type::Any).single()]).unwrap();
    for filter in [
        r#"{"sku": "sku5"}"#,
        r#"{"sku": "5"}"#,
        r#"{"sku": 5}"#,
        r#"{"a.b": 5}"#,
        r#"{"a.b": 9007199254740993}"#,
        r#"{"field": "a.b", "operator": "gt", "value": 9007199254740992}"#,
        r#"{"NOT": [{"field": "a.b", "operator": "lt", "value": 9007199254740993}]}"#,
        r#"{"NOT": [{"field": "a.b", "operator": "lte", "value": 5}]}"#,
        r#"{"NOT": [{"field": "a.b", "operator": "gt", "value": 5}]}"#,
        r#"{"field": "sku", "operator": "starts_with", "value": "sk"}"#,
        r#"{"field": "sku", "operator": "gte", "value": "5"}"#,
        r#"{"field": "sku", "operator": "in", "value": ["5", "1", "2", "3", "4", "6", "7", "8", "9", "sku5"]}"#,
    ] {
        let told = told();
        for (mapping, schema) in [(MAPPING, &Schema::open()), (MAPPING, &single), (&told, &single)] {
            let (query, predicate) = query_with(&database, mapping, schema, filter);
            let matcher = Matcher::new(&predicate);
            let mut found = database.ask(query.select_ids()).unwrap();
            found.retain(|id| *id >= OBJECTS);
            found.sort_unstable();
            // What breaks the promise of the schema is outside the law.
            let lawful = |id: &i64| {
                let document = &odd[(*id - OBJECTS) as usize];
                *schema == Schema::open() || !(document["sku"].is_array() || document["a"].is_array())
            };
            found.retain(lawful);
            let ids = OBJECTS..OBJECTS + odd.len() as i64;
            let wanted = ids.filter(|id| lawful(id) && matcher.matches(&odd[(*id - OBJECTS) as usize]));
            assert_eq!(found, wanted.collect::<Vec<i64>>(), "{filter}: {query}");
            let is_small = filter.contains("a.b") && !filter.contains("9007199254740993");
            let is_alone = is_small && mapping != MAPPING && !filter.contains("9007199254740992");
            assert!(!is_alone || !query.where_clause().0.contains("JSON"), "{filter}: {query}");
        }
    }
}

// ------------------------------------------------------------------------------------------ MySQL

#[test]
fn mysql_has_words_of_its_own() {
    let columns = r#"{"table": "t", "id": "id", "json": "doc", "columns": {"s": {"column": "s", "type": "string"}}}"#;
    let mysql = Sql::mysql(Mapping::from_json(columns).unwrap());
    assert_eq!(Backend::name(&mysql), "mysql");
    assert!(mysql.server().contains("nothing was proved"));
    let single = Schema::new([Field::new("n", Type::Any).single()]).unwrap();
    for (filter, wanted) in [
        (r#"{"s": "x"}"#, "(`t`.`s` = ? AND `t`.`s` COLLATE utf8mb4_0900_bin = ?)"),
        (r#"{"NOT": [{"s": null}]}"#, "`t`.`s` IS NOT NULL"),
        (
            r#"{"n": "x"}"#,
            "(JSON_UNQUOTE(JSON_EXTRACT(`t`.`doc`, ?)) COLLATE utf8mb4_0900_bin = ? AND JSON_TYPE(JSON_EXTRACT(`t`.`doc`, ?)) = 'STRING')",
        ),
        (
            r#"{"d": true}"#,
            "EXISTS (SELECT 1 FROM JSON_TABLE(JSON_EXTRACT(`t`.`doc`, ?, ?), '$[*]' COLUMNS (v JSON PATH '$', s LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin PATH '$')) j WHERE ASCII(j.v) = 116)",
        ),
    ] {
        let predicate = single.check(&parse::json(filter).unwrap()).unwrap();
        let mapping = Mapping::from_json(columns).unwrap().json_valid();
        let lowered = lower(&Sql::mysql(mapping), &predicate).unwrap().into_exact().unwrap();
        assert_eq!(lowered.where_clause().0, wanted);
    }
}

/// No word of MariaDB alone is in what MySQL is sent: of every case of the suite.
#[test]
fn mysql_is_sent_nothing_of_mariadb() {
    struct Form(usize);
    impl Subject for Form {
        fn name(&self) -> &'static str {
            "mysql"
        }

        fn answer(&mut self, question: &Question<'_>) -> Result<Answer, BoxError> {
            let predicate = question.schema().check(question.filter())?;
            let lowered = lower(&Sql::mysql(Mapping::default()), &predicate)?;
            if let Some(query) = lowered.pushed() {
                let (sql, values) = query.select_ids();
                assert_eq!(sql.matches('?').count(), values.0.len(), "{sql}");
                for word in ["nopad", "JSON_VALUE", "JSON_EXISTS", "\\", "\"", ";", "--"] {
                    assert!(!sql.contains(word), "{sql}");
                }
                let depth = sql.chars().try_fold(0_i32, |depth, c| match c {
                    '(' => Some(depth + 1),
                    ')' => (depth > 0).then_some(depth - 1),
                    _ => Some(depth),
                });
                assert_eq!(depth, Some(0), "{sql}");
                self.0 += 1;
            }
            Ok(super::super::suite::reference(question))
        }
    }
    let mut form = Form(0);
    assert!(Suite::new().generated(300).run(&mut form).passed());
    assert!(form.0 > 4_000, "{}", form.0);
}
