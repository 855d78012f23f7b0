//! The page "Coming from Python": each feature has its row, and what stands on the right is compiled.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const PAGE: &str = include_str!("../src/coming_from_python.md");

/// The features of the five libraries, by their ids.
fn ids() -> Vec<String> {
    let mut ids = Vec::new();
    for (library, last) in [("EX", 6), ("AS", 12), ("AP", 5), ("AT", 27), ("AK", 38)] {
        ids.extend((1..=last).map(|n| format!("{library}-{n}")));
    }
    ids.extend(["AP-3a", "AT-4a", "AT-4b", "AT-4c"].map(str::to_owned));
    ids
}

/// Those of which nothing exists so far.
fn is_later(id: &str) -> bool {
    let number = |library| id.strip_prefix(library).and_then(|n| n.parse::<u32>().ok());
    matches!(number("AT-"), Some(24..=26)) || matches!(number("AK-"), Some(25..=38))
}

/// A row of a table: id, name, her line, ours.
fn rows() -> Vec<[String; 4]> {
    let mut rows = Vec::new();
    for line in PAGE.lines() {
        let line = line.replace("\\|", "\u{0}");
        let cells: Vec<String> = line
            .trim_matches('|')
            .split('|')
            .map(|cell| cell.trim().replace('\u{0}', "|"))
            .collect();
        let Ok(cells) = <[String; 4]>::try_from(cells) else {
            continue;
        };
        let is_id = |library: &str| cells[0].starts_with(library);
        if ["EX-", "AS-", "AP-", "AT-", "AK-"]
            .iter()
            .any(|library| is_id(library))
        {
            rows.push(cells);
        }
    }
    rows
}

/// What is compiled, without the way it is laid out.
fn compiled() -> String {
    let mut code = String::new();
    for (number, part) in PAGE.split("```").enumerate() {
        if number % 2 == 1 {
            code.push_str(part);
        }
    }
    squeezed(&code)
}

fn squeezed(code: &str) -> String {
    code.chars().filter(|c| !c.is_whitespace()).collect()
}

/// The parts of a cell between backticks.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

#[test]
fn each_feature_has_its_row() {
    let rows = rows();
    let has: BTreeSet<&str> = rows.iter().map(|row| row[0].as_str()).collect();
    let ids = ids();
    for id in &ids {
        assert!(has.contains(id.as_str()), "{id} has no row");
    }
    for row in &rows {
        assert!(ids.contains(&row[0]), "{} is no feature", row[0]);
    }
}

#[test]
fn what_exists_is_not_put_off() {
    for [id, name, _, ours] in rows() {
        assert_eq!(ours.starts_with("later"), is_later(&id), "{id} {name}");
    }
}

#[test]
fn what_stands_on_the_right_is_compiled() {
    let compiled = compiled();
    for [id, name, _, ours] in rows() {
        if ours.starts_with("later") || ours.starts_with("nothing") {
            continue;
        }
        let code = quoted(&ours);
        let first = code
            .first()
            .unwrap_or_else(|| panic!("{id} {name}: no code"));
        assert!(
            compiled.contains(&squeezed(first)),
            "{id} {name}: `{first}` is not in a program of the page"
        );
        assert!(ours.contains('['), "{id} {name}: no link");
    }
}

/// All sources that have public items.
fn sources() -> String {
    fn read(folder: &Path, into: &mut String) {
        for entry in fs::read_dir(folder).expect("a readable folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                read(&path, into);
            } else if path.extension().is_some_and(|ext| ext == "rs") {
                into.push_str(&fs::read_to_string(&path).expect("a readable file"));
            }
        }
    }
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut all = String::new();
    for folder in ["src", "core/src"] {
        read(&root.join(folder), &mut all);
    }
    all
}

/// What a search of the documentation finds: aliases, and names of items.
fn searchable(sources: &str) -> BTreeSet<&str> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = BTreeSet::new();
    for line in sources.lines().map(str::trim) {
        if let Some((_, alias)) = line.split_once("doc(alias = \"") {
            found.extend(alias.split('"').next());
        }
        for what in ["fn ", "struct ", "trait ", "enum ", "mod "] {
            let item = line.strip_prefix("pub ").unwrap_or(line);
            if let Some(name) = item.strip_prefix(what) {
                found.extend(name.split(|c| !is_part(c)).next());
            }
        }
    }
    found
}

#[test]
fn each_name_is_found_by_searching_the_documentation() {
    let sources = sources();
    let found = searchable(&sources);
    let mut missing = Vec::new();
    for [id, name, _, ours] in rows() {
        if ours.starts_with("later") || ours.starts_with("nothing") {
            continue;
        }
        let names = quoted(&name).into_iter().map(str::to_owned);
        missing.extend(
            names
                .filter(|name| !found.contains(name.as_str()))
                .map(|name| (id.clone(), name)),
        );
    }
    assert!(missing.is_empty(), "nothing has the alias of {missing:?}");
}
