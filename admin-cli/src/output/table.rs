//! Output for people: columns without lines, which also `grep` and `awk` can read.

use comfy_table::{ContentArrangement, Table, presets::NOTHING};

/// One row per resource, under a header.
pub(super) fn of_rows(columns: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut table = empty();
    table.set_header(columns.iter().copied());
    for row in rows {
        table.add_row(row.iter().map(|cell| shown(cell)));
    }
    finish(table)
}

/// One row per field.
pub(super) fn of_facts(facts: &[(&'static str, String)]) -> String {
    let mut table = empty();
    for (name, value) in facts {
        table.add_row([(*name).to_owned(), shown(value)]);
    }
    finish(table)
}

/// Lines as they are.
pub(super) fn of_lines(lines: &[String]) -> String {
    lines.iter().map(|line| printable(line) + "\n").collect()
}

fn empty() -> Table {
    let mut table = Table::new();
    table
        .load_style(NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .force_no_tty();
    table
}

fn finish(mut table: Table) -> String {
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt() + "\n"
}

fn shown(value: &str) -> String {
    if value.is_empty() {
        "-".into()
    } else {
        printable(value)
    }
}

/// Names and descriptions come from others: nothing in them may command the terminal.
pub(super) fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || INVISIBLE.contains(&c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// Characters that turn the direction of text around.
const INVISIBLE: [char; 9] = [
    '\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}', '\u{202e}', '\u{2066}', '\u{2067}', '\u{2068}',
    '\u{2069}',
];
