//! Runs rivals in turns and prints how they compare. Absolute times mean little on a busy machine; rivals that take
//! turns in one run see the same machine.
//!
//! After `--`, `--instructions` counts instructions with callgrind instead of timing (`valgrind` must be there): that
//! figure is the same on a busy machine, and says nothing of caches. A text after it runs the comparisons that have it in
//! their titles.

use std::collections::VecDeque;
use std::hint::black_box;
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock};
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
    let (first, wanted) = match arguments[..] {
        [first @ (INSTRUCTIONS | COUNTED), ref wanted @ ..] => (Some(first), wanted),
        ref wanted => (None, wanted),
    };
    if !wanted.iter().all(|wanted| title.contains(wanted)) {
        return None;
    }
    let (costs, unit) = match first {
        Some(COUNTED) => {
            for rival in rivals {
                // What is made once in a process is made by then.
                (rival.run)();
                written_by_callgrind(rival);
            }
            return None;
        }
        Some(_) => (instructions(rivals.len(), wanted), "instructions"),
        None => (times(rivals), "ns"),
    };
    println!("{title}");
    for (rival, cost) in rivals.iter().zip(&costs) {
        println!("    {:40} {cost:>14.0} {unit}  {:6.2} x", rival.name, cost / costs[0]);
    }
    Some(costs)
}

/// Asks for instructions.
const INSTRUCTIONS: &str = "--instructions";

/// Tells a process that its instructions are counted.
const COUNTED: &str = "--counted";

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

/// The instructions that one call of each of the next rivals takes. The first time, this program runs once more under
/// callgrind, with all that is wanted; it writes a file for each call that is measured.
fn instructions(rivals: usize, wanted: &[&str]) -> Vec<f64> {
    static COUNTS: OnceLock<Mutex<VecDeque<f64>>> = OnceLock::new();
    let counts = COUNTS.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("calls");
        let mut callgrind = Command::new("valgrind");
        callgrind.args(["--quiet", "--tool=callgrind"]).arg(format!("--callgrind-out-file={}", file.display()));
        callgrind.args(["--toggle-collect=*counted_by_callgrind*", "--dump-after=*written_by_callgrind*"]);
        callgrind.arg(std::env::current_exe().expect("a path")).arg(COUNTED).args(wanted);
        let status = callgrind.stdout(Stdio::null()).status().expect("valgrind");
        assert!(status.success(), "{status}");
        let calls = (1..).map_while(|call| std::fs::read_to_string(file.with_extension(call.to_string())).ok());
        let count = |call: String| {
            let count = call.lines().find_map(|line| line.strip_prefix("totals: ")).expect("a count");
            count.trim().parse().expect("a number")
        };
        Mutex::new(calls.map(count).collect())
    });
    counts.lock().expect("one thread").drain(..rivals).collect()
}

/// Their names are what callgrind is told: it heeds one option for a function.
#[inline(never)]
fn written_by_callgrind(rival: &mut Rival<'_>) {
    counted_by_callgrind(rival);
    // Not the end of the function, or it would jump there instead of calling it.
    black_box(rival);
}

#[inline(never)]
fn counted_by_callgrind(rival: &mut Rival<'_>) {
    (rival.run)();
}
