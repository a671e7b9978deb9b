//! Runs rivals in turns and prints how they compare. Absolute times mean little on a busy machine; rivals that take
//! turns in one run see the same machine.
//!
//! After `--`, `--instructions` counts instructions with callgrind instead of timing (`valgrind` must be there): that
//! figure is the same on a busy machine, and says nothing of caches. A text after it runs the comparisons that have it in
//! their titles.

use std::hint::black_box;
use std::process::Command;
use std::time::{Duration, Instant};

/// One way to do a piece of work.
pub(crate) struct Rival<'r> {
    name: &'r str,
    run: Box<dyn FnMut() + 'r>,
}

impl<'r> Rival<'r> {
    /// A rival that is measured by calling `run`.
    pub(crate) fn new<T>(name: &'r str, mut run: impl FnMut() -> T + 'r) -> Rival<'r> {
        let run = Box::new(move || {
            black_box(run());
        });
        Rival { name, run }
    }
}

/// Measures the rivals, and prints what each took and its ratio to the first, which is the baseline. Gives what they
/// took: the best time in nanoseconds, or the instructions; nothing where the arguments ask for others.
pub(crate) fn compare(title: &str, rivals: &mut [Rival<'_>]) -> Option<Vec<f64>> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (counts, wanted) = match arguments[..] {
        [ONE, wanted, name] => {
            let rival = rivals.iter_mut().find(|rival| wanted == title && name == rival.name)?;
            // What is made once in a process is made by then.
            (rival.run)();
            measured_by_callgrind(rival);
            std::process::exit(0);
        }
        ["--instructions", ref rest @ ..] => (true, rest),
        ref rest => (false, rest),
    };
    if !wanted.iter().all(|wanted| title.contains(wanted)) {
        return None;
    }
    let costs: Vec<f64> = match counts {
        true => rivals.iter().map(|rival| instructions(title, rival.name)).collect(),
        false => times(rivals),
    };
    let unit = if counts { "instructions" } else { "ns" };
    println!("{title}");
    for (rival, cost) in rivals.iter().zip(&costs) {
        println!("    {:40} {cost:>14.0} {unit}  {:6.2} x", rival.name, cost / costs[0]);
    }
    Some(costs)
}

/// Asks a process to run one rival of one comparison.
const ONE: &str = "--one";

/// The best time of each, in nanoseconds.
fn times(rivals: &mut [Rival<'_>]) -> Vec<f64> {
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
    let mut best = vec![f64::INFINITY; rivals.len()];
    let begin = Instant::now();
    for round in 0..ROUNDS {
        if round >= FEWEST && begin.elapsed() > LONGEST {
            break;
        }
        for ((rival, calls), best) in rivals.iter_mut().zip(&calls).zip(&mut best) {
            let start = Instant::now();
            (0..*calls).for_each(|_| (rival.run)());
            *best = best.min(start.elapsed().as_secs_f64() * 1e9 / f64::from(*calls));
        }
    }
    best
}

/// The instructions that one call of a rival takes, counted in a process of its own.
fn instructions(title: &str, rival: &str) -> f64 {
    let program = std::env::current_exe().expect("a path");
    let valgrind = ["--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=*measured_by_callgrind*"];
    let output = Command::new("valgrind").args(valgrind).arg(program).args([ONE, title, rival]).output();
    let output = output.expect("valgrind");
    let report = String::from_utf8_lossy(&output.stderr);
    let count = report.lines().find_map(|line| line.split_once("Collected : ")).expect("a count").1;
    count.trim().parse().expect("a number")
}

/// Its name is what callgrind is told.
#[inline(never)]
fn measured_by_callgrind(rival: &mut Rival<'_>) {
    (rival.run)();
}
