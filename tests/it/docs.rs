//! The law is documented whole, and so is the layout.

use std::path::Path;

fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
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
            // What is said of SQL needs a feature that is not on by default.
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
