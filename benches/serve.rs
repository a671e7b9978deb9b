//! What the endpoint adds to the library: for each route the median of the library's own work on the demo store, and that of the
//! same over HTTP, by one client that keeps its connection. In turns, so that both see the same machine, and over the same file;
//! that both answer the same is asserted.
//!
//! `cargo bench --features server --bench serve`

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Value as Json, json};
use trommel::Schema;
use trommel::parse::Parser;
use trommel::plan::{TriggerPlan, TriggerRequest};
use trommel::server::{Server, Settings};
use trommel::store::Store;

fn main() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("demo.trm");
    let mut store = Store::create_demo(&file).expect("a store");
    let key = store.create_key(&["demo"]).expect("a key").key;
    let done = store.trigger("demo", "frames", &TriggerRequest::default()).expect("a batch");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let server = Server::open(&file, Settings::default()).expect("a server");
    let address = serve(&runtime, server);
    let mut bench = Bench { store, client: Client::new(address, key.clone()) };

    let condition = json!({"include_buckets": ["scans"], "source_filters": {"place.city": "Lyon"}});
    let all = json!({"source_filters": {"AND": [{"field": "status", "operator": "eq", "value": "pending"}]}});
    let ids: Vec<String> = (0..1000).map(|n| format!("obj_{n:05}")).collect();
    let ids = json!({"object_ids": ids});
    for (title, body) in [("one bucket", &condition), ("three buckets", &all), ("1,000 ids", &ids)] {
        let body = body.to_string();
        bench.measure(&format!("preview, {title}"), 500, ("trigger/preview", &body), |store| {
            text(&store.plan("demo", "frames", &request(&body)).expect("a plan").to_json())
        });
    }
    let body = condition.to_string();
    bench.measure("trigger, one bucket", 100, ("trigger", &body), |store| {
        text(&store.trigger("demo", "frames", &request(&body)).expect("a batch"))
    });
    let plan = text(&bench.store.plan("demo", "frames", &request(&body)).expect("a plan").to_json());
    bench.measure("trigger/plan, one bucket", 100, ("trigger/plan", &plan), |store| {
        let plan = TriggerPlan::from_json_with(&Parser::new(), &plan).expect("a plan");
        text(&store.trigger_plan(&plan).expect("a batch"))
    });
    let written = r#"status = "pending" AND NOT tags IN ("draft")"#;
    bench.measure("filter/check", 500, ("filter/check", &json!({"text": written}).to_string()), |_| {
        let schema = Schema::open();
        let filter = schema.parse_text(&Parser::new(), written).expect("a filter");
        let predicate = schema.check(&filter).expect("a filter");
        let (canonical, verdict) = (predicate.to_filter(), predicate.verdict());
        let said = json!({"text": filter.to_text(), "canonical": canonical, "verdict": verdict, "diagnostics": [], "filter": filter});
        text(&said)
    });
    bench.measure("batches", 500, (&format!("/v1/batches/{}", done.batch_id), ""), |store| {
        text(&store.snapshot("demo").expect("a namespace").batch(&done.batch_id).expect("a batch"))
    });
    bench.measure("tasks", 500, (&format!("/v1/tasks/{}", done.task_id), ""), |store| {
        text(&store.snapshot("demo").expect("a namespace").task(&done.task_id).expect("a batch"))
    });
    bench.measure("namespaces", 500, ("/v1/namespaces", ""), |store| {
        let held = store.authenticate(&key).expect("a store").expect("a key");
        text(&json!({"namespaces": held.namespaces}))
    });
    bench.measure("buckets", 500, ("/v1/buckets", ""), |store| {
        let snapshot = store.snapshot("demo").expect("a namespace");
        let buckets = snapshot.catalog().buckets().iter();
        let one =
            buckets.map(|one| json!({"bucket_id": one.bucket_id, "name": one.name, "unique_key": one.unique_key}));
        text(&json!({"buckets": one.collect::<Vec<_>>()}))
    });
    bench.measure("collections", 500, ("/v1/collections", ""), |store| {
        let snapshot = store.snapshot("demo").expect("a namespace");
        let one = snapshot.catalog().collections().iter().map(|one| {
            let source = serde_json::to_value(&one.source).expect("JSON");
            let source_ids = source.get("bucket_ids").or(source.get("collection_ids"));
            json!({
                "collection_id": one.collection_id, "name": one.name, "enabled": one.enabled, "source": source["type"],
                "source_ids": source_ids,
            })
        });
        text(&json!({"collections": one.collect::<Vec<_>>()}))
    });
    runtime.shutdown_background();
}

fn serve(runtime: &tokio::runtime::Runtime, server: Server) -> SocketAddr {
    let bound = runtime.block_on(server.bind("127.0.0.1:0")).expect("an address");
    let address = bound.address();
    runtime.spawn(bound.run(std::future::pending()));
    address
}

fn request(body: &str) -> TriggerRequest {
    TriggerRequest::from_json(body).expect("a request")
}

fn text(answer: &impl Serialize) -> String {
    serde_json::to_string(answer).expect("JSON")
}

struct Bench {
    store: Store,
    client: Client,
}

impl Bench {
    /// `asked`: a route of the collection with a body, or a path without one.
    fn measure(&mut self, title: &str, turns: usize, asked: (&str, &str), work: impl Fn(&mut Store) -> String) {
        let (mut library, mut server) = (Vec::new(), Vec::new());
        for _ in 0..turns {
            let since = Instant::now();
            let told = work(&mut self.store);
            library.push(since.elapsed());
            let since = Instant::now();
            let answer = self.client.ask(asked.0, asked.1);
            server.push(since.elapsed());
            assert_eq!(without_new_ids(&answer), without_new_ids(&told), "{title}");
        }
        let (library, server) = (median(&mut library), median(&mut server));
        let added = server.saturating_sub(library);
        println!("{title:24} library {library:>9.1?}   server {server:>9.1?}   added {added:>9.1?}");
    }
}

/// Each trigger makes a batch of its own.
fn without_new_ids(answer: &str) -> Json {
    let mut answer: Json = serde_json::from_str(answer).expect("JSON");
    if !answer["message"].is_null() {
        (answer["batch_id"], answer["task_id"]) = (Json::Null, Json::Null);
    }
    answer
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

    /// The body of the answer, which must be none of an error.
    fn ask(&mut self, route: &str, body: &str) -> String {
        let target = match route.starts_with('/') {
            true => format!("GET {route}"),
            false => format!("POST /v1/collections/frames/{route}"),
        };
        let request = format!(
            "{target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nX-Namespace: demo\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.key,
            body.len()
        );
        self.stream.get_mut().write_all(request.as_bytes()).expect("a connection");
        let (mut line, mut length) = (String::new(), 0);
        self.stream.read_line(&mut line).expect("an answer");
        assert!(line.starts_with("HTTP/1.1 20"), "{line}");
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
