//! The laws, as formulas over generated filters and documents.
//!
//! ```text
//! d ⊨ f            the answer of the reference for filter f and document d
//! f ≡ g            f and g have one fingerprint
//! agreement        matcher(check(f))(d)  =  d ⊨ f
//! complement       d ⊨ NOT [f]  =  d ⊨ NOT f  =  ¬(d ⊨ f)            NOT [NOT [f]] ≡ f
//! idempotence      AND [f, f] ≡ f ≡ OR [f, f]
//! commutativity    AND [f, g] ≡ AND [g, f]                           OR likewise
//! De Morgan        d ⊨ NOT [AND [f, g]] = d ⊨ OR [NOT [f], NOT [g]]  NOT [f, g] ≡ AND [NOT [f], NOT [g]]
//! canonical form   check(to_filter(check(f))) ≡ f, and its JSON is the same; under every root
//! one fingerprint  f ≡ respell(f), for each respelling that R3 lists
//! no collision     d ⊨ f ≠ d ⊨ g  implies  f ≢ g
//! round trip       parse(print(f)) = f
//! one reader       parse(&str) = parse(&[u8]) = parse(Value) = Deserialize, filters and mistakes alike
//! binding          bind(template, values) = filter
//! why              why(f, d) = d ⊨ f, of each node from its members; what is marked decided
//! ```
//!
//! `TROMMEL_CASES` is the number of pairs of each loop, `TROMMEL_SEED` another seed; `scripts/laws` runs a million.

pub(crate) mod respell;
pub(crate) mod why;

use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};

use proptest::prelude::any;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::Value as Json;
use trommel::parse::Parser;
use trommel::reference::Reference;
use trommel::strategies::{
    Bindable, Meeting, bindable, deep_document, deep_filter, document, filter, gathering, meeting, schema_gathering,
};
use trommel::{Code, Error, Filter, Matcher, Predicate, Schema, Verdict, parse};

use respell::{Rng, any_operator, respell, tweak};

pub(crate) type Law = Result<usize, String>;

/// The pairs of a filter and a document that a loop is to judge.
fn pairs() -> usize {
    std::env::var("TROMMEL_CASES").map_or(10_000, |cases| cases.replace('_', "").parse().unwrap())
}

fn seed() -> u64 {
    std::env::var("TROMMEL_SEED").map_or(0, |seed| seed.parse().unwrap())
}

/// Judges what a strategy gives until so many pairs are judged. What breaks the law is shrunk before it is shown.
pub(crate) fn hold<T: Debug>(name: &str, strategy: impl Strategy<Value = T>, law: impl Fn(&T) -> Law) {
    let judge = |value: &T| match catch_unwind(AssertUnwindSafe(|| law(value))) {
        Ok(verdict) => verdict,
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            Err(panic.downcast_ref::<String>().cloned().or(text).unwrap_or_else(|| "a panic".to_owned()))
        }
    };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed().to_le_bytes());
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let (mut judged, mut filters) = (0, 0);
    while judged < pairs() {
        let mut tree = strategy.new_tree(&mut runner).unwrap();
        filters += 1;
        match judge(&tree.current()) {
            Ok(pairs) => judged += pairs,
            Err(mut why) => {
                let mut smallest = tree.current();
                let mut steps = 0;
                let mut can_go_on = tree.simplify();
                while can_go_on && steps < 20_000 {
                    steps += 1;
                    let current = tree.current();
                    can_go_on = match judge(&current) {
                        Ok(_) => tree.complicate(),
                        Err(now) => {
                            (why, smallest) = (now, current);
                            tree.simplify()
                        }
                    };
                }
                panic!("{name}, filter {filters}: {why}\n{smallest:?}");
            }
        }
    }
    println!("{name}: {judged} pairs, {filters} filters");
}

macro_rules! ensure {
    ($holds:expr, $($why:tt)+) => {
        if !$holds {
            return Err(format!($($why)+));
        }
    };
}
pub(crate) use ensure;

/// A filter in all the forms that it takes on the way to an answer.
struct Compiled {
    text: String,
    filter: Filter,
    predicate: Predicate,
    fingerprint: String,
    answers: Vec<bool>,
}

/// Compiles a filter and answers it, the matcher held against the reference: the law of agreement.
fn compile(text: &str, schema: &Schema, documents: &[Json]) -> Result<Compiled, String> {
    compile_filter(parse::json(text).map_err(|error| format!("{text}: {error}"))?, text, schema, documents)
}

fn compile_filter(filter: Filter, text: &str, schema: &Schema, documents: &[Json]) -> Result<Compiled, String> {
    let bad = |error: Error| format!("{text}: {error}");
    let predicate = schema.check(&filter).map_err(bad)?;
    let reference = Reference::new(&filter, schema).map_err(bad)?;
    let matcher = Matcher::new(&predicate);
    let answers: Vec<bool> = documents.iter().map(|document| reference.matches(document)).collect();
    for (document, answer) in documents.iter().zip(&answers) {
        ensure!(matcher.matches(document) == *answer, "agreement: {text}\n{predicate}\non {document}: {answer}");
    }
    match predicate.verdict() {
        Verdict::Always => ensure!(answers.iter().all(|answer| *answer), "not always: {text}"),
        Verdict::Never => ensure!(answers.iter().all(|answer| !*answer), "not never: {text}"),
        Verdict::Sometimes => {}
    }
    let fingerprint = predicate.fingerprint();
    Ok(Compiled { text: text.to_owned(), filter, predicate, fingerprint, answers })
}

/// `f ≡ g`, and so the same answers.
fn same(law: &str, a: &Compiled, b: &Compiled) -> Result<(), String> {
    ensure!(a.answers == b.answers, "{law}: other answers\n{}\n{}", a.text, b.text);
    let fingerprints = a.fingerprint == b.fingerprint;
    let (a_canonical, b_canonical) = (&a.predicate, &b.predicate);
    ensure!(fingerprints, "{law}: other fingerprints\n{}\n{}\n{a_canonical}\n{b_canonical}", a.text, b.text);
    ensure!(a.predicate == b.predicate, "{law}: one fingerprint, but not equal\n{}\n{}", a.text, b.text);
    Ok(())
}

/// Where the answers differ, so do the fingerprints.
fn apart(a: &Compiled, b: &Compiled) -> Result<(), String> {
    let differ = a.answers != b.answers;
    ensure!(!differ || a.fingerprint != b.fingerprint, "collision\n{}\n{}", a.text, b.text);
    ensure!((a.predicate == b.predicate) == (a.fingerprint == b.fingerprint), "equality\n{}\n{}", a.text, b.text);
    Ok(())
}

fn complement_of(answers: &[bool]) -> Vec<bool> {
    answers.iter().map(|answer| !answer).collect()
}

/// The laws of one filter, under any schema.
fn laws_of_one(meeting: &Meeting, rng: &mut Rng) -> Law {
    let Meeting { schema, filter: f, documents, .. } = meeting;
    let compile = |text: &str| compile(text, schema, documents);
    let plain = compile(f)?;

    let not = compile(&format!(r#"{{"NOT": [{f}]}}"#))?;
    ensure!(not.answers == complement_of(&plain.answers), "complement: {}", not.text);
    apart(&plain, &not)?;
    same("NOT of an object", &compile(&format!(r#"{{"NOT": {f}}}"#))?, &not)?;
    same("double NOT", &compile(&format!(r#"{{"NOT": [{{"NOT": [{f}]}}]}}"#))?, &plain)?;
    same("AND idempotence", &compile(&format!(r#"{{"AND": [{f}, {f}]}}"#))?, &plain)?;
    same("OR idempotence", &compile(&format!(r#"{{"OR": [{f}, {f}]}}"#))?, &plain)?;

    canonical_form(&plain, schema, documents)?;
    round_trip(&plain.filter, f)?;

    // A filter that says almost the same.
    let json: Json = serde_json::from_str(f).map_err(|error| error.to_string())?;
    let almost = tweak(&json, rng, false).to_string();
    if let Ok(filter) = parse::json(&almost)
        && schema.check(&filter).is_ok()
    {
        apart(&plain, &compile_filter(filter, &almost, schema, documents)?)?;
    }
    Ok(documents.len())
}

fn canonical_form(plain: &Compiled, schema: &Schema, documents: &[Json]) -> Result<(), String> {
    let canonical = plain.predicate.to_filter();
    let text = canonical.to_string();
    // `eq` may have become `in` or `ne`, which the schema need not allow. It reads the same under every root.
    let schema = &any_operator(schema);
    for ignore_case in [false, true] {
        let again = Parser::new().ignore_case(ignore_case).json(&text).map_err(|error| format!("{text}: {error}"))?;
        let again = compile_filter(again, &text, schema, documents)?;
        same("canonical form", &again, plain)?;
        let json = again.predicate.to_filter().to_string();
        ensure!(json == text, "the canonical form of the canonical form\n{text}\n{json}");
    }
    Ok(())
}

fn round_trip(filter: &Filter, text: &str) -> Result<(), String> {
    for printed in [filter.to_string(), format!("{filter:#}"), serde_json::to_string(filter).unwrap()] {
        let again = parse::json(&printed).map_err(|error| format!("{printed}: {error}"))?;
        ensure!(again == *filter, "round trip\n{text}\n{printed}");
        ensure!(again.to_string() == filter.to_string(), "printing twice\n{text}\n{printed}");
    }
    Ok(())
}

#[test]
fn laws_of_one_filter() {
    hold("one filter", (gathering(), any::<u64>()), |(meeting, seed)| laws_of_one(meeting, &mut Rng::new(*seed)));
}

#[test]
fn laws_of_one_filter_with_a_schema() {
    hold("one filter, schema", (schema_gathering(), any::<u64>()), |(meeting, seed)| {
        laws_of_one(meeting, &mut Rng::new(*seed))
    });
}

#[test]
fn why_says_what_holds_and_what_decided() {
    let law = |meeting: &Meeting| {
        let filter = parse::json(&meeting.filter).map_err(|error| error.to_string())?;
        let reference = Reference::new(&filter, &meeting.schema).map_err(|error| error.to_string())?;
        for document in &meeting.documents {
            why::is_consistent(&reference.why(document), document, reference.matches(document));
        }
        Ok(meeting.documents.len())
    };
    hold("why", meeting(), law);
    hold("why, gathered", schema_gathering(), law);
}

#[test]
fn laws_of_two_filters() {
    hold("two filters", (gathering(), gathering()), |(one, other)| {
        let documents: Vec<Json> = one.documents.iter().chain(&other.documents).cloned().collect();
        let schema = Schema::open();
        let compile = |text: &str| compile(text, &schema, &documents);
        let (f, g) = (&one.filter, &other.filter);
        let (cf, cg) = (compile(f)?, compile(g)?);
        apart(&cf, &cg)?;
        for (group, join) in [("AND", (|a, b| a && b) as fn(bool, bool) -> bool), ("OR", |a, b| a || b)] {
            let both = compile(&format!(r#"{{"{group}": [{f}, {g}]}}"#))?;
            let joined: Vec<bool> = cf.answers.iter().zip(&cg.answers).map(|(a, b)| join(*a, *b)).collect();
            ensure!(both.answers == joined, "{group}: {}", both.text);
            same("commutativity", &compile(&format!(r#"{{"{group}": [{g}, {f}]}}"#))?, &both)?;
            same("nesting", &compile(&format!(r#"{{"{group}": [{f}, {{"{group}": [{g}, {f}]}}]}}"#))?, &both)?;
            let dual = if group == "AND" { "OR" } else { "AND" };
            let not = compile(&format!(r#"{{"NOT": [{}]}}"#, both.text))?;
            let of_nots = compile(&format!(r#"{{"{dual}": [{{"NOT": [{f}]}}, {{"NOT": [{g}]}}]}}"#))?;
            ensure!(not.answers == of_nots.answers, "De Morgan: {}", not.text);
        }
        let none = compile(&format!(r#"{{"NOT": [{f}, {g}]}}"#))?;
        same("NOT of a list", &none, &compile(&format!(r#"{{"AND": [{{"NOT": [{f}]}}, {{"NOT": [{g}]}}]}}"#))?)?;
        let absorbed = compile(&format!(r#"{{"AND": [{f}, {{"OR": [{f}, {g}]}}]}}"#))?;
        ensure!(absorbed.answers == cf.answers, "absorption: {}", absorbed.text);
        Ok(documents.len())
    });
}

#[test]
fn respelled_filters_have_one_fingerprint() {
    let law = |meeting: &Meeting, seed: u64, schema: &Schema| {
        let Meeting { filter, documents, .. } = meeting;
        let plain = compile(filter, schema, documents)?;
        let json: Json = serde_json::from_str(filter).map_err(|error| error.to_string())?;
        let mut rng = Rng::new(seed);
        for ignore_case in [false, true] {
            let respelled = respell(&json, ignore_case, &mut rng).to_string();
            let parsed = Parser::new().ignore_case(ignore_case).json(&respelled);
            let parsed = parsed.map_err(|error| format!("{respelled}: {error}"))?;
            same("respelling", &compile_filter(parsed, &respelled, schema, documents)?, &plain)?;
        }
        Ok(documents.len())
    };
    hold("respelled", (gathering(), any::<u64>()), |(meeting, seed)| law(meeting, *seed, &Schema::open()));
    hold("respelled, datetime fields", (schema_gathering(), any::<u64>()), |(meeting, seed)| {
        law(meeting, *seed, &any_operator(&meeting.schema))
    });
}

#[derive(serde::Deserialize)]
struct Request {
    filter: Filter,
}

/// The mistakes of a reader that keeps no spans, in an order that does not depend on the reader.
fn mistakes(error: &Error) -> Vec<(Code, Option<String>, String)> {
    let found = error.diagnostics().iter();
    let mut mistakes: Vec<_> =
        found.map(|found| (found.code, found.place.pointer.clone(), found.message.clone())).collect();
    mistakes.sort_by_key(|(code, pointer, message)| (code.as_str(), pointer.clone(), message.clone()));
    mistakes
}

/// Every reader gives the same filter or the same mistakes.
fn one_reader(text: &str) -> Result<bool, String> {
    let value: Json = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let request = format!(r#"{{"filter": {text}}}"#);
    let by_str = parse::json(text);
    let by_bytes = parse::json(text.as_bytes());
    let by_value = parse::value(&value);
    let by_serde: Result<Filter, serde_json::Error> = serde_json::from_str(text);
    let in_request: Result<Request, serde_json::Error> = serde_json::from_str(&request);
    ensure!(by_str == by_bytes, "bytes: {text}");
    match (by_str, by_value) {
        (Ok(filter), Ok(by_value)) => {
            ensure!(by_value.to_string() == parse::json(value.to_string()).unwrap().to_string(), "value: {text}");
            // A `Value` sorts its keys, so order apart.
            let schema = Schema::open();
            match (schema.check(&filter), schema.check(&by_value)) {
                (Ok(a), Ok(b)) => ensure!(a == b, "value: {text}"),
                (Err(a), Err(b)) => ensure!(a.code() == b.code(), "value: {text}"),
                (a, b) => return Err(format!("value: {text}: {a:?} {b:?}")),
            }
            ensure!(by_serde.is_ok_and(|by_serde| by_serde == filter), "Deserialize: {text}");
            ensure!(in_request.is_ok_and(|request| request.filter == filter), "in a request: {text}");
            Ok(true)
        }
        (Err(error), Err(by_value)) => {
            ensure!(mistakes(&error) == mistakes(&by_value), "mistakes of {text}\n{error:?}\n{by_value:?}");
            for (reader, found) in [("Deserialize", by_serde.err()), ("a request", in_request.err())] {
                let Some(found) = found else { return Err(format!("{reader} accepts {text}")) };
                let known = error.diagnostics().iter().any(|one| found.to_string().starts_with(one.code.as_str()));
                ensure!(known, "{reader}: {text}: {found}");
            }
            let spans = error.diagnostics().iter().filter_map(|found| found.place.span.clone());
            for span in spans {
                ensure!(text.get(span.clone()).is_some(), "span {span:?} of {text}");
            }
            ensure!(!error.render(text).is_empty(), "nothing drawn");
            Ok(false)
        }
        (a, b) => Err(format!("one reader refuses {text}: {a:?} {b:?}")),
    }
}

#[test]
fn every_reader_gives_the_same_filter_and_the_same_mistakes() {
    hold("readers", filter(), |text| one_reader(text).map(usize::from));
    let (mut valid, mut broken) = (0, 0);
    let counts = std::cell::RefCell::new((&mut valid, &mut broken));
    hold("readers of broken filters", (filter(), any::<u64>()), |(text, seed)| {
        let json: Json = serde_json::from_str(text).unwrap();
        let mut rng = Rng::new(*seed);
        let text = tweak(&tweak(&json, &mut rng, true), &mut rng, true).to_string();
        let is_valid = one_reader(&text)?;
        let mut counts = counts.borrow_mut();
        *counts.0 += usize::from(is_valid);
        *counts.1 += usize::from(!is_valid);
        Ok(1)
    });
    assert!(valid * 20 > broken && broken * 5 > valid, "{valid} valid, {broken} broken");
}

#[test]
fn bound_is_as_if_the_values_had_been_written() {
    hold("binding", bindable(), |Bindable { template, values, filter, .. }| {
        let open = Schema::open();
        let template = parse::json(template).map_err(|error| format!("{template}: {error}"))?;
        let filter = parse::json(filter).map_err(|error| error.to_string())?;
        ensure!(open.validate(&template).is_ok(), "B3: valid before it is bound");
        round_trip(&template, "a template")?;
        let bound = template.bind(values).map_err(|error| error.to_string())?;
        ensure!(bound == filter && bound.to_string() == filter.to_string(), "B1: {bound}");
        let checked = |filter| open.check(filter).map_err(|error| error.to_string());
        ensure!(checked(&bound)? == checked(&filter)?, "B1");
        let names = values.as_object().unwrap();
        ensure!(template.is_dynamic() != names.is_empty(), "dynamic");
        if template.is_dynamic() {
            let refused = open.check(&template);
            ensure!(refused.is_err_and(|error| error.code() == Code::Unbound), "B3: unbound");
        }
        for name in names.keys() {
            // B2: never a silent `is_null`.
            let mut less = names.clone();
            less[name] = Json::Null;
            let null = template.bind(&Json::Object(less.clone()));
            less.remove(name);
            let missing = template.bind(&Json::Object(less));
            for refused in [null, missing] {
                ensure!(refused.is_err_and(|error| error.code() == Code::Bind), "B2: {name}");
            }
        }
        Ok(1)
    });
}

#[test]
fn deep_filters_and_documents_agree() {
    let deep = (deep_filter(), deep_document(), document());
    hold("deep", deep, |(text, deep, document)| {
        let documents = [deep.clone(), document.clone()];
        let plain = compile(text, &Schema::open(), &documents)?;
        let not = compile(&format!(r#"{{"NOT": [{text}]}}"#), &Schema::open(), &documents)?;
        ensure!(not.answers == complement_of(&plain.answers), "complement: {text}");
        canonical_form(&plain, &Schema::open(), &documents)?;
        // `Value` and `Serialize` of this depth are past serde_json's own limit.
        ensure!(parse::json(plain.filter.to_string()).is_ok_and(|again| again == plain.filter), "round trip: {text}");
        Ok(documents.len())
    });
}

/// The shares of documents that match, over all filters.
fn share(name: &str, strategy: impl Strategy<Value = Meeting>) {
    let counts = std::cell::RefCell::new((0_usize, 0_usize, 0_usize));
    hold(name, strategy, |Meeting { schema, filter, documents, .. }| {
        let compiled = compile(filter, schema, documents)?;
        let mut counts = counts.borrow_mut();
        counts.0 += compiled.answers.iter().filter(|answer| **answer).count();
        counts.1 += compiled.answers.len();
        counts.2 += usize::from(compiled.predicate.verdict() == Verdict::Sometimes);
        Ok(documents.len())
    });
    let (matching, all, sometimes) = counts.into_inner();
    println!("{name}: {matching} of {all} match, {sometimes} filters are neither always nor never");
    assert!(matching * 100 > all * 30 && matching * 100 < all * 70, "{name}: {matching} of {all} match");
    assert!(sometimes * 3 > all / 6, "{name}: {sometimes} filters say something");
}

#[test]
fn the_answers_are_neither_nearly_always_false_nor_nearly_always_true() {
    share("meeting", meeting());
    share("gathering", gathering());
    share("gathering with a schema", schema_gathering());
}

#[test]
fn strategies_are_hostile() {
    let texts = std::cell::RefCell::new(String::new());
    hold("what is generated", gathering(), |Meeting { filter, documents, .. }| {
        let mut texts = texts.borrow_mut();
        // However many pairs are asked for: these are enough to look through.
        if texts.len() > 20_000_000 {
            return Ok(documents.len());
        }
        texts.push_str(&filter.replace([' ', '\n', '\t'], ""));
        documents.iter().for_each(|document| texts.push_str(&document.to_string()));
        Ok(documents.len())
    });
    let texts = texts.into_inner();
    let wanted = [
        ":null",
        "[]",
        "[null]",
        "[[",
        "[{",
        "{}",
        "\"\":",
        "\"$\"",
        "-0.0",
        "5.0",
        "5e0",
        "9007199254740993",
        "9007199254740992.0",
        "18446744073709551615",
        "9223372036854775807",
        "-9223372036854775808",
        "5e-324",
        "\\u0000",
        "\u{212A}",
        "ſ",
        "ß",
        "ẞ",
        "ς",
        "İ",
        "ı",
        "e\u{301}",
        "\"NOT\":[",
        "\"NOT\":{",
        "\"AND\":null",
        "\"AND\":[]",
        "\"case_sensitive\":false",
        "\"case_sensitive\":null",
        "\"case_insensitive\":true",
        "\"not_in\"",
        "\"<>\"",
        "\"==\"",
        "\\\"a.b\\\"",
        "\\\"value\\\"",
        "\"in\",\"value\":[]",
        "+01:00",
        "T12:00:60",
        "(?i",
        "\"exists\"}",
        "\\u00",
    ];
    for piece in wanted {
        assert!(texts.contains(piece), "{piece} was never generated");
    }
}
