//! What the endpoint adds to a plan: the median of the library's own plan of the demo store, and that of the same preview over
//! HTTP, by one client that keeps its connection. In turns, so that both see the same machine; the plans are asserted to be equal.
//!
//! `cargo bench --features server --bench serve`

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::json;
use trommel::plan::TriggerRequest;
use trommel::server::{Server, Settings};
use trommel::store::Store;

const TURNS: usize = 500;

fn main() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("demo.trm");
    let mut store = Store::create_demo(&file).expect("a store");
    let key = store.create_key(&["demo"]).expect("a key").key;
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let server = Server::open(&file, Settings::default()).expect("a server");
    let bound = runtime.block_on(server.bind("127.0.0.1:0")).expect("an address");
    let address = bound.address();
    runtime.spawn(bound.run(std::future::pending()));
    let mut client = Client::new(address, key);

    let condition = json!({"include_buckets": ["scans"], "source_filters": {"place.city": "Lyon"}});
    let all = json!({"source_filters": {"AND": [{"field": "status", "operator": "eq", "value": "pending"}]}});
    let ids: Vec<String> = (0..1000).map(|n| format!("obj_{n:05}")).collect();
    for (title, body) in [("one bucket", condition), ("three buckets", all), ("1,000 ids", json!({"object_ids": ids}))]
    {
        measure(title, &body.to_string(), &mut store, &mut client);
    }
    runtime.shutdown_background();
}

fn measure(title: &str, body: &str, store: &mut Store, client: &mut Client) {
    let (mut library, mut server) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        let since = Instant::now();
        let request = TriggerRequest::from_json(body).expect("a request");
        let plan = store.plan("demo", "frames", &request).expect("a plan");
        let text = serde_json::to_string(&plan.to_json()).expect("JSON");
        library.push(since.elapsed());
        let since = Instant::now();
        let answer = client.preview(body);
        server.push(since.elapsed());
        assert_eq!(answer, text);
    }
    let (library, server) = (median(&mut library), median(&mut server));
    println!(
        "{title:14} library {library:>9.1?}   server {server:>9.1?}   added {:>9.1?}",
        server.saturating_sub(library)
    );
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

struct Client {
    stream: BufReader<TcpStream>,
    key: String,
}

impl Client {
    fn new(address: SocketAddr, key: String) -> Client {
        let stream = TcpStream::connect(address).expect("a connection");
        stream.set_nodelay(true).expect("a socket");
        Client { stream: BufReader::new(stream), key }
    }

    /// The body of the answer, which must be a plan.
    fn preview(&mut self, body: &str) -> String {
        let request = format!(
            "POST /v1/collections/frames/trigger/preview HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
             X-Namespace: demo\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.key,
            body.len()
        );
        self.stream.get_mut().write_all(request.as_bytes()).expect("a connection");
        let (mut line, mut length) = (String::new(), 0);
        self.stream.read_line(&mut line).expect("an answer");
        assert!(line.starts_with("HTTP/1.1 200"), "{line}");
        while line != "\r\n" {
            line.clear();
            self.stream.read_line(&mut line).expect("an answer");
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.trim().parse().expect("a length");
            }
        }
        let mut answer = vec![0; length];
        self.stream.read_exact(&mut answer).expect("an answer");
        String::from_utf8(answer).expect("text")
    }
}
