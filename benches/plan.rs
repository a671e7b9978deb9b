//! What a plan costs beside the SQL counts that it stands for, written by hand: 1,000,000 objects in 10 buckets, half of which
//! have a unique key, 100,000 documents, 1,000 collections. The same counts asserted; the memory it takes printed.
//!
//! `cargo bench --features store --bench plan`

mod ratio;

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

/// The same by hand; `condition` is about `objects`, and its one value is the third.
fn by_hand(connection: &Connection, condition: &str, value: &str) -> Counts {
    let ask = |sql: &str, bucket: usize| -> u64 {
        let mut select = connection.prepare_cached(sql).expect("a statement");
        let count: i64 = select.query_row((bucket as i64 + 1, 1, value), |row| row.get(0)).expect("a count");
        count as u64
    };
    let count = format!("SELECT count(*) FROM objects WHERE bucket = ?1 AND ?2 = 1 AND {condition}");
    let overwritten = format!(
        "WITH m AS MATERIALIZED (SELECT object_id, key_value FROM objects WHERE bucket = ?1 AND {condition})
         SELECT count(*) FROM (
             SELECT object_id FROM m UNION SELECT o.object_id FROM m JOIN objects o ON o.bucket = ?1 AND o.key_value = m.key_value
         ) r JOIN documents d ON d.collection = ?2 AND d.root_object_id = r.object_id"
    );
    let duplicated = format!(
        "SELECT count(*) FROM objects WHERE bucket = ?1 AND {condition}
         AND EXISTS (SELECT 1 FROM documents d WHERE d.collection = ?2 AND d.root_object_id = objects.object_id)"
    );
    (0..BUCKETS)
        .map(|bucket| (ask(&count, bucket), ask(if bucket % 2 == 0 { &overwritten } else { &duplicated }, bucket)))
        .collect()
}

/// A line of /proc/self/status, in KiB; 0 where there is none.
fn memory(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
}

fn main() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("bench.trm");
    let mut store = Store::create(&file).expect("a store");
    store.apply("bench", catalog()).expect("a catalog");
    for bucket in 0..BUCKETS {
        let objects = (0..OBJECTS).filter(|n| n % BUCKETS == bucket).map(object);
        fill(&mut store, Destination::Bucket(&format!("b{bucket}")), objects);
    }
    let documents =
        (0..DOCUMENTS).map(|n| json!({"document_id": n.to_string(), "root_object_id": object_id(n * 7 % OBJECTS)}));
    fill(&mut store, Destination::Collection("c0"), documents);
    store.index(&[trommel::Path::parse("status").expect("a path")]).expect("an index");
    drop(store);

    let mut store = Store::open_to_read(&file).expect("a store");
    let hand = Connection::open(&file).expect("a store");
    let ids: Vec<String> = (0..100_000).map(|n| object_id(n * 10 + n % 10)).collect();
    let selective = json!({"source_filters": {"status": "s77"}});
    let listed = json!({"object_ids": ids});
    // Every status is a string: whoever knows that needs no guard.
    let is_status = "json_extract(doc, '$.\"status\"') = ?3";
    let is_listed = "object_id IN (SELECT value FROM json_each(?3))";
    let of_ids = json!(ids).to_string();
    for (title, body, condition, value) in
        [("one condition, indexed", selective, is_status, "s77"), ("100,000 ids", listed, is_listed, &of_ids)]
    {
        let request = TriggerRequest::from_json(body.to_string()).expect("a request");
        // On Linux, the highest is counted anew from here on.
        let _ = std::fs::write("/proc/self/clear_refs", "5");
        let idle = memory("VmRSS:");
        let plan = store.plan("bench", "c0", &request).expect("a plan");
        let highest = memory("VmHWM:").saturating_sub(idle);
        let counts = of_plan(&plan);
        assert_eq!(counts, by_hand(&hand, condition, value), "{title}");
        let times = compare(
            &format!("{title}: {} objects of {OBJECTS}", plan.total),
            &mut [
                Rival::new("SQL by hand", || by_hand(&hand, condition, value)),
                Rival::new("plan", || of_plan(&store.plan("bench", "c0", &request).expect("a plan"))),
            ],
        );
        let ratio = times[1].div_duration_f64(times[0]);
        println!("    {ratio:.2} x, at most 1.2; {highest} KiB above idle at its highest, at most 65,536\n");
    }
}
