//! The one function that every subject goes through.

use std::collections::BTreeSet;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::Value as Json;

use super::case::{Case, cases};
use super::report::{Asked, Disagreement, Gap, Report, Skipped};
use super::subject::{Answer, Question, Subject};
use crate::error::Error;
use crate::filter::{Filter, Group};
use crate::parse;
use crate::reference::Reference;
use crate::schema::Schema;
use crate::strategies::{Meeting, gathering, schema_gathering};

/// What to ask: by default the cases that come with the crate, and 1,000 generated filters.
#[derive(Clone, Debug)]
pub struct Suite {
    generated: usize,
    seed: u64,
    gaps: Vec<Gap>,
    rules: Option<BTreeSet<String>>,
}

impl Default for Suite {
    fn default() -> Suite {
        Suite { generated: 1000, seed: 0, gaps: Vec::new(), rules: None }
    }
}

/// The name of what is generated, as a case and as a rule.
const GENERATED: &str = "generated";
/// How many smaller questions a run tries in all, to make the generated ones that went wrong readable.
const SHRINKING: usize = 2000;

impl Suite {
    /// The suite.
    #[must_use]
    pub fn new() -> Suite {
        Suite::default()
    }

    /// The same with so many generated filters, each with up to six documents.
    #[must_use]
    pub fn generated(mut self, filters: usize) -> Suite {
        self.generated = filters;
        self
    }

    /// The same with other generated filters: equal seeds give equal ones.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Suite {
        self.seed = seed;
        self
    }

    /// The same with these gaps. Those of other subjects are ignored.
    #[must_use]
    pub fn gaps(mut self, gaps: impl IntoIterator<Item = Gap>) -> Suite {
        self.gaps = gaps.into_iter().collect();
        self
    }

    /// The same with only the cases about one of these rules.
    #[must_use]
    pub fn rules<R: Into<String>>(mut self, rules: impl IntoIterator<Item = R>) -> Suite {
        self.rules = Some(rules.into_iter().map(Into::into).collect());
        self
    }

    /// Asks a subject everything: each filter as it is, under NOT, and under NOT NOT.
    pub fn run(&self, subject: &mut dyn Subject) -> Report {
        let mut report = Report { backend: subject.name().to_owned(), ..Report::default() };
        let mut excused = BTreeSet::new();
        match cases() {
            Ok(cases) => {
                for case in cases.iter().filter(|case| self.is_about(case)) {
                    report.cases += 1;
                    let skipped = ask_all_forms(subject, case, &mut report);
                    self.note_skip(skipped, &case.name, &mut report, &mut excused);
                }
            }
            Err(error) => report.skipped.push(skip("the data files", error.to_string())),
        }
        let skipped = self.run_generated(subject, &mut report);
        self.note_skip(skipped, GENERATED, &mut report, &mut excused);
        let ours = self.gaps.iter().filter(|gap| gap.backend == report.backend);
        report.stale_gaps = ours.filter(|gap| !excused.contains(&gap.case)).cloned().collect();
        report
    }

    fn is_about(&self, case: &Case) -> bool {
        self.rules.as_ref().is_none_or(|rules| case.rules.iter().any(|rule| rules.contains(rule)))
    }

    fn note_skip(&self, why: Option<String>, case: &str, report: &mut Report, excused: &mut BTreeSet<String>) {
        let Some(why) = why else { return };
        let gap = self.gaps.iter().find(|gap| gap.backend == report.backend && gap.case == case);
        if gap.is_some() {
            excused.insert(case.to_owned());
        }
        report.skipped.push(Skipped { gap: gap.map(|gap| gap.reason.clone()), ..skip(case, why) });
    }

    /// Asks what is generated; gives why something was not answered.
    fn run_generated(&self, subject: &mut dyn Subject, report: &mut Report) -> Option<String> {
        let mut runner = runner(self.seed);
        let mut steps = SHRINKING;
        let mut skipped = None;
        for at in 0..self.generated {
            report.generated += 1;
            let why = match at % 2 {
                0 => ask_generated(subject, &gathering(), &mut runner, &mut steps, report),
                _ => ask_generated(subject, &schema_gathering(), &mut runner, &mut steps, report),
            };
            skipped = skipped.or(why);
        }
        skipped
    }
}

fn skip(case: &str, why: String) -> Skipped {
    Skipped { case: case.to_owned(), why, gap: None }
}

fn runner(seed: u64) -> TestRunner {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

/// Asks the next generated filter, and where the answer is wrong, the smallest one that is still wrong.
fn ask_generated(
    subject: &mut dyn Subject,
    strategy: &impl Strategy<Value = Meeting>,
    runner: &mut TestRunner,
    steps: &mut usize,
    report: &mut Report,
) -> Option<String> {
    let Ok(mut tree) = strategy.new_tree(runner) else { return Some("nothing could be generated".to_owned()) };
    let case = match generated_case(tree.current()) {
        Ok(case) => case,
        Err(error) => return Some(format!("a generated filter was refused: {error}")),
    };
    let mut own = Report::default();
    let skipped = ask_all_forms(subject, &case, &mut own);
    if own.disagreeing > 0 && report.disagreements.len() < Report::KEPT {
        let mut can_go_on = tree.simplify();
        while can_go_on && *steps > 0 {
            *steps -= 1;
            let mut smaller = Report::default();
            if let Ok(case) = generated_case(tree.current()) {
                ask_all_forms(subject, &case, &mut smaller);
            }
            can_go_on = if smaller.disagreeing > 0 {
                own.disagreements = smaller.disagreements;
                tree.simplify()
            } else {
                tree.complicate()
            };
        }
        own.disagreements.truncate(1);
    }
    report.merge(own);
    skipped
}

/// A generated filter with the answers of the reference.
fn generated_case(meeting: Meeting) -> Result<Case, Error> {
    let Meeting { schema, filter, documents } = meeting;
    let filter = parse::json(&filter)?;
    schema.check(&filter)?;
    let reference = Reference::new(&filter, &schema)?;
    Ok(Case {
        name: GENERATED.to_owned(),
        rules: vec![GENERATED.to_owned()],
        filter,
        schema,
        ids: (0..documents.len()).map(|index| index.to_string()).collect(),
        matches: documents.iter().map(|document| reference.matches(document)).collect(),
        documents,
    })
}

/// Asks a filter as it is, under NOT, and under NOT NOT; gives why one of them was not answered.
fn ask_all_forms(subject: &mut dyn Subject, case: &Case, report: &mut Report) -> Option<String> {
    let not = Filter::group(Group::Not, [case.filter.clone()]);
    let not_not = not.clone().and_then(|not| Filter::group(Group::Not, [not]));
    let operators: BTreeSet<_> = case.filter.conditions().map(|condition| condition.operator().name()).collect();
    let mut skipped = None;
    let mut kept = 0;
    for (asked, filter) in [(Asked::Plain, Ok(case.filter.clone())), (Asked::Not, not), (Asked::NotNot, not_not)] {
        let filter = match filter {
            Ok(filter) => filter,
            Err(error) => return Some(error.to_string()),
        };
        let before = report.verdicts;
        if let Some(why) = ask(subject, case, asked, &filter, report, &mut kept) {
            skipped = Some(why);
            for rule in &case.rules {
                report.rules.entry(rule.clone()).or_default().skipped += 1;
            }
        }
        for operator in &operators {
            *report.operators.entry((*operator).to_owned()).or_default() += report.verdicts - before;
        }
    }
    skipped
}

/// How many disagreements of one case are kept.
const KEPT_OF_CASE: usize = 3;

/// Asks one question and compares the answer; gives why it was not answered.
fn ask(
    subject: &mut dyn Subject,
    case: &Case,
    asked: Asked,
    filter: &Filter,
    report: &mut Report,
    kept: &mut usize,
) -> Option<String> {
    let question = Question::new(filter, &case.schema, &case.documents);
    let (got, error) = match subject.answer(&question) {
        Ok(Answer::Unsupported(why)) => return Some(why),
        Ok(Answer::Matches(indexes)) => match flags(&indexes, case.documents.len()) {
            Ok(got) => (Some(got), None),
            Err(error) => (None, Some(error)),
        },
        Err(error) => (None, Some(error.to_string())),
    };
    for (index, document) in case.documents.iter().enumerate() {
        let expected = case.matches[index] != (asked == Asked::Not);
        let got = got.as_ref().map(|got| got[index]);
        let is_right = got == Some(expected);
        report.count(&case.rules, is_right, expected);
        if !is_right && *kept < KEPT_OF_CASE && report.disagreements.len() < Report::KEPT {
            *kept += 1;
            report.disagreements.push(Disagreement {
                case: case.name.clone(),
                rules: case.rules.clone(),
                asked,
                filter: question.filter_json(),
                schema: schema_json(&case.schema),
                document: document.clone(),
                expected,
                got,
                error: error.clone(),
            });
        }
    }
    None
}

/// For each document whether it is among the indexes; an error where they are no answer.
fn flags(indexes: &[usize], count: usize) -> Result<Vec<bool>, String> {
    let mut flags = vec![false; count];
    for index in indexes {
        match flags.get_mut(*index) {
            None => return Err(format!("there is no document {index}")),
            Some(true) => return Err(format!("document {index} stands twice in the answer")),
            Some(flag) => *flag = true,
        }
    }
    Ok(flags)
}

fn schema_json(schema: &Schema) -> Option<Json> {
    if *schema == Schema::open() { None } else { serde_json::to_value(schema).ok() }
}

impl Report {
    /// Adds what came out of one generated filter.
    fn merge(&mut self, own: Report) {
        self.verdicts += own.verdicts;
        self.matching += own.matching;
        self.disagreeing += own.disagreeing;
        self.disagreements.extend(own.disagreements);
        for (rule, count) in own.rules {
            let sum = self.rules.entry(rule).or_default();
            sum.verdicts += count.verdicts;
            sum.disagreements += count.disagreements;
            sum.skipped += count.skipped;
        }
        for (operator, verdicts) in own.operators {
            *self.operators.entry(operator).or_default() += verdicts;
        }
    }
}
