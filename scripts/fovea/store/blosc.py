"""The compressor, without what numcodecs imports beside it."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types


def _alone():
    """Import ``numcodecs.blosc`` only: the other codecs and the search for more take 0.06 s.

    Whoever imports numcodecs afterwards gets all of it.
    """
    if "numcodecs" in sys.modules:
        return importlib.import_module("numcodecs.blosc")
    package = types.ModuleType("numcodecs")
    package.__path__ = importlib.util.find_spec("numcodecs").submodule_search_locations
    sys.modules["numcodecs"] = package
    try:
        return importlib.import_module("numcodecs.blosc")
    finally:
        del sys.modules["numcodecs"]


_blosc = _alone()
# One thread per chunk: with several, its bytes depend on which thread is first.
_blosc.use_threads = False

compress, decompress = _blosc.compress, _blosc.decompress
NOSHUFFLE, SHUFFLE, BITSHUFFLE = _blosc.NOSHUFFLE, _blosc.SHUFFLE, _blosc.BITSHUFFLE
