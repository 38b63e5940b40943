"""The known controllers, those of users included."""

from __future__ import annotations

from typing import Any

from ._libraries import NATIVE_CONTROLLERS, LibController, OpenMPController

ALL_CONTROLLERS: list[type[LibController]] = list(NATIVE_CONTROLLERS)
ALL_USER_APIS: list[str] = sorted({controller.user_api for controller in ALL_CONTROLLERS})
ALL_INTERNAL_APIS: list[str] = [controller.internal_api for controller in ALL_CONTROLLERS]
ALL_PREFIXES: list[str] = sorted(
    {prefix for controller in ALL_CONTROLLERS for prefix in controller.filename_prefixes}
)
ALL_BLAS_LIBRARIES: list[str] = [
    controller.internal_api for controller in ALL_CONTROLLERS if controller.user_api == "blas"
]
ALL_OPENMP_LIBRARIES: tuple[str, ...] = OpenMPController.filename_prefixes


def register(controller: Any) -> None:
    """Make a user's controller class known.

    Libraries that are loaded already are looked at again.

    Parameters
    ----------
    controller : type
        A subclass of :class:`LibController`.
    """
    # Read first: with one that lacks an attribute nothing is registered.
    user_api, internal_api = controller.user_api, controller.internal_api
    prefixes = tuple(controller.filename_prefixes)
    ALL_CONTROLLERS.append(controller)
    ALL_USER_APIS.append(user_api)
    ALL_INTERNAL_APIS.append(internal_api)
    ALL_PREFIXES.extend(prefixes)


def users_controllers() -> list[type[LibController]]:
    """Return the controller classes that are not built in."""
    if len(ALL_CONTROLLERS) == len(NATIVE_CONTROLLERS):
        return []
    return [controller for controller in ALL_CONTROLLERS if controller not in NATIVE_CONTROLLERS]
