//! The body of a trigger call, its shorthand normalised once (O1).

use serde::de::{DeserializeSeed, Error as _};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value as Json;

use crate::error::{Code, Diagnostic, Error, Place, excerpt};
use crate::filter::{CaseFlag, Condition, Filter, Kind, Operand, PartSpans, Refusal, Span, Spelling, TreeBuilder};
use crate::limits::{Limit, Limits};
use crate::operator::Operator;
use crate::parse::{Feed, Machine, Parser, Reader, Scalar, Sink, Step, Stop, feed_text, feed_value, syntax};
use crate::value::Value;

/// The body of the call that (re)processes a collection. Each member is optional and nullable; unknown keys are errors.
///
/// ```
/// use trommel::plan::TriggerRequest;
///
/// let body = r#"{"object_ids": ["obj_1", "obj_2"], "source_filters": {"status": "pending"}}"#;
/// let request = TriggerRequest::from_json(body)?;
/// assert_eq!(
///     request.filter()?.unwrap().to_string(),
///     r#"{"AND":[{"AND":[{"field":"object_id","operator":"in","value":["obj_1","obj_2"]}]},{"status":"pending"}]}"#,
/// );
/// assert_eq!(TriggerRequest::from_json("{}")?.filter()?, None);
/// # Ok::<(), trommel::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
// Every member may be left out, which a writer of the type never does.
#[cfg_attr(feature = "server", derive(schemars::JsonSchema), schemars(deny_unknown_fields, transform = |schema: &mut schemars::Schema| drop(schema.remove("required"))))]
#[non_exhaustive]
pub struct TriggerRequest {
    /// Ids or names of the buckets to take objects from; `None` does not limit, an empty list selects none.
    pub include_buckets: Option<Vec<String>>,
    /// Ids or names of the collections to take documents from; `None` does not limit, an empty list selects none.
    pub include_collections: Option<Vec<String>>,
    /// Ids of the objects to process; `None` does not limit, an empty list selects none.
    pub object_ids: Option<Vec<String>>,
    /// The filter that objects or documents must match.
    pub source_filters: Option<Filter>,
    #[serde(skip)]
    parser: Parser,
}

/// The members that are lists of strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ids {
    Buckets,
    Collections,
    Objects,
}

impl Ids {
    fn key(self) -> &'static str {
        match self {
            Ids::Buckets => "include_buckets",
            Ids::Collections => "include_collections",
            Ids::Objects => "object_ids",
        }
    }
}

const FILTERS: &str = "source_filters";
const FILTERS_POINTER: &str = "/source_filters";
const KEYS: [&str; 4] = ["include_buckets", "include_collections", "object_ids", FILTERS];

impl TriggerRequest {
    /// Reads a body with the default limits.
    ///
    /// # Errors
    /// Every mistake, each with its code and place.
    pub fn from_json(input: impl AsRef<[u8]>) -> Result<TriggerRequest, Error> {
        TriggerRequest::from_json_with(&Parser::new(), input)
    }

    /// Reads a body under a parser's limits and letter case.
    ///
    /// # Errors
    /// Every mistake, each with its code and place. A limit that is passed ends the reading.
    pub fn from_json_with(parser: &Parser, input: impl AsRef<[u8]>) -> Result<TriggerRequest, Error> {
        let input = input.as_ref();
        let text = parser.utf8(input).map_err(|diagnostic| *diagnostic)?;
        let mut body = Body::new(parser);
        // A stop has been noted in the body.
        let _: Step = body.read_text(text, input.len());
        body.finish()
    }

    /// Reads a body from a JSON value with the default limits. What the reader of the value has lost cannot be refused: duplicate keys, and
    /// integers past `u64`.
    ///
    /// # Errors
    /// Every mistake, each with its code and JSON Pointer.
    pub fn from_value(value: &Json) -> Result<TriggerRequest, Error> {
        TriggerRequest::from_value_with(&Parser::new(), value)
    }

    /// Reads a body from a JSON value under a parser's limits and letter case.
    ///
    /// # Errors
    /// Every mistake, each with its code and JSON Pointer.
    pub fn from_value_with(parser: &Parser, value: &Json) -> Result<TriggerRequest, Error> {
        let mut body = Body::new(parser);
        let _: Step = feed_value(value, &mut body);
        body.finish()
    }

    /// The one filter that the body stands for: `object_ids` AND `source_filters`, each whole (O1). `None` if neither
    /// is given: nothing is limited. Places are those in the body.
    ///
    /// # Errors
    /// `limit`, where both together pass one.
    pub fn filter(&self) -> Result<Option<Filter>, Error> {
        self.joined(None, &self.ids_filter()?)
    }

    /// The filter that `object_ids` stands for (O1).
    pub(super) fn ids_filter(&self) -> Result<Option<Filter>, Error> {
        let ids = |ids: &Vec<String>| self.build(|tree| and(tree, |tree| push_ids(tree, ids)));
        self.object_ids.as_ref().map(ids).transpose()
    }

    /// The AND of the filter that a collection has of its own, that of `object_ids`, and that of the request: of those
    /// that are given, each whole. What stands alone stays as it is. Places are those in the body; the collection's filter
    /// has none there.
    pub(super) fn joined(&self, own: Option<&Filter>, ids: &Option<Filter>) -> Result<Option<Filter>, Error> {
        let parts = [(own, false), (ids.as_ref(), true), (self.source_filters.as_ref(), true)];
        let given: Vec<(&Filter, bool)> = parts.into_iter().filter_map(|(part, keep)| Some((part?, keep))).collect();
        let graft = |tree: &mut TreeBuilder| given.iter().try_for_each(|(filter, keep)| tree.graft(filter, *keep));
        match given[..] {
            [] => Ok(None),
            [(one, _)] => Ok(Some(one.clone())),
            _ => self.build(|tree| and(tree, graft)).map(Some),
        }
    }

    /// The limits that the body was read under.
    pub(super) fn limits(&self) -> &Limits {
        self.parser.held()
    }

    /// Builds a filter of what was accepted already.
    fn build(&self, build: impl FnOnce(&mut TreeBuilder) -> Result<(), Refusal>) -> Result<Filter, Error> {
        // The groups and the condition that are added are ours, not the client's; so is what the collection itself
        // asks, which was read under limits of its own.
        let own = [Limit::Regex, Limit::Errors];
        let limits = own.into_iter().fold(Limits::none(), |limits, limit| limits.with(limit, self.limits().get(limit)));
        let mut tree = self.parser.clone().limits(limits).tree();
        build(&mut tree).map_err(|refusal| refusal.diagnostic(tree.limits()))?;
        Ok(tree.finish())
    }
}

/// Adds `{"AND": […]}`.
fn and(tree: &mut TreeBuilder, members: impl FnOnce(&mut TreeBuilder) -> Result<(), Refusal>) -> Result<(), Refusal> {
    tree.open(Kind::Object { case_sensitive: None }, Span::NONE);
    tree.open_group(Kind::And, Span::NONE)?;
    members(tree)?;
    tree.close_group(Span::NONE);
    tree.close(Span::NONE);
    Ok(())
}

/// Adds the condition `object_id in ids`, letter case exact whatever holds at the root (O1).
fn push_ids(tree: &mut TreeBuilder, ids: &[String]) -> Result<(), Refusal> {
    let operand = Operand::List(ids.iter().map(|id| Value::from(id.as_str())).collect());
    tree.count_operand(&operand)?;
    tree.count_condition()?;
    let case = if tree.ignores_case() { CaseFlag::Sensitive(true) } else { CaseFlag::Absent };
    let path = tree.path("object_id")?;
    let (operator, spelling, spans) = (Operator::In, Spelling::Name, PartSpans::NONE);
    let index = tree.push_condition(Condition { path, operand, operator, spelling, case, spans });
    let node = tree.open(Kind::Condition(index), Span::NONE);
    tree.mount(node, "/object_ids");
    tree.close(Span::NONE);
    Ok(())
}

impl<'de> Deserialize<'de> for TriggerRequest {
    /// Reads a body with the default limits. See the same of [`Filter`] for what cannot be seen this way.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<TriggerRequest, D::Error> {
        let mut body = Body::new(&Parser::new());
        let fed = Feed { sink: &mut body, level: 0 }.deserialize(deserializer);
        match body.finish() {
            Err(error) => Err(D::Error::custom(error)),
            Ok(request) => fed.map(|()| request),
        }
    }
}

/// Takes the events of a body. Those of the filter go to the machine for filters, which also keeps the budget and the
/// mistakes of the whole.
struct Body {
    request: TriggerRequest,
    filter: Machine,
    state: State,
    /// The keys seen so far.
    seen: Vec<&'static str>,
    has_filter: bool,
}

enum State {
    /// Before the body.
    Start,
    /// In the body's object, before a key or at its end.
    Body,
    /// Before the value of a list of ids.
    Ids(Ids),
    /// In a list of ids; how many have come.
    List(Ids, usize),
    /// In the filter, so many brackets deep.
    Filter(usize),
    /// In something that is not looked at, so many brackets deep.
    Skip(usize),
    /// In the brackets of a wrong element of a list, so many deep.
    SkipElement(Ids, usize, usize),
}

impl Body {
    fn new(parser: &Parser) -> Body {
        let request = TriggerRequest { parser: parser.clone(), ..TriggerRequest::default() };
        let filter = parser.machine(FILTERS_POINTER);
        Body { request, filter, state: State::Start, seen: Vec::new(), has_filter: false }
    }

    fn read_text(&mut self, text: &str, bytes: usize) -> Step {
        self.count_input(bytes)?;
        let mut reader = Reader::new(text);
        feed_text(&mut reader, self)?;
        reader.next().map(|_| ()).map_err(|error| self.fail(syntax(&error)))
    }

    fn finish(mut self) -> Result<TriggerRequest, Error> {
        let (filter, diagnostics) = self.filter.finish();
        self.request.source_filters = self.has_filter.then_some(filter);
        diagnostics.into_error().map_or(Ok(self.request), Err)
    }

    fn ids(&mut self, ids: Ids) -> &mut Option<Vec<String>> {
        match ids {
            Ids::Buckets => &mut self.request.include_buckets,
            Ids::Collections => &mut self.request.include_collections,
            Ids::Objects => &mut self.request.object_ids,
        }
    }

    fn report(&mut self, diagnostic: Diagnostic, pointer: String, span: Span) {
        let place = Place { pointer: Some(pointer), span: span.range() };
        self.filter.diagnostics().push(diagnostic.at(place));
    }

    fn no_body(&mut self, span: Span) {
        self.report(Diagnostic::error(Code::Syntax, "the body of a request is an object"), String::new(), span);
    }

    fn no_list(&mut self, ids: Ids, span: Span) {
        let key = ids.key();
        let diagnostic = Diagnostic::error(Code::Syntax, format!("`{key}` takes a list of strings, or null"));
        self.report(diagnostic, format!("/{key}"), span);
    }

    fn no_id(&mut self, ids: Ids, index: usize, span: Span) {
        let key = ids.key();
        let diagnostic = Diagnostic::error(Code::OperandType, format!("an element of `{key}` is a string"));
        self.report(diagnostic, format!("/{key}/{index}"), span);
    }

    fn refuse(&mut self, refusal: &Refusal, pointer: String, span: Span) -> Stop {
        let place = Place { pointer: Some(pointer), span: span.range() };
        let diagnostic = refusal.diagnostic(self.filter.tree().limits()).at(place);
        self.fail(diagnostic)
    }

    /// Where to go on after a filter event, so many brackets deep.
    fn in_filter(&mut self, depth: usize) {
        self.state = if depth == 0 { State::Body } else { State::Filter(depth) };
    }
}

impl Sink for Body {
    fn begin_object(&mut self, span: Span) -> Step {
        match self.state {
            State::Start => self.state = State::Body,
            State::Filter(depth) => {
                self.has_filter = true;
                self.state = State::Filter(depth + 1);
                return self.filter.begin_object(span);
            }
            State::Ids(ids) => {
                self.no_list(ids, span);
                self.state = State::Skip(1);
            }
            State::List(ids, index) => {
                self.no_id(ids, index, span);
                self.state = State::SkipElement(ids, index + 1, 1);
            }
            State::Skip(depth) => self.state = State::Skip(depth + 1),
            State::SkipElement(ids, index, depth) => self.state = State::SkipElement(ids, index, depth + 1),
            State::Body => {}
        }
        Ok(())
    }

    fn begin_array(&mut self, span: Span) -> Step {
        match self.state {
            State::Start => {
                self.no_body(span);
                self.state = State::Skip(1);
            }
            State::Filter(depth) => {
                self.state = State::Filter(depth + 1);
                return self.filter.begin_array(span);
            }
            State::Ids(ids) => {
                *self.ids(ids) = Some(Vec::new());
                self.state = State::List(ids, 0);
            }
            State::Body | State::List(..) | State::Skip(_) | State::SkipElement(..) => return self.begin_object(span),
        }
        Ok(())
    }

    fn end(&mut self, span: Span) -> Step {
        match self.state {
            State::Filter(depth) => {
                self.in_filter(depth.saturating_sub(1));
                return self.filter.end(span);
            }
            State::List(..) | State::Skip(1) => self.state = State::Body,
            State::Skip(depth) => self.state = State::Skip(depth - 1),
            State::SkipElement(ids, index, 1) => self.state = State::List(ids, index),
            State::SkipElement(ids, index, depth) => self.state = State::SkipElement(ids, index, depth - 1),
            State::Start | State::Body | State::Ids(_) => {}
        }
        Ok(())
    }

    fn key(&mut self, text: &str, span: Span) -> Step {
        match self.state {
            State::Body => {}
            State::Filter(_) => return self.filter.key(text, span),
            _ => return Ok(()),
        }
        let mut pointer = String::new();
        crate::filter::push_pointer(&mut pointer, text);
        let Some(key) = KEYS.into_iter().find(|key| *key == text) else {
            let diagnostic =
                Diagnostic::error(Code::UnknownKey, format!("unknown key `{}` in a request", excerpt(text)));
            self.report(diagnostic.near(text, KEYS), pointer, span);
            self.state = State::Skip(0);
            return Ok(());
        };
        if self.seen.contains(&key) {
            let diagnostic = Diagnostic::error(Code::DuplicateKey, format!("the key `{key}` stands twice"));
            self.report(diagnostic, pointer, span);
            self.state = State::Skip(0);
            return Ok(());
        }
        self.seen.push(key);
        self.state = match key {
            FILTERS => State::Filter(0),
            "include_buckets" => State::Ids(Ids::Buckets),
            "include_collections" => State::Ids(Ids::Collections),
            _ => State::Ids(Ids::Objects),
        };
        Ok(())
    }

    fn scalar(&mut self, scalar: &Scalar<'_>, span: Span) -> Step {
        match (&self.state, scalar) {
            (State::Start, _) => {
                self.no_body(span);
            }
            (State::Filter(0), Scalar::Null) | (State::Ids(_), Scalar::Null) | (State::Skip(0), _) => {
                self.state = State::Body;
            }
            (State::Filter(depth), _) => {
                let depth = *depth;
                self.in_filter(depth);
                return self.filter.scalar(scalar, span);
            }
            (State::Ids(ids), _) => {
                self.no_list(*ids, span);
                self.state = State::Body;
            }
            (State::List(ids, index), Scalar::String(id)) => {
                let (ids, index) = (*ids, *index);
                let tree = self.filter.tree();
                let counted = tree.count_items(1).and_then(|()| tree.count_bytes(id.len()));
                if let Err(refusal) = counted {
                    return Err(self.refuse(&refusal, format!("/{}/{index}", ids.key()), span));
                }
                self.ids(ids).get_or_insert_default().push((*id).to_owned());
                self.state = State::List(ids, index + 1);
            }
            (State::List(ids, index), _) => {
                let (ids, index) = (*ids, *index);
                self.no_id(ids, index, span);
                self.state = State::List(ids, index + 1);
            }
            (State::Body | State::Skip(_) | State::SkipElement(..), _) => {}
        }
        Ok(())
    }

    fn count_input(&mut self, bytes: usize) -> Step {
        let most = self.filter.tree().budget().add(Limit::Input, bytes);
        most.map_err(|reached| self.refuse(&Refusal::Limit(Limit::Input, reached), String::new(), Span::NONE))
    }

    fn fail(&mut self, diagnostic: Diagnostic) -> Stop {
        self.filter.fail(diagnostic)
    }

    fn deepest(&self) -> usize {
        self.filter.deepest().saturating_add(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Schema;

    #[test]
    fn every_way_in_reads_the_same() {
        for text in [
            "{}",
            r#"{"include_buckets": null, "object_ids": null, "source_filters": null}"#,
            r#"{"include_buckets": [], "include_collections": ["a", "b"]}"#,
            r#"{"object_ids": ["a"], "source_filters": {"OR": [{"x": [1]}], "NOT": {"y": 2}}}"#,
            r#"{"object_ids": ["a", 5, {"b": [1]}, "c"], "source_filters": {"y": 2}}"#,
            r#"{"object_id": ["a"], "source_filters": 5}"#,
            r#"{"object_ids": {"a": []}, "x": [{}], "source_filters": [{"a": 1}]}"#,
            r#"[{"object_ids": []}]"#,
            "5",
        ] {
            let value: Json = serde_json::from_str(text).unwrap();
            let places = |result: Result<TriggerRequest, Error>| {
                result.map_err(|error| {
                    let place = |found: &Diagnostic| (found.place.pointer.clone(), found.code.as_str());
                    // A `Value` has its members in another order.
                    error.diagnostics().iter().map(place).collect::<std::collections::BTreeSet<_>>()
                })
            };
            let from_text = places(TriggerRequest::from_json(text));
            assert_eq!(from_text, places(TriggerRequest::from_value(&value)), "{text}");
            let from_serde = serde_json::from_str::<TriggerRequest>(text);
            assert_eq!(from_serde.is_ok(), from_text.is_ok(), "{text}");
            assert_eq!(from_serde.ok(), from_text.ok(), "{text}");
        }
    }

    #[test]
    fn mistakes_have_their_place_in_the_body() {
        let text = r#"{"object_ids": ["a", 5], "source_filters": {"AND": [{"field": "n", "operator": "gt"}]}, "x": 1}"#;
        let error = TriggerRequest::from_json(text).unwrap_err();
        let pointers: Vec<&str> =
            error.diagnostics().iter().filter_map(|found| found.place.pointer.as_deref()).collect();
        assert_eq!(pointers, ["/object_ids/1", "/source_filters/AND/0", "/x"]);

        let text =
            r#"{"object_ids": ["a"], "source_filters": {"AND": [{"field": "n", "operator": "gt", "value": true}]}}"#;
        let filter = TriggerRequest::from_json(text).unwrap().filter().unwrap().unwrap();
        let error = Schema::open().check(&filter).unwrap_err();
        let place = &error.diagnostics()[0].place;
        assert_eq!(place.pointer.as_deref(), Some("/source_filters/AND/0/value"));
        assert_eq!(&text[place.span.clone().unwrap()], "true");
    }

    #[test]
    fn ids_keep_their_letter_case_under_any_root() {
        let parser = Parser::new().ignore_case(true);
        let request =
            TriggerRequest::from_json_with(&parser, r#"{"object_ids": ["A"], "source_filters": {"x": "A"}}"#).unwrap();
        let predicate = Schema::open().check(&request.filter().unwrap().unwrap()).unwrap();
        let canonical = predicate.to_filter().to_string();
        assert!(canonical.contains(r#"{"field":"object_id","operator":"eq","value":"A","case_sensitive":true}"#));
        assert!(canonical.contains(r#"{"field":"x","operator":"eq","value":"a","case_sensitive":false}"#));
    }
}
