//! The sources of JSON: text, a [`serde_json::Value`], and anybody's `Deserializer`. Each feeds the same machine.

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value as Json;

use super::machine::{Machine, Stop};
use super::reader::{BadNumber, Reader, Scalar, SyntaxError, Token};
use super::{Parser, Sink};
use crate::error::{Code, Diagnostic, Diagnostics, Error, Place};
use crate::filter::{Filter, Span};
use crate::limits::Limit;
use crate::value::Number;

impl Parser {
    /// Reads a filter from JSON text. See [`parse::json`](crate::parse::json).
    ///
    /// # Errors
    /// Every mistake of form, each with its code and place. A limit that is passed ends the reading.
    pub fn json(&self, input: impl AsRef<[u8]>) -> Result<Filter, Error> {
        finish(self.json_with_mistakes(input.as_ref()))
    }

    /// Reads a filter from a JSON value. Duplicate keys cannot be refused here, nor an integer past `u64`: the reader
    /// that made the value has lost them. No recursion, whatever is nested.
    ///
    /// # Errors
    /// Every mistake of form, each with its code and JSON Pointer. A limit that is passed ends the reading.
    pub fn value(&self, value: &Json) -> Result<Filter, Error> {
        let mut machine = self.machine("");
        // A stop has been noted in the machine.
        let _: Result<(), Stop> = feed_value(value, &mut machine);
        finish(machine.finish())
    }

    /// What is understood of a text, and every mistake in it.
    pub(crate) fn json_with_mistakes(&self, input: &[u8]) -> (Filter, Diagnostics) {
        let mut machine = self.machine("");
        match self.utf8(input) {
            Ok(text) => {
                let _: Result<(), Stop> = machine.count_input(input.len());
                // A condition as most write it takes some fifty bytes; one that is shorter makes the tree grow. A long text
                // is given more room, as a vector that grows holds both copies; a short one less, as an allocator is
                // slower from a kilobyte on.
                let nodes = if input.len() < 1024 { input.len() / 32 + 2 } else { input.len() / 16 };
                machine.tree().reserve(nodes, input.len() / 48);
                let mut reader = Reader::new(text);
                if feed_text(&mut reader, &mut machine).is_ok()
                    && let Err(error) = reader.next()
                {
                    machine.diagnostics().push_last(syntax(&error));
                }
            }
            Err(diagnostic) => machine.diagnostics().push(*diagnostic),
        }
        machine.finish()
    }

    #[inline(always)]
    pub(crate) fn machine(&self, prefix: &'static str) -> Machine {
        Machine::new(&self.limits, self.ignore_case, prefix)
    }

    /// The text of an input within the limit.
    pub(crate) fn utf8<'i>(&self, input: &'i [u8]) -> Result<&'i str, Box<Diagnostic>> {
        if input.len() > self.limits.get(Limit::Input) {
            return Err(Box::new(Diagnostic::limit(Limit::Input, input.len(), &self.limits)));
        }
        utf8(input)
    }
}

/// The text of an input.
pub(super) fn utf8(input: &[u8]) -> Result<&str, Box<Diagnostic>> {
    std::str::from_utf8(input).map_err(|error| {
        let at = error.valid_up_to();
        Box::new(syntax(&SyntaxError { message: "the text is not UTF-8".to_owned(), at }))
    })
}

fn finish((filter, diagnostics): (Filter, Diagnostics)) -> Result<Filter, Error> {
    diagnostics.into_error().map_or(Ok(filter), Err)
}

pub(crate) fn syntax(error: &SyntaxError) -> Diagnostic {
    let place = Place { pointer: None, span: Some(error.at..error.at) };
    Diagnostic::error(Code::Syntax, error.message.clone()).at(place)
}

/// Feeds one JSON value from a text. A mistake in the JSON itself is noted, and ends the reading.
pub(crate) fn feed_text(reader: &mut Reader<'_>, sink: &mut impl Sink) -> Result<(), Stop> {
    let mut open = 0_usize;
    loop {
        let (token, span) = match reader.next() {
            Ok(Some(next)) => next,
            Ok(None) => return Ok(()),
            Err(error) => {
                return Err(sink.fail(syntax(&error)));
            }
        };
        match token {
            Token::BeginObject => {
                open += 1;
                sink.begin_object(span)?;
            }
            Token::BeginArray => {
                open += 1;
                sink.begin_array(span)?;
            }
            Token::EndObject | Token::EndArray => {
                open -= 1;
                sink.end(span)?;
            }
            Token::Key(key) => sink.key(key, span)?,
            Token::Scalar(scalar) => sink.scalar(&scalar, span)?,
        }
        if open == 0 {
            return Ok(());
        }
    }
}

/// Feeds a JSON value with a stack of its own.
pub(crate) fn feed_value(value: &Json, sink: &mut impl Sink) -> Result<(), Stop> {
    enum Open<'v> {
        Object(serde_json::map::Iter<'v>),
        Array(std::slice::Iter<'v, Json>),
    }
    let mut open: Vec<Open<'_>> = Vec::new();
    let mut next = Some(value);
    loop {
        match next.take() {
            Some(Json::Object(members)) => {
                sink.count_input(2)?;
                sink.begin_object(Span::NONE)?;
                open.push(Open::Object(members.iter()));
            }
            Some(Json::Array(elements)) => {
                sink.count_input(2)?;
                sink.begin_array(Span::NONE)?;
                open.push(Open::Array(elements.iter()));
            }
            Some(Json::Null) => scalar(sink, &Scalar::Null)?,
            Some(Json::Bool(bool)) => scalar(sink, &Scalar::Bool(*bool))?,
            Some(Json::String(string)) => scalar(sink, &Scalar::String(string))?,
            Some(Json::Number(number)) => {
                let number = Number::from_json(number).map_or(Scalar::BadNumber(BadNumber::NotFinite), Scalar::Number);
                scalar(sink, &number)?;
            }
            None => {}
        }
        match open.last_mut() {
            None => return Ok(()),
            Some(Open::Object(members)) => match members.next() {
                Some((key, member)) => {
                    sink.count_input(key.len() + 1)?;
                    sink.key(key, Span::NONE)?;
                    next = Some(member);
                }
                None => {
                    open.pop();
                    sink.end(Span::NONE)?;
                }
            },
            Some(Open::Array(elements)) => match elements.next() {
                Some(element) => next = Some(element),
                None => {
                    open.pop();
                    sink.end(Span::NONE)?;
                }
            },
        }
    }
}

fn scalar(sink: &mut impl Sink, scalar: &Scalar<'_>) -> Result<(), Stop> {
    let bytes = if let Scalar::String(string) = scalar { string.len() } else { 0 };
    sink.count_input(bytes + 1)?;
    sink.scalar(scalar, Span::NONE)
}

impl<'de> Deserialize<'de> for Filter {
    /// Reads a filter with the default limits, so that it can be a field of a request struct. The format must be
    /// self-describing. Its recursion limit is the caller's; there are no spans, and an integer past `u64` may reach
    /// this as a float: [`Parser::json`] sees more.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Filter, D::Error> {
        DeserializeSeed::deserialize(&Parser::new(), deserializer)
    }
}

impl<'de> DeserializeSeed<'de> for &Parser {
    type Value = Filter;

    /// The same as the `Deserialize` of [`Filter`], under this parser's limits and letter case.
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Filter, D::Error> {
        let mut machine = self.machine("");
        let fed = Feed { sink: &mut machine, level: 0 }.deserialize(deserializer);
        let (filter, diagnostics) = machine.finish();
        match diagnostics.into_error() {
            Some(error) => Err(D::Error::custom(error)),
            None => fed.map(|()| filter),
        }
    }
}

/// Feeds whatever a deserializer gives.
pub(crate) struct Feed<'m, S> {
    pub(crate) sink: &'m mut S,
    /// Brackets around it.
    pub(crate) level: usize,
}

/// How `serde_json` hands over a number where it was built with `arbitrary_precision`, which any crate of a build can ask
/// for: an object with this one key, and the number's text.
const PRIVATE_NUMBER: &str = "$serde_json::private::Number";

impl<S: Sink> Feed<'_, S> {
    /// A number as text.
    fn number<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        let mut reader = Reader::new(text);
        match reader.next() {
            Ok(Some((Token::Scalar(number), _))) => scalar(self.sink, &number).map_err(stopped),
            Ok(_) | Err(_) => Err(E::custom("expected a number")),
        }
    }

    fn inner(&mut self) -> Feed<'_, S> {
        Feed { sink: self.sink, level: self.level + 1 }
    }

    /// Each bracket is a level of the deserializer's recursion.
    fn hold_level<E: serde::de::Error>(&self) -> Result<(), E> {
        if self.level > self.sink.deepest() {
            Err(E::custom("limit `depth` passed: too many brackets"))
        } else {
            Ok(())
        }
    }
}

/// The error that a stop ends the deserializer with; what is reported is in the machine.
fn stopped<E: serde::de::Error>(_: Stop) -> E {
    E::custom("the filter was not read to its end")
}

impl<'de, S: Sink> DeserializeSeed<'de> for Feed<'_, S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, S: Sink> Visitor<'de> for Feed<'_, S> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a filter")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        scalar(self.sink, &Scalar::Null).map_err(stopped)
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<(), E> {
        self.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.deserialize(deserializer)
    }

    fn visit_bool<E: serde::de::Error>(self, bool: bool) -> Result<(), E> {
        scalar(self.sink, &Scalar::Bool(bool)).map_err(stopped)
    }

    fn visit_i64<E: serde::de::Error>(self, int: i64) -> Result<(), E> {
        scalar(self.sink, &Scalar::Number(int.into())).map_err(stopped)
    }

    fn visit_u64<E: serde::de::Error>(self, int: u64) -> Result<(), E> {
        scalar(self.sink, &Scalar::Number(int.into())).map_err(stopped)
    }

    fn visit_f64<E: serde::de::Error>(self, float: f64) -> Result<(), E> {
        let number = Number::from_f64(float).map_or(Scalar::BadNumber(BadNumber::NotFinite), Scalar::Number);
        scalar(self.sink, &number).map_err(stopped)
    }

    fn visit_i128<E: serde::de::Error>(self, int: i128) -> Result<(), E> {
        match (i64::try_from(int), u64::try_from(int)) {
            (Ok(int), _) => self.visit_i64(int),
            (Err(_), Ok(int)) => self.visit_u64(int),
            (Err(_), Err(_)) => scalar(self.sink, &Scalar::BadNumber(BadNumber::IntegerRange)).map_err(stopped),
        }
    }

    fn visit_u128<E: serde::de::Error>(self, int: u128) -> Result<(), E> {
        match u64::try_from(int) {
            Ok(int) => self.visit_u64(int),
            Err(_) => scalar(self.sink, &Scalar::BadNumber(BadNumber::IntegerRange)).map_err(stopped),
        }
    }

    fn visit_str<E: serde::de::Error>(self, string: &str) -> Result<(), E> {
        scalar(self.sink, &Scalar::String(string)).map_err(stopped)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut elements: A) -> Result<(), A::Error> {
        self.hold_level()?;
        self.sink.count_input(2).map_err(stopped)?;
        self.sink.begin_array(Span::NONE).map_err(stopped)?;
        while elements.next_element_seed(self.inner())?.is_some() {}
        self.sink.end(Span::NONE).map_err(stopped)
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        self.hold_level()?;
        let Some(first) = members.next_key::<String>()? else {
            self.sink.count_input(2).map_err(stopped)?;
            self.sink.begin_object(Span::NONE).map_err(stopped)?;
            return self.sink.end(Span::NONE).map_err(stopped);
        };
        if first == PRIVATE_NUMBER {
            return self.number(&members.next_value::<String>()?);
        }
        self.sink.count_input(2).map_err(stopped)?;
        self.sink.begin_object(Span::NONE).map_err(stopped)?;
        FeedKey(self.sink).visit_str(&first)?;
        members.next_value_seed(self.inner())?;
        while members.next_key_seed(FeedKey(self.sink))?.is_some() {
            members.next_value_seed(self.inner())?;
        }
        self.sink.end(Span::NONE).map_err(stopped)
    }
}

struct FeedKey<'m, S>(&'m mut S);

impl<'de, S: Sink> DeserializeSeed<'de> for FeedKey<'_, S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<S: Sink> Visitor<'_> for FeedKey<'_, S> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: serde::de::Error>(self, key: &str) -> Result<(), E> {
        self.0.count_input(key.len() + 1).map_err(stopped)?;
        self.0.key(key, Span::NONE).map_err(stopped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::de::value::{Error as ValueError, MapDeserializer};

    #[test]
    fn numbers_arrive_as_text_where_serde_json_keeps_them_so() {
        for (text, expected) in [("5.5", "5.5"), ("18446744073709551615", "18446744073709551615"), ("1e3", "1000.0")] {
            let number = MapDeserializer::<_, ValueError>::new([(PRIVATE_NUMBER, text)].into_iter());
            let mut machine = Parser::new().machine("");
            machine.begin_object(Span::NONE).unwrap();
            machine.key("a", Span::NONE).unwrap();
            Feed { sink: &mut machine, level: 1 }.deserialize(number).unwrap();
            machine.end(Span::NONE).unwrap();
            let (filter, diagnostics) = machine.finish();
            assert_eq!(diagnostics.into_error(), None);
            assert_eq!(filter.to_string(), format!(r#"{{"a":{expected}}}"#));
        }
    }
}
