"""threadpoolctl's interface, unchanged, on poolkeeper.

Everything that ``threadpoolctl`` 3.8 offers, under the same names:

>>> from poolkeeper.threadpoolctl import threadpool_info, threadpool_limits
>>> with threadpool_limits(limits=1, user_api="blas"):
...     blas = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
>>> set(blas) <= {1}
True

:func:`install` makes ``import threadpoolctl`` mean this module.

On a system where poolkeeper sees no pools, these names are threadpoolctl's own,
if it is installed; else no library is listed and no limit has an effect.
"""

# Programs import more names from here than the public ones of __all__.
# ruff: noqa: F401

from . import _elsewhere
from ._controller import INCOMPATIBLE_OPENMP as _INCOMPATIBLE_OPENMP_MESSAGE
from ._controller import (
    ThreadpoolController,
    get_cached_controller,
    reset_cached_controller,
    threadpool_info,
)
from ._files import CDLL_CACHE as _CDLL_CACHE
from ._files import realpath as _realpath
from ._install import install as install
from ._libraries import (
    BLISController,
    FlexiBLASController,
    LibController,
    MKLController,
    OpenBLASController,
    OpenMPController,
)
from ._limits import ThreadpoolLimiter as _ThreadpoolLimiter
from ._limits import ThreadpoolLimiterDecorator as _ThreadpoolLimiterDecorator
from ._limits import check_limiter_params as _check_limiter_params
from ._limits import threadpool_limits
from ._registered import (
    ALL_BLAS_LIBRARIES as _ALL_BLAS_LIBRARIES,
)
from ._registered import (
    ALL_CONTROLLERS as _ALL_CONTROLLERS,
)
from ._registered import (
    ALL_INTERNAL_APIS as _ALL_INTERNAL_APIS,
)
from ._registered import (
    ALL_OPENMP_LIBRARIES as _ALL_OPENMP_LIBRARIES,
)
from ._registered import (
    ALL_PREFIXES as _ALL_PREFIXES,
)
from ._registered import (
    ALL_USER_APIS as _ALL_USER_APIS,
)
from ._registered import (
    register,
)
from ._scope_of_limit import observe as _determine_thread_limit_scope

#: The version of threadpoolctl whose interface this is.
__version__ = "3.8.0"

__all__ = [
    "LibController",
    "ThreadpoolController",
    "get_cached_controller",
    "register",
    "reset_cached_controller",
    "threadpool_info",
    "threadpool_limits",
]

_elsewhere.hand_over(globals())


def _main() -> None:
    """Run the command line of ``python -m threadpoolctl``."""
    import sys

    from ._command import info

    sys.exit(info(sys.argv[1:]))
