//! A pull reader of JSON (RFC 8259) with an explicit stack: it gives places, keeps duplicate keys, tells an integer out
//! of range from a float, and reads any depth in constant stack.
//!
//! Two others were measured. `jiter` is quick, but brings twelve more crates, big integers among them; `struson` takes
//! about as long as `serde_json` takes for a whole `Value`, five times as long as `jiter`.

use crate::filter::Span;
use crate::value::{Number, Value};

/// A piece of JSON.
#[derive(Debug, PartialEq)]
pub(crate) enum Token<'t> {
    BeginObject,
    EndObject,
    BeginArray,
    EndArray,
    Key(&'t str),
    Scalar(Scalar<'t>),
}

/// A scalar or null, as read.
#[derive(Debug, PartialEq)]
pub(crate) enum Scalar<'t> {
    Null,
    Bool(bool),
    Number(Number),
    /// A number that cannot be kept, and why: an integer outside `i64` and `u64`, or no finite `f64`.
    BadNumber(BadNumber),
    String(&'t str),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum BadNumber {
    IntegerRange,
    NotFinite,
}

impl Scalar<'_> {
    /// The value, unless it is a bad number.
    pub(crate) fn to_value(&self) -> Result<Value, BadNumber> {
        match self {
            Scalar::Null => Ok(Value::Null),
            Scalar::Bool(bool) => Ok(Value::Bool(*bool)),
            Scalar::Number(number) => Ok(Value::Number(*number)),
            Scalar::BadNumber(bad) => Err(*bad),
            Scalar::String(string) => Ok(Value::String((*string).into())),
        }
    }
}

/// A mistake in the JSON itself: what was wrong, and the byte offset.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SyntaxError {
    pub(crate) message: String,
    pub(crate) at: usize,
}

/// Reads `input` token by token. `None` comes after the one value, and only once everything after it is blank.
#[derive(Debug)]
pub(crate) struct Reader<'i> {
    input: &'i str,
    bytes: &'i [u8],
    at: usize,
    /// Where the last token began and ended.
    start: usize,
    end: usize,
    state: State,
    /// The containers that are open: whether each is an object.
    open: BitStack,
    /// The last string that had escapes in it.
    scratch: String,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    /// A value, the first of all or after a colon or a comma.
    Value,
    /// A value or the end of a list that has just begun.
    FirstValue,
    /// A key or the end of an object that has just begun.
    FirstKey,
    /// A value is complete: a comma, the end of its container, or the end of the input.
    After,
}

impl<'i> Reader<'i> {
    pub(crate) fn new(input: &'i str) -> Reader<'i> {
        // A byte order mark is no part of the JSON (RFC 8259, section 8.1, lets a reader ignore it).
        let at = if input.starts_with('\u{FEFF}') { '\u{FEFF}'.len_utf8() } else { 0 };
        Reader {
            input,
            bytes: input.as_bytes(),
            at,
            start: at,
            end: at,
            state: State::Value,
            open: BitStack::default(),
            scratch: String::new(),
        }
    }

    /// The next token and its place.
    ///
    /// # Errors
    /// Where the input is no JSON; nothing may be read after that.
    // What comes next is settled by what came before: inlined with its parts, the two are one jump, which
    // saves a tenth of the reading.
    #[inline(always)]
    pub(crate) fn next(&mut self) -> Result<Option<(Token<'_>, Span)>, Box<SyntaxError>> {
        self.skip_blank();
        self.start = self.at;
        let event = match self.state {
            State::Value => self.value()?,
            State::FirstValue if self.peek() == Some(b']') => self.end(Event::EndArray),
            State::FirstValue => self.value()?,
            State::FirstKey if self.peek() == Some(b'}') => self.end(Event::EndObject),
            State::FirstKey => self.key()?,
            State::After => match self.after()? {
                Some(event) => event,
                None => return Ok(None),
            },
        };
        let token = match event {
            Event::BeginObject => Token::BeginObject,
            Event::EndObject => Token::EndObject,
            Event::BeginArray => Token::BeginArray,
            Event::EndArray => Token::EndArray,
            Event::Key(found) => Token::Key(self.text(found)),
            Event::String(found) => Token::Scalar(Scalar::String(self.text(found))),
            Event::Scalar(scalar) => Token::Scalar(scalar),
        };
        Ok(Some((token, Span::new(self.start, self.end))))
    }

    /// What comes after a complete value.
    #[inline(always)]
    fn after(&mut self) -> Result<Option<Event>, Box<SyntaxError>> {
        match (self.open.last(), self.peek()) {
            (None, None) => Ok(None),
            (None, Some(_)) => self.fail("there is something after the end"),
            (Some(true), Some(b'}')) => Ok(Some(self.end(Event::EndObject))),
            (Some(false), Some(b']')) => Ok(Some(self.end(Event::EndArray))),
            (Some(is_object), Some(b',')) => {
                self.at += 1;
                self.skip_blank();
                self.start = self.at;
                if is_object { self.key() } else { self.value() }.map(Some)
            }
            (Some(true), _) => self.fail("expected `,` or `}`"),
            (Some(false), _) => self.fail("expected `,` or `]`"),
        }
    }

    fn end(&mut self, event: Event) -> Event {
        self.at += 1;
        self.end = self.at;
        self.open.pop();
        self.state = State::After;
        event
    }

    #[inline(always)]
    fn key(&mut self) -> Result<Event, Box<SyntaxError>> {
        if self.peek() != Some(b'"') {
            return self.fail("expected a key in double quotes");
        }
        let found = self.string()?;
        self.end = self.at;
        self.skip_blank();
        if self.peek() != Some(b':') {
            return self.fail("expected `:`");
        }
        self.at += 1;
        self.state = State::Value;
        Ok(Event::Key(found))
    }

    #[inline(always)]
    fn value(&mut self) -> Result<Event, Box<SyntaxError>> {
        self.state = State::After;
        let scalar = match self.peek() {
            Some(b'{') => {
                self.at += 1;
                self.end = self.at;
                self.open.push(true);
                self.state = State::FirstKey;
                return Ok(Event::BeginObject);
            }
            Some(b'[') => {
                self.at += 1;
                self.end = self.at;
                self.open.push(false);
                self.state = State::FirstValue;
                return Ok(Event::BeginArray);
            }
            Some(b'"') => {
                let found = self.string()?;
                self.end = self.at;
                return Ok(Event::String(found));
            }
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.word("true", Scalar::Bool(true))?,
            Some(b'f') => self.word("false", Scalar::Bool(false))?,
            Some(b'n') => self.word("null", Scalar::Null)?,
            Some(_) => return self.fail("expected a JSON value"),
            None => return self.fail("the text ends where a JSON value was expected"),
        };
        self.end = self.at;
        Ok(Event::Scalar(scalar))
    }

    fn word(&mut self, word: &str, scalar: Scalar<'static>) -> Result<Scalar<'static>, Box<SyntaxError>> {
        if self.bytes[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            return Ok(scalar);
        }
        self.fail("expected a JSON value")
    }

    fn number(&mut self) -> Result<Scalar<'static>, Box<SyntaxError>> {
        let start = self.at;
        let negative = self.peek() == Some(b'-');
        self.at += usize::from(negative);
        let digits_start = self.at;
        match self.digits() {
            0 => return self.fail("expected a digit"),
            1 => {}
            _ if self.bytes[digits_start] == b'0' => {
                self.at = digits_start;
                return self.fail("a number does not begin with a zero and another digit");
            }
            _ => {}
        }
        let mut is_integer = true;
        if self.peek() == Some(b'.') {
            is_integer = false;
            self.at += 1;
            if self.digits() == 0 {
                return self.fail("expected a digit after the decimal point");
            }
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            is_integer = false;
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            if self.digits() == 0 {
                return self.fail("expected a digit in the exponent");
            }
        }
        let text = &self.input[start..self.at];
        if is_integer {
            let number = text.parse::<i64>().map(Number::from).or_else(|_| text.parse::<u64>().map(Number::from));
            return Ok(number.map_or(Scalar::BadNumber(BadNumber::IntegerRange), Scalar::Number));
        }
        // Rust's own parser rounds correctly (D2).
        let number = text.parse::<f64>().ok().and_then(Number::from_f64);
        Ok(number.map_or(Scalar::BadNumber(BadNumber::NotFinite), Scalar::Number))
    }

    /// Skips digits; tells how many.
    fn digits(&mut self) -> usize {
        let count = self.bytes[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        count
    }

    /// Reads a string from its opening quote: where its text is.
    fn string(&mut self) -> Result<Found, Box<SyntaxError>> {
        self.at += 1;
        let start = self.at;
        self.plain();
        if self.peek() == Some(b'"') {
            self.at += 1;
            return Ok(Found::Input(start, self.at - 1));
        }
        self.scratch.clear();
        let mut plain = start;
        loop {
            self.scratch.push_str(&self.input[plain..self.at]);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Found::Scratch);
                }
                Some(b'\\') => {
                    let c = self.escape()?;
                    self.scratch.push(c);
                }
                Some(_) => return self.fail("a control character in a string must be escaped"),
                None => return self.fail("the text ends inside a string"),
            }
            plain = self.at;
            self.plain();
        }
    }

    /// Skips what stands for itself in a string.
    fn plain(&mut self) {
        while let Some(chunk) = self.bytes[self.at..].first_chunk() {
            let stops = stops(*chunk);
            self.at += stops.trailing_zeros() as usize / 8;
            if stops != 0 {
                return;
            }
        }
        let stops = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
        let rest = &self.bytes[self.at..];
        self.at += rest.iter().position(stops).unwrap_or(rest.len());
    }

    fn escape(&mut self) -> Result<char, Box<SyntaxError>> {
        let start = self.at;
        self.at += 1;
        let c = match self.peek() {
            Some(c @ (b'"' | b'\\' | b'/')) => c.into(),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                let unit = self.hex()?;
                return match unit {
                    0xD800..=0xDBFF if self.bytes[self.at..].starts_with(b"\\u") => {
                        self.at += 2;
                        let low = self.hex()?;
                        self.decode(start, &[unit, low])
                    }
                    unit => self.decode(start, &[unit]),
                };
            }
            _ => {
                self.at = start;
                return self.fail("no such escape in a JSON string");
            }
        };
        self.at += 1;
        Ok(c)
    }

    /// The one character of these UTF-16 units.
    fn decode(&mut self, start: usize, units: &[u16]) -> Result<char, Box<SyntaxError>> {
        let mut chars = char::decode_utf16(units.iter().copied());
        match (chars.next(), chars.next()) {
            (Some(Ok(c)), None) => Ok(c),
            _ => {
                self.at = start;
                self.fail("half of a surrogate pair is no character")
            }
        }
    }

    fn hex(&mut self) -> Result<u16, Box<SyntaxError>> {
        let digits = self.bytes.get(self.at..self.at + 4).unwrap_or_default();
        let is_hex = !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit);
        let unit = is_hex.then(|| std::str::from_utf8(digits).ok()).flatten();
        match unit.and_then(|digits| u16::from_str_radix(digits, 16).ok()) {
            Some(unit) => {
                self.at += 4;
                Ok(unit)
            }
            None => self.fail("expected four hexadecimal digits"),
        }
    }

    fn text(&self, found: Found) -> &str {
        match found {
            Found::Input(start, end) => &self.input[start..end],
            Found::Scratch => &self.scratch,
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_blank(&mut self) {
        if self.peek().is_some_and(|byte| byte > b' ') {
            return;
        }
        let blank = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        self.at += self.bytes[self.at..].iter().take_while(blank).count();
    }

    #[cold]
    fn fail<T>(&self, message: &str) -> Result<T, Box<SyntaxError>> {
        Err(Box::new(SyntaxError { message: message.to_owned(), at: self.at }))
    }
}

/// Finds what ends the plain part of a string in eight bytes at once: the lowest bit that is set is the high bit of the
/// first quote, backslash or control character. A borrow may set bits above it, which mean nothing.
fn stops(chunk: [u8; 8]) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    let word = u64::from_le_bytes(chunk);
    let below = |word: u64, bound: u8| word.wrapping_sub(ONES * u64::from(bound)) & !word & (ONES << 7);
    let is = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    is(b'"') | is(b'\\') | below(word, 0x20)
}

/// A token whose text, if it has one, is still where it was found.
enum Event {
    BeginObject,
    EndObject,
    BeginArray,
    EndArray,
    Key(Found),
    String(Found),
    Scalar(Scalar<'static>),
}

/// Where the text of a string is.
#[derive(Clone, Copy)]
enum Found {
    Input(usize, usize),
    Scratch,
}

/// A stack of booleans, one bit each: 100 MB of `[` take 12.5 MB, and what is usual takes no allocation.
#[derive(Debug, Default)]
struct BitStack {
    /// The last up to 64, the last of all as the lowest bit.
    top: u64,
    /// Those before them, 64 each.
    below: Vec<u64>,
    len: usize,
}

impl BitStack {
    fn push(&mut self, bit: bool) {
        if self.len > 0 && self.len.is_multiple_of(64) {
            self.below.push(self.top);
        }
        self.top = (self.top << 1) | u64::from(bit);
        self.len += 1;
    }

    fn pop(&mut self) {
        self.len = self.len.saturating_sub(1);
        self.top >>= 1;
        if self.len > 0 && self.len.is_multiple_of(64) {
            self.top = self.below.pop().unwrap_or_default();
        }
    }

    fn last(&self) -> Option<bool> {
        (self.len > 0).then_some(self.top & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_stop_of_eight_bytes_is_found_wherever_it_is() {
        let is_stop = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
        // Beside the stops, one bit away from them, and past ASCII.
        let before = [b' ', b'!', b'#', b'[', 0x7f, 0x80, 0x9f, 0xa2, 0xdc, 0xff];
        let after = [0, 0x1f, b'"', b'\\', b'#', 0x80, 0xa2, 0xff];
        for at in 0..8 {
            for (before, after, byte) in before.iter().flat_map(|before| {
                after.iter().flat_map(move |after| (0..=u8::MAX).map(move |byte| (*before, *after, byte)))
            }) {
                let mut chunk = [after; 8];
                chunk[..at].fill(before);
                chunk[at] = byte;
                let expected = chunk.iter().position(|byte| is_stop(*byte)).unwrap_or(8);
                assert_eq!(stops(chunk).trailing_zeros() as usize / 8, expected, "{chunk:x?}");
            }
        }
    }

    #[test]
    fn a_string_ends_at_its_quote_whatever_stands_before_it() {
        for pad in ["x", "é", "¢", "\u{212A}", "\u{10FFFF}"] {
            for text in (0..20).map(|count| pad.repeat(count)).chain((0..20).map(|count| "x".repeat(count) + pad)) {
                let json = format!("\"{text}\"");
                let string = Token::Scalar(Scalar::String(&text));
                assert_eq!(Reader::new(&json).next(), Ok(Some((string, Span::new(0, json.len())))));
                let escaped = format!("\"{text}\\n{text}\"");
                let whole = format!("{text}\n{text}");
                let string = Token::Scalar(Scalar::String(&whole));
                assert_eq!(Reader::new(&escaped).next(), Ok(Some((string, Span::new(0, escaped.len())))));
                let error = Reader::new(&format!("\"{text}\u{1}\"")).next().unwrap_err();
                assert_eq!(error.at, 1 + text.len());
            }
        }
    }
}
