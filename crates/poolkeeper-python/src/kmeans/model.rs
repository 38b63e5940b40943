//! The centers of `MiniBatchKMeans`, of either number type.

use poolkeeper_kmeans::MiniBatch;

/// Centers of either number type.
pub(super) enum Model {
    F32(MiniBatch<f32>),
    F64(MiniBatch<f64>),
}

impl Model {
    pub(super) fn counts(&self) -> &[f64] {
        match self {
            Model::F32(model) => &model.counts,
            Model::F64(model) => &model.counts,
        }
    }
}
