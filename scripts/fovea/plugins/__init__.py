"""Plug-ins: features, models, methods and preprocessing from users' own files.

Plug-ins import from here alone: the decorators, and the classes that they build on. The registries
of all that the config can name are in `fovea.plugins.registry`. Imported by all but `kernels`.
"""

from importlib import import_module

import lazy_loader

# Lazy, because every job reads the registries and only plug-ins need the rest.
_of_loader, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "loader": [
            "Context", "digests", "environment", "feature", "keep_only", "load_plugins", "model",
            "needs", "preprocessing", "properties", "segmentation", "tracking", "with_parameters",
        ],
        "shared": ["device_name", "made_once", "own_gpu", "package", "torch_device"],
    },
)  # fmt: skip

# By name, because plug-ins lie below the stages and must not import them.
_OF_STAGES = {
    "FoveaError": "fovea.errors",
    "Model": "fovea.fits.models.declarations",
    "Parameter": "fovea.fits.models.declarations",
    "Linker": "fovea.tracking.linker",
    "Links": "fovea.tracking.links",
    "Stack": "fovea.store.reader",
    "linked": "fovea.tracking.edges",
}
__all__ += list(_OF_STAGES)


def __getattr__(name: str) -> object:
    if name in _OF_STAGES:
        return getattr(import_module(_OF_STAGES[name]), name)
    return _of_loader(name)
