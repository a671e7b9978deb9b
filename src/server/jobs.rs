//! Work on the store, off the async threads: reads beside each other, writes one after another. Nobody works for a client that
//! went away, and nothing is told of a file that is no longer the store.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout_at};

use super::Settings;
use super::answer::Failure;
use super::place::Place;
use crate::error::Error;
use crate::store::{ApiKey, Cancel, Store};

/// The store, opened as often as it is worked on at once.
#[derive(Debug)]
pub(super) struct Stores {
    /// For who asks: a key is looked up in microseconds, and never waits for the long reads of others.
    keys: Arc<Pool>,
    readers: Arc<Pool>,
    /// One: a queue in front of SQLite's own lock is fair, and that is not.
    writer: Arc<Pool>,
    patience: Duration,
}

/// Connections that were opened before anybody needs them: later, the files that a process may open may all be taken.
#[derive(Debug)]
struct Pool {
    file: PathBuf,
    place: Arc<Place>,
    open: fn(&Path) -> Result<Store, Error>,
    idle: Mutex<Vec<Store>>,
    turns: Arc<Semaphore>,
}

/// Cancels what runs for a request when that is dropped, as it is when the client goes away.
struct Abandoned(Cancel);

impl Drop for Abandoned {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

impl Stores {
    pub(super) fn open(file: &Path, settings: &Settings) -> Result<Stores, Error> {
        // The writer first, which brings the store up to date.
        let first = Store::open(file)?;
        let place = Arc::new(Place::of(file)?);
        let pool = |open, idle: Vec<Store>| {
            let (turns, place) = (Arc::new(Semaphore::new(idle.len())), place.clone());
            Arc::new(Pool { file: file.to_owned(), place, open, idle: Mutex::new(idle), turns })
        };
        let to_read = |most| (0..most).map(|_| Store::open_to_read(file)).collect::<Result<Vec<_>, _>>();
        let writer = pool(Store::open, vec![first]);
        let keys = pool(Store::open_to_read, to_read(1)?);
        // No more than there are requests to read for.
        let readers = pool(Store::open_to_read, to_read(settings.readers.min(settings.requests).max(1))?);
        Ok(Stores { keys, readers, writer, patience: settings.answer })
    }

    /// Whether requests are answered: by the work that each of them begins with.
    pub(super) async fn expect_answers(&self) -> Result<(), Failure> {
        self.authenticate(String::new()).await.map(|_| ())
    }

    /// What is known of a key.
    pub(super) async fn authenticate(&self, key: String) -> Result<Option<ApiKey>, Failure> {
        run(&self.keys, self.patience, move |store| store.authenticate(&key)).await.map(|(known, _)| known)
    }

    /// Reads.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Store) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Failure> {
        let (done, is_cut_short) = run(&self.readers, self.patience, job).await?;
        // A plan goes on without what it could not count. One that was cut short is no answer.
        if is_cut_short { Err(Failure::too_long()) } else { Ok(done) }
    }

    /// Writes. What was written is told, even where the time was over meanwhile.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Store) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Failure> {
        run(&self.writer, self.patience, job).await.map(|(done, _)| done)
    }
}

/// What a job gives, and whether its time was over before it had ended.
async fn run<T: Send + 'static>(
    pool: &Arc<Pool>,
    patience: Duration,
    job: impl FnOnce(&mut Store) -> Result<T, Error> + Send + 'static,
) -> Result<(T, bool), Failure> {
    let deadline = Instant::now() + patience;
    let turn = timeout_at(deadline, pool.turns.clone().acquire_owned()).await.map_err(|_| Failure::too_long())?;
    let turn = turn.map_err(|_| Failure::internal())?;
    let cancel = Cancel::default();
    let abandoned = Abandoned(cancel.clone());
    let mut running = spawn_blocking({
        let (pool, cancel) = (pool.clone(), cancel.clone());
        move || {
            // Until the work has ended, whoever still waits for it.
            let _turn = turn;
            let mut store = pool.take()?;
            store.cancel_with(&cancel)?;
            // One that a panic went through is not used again.
            let done = job(&mut store);
            pool.idle.lock().unwrap_or_else(PoisonError::into_inner).push(store);
            // Again: what was written meanwhile to a file that nobody may find is not told as written.
            Ok(pool.place.expect().and(done)?)
        }
    });
    let done = match timeout_at(deadline, &mut running).await {
        Ok(done) => done,
        Err(_) => {
            cancel.cancel();
            running.await
        }
    };
    let done = done.map_err(|_| Failure::internal())?;
    let done = done.map_err(|failure| if cancel.is_cancelled() { Failure::too_long() } else { failure })?;
    let is_cut_short = cancel.is_cancelled();
    drop(abandoned);
    Ok((done, is_cut_short))
}

impl Pool {
    fn take(&self) -> Result<Store, Failure> {
        self.place.expect().map_err(|error| Failure::store_gone(&error))?;
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Ok(idle.map_or_else(|| (self.open)(&self.file), Ok)?)
    }
}
