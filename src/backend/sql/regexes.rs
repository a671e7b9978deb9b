//! Regular expressions for servers that have some: the parsed form is printed anew with explicit classes, so that flags,
//! Unicode classes and letter case mean what they mean here, whatever the server thinks of them.

use std::fmt::Write as _;
use std::sync::OnceLock;

use regex_syntax::hir::literal::Extractor;
use regex_syntax::hir::{Class, ClassUnicodeRange, Hir, HirKind, Look, Repetition, Visitor, visit};
use regex_syntax::{Parser, ParserBuilder};

use crate::fold::{orbit, token_ranges};
use crate::lower::Why;
use crate::pattern::Pattern;

/// How a server writes them, and how much of them it takes.
#[derive(Debug)]
pub(super) struct Style {
    /// Any character that is no ASCII letter or digit, in a class or outside.
    pub(super) escape: fn(char) -> String,
    /// The first character that a string there can hold.
    pub(super) first: char,
    /// What never matches.
    pub(super) nothing: &'static str,
    /// The end of the text, and of nothing less.
    pub(super) end: &'static str,
    /// The largest number in braces.
    pub(super) most_count: u32,
    /// What each range of a class costs; a character, a class or a repetition by itself costs `place`.
    pub(super) range: u64,
    pub(super) place: u64,
    /// The most that all may cost, each as often as its repetitions make it.
    pub(super) most_cost: u64,
    /// So many places, counted likewise, that may be skipped: what finds the ways past them takes the cube of their number.
    pub(super) most_skips: u64,
    /// So many bytes of text.
    pub(super) most_text: usize,
}

/// A pattern in a server's words.
///
/// # Errors
/// Why it cannot be said.
pub(super) fn print(style: &Style, pattern: &Pattern) -> Result<String, Why> {
    print_hir(style, &parse(pattern).ok_or_else(too_big)?)
}

/// The same of a pattern that was parsed, or of a part of one.
pub(super) fn print_hir(style: &Style, hir: &Hir) -> Result<String, Why> {
    visit(hir, Printer { style, text: String::new(), open: Vec::new(), sizes: vec![Size::default()] })
}

/// A pattern under its letter case. It was compiled, so that there is one.
pub(super) fn parse(pattern: &Pattern) -> Option<Hir> {
    ParserBuilder::new().case_insensitive(pattern.ignores_case()).build().parse(pattern.source()).ok()
}

fn too_big() -> Why {
    Why::new("big_regex", "the server takes too long to compile this regular expression")
}

/// A character and those that it folds together with.
pub(super) fn push_folded(style: &Style, text: &mut String, c: char) {
    push_class(style, text, orbit(c).into_iter().map(|member| (member, member)));
}

/// Strings of which each match holds one, if there are few: what to ask in place of a pattern that cannot be said.
pub(super) fn required(pattern: &Pattern) -> Option<Vec<String>> {
    const MOST: usize = 16;
    let mut literals = Extractor::new().limit_total(MOST).extract(&parse(pattern)?);
    literals.minimize_by_preference();
    let strings = literals.literals()?.iter().map(|literal| String::from_utf8(literal.as_bytes().to_vec()).ok());
    let strings: Vec<String> = strings.collect::<Option<_>>()?;
    strings.iter().all(|string| !string.is_empty() && !string.contains('\0')).then_some(strings)
}

/// The pattern of a token (C5), which is folded: its characters with none of a token before or after.
pub(super) fn token(style: &Style, token: &str) -> String {
    static OTHERS: OnceLock<Vec<(char, char)>> = OnceLock::new();
    let others = OTHERS.get_or_init(|| {
        let mut next = '\0';
        let mut others = Vec::new();
        for (start, end) in token_ranges() {
            others.extend(before(start).filter(|last| next <= *last).map(|last| (next, last)));
            next = after(end);
        }
        others.push((next, char::MAX));
        others
    });
    let mut text = "(?:\\A|".to_owned();
    push_class(style, &mut text, others.iter().copied());
    text.push(')');
    for c in token.chars() {
        push_folded(style, &mut text, c);
    }
    let _ = write!(text, "(?:{}|", style.end);
    push_class(style, &mut text, others.iter().copied());
    text.push(')');
    text
}

/// The character before another, which is not the first.
fn before(c: char) -> Option<char> {
    if c == '\u{E000}' { Some('\u{D7FF}') } else { char::from_u32(u32::from(c).checked_sub(1)?) }
}

/// The character after another, which is not the last.
fn after(c: char) -> char {
    if c == '\u{D7FF}' { '\u{E000}' } else { char::from_u32(u32::from(c) + 1).unwrap_or(char::MAX) }
}

/// One character of some ranges.
fn push_class(style: &Style, text: &mut String, ranges: impl Iterator<Item = (char, char)>) {
    let start = text.len();
    text.push('[');
    let mut is_single = None;
    for (first, last) in ranges {
        let first = first.max(style.first);
        if first > last {
            continue;
        }
        is_single = (text.len() == start + 1 && first == last).then_some(first);
        push_char(style, text, first);
        if first != last {
            text.push('-');
            push_char(style, text, last);
        }
    }
    if text.len() == start + 1 {
        text.truncate(start);
        text.push_str(style.nothing);
    } else if let Some(c) = is_single {
        text.truncate(start);
        push_char(style, text, c);
    } else {
        text.push(']');
    }
}

fn push_char(style: &Style, text: &mut String, c: char) {
    match c.is_ascii_alphanumeric() {
        true => text.push(c),
        false => text.push_str(&(style.escape)(c)),
    }
}

/// Prints from the leaves up, without recursion.
struct Printer<'s> {
    style: &'s Style,
    text: String,
    /// Where the repetitions begin that are open.
    open: Vec<usize>,
    /// The size of the whole, and of each of those.
    sizes: Vec<Size>,
}

/// How much a part of a pattern is to a compiler.
#[derive(Clone, Copy, Debug, Default)]
struct Size {
    cost: u64,
    skips: u64,
}

impl Size {
    fn repeated(self, repetition: &Repetition) -> Size {
        let (min, max) = (u64::from(repetition.min), repetition.max.map(u64::from));
        let times = max.unwrap_or(min + 1).max(1);
        let optional = max.map_or(u64::from(min == 0), |max| max - min);
        let skips = self.skips.saturating_mul(times).saturating_add(optional);
        Size { cost: self.cost.saturating_mul(times), skips }
    }
}

impl Printer<'_> {
    fn class(&mut self, ranges: impl Iterator<Item = (char, char)>) -> Result<(), Why> {
        let mut count = 0;
        push_class(self.style, &mut self.text, ranges.inspect(|_| count += 1));
        self.add(self.class_of(count))
    }

    /// The size of a class of so many ranges.
    fn class_of(&self, ranges: u64) -> Size {
        Size { cost: self.style.place + self.style.range * ranges, skips: 0 }
    }

    fn add(&mut self, size: Size) -> Result<(), Why> {
        let Some(sum) = self.sizes.last_mut() else { return Ok(()) };
        sum.cost = sum.cost.saturating_add(size.cost);
        sum.skips = sum.skips.saturating_add(size.skips);
        let Style { most_cost, most_skips, most_text, .. } = *self.style;
        let fits = sum.cost <= most_cost && sum.skips <= most_skips && self.text.len() <= most_text;
        if fits { Ok(()) } else { Err(too_big()) }
    }

    fn look(&mut self, look: Look) -> Result<(), Why> {
        let end = self.style.end;
        let (at_line, at_end) = (self.character('\n'), self.character('\r'));
        let (lf, cr) = (&at_line, &at_end);
        let text = match look {
            Look::Start => "\\A".to_owned(),
            Look::End => end.to_owned(),
            Look::StartLF => format!("(?:\\A|(?<={lf}))"),
            Look::EndLF => format!("(?:{end}|(?={lf}))"),
            Look::StartCRLF => format!("(?:\\A|(?<={lf})|(?<={cr})(?!{lf}))"),
            Look::EndCRLF => format!("(?:{end}|(?={cr})|(?<!{cr})(?={lf}))"),
            _ => {
                let is_ascii = matches!(
                    look,
                    Look::WordAscii
                        | Look::WordAsciiNegate
                        | Look::WordStartAscii
                        | Look::WordEndAscii
                        | Look::WordStartHalfAscii
                        | Look::WordEndHalfAscii
                );
                let (w, ranges) = self.word(is_ascii);
                let Size { cost, skips } = self.class_of(ranges);
                self.add(Size { cost: 4 * cost, skips })?;
                match look {
                    Look::WordAscii | Look::WordUnicode => format!("(?:(?<={w})(?!{w})|(?<!{w})(?={w}))"),
                    Look::WordAsciiNegate | Look::WordUnicodeNegate => format!("(?:(?<={w})(?={w})|(?<!{w})(?!{w}))"),
                    Look::WordStartAscii | Look::WordStartUnicode => format!("(?:(?<!{w})(?={w}))"),
                    Look::WordEndAscii | Look::WordEndUnicode => format!("(?:(?<={w})(?!{w}))"),
                    Look::WordStartHalfAscii | Look::WordStartHalfUnicode => format!("(?<!{w})"),
                    _ => format!("(?!{w})"),
                }
            }
        };
        self.text.push_str(&text);
        self.add(self.class_of(0))
    }

    fn character(&self, c: char) -> String {
        (self.style.escape)(c)
    }

    /// The class of the characters of words, and its ranges.
    fn word(&self, is_ascii: bool) -> (String, u64) {
        let parsed = Parser::new().parse(if is_ascii { "[0-9A-Z_a-z]" } else { r"\w" });
        let (mut text, mut count) = (String::new(), 0);
        // INVARIANT: both are classes.
        if let Ok(HirKind::Class(Class::Unicode(class))) = parsed.map(Hir::into_kind) {
            push_class(self.style, &mut text, class.ranges().iter().map(bounds));
            count = class.ranges().len() as u64;
        }
        (text, count)
    }

    /// What was printed since a place, repeated.
    fn repeat(&mut self, start: usize, repetition: &Repetition) {
        let sub = self.text.split_off(start);
        let (min, max, most) = (repetition.min, repetition.max, self.style.most_count);
        let mut push = |count: &str| {
            self.text.push_str("(?:");
            self.text.push_str(&sub);
            self.text.push(')');
            self.text.push_str(count);
        };
        match (min, max) {
            (0, None) => push("*"),
            (1, None) => push("+"),
            (0, Some(1)) => push("?"),
            _ => {
                let (mut least, mut rest) = (min, max.map(|max| max - min));
                while least > most {
                    push(&format!("{{{most}}}"));
                    least -= most;
                }
                match rest {
                    None => push(&format!("{{{least},}}")),
                    Some(more) if least + more <= most => {
                        push(&format!("{{{least},{}}}", least + more));
                        rest = Some(0);
                    }
                    Some(_) => push(&format!("{{{least}}}")),
                }
                let mut more = rest.unwrap_or(0);
                while more > 0 {
                    push(&format!("{{0,{}}}", more.min(most)));
                    more -= more.min(most);
                }
            }
        }
    }
}

fn bounds(range: &ClassUnicodeRange) -> (char, char) {
    (range.start(), range.end())
}

impl Visitor for Printer<'_> {
    type Output = String;
    type Err = Why;

    fn finish(self) -> Result<String, Why> {
        Ok(self.text)
    }

    fn visit_pre(&mut self, hir: &Hir) -> Result<(), Why> {
        match hir.kind() {
            HirKind::Empty => {
                self.text.push_str("(?:)");
                // Counted, or the copies of it were not bounded.
                self.add(Size { skips: 1, ..self.class_of(0) })?;
            }
            HirKind::Literal(literal) => {
                let text = std::str::from_utf8(&literal.0).map_err(|_| too_big())?;
                for c in text.chars() {
                    self.class([(c, c)].into_iter())?;
                }
            }
            HirKind::Class(Class::Unicode(class)) => self.class(class.ranges().iter().map(bounds))?,
            HirKind::Class(Class::Bytes(class)) => {
                // Of ASCII alone: a pattern matches whole characters.
                self.class(class.ranges().iter().map(|range| (range.start().into(), range.end().into())))?;
            }
            HirKind::Look(look) => self.look(*look)?,
            HirKind::Repetition(_) => {
                self.open.push(self.text.len());
                self.sizes.push(Size::default());
            }
            HirKind::Alternation(_) => self.text.push_str("(?:"),
            HirKind::Capture(_) | HirKind::Concat(_) => {}
        }
        Ok(())
    }

    fn visit_alternation_in(&mut self) -> Result<(), Why> {
        self.text.push('|');
        Ok(())
    }

    fn visit_post(&mut self, hir: &Hir) -> Result<(), Why> {
        match hir.kind() {
            HirKind::Alternation(_) => self.text.push(')'),
            HirKind::Repetition(repetition) => {
                let start = self.open.pop().unwrap_or_default();
                let mut size = self.sizes.pop().unwrap_or_default();
                size.cost = size.cost.saturating_add(self.class_of(0).cost);
                self.add(size.repeated(repetition))?;
                self.repeat(start, repetition);
                self.add(Size::default())?;
            }
            _ => {}
        }
        Ok(())
    }
}
