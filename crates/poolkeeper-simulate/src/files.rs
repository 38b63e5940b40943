//! The files and the program that describe the pretended machine.

use crate::machine::Machine;
use std::fmt::Write;
use std::io;
use std::path::Path;

impl Machine {
    fn socket_of(self, cpu: u32) -> u32 {
        cpu / (self.cpus() / self.sockets())
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
        let all = format!("0-{}\n", self.cpus() - 1);
        for name in ["online", "possible", "present"] {
            std::fs::write(folder.join(name), &all)?;
        }
        for cpu in 0..self.cpus() {
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
        let (cpus, sockets) = (self.cpus(), self.sockets());
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
