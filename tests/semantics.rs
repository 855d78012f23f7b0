//! The page about semantics: its tables are those that the conformance suite runs.
//!
//! `ANYRT_WRITE_DOCS=1 cargo test --test semantics` writes them anew into `src/semantics.md`.

use std::fs;
use std::path::PathBuf;

use anyrt_conformance::matrix;

/// The part of `page` between the marks of that name: where it begins and ends.
fn part(page: &str, name: &str) -> (usize, usize) {
    let (open, close) = (
        format!("<!-- {name} -->\n"),
        format!("<!-- end of {name} -->"),
    );
    let begin = page.find(&open).expect("the page has the mark") + open.len();
    let end = page.find(&close).expect("the page has the end mark");
    (begin, end)
}

#[test]
fn the_tables_of_the_page_are_those_that_are_tested() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/semantics.md");
    let page = fs::read_to_string(&path).expect("the page is there");
    let mut made = page.clone();
    for (name, table) in [
        ("policies", matrix::policies()),
        ("outcomes", matrix::outcomes()),
    ] {
        let (begin, end) = part(&made, name);
        made.replace_range(begin..end, &format!("\n{table}\n"));
    }
    if std::env::var_os("ANYRT_WRITE_DOCS").is_some() {
        return fs::write(&path, made).expect("the page can be written");
    }
    assert!(
        page == made,
        "the tables of src/semantics.md are not those that are tested: \
         run `ANYRT_WRITE_DOCS=1 cargo test --test semantics`"
    );
}

#[test]
fn the_page_stays_short() {
    let page = include_str!("../src/semantics.md");
    assert!(page.lines().count() <= 300, "{}", page.lines().count());
}
