//! What each route answers.

use serde_json::{Value as Json, json};
use trommel::plan::TriggerRequest;
use trommel::server::Settings;
use trommel::store::Destination;

use super::{Request, Served, Shop};

fn request() -> Json {
    json!({"include_buckets": ["photos"], "source_filters": {"AND": [{"field": "status", "operator": "eq", "value": "pending"}]}})
}

#[test]
fn a_preview_is_the_plan_of_the_store_and_writes_nothing() {
    let shop = Shop::new();
    let served = Served::new(&shop.file, Settings::default());
    for (collection, body) in
        [("frames", request()), ("col_frames", json!({})), ("faces", json!({"source_filters": {"score": 0.5}}))]
    {
        let preview = Request::post(format!("/v1/collections/{collection}/trigger/preview"), &body);
        let answer = preview.by(&shop.key, "demo").send(served.address);
        assert_eq!(answer.status, 200, "{answer:?}");
        let mut store = shop.store();
        let plan = store.plan("demo", collection, &TriggerRequest::from_json(body.to_string()).unwrap()).unwrap();
        assert_eq!(answer.json(), serde_json::to_value(plan.to_json()).unwrap());
        assert_eq!(store.stats().unwrap().iter().map(|namespace| namespace.batches).sum::<u64>(), 0);
    }
}

#[test]
fn a_previewed_plan_is_triggered_until_it_is_stale() {
    let shop = Shop::new();
    let served = Served::new(&shop.file, Settings::default());
    let preview = || {
        let preview = Request::post("/v1/collections/frames/trigger/preview", request());
        preview.by(&shop.key, "demo").send(served.address)
    };
    let trigger = |collection: &str, plan: &str| {
        let trigger = Request::post(format!("/v1/collections/{collection}/trigger/plan"), plan);
        trigger.by(&shop.key, "demo").send(served.address)
    };
    let plan = preview();
    let done = trigger("frames", &plan.body);
    assert_eq!(done.status, 202, "{done:?}");
    assert_eq!(done.json()["object_count"], plan.json()["total"]["n"]);

    let mut store = shop.store();
    let mut import = store.import("demo", Destination::Bucket("photos")).unwrap();
    import.add(br#"{"object_id": "new", "status": "pending"}"#).unwrap().unwrap();
    import.finish().unwrap();
    let stale = trigger("frames", &plan.body);
    assert_eq!(stale.error(409), "stale_plan");
    let moved = &stale.json()["error"]["details"]["diagnostics"][0]["expected"];
    assert_eq!(moved, &json!(["the bucket `bkt_photos`"]));
    let again = preview();
    assert_eq!(trigger("frames", &again.body).status, 202);
    assert_eq!(store.stats().unwrap()[0].batches, 2);

    // A plan of another collection, of another namespace, and what is no plan.
    assert_eq!(trigger("papers", &again.body).error(400), "usage");
    let foreign = again.body.replace("ns_demo", "ns_else");
    assert_eq!(trigger("frames", &foreign).error(400), "usage");
    assert_eq!(trigger("frames", "{}").error(400), "missing_value");
    assert_eq!(trigger("frames", "\u{1}").error(400), "syntax");
    // Whoever has it in hand may change it: its request is read under the limits of any other.
    let mut deep = again.json();
    let nested = (0..200).fold(json!({"a": 1}), |filter, _| json!({"NOT": [filter]}));
    deep["request"]["source_filters"] = nested;
    assert_eq!(trigger("frames", &deep.to_string()).error(400), "limit");
    assert_eq!(store.stats().unwrap()[0].batches, 2);
}

#[test]
fn a_batch_and_its_task_are_found() {
    let shop = Shop::new();
    let served = Served::new(&shop.file, Settings::default());
    let done = Request::post("/v1/collections/frames/trigger", request()).by(&shop.key, "ns_demo").send(served.address);
    let done = done.json();
    let batch = shop.store().batch(done["batch_id"].as_str().unwrap()).unwrap();
    for target in ["batches", "tasks"] {
        let id = if target == "tasks" { &batch.task_id } else { &batch.batch_id };
        let found = Request::get(format!("/v1/{target}/{id}")).by(&shop.key, "demo").send(served.address);
        assert_eq!((found.status, found.json()), (200, serde_json::to_value(&batch).unwrap()));
    }
}

#[test]
fn the_catalog_is_listed() {
    let shop = Shop::new();
    let served = Served::new(&shop.file, Settings::default());
    let get = |target: &str| Request::get(target).by(&shop.key, "demo").send(served.address).json();
    assert_eq!(get("/v1/namespaces"), json!({"namespaces": [{"namespace_id": "ns_demo", "name": "demo"}]}));
    let buckets = get("/v1/buckets");
    let photos = json!({"bucket_id": "bkt_photos", "name": "photos", "unique_key": {"fields": ["sku", "angle"]}});
    assert_eq!((buckets["buckets"].as_array().unwrap().len(), &buckets["buckets"][0]), (5, &photos));
    let collections = get("/v1/collections");
    let topics = json!({
        "collection_id": "col_topics", "name": "topics", "enabled": true, "source": "collection",
        "source_ids": ["col_papers", "col_letters"],
    });
    assert_eq!((collections["collections"].as_array().unwrap().len(), &collections["collections"][6]), (12, &topics));
    // In the query as well as in the header, which wins.
    let key = |target: &str| Request::get(target).with("Authorization", format!("bearer {}", shop.key));
    assert_eq!(key("/v1/buckets?namespace=demo").send(served.address).json(), buckets);
    assert_eq!(key("/v1/buckets?x=1&namespace=ns_demo").send(served.address).json(), buckets);
    assert_eq!(
        key("/v1/buckets?namespace=demo").with("X-Namespace", "nobody").send(served.address).error(404),
        "not_found"
    );
}

#[test]
fn the_page_is_held_to_itself() {
    let shop = Shop::new();
    let served = Served::new(&shop.file, Settings::default());
    let page = Request::get("/").send(served.address);
    assert_eq!((page.status, &*page.headers["content-type"]), (200, "text/html; charset=utf-8"));
    let policy = &page.headers["content-security-policy"];
    for part in [
        "default-src 'none'",
        "connect-src 'self'",
        "script-src 'sha256-",
        "style-src 'sha256-",
        "trusted-types 'none'",
    ] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    // The one address in it names a format.
    let addresses = page.body.match_indices("://").count();
    assert_eq!((addresses, page.body.contains("http://www.w3.org/2000/svg")), (1, true));
    for unsafe_word in
        ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "localStorage", "sessionStorage"]
    {
        assert!(!page.body.contains(unsafe_word), "{unsafe_word}");
    }
    assert_eq!(Request::post("/", "{}").send(served.address).error(405), "method_not_allowed");
}

#[test]
fn a_filter_is_checked_while_it_is_written() {
    let shop = Shop::new();
    let served = Served::new(&shop.file, Settings::default());
    let check = |body: &Json| {
        Request::post("/v1/collections/frames/filter/check", body).by(&shop.key, "demo").send(served.address)
    };
    let written = r#"status = "a" AND NOT tags IN ("b")"#;
    let good = check(&json!({"text": written}));
    assert_eq!(good.status, 200, "{good:?}");
    let good = good.json();
    assert_eq!((&good["text"], &good["verdict"]), (&json!(written), &json!("sometimes")));
    assert_eq!(good["diagnostics"], json!([]));
    for same in [json!({"filter": good["filter"]}), json!({"text": good["filter"].to_string()})] {
        assert_eq!(check(&same).json(), good, "{same}");
    }
    assert_eq!(check(&json!({"filter": {"OR": []}})).json()["verdict"], "never");

    // The diagnostics are those of the library for the same text.
    for text in [
        "status = ",
        r#"{"AND": [{"field": "n", "operator": "gtt", "value": 1}, {"a": {}}]}"#,
        "é = \"a",
        "a MATCHES \"(\"",
    ] {
        let answer = check(&json!({"text": text}));
        answer.error(400);
        let schema = trommel::Schema::open();
        let parser = trommel::parse::Parser::new();
        let wanted = match text.starts_with('{') {
            true => schema.parse_json(&parser, text).unwrap_err(),
            false => schema.parse_text(&parser, text).unwrap_err(),
        };
        let found = &answer.json()["error"]["details"]["diagnostics"];
        assert_eq!(found, &serde_json::to_value(wanted.diagnostics()).unwrap(), "{text}");
    }
    // In a body, places are those of the body.
    let body = r#"{"filter": {"AND": [{"field": "n", "operator": "gtt", "value": 1}]}}"#;
    let answer = check(&serde_json::from_str(body).unwrap());
    let found = &answer.json()["error"]["details"]["diagnostics"][0];
    assert_eq!(found["pointer"], "/filter/AND/0/operator");
    assert_eq!(check(&json!({"text": "a = $x"})).error(400), "unbound");
    for wrong in
        [json!({}), json!({"text": "a = 1", "filter": {}}), json!({"text": 1}), json!({"texts": ""}), json!([])]
    {
        check(&wrong).error(400);
    }
}

/// Each route of the document answers, and each has the responses that it says.
#[test]
fn the_document_has_every_route() {
    let shop = Shop::new();
    let served = Served::new(&shop.file, Settings::default());
    let document = Request::get("/openapi.json").send(served.address).json();
    assert_eq!(document["openapi"], "3.1.0");
    let mut routes = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            routes += 1;
            let target =
                path.replace("{collection_identifier}", "frames").replace("{batch_id}", "b").replace("{task_id}", "t");
            let request = if method == "get" { Request::get(target) } else { Request::post(target, "{}") };
            let answer = request.by(&shop.key, "demo").send(served.address);
            assert!(operation["responses"].get(answer.status.to_string()).is_some(), "{method} {path}: {answer:?}");
            assert_ne!(answer.status, 405, "{method} {path}");
            // The namespace is named in one of two ways, of which neither is required.
            let is_about_one = path != "/v1/namespaces" && operation["security"] != json!([]);
            let ways = operation["parameters"].as_array().unwrap().iter().filter(|one| one["in"] != "path");
            let ways: Vec<Json> = ways.map(|one| json!([one["name"], one["in"], one["required"]])).collect();
            let two = [json!(["X-Namespace", "header", false]), json!(["namespace", "query", false])];
            assert_eq!(ways, if is_about_one { &two[..] } else { &[] }, "{method} {path}");
        }
    }
    assert_eq!(routes, 11);
    // What is said there is said to whoever calls, not to who writes Rust.
    let text = document.to_string();
    for word in ["```", "`None`", "Some(", "crate::", "](", "::"] {
        assert!(!text.contains(word), "{word}");
    }
    // Every reference leads somewhere.
    for reference in text.split(r##""$ref":"#"##).skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(document.pointer(reference).is_some(), "{reference}");
    }
}

/// The schema of the document says of bodies what the server says.
#[test]
fn the_schema_of_requests_is_that_of_the_reader() {
    let shop = Shop::new();
    let served = Served::new(&shop.file, Settings::default());
    let document = Request::get("/openapi.json").send(served.address).json();
    let mut schema = document["components"]["schemas"]["TriggerRequest"].clone();
    schema["components"] = document["components"].clone();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let filter = |filter: Json| json!({"source_filters": filter});
    for body in [
        json!({}),
        request(),
        json!({"include_buckets": null, "object_ids": [], "source_filters": null}),
        filter(json!({"a": 1, "b": {"type": "dynamic", "field": "x"}})),
        filter(
            json!({"OR": [{"field": "a", "operator": "exists"}, {"NOT": [{"field": "a", "operator": "in", "value": [1]}]}]}),
        ),
        json!({"include_bucket": []}),
        json!({"object_ids": [1]}),
        json!({"object_ids": "a"}),
        json!([]),
        filter(json!([])),
        filter(json!({"AND": [{"field": "a", "operator": "eqq", "value": 1}]})),
        filter(json!({"field": "a", "operator": "gt", "value": true})),
        filter(json!({"field": "a..b", "operator": "eq", "value": true})),
    ] {
        let is_read = TriggerRequest::from_json(body.to_string()).is_ok_and(|request| {
            request.source_filters.is_none_or(|filter| trommel::Schema::open().validate(&filter).is_ok())
        });
        assert_eq!(validator.is_valid(&body), is_read, "{body}");
    }
}
