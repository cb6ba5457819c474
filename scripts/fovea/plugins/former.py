"""Modules that plug-ins import from, by the names that these had in an earlier layout."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType

_FORMER_NAMES = {
    "fovea.analysis": "fovea.fits",
    "fovea.analysis.models": "fovea.fits.models.declarations",
    "fovea.linkers": "fovea.tracking.linker",
    "fovea.linking": "fovea.tracking.links",
}


class _FormerModule(ModuleType):
    """Stand-in of a module under its former name; looks names up in the new one when asked."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(import_module(_FORMER_NAMES[self.__name__]), name)


def add_former_names() -> None:
    """Let modules be imported by their former names, too."""
    for name in _FORMER_NAMES:
        sys.modules.setdefault(name, _FormerModule(name))
