//! What a plan costs beside the SQL counts that it stands for, written by hand: 1,000,000 objects in 10 buckets, half of which
//! have a unique key, 100,000 documents, 1,000 collections. The same counts asserted.
//!
//! A store keeps the catalog that it read last. `plan` is what a store that is open answers; `first plan` opens the file and
//! reads the catalog too, beside SQL over a connection that was opened for it. The memory is that of a process of its own that
//! does nothing else: from where it has opened the store to its highest.
//!
//! `cargo bench --features store --bench plan`

mod ratio;

use std::path::Path;
use std::process::Command;

use ratio::{Rival, compare};
use rusqlite::Connection;
use serde_json::{Value as Json, json};
use trommel::plan::{CatalogFile, Count, TriggerPlan, TriggerRequest};
use trommel::store::{Destination, Store};

const OBJECTS: usize = 1_000_000;
const BUCKETS: usize = 10;
const DOCUMENTS: usize = 100_000;
const COLLECTIONS: usize = 1_000;

fn object_id(n: usize) -> String {
    format!("obj_{n:012x}")
}

fn object(n: usize) -> Json {
    json!({
        "object_id": object_id(n), "sku": format!("sku-{}", n / 2), "status": format!("s{}", n / BUCKETS % 1_000),
        "title": format!("A title of some words, number {n}"), "place": {"city": format!("c{}", n % 97)}, "tags": ["a", "b"],
    })
}

fn catalog() -> CatalogFile {
    let buckets: Vec<Json> = (0..BUCKETS)
        .map(|n| {
            let key = if n % 2 == 0 { json!({"fields": ["sku"]}) } else { Json::Null };
            json!({"bucket_id": format!("b{n}"), "unique_key": key})
        })
        .collect();
    let all: Vec<String> = (0..BUCKETS).map(|n| format!("b{n}")).collect();
    let mut collections = vec![json!({"collection_id": "c0", "source": {"type": "bucket", "bucket_ids": all}})];
    collections.extend((1..COLLECTIONS).map(|n| {
        let sources: Vec<String> = (1..=3).map(|step| format!("c{}", n.saturating_sub(step * step))).collect();
        json!({"collection_id": format!("c{n}"), "source": {"type": "collection", "collection_ids": sources}})
    }));
    let file = json!({"buckets": buckets, "collections": collections});
    CatalogFile::from_json(&file.to_string()).expect("a catalog")
}

fn fill(store: &mut Store, destination: Destination<'_>, lines: impl Iterator<Item = Json>) {
    let mut import = store.import("bench", destination).expect("an import");
    lines.for_each(|line| import.add(line.to_string().as_bytes()).expect("a store").expect("a good line"));
    import.finish().expect("a store");
}

/// The counts of each bucket, and how many documents would be overwritten or objects duplicated: what the plan says.
type Counts = Vec<(u64, u64)>;

fn of_plan(plan: &TriggerPlan) -> Counts {
    let source = |source: &trommel::plan::PlannedSource| {
        assert!(matches!(source.count, Count::Exact(_)));
        (source.count.n(), source.would_overwrite.or(source.would_duplicate).expect("an answer"))
    };
    plan.sources.iter().map(source).collect()
}

/// A request, and the SQL that somebody who knows the tables writes for it.
struct Question {
    title: &'static str,
    /// The body of the request.
    body: String,
    /// The members of a bucket that match, in SQL over `objects`; `?1` is the bucket, `?3` the value.
    matching: &'static str,
    value: String,
}

/// What is asked.
fn questions() -> [Question; 2] {
    let ids: Vec<String> = (0..100_000).map(|n| object_id(n * 10 + n % 10)).collect();
    [
        // Every status is a string: whoever knows that needs no guard.
        Question {
            title: "one condition, indexed",
            body: json!({"source_filters": {"status": "s77"}}).to_string(),
            matching: "FROM objects WHERE json_extract(doc, '$.\"status\"') = ?3 AND bucket = ?1",
            value: "s77".to_owned(),
        },
        Question {
            title: "100,000 ids",
            body: json!({"object_ids": ids}).to_string(),
            matching: "FROM objects WHERE bucket = ?1 AND object_id IN (SELECT value FROM json_each(?3))",
            value: json!(ids).to_string(),
        },
    ]
}

/// The counts by hand, of a bucket with a unique key and of one without: how many match, and what processing them would meet.
/// `CROSS JOIN` keeps the order in which tables are gone through: without it, SQLite goes through whole buckets.
fn statements(matching: &str) -> [String; 2] {
    let overwritten = format!(
        "WITH m AS MATERIALIZED (SELECT object_id, key_value {matching})
         SELECT (SELECT count(*) FROM m), (SELECT count(*) FROM (
             SELECT object_id FROM m
             UNION
             SELECT o.object_id FROM (SELECT DISTINCT key_value FROM m WHERE key_value IS NOT NULL) k
             CROSS JOIN objects o ON o.bucket = ?1 AND o.key_value = k.key_value
         ) r CROSS JOIN documents d ON d.collection = ?2 AND d.root_object_id = r.object_id)"
    );
    let duplicated = format!(
        "SELECT count(*), count(*) FILTER (WHERE EXISTS (
             SELECT 1 FROM documents d WHERE d.collection = ?2 AND d.root_object_id = objects.object_id
         )) {matching}"
    );
    [overwritten, duplicated]
}

fn by_hand(connection: &Connection, question: &Question) -> Counts {
    let statements = statements(question.matching);
    let ask = |bucket: usize| {
        let mut select = connection.prepare_cached(&statements[bucket % 2]).expect("a statement");
        let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64));
        select.query_row((bucket as i64 + 1, 1, &question.value), read).expect("counts")
    };
    (0..BUCKETS).map(ask).collect()
}

/// How SQLite goes about what is written by hand: by the index of the condition, or the comparison is worth nothing.
fn print_plans(connection: &Connection, question: &Question) {
    for sql in statements(question.matching) {
        let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("a statement");
        let rows = explain.query_map((1, 1, &question.value), |row| row.get::<_, String>(3));
        let steps: Vec<String> = rows.and_then(Iterator::collect).expect("a plan");
        println!("    by hand: {}", steps.join("; "));
    }
}

/// A line of /proc/self/status, in KiB; 0 where there is none.
fn memory(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// What the process that measures memory does: opens the store, reads the request and plans it. Prints how much higher its
/// memory went than it stood before, in KiB.
fn plan_alone(file: &Path, body: &Path) {
    let mut store = Store::open_to_read(file).expect("a store");
    let idle = memory("VmHWM:");
    let request = TriggerRequest::from_json(std::fs::read_to_string(body).expect("a body")).expect("a request");
    let plan = store.plan("bench", "c0", &request).expect("a plan");
    println!("{}", memory("VmHWM:") - idle);
    drop(plan);
}

/// The memory of [`plan_alone`] in a process of its own.
fn memory_of(file: &Path, question: &Question) -> u64 {
    let body = file.with_extension("body");
    std::fs::write(&body, &question.body).expect("a file");
    let program = std::env::current_exe().expect("this program");
    let output = Command::new(program).args([Path::new(ALONE), file, &body]).output().expect("a process");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().parse().expect("a number")
}

/// The argument by which this program is the process that measures memory.
const ALONE: &str = "--alone";

fn make(file: &Path) {
    let mut store = Store::create(file).expect("a store");
    store.apply("bench", catalog()).expect("a catalog");
    for bucket in 0..BUCKETS {
        let objects = (0..OBJECTS).filter(|n| n % BUCKETS == bucket).map(object);
        fill(&mut store, Destination::Bucket(&format!("b{bucket}")), objects);
    }
    let documents =
        (0..DOCUMENTS).map(|n| json!({"document_id": n.to_string(), "root_object_id": object_id(n * 7 % OBJECTS)}));
    fill(&mut store, Destination::Collection("c0"), documents);
    store.index(&[trommel::Path::parse("status").expect("a path")]).expect("an index");
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, alone, file, body] = &arguments[..]
        && alone == ALONE
    {
        return plan_alone(Path::new(file), Path::new(body));
    }
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("bench.trm");
    make(&file);

    for question in questions() {
        let request = TriggerRequest::from_json(&*question.body).expect("a request");
        let mut store = Store::open_to_read(&file).expect("a store");
        let hand = Connection::open(&file).expect("a store");
        let plan = store.plan("bench", "c0", &request).expect("a plan");
        assert_eq!(of_plan(&plan), by_hand(&hand, &question), "{}", question.title);
        let first =
            || of_plan(&Store::open_to_read(&file).expect("a store").plan("bench", "c0", &request).expect("a plan"));
        let took = compare(
            &format!("{}: {} objects of {OBJECTS}", question.title, plan.total),
            &mut [
                Rival::new("SQL by hand", || by_hand(&hand, &question)),
                Rival::new("plan", || of_plan(&store.plan("bench", "c0", &request).expect("a plan"))),
                Rival::new("SQL by hand, opening the file", || {
                    by_hand(&Connection::open(&file).expect("a store"), &question)
                }),
                Rival::new("first plan, opening the file", first),
            ],
        );
        let Some(took) = took else { continue };
        print_plans(&hand, &question);
        println!("    plan: {:.2} x, at most 1.2", took[1] / took[0]);
        println!("    first plan: {:.2} x of SQL that opens the file too", took[3] / took[2]);
        println!("    memory: {} KiB above idle at its highest, at most 65,536\n", memory_of(&file, &question));
    }
}
