"""The base classes of the estimators: scikit-learn's, or ours where it is not installed."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

if TYPE_CHECKING:
    from ._plain import Estimator as Estimator
else:
    try:
        from sklearn.base import (
            BaseEstimator,
            ClassNamePrefixFeaturesOutMixin,
            ClusterMixin,
            TransformerMixin,
        )
    except ImportError:
        from ._plain import Estimator
    else:

        class Estimator(
            ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClusterMixin, BaseEstimator
        ):
            """The base classes of scikit-learn's own k-means."""

            def __sklearn_tags__(self):
                tags = super().__sklearn_tags__()
                tags.input_tags.sparse = True
                tags.transformer_tags.preserves_dtype = ["float64", "float32"]
                return tags


def _not_fitted() -> type[Exception]:
    try:
        from sklearn.exceptions import NotFittedError
    except ImportError:
        from ._plain import NotFittedError
    return NotFittedError  # type: ignore[no-any-return,unused-ignore]


def check_is_fitted(estimator: Any) -> None:
    """Raise scikit-learn's ``NotFittedError``, or ours, unless there are centers."""
    if not hasattr(estimator, "cluster_centers_"):
        raise _not_fitted()(
            f"This {type(estimator).__name__} instance is not fitted yet. "
            "Call 'fit' with appropriate arguments before using this estimator."
        )


Method = TypeVar("Method", bound=Callable[..., Any])


def all_or_nothing(method: Method) -> Method:
    """Make a method that fails, or is interrupted, leave every attribute as it was."""

    @wraps(method)
    def wrapped(self: Any, *arguments: Any, **named: Any) -> Any:
        before = dict(vars(self))
        own = before.get("_random_state")
        if own is not None and own is not before["random_state"] and own is not np.random:
            # Drawing from it changes it where it is.
            before["_random_state"] = deepcopy(own)
        try:
            return method(self, *arguments, **named)
        except BaseException:
            self.__dict__ = before
            raise

    return cast(Method, wrapped)


def convergence_warning() -> type[Warning]:
    """scikit-learn's ``ConvergenceWarning``, or ours."""
    try:
        from sklearn.exceptions import ConvergenceWarning
    except ImportError:
        from ._plain import ConvergenceWarning
    return ConvergenceWarning  # type: ignore[no-any-return,unused-ignore]
