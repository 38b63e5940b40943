//! Python's numbers and names as a request. Nothing is guessed: a bool is not
//! 1, and 2.0 is not 2.

use crate::errors::raise;
use poolkeeper::{Error, MAX_LIMIT, Request, Selector};
use pyo3::exceptions::{PyProcessLookupError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyInt, PyString};

/// Reads `set_limit(limits, **pools)`.
pub(crate) fn request(
    limits: Option<&Bound<'_, PyAny>>,
    pools: Option<&Bound<'_, PyDict>>,
) -> PyResult<Request> {
    let mut request = Request::new();
    if let Some(limits) = limits {
        request = add_limits(request, limits)?;
    }
    if let Some(pools) = pools {
        request = add_named(request, pools)?;
    }
    Ok(request)
}

/// Adds a number for every pool, or a dict of numbers by name; nothing for None.
pub(crate) fn add_limits(request: Request, limits: &Bound<'_, PyAny>) -> PyResult<Request> {
    if let Ok(number) = limits.cast_exact::<PyInt>() {
        return Ok(request.all(in_range(number)?));
    }
    match limits.cast::<PyDict>() {
        Ok(named) => add_named(request, named),
        Err(_) if limits.is_none() => Ok(request),
        Err(_) => Ok(request.all(count(limits)?)),
    }
}

fn add_named(mut request: Request, named: &Bound<'_, PyDict>) -> PyResult<Request> {
    // A copy: a number's own `__index__` may change the dict.
    for item in named.items() {
        let (name, threads): (Bound<'_, PyAny>, Bound<'_, PyAny>) = item.extract()?;
        request = add(request, &name, &threads)?;
    }
    Ok(request)
}

/// Adds a number for the pools of one name.
pub(crate) fn add(
    request: Request,
    name: &Bound<'_, PyAny>,
    threads: &Bound<'_, PyAny>,
) -> PyResult<Request> {
    let selector = selector(name)?;
    Ok(request.select(selector, count(threads)?))
}

/// A level, a runtime or a path (also as `os.PathLike`, or as text with Python's
/// escapes for bytes that aren't UTF-8).
fn selector(name: &Bound<'_, PyAny>) -> PyResult<Selector> {
    if let Ok(text) = name.cast::<PyString>() {
        return match text.to_cow() {
            Ok(text) => Selector::parse(&text).map_err(raise),
            Err(_) => Ok(Selector::File(name.extract()?)),
        };
    }
    if name.hasattr("__fspath__")? {
        return Ok(Selector::File(name.extract()?));
    }
    Err(PyTypeError::new_err(format!(
        "a pool is named by text or a path, not by {}",
        described(name)
    )))
}

/// True or False, and nothing that merely counts as one of them.
pub(crate) fn flag(name: &str, value: &Bound<'_, PyAny>) -> PyResult<bool> {
    let no_flag = |_| {
        PyTypeError::new_err(format!(
            "{name} must be True or False, not {}",
            described(value)
        ))
    };
    value.extract().map_err(no_flag)
}

/// A thread count from an int (or what has `__index__`, like numpy's integers).
pub(crate) fn count(value: &Bound<'_, PyAny>) -> PyResult<u32> {
    if value.is_instance_of::<PyBool>() {
        return Err(wrong_type(value));
    }
    let number = match value.cast::<PyInt>() {
        Ok(number) => number.clone(),
        Err(_) if value.hasattr("__index__")? => value.call_method0("__index__")?.cast_into()?,
        Err(_) => return Err(wrong_type(value)),
    };
    in_range(&number)
}

/// A process's number; one that none can have is given as 0.
pub(crate) fn process(value: &Bound<'_, PyAny>) -> PyResult<u32> {
    if value.is_instance_of::<PyBool>() || !value.hasattr("__index__")? {
        return Err(PyTypeError::new_err(format!(
            "a process is named by its number, not by {}",
            described(value)
        )));
    }
    value.extract().map_err(|_| {
        // A number that no process can have is told as it was given.
        let number = value.call_method0("__index__");
        let number = number.and_then(|number| Ok(written(number.cast::<PyInt>()?)));
        let number = number.unwrap_or_else(|_| "of that number".to_owned());
        PyProcessLookupError::new_err(format!("can't look at process {number}: No such process"))
    })
}

fn in_range(number: &Bound<'_, PyInt>) -> PyResult<u32> {
    number.extract::<u32>().map_err(|_| {
        raise(Error::InvalidLimit {
            value: written(number),
            max: MAX_LIMIT,
        })
    })
}

/// The number's digits, unless it has more than Python is willing to write.
fn written(number: &Bound<'_, PyInt>) -> String {
    let digits = number.str().map(|text| text.to_string());
    digits.unwrap_or_else(|_| "a number of thousands of digits".to_owned())
}

fn wrong_type(value: &Bound<'_, PyAny>) -> PyErr {
    PyTypeError::new_err(format!(
        "a limit must be a whole number from 1 to {MAX_LIMIT}, not {}",
        described(value)
    ))
}

fn described(value: &Bound<'_, PyAny>) -> String {
    let kind = value
        .get_type()
        .name()
        .map_or_else(|_| "object".to_owned(), |n| n.to_string());
    match value.repr() {
        Ok(repr) => format!("{repr} ({kind})"),
        Err(_) => format!("a {kind}"),
    }
}
