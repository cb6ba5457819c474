"""numba's cache on disk, which may be damaged, full or unreadable without harm to any job.

numba unpickles what it finds and runs it, and any fault of a file ends the program. Here each file
begins with its checksum. What cannot be read is compiled anew, and what cannot be written stays in
memory; the log says so once.
"""

from __future__ import annotations

import hashlib
import logging
import os
import pickle
from collections.abc import Callable
from typing import Any, BinaryIO

from numba.core.caching import (
    CompileResultCacheImpl,
    FunctionCache,
    IndexDataCacheFile,
    UserProvidedCacheLocator,
)

from fovea.kernels.cache_folder import sources

_DIGEST = 32  # bytes of SHA-256
_LOG = logging.getLogger("fovea")
_told: list[str] = []


def attach(dispatcher: Any) -> None:
    """Let a function that numba compiles use the cache, if there is one."""
    if not os.environ.get("NUMBA_CACHE_DIR"):
        return
    try:
        dispatcher._cache = _Cache(dispatcher.py_func)
    except (OSError, RuntimeError) as error:  # numba has its own words for a folder it cannot use
        _tell(error)


class _Locator(UserProvidedCacheLocator):
    """One folder for each version of all kernels, which any number of clones share.

    numba has one for each folder in which the sources lie.
    """

    @classmethod
    def get_suitable_cache_subpath(cls, py_file: str) -> str:
        return f"kernels_{sources()}"

    def ensure_cache_path(self) -> None:
        """Make the folder. It may be read-only, as in an image, where all kernels are in it."""
        os.makedirs(self.get_cache_path(), exist_ok=True)


class _Compiled(CompileResultCacheImpl):
    _locator_classes = (_Locator,)


class _Cache(FunctionCache):
    """The cache of one function."""

    _impl_class = _Compiled

    def __init__(self, function: Callable):
        super().__init__(function)
        stamp = self._impl.locator.get_source_stamp()
        self._cache_file = _Files(self._cache_path, self._impl.filename_base, stamp)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(sig, target_context)
        except Exception as error:  # whatever it is, the kernel can be compiled
            _tell(error)
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        try:
            super().save_overload(sig, data)
        except Exception as error:
            _tell(error)


class _Files(IndexDataCacheFile):
    """Index and data of one function, each behind its checksum."""

    def _load_index(self) -> dict:
        try:
            version, stamp, overloads = pickle.loads(_read(self._index_path))
        except FileNotFoundError:
            return {}
        except Exception as error:
            _tell(error)
            return {}
        return overloads if (version, stamp) == (self._version, self._source_stamp) else {}

    def _save_index(self, overloads: dict) -> None:
        with self._open_for_write(self._index_path) as file:
            _write(file, self._dump((self._version, self._source_stamp, overloads)))

    def _load_data(self, name: str) -> Any:
        return pickle.loads(_read(self._data_path(name)))

    def _save_data(self, name: str, data: Any) -> None:
        with self._open_for_write(self._data_path(name)) as file:
            _write(file, self._dump(data))


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        digest, data = file.read(_DIGEST), file.read()
    if hashlib.sha256(data).digest() != digest:
        raise ValueError(f"{path} is damaged")
    return data


def _write(file: BinaryIO, data: bytes) -> None:
    file.write(hashlib.sha256(data).digest())
    file.write(data)


def _tell(error: Exception) -> None:
    if not _told:
        _told.append(f"the cache of kernels cannot be used, so they are compiled anew: {error}")
        _LOG.info(_told[0])


def told() -> list[str]:
    """Return what was wrong with the cache in this process; nothing where all is well."""
    return list(_told)
