//! `run` and `env`: a command, or a shell, that keeps the budget.

mod args;

pub(crate) use args::{EnvArgs, RunArgs};

use crate::budget::{not_known, reader};
use crate::exit::{EXIT_FAILED, EXIT_NOT_EXECUTABLE, EXIT_NOT_FOUND, EXIT_OK};
use crate::levels::{LevelArgs, any_number, divide, levels};
use crate::look::Look;
use crate::text::in_lines;
use args::EnvFormat;
use poolkeeper::budget::{
    Budget, Changes, Levels, PINNED, Setting, Split, Theirs, as_list, budget, environment, exec,
    pin,
};
use poolkeeper::{Error, printable, shell_quoted};
use std::io::{self, Write};

/// Becomes the command, from a Python interpreter or not; returns only for `--dry-run` or if that fails.
pub(crate) fn run(
    arguments: &RunArgs,
    is_python: bool,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<i32> {
    let levels = with_turns(&arguments.levels, arguments.nested);
    let split = divide(
        within_budget(arguments.levels.cpus, arguments.quiet, err)?,
        &levels,
    )?;
    let lookup = |name: &str| Some(std::env::var_os(name)?.to_string_lossy().into_owned());
    let changes = Changes::new(&split.smallest(), lookup, arguments.force);
    if arguments.dry_run {
        dry_run(arguments, &split, &changes, out)?;
        return Ok(EXIT_OK);
    }
    report_theirs(&changes, arguments.quiet, err)?;
    let mut set = changes.set;
    if arguments.pin {
        let cpus = pin(split.cpus).map_err(io::Error::other)?;
        set.push((PINNED, as_list(&cpus)));
    }
    out.flush()?;
    err.flush()?;
    let error = exec(&arguments.command, &set, is_python);
    writeln!(err, "poolkeeper: {error}")?;
    Ok(match error {
        Error::CannotRun {
            is_missing: true, ..
        } => EXIT_NOT_FOUND,
        Error::CannotRun { .. } => EXIT_NOT_EXECUTABLE,
        _ => EXIT_FAILED,
    })
}

/// What is asked for; nested if one level inside a process is named.
fn with_turns(arguments: &LevelArgs, nested: bool) -> Levels {
    Levels {
        nested: nested || arguments.openmp.is_some() || arguments.blas.is_some(),
        ..levels(arguments)
    }
}

/// The budget, or less of it.
fn within_budget(cpus: Option<u32>, quiet: bool, err: &mut dyn Write) -> io::Result<u32> {
    let budget = budget().map_err(io::Error::other)?;
    if cpus.is_none() && !quiet {
        report_unknown(&budget, err)?;
    }
    match cpus {
        Some(cpus) if cpus > budget.cpus => {
            let source = reader(budget.deciding());
            let text = format!(
                "poolkeeper: --cpus {cpus} is more than the budget of {}, says the {source}",
                budget.cpus
            );
            writeln!(err, "{}", in_lines(Look::default(), &text))?;
            Ok(budget.cpus)
        }
        Some(cpus) => Ok(cpus),
        None => Ok(budget.cpus),
    }
}

/// Says what could not be seen of the budget, and what to do about it.
fn report_unknown(budget: &Budget, err: &mut dyn Write) -> io::Result<()> {
    for source in budget.unknown() {
        let text = not_known(source);
        let text = format!("poolkeeper: {text} POOLKEEPER_CPUS=N says how many there are.");
        writeln!(err, "{}", in_lines(Look::default(), &text))?;
    }
    Ok(())
}

fn dry_run(
    arguments: &RunArgs,
    split: &Split,
    changes: &Changes,
    out: &mut dyn Write,
) -> io::Result<()> {
    if arguments.json {
        return writeln!(out, "{:#}", as_json(arguments, split, changes));
    }
    writeln!(out, "{}", commented(&split.to_string()))?;
    for (name, value) in &changes.set {
        writeln!(out, "export {name}={value}")?;
    }
    for kept in &changes.kept {
        writeln!(
            out,
            "# kept: {} (--force makes it {})",
            as_kept(kept),
            kept.ours
        )?;
    }
    for replaced in &changes.replaced {
        writeln!(out, "# replaced: {}", as_replaced(replaced))?;
    }
    if arguments.pin {
        writeln!(
            out,
            "# --pin: would bind the command to {} of the CPUs",
            split.cpus
        )?;
    }
    Ok(())
}

/// What `--dry-run` says, for a program: values are text, as in an environment.
fn as_json(arguments: &RunArgs, split: &Split, changes: &Changes) -> serde_json::Value {
    let set = changes.set.iter();
    let set = set.map(|(name, value)| ((*name).to_owned(), value.clone().into()));
    let theirs = |theirs: &[Theirs]| -> serde_json::Value {
        let each = theirs.iter().map(|theirs| {
            serde_json::json!({
                "name": theirs.name,
                "value": theirs.value,
                "instead_of": theirs.ours.to_string(),
            })
        });
        each.collect()
    };
    serde_json::json!({
        "split": split,
        "set": set.collect::<serde_json::Map<_, _>>(),
        "kept": theirs(&changes.kept),
        "replaced": theirs(&changes.replaced),
        "pin": arguments.pin.then_some(split.cpus),
    })
}

/// Lines of a shell's comment.
fn commented(text: &str) -> String {
    let options = textwrap::Options::new(80)
        .initial_indent("# ")
        .subsequent_indent("# ");
    textwrap::fill(text, options)
}

/// Says what became of the variables that the user had set.
fn report_theirs(changes: &Changes, quiet: bool, err: &mut dyn Write) -> io::Result<()> {
    if quiet {
        return Ok(());
    }
    if !changes.kept.is_empty() {
        let kept: Vec<String> = changes.kept.iter().map(as_kept).collect();
        let kept = kept.join(", ");
        writeln!(
            err,
            "poolkeeper: kept what you had set: {kept}; --force replaces it"
        )?;
    }
    for replaced in &changes.replaced {
        writeln!(err, "poolkeeper: {}", as_replaced(replaced))?;
    }
    Ok(())
}

/// "OMP_NUM_THREADS=1 (not 8; OPENBLAS_NUM_THREADS follows it)", in one line.
fn as_kept(kept: &Theirs) -> String {
    let mut notes = vec![format!("not {}", kept.ours)];
    if let Some((name, threads)) = kept.lowered_by {
        notes.push(format!("your {name} lets it have {threads}"));
    }
    match kept.followed_by.as_slice() {
        [] => {}
        [one] => notes.push(format!("{one} follows it")),
        [many @ .., last] => notes.push(format!("{} and {last} follow it", many.join(", "))),
    }
    format!(
        "{}={} ({})",
        kept.name,
        shown(&kept.value),
        notes.join("; ")
    )
}

/// "OMP_NUM_THREADS="all" is no number of threads, so it is 8", in one line.
fn as_replaced(replaced: &Theirs) -> String {
    let Theirs {
        name, value, ours, ..
    } = replaced;
    format!(
        "{name}={} is no number of threads, so it is {ours} now",
        shown(value)
    )
}

/// The most characters of a value that are shown.
const MOST_SHOWN: usize = 60;

/// A value from outside for people, who may paste the line that it is in: one word of
/// a shell, on one line.
fn shown(value: &str) -> String {
    let quoted = |value: &str| printable(&shell_quoted(value)).into_owned();
    if value.chars().count() <= MOST_SHOWN {
        return quoted(value);
    }
    let cut: String = value.chars().take(MOST_SHOWN).collect();
    quoted(&cut) + "..."
}

pub(crate) fn env(arguments: &EnvArgs, out: &mut dyn Write) -> io::Result<i32> {
    let levels = with_turns(&arguments.levels, arguments.nested);
    let split = divide(any_number(arguments.levels.cpus)?, &levels)?;
    let settings = environment(&split.smallest());
    let format = if arguments.json {
        EnvFormat::Json
    } else {
        arguments.format
    };
    let text = match format {
        EnvFormat::Sh => lines(&split, &settings, "export "),
        EnvFormat::Docker => lines(&split, &settings, "ENV "),
        EnvFormat::EnvFile => lines(&split, &settings, ""),
        EnvFormat::Slurm => slurm(&split, &settings),
        EnvFormat::Jupyter => format!(
            "{:#}\n",
            serde_json::json!({ "env": values(&settings, true) })
        ),
        EnvFormat::Json => format!("{:#}\n", values(&settings, false)),
    };
    write!(out, "{text}")?;
    Ok(EXIT_OK)
}

fn lines(split: &Split, settings: &[Setting], before: &str) -> String {
    let mut text = commented(&split.to_string()) + "\n";
    for setting in settings {
        text += &format!("{before}{}={}\n", setting.name, setting.value);
    }
    text
}

/// For a batch script: asks for the CPUs, and follows what the job was given.
fn slurm(split: &Split, settings: &[Setting]) -> String {
    let mut text = format!("#SBATCH --cpus-per-task={}\n", split.cpus);
    for setting in settings {
        // What is the whole share follows the job; the rest is a choice.
        if setting.value == split.cpus {
            text += &format!(
                "export {}=${{SLURM_CPUS_PER_TASK:-{}}}\n",
                setting.name, setting.value
            );
        } else {
            text += &format!("export {}={}\n", setting.name, setting.value);
        }
    }
    text
}

/// Name and value; a kernel's `env` wants text.
fn values(settings: &[Setting], as_text: bool) -> serde_json::Value {
    let pairs = settings.iter().map(|setting| {
        let value = if as_text {
            setting.value.to_string().into()
        } else {
            setting.value.into()
        };
        (setting.name.to_owned(), value)
    });
    serde_json::Value::Object(pairs.collect())
}
