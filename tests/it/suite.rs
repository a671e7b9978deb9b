//! Cases × backends: the reference and the compiled matcher through the same function as anybody's backend.

use std::collections::BTreeSet;

use serde_json::Value as Json;
use trommel::conformance::{Answer, BoxError, Gap, Pushdown, Question, Report, Subject, Suite, cases};
use trommel::reference::Reference;
use trommel::{Matcher, Memory, Operator, Predicate};

/// Fewer verdicts than this and the data is not what it was.
const VERDICTS: usize = 87_000;
const CASES: usize = 1_200;

/// The gaps of our own backends.
pub(crate) fn gaps() -> Vec<Gap> {
    serde_json::from_str(include_str!("../data/gaps.json")).unwrap()
}

/// A subject made of a function.
pub(crate) struct Says<F>(pub(crate) &'static str, pub(crate) F);

impl<F: FnMut(&Question<'_>) -> Answer> Subject for Says<F> {
    fn name(&self) -> &str {
        self.0
    }

    fn answer(&mut self, question: &Question<'_>) -> Result<Answer, BoxError> {
        Ok((self.1)(question))
    }
}

pub(crate) fn reference(question: &Question<'_>) -> Answer {
    let reference = Reference::new(question.filter(), question.schema()).unwrap();
    matching(question, |document| reference.matches(document))
}

/// The indexes of the documents that pass.
pub(crate) fn matching(question: &Question<'_>, mut test: impl FnMut(&Json) -> bool) -> Answer {
    let documents = question.documents().iter().enumerate();
    Answer::Matches(documents.filter(|(_, document)| test(document)).map(|(index, _)| index).collect())
}

fn assert_whole(report: &Report) {
    assert!(report.passed(), "{report}");
    assert!(report.cases >= CASES, "{} cases", report.cases);
    assert!(report.verdicts >= 3 * VERDICTS, "{} verdicts", report.verdicts);
    for operator in Operator::all() {
        let verdicts = report.operators.get(operator.name()).copied().unwrap_or(0);
        assert!(verdicts >= 1_500, "{verdicts} verdicts on `{operator}`");
    }
}

#[test]
fn the_reference_gives_the_answers_that_were_written_from_the_rules() {
    // What is generated is judged by the reference itself: nothing to learn here.
    let report = Suite::new().generated(0).run(&mut Says("reference", reference));
    assert_whole(&report);
}

#[test]
fn the_matcher_passes() {
    let mut subject = Says("matcher", |question: &Question<'_>| {
        let matcher = Matcher::new(&question.schema().check(question.filter()).unwrap());
        matching(question, |document| matcher.matches(document))
    });
    assert_whole(&Suite::new().gaps(gaps()).run(&mut subject));
}

#[test]
fn memory_passes_and_pushes_everything() {
    let mut subject =
        Pushdown::new(Memory, |pushed: &Predicate, document: &Json| Matcher::new(pushed).matches(document));
    assert_whole(&Suite::new().gaps(gaps()).generated(300).run(&mut subject));
    let tally = subject.tally();
    assert_eq!((tally.rechecked, tally.scanned), (0, 0));
    assert!(tally.exact > CASES);
}

#[test]
fn what_passes_as_json_means_the_same() {
    // A subject in another process gets JSON: root letter case and schema must survive the way.
    let mut subject = Says("json", |question: &Question<'_>| {
        let json: Json = serde_json::from_str(&question.to_json()).unwrap();
        let schema = match &json["schema"] {
            Json::Null => trommel::Schema::open(),
            schema => trommel::Schema::from_json(&schema.to_string()).unwrap(),
        };
        let filter = trommel::parse::value(&json["filter"]).unwrap();
        let matcher = Matcher::new(&schema.check(&filter).unwrap());
        let documents = json["documents"].as_array().unwrap();
        let found = documents.iter().enumerate().filter(|(_, document)| matcher.matches(document));
        Answer::Matches(found.map(|(index, _)| index).collect())
    });
    let report = Suite::new().generated(100).run(&mut subject);
    assert_whole(&report);
}

#[test]
fn every_rule_has_cases_and_case_names_are_unique() {
    let cases = cases().unwrap();
    let names: BTreeSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names.len(), cases.len());
    let cited: BTreeSet<&str> = cases.iter().flat_map(|case| &case.rules).map(String::as_str).collect();
    // D1 and D5 are definitions; C3 is about errors, R and Q about rewriting and storage, O1 about requests.
    let rules = "D2 D3 D4 P1 P2 P3 P4 C1 C2 C4 C5 G1 G2 G3 G4 G5 G6 L1 L2 B1 T1 T2 T3 T4";
    for rule in rules.split(' ') {
        assert!(cited.contains(rule), "no case is about {rule}");
    }
}

// ------------------------------------------------------------------------------------------ the runner itself

fn gap(backend: &str, case: &str) -> Gap {
    Gap { backend: backend.to_owned(), case: case.to_owned(), reason: "for this test".to_owned() }
}

/// Right about everything, but with nothing to say of regular expressions.
fn no_regex(question: &Question<'_>) -> Answer {
    match question.filter().conditions().any(|condition| condition.operator() == Operator::Regex) {
        true => Answer::Unsupported("no regular expressions here".to_owned()),
        false => reference(question),
    }
}

#[test]
fn a_skip_without_a_gap_is_no_pass() {
    let report = Suite::new().generated(0).run(&mut Says("no_regex", no_regex));
    assert!(report.agreed() && !report.passed(), "{report}");
    assert!(report.skipped.iter().all(|skipped| skipped.gap.is_none()));

    let gaps: Vec<Gap> = report.skipped.iter().map(|skipped| gap("no_regex", &skipped.case)).collect();
    let report = Suite::new().generated(0).gaps(gaps).run(&mut Says("no_regex", no_regex));
    assert!(report.passed(), "{report}");
    assert!(report.rules["C5"].skipped + report.rules["L2"].skipped > 0);
}

#[test]
fn a_gap_that_would_pass_fails() {
    let stale =
        [gap("reference", "eq/no-such-case"), gap("reference", &cases().unwrap()[0].name), gap("other", "eq/x")];
    let report = Suite::new().generated(0).gaps(stale).run(&mut Says("reference", reference));
    assert_eq!(report.disagreeing, 0);
    assert_eq!(report.stale_gaps.len(), 2);
    assert!(!report.passed() && !report.agreed());
}

#[test]
fn a_gap_excuses_no_wrong_answer() {
    let everything = |question: &Question<'_>| Answer::Matches((0..question.documents().len()).collect());
    let gaps = cases().unwrap().into_iter().map(|case| gap("everything", &case.name));
    let report = Suite::new().generated(0).gaps(gaps).run(&mut Says("everything", everything));
    assert!(report.disagreeing > 10_000 && !report.passed());
    assert!(report.disagreements.len() <= Report::KEPT);
}

#[test]
fn an_answer_that_is_none_is_wrong() {
    for indexes in [vec![usize::MAX], vec![0, 0]] {
        let odd = |_: &Question<'_>| Answer::Matches(indexes.clone());
        let report = Suite::new().generated(0).run(&mut Says("odd", odd));
        assert_eq!(report.disagreeing, report.verdicts);
        assert!(report.disagreements[0].error.is_some() && report.disagreements[0].got.is_none());
    }
}

#[test]
fn nothing_asked_is_nothing_passed() {
    let report = Suite::new().generated(0).rules(["Z9"]).run(&mut Says("reference", reference));
    assert_eq!(report.cases, 0);
    assert!(!report.passed());
}

#[test]
fn what_is_generated_is_shrunk_until_it_can_be_read() {
    // Wrong about `-0.0` alone, and only within a NOT.
    let wrong = |question: &Question<'_>| match reference(question) {
        Answer::Matches(indexes) if question.filter().to_string().contains("NOT") => {
            let is_right = |index: &usize| !question.documents()[*index].to_string().contains("-0.0");
            Answer::Matches(indexes.into_iter().filter(is_right).collect())
        }
        answer => answer,
    };
    let report = Suite::new().rules(["Z9"]).generated(400).run(&mut Says("wrong", wrong));
    assert!(report.disagreeing > 0, "{report}");
    let shortest = report.disagreements.iter().map(|found| found.filter.len() + found.document.to_string().len()).min();
    assert!(shortest.unwrap() < 60, "{report}");
}

#[test]
fn a_report_is_data() {
    let report = Suite::new().generated(2).rules(["G2"]).run(&mut Says("reference", reference));
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["backend"], "reference");
    assert_eq!(json["rules"]["G2"]["disagreements"], 0);
    assert!(json["verdicts"].as_u64().unwrap() > 0);
}
