//! The keys of the endpoint in the store.

use std::collections::BTreeSet;

use rusqlite::Connection;
use trommel::plan::CatalogFile;
use trommel::store::Store;
use trommel::{Code, Error};

fn store_in(dir: &tempfile::TempDir) -> (std::path::PathBuf, Store) {
    let file = dir.path().join("s.trm");
    let mut store = Store::create(&file).unwrap();
    for namespace in ["shop", "ns_two", "third"] {
        store.apply(namespace, CatalogFile::default()).unwrap();
    }
    (file, store)
}

fn held(store: &Store, key: &str) -> Option<Vec<String>> {
    let known = store.authenticate(key).unwrap()?;
    Some(known.namespaces.into_iter().map(|namespace| namespace.name).collect())
}

#[test]
fn a_key_opens_its_namespaces_until_it_is_revoked() {
    let dir = tempfile::tempdir().unwrap();
    let (file, mut store) = store_in(&dir);
    let one = store.create_key(&["shop"]).unwrap();
    let two = store.create_key(&["third", "shop", "ns_two", "shop"]).unwrap();
    assert_eq!(held(&store, &one.key), Some(vec!["shop".to_owned()]));
    let all: BTreeSet<String> = held(&store, &two.key).unwrap().into_iter().collect();
    assert_eq!(all.iter().map(String::as_str).collect::<Vec<_>>(), ["ns_two", "shop", "third"]);

    // What is near a key, its id and its hash open nothing.
    let cut = &one.key[..one.key.len() - 1];
    let upper = one.key.to_uppercase();
    for wrong in ["", "sk_", cut, &upper, &one.known.key_id, &format!("{} ", one.key)] {
        assert_eq!(held(&store, wrong), None, "{wrong}");
    }

    // What another process revokes is revoked here.
    Store::open(&file).unwrap().revoke_key(&one.known.key_id).unwrap();
    assert_eq!(held(&store, &one.key), None);
    assert!(held(&store, &two.key).is_some());
    let when = store.keys().unwrap()[0].revoked_at.clone();
    assert!(when.is_some());
    store.revoke_key(&one.known.key_id).unwrap();
    assert_eq!(store.keys().unwrap()[0].revoked_at, when);
}

#[test]
fn a_key_is_random_and_kept_nowhere() {
    let dir = tempfile::tempdir().unwrap();
    let (file, mut store) = store_in(&dir);
    let made: Vec<_> = (0..50).map(|_| store.create_key(&["shop"]).unwrap()).collect();
    let keys: BTreeSet<&str> = made.iter().map(|made| &*made.key).collect();
    assert_eq!(keys.len(), made.len());
    for key in &keys {
        let digits = key.strip_prefix("sk_").unwrap();
        assert!(digits.len() == 64 && digits.bytes().all(|c| c.is_ascii_hexdigit()), "{key}");
    }
    // Each of 256 bits is 0 in one and 1 in another.
    let bytes =
        |key: &str| (0..32).map(|at| u8::from_str_radix(&key[3 + at * 2..][..2], 16).unwrap()).collect::<Vec<_>>();
    for at in 0..32 {
        let met =
            keys.iter().map(|key| bytes(key)[at]).fold((0, 0), |(ones, zeros), byte| (ones | byte, zeros | !byte));
        assert_eq!(met, (0xFF, 0xFF), "byte {at}");
    }
    drop(store);
    let mut kept = Vec::new();
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        kept.extend(std::fs::read(entry.unwrap().path()).unwrap());
    }
    assert!(kept.windows(5).any(|bytes| bytes == b"third"));
    for made in &made {
        let (text, binary) = (&made.key.as_bytes()[3..], bytes(&made.key));
        assert!(!kept.windows(64).any(|bytes| bytes == text) && !kept.windows(32).any(|bytes| bytes == binary));
        assert!(!format!("{made:?}").contains(&made.key[3..]));
    }
    drop(file);
}

#[test]
fn a_key_for_nothing_is_not_made() {
    let dir = tempfile::tempdir().unwrap();
    let (_, mut store) = store_in(&dir);
    let code = |result: Result<_, Error>| result.unwrap_err().code();
    assert_eq!(code(store.create_key::<&str>(&[])), Code::Usage);
    assert_eq!(code(store.create_key(&["shop", "nowhere"])), Code::NotFound);
    assert!(store.keys().unwrap().is_empty());
    assert_eq!(store.revoke_key("key_1").unwrap_err().code(), Code::NotFound);
}

/// A store of the version before keys opens, gets their tables, and has lost nothing.
#[test]
fn a_store_without_keys_is_brought_up_to_date() {
    let dir = tempfile::tempdir().unwrap();
    let (file, store) = store_in(&dir);
    drop(store);
    let connection = Connection::open(&file).unwrap();
    let back = "DROP TABLE api_key_namespaces; DROP TABLE api_keys; PRAGMA user_version = 1;";
    connection.execute_batch(back).unwrap();
    drop(connection);
    assert_eq!(Store::open_to_read(&file).unwrap_err().code(), Code::Unsupported);
    let mut store = Store::open(&file).unwrap();
    assert_eq!(store.stats().unwrap().len(), 3);
    let made = store.create_key(&["third"]).unwrap();
    assert_eq!(held(&Store::open_to_read(&file).unwrap(), &made.key), Some(vec!["third".to_owned()]));
}
