//! Values and their equality and order: rules D2, D3, D4 and T3 of [`semantics`](crate::semantics).

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

use serde::{Serialize, Serializer};
use smol_str::SmolStr;

use crate::fold::has_case;

/// A finite number: an `i64` or `u64` where it is written as an integer in that range, else an `f64` (D2).
///
/// Equality, order and hash are those of the mathematical values, with no lossy cast: `5 == 5.0`,
/// `-0.0 == 0`, and `9007199254740993 > 9007199254740992.0`.
///
/// ```
/// use trommel::Number;
///
/// let exact = Number::from(9_007_199_254_740_993_i64);
/// let float = Number::from_f64(9_007_199_254_740_992.0).unwrap();
/// assert!(exact > float);
/// assert_eq!(Number::from(5), Number::from_f64(5.0).unwrap());
/// ```
#[derive(Clone, Copy)]
pub struct Number(Repr);

#[derive(Clone, Copy)]
enum Repr {
    Int(i64),
    /// INVARIANT: greater than `i64::MAX`.
    UInt(u64),
    /// INVARIANT: finite.
    Float(f64),
}

const TWO_POW_63: f64 = 9_223_372_036_854_775_808.0;
const TWO_POW_64: f64 = 18_446_744_073_709_551_616.0;

impl Number {
    /// The number of a finite `f64`; `None` for NaN and the infinities.
    #[must_use]
    pub fn from_f64(value: f64) -> Option<Number> {
        value.is_finite().then_some(Number(Repr::Float(value)))
    }

    /// The number that `serde_json` read; `None` where it has no finite `f64` (D2: that makes a document unreadable).
    #[must_use]
    pub fn from_json(number: &serde_json::Number) -> Option<Number> {
        match (number.as_i64(), number.as_u64()) {
            (Some(int), _) => Some(Number::from(int)),
            (None, Some(int)) => Some(Number::from(int)),
            (None, None) => Number::from_f64(number.as_f64()?),
        }
    }

    /// The value, if it is a mathematical integer in the range of `i64`, however it was written.
    #[must_use]
    pub fn as_i64(self) -> Option<i64> {
        i64::try_from(self.integer()?).ok()
    }

    /// The value, if it is a mathematical integer in the range of `u64`, however it was written.
    #[must_use]
    pub fn as_u64(self) -> Option<u64> {
        u64::try_from(self.integer()?).ok()
    }

    /// The nearest `f64`. Lossy for integers past 2^53: never compare through it.
    #[must_use]
    pub fn to_f64_lossy(self) -> f64 {
        match self.0 {
            Repr::Int(int) => int as f64,
            Repr::UInt(int) => int as f64,
            Repr::Float(float) => float,
        }
    }

    /// Whether the value is a mathematical integer, of any size.
    #[must_use]
    pub fn is_integer(self) -> bool {
        match self.0 {
            Repr::Int(_) | Repr::UInt(_) => true,
            Repr::Float(float) => float.fract() == 0.0,
        }
    }

    /// The one spelling of this value: an integer of `i64` or `u64` where it is one, so that `5.0` becomes `5`.
    #[must_use]
    pub fn canonical(self) -> Number {
        match self.integer() {
            Some(int) => match (i64::try_from(int), u64::try_from(int)) {
                (Ok(int), _) => Number::from(int),
                (Err(_), Ok(int)) => Number::from(int),
                (Err(_), Err(_)) => self,
            },
            None => self,
        }
    }

    /// The value if it is an integer within `i64` or `u64`.
    pub(crate) fn integer(self) -> Option<i128> {
        match self.0 {
            Repr::Int(int) => Some(int.into()),
            Repr::UInt(int) => Some(int.into()),
            Repr::Float(float) if float.fract() == 0.0 && (-TWO_POW_63..TWO_POW_64).contains(&float) => {
                Some(float as i128) // exact: an integer of less than 65 bits
            }
            Repr::Float(_) => None,
        }
    }
}

/// Compares an integer with a finite float exactly.
fn compare_int_float(int: i128, float: f64) -> Ordering {
    if float >= TWO_POW_64 {
        return Ordering::Less;
    }
    if float < -TWO_POW_63 {
        return Ordering::Greater;
    }
    let whole = float.trunc();
    // Equal whole parts: what is left of the float decides.
    int.cmp(&(whole as i128)).then_with(|| 0.0_f64.total_cmp(&(float - whole + 0.0)))
}

impl From<i64> for Number {
    fn from(int: i64) -> Number {
        Number(Repr::Int(int))
    }
}

impl From<i32> for Number {
    fn from(int: i32) -> Number {
        Number(Repr::Int(int.into()))
    }
}

impl From<u64> for Number {
    fn from(int: u64) -> Number {
        match i64::try_from(int) {
            Ok(int) => Number(Repr::Int(int)),
            Err(_) => Number(Repr::UInt(int)),
        }
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Number) -> Ordering {
        match (self.0, other.0) {
            (Repr::Int(a), Repr::Int(b)) => a.cmp(&b),
            (Repr::UInt(a), Repr::UInt(b)) => a.cmp(&b),
            (Repr::Int(_), Repr::UInt(_)) => Ordering::Less,
            (Repr::UInt(_), Repr::Int(_)) => Ordering::Greater,
            // `+ 0.0` makes -0.0 a 0.0; both are finite, so this is the numeric order.
            (Repr::Float(a), Repr::Float(b)) => (a + 0.0).total_cmp(&(b + 0.0)),
            (Repr::Int(a), Repr::Float(b)) => compare_int_float(a.into(), b),
            (Repr::UInt(a), Repr::Float(b)) => compare_int_float(a.into(), b),
            (Repr::Float(a), Repr::Int(b)) => compare_int_float(b.into(), a).reverse(),
            (Repr::Float(a), Repr::UInt(b)) => compare_int_float(b.into(), a).reverse(),
        }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Number) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Number) -> bool {
        match (self.0, other.0) {
            (Repr::Int(a), Repr::Int(b)) => a == b,
            _ => self.cmp(other) == Ordering::Equal,
        }
    }
}

impl Eq for Number {}

impl Hash for Number {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self.canonical().0 {
            Repr::Int(int) => int.hash(state),
            Repr::UInt(int) => int.hash(state),
            Repr::Float(float) => float.to_bits().hash(state),
        }
    }
}

impl fmt::Display for Number {
    /// The shortest text that reads back, as `serde_json` writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Repr::Int(int) => int.fmt(f),
            Repr::UInt(int) => int.fmt(f),
            Repr::Float(float) => match serde_json::Number::from_f64(float) {
                Some(number) => number.fmt(f),
                None => float.fmt(f),
            },
        }
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Repr::Int(int) => serializer.serialize_i64(int),
            Repr::UInt(int) => serializer.serialize_u64(int),
            Repr::Float(float) => serializer.serialize_f64(float),
        }
    }
}

/// A string of a filter. A short one, of up to 23 bytes, is held in place, which spares most ids an allocation; a longer
/// one is shared. Cloning is cheap.
///
/// ```
/// use trommel::Str;
///
/// let string = Str::from("obj_0123456789abcdef");
/// assert!(string.starts_with("obj_"));
/// assert_eq!(string, "obj_0123456789abcdef");
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Str(SmolStr);

impl Deref for Str {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Str {
    fn as_ref(&self) -> &str {
        self
    }
}

impl PartialEq<str> for Str {
    fn eq(&self, other: &str) -> bool {
        **self == *other
    }
}

impl PartialEq<&str> for Str {
    fn eq(&self, other: &&str) -> bool {
        **self == **other
    }
}

impl Borrow<str> for Str {
    fn borrow(&self) -> &str {
        self
    }
}

impl From<&str> for Str {
    fn from(string: &str) -> Str {
        Str(string.into())
    }
}

impl From<String> for Str {
    fn from(string: String) -> Str {
        Str(string.into())
    }
}

impl fmt::Display for Str {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl fmt::Debug for Str {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

/// A scalar or null: what an operand is made of.
///
/// Types never coerce: `true != 1` (D4). Strings compare by code point (D3), which is the byte order of UTF-8
/// and so the order of `str`. The order across types (null, booleans, numbers, strings) has no meaning in the
/// language; it only makes sorting total.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// JSON null.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string; cheap to clone, so that a filter and what is compiled from it share it.
    String(Str),
}

impl Value {
    /// The scalar that a JSON value is; `None` for arrays and objects, and for a number without a finite `f64`.
    #[must_use]
    pub fn from_json(value: &serde_json::Value) -> Option<Value> {
        match value {
            serde_json::Value::Null => Some(Value::Null),
            serde_json::Value::Bool(bool) => Some(Value::Bool(*bool)),
            serde_json::Value::Number(number) => Number::from_json(number).map(Value::Number),
            serde_json::Value::String(string) => Some(Value::String(string.as_str().into())),
            serde_json::Value::Array(_) | serde_json::Value::Object(_) => None,
        }
    }

    /// Whether letter case can matter to a comparison with it.
    pub(crate) fn is_cased(&self) -> bool {
        matches!(self, Value::String(string) if has_case(string))
    }

    /// The name of the value's JSON type, for messages.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Value {
    /// The value as JSON.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("null"),
            Value::Bool(bool) => bool.fmt(f),
            Value::Number(number) => fmt::Display::fmt(number, f),
            Value::String(string) => write_json_string(f, string),
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(bool) => serializer.serialize_bool(*bool),
            Value::Number(number) => number.serialize(serializer),
            Value::String(string) => serializer.serialize_str(string),
        }
    }
}

/// Writes `string` as a JSON string, escaping what JSON requires and nothing else.
pub(crate) fn write_json_string(out: &mut dyn fmt::Write, string: &str) -> fmt::Result {
    out.write_char('"')?;
    let mut plain = 0;
    for (at, byte) in string.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0x08 => "\\b",
            0x0c => "\\f",
            0..=0x1f => {
                out.write_str(&string[plain..at])?;
                write!(out, "\\u{byte:04x}")?;
                plain = at + 1;
                continue;
            }
            _ => continue,
        };
        out.write_str(&string[plain..at])?;
        out.write_str(escape)?;
        plain = at + 1;
    }
    out.write_str(&string[plain..])?;
    out.write_char('"')
}

/// Writes a value as JSON on one line, without recursion.
pub(crate) fn write_json(f: &mut dyn fmt::Write, value: &serde_json::Value) -> fmt::Result {
    enum Next<'d> {
        Value(&'d serde_json::Value),
        Member(&'d str, &'d serde_json::Value),
        Text(&'static str),
    }
    let mut stack = vec![Next::Value(value)];
    while let Some(next) = stack.pop() {
        let value = match next {
            Next::Value(value) => value,
            Next::Member(key, value) => {
                write_json_string(f, key)?;
                f.write_str(":")?;
                value
            }
            Next::Text(text) => {
                f.write_str(text)?;
                continue;
            }
        };
        // What comes first goes onto the stack last.
        match value {
            serde_json::Value::Array(elements) => {
                f.write_str("[")?;
                stack.push(Next::Text("]"));
                for (at, element) in elements.iter().enumerate().rev() {
                    stack.push(Next::Value(element));
                    stack.extend((at > 0).then_some(Next::Text(",")));
                }
            }
            serde_json::Value::Object(members) => {
                f.write_str("{")?;
                stack.push(Next::Text("}"));
                for (at, (key, member)) in members.iter().enumerate().rev() {
                    stack.push(Next::Member(key, member));
                    stack.extend((at > 0).then_some(Next::Text(",")));
                }
            }
            serde_json::Value::Null
            | serde_json::Value::Bool(_)
            | serde_json::Value::Number(_)
            | serde_json::Value::String(_) => write!(f, "{value}")?,
        }
    }
    Ok(())
}

impl From<bool> for Value {
    fn from(bool: bool) -> Value {
        Value::Bool(bool)
    }
}

impl<N: Into<Number>> From<N> for Value {
    fn from(number: N) -> Value {
        Value::Number(number.into())
    }
}

impl From<&str> for Value {
    fn from(string: &str) -> Value {
        Value::String(string.into())
    }
}

impl From<String> for Value {
    fn from(string: String) -> Value {
        Value::String(string.into())
    }
}

/// A point in time, in microseconds since 1970-01-01T00:00:00Z (T2, T3).
///
/// ```
/// use trommel::Instant;
///
/// let zulu = Instant::parse("2024-03-01T12:00:00Z").unwrap();
/// assert_eq!(Instant::parse("2024-03-01T13:00:00+01:00"), Some(zulu));
/// assert_eq!(Instant::parse("2024-03-01T12:00:00"), Some(zulu)); // without an offset it is UTC
/// assert_eq!(Instant::parse("2024-03-01T12:00:00.0000009Z"), Some(zulu)); // cut, not rounded
/// assert_eq!(Instant::parse("2024-03-01t12:00:00z"), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(i64);

const MICROS_A_SECOND: i64 = 1_000_000;
const SECONDS_A_DAY: i64 = 86_400;

impl Instant {
    /// Reads `YYYY-MM-DDThh:mm:ss[.f]` with `Z`, an offset, or neither (UTC). `None` for anything else: `t`, `z` or
    /// a space for `T`, second 60, a year outside 0001 to 9999. Digits past the sixth are cut from the text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Instant> {
        let bytes = text.as_bytes();
        let (date, rest) = bytes.split_at_checked(10)?;
        let (time, rest) = rest.split_at_checked(9)?;
        let days = days(date)?;
        let [b'T', h1, h2, b':', m1, m2, b':', s1, s2] = *time else { return None };
        let seconds = hour_minute([h1, h2], [m1, m2])? + below(60, [s1, s2])?;
        let (micros, rest) = fraction(rest)?;
        let offset = match *rest {
            [] | [b'Z'] => 0,
            [b'+', h1, h2, b':', m1, m2] => hour_minute([h1, h2], [m1, m2])?,
            [b'-', h1, h2, b':', m1, m2] => -hour_minute([h1, h2], [m1, m2])?,
            _ => return None,
        };
        Some(Instant((days * SECONDS_A_DAY + seconds - offset) * MICROS_A_SECOND + micros))
    }

    /// Reads a date alone, `YYYY-MM-DD`, as its midnight UTC: an operand of the ordering operators (T2).
    #[must_use]
    pub fn parse_date(text: &str) -> Option<Instant> {
        Some(Instant(days(text.as_bytes())? * SECONDS_A_DAY * MICROS_A_SECOND))
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn as_micros(self) -> i64 {
        self.0
    }
}

/// Days since 1970-01-01 of `YYYY-MM-DD`, if there is such a date in the years 0001 to 9999.
fn days(date: &[u8]) -> Option<i64> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *date else { return None };
    let year = below(100, [y1, y2])? * 100 + below(100, [y3, y4])?;
    let (month, day) = (below(100, [m1, m2])?, below(100, [d1, d2])?);
    if year == 0 {
        return None;
    }
    let date = jiff::civil::Date::new(year.try_into().ok()?, month.try_into().ok()?, day.try_into().ok()?).ok()?;
    Some(date.duration_since(EPOCH).as_secs() / SECONDS_A_DAY)
}

const EPOCH: jiff::civil::Date = jiff::civil::date(1970, 1, 1);

/// The number of two digits, if it is less than `bound`.
fn below(bound: i64, digits: [u8; 2]) -> Option<i64> {
    let [tens, ones] = digits;
    let number = i64::from(tens.is_ascii_digit().then(|| tens - b'0')?) * 10
        + i64::from(ones.is_ascii_digit().then(|| ones - b'0')?);
    (number < bound).then_some(number)
}

/// Seconds of an hour below 24 and a minute below 60.
fn hour_minute(hour: [u8; 2], minute: [u8; 2]) -> Option<i64> {
    Some(below(24, hour)? * 3600 + below(60, minute)? * 60)
}

/// Reads `.` and at least one digit, or nothing; gives microseconds and the rest.
fn fraction(rest: &[u8]) -> Option<(i64, &[u8])> {
    let Some((b'.', digits)) = rest.split_first() else { return Some((0, rest)) };
    let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if count == 0 {
        return None;
    }
    let micros = (0..6).fold(0, |micros, place| {
        let digit = if place < count { digits[place] - b'0' } else { 0 };
        micros * 10 + i64::from(digit)
    });
    Some((micros, &digits[count..]))
}

impl fmt::Display for Instant {
    /// RFC 3339 in UTC, with microseconds only where there are any. An instant whose UTC year is outside 0001 to
    /// 9999 (which only an offset can reach) is written with the widest offset, so that the text reads back.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const WIDEST: i64 = (23 * 60 + 59) * 60;
        const FIRST: i64 = -62_135_596_800; // 0001-01-01T00:00:00Z
        const LAST: i64 = 253_402_300_799; // 9999-12-31T23:59:59Z
        let (seconds, micros) = (self.0.div_euclid(MICROS_A_SECOND), self.0.rem_euclid(MICROS_A_SECOND));
        let (local, offset) = match seconds {
            _ if seconds > LAST => (seconds - WIDEST, "-23:59"),
            _ if seconds < FIRST => (seconds + WIDEST, "+23:59"),
            _ => (seconds, "Z"),
        };
        let (day, second) = (local.div_euclid(SECONDS_A_DAY), local.rem_euclid(SECONDS_A_DAY));
        // INVARIANT: `local` lies in the years 0001 to 9999, which jiff's `Date` holds.
        let date = EPOCH.saturating_add(jiff::Span::new().days(day));
        write!(f, "{date}T{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)?;
        if micros != 0 {
            write!(f, ".{micros:06}")?;
        }
        f.write_str(offset)
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn float(value: f64) -> Number {
        Number::from_f64(value).expect("finite")
    }

    #[test]
    fn numbers_compare_by_mathematical_value() {
        let ascending = [
            float(f64::MIN),
            float(-9_223_372_036_854_777_856.0), // the float below i64::MIN
            Number::from(i64::MIN),
            Number::from(i64::MIN + 1),
            Number::from(-1),
            float(-0.5),
            float(-5e-324),
            Number::from(0),
            float(5e-324),
            float(0.5),
            Number::from(1),
            float(9_007_199_254_740_992.0),
            Number::from(9_007_199_254_740_993_i64),
            Number::from(i64::MAX),
            float(9_223_372_036_854_775_808.0),
            Number::from(9_223_372_036_854_775_809_u64),
            Number::from(u64::MAX),
            float(18_446_744_073_709_551_616.0),
            float(f64::MAX),
        ];
        for (i, a) in ascending.iter().enumerate() {
            for (j, b) in ascending.iter().enumerate() {
                assert_eq!(a.cmp(b), i.cmp(&j), "{a} and {b}");
            }
        }
    }

    #[test]
    fn a_value_is_no_larger_than_its_string() {
        assert_eq!(size_of::<Value>(), size_of::<Str>());
    }

    #[test]
    fn equal_numbers_hash_alike() {
        use std::hash::BuildHasher;
        let state = std::hash::RandomState::new();
        for (a, b) in [
            (Number::from(5), float(5.0)),
            (Number::from(0), float(-0.0)),
            (Number::from(i64::MIN), float(-9_223_372_036_854_775_808.0)),
            (Number::from(9_223_372_036_854_775_808_u64), float(9_223_372_036_854_775_808.0)),
        ] {
            assert_eq!(a, b);
            assert_eq!(state.hash_one(a), state.hash_one(b));
        }
    }

    #[test]
    fn instants_print_and_read_back() {
        for text in [
            "0001-01-01T00:00:00+23:59",
            "0001-01-01T00:00:00Z",
            "1969-12-31T23:59:59.999999Z",
            "2024-02-29T23:59:59.5-00:30",
            "9999-12-31T23:59:59.999999-23:59",
        ] {
            let instant = Instant::parse(text).expect(text);
            assert_eq!(Instant::parse(&instant.to_string()), Some(instant), "{text} {instant}");
        }
        let cut = Instant::parse("1969-12-31T23:59:59.9999999Z").map(Instant::as_micros);
        assert_eq!(cut, Some(-1));
    }

    #[test]
    fn what_is_no_instant() {
        for text in [
            "",
            "2024-01-01",
            "2024-01-01 00:00:00Z",
            "2024-01-01T00:00:60Z",
            "2024-01-01T24:00:00Z",
            "2023-02-29T00:00:00Z",
            "0000-01-01T00:00:00Z",
            "2024-01-01T00:00:00.Z",
            "2024-01-01T00:00:00+24:00",
            "2024-01-01T00:00:00+0100",
            "2024-01-01T00:00Z",
            "+2024-01-01T00:00:00Z",
            "2024-01-01T00:00:00Zé",
            "２024-01-01T00:00:00Z",
            "2024-01-01T00:00:00ZZ",
        ] {
            assert_eq!(Instant::parse(text), None, "{text}");
        }
    }
}
