//! The endpoint, over real connections.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use serde_json::Value as Json;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use trommel::plan::CatalogFile;
use trommel::server::{Server, Settings};
use trommel::store::{Destination, Store};

#[path = "server/access.rs"]
mod access;
#[cfg(all(feature = "cli", unix))]
#[path = "server/command.rs"]
mod command;
#[path = "server/limits.rs"]
mod limits;
#[cfg(all(feature = "cli", unix))]
#[path = "server/load.rs"]
mod load;
#[cfg(unix)]
#[path = "server/page.rs"]
mod page;
#[path = "server/routes.rs"]
mod routes;
#[cfg(all(feature = "cli", unix))]
#[path = "server/work.rs"]
mod work;

/// The demo store, with a second namespace `other` whose names are not near the demo's, and keys.
struct Shop {
    _dir: tempfile::TempDir,
    file: PathBuf,
    /// For `demo`.
    key: String,
    /// For `other`.
    other_key: String,
    revoked_key: String,
}

impl Shop {
    fn new() -> Shop {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("s.trm");
        let mut store = Store::create_demo(&file).unwrap();
        let catalog = r#"{
            "buckets": [{"bucket_id": "bkt_theirs", "name": "zzz-objects"}],
            "collections": [
                {"collection_id": "col_theirs", "name": "zzz-parts", "source": {"type": "bucket", "bucket_ids": ["bkt_theirs"]}}
            ]
        }"#;
        store.apply("other", CatalogFile::from_json(catalog).unwrap()).unwrap();
        let mut import = store.import("other", Destination::Bucket("zzz-objects")).unwrap();
        import.add(br#"{"object_id": "secret-object", "status": "pending"}"#).unwrap().unwrap();
        import.finish().unwrap();
        let mut key = |namespace| store.create_key(&[namespace]).unwrap();
        let (right, other, revoked) = (key("demo").key, key("other").key, key("demo"));
        store.revoke_key(&revoked.known.key_id).unwrap();
        Shop { _dir: dir, file, key: right, other_key: other, revoked_key: revoked.key }
    }

    fn store(&self) -> Store {
        Store::open(&self.file).unwrap()
    }
}

/// A server of this process.
struct Served {
    address: SocketAddr,
    end: Option<oneshot::Sender<()>>,
    running: Option<JoinHandle<()>>,
}

impl Served {
    fn new(file: &Path, settings: Settings) -> Served {
        let server = Server::open(file, settings).unwrap();
        let runtime = Runtime::new().unwrap();
        let bound = runtime.block_on(server.bind("127.0.0.1:0")).unwrap();
        let (address, (end, ended)) = (bound.address(), oneshot::channel());
        let running = std::thread::spawn(move || {
            runtime.block_on(bound.run(async { ended.await.unwrap_or_default() }));
        });
        Served { address, end: Some(end), running: Some(running) }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.end.take());
        // A test that fails already says why.
        let ended = self.running.take().unwrap().join();
        assert!(ended.is_ok() || std::thread::panicking());
    }
}

/// A request, as it is written to a connection.
#[derive(Clone, Debug)]
struct Request {
    method: &'static str,
    target: String,
    headers: Vec<(String, String)>,
    body: Option<String>,
}

impl Request {
    fn get(target: impl Into<String>) -> Request {
        Request { method: "GET", target: target.into(), headers: Vec::new(), body: None }
    }

    fn post(target: impl Into<String>, body: impl ToString) -> Request {
        let request = Request { method: "POST", body: Some(body.to_string()), ..Request::get(target) };
        request.with("Content-Type", "application/json")
    }

    fn with(mut self, name: &str, value: impl ToString) -> Request {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    /// With a key and a namespace.
    fn by(self, key: &str, namespace: &str) -> Request {
        self.with("Authorization", format!("Bearer {key}")).with("X-Namespace", namespace)
    }

    /// Sends all but the body, which the server then asks for: it has the request in hand.
    fn hold(&self, address: SocketAddr) -> TcpStream {
        let mut stream = TcpStream::connect(address).unwrap();
        let head = self.clone().with("Expect", "100-continue").head();
        stream.write_all(head.as_bytes()).unwrap();
        let mut interim = [0; 25];
        stream.read_exact(&mut interim).unwrap();
        assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
        stream
    }

    fn head(&self) -> String {
        let headers: String = self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let length = self.body.as_ref().map(|body| format!("Content-Length: {}\r\n", body.len())).unwrap_or_default();
        format!("{} {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}{length}\r\n", self.method, self.target)
    }

    #[track_caller]
    fn send(&self, address: SocketAddr) -> Answer {
        self.try_send(address).unwrap()
    }

    /// An answer that is not whole is an error.
    fn try_send(&self, address: SocketAddr) -> std::io::Result<Answer> {
        let mut stream = TcpStream::connect(address)?;
        // In one piece: a server that refuses the head may have closed the connection before the body comes.
        let text = self.head() + self.body.as_deref().unwrap_or_default();
        stream.write_all(text.as_bytes())?;
        let answer = Answer::read(&mut stream)?;
        let length: Option<usize> = answer.headers.get("content-length").and_then(|length| length.parse().ok());
        match length.filter(|_| self.method != "HEAD") {
            Some(length) if answer.body.len() != length => Err(std::io::Error::other("the body is cut short")),
            _ => Ok(answer.expect_headers()),
        }
    }
}

#[derive(Clone, Debug)]
struct Answer {
    status: u16,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Answer {
    /// Reads until the connection ends.
    fn read(stream: &mut TcpStream) -> std::io::Result<Answer> {
        let mut text = Vec::new();
        stream.read_to_end(&mut text)?;
        let text = String::from_utf8(text).map_err(std::io::Error::other)?;
        let (head, body) = text.split_once("\r\n\r\n").ok_or_else(|| std::io::Error::other("no whole answer"))?;
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
        let status = status.ok_or_else(|| std::io::Error::other("no status"))?;
        let headers: BTreeMap<String, String> =
            lines.filter_map(|line| line.split_once(": ")).map(|(name, value)| (name.into(), value.into())).collect();
        Ok(Answer { status, headers, body: body.to_owned() })
    }

    /// What every answer has, whatever it says.
    #[track_caller]
    fn expect_headers(self) -> Answer {
        for (name, value) in [("cache-control", "no-store"), ("x-content-type-options", "nosniff")] {
            assert_eq!(self.headers.get(name).map(String::as_str), Some(value), "{self:?}");
        }
        assert!(self.headers.contains_key("x-request-id"), "{self:?}");
        self
    }

    #[track_caller]
    fn json(&self) -> Json {
        assert_eq!(self.headers.get("content-type").map(String::as_str), Some("application/json"), "{self:?}");
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The type of the error in the envelope, which must have the form of one and this status.
    #[track_caller]
    fn error(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{self:?}");
        let json = self.json();
        let keys = |json: &Json| json.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&json), ["error", "status", "success"], "{self:?}");
        assert_eq!((&json["success"], &json["status"]), (&Json::Bool(false), &status.into()), "{self:?}");
        assert_eq!(keys(&json["error"]), ["details", "message", "type"], "{self:?}");
        assert!(json["error"]["details"]["diagnostics"].is_array() && !json["error"]["message"].is_null(), "{self:?}");
        self.clone().expect_headers();
        json["error"]["type"].as_str().unwrap().to_owned()
    }
}
