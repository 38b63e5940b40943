//! What a stretch of a program used.

use crate::errors::raise;
use crate::pool::path;
use poolkeeper::usage::{self, Owner};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use std::sync::{Mutex, PoisonError};

/// Looks at the threads of this process until it is stopped.
#[pyclass(frozen, module = "poolkeeper._native")]
pub(crate) struct Sampler(Mutex<Option<usage::Sampler>>);

#[pymethods]
impl Sampler {
    /// Begins to look.
    #[new]
    fn start() -> PyResult<Sampler> {
        let sampler = usage::Sampler::start().map_err(raise)?;
        Ok(Sampler(Mutex::new(Some(sampler))))
    }

    /// Ends it; every number as a dict, and ``None`` the second time.
    fn stop<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        let sampler = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(sampler) = sampler else {
            return Ok(None);
        };
        // Detached: it waits for the sampler's thread, and asks the loader.
        let usage = py.detach(|| sampler.stop());
        to_dict(py, &usage).map(Some)
    }
}

fn to_dict<'py>(py: Python<'py>, usage: &usage::Usage) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("wall_seconds", usage.wall.as_secs_f64())?;
    dict.set_item("cpu_seconds", usage.cpu.as_secs_f64())?;
    dict.set_item("voluntary_switches", usage.voluntary_switches)?;
    dict.set_item("involuntary_switches", usage.involuntary_switches)?;
    dict.set_item("throttling", throttling(py, usage)?)?;
    dict.set_item("samples", &usage.samples)?;
    let groups = PyList::empty(py);
    for group in &usage.groups {
        groups.append(group_to_dict(py, group)?)?;
    }
    dict.set_item("groups", groups)?;
    let moments = usage.moments.iter();
    let moments = moments.map(|moment| (moment.at.as_secs_f64(), moment.runnable.clone()));
    dict.set_item("moments", PyList::new(py, moments)?)?;
    Ok(dict)
}

fn throttling<'py>(py: Python<'py>, usage: &usage::Usage) -> PyResult<Option<Bound<'py, PyDict>>> {
    let Some(throttling) = &usage.throttling else {
        return Ok(None);
    };
    let dict = PyDict::new(py);
    dict.set_item("group", path(py, &throttling.group)?)?;
    dict.set_item("periods", throttling.periods)?;
    dict.set_item("throttled", throttling.throttled)?;
    dict.set_item("seconds", throttling.time.as_secs_f64())?;
    Ok(Some(dict))
}

fn group_to_dict<'py>(py: Python<'py>, group: &usage::Group) -> PyResult<Bound<'py, PyDict>> {
    let (owner, runtime, file) = match &group.owner {
        Owner::Main => ("main", None, None),
        Owner::Pool { runtime, filepath } => ("pool", Some(*runtime), Some(filepath)),
        Owner::Library(file) => ("library", None, Some(file)),
        _ => ("unknown", None, None),
    };
    let dict = PyDict::new(py);
    dict.set_item("owner", owner)?;
    dict.set_item("runtime", runtime)?;
    dict.set_item("filepath", file.map(|file| path(py, file)).transpose()?)?;
    dict.set_item("worked", group.worked)?;
    dict.set_item("peak", group.peak)?;
    dict.set_item("cpu_seconds", group.cpu.as_secs_f64())?;
    Ok(dict)
}
