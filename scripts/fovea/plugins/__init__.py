"""Plug-ins: features, models, methods and preprocessing from users' own files.

What plug-ins import stands here: the decorators, and what they are used with. The registries of
everything that the config can name are in `fovea.plugins.registry`. Imported by all but `kernels`.
"""

import lazy_loader

# Lazy, for the registries are read in every job, and the rest is needed by plug-ins only.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "loader": [
            "Context", "digests", "environment", "feature", "keep_only", "load_plugins", "model",
            "preprocessing", "segmentation", "tracking", "with_parameters",
        ],
    },
)  # fmt: skip
