//! Times rivals in turns and prints how they compare. Absolute times mean little on a busy machine; rivals that take
//! turns in one run see the same machine.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// One way to do a piece of work.
pub(crate) struct Rival<'r> {
    name: &'r str,
    run: Box<dyn FnMut() + 'r>,
    best: Duration,
}

impl<'r> Rival<'r> {
    /// A rival that is timed by calling `run`.
    pub(crate) fn new<T>(name: &'r str, mut run: impl FnMut() -> T + 'r) -> Rival<'r> {
        let run = Box::new(move || {
            black_box(run());
        });
        Rival { name, run, best: Duration::MAX }
    }
}

/// Times the rivals in turns, and prints each one's best time and its ratio to the first, which is the baseline.
/// Gives the best times.
pub(crate) fn compare(title: &str, rivals: &mut [Rival<'_>]) -> Vec<Duration> {
    const ROUNDS: usize = 60;
    const LEAST: Duration = Duration::from_millis(2);
    // What takes long needs fewer rounds to be told from noise.
    const FEWEST: usize = 7;
    const LONGEST: Duration = Duration::from_secs(60);
    // So many calls a round that a round can be timed.
    let calls: Vec<u32> = rivals
        .iter_mut()
        .map(|rival| {
            let start = Instant::now();
            (rival.run)();
            let once = start.elapsed().max(Duration::from_nanos(20));
            u32::try_from(LEAST.as_nanos() / once.as_nanos()).unwrap_or(u32::MAX).max(1)
        })
        .collect();
    let begin = Instant::now();
    for round in 0..ROUNDS {
        if round >= FEWEST && begin.elapsed() > LONGEST {
            break;
        }
        for (rival, calls) in rivals.iter_mut().zip(&calls) {
            let start = Instant::now();
            (0..*calls).for_each(|_| (rival.run)());
            rival.best = rival.best.min(start.elapsed() / *calls);
        }
    }
    let times: Vec<Duration> = rivals.iter().map(|rival| rival.best).collect();
    println!("{title}");
    for (rival, time) in rivals.iter().zip(&times) {
        println!("    {:40} {time:>12.3?}  {:6.2} x", rival.name, time.div_duration_f64(times[0]));
    }
    times
}
