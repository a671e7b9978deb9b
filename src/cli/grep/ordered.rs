//! Work on many threads whose results come in the order of the items.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

/// A thread ended before its work was done.
#[derive(Debug)]
pub(super) struct Lost;

/// The results of `work` on every item, in the items' order. With one thread everything is done in this one, item by
/// item. Else one more thread takes the items, and at most twice as many as there are threads are under way.
///
/// The threads are not waited for when the results are dropped: they end by themselves, but the one that takes the items
/// may wait for the next one, from a terminal say, as long as it likes.
pub(super) fn ordered<T: Send + 'static, U: Send + 'static>(
    threads: usize,
    items: impl Iterator<Item = T> + Send + 'static,
    work: impl Fn(T) -> U + Send + Sync + 'static,
) -> io::Result<Box<dyn Iterator<Item = Result<U, Lost>>>> {
    if threads <= 1 {
        return Ok(Box::new(items.map(move |item| Ok(work(item)))));
    }
    let (jobs, queue) = sync_channel::<(T, SyncSender<U>)>(threads);
    let (results, in_order) = sync_channel(threads);
    let (queue, work) = (Arc::new(Mutex::new(queue)), Arc::new(work));
    for _ in 0..threads {
        let (queue, work) = (Arc::clone(&queue), Arc::clone(&work));
        Builder::new().spawn(move || {
            while let Some((item, result)) = take(&queue) {
                // Nobody waits for it: the results were dropped.
                let _ = result.send(work(item));
            }
        })?;
    }
    let feeder = Builder::new().spawn(move || {
        for item in items {
            let (sender, receiver) = sync_channel(1);
            if results.send(receiver).is_err() || jobs.send((item, sender)).is_err() {
                break;
            }
        }
    })?;
    Ok(Box::new(Ordered { in_order, feeder: Some(feeder) }))
}

/// The next job; `None` when there will be no more.
fn take<J>(queue: &Mutex<Receiver<J>>) -> Option<J> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

struct Ordered<U> {
    in_order: Receiver<Receiver<U>>,
    feeder: Option<JoinHandle<()>>,
}

impl<U> Iterator for Ordered<U> {
    type Item = Result<U, Lost>;

    fn next(&mut self) -> Option<Result<U, Lost>> {
        match self.in_order.recv() {
            Ok(result) => Some(result.recv().map_err(|_| Lost)),
            // The end, or what looks like it: a thread that panicked must not be taken for the end of the input.
            Err(_) => self.feeder.take()?.join().is_err().then_some(Err(Lost)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_the_order() {
        for threads in [1, 2, 7] {
            let slow_first = |n: u64| {
                std::thread::sleep(std::time::Duration::from_micros(if n.is_multiple_of(5) { 500 } else { 0 }));
                n * 2
            };
            let results: Vec<u64> = ordered(threads, 0..500, slow_first).unwrap().map(Result::unwrap).collect();
            assert_eq!(results, (0..500).map(|n| n * 2).collect::<Vec<u64>>());
        }
    }

    #[test]
    fn dropped_results_stop_the_items() {
        let (taken, count) = std::sync::mpsc::channel();
        let items = (0..1_000_000_u64).inspect(move |n| taken.send(*n).unwrap());
        let first: Vec<u64> = ordered(2, items, |n| n).unwrap().take(3).map(Result::unwrap).collect();
        assert_eq!(first, [0, 1, 2]);
        assert!(count.iter().count() < 100);
    }

    #[test]
    fn a_panic_is_not_the_end() {
        let work = |n: u64| if n == 3 { panic!("three") } else { n };
        assert!(ordered(2, 0..10, work).unwrap().any(|result| result.is_err()));
        let items = (0..10_u64).inspect(|n| assert!(*n < 5));
        assert!(ordered(2, items, |n| n).unwrap().last().unwrap().is_err());
    }
}
