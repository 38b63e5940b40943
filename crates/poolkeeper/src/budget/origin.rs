//! What a share was made from: the machine, the job, the processes beside it.
//!
//! `sbatch` and `ssh` may carry an environment to another machine, and with it
//! what poolkeeper wrote there. Its mark tells where that was, and a share of
//! somewhere else does not count here.

use super::launched::Launchers;
use super::observed::Observed;
use super::source::SourceKind;
use super::variables::{self, Told};

/// The place that a share is for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Origin {
    /// Which start of which machine.
    boot: Option<String>,
    /// The scheduler's job, if it is in one.
    job: Option<String>,
    /// Among how many processes of a launcher the node was divided.
    processes: Option<u32>,
}

impl Origin {
    /// This process's.
    pub(super) fn here(observed: &Observed, processes: u32) -> Origin {
        Origin {
            boot: observed.boot().map(|boot| plain(&boot)),
            job: job(observed),
            processes: Some(processes),
        }
    }

    /// As it stands in a mark, after what the share is.
    pub(super) fn as_text(&self) -> String {
        let fields = [
            ("boot", self.boot.clone()),
            ("job", self.job.clone()),
            ("processes", self.processes.map(|number| number.to_string())),
        ];
        let set = fields.into_iter().filter_map(|(name, value)| {
            let value = value?;
            Some(format!(",{name}={value}"))
        });
        set.collect()
    }

    /// Reads it from a mark; the first version of it had none.
    pub(super) fn read(mark: &str) -> Option<Origin> {
        let mut pairs = mark.split(',').filter_map(|pair| pair.split_once('='));
        let value = |name: &str| {
            let pair = pairs.clone().find(|(found, _)| *found == name)?;
            Some(pair.1.to_owned())
        };
        let origin = Origin {
            boot: value("boot"),
            job: value("job"),
            processes: value("processes").and_then(|number| number.parse().ok()),
        };
        let is_told = pairs.any(|(name, _)| name == "boot" || name == "processes");
        is_told.then_some(origin)
    }

    /// Why a share of this origin does not count at another place, if so.
    pub(super) fn why_not(&self, here: &Origin) -> Option<String> {
        if self.job != here.job {
            return Some(match &self.job {
                Some(job) => format!("poolkeeper set it in the job {job}"),
                None => "poolkeeper set it outside of this job".to_owned(),
            });
        }
        let differs = self.boot.is_some() && here.boot.is_some() && self.boot != here.boot;
        differs.then(|| "poolkeeper set it on another machine, or before a restart".to_owned())
    }

    /// CPUs of this origin, at a place where more processes share the node: what
    /// a launcher was given is divided like the node is.
    pub(super) fn divided(&self, cpus: f64, here: &Origin) -> f64 {
        match (self.processes, here.processes) {
            (Some(then), Some(now)) if then < now => cpus * f64::from(then) / f64::from(now),
            _ => cpus,
        }
    }
}

/// Where shares are made now: the origin of new ones, and what it makes of old ones.
pub(super) struct Place {
    here: Option<Origin>,
    is_in_job: bool,
}

impl Place {
    /// This process's.
    pub(super) fn here() -> Place {
        let Ok(observed) = Observed::this_process() else {
            return Place {
                here: None,
                is_in_job: false,
            };
        };
        let told = variables::told(&observed);
        let processes = Launchers::new(&told.launched).processes();
        Place {
            here: Some(Origin::here(&observed, processes)),
            is_in_job: is_in_job(&observed, &told),
        }
    }

    /// As it stands in a mark.
    pub(super) fn as_text(&self) -> String {
        self.here.as_ref().map(Origin::as_text).unwrap_or_default()
    }

    /// Whether a mark was made on another machine, or in another job.
    pub(super) fn is_foreign(&self, mark: &str) -> bool {
        match (Origin::read(mark), &self.here) {
            (Some(origin), Some(here)) => origin.why_not(here).is_some(),
            (None, _) => self.is_in_job,
            (Some(_), None) => false,
        }
    }
}

/// Whether a mark without an origin could be of another machine: a job has
/// begun since.
pub(super) fn is_in_job(observed: &Observed, told: &Told) -> bool {
    let mut sources = told.sources.iter();
    job(observed).is_some() || sources.any(|source| source.kind == SourceKind::Scheduler)
}

fn job(observed: &Observed) -> Option<String> {
    let job = variables::job(|name| observed.variable(name))?;
    Some(plain(&job))
}

/// Text that needs no quotes in a shell, and parts no fields of a mark.
fn plain(text: &str) -> String {
    let keep = |c: char| c.is_ascii_alphanumeric() || "_-.:".contains(c);
    text.chars()
        .map(|c| if keep(c) { c } else { '_' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(boot: &str, job: Option<&str>, processes: u32) -> Origin {
        Origin {
            boot: Some(boot.to_owned()),
            job: job.map(str::to_owned),
            processes: Some(processes),
        }
    }

    #[test]
    fn an_origin_is_read_as_it_was_written() {
        let origin = origin("1a-2b", Some("Slurm:17"), 4);
        let mark = format!("cpus=1,openmp=1,blas=1{}", origin.as_text());
        assert_eq!(Origin::read(&mark), Some(origin));
        assert_eq!(Origin::read("cpus=1,openmp=1,blas=1"), None);
        assert_eq!(Origin::read(",=,boot"), None);
    }

    #[test]
    fn a_share_counts_where_it_was_made() {
        let made = origin("a", Some("Slurm:1"), 1);
        assert_eq!(made.why_not(&made), None);
        let refused = |here: &Origin| made.why_not(here).is_some();
        assert!(refused(&origin("b", Some("Slurm:1"), 1)));
        assert!(refused(&origin("a", Some("Slurm:2"), 1)));
        assert!(refused(&origin("a", None, 1)));
        let unknown = Origin {
            boot: None,
            ..made.clone()
        };
        assert_eq!(unknown.why_not(&made), None);
    }

    #[test]
    fn what_a_launcher_was_given_is_divided_once() {
        let (before, within) = (origin("a", None, 1), origin("a", None, 8));
        assert_eq!(before.divided(16.0, &within), 2.0);
        assert_eq!(within.divided(2.0, &within), 2.0);
        assert_eq!(within.divided(2.0, &before), 2.0);
    }

    #[test]
    fn a_jobs_name_cannot_break_a_mark() {
        let variables = [("PBS_JOBID", "1[2].a,boot=x;'\n")];
        let observed = Observed::under("/nowhere", &variables, &[0]);
        let text = Origin::here(&observed, 1).as_text();
        assert_eq!(text, ",job=PBS__Torque:1_2_.a_boot_x___,processes=1");
    }
}
