//! TensorFlow on CPUs: its pools for one operation and for operations side by side.

use super::behaviour::{AfterFork, Behaviour};
use super::card::{Card, Counts, counted};
use super::own_number::OwnNumber;
use crate::model::Level;
use crate::platform::SymbolName;

pub(super) static TENSORFLOW: OwnNumber =
    OwnNumber::told_by(&CARD, &[SymbolName::new("TF_AllocateOutput")]);

static CARD: Card = Card {
    id: "tensorflow",
    name: "TensorFlow",
    level: Level::Other,
    internal_api: "tensorflow",
    file_prefixes: &["libtensorflow_framework", "libtensorflow.so"],
    symbols: &["TF_AllocateOutput"],
    reach: "none: its size is fixed at its first operation",
    environment: &[
        counted(
            "TF_NUM_INTRAOP_THREADS",
            Counts::Openmp,
            "threads of one operation",
        ),
        counted(
            "TF_NUM_INTEROP_THREADS",
            Counts::One,
            "operations that run at the same time",
        ),
    ],
    quirks: &[
        "Its threads start with the first operation, and stay.",
        "A forked child that uses it waits for ever once the parent has.",
    ],
    sources: &["TensorFlow API, tf.config.threading"],
    call: Some(
        "tf.config.threading.set_intra_op_parallelism_threads({n}) and \
         tf.config.threading.set_inter_op_parallelism_threads(1), before its first operation",
    ),
    behaviour: Behaviour {
        after_fork: AfterFork::WaitsForEver,
        ..Behaviour::USUAL
    },
};
