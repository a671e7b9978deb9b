//! `trommel serve`, and the documented call as it is printed.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use serde_json::{Value as Json, json};
use trommel::plan::TriggerRequest;

use super::{Answer, Request, Shop};

/// A server in a process of its own.
pub(super) struct Process {
    child: Child,
    pub(super) address: SocketAddr,
    log: Arc<Mutex<String>>,
    logging: Option<JoinHandle<()>>,
}

const SERVE: [&str; 4] = ["serve", "--listen", "127.0.0.1:0", "--store"];

impl Process {
    pub(super) fn new(file: &Path, args: &[&str]) -> Process {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trommel"));
        command.args(SERVE).arg(file).args(args);
        Process::run(command)
    }

    /// One that may have so many files open, connections among them.
    pub(super) fn with_files(file: &Path, most: u32) -> Process {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("ulimit -n {most} && exec \"$@\""), "sh", env!("CARGO_BIN_EXE_trommel")]);
        command.args(SERVE).arg(file);
        Process::run(command)
    }

    fn run(mut command: Command) -> Process {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let (lines, so_far) = (BufReader::new(child.stderr.take().unwrap()).lines(), log.clone());
        let logging = std::thread::spawn(move || {
            lines.for_each(|line| so_far.lock().unwrap().push_str(&(line.unwrap() + "\n")));
        });
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("listening on http://").map(|address| address.parse().unwrap());
        let address = address.unwrap_or_else(|| panic!("{line}"));
        Process { child, address, log, logging: Some(logging) }
    }

    pub(super) fn signal(&self, name: &str) {
        let killed = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(killed.success());
    }

    /// Ends it as `kill -9` does.
    pub(super) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end, and gives its exit code and its log.
    pub(super) fn end(mut self) -> (Option<i32>, String) {
        self.signal("TERM");
        self.ended()
    }

    pub(super) fn ended(&mut self) -> (Option<i32>, String) {
        let code = self.child.wait().unwrap().code();
        self.logging.take().unwrap().join().unwrap();
        (code, self.log.lock().unwrap().clone())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended, or the test has failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The call as the API's documentation prints it.
const CALL: &str = r#"curl --request POST \
  --url HOST/v1/collections/frames/trigger \
  --header 'Authorization: Bearer KEY' \
  --header 'Content-Type: application/json' \
  --header 'X-Namespace: demo' \
  --data '{
  "include_buckets": ["bkt_photos", "bkt_scans"],
  "source_filters": {"AND": [{"field": "status", "operator": "eq", "value": "pending"}]}
}'"#;

#[test]
fn the_documented_call_works_as_printed() {
    let shop = Shop::new();
    let served = Process::new(&shop.file, &[]);
    let call = CALL.replace("HOST", &format!("http://{}", served.address)).replace("KEY", &shop.key);
    let output = Command::new("sh").args(["-c", &call]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let response: Json = serde_json::from_slice(&output.stdout).unwrap();

    // What is asked for, by hand over the objects as they are kept.
    let connection = rusqlite::Connection::open(&shop.file).unwrap();
    let wanted = "SELECT bucket_id, object_id FROM objects JOIN buckets ON buckets.n = bucket
                  WHERE bucket_id IN ('bkt_photos', 'bkt_scans') AND doc ->> 'status' = 'pending'
                  AND NOT EXISTS (SELECT 1 FROM json_each(doc, '$.tags') WHERE value = 'draft')";
    let mut select = connection.prepare(wanted).unwrap();
    let wanted: BTreeSet<(String, String)> =
        select.query_map((), |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect();
    assert!(wanted.len() > 1000, "{}", wanted.len());

    let mut store = shop.store();
    let batch = store.batch(response["batch_id"].as_str().unwrap()).unwrap();
    let members: BTreeSet<(String, String)> = store.batch_members(&batch.batch_id).unwrap().into_iter().collect();
    assert_eq!(members, wanted);
    assert_eq!(
        response,
        json!({
            "batch_id": batch.batch_id,
            "task_id": batch.task_id,
            "collection_id": "col_frames",
            "total_tiers": 4,
            "source_bucket_ids": ["bkt_photos", "bkt_scans"],
            "object_count": wanted.len(),
            "source_collection_ids": null,
            "document_count": null,
            "message": format!("{} objects queued for 4 tiers", wanted.len()),
        })
    );
    assert_eq!(batch.object_count, Some(wanted.len() as u64));
    assert_eq!((&*batch.collection_id, batch.tiers.len(), &*batch.status), ("col_frames", 4, "queued"));
    let request = r#"{"include_buckets": ["bkt_photos", "bkt_scans"], "source_filters": {"status": "pending"}}"#;
    let plan = store.plan("demo", "frames", &TriggerRequest::from_json(request).unwrap()).unwrap();
    assert_eq!(plan.total, trommel::plan::Count::Exact(wanted.len() as u64));
    let (code, log) = served.end();
    assert_eq!(code, Some(0));
    assert!(log.contains("status=202"), "{log}");
}

/// What runs is finished, what comes is not taken, and the exit code is 0.
#[test]
fn a_server_that_is_asked_to_end_finishes_what_runs() {
    for signal in ["TERM", "INT"] {
        let shop = Shop::new();
        let mut served = Process::new(&shop.file, &[]);
        let trigger = Request::post("/v1/collections/frames/trigger", "{}").by(&shop.key, "demo");
        let mut stream = trigger.hold(served.address);
        served.signal(signal);
        while TcpStream::connect(served.address).is_ok() {
            std::thread::yield_now();
        }
        stream.write_all(b"{}").unwrap();
        let answer = Answer::read(&mut stream).unwrap();
        assert_eq!(answer.status, 202, "{answer:?}");
        assert_eq!(served.ended().0, Some(0));
        assert!(shop.store().batch(answer.json()["batch_id"].as_str().unwrap()).is_ok());
    }
}

#[test]
fn the_log_names_requests_and_neither_keys_nor_operands() {
    let shop = Shop::new();
    for args in [&[][..], &["--format", "json"], &["--quiet"]] {
        let served = Process::new(&shop.file, args);
        let filter = json!({"source_filters": {"field-f": "operand-o", "AND": [{"field": "x", "operator": "bad-op"}]}});
        let mut ids = Vec::new();
        for route in ["trigger", "trigger/preview"] {
            for body in [json!({"source_filters": {"field-f": "operand-o"}}), filter.clone()] {
                let request = Request::post(format!("/v1/collections/frames/{route}?namespace=operand-q"), body);
                let answer = request.by(&shop.key, "demo").send(served.address);
                assert!(matches!(answer.status, 200 | 202 | 400), "{answer:?}");
                ids.push(answer.headers["x-request-id"].clone());
            }
        }
        let wrong = Request::get("/v1/operand-p?x=operand-q").by(&shop.revoked_key, "operand-n").send(served.address);
        assert_eq!(wrong.status, 404);
        let (code, log) = served.end();
        assert_eq!(code, Some(0));
        for secret in [&shop.key[3..], &shop.revoked_key[3..], "operand-", "field-f", "bad-op"] {
            assert!(!log.contains(secret), "{secret}: {log}");
        }
        if args == ["--quiet"] {
            assert_eq!(log, "");
            continue;
        }
        for id in ids {
            assert_eq!(log.lines().filter(|line| line.contains(&id)).count(), 1, "{id}: {log}");
        }
        if args == ["--format", "json"] {
            let first: Json = serde_json::from_str(log.lines().next().unwrap()).unwrap();
            assert_eq!((&first["status"], &first["method"]), (&json!(202), &json!("POST")));
        }
    }
}

#[test]
fn a_server_that_cannot_serve_says_why() {
    let shop = Shop::new();
    let run = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_trommel")).arg("serve").args(args).output().unwrap();
        assert_eq!((output.status.code(), &*output.stdout), (Some(2), &b""[..]));
        String::from_utf8(output.stderr).unwrap()
    };
    let file = shop.file.to_str().unwrap();
    let served = Process::new(&shop.file, &[]);
    let taken = served.address.to_string();
    assert!(run(&["--store", "nowhere.trm"]).contains("error[io]"));
    assert!(run(&["--store", file, "--listen", &taken]).contains("error[io]: cannot listen on"));
    assert!(run(&["--store", file, "--listen", "nonsense"]).contains("error[io]: cannot listen on"));
}
