//! The command inside Python: imports and code run in this interpreter, and
//! output goes to Python's own streams.

use crate::doctor;
use crate::look::is_terminal;
use poolkeeper_cli::{Apart, End, Host, ReportOptions};
use pyo3::call::PyCallArgs;
use pyo3::exceptions::{PyBrokenPipeError, PyKeyboardInterrupt, PyUnicodeEncodeError};
use pyo3::prelude::*;
use std::ffi::{CString, OsString};
use std::io::{self, Write};

/// Runs the ``poolkeeper`` command.
///
/// Parameters
/// ----------
/// arguments : list of str
///     The command line, the program's name first.
/// is_process : bool
///     Whether the process is there for the command alone, which may fork it then.
///
/// Returns
/// -------
/// int
///     The exit code.
///
/// Raises
/// ------
/// KeyboardInterrupt
///     If an import or the code of ``--command`` was interrupted.
#[pyfunction]
#[pyo3(signature = (arguments, *, is_process=false))]
pub(crate) fn run_command(
    py: Python<'_>,
    arguments: Vec<OsString>,
    is_process: bool,
) -> PyResult<i32> {
    let mut out = Stream { py, name: "stdout" };
    let mut err = Stream { py, name: "stderr" };
    let mut interpreter = Interpreter::new(py, "stdout");
    interpreter.may_fork = is_process;
    let code = poolkeeper_cli::run(arguments, &mut interpreter, &mut out, &mut err);
    if is_process {
        // A child ends here, and nothing that its parent has still to do is done twice.
        interpreter.call_apart("finish", (code, interpreter.stop.as_ref()))?;
    }
    interpreter.stop.map_or(Ok(code), Err)
}

struct Interpreter<'py> {
    py: Python<'py>,
    /// What is to end the whole command.
    stop: Option<PyErr>,
    /// The stream that reports go to.
    stream: &'static str,
    /// Whether imports may be made in a child.
    may_fork: bool,
}

impl<'py> Interpreter<'py> {
    fn new(py: Python<'py>, stream: &'static str) -> Self {
        Interpreter {
            py,
            stop: None,
            stream,
            may_fork: false,
        }
    }

    /// Runs a program and returns what it ended with, if not by its last line;
    /// the outer error says why there is nothing to run.
    fn run_as_main(
        &self,
        program: &[OsString],
        options: &ReportOptions,
    ) -> PyResult<Result<(), PyErr>> {
        let script = self.py.import("poolkeeper._script")?;
        let report = Py::new(self.py, AtEnd(options.clone()))?;
        let run = script.call_method1("run", (program.to_vec(), report));
        match run {
            Ok(_) => Ok(Ok(())),
            Err(error) if error.is_instance(self.py, &script.getattr("CannotRun")?) => Err(error),
            Err(error) => Ok(Err(error)),
        }
    }

    /// Calls a function of the module that knows of the child.
    fn call_apart(
        &self,
        name: &str,
        arguments: impl PyCallArgs<'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let module = self.py.import("poolkeeper._apart")?;
        module.getattr(name)?.call1(arguments)
    }

    fn go_apart(&self) -> PyResult<Apart> {
        let ended = self.call_apart("go", ())?;
        if ended.is_none() {
            return Ok(Apart::Here);
        }
        let (code, what, said): (Option<i32>, String, Vec<String>) = ended.extract()?;
        Ok(code.map_or(Apart::Died(End { what, said }), Apart::Done))
    }

    /// What went wrong, for a warning; an interrupt is kept.
    fn in_one_line(&mut self, error: PyErr) -> String {
        let text = self.one_line(&error);
        if error.is_instance_of::<PyKeyboardInterrupt>(self.py) {
            self.stop = Some(error);
        }
        text
    }

    /// Calls a module's `main`; its exit code.
    fn main_of(&mut self, module: &str, arguments: &[String]) -> Result<i32, String> {
        let module = self.py.import(module);
        let code = module.and_then(|module| module.call_method1("main", (arguments,))?.extract());
        match code {
            // A reader that stopped reading (`| head`) is no failure.
            Err(error) if error.is_instance_of::<PyBrokenPipeError>(self.py) => {
                Ok(poolkeeper_cli::EXIT_OK)
            }
            code => code.map_err(|error| self.in_one_line(error)),
        }
    }

    fn one_line(&self, error: &PyErr) -> String {
        let kind = error
            .get_type(self.py)
            .name()
            .map_or_else(|_| "error".into(), |n| n.to_string());
        let text = error.value(self.py).to_string();
        match text.lines().next() {
            Some(line) if !line.is_empty() => format!("{kind}: {line}"),
            _ => kind,
        }
    }
}

impl Host for Interpreter<'_> {
    fn apart(&mut self) -> Apart {
        if !self.may_fork {
            return Apart::Here;
        }
        self.go_apart().unwrap_or_else(|error| {
            let is_over = error.is_instance_of::<PyKeyboardInterrupt>(self.py);
            let what = self.in_one_line(error);
            // A system that can't fork imports here.
            if is_over {
                Apart::Died(End {
                    what,
                    said: Vec::new(),
                })
            } else {
                Apart::Here
            }
        })
    }

    fn doing(&mut self, what: &str) {
        if self.may_fork {
            let _ = self.call_apart("doing", (what,));
        }
    }

    fn is_stopped(&self) -> bool {
        self.stop.is_some()
    }

    fn command(&self) -> Vec<OsString> {
        let executable = self
            .py
            .import("sys")
            .and_then(|sys| sys.getattr("executable"));
        let executable = executable.and_then(|path| path.extract::<OsString>());
        let python = executable.unwrap_or_else(|_| "python3".into());
        // Without `-P` a poolkeeper.py in the working directory would be it.
        vec![python, "-P".into(), "-m".into(), "poolkeeper".into()]
    }

    fn import(&mut self, module: &str) -> Result<(), String> {
        let imported = self
            .py
            .import("importlib")
            .and_then(|importlib| importlib.call_method1("import_module", (module,)));
        imported.map(drop).map_err(|error| self.in_one_line(error))
    }

    fn execute(&mut self, code: &str) -> Result<(), String> {
        let code = CString::new(code).map_err(|error| error.to_string())?;
        let main = self.py.import("__main__").map(|main| main.dict());
        let done = main.and_then(|globals| self.py.run(&code, Some(&globals), None));
        done.map_err(|error| self.in_one_line(error))
    }

    fn demo(&mut self, arguments: &[String]) -> Result<i32, String> {
        self.main_of("poolkeeper.demo", arguments)
    }

    fn notebook(&mut self, arguments: &[String]) -> Result<i32, String> {
        self.main_of("poolkeeper.notebook.command", arguments)
    }

    fn run_program(
        &mut self,
        program: &[OsString],
        options: &ReportOptions,
    ) -> Result<i32, String> {
        match self.run_as_main(program, options) {
            Ok(ended) => {
                self.stop = ended.err();
                Ok(poolkeeper_cli::EXIT_OK)
            }
            Err(why) => Err(why.value(self.py).to_string()),
        }
    }

    fn facts(&mut self) -> poolkeeper::doctor::Host {
        // What Python can't tell is not known; the rules do without.
        doctor::host_of(self.py).unwrap_or_default()
    }

    fn is_terminal(&mut self) -> bool {
        is_terminal(self.py, self.stream)
    }
}

/// Writes the report about a program, when it has ended; called by Python.
#[pyclass(frozen)]
struct AtEnd(ReportOptions);

#[pymethods]
impl AtEnd {
    /// `failure` says how the program ended, if that was no good end.
    #[pyo3(signature = (failure=None))]
    fn __call__(&self, py: Python<'_>, failure: Option<String>) -> i32 {
        let mut err = Stream { py, name: "stderr" };
        let mut interpreter = Interpreter::new(py, "stderr");
        let mut options = self.0.clone();
        options.unseen.extend(failure);
        match poolkeeper_cli::report(&mut interpreter, &options, &mut err) {
            Ok(code) => code,
            Err(error) => {
                let _ = writeln!(err, "poolkeeper: {error}");
                poolkeeper_cli::EXIT_FAILED
            }
        }
    }
}

/// `sys.stdout` or `sys.stderr`, as they are at each write; where code has closed
/// them, the process's own.
struct Stream<'py> {
    py: Python<'py>,
    name: &'static str,
}

impl Stream<'_> {
    fn call(&self, method: &str, text: Option<&str>) -> PyResult<()> {
        let stream = self.py.import("sys")?.getattr(self.name)?;
        if stream.is_none() {
            // The process was started with this stream closed.
            return Ok(());
        }
        if self.is_closed(&stream) {
            return Ok(self.write_past_python(text.unwrap_or_default())?);
        }
        match text {
            Some(text) => stream.call_method1(method, (text,))?,
            None => stream.call_method0(method)?,
        };
        Ok(())
    }

    fn is_closed(&self, stream: &Bound<'_, PyAny>) -> bool {
        let closed = stream.getattr("closed");
        closed.and_then(|closed| closed.extract()).unwrap_or(false)
    }

    /// Closing `sys.stdout` leaves the process's own stream open.
    fn write_past_python(&self, text: &str) -> io::Result<()> {
        if self.name == "stdout" {
            io::stdout().write_all(text.as_bytes())?;
            return io::stdout().flush();
        }
        io::stderr().write_all(text.as_bytes())
    }

    fn as_io(&self, done: PyResult<()>) -> io::Result<()> {
        done.map_err(|error| {
            if error.is_instance_of::<PyBrokenPipeError>(self.py) {
                return io::ErrorKind::BrokenPipe.into();
            }
            io::Error::other(error)
        })
    }
}

impl Write for Stream<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let done = match self.call("write", Some(&text)) {
            Err(error) if error.is_instance_of::<PyUnicodeEncodeError>(self.py) => {
                self.call("write", Some(&in_ascii(&text)))
            }
            done => done,
        };
        self.as_io(done)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.as_io(self.call("flush", None))
    }
}

/// The text for a stream that has no other characters, as JSON escapes them.
fn in_ascii(text: &str) -> String {
    let mut ascii = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_ascii() {
            ascii.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            ascii += &format!("\\u{unit:04x}");
        }
    }
    ascii
}
