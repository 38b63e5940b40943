//! Whether the next pass computes every distance, or prunes: a guess at what
//! is faster, that decides nothing else.

use crate::kernels::classify::Motion;
use crate::prune::threshold::{Cost, Forecast, choose};
use crate::{Algorithm, Scalar};

use super::pass::Pass;

/// Pruning has to promise this share of a full pass at most, to go on, ...
const KEEP: f64 = 0.95;
/// ... and this share to be started, as bounds have to be made first.
const START: f64 = 0.7;
/// Where making bounds costs at most this, every full pass makes them, and they
/// are used while pruning costs at most this.
const CHEAP: f64 = 1.08;
/// With more labels changing than this, no bound would hold.
const SETTLED: f64 = 0.3;
/// How many samples are asked.
const ASKED: usize = 4096;

/// What a pass does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    /// Every distance.
    Brute,
    /// Every distance, and bounds.
    Bound,
    /// What the bounds leave; with the threshold.
    Prune(f32),
}

/// What was decided so far.
pub(super) struct Policy {
    algorithm: Algorithm,
    k: usize,
    cost: Cost,
    /// Passes to wait before asking again, and how many it was the last time.
    wait: usize,
    patience: usize,
    bounds: bool,
    /// How many passes of each kind there were.
    pub(super) passes: [usize; 3],
}

impl Policy {
    pub(super) fn new(algorithm: Algorithm, k: usize, cost: Cost) -> Self {
        Policy {
            algorithm,
            k,
            cost,
            wait: 0,
            patience: 1,
            bounds: false,
            passes: [0; 3],
        }
    }

    /// Whether the motion of the centers must be known for the next pass.
    pub(super) fn prunes(&self) -> bool {
        self.algorithm != Algorithm::Brute && self.k > 1
    }

    /// `motion` is that of the centers since the last pass, none before the first.
    pub(super) fn next<T: Scalar>(&mut self, pass: &Pass<T>, motion: Option<&Motion>) -> Kind {
        let kind = match motion {
            _ if !self.prunes() => Kind::Brute,
            None => self.first(),
            Some(motion) if self.bounds => self.go_on(pass, motion),
            Some(motion) => self.begin(pass, motion),
        };
        self.bounds = kind != Kind::Brute;
        self.passes[match kind {
            Kind::Brute => 0,
            Kind::Bound => 1,
            Kind::Prune(_) => 2,
        }] += 1;
        kind
    }

    fn first(&self) -> Kind {
        if self.algorithm == Algorithm::Pruned || self.cheap() {
            Kind::Bound
        } else {
            Kind::Brute
        }
    }

    fn cheap(&self) -> bool {
        self.cost.bound(self.k) <= CHEAP * self.cost.scan(self.k)
    }

    fn go_on<T: Scalar>(&mut self, pass: &Pass<T>, motion: &Motion) -> Kind {
        let forecast = choose(&pass.some_bounds(ASKED), motion, &self.cost);
        if self.algorithm == Algorithm::Pruned
            || self.pays(forecast, if self.cheap() { CHEAP } else { KEEP })
        {
            return Kind::Prune(forecast.threshold);
        }
        if self.cheap() {
            return Kind::Bound;
        }
        self.give_up()
    }

    fn begin<T: Scalar>(&mut self, pass: &Pass<T>, motion: &Motion) -> Kind {
        if self.wait > 0 || pass.changed > SETTLED {
            self.wait = self.wait.saturating_sub(1);
            return Kind::Brute;
        }
        // Those bounds are of the centers as they are; the next motion will
        // be about as large as the last.
        let asked = ASKED.min(pass.problem.data.rows / 64);
        let forecast = choose(&pass.probe(asked), motion, &self.cost);
        if self.pays(forecast, START) {
            return Kind::Bound;
        }
        self.give_up()
    }

    fn give_up(&mut self) -> Kind {
        self.wait = self.patience;
        self.patience = (2 * self.patience).min(32);
        Kind::Brute
    }

    fn pays(&self, forecast: Forecast, share: f64) -> bool {
        forecast.cycles < share * self.cost.scan(self.k)
    }
}
