//! Simple case folding (L2) and the characters of text tokens (C5), both from the tables of `regex-syntax`, so that
//! matcher, SQL and index mean what `(?i)` and `\p{…}` of the `regex` crate mean: one table for all.

use std::sync::OnceLock;

use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, HirKind};

/// The representative of the characters that `c` matches when letter case is ignored: the target of statuses C and S of
/// Unicode's CaseFolding.txt. Cost: a comparison for ASCII, else a binary search.
pub(crate) fn fold_char(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_lowercase();
    }
    let table = folds();
    match table.binary_search_by_key(&c, |&(member, _)| member) {
        Ok(found) => table[found].1,
        Err(_) => c,
    }
}

/// Whether some other character folds together with `c`: `a` and `σ` are cased, `5` and `ı` are not.
pub(crate) fn is_cased(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphabetic();
    }
    folds().binary_search_by_key(&c, |&(member, _)| member).is_ok()
}

/// `text` with each character folded.
pub(crate) fn fold(text: &str) -> String {
    text.chars().map(fold_char).collect()
}

/// Whether letter case can matter to a comparison with `text`: whether any of its characters is cased.
pub(crate) fn has_case(text: &str) -> bool {
    text.chars().any(is_cased)
}

/// The longest token of a `text` query, in bytes after folding (C5): no index has to hold a longer one.
pub(crate) const LONGEST_TOKEN: usize = 255;

/// The tokens of `text`: its maximal runs of `[\p{Alphabetic}\p{N}]`, each folded (C5).
pub(crate) fn tokens(text: &str) -> impl Iterator<Item = String> + '_ {
    raw_tokens(text).map(fold)
}

/// The tokens of `text` as they stand, not folded.
pub(crate) fn raw_tokens(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c| !is_token_char(c)).filter(|token| !token.is_empty())
}

/// Whether `text` folds to `folded`. No allocation.
pub(crate) fn folds_to(text: &str, folded: &str) -> bool {
    if text.is_ascii() {
        // ASCII folds to ASCII.
        return text.eq_ignore_ascii_case(folded);
    }
    text.chars().map(fold_char).eq(folded.chars())
}

/// Whether `c` is of the class `[\p{Alphabetic}\p{N}]`.
pub(crate) fn is_token_char(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric();
    }
    let ranges = token_class();
    let after = ranges.partition_point(|range| range.start() <= c);
    after > 0 && c <= ranges[after - 1].end()
}

fn token_class() -> &'static [ClassUnicodeRange] {
    static RANGES: OnceLock<Vec<ClassUnicodeRange>> = OnceLock::new();
    RANGES.get_or_init(|| class(r"[\p{Alphabetic}\p{N}]").ranges().to_vec())
}

/// The class of the characters of tokens as ranges, ends included; sorted.
#[cfg(feature = "sql")]
pub(crate) fn token_ranges() -> impl Iterator<Item = (char, char)> {
    token_class().iter().map(|range| (range.start(), range.end()))
}

/// The version of Unicode of these tables: the newest whose characters they know, as `16.0`.
#[cfg(feature = "tantivy")]
pub(crate) fn unicode_version() -> &'static str {
    static VERSION: OnceLock<String> = OnceLock::new();
    VERSION.get_or_init(|| {
        let knows = |version: &String| regex_syntax::parse(&format!(r"\p{{age={version}}}")).is_ok();
        // Major versions from 7 on come without minor ones, but for 12.1.
        let newest = (7..100).rev().flat_map(|major| [1, 0].map(|minor| format!("{major}.{minor}"))).find(knows);
        // INVARIANT: found, as the tables of ages are built in; else indexes of all versions would pass for the same.
        newest.unwrap_or_default()
    })
}

/// Every character that folds together with another, with its representative; sorted. About 2,900 rows.
fn folds() -> &'static [(char, char)] {
    static TABLE: OnceLock<Vec<(char, char)>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut table = Vec::new();
        // Every character with a fold is cased. (`Changes_When_Casefolded` would not do: it asks after decomposition, so
        // that U+0390 and U+1FD3, which fold together, do not change.)
        for range in class(r"\p{Cased}").iter() {
            for c in range.start()..=range.end() {
                let orbit = orbit(c);
                if orbit.len() > 1 {
                    let target = representative(&orbit);
                    table.extend(orbit.into_iter().map(|member| (member, target)));
                }
            }
        }
        table.sort_unstable();
        table.dedup();
        table
    })
}

/// The characters that match `c` when letter case is ignored, `c` among them.
pub(crate) fn orbit(c: char) -> Vec<char> {
    let mut class = ClassUnicode::new([ClassUnicodeRange::new(c, c)]);
    class.case_fold_simple();
    class.iter().flat_map(|range| range.start()..=range.end()).collect()
}

/// The target in CaseFolding.txt, which the regex tables do not name: the lower case of the orbit's first upper-case
/// letter, with two exceptions of that file (Cherokee folds to upper case; U+FB05, which has no upper case, to U+FB06).
fn representative(orbit: &[char]) -> char {
    let first = orbit[0];
    match first {
        '\u{13A0}'..='\u{13FF}' => first,
        '\u{FB05}' => '\u{FB06}',
        _ => orbit
            .iter()
            .filter_map(|&member| {
                let mut lower = member.to_lowercase();
                let target = lower.next().filter(|target| *target != member && orbit.contains(target))?;
                lower.next().is_none().then_some(target)
            })
            .next()
            .unwrap_or(first),
    }
}

/// The ranges of a pattern that is one of ours and one class.
fn class(pattern: &str) -> ClassUnicode {
    match regex_syntax::parse(pattern).map(regex_syntax::hir::Hir::into_kind) {
        Ok(HirKind::Class(Class::Unicode(class))) => class,
        // INVARIANT: only called with the two literals above, which the tests below go through.
        Ok(_) | Err(_) => ClassUnicode::empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "tantivy")]
    #[test]
    fn the_tables_know_their_version() {
        let (major, minor) = unicode_version().split_once('.').unwrap();
        assert!(major.parse::<u32>().unwrap() >= 16 && minor.parse::<u32>().is_ok());
    }

    #[test]
    fn folding_is_that_of_the_regex_crate_for_every_character() {
        for c in '\0'..=char::MAX {
            let orbit = orbit(c);
            assert_eq!(is_cased(c), orbit.len() > 1, "{c:?}");
            assert!(orbit.iter().all(|&member| fold_char(member) == fold_char(c)), "{c:?}");
            assert!(orbit.contains(&fold_char(c)), "{c:?}");
        }
        let pairs = [('K', 'k'), ('\u{212A}', 'k'), ('ſ', 's'), ('ẞ', 'ß'), ('Σ', 'σ'), ('ς', 'σ'), ('µ', 'μ')];
        for (c, target) in pairs.into_iter().chain([('ı', 'ı'), ('İ', 'İ'), ('\u{AB70}', '\u{13A0}')]) {
            assert_eq!(fold_char(c), target);
        }
    }

    #[cfg(feature = "tantivy")]
    #[test]
    fn the_version_of_unicode_is_known() {
        let major = unicode_version().strip_suffix(".0").and_then(|major| major.parse::<u32>().ok());
        assert!(major.is_some_and(|major| major >= 16), "{}", unicode_version());
    }

    #[test]
    fn token_characters_are_those_of_the_regex_crate() {
        let token = regex::Regex::new(r"^[\p{Alphabetic}\p{N}]$").expect("a pattern");
        let mut buffer = [0; 4];
        for c in '\0'..=char::MAX {
            assert_eq!(is_token_char(c), token.is_match(c.encode_utf8(&mut buffer)), "{c:?}");
        }
    }
}
