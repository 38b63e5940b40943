//! What schedulers, launchers and platforms set is read in one place.

use poolkeeper::budget::entries;
use std::path::{Path, PathBuf};

/// The table, what lists variables that poolkeeper *sets*, and what the fuzz targets
/// set in the environments that they invent.
const ALLOWED: [&str; 3] = [
    "crates/poolkeeper/src/budget/variables/",
    "crates/poolkeeper/src/runtimes/",
    "crates/poolkeeper/src/fuzzing.rs",
];

#[test]
fn nobody_names_such_a_variable_elsewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = Vec::new();
    for folder in std::fs::read_dir(root.join("crates")).unwrap() {
        collect(&folder.unwrap().path().join("src"), &mut files);
    }
    collect(&root.join("python"), &mut files);
    assert!(files.len() > 100, "{}", files.len());
    let names: Vec<&str> = entries()
        .flat_map(|entry| {
            let variables = entry.variables.iter().map(|variable| variable.name);
            variables.chain(entry.beside.iter().copied())
        })
        .collect();
    let mut elsewhere = Vec::new();
    for path in files {
        let place = path.strip_prefix(&root).unwrap().to_str().unwrap();
        if ALLOWED.iter().any(|allowed| place.starts_with(allowed)) {
            continue;
        }
        // What a file's own tests set, nobody reads.
        let text = std::fs::read_to_string(&path).unwrap();
        let text = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap();
        let found = names.iter().filter(|name| {
            let quoted = |quote| text.contains(&format!("{quote}{name}{quote}"));
            quoted('"') || quoted('\'')
        });
        elsewhere.extend(found.map(|name| format!("{place}: {name}")));
    }
    assert!(elsewhere.is_empty(), "{elsewhere:#?}");
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for path in entries.map(|entry| entry.unwrap().path()) {
        let is_test = path.file_name().is_some_and(|name| {
            let name = name.to_string_lossy();
            name == "tests" || name == "tests.rs" || name.ends_with("_tests.rs")
        });
        if is_test {
            continue;
        }
        if path.is_dir() {
            collect(&path, files);
        } else if path
            .extension()
            .is_some_and(|kind| kind == "rs" || kind == "py")
        {
            files.push(path);
        }
    }
}
