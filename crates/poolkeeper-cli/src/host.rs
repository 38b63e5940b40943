//! What the command asks of the program around it: to run Python, in a process of its
//! own where that may end it.

use crate::doctor::ReportOptions;
use std::ffi::OsString;
use std::io::{self, IsTerminal};

/// What the command can't do by itself: run Python.
pub trait Host {
    /// Imports a Python module.
    ///
    /// # Errors
    /// Why it could not be imported, in one line.
    fn import(&mut self, module: &str) -> Result<(), String>;

    /// Executes Python code as `__main__`.
    ///
    /// # Errors
    /// Why it failed, in one line.
    fn execute(&mut self, code: &str) -> Result<(), String>;

    /// Goes on in a child of this process, if it can: an import may end the process
    /// that does it. Answers in the child that it is the one, and in the parent when
    /// the child has ended.
    fn apart(&mut self) -> Apart {
        Apart::Here
    }

    /// Notes what is about to be done, for the parent to tell if it ends the child.
    fn doing(&mut self, _what: &str) {}

    /// Whether the user interrupted an import or code, and so the command.
    fn is_stopped(&self) -> bool {
        false
    }

    /// Runs the demonstration with these arguments; its exit code.
    ///
    /// # Errors
    /// Why it can't be run here, in one line.
    fn demo(&mut self, arguments: &[String]) -> Result<i32, String>;

    /// Does what these arguments say to notebooks and kernels; the exit code.
    ///
    /// # Errors
    /// Why it can't be done here, in one line.
    fn notebook(&mut self, arguments: &[String]) -> Result<i32, String>;

    /// Runs a Python program (a file or `-m` and a module, and its arguments) to
    /// its end, and has [`report`](crate::report) write to standard error then; the exit code.
    ///
    /// # Errors
    /// Why there is nothing to run, in one line.
    fn run_program(&mut self, program: &[OsString], options: &ReportOptions)
    -> Result<i32, String>;

    /// What only the host's language can tell the doctor.
    fn facts(&mut self) -> poolkeeper::doctor::Host {
        poolkeeper::doctor::Host::default()
    }

    /// Whether there is a Python here, to import and run what it can.
    fn has_python(&self) -> bool {
        true
    }

    /// Whether the stream that reports go to is a terminal.
    fn is_terminal(&mut self) -> bool {
        false
    }

    /// How a process with this same command is started: the program and its
    /// first arguments.
    fn command(&self) -> Vec<OsString> {
        let program = std::env::current_exe();
        program.map_or_else(|_| vec!["poolkeeper".into()], |path| vec![path.into()])
    }
}

/// The host of the plain binary: there is no Python here.
pub struct NoPython;

impl NoPython {
    fn refuse<T>(what: &str) -> Result<T, String> {
        Err(format!(
            "{what} needs Python, which this binary does not contain: \
             use the Python package's command, `python -m poolkeeper`"
        ))
    }
}

impl Host for NoPython {
    fn has_python(&self) -> bool {
        false
    }

    fn import(&mut self, _module: &str) -> Result<(), String> {
        Self::refuse("--import")
    }

    fn execute(&mut self, _code: &str) -> Result<(), String> {
        Self::refuse("--command")
    }

    fn demo(&mut self, _arguments: &[String]) -> Result<i32, String> {
        Self::refuse("demo")
    }

    fn notebook(&mut self, _arguments: &[String]) -> Result<i32, String> {
        Self::refuse("notebook")
    }

    fn run_program(
        &mut self,
        _program: &[OsString],
        _options: &ReportOptions,
    ) -> Result<i32, String> {
        Self::refuse("running a program")
    }

    fn is_terminal(&mut self) -> bool {
        io::stdout().is_terminal()
    }
}

/// Who goes on with a command that imports, or loads, what may end the process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Apart {
    /// This process.
    Here,
    /// A child did, to the end, with this exit code.
    Done(i32),
    /// A child did, and did not come to the end.
    Died(End),
}

/// How a child ended before it was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// What it was doing, and what ended it: `"importing numpy was ended by SIGINT"`.
    pub what: String,
    /// The last lines that it wrote to standard error.
    pub said: Vec<String>,
}

impl Apart {
    /// Asks the host for a child, if there is anything to do that needs one.
    pub(crate) fn go(host: &mut dyn Host, is_needed: bool) -> Apart {
        if is_needed { host.apart() } else { Apart::Here }
    }
}
