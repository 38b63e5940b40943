//! First centers from blocks: k-means|| with a fixed number of candidates a
//! pass. They are drawn with keys (Efraimidis and Spirakis 2006), so that no
//! total is needed beforehand and how the data is cut does not matter.

use ndarray::{Array1, Array2, ArrayView2};

use super::Fitting;
use crate::partial::part;
use crate::random::Random;
use crate::start::{plus_plus_of, relative};
use crate::{Init, Result, Scalar, Threads};

/// Passes after the first candidate, and candidates in all, times k.
const ROUNDS: usize = 5;
const OVERSAMPLING: usize = 2;

/// A drawn row.
struct Drawn<T> {
    key: f64,
    row: Vec<T>,
}

impl<T: Scalar> Fitting<'_, T> {
    pub(super) fn first_centers(&mut self, stream: u64) -> Result<Array2<T>> {
        let k = self.options.n_clusters;
        let mut random = Random::new(self.options.seed, stream);
        match &self.options.init {
            Init::Centers(centers) => return Ok(centers.clone()),
            Init::Random => return self.draw(None, k, &mut random),
            Init::PlusPlus { .. } | Init::Parallel => {}
        }
        let mut candidates = self.draw(None, 1, &mut random)?;
        let each = (OVERSAMPLING * k).div_ceil(ROUNDS);
        for _ in 0..ROUNDS {
            let more = self.draw(Some(candidates.view()), each, &mut random)?;
            candidates = ndarray::concatenate![ndarray::Axis(0), candidates, more];
        }
        if candidates.nrows() < k {
            // Fewer than k different rows: others are as good.
            let more = self.draw(None, k - candidates.nrows(), &mut random)?;
            candidates = ndarray::concatenate![ndarray::Axis(0), candidates, more];
        }
        let all = self.pass(candidates.view())?;
        let masses = all.into_sums().masses;
        let mass = |c| masses.of(&self.frame.quanta, c);
        let weights = Array1::from(relative((0..candidates.nrows()).map(mass).collect()));
        let control = Threads(self.control.threads());
        plus_plus_of(candidates.view(), weights.view(), k, &mut random, &control)
    }

    /// `count` different rows, in proportion to weight times squared distance
    /// from the nearest of `from`; fewer, if no more have a distance.
    fn draw(
        &mut self,
        from: Option<ArrayView2<T>>,
        count: usize,
        random: &mut Random,
    ) -> Result<Array2<T>> {
        let (frame, kernel, control) = (&self.frame, self.kernel, self.control);
        let mut drawn: Vec<Drawn<T>> = Vec::new();
        self.blocks.each(&mut |x, weights| {
            let distances = match from {
                Some(from) => {
                    part(x, weights, from, frame, kernel, control, |pass| {
                        pass.distances(from)
                    })?
                    .more
                }
                None => vec![1.0; x.nrows()],
            };
            for (i, distance) in distances.into_iter().enumerate() {
                let weight = weights.map_or(1.0, |w| w[i].wide());
                // The order is that of a key divided by the weight and the distance, whose
                // product may be no `f64`. Rows without weight come last.
                let key = (-(1.0 - random.unit()).ln()).ln() - distance.ln() - weight.ln();
                let last = drawn.last().map_or(f64::INFINITY, |last| last.key);
                let is_any = distance > 0.0 && (weight > 0.0 || from.is_none());
                if is_any && (drawn.len() < count || key < last) {
                    let at = drawn.partition_point(|other| other.key <= key);
                    drawn.insert(
                        at,
                        Drawn {
                            key,
                            row: x.row(i).to_vec(),
                        },
                    );
                    drawn.truncate(count);
                }
            }
            Ok(())
        })?;
        let mut rows = Array2::default((drawn.len(), frame.columns()));
        for (mut row, drawn) in rows.outer_iter_mut().zip(drawn) {
            row.assign(&Array1::from(drawn.row));
        }
        Ok(rows)
    }
}
