//! Indexes that were not built with our mapping, in three forms: text, raw and tokenised; one type a field; JSON. What is
//! promised of a field is found out from the documents, so it always holds, and as often as not nothing can be.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;
use trommel::backend::tantivy::{ForeignField, ForeignIndex, ForeignMapping};
use trommel::conformance::{Answer, BoxError, Question, Subject, Suite, Tally};
use trommel::tantivy::schema::{
    DateOptions, DateTimePrecision, FAST, Field, INDEXED, JsonObjectOptions, NumericOptions, OwnedValue, STORED,
    SchemaBuilder, TextFieldIndexing, TextOptions,
};
use trommel::tantivy::time::format_description::well_known::Rfc3339;
use trommel::tantivy::time::{OffsetDateTime, UtcOffset};
use trommel::tantivy::{DateTime, Index, IndexReader, TantivyDocument};
use trommel::{Instant, Number, Path, lower};

use super::super::agree::{agree, one_type_a_field, seed};
use super::super::suite::gaps;
use super::store::{NUMBER, Segments, matching, put, tallied};

mod traps;

/// How the fields of an index are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Text,
    Typed,
    /// Raw, with `fast`, `expand_dots`, and strings that stay strings.
    Json,
    /// Raw, without all that.
    JsonOfDates,
    /// Tokenised.
    JsonOfTokens,
}

/// Longer strings are not whole in an index.
const SHORT: usize = 65_000;

/// A real index as a subject of the suite.
pub(crate) struct Store {
    form: Form,
    segments: Segments,
    /// Whether it is promised of each field that it holds every value.
    lies: bool,
    tally: Tally,
    filled: Option<Filled>,
}

struct Filled {
    documents: Vec<Json>,
    backend: ForeignIndex,
    reader: IndexReader,
}

impl Store {
    pub(crate) fn new(form: Form, segments: Segments) -> Store {
        Store { form, segments, lies: false, tally: Tally::default(), filled: None }
    }

    fn filled(&mut self, documents: &[Json]) -> Result<&Filled, BoxError> {
        if self.filled.as_ref().is_none_or(|filled| filled.documents != documents) {
            self.filled = Some(fill(self, documents)?);
        }
        Ok(self.filled.as_ref().unwrap())
    }
}

impl Subject for Store {
    fn name(&self) -> &str {
        "tantivy, foreign"
    }

    fn answer(&mut self, question: &Question<'_>) -> Result<Answer, BoxError> {
        let predicate = question.schema().check(question.filter())?;
        let filled = self.filled(question.documents())?;
        let lowered = lower(&filled.backend, &predicate)?;
        let found = matching(&filled.reader, &filled.backend.query(&lowered)?)?;
        tallied(&mut self.tally, &lowered);
        Ok(Answer::Matches(found))
    }
}

/// Adds the values of one field of an index to a document.
type Adds = Box<dyn Fn(&Json, &mut TantivyDocument)>;

/// The fields of an index as they come to be.
struct Making {
    fields: SchemaBuilder,
    mapping: ForeignMapping,
    adds: Vec<Adds>,
    lies: bool,
}

fn fill(store: &Store, documents: &[Json]) -> Result<Filled, BoxError> {
    let (fields, mapping) = (SchemaBuilder::default(), ForeignMapping::new().document("source"));
    let mut making = Making { fields, mapping, adds: Vec::new(), lies: store.lies };
    let number = making.fields.add_u64_field(NUMBER, NumericOptions::from(FAST | INDEXED));
    let source = making.fields.add_text_field("source", STORED);
    match store.form {
        Form::Text => paths(documents).iter().enumerate().for_each(|(at, path)| making.text(at, path, documents)),
        Form::Typed => paths(documents).iter().enumerate().for_each(|(at, path)| making.typed(at, path, documents)),
        Form::Json | Form::JsonOfDates | Form::JsonOfTokens => making.json(store.form, documents),
    }
    let index = Index::create_in_ram(making.fields.build());
    let reader = put(&index, number, store.segments, documents, |document| {
        let mut made = TantivyDocument::new();
        made.add_text(source, document.to_string());
        making.adds.iter().for_each(|add| add(document, &mut made));
        Ok(made)
    })?;
    let backend = ForeignIndex::new(&making.mapping, &index)?;
    Ok(Filled { documents: documents.to_vec(), backend, reader })
}

/// All paths of one key or two.
fn paths(documents: &[Json]) -> Vec<Path> {
    let mut paths: BTreeSet<Vec<&str>> = BTreeSet::new();
    for (key, member) in documents.iter().filter_map(Json::as_object).flatten() {
        paths.insert(vec![key]);
        let below = member.as_array().map_or(std::slice::from_ref(member), Vec::as_slice);
        paths.extend(below.iter().filter_map(Json::as_object).flatten().map(|(second, _)| vec![&**key, second]));
    }
    paths.into_iter().map(|keys| Path::from_keys(keys).unwrap()).collect()
}

fn values<'d>(path: &'d Path, documents: &'d [Json]) -> impl Iterator<Item = &'d Json> {
    documents.iter().flat_map(|document| path.values(document)).filter(|value| !value.is_null())
}

impl Making {
    /// A field whose values `read` makes of those at the path; `whole` if it does of all. Nothing else is in it.
    fn field<T: 'static>(
        &mut self,
        path: &Path,
        (name, field): (&str, Field),
        documents: &[Json],
        read: impl Fn(&Json) -> Option<T> + 'static,
        add: fn(&mut TantivyDocument, Field, T),
    ) {
        let mut foreign = ForeignField::new(name).only();
        if self.lies || values(path, documents).all(|value| read(value).is_some()) {
            foreign = foreign.whole();
        }
        if values(path, documents).filter_map(Json::as_str).all(|string| string.len() <= SHORT) {
            foreign = foreign.short();
        }
        self.mapping = std::mem::take(&mut self.mapping).field(path.written(), foreign).unwrap();
        let path = path.clone();
        self.adds.push(Box::new(move |document, made| {
            path.values(document).filter_map(&read).for_each(|value| add(made, field, value));
        }));
    }

    fn text(&mut self, at: usize, path: &Path, documents: &[Json]) {
        let read = |value: &Json| value.as_str().map(str::to_owned);
        let add = |made: &mut TantivyDocument, field: Field, text: String| made.add_text(field, text);
        // Dots in names of fields mean paths to some of tantivy's own queries.
        let forms = [
            ("raw", format!("raw.{at}"), at.is_multiple_of(3)),
            ("default", format!("tokens{at}"), at.is_multiple_of(2)),
        ];
        for (tokenizer, name, is_fast) in forms {
            let mut options = TextOptions::default();
            // Some are in a column alone.
            if tokenizer == "raw" || at % 7 != 4 {
                let indexing = TextFieldIndexing::default().set_tokenizer(tokenizer);
                options = options.set_indexing_options(indexing);
            }
            if is_fast {
                options = options.set_fast("raw");
            }
            // Of every fifth path there are tokens alone.
            if tokenizer == "raw" && at % 5 == 4 {
                continue;
            }
            let field = self.fields.add_text_field(&name, options);
            self.field(path, (&name, field), documents, read, add);
        }
    }

    fn typed(&mut self, at: usize, path: &Path, documents: &[Json]) {
        let name = &*format!("of.type{at}");
        let numbers = [NumericOptions::from(INDEXED | FAST), INDEXED.into(), FAST.into()][at % 3].clone();
        let all = |test: &dyn Fn(&Json) -> bool| values(path, documents).all(test);
        if all(&|value| value.is_u64()) {
            let field = self.fields.add_u64_field(name, numbers);
            self.field(path, (name, field), documents, Json::as_u64, TantivyDocument::add_u64);
        } else if all(&|value| value.is_i64()) {
            let field = self.fields.add_i64_field(name, numbers);
            self.field(path, (name, field), documents, Json::as_i64, TantivyDocument::add_i64);
        } else if all(&Json::is_number) {
            let field = self.fields.add_f64_field(name, numbers);
            let exact = |value: &Json| {
                let (float, number) = (value.as_f64()?, Number::from_json(value.as_number()?)?);
                (Number::from_f64(float)? == number).then_some(float)
            };
            self.field(path, (name, field), documents, exact, TantivyDocument::add_f64);
        } else if all(&Json::is_boolean) {
            let field = self.fields.add_bool_field(name, numbers);
            self.field(path, (name, field), documents, Json::as_bool, TantivyDocument::add_bool);
        } else if values(path, documents).any(|value| date(value).is_some()) {
            let precisions = [
                DateTimePrecision::Nanoseconds,
                DateTimePrecision::Seconds,
                DateTimePrecision::Microseconds,
                DateTimePrecision::Milliseconds,
            ];
            let mut options = DateOptions::default().set_precision(precisions[at % 4]);
            if at % 3 != 2 {
                options = options.set_indexed();
            }
            if at % 3 != 1 {
                options = options.set_fast();
            }
            let field = self.fields.add_date_field(name, options);
            self.field(path, (name, field), documents, date, TantivyDocument::add_date);
        } else {
            self.text(at, path, documents);
        }
    }

    /// The whole document in one field.
    fn json(&mut self, form: Form, documents: &[Json]) {
        let indexing = TextFieldIndexing::default();
        let indexing = if form == Form::JsonOfTokens { indexing } else { indexing.set_tokenizer("raw") };
        let mut options = JsonObjectOptions::default().set_indexing_options(indexing);
        let mut foreign = ForeignField::new("doc").whole().only();
        if form == Form::Json {
            options = options.set_fast("raw").set_expand_dots_enabled();
            foreign = foreign.verbatim();
        }
        if documents.iter().all(is_plain) {
            foreign = foreign.plain();
        }
        if documents.iter().all(|document| document.to_string().len() <= SHORT) {
            foreign = foreign.short();
        }
        self.mapping = std::mem::take(&mut self.mapping).whole_document(foreign);
        let field = self.fields.add_json_field("doc", options);
        self.adds.push(Box::new(move |document, made| {
            let OwnedValue::Object(object) = owned(document, form != Form::Json) else { return };
            made.add_object(field, BTreeMap::from_iter(object));
        }));
    }
}

/// An instant of the law, with the nanoseconds that were written, where tantivy can hold it.
fn date(value: &Json) -> Option<DateTime> {
    let text = value.as_str()?;
    let micros = Instant::parse(text)?.as_micros();
    let digits = text.split_once('.').map_or("", |(_, rest)| rest).bytes().take_while(u8::is_ascii_digit);
    let nanos = digits.skip(6).chain(*b"000").take(3).fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    Some(DateTime::from_timestamp_nanos(micros.checked_mul(1_000)?.checked_add(nanos)?))
}

/// A value for a JSON field. `OwnedValue::from` makes a date of each string that looks like one, and panics at the edge of
/// the years.
fn owned(value: &Json, has_dates: bool) -> OwnedValue {
    match value {
        Json::String(text) => {
            let date = OffsetDateTime::parse(text, &Rfc3339).ok().filter(|_| has_dates);
            let date = date.and_then(|date| date.checked_to_offset(UtcOffset::UTC)).and_then(DateTime::try_from_utc);
            date.map_or_else(|| OwnedValue::Str(text.clone()), OwnedValue::Date)
        }
        Json::Array(elements) => OwnedValue::Array(elements.iter().map(|element| owned(element, has_dates)).collect()),
        Json::Object(members) => {
            OwnedValue::Object(members.iter().map(|(key, member)| (key.clone(), owned(member, has_dates))).collect())
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => OwnedValue::from(value.clone()),
    }
}

fn is_plain(value: &Json) -> bool {
    match value {
        Json::Array(elements) => elements.iter().all(|element| !element.is_array() && is_plain(element)),
        Json::Object(members) => {
            members.iter().all(|(key, member)| !key.contains(['.', '\0', '\u{1}']) && is_plain(member))
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => true,
    }
}

/// The same documents with plain keys, and without arrays in arrays.
pub(crate) fn plain(documents: Vec<Json>) -> Vec<Json> {
    fn one(value: Json) -> Json {
        match value {
            Json::Array(elements) => {
                let flat = elements.into_iter().filter(|element| !element.is_array());
                Json::Array(flat.map(one).collect())
            }
            Json::Object(members) => {
                let plain = |key: &str| key.replace(['.', '\0', '\u{1}'], "_");
                Json::Object(members.into_iter().map(|(key, member)| (plain(&key), one(member))).collect())
            }
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => value,
        }
    }
    documents.into_iter().map(one).collect()
}

/// Documents each of whose fields is of one type, which its name decides.
fn of_types(documents: Vec<Json>) -> Vec<Json> {
    one_type_a_field(documents, |kind, value| match kind % 7 {
        0 => value.is_u64(),
        1 => value.is_i64(),
        2 => value.is_number(),
        3 => value.is_f64() || value.is_i64(),
        4 => value.is_boolean(),
        5 => date(value).is_some(),
        _ => value.is_string(),
    })
}

fn of_strings(documents: Vec<Json>) -> Vec<Json> {
    one_type_a_field(documents, |kind, value| kind % 5 == 0 || value.is_string())
}

/// How many filters each form is asked.
const FILTERS: usize = 1_000;

/// Asks filters of a form; at least so many percent of them are exact, and pushed at all.
fn agrees(form: Form, segments: Segments, shape: fn(Vec<Json>) -> Vec<Json>, [exact, pushed]: [usize; 2]) {
    let mut store = Store::new(form, segments);
    agree(&mut store, FILTERS, 32 + form as u8 * 3 + segments as u8, shape);
    let tally = store.tally;
    println!("tantivy, foreign, {form:?} {segments:?}: {tally:?}");
    assert!(tally.exact * 100 >= exact * 2 * FILTERS, "{tally:?}");
    assert!((tally.exact + tally.rechecked) * 100 >= pushed * 2 * FILTERS, "{tally:?}");
    assert!(tally.scanned > 0);
}

/// Whatever the fields are like, and whatever a question is about.
fn passes(form: Form, segments: Segments) {
    let mut store = Store::new(form, segments);
    let report = Suite::new().gaps(gaps()).generated(50).seed(seed()).run(&mut store);
    println!("foreign {form:?} {segments:?}: {} verdicts, {:?}", report.verdicts, store.tally);
    assert!(report.passed(), "{report}");
    assert!(store.tally.exact > 100, "{:?}", store.tally);
}

#[test]
fn text_passes_the_suite() {
    passes(Form::Text, Segments::One);
}

#[test]
fn types_pass_the_suite() {
    passes(Form::Typed, Segments::Several);
}

#[test]
fn json_passes_the_suite() {
    passes(Form::Json, Segments::Merged);
}

fn as_they_come(documents: Vec<Json>) -> Vec<Json> {
    documents
}

#[test]
fn text_as_it_comes() {
    agrees(Form::Text, Segments::Several, as_they_come, [10, 25]);
}

#[test]
fn text_of_strings() {
    agrees(Form::Text, Segments::Merged, of_strings, [15, 30]);
}

#[test]
fn types_as_they_come() {
    agrees(Form::Typed, Segments::One, as_they_come, [12, 25]);
}

#[test]
fn one_type_each() {
    agrees(Form::Typed, Segments::Several, of_types, [35, 50]);
}

#[test]
fn json_as_it_comes() {
    agrees(Form::Json, Segments::One, as_they_come, [8, 30]);
}

#[test]
fn json_that_is_plain() {
    agrees(Form::Json, Segments::Several, plain, [50, 75]);
}

#[test]
fn json_of_dates() {
    agrees(Form::JsonOfDates, Segments::Merged, plain, [25, 50]);
}

#[test]
fn json_of_tokens() {
    agrees(Form::JsonOfTokens, Segments::Several, plain, [20, 35]);
}

#[test]
#[should_panic(expected = "matches: ")]
fn a_promise_that_does_not_hold_is_found() {
    let mut store = Store { lies: true, ..Store::new(Form::Typed, Segments::Several) };
    agree(&mut store, 400, 64, as_they_come);
}
