//! The compiled form: a list of tests, each with the place to go on at if it holds and if it does not. AND, OR and NOT are
//! nothing but jumps, so running it needs no stack and stops as soon as the answer is known.
//!
//! Nothing here knows how a document is represented: that is what [`Node`] is for.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::node::Node;
use super::probe::Probe;
use super::route::{Memo, Planner, Route, Shared};
use super::search::Literals;
use crate::path::Path;
use crate::predicate::{Join, Leaf, Predicate, Shape, Test};

/// A predicate, compiled.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    code: Code,
    /// What the steps of the code ask, each by its number.
    tests: Vec<(Route, Probe)>,
    shared: Shared,
}

impl Program {
    /// Compiles a predicate. Cost: linear in its leaves, and a sort of each group's members by cost.
    pub(crate) fn compile(predicate: &Predicate) -> Program {
        let mut probes = Vec::with_capacity(predicate.leaf_count());
        let mut paths = Vec::with_capacity(predicate.leaf_count());
        let code = Code::lay_out(predicate, true, |asked| {
            let (path, probe) = match asked {
                Asked::Leaf(leaf) => (leaf.path(), Probe::new(leaf.test())),
                Asked::Strings(path, literals) => (path, Probe::ContainsAny(literals)),
            };
            paths.push(path);
            probes.push(probe);
            paths.len() as u32 - 1
        });
        let (shared, routes) = match *paths {
            [path] => (Shared::default(), vec![Route::alone(path)]),
            _ => {
                let mut planner = Planner::new(paths.len());
                paths.into_iter().for_each(|path| planner.add(path));
                planner.finish()
            }
        };
        Program { code, tests: routes.into_iter().zip(probes).collect(), shared }
    }

    /// Whether the predicate holds for a document.
    pub(crate) fn run<N: Node>(&self, document: N) -> bool {
        let mut memo = Memo::new(document, &self.shared);
        self.code.run(|test| {
            let (route, probe) = &self.tests[test as usize];
            probe.holds(route.start(&self.shared, &mut memo))
        })
    }
}

/// Jump code over tests that are known by a number.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    steps: Vec<Step>,
    start: Target,
}

#[derive(Clone, Copy, Debug)]
struct Step {
    test: u32,
    if_true: Target,
    if_false: Target,
}

/// A step to go on at, or the verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Target(u32);

impl Target {
    const FALSE: Target = Target(u32::MAX - 1);
    const TRUE: Target = Target(u32::MAX);

    fn verdict(self) -> Option<bool> {
        (self.0 >= Target::FALSE.0).then_some(self == Target::TRUE)
    }
}

/// A positive test.
pub(crate) enum Asked<'p> {
    /// That of a leaf.
    Leaf(&'p Leaf),
    /// Whether some string at a path holds one of several.
    Strings(&'p Path, Arc<Literals>),
}

/// A member of a group, as it is laid out.
enum Member<'p> {
    Predicate(&'p Predicate),
    /// Leaves at one path that are one test, and whether they are negated.
    Strings {
        path: &'p Path,
        negated: bool,
        literals: Arc<Literals>,
    },
}

/// From so many strings at one path on, one automaton for all is faster than a search for each.
const STRINGS: usize = 3;

impl Code {
    /// Lays out a predicate. A member of an AND goes on to the next member if it holds, and to where the whole AND goes
    /// if it does not; OR dually; the last member goes where the whole goes. A negated leaf is its test with the two
    /// exchanged.
    ///
    /// `number` says by which number each test is known. Searches for several strings at one path become one test if
    /// `joins_strings`; without, every test is that of a leaf.
    pub(crate) fn lay_out<'p>(
        predicate: &'p Predicate,
        joins_strings: bool,
        mut number: impl FnMut(Asked<'p>) -> u32,
    ) -> Code {
        // Backwards, the last leaf first: a member goes on to where the one after it starts, which is known by then.
        // `start` is where what was laid out last starts.
        enum Place {
            /// It goes to these.
            To { if_true: Target, if_false: Target },
            /// It stands before what was laid out last, in a group that goes to these.
            Before { join: Join, if_true: Target, if_false: Target },
        }
        let mut steps: Vec<Step> = Vec::with_capacity(predicate.leaf_count());
        let mut start = Target::TRUE;
        let whole = Place::To { if_true: Target::TRUE, if_false: Target::FALSE };
        let mut work = vec![(Member::Predicate(predicate), whole)];
        while let Some((member, place)) = work.pop() {
            let (if_true, if_false) = match place {
                Place::To { if_true, if_false } => (if_true, if_false),
                Place::Before { join: Join::All, if_false, .. } => (start, if_false),
                Place::Before { join: Join::Any, if_true, .. } => (if_true, start),
            };
            let (asked, negated) = match member {
                Member::Strings { path, negated, literals } => (Asked::Strings(path, literals), negated),
                Member::Predicate(predicate) => match predicate.shape() {
                    Shape::Leaf(leaf) => (Asked::Leaf(leaf), leaf.is_negated()),
                    Shape::Group(join, members) => {
                        let mut members = arrange(join, members, joins_strings);
                        let Some(last) = members.pop() else {
                            start = if join == Join::All { if_true } else { if_false };
                            continue;
                        };
                        let before =
                            members.into_iter().map(|member| (member, Place::Before { join, if_true, if_false }));
                        work.extend(before);
                        work.push((last, Place::To { if_true, if_false }));
                        continue;
                    }
                },
            };
            start = Target(steps.len() as u32);
            let (if_true, if_false) = if negated { (if_false, if_true) } else { (if_true, if_false) };
            steps.push(Step { test: number(asked), if_true, if_false });
        }
        Code { steps, start }
    }

    /// The verdict, given the answer to each test that is asked for.
    #[inline]
    pub(crate) fn run(&self, mut test: impl FnMut(u32) -> bool) -> bool {
        let mut target = self.start;
        loop {
            if let Some(verdict) = target.verdict() {
                return verdict;
            }
            let step = self.steps[target.0 as usize];
            target = if test(step.test) { step.if_true } else { step.if_false };
        }
    }
}

/// The members of a group in the order in which they are asked: leaves before groups, the cheaper first. Any order has
/// the same answer, as a test is a function of the document.
fn arrange(join: Join, members: &[Predicate], joins_strings: bool) -> Vec<Member<'_>> {
    let mut strings = if joins_strings { joined_strings(join, members) } else { BTreeMap::new() };
    let negated = join == Join::All;
    let mut arranged: Vec<Member<'_>> = Vec::with_capacity(members.len());
    let is_apart = |member: &&Predicate| {
        searched(join, member).is_none_or(|(path, _, ignores_case)| !strings.contains_key(&(path, ignores_case)))
    };
    arranged.extend(members.iter().filter(is_apart).map(Member::Predicate));
    while let Some(((path, _), literals)) = strings.pop_first() {
        arranged.push(Member::Strings { path, negated, literals });
    }
    arranged.sort_by_key(|member| match member {
        Member::Predicate(predicate) => match predicate.as_leaf() {
            Some(leaf) => (0, Probe::cost(leaf)),
            None => (1, predicate.leaf_count() as u32),
        },
        Member::Strings { path, .. } => (0, Probe::cost_of_strings(path)),
    });
    arranged
}

/// The string that a member looks for and its path, if it can be looked for together with those of others: "some string
/// holds a, or some string holds b" is "some string holds a or b"; of an AND of negated leaves that is the complement.
fn searched(join: Join, member: &Predicate) -> Option<(&Path, &str, bool)> {
    let leaf = member.as_leaf().filter(|leaf| leaf.is_negated() == (join == Join::All))?;
    match leaf.test() {
        Test::Contains(needle) => Some((leaf.path(), needle.text(), needle.ignores_case())),
        _ => None,
    }
}

/// The automata of what is searched together, by path and letter case.
fn joined_strings(join: Join, members: &[Predicate]) -> BTreeMap<(&Path, bool), Arc<Literals>> {
    let all = || members.iter().filter_map(|member| searched(join, member));
    if all().nth(STRINGS - 1).is_none() {
        return BTreeMap::new();
    }
    let mut together: BTreeMap<(&Path, bool), Vec<&str>> = BTreeMap::new();
    for (path, text, ignores_case) in all() {
        together.entry((path, ignores_case)).or_default().push(text);
    }
    together.retain(|_, texts| texts.len() >= STRINGS);
    let automata = together.into_iter().map(|(key, texts)| Some((key, Arc::new(Literals::new(&texts, key.1)?))));
    automata.flatten().collect()
}
