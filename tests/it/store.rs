//! The embedded store: imports, plans, triggers, and what nothing may break.

use std::collections::BTreeMap;
use std::path::Path;
use std::thread;

use rusqlite::Connection;
use serde_json::{Value as Json, json};
use trommel::plan::{CatalogFile, CollectionSource, Count, SourceKind, TriggerPlan, TriggerRequest, resolve};
use trommel::store::{Destination, Store};
use trommel::{Code, Error, parse};

use crate::plan::brute::stores::{self, Met};
use crate::plan::brute::{self, Dice, import};

#[path = "store/api_keys.rs"]
mod api_keys;
#[path = "store/cancel.rs"]
mod cancel;
#[path = "store/crash.rs"]
mod crash;

fn store() -> Store {
    let mut store = Store::in_memory().unwrap();
    store.apply("shop", brute::catalog()).unwrap();
    store
}

fn request(body: &Json) -> TriggerRequest {
    TriggerRequest::from_json(body.to_string()).unwrap()
}

fn code(result: Result<impl Sized, Error>) -> Code {
    result.err().unwrap().code()
}

fn count(store: &mut Store, collection: &str, body: &Json) -> Count {
    store.plan("shop", collection, &request(body)).unwrap().total
}

#[test]
fn a_line_replaces_what_has_its_id() {
    let mut store = store();
    let objects = [json!({"object_id": "a", "n": 1}), json!({"object_id": "b", "n": 1})];
    let first = import(&mut store, Destination::Bucket("photos"), &objects);
    assert_eq!((first.added, first.replaced), (2, 0));
    let second = import(
        &mut store,
        Destination::Bucket("bkt_1"),
        &[json!({"object_id": "a", "n": 2}), json!({"object_id": "c"})],
    );
    assert_eq!((second.added, second.replaced), (1, 1));
    assert_eq!(count(&mut store, "frames", &json!({"source_filters": {"n": 1}})), Count::Exact(1));
    assert_eq!(count(&mut store, "frames", &json!({})), Count::Exact(3));
    let documents = [json!({"document_id": "a"}), json!({"document_id": "a", "root_object_id": "a"})];
    let documents = import(&mut store, Destination::Collection("frames"), &documents);
    assert_eq!((documents.added, documents.replaced), (1, 1));
    assert_eq!(count(&mut store, "faces", &json!({})), Count::Exact(1));
}

#[test]
fn a_bad_line_is_told_and_left_out() {
    let mut store = store();
    import(&mut store, Destination::Bucket("scans"), &[json!({"object_id": "theirs"})]);
    let deep = format!(r#"{{"object_id": "deep", "a": {}1{}}}"#, "[".repeat(2_000), "]".repeat(2_000));
    let mut import = store.import("shop", Destination::Bucket("photos")).unwrap();
    for (line, reason) in [
        ("{\"object_id\": ", "column"),
        ("[1]", "a list, not an object"),
        ("{}", "it has no `object_id`"),
        (r#"{"object_id": 5}"#, "its `object_id` is no string"),
        (r#"{"object_id": null}"#, "its `object_id` is no string"),
        (r#"{"object_id": "x", "n": 1e999}"#, "number out of range"),
        (r#"{"object_id": "x", "a": {"b\u0000c": 1}}"#, "U+0000"),
        (r#"{"object_id": "a", "object_id": "b"}"#, "stands twice"),
        (r#"{"object_id": "theirs"}"#, "in the bucket `scans`"),
        (&deep, "nested more deeply"),
    ] {
        let bad = import.add(line.as_bytes()).unwrap().unwrap_err();
        assert!(bad.contains(reason), "{line:.60}: {bad}");
    }
    import.add(br#"{"object_id": "good"}"#).unwrap().unwrap();
    assert_eq!(import.finish().unwrap().added, 1);
    assert_eq!(count(&mut store, "frames", &json!({})), Count::Exact(2));
    let mut import = store.import("shop", Destination::Collection("frames")).unwrap();
    let bad = import.add(br#"{"document_id": "a", "root_object_id": 5}"#).unwrap().unwrap_err();
    assert!(bad.contains("`root_object_id` is no string"));
    drop(import);
    assert_eq!(code(store.import("shop", Destination::Bucket("photo"))), Code::NotFound);
    assert_eq!(code(store.import("shopp", Destination::Bucket("photos"))), Code::NotFound);
}

#[test]
fn documents_are_kept_as_given_but_for_white_space_and_long_numbers() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("s.trm");
    let mut store = Store::create(&file).unwrap();
    store.apply("shop", brute::catalog()).unwrap();
    let line = r#" { "z" : 1.50 , "object_id" : "a", "a" : [ 1e2 , -0.0, "\u00e9\n", 18446744073709551616 ] } "#;
    let mut import = store.import("shop", Destination::Bucket("photos")).unwrap();
    import.add(line.as_bytes()).unwrap().unwrap();
    import.finish().unwrap();
    let kept: String =
        Connection::open(&file).unwrap().query_row("SELECT json(doc) FROM objects", (), |row| row.get(0)).unwrap();
    assert_eq!(kept, r#"{"z":1.50,"object_id":"a","a":[1e2,-0.0,"\u00e9\n",1.8446744073709552e+19]}"#);
}

#[test]
fn nothing_of_an_import_that_is_dropped_stays() {
    let mut store = store();
    let mut import = store.import("shop", Destination::Bucket("photos")).unwrap().whole();
    for n in 0..2_500 {
        import.add(json!({"object_id": format!("o{n}")}).to_string().as_bytes()).unwrap().unwrap();
    }
    drop(import);
    assert_eq!(count(&mut store, "frames", &json!({})), Count::Exact(0));
    // In chunks, what is committed stays.
    let mut import = store.import("shop", Destination::Bucket("photos")).unwrap();
    for n in 0..2_500 {
        import.add(json!({"object_id": format!("o{n}")}).to_string().as_bytes()).unwrap().unwrap();
    }
    drop(import);
    assert_eq!(count(&mut store, "frames", &json!({})), Count::Exact(2_000));
}

/// Draws filters, and documents that they meet, of every kind that there are strategies for.
#[cfg(feature = "conformance")]
fn others(seed: u64) -> impl FnMut() -> Option<(String, Vec<Json>)> {
    use proptest::strategy::{Strategy as _, ValueTree as _};
    use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    move || {
        let meeting = trommel::strategies::meeting().new_tree(&mut runner).unwrap().current();
        Some((meeting.filter, meeting.documents))
    }
}

#[cfg(not(feature = "conformance"))]
fn others(_: u64) -> impl FnMut() -> Option<(String, Vec<Json>)> {
    || None
}

#[test]
fn counts_and_overwrites_are_those_of_a_brute_force() {
    let mut met = Met::default();
    for seed in 0..400 {
        stores::requests(&mut Dice::of(seed), 24, 8, &mut others(seed), &mut met);
    }
    // So that each of these was met often.
    let Met { of_buckets, of_collections, telling, indexed, mistakes, overwritten, by_key, duplicated } = met;
    assert!(
        of_buckets > 1_000 && of_collections > 400 && telling > 400 && indexed > 1_000 && mistakes > 400,
        "{met:?}"
    );
    assert!(overwritten > 2_000 && by_key > 200 && duplicated > 800, "{met:?}");
}

/// What decides whether keys are equal is the law, to the last digit.
#[test]
fn keys_are_equal_as_the_law_says() {
    let spelled = [
        "1",
        "1.0",
        "1e0",
        r#""1""#,
        "null",
        "9007199254740992",
        "9007199254740992.0",
        "9007199254740993",
        "18446744073709551615",
        "18446744073709551616",
        "0.1",
        "1e300",
        "true",
        "[1]",
        "[1.0]",
        r#"{"a": 1, "b": 2}"#,
        r#"{"b": 2.0, "a": 1.0}"#,
        "[]",
        "0",
        "-0.0",
    ];
    let mut store = store();
    let mut file = brute::catalog();
    file.buckets[0].unique_key = serde_json::from_value(json!({"fields": ["sku"]})).unwrap();
    store.apply("shop", file).unwrap();
    let mut keyed = store.import("shop", Destination::Bucket("photos")).unwrap();
    for (at, value) in spelled.iter().enumerate() {
        keyed.add(format!(r#"{{"object_id": "{at}", "sku": {value}}}"#).as_bytes()).unwrap().unwrap();
    }
    // Two that lack the key equal nothing, each other neither.
    for id in ["none", "neither"] {
        keyed.add(json!({"object_id": id}).to_string().as_bytes()).unwrap().unwrap();
    }
    keyed.finish().unwrap();
    let ids = (0..spelled.len()).map(|at| at.to_string()).chain(["none".to_owned(), "neither".to_owned()]);
    let documents = ids.clone().map(|id| json!({"document_id": id, "root_object_id": id})).collect::<Vec<_>>();
    import(&mut store, Destination::Collection("frames"), &documents);
    // Worked out by hand: which of them are the same value.
    let same: [&[usize]; 6] = [&[0, 1, 2], &[5, 6], &[13, 14], &[15, 16], &[18, 19], &[4]];
    for (at, id) in ids.enumerate() {
        let plan = store.plan("shop", "frames", &request(&json!({"object_ids": [id]}))).unwrap();
        let equal = same.iter().find(|same| same.contains(&at)).map_or(1, |same| same.len());
        assert_eq!(plan.sources[0].would_overwrite, Some(equal as u64), "{:?}", spelled.get(at));
        if let Some(value) = spelled.get(at) {
            // The oracle says the same.
            let read = |text: &str| serde_json::from_str::<Json>(text).unwrap();
            let of_oracle = spelled.iter().filter(|other| stores::equal(&read(value), &read(other))).count();
            assert_eq!(of_oracle, equal, "{value}");
        }
    }
}

#[test]
fn numbers_count_by_value_however_they_are_spelled() {
    let mut store = store();
    let spelled = [
        "-9223372036854775809",
        "-100000000000000000000000",
        "-1",
        "5",
        "5.000000000000000000000",
        "137.0827759351375192409250303171575069427490234375",
    ];
    let mut import = store.import("shop", Destination::Bucket("photos")).unwrap();
    for (at, number) in spelled.iter().enumerate() {
        import.add(format!(r#"{{"object_id": "o{at}", "x": {number}}}"#).as_bytes()).unwrap().unwrap();
    }
    import.finish().unwrap();
    for (operator, operand, wanted) in [
        ("gt", "9223372036854775808", 0),
        ("lt", "9223372036854775808", 6),
        ("lt", "-1", 2),
        ("eq", "5", 2),
        ("eq", "137.0827759351375192409250303171575069427490234375", 1),
        ("eq", "-1e23", 1),
    ] {
        let body = format!(r#"{{"source_filters": {{"field": "x", "operator": "{operator}", "value": {operand}}}}}"#);
        let plan = store.plan("shop", "frames", &TriggerRequest::from_json(&body).unwrap()).unwrap();
        assert_eq!(plan.total, Count::Exact(wanted), "{operator} {operand}");
    }
}

#[test]
fn another_unique_key_is_worked_out_for_what_is_there() {
    let mut store = store();
    import(
        &mut store,
        Destination::Bucket("scans"),
        &[json!({"object_id": "a", "k": 1}), json!({"object_id": "b", "k": 1.0})],
    );
    import(&mut store, Destination::Collection("frames"), &[json!({"document_id": "d", "root_object_id": "a"})]);
    let body = json!({"object_ids": ["b"]});
    let effects = |store: &mut Store| {
        let plan = store.plan("shop", "frames", &request(&body)).unwrap();
        (plan.sources[1].would_overwrite, plan.sources[1].would_duplicate)
    };
    assert_eq!(effects(&mut store), (None, Some(0)));
    let mut file = brute::catalog();
    file.buckets[1].unique_key = serde_json::from_value(json!({"fields": ["k"]})).unwrap();
    store.apply("shop", file).unwrap();
    assert_eq!(effects(&mut store), (Some(1), None));
    store.apply("shop", brute::catalog()).unwrap();
    assert_eq!(effects(&mut store), (None, Some(0)));
}

#[test]
fn a_plan_is_stale_once_something_that_it_read_has_changed() {
    let mut store = store();
    let scan = |store: &mut Store, id: &str| import(store, Destination::Bucket("scans"), &[json!({"object_id": id})]);
    scan(&mut store, "a");
    let body = json!({"include_buckets": ["scans"]});
    let plan = store.plan("shop", "frames", &request(&body)).unwrap();
    // What it did not read may change.
    import(&mut store, Destination::Bucket("photos"), &[json!({"object_id": "p"})]);
    import(&mut store, Destination::Collection("faces"), &[json!({"document_id": "p"})]);
    assert_eq!(store.trigger_plan(&plan).unwrap().object_count, Some(1));
    assert_eq!(store.trigger_plan(&plan).unwrap().object_count, Some(1));

    let moved = |store: &mut Store, plan| {
        let error = store.trigger_plan(plan).unwrap_err();
        assert_eq!(error.code(), Code::StalePlan);
        error.diagnostics()[0].expected.clone()
    };
    scan(&mut store, "b");
    assert_eq!(moved(&mut store, &plan), ["the bucket `bkt_2`"]);
    let plan = store.plan("shop", "frames", &request(&body)).unwrap();
    import(&mut store, Destination::Collection("frames"), &[json!({"document_id": "d", "root_object_id": "a"})]);
    assert_eq!(moved(&mut store, &plan), ["the documents of `col_a`"]);
    let plan = store.plan("shop", "frames", &request(&body)).unwrap();
    store.apply("shop", CatalogFile::default()).unwrap();
    assert_eq!(moved(&mut store, &plan), ["the catalog"]);
    // A plan that was edited, one of a source that was not counted, and one of another store.
    let mut plan = store.plan("shop", "frames", &request(&body)).unwrap();
    plan.request.include_buckets = None;
    assert_eq!(moved(&mut store, &plan), ["the sources", "`bkt_1`, which was not counted"]);
    let mut plan = store.plan("shop", "frames", &request(&body)).unwrap();
    plan.revisions.sources.clear();
    assert_eq!(moved(&mut store, &plan), ["`bkt_2`, which was not counted"]);
    let mut other = Store::in_memory().unwrap();
    other.apply("ns_x", brute::catalog()).unwrap();
    store.apply("ns_x", brute::catalog()).unwrap();
    let plan_of_other = other.plan("ns_x", "frames", &request(&body)).unwrap();
    assert_eq!(moved(&mut store, &plan_of_other), ["the catalog"]);
    let mut plan = store.plan("shop", "frames", &request(&body)).unwrap();
    plan.request.source_filters = Some(parse::json(r#"{"x": 1}"#).unwrap());
    assert_eq!(moved(&mut store, &plan), ["the filter in the plan itself"]);
}

/// What a catalog that has changed makes of a request is no mistake of the request's: the plan is stale, whatever it would be.
#[test]
fn a_plan_is_stale_whatever_its_catalog_has_become() {
    let body = json!({"include_buckets": ["scans"]});
    type Change = fn(&mut CatalogFile);
    let changes: [(&str, Change); 5] = [
        ("a bucket has another name", |file| file.buckets[1].name = "other".to_owned()),
        ("the bucket is no source any more", |file| {
            file.collections[0].source = CollectionSource::Buckets(vec!["photos".to_owned()]);
        }),
        ("the collection is disabled", |file| file.collections[0].enabled = false),
        ("its sources are of the other kind", |file| {
            file.collections[1].source = CollectionSource::Buckets(vec!["photos".to_owned()]);
            file.collections[0].source = CollectionSource::Collections(vec!["faces".to_owned()]);
        }),
        ("the collections feed each other", |file| {
            file.collections[0].source = CollectionSource::Collections(vec!["faces".to_owned()]);
        }),
    ];
    for (what, change) in changes {
        let mut store = store();
        let plan = store.plan("shop", "frames", &request(&body)).unwrap();
        let mut file = brute::catalog();
        change(&mut file);
        store.apply("shop", file).unwrap_or_else(|error| panic!("{what}: {error}"));
        let error = store.trigger_plan(&plan).unwrap_err();
        assert_eq!(
            (error.code(), &*error.diagnostics()[0].expected),
            (Code::StalePlan, &["the catalog".to_owned()][..]),
            "{what}"
        );
        assert_eq!(store.stats().unwrap()[0].batches, 0, "{what}");
    }
}

#[test]
fn a_plan_that_says_something_else_than_what_is_triggered_is_stale() {
    let mut store = store();
    import(&mut store, Destination::Bucket("scans"), &[json!({"object_id": "a"})]);
    let body = request(&json!({"include_buckets": ["scans"]}));
    let plan = store.plan("shop", "frames", &body).unwrap();
    type Edit = fn(&mut TriggerPlan);
    let edits: [(&str, Edit); 7] = [
        ("the collection `bkt_2`", |plan| plan.source = SourceKind::Collection),
        ("the bucket `gone`", |plan| plan.revisions.sources = [("gone".to_owned(), 1)].into()),
        ("which were not counted", |plan| plan.revisions.target = None),
        ("the count of `bkt_2`, 1 where ≤ 9 were planned", |plan| plan.sources[0].count = Count::AtMost(9)),
        ("the total", |plan| plan.total = Count::Exact(9)),
        ("the tiers", |plan| plan.tiers.clear()),
        ("the tiers", |plan| plan.total_tiers = 9),
    ];
    for (wanted, edit) in edits {
        let mut edited = plan.clone();
        edit(&mut edited);
        let error = store.trigger_plan(&edited).unwrap_err();
        assert_eq!(error.code(), Code::StalePlan, "{wanted}");
        assert!(error.diagnostics()[0].message.contains(wanted), "{wanted}: {error}");
    }
    assert_eq!(store.stats().unwrap()[0].batches, 0);
    assert_eq!(store.trigger_plan(&plan).unwrap().object_count, Some(1));
}

/// The same revisions, and other objects: each of two copies had one import.
#[test]
fn a_plan_of_a_copy_that_has_gone_another_way_is_stale() {
    let dir = tempfile::tempdir().unwrap();
    let (one, other) = (dir.path().join("one"), dir.path().join("other"));
    let mut first = Store::create(&one).unwrap();
    first.apply("shop", brute::catalog()).unwrap();
    drop(first);
    std::fs::copy(&one, &other).unwrap();
    let (mut one, mut other) = (Store::open(&one).unwrap(), Store::open(&other).unwrap());
    import(&mut one, Destination::Bucket("scans"), &[json!({"object_id": "a"})]);
    import(&mut other, Destination::Bucket("scans"), &[json!({"object_id": "a"}), json!({"object_id": "b"})]);
    let plan = one.plan("shop", "frames", &TriggerRequest::default()).unwrap();
    assert_eq!(code(other.trigger_plan(&plan)), Code::StalePlan);
    assert!(one.trigger_plan(&plan).is_ok());
}

#[test]
fn a_batch_and_its_task_are_found_by_their_ids() {
    let mut store = store();
    import(&mut store, Destination::Collection("frames"), &[json!({"document_id": "d"})]);
    let response = store.trigger("shop", "faces", &TriggerRequest::default()).unwrap();
    assert!(response.batch_id.starts_with("btch_") && response.task_id.starts_with("task_"));
    assert_eq!((response.document_count, response.object_count), (Some(1), None));
    assert_eq!((response.source_collection_ids, response.source_bucket_ids), (Some(vec!["col_a".to_owned()]), None));
    let batch = store.batch(&response.batch_id).unwrap();
    assert_eq!(store.task(&response.task_id).unwrap(), batch);
    assert_eq!((&*batch.status, batch.document_count), ("queued", Some(1)));
    assert_eq!(batch.tiers, [["col_b"]]);
    assert!(batch.created_at.ends_with('Z') && batch.created_at.len() == 24, "{}", batch.created_at);
    assert_eq!(store.batch_members(&response.batch_id).unwrap(), [("col_a".to_owned(), "d".to_owned())]);
    assert_eq!(code(store.batch("btch_x")), Code::NotFound);
    assert_eq!(code(store.task(&response.batch_id)), Code::NotFound);
}

#[test]
fn namespaces_do_not_see_each_other() {
    let mut store = store();
    store.apply("ns_other", brute::catalog()).unwrap();
    import(&mut store, Destination::Bucket("photos"), &[json!({"object_id": "a"})]);
    // The same id in another namespace is another object.
    let mut import = store.import("ns_other", Destination::Bucket("photos")).unwrap();
    import.add(br#"{"object_id": "a", "x": 1}"#).unwrap().unwrap();
    assert_eq!(import.finish().unwrap().added, 1);
    assert_eq!(count(&mut store, "frames", &json!({"source_filters": {"x": 1}})), Count::Exact(0));
    assert_eq!(store.plan("ns_other", "frames", &TriggerRequest::default()).unwrap().namespace_id, "ns_other");
    assert_eq!(store.stats().unwrap().len(), 2);
    // By id too, which wins over a name.
    let id = store.plan("shop", "frames", &TriggerRequest::default()).unwrap().namespace_id;
    assert!(id.starts_with("ns_") && id != "shop");
    let by_id = |store: &mut Store| store.plan(&id, "frames", &TriggerRequest::default()).unwrap();
    assert_eq!(by_id(&mut store).total, Count::Exact(1));
    store.apply("ns_b", CatalogFile::default()).unwrap();
    assert_eq!(by_id(&mut store).namespace_id, id);
    assert_eq!(code(store.plan("no", "frames", &TriggerRequest::default())), Code::NotFound);
}

#[test]
fn an_id_of_a_namespace_wins_over_a_name() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("s");
    let mut store = Store::create(&file).unwrap();
    let mut ids = Vec::new();
    // Whichever was made first.
    for name in ["early", "shop", "late"] {
        ids.push(store.apply(name, brute::catalog()).unwrap().namespace_id().to_owned());
        let mut import = store.import(name, Destination::Bucket("photos")).unwrap();
        (0..ids.len())
            .for_each(|n| import.add(json!({"object_id": n.to_string()}).to_string().as_bytes()).unwrap().unwrap());
        import.finish().unwrap();
    }
    let shop = &*ids[1];
    for (at, other) in [(0, "early"), (2, "late")] {
        // No command names a namespace so, since what is an id already is taken for it; a file may have it.
        let rename = "UPDATE namespaces SET name = ?1 WHERE namespace_id = ?2";
        assert_eq!(Connection::open(&file).unwrap().execute(rename, (shop, &ids[at])).unwrap(), 1);
        let mut store = Store::open(&file).unwrap();
        let stats = store.stats().unwrap();
        let named: Vec<&str> =
            stats.iter().filter(|found| found.name == shop).map(|found| &*found.namespace_id).collect();
        assert_eq!(named, [&*ids[at]]);

        let plan = store.plan(shop, "frames", &TriggerRequest::default()).unwrap();
        assert_eq!((&*plan.namespace_id, plan.total), (shop, Count::Exact(2)));
        assert_eq!(store.trigger(shop, "frames", &TriggerRequest::default()).unwrap().object_count, Some(2));
        assert_eq!(store.trigger_plan(&plan).unwrap().object_count, Some(2));
        assert_eq!(store.apply(shop, CatalogFile::default()).unwrap().namespace_id(), shop);
        let mut import = store.import(shop, Destination::Bucket("photos")).unwrap();
        import.add(br#"{"object_id": "0"}"#).unwrap().unwrap();
        assert_eq!(import.finish().unwrap().replaced, 1);
        // The other is found by its own id.
        let plan = store.plan(&ids[at], "frames", &TriggerRequest::default()).unwrap();
        assert_eq!((&plan.namespace_id, plan.total), (&ids[at], Count::Exact(at as u64 + 1)));
        let rename_back = Connection::open(&file).unwrap().execute(rename, (other, &ids[at]));
        assert_eq!(rename_back.unwrap(), 1);
    }
}

#[test]
fn readers_see_one_state_beside_a_writer() {
    let dir = tempfile::tempdir().unwrap();
    for (name, make) in [("made", Store::create as fn(&Path) -> _), ("demo", Store::create_demo)] {
        let file = dir.path().join(name);
        drop(make(&file).unwrap());
        let connection = Connection::open(&file).unwrap();
        let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
        assert_eq!(mode, "wal", "{name}");
    }
    let file = dir.path().join("made");
    let mut writer = Store::open(&file).unwrap();
    writer.apply("shop", brute::catalog()).unwrap();
    let mut reader = Store::open_to_read(&file).unwrap();
    let (none, line) = (json!({}), br#"{"object_id": "a"}"#);
    // In the midst of a write, a reader neither waits nor sees it.
    let mut import = writer.import("shop", Destination::Bucket("photos")).unwrap().whole();
    import.add(line).unwrap().unwrap();
    assert_eq!(count(&mut reader, "frames", &none), Count::Exact(0));
    // In the midst of a read, a writer neither waits nor changes what is read.
    let snapshot = reader.snapshot("shop").unwrap();
    assert_eq!(snapshot.plan("frames", &request(&none)).unwrap().total, Count::Exact(0));
    assert_eq!(import.finish().unwrap().added, 1);
    assert_eq!(writer.trigger("shop", "frames", &request(&none)).unwrap().object_count, Some(1));
    assert_eq!(snapshot.plan("frames", &request(&none)).unwrap().total, Count::Exact(0));
    drop(snapshot);
    assert_eq!(count(&mut reader, "frames", &none), Count::Exact(1));
}

#[test]
fn a_catalog_that_is_refused_changes_nothing() {
    let mut store = store();
    let mut file = brute::catalog();
    file.buckets[0].name = "renamed".to_owned();
    file.collections[1].name = "frames".to_owned();
    assert_eq!(code(store.apply("shop", file)), Code::AmbiguousName);
    assert!(store.plan("shop", "frames", &request(&json!({"include_buckets": ["photos"]}))).is_ok());
    assert_eq!(code(store.apply("", CatalogFile::default())), Code::Usage);
}

#[test]
fn what_is_no_store_is_refused_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    assert_eq!(code(Store::open(&at("missing"))), Code::Io);
    assert!(!at("missing").exists());
    std::fs::write(at("empty"), "").unwrap();
    assert_eq!(code(Store::open(&at("empty"))), Code::Unsupported);
    std::fs::write(at("text"), "this is no database, only some text that goes on for a while").unwrap();
    assert_eq!(code(Store::open(&at("text"))), Code::Database);
    assert_eq!(code(Store::create(&at("text"))), Code::Database);
    assert!(std::fs::read_to_string(at("text")).unwrap().starts_with("this is no database"));
    Connection::open(at("other")).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    assert_eq!(code(Store::open(&at("other"))), Code::Unsupported);
    assert_eq!(code(Store::create(&at("other"))), Code::Unsupported);

    drop(Store::create(&at("good")).unwrap());
    assert_eq!(code(Store::create(&at("good"))), Code::Usage);
    // Nothing of any of these has changed, nor is there anything beside them.
    let refused = ["empty", "other", "text"].map(|name| (name, std::fs::read(at(name)).unwrap()));
    for (name, before) in &refused {
        for open in [Store::open, Store::open_to_read] {
            assert!(open(&at(name)).is_err(), "{name}");
        }
        assert_eq!(std::fs::read(at(name)).unwrap(), *before, "{name}");
    }
    let mut names: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort_unstable();
    assert_eq!(names, ["empty", "good", "other", "text"]);
}

type Way = fn(&Path) -> Result<Store, Error>;

/// All ways to open or make a store.
const WAYS: [Way; 4] = [Store::open, Store::open_to_read, Store::create, Store::create_demo];

#[test]
fn a_newer_store_is_refused_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("s");
    drop(Store::create_demo(&file).unwrap());
    Connection::open(&file).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let before = std::fs::read(&file).unwrap();
    for way in WAYS {
        let newer = way(&file).unwrap_err();
        assert_eq!(newer.code(), Code::Unsupported);
        assert!(newer.to_string().contains("version 99"), "{newer}");
        assert!(newer.diagnostics()[0].hint.as_ref().unwrap().contains("newer program"), "{newer}");
        assert!(std::fs::read(&file).unwrap() == before);
    }
}

#[test]
fn a_damaged_store_is_an_error_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("s");
    drop(Store::create_demo(&file).unwrap());
    let good = std::fs::read(&file).unwrap();
    let middle = good.len() / 2;
    for (damaged, bytes) in [
        (
            "everything but the first page",
            good.iter().enumerate().map(|(at, byte)| if at > 4096 && at % 7 == 0 { 0xA5 } else { *byte }).collect(),
        ),
        ("the head", [&[0xA5; 100], &good[100..]].concat()),
        ("the tables' names", [&good[..100], &vec![0xA5; 3996], &good[4096..]].concat()),
        ("the end", good[..middle].to_vec()),
        ("all but the head", good[..100].to_vec()),
    ] {
        std::fs::write(&file, &bytes).unwrap();
        let none = TriggerRequest::default();
        for way in WAYS {
            let error = way(&file).and_then(|mut store| store.plan("demo", "frames", &none)).unwrap_err();
            let is_a_store = error.code() == Code::Usage && error.to_string().contains("is a store already");
            assert!(error.code() == Code::Database || is_a_store, "{damaged}: {error}");
            assert!(std::fs::read(&file).unwrap() == bytes, "{damaged}");
        }
        let error = Store::open(&file).and_then(|mut store| store.trigger("demo", "frames", &none)).unwrap_err();
        assert_eq!(error.code(), Code::Database, "{damaged}: {error}");
        assert!(std::fs::read(&file).unwrap() == bytes, "{damaged}");
    }
}

/// Pages of every kind, one after another: what reads it fails, and what does not is right.
#[test]
fn a_damaged_page_is_an_error_or_not_read() {
    const PAGE: usize = 4096;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("s");
    drop(Store::create_demo(&file).unwrap());
    let good = std::fs::read(&file).unwrap();
    let pending = request(&json!({"source_filters": {"status": "pending"}}));
    let planned = || Store::open(&file)?.plan("demo", "frames", &pending);
    let right = planned().unwrap();
    let (mut failed, mut unread) = (0, 0);
    for page in (1..good.len() / PAGE).step_by(good.len() / PAGE / 40) {
        for byte in [0xA5, 0] {
            let mut bytes = good.clone();
            bytes[page * PAGE..][..PAGE].fill(byte);
            std::fs::write(&file, &bytes).unwrap();
            match planned() {
                Ok(plan) if plan.warnings == right.warnings => {
                    assert_eq!((plan.sources, plan.tiers), (right.sources.clone(), right.tiers.clone()), "page {page}");
                    unread += 1;
                }
                // A source that could not be counted is told in the plan.
                Ok(plan) => {
                    assert!(matches!(plan.total, Count::AtLeast(_)), "page {page}: {plan}");
                    failed += 1;
                }
                Err(error) => {
                    assert_eq!(error.code(), Code::Database, "page {page}: {error}");
                    failed += 1;
                }
            }
            assert!(std::fs::read(&file).unwrap() == bytes, "page {page}");
        }
    }
    assert!(failed >= 10 && unread >= 10, "{failed} {unread}");
}

#[test]
fn a_store_that_may_only_be_read_can_be_planned_over() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("s");
    let mut store = Store::create(&file).unwrap();
    store.apply("shop", brute::catalog()).unwrap();
    let mut reader = Store::open_to_read(&file).unwrap();
    assert!(reader.plan("shop", "frames", &TriggerRequest::default()).is_ok());
    // What is rechecked needs a table of its own, which is not in the file.
    let regex = json!({"source_filters": {"field": "s", "operator": "regex", "value": "a.*b"}});
    assert!(reader.plan("shop", "frames", &request(&regex)).is_ok());
    let refused = reader.trigger("shop", "frames", &TriggerRequest::default()).unwrap_err();
    assert!(refused.code() == Code::Database && refused.to_string().contains("readonly"), "{refused}");
}

/// Imports small objects until nothing fits any more. Gives how many stay, and the error.
fn fill_up(store: &mut Store) -> (u64, Error) {
    let count = |store: &mut Store| store.plan("shop", "frames", &TriggerRequest::default()).unwrap().total.n();
    let before = count(store);
    store.limit_size(2_000_000).unwrap();
    let mut chunks = store.import("shop", Destination::Bucket("scans")).unwrap();
    let failed = (0..1_000_000).find_map(|n| {
        chunks.add(json!({"object_id": format!("q{n}"), "text": "z".repeat(200)}).to_string().as_bytes()).err()
    });
    drop(chunks);
    (count(store) - before, failed.unwrap())
}

#[test]
fn a_full_disk_is_an_error_and_leaves_nothing_half_done() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("s");
    let mut store = Store::create(&file).unwrap();
    store.apply("shop", brute::catalog()).unwrap();
    let objects: Vec<Json> =
        (0..1_000).map(|n| json!({"object_id": format!("o{n}"), "text": "x".repeat(200)})).collect();
    import(&mut store, Destination::Bucket("photos"), &objects);
    let size = std::fs::metadata(&file).unwrap().len() + std::fs::metadata(dir.path().join("s-wal")).unwrap().len();
    store.limit_size(size).unwrap();
    let mut refused = store.import("shop", Destination::Bucket("scans")).unwrap().whole();
    let failed = (0..100_000).find_map(|n| {
        refused.add(json!({"object_id": format!("p{n}"), "text": "y".repeat(200)}).to_string().as_bytes()).err()
    });
    let failed = failed.unwrap();
    assert!(
        failed.code() == Code::Database && failed.diagnostics()[0].hint.as_ref().unwrap().contains("make room"),
        "{failed}"
    );
    drop(refused);
    assert_eq!(count(&mut store, "frames", &json!({})), Count::Exact(1_000));
    // An import in chunks says what it has committed, and that is there.
    let (kept, failed) = fill_up(&mut store);
    let hint = failed.diagnostics()[0].hint.clone().unwrap();
    assert!(kept > 0 && hint.starts_with(&format!("{kept} added and 0 replaced were committed")), "{hint}");
    // Not even a batch fits any more: no half of one is there.
    store.limit_size(0).unwrap();
    let (mut done, mut failed) = (0, 0);
    for _ in 0..50 {
        match store.trigger("shop", "frames", &TriggerRequest::default()) {
            Ok(_) => done += 1,
            Err(error) => {
                assert_eq!(error.code(), Code::Database);
                failed += 1;
            }
        }
    }
    assert!(failed > 0, "{done}");
    check(&file, done);
}

/// Whether a store is whole: as many batches, each with as many members as it says.
#[track_caller]
pub(super) fn check(file: &Path, batches: usize) {
    let connection = Connection::open(file).unwrap();
    let integrity: String = connection.query_row("PRAGMA integrity_check", (), |row| row.get(0)).unwrap();
    assert_eq!(integrity, "ok");
    let found: usize =
        connection.query_row("SELECT count(*) FROM batches", (), |row| row.get::<_, i64>(0)).unwrap() as usize;
    assert_eq!(found, batches);
    let half = "SELECT count(*) FROM batches b WHERE tiers = '[]' OR coalesce(object_count, document_count) IS NOT
                (SELECT count(*) FROM batch_members m WHERE m.batch = b.n)";
    let half: i64 = connection.query_row(half, (), |row| row.get(0)).unwrap();
    assert_eq!(half, 0);
    let orphans = "SELECT count(*) FROM batch_members WHERE batch NOT IN (SELECT n FROM batches)";
    let orphans: i64 = connection.query_row(orphans, (), |row| row.get(0)).unwrap();
    assert_eq!(orphans, 0);
}

#[test]
fn triggers_and_imports_beside_each_other_lose_nothing() {
    const EACH: usize = 20;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("s");
    Store::create(&file).unwrap().apply("shop", brute::catalog()).unwrap();
    let counts: Vec<BTreeMap<String, u64>> = thread::scope(|scope| {
        let workers: Vec<_> = (0..8)
            .map(|worker| {
                let file = &file;
                scope.spawn(move || {
                    let mut store = Store::open(file).unwrap();
                    let mut counts = BTreeMap::new();
                    for round in 0..EACH {
                        if worker % 2 == 0 {
                            let lines: Vec<Json> =
                                (0..50).map(|n| json!({"object_id": format!("{worker}-{round}-{n}")})).collect();
                            let bucket = Destination::Bucket(if worker % 4 == 0 { "photos" } else { "scans" });
                            assert_eq!(import(&mut store, bucket, &lines).added, 50);
                        } else {
                            let response = store.trigger("shop", "frames", &TriggerRequest::default()).unwrap();
                            counts.insert(response.batch_id, response.object_count.unwrap());
                        }
                    }
                    counts
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    });
    let mut store = Store::open(&file).unwrap();
    assert_eq!(count(&mut store, "frames", &json!({})), Count::Exact(4 * 50 * EACH as u64));
    for (batch, count) in counts.iter().flatten() {
        assert_eq!(store.batch_members(batch).unwrap().len() as u64, *count);
        // Imports are whole: fifty objects, or none.
        assert_eq!(count % 50, 0);
    }
    check(&file, 4 * EACH);
}

#[test]
fn indexes_are_used() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("s");
    let mut store = Store::create(&file).unwrap();
    store.apply("shop", brute::catalog()).unwrap();
    let objects: Vec<Json> = (0..3_000)
        .map(|n| json!({"object_id": format!("o{n}"), "sku": format!("s{n}"), "at": {"shelf": n}, "tags": [n % 7]}))
        .collect();
    import(&mut store, Destination::Bucket("photos"), &objects);
    let path = |text: &str| trommel::Path::parse(text).unwrap();
    let paths = [path("sku"), path("at.shelf"), path(r#""it's a \"key\"""#)];
    assert_eq!(store.index(&paths).unwrap(), 14);
    assert_eq!(store.index(&paths).unwrap(), 0);
    // Another key, though a name of an index would be the same.
    assert_eq!(store.index(&[path("SKU")]).unwrap(), 4);
    // Of the statement that a plan runs.
    let mut steps = |body: &str| {
        let snapshot = store.snapshot("shop").unwrap();
        let request = TriggerRequest::from_json(body).unwrap();
        let resolved = resolve("frames", &request, snapshot.catalog()).unwrap();
        let (source, target) = (resolved.sources()[0], resolved.collection());
        snapshot.query_plan(source, resolved.predicate(), target).unwrap().join("\n")
    };
    for filter in [
        r#"{"sku": "s5"}"#,
        r#"{"at.shelf": 5}"#,
        r#"{"field": "at.shelf", "operator": "gt", "value": 2990}"#,
        r#"{"AND": [{"sku": "s5"}, {"tags": 3}]}"#,
        r#"{"\"it's a \\\"key\\\"\"": 1}"#,
    ] {
        let plan = steps(&format!(r#"{{"source_filters": {filter}}}"#));
        assert!(plan.contains("USING INDEX objects: json_extract"), "{filter}\n{plan}");
        assert!(!plan.contains("SCAN objects"), "{filter}\n{plan}");
    }
    let plan = steps(r#"{"object_ids": ["o1", "o2"]}"#);
    assert!(plan.contains("objects_of_bucket (bucket=? AND object_id=?)"), "{plan}");
    // Without an index, and what no index serves.
    for filter in [r#"{"text": "x"}"#, r#"{"field": "sku", "operator": "contains", "value": "5"}"#] {
        let plan = steps(&format!(r#"{{"source_filters": {filter}}}"#));
        assert!(!plan.contains("json_extract"), "{filter}\n{plan}");
    }
}
