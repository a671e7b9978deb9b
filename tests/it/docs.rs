//! The documents say what the code says.

use std::path::Path;

use trommel::{Limit, Limits, Operator};

fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The rows of the table below a header, without the header.
fn rows<'t>(text: &'t str, header: &str) -> Vec<&'t str> {
    let mut lines = text.lines().skip_while(|line| *line != header).skip(2).peekable();
    assert!(lines.peek().is_some(), "no table `{header}`");
    lines.take_while(|line| line.starts_with('|')).collect()
}

#[test]
fn the_table_of_operators_in_the_readme_is_that_of_the_code() {
    let readme = read("README.md");
    let rows = rows(&readme, "| name | also written | as text | takes | true if |");
    let operators: Vec<Operator> = Operator::all().collect();
    assert_eq!(rows.len(), operators.len());
    for (row, operator) in rows.iter().zip(operators) {
        let aliases = operator.aliases().iter().map(|alias| format!("`{alias}` ")).collect::<String>();
        let (name, text, takes) = (operator.name(), operator.text(), operator.operand().words());
        let start = format!("| `{name}` | {aliases}| `{text}` | {takes} | ");
        assert!(row.starts_with(&start), "{row}\n{start}");
    }
}

#[test]
fn the_table_of_limits_in_the_readme_is_that_of_the_code() {
    let readme = read("README.md");
    let rows = rows(&readme, "| limit | default | counts |");
    let limits: Vec<Limit> = Limit::all().collect();
    assert_eq!(rows.len(), limits.len());
    for (row, limit) in rows.iter().zip(limits) {
        let value = Limits::default().get(limit);
        let value = match value {
            _ if value >= 1 << 20 && value % (1 << 20) == 0 => format!("{} MiB", value >> 20),
            _ if value >= 1 << 10 && value % (1 << 10) == 0 => format!("{} KiB", value >> 10),
            _ => thousands(value),
        };
        let start = format!("| `{}` | {value} | ", limit.name());
        assert!(row.starts_with(&start), "{row}\n{start}");
    }
}

fn thousands(value: usize) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Every rule has its heading, and an example below it.
#[test]
fn every_rule_is_in_the_semantics_with_an_example() {
    let files = [
        ("documents", 'D', 5),
        ("paths", 'P', 4),
        ("conditions", 'C', 5),
        ("groups", 'G', 6),
        ("letter_case", 'L', 2),
        ("dynamic", 'B', 3),
        ("request", 'O', 1),
        ("schemas", 'T', 4),
        ("storage", 'Q', 3),
        ("rewriting", 'R', 3),
    ];
    let page = read("src/semantics/mod.rs");
    for (file, letter, count) in files {
        assert!(page.contains(&format!("include_str!(\"{file}.md\")")), "{file}");
        let text = read(&format!("src/semantics/{file}.md"));
        let sections: Vec<&str> = text.split("\n## ").skip(1).collect();
        assert_eq!(sections.len(), count, "{file}");
        for (section, number) in sections.iter().zip(1..) {
            assert!(section.starts_with(&format!("{letter}{number}. ")), "{section}");
            // Nothing here could contradict an example about SQL.
            assert_eq!(section.contains("\n```\n"), letter != 'Q', "{section}");
        }
    }
}

/// Whoever adds a file says in ARCHITECTURE.md what it is.
#[test]
fn the_layout_names_every_module() {
    let text = read("ARCHITECTURE.md");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        names.push(if entry.file_type().unwrap().is_dir() { format!("{name}/") } else { name });
    }
    assert!(names.len() > 20);
    let layout = text.split("```").nth(1).unwrap();
    for name in names {
        assert!(layout.contains(&name), "the layout in ARCHITECTURE.md does not name src/{name}");
    }
}
