//! Work that is ended from outside, and writers that wait for each other.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rusqlite::Connection;
use serde_json::json;
use trommel::Code;
use trommel::plan::{Count, TriggerRequest};
use trommel::store::{Cancel, Destination, Store};

fn demo(dir: &tempfile::TempDir) -> std::path::PathBuf {
    let file = dir.path().join("s.trm");
    drop(Store::create_demo(&file).unwrap());
    file
}

/// Nothing indexes this, so that every object is looked at.
fn slow() -> TriggerRequest {
    TriggerRequest::from_json(r#"{"source_filters": {"field": "title", "operator": "contains", "value": "chair"}}"#)
        .unwrap()
}

#[test]
fn what_is_cancelled_ends_and_what_comes_after_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(&demo(&dir)).unwrap();
    let whole = store.plan("demo", "frames", &slow()).unwrap();
    assert!(matches!(whole.total, Count::Exact(n) if n > 100), "{}", whole.total);
    let cancel = Cancel::default();
    store.cancel_with(&cancel).unwrap();
    assert_eq!(store.plan("demo", "frames", &slow()).unwrap().total, whole.total);
    cancel.cancel();
    // What could not be counted is not told as a count.
    let cut = store.plan("demo", "frames", &slow()).unwrap();
    assert_eq!(cut.total, Count::AtLeast(0));
    assert!(cut.warnings.iter().any(|warning| warning.code == "not_counted"), "{:?}", cut.warnings);
    assert_eq!(store.trigger("demo", "frames", &slow()).unwrap_err().code(), Code::Database);

    store.cancel_with(&Cancel::default()).unwrap();
    assert_eq!(store.stats().unwrap()[0].batches, 0);
    assert_eq!(store.plan("demo", "frames", &slow()).unwrap().total, whole.total);
    assert_eq!(Count::Exact(store.trigger("demo", "frames", &slow()).unwrap().object_count.unwrap()), whole.total);
}

#[test]
fn who_waits_to_write_can_be_cancelled() {
    let dir = tempfile::tempdir().unwrap();
    let file = demo(&dir);
    let writing = Connection::open(&file).unwrap();
    writing.execute_batch("BEGIN IMMEDIATE").unwrap();
    let cancel = Cancel::default();
    let waiting = thread::spawn({
        let (mut store, cancel) = (Store::open(&file).unwrap(), cancel.clone());
        move || {
            store.cancel_with(&cancel).unwrap();
            store.trigger("demo", "frames", &TriggerRequest::default())
        }
    });
    cancel.cancel();
    assert_eq!(waiting.join().unwrap().unwrap_err().code(), Code::Database);
    writing.execute_batch("COMMIT").unwrap();
    let mut store = Store::open(&file).unwrap();
    assert_eq!(store.stats().unwrap()[0].batches, 0);
    assert!(store.trigger("demo", "frames", &TriggerRequest::default()).is_ok());
}

/// An import commits and goes on at once; it must let others in between.
#[test]
fn an_import_lets_others_write() {
    let dir = tempfile::tempdir().unwrap();
    let file = demo(&dir);
    let (has_begun, is_done) = (AtomicBool::new(false), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut store = Store::open(&file).unwrap();
            let mut import = store.import("demo", Destination::Bucket("mails")).unwrap();
            for n in 0.. {
                if is_done.load(Ordering::Relaxed) {
                    break;
                }
                let line = json!({"object_id": format!("m{}", n % 100_000), "n": n});
                import.add(line.to_string().as_bytes()).unwrap().unwrap();
                has_begun.store(n > 0, Ordering::Relaxed);
            }
            import.finish().unwrap();
        });
        while !has_begun.load(Ordering::Relaxed) {
            thread::yield_now();
        }
        let mut store = Store::open(&file).unwrap();
        let triggered = (0..5).map(|_| store.trigger("demo", "frames", &slow()).is_ok()).collect::<Vec<_>>();
        is_done.store(true, Ordering::Relaxed);
        assert_eq!(triggered, [true; 5]);
    });
}
