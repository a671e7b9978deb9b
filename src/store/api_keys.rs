//! The keys of the endpoint: who may see which namespaces.

use std::fmt;

use hmac_sha256::Hash;
use rusqlite::{Row, params};
use serde::Serialize;

use super::{Store, catalog, new_id, sqlite};
use crate::error::{Code, Diagnostic, Error, excerpt, visible};

/// A namespace that a key holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct HeldNamespace {
    /// Its id.
    pub namespace_id: String,
    /// Its name.
    pub name: String,
}

/// What is known of a key of the endpoint, which is not the key: of that only a hash is kept. Prints as a line for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ApiKey {
    /// `key_…`.
    pub key_id: String,
    /// The namespaces that it holds, by their names.
    pub namespaces: Vec<HeldNamespace>,
    /// When it was made, in UTC (RFC 3339).
    pub created_at: String,
    /// When it was revoked, if it was.
    pub revoked_at: Option<String>,
}

/// A key that was just made.
#[derive(Clone, Serialize)]
#[non_exhaustive]
pub struct NewApiKey {
    /// `sk_…`, with 256 random bits: shown once, and kept nowhere.
    pub key: String,
    /// What is known of it later.
    #[serde(flatten)]
    pub known: ApiKey,
}

/// Without the key.
impl fmt::Debug for NewApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewApiKey").field("known", &self.known).finish_non_exhaustive()
    }
}

const PREFIX: &str = "sk_";

impl Store {
    /// Makes a key that holds these namespaces, each by its id or name.
    ///
    /// ```
    /// # let mut store = trommel::store::Store::in_memory()?;
    /// # store.apply("demo", trommel::plan::CatalogFile::default())?;
    /// let made = store.create_key(&["demo"])?;
    /// let known = store.authenticate(&made.key)?;
    /// assert_eq!(known, Some(made.known.clone()));
    /// store.revoke_key(&made.known.key_id)?;
    /// assert_eq!(store.authenticate(&made.key)?, None);
    /// # Ok::<(), trommel::Error>(())
    /// ```
    ///
    /// # Errors
    /// `usage` without a namespace; `not_found`; `database`; `io` where the system gives no random bits.
    pub fn create_key<N: AsRef<str>>(&mut self, namespaces: &[N]) -> Result<NewApiKey, Error> {
        if namespaces.is_empty() {
            return Err(Diagnostic::error(Code::Usage, "a key holds one namespace or more").into());
        }
        let key = random_key()?;
        let connection = &self.connection;
        let key_id = self.whole(|| {
            let key_id = new_id(connection, "key_")?;
            let insert = "INSERT INTO api_keys (key_id, hash, created_at)
                          VALUES (?, ?, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))";
            connection.execute(insert, params![key_id, hash(&key)]).map_err(sqlite)?;
            let n = connection.last_insert_rowid();
            for named in namespaces {
                let namespace = catalog::namespace(connection, named.as_ref())?;
                // Nothing, where one is named by its id and by its name.
                let insert = "INSERT INTO api_key_namespaces (api_key, namespace) VALUES (?, ?) ON CONFLICT DO NOTHING";
                connection.execute(insert, (n, namespace.n)).map_err(sqlite)?;
            }
            Ok(key_id)
        })?;
        let known = self.keys_where("key_id = ?", params![key_id])?.pop();
        let gone = || Diagnostic::error(Code::Database, "the key was deleted as soon as it was made");
        Ok(NewApiKey { key, known: known.ok_or_else(gone)? })
    }

    /// The keys that were made, the oldest first, the revoked among them.
    ///
    /// # Errors
    /// `database`.
    pub fn keys(&self) -> Result<Vec<ApiKey>, Error> {
        self.keys_where("TRUE", params![])
    }

    /// Revokes a key by its id: from now on it opens nothing. To revoke it again changes nothing.
    ///
    /// # Errors
    /// `not_found`; `database`.
    pub fn revoke_key(&mut self, key_id: &str) -> Result<(), Error> {
        let update = "UPDATE api_keys SET revoked_at = coalesce(revoked_at, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
                      WHERE key_id = ?";
        match self.connection.execute(update, [key_id]).map_err(sqlite)? {
            // The id, and never what was given: somebody may have given the key itself.
            0 if key_id.starts_with(PREFIX) => {
                let diagnostic = Diagnostic::error(Code::NotFound, "there is no key of this id");
                Err(diagnostic.hint("a key is revoked by its id, `key_…`, not by itself").into())
            }
            0 => Err(Diagnostic::error(Code::NotFound, format!("there is no key `{}`", excerpt(key_id))).into()),
            _ => Ok(()),
        }
    }

    /// What is known of a key that somebody shows; `None` for one that was never made or is revoked.
    ///
    /// It is found by its hash. How long an index takes to find that may tell something of a hash, but nobody can choose what a
    /// key is hashed to; so this needs no comparison in constant time. Neither does it need a slow hash, which is for
    /// passwords: nobody guesses 256 random bits.
    ///
    /// # Errors
    /// `database`.
    pub fn authenticate(&self, key: &str) -> Result<Option<ApiKey>, Error> {
        Ok(self.keys_where("hash = ? AND revoked_at IS NULL", params![hash(key)])?.pop())
    }

    fn keys_where(&self, condition: &str, values: &[&dyn rusqlite::ToSql]) -> Result<Vec<ApiKey>, Error> {
        let sql = format!(
            "SELECT key_id, created_at, revoked_at, namespace_id, name FROM api_keys
             JOIN api_key_namespaces ON api_key = api_keys.n JOIN namespaces ON namespaces.n = namespace
             WHERE {condition} ORDER BY api_keys.n, name"
        );
        let read = |row: &Row<'_>| {
            let namespace = HeldNamespace { namespace_id: row.get(3)?, name: row.get(4)? };
            let (key_id, created_at, revoked_at) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(ApiKey { key_id, namespaces: vec![namespace], created_at, revoked_at })
        };
        let mut select = self.connection.prepare_cached(&sql).map_err(sqlite)?;
        let mut keys: Vec<ApiKey> = Vec::new();
        for row in select.query_map(values, read).map_err(sqlite)? {
            let row = row.map_err(sqlite)?;
            match keys.last_mut().filter(|last| last.key_id == row.key_id) {
                Some(last) => last.namespaces.extend(row.namespaces),
                None => keys.push(row),
            }
        }
        Ok(keys)
    }
}

fn random_key() -> Result<String, Error> {
    let mut random = [0; 32];
    let failed = |error| Diagnostic::error(Code::Io, format!("the system gives no random bits: {error}"));
    getrandom::fill(&mut random).map_err(failed)?;
    let digits: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{PREFIX}{digits}"))
}

fn hash(key: &str) -> [u8; 32] {
    Hash::hash(key.as_bytes())
}

impl fmt::Display for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ApiKey { key_id, namespaces, created_at, revoked_at } = self;
        let names: Vec<_> = namespaces.iter().map(|namespace| visible(&namespace.name)).collect();
        write!(f, "{key_id}  made {created_at}  {}", names.join(", "))?;
        revoked_at.iter().try_for_each(|at| write!(f, "  revoked {at}"))
    }
}
