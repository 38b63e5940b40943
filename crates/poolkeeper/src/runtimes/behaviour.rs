//! What a runtime's threads do that matters to the rest of a process: what the
//! doctor, a pretended machine and `simulate` judge by.

/// How a runtime and its threads behave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Behaviour {
    /// The number of threads that it begins with where no variable names one.
    pub(crate) begins: Begins,
    /// Whether a variable can only lower that number.
    pub(crate) is_ceiling: bool,
    /// When it starts its threads.
    pub(crate) workers: Workers,
    /// Whether code that runs on its threads may call a BLAS.
    pub(crate) calls_blas: bool,
    /// Whether its idle threads go on running for a while.
    pub(crate) spins: bool,
    /// Whether its threads mostly wait for devices, and need no CPU meanwhile.
    pub(crate) waits: bool,
    /// Whether other libraries often load it, and never use its threads.
    pub(crate) is_quiet: bool,
    /// What stands before the number in the names of its pool's threads, where it names them.
    pub(crate) names_threads: Option<&'static str>,
    /// The variables that tell it to bind its threads to CPUs.
    pub(crate) binds_by: &'static [&'static str],
    /// What a forked child can do with it once the parent has used it.
    pub(crate) after_fork: AfterFork,
    /// The buffers that its callers take, where it has a fixed number of them.
    pub(crate) buffers: Option<Buffers>,
    /// The threading layers, by name, with which it takes no number of its own.
    pub(crate) layers: &'static [(&'static str, Layer)],
}

impl Behaviour {
    /// A library that takes every CPU and starts its threads at its first use.
    pub(crate) const USUAL: Behaviour = Behaviour {
        begins: Begins::Cpus,
        is_ceiling: false,
        workers: Workers::AtFirstUse,
        calls_blas: false,
        spins: false,
        waits: false,
        is_quiet: false,
        names_threads: None,
        binds_by: &[],
        after_fork: AfterFork::Works,
        buffers: None,
        layers: &[],
    };

    /// What it does with that threading layer, if that is special.
    pub(crate) fn layer(&self, name: Option<&str>) -> Option<Layer> {
        let name = name?;
        let mut layers = self.layers.iter();
        layers
            .find(|(own, _)| *own == name)
            .map(|(_, layer)| *layer)
    }
}

/// The number of threads that a runtime begins with of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begins {
    /// One for each CPU in the affinity mask.
    Cpus,
    /// One for each CPU that the process may really use.
    Budget,
    /// One, or a number that it takes from elsewhere: the same on every machine.
    Fixed,
}

/// When a runtime starts its threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Workers {
    /// When it is loaded.
    AtLoad,
    /// When it is first used; they stay.
    AtFirstUse,
    /// With each call, which ends them: simultaneous callers have a set each.
    EachCall,
    /// When tasks wait, one by one: fewer than it may have will do.
    AsNeeded,
}

/// What a forked child can do with a runtime once the parent has used it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AfterFork {
    /// All that the parent can.
    Works,
    /// One thread works; more wait for ever for threads that the child lacks.
    WaitsForEver,
    /// The child is ended.
    EndsTheChild,
}

/// What a build on a certain threading layer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layer {
    /// It has no threads, and reads no variable about them.
    WithoutThreads,
    /// Its threads are those of the OpenMP runtime under it, which reads its own
    /// variable.
    OnOpenMp,
}

/// Buffers of which every thread inside the library holds one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Buffers {
    /// How many there are for each thread that it was compiled for.
    pub(super) for_each_thread: u32,
    /// How many it allocates, once, when those are taken.
    pub(crate) once_more: u32,
}

impl Buffers {
    /// All buffers of a library that was compiled for so many threads.
    pub(crate) fn all(self, compiled_for: u32) -> u32 {
        self.for_each_thread.saturating_mul(compiled_for)
    }

    /// Those that are left for callers, where it holds so many itself.
    pub(crate) fn left(self, compiled_for: u32, held: u32) -> u32 {
        self.all(compiled_for).saturating_sub(held)
    }
}
