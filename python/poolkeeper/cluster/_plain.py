"""What scikit-learn's base classes do for an estimator, where it is not installed."""

from __future__ import annotations

import difflib
import inspect
from typing import Any

import numpy as np
import numpy.typing as npt


class NotFittedError(ValueError, AttributeError):
    """An estimator was used before it was fitted."""


class ConvergenceWarning(UserWarning):
    """A fit ended, and its result may not be as expected."""


class Estimator:
    """Parameters by name, as ``sklearn.base.BaseEstimator`` has them."""

    _n_features_out: int

    @classmethod
    def _names(cls) -> list[str]:
        return list(inspect.signature(cls).parameters)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name; ``deep`` changes nothing here."""
        return {name: getattr(self, name) for name in self._names()}

    def set_params(self, **params: Any) -> Any:
        """Set parameters by name and return the estimator.

        Raises
        ------
        ValueError
            If there is no parameter of a name; none is set then.
        """
        names = self._names()
        for name in params:
            if name not in names:
                near = difflib.get_close_matches(name, names, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else f"; it has {', '.join(names)}"
                raise ValueError(f"{type(self).__name__} has no parameter {name!r}{hint}")
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[Any]:
        """Return the names of the columns of ``transform``: ``kmeans0``, ``kmeans1``, ..."""
        name = type(self).__name__.lower()
        return np.asarray([f"{name}{i}" for i in range(self._n_features_out)], dtype=object)

    def __repr__(self) -> str:
        defaults = inspect.signature(type(self)).parameters
        changed = (
            f"{name}={value!r}"
            for name, value in self.get_params().items()
            if value is not defaults[name].default
        )
        return f"{type(self).__name__}({', '.join(changed)})"
