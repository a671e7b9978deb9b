//! Work in the store that is under way while clients, the server and the file come and go.
//!
//! That it is under way is seen in the file, by what others may not do meanwhile; so nothing here rests on how long it takes.

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use trommel::server::Settings;
use trommel::store::Destination;

use super::command::Process;
use super::{Answer, Request, Served, Shop};

/// With a few objects that have a list of many titles, which nothing indexes.
fn laborious() -> Shop {
    let shop = Shop::new();
    let mut store = shop.store();
    let mut import = store.import("demo", Destination::Bucket("mails")).unwrap();
    for n in 0..10 {
        let line = json!({"object_id": format!("long_{n}"), "title": vec!["x"; 200_000]});
        import.add(line.to_string().as_bytes()).unwrap().unwrap();
    }
    import.finish().unwrap();
    shop
}

/// So many questions about each of the titles.
fn questions(n: usize) -> Json {
    let one = |n| json!({"field": "title", "operator": "contains", "value": format!("zz{n}")});
    json!({"source_filters": {"OR": (0..n).map(one).collect::<Vec<_>>()}})
}

/// More than are answered in the time that any test waits.
const ENDLESS: usize = 900;

fn of_letters(shop: &Shop, route: &str, body: &Json) -> Request {
    Request::post(format!("/v1/collections/letters/{route}"), body).by(&shop.key, "demo")
}

/// Sends a request, and leaves the answer for later.
fn begin(address: SocketAddr, request: &Request) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all((request.head() + request.body.as_deref().unwrap_or_default()).as_bytes()).unwrap();
    stream
}

fn is_answered(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let peeked = stream.peek(&mut [0]);
    stream.set_nonblocking(false).unwrap();
    !matches!(peeked, Err(error) if error.kind() == ErrorKind::WouldBlock)
}

#[track_caller]
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let since = Instant::now();
    while !is_so() {
        assert!(since.elapsed() < Duration::from_secs(60), "not so: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn beside(file: &Path) -> rusqlite::Connection {
    let connection = rusqlite::Connection::open(file).unwrap();
    connection.busy_timeout(Duration::ZERO).unwrap();
    connection
}

/// Whether anybody reads: what was written since cannot be moved to where they read from.
fn is_read(file: &Path) -> bool {
    let connection = beside(file);
    connection.execute("UPDATE namespaces SET name = name", ()).unwrap();
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |row| row.get(0)).unwrap()
}

/// Whether anybody writes: nobody else may begin to.
fn is_written(file: &Path) -> bool {
    let begun = beside(file).execute_batch("BEGIN IMMEDIATE; ROLLBACK");
    begun.is_err_and(|error| error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy))
}

type IsUnderWay = fn(&Path) -> bool;
const WORK: [(&str, IsUnderWay, u16); 2] = [("trigger/preview", is_read, 200), ("trigger", is_written, 202)];

/// What runs for a client that goes away ends, and leaves nothing but its line in the log.
#[test]
fn a_client_that_goes_away_is_not_worked_for() {
    let shop = laborious();
    for (route, is_under_way, _) in WORK {
        let served = Process::new(&shop.file, &[]);
        let stream = begin(served.address, &of_letters(&shop, route, &questions(ENDLESS)));
        wait_until("the work is under way", || is_under_way(&shop.file));
        assert!(!is_answered(&stream));
        drop(stream);
        wait_until("the work has ended", || !is_under_way(&shop.file));
        let (code, log) = served.end();
        assert_eq!(code, Some(0));
        assert!(log.lines().any(|line| line.contains("abandoned") && line.contains(route)), "{log}");
        assert!(!log.contains("answered"), "{log}");
    }
    assert_eq!(shop.store().stats().unwrap()[0].batches, 0);
}

#[test]
fn what_takes_too_long_is_ended_and_writes_nothing() {
    let shop = laborious();
    let mut settings = Settings::default();
    (settings.answer, settings.readers) = (Duration::from_millis(100), 1);
    let served = Served::new(&shop.file, settings);
    for (route, is_under_way, _) in WORK {
        let ended = of_letters(&shop, route, &questions(ENDLESS)).send(served.address);
        assert_eq!(ended.error(503), "timeout", "{route}");
        assert!(ended.headers.contains_key("retry-after"));
        assert!(!is_under_way(&shop.file));
    }
    assert_eq!(shop.store().stats().unwrap()[0].batches, 0);
    // The one connection that reads is there for the next, as soon as the machine has the time for it.
    let buckets = Request::get("/v1/buckets").by(&shop.key, "demo");
    wait_until("the next is answered", || buckets.send(served.address).status == 200);
}

/// What the store works on when the server is asked to end is finished and answered; nothing new is taken; the exit code is 0.
#[test]
fn a_server_that_is_asked_to_end_finishes_the_work_in_the_store() {
    let shop = laborious();
    for (route, is_under_way, status) in WORK {
        // Until the work is longer than what is done meanwhile.
        let was_under_way = [4, 16, 64, 256].into_iter().any(|n| {
            let mut served = Process::new(&shop.file, &[]);
            let again = Request::get("/healthz").head().replace("Connection: close\r\n", "");
            let mut idle = TcpStream::connect(served.address).unwrap();
            idle.write_all(again.as_bytes()).unwrap();
            wait_until("a connection was of use", || is_answered(&idle));
            let mut stream = begin(served.address, &of_letters(&shop, route, &questions(n)));
            wait_until("the work is under way", || is_under_way(&shop.file) || is_answered(&stream));
            served.signal("TERM");
            while TcpStream::connect(served.address).is_ok() {
                std::thread::yield_now();
            }
            let was_under_way = is_under_way(&shop.file) && !is_answered(&stream);
            // The connection that is there takes nothing more: it is closed, or is by now.
            let mut taken = Vec::new();
            let _ = idle.write_all(again.as_bytes()).and_then(|()| idle.read_to_end(&mut taken));
            assert!(String::from_utf8_lossy(&taken).matches("HTTP/1.1").count() <= 1);
            let answer = Answer::read(&mut stream).unwrap();
            assert_eq!(answer.status, status, "{answer:?}");
            assert_eq!(served.ended().0, Some(0));
            if status == 202 {
                assert!(shop.store().batch(answer.json()["batch_id"].as_str().unwrap()).is_ok());
            }
            was_under_way
        });
        assert!(was_under_way, "{route}");
    }
}

/// Long reads hold up neither those who ask who they are, nor other reads, nor writes; and a long write no reads. Nor do they keep
/// the threads that requests are taken by, of which there are as many as processors.
#[test]
fn reads_run_beside_each_other_and_beside_a_write() {
    const READS: [&str; 4] = ["/v1/namespaces", "/v1/buckets", "trigger/preview", "filter/check"];
    let shop = laborious();
    let short = json!({"include_buckets": ["mails"], "object_ids": ["obj_00008"]});
    let many = std::thread::available_parallelism().unwrap().get() + 1;
    let [read, write] = WORK.map(|(route, is_under_way, _)| (route, is_under_way));
    for (readers, longs, (route, is_under_way), then) in [
        (1, 1, read, &["/healthz", "/v1/namespaces", "trigger"][..]),
        (many + 1, many, read, &[&READS[..], &["trigger"]].concat()),
        (1, 1, write, &READS),
    ] {
        let mut settings = Settings::default();
        (settings.readers, settings.requests) = (readers, longs + 8);
        settings.answer = Duration::from_secs(120);
        let served = Served::new(&shop.file, settings);
        let long = || begin(served.address, &of_letters(&shop, route, &questions(ENDLESS)));
        let longs: Vec<TcpStream> = (0..longs).map(|_| long()).collect();
        wait_until("the work is under way", || is_under_way(&shop.file));
        for beside in then {
            let request = match *beside {
                "filter/check" => of_letters(&shop, beside, &json!({"text": "a = 1"})),
                "trigger" | "trigger/preview" => of_letters(&shop, beside, &short),
                target => Request::get(target).by(&shop.key, "demo"),
            };
            let status = request.send(served.address).status;
            assert_eq!(status, if *beside == "trigger" { 202 } else { 200 }, "{beside}");
            assert!(!longs.iter().any(is_answered), "{beside}");
        }
        let wrong = Request::get("/v1/buckets").by(&shop.revoked_key, "demo").send(served.address);
        assert_eq!((wrong.status, longs.iter().any(is_answered)), (401, false));
    }
}

/// A file that is deleted, moved away or replaced is noticed, said in the log alone, and served again when it is back.
#[test]
fn a_store_that_is_not_in_its_place_is_not_served() {
    let shop = Shop::new();
    let away = shop.file.with_extension("away");
    let served = Process::new(&shop.file, &[]);
    let ask = |request: Request| request.by(&shop.key, "demo").send(served.address);
    for replace in [false, true] {
        assert_eq!(ask(Request::get("/healthz")).status, 200);
        fs::rename(&shop.file, &away).unwrap();
        if replace {
            fs::copy(&away, &shop.file).unwrap();
        }
        let trigger = Request::post("/v1/collections/frames/trigger", "{}");
        for request in [Request::get("/healthz"), Request::get("/v1/namespaces"), Request::get("/v1/buckets"), trigger]
        {
            let answer = ask(request);
            assert_eq!(answer.error(503), "store_gone");
            assert!(answer.headers.contains_key("retry-after") && !answer.body.contains("s.trm"), "{answer:?}");
        }
        fs::rename(&away, &shop.file).unwrap();
    }
    // The file beside it, where what was written last is.
    let beside = shop.file.with_extension("trm-wal");
    fs::rename(&beside, &away).unwrap();
    assert_eq!(ask(Request::get("/healthz")).error(503), "store_gone");
    fs::rename(&away, &beside).unwrap();
    assert_eq!(ask(Request::get("/v1/buckets")).status, 200);
    for name in ["s.trm", "s.trm-wal", "s.trm-shm"] {
        fs::remove_file(shop.file.with_file_name(name)).unwrap();
    }
    assert_eq!(ask(Request::get("/healthz")).error(503), "store_gone");
    let (code, log) = served.end();
    assert_eq!(code, Some(0));
    let said = |what: &str| log.lines().filter(|line| line.contains("not in its place") && line.contains(what)).count();
    assert_eq!((said("another file"), said("No such file")), (4, 6), "{log}");
}

/// Connections wait for files that they need, a hundred being what the system lets wait. Whoever has one is answered: what reads
/// the store has its files already.
#[test]
fn a_burst_finds_files_to_read() {
    let shop = Shop::new();
    let served = Process::with_files(&shop.file, 64);
    let request = Request::post("/v1/collections/frames/trigger/preview", "{}").by(&shop.key, "demo");
    let mut streams: Vec<TcpStream> = (0..100).map(|_| TcpStream::connect(served.address).unwrap()).collect();
    let text = request.head() + request.body.as_deref().unwrap();
    for stream in &mut streams {
        stream.write_all(text.as_bytes()).unwrap();
    }
    let mut answered = 0;
    for mut stream in streams {
        let answer = Answer::read(&mut stream).unwrap();
        match answer.status {
            200 => answered += 1,
            // Too many at once, or a machine that is too busy.
            _ => drop(answer.error(503)),
        }
    }
    assert!(answered > 0);
    let (code, log) = served.end();
    assert_eq!(code, Some(0));
    // It was as tight as it was meant to be.
    assert!(log.contains("cannot take a connection"), "{log}");
    assert!(!log.contains("failed"), "{log}");
}

/// What fails inside is told to the log, and to nobody else.
#[test]
fn what_fails_inside_is_told_to_the_log_alone() {
    let shop = Shop::new();
    let served = Process::new(&shop.file, &[]);
    rusqlite::Connection::open(&shop.file)
        .unwrap()
        .execute_batch("DROP TABLE batch_members; DROP TABLE batches")
        .unwrap();
    let answer = Request::get("/v1/batches/b").by(&shop.key, "demo").send(served.address);
    assert_eq!(answer.error(500), "database");
    assert!(!answer.body.contains("batches") && !answer.body.contains("SQLite"), "{answer:?}");
    let (code, log) = served.end();
    assert_eq!(code, Some(0));
    let id = &answer.headers["x-request-id"];
    assert!(log.lines().any(|line| line.contains(id.as_str()) && line.contains("no such table")), "{log}");
}
