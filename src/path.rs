//! Paths: reading, printing and resolving them (rules P1 to P4 of [`semantics`](crate::semantics)).

use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value as Json;
use triomphe::ThinArc;

use crate::hash::sketch;
use crate::value::Str;

/// The list of keys that leads to a field (P1).
///
/// Written `a.b.c`; a key may be quoted, `"a.b".c` with `\"` and `\\` inside, so that every key can be named. Two paths
/// are equal if their keys are, however they were written. Cloning is cheap.
///
/// ```
/// use trommel::Path;
///
/// let path = Path::parse(r#""a.b".c"#).unwrap();
/// assert_eq!(path.keys().collect::<Vec<_>>(), ["a.b", "c"]);
/// assert_eq!(Path::parse(r#""a"."b""#).unwrap().to_string(), "a.b");
/// assert!(Path::parse("a..b").is_err());
/// ```
#[derive(Clone)]
pub struct Path(ThinArc<Str, Key>);

/// A key of a path.
pub(crate) type Key = Str;

fn has_quotes(written: &str) -> bool {
    written.contains('"')
}

/// Why a text is no path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// A bare key is empty, as in `a..b`, `.a` or the empty path.
    #[error("a key is empty; the empty key is written `\"\"`")]
    EmptyKey,
    /// A bare key holds a character that only a quoted key may hold.
    #[error("a key with {0:?} in it must be quoted")]
    MustQuote(char),
    /// A quoted key has no closing quote.
    #[error("a quoted key has no closing quote")]
    Unclosed,
    /// A backslash in a quoted key is not followed by `"` or `\`.
    #[error("in a quoted key, a backslash is followed by a quote or a backslash")]
    BadEscape,
    /// A quoted key is followed by something other than a dot or the end.
    #[error("after a quoted key comes a dot or the end")]
    AfterQuote,
}

impl Path {
    /// Reads a path as P1 writes it.
    ///
    /// # Errors
    /// [`PathError`], where the text is not of that form.
    pub fn parse(text: &str) -> Result<Path, PathError> {
        if let Some(count) = plain_keys(text) {
            let mut rest = text;
            let keys = (0..count).map(|_| {
                let (key, after) = rest.split_at(rest.bytes().position(|byte| byte == b'.').unwrap_or(rest.len()));
                rest = after.get(1..).unwrap_or("");
                key.into()
            });
            return Ok(Path::new(text.into(), keys));
        }
        Path::parse_any(text)
    }

    /// The same for any text, key by key.
    fn parse_any(text: &str) -> Result<Path, PathError> {
        let mut rest = text;
        let mut keys: Vec<Key> = Vec::new();
        loop {
            let after = match rest.strip_prefix('"') {
                Some(quoted) => {
                    let (key, after) = quoted_key(quoted)?;
                    keys.push(key.into());
                    after
                }
                None => {
                    let (key, after) = bare_key(rest)?;
                    keys.push(key.into());
                    after
                }
            };
            match after.strip_prefix('.') {
                Some(next) => rest = next,
                None => break,
            }
        }
        Ok(Path::new(text.into(), keys))
    }

    /// INVARIANT: there is a key, and the text names the keys.
    fn new(written: Str, keys: impl IntoIterator<Item = Key, IntoIter: ExactSizeIterator>) -> Path {
        Path(ThinArc::from_header_and_iter(written, keys.into_iter()))
    }

    /// The path of these keys, of which there is at least one; `None` for no keys.
    pub fn from_keys<K: Into<Box<str>>>(keys: impl IntoIterator<Item = K>) -> Option<Path> {
        let keys: Vec<Key> = keys.into_iter().map(|key| Key::from(&*key.into())).collect();
        if keys.is_empty() {
            return None;
        }
        Some(Path::new(print_keys(&keys).into(), keys))
    }

    /// The keys, outermost first. There is at least one.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &str> + DoubleEndedIterator + Clone {
        self.raw_keys().iter().map(|key| &**key)
    }

    /// The keys as they are kept.
    pub(crate) fn raw_keys(&self) -> &[Key] {
        self.raw_keys_from(0)
    }

    /// Those from one on. INVARIANT: there are as many.
    #[inline]
    pub(crate) fn raw_keys_from(&self, from: usize) -> &[Key] {
        &self.0.slice[from..]
    }

    /// The text that was read, which may quote more than it needs to.
    #[must_use]
    pub fn written(&self) -> &str {
        &self.0.header.header
    }

    /// The same for paths that share their memory, as those of one filter do.
    pub(crate) fn address(&self) -> usize {
        ThinArc::ptr(&self.0).addr()
    }

    /// What most paths that differ differ in, as [`sketch`] has it.
    pub(crate) fn sketch(&self) -> u32 {
        let keys = self.raw_keys();
        keys.last().map_or(0, |key| sketch(key)).wrapping_add(keys.len() as u32)
    }

    /// The same path, written as it prints.
    pub(crate) fn canonical(&self) -> Path {
        if !has_quotes(self.written()) {
            return self.clone();
        }
        Path::new(print_keys(self.raw_keys()).into(), self.raw_keys().iter().cloned())
    }

    /// The nodes of a document at this path (P2): an array on the way gives what each of its elements gives, but an
    /// array directly inside an array is not entered, and a key is never an index. No recursion, whatever is nested.
    #[must_use]
    pub fn nodes<'p, 'd>(&'p self, document: &'d Json) -> Nodes<'p, 'd> {
        Nodes { keys: self.raw_keys(), root: Some(document), arrays: Vec::new() }
    }

    /// The values at this path (P3): each node that is an array is replaced by its elements, one level deep.
    pub fn values<'p, 'd>(&'p self, document: &'d Json) -> impl Iterator<Item = &'d Json> + use<'p, 'd> {
        self.nodes(document).flat_map(|node| match node {
            Json::Array(elements) => elements.as_slice(),
            other => std::slice::from_ref(other),
        })
    }

    /// The booleans, numbers and strings among the [`values`](Path::values) (P4).
    pub fn scalars<'p, 'd>(&'p self, document: &'d Json) -> impl Iterator<Item = &'d Json> + use<'p, 'd> {
        self.values(document).filter(|value| value.is_boolean() || value.is_number() || value.is_string())
    }
}

/// Reads a bare key; gives it and what follows it.
fn bare_key(text: &str) -> Result<(&str, &str), PathError> {
    let (key, after) = text.split_at(text.find(must_quote).unwrap_or(text.len()));
    match after.chars().next() {
        Some(c) if c != '.' => Err(PathError::MustQuote(c)),
        _ if key.is_empty() => Err(PathError::EmptyKey),
        _ => Ok((key, after)),
    }
}

/// Reads a quoted key from after its opening quote; gives it and what follows its closing quote.
fn quoted_key(text: &str) -> Result<(String, &str), PathError> {
    let mut key = String::new();
    let mut chars = text.char_indices();
    loop {
        match chars.next().ok_or(PathError::Unclosed)? {
            (at, '"') => {
                let after = &text[at + 1..];
                let ends = after.is_empty() || after.starts_with('.');
                return if ends { Ok((key, after)) } else { Err(PathError::AfterQuote) };
            }
            (_, '\\') => match chars.next().ok_or(PathError::Unclosed)? {
                (_, escaped @ ('"' | '\\')) => key.push(escaped),
                _ => return Err(PathError::BadEscape),
            },
            (_, c) => key.push(c),
        }
    }
}

/// How many keys a text has if all are bare and of plain characters, as in most paths.
fn plain_keys(text: &str) -> Option<usize> {
    let (mut keys, mut is_empty) = (1, true);
    for byte in text.bytes() {
        match byte {
            b'.' if is_empty => return None,
            b'.' => (keys, is_empty) = (keys + 1, true),
            _ if is_plain(byte) => is_empty = false,
            _ => return None,
        }
    }
    (!is_empty).then_some(keys)
}

/// Whether a byte is a character that stands for itself in a bare key: most are, and the others take longer to tell.
fn is_plain(byte: u8) -> bool {
    const PLAIN: [bool; 256] = {
        let (mut plain, mut byte) = ([false; 256], b' ');
        while byte <= b'~' {
            plain[byte as usize] = !matches!(byte, b'.' | b'"' | b'[' | b']');
            byte += 1;
        }
        plain
    };
    PLAIN[byte as usize]
}

/// Whether a character ends a bare key: the dot, and what only a quoted key may hold.
fn must_quote(c: char) -> bool {
    matches!(c, '.' | '"' | '[' | ']') || c.is_control()
}

/// The shortest text of these keys.
fn print_keys(keys: &[Key]) -> String {
    let mut text = String::new();
    for (at, key) in keys.iter().enumerate() {
        if at > 0 {
            text.push('.');
        }
        if key.is_empty() || key.contains(must_quote) {
            push_quoted(&mut text, key);
        } else {
            text.push_str(key);
        }
    }
    text
}

/// Appends a key in quotes (P1).
pub(crate) fn push_quoted(text: &mut String, key: &str) {
    text.push('"');
    for c in key.chars() {
        if matches!(c, '"' | '\\') {
            text.push('\\');
        }
        text.push(c);
    }
    text.push('"');
}

/// The nodes at a path: see [`Path::nodes`].
#[derive(Clone, Debug)]
pub struct Nodes<'p, 'd> {
    keys: &'p [Key],
    root: Option<&'d Json>,
    /// Arrays on the way that are being gone through, each with the index of the key that its elements are asked for.
    arrays: Vec<(std::slice::Iter<'d, Json>, usize)>,
}

impl<'d> Nodes<'_, 'd> {
    /// Follows the keys from `at` through objects. An array on the way is left for later.
    fn descend(&mut self, mut node: &'d Json, mut at: usize) -> Option<&'d Json> {
        while let Some(key) = self.keys.get(at) {
            match node {
                Json::Object(members) => node = members.get(&**key)?,
                Json::Array(elements) => {
                    self.arrays.push((elements.iter(), at));
                    return None;
                }
                Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => return None,
            }
            at += 1;
        }
        Some(node)
    }
}

impl<'d> Iterator for Nodes<'_, 'd> {
    type Item = &'d Json;

    fn next(&mut self) -> Option<&'d Json> {
        if let Some(root) = self.root.take()
            && let Some(node) = self.descend(root, 0)
        {
            return Some(node);
        }
        while let Some((elements, at)) = self.arrays.last_mut() {
            let at = *at;
            match elements.next() {
                None => {
                    self.arrays.pop();
                }
                Some(Json::Object(members)) => {
                    if let Some(member) = members.get(&*self.keys[at])
                        && let Some(node) = self.descend(member, at + 1)
                    {
                        return Some(node);
                    }
                }
                // A scalar has no members, and an array directly inside an array is not entered.
                Some(_) => {}
            }
        }
        None
    }
}

impl PartialEq for Path {
    fn eq(&self, other: &Path) -> bool {
        self.address() == other.address() || self.raw_keys() == other.raw_keys()
    }
}

impl Eq for Path {}

impl PartialOrd for Path {
    fn partial_cmp(&self, other: &Path) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Path {
    fn cmp(&self, other: &Path) -> std::cmp::Ordering {
        self.raw_keys().cmp(other.raw_keys())
    }
}

impl Hash for Path {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // What is written without quotes is the text that prints, one for all paths of these keys: it takes a hasher less
        // than key by key.
        match has_quotes(self.written()) {
            false => self.written().hash(state),
            true => print_keys(self.raw_keys()).hash(state),
        }
    }
}

impl fmt::Display for Path {
    /// The shortest text that reads back: a key is quoted only where it must be.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&print_keys(self.raw_keys()))
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for Path {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Path, PathError> {
        Path::parse(text)
    }
}

impl Serialize for Path {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Path {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Path, D::Error> {
        let text = String::deserialize(deserializer)?;
        Path::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_a_path() {
        let keys = |text: &str| Path::parse(text).map(|path| path.keys().map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(keys("a b.$c.1").unwrap(), ["a b", "$c", "1"]);
        assert_eq!(keys(r#""".a"#).unwrap(), ["", "a"]);
        assert_eq!(keys(r#""\"\\"."x""#).unwrap(), ["\"\\", "x"]);
        assert_eq!(keys(r"a\b").unwrap(), [r"a\b"]);
        assert_eq!(keys("").unwrap_err(), PathError::EmptyKey);
        assert_eq!(keys("a.").unwrap_err(), PathError::EmptyKey);
        assert_eq!(keys("a[0]").unwrap_err(), PathError::MustQuote('['));
        assert_eq!(keys("a\tb").unwrap_err(), PathError::MustQuote('\t'));
        assert_eq!(keys(r#"a"b""#).unwrap_err(), PathError::MustQuote('"'));
        assert_eq!(keys(r#""a"#).unwrap_err(), PathError::Unclosed);
        assert_eq!(keys(r#""a\n""#).unwrap_err(), PathError::BadEscape);
        assert_eq!(keys(r#""a"b"#).unwrap_err(), PathError::AfterQuote);
    }

    #[test]
    fn plain_keys_are_read_as_any_are() {
        let mut texts = vec![String::new()];
        let mut last = texts.clone();
        for _ in 0..4 {
            let longer =
                |text: &String| ['a', '.', '"', '\\', '[', ' ', 'é', '\t', '\u{7f}'].map(|c| format!("{text}{c}"));
            last = last.iter().flat_map(longer).collect();
            texts.extend_from_slice(&last);
        }
        let mut plain = 0;
        for text in &texts {
            let (path, expected) = (Path::parse(text), Path::parse_any(text));
            assert_eq!(path, expected, "{text}");
            let Ok(path) = path else { continue };
            plain += usize::from(plain_keys(text).is_some());
            assert_eq!(path.written(), text);
            assert_eq!(Path::parse(&path.to_string()), Ok(path));
        }
        assert!(plain > 100, "{plain}");
    }

    #[test]
    fn paths_of_equal_keys_hash_alike_however_written() {
        let hash = |path: &Path| crate::hash::keyed(path);
        for spellings in [
            &["a.b", r#""a"."b""#, r#"a."b""#, r#""a".b"#][..],
            &[r#""a.b".c"#, r#""a.b"."c""#],
            &[r#""a\"b""#],
            &[r#""a\\b""#, r"a\b"],
            &[r#""""#],
            &["\"a\tb\""],
        ] {
            let first = Path::parse(spellings[0]).unwrap();
            for spelling in spellings {
                let path = Path::parse(spelling).unwrap();
                assert_eq!((hash(&path), &path), (hash(&first), &first), "{spelling}");
                let rebuilt = Path::from_keys(path.keys()).unwrap();
                assert_eq!((hash(&rebuilt), &rebuilt), (hash(&first), &first), "{spelling}");
                assert_eq!(hash(&path.canonical()), hash(&first));
            }
        }
        let apart = |a: &str, b: &str| hash(&Path::parse(a).unwrap()) != hash(&Path::parse(b).unwrap());
        assert!(apart("a.b", r#""a.b""#) && apart("a.bc", "ab.c"));
    }

    #[test]
    fn arrays_on_the_way_are_entered_once() {
        let document = json!({"a": [{"b": 1}, [{"b": 2}], {"b": [3, [4]]}, 5, {"c": 6}]});
        let path = Path::parse("a.b").unwrap();
        assert_eq!(path.nodes(&document).cloned().collect::<Vec<_>>(), [json!(1), json!([3, [4]])]);
        assert_eq!(path.values(&document).cloned().collect::<Vec<_>>(), [json!(1), json!(3), json!([4])]);
        assert_eq!(path.scalars(&document).cloned().collect::<Vec<_>>(), [json!(1), json!(3)]);
        assert_eq!(Path::parse("a.0").unwrap().nodes(&document).count(), 0);
    }
}
