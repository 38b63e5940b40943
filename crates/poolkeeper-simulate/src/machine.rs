//! The machine that is pretended.

use crate::error::Error;
use crate::preloaded::MOST_CPUS;
use serde::{Deserialize, Serialize};

/// The machine that a program is shown: CPUs, each a core of its own, in sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    cpus: u32,
    sockets: u32,
}

impl Machine {
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
}

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
}
