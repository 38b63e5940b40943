//! Libraries with threads of their own that no limit reaches: they have no
//! function in C that sets their number, or one that may not be called at any time.

/// A library whose threads poolkeeper can't limit.
pub(crate) struct Unlimited {
    /// Name as its makers write it.
    pub(crate) name: &'static str,
    /// What its files' paths contain.
    files: &'static [&'static str],
    /// Whether it is often loaded by others, and told of only once several
    /// threads of it run.
    pub(crate) is_quiet: bool,
    /// Whether it has threads from its loading on that are none of its pool's.
    pub(crate) has_other_threads: bool,
    /// Whether a forked child that uses it is known to wait for ever, once the parent has.
    pub(crate) waits_after_fork: bool,
    /// How to give it a number, with `{n}` for it.
    pub(crate) call: &'static str,
}

/// Every known one.
pub(crate) static UNLIMITED: &[Unlimited] = &[
    Unlimited {
        name: "DuckDB",
        files: &["/_duckdb.", "/duckdb.cpython", "/libduckdb."],
        is_quiet: false,
        has_other_threads: false,
        waits_after_fork: false,
        call: "connection.execute(\"SET threads TO {n}\")",
    },
    Unlimited {
        name: "Polars",
        files: &["/_polars_runtime.", "/polars.abi3"],
        is_quiet: false,
        has_other_threads: true,
        waits_after_fork: true,
        call: "os.environ[\"POLARS_MAX_THREADS\"] = \"{n}\" before it is imported",
    },
    Unlimited {
        name: "ONNX Runtime",
        files: &["/onnxruntime_pybind11_state.", "/libonnxruntime.so"],
        is_quiet: false,
        has_other_threads: false,
        waits_after_fork: false,
        call: "options = onnxruntime.SessionOptions(); options.intra_op_num_threads = {n}, for each session",
    },
    Unlimited {
        name: "JAX",
        files: &[
            "/libjax_common.so",
            "/jaxlib/xla_extension.",
            "/jaxlib/_jax.",
        ],
        is_quiet: false,
        has_other_threads: false,
        waits_after_fork: true,
        call: "os.environ[\"NPROC\"] = \"{n}\" before its first use",
    },
    Unlimited {
        name: "TensorFlow",
        files: &["/libtensorflow_framework.so", "/libtensorflow.so"],
        is_quiet: false,
        has_other_threads: false,
        waits_after_fork: false,
        call: "tf.config.threading.set_intra_op_parallelism_threads({n}) and \
               tf.config.threading.set_inter_op_parallelism_threads(1), before its first operation",
    },
    Unlimited {
        name: "OpenCV",
        files: &["/cv2.abi3", "/cv2.cpython", "/libopencv_core."],
        is_quiet: false,
        has_other_threads: false,
        waits_after_fork: false,
        call: "cv2.setNumThreads({n})",
    },
    Unlimited {
        name: "NumExpr",
        files: &["/numexpr/interpreter."],
        is_quiet: true,
        has_other_threads: false,
        waits_after_fork: false,
        call: "numexpr.set_num_threads({n}), while nothing is evaluated",
    },
    Unlimited {
        name: "numba (workqueue layer)",
        files: &["/ufunc/workqueue."],
        is_quiet: false,
        has_other_threads: false,
        waits_after_fork: false,
        call: "numba.set_num_threads({n}), in each thread",
    },
    Unlimited {
        name: "scipy.fft",
        files: &["/_pocketfft/pypocketfft.", "/_duccfft/"],
        is_quiet: true,
        has_other_threads: false,
        waits_after_fork: false,
        call: "with scipy.fft.set_workers({n}): ..., or workers={n} in the call",
    },
];

impl Unlimited {
    /// Whether a loaded file is this library's.
    pub(crate) fn is_in(&self, path: &str) -> bool {
        self.files.iter().any(|part| path.contains(part))
    }
}
