//! The values that are known to cause trouble.

use serde_json::{Number, Value as Json};

use super::source::Source;

/// The plain keys first: most choices are among them, so that paths of filters and documents meet.
const KEYS: [&str; 16] =
    ["a", "b", "c", "n", "0", "a.b", "", "\"", "$", "value", "AND", "a b", "É", "\\", "[x]", "\u{1}~/"];
const PLAIN: usize = 4;

const INTEGERS: [i64; 14] = [
    0,
    1,
    5,
    2,
    -1,
    10,
    9_007_199_254_740_991,
    9_007_199_254_740_992,
    9_007_199_254_740_993,
    -9_007_199_254_740_993,
    i64::MAX,
    i64::MIN,
    i64::MAX - 1,
    i64::MIN + 1,
];
const UNSIGNED: [u64; 4] = [u64::MAX, u64::MAX - 1, 9_223_372_036_854_775_808, 9_223_372_036_854_775_809];
const FLOATS: [f64; 18] = [
    5.0,
    0.0,
    -0.0,
    1.0,
    5.5,
    0.1,
    -1.5,
    0.300_000_000_000_000_04,
    9_007_199_254_740_992.0,
    9_007_199_254_740_994.0,
    9_223_372_036_854_775_808.0,
    -9_223_372_036_854_775_808.0,
    18_446_744_073_709_551_616.0,
    1e22,
    5e-324,
    2.225_073_858_507_201_4e-308,
    f64::MAX,
    f64::MIN,
];

/// Pieces of strings: letters that fold oddly, what pattern languages give a meaning to, what other types look like.
const PIECES: [&str; 42] = [
    "a",
    "b",
    "A",
    "x",
    "k",
    "K",
    "\u{212A}",
    "s",
    "S",
    "ſ",
    "ß",
    "ẞ",
    "ss",
    "σ",
    "ς",
    "Σ",
    "i",
    "I",
    "İ",
    "ı",
    "é",
    "e\u{301}",
    "É",
    "5",
    "true",
    "null",
    " ",
    "-",
    "%",
    "_",
    "*",
    "?",
    "[",
    "\\",
    "\"",
    "\0",
    "\u{1F600}",
    "ﬁ",
    "½",
    "Ⅻ",
    ".",
    "٣",
];

/// Instants: spellings of a few, and texts that only look like one.
const INSTANTS: [&str; 18] = [
    "2024-03-01T12:00:00Z",
    "2024-03-01T13:00:00+01:00",
    "2024-03-01T12:00:00",
    "2024-03-01T12:00:00.000000Z",
    "2024-03-01T12:00:00.0000009Z",
    "2024-03-01T12:00:00.000001Z",
    "2024-03-01T11:59:59.9999999Z",
    "2024-03-01T12:00:00.5-00:30",
    "2024-02-29T00:00:00Z",
    "2024-03-01T00:00:00Z",
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59.999999Z",
    "9999-12-31T23:59:59-23:59",
    "1969-12-31T23:59:59.999999Z",
    "1970-01-01T00:00:00Z",
    "2024-03-01T12:00:00-12:00",
    "2024-03-01T24:00:00Z",
];
const VALID_INSTANTS: usize = 17;
/// So many of them are the same instant, or within a second of it.
const SAME_HOUR: usize = 7;
const LOOKALIKES: [&str; 9] = [
    "2024-03-01",
    "2024-03-01t12:00:00Z",
    "2024-03-01T12:00:00z",
    "2024-03-01 12:00:00Z",
    "2024-03-01T12:00:60Z",
    "0000-01-01T00:00:00Z",
    "2023-02-29T00:00:00Z",
    "2024-03-01T12:00Z",
    "2024-03-01T12:00:00+0100",
];

pub(super) fn key(source: &mut Source<'_>) -> &'static str {
    if source.one_in(4) { source.pick(&KEYS) } else { source.pick(&KEYS[..PLAIN]) }
}

pub(super) fn number(source: &mut Source<'_>) -> Json {
    match source.weighted(&[5, 4, 1]) {
        0 => Json::from(if source.one_in(3) { source.pick(&INTEGERS) } else { source.pick(&INTEGERS[..6]) }),
        1 => float(if source.one_in(2) { source.pick(&FLOATS) } else { source.pick(&FLOATS[..7]) }),
        _ => Json::from(source.pick(&UNSIGNED)),
    }
}

/// A float as JSON; zero for one that is not finite.
pub(super) fn float(float: f64) -> Json {
    Number::from_f64(float).map_or(Json::from(0), Json::Number)
}

pub(super) fn string(source: &mut Source<'_>) -> String {
    match source.weighted(&[12, 4, 1]) {
        0 => {
            let count = source.weighted(&[1, 6, 4, 2, 1]);
            (0..count)
                .map(|_| if source.one_in(2) { source.pick(&PIECES) } else { source.pick(&PIECES[..16]) })
                .collect()
        }
        1 => if source.one_in(4) { source.pick(&LOOKALIKES) } else { source.pick(&INSTANTS) }.to_owned(),
        _ => {
            let long = source.pick(&PIECES).repeat(100 + source.below(300));
            long + source.pick(&PIECES)
        }
    }
}

/// An instant that is one.
pub(super) fn instant(source: &mut Source<'_>) -> &'static str {
    source.pick(&INSTANTS[..VALID_INSTANTS])
}

pub(super) fn scalar(source: &mut Source<'_>) -> Json {
    match source.weighted(&[5, 6, 2]) {
        0 => number(source),
        1 => Json::String(string(source)),
        _ => Json::Bool(source.one_in(2)),
    }
}

/// A scalar that is nearly, or exactly, another one: a different spelling of the same number, the next number, the same
/// letters in another case, a part of a string, the number that a boolean is elsewhere.
pub(super) fn near(source: &mut Source<'_>, scalar: &Json) -> Json {
    match scalar {
        Json::Number(number) => near_number(source, number),
        Json::String(string) => Json::String(near_string(source, string)),
        Json::Bool(bool) => match source.below(3) {
            0 => Json::Bool(!bool),
            1 => Json::from(i64::from(*bool)),
            _ => Json::String(bool.to_string()),
        },
        Json::Null | Json::Array(_) | Json::Object(_) => Json::Null,
    }
}

fn near_number(source: &mut Source<'_>, number: &Number) -> Json {
    match (source.below(5), number.as_i64(), number.as_u64(), number.as_f64()) {
        (0, _, _, Some(as_float)) => float(as_float),
        (1, Some(int), _, _) => Json::from(int.saturating_add(1)),
        (2, Some(int), _, _) => Json::from(int.saturating_sub(1)),
        (1, None, Some(int), _) => Json::from(int.saturating_add(1)),
        (2, None, Some(int), _) => Json::from(int - 1),
        (1, None, None, Some(as_float)) => float(as_float.next_up()),
        (2, None, None, Some(as_float)) => float(as_float.next_down()),
        (3, _, _, _) => Json::String(number.to_string()),
        (_, _, _, Some(as_float)) if as_float.fract() == 0.0 && as_float.abs() < 1e15 => Json::from(as_float as i64),
        (_, _, _, _) => Json::Number(number.clone()),
    }
}

pub(super) fn near_string(source: &mut Source<'_>, string: &str) -> String {
    // Another spelling of the same instant, or an instant beside it.
    if string.starts_with("2024-03-01T1") && !source.one_in(4) {
        return source.pick(&INSTANTS[..SAME_HOUR]).to_owned();
    }
    match source.weighted(&[6, 1, 1, 1, 1, 1]) {
        0 => recased(source, string),
        1 => part(source, string).to_owned(),
        2 => format!("{string} "),
        3 => format!("{string}{}", source.pick(&PIECES)),
        4 => format!("{}{string}", source.pick(&PIECES)),
        _ => {
            let mut chars: Vec<char> = string.chars().collect();
            chars.pop();
            chars.into_iter().collect()
        }
    }
}

/// The same letters in another case: some of them folding together with the first ones, some only looking like it.
pub(super) fn recased(source: &mut Source<'_>, string: &str) -> String {
    let mut recased = String::new();
    // Under full case folding, `ß` and `ss` match each other; under simple case folding they do not (L2).
    if source.one_in(4) {
        return if string.contains("ss") { string.replace("ss", "ß") } else { string.replace(['ß', 'ẞ'], "ss") };
    }
    for c in string.chars() {
        let others: &[char] = match c {
            'k' | 'K' | '\u{212A}' => &['k', 'K', '\u{212A}'],
            's' | 'S' | 'ſ' => &['s', 'S', 'ſ'],
            'ß' | 'ẞ' => &['ß', 'ẞ'],
            'σ' | 'ς' | 'Σ' => &['σ', 'ς', 'Σ'],
            'i' | 'I' | 'İ' | 'ı' => &['i', 'I', 'İ', 'ı'],
            _ => &[],
        };
        match others {
            [] if source.one_in(2) => recased.extend(c.to_uppercase()),
            [] => recased.extend(c.to_lowercase()),
            others => recased.push(source.pick(others)),
        }
    }
    recased
}

/// A part of a string: its beginning, its end, or something between.
pub(super) fn part<'s>(source: &mut Source<'_>, string: &'s str) -> &'s str {
    let boundaries: Vec<usize> = string.char_indices().map(|(at, _)| at).chain([string.len()]).collect();
    let (a, b) = (source.pick(&boundaries), source.pick(&boundaries));
    match source.below(3) {
        0 => &string[..a],
        1 => &string[a..],
        _ => &string[a.min(b)..a.max(b)],
    }
}
