//! What is too much, too long, too late, or put wrongly; and that every such error has the one form.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;
use trommel::server::Settings;

use super::{Answer, Request, Served, Shop};

const TRIGGER: &str = "/v1/collections/frames/trigger";

#[test]
fn every_error_has_the_form_of_one() {
    let shop = Shop::new();
    let served = Served::new(&shop.file, Settings::default());
    let ask = |request: Request| request.by(&shop.key, "demo").send(served.address);
    for target in [
        "/index.html",
        "/v1",
        "/v1/collections/",
        "/v1/collections/frames/trigger/",
        "/v2/x",
        "//",
        "/%00",
        "/healthz/x",
    ] {
        assert_eq!(ask(Request::get(target)).error(404), "not_found", "{target}");
    }
    for (method, target, allowed) in [
        ("GET", TRIGGER, "POST"),
        ("DELETE", "/v1/buckets", "GET,HEAD"),
        ("POST", "/", "GET,HEAD"),
        ("OPTIONS", "/healthz", "GET,HEAD"),
        ("TRACE", "/openapi.json", "GET,HEAD"),
        ("BREW", TRIGGER, "POST"),
    ] {
        let answer = ask(Request { method, ..Request::get(target) });
        assert_eq!(answer.error(405), "method_not_allowed", "{method} {target}");
        assert_eq!(answer.headers.get("allow").map(String::as_str), Some(allowed));
    }
    let plain =
        |content: &str| Request { headers: Vec::new(), ..Request::post(TRIGGER, "{}") }.with("Content-Type", content);
    for content in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonx",
        "",
        "application/json/x",
        "application/json; charset=latin1",
        "application/json; charset=utf-16",
        "application/json; charset=utf-8; charset=latin1",
        "application/json, text/plain",
    ] {
        assert_eq!(ask(plain(content)).error(415), "unsupported_media_type", "{content}");
    }
    assert_eq!(ask(Request::post(TRIGGER, "{}").with("Content-Encoding", "gzip")).error(415), "unsupported_media_type");
    let twice = plain("application/json").with("Content-Type", "text/plain");
    assert_eq!(ask(twice).error(415), "unsupported_media_type");
    for content in ["Application/JSON; charset=utf-8", "application/json;charset=\"UTF-8\"", "application/json; v=1"] {
        assert_eq!(ask(plain(content)).status, 202, "{content}");
    }
    for (body, kind) in [("", "syntax"), ("{", "syntax"), ("[]", "syntax"), (r#"{"x": 1}"#, "unknown_key")] {
        assert_eq!(ask(Request::post(TRIGGER, body)).error(400), kind, "{body}");
    }
    let in_path = |name: &str| ask(Request::post(format!("/v1/collections/{name}/trigger"), "{}"));
    assert_eq!(in_path("%FF").error(400), "bad_request");
    assert_eq!(in_path("a%2Fb").error(404), "not_found");
    assert_eq!(in_path("%66rames").status, 202);

    let namespace =
        |request: Request| request.with("Authorization", format!("Bearer {}", shop.key)).send(served.address);
    for request in [
        Request::get("/v1/buckets"),
        Request::get("/v1/buckets").with("X-Namespace", ""),
        Request::get("/v1/buckets?namespace="),
        Request::get("/v1/buckets?namespace=%ff"),
        Request::get("/v1/buckets?namespace=demo%C3"),
        Request::get("/v1/buckets?%ff=1&namespace=demo"),
        Request::get("/v1/buckets?namespace=demo&namespace=demo"),
        Request::get("/v1/buckets").with("X-Namespace", "demo").with("X-Namespace", "demo"),
    ] {
        assert_eq!(namespace(request).error(400), "bad_request");
    }
    // A HEAD is a GET without the body.
    let head = ask(Request { method: "HEAD", ..Request::get("/healthz") });
    assert_eq!((head.status, &*head.body), (200, ""));
}

#[test]
fn what_is_too_large_is_refused() {
    let shop = Shop::new();
    let mut settings = Settings::default();
    (settings.body_bytes, settings.head_bytes) = (1000, 2000);
    let served = Served::new(&shop.file, settings);
    let ask = |request: Request| request.by(&shop.key, "demo").send(served.address);
    let body = |bytes: usize| format!("{{}}{}", " ".repeat(bytes - 2));
    assert_eq!(ask(Request::post(TRIGGER, body(1000))).status, 202);
    let refused = ask(Request::post(TRIGGER, body(1001)));
    assert_eq!(refused.error(413), "payload_too_large");
    assert!(refused.body.contains("1000 bytes"), "{refused:?}");
    assert_eq!(ask(Request::get(format!("/{}", "a".repeat(2001)))).error(414), "uri_too_long");
    assert_eq!(ask(Request::get(format!("/?{}", "a".repeat(2001)))).error(414), "uri_too_long");
    assert_eq!(ask(Request::get("/healthz").with("X-A", "a".repeat(2001))).error(431), "headers_too_large");

    // One that does not say how long it is.
    let mut stream = TcpStream::connect(served.address).unwrap();
    let head = Request::post(TRIGGER, "")
        .by(&shop.key, "demo")
        .head()
        .replace("Content-Length: 0", "Transfer-Encoding: chunked");
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(format!("7d0\r\n{}\r\n0\r\n\r\n", body(2000)).as_bytes()).unwrap();
    assert_eq!(Answer::read(&mut stream).unwrap().error(413), "payload_too_large");
}

/// Nothing that is nested, long or of the wrong form brings a thread to its end.
#[test]
fn hostile_bodies_are_refused() {
    let shop = Shop::new();
    let served = Served::new(&shop.file, Settings::default());
    let deep = |open: &str, close: &str, levels: usize| open.repeat(levels) + &close.repeat(levels);
    let nots = deep(r#"{"NOT":["#, "]}", 100_000);
    let wide: Vec<_> = (0..20_000).map(|n| json!({"field": format!("f{n}"), "operator": "eq", "value": n})).collect();
    let wide = json!({"OR": wide});
    let bodies = [
        deep("[", "]", 1_000_000),
        deep(r#"{"a":"#, "}", 500_000),
        "[".repeat(4_000_000),
        nots.clone(),
        format!(r#"{{"source_filters":{nots}}}"#),
        format!(r#"{{"filter":{nots}}}"#),
        format!(r#"{{"text":"{}"}}"#, "NOT ".repeat(500_000)),
        format!(r#"{{"text":"{}"}}"#, deep("(", ")", 1_000_000)),
        format!(r#"{{"format_version":1,"request":{nots}}}"#),
        format!(r#"{{"format_version":1,"filter":{}}}"#, deep("[", "]", 1_000_000)),
        json!({"source_filters": wide}).to_string(),
        json!({"filter": wide}).to_string(),
        r#"{"source_filters": {"a": 1e999}}"#.to_owned(),
        r#"{"source_filters": {"field": "a", "operator": "regex", "value": "(a{1000}){1000}"}}"#.to_owned(),
        "\u{0}".repeat(1000),
    ];
    for route in ["trigger", "trigger/preview", "trigger/plan", "filter/check"] {
        for body in &bodies {
            let request = Request::post(format!("/v1/collections/frames/{route}"), body).by(&shop.key, "demo");
            request.send(served.address).error(400);
        }
    }
    let alive = Request::get("/healthz").send(served.address);
    assert_eq!((alive.status, shop.store().stats().unwrap()[0].batches), (200, 0));
}

#[test]
fn what_does_not_arrive_is_not_waited_for() {
    let shop = Shop::new();
    let mut settings = Settings::default();
    settings.arrival = Duration::from_millis(300);
    let served = Served::new(&shop.file, settings);
    let mut stream = TcpStream::connect(served.address).unwrap();
    let head = Request::post(TRIGGER, "{}").by(&shop.key, "demo").head();
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(b"{").unwrap();
    assert_eq!(Answer::read(&mut stream).unwrap().error(408), "request_timeout");

    // Half a head, and nothing at all: the connection ends.
    for begun in ["GET /healthz HTTP/1.1\r\nHost:", ""] {
        let mut stream = TcpStream::connect(served.address).unwrap();
        stream.write_all(begun.as_bytes()).unwrap();
        let mut answered = String::new();
        stream.read_to_string(&mut answered).unwrap();
        assert!(!answered.contains("200"), "{answered}");
    }
    assert_eq!(shop.store().stats().unwrap()[0].batches, 0);

    // A connection that was of use, and is no more.
    let mut stream = TcpStream::connect(served.address).unwrap();
    let head = Request::get("/healthz").head().replace("Connection: close\r\n", "");
    stream.write_all(head.as_bytes()).unwrap();
    assert_eq!(Answer::read(&mut stream).unwrap().status, 200);
}

/// One that asks and never reads keeps the only connection for so long, and no longer.
#[test]
fn a_client_that_does_not_take_its_answers_does_not_keep_its_connection() {
    let shop = Shop::new();
    let mut settings = Settings::default();
    (settings.connections, settings.answer) = (1, Duration::from_millis(500));
    let served = Served::new(&shop.file, settings);
    let mut stream = TcpStream::connect(served.address).unwrap();
    let ask = Request::get("/openapi.json").head().replace("Connection: close\r\n", "");
    // More than the system keeps for whoever does not read. What does not fit is not waited for.
    stream.set_write_timeout(Some(Duration::from_millis(100))).unwrap();
    let _ = stream.write_all(ask.repeat(5_000).as_bytes());
    assert_eq!(Request::get("/healthz").send(served.address).status, 200);
    let mut taken = Vec::new();
    let _ = stream.read_to_end(&mut taken);
    let answers = String::from_utf8_lossy(&taken).matches("HTTP/1.1 200").count();
    assert!((1..5_000).contains(&answers), "{answers}");
}

#[test]
fn too_many_requests_at_once_are_told_to_come_again() {
    let shop = Shop::new();
    let mut settings = Settings::default();
    settings.requests = 1;
    let served = Served::new(&shop.file, settings);
    let ask = |request: Request| request.by(&shop.key, "demo").send(served.address);
    // One whose body is on its way holds its turn.
    let mut stream = Request::post(TRIGGER, "{}").by(&shop.key, "demo").hold(served.address);
    let refused = ask(Request::get("/v1/buckets"));
    assert_eq!(refused.error(503), "too_many_requests_at_once");
    assert_eq!(refused.headers.get("retry-after").map(String::as_str), Some("1"));
    assert_eq!(ask(Request::get("/healthz")).status, 200);
    stream.write_all(b"{}").unwrap();
    assert_eq!(Answer::read(&mut stream).unwrap().status, 202);
    assert_eq!(ask(Request::get("/v1/buckets")).status, 200);
}
