//! What the library costs without Python around it, as JSON on standard output.
//!
//! `poolkeeper-bench scope LIBRARY...` loads the libraries and measures a
//! scope over their pools and a re-discovery when nothing changed.
//! `poolkeeper-bench discover EXTRA LIBRARY...` measures the whole walk after
//! each of the libraries was loaded: EXTRA is loaded and unloaded in turn, to
//! move the loader's counters. A time is three numbers: the median between its
//! quarter points, in nanoseconds.

use libloading::Library;
use serde_json::{Value, json};
use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let report = match arguments.split_first() {
        Some((mode, libraries)) if mode == "scope" => scope(libraries)?,
        Some((mode, rest)) if mode == "discover" => {
            let (extra, libraries) = rest.split_first().ok_or("discover needs libraries")?;
            discover(extra, libraries)?
        }
        _ => return Err("usage: poolkeeper-bench scope|discover LIBRARY...".into()),
    };
    println!("{report}");
    Ok(())
}

fn scope(libraries: &[String]) -> Result<Value> {
    for library in libraries {
        load(library)?;
    }
    let pools = poolkeeper::pools()?.len();
    let scope = batches(|| drop(black_box(poolkeeper::limit(1))), 10_000);
    let refresh = batches(|| drop(black_box(poolkeeper::refresh())), 10_000);
    Ok(json!({ "pools": pools, "scope_ns": scope, "refresh_ns": refresh }))
}

fn discover(extra: &str, libraries: &[String]) -> Result<Value> {
    let checkpoints = [10, 20, 50, 100, 200, 500, 1000, 1500, 2000];
    let mut points = Vec::new();
    for (loaded, library) in libraries.iter().enumerate() {
        if checkpoints.contains(&loaded) {
            points.push(json!({ "libraries": loaded, "walk_ns": walk(extra)? }));
        }
        load(library)?;
    }
    points.push(json!({ "libraries": libraries.len(), "walk_ns": walk(extra)? }));
    Ok(json!({ "points": points }))
}

/// One whole discovery: the counters have moved, and nothing else.
fn walk(extra: &str) -> Result<Spread> {
    let mut times = Vec::new();
    for _ in 0..41 {
        // SAFETY: a tiny library of the benchmark, without constructors.
        let library = unsafe { Library::new(extra)? };
        let start = Instant::now();
        let looked = poolkeeper::refresh()?;
        times.push(start.elapsed().as_nanos() as f64);
        assert!(looked, "loading {extra} did not move the loader's counters");
        drop(library);
        poolkeeper::refresh()?;
    }
    Ok(spread(times))
}

/// Loads a library for good.
fn load(path: &str) -> Result<()> {
    // SAFETY: a library that the benchmark's caller chose.
    std::mem::forget(unsafe { Library::new(path)? });
    Ok(())
}

/// What one call takes, over batches of `count` calls.
fn batches(mut call: impl FnMut(), count: u32) -> Spread {
    let mut batch = || {
        let start = Instant::now();
        (0..count).for_each(|_| call());
        start.elapsed().as_nanos() as f64 / f64::from(count)
    };
    batch();
    spread((0..101).map(|_| batch()).collect())
}

/// The lower quarter point, the median and the upper quarter point.
type Spread = [f64; 3];

fn spread(mut times: Vec<f64>) -> Spread {
    times.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| times[times.len() * quarter / 4])
}
