//! A store to try things on: a shop's photos and papers, and what is made of them. The same every time.

use serde_json::{Value as Json, json};

use super::{Destination, Import, Store, catalog};
use crate::error::{Code, Diagnostic, Error};
use crate::plan::CatalogFile;

/// Its namespace.
const NAMESPACE: &str = "demo";
const NAMESPACE_ID: &str = "ns_demo";

/// Five buckets, three of them with a unique key; twelve collections in four tiers, among them a diamond (frames → faces and
/// captions → stories) and a disabled one.
const CATALOG: &str = r#"{
    "buckets": [
        {"bucket_id": "bkt_photos", "name": "photos", "unique_key": {"fields": ["sku", "angle"]}},
        {"bucket_id": "bkt_videos", "name": "videos", "unique_key": {"fields": ["media.checksum"]}},
        {"bucket_id": "bkt_invoices", "name": "invoices", "unique_key": {"fields": ["number"]}},
        {"bucket_id": "bkt_scans", "name": "scans"},
        {"bucket_id": "bkt_mails", "name": "mails"}
    ],
    "collections": [
        {"collection_id": "col_frames", "name": "frames",
            "source": {"type": "bucket", "bucket_ids": ["bkt_photos", "bkt_videos", "bkt_scans"]},
            "source_filters": {"NOT": [{"field": "tags", "operator": "in", "value": ["draft"]}]}},
        {"collection_id": "col_papers", "name": "papers",
            "source": {"type": "bucket", "bucket_ids": ["bkt_invoices", "bkt_scans"]}},
        {"collection_id": "col_letters", "name": "letters", "source": {"type": "bucket", "bucket_ids": ["bkt_mails"]}},
        {"collection_id": "col_faces", "name": "faces", "source": {"type": "collection", "collection_id": "col_frames"}},
        {"collection_id": "col_captions", "name": "captions",
            "source": {"type": "collection", "collection_ids": ["col_frames"]}},
        {"collection_id": "col_amounts", "name": "amounts",
            "source": {"type": "collection", "collection_ids": ["col_papers"]}},
        {"collection_id": "col_topics", "name": "topics",
            "source": {"type": "collection", "collection_ids": ["col_papers", "col_letters"]}},
        {"collection_id": "col_stories", "name": "stories",
            "source": {"type": "collection", "collection_ids": ["col_faces", "col_captions"]}},
        {"collection_id": "col_people", "name": "people", "enabled": false,
            "source": {"type": "collection", "collection_ids": ["col_faces"]}},
        {"collection_id": "col_ledger", "name": "ledger",
            "source": {"type": "collection", "collection_ids": ["col_amounts", "col_topics"]}},
        {"collection_id": "col_report", "name": "report",
            "source": {"type": "collection", "collection_ids": ["col_stories", "col_ledger"]}},
        {"collection_id": "col_contacts", "name": "contacts",
            "source": {"type": "collection", "collection_ids": ["col_people"]}}
    ]
}"#;

const OBJECTS: usize = 20_000;
const DOCUMENTS: usize = 8_000;

const STATUS: [&str; 5] = ["pending", "done", "done", "failed", "queued"];
const TAGS: [&str; 6] = ["news", "draft", "catalogue", "spring", "archive", "review"];
const CITIES: [&str; 7] = ["Lyon", "Köln", "Porto", "Gdańsk", "Cork", "Turin", "Malmö"];
const WORDS: [&str; 12] =
    ["blue", "chair", "with", "steel", "legs", "on", "white", "ground", "seen", "from", "the", "side"];

/// Fills an empty store, in a transaction that is open.
pub(super) fn fill(store: &Store) -> Result<(), Error> {
    // With an id that is the same every time, as all else is.
    catalog::insert(&store.connection, NAMESPACE_ID, NAMESPACE)?;
    let namespace = catalog::namespace(&store.connection, NAMESPACE_ID)?;
    catalog::write(&store.connection, &namespace, CatalogFile::from_json(CATALOG)?)?;
    for (at, bucket) in ["photos", "videos", "invoices", "scans", "mails"].into_iter().enumerate() {
        let import = Import::within(store, NAMESPACE, Destination::Bucket(bucket))?;
        add(import, (0..OBJECTS).filter(|n| bucket_of(*n) == at).map(|n| object(n, bucket)))?;
    }
    for (at, collection) in ["frames", "papers", "letters", "faces"].into_iter().enumerate() {
        let import = Import::within(store, NAMESPACE, Destination::Collection(collection))?;
        add(import, (0..DOCUMENTS).filter(|n| n % 4 == at).map(|n| document(n, at)))?;
    }
    Ok(())
}

fn add(mut import: Import<'_>, lines: impl Iterator<Item = Json>) -> Result<(), Error> {
    for line in lines {
        let added = import.add(line.to_string().as_bytes())?;
        added.map_err(|reason| Diagnostic::error(Code::Internal, format!("in the demo: {reason}")))?;
    }
    import.finish().map(|_| ())
}

/// Half are photos.
fn bucket_of(n: usize) -> usize {
    [0, 0, 0, 0, 0, 1, 2, 3, 4, 4][n % 10]
}

fn object_id(n: usize) -> String {
    format!("obj_{n:05}")
}

fn object(n: usize, bucket: &str) -> Json {
    let words: Vec<&str> = (0..6).map(|at| WORDS[(n * 7 + at * at + at) % WORDS.len()]).collect();
    // Buckets are told by the last digit: without some mixing, every status would be in its own bucket.
    let mixed = n / 10 * 7 + n % 10;
    let tags: Vec<&str> = (0..mixed % 4).map(|at| TAGS[(mixed / 3 + at) % TAGS.len()]).collect();
    let mut object = json!({
        "object_id": object_id(n),
        "status": STATUS[mixed % STATUS.len()],
        "title": words.join(" "),
        "tags": tags,
        "created": format!("2026-{:02}-{:02}T{:02}:{:02}:00Z", n % 12 + 1, n % 28 + 1, n % 24, n % 60),
        "place": {"city": CITIES[n % CITIES.len()], "shelf": n % 90},
    });
    let own = match bucket {
        "photos" => json!({"sku": format!("sku-{:05}", n / 4), "angle": n % 4 * 90, "width": 640 * (n % 5 + 1)}),
        "videos" => json!({"media": {"checksum": format!("{:08x}", n * 2_654_435_761), "seconds": n % 900}}),
        "invoices" => json!({"number": format!("R-{n:06}"), "amount": (n % 90_000) as f64 / 100.0, "currency": "EUR"}),
        "scans" => json!({"pages": n % 30 + 1, "language": if n.is_multiple_of(3) { Json::Null } else { json!("fr") }}),
        _ => json!({"from": {"name": format!("Ada {}", n % 400)}, "attachments": [{"kind": "pdf", "bytes": n * 13}]}),
    };
    if let (Json::Object(object), Json::Object(own)) = (&mut object, own) {
        object.extend(own);
    }
    object
}

fn document(n: usize, collection: usize) -> Json {
    // Of photos, videos and scans; of invoices and scans; of mails; and what was made of photos.
    let digit = match collection {
        0 => [0, 1, 5, 7, 2][n / 20 % 5],
        1 => [6, 7][n / 20 % 2],
        2 => [8, 9][n / 20 % 2],
        _ => n / 20 % 5,
    };
    let root = n / 4 * 10 % OBJECTS + digit;
    json!({
        "document_id": format!("doc_{n:05}"),
        "root_object_id": object_id(root),
        "status": STATUS[n % STATUS.len()],
        "score": (n % 1000) as f64 / 1000.0,
        "text": format!("{} {}", WORDS[n % WORDS.len()], WORDS[(n / 7) % WORDS.len()]),
    })
}
