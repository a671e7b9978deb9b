//! Many clients at once while others write to the store; and a server that is killed in the middle.
//!
//! `scripts/load` runs the same for longer, by `TROMMEL_LOAD_SECONDS` and `TROMMEL_LOAD_KILLS`.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use trommel::plan::TriggerResponse;

use super::command::Process;
use super::{Request, Shop};

const CLIENTS: usize = 8;

/// A number from the environment.
fn set(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().unwrap())
}

/// What a client met.
#[derive(Default)]
struct Met {
    previews: usize,
    refused: usize,
    triggered: Vec<TriggerResponse>,
}

/// Asks for previews and triggers in turn until it is enough. With `may_die`, a server that goes away ends it too.
fn client(n: usize, address: SocketAddr, key: &str, is_enough: &(dyn Fn() -> bool + Sync), may_die: bool) -> Met {
    const STATUS: [&str; 4] = ["pending", "done", "failed", "queued"];
    const SOURCES: [(&str, &str); 3] = [("frames", "bkt_photos"), ("papers", "bkt_scans"), ("letters", "bkt_mails")];
    let mut met = Met::default();
    for turn in n.. {
        if is_enough() {
            break;
        }
        let (collection, bucket) = SOURCES[turn % 3];
        let route = if turn % 4 == 0 { "trigger" } else { "trigger/preview" };
        let body = json!({"include_buckets": [bucket], "source_filters": {"status": STATUS[turn / 4 % 4]}});
        let request = Request::post(format!("/v1/collections/{collection}/{route}"), body).by(key, "demo");
        let answer = match request.try_send(address) {
            Ok(answer) => answer,
            Err(_) if may_die => break,
            Err(error) => panic!("{error}"),
        };
        match answer.status {
            200 => {
                met.previews += 1;
                let warnings = answer.json()["warnings"].to_string();
                assert!(!warnings.contains("not_counted") && !warnings.contains("unknown"), "{warnings}");
            }
            202 => met.triggered.push(serde_json::from_str(&answer.body).unwrap()),
            503 => {
                answer.error(503);
                met.refused += 1;
            }
            _ => panic!("{answer:?}"),
        }
    }
    met
}

fn clients(address: SocketAddr, key: &str, is_enough: &(dyn Fn() -> bool + Sync), may_die: bool) -> Met {
    std::thread::scope(|scope| {
        let one = |n| scope.spawn(move || client(n, address, key, is_enough, may_die));
        let all: Vec<_> = (0..CLIENTS).map(one).collect();
        all.into_iter().map(|client| client.join().unwrap()).fold(Met::default(), |mut all, met| {
            all.previews += met.previews;
            all.refused += met.refused;
            all.triggered.extend(met.triggered);
            all
        })
    })
}

/// Every batch that was answered is there, as it was answered; and no batch is half one.
fn expect_whole(shop: &Shop, triggered: &[TriggerResponse]) {
    let store = shop.store();
    for response in triggered {
        let batch = store.batch(&response.batch_id).unwrap();
        assert_eq!((&batch.task_id, batch.object_count), (&response.task_id, response.object_count));
        assert_eq!((&batch.collection_id, batch.tiers.len()), (&response.collection_id, response.total_tiers));
    }
    let connection = rusqlite::Connection::open(&shop.file).unwrap();
    let count = |sql: &str| connection.query_row(sql, (), |row| row.get::<_, i64>(0)).unwrap();
    assert!(count("SELECT count(*) FROM batches") >= triggered.len() as i64);
    let half = "SELECT count(*) FROM batches WHERE tiers = '[]' OR object_count <>
                (SELECT count(*) FROM batch_members WHERE batch = batches.n)";
    assert_eq!(count(half), 0);
    let homeless = "SELECT count(*) FROM batch_members WHERE batch NOT IN (SELECT n FROM batches)";
    assert_eq!(count(homeless), 0);
    let check: String = connection.query_row("PRAGMA integrity_check", (), |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
}

/// Imports lines into a bucket by the command, again and again, until it is enough. Gives how often.
fn import(shop: &Shop, is_enough: &AtomicBool) -> usize {
    use std::io::Write as _;

    let line = |n: usize| json!({"object_id": format!("load_{n}"), "status": "pending", "title": "x".repeat(n % 90)});
    let lines: String = (0..5000).map(|n| format!("{}\n", line(n))).collect();
    let mut times = 0;
    while !is_enough.load(Ordering::Relaxed) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trommel"));
        command.args(["store", "import", "--namespace", "demo", "--bucket", "photos", "-q"]).arg(&shop.file);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
        times += 1;
    }
    times
}

#[test]
fn clients_are_served_while_others_write() {
    let shop = Shop::new();
    let served = Process::new(&shop.file, &["-q"]);
    let since = Instant::now();
    let span = Duration::from_secs(set("TROMMEL_LOAD_SECONDS", 3));
    let is_over = AtomicBool::new(false);
    let (met, imports) = std::thread::scope(|scope| {
        let importer = scope.spawn(|| import(&shop, &is_over));
        let met = clients(served.address, &shop.key, &|| since.elapsed() > span, false);
        is_over.store(true, Ordering::Relaxed);
        (met, importer.join().unwrap())
    });
    println!(
        "{} previews, {} triggers, {} refused, {imports} imports of 5,000 lines in {span:?}",
        met.previews,
        met.triggered.len(),
        met.refused
    );
    assert!(met.previews > 0 && !met.triggered.is_empty() && imports > 0);
    let (code, log) = served.end();
    assert_eq!((code, &*log), (Some(0), ""));
    expect_whole(&shop, &met.triggered);
}

#[test]
fn what_was_answered_survives_a_kill() {
    let shop = Shop::new();
    let mut triggered = Vec::new();
    for kill in 0..set("TROMMEL_LOAD_KILLS", 3) {
        let served = Process::new(&shop.file, &["-q"]);
        let (address, enough) = (served.address, triggered.len() + 4 + kill as usize % 5);
        std::thread::scope(|scope| {
            let all = scope.spawn(|| clients(address, &shop.key, &|| false, true));
            // In the middle: once some were written, as the file itself says.
            let connection = rusqlite::Connection::open(&shop.file).unwrap();
            let written =
                || connection.query_row("SELECT count(*) FROM batches", (), |row| row.get::<_, i64>(0)).unwrap();
            while written() < enough as i64 {
                std::thread::sleep(Duration::from_millis(2));
            }
            served.kill();
            triggered.extend(all.join().unwrap().triggered);
        });
        expect_whole(&shop, &triggered);
    }
    println!("{} batches were answered", triggered.len());
    assert!(!triggered.is_empty());
}
