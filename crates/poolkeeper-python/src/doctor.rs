//! `doctor`: findings as Python objects, and Python's own facts for the rules.

use crate::errors::raise;
use crate::interpreter::unlocked;
use crate::look::look;
use crate::numbers;
use crate::pool::{html, path};
use poolkeeper::doctor::{self, Facts, FixedPool, Host, LiveLimit, Notebook, diagnose};
use poolkeeper::printable;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// How often Python has forked this process since poolkeeper was imported.
static FORKS: AtomicU32 = AtomicU32::new(0);
/// How often Python has forked in spite of a start method that doesn't fork.
static FORKS_IN_SPITE: AtomicU32 = AtomicU32::new(0);

/// Counts a fork, in the parent.
#[pyfunction]
pub(crate) fn _count_fork(py: Python<'_>) {
    FORKS.fetch_add(1, Ordering::Relaxed);
    if is_settled_otherwise(py).unwrap_or(false) {
        FORKS_IN_SPITE.fetch_add(1, Ordering::Relaxed);
    }
}

/// Whether the program has told multiprocessing to start processes without a fork.
fn is_settled_otherwise(py: Python<'_>) -> PyResult<bool> {
    let modules = py.import("sys")?.getattr("modules")?;
    let multiprocessing = modules.call_method1("get", ("multiprocessing",))?;
    if multiprocessing.is_none() {
        return Ok(false);
    }
    let method = multiprocessing.call_method1("get_start_method", (true,))?;
    Ok(!method.is_none() && !method.eq("fork")?)
}

/// The forks so far that make more forks likely.
fn forks(py: Python<'_>) -> u32 {
    let forks = match is_settled_otherwise(py) {
        Ok(true) => &FORKS_IN_SPITE,
        _ => &FORKS,
    };
    forks.load(Ordering::Relaxed)
}

/// Reads what `poolkeeper._doctor.host_facts` returns.
pub(crate) fn host(facts: &Bound<'_, PyDict>) -> PyResult<Host> {
    let get = |name: &str| facts.as_any().get_item(name);
    let limits: Vec<(String, Vec<(PathBuf, u32)>)> = get("limits")?.extract()?;
    let limits = limits
        .into_iter()
        .map(|(words, pools)| LiveLimit { words, pools });
    let notebook: Option<Vec<(String, u64)>> = get("notebook")?.extract()?;
    let pools: Vec<(String, u32, String)> = get("fixed_pools")?.extract()?;
    let fixed_pools = pools
        .into_iter()
        .map(|(name, threads, variable)| FixedPool {
            name,
            threads,
            variable,
        });
    Ok(Host {
        modules: get("modules")?.extract()?,
        start_method: get("start_method")?.extract()?,
        forks: forks(facts.py()),
        workers: get("workers")?.extract()?,
        numba_layer: get("numba_layer")?.extract()?,
        fixed_pools: fixed_pools.collect(),
        limits: limits.collect(),
        notebook: notebook.map(|limits| Notebook { limits }),
    })
}

/// Python's facts, asked of the interpreter.
pub(crate) fn host_of(py: Python<'_>) -> PyResult<Host> {
    let facts = py
        .import("poolkeeper._doctor")?
        .call_method0("host_facts")?;
    host(facts.cast::<PyDict>()?)
}

/// What `poolkeeper.doctor` returns, given Python's facts.
#[pyfunction]
#[pyo3(signature = (facts, cpus=None, /))]
pub(crate) fn _doctor(
    py: Python<'_>,
    facts: &Bound<'_, PyDict>,
    cpus: Option<&Bound<'_, PyAny>>,
) -> PyResult<Report> {
    let cpus = cpus.map(numbers::count).transpose()?;
    let host = host(facts)?;
    let facts = unlocked(py, || Facts::gather(host)).map_err(raise)?;
    let facts = match cpus {
        Some(cpus) => facts.on_machine(cpus).map_err(raise)?,
        None => facts,
    };
    Ok(Report {
        report: diagnose(&facts),
        in_notebook: facts.host.notebook.is_some(),
    })
}

/// The bounds of the loaded OpenMP pools, for `poolkeeper.guard`: file, most
/// threads, code, reason.
#[pyfunction]
pub(crate) fn _safe_threads<'py>(
    py: Python<'py>,
    facts: &Bound<'py, PyDict>,
) -> PyResult<Vec<SafeThreads<'py>>> {
    let host = host(facts)?;
    let facts = unlocked(py, || Facts::gather(host)).map_err(raise)?;
    let bounds = doctor::safe_threads(&facts).into_iter().map(|bound| {
        let file = path(py, &bound.file)?;
        Ok((file, bound.most, bound.code, bound.reason))
    });
    bounds.collect()
}

type SafeThreads<'py> = (Bound<'py, PyAny>, u32, &'static str, String);

/// What the doctor has to say about a process; :func:`doctor` returns it.
#[pyclass(frozen, module = "poolkeeper")]
pub(crate) struct Report {
    report: doctor::Report,
    /// Whether a notebook has magics that show more of the report.
    in_notebook: bool,
}

#[pymethods]
impl Report {
    /// Every finding, the worst first: a list of :class:`Finding`.
    #[getter]
    fn findings(&self) -> Vec<Finding> {
        self.report.findings.iter().cloned().map(Finding).collect()
    }

    /// Whether there is neither an error nor a warning, and nothing was unseen.
    #[getter]
    fn is_healthy(&self) -> bool {
        self.report.is_healthy
    }

    /// What the doctor could not look at: a list of str.
    #[getter]
    fn unseen(&self) -> Vec<String> {
        self.report.unseen.clone()
    }

    /// CPUs that the process may use; with ``cpus=``, the CPUs of that machine.
    #[getter]
    fn cpus(&self) -> u32 {
        self.report.cpus
    }

    /// Everything, as a dict: what ``poolkeeper doctor --json`` writes.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        dict.set_item("is_healthy", self.report.is_healthy)?;
        dict.set_item("unseen", self.unseen())?;
        let findings = self.findings();
        let findings: PyResult<Vec<_>> = findings.iter().map(|found| found.to_dict(py)).collect();
        dict.set_item("findings", findings?)?;
        dict.set_item("pools", self.report.pools)?;
        dict.set_item("cpus", self.report.cpus)?;
        dict.set_item("is_pretended", self.report.is_pretended)?;
        Ok(dict)
    }

    /// The report as text, as wide as a terminal that ``print`` writes to (80 columns
    /// elsewhere), with notes or without.
    #[pyo3(signature = (*, notes=true))]
    fn text(&self, py: Python<'_>, notes: bool) -> String {
        let style = poolkeeper_cli::Style {
            look: look(py),
            notes,
            how_to_see_notes: if self.in_notebook {
                "%doctor --notes"
            } else {
                "poolkeeper.doctor().text()"
            },
        };
        poolkeeper_cli::doctor_text(&self.report, style)
            .trim_end()
            .to_owned()
    }

    /// What a notebook shows.
    fn _repr_html_<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        html(slf.as_any(), "report")
    }

    fn __str__(&self, py: Python<'_>) -> String {
        self.text(py, false)
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        self.text(py, false)
    }
}

/// Something that the doctor has to say about a process.
#[pyclass(frozen, module = "poolkeeper")]
pub(crate) struct Finding(doctor::Finding);

#[pymethods]
impl Finding {
    /// Its code, which never changes: ``"PK101"``.
    #[getter]
    fn code(&self) -> &str {
        self.0.code
    }

    /// ``"error"``, ``"warning"`` or ``"note"``.
    #[getter]
    fn severity(&self) -> &str {
        self.0.severity.name()
    }

    /// What is wrong, in one sentence.
    #[getter]
    fn summary(&self) -> &str {
        &self.0.summary
    }

    /// The evidence, with files and values: a list of str.
    #[getter]
    fn evidence(&self) -> Vec<String> {
        self.0.evidence.iter().map(ToString::to_string).collect()
    }

    /// Why the finding matters.
    #[getter]
    fn why(&self) -> &str {
        self.0.why
    }

    /// Where the problem is described: a list of str.
    #[getter]
    fn references(&self) -> Vec<&str> {
        self.0.references.to_vec()
    }

    /// What to type: a dict with ``"python"``, ``"shell"`` and ``"advice"``, each
    /// a str or None.
    #[getter]
    fn fix<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        dict.set_item("python", &self.0.fix.python)?;
        dict.set_item("shell", &self.0.fix.shell)?;
        dict.set_item("advice", &self.0.fix.advice)?;
        Ok(dict)
    }

    /// Every field, as a dict.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        dict.set_item("code", self.code())?;
        dict.set_item("severity", self.severity())?;
        dict.set_item("summary", self.summary())?;
        let evidence = self.0.evidence.iter().map(|found| {
            let dict = PyDict::new(py);
            dict.set_item("text", &found.text)?;
            let file = found.file.as_ref();
            dict.set_item("file", file.map(|file| file.to_string_lossy()))?;
            Ok(dict)
        });
        dict.set_item("evidence", evidence.collect::<PyResult<Vec<_>>>()?)?;
        dict.set_item("why", self.why())?;
        dict.set_item("references", self.references())?;
        dict.set_item("fix", self.fix(py)?)?;
        Ok(dict)
    }

    /// What a notebook shows.
    fn _repr_html_<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        html(slf.as_any(), "finding")
    }

    fn __str__(&self) -> String {
        let found = &self.0;
        let summary = printable(&found.summary);
        format!("{} {}: {summary}", found.severity, found.code)
    }

    fn __repr__(&self) -> String {
        format!("<Finding {}>", self.__str__())
    }
}
