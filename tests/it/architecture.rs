//! What the code promises about itself, read from the sources: which way imports point, where each crate is used, how
//! many crates a user gets, and that the tables in the documentation are those of the code.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use trommel::{Limit, Limits, Operator};

/// The modules of the crate, from the ground up: each may import from its own layer and those before it.
const LAYERS: [&[&str]; 10] = [
    &["hash", "value", "path", "operator", "fold", "limits"],
    &["error", "file", "schema", "filter"],
    &["parse", "bind", "document", "pattern", "reference"],
    &["predicate", "set", "simplify", "canonical", "check"],
    &["lower"],
    &["explain", "why", "backend", "plan", "semantics"],
    &["strategies", "store"],
    &["server"],
    &["conformance"],
    &["cli", "main", "lib"],
];

/// What the oracle may use: nothing of what it judges.
const OF_REFERENCE: [&str; 7] = ["value", "path", "operator", "fold", "error", "schema", "filter"];

/// Where each crate that the package depends on may be used: files or folders below `src`, `*` for anywhere.
const CRATES: &[(&str, &[&str])] = &[
    ("aho_corasick", &["backend/memory"]),
    ("annotate_snippets", &["error.rs"]),
    ("arbitrary", &["strategies/arbitrary.rs"]),
    ("axum", &["server"]),
    ("base64", &["server/page.rs"]),
    ("clap", &["cli", "main.rs"]),
    ("clap_complete", &["cli"]),
    ("clap_mangen", &["cli"]),
    ("flate2", &["cli"]),
    ("getrandom", &["store/api_keys.rs"]),
    ("hashbrown", &["set.rs", "simplify.rs", "parse/machine", "backend/memory"]),
    ("hmac_sha256", &["canonical.rs", "server/page.rs", "store/api_keys.rs"]),
    ("http_body_util", &["server/body.rs"]),
    ("hyper", &["server/listen.rs"]),
    ("hyper_util", &["server/listen.rs"]),
    ("indicatif", &["cli"]),
    ("jiff", &["value.rs"]),
    ("memchr", &["cli", "backend/memory"]),
    ("mime", &["server/body.rs"]),
    ("nom", &["parse/text"]),
    ("percent_encoding", &["server/access.rs"]),
    ("proptest", &["strategies/proptest.rs", "conformance"]),
    ("regex", &["reference.rs"]),
    ("regex_automata", &["pattern.rs"]),
    ("regex_syntax", &["backend/sql", "fold.rs", "pattern.rs", "strategies"]),
    ("rusqlite", &["cli/compare.rs", "store"]),
    ("schemars", &["*"]),
    ("sea_query", &["backend/sql", "lib.rs", "store"]),
    ("serde", &["*"]),
    ("serde_json", &["*"]),
    ("shlex", &["cli"]),
    ("smol_str", &["value.rs"]),
    ("strsim", &["error.rs"]),
    ("tantivy", &["backend/tantivy", "cli", "lib.rs"]),
    ("tantivy_fst", &["backend/tantivy"]),
    ("thiserror", &["*"]),
    ("tokio", &["server", "cli/serve.rs"]),
    ("tokio_io_timeout", &["server/listen.rs"]),
    ("tower_http", &["server/observe.rs"]),
    ("tracing", &["server", "cli/serve.rs"]),
    ("tracing_subscriber", &["cli/serve.rs"]),
    ("triomphe", &["filter", "path.rs", "predicate.rs"]),
    ("unicode_width", &["plan/preview.rs"]),
    ("zstd", &["cli"]),
];

/// The most crates of the default build, the package itself among them.
const MOST_CRATES: usize = 32;

/// A source file of the library or the command.
struct Source {
    /// Below `src`: `parse/json.rs`.
    file: String,
    /// Its module path: `["parse", "json"]`.
    module: Vec<String>,
    /// The code, without comments, strings and unit tests.
    code: String,
}

fn sources() -> Vec<Source> {
    let mut files = Vec::new();
    walk(Path::new("src"), &mut files);
    let sources = files.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    sources
        .map(|path| {
            let file = path.strip_prefix("src").unwrap().to_str().unwrap().replace('\\', "/");
            let mut module: Vec<String> = file.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
            if module.last().is_some_and(|last| last == "mod") {
                module.pop();
            }
            Source { file, module, code: code_of(&fs::read_to_string(path).unwrap()) }
        })
        .collect()
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() { walk(&path, files) } else { files.push(path) }
    }
}

/// The code of a file: comments, the contents of strings, and the unit tests at its end left out.
fn code_of(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    let chars: Vec<char> = text.chars().collect();
    let starts = |at: usize, with: &str| with.chars().enumerate().all(|(index, c)| chars.get(at + index) == Some(&c));
    let find = |from: usize, what: &str| (from..chars.len()).find(|at| starts(*at, what));
    let (mut code, mut at) = (String::new(), 0);
    while let Some(&c) = chars.get(at) {
        let hashes = chars[at + 1..].iter().take_while(|c| **c == '#').count();
        at = if starts(at, "//") {
            find(at, "\n").unwrap_or(chars.len())
        } else if starts(at, "/*") {
            find(at, "*/").map_or(chars.len(), |end| end + 2)
        } else if c == 'r' && chars.get(at + 1 + hashes) == Some(&'"') {
            let end = format!("\"{}", "#".repeat(hashes));
            code.push_str("\"\"");
            find(at + 2 + hashes, &end).map_or(chars.len(), |found| found + 1 + hashes)
        } else if c == '"' {
            let mut end = at + 1;
            while chars.get(end).is_some_and(|c| *c != '"') {
                end += if chars[end] == '\\' { 2 } else { 1 };
            }
            code.push_str("\"\"");
            end + 1
        } else if c == '\'' && (chars.get(at + 1) == Some(&'\\') || chars.get(at + 2) == Some(&'\'')) {
            code.push_str("' '");
            find(at + if chars[at + 1] == '\\' { 3 } else { 2 }, "'").map_or(chars.len(), |end| end + 1)
        } else {
            code.push(c);
            at + 1
        };
    }
    code
}

/// The identifiers that stand right after `before`, those within braces too: `crate::{a::B, c}` gives `a` and `c`.
fn after<'c>(code: &'c str, before: &str) -> Vec<&'c str> {
    let ident = |text: &'c str| {
        let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
        &text[..end]
    };
    let mut found = Vec::new();
    for (at, _) in code.match_indices(before) {
        if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        let rest = &code[at + before.len()..];
        let Some(inside) = rest.strip_prefix('{') else {
            found.push(ident(rest));
            continue;
        };
        let (mut depth, mut is_start) = (0_usize, true);
        for (index, c) in inside.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => is_start = true,
                c if is_start && !c.is_whitespace() => {
                    found.push(ident(&inside[index..]));
                    is_start = false;
                }
                _ => {}
            }
        }
    }
    found
}

/// The top-level modules that a file uses, itself left out.
fn imports(source: &Source) -> BTreeSet<String> {
    let mut imports: BTreeSet<String> = after(&source.code, "crate::").into_iter().map(str::to_owned).collect();
    // `super` as often as the module is deep is the crate itself.
    let root = "super::".repeat(source.module.len());
    imports.extend(after(&source.code, &root).into_iter().map(str::to_owned));
    imports.remove(&source.module[0]);
    imports.retain(|import| import != "super" && import != "self");
    imports
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

#[test]
fn imports_point_one_way() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for source in sources().iter().filter(|source| source.file != "lib.rs") {
        let module = source.module[0].as_str();
        let Some(own) = layer(module) else {
            wrong.push(format!("{}: the module `{module}` is in no layer", source.file));
            continue;
        };
        for import in imports(source) {
            seen += 1;
            match layer(&import) {
                Some(other) if other <= own => {}
                Some(_) => wrong.push(format!("{} imports `{import}`, which stands on it", source.file)),
                None => wrong.push(format!("{} imports `{import}`, which is no module of a layer", source.file)),
            }
            if module == "reference" && !OF_REFERENCE.contains(&&*import) {
                wrong.push(format!("the reference imports `{import}`, and may share nothing with what it judges"));
            }
            if (module == "plan" || module == "lower") && import == "backend" {
                wrong.push(format!("{} imports a backend", source.file));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 80, "only {seen} imports were found: is the reader of sources broken?");
}

#[test]
fn no_backend_uses_another_except_memory() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| source.module[0] == "backend" && source.module.len() > 1) {
        let beside = "super::".repeat(source.module.len() - 1);
        let ways = ["crate::backend::", &beside, &format!("super::{beside}backend::")].map(str::to_owned);
        let others = ways.iter().flat_map(|way| after(&source.code, way));
        for other in others {
            let is_backend = Path::new("src/backend").join(other).is_dir();
            if is_backend && other != source.module[1] && other != "memory" {
                wrong.push(format!("{} uses the backend `{other}`", source.file));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_crate_is_used_where_it_belongs() {
    let manifest = fs::read_to_string("Cargo.toml").unwrap();
    let section = manifest.split("\n[dependencies]\n").nth(1).unwrap().split("\n[").next().unwrap();
    let names = section.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name.trim().replace('-', "_"));
    let dependencies: BTreeSet<String> =
        names.filter(|name| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')).collect();
    assert!(dependencies.len() > 10, "{dependencies:?}");
    let places: BTreeMap<&str, &[&str]> = CRATES.iter().copied().collect();
    let mut wrong = Vec::new();
    for name in &dependencies {
        let Some(places) = places.get(name.as_str()) else {
            wrong.push(format!("say here where the crate `{name}` may be used"));
            continue;
        };
        let mut is_used = false;
        for source in sources() {
            let uses = uses_crate(&source, name);
            is_used |= uses;
            let may = places.iter().any(|place| *place == "*" || source.file.starts_with(place));
            if uses && !may {
                wrong.push(format!("{} uses the crate `{name}`", source.file));
            }
        }
        if !is_used {
            wrong.push(format!("nothing uses the crate `{name}`"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether a file names a crate as the start of a path.
fn uses_crate(source: &Source, name: &str) -> bool {
    let start = format!("{name}::");
    source.code.match_indices(&start).any(|(at, _)| {
        let before = &source.code[..at];
        let is_part = before.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        // `crate::regex::…` and `super::regex::…` are modules; `::regex::…` is the crate.
        let is_below = before.strip_suffix("::").is_some_and(|path| path.ends_with(|c: char| c.is_alphanumeric()));
        !is_part && !is_below
    }) || source.code.contains(&format!("use {name};"))
}

#[test]
fn the_default_build_has_few_crates() {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--edges", "normal,build", "--prefix", "none", "--format", "{p}"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).unwrap();
    let crates: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(" (").next()).collect();
    assert!(crates.iter().any(|name| name.starts_with("serde_json ")), "{crates:?}");
    assert!(crates.len() <= MOST_CRATES, "{} crates: {crates:?}", crates.len());
}

/// The cells of the rows of a Markdown table whose first cell is a name in backticks.
fn rows(text: &str) -> Vec<Vec<&str>> {
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    rows.map(|line| line.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

fn in_backticks(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_operator_table_of_the_readme_is_that_of_the_code() {
    let readme = fs::read_to_string("README.md").unwrap();
    let section = readme.split("\n## The operators\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows = rows(section);
    let rows: Vec<_> = rows.iter().filter(|row| Operator::from_spelling(row[0].trim_matches('`')).is_some()).collect();
    assert_eq!(rows.len(), Operator::all().len(), "a row for each operator");
    for (row, operator) in rows.iter().zip(Operator::all()) {
        let wanted = [
            in_backticks(&[operator.name()]),
            in_backticks(operator.aliases()),
            in_backticks(&[operator.text()]),
            operator.operand().words().to_owned(),
        ];
        assert_eq!(row[..4], wanted, "the row of `{operator}`: name, aliases, text, operand");
    }
}

#[test]
fn the_limits_of_the_readme_are_those_of_the_code() {
    let readme = fs::read_to_string("README.md").unwrap();
    let rows = rows(readme.split("\n| limit | default | counts |\n").nth(1).unwrap());
    for limit in Limit::all() {
        let name = in_backticks(&[limit.name()]);
        let row = rows.iter().find(|row| row[0] == name).unwrap_or_else(|| panic!("no row for {name}"));
        let value = Limits::default().get(limit);
        let wanted = match (value % (1 << 20), value % (1 << 10)) {
            (0, _) => format!("{} MiB", value >> 20),
            (_, 0) => format!("{} KiB", value >> 10),
            (_, _) if value >= 1_000_000 => {
                format!("{},{:03},{:03}", value / 1_000_000, value / 1000 % 1000, value % 1000)
            }
            (_, _) if value >= 1000 => format!("{},{:03}", value / 1000, value % 1000),
            (_, _) => value.to_string(),
        };
        assert_eq!(row[1], wanted, "the default of {name}");
    }
}

#[test]
fn the_page_of_rules_names_every_operator() {
    let page = fs::read_to_string("src/semantics/conditions.md").unwrap();
    for operator in Operator::all() {
        assert!(page.contains(&format!("`{operator}`")), "`{operator}` is not there");
        let file = format!("tests/data/ops/{operator}.json");
        assert!(Path::new(&file).exists(), "{file}");
    }
}

#[test]
fn nothing_names_a_path_of_a_machine() {
    // In two parts, so that this file does not name one.
    let paths = [["/ho", "me/"], ["/ro", "ot/"], ["/Us", "ers/"], ["/wo", "rk/"], [":\\Us", "ers\\"]]
        .map(|parts| parts.concat());
    let mut files = Vec::new();
    for folder in ["src", "tests", "benches", "examples", "scripts", ".ci", "fuzz/fuzz_targets"] {
        walk(Path::new(folder), &mut files);
    }
    // Where several branches are checked out, `.git` is a file that names a folder.
    let is_ours = |path: &PathBuf| path.is_file() && !path.ends_with(".git");
    files.extend(fs::read_dir(".").unwrap().map(|entry| entry.unwrap().path()).filter(is_ours));
    let mut wrong = Vec::new();
    for file in files {
        let Ok(text) = fs::read_to_string(&file) else { continue };
        wrong.extend(paths.iter().filter(|path| text.contains(path.as_str())).map(|path| (file.clone(), path.clone())));
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}
