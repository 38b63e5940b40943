//! `doctor`: findings as Python objects, and Python's own facts for the rules.

use crate::errors::raise;
use crate::interpreter::unlocked;
use crate::look::look;
use crate::numbers;
use crate::pool::{html, path};
use poolkeeper::doctor::{self, Facts, FixedPool, Host, diagnose};
use poolkeeper::printable;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::sync::atomic::{AtomicU32, Ordering};

/// How often Python has forked this process since poolkeeper was imported.
static FORKS: AtomicU32 = AtomicU32::new(0);

/// Counts a fork, in the parent.
#[pyfunction]
pub(crate) fn _count_fork() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

/// Reads what `poolkeeper._doctor.host_facts` returns.
pub(crate) fn host(facts: &Bound<'_, PyDict>) -> PyResult<Host> {
    let get = |name: &str| facts.as_any().get_item(name);
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
        forks: FORKS.load(Ordering::Relaxed),
        workers: get("workers")?.extract()?,
        numba_layer: get("numba_layer")?.extract()?,
        fixed_pools: fixed_pools.collect(),
    })
}

/// The same, asked of the interpreter.
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
    Ok(Report(diagnose(&facts)))
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

/// What the doctor has to say about a process: what :func:`doctor` returns.
#[pyclass(frozen, module = "poolkeeper")]
pub(crate) struct Report(doctor::Report);

#[pymethods]
impl Report {
    /// Every finding, the worst first: a list of :class:`Finding`.
    #[getter]
    fn findings(&self) -> Vec<Finding> {
        self.0.findings.iter().cloned().map(Finding).collect()
    }

    /// Whether there is neither an error nor a warning, and nothing was unseen.
    #[getter]
    fn is_healthy(&self) -> bool {
        self.0.is_healthy
    }

    /// What could not be looked at, a few words each: a list of str.
    #[getter]
    fn unseen(&self) -> Vec<String> {
        self.0.unseen.clone()
    }

    /// CPUs that the process may use; with ``cpus=``, those of that machine.
    #[getter]
    fn cpus(&self) -> u32 {
        self.0.cpus
    }

    /// Everything, as a dict: what ``poolkeeper doctor --json`` writes.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        dict.set_item("is_healthy", self.0.is_healthy)?;
        dict.set_item("unseen", self.unseen())?;
        let findings = self.findings();
        let findings: PyResult<Vec<_>> = findings.iter().map(|found| found.to_dict(py)).collect();
        dict.set_item("findings", findings?)?;
        dict.set_item("pools", self.0.pools)?;
        dict.set_item("cpus", self.0.cpus)?;
        dict.set_item("is_pretended", self.0.is_pretended)?;
        Ok(dict)
    }

    /// The report as text, as wide as a terminal that ``print`` writes to (80 columns
    /// elsewhere), with notes or without.
    #[pyo3(signature = (*, notes=true))]
    fn text(&self, py: Python<'_>, notes: bool) -> String {
        let style = poolkeeper_cli::Style {
            look: look(py),
            notes,
            how_to_see_notes: "report.text()",
        };
        poolkeeper_cli::doctor_text(&self.0, style)
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
    /// Its code, the same in every version: ``"PK101"``.
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

    /// What was found: which file, which values; a list of str.
    #[getter]
    fn evidence(&self) -> Vec<String> {
        self.0.evidence.iter().map(ToString::to_string).collect()
    }

    /// Why it matters.
    #[getter]
    fn why(&self) -> &str {
        self.0.why
    }

    /// Where that is described; a list of str.
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
