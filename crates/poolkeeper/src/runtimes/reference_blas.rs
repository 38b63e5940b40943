//! Netlib's reference BLAS: a BLAS without threads, so that nothing is to limit.

use super::behaviour::{Begins, Behaviour, Layer};
use super::card::Card;
use super::control::{Bound, Control, Facts, Fixed, Runtime};
use crate::model::{Level, Reach};
use crate::native::Object;
use crate::platform::{SymbolName, SymbolTable};
use libc::c_int;

pub(super) struct ReferenceBlas;

static CARD: Card = Card {
    id: "netlib-blas",
    name: "reference BLAS (Netlib)",
    level: Level::Blas,
    internal_api: "netlib-blas",
    file_prefixes: &["libblas", "librblas"],
    symbols: &["dgemm_", "dcabs1_", "not those of another BLAS"],
    reach: "none: a BLAS without threads",
    environment: &[],
    quirks: &[
        "It runs on the calling thread alone, many times slower than OpenBLAS, MKL or BLIS.",
        "Debian's libblas3 is one; R brings another, libRblas.",
    ],
    sources: &["https://www.netlib.org/blas/"],
    call: None,
    behaviour: Behaviour {
        begins: Begins::Fixed,
        layers: &[(DISABLED, Layer::WithoutThreads)],
        ..Behaviour::USUAL
    },
};

/// Its only threading layer.
const DISABLED: &str = "disabled";

const MULTIPLIES: SymbolName = SymbolName::new("dgemm_");
/// An auxiliary function of Netlib's own code, and of those that contain it.
const HELPER: SymbolName = SymbolName::new("dcabs1_");

/// What MKL's and BLIS's interfaces have as well, which no other runtime is told by.
const OTHERS: [SymbolName; 3] = [
    SymbolName::new("dgemm_batch_"),
    SymbolName::new("mkl_get_max_threads"),
    SymbolName::new("bli_init"),
];

struct OneThread;

impl Control for OneThread {
    fn threads(&self) -> c_int {
        1
    }

    fn set_threads(&self, _threads: c_int) {}
}

impl Runtime for ReferenceBlas {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn recognises(&self, symbols: &SymbolTable<'_>) -> bool {
        symbols.has_function(&MULTIPLIES)
            && symbols.has_function(&HELPER)
            && !OTHERS.iter().any(|other| symbols.has_function(other))
    }

    /// OpenBLAS and others contain Netlib's code.
    fn yields(&self) -> bool {
        true
    }

    fn bind(&self, _object: &Object) -> Option<Bound> {
        let mut facts = Facts::new(Reach::None);
        facts.fixed = Some(Fixed::Because("it is a BLAS without threads"));
        facts.threading_layer = Some(DISABLED.to_owned());
        Some(Bound {
            control: Box::new(OneThread),
            facts,
        })
    }
}
