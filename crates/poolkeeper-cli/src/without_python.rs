//! The command line of a program that has no Python: its help lists what it does.

use clap::{Arg, Command};

const EXAMPLES: &str = "Examples:
  poolkeeper info -l libopenblas.so.0       which pools does this library bring?
  poolkeeper cpus                           which CPUs may I use, and who says so?
  poolkeeper run -- ./solver                run it with every pool within them
  poolkeeper doctor -l libopenblas.so.0     is anything wrong? what to type then
  poolkeeper record -- ./solver             why is it slow? one picture says so
  poolkeeper simulate --cpus 128 -- ./solver    as on that machine

Exit codes: 0 all done; 1 something could not be loaded or run (the rest is shown
all the same); 2 wrong arguments. `run`, `record` and `simulate` have the
command's own.

Python modules and notebooks need the Python package, whose command is the same.";

const INFO_EXAMPLES: &str = "Examples:
  poolkeeper info -l libopenblas.so.0
  poolkeeper info -l /usr/lib/x86_64-linux-gnu/libgomp.so.1 --json

Exit codes: 0 all done; 1 a library could not be loaded (a warning says which; the
pools are shown all the same); 2 wrong arguments.";

const DOCTOR_EXAMPLES: &str = "Examples:
  poolkeeper doctor -l libopenblas.so.0 libgomp.so.1
  poolkeeper doctor -l libopenblas.so.0 --cpus 128    as on a larger machine
  poolkeeper doctor --explain PK101                   what a code means

A note is worth knowing, and usual; --notes shows notes.

Exit codes: 0; 1 a library could not be loaded; 2 wrong arguments; 3 with
--strict, if there is an error or a warning.";

/// Takes out of help and completions what is refused without Python.
pub(crate) fn without_python(command: Command) -> Command {
    let hidden = |argument: Arg| argument.hide(true);
    let info = |info: Command| {
        info.about("Show the pools that are loaded after loading libraries")
            .mut_arg("modules", hidden)
            .mut_arg("command", hidden)
            .after_help(INFO_EXAMPLES)
    };
    let doctor = |doctor: Command| {
        doctor
            .about("Say what is wrong with the pools of libraries, and the fix")
            .mut_arg("modules", hidden)
            .mut_arg("program", hidden)
            .after_help(DOCTOR_EXAMPLES)
    };
    command
        .after_help(EXAMPLES)
        .mut_subcommand("info", info)
        .mut_subcommand("doctor", doctor)
        .mut_subcommand("demo", |demo| demo.hide(true))
        .mut_subcommand("notebook", |notebook| notebook.hide(true))
}
