//! The machine that is pretended, and the files and programs that describe it.

use crate::error::Error;
use crate::shim::mask::MOST_CPUS;
use serde::{Deserialize, Serialize};
use std::fmt::Write;
use std::io;
use std::path::Path;

/// The machine that a program is shown: CPUs, each a core of its own, in sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    cpus: u32,
    sockets: u32,
}

impl Machine {
    /// The most CPUs that can be pretended: programs keep masks of a fixed size.
    pub const MOST_CPUS: u32 = MOST_CPUS;

    /// A machine with so many CPUs, the same number in each socket.
    ///
    /// # Errors
    /// [`Error::Cpus`] beyond 1 to 1024, [`Error::Sockets`] if they don't divide
    /// the CPUs.
    ///
    /// # Examples
    ///
    /// ```
    /// use poolkeeper_simulate::Machine;
    /// assert_eq!(Machine::new(128, 2)?.cpus(), 128);
    /// assert!(Machine::new(128, 3).is_err());
    /// # Ok::<(), poolkeeper_simulate::Error>(())
    /// ```
    pub fn new(cpus: u32, sockets: u32) -> Result<Self, Error> {
        if !(1..=MOST_CPUS).contains(&cpus) {
            return Err(Error::Cpus { cpus });
        }
        if sockets == 0 || !cpus.is_multiple_of(sockets) {
            let nearest = (1..=cpus)
                .filter(|sockets| cpus.is_multiple_of(*sockets))
                .min_by_key(|possible| possible.abs_diff(sockets));
            return Err(Error::Sockets {
                sockets,
                cpus,
                nearest: nearest.unwrap_or(1),
            });
        }
        Ok(Machine { cpus, sockets })
    }

    /// CPUs, which are also its cores.
    pub const fn cpus(self) -> u32 {
        self.cpus
    }

    /// Sockets.
    pub const fn sockets(self) -> u32 {
        self.sockets
    }

    fn socket_of(self, cpu: u32) -> u32 {
        cpu / (self.cpus / self.sockets)
    }

    /// Writes the part of `/sys` that tells CPUs, under `root`.
    ///
    /// # Errors
    /// A file can't be written.
    ///
    /// # Sources
    /// The kernel's `Documentation/admin-guide/cputopology.rst`.
    pub(crate) fn write_files(self, root: &Path) -> io::Result<()> {
        let folder = root.join("sys/devices/system/cpu");
        std::fs::create_dir_all(&folder)?;
        let all = format!("0-{}\n", self.cpus - 1);
        for name in ["online", "possible", "present"] {
            std::fs::write(folder.join(name), &all)?;
        }
        for cpu in 0..self.cpus {
            let folder = folder.join(format!("cpu{cpu}/topology"));
            std::fs::create_dir_all(&folder)?;
            let line = format!("{cpu}\n");
            for name in ["core_cpus_list", "thread_siblings_list", "core_id"] {
                std::fs::write(folder.join(name), &line)?;
            }
            let socket = format!("{}\n", self.socket_of(cpu));
            std::fs::write(folder.join("physical_package_id"), socket)?;
        }
        Ok(())
    }

    /// A shell script that answers as `lscpu` does on this machine: joblib asks
    /// it for physical cores (`lscpu --parse=core`).
    pub(crate) fn lscpu(self) -> String {
        let Machine { cpus, sockets } = self;
        let (last, each) = (cpus - 1, cpus / sockets);
        let mut script = String::from(LSCPU);
        let _ = write!(
            script,
            "case \" $*\" in *\" -p\"*|*\" --parse\"*)\n\
             echo '# The CPUs of the machine that poolkeeper simulate pretends'\n\
             cpu=0\nwhile [ $cpu -lt {cpus} ]; do row $cpu $((cpu / {each})); cpu=$((cpu + 1)); done\n\
             exit 0;; esac\n\
             cat <<END\n\
             CPU(s):                  {cpus}\n\
             On-line CPU(s) list:     0-{last}\n\
             Model name:              pretended by poolkeeper simulate\n\
             Thread(s) per core:      1\n\
             Core(s) per socket:      {each}\n\
             Socket(s):               {sockets}\n\
             NUMA node(s):            {sockets}\n\
             END\n"
        );
        script
    }
}

/// The columns that are asked for, of one CPU.
const LSCPU: &str = r#"#!/bin/sh
columns=cpu,core,socket,node
for argument in "$@"; do
  case $argument in
    --parse=*) columns=${argument#--parse=} ;;
    -p=*) columns=${argument#-p=} ;;
    -p?*) columns=${argument#-p} ;;
  esac
done
row() {
  line= IFS=,
  for column in $columns; do
    case $column in
      [cC][pP][uU] | [cC][oO][rR][eE]) value=$1 ;;
      [sS][oO][cC][kK][eE][tT] | [nN][oO][dD][eE]) value=$2 ;;
      *) value= ;;
    esac
    line=$line,$value
  done
  unset IFS
  echo "${line#,}"
}
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_numbers_are_named() {
        for cpus in [0, 1025, u32::MAX] {
            let error = Machine::new(cpus, 1).unwrap_err().to_string();
            assert!(error.contains(&cpus.to_string()), "{error}");
            assert!(error.contains("1 to 1024"), "{error}");
        }
        let error = Machine::new(128, 3).unwrap_err().to_string();
        assert!(
            error.contains("3 sockets") && error.contains("128"),
            "{error}"
        );
        assert!(error.contains("2 would"), "{error}");
        assert!(Machine::new(8, 0).is_err() && Machine::new(1, 2).is_err());
    }

    #[test]
    fn lscpu_has_a_row_for_each_cpu() {
        let machine = Machine::new(6, 2).unwrap();
        let rows = |columns: &str| {
            let run = std::process::Command::new("sh")
                .args(["-c", &machine.lscpu(), "lscpu", columns])
                .output()
                .unwrap();
            assert!(run.status.success() && run.stderr.is_empty(), "{run:?}");
            String::from_utf8(run.stdout).unwrap()
        };
        let cores = rows("--parse=core");
        let cores: Vec<_> = cores.lines().filter(|l| !l.starts_with('#')).collect();
        assert_eq!(cores, ["0", "1", "2", "3", "4", "5"]);
        let all = rows("-p");
        assert!(
            all.ends_with("2,2,0,0\n3,3,1,1\n4,4,1,1\n5,5,1,1\n"),
            "{all}"
        );
        assert!(rows("-V").contains("Socket(s):               2\n"));
    }
}
