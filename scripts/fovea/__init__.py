"""Fovea's library: functions on arrays and tables, used by the rules' scripts and by people's own.

The steps for arrays are offered here, see docs/python.md. They are imported when they are first
used, because every job of the workflow imports this module.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "errors": ["FoveaError"],
        "recordings.readers": ["open_recording"],
        "inspection.arrays": ["estimate_background", "fit", "segment", "track"],
        "inspection.measure": ["measure"],
    },
)
