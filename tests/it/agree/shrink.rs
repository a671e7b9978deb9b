//! A question that is answered wrongly, made smaller as long as the answer stays wrong.

use std::time::{Duration, Instant};

use serde_json::{Map, Value as Json};
use trommel::conformance::Subject;
use trommel::reference::Reference;
use trommel::{Schema, parse};

use super::wrong;

/// Making a question smaller takes no longer than this: a database is filled anew for each try with other documents.
const PATIENCE: Duration = Duration::from_secs(60);

/// A filter, what is known of the documents, and the documents.
#[derive(Clone)]
struct Asked {
    filter: Json,
    schema: Schema,
    documents: Vec<Json>,
}

/// The smallest question that was found, and what is wrong with its answer.
pub(super) fn shrunk(
    subject: &mut dyn Subject,
    filter: &trommel::Filter,
    schema: &Schema,
    documents: &[Json],
) -> String {
    let start = Instant::now();
    let filter = serde_json::from_str(&filter.to_string()).unwrap();
    let mut asked = Asked { filter, schema: schema.clone(), documents: documents.to_vec() };
    let Some(mut why) = asked.is_wrong(subject) else { return "it was answered rightly when asked again".to_owned() };
    while start.elapsed() < PATIENCE {
        let mut smaller = asked.smaller().take_while(|_| start.elapsed() < PATIENCE);
        let wrong = smaller.find_map(|smaller| smaller.is_wrong(subject).map(|why| (smaller, why)));
        drop(smaller);
        let Some(wrong) = wrong else { break };
        (asked, why) = wrong;
    }
    let schema = serde_json::to_string(&asked.schema).unwrap();
    let lines = asked.documents.iter().map(Json::to_string).collect::<Vec<_>>().join("\n");
    format!("{why}\nfilter {}\nschema {schema}\ndocuments\n{lines}", asked.filter)
}

impl Asked {
    /// What is wrong with the answer; `None` too where it is no question.
    fn is_wrong(&self, subject: &mut dyn Subject) -> Option<String> {
        let filter = parse::json(self.filter.to_string()).ok()?;
        self.schema.check(&filter).ok()?;
        let reference = Reference::new(&filter, &self.schema).ok()?;
        let all = 0..self.documents.len();
        let expected: Vec<usize> = all.filter(|at| reference.matches(&self.documents[*at])).collect();
        wrong(subject, &filter, &expected, &self.schema, &self.documents)
    }

    /// Smaller questions, those that leave out most first.
    fn smaller(&self) -> impl Iterator<Item = Asked> {
        let count = self.documents.len();
        let with_filter = |filter| Asked { filter, ..self.clone() };
        let with_documents = |documents| Asked { documents, ..self.clone() };
        let parts = std::iter::successors(Some(count / 2), |part| Some(part / 2)).take_while(|part| *part > 0);
        let fewer =
            parts.flat_map(move |part| (0..count).step_by(part).map(move |start| start..count.min(start + part)));
        let fewer = fewer.map(move |left_out| {
            let mut documents = self.documents.clone();
            documents.drain(left_out);
            with_documents(documents)
        });
        let is_open = self.schema == Schema::open();
        let open = (!is_open).then(|| Asked { schema: Schema::open(), ..self.clone() });
        // Many documents are left out before one is looked at.
        let each = self.documents.iter().enumerate().filter(move |_| count < 5);
        let changed = each.flat_map(move |(at, document)| {
            smaller(document).into_iter().filter(Json::is_object).map(move |document| {
                let mut documents = self.documents.clone();
                documents[at] = document;
                with_documents(documents)
            })
        });
        fewer.chain(open).chain(smaller(&self.filter).into_iter().map(with_filter)).chain(changed)
    }
}

/// Values with something less.
fn smaller(value: &Json) -> Vec<Json> {
    match value {
        Json::Object(members) => {
            let mut found: Vec<Json> = members.values().cloned().collect();
            for (key, member) in members {
                let others = || members.iter().filter(|(other, _)| *other != key);
                found.push(Json::Object(others().map(|(key, member)| (key.clone(), member.clone())).collect()));
                found.extend(smaller(member).into_iter().map(|member| {
                    let mut members: Map<String, Json> = members.clone();
                    members.insert(key.clone(), member);
                    Json::Object(members)
                }));
            }
            found
        }
        Json::Array(elements) => {
            let mut found = elements.clone();
            for (at, element) in elements.iter().enumerate() {
                let mut fewer = elements.clone();
                fewer.remove(at);
                found.push(Json::Array(fewer));
                found.extend(smaller(element).into_iter().map(|element| {
                    let mut elements = elements.clone();
                    elements[at] = element;
                    Json::Array(elements)
                }));
            }
            found
        }
        Json::String(string) => {
            let chars: Vec<char> = string.chars().collect();
            let parts = [&chars[..chars.len() / 2], &chars[chars.len() / 2..], chars.get(1..).unwrap_or(&[])];
            let shorter = parts.iter().filter(|part| part.len() < chars.len());
            shorter.map(|part| Json::String(part.iter().collect())).collect()
        }
        Json::Number(number) if number.as_i64() != Some(0) => vec![Json::from(0)],
        Json::Null | Json::Bool(_) | Json::Number(_) => Vec::new(),
    }
}

#[test]
fn what_is_left_is_what_matters() {
    use trommel::conformance::{Answer, Question};

    use super::super::suite::{Says, reference};

    // Says of each document that holds an x somewhere that it does not match.
    let mut blind = Says("blind", |question: &Question<'_>| {
        let Answer::Matches(found) = reference(question) else { unreachable!("the reference answers everything") };
        let seen = |at: &usize| !question.documents()[*at].to_string().contains('x');
        Answer::Matches(found.into_iter().filter(seen).collect())
    });
    let filter =
        r#"{"AND": [{"a": 5, "b": 7}, {"OR": [{"field": "c", "operator": "in", "value": ["abc", "de"]}, {"d": 1}]}]}"#;
    let filter = parse::json(filter).unwrap();
    let mut documents: Vec<Json> = (0..100).map(|at| serde_json::json!({"a": 5, "b": at, "c": "abc"})).collect();
    documents.push(serde_json::json!({"a": 5, "b": 7, "c": "de", "e": [{"f": "xyz", "g": 5}]}));
    let text = shrunk(&mut blind, &filter, &Schema::open(), &documents);
    let (_, question) = text.split_once("filter ").unwrap();
    assert_eq!(question, "{}\nschema {\"closed\":false,\"fields\":{}}\ndocuments\n{\"f\":\"x\"}");
}
