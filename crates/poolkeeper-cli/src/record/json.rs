//! A recording's numbers, for programs. Times are in seconds.

use super::words;
use crate::words::owner_as_json;
use poolkeeper::usage::{Alone, BudgetStep, Cause, Lane, OwnerUse, ProcessUse, Recording, Verdict};
use poolkeeper_simulate::End;
use serde_json::{Value, json};
use std::time::Duration;

pub(super) fn json(recording: &Recording, verdict: &Verdict, end: Option<&End>) -> Value {
    json!({
        "command": recording.command,
        "pid": recording.pid,
        "end": end,
        "wall": seconds(recording.wall),
        "interval": seconds(recording.interval),
        "looks": recording.looks,
        "verdict": {
            "is_well": verdict.is_well(),
            "is_short": verdict.is_short,
            "is_partial": verdict.is_partial,
            "knows_waits": verdict.knows_waits,
            "text": words::verdict(recording, verdict),
            "causes": verdict.causes.iter().map(cause).collect::<Vec<_>>(),
            "alone": verdict.alone.as_ref().map(|alone| json!({
                "code": Alone::CODE,
                "part": alone.part,
                "time": seconds(alone.time),
                "idle_cpus": alone.idle,
            })),
            "wanted_cpus": verdict.wanted,
            "peak_cpus": verdict.peak,
            "used_cpus": verdict.used,
            "had_cpus": verdict.had,
        },
        "budget": recording.budget.iter().map(step).collect::<Vec<_>>(),
        "owners": recording.owners.iter().map(owner).collect::<Vec<_>>(),
        "processes": recording.processes.iter().map(process).collect::<Vec<_>>(),
        "timeline": {
            "width": seconds(recording.width),
            "lanes": recording.lanes.iter().map(lane).collect::<Vec<_>>(),
            "others": recording.others.as_deref().map(all),
        },
        "throttling": recording.throttling.as_ref().map(|throttling| json!({
            "group": throttling.group.to_string_lossy(),
            "periods": throttling.periods,
            "throttled": throttling.throttled,
            "time": seconds(throttling.time),
        })),
        "unseen_cpu": seconds(recording.unseen_cpu),
        "unseen": words::unseen(recording),
    })
}

fn cause(cause: &Cause) -> Value {
    let mut value = fields(cause);
    value["code"] = cause.code().into();
    value
}

fn fields(cause: &Cause) -> Value {
    match cause {
        Cause::Crowd(crowd) => json!({
            "cause": "crowd",
            "part": crowd.part,
            "time": seconds(crowd.time),
            "threads": crowd.threads,
            "cpus": crowd.cpus,
            "waited": seconds(crowd.waited),
            "wanted": seconds(crowd.wanted),
            "owners": by_place(&crowd.owners),
            "processes": by_place(&crowd.processes),
        }),
        Cause::Neighbours { waited, took } => json!({
            "cause": "neighbours",
            "waited": seconds(*waited),
            "took_cpus": took,
        }),
        Cause::Throttled(throttling) => json!({
            "cause": "throttled",
            "periods": throttling.periods,
            "throttled": throttling.throttled,
            "time": seconds(throttling.time),
        }),
        _ => Value::Null,
    }
}

fn by_place(each: &[(usize, f64)]) -> Vec<Value> {
    let each = each.iter();
    each.map(|(place, threads)| json!({ "place": place, "threads": threads }))
        .collect()
}

fn step(step: &BudgetStep) -> Value {
    json!({
        "at": seconds(step.at),
        "cpus": step.cpus,
        "exact": step.exact,
        "source": step.source,
    })
}

fn owner(used: &OwnerUse) -> Value {
    let mut value = owner_as_json(&used.owner);
    value["threads"] = used.threads.into();
    value["ran"] = seconds(used.ran).into();
    value["waited"] = seconds(used.waited).into();
    value
}

fn process(process: &ProcessUse) -> Value {
    json!({
        "pid": process.pid,
        "name": process.name,
        "command": process.command,
        "began": seconds(process.began),
        "ended": process.ended.map(seconds),
        "peak_threads": process.peak_threads,
        "ran": seconds(process.ran),
        "waited": seconds(process.waited),
    })
}

fn lane(lane: &Lane) -> Value {
    json!({
        "process": lane.process,
        "owner": lane.owner,
        "ran": all(&lane.ran),
        "waited": all(&lane.waited),
    })
}

fn all(times: &[Duration]) -> Vec<f64> {
    times.iter().copied().map(seconds).collect()
}

fn seconds(time: Duration) -> f64 {
    time.as_secs_f64()
}
