//! FlexiBLAS, which passes every call on to one of several BLAS libraries.

use super::behaviour::Behaviour;
use super::card::{Card, variable};
use super::control::{Bound, Control, Facts, Runtime};
use crate::model::{Backends, Level, Reach};
use crate::native::{
    FillTextSized, GetInt, ListText, Object, SetInt, SwapInt, TakeText, ThreeInts,
};
use crate::platform::{SymbolName, SymbolTable};
use crate::{Error, Result};
use libc::c_int;
use std::ffi::CString;

pub(super) struct FlexiBlas;

static CARD: Card = Card {
    id: "flexiblas",
    name: "FlexiBLAS",
    level: Level::Blas,
    internal_api: "flexiblas",
    file_prefixes: &["libflexiblas"],
    symbols: &[
        "flexiblas_get_num_threads",
        "flexiblas_set_num_threads",
        "flexiblas_current_backend",
    ],
    reach: "process: it passes the number on to its current backend, which is a pool of its own",
    environment: &[
        variable(
            "FLEXIBLAS",
            "the backend to start with; read when the library is loaded",
        ),
        variable(
            "FLEXIBLAS_NUM_THREADS",
            "threads of the backend; read when the library is loaded",
        ),
    ],
    quirks: &[
        "The number of threads is its backend's: switching the backend can change it.",
        "A backend stays loaded after a switch to another one, and stays in the list of pools.",
    ],
    sources: &["FlexiBLAS src/flexiblas_api.h and its manual page flexiblas-api(3)"],
    call: None,
    behaviour: Behaviour::USUAL,
};

const GET: SymbolName = SymbolName::new("flexiblas_get_num_threads");
const SET: SymbolName = SymbolName::new("flexiblas_set_num_threads");
const CURRENT: SymbolName = SymbolName::new("flexiblas_current_backend");
const VERSION: SymbolName = SymbolName::new("flexiblas_get_version");
const LIST: SymbolName = SymbolName::new("flexiblas_list");
const LOADED: SymbolName = SymbolName::new("flexiblas_list_loaded");
const LOAD: SymbolName = SymbolName::new("flexiblas_load_backend");
const LOAD_FILE: SymbolName = SymbolName::new("flexiblas_load_backend_library");
const SWITCH: SymbolName = SymbolName::new("flexiblas_switch");

/// Listed by FlexiBLAS among its backends, and none.
const FALLBACK: &str = "__FALLBACK__";

impl Runtime for FlexiBlas {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn recognises(&self, symbols: &SymbolTable<'_>) -> bool {
        [&GET, &SET, &CURRENT]
            .into_iter()
            .all(|name| symbols.has_function(name))
    }

    fn bind(&self, object: &Object) -> Option<Bound> {
        // SAFETY: FlexiBLAS flexiblas_api.h: `int flexiblas_get_num_threads(void)`,
        // `void flexiblas_set_num_threads(int)`, `void flexiblas_get_version(int
        // *, int *, int *)`, `int flexiblas_current_backend(char *, size_t)`,
        // `ssize_t flexiblas_list(char *, size_t, ssize_t)` and `_list_loaded` likewise,
        // `int flexiblas_load_backend(const char *)` and `_library` likewise,
        // `int flexiblas_switch(int)`.
        let (control, version) = unsafe {
            let control = Loaded {
                get: object.function(&GET)?,
                set: object.function(&SET)?,
                current: object.function(&CURRENT)?,
                list: object.function(&LIST)?,
                loaded: object.function(&LOADED)?,
                load: object.function(&LOAD)?,
                load_file: object.function(&LOAD_FILE)?,
                switch: object.function(&SWITCH)?,
            };
            (
                control,
                object.function::<ThreeInts>(&VERSION).map(ThreeInts::call),
            )
        };
        let mut facts = Facts::new(Reach::Process);
        facts.passes_on = true;
        facts.version = version.map(|[major, minor, patch]| format!("{major}.{minor}.{patch}"));
        Some(Bound {
            control: Box::new(control),
            facts,
        })
    }
}

struct Loaded {
    get: GetInt,
    set: SetInt,
    current: FillTextSized,
    list: ListText,
    loaded: ListText,
    load: TakeText,
    load_file: TakeText,
    switch: SwapInt,
}

impl Loaded {
    /// Loads `backend`, by its configured name or as a file.
    fn load(&self, backend: &str) -> Result<()> {
        let known = names(self.list).iter().any(|name| name == backend);
        let (function, load) = if known {
            ("flexiblas_load_backend", self.load)
        } else {
            ("flexiblas_load_backend_library", self.load_file)
        };
        let loaded = CString::new(backend).is_ok_and(|text| load.call(&text) != -1);
        if loaded {
            Ok(())
        } else {
            Err(self.refused(function, backend))
        }
    }

    fn refused(&self, function: &'static str, backend: &str) -> Error {
        Error::Backend {
            function,
            backend: backend.to_owned(),
            available: names(self.list),
        }
    }
}

impl Control for Loaded {
    fn threads(&self) -> c_int {
        // A backend like BLIS says -1 for "unset", which means 1.
        match self.get.call() {
            -1 => 1,
            threads => threads,
        }
    }

    fn set_threads(&self, threads: c_int) {
        self.set.call(threads);
    }

    fn backend(&self) -> Option<String> {
        self.current.call()
    }

    fn backends(&self) -> Option<Backends> {
        Some(Backends {
            available: names(self.list),
            loaded: names(self.loaded),
            current: self.current.call(),
        })
    }

    fn switch_backend(&self, backend: &str) -> Result<()> {
        if backend == FALLBACK {
            return Err(self.refused("flexiblas_switch", backend));
        }
        if index(self.loaded, backend).is_none() {
            self.load(backend)?;
        }
        match index(self.loaded, backend) {
            Some(index) if self.switch.call(index) != -1 => Ok(()),
            _ => Err(self.refused("flexiblas_switch", backend)),
        }
    }
}

fn names(list: ListText) -> Vec<String> {
    (0..list.count())
        .filter_map(|i| list.entry(i))
        .filter(|name| name != FALLBACK)
        .collect()
}

/// FlexiBLAS's own number for a loaded backend, the fallback counted.
fn index(list: ListText, backend: &str) -> Option<c_int> {
    let found = (0..list.count()).find(|i| list.entry(*i).as_deref() == Some(backend))?;
    c_int::try_from(found).ok()
}
