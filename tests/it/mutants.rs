//! Wrong readings of the rules, each of which somebody's database or library takes for natural. The suite must fail for
//! every one of them: a rule that no case can tell from its misreading is not tested.
//!
//! The evaluator here reads a filter's JSON plainly, with one wrong reading at a time. With none it passes.

mod evaluator;

use trommel::conformance::{Answer, BoxError, Question, Report, Subject, Suite};

use evaluator::{Evaluator, Mutation};

struct Mutant(Option<Mutation>);

impl Subject for Mutant {
    fn name(&self) -> &str {
        "mutant"
    }

    fn answer(&mut self, question: &Question<'_>) -> Result<Answer, BoxError> {
        let filter = serde_json::from_str(&question.filter_json())?;
        let evaluator = Evaluator::new(self.0, question.schema());
        let documents = question.documents().iter().enumerate();
        let found = documents.filter(|(_, document)| evaluator.matches(&filter, document));
        Ok(Answer::Matches(found.map(|(index, _)| index).collect()))
    }
}

fn run(mutation: Option<Mutation>, generated: usize) -> Report {
    Suite::new().generated(generated).run(&mut Mutant(mutation))
}

#[test]
fn without_a_mutation_the_evaluator_passes() {
    let report = run(None, 500);
    assert!(report.passed(), "{report}");
}

#[test]
fn the_suite_kills_every_mutant_and_names_the_case() {
    let mut survivors = Vec::new();
    for (mutation, rule) in Mutation::ALL {
        let report = run(Some(mutation), 0);
        // The case that kills it is about the rule that it breaks.
        let killer = report.disagreements.iter().find(|found| found.rules.iter().any(|about| about == rule));
        match killer {
            Some(killer) => {
                println!("{mutation:?} ({rule}): killed by {}, {} verdicts wrong", killer.case, report.disagreeing)
            }
            None => survivors.push((mutation, rule)),
        }
    }
    assert!(survivors.is_empty(), "no case tells these from the rules: {survivors:?}");
}

#[test]
fn generated_pairs_kill_the_mutants_too() {
    let kills = |mutation| {
        (0..16).any(|seed| {
            let suite = Suite::new().rules(["none"]).generated(250).seed(seed);
            suite.run(&mut Mutant(Some(mutation))).disagreeing > 0
        })
    };
    let survivors: Vec<_> = Mutation::ALL.into_iter().filter(|(mutation, _)| !kills(*mutation)).collect();
    assert!(survivors.is_empty(), "4,000 generated filters do not tell these from the rules: {survivors:?}");
}
