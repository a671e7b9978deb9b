//! Many clients at once while others write to the store, each told what is there; and a server that is killed in the middle.
//!
//! `scripts/load` runs the same for longer, by `TROMMEL_LOAD_SECONDS` and `TROMMEL_LOAD_KILLS`.

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use trommel::plan::{TriggerRequest, TriggerResponse};
use trommel::store::Destination;

use super::command::Process;
use super::{Request, Shop};

const CLIENTS: usize = 8;

/// A number from the environment.
fn set(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().unwrap())
}

const SOURCES: [(&str, &str); 3] = [("frames", "bkt_photos"), ("papers", "bkt_scans"), ("letters", "bkt_mails")];
const STATUS: [&str; 4] = ["pending", "done", "failed", "queued"];

/// What clients ask for: the source and the status.
type Asked = (usize, usize);

/// What the imports add to.
const GROWING: Asked = (0, 0);

fn body((source, status): Asked) -> Json {
    json!({"include_buckets": [SOURCES[source].1], "source_filters": {"status": STATUS[status]}})
}

/// The library's own plan.
fn planned(shop: &Shop, asked: Asked) -> Json {
    let request = TriggerRequest::from_json(body(asked).to_string()).unwrap();
    let plan = shop.store().plan("demo", SOURCES[asked.0].0, &request).unwrap();
    serde_json::to_value(plan.to_json()).unwrap()
}

/// How many objects a plan selects, which it must know exactly.
#[track_caller]
fn total(plan: &Json) -> u64 {
    assert_eq!(plan["total"]["kind"], "exact", "{plan}");
    plan["total"]["n"].as_u64().unwrap()
}

/// Each line of an import replaces an object, but for so many at its end, which are new.
const REPLACED: usize = 4500;
const ADDED: u64 = 500;

/// What is there of what is asked for: what the library plans before anybody writes, and as many objects more as the imports
/// added.
struct Truth {
    plans: [[Json; STATUS.len()]; SOURCES.len()],
    begun: AtomicU64,
    done: AtomicU64,
    /// The most that anybody was told of what grows.
    seen: AtomicU64,
}

impl Truth {
    fn of(shop: &Shop) -> Truth {
        let mut store = shop.store();
        let mut import = store.import("demo", Destination::Bucket("photos")).unwrap();
        (0..REPLACED).for_each(|n| import.add(line(&format!("load_{n}"), n).as_bytes()).unwrap().unwrap());
        import.finish().unwrap();
        let plans = std::array::from_fn(|source| std::array::from_fn(|status| planned(shop, (source, status))));
        Truth { plans, begun: AtomicU64::new(0), done: AtomicU64::new(0), seen: AtomicU64::new(0) }
    }

    fn before(&self, (source, status): Asked) -> u64 {
        total(&self.plans[source][status])
    }

    /// The least that may be told to who asks now: what is written, and what somebody was told already.
    fn least(&self, asked: Asked) -> u64 {
        let count = self.before(asked);
        if asked != GROWING {
            return count;
        }
        (count + ADDED * self.done.load(Ordering::SeqCst)).max(self.seen.load(Ordering::SeqCst))
    }

    #[track_caller]
    fn expect(&self, asked: Asked, least: u64, n: u64) {
        let grown = if asked == GROWING { ADDED * self.begun.load(Ordering::SeqCst) } else { 0 };
        let most = self.before(asked) + grown;
        assert!((least..=most).contains(&n), "{asked:?}: {n} is not in {least}..={most}");
        if asked == GROWING {
            self.seen.fetch_max(n, Ordering::SeqCst);
        }
    }

    #[track_caller]
    fn expect_plan(&self, asked: Asked, least: u64, plan: &Json) {
        self.expect(asked, least, total(plan));
        let before = &self.plans[asked.0][asked.1];
        for member in ["sources", "warnings", "tiers"].iter().filter(|_| asked != GROWING) {
            assert_eq!(plan[member], before[member]);
        }
    }

    fn is_importing(&self) -> bool {
        self.begun.load(Ordering::SeqCst) > self.done.load(Ordering::SeqCst)
    }

    /// Imports into a bucket by the command, again and again, until it is enough.
    fn import(&self, shop: &Shop, is_enough: &AtomicBool) {
        while !is_enough.load(Ordering::SeqCst) {
            let time = self.begun.fetch_add(1, Ordering::SeqCst);
            let ids = (0..REPLACED).map(|n| format!("load_{n}")).chain((0..ADDED).map(|n| format!("new_{time}_{n}")));
            let lines: String = ids.enumerate().map(|(n, id)| line(&id, n) + "\n").collect();
            let mut command = Command::new(env!("CARGO_BIN_EXE_trommel"));
            command.args(["store", "import", "--namespace", "demo", "--bucket", "photos", "-q"]).arg(&shop.file);
            let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
            child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
            assert!(child.wait().unwrap().success());
            self.done.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// What is there when all has ended.
    fn expect_at_end(&self, shop: &Shop) {
        assert_eq!(self.begun.load(Ordering::SeqCst), self.done.load(Ordering::SeqCst));
        for asked in (0..SOURCES.len()).flat_map(|source| (0..STATUS.len()).map(move |status| (source, status))) {
            self.expect_plan(asked, self.least(asked), &planned(shop, asked));
        }
    }
}

fn line(id: &str, n: usize) -> String {
    json!({"object_id": id, "status": STATUS[GROWING.1], "title": "x".repeat(n % 90)}).to_string()
}

/// What a client met.
#[derive(Default)]
struct Met {
    previews: usize,
    refused: usize,
    triggered: Vec<TriggerResponse>,
}

/// Asks for previews and triggers in turn until it is enough. With `may_die`, a server that goes away ends it too.
fn client(n: usize, served: Asking<'_>, is_enough: &(dyn Fn() -> bool + Sync), may_die: bool) -> Met {
    let Asking { address, key, truth } = served;
    let mut met = Met::default();
    for turn in n.. {
        if is_enough() {
            break;
        }
        let asked = (turn % 3, turn / 4 % 4);
        let route = if turn % 4 == 0 { "trigger" } else { "trigger/preview" };
        let request = Request::post(format!("/v1/collections/{}/{route}", SOURCES[asked.0].0), body(asked));
        let least = truth.least(asked);
        let answer = match request.by(key, "demo").try_send(address) {
            Ok(answer) => answer,
            Err(_) if may_die => break,
            Err(error) => panic!("{error}"),
        };
        match answer.status {
            200 => {
                met.previews += 1;
                truth.expect_plan(asked, least, &answer.json());
            }
            202 => {
                let response: TriggerResponse = serde_json::from_str(&answer.body).unwrap();
                truth.expect(asked, least, response.object_count.unwrap());
                met.triggered.push(response);
            }
            503 => {
                answer.error(503);
                met.refused += 1;
            }
            _ => panic!("{answer:?}"),
        }
    }
    met
}

/// Whom clients ask, and what they should be told.
#[derive(Clone, Copy)]
struct Asking<'t> {
    address: SocketAddr,
    key: &'t str,
    truth: &'t Truth,
}

fn clients(served: Asking<'_>, is_enough: &(dyn Fn() -> bool + Sync), may_die: bool) -> Met {
    std::thread::scope(|scope| {
        let one = |n| scope.spawn(move || client(n, served, is_enough, may_die));
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

#[test]
fn clients_are_served_while_others_write() {
    let shop = Shop::new();
    let truth = Truth::of(&shop);
    let served = Process::new(&shop.file, &["-q"]);
    let asking = Asking { address: served.address, key: &shop.key, truth: &truth };
    let since = Instant::now();
    let span = Duration::from_secs(set("TROMMEL_LOAD_SECONDS", 3));
    let is_over = AtomicBool::new(false);
    let met = std::thread::scope(|scope| {
        scope.spawn(|| truth.import(&shop, &is_over));
        let over = Over(&is_over);
        let met = clients(asking, &|| since.elapsed() > span, false);
        drop(over);
        met
    });
    let (triggers, imports) = (met.triggered.len(), truth.done.load(Ordering::SeqCst));
    println!(
        "{} previews, {triggers} triggers, {} refused, {imports} imports of 5,000 lines in {span:?}",
        met.previews, met.refused
    );
    assert!(met.previews > 0 && triggers > 0 && imports > 0);
    let (code, log) = served.end();
    assert_eq!((code, &*log), (Some(0), ""));
    expect_whole(&shop, &met.triggered);
    truth.expect_at_end(&shop);
}

#[test]
fn what_was_answered_survives_a_kill() {
    let shop = Shop::new();
    let truth = Truth::of(&shop);
    let mut triggered = Vec::new();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| truth.import(&shop, &is_over));
        let _over = Over(&is_over);
        for kill in 0..set("TROMMEL_LOAD_KILLS", 3) {
            let served = Process::new(&shop.file, &["-q"]);
            let asking = Asking { address: served.address, key: &shop.key, truth: &truth };
            let all = scope.spawn(move || clients(asking, &|| false, true));
            // In the middle: once some were written, as the file itself says, and while an import writes.
            let connection = rusqlite::Connection::open(&shop.file).unwrap();
            let written =
                || connection.query_row("SELECT count(*) FROM batches", (), |row| row.get::<_, i64>(0)).unwrap();
            let enough = written() + 4 + kill as i64 % 5;
            while written() < enough || !truth.is_importing() {
                std::thread::sleep(Duration::from_millis(2));
            }
            served.kill();
            triggered.extend(all.join().unwrap().triggered);
            expect_whole(&shop, &triggered);
        }
    });
    println!("{} batches were answered, beside {} imports", triggered.len(), truth.done.load(Ordering::SeqCst));
    assert!(!triggered.is_empty());
    truth.expect_at_end(&shop);
}

/// Ends the imports, where a test fails too.
struct Over<'t>(&'t AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
