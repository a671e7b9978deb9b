//! The lexical level, in nom: blanks, words, paths, operators, operands.
//!
//! Each function reads one thing from the start of its input. An error tells the furthest place that any alternative
//! reached, and what could have stood there: nom's own error keeps the last alternative, which is rarely the one meant.

use nom::branch::alt;
use nom::bytes::complete::take_while1;
use nom::character::complete::{anychar, char, multispace0};
use nom::combinator::{cut, map, map_opt, recognize};
use nom::error::{ErrorKind, ParseError};
use nom::multi::many0_count;
use nom::sequence::{delimited, preceded};
use nom::{Err, IResult, Parser as _};

use crate::filter::{Keyword, is_bare};
use crate::operator::Operator;
use crate::parse::reader::{BadNumber, Reader, Scalar, Token};
use crate::value::Value;

pub(super) type Parsed<'i, T> = IResult<&'i str, T, Expected<'i>>;

/// What could have stood somewhere: a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct What(u32);

impl What {
    pub(super) const NOTHING: What = What(0);
    pub(super) const CONDITION: What = What(1);
    pub(super) const OPERATOR: What = What(1 << 1);
    pub(super) const OPERAND: What = What(1 << 2);
    pub(super) const KEY: What = What(1 << 3);
    pub(super) const AND: What = What(1 << 4);
    pub(super) const OR: What = What(1 << 5);
    pub(super) const COMMA: What = What(1 << 6);
    pub(super) const OPEN: What = What(1 << 7);
    pub(super) const CLOSE: What = What(1 << 8);
    pub(super) const CLOSE_SQUARE: What = What(1 << 9);
    pub(super) const DYNAMIC: What = What(1 << 10);
    pub(super) const WITH: What = What(1 << 11);
    pub(super) const IN: What = What(1 << 12);
    pub(super) const EXISTS: What = What(1 << 13);
    pub(super) const NOT: What = What(1 << 14);
    pub(super) const NULL: What = What(1 << 15);
    pub(super) const END: What = What(1 << 16);

    /// The words for each, by its bit.
    const NAMES: [&'static str; 17] = [
        "a condition",
        "an operator",
        "an operand",
        "a key",
        "`AND`",
        "`OR`",
        "`,`",
        "`(`",
        "`)`",
        "`]`",
        "`$`",
        "`WITH`",
        "`IN`",
        "`EXISTS`",
        "`NOT`",
        "`NULL`",
        "the end",
    ];

    pub(super) const fn or(self, other: What) -> What {
        What(self.0 | other.0)
    }

    pub(super) fn names(self) -> impl Iterator<Item = &'static str> {
        What::NAMES.into_iter().enumerate().filter(move |(bit, _)| self.0 & 1 << bit != 0).map(|(_, name)| name)
    }
}

/// The furthest place that an alternative reached, and what could have stood there.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Expected<'i> {
    /// What is left of the input at that place.
    pub(super) rest: &'i str,
    pub(super) what: What,
    /// What is wrong with it, where there is more to say.
    pub(super) message: Option<String>,
}

impl<'i> Expected<'i> {
    fn error(rest: &'i str, what: What) -> Err<Expected<'i>> {
        Err::Error(Expected { rest, what, message: None })
    }
}

impl<'i> ParseError<&'i str> for Expected<'i> {
    fn from_error_kind(rest: &'i str, _: ErrorKind) -> Expected<'i> {
        Expected { rest, what: What::NOTHING, message: None }
    }

    fn append(_: &'i str, _: ErrorKind, other: Expected<'i>) -> Expected<'i> {
        other
    }

    fn or(self, other: Expected<'i>) -> Expected<'i> {
        match self.rest.len().cmp(&other.rest.len()) {
            std::cmp::Ordering::Less => self,
            std::cmp::Ordering::Greater => other,
            std::cmp::Ordering::Equal => Expected { what: self.what.or(other.what), ..self },
        }
    }
}

/// What an error says, whether it lets another alternative be tried or not.
pub(super) fn expected(error: Err<Expected<'_>>) -> Expected<'_> {
    match error {
        Err::Error(expected) | Err::Failure(expected) => expected,
        // The parsers here are complete: they never ask for more input.
        Err::Incomplete(_) => Expected { rest: "", what: What::NOTHING, message: None },
    }
}

/// The same parser, whose errors tell what it would have read.
fn labelled<'i, T>(
    what: What,
    mut parser: impl nom::Parser<&'i str, Output = T, Error = Expected<'i>>,
) -> impl FnMut(&'i str) -> Parsed<'i, T> {
    move |input| {
        parser.parse(input).map_err(|error| match error {
            Err::Error(_) => Expected::error(input, what),
            other => other,
        })
    }
}

/// `blank = { " " | "\t" | "\n" | "\r" }`
pub(super) fn blank(input: &str) -> &str {
    let skipped: Parsed<'_, &str> = multispace0(input);
    skipped.map_or(input, |(rest, _)| rest)
}

/// `word = one or more of [\p{Alphabetic}\p{N}_-]`
pub(super) fn word(input: &str) -> Parsed<'_, &str> {
    take_while1(is_bare)(input)
}

pub(super) fn keyword(input: &str) -> Parsed<'_, Keyword> {
    map_opt(word, Keyword::of).parse(input)
}

/// This keyword, labelled `what`, after blanks.
fn the<'i>(wanted: Keyword, what: What) -> impl FnMut(&'i str) -> Parsed<'i, Keyword> {
    move |input| {
        let input = blank(input);
        match keyword(input) {
            Ok((rest, found)) if found == wanted => Ok((rest, found)),
            _ => Result::Err(Expected::error(input, what)),
        }
    }
}

/// A run of the characters that operators are made of, here or elsewhere: so `==` is one mistake, not `=` and another.
pub(super) fn symbol(input: &str) -> Parsed<'_, &str> {
    take_while1(|c| matches!(c, '=' | '!' | '<' | '>' | '~' | ':' | '&' | '|'))(input)
}

/// `path = key {"." key}`
pub(super) fn path(input: &str) -> Parsed<'_, &str> {
    recognize((key, many0_count(preceded(char('.'), cut(key))))).parse(input)
}

/// `key = quoted | word`
fn key(input: &str) -> Parsed<'_, &str> {
    labelled(What::KEY, alt((word, quoted)))(input)
}

/// `quoted = '"' { any character but '"' and "\" | "\" any character } '"'`: what may follow a backslash, P1 says.
fn quoted(input: &str) -> Parsed<'_, &str> {
    let plain = take_while1(|c| !matches!(c, '"' | '\\'));
    let escaped = recognize((char('\\'), anychar));
    recognize(delimited(char('"'), many0_count(alt((plain, escaped))), char('"'))).parse(input)
}

/// What was meant as a path, as far as one can tell: to say what is wrong with it, and to go on after it.
pub(super) fn would_be_path(input: &str) -> &str {
    let piece = alt((quoted, take_while1(|c| is_bare(c) || matches!(c, '.' | '[' | ']'))));
    let run: Parsed<'_, &str> = recognize(many0_count(piece)).parse(input);
    match run {
        // A quote that is never closed takes all that follows.
        Ok((rest, _)) if rest.starts_with('"') => input,
        Ok((_, run)) => run,
        Result::Err(_) => "",
    }
}

/// An operator as read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Asked {
    /// An operator that an operand follows.
    With(Operator),
    /// `EXISTS`, `IS NULL`, and whether it is that or the complement.
    Whether(Operator, bool),
}

/// ```text
/// operator = "=" | "!=" | ">" | ">=" | "<" | "<=" | "CONTAINS" | "STARTS" "WITH" | "ENDS" "WITH" | "MATCHES" | "TEXT"
///          | ["NOT"] "IN" | ["NOT"] "EXISTS" | "IS" ["NOT"] "NULL"
/// ```
pub(super) fn operator(input: &str) -> Parsed<'_, Asked> {
    alt((map(comparison, Asked::With), operator_in_words)).parse(input)
}

fn comparison(input: &str) -> Parsed<'_, Operator> {
    let of_symbol = |symbol: &str| match symbol {
        "=" => Some(Operator::Eq),
        "!=" => Some(Operator::Ne),
        ">" => Some(Operator::Gt),
        ">=" => Some(Operator::Gte),
        "<" => Some(Operator::Lt),
        "<=" => Some(Operator::Lte),
        _ => None,
    };
    labelled(What::OPERATOR, map_opt(symbol, of_symbol))(input)
}

fn operator_in_words(input: &str) -> Parsed<'_, Asked> {
    let (rest, first) = labelled(What::OPERATOR, keyword)(input)?;
    let with = || the(Keyword::With, What::WITH);
    match first {
        Keyword::Contains => Ok((rest, Asked::With(Operator::Contains))),
        Keyword::Matches => Ok((rest, Asked::With(Operator::Regex))),
        Keyword::Text => Ok((rest, Asked::With(Operator::Text))),
        Keyword::In => Ok((rest, Asked::With(Operator::In))),
        Keyword::Exists => Ok((rest, Asked::Whether(Operator::Exists, true))),
        Keyword::Starts => map(with(), |_| Asked::With(Operator::StartsWith)).parse(rest),
        Keyword::Ends => map(with(), |_| Asked::With(Operator::EndsWith)).parse(rest),
        Keyword::Not => {
            let is_in = map(the(Keyword::In, What::IN), |_| Asked::With(Operator::Nin));
            let exists = map(the(Keyword::Exists, What::EXISTS), |_| Asked::Whether(Operator::Exists, false));
            alt((is_in, exists)).parse(rest)
        }
        Keyword::Is => {
            let null = || the(Keyword::Null, What::NULL);
            let is_null = map(null(), |_| Asked::Whether(Operator::IsNull, true));
            let not = preceded(the(Keyword::Not, What::NOT), cut(null()));
            alt((is_null, map(not, |_| Asked::Whether(Operator::IsNull, false)))).parse(rest)
        }
        Keyword::And
        | Keyword::Or
        | Keyword::All
        | Keyword::Any
        | Keyword::None
        | Keyword::Case
        | Keyword::NoCase
        | Keyword::With
        | Keyword::Null
        | Keyword::True
        | Keyword::False => Result::Err(Expected::error(input, What::OPERATOR)),
    }
}

/// An operand as read. A number may be one that cannot be kept.
#[derive(Debug, PartialEq)]
pub(super) enum Literal<'i> {
    Value(Value),
    BadNumber(BadNumber),
    /// The path of a dynamic value.
    Dynamic(&'i str),
}

/// `operand = JSON string | JSON number | "true" | "false" | "null" | "$" path`
pub(super) fn operand(input: &str) -> Parsed<'_, Literal<'_>> {
    // The first character decides: of 100,000 ids, none is tried as something else.
    match input.as_bytes().first() {
        Some(b'"') => string(input),
        Some(b'-' | b'0'..=b'9') => number(input),
        Some(b'$') => dynamic(input),
        _ => labelled(What::OPERAND, constant)(input),
    }
}

/// By the reader of JSON, so that the two languages cannot differ in their escapes.
fn string(input: &str) -> Parsed<'_, Literal<'_>> {
    match read_json(input) {
        Ok((used, literal)) => Ok((&input[used..], literal)),
        Result::Err((at, message)) => {
            let rest = input.get(at..).unwrap_or_default();
            Result::Err(Err::Failure(Expected { rest, what: What::NOTHING, message: Some(message) }))
        }
    }
}

/// By the reader of JSON: nom's own `double` takes `nan` and `1.`, and reads integers as floats.
fn number(input: &str) -> Parsed<'_, Literal<'_>> {
    if let Ok((used, literal)) = read_json(input)
        && !input[used..].starts_with(goes_on_in_number)
    {
        return Ok((&input[used..], literal));
    }
    Result::Err(Expected::error(input, What::OPERAND))
}

/// A run that begins like a number, up to what ends a word: so `2024-01-01` is one mistake.
pub(super) fn would_be_number(input: &str) -> Parsed<'_, &str> {
    if !input.starts_with(|c| begins_number(c) || matches!(c, '+' | '.')) {
        return Result::Err(Expected::error(input, What::OPERAND));
    }
    take_while1(goes_on_in_number)(input)
}

fn begins_number(c: char) -> bool {
    c.is_ascii_digit() || c == '-'
}

fn goes_on_in_number(c: char) -> bool {
    is_bare(c) || matches!(c, '+' | '.' | ':')
}

/// What is wrong with a run that is no number, as the reader of JSON says it.
pub(super) fn why_no_number(run: &str) -> Option<String> {
    read_json(run).err().map(|(_, message)| message)
}

/// A scalar at the start of the input, and the bytes that it takes; or where it is wrong, and why.
fn read_json(input: &str) -> Result<(usize, Literal<'static>), (usize, String)> {
    match Reader::new(input).next() {
        Ok(Some((Token::Scalar(scalar), span))) => {
            let literal = match &scalar {
                Scalar::BadNumber(bad) => Literal::BadNumber(*bad),
                good => good.to_value().map_or_else(Literal::BadNumber, Literal::Value),
            };
            Ok((span.range().map_or(0, |range| range.end), literal))
        }
        Ok(_) => Result::Err((0, "expected a string or a number".to_owned())),
        Result::Err(error) => Result::Err((error.at, error.message)),
    }
}

fn constant(input: &str) -> Parsed<'_, Literal<'_>> {
    let of_keyword = |keyword| match keyword {
        Keyword::True => Some(Literal::Value(Value::Bool(true))),
        Keyword::False => Some(Literal::Value(Value::Bool(false))),
        Keyword::Null => Some(Literal::Value(Value::Null)),
        _ => None,
    };
    map_opt(keyword, of_keyword).parse(input)
}

fn dynamic(input: &str) -> Parsed<'_, Literal<'_>> {
    map(preceded(char('$'), cut(path)), Literal::Dynamic).parse(input)
}
