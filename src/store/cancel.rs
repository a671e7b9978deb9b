//! Ending what a store is doing, from another thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode};

use super::{PATIENCE, Store, sqlite};
use crate::error::Error;

/// A wish that somebody else may have: that what runs for them in a store ends. Clones are the same wish.
///
/// ```
/// # use trommel::store::{Cancel, Store};
/// let mut store = Store::in_memory()?;
/// let cancel = Cancel::default();
/// store.cancel_with(&cancel)?;
/// cancel.cancel();
/// assert!(cancel.is_cancelled());
/// # Ok::<(), trommel::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Whatever runs in a store that heeds this ends soon, with an error; a write leaves nothing, unless it was done already.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether somebody wished so.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// SQLite asks after so many of its instructions, which take some hundred microseconds.
const INSTRUCTIONS: i32 = 10_000;

/// How often somebody who waits for other writers looks whether it is their turn. SQLite lines nobody up, and its own waiting
/// looks so seldom that an import, which commits and goes on, would let nobody in.
const LOOK: Duration = Duration::from_micros(500);

impl Store {
    /// From now on, what runs in this store heeds this wish, and no earlier one. It is a flag and not SQLite's interrupt,
    /// which ends the statement that happens to run: that may be somebody else's by then, or none at all.
    ///
    /// # Errors
    /// `database`.
    pub fn cancel_with(&mut self, cancel: &Cancel) -> Result<(), Error> {
        let heeded = cancel.clone();
        self.cancel = cancel.clone();
        self.connection.progress_handler(INSTRUCTIONS, Some(move || heeded.is_cancelled())).map_err(sqlite)
    }
}

/// Lets others write, where one write follows another.
pub(super) fn let_others_write() {
    thread::sleep(2 * LOOK);
}

/// Begins to write when those before have ended: `begin` is `BEGIN IMMEDIATE`.
pub(super) fn begin_write<T>(
    connection: &Connection,
    cancel: &Cancel,
    mut begin: impl FnMut() -> rusqlite::Result<T>,
) -> Result<T, Error> {
    let since = Instant::now();
    connection.busy_timeout(Duration::ZERO).map_err(sqlite)?;
    let begun = loop {
        let begun = begin();
        match &begun {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
                if since.elapsed() > PATIENCE || cancel.is_cancelled() {
                    break begun;
                }
                thread::sleep(LOOK);
            }
            _ => break begun,
        }
    };
    connection.busy_timeout(PATIENCE).map_err(sqlite)?;
    begun.map_err(sqlite)
}
