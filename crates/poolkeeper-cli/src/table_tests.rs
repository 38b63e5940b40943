//! Tables at widths that people have.

use super::*;

const COLUMNS: [(&str, Kind); 4] = [
    ("source", Kind::Text),
    ("CPUs", Kind::Number),
    ("read from", Kind::Path),
    ("value", Kind::Text),
];
const PLACE: &str = "/sys/fs/cgroup/cpu/jobs.slice/tenant-7/cpu.cfs_quota_us";

fn rows() -> Vec<Row> {
    let cells = ["quota", "1.50", PLACE, "150000 of each 100000 microseconds"];
    let other = ["affinity", "2", "sched_getaffinity", "0-1"];
    let rows = [cells, other].map(|cells| Row::from(cells.map(str::to_owned).to_vec()));
    rows.to_vec()
}

fn at(width: usize) -> String {
    let look = Look {
        width,
        is_coloured: false,
    };
    table(look, &COLUMNS, &rows())
}

/// The words of a text in their order, without what a path was cut by.
fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

#[test]
fn a_wide_terminal_shows_rows_on_one_line_with_whole_paths() {
    let text = at(200);
    assert_eq!(text.lines().count(), 3, "{text}");
    assert!(text.contains(PLACE), "{text}");
}

#[test]
fn a_narrow_one_gets_no_longer_line_and_no_broken_word() {
    for width in 40..200 {
        let text = at(width);
        for line in text.lines() {
            assert!(display_width(line) <= width, "{width}: {line}");
        }
        let known: Vec<String> = [PLACE, "value:", "from:"].map(str::to_owned).to_vec();
        for word in words(&text) {
            let is_whole = rows()
                .iter()
                .flat_map(|row| row.cells.clone())
                .chain(COLUMNS.map(|(heading, _)| heading.to_owned()))
                .flat_map(|cell| {
                    words(&cell)
                        .into_iter()
                        .map(str::to_owned)
                        .collect::<Vec<_>>()
                })
                .chain(known.clone())
                .any(|whole| whole == word);
            let is_end_of_path = word
                .strip_prefix("...")
                .is_some_and(|end| PLACE.ends_with(end));
            assert!(is_whole || is_end_of_path, "{width}: {word:?} in\n{text}");
        }
    }
}

#[test]
fn columns_without_room_go_below_with_their_names() {
    let text = at(40);
    assert!(
        text.contains("\n    value: 150000 of each 100000\n"),
        "{text}"
    );
    assert!(text.contains("\naffinity"), "{text}");
}

#[test]
fn headings_and_what_counts_are_bold_on_a_terminal() {
    let look = Look {
        width: 200,
        is_coloured: true,
    };
    let mut rows = rows();
    rows[0].is_marked = true;
    let text = table(look, &COLUMNS, &rows);
    let bold = text
        .lines()
        .filter(|line| line.starts_with("\x1b[1m") && line.ends_with("\x1b[0m"));
    assert_eq!(bold.count(), 2, "{text:?}");
}

#[test]
fn a_file_stands_under_its_row() {
    let row = Row {
        cells: vec!["openblas".to_owned()],
        file: Some("/lib/libopenblas.so.0".into()),
        is_marked: false,
    };
    let text = table(Look::default(), &[("pool", Kind::Text)], &[row]);
    assert_eq!(text, "pool\nopenblas\n  /lib/libopenblas.so.0\n");
}
