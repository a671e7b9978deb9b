//! The compiled form: a list of tests, each with the place to go on at if it holds and if it does not. AND, OR and NOT are
//! nothing but jumps, so running it needs no stack and stops as soon as the answer is known.
//!
//! Nothing here knows how a document is represented: that is what [`Node`] is for.

use std::collections::BTreeMap;
use std::convert::Infallible;
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
    code: Code<Asking>,
    shared: Shared,
}

/// A test at a path.
#[derive(Clone, Debug)]
struct Asking {
    route: Route,
    probe: Probe,
    /// Whether the test before it is always one at the same path, which tells the node that it came to.
    again: bool,
}

impl Program {
    /// Compiles a predicate. Cost: linear in its leaves, and a sort of each group's members by cost.
    pub(crate) fn compile(predicate: &Predicate) -> Program {
        let mut code = Code::lay_out(predicate, joined_strings, |asked| {
            let (path, probe) = match asked {
                Asked::Leaf(leaf) => (leaf.path(), Probe::new(leaf.test())),
                Asked::Strings(path, literals) => (path, Probe::ContainsAny(literals)),
            };
            Asking { route: Route::new(path), probe, again: false }
        });
        let mut shared = Shared::default();
        if code.steps.len() > 1 {
            code.mark_again();
            let mut planner = Planner::new(code.steps.len());
            // Backwards, as they are laid out: what is asked first for a path comes first.
            code.steps.iter().rev().for_each(|step| planner.add(step.test.route.path(), step.test.again));
            let ways;
            (shared, ways) = planner.finish();
            code.steps.iter_mut().rev().zip(ways).for_each(|(step, way)| step.test.route.go(way));
        }
        Program { code, shared }
    }

    /// Whether the predicate holds for a document.
    #[inline(always)]
    pub(crate) fn run<N: Node>(&self, document: N) -> bool {
        match &self.code.steps[..] {
            // A test alone remembers nothing for others.
            [step] if self.code.start == Target(0) => {
                let holds = step.test.probe.holds_from(document, step.test.route.keys(), &mut None);
                let target = if holds { step.if_true } else { step.if_false };
                target == Target::TRUE
            }
            _ => self.run_several(document),
        }
    }

    #[inline(never)]
    fn run_several<N: Node>(&self, document: N) -> bool {
        let mut last = None;
        let mut memo = Memo::new(document);
        self.code.run(|asking| {
            let start = match last.take() {
                Some(node) if asking.again => Some((node, &[][..])),
                _ if asking.route.keeps() => asking.route.one_end(&self.shared, &mut memo).map(|node| (node, &[][..])),
                _ => asking.route.one_start(&self.shared, &mut memo),
            };
            match start {
                Some((node, keys)) => asking.probe.holds_from(node, keys, &mut last),
                None => asking.probe.holds(asking.route.start(&memo)),
            }
        })
    }
}

impl Code<Asking> {
    /// Marks the tests that are asked right after another at the same path, as both bounds of a range are: they go on from
    /// the node where that one found itself. Of three in a row, the third is not marked: a path that is asked for so
    /// often is worth keeping its nodes.
    fn mark_again(&mut self) {
        // How many ways lead to a step.
        let mut ways = vec![0_u8; self.steps.len()];
        for target in self.steps.iter().flat_map(|step| [step.if_true, step.if_false]).chain([self.start]) {
            if let Some(ways) = ways.get_mut(target.0 as usize) {
                *ways = ways.saturating_add(1);
            }
        }
        for at in (1..self.steps.len()).rev() {
            let [step, before] = &mut self.steps[at - 1..=at] else { continue };
            let here = Target(at as u32 - 1);
            let leads_here = (before.if_true == here) != (before.if_false == here);
            step.test.again = ways[at - 1] == 1
                && leads_here
                && !before.test.again
                && before.test.probe.tells_its_node()
                && step.test.route.is_same(&before.test.route);
        }
    }
}

/// Jump code over tests of some kind.
#[derive(Clone, Debug)]
pub(crate) struct Code<T> {
    steps: Vec<Step<T>>,
    start: Target,
}

#[derive(Clone, Debug)]
struct Step<T> {
    test: T,
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
enum Asked<'p, S> {
    /// That of a leaf.
    Leaf(&'p Leaf),
    /// Whether some string at a path holds one of several.
    Strings(&'p Path, S),
}

/// A member of a group, as it is laid out.
enum Member<'p, S> {
    Predicate(&'p Predicate),
    /// Leaves at one path that are one test, and whether they are negated.
    Strings {
        path: &'p Path,
        negated: bool,
        strings: S,
    },
}

/// Searches of a group that become one test, by path and letter case.
type Joined<'p, S> = BTreeMap<(&'p Path, bool), S>;

/// From so many strings at one path on, one automaton for all is faster than a search for each: where letter case counts,
/// and where it is ignored, which takes the automaton a step for each byte.
const fn least_strings(ignores_case: bool) -> usize {
    if ignores_case { 8 } else { 4 }
}

impl<T> Code<T> {
    /// Lays out a predicate. A member of an AND goes on to the next member if it holds, and to where the whole AND goes
    /// if it does not; OR dually; the last member goes where the whole goes. A negated leaf is its test with the two
    /// exchanged.
    ///
    /// `make` makes the test of a step. Searches that `joined` gives for a group become one test each.
    fn lay_out<'p, S>(
        predicate: &'p Predicate,
        joined: impl Fn(Join, &'p [Predicate]) -> Joined<'p, S>,
        mut make: impl FnMut(Asked<'p, S>) -> T,
    ) -> Code<T> {
        // Backwards, the last leaf first: a member goes on to where the one after it starts, which is known by then.
        // `start` is where what was laid out last starts.
        enum Place {
            /// It goes to these.
            To { if_true: Target, if_false: Target },
            /// It stands before what was laid out last, in a group that goes to these.
            Before { join: Join, if_true: Target, if_false: Target },
        }
        let mut steps: Vec<Step<T>> = Vec::with_capacity(predicate.leaf_count());
        let mut start = Target::TRUE;
        let whole = Place::To { if_true: Target::TRUE, if_false: Target::FALSE };
        let (mut next, mut work) = (Some((Member::Predicate(predicate), whole)), Vec::new());
        while let Some((member, place)) = next.take().or_else(|| work.pop()) {
            let (if_true, if_false) = match place {
                Place::To { if_true, if_false } => (if_true, if_false),
                Place::Before { join: Join::All, if_false, .. } => (start, if_false),
                Place::Before { join: Join::Any, if_true, .. } => (if_true, start),
            };
            let (asked, negated) = match member {
                Member::Strings { path, negated, strings } => (Asked::Strings(path, strings), negated),
                Member::Predicate(predicate) => match predicate.shape() {
                    Shape::Leaf(leaf) => (Asked::Leaf(leaf), leaf.is_negated()),
                    Shape::Group(join, members) => {
                        let mut members = arrange(join, members, joined(join, members));
                        let Some(last) = members.pop() else {
                            start = if join == Join::All { if_true } else { if_false };
                            continue;
                        };
                        if work.capacity() == 0 {
                            work.reserve(predicate.leaf_count().min(16));
                        }
                        let before =
                            members.into_iter().map(|member| (member, Place::Before { join, if_true, if_false }));
                        work.extend(before);
                        next = Some((last, Place::To { if_true, if_false }));
                        continue;
                    }
                },
            };
            start = Target(steps.len() as u32);
            let (if_true, if_false) = if negated { (if_false, if_true) } else { (if_true, if_false) };
            steps.push(Step { test: make(asked), if_true, if_false });
        }
        Code { steps, start }
    }

    /// The same where every test is that of a leaf.
    pub(crate) fn of_leaves<'p>(predicate: &'p Predicate, mut make: impl FnMut(&'p Leaf) -> T) -> Code<T> {
        let none = |_, _| Joined::<Infallible>::new();
        Code::lay_out(predicate, none, |asked| match asked {
            Asked::Leaf(leaf) => make(leaf),
            Asked::Strings(_, never) => match never {},
        })
    }

    /// The tests, one for each step.
    pub(crate) fn tests(&self) -> impl Iterator<Item = &T> {
        self.steps.iter().map(|step| &step.test)
    }

    /// The verdict, given the answer to each test that is asked for.
    #[inline(always)]
    pub(crate) fn run(&self, mut test: impl FnMut(&T) -> bool) -> bool {
        let mut target = self.start;
        loop {
            if let Some(verdict) = target.verdict() {
                return verdict;
            }
            let step = &self.steps[target.0 as usize];
            target = if test(&step.test) { step.if_true } else { step.if_false };
        }
    }
}

/// The members of a group in the order in which they are asked: leaves before groups, the cheaper first. Any order has
/// the same answer, as a test is a function of the document.
fn arrange<'p, S>(join: Join, members: &'p [Predicate], joined: Joined<'p, S>) -> Vec<Member<'p, S>> {
    let negated = join == Join::All;
    let mut arranged: Vec<Member<'_, S>> = Vec::with_capacity(members.len());
    let is_apart = |member: &&Predicate| {
        searched(join, member).is_none_or(|(path, _, ignores_case)| !joined.contains_key(&(path, ignores_case)))
    };
    arranged.extend(members.iter().filter(is_apart).map(Member::Predicate));
    arranged.extend(joined.into_iter().map(|((path, _), strings)| Member::Strings { path, negated, strings }));
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
        Test::Exists
        | Test::IsNull
        | Test::In(_)
        | Test::InInstants(_)
        | Test::Compare(..)
        | Test::StartsWith(_)
        | Test::EndsWith(_)
        | Test::Regex(_)
        | Test::Text(_) => None,
    }
}

/// The automata of what is searched together.
fn joined_strings(join: Join, members: &[Predicate]) -> Joined<'_, Arc<Literals>> {
    let all = || members.iter().filter_map(|member| searched(join, member));
    if all().nth(least_strings(false) - 1).is_none() {
        return BTreeMap::new();
    }
    let mut together: BTreeMap<(&Path, bool), Vec<&str>> = BTreeMap::new();
    for (path, text, ignores_case) in all() {
        together.entry((path, ignores_case)).or_default().push(text);
    }
    together.retain(|(_, ignores_case), texts| texts.len() >= least_strings(*ignores_case));
    let automata = together.into_iter().map(|(key, texts)| Some((key, Arc::new(Literals::new(&texts, key.1)?))));
    automata.flatten().collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde_json::value::RawValue;
    use serde_json::{Value as Json, json};

    use super::super::node::View;
    use super::*;
    use crate::reference::Reference;
    use crate::schema::Schema;

    /// Documents as JSON text, read as far as they are asked for.
    impl<'d> Node for &'d RawValue {
        type Elements = std::vec::IntoIter<&'d RawValue>;
        type Text = String;

        fn member(self, key: &str) -> Option<&'d RawValue> {
            serde_json::from_str::<HashMap<String, &RawValue>>(self.get()).ok()?.get(key).copied()
        }

        fn view(self) -> View<&'d RawValue> {
            if let Ok(elements) = serde_json::from_str::<Vec<&RawValue>>(self.get()) {
                return View::Array(elements.into_iter());
            }
            match serde_json::from_str(self.get()).unwrap() {
                Json::Null => View::Null,
                Json::Bool(bool) => View::Bool(bool),
                Json::Number(number) => View::Number(crate::Number::from_json(&number).unwrap()),
                Json::String(string) => View::String(string),
                Json::Array(_) | Json::Object(_) => View::Object,
            }
        }
    }

    fn documents() -> Vec<Json> {
        let values = [
            json!(null),
            json!(true),
            json!(5),
            json!(5.5),
            json!(""),
            json!("Kelvin \u{212A} over"),
            json!([]),
            json!([[]]),
            json!([null, "ab", 7]),
            json!({}),
            json!({"b": "ab"}),
            json!([{"b": 5}, {"b": ["x", "AB"]}]),
            json!([{"b": [{"c": 1}, {"c": "ab"}]}, {"b": {"c": [5, null]}}, [{"b": {"c": 9}}]]),
        ];
        let mut documents = vec![json!({})];
        for a in &values {
            documents.push(json!({"a": a}));
            documents.extend(values.iter().map(|x| json!({"a": a, "x": x})));
        }
        documents
    }

    fn filters() -> Vec<Json> {
        let mut conditions = Vec::new();
        for path in ["a", "a.b", "a.b.c", "x"] {
            for (operator, values) in [
                ("eq", vec![json!(5), json!("ab"), json!(null)]),
                ("in", vec![json!([5.0, "x", true]), json!([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])]),
                ("gt", vec![json!(5), json!("a")]),
                ("contains", vec![json!("b"), json!("k o")]),
                ("starts_with", vec![json!("K"), json!("")]),
                ("ends_with", vec![json!("B")]),
                ("regex", vec![json!("^a|o$")]),
                ("text", vec![json!("OVER kelvin"), json!("ab")]),
                ("exists", vec![json!(true)]),
                ("is_null", vec![json!(false)]),
            ] {
                for (at, value) in values.into_iter().enumerate() {
                    conditions.push(json!({"field": path, "operator": operator, "value": value}));
                    if at == 0 && matches!(operator, "eq" | "in" | "contains" | "starts_with" | "ends_with") {
                        conditions.push(
                            json!({"field": path, "operator": operator, "value": conditions.last().unwrap()["value"], "case_sensitive": false}),
                        );
                    }
                }
            }
        }
        let groups: Vec<Json> = conditions.windows(7).map(|some| {
            json!({"OR": [{"AND": [some[0], some[3]]}, {"NOT": [some[1], some[5]]}, {"AND": [some[2], {"NOT": [some[6]]}, some[4]]}]})
        }).collect();
        let searches =
            ["b", "k o", "AB", "over"].map(|text| json!({"field": "a", "operator": "contains", "value": text}));
        let any = json!({"OR": searches});
        let folded = json!({"case_sensitive": false, "OR": searches});
        let all = json!({"NOT": searches});
        conditions.into_iter().chain(groups).chain([any, folded, all]).collect()
    }

    #[test]
    fn one_program_runs_over_any_representation() {
        let documents = documents();
        let texts: Vec<Box<RawValue>> =
            documents.iter().map(|document| RawValue::from_string(document.to_string()).unwrap()).collect();
        for filter in filters() {
            let filter = crate::parse::value(&filter).unwrap();
            let program = Program::compile(&Schema::open().check(&filter).unwrap());
            let reference = Reference::new(&filter, &Schema::open()).unwrap();
            for (document, text) in documents.iter().zip(&texts) {
                let expected = reference.matches(document);
                assert_eq!(program.run(document), expected, "{filter} on {document}");
                assert_eq!(program.run(&**text), expected, "{filter} on the text {document}");
            }
        }
    }

    fn compiled(filter: Json) -> Program {
        Program::compile(&Schema::open().check(&crate::parse::value(&filter).unwrap()).unwrap())
    }

    thread_local! {
        /// How often a member of an object was asked for.
        static ASKED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
    }

    /// A document that counts how often it is asked for a member.
    #[derive(Clone, Copy)]
    struct Counted<'d>(&'d Json);

    impl<'d> Node for Counted<'d> {
        type Elements = std::iter::Map<std::slice::Iter<'d, Json>, fn(&'d Json) -> Counted<'d>>;
        type Text = &'d str;

        fn member(self, key: &str) -> Option<Counted<'d>> {
            if self.0.is_object() {
                ASKED.set(ASKED.get() + 1);
            }
            self.0.member(key).map(Counted)
        }

        fn view(self) -> View<Counted<'d>> {
            match self.0.view() {
                View::Null => View::Null,
                View::Bool(bool) => View::Bool(bool),
                View::Number(number) => View::Number(number),
                View::String(string) => View::String(string),
                View::Array(elements) => View::Array(elements.map(Counted as fn(&'d Json) -> Counted<'d>)),
                View::Object => View::Object,
            }
        }
    }

    /// The verdict, and how many members were asked for.
    fn asked(filter: Json, document: &Json) -> (bool, usize) {
        ASKED.set(0);
        let verdict = compiled(filter).run(Counted(document));
        (verdict, ASKED.get())
    }

    #[test]
    fn each_path_and_each_shared_beginning_is_resolved_once() {
        let document = json!({"a": {"b": {"c": 1, "d": 2}}, "x": 3, "l": [{"m": 1}, {"m": 2}]});
        let gt = |path: &str, value: i64| json!({"field": path, "operator": "gt", "value": value});
        let lt = |path: &str, value: i64| json!({"field": path, "operator": "lt", "value": value});
        // Both bounds of a range.
        assert_eq!(asked(json!({"AND": [gt("x", 0), lt("x", 9)]}), &document), (true, 1));
        // The same where the path leads to several nodes, to none, or through an array to one.
        let either = |path: &str| json!({"OR": [gt(path, 9), lt(path, 2)]});
        assert_eq!(asked(either("l.m"), &document), (true, 3));
        assert_eq!(asked(either("q.r"), &document), (false, 1));
        assert_eq!(asked(either("a.q"), &document), (false, 2));
        assert_eq!(asked(either("l.m"), &json!({"l": [{"m": 5}]})), (false, 2));
        // And from a beginning that is several nodes.
        let both = json!({"AND": [gt("l.m.n", 0), lt("l.m.n", 9), gt("l.m.o", 0), lt("l.m.o", 9)]});
        let deep = json!({"l": [{"m": {"n": 1, "o": 2}}, {"m": {"n": 3}}]});
        assert_eq!(asked(both, &deep), (true, 3 + 2 + 2));
        // `a`, `b`, `c` and `d`, each once.
        let apart = json!({"AND": [gt("a.b.c", 0), gt("a.b.d", 0), lt("a.b.c", 9), lt("a.b.d", 9)]});
        assert_eq!(asked(apart, &document), (true, 4));
        // The same where both bounds of each range stand together, and where the beginning is the one element of an array.
        let ranges = json!({"AND": [gt("a.b.c", 0), lt("a.b.c", 9), gt("a.b.d", 0), lt("a.b.d", 9)]});
        assert_eq!(asked(ranges.clone(), &document), (true, 4));
        assert_eq!(asked(ranges, &json!({"a": [document["a"]]})), (true, 4));
        // Ten conditions at one path, apart from one another.
        let many: Vec<Json> = (0..10).map(|n| json!({"OR": [gt("x", n), gt("a.b.c", 0)]})).collect();
        assert_eq!(asked(json!({"AND": many}), &document), (true, 4));
        // Through an array: `l`, and `m` of each element.
        let many: Vec<Json> = (0..5).map(|n| json!({"OR": [gt("l.m", 9), lt("l.m", 5 + n)]})).collect();
        assert_eq!(asked(json!({"AND": many}), &document), (true, 3));
        // Of a beginning that is missing nothing more is asked.
        assert_eq!(asked(json!({"OR": [gt("q.a", 0), gt("q.b", 0), gt("q.c", 0)]}), &document), (false, 1));
    }

    #[test]
    fn what_is_asked_again_at_once_is_marked() {
        let marks = |filter: Json| -> String {
            let program = compiled(filter);
            program.code.steps.iter().rev().map(|step| if step.test.again { '+' } else { '.' }).collect()
        };
        let x = |operator: &str| match operator {
            "exists" => json!({"field": "x", "operator": operator}),
            _ => json!({"field": "x", "operator": operator, "value": "v"}),
        };
        assert_eq!(marks(json!({"AND": [x("gt"), x("lt")]})), ".+");
        assert_eq!(marks(json!({"OR": [x("gt"), x("lt")]})), ".+");
        assert_eq!(marks(json!({"AND": [x("gt"), {"y": 1}]})), "..");
        // A test that does not tell its node.
        assert_eq!(marks(json!({"AND": [x("exists"), x("gt")]})), "..");
        // Of three in a row, the third finds what is kept.
        assert_eq!(marks(json!({"AND": [x("gt"), x("lt"), x("starts_with")]})), ".+.");
        // The last is reached from two places: from `y` or from `z`.
        let either = json!({"OR": [{"y": 1}, {"z": 1}]});
        let reached_twice = json!({"OR": [{"AND": [either, x("gt")]}, {"AND": [x("lt"), either]}]});
        assert!(!marks(reached_twice).contains('+'));
    }

    #[test]
    fn the_cheap_are_asked_first() {
        let contains = json!({"field": "a", "operator": "contains", "value": "b"});
        let regex = json!({"field": "a", "operator": "regex", "value": "b"});
        let program = compiled(json!({"AND": [{"NOT": {"AND": [{"z": 1}, {"y": 1}]}}, regex, contains, {"x": 1}]}));
        let order: Vec<&Probe> = program.code.steps.iter().rev().map(|step| &step.test.probe).collect();
        use Probe::{Contains, EqualNumber, Regex};
        assert!(
            matches!(order[..], [EqualNumber(_), Contains(_), Regex(_), EqualNumber(_), EqualNumber(_)]),
            "{order:?}"
        );
    }

    #[test]
    fn many_strings_at_one_path_are_one_search() {
        let searches = |count: usize, case_sensitive: bool| -> usize {
            let searches: Vec<Json> =
                (0..count).map(|n| json!({"field": "a", "operator": "contains", "value": format!("b{n}")})).collect();
            compiled(json!({"OR": searches, "case_sensitive": case_sensitive})).code.steps.len()
        };
        assert_eq!([3, 4, 100].map(|count| searches(count, true)), [3, 1, 1]);
        assert_eq!([7, 8, 100].map(|count| searches(count, false)), [7, 1, 1]);
    }

    #[test]
    fn a_document_with_too_many_nodes_is_matched_all_the_same() {
        let elements: Vec<Json> = (0..70_000).map(|n| json!({"b": {"c": n}})).collect();
        let document = json!({"a": elements});
        let at = |path: &str| json!({"field": path, "operator": "gte", "value": 69_999});
        let none = |path: &str| json!({"field": path, "operator": "exists", "value": false});
        let pairs = |path: &str| json!({"OR": [none(path), at(path)]});
        let program = compiled(json!({"AND": [pairs("a.b.c"), pairs("a.b.d"), pairs("a.b"), pairs("a.b.c")]}));
        assert!(!program.shared.is_empty());
        assert!(!program.run(&document)); // `a.b` is there, and no number
        assert!(compiled(json!({"AND": [pairs("a.b.c"), pairs("a.b.d"), at("a.b.c")]})).run(&document));
        let below = json!({"field": "a.b.c", "operator": "lt", "value": 0});
        assert!(compiled(json!({"OR": [below, at("a.b.c")]})).run(&document));
    }
}
