//! Runs rivals in turns and prints how they compare. Absolute times mean little on a busy machine; rivals that take
//! turns in one run see the same machine.
//!
//! After `--`, `--instructions` counts instructions with callgrind instead of timing (`valgrind` must be there): that
//! figure is nearly the same on a busy machine, and says nothing of caches. All rivals are counted in one process, so what
//! an allocator keeps of those before can change it by some hundredths. A text after it runs the comparisons that have it
//! in their titles.

use std::collections::HashMap;
use std::hint::black_box;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
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
/// took: the best time in nanoseconds, or the instructions; nothing where the arguments ask for others, or where this is
/// the process whose instructions are counted.
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
                println!("{}", counted(title, rival));
                // What is made once in a process is made by then.
                (rival.run)();
                written_by_callgrind(rival);
            }
            return None;
        }
        Some(_) => (rivals.iter().map(|rival| instructions(title, rival, wanted)).collect(), "instructions"),
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

/// The line of a rival before its call is counted.
fn counted(title: &str, rival: &Rival<'_>) -> String {
    format!("{COUNTED} {title}, {}", rival.name)
}

/// The instructions that one call of a rival takes. The first time, this program runs once more under callgrind, with all
/// that is wanted; it writes a file for each call that is measured.
fn instructions(title: &str, rival: &Rival<'_>, wanted: &[&str]) -> f64 {
    static COUNTS: OnceLock<HashMap<String, f64>> = OnceLock::new();
    let counts = COUNTS.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("calls");
        let mut callgrind = Command::new("valgrind");
        callgrind.args(["--quiet", "--tool=callgrind"]).arg(format!("--callgrind-out-file={}", file.display()));
        callgrind.args(["--toggle-collect=*counted_by_callgrind*", "--dump-after=*written_by_callgrind*"]);
        callgrind.arg(std::env::current_exe().expect("a path")).arg(COUNTED).args(wanted);
        let output = callgrind.stderr(Stdio::inherit()).output().expect("valgrind");
        assert!(output.status.success(), "{}", output.status);
        let output = String::from_utf8_lossy(&output.stdout);
        let rivals = output.lines().filter(|line| line.starts_with(COUNTED));
        let count = |(call, rival): (usize, &str)| {
            let call = std::fs::read_to_string(file.with_extension((call + 1).to_string())).expect("a count");
            let count = call.lines().find_map(|line| line.strip_prefix("totals: ")).expect("a count");
            (rival.to_owned(), count.trim().parse().expect("a number"))
        };
        rivals.enumerate().map(count).collect()
    });
    *counts.get(&counted(title, rival)).expect("what is compared does not change from run to run")
}

/// Two functions, as callgrind heeds only one of the options for each.
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
