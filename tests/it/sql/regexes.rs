//! Regular expressions on servers that have some: what is printed for them means what it means here.

use serde_json::{Value as Json, json};
use trommel::backend::sql::Column;
use trommel::{Matcher, Schema, Type, parse};

use super::database::Database;
use super::store::{Storage, Store};

/// Each construct, in ways that servers are known to read otherwise.
const PATTERNS: &[&str] = &[
    "",
    "a",
    "^a",
    "a$",
    "^$",
    r"\Aa\z",
    "(?m)^a$",
    "(?m)^$",
    "(?Rm)^a$",
    "(?Rm)$",
    ".",
    "a.b",
    "(?s)a.b",
    "(?R)a.b",
    "^.$",
    "[^a]",
    "^[^a]$",
    "[^\\n]",
    r"[\s\S]",
    r"^\s$",
    r"^\w+$",
    r"\bk",
    r"k\b",
    r"\B",
    r"^\B$",
    r"(?-u:\b)k",
    r"(?-u:\B)",
    r"\b{start}k",
    r"k\b{end}",
    r"\b{start-half}k",
    r"k\b{end-half}",
    r"(?-u:\b{start})k",
    r"(?-u:k\b{end-half})",
    r"^\d$",
    r"\p{Greek}",
    r"\P{L}",
    r"(?i)k",
    r"(?i)[^k]$",
    r"(?i)ß",
    r"(?i)^straße$",
    r"(?i)ſ",
    "a|b",
    "^a|b$",
    "(?:a|)b",
    "(a|ab)(c|bcd)(d*)",
    "a*",
    "^a*$",
    "a+?b",
    "(?U)a+b",
    "^(?:ab){2}$",
    "^a{2,3}$",
    "^a{2,}$",
    "^a{0}$",
    "^(?:a*)*$",
    "^(?:a*b?)+$",
    "(?:^)*a",
    "(?:^a)?b",
    "(?:$)+",
    r"(?:\b)*k",
    "^.{300}$",
    "^.{250,300}$",
    "^.{3,}$",
    "^.{299,}x?$",
    "(?x) a  b # what",
    "(?i:A)b",
    "[a&&b]",
    "[a-z&&[^b]]x",
    r"[\]\-^\\]",
    r"\.\*\?\[\]\(\)\{\}\|\^\$\\",
    r"\x{1F600}",
    r"\u{10FFFF}",
    r"[\x{D7FF}-\x{E000}]",
    r"[\x{FFFD}-\x{FFFF}]",
    "[[:alpha:]]",
    r"^\*\*\*=a",
    r"^\*{3}:a",
    r"\t",
    r"\x01",
    "[^\\x01-\\x{10FFFF}]",
    "\u{0}",
    "[\u{0}-a]",
    "é",
    "e\u{301}",
    "'; --",
    r"\?1 \$1",
    "%_",
];

fn strings() -> Vec<String> {
    let fixed = [
        "",
        "a",
        "b",
        "k",
        "K",
        "\u{212A}",
        "x",
        "ab",
        "aab",
        "aaab",
        "abab",
        "abcd",
        "acd",
        "a\nb",
        "a\rb",
        "a\r\nb",
        "\n",
        "\r",
        "\r\n",
        "\na",
        "a\n",
        "\na\n",
        "b\na\nb",
        "b\r\na\r\nb",
        "a\r",
        "\ra",
        " k ",
        "k.",
        "_k",
        "kék",
        "ék",
        "xk",
        "5",
        "٣",
        "Ω",
        "ω",
        "ß",
        "ẞ",
        "STRAẞE",
        "straſſe",
        "ſ",
        "S",
        "s",
        "😀",
        "\u{10FFFF}",
        "\u{D7FF}",
        "\u{E000}",
        "\u{FFFD}",
        "\u{FFFE}",
        "\u{FFFF}",
        "]",
        "-",
        "^",
        "\\",
        ".*?[](){}|^$\\",
        "\t",
        "\u{1}",
        " ",
        "\u{a0}",
        "\u{2028}",
        "\u{85}",
        "é",
        "e\u{301}",
        "'; --",
        "?1 $1",
        "%_",
        "***=a",
        "***:a",
        "zzx",
        "bx",
    ];
    let long = [299, 300, 301].map(|count| "y".repeat(count));
    fixed.iter().map(|string| (*string).to_owned()).chain(long).collect()
}

fn all_mean_the_same(open: fn() -> Box<dyn Database>) {
    let strings = strings();
    let documents: Vec<Json> = strings.iter().map(|string| json!({"s": string})).collect();
    for storage in [Storage::Json, Storage::Columns] {
        let mut store = Store::new(open(), storage);
        let path = trommel::Path::parse("s").unwrap();
        let (mapping, stored) = store.put(&[&path], &Schema::open(), &documents);
        let mut exact = 0;
        for pattern in PATTERNS {
            for is_sensitive in [true, false] {
                let condition =
                    json!({"field": "s", "operator": "regex", "value": pattern, "case_sensitive": is_sensitive});
                let predicate = Schema::open().check(&parse::value(&condition).unwrap()).unwrap();
                let lowered = store.lowered(&mapping, &predicate);
                let Some(pushed) = lowered.pushed() else { continue };
                exact += usize::from(lowered.is_exact());
                let ids = store.sorted(pushed.select_ids());
                let matcher = Matcher::new(&predicate);
                for (id, document) in documents.iter().enumerate().filter(|(id, _)| stored[*id]) {
                    let (found, wanted) = (ids.contains(&(id as i64)), matcher.matches(document));
                    // A superset may hold more.
                    let is_right = found == wanted || (found && !lowered.is_exact());
                    assert!(is_right, "{condition} on {document}: {found}, {pushed:?}");
                }
            }
        }
        if store.database.has_regexes() {
            assert_eq!(exact, 2 * PATTERNS.len());
        }
    }
}

/// What no server is sent, since it takes seconds to compile or is refused.
/// Beside each, whether it has strings that it cannot do without.
const HUGE: &[(&str, bool)] = &[
    ("(?:(?:a{60}){60}){3}x", true),
    ("(?:(?:a?b?){1,20}){1,20}c", false),
    ("(?:(?:(?:a?){1,10}){1,10}){1,10}c", false),
    ("(?:(?:a|bc){0,60}){60}needle", false),
    ("needle(?:(?:a|b){0,60}){60}", true),
    ("(?:hay|straw)(?:(?:a|b){0,60}){60}", true),
];

fn huge_ones_are_rechecked(open: fn() -> Box<dyn Database>) {
    let mut store = Store::new(open(), Storage::Json);
    let documents: Vec<Json> =
        ["needleab", "x", "aneedle", "hay", "c", "strawab"].iter().map(|string| json!({"s": string})).collect();
    let (mapping, _) = store.put(&[], &Schema::open(), &documents);
    let mapping = mapping.column("t", Column::new("t", Type::String)).unwrap();
    for (pattern, is_selective) in HUGE {
        let condition = json!({"field": "s", "operator": "regex", "value": pattern});
        let predicate = Schema::open().check(&parse::value(&condition).unwrap()).unwrap();
        let lowered = store.lowered(&mapping, &predicate);
        assert!(!lowered.is_exact(), "{pattern}");
        let wanted: Vec<i64> = (0..documents.len())
            .filter(|id| Matcher::new(&predicate).matches(&documents[*id]))
            .map(|id| id as i64)
            .collect();
        // Where there are no regular expressions, something is asked of all.
        let is_pushed = *is_selective || !store.database.has_regexes();
        assert_eq!(lowered.pushed().is_some(), is_pushed, "{pattern}");
        if let Some(pushed) = lowered.pushed() {
            let found = store.sorted(pushed.select_ids());
            assert!(wanted.iter().all(|id| found.contains(id)), "{pattern}: {found:?}");
        }
    }
}

on_each_database!(all_mean_the_same, huge_ones_are_rechecked);
