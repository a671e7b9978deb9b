//! Hostile sizes, on a stack of 2 MiB: a clear error under the default limits, the right answer under raised ones, and
//! no more memory than forty times the input and 1 MiB.

use std::cell::Cell;
use std::fmt::Write as _;

use serde_json::{Value as Json, json};
use trommel::parse::Parser;
use trommel::reference::Reference;
use trommel::{Builder, Code, Error, Filter, Group, Limit, Limits, Matcher, Memory, Operator, Schema, lower};

use heap::peak_of;

const MILLION: usize = 1_000_000;
const MIB: usize = 1 << 20;

/// Counts the bytes that each thread has allocated.
pub(crate) mod heap {
    use super::Cell;
    use std::alloc::{GlobalAlloc, Layout, System};

    thread_local! {
        static NOW: Cell<isize> = const { Cell::new(0) };
        static PEAK: Cell<isize> = const { Cell::new(0) };
    }

    struct Counting;

    fn add(bytes: isize) {
        // A thread that is ending has no counters any more, and is not asked for them.
        let _ = NOW.try_with(|now| {
            now.set(now.get() + bytes);
            let _ = PEAK.try_with(|peak| peak.set(peak.get().max(now.get())));
        });
    }

    // `realloc` is the default one, which holds the old and the new block at once: the worst that a heap can do.
    #[expect(unsafe_code, reason = "a global allocator is unsafe to write; this one only counts and passes on")]
    // SAFETY: every call is passed on to the system's allocator unchanged.
    unsafe impl GlobalAlloc for Counting {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            add(layout.size() as isize);
            // SAFETY: the caller's promises are those that `System` asks for.
            unsafe { System.alloc(layout) }
        }

        unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
            add(-(layout.size() as isize));
            // SAFETY: as above.
            unsafe { System.dealloc(block, layout) }
        }
    }

    #[global_allocator]
    static COUNTING: Counting = Counting;

    /// What `run` gives, and how far this thread's heap grew at most while it ran.
    pub(crate) fn peak_of<T>(run: impl FnOnce() -> T) -> (T, usize) {
        let before = NOW.get();
        PEAK.set(before);
        let outcome = run();
        (outcome, (PEAK.get() - before).unsigned_abs())
    }
}

/// Runs a test on a stack of 2 MiB, whatever the harness gives.
pub(crate) fn on_small_stack(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(2 * MIB).spawn(test).expect("a thread");
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

fn raised() -> Limits {
    Limit::all().fold(Limits::default(), |limits, limit| limits.with(limit, usize::MAX))
}

fn nested(open: &str, inner: &str, close: &str, levels: usize) -> String {
    open.repeat(levels) + inner + &close.repeat(levels)
}

/// `before`, then `item(0)` to `item(count - 1)` with commas between, then `after`.
fn listed(before: &str, after: &str, count: usize, item: impl Fn(&mut String, usize)) -> String {
    let mut text = before.to_owned();
    for at in 0..count {
        if at > 0 {
            text.push(',');
        }
        item(&mut text, at);
    }
    text + after
}

fn ids(count: usize) -> String {
    listed(r#"{"field":"a","operator":"in","value":["#, "]}", count, |text, at| {
        let _ = write!(text, "\"id{at:07}\"");
    })
}

fn wide_or(count: usize) -> String {
    listed(r#"{"OR":["#, "]}", count, |text, at| {
        let _ = write!(text, r#"{{"field":"f{at}","value":{at}}}"#);
    })
}

/// The limit that an error names.
fn limit_of(error: &Error) -> &str {
    let found = error.diagnostics().iter().find(|found| found.code == Code::Limit);
    let message = found.map_or("", |found| found.message.as_str());
    message.split('`').nth(1).unwrap_or("none")
}

#[test]
fn the_default_limits_refuse_at_once() {
    on_small_stack(|| {
        for (text, limit) in [
            ("[".repeat(100 * MILLION), "input"),
            ("[".repeat(MILLION), "none"), // brackets are not groups: this is no JSON
            (nested(r#"{"AND":["#, "{}", "]}", MILLION), "depth"),
            (nested(r#"{"NOT":"#, "{}", "}", MILLION), "depth"),
            (nested(r#"{"a":"#, "1", "}", MILLION), "none"), // an object is no operand
            (listed(r#"{"OR":["#, "]}", MILLION, |text, _| text.push_str(r#"{"a":1}"#)), "conditions"),
            (listed("{", "}", MILLION, |text, at| text.push_str(&format!("\"a{at}\":1"))), "conditions"),
            (ids(MILLION + 1), "list_items"),
            (format!(r#"{{"a":"{}"}}"#, "x".repeat(20 * MILLION)), "input"),
            (format!(r#"{{"a":"{}"}}"#, "x".repeat(10 * MILLION)), "operand"),
            (format!(r#"{{"a":{}}}"#, "1".repeat(MILLION)), "operand"),
            (format!(r#"{{"{}":1}}"#, "x".repeat(MILLION)), "path"),
            (format!(r#"{{"{}a":1}}"#, "a.".repeat(500)), "path_keys"),
            (r#"{"field":"a","operator":"regex","value":"(\\w{99}){99}"}"#.to_owned(), "regex"),
            (format!(r#"{{"field":"a","operator":"regex","value":"{}"}}"#, r"\\pL".repeat(16_000)), "regex"),
        ] {
            let excerpt = &text[..text.len().min(40)];
            let (result, peak) = peak_of(|| Schema::open().parse_json(&Parser::new(), &text));
            let error = result.expect_err(excerpt);
            assert_eq!(limit_of(&error), limit, "{excerpt}: {error}");
            // What a regular expression takes while it is compiled is bounded by its own limit, not by its length.
            let most = if limit == "regex" { 64 * MIB } else { 40 * text.len() + MIB };
            assert!(peak <= most, "{excerpt}: {peak} bytes of heap");
            assert!(error.render(&text).len() < MIB, "{excerpt}");
        }
    });
}

/// A `Value` nested so deeply must be taken apart by hand.
fn deep_value(levels: usize, wrap: impl Fn(Json) -> Json) -> Json {
    (0..levels).fold(json!({}), |inner, _| wrap(inner))
}

fn take_apart(mut value: Json) {
    loop {
        let inner = match &mut value {
            Json::Array(elements) => elements.pop(),
            Json::Object(members) => members.values_mut().next().map(Json::take),
            _ => None,
        };
        match inner {
            Some(inner) => value = inner,
            None => return,
        }
    }
}

#[test]
fn values_builders_and_deserializers_hold_the_default_limits_too() {
    on_small_stack(|| {
        // Not by `json!`, which copies what it is given, by recursion.
        let deep = deep_value(MILLION, |inner| {
            Json::Object([("AND".to_owned(), Json::Array(vec![inner]))].into_iter().collect())
        });
        assert_eq!(limit_of(&trommel::parse::value(&deep).unwrap_err()), "depth");
        take_apart(deep);

        let brackets = deep_value(MILLION, |inner| Json::Array(vec![inner]));
        assert_eq!(trommel::parse::value(&brackets).unwrap_err().code(), Code::Syntax);
        take_apart(brackets);

        let wide = Json::Array((0..MILLION).map(|at| json!({"a": at})).collect());
        assert_eq!(limit_of(&trommel::parse::value(&json!({"OR": wide})).unwrap_err()), "conditions");
        let text = ids(MILLION + 1);
        let value: Json = serde_json::from_str(&text).unwrap();
        assert_eq!(limit_of(&trommel::parse::value(&value).unwrap_err()), "list_items");
        assert!(serde_json::from_str::<Filter>(&text).unwrap_err().to_string().contains("list_items"));
        assert!(serde_json::from_str::<Filter>(&nested(r#"{"NOT":"#, "{}", "}", MILLION)).is_err());
        let long = format!(r#"{{"a":"{}"}}"#, "x".repeat(20 * MILLION));
        assert!(serde_json::from_str::<Filter>(&long).unwrap_err().to_string().contains("limit"));

        let open = |builder: Builder, _| builder.open(Group::Not);
        assert_eq!(limit_of(&(0..MILLION).fold(Filter::builder(), open).finish().unwrap_err()), "depth");
        let add = |builder: Builder, _| builder.condition("a", Operator::Eq, 1);
        let wide = (0..MILLION).fold(Filter::builder().open(Group::Or), add);
        assert_eq!(limit_of(&wide.finish().unwrap_err()), "conditions");
        let many = Filter::condition("a", Operator::In, vec![1; MILLION + 1]);
        assert_eq!(limit_of(&many.unwrap_err()), "list_items");
        let long = Filter::condition("a", Operator::Eq, "x".repeat(20 * MILLION));
        assert_eq!(limit_of(&long.unwrap_err()), "operand");
    });
}

/// Takes a filter through every stage, and compares every answer with what is expected.
fn go_through(filter: &Filter, documents: &[(Json, bool)]) {
    let schema = Schema::open();
    let predicate = schema.check(filter).expect("a predicate");
    let lowered = lower(&Memory, &predicate).expect("infallible");
    assert!(lowered.is_exact());
    let matcher = Matcher::new(lowered.pushed().expect("exact"));
    let reference = Reference::new(filter, &schema).expect("a reference");
    for (document, expected) in documents {
        assert_eq!(reference.matches(document), *expected, "reference on {document}");
        assert_eq!(matcher.matches(document), *expected, "matcher on {document}");
    }
}

/// What comes after: printing, cloning, comparing and the canonical form, each within the bound.
fn print_and_compare(filter: &Filter, text: &str) {
    let bound = |what: &str, peak: usize| {
        assert!(peak <= 40 * text.len() + MIB, "{}: {} times the input to {what}", &text[..40], peak / text.len());
    };
    let parser = Parser::new().limits(raised());
    let (printed, peak) = peak_of(|| filter.to_string());
    bound("print", peak);
    let again = parser.json(printed).expect("what prints parses");
    let (equal, peak) = peak_of(|| again.clone() == *filter);
    bound("clone and compare", peak);
    assert!(equal, "{}", &text[..40]);
    let schema = Schema::open();
    let predicate = schema.check(filter).expect("a predicate");
    let (canonical, peak) = peak_of(|| predicate.to_filter().to_string());
    bound("make canonical", peak);
    let canonical = parser.json(canonical).expect("what prints parses");
    let again = schema.check(&canonical).expect("what is canonical is right");
    let (equal, peak) = peak_of(|| again == predicate);
    bound("compare by meaning", peak);
    assert!(equal, "{}", &text[..40]);
}

fn built(text: &str, members: impl Fn(Builder) -> Builder) -> Filter {
    let filter = members(Builder::new(&raised())).finish().expect("a filter");
    assert_eq!(filter.conditions().count(), Parser::new().limits(raised()).json(text).unwrap().conditions().count());
    filter
}

#[test]
fn raised_limits_give_the_right_answer() {
    on_small_stack(|| {
        let deep = 10_000;
        // AND and OR by turns, a condition beside each: nothing can be flattened away.
        let mut alternating = String::new();
        for level in 0..deep / 2 {
            let _ = write!(alternating, r#"{{"AND":[{{"x":1}},{{"OR":[{{"y":{level}}},"#);
        }
        let alternating = alternating + r#"{"z":3}"# + &"]}]}".repeat(deep / 2);
        let build_alternating = |builder: Builder| {
            let open = |builder: Builder, level: usize| {
                let and = builder.open(Group::And).condition("x", Operator::Eq, 1);
                and.open(Group::Or).condition("y", Operator::Eq, level as i64)
            };
            let inner = (0..deep / 2).fold(builder, open).condition("z", Operator::Eq, 3);
            (0..deep).fold(inner, |builder, _| builder.close())
        };
        let nots = nested(r#"{"NOT":["#, r#"{"z":3}"#, "]}", deep);
        let build_nots = |builder: Builder| {
            let inner = (0..deep).fold(builder, |builder, _| builder.open(Group::Not)).condition("z", Operator::Eq, 3);
            (0..deep).fold(inner, |builder, _| builder.close())
        };
        let build_wide = |builder: Builder| {
            let add = |builder: Builder, at: usize| builder.condition(&format!("f{at}"), Operator::Eq, at as i64);
            (0..MILLION).fold(builder.open(Group::Or), add).close()
        };
        let build_ids = |builder: Builder| {
            let ids: Vec<String> = (0..MILLION).map(|at| format!("id{at:07}")).collect();
            builder.condition("a", Operator::In, ids)
        };
        let long = "x".repeat(20 * MILLION);
        let string = format!(r#"{{"field":"a","value":"{long}"}}"#);
        let build_string = |builder: Builder| builder.condition("a", Operator::Eq, long.as_str());
        let long_document = json!({"a": [long]});

        type Build<'b> = &'b dyn Fn(Builder) -> Builder;
        type Case<'c> = (&'c str, Build<'c>, &'c [(Json, bool)]);
        let cases: [Case<'_>; 5] = [
            (
                &alternating,
                &build_alternating,
                &[
                    (json!({"x": 1, "z": 3}), true),
                    (json!({"x": 1, "y": [0]}), true),
                    (json!({"x": 1, "y": 4999}), true),
                    (json!({"x": 1, "y": 5000}), false),
                    (json!({"x": 2, "z": 3}), false),
                ],
            ),
            (&nots, &build_nots, &[(json!({"z": 3}), true), (json!({}), false)]),
            (
                &wide_or(MILLION),
                &build_wide,
                &[(json!({"f999999": 999_999}), true), (json!({"f0": 0}), true), (json!({"f7": 8}), false)],
            ),
            (
                &ids(MILLION),
                &build_ids,
                &[(json!({"a": ["no", "id0999999"]}), true), (json!({"a": "id1000000"}), false)],
            ),
            (&string, &build_string, &[(long_document, true), (json!({"a": "x"}), false)]),
        ];
        for (text, build, documents) in cases {
            let parser = Parser::new().limits(raised());
            let (filter, peak) = peak_of(|| {
                let filter = parser.json(text).expect("a filter");
                go_through(&filter, documents);
                filter
            });
            assert!(peak <= 40 * text.len() + MIB, "{}: {} times the input", &text[..40], peak / text.len());
            print_and_compare(&filter, text);
            assert!(parser.json(text.as_bytes()).expect("bytes") == filter);
            let ((), peak) = peak_of(|| go_through(&built(text, build), documents));
            assert!(peak <= 40 * text.len() + MIB, "{}: {} times the input to build", &text[..40], peak / text.len());
        }
    });
}

/// An explanation holds a JSON Pointer for each leaf, and so takes leaves times depth: here a hundredth of what the
/// deepest case above would take.
#[test]
fn deep_predicates_are_explained() {
    on_small_stack(|| {
        let levels = 1_000;
        let text = nested(r#"{"AND":[{"x":1},{"OR":[{"y":2},"#, r#"{"z":3}"#, "]}]}", levels);
        let filter = Parser::new().limits(raised()).json(&text).expect("a filter");
        let lowered = lower(&Memory, &Schema::open().check(&filter).expect("a predicate")).expect("infallible");
        let explained = lowered.explain();
        // Equal conditions on different levels are no duplicates: they stand in different groups.
        assert_eq!(explained.leaves.len(), 2 * levels + 1);
        assert_eq!(explained.to_string().lines().count(), 4 * levels + 1);
        assert!(serde_json::to_string(&explained).expect("JSON").len() > text.len());
    });
}

#[test]
fn any_depth_of_brackets_is_read_under_raised_limits() {
    on_small_stack(|| {
        let parser = Parser::new().limits(raised());
        for text in ["[".repeat(100 * MILLION), nested(r#"{"a":["#, "1", "]}", MILLION)] {
            let (result, peak) = peak_of(|| parser.json(&text));
            assert!(result.is_err());
            assert!(peak <= 40 * text.len() + MIB);
        }
        for (open, inner, close) in [(r#"{"AND":["#, r#"{"a":1}"#, "]}"), (r#"{"NOT":"#, r#"{"a":1}"#, "}")] {
            let text = nested(open, inner, close, MILLION);
            let ((), peak) = peak_of(|| {
                go_through(&parser.json(&text).expect("a filter"), &[(json!({"a": 1}), true), (json!({}), false)]);
            });
            assert!(peak <= 40 * text.len() + MIB);
        }
    });
}

#[test]
fn a_hundred_thousand_ids_pass_the_default_limits() {
    on_small_stack(|| {
        let body = listed(r#"{"object_ids":["#, "]}", 100_000, |text, at| {
            let _ = write!(text, "\"obj_{at:08x}\"");
        });
        let request = trommel::plan::TriggerRequest::from_json(&body).expect("a request");
        let filter = request.filter().expect("within the limits").expect("a filter");
        let documents = [
            (json!({"object_id": "obj_0001869f"}), true),
            (json!({"object_id": "obj_000186a0"}), false),
            (json!({}), false),
        ];
        go_through(&filter, &documents);
    });
}

#[test]
fn documents_of_any_depth_are_read_matched_and_dropped() {
    on_small_stack(|| {
        for (open, close) in [("[", "]"), (r#"{"a":"#, "}"), (r#"[{"a":"#, "}]")] {
            let text = format!(r#"{{"a":{},"z":3}}"#, nested(open, "1", close, MILLION));
            let document = trommel::Document::read(text.as_bytes()).expect("a document");
            let filter = trommel::parse::json(r#"{"z": 3, "a.a.a": 1}"#).unwrap();
            let matcher = Matcher::new(&Schema::open().check(&filter).unwrap());
            assert!(!matcher.matches(&document));
            // Broken off at the end: what was read is dropped all the same.
            assert!(trommel::Document::read(&text.as_bytes()[..text.len() - 1]).is_err());
        }
        // A path as long as it likes, through an array at every step.
        let keys = 100_000;
        let path = vec!["a"; keys].join(".");
        let text = nested(r#"{"a":["#, r#"{"a":[7]}"#, "]}", keys - 1);
        let document = trommel::Document::read(text.as_bytes()).expect("a document");
        let filter = Filter::condition("z", Operator::Exists, false).unwrap();
        let deep = Parser::new().limits(raised()).json(format!(r#"{{"{path}":7}}"#)).expect("a filter");
        for filter in [filter, deep] {
            assert!(Matcher::new(&Schema::open().check(&filter).unwrap()).matches(&document));
            assert!(Reference::new(&filter, &Schema::open()).unwrap().matches(&document));
        }
    });
}

#[test]
fn a_key_whose_value_is_wrong_is_still_a_key() {
    // So many that the keys are looked up in a set, and more that never come into the tree.
    let text = listed("{", "}", 300, |text, at| {
        let value = if at < 12 { "1" } else { "[]" };
        let _ = write!(text, "\"k{}\":{value}", at % 200);
    });
    let limits = Limits::default().with(Limit::Errors, 1_000);
    let error = Parser::new().limits(limits).json(&text).expect_err("mistakes");
    let count = |code| error.diagnostics().iter().filter(|found| found.code == code).count();
    assert_eq!((count(Code::OperandType), count(Code::DuplicateKey)), (188, 100));
    let error = trommel::parse::json(r#"{"a":[],"a":null,"a":{"b":1}}"#).expect_err("mistakes");
    let codes: Vec<Code> = error.diagnostics().iter().map(|found| found.code).collect();
    assert_eq!(codes, [Code::OperandType, Code::DuplicateKey, Code::DuplicateKey]);
}

#[test]
fn equal_regular_expressions_are_compiled_once_and_shared() {
    // Ten thousand of them, two kinds on paths of their own: compiled each, they would pass the limit a hundred times.
    let text = listed(r#"{"AND":["#, "]}", 10_000, |text, at| {
        let field = format!("k{at}");
        let case = at % 2 == 0;
        let condition = json!({"field": field, "operator": "regex", "value": r"ab\d+", "case_sensitive": case});
        text.push_str(&condition.to_string());
    });
    let filter = Parser::new().json(&text).expect("a filter");
    let (predicate, peak) = peak_of(|| Schema::open().check(&filter).expect("within the limit"));
    assert_eq!(predicate.leaf_count(), 10_000);
    assert!(peak < 32 * MIB, "{peak} bytes");
}

#[test]
fn regular_expressions_cost_no_more_than_their_limit_is_worth() {
    on_small_stack(|| {
        let condition = |pattern: &str| json!({"field": "a", "operator": "regex", "value": pattern}).to_string();
        let each = |count: usize, pattern: &dyn Fn(usize) -> String| {
            listed(r#"{"AND":["#, "]}", count, |text, at| text.push_str(&condition(&pattern(at))))
        };
        for text in [
            // Folding a wide range is slow: it is counted before it is done.
            condition(&format!("(?i){}", r"[\x{80}-\x{10fffe}]".repeat(3_000))),
            condition(&r"\pL".repeat(1_500)),
            // After the first that is too big, none is tried.
            each(10_000, &|at| format!("(a{{1000}}){{1000}}{at}")),
            each(10_000, &|at| format!(r"(\pL{{90}}){{90}}{at}")),
            // Small ones add up.
            each(10_000, &|at| format!("ab{at}")),
        ] {
            let (result, peak) = peak_of(|| Schema::open().parse_json(&Parser::new(), &text));
            assert_eq!(limit_of(&result.expect_err("too much")), "regex");
            assert!(peak < 32 * MIB, "{peak} bytes for {}", &text[..60]);
        }
    });
}

#[test]
fn work_is_linear_where_a_careless_reading_is_not() {
    on_small_stack(|| {
        // A needle of many letters that almost occurs everywhere.
        let needle = format!("{}B", "A".repeat(60_000));
        let filter = json!({"field": "a", "operator": "contains", "value": needle, "case_sensitive": false});
        let filter = trommel::parse::value(&filter).expect("a filter");
        go_through(
            &filter,
            &[(json!({"a": "a".repeat(2 * MILLION)}), false), (json!({"a": format!("aa{needle}")}), true)],
        );

        // OR in OR around a large set: one set, made once.
        let numbers = listed(r#"{"field":"x","operator":"in","value":["#, "]}", 500_000, |text, at| {
            let _ = write!(text, "{at}");
        });
        let nested = (0..127).fold(numbers, |inner, level| format!(r#"{{"OR":[{inner},{{"x":-{}}}]}}"#, level + 1));
        let filter = trommel::parse::json(&nested).expect("a filter");
        assert_eq!(Schema::open().check(&filter).expect("a predicate").leaf_count(), 1);
        go_through(&filter, &[(json!({"x": -127}), true), (json!({"x": 499_999}), true), (json!({"x": -128}), false)]);

        // Many unknown fields in a large closed schema: near names are worked out for those that are reported.
        let fields = (0..1_000).map(|at| trommel::Field::new(format!("field_{at}"), trommel::Type::Any));
        let schema = Schema::new(fields).expect("a schema").closed();
        let text = listed(r#"{"AND":["#, "]}", 10_000, |text, at| {
            let _ = write!(text, r#"{{"feild_{at}":1}}"#);
        });
        let error = schema.check(&trommel::parse::json(text).expect("a filter")).expect_err("unknown fields");
        assert_eq!((error.diagnostics().len(), error.omitted()), (50, 9_950));
        assert_eq!(error.diagnostics()[7].expected[0], "field_7");
    });
}
