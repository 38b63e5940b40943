//! ONNX Runtime: the threads of each session.

use super::behaviour::Behaviour;
use super::card::{Card, Counts, counted};
use super::own_number::OwnNumber;
use crate::model::Level;
use crate::platform::SymbolName;

pub(super) static ONNX_RUNTIME: OwnNumber = OwnNumber::told_by(
    &CARD,
    &[
        SymbolName::new("OrtGetApiBase"),
        SymbolName::new("PyInit_onnxruntime_pybind11_state"),
    ],
);

static CARD: Card = Card {
    id: "onnxruntime",
    name: "ONNX Runtime",
    level: Level::Other,
    internal_api: "onnxruntime",
    file_prefixes: &["onnxruntime_pybind11_state", "libonnxruntime.so"],
    symbols: &["OrtGetApiBase", "or PyInit_onnxruntime_pybind11_state"],
    reach: "none: each session takes its number when it is made",
    environment: &[counted(
        "ORT_INTRA_OP_NUM_THREADS",
        Counts::Cores,
        "threads of one operation, where the session's options don't say; read when a session is made (1.32)",
    )],
    quirks: &[
        "Versions that don't have the variable need `SessionOptions.intra_op_num_threads`.",
        "A session that is not told its number binds its threads to CPUs.",
    ],
    sources: &["ONNX Runtime, \"Thread management\""],
    call: Some(
        "options = onnxruntime.SessionOptions(); options.intra_op_num_threads = {n}, for each session",
    ),
    behaviour: Behaviour::USUAL,
};
