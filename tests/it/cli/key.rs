//! `key`: the keys of the endpoint.

use serde_json::json;
use trommel::store::Store;

use super::run;

#[test]
fn a_key_is_made_listed_and_revoked() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("s.trm");
    let store = file.to_str().unwrap();
    run(["store", "demo", store]).ok();
    assert_eq!(run(["key", "list", "--store", store]).ok(), "");

    let made = run(["key", "create", "--store", store, "--namespace", "demo"]);
    assert_eq!((made.code, made.out.lines().count()), (Some(0), 1), "{}", made.err);
    let key = made.out.trim_end();
    let known = Store::open(&file).unwrap().authenticate(key).unwrap().unwrap();
    assert!(made.err.contains(&known.key_id) && !made.err.contains(&key[3..]), "{}", made.err);
    let second =
        run(["key", "create", "--store", store, "--namespace", "ns_demo", "demo", "--format=json", "-q"]).json();
    assert_eq!(second["namespaces"], json!([{"namespace_id": "ns_demo", "name": "demo"}]));
    assert!(second["key"].as_str().unwrap().starts_with("sk_") && second["revoked_at"].is_null());

    assert_eq!(run(["key", "revoke", "--store", store, &known.key_id]).ok(), "");
    let list = run(["key", "list", "--store", store]).ok();
    let lines: Vec<&str> = list.lines().collect();
    assert_eq!(lines.len(), 2, "{list}");
    assert!(lines[0].starts_with(&known.key_id) && lines[0].contains("  demo  revoked 20"), "{list}");
    assert!(lines[1].contains("demo") && !lines[1].contains("revoked"), "{list}");
    assert!(!list.contains("sk_"), "{list}");
    let json = run(["key", "list", "--store", store, "--format", "json"]).json();
    assert_eq!(json["keys"][1]["key_id"], second["key_id"]);
    assert_eq!(json["keys"][0]["created_at"], json!(known.created_at));
    assert!(json["keys"][0]["revoked_at"].is_string() && !json.to_string().contains("sk_"));
}

#[test]
fn what_is_wrong_with_a_key_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("s.trm").to_str().unwrap().to_owned();
    run(["store", "demo", &store]).ok();
    let said = run(["key", "create", "--store", &store, "--namespace", "demos"]).fails();
    assert!(said.contains("error[not_found]") && said.contains("did you mean `demo`?"), "{said}");
    assert_eq!(run(["key", "create", "--store", &store]).code, Some(2));
    let secret = run(["key", "create", "--store", &store, "--namespace", "demo", "-q"]).ok();
    let said = run(["key", "revoke", "--store", &store, secret.trim_end()]).fails();
    assert!(said.contains("error[not_found]") && said.contains("hint: ") && !said.contains(&secret[3..10]), "{said}");
    assert!(run(["key", "revoke", "--store", &store, "key_1"]).fails().contains("`key_1`"));
    assert!(run(["key", "list", "--store", "nowhere"]).fails().contains("error[io]"));
}
